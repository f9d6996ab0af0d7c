"""A fitted encoding model: predictions, weights and labels, for stimuli and for streams."""

import re

import numpy as np
import oracles
import pytest
import xarray as xr
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge

import neuroalign as na
from neuroalign.metrics import MappingEncoding, RidgeEncoding

ALPHAS = np.logspace(-3, 3, 7)


@pytest.fixture
def pair(planted):
    """Return one layer and the averaged responses to it."""
    layers, dataset = planted
    return layers["true"], na.average_repetitions(dataset.recordings["subject-1"])


@pytest.fixture
def stream():
    """Return activations and responses of two runs of 30 samples."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 12))
    responses = values[:, :3] @ rng.normal(size=(3, 5)) + rng.normal(size=(60, 5))
    recording = na.make_recording(
        responses,
        ("sample", "neuroid"),
        subject="one",
        units="z",
        sampling_period=2.0,
        neuroid=list("abcde"),
        run=["first"] * 30 + ["second"] * 30,
    )
    labels = recording.sample.values
    return xr.DataArray(values, {"sample": labels}, ("sample", "unit")), recording


def by_scikit_learn(x, y, alphas):
    return Ridge(alpha=[oracles.penalty(x, a) for a in alphas], solver="svd").fit(x, y)


@pytest.mark.parametrize(
    ("inner", "loop"),
    [("leave-one-out", oracles.leave_one_out_errors), ("gcv", oracles.generalized_errors)],
)
def test_closed_forms_choose_the_alphas_of_a_loop_over_rows(pair, inner, loop):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=ALPHAS, inner=inner).fit(layer, recording)
    errors = loop(layer.values, recording.values, ALPHAS)
    np.testing.assert_array_equal(
        fitted.hyperparameters.alpha.values, oracles.least(errors, ALPHAS)
    )


@pytest.mark.parametrize("n_components", [None, 6])
def test_predictions_are_those_of_ridge_by_hand(pair, n_components):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=ALPHAS, n_components=n_components).fit(layer, recording)
    alphas = fitted.hyperparameters.alpha.values
    weights = [oracles.penalty(layer.values, alpha) for alpha in alphas]
    expected = oracles.plain_ridge(
        layer.values, recording.values, weights, layer.values, n_components
    )
    np.testing.assert_allclose(fitted.predict(layer), expected, atol=1e-10)


def test_weights_and_intercepts_are_those_of_scikit_learn(pair):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=ALPHAS).fit(layer + 7, recording)
    alphas = fitted.hyperparameters.alpha.values
    peer = by_scikit_learn(layer.values + 7, recording.values, alphas)
    np.testing.assert_allclose(fitted.coefficients, peer.coef_.T, atol=1e-10)
    np.testing.assert_allclose(fitted.intercept, peer.intercept_, atol=1e-9)
    by_hand = (layer + 7).values @ fitted.coefficients.values + fitted.intercept.values
    np.testing.assert_allclose(fitted.predict(layer + 7), by_hand, atol=1e-9)


def test_labels_of_neuroids_and_of_new_stimuli_are_kept(pair):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=[1.0]).fit(layer, recording)
    new = layer[[5, 2, 9]].assign_coords(stimulus=["new-b", "new-a", "s09"])
    found = fitted.predict(new)
    assert found.dims == ("stimulus", "neuroid")
    assert found.stimulus.values.tolist() == ["new-b", "new-a", "s09"]
    np.testing.assert_allclose(found, fitted.predict(layer)[[5, 2, 9]], atol=1e-12)
    for labelled in (found, fitted.coefficients, fitted.intercept, fitted.hyperparameters.alpha):
        assert labelled.neuroid.values.tolist() == recording.neuroid.values.tolist()
        assert labelled.roi.values.tolist() == ["V4"] * 5 + ["IT"] * 3
    assert fitted.coefficients.dims == ("unit", "neuroid")


def test_the_order_of_stimuli_and_of_axes_does_not_matter(pair, rng):
    layer, recording = pair
    metric = RidgeEncoding(alphas=ALPHAS)
    one = metric.fit(layer, recording)
    two = metric.fit(layer[rng.permutation(60)].T, recording[rng.permutation(60)])
    np.testing.assert_array_equal(one.predict(layer), two.predict(layer.T))


@pytest.mark.parametrize("options", [{"dtype": "float32"}, {"device": "torch"}])
def test_types_and_devices_change_no_prediction_by_1e_5(pair, options):
    layer, recording = pair
    double = RidgeEncoding(alphas=ALPHAS).fit(layer, recording).predict(layer)
    other = RidgeEncoding(alphas=ALPHAS, **options).fit(layer, recording).predict(layer)
    np.testing.assert_allclose(other, double, atol=1e-5)


def test_more_units_than_stimuli_and_maps_are_flattened_in_order(pair):
    layer, recording = pair
    maps = xr.DataArray(
        np.random.default_rng(0).normal(size=(60, 4, 5, 6)),
        {"stimulus": layer.stimulus.values},
        ("stimulus", "channel", "row", "column"),
    )
    fitted = RidgeEncoding(alphas=ALPHAS).fit(maps, recording)
    flat = maps.values.reshape(60, -1)
    peer = by_scikit_learn(flat, recording.values, fitted.hyperparameters.alpha.values)
    np.testing.assert_allclose(fitted.coefficients, peer.coef_.T, atol=1e-10)
    np.testing.assert_allclose(fitted.predict(maps), peer.predict(flat), atol=1e-10)


def test_streams_choose_alpha_on_whole_runs_and_predict_samples(stream):
    layer, recording = stream
    fitted = RidgeEncoding(alphas=ALPHAS).fit(layer, recording)
    halves = np.arange(30), np.arange(30, 60)
    errors = oracles.fold_errors(layer.values, recording.values, [halves, halves[::-1]], ALPHAS)
    alphas = oracles.least(errors, ALPHAS)
    np.testing.assert_array_equal(fitted.hyperparameters.alpha, alphas)
    found = fitted.predict(layer[40:])
    assert found.dims == ("sample", "neuroid")
    assert found.sample.values.tolist() == layer.sample.values[40:].tolist()
    expected = by_scikit_learn(layer.values, recording.values, alphas).predict(layer.values[40:])
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_a_stream_of_one_run_chooses_alpha_on_stretches_of_time(stream):
    layer, recording = (part[:30] for part in stream)
    fitted = RidgeEncoding(alphas=ALPHAS, inner_folds=3).fit(layer, recording)
    rows = np.arange(30)
    pairs = [(np.setdiff1d(rows, held), held) for held in np.split(rows, 3)]
    errors = oracles.fold_errors(layer.values, recording.values, pairs, ALPHAS)
    np.testing.assert_array_equal(fitted.hyperparameters.alpha, oracles.least(errors, ALPHAS))


def test_inner_folds_of_stimuli_depend_on_the_seed_alone(pair):
    layer, recording = pair
    metric = RidgeEncoding(alphas=np.logspace(-3, 3, 61))
    found = [
        metric.fit(layer, recording, seed=seed).hyperparameters.alpha.values for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_a_fitted_regressor_predicts_as_it_does_alone(pair):
    layer, recording = pair
    fitted = MappingEncoding(LinearRegression()).fit(layer, recording)
    peer = LinearRegression().fit(layer.values, recording.values)
    np.testing.assert_allclose(fitted.predict(layer), peer.predict(layer.values), atol=1e-12)
    np.testing.assert_allclose(fitted.coefficients, peer.coef_.T, atol=1e-12)
    np.testing.assert_allclose(fitted.intercept, peer.intercept_, atol=1e-12)
    assert not fitted.hyperparameters


def test_a_fitted_regressor_of_one_neuroid_keeps_its_axis(pair):
    layer, recording = pair
    fitted = MappingEncoding(LinearRegression()).fit(layer, recording[:, :1])
    peer = LinearRegression().fit(layer.values, recording.values[:, 0])
    np.testing.assert_allclose(fitted.predict(layer)[:, 0], peer.predict(layer.values), atol=1e-12)
    np.testing.assert_allclose(fitted.coefficients[:, 0], peer.coef_, atol=1e-12)


def test_inputs_are_not_changed_by_a_fit(pair):
    before = [part.copy(deep=True) for part in pair]
    RidgeEncoding(alphas=ALPHAS).fit(*pair).predict(pair[0])
    assert all(one.identical(two) for one, two in zip(pair, before, strict=True))


def refused(sentence):
    return pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$")


def test_activations_of_another_width_are_refused(pair):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=[1.0]).fit(layer, recording)
    with refused("The encoding model was fitted on 30 units, but these activations have 29."):
        fitted.predict(layer[:, :29])


def test_a_mapping_without_weights_says_so(pair):
    layer, recording = pair
    forest = RandomForestRegressor(n_estimators=1, random_state=0)
    fitted = MappingEncoding(forest).fit(layer, recording)
    with refused("A fitted Regressor has no coefficients over units; use predict."):
        _ = fitted.coefficients


def test_responses_with_gaps_repetitions_or_time_are_refused(pair, planted):
    layer, recording = pair
    gaps = recording.copy(deep=True)
    gaps[3, 2] = np.nan
    for broken in (
        gaps,
        planted[1].recordings["subject-1"],
        recording.expand_dims(time=[0.0, 0.1]).transpose("stimulus", "neuroid", "time"),
    ):
        with refused("fit needs averaged responses (stimulus, neuroid) without missing values."):
            RidgeEncoding().fit(layer, broken)


def test_fewer_than_three_stimuli_are_refused(pair):
    layer, recording = pair
    with refused("fit needs 3 stimuli or more, but got 2."):
        RidgeEncoding().fit(layer, recording[:2])
