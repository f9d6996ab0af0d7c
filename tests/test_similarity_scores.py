"""Scores by measures of whole recordings: matched by label, view by view, with honest errors."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

import neuroalign as na
from neuroalign.errors import DataError, NeuroalignError
from neuroalign.numerics.undefined import CONSTANT_PREDICTION, CONSTANT_RESPONSE, REASONS
from neuroalign.splits import equal_parts

N = 30
LABELS = [f"s{number:02}" for number in range(N)]


@pytest.fixture
def units(rng):
    return pd.DataFrame(rng.normal(size=(N, 12)), index=LABELS)


def responses_to(units, rng, n_neuroids=8, noise=0.5, repetitions=3):
    signal = units.to_numpy() @ rng.normal(size=(units.shape[1], n_neuroids))
    shape = (N, repetitions, n_neuroids)
    return signal[:, None] + noise * rng.normal(size=shape)


def dataset_of(units, rng, subjects=("ann", "bob", "cid"), **options):
    people = {name: responses_to(units, rng, **options) for name in subjects}
    return na.make_dataset(people, pd.DataFrame({"text": LABELS}, index=LABELS))


def score(model, dataset, measure=None, **options):
    return na.score(model, dataset, measure or na.rsa.RSA(), progress=False, **options)


def spearman_of(first, second):
    rows = [pdist(values, "correlation") for values in (first, second)]
    return spearmanr(*rows).statistic


def test_rsa_is_the_correlation_of_dissimilarities(units, rng):
    dataset = dataset_of(units, rng)
    scores = score({"layer": units}, dataset)
    assert scores.similarity.dims == ("layer", "view")
    assert scores.view.values.tolist() == ["ann", "bob", "cid"]
    for name in dataset.subjects:
        average = dataset.recordings[name].mean("repetition").values
        expected = spearman_of(units.to_numpy(), average)
        assert scores.similarity.sel(view=name).item() == pytest.approx(expected, abs=1e-12)


def test_stimuli_are_matched_by_label_whatever_their_order(units, rng):
    dataset = dataset_of(units, rng)
    there = score({"layer": units}, dataset)
    back = score({"layer": units.iloc[::-1]}, dataset)
    np.testing.assert_allclose(there.similarity, back.similarity, atol=1e-12)
    np.testing.assert_allclose(there.without, back.without, atol=1e-12)


def test_a_stimulus_without_activations_is_named(units, rng):
    with pytest.raises(DataError, match="1 of 30 stimuli have no activations") as error:
        score({"layer": units.iloc[1:]}, dataset_of(units, rng))
    assert "'s00'" in str(error.value)


def test_the_error_is_that_of_a_jackknife_over_blocks_of_stimuli(units, rng):
    dataset = dataset_of(units, rng, subjects=("ann",))
    scores = score({"layer": units}, dataset)
    average = dataset.recordings["ann"].mean("repetition").values
    blocks = equal_parts(np.array(LABELS), 20)
    without = [
        spearman_of(units.to_numpy()[blocks != block], average[blocks != block])
        for block in range(20)
    ]
    np.testing.assert_allclose(scores.without.values.ravel(), without, atol=1e-12)
    weights = 1 - np.bincount(blocks) / N
    away = weights * (without - np.average(without, weights=weights))
    expected = np.sqrt(20 / 19 * (away**2).sum())
    assert scores.error.item() == pytest.approx(expected)
    assert scores.low.item() < scores.similarity.item() < scores.high.item()


def test_whole_groups_are_left_out(units, rng):
    groups = np.repeat(["a", "b", "c", "d", "e"], 6)
    stimuli = pd.DataFrame({"text": LABELS, "group": groups}, index=LABELS)
    dataset = na.make_dataset(responses_to(units, rng), stimuli)
    scores = score({"layer": units}, dataset)
    assert scores.sizes["block"] == 5
    assert (scores.n_stimuli == 6).all()


def test_shuffled_stimuli_read_chance(units, rng):
    dataset = dataset_of(units, rng, subjects=("ann",))
    scores = score({"layer": units}, dataset)
    assert scores.similarity.item() > 0.5
    assert abs(scores.shuffled.item()) < 0.1
    assert "shuffled" not in score({"layer": units}, dataset, guards=())


def test_regions_get_a_view_each(units, rng):
    values = responses_to(units, rng, n_neuroids=8)
    recording = na.make_recording(
        values, ("stimulus", "repetition", "neuroid"), subject="ann", units="z",
        stimulus=LABELS, neuroid=list("abcdefgh"), roi=["V1"] * 3 + ["IT"] * 5,
    )  # fmt: skip
    stimuli = pd.DataFrame({"text": LABELS}, index=LABELS)
    dataset = na.BrainDataset({"ann": recording}, stimuli)
    scores = score({"layer": units}, dataset, by="roi")
    assert scores.view.values.tolist() == ["ann/V1", "ann/IT"]
    assert scores.roi.values.tolist() == ["V1", "IT"]
    assert scores.n_neuroids.values.tolist() == [3, 5]
    expected = spearman_of(units.to_numpy(), values.mean(1)[:, 3:])
    assert scores.similarity[0, 1].item() == pytest.approx(expected, abs=1e-12)
    whole = score({"layer": units}, dataset, roi="IT")
    assert whole.similarity.item() == pytest.approx(expected, abs=1e-12)


def test_times_are_compared_one_by_one(units, rng):
    values = rng.normal(size=(N, 6, 2))
    values[:, :, 1] = units.to_numpy()[:, :6]
    recording = na.make_recording(
        values, ("stimulus", "neuroid", "time"), subject="ann", units="uV",
        stimulus=LABELS, neuroid=list("abcdef"), time=[0.0, 0.1],
        attrs={"time_convention": "bin centers"},
    )  # fmt: skip
    dataset = na.BrainDataset({"ann": recording}, pd.DataFrame({"text": LABELS}, index=LABELS))
    scores = score({"layer": units.iloc[:, :6]}, dataset)
    assert scores.similarity.dims == ("layer", "view", "time")
    assert scores.similarity.values[0, 0, 1] == pytest.approx(1)
    assert scores.similarity.values[0, 0, 0] < 0.3


def test_neuroids_that_miss_a_stimulus_are_left_out_and_named(units, rng):
    values = responses_to(units, rng).mean(1)
    values[3, 2] = np.nan
    dataset = na.make_dataset(values, pd.DataFrame({"text": LABELS}, index=LABELS))
    scores = score({"layer": units}, dataset)
    assert scores.n_neuroids.item() == 7
    assert scores.n_left_out.item() == 1
    assert "1 neuroids lack responses to some stimuli" in scores.attrs["left_out"]
    expected = spearman_of(units.to_numpy(), np.delete(values, 2, axis=1))
    assert scores.similarity.item() == pytest.approx(expected, abs=1e-12)


def test_halves_of_the_repetitions_bound_from_below(units, rng):
    scores = score({"layer": units}, dataset_of(units, rng, noise=3.0, repetitions=8))
    truth = score({"layer": units}, dataset_of(units, rng, noise=3.0, repetitions=1))
    assert (scores.ceiling_halves > 0.2).all()
    assert (scores.ceiling_halves < 1).all()
    assert "ceiling_halves" not in truth


def test_subjects_bound_their_mean_from_both_sides(units, rng):
    scores = score({"layer": units}, dataset_of(units, rng))
    assert (scores.ceiling_lower < scores.ceiling_upper).all()
    assert "ceiling_lower" not in score({"layer": units}, dataset_of(units, rng, subjects=("a",)))


@pytest.mark.parametrize(
    ("side", "reason"), [("layer", CONSTANT_PREDICTION), ("view", CONSTANT_RESPONSE)]
)
def test_what_does_not_vary_is_undefined_and_says_why(units, rng, side, reason):
    values = responses_to(units, rng).mean(1)
    if side == "layer":
        units = units * 0 + 1
    else:
        values = values * 0 + 1
    dataset = na.make_dataset(values, pd.DataFrame({"text": LABELS}, index=LABELS))
    measure = na.rsa.RSA("squared_euclidean")
    scores = score({"layer": units}, dataset, measure)
    assert np.isnan(scores.similarity.item())
    assert np.isnan(scores.error.item())
    assert REASONS[scores.undefined.item()] == REASONS[reason]


def test_crossnobis_is_taken_across_repetitions(units, rng):
    dataset = dataset_of(units, rng, subjects=("ann",), noise=4.0, repetitions=2)
    own = na.rsa.dissimilarities(dataset.recordings["ann"], "crossnobis", whiten=False)
    first, second = np.moveaxis(dataset.recordings["ann"].values, 1, 0)
    gaps = [values[:, None] - values[None] for values in (first, second)]
    expected = (gaps[0] * gaps[1]).mean(-1)
    np.testing.assert_allclose(own.values[0], expected, atol=1e-12)
    measure = na.rsa.RSA("crossnobis", "cosine")
    scores = score({"layer": units}, dataset, measure)
    whitened = na.rsa.dissimilarities(dataset.recordings["ann"], "crossnobis")
    model = pdist(units.to_numpy(), "sqeuclidean")
    brain = squareform(whitened.values[0], checks=False)
    cosine = model @ brain / np.linalg.norm(model) / np.linalg.norm(brain)
    assert scores.similarity.item() == pytest.approx(cosine, abs=1e-10)
    assert scores.n_neuroids.item() == 8


def test_unequal_repetitions_go_to_runs_in_turn(rng):
    labels = ["a", "a", "a", "b", "b", "c", "c", "d", "d"]
    values = rng.normal(size=(9, 3))
    showings = na.make_recording(
        values, ("showing", "neuroid"), subject="m", units="z", stimulus=labels, neuroid=list("xyz")
    )
    found = na.rsa.dissimilarities(showings, "crossnobis", whiten=False)
    one = np.stack([(values[0] + values[2]) / 2, values[3], values[5], values[7]])
    two = np.stack([values[1], values[4], values[6], values[8]])
    expected = ((one[:, None] - one[None]) * (two[:, None] - two[None])).mean(-1)
    np.testing.assert_allclose(found.values[0], expected, atol=1e-12)


def test_dissimilarities_of_a_dataset_and_of_a_model_are_compared_as_they_are(units, rng):
    brain, model = (squareform(pdist(rng.normal(size=(N, 5)))) for _ in range(2))
    recording = na.rsa.make_dissimilarities(
        np.stack([brain, brain * 3]), stimulus=LABELS, dissimilarity="euclidean", subject="ann"
    )
    dataset = na.BrainDataset({"ann": recording}, pd.DataFrame({"text": LABELS}, index=LABELS))
    order = rng.permutation(N)
    given = na.rsa.make_dissimilarities(
        model[np.ix_(order, order)],
        stimulus=np.array(LABELS)[order],
        dissimilarity="euclidean",
    )
    scores = score({"theory": given, "units": units}, dataset)
    rows = [squareform(values, checks=False) for values in (model, brain)]
    assert scores.similarity[0, 0].item() == pytest.approx(spearmanr(*rows).statistic, abs=1e-12)
    with pytest.raises(DataError, match="are no activations of units"):
        na.score({"theory": given}, dataset_of(units, rng), progress=False)


def test_scores_are_saved_and_read_again_with_where_they_come_from(units, rng, tmp_path):
    scores = score({"layer": units}, dataset_of(units, rng))
    na.save_scores(scores, tmp_path / "run")
    assert na.load_scores(tmp_path / "run").identical(scores)
    assert '"responses_sha256"' in scores.attrs["provenance"]


def test_inputs_stay_as_they_were(units, rng):
    dataset = dataset_of(units, rng)
    before = units.to_numpy().copy(), dataset.recordings["ann"].values.copy()
    score({"layer": units}, dataset)
    np.testing.assert_array_equal(before[0], units.to_numpy())
    np.testing.assert_array_equal(before[1], dataset.recordings["ann"].values)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"folds": na.KFold(5)},
            "RSA(dissimilarity='correlation', comparison='spearman') fits nothing to training "
            "stimuli; leave out folds=.",
        ),
        (
            {"by": "session"},
            "No coordinate of recordings is called 'session'. Known: 'neuroid', 'subject'.",
        ),
        (
            {"measure": na.RidgeEncoding(), "by": "roi"},
            "by='roi' splits recordings for measures of whole recordings, but "
            f"{na.RidgeEncoding()!r} scores every neuroid; leave it out, and use "
            "summarize(scores, by=...).",
        ),
        (
            {"measure": na.rsa.RSA},
            "The class RSA is not a metric; use one, as in RidgeEncoding().",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(units, rng, options, sentence):
    with pytest.raises(NeuroalignError) as error:
        score({"layer": units}, dataset_of(units, rng), **options)
    assert str(error.value) == sentence


def test_neuroids_that_all_miss_something_are_refused(units, rng):
    values = responses_to(units, rng).mean(1)
    values[range(8), range(8)] = np.nan
    dataset = na.make_dataset(values, pd.DataFrame({"text": LABELS}, index=LABELS))
    with pytest.raises(DataError, match="lacks responses to some of its 30 stimuli"):
        score({"layer": units}, dataset)


def test_other_measures_compare_patterns(units):
    class Product:
        chance = "0"

        def compare_arrays(self, first, second):
            return float(first.sum() * second.sum())

    dataset = na.make_dataset(
        xr.DataArray(np.eye(N), {"stimulus": LABELS}, ("stimulus", "neuroid")).values,
        pd.DataFrame({"text": LABELS}, index=LABELS),
    )
    scores = score({"layer": units}, dataset, Product())
    assert scores.similarity.item() == pytest.approx(units.to_numpy().sum() * N)


def test_pairs_without_a_dissimilarity_are_counted(units, rng):
    dataset = dataset_of(units, rng, subjects=("ann",))
    flat = units.copy()
    flat.iloc[:2] = 1.0  # constant over units: no correlation with anything
    scores = score({"flat": flat, "whole": units}, dataset)
    assert scores.n_pairs_left_out.values.ravel().tolist() == [28 + 29, 0]
    assert scores.attrs["left_out"] == (
        "Up to 57 pairs of stimuli have no dissimilarity and are left out"
    )
    assert "n_pairs_left_out" not in score({"whole": units}, dataset)
