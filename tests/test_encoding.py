"""Ridge encoding through labels: the oracles once more, gaps, undefined scores, time."""

import re

import numpy as np
import oracles
import pandas as pd
import pytest
import xarray as xr
from sklearn.metrics import r2_score

import neuroalign as na
from neuroalign.folds import ContiguousKFold

ALPHAS = (0.01, 1.0, 100.0)


def average(dataset):
    return na.average_repetitions(dataset.recordings["subject-1"])


def evaluated(layer, recording, n_folds=4, **options):
    splits = na.KFold(n_folds).split(pd.DataFrame(index=recording.stimulus.values), seed=0)
    return na.RidgeEncoding(alphas=ALPHAS, **options).evaluate(layer, recording, splits), splits


def grouped_table(recording):
    """Return stimuli of passages of unequal length, in order."""
    labels = pd.Index(recording.stimulus.values, name="stimulus")
    passage = np.repeat(np.arange(9), [10, 9, 8, 7, 7, 6, 6, 6, 1])
    places = pd.DataFrame({"group": [f"p{number}" for number in passage]}, labels)
    return places.assign(position=places.groupby("group").cumcount())


# The folds, the inner folds that are asked for, and the kind that these are.
WAYS = {
    "k-fold": (na.KFold(3, part_groups=True), {"inner": "k-fold"}, "k-fold"),
    "auto of whole groups": (na.KFold(3), {}, "grouped"),
    "whole groups, within parted ones": (
        na.KFold(3, part_groups=True), {"inner": "grouped", "inner_folds": 3}, "grouped",
    ),
    "auto of stretches": (ContiguousKFold(3, gap=2), {"inner_folds": 4}, "contiguous"),
    "stretches": (na.KFold(3), {"inner": "contiguous"}, "contiguous"),
    "leave-one-out": (na.KFold(3), {"inner": "leave-one-out"}, None),
    "gcv": (na.KFold(3), {"inner": "gcv"}, None),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_r_and_alpha_equal_those_of_an_explicit_nested_loop(planted, way):
    layers, dataset = planted
    recording = average(dataset)[:, :4]
    rule, options, kind = WAYS[way]
    splits = rule.split(grouped_table(recording), seed=0)
    scores = na.RidgeEncoding(alphas=ALPHAS, **options).evaluate(layers["true"], recording, splits)
    for number, fold in enumerate(splits.folds):
        x, new = (layers["true"].sel(stimulus=part).values for part in (fold.train, fold.test))
        y, held_out = (recording.sel(stimulus=part).values for part in (fold.train, fold.test))
        if kind is None:
            loop = oracles.generalized_errors if way == "gcv" else oracles.leave_one_out_errors
            errors = loop(x, y, ALPHAS)
        else:
            parts = splits.inner_folds(number, kind, n_folds=options.get("inner_folds", 5))
            pairs = [
                [np.searchsorted(fold.train, labels) for labels in (part.train, part.test)]
                for part in parts
            ]
            errors = oracles.fold_errors(x, y, pairs, ALPHAS)
        alphas = oracles.least(errors, np.array(ALPHAS))
        guess = oracles.plain_ridge(x, y, [oracles.penalty(x, alpha) for alpha in alphas], new)
        found = scores.sel(fold=number)
        np.testing.assert_array_equal(found.alpha, alphas)
        r = [oracles.pearson(*columns) for columns in zip(guess.T, held_out.T, strict=True)]
        np.testing.assert_allclose(found.r, r, atol=1e-10)


def test_the_ways_to_choose_alpha_are_not_all_the_same(planted):
    """Else the loops above would compare nothing."""
    layers, dataset = planted
    recording, found = average(dataset), set()
    for rule, options, _ in WAYS.values():
        splits = rule.split(grouped_table(recording), seed=0)
        metric = na.RidgeEncoding(alphas=np.logspace(-3, 3, 25), **options)
        found.add(metric.evaluate(layers["true"], recording, splits).alpha.values.tobytes())
    assert len(found) == len(WAYS)


def test_r2_is_that_of_scikit_learn_and_about_the_training_mean_by_hand(planted):
    layers, dataset = planted
    recording = average(dataset) + 100 * average(dataset)[:1].values
    scores, splits = evaluated(layers["true"], recording, keep_predictions=True)
    for number, fold in enumerate(splits.folds):
        y, guess = (a.sel(stimulus=fold.test).values for a in (recording, scores.prediction))
        found = scores.sel(fold=number)
        expected = r2_score(y, guess, multioutput="raw_values")
        np.testing.assert_allclose(found.r2, expected, atol=1e-10)
        mean = recording.sel(stimulus=fold.train).mean("stimulus").values
        expected = 1 - ((y - guess) ** 2).sum(0) / ((y - mean) ** 2).sum(0)
        np.testing.assert_allclose(found.r2_train_mean, expected, atol=1e-10)


def test_one_alpha_is_shared_by_all_neuroids(planted):
    layers, dataset = planted
    metric = na.RidgeEncoding(alphas=np.logspace(-2, 2, 9), shared_alpha=True)
    splits = na.KFold(4).split(dataset.stimuli, seed=0)
    scores = metric.evaluate(layers["true"], average(dataset), splits)
    assert (scores.alpha.max("neuroid") == scores.alpha.min("neuroid")).all()


def test_alphas_at_an_edge_of_the_grid_are_marked(planted):
    layers, dataset = planted
    scores, _ = evaluated(layers["true"], average(dataset))
    edge = (scores.alpha == 0.01) | (scores.alpha == 100)
    np.testing.assert_array_equal(scores.alpha_at_edge, edge)
    assert edge.any()
    assert not edge.all()
    alone = na.RidgeEncoding(alphas=[1.0])
    splits = na.KFold(4).split(dataset.stimuli, seed=0)
    assert not alone.evaluate(layers["true"], average(dataset), splits).alpha_at_edge.any()


@pytest.mark.parametrize("options", [{"dtype": "float32"}, {"device": "torch"}])
@pytest.mark.parametrize("inner", ["auto", "leave-one-out", "gcv"])
def test_types_and_devices_change_r_by_less_than_1e_4(planted, options, inner):
    layers, dataset = planted
    double, _ = evaluated(layers["true"], average(dataset), inner=inner)
    other, _ = evaluated(layers["true"], average(dataset), inner=inner, **options)
    np.testing.assert_allclose(other.r, double.r, atol=1e-4)
    assert other.r.dtype == double.r.dtype == float
    np.testing.assert_array_equal(other.alpha, double.alpha)


def test_kept_predictions_give_the_same_r(planted):
    layers, dataset = planted
    recording = average(dataset)
    scores, splits = evaluated(layers["true"], recording, keep_predictions=True)
    for number, fold in enumerate(splits.folds):
        predicted = scores.prediction.sel(stimulus=fold.test)
        r = xr.corr(predicted, recording.sel(stimulus=fold.test), "stimulus")
        np.testing.assert_allclose(scores.r.sel(fold=number), r, atol=1e-10)


def test_moments_of_the_blocks_of_a_fold_give_its_r(planted):
    layers, dataset = planted
    scores, _ = evaluated(layers["true"], average(dataset))
    for number in range(4):
        sums = scores.moments[scores.fold_of_block.values == number].sum("block")
        n, y, p, yy, pp, yp = (sums.sel(moment=m) for m in ("n", "y", "p", "yy", "pp", "yp"))
        r = (yp / n - y * p / n**2) / np.sqrt((yy / n - (y / n) ** 2) * (pp / n - (p / n) ** 2))
        np.testing.assert_allclose(scores.r.sel(fold=number), r, atol=1e-10)


def test_order_of_rows_changes_nothing(planted, rng):
    layers, dataset = planted
    recording = average(dataset)
    scores, _ = evaluated(layers["true"], recording)
    shuffled, _ = evaluated(layers["true"][rng.permutation(60)], recording[rng.permutation(60)])
    np.testing.assert_array_equal(scores.r, shuffled.r)


def test_neuroids_that_missed_stimuli_are_scored_on_what_they_saw(planted):
    layers, dataset = planted
    recording = average(dataset)
    gaps = recording.copy(deep=True)
    gaps.loc[{"stimulus": recording.stimulus.values[:7], "neuroid": "subject-1/2"}] = np.nan
    with_gaps, splits = evaluated(layers["true"], gaps)
    complete, _ = evaluated(layers["true"], recording)
    others = [name for name in recording.neuroid.values if name != "subject-1/2"]
    np.testing.assert_allclose(
        with_gaps.r.sel(neuroid=others), complete.r.sel(neuroid=others), atol=1e-12
    )
    alone = recording.sel(neuroid=["subject-1/2"], stimulus=recording.stimulus.values[7:])
    by_itself = na.RidgeEncoding(alphas=ALPHAS).evaluate(layers["true"], alone, splits)
    np.testing.assert_allclose(with_gaps.r.sel(neuroid=["subject-1/2"]), by_itself.r, atol=1e-12)
    assert with_gaps.n_test.sel(neuroid="subject-1/2").sum() == 53


@pytest.mark.parametrize("constant", [0.0, 0.1, 3.0])
def test_a_constant_neuroid_is_undefined_and_said_to_be(planted, constant):
    layers, dataset = planted
    recording = average(dataset)
    recording[:, 3] = constant * (1 + 1e-16 * np.arange(60))
    scores, _ = evaluated(layers["true"], recording)
    assert np.isnan(scores.r.isel(neuroid=3)).all()
    assert (scores.undefined.isel(neuroid=3) == 2).all()
    assert np.isnan(scores.inner_r2.isel(neuroid=3)).all()
    assert scores.undefined.attrs["flag_meanings"].split()[2] == "constant_response"
    assert np.isfinite(scores.r.drop_isel(neuroid=3)).all()


def test_a_neuroid_that_varies_only_where_it_is_held_out_is_undefined(planted):
    layers, dataset = planted
    recording = average(dataset)
    test = recording.stimulus.values[:20]
    recording.loc[{"neuroid": "subject-1/3"}] = 0.1
    recording.loc[{"neuroid": "subject-1/3", "stimulus": test}] = np.arange(20.0)
    splits = na.TrainTest(test=list(test)).split(dataset.stimuli, seed=0)
    scores = na.RidgeEncoding(alphas=ALPHAS).evaluate(layers["true"], recording, splits)
    assert scores.undefined.sel(neuroid="subject-1/3").item() == 2


@pytest.mark.parametrize("unit", [1e-100, 1e-9, 1e9])
def test_the_units_of_the_responses_do_not_matter(planted, unit):
    layers, dataset = planted
    recording = average(dataset)
    scores, _ = evaluated(layers["true"], recording)
    scaled, _ = evaluated(layers["true"], unit * recording)
    np.testing.assert_allclose(scaled.r, scores.r, atol=1e-8)


def test_constant_features_predict_a_constant_and_are_undefined(planted):
    layers, dataset = planted
    scores, _ = evaluated(xr.full_like(layers["true"], 0.1), average(dataset))
    assert np.isnan(scores.r).all()
    assert (scores.undefined == 3).all()


def test_too_few_held_out_stimuli_are_undefined(planted):
    layers, dataset = planted
    recording = average(dataset)
    _, splits = evaluated(layers["true"], recording)
    recording.loc[{"stimulus": splits.folds[0].test[2:], "neuroid": "subject-1/0"}] = np.nan
    scores, _ = evaluated(layers["true"], recording)
    assert scores.undefined.sel(neuroid="subject-1/0").values.tolist() == [1, 0, 0, 0]


def test_each_time_bin_is_scored_like_a_neuroid_of_its_own(planted):
    layers, dataset = planted
    recording = average(dataset)
    two = xr.concat([recording, 2 * recording[::-1].values + recording], "time")
    two = two.transpose("stimulus", "neuroid", "time").assign_coords(time=[0.0, 0.1])
    scores, _ = evaluated(layers["true"], two)
    assert scores.r.dims == ("fold", "neuroid", "time")
    assert scores.moments.dims == ("block", "neuroid", "time", "moment")
    for time in (0, 1):
        alone, _ = evaluated(layers["true"], two.isel(time=time, drop=True))
        np.testing.assert_allclose(scores.r.isel(time=time), alone.r, atol=1e-12)


def test_integer_responses_are_upcast(planted):
    layers, dataset = planted
    counts = (10 * average(dataset)).astype(int)
    scores, _ = evaluated(layers["true"], counts)
    as_float, _ = evaluated(layers["true"], counts.astype(float))
    np.testing.assert_array_equal(scores.r, as_float.r)


def test_float32_activations_change_r_by_less_than_1e_4(planted):
    layers, dataset = planted
    single, _ = evaluated(layers["true"].astype(np.float32), average(dataset))
    double, _ = evaluated(layers["true"], average(dataset))
    np.testing.assert_allclose(single.r, double.r, atol=1e-4)


def test_spatial_activations_are_flattened(planted):
    layers, dataset = planted
    spatial = xr.DataArray(
        layers["true"].values.reshape(60, 5, 3, 2),
        {"stimulus": layers["true"].stimulus.values},
        ("stimulus", "channel", "row", "column"),
    )
    scores, _ = evaluated(spatial, average(dataset))
    np.testing.assert_array_equal(scores.r, evaluated(layers["true"], average(dataset))[0].r)


@pytest.mark.parametrize("seed", range(20))
def test_unrelated_activations_score_around_zero(seed):
    rng = np.random.default_rng(seed)
    labels = [f"{k:03}" for k in range(100)]
    layer = xr.DataArray(rng.normal(size=(100, 200)), {"stimulus": labels}, ("stimulus", "unit"))
    dataset = na.make_dataset(rng.normal(size=(100, 50)), pd.DataFrame(index=labels))
    scores, _ = evaluated(layer, average(dataset), n_folds=5)
    assert abs(float(scores.r.mean())) < 0.06


def test_a_fitted_model_predicts_like_scikit_learn(planted):
    layers, dataset = planted
    recording = average(dataset)
    fitted = na.RidgeEncoding(alphas=[1.0]).fit(layers["true"], recording)
    expected = oracles.ridge_prediction(
        layers["true"].values, recording.values, 1.0, layers["true"].values
    )
    np.testing.assert_allclose(fitted.predict(layers["true"]), expected, atol=1e-10)
    assert fitted.coefficients.dims == ("unit", "neuroid")


def test_inputs_are_not_changed(planted):
    layers, dataset = planted
    before = layers["true"].copy(deep=True), dataset.recordings["subject-1"].copy(deep=True)
    na.score(layers, dataset, na.RidgeEncoding(alphas=ALPHAS), folds=na.KFold(4), progress=False)
    assert layers["true"].identical(before[0])
    assert dataset.recordings["subject-1"].identical(before[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"alphas": 1.0}, "alphas=1.0 is not a list of numbers."),
        ({"alphas": []}, "alphas=[] must be positive, finite numbers, one at least."),
        ({"alphas": [0, 1]}, "alphas=[0, 1] must be positive, finite numbers, one at least."),
        (
            {"alphas": [1, np.inf]},
            "alphas=[1, inf] must be positive, finite numbers, one at least.",
        ),
        ({"inner_folds": 1}, "inner_folds=1 cannot choose an alpha; use 2 or more."),
        ({"n_components": 0}, "n_components=0 keeps nothing; use 1 or more, or None."),
        (
            {"inner": "loo"},
            "No way to choose alpha is called 'loo'. Known: 'auto', 'contiguous', 'gcv', "
            "'grouped', 'k-fold', 'leave-one-out'.",
        ),
        ({"dtype": "float16"}, "No dtype is called 'float16'. Did you mean 'float64'?"),
        (
            {"device": "mps"},
            "Device 'mps' is not one that scores are computed on; use 'cpu' or 'cuda'.",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.RidgeEncoding(**options)


def test_activations_that_lack_stimuli_are_refused(planted):
    layers, dataset = planted
    sentence = "12 of 60 stimuli have no activations in layer 'true' (first: 's48', 's49', 's50')."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score({"true": layers["true"][:48]}, dataset, progress=False)


def test_activations_with_two_rows_for_a_stimulus_are_refused(planted):
    layers, dataset = planted
    doubled = xr.concat([layers["true"], layers["true"][:1]], "stimulus")
    sentence = "1 stimuli have more than one row of activations in layer 'true' (first: 's00')."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score({"true": doubled}, dataset, progress=False)


def test_activations_that_are_not_finite_are_refused(planted):
    layers, dataset = planted
    broken = layers["true"].copy(deep=True)
    broken[5, 0] = np.nan
    sentence = (
        "1 of 60 stimuli have activations in layer 'true' that are not finite numbers "
        "(first: 's05')."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score({"true": broken}, dataset, progress=False)


def test_responses_that_are_not_averaged_are_refused_by_the_metric(planted):
    layers, dataset = planted
    recording = dataset.recordings["subject-1"]
    sentence = "Encoding metrics score averaged responses; call average_repetitions first."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        evaluated(layers["true"], recording)


@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_float32_keeps_responses_far_from_zero(planted, offset):
    layers, dataset = planted
    recording = average(dataset)
    near, _ = evaluated(layers["true"], recording, dtype="float32")
    far, _ = evaluated(layers["true"], recording + offset, dtype="float32", keep_predictions=True)
    np.testing.assert_allclose(far.r, near.r, atol=1e-5)
    assert abs(float((far.prediction - recording - offset).mean())) < 0.2


def test_components_are_not_found_with_the_row_that_is_left_out():
    sentence = (
        "n_components=3 cannot be combined with inner='gcv': the components would be found with "
        "the row that is left out; use inner folds."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.RidgeEncoding(n_components=3, inner="gcv")
