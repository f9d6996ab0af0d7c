"""Banded ridge through labels: sums, parts of the variance, planted spaces, what is refused."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.metrics.banded import BandedRidgeEncoding
from neuroalign.models.joined import JoinedModel
from neuroalign.results.partition import variance_partition

NAMES = ("vision", "language", "rate")


def refusal(error, sentence):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def make_spaces(n=80, n_units=(12, 70, 1), seed=0):
    rng = np.random.default_rng(seed)
    labels = [f"{k:03}" for k in range(n)]
    return {
        name: xr.DataArray(rng.normal(size=(n, width)), {"stimulus": labels}, ("stimulus", "unit"))
        for name, width in zip(NAMES, n_units, strict=False)
    }


def make_data(spaces, seed=0):
    """Make six neuroids that read out the first space, and noise."""
    rng = np.random.default_rng(seed + 100)
    first = next(iter(spaces.values()))
    responses = first.values[:, :4] @ rng.normal(size=(4, 6)) + rng.normal(size=(len(first), 6))
    return na.make_dataset(responses, pd.DataFrame(index=first.stimulus.values))


def scored(spaces, dataset, **options):
    options = {"n_candidates": 6, "inner_folds": 3, **options}
    model = JoinedModel({name: {"units": values} for name, values in spaces.items()})
    metric = BandedRidgeEncoding(**options)
    return na.score(model, dataset, metric, folds=na.KFold(4), progress=False)


def test_the_split_sums_to_the_joint_variance_exactly():
    spaces = make_spaces()
    scores = scored(spaces, make_data(spaces))
    assert scores.r2_split.dims == ("layer", "fold", "space", "neuroid")
    assert scores.space.values.tolist() == list(NAMES)
    np.testing.assert_allclose(scores.r2_split.sum("space"), scores.r2, atol=1e-10)
    shares = scores.r2_split_train_mean
    np.testing.assert_allclose(shares.sum("space"), scores.r2_train_mean, atol=1e-10)
    np.testing.assert_allclose(scores.space_weight.sum("space"), 1, atol=1e-12)
    edges = scores.alpha.isin([1e-4, 1e4])
    np.testing.assert_array_equal(scores.alpha_at_edge, edges)


def test_kept_predictions_give_the_same_r_and_r2():
    spaces = make_spaces()
    dataset = make_data(spaces)
    scores = scored(spaces, dataset, keep_predictions=True).isel(layer=0)
    recording = na.average_repetitions(dataset.recordings["subject-1"])
    for number, fold in enumerate(na.KFold(4).split(dataset.stimuli, seed=0).folds):
        truth = recording.sel(stimulus=fold.test)
        missed = ((truth - scores.prediction.sel(stimulus=fold.test)) ** 2).sum("stimulus")
        for name, about in (("r2", fold.test), ("r2_train_mean", fold.train)):
            mean = recording.sel(stimulus=about).mean("stimulus")
            expected = 1 - missed / ((truth - mean) ** 2).sum("stimulus")
            np.testing.assert_allclose(scores[name].sel(fold=number), expected, atol=1e-10)


def test_parts_of_the_variance_sum_to_that_of_all_spaces():
    spaces = make_spaces()
    scores = scored(spaces, make_data(spaces), partition=True)
    assert scores.subset.values.tolist() == [
        "vision", "language", "rate", "vision + language", "vision + rate", "language + rate",
        "vision + language + rate",
    ]  # fmt: skip
    np.testing.assert_allclose(scores.r2_subset.isel(subset=-1), scores.r2, atol=1e-10)
    parts = variance_partition(scores).r2_part
    assert parts.dims == ("layer", "fold", "part", "neuroid")
    np.testing.assert_allclose(parts.sum("part"), scores.r2, atol=1e-10)
    unique = scores.r2 - scores.r2_subset.sel(subset="language + rate")
    np.testing.assert_allclose(parts.sel(part="vision"), unique, atol=1e-10)
    assert parts.n_spaces.values.tolist() == [1, 1, 1, 2, 2, 2, 3]


@pytest.mark.parametrize("n_spaces", [2, 3, 4])
def test_parts_are_those_of_which_the_subsets_are_made(n_spaces):
    names = list("abcd")[:n_spaces]
    sizes = range(1, n_spaces + 1)
    subsets = [s for size in sizes for s in itertools.combinations(names, size)]
    planted = dict(zip(subsets, np.random.default_rng(0).normal(size=len(subsets)), strict=True))
    r2 = [sum(v for part, v in planted.items() if set(part) & set(s)) for s in subsets]
    labels = [" + ".join(s) for s in subsets]
    scores = xr.Dataset({"r2_subset": ("subset", r2)}, {"subset": labels, "space": names})
    found = variance_partition(scores).r2_part
    assert found.part.values.tolist() == [" & ".join(s) for s in subsets]
    np.testing.assert_allclose(found, list(planted.values()), atol=1e-12)


def test_scores_without_subsets_are_not_divided():
    with refusal(
        DataError,
        "These scores hold no subsets of spaces; score with BandedRidgeEncoding(partition=True).",
    ):
        variance_partition(xr.Dataset())


def test_scores_are_summarized_saved_and_their_best_layer_chosen(tmp_path):
    spaces = make_spaces(n_units=(12, 20, 1))
    dataset = make_data(spaces)
    several = {"good": spaces["vision"], "bad": spaces["language"]}
    model = JoinedModel({"vision": several, "rate": {"units": spaces["rate"]}})
    metric = BandedRidgeEncoding(n_candidates=4, partition=True)
    scores = na.score(model, dataset, metric, folds=na.KFold(4), progress=False)
    assert scores.layer.values.tolist() == ["good", "bad"]
    table = na.summarize(scores).set_index("layer")
    assert table.loc["good", "r"] > table.loc["bad", "r"] + 0.3
    best = na.best_layer(scores)
    assert (best.chosen_layer == "good").all()
    np.testing.assert_array_equal(best.r2_split[0], scores.r2_split.sel(layer="good"))
    assert variance_partition(best).r2_part.sizes["layer"] == 1
    folder = na.save_scores(scores, tmp_path / "scores")
    assert na.load_scores(folder).identical(scores)


@pytest.mark.parametrize("n_units", [(12, 30, 1), (12, 70, 1)])
def test_order_of_spaces_and_of_rows_changes_nothing(n_units):
    spaces = make_spaces(n_units=n_units)
    dataset = make_data(spaces)
    before = scored(spaces, dataset, partition=True)
    order = np.random.default_rng(0).permutation(80)
    turned = {name: spaces[name][order] for name in ("rate", "language", "vision")}
    recording = dataset.recordings["subject-1"]
    shuffled = na.BrainDataset({"subject-1": recording[order]}, dataset.stimuli)
    after = scored(turned, shuffled, partition=True)
    before = before.sel(space=after.space.values)
    for name in ("r", "r2_split", "space_weight", "alpha"):
        np.testing.assert_allclose(after[name], before[name], atol=1e-8, err_msg=name)
    parts = (
        variance_partition(before.sel(space=list(NAMES)))
        .r2_part.sel(part=["vision", "rate"])
        .values
    )
    turned_parts = variance_partition(after).r2_part.sel(part=["vision", "rate"]).values
    np.testing.assert_allclose(turned_parts, parts, atol=1e-8)


def test_neuroids_that_missed_stimuli_are_scored_on_what_they_saw():
    spaces = make_spaces()
    dataset = make_data(spaces)
    recording = dataset.recordings["subject-1"].copy(deep=True)
    recording[:9, 2] = np.nan
    gaps = scored(spaces, na.BrainDataset({"subject-1": recording}, dataset.stimuli))
    complete = scored(spaces, dataset)
    others = np.delete(np.arange(6), 2)
    np.testing.assert_allclose(
        gaps.r2_split.isel(neuroid=others), complete.r2_split.isel(neuroid=others), atol=1e-10
    )
    assert gaps.n_test.isel(neuroid=2).sum() == 71
    np.testing.assert_allclose(gaps.r2_split.sum("space"), gaps.r2, atol=1e-10)


def test_time_bins_are_scored_like_neuroids_of_their_own():
    spaces = make_spaces(n_units=(12, 20, 1))
    dataset = make_data(spaces)
    recording = na.average_repetitions(dataset.recordings["subject-1"])
    two = xr.concat([recording, recording[::-1].values + recording], "time")
    two = two.transpose("stimulus", "neuroid", "time").assign_coords(time=[0.0, 0.1])
    model = JoinedModel({name: {"units": values} for name, values in spaces.items()})
    ((_, joined),) = model.activations(dataset.stimuli)
    splits = na.KFold(4).split(dataset.stimuli, seed=0)
    metric = BandedRidgeEncoding(n_candidates=4, partition=True)
    scores = metric.evaluate(joined, two, splits)
    assert scores.r2_subset.dims == ("fold", "subset", "neuroid", "time")
    alone = metric.evaluate(joined, two.isel(time=1, drop=True), splits)
    for name in ("r", "space_weight", "r2_subset"):
        np.testing.assert_allclose(scores[name].isel(time=1), alone[name], atol=1e-10)


@pytest.mark.parametrize("n_units", [(12, 30, 1), (12, 70, 1)])
def test_a_fitted_model_predicts_and_says_what_it_chose(n_units):
    spaces = make_spaces(n_units=n_units)
    first = spaces["vision"]
    signal = first.values[:, :4] @ np.random.default_rng(0).normal(size=(4, 6)) + 5
    dataset = na.make_dataset(signal, pd.DataFrame(index=first.stimulus.values))
    model = JoinedModel({name: {"units": values} for name, values in spaces.items()})
    ((_, joined),) = model.activations(dataset.stimuli)
    recording = na.average_repetitions(dataset.recordings["subject-1"])
    fit = BandedRidgeEncoding().fit(joined, recording)
    weights = fit.hyperparameters.space_weight
    assert weights.dims == ("space", "neuroid")
    assert float(weights.sel(space="vision").min()) > 0.99
    np.testing.assert_allclose(fit.predict(joined), signal, atol=0.01)
    assert fit.coefficients.sizes == {"unit": sum(n_units), "neuroid": 6}


def test_float32_changes_r_by_less_than_a_hundredth():
    # Near ties of weights may be decided otherwise, which moves r by more than rounding does.
    spaces = make_spaces()
    dataset = make_data(spaces)
    single = scored(spaces, dataset, dtype="float32")
    double = scored(spaces, dataset)
    np.testing.assert_allclose(single.r, double.r, atol=0.01)


def test_units_without_spaces_are_refused():
    spaces = make_spaces()
    dataset = make_data(spaces)
    with refusal(
        DataError,
        "Layer 'conv' does not say which space its units belong to; join spaces with "
        "JoinedModel, or give the units a coordinate 'space'.",
    ):
        na.score({"conv": spaces["vision"]}, dataset, BandedRidgeEncoding(), progress=False)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (
            {"inner": "leave-one-out"},
            UnknownNameError,
            "No kind of inner folds is called 'leave-one-out'. Known: 'auto', 'contiguous', "
            "'grouped', 'k-fold'.",
        ),
        ({"n_candidates": 0}, DataError, "n_candidates=0 tries nothing; use 1 or more."),
        ({"seed": -1}, DataError, "seed=-1 is not a whole number of 0 or more."),
        ({"inner_folds": 1}, DataError, "inner_folds=1 cannot choose an alpha; use 2 or more."),
        (
            {"alphas": [-1]},
            DataError,
            "alphas=[-1] must be positive, finite numbers, one at least.",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, sentence):
    with refusal(error, sentence):
        BandedRidgeEncoding(**options)


def test_too_many_spaces_are_not_partitioned():
    spaces = make_spaces(n_units=(6, 1, 1))
    joined = spaces["vision"].assign_coords(space=("unit", list("abcdef")))
    dataset = make_data(spaces)
    with refusal(
        DataError,
        "partition=True fits all 63 subsets of 6 spaces, which is too many; join 5 spaces or "
        "fewer.",
    ):
        na.score({"six": joined}, dataset, BandedRidgeEncoding(partition=True), progress=False)
