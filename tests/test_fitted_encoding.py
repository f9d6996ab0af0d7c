"""A fitted encoding model: predictions, weights and labels, for stimuli and for streams."""

import re

import numpy as np
import oracles
import pandas as pd
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


def labelled_units(layer):
    return layer.assign_coords(unit=[f"u{number:02}" for number in range(layer.sizes["unit"])])


def test_units_are_matched_by_label_where_both_have_labels(pair, rng):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=ALPHAS).fit(labelled_units(layer), recording)
    order = rng.permutation(30)
    expected = RidgeEncoding(alphas=ALPHAS).fit(layer, recording).predict(layer)
    np.testing.assert_array_equal(fitted.predict(labelled_units(layer)[:, order]), expected)
    np.testing.assert_array_equal(fitted.predict(layer), expected)


def test_units_of_several_delays_are_matched_by_label_and_delay(stream, rng):
    layer, recording = stream
    layer = layer.assign_coords(unit=list("abcdef") * 2, delay=("unit", np.repeat([2.0, 4.0], 6)))
    fitted = RidgeEncoding(alphas=[1.0]).fit(layer, recording)
    expected = fitted.predict(layer)
    shuffled = layer.isel(unit=rng.permutation(12))
    np.testing.assert_array_equal(fitted.predict(shuffled), expected)
    # Sampling periods that differ by rounding make the same delays.
    slow = layer.assign_coords(delay=layer.delay * 1.001)
    np.testing.assert_array_equal(fitted.predict(slow), expected)
    with refused(
        "The encoding model was not fitted on 6 of these 12 units (first: 'a, 6.0', 'b, 6.0', "
        "'c, 6.0'); give those that it was fitted on, or drop_vars('unit') to match them by "
        "position."
    ):
        fitted.predict(layer.assign_coords(delay=("unit", np.repeat([2.0, 6.0], 6))))


def test_units_that_cannot_be_matched_are_refused(pair):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=[1.0]).fit(labelled_units(layer), recording)
    strangers = labelled_units(layer).unit.values.copy()
    strangers[[3, 5]] = "x", "y"
    with refused(
        "The encoding model was not fitted on 2 of these 30 units (first: 'x', 'y'); give those "
        "that it was fitted on, or drop_vars('unit') to match them by position."
    ):
        fitted.predict(layer.assign_coords(unit=strangers))
    with refused(
        "The units are not in the order in which the encoding model was fitted, and labels that "
        "several units share cannot tell which is which; give each a label of its own."
    ):
        fitted.predict(layer.assign_coords(unit=["u00"] * 30))


def test_spaces_in_another_order_are_refused_unless_units_have_labels(pair):
    layer, recording = pair
    spaces = layer.assign_coords(space=("unit", ["one"] * 10 + ["two"] * 20))
    fitted = RidgeEncoding(alphas=[1.0]).fit(spaces, recording)
    with refused(
        "20 of 30 units have another 'space' than when the encoding model was fitted (first: "
        "'two', 'two', 'two'); give the units in the same order, or label them by a coordinate "
        "'unit' before fit."
    ):
        fitted.predict(spaces[:, np.roll(np.arange(30), -10)])
    fitted = RidgeEncoding(alphas=[1.0]).fit(labelled_units(spaces), recording)
    turned = labelled_units(spaces)[:, np.roll(np.arange(30), -10)]
    np.testing.assert_array_equal(fitted.predict(turned), fitted.predict(layer))


def test_coefficients_carry_what_is_known_of_units(stream):
    layer, recording = stream
    recording = recording.assign_coords(depth=("neuroid", np.arange(5.0)))
    layer = layer.assign_coords(
        unit=list("abcdef") * 2,
        delay=("unit", np.repeat([2.0, 4.0], 6)),
        depth=("unit", np.arange(12)),
    )
    weights = RidgeEncoding(alphas=[1.0]).fit(layer, recording).coefficients
    assert weights.dims == ("unit", "neuroid")
    assert weights.unit.values.tolist() == list("abcdef") * 2
    assert weights.delay.values.tolist() == [2.0] * 6 + [4.0] * 6
    assert weights.unit_depth.values.tolist() == list(range(12))
    assert weights.depth.values.tolist() == [0, 1, 2, 3, 4]


def check_table(layer, recording, table, others):
    """Compare a fit on a table, and its predictions of others, with those on a labelled array."""
    expected = RidgeEncoding(alphas=ALPHAS).fit(layer, recording).predict(layer)
    fitted = RidgeEncoding(alphas=ALPHAS).fit(table, recording)
    for one in (table, *others):
        xr.testing.assert_allclose(fitted.predict(one), expected, rtol=0, atol=1e-12)
    return fitted.coefficients


def test_tables_are_taken_as_score_takes_them(pair):
    layer, recording = pair
    table = pd.DataFrame(layer.values, index=layer.stimulus.values)
    assert "unit" not in check_table(layer, recording, table, []).coords
    named = table.set_axis(labelled_units(layer).unit.values, axis=1)
    weights = check_table(layer, recording, named, [named[named.columns[::-1]]])
    assert weights.unit.values.tolist() == named.columns.tolist()


def test_tables_of_samples_are_taken_too(stream):
    layer, recording = stream
    table = pd.DataFrame(layer.values, index=layer.sample.values)
    check_table(layer, recording, table, [table.rename_axis("sample")])


def test_labels_that_are_numbers_match_as_they_do_in_score(pair):
    layer, recording = pair
    digits = [str(number) for number in range(60)]
    fitted = RidgeEncoding(alphas=[1.0]).fit(
        layer.assign_coords(stimulus=np.arange(60)), recording.assign_coords(stimulus=digits)
    )
    expected = RidgeEncoding(alphas=[1.0]).fit(layer, recording).coefficients
    np.testing.assert_allclose(fitted.coefficients, expected, atol=1e-12)


def refused(sentence):
    return pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$")


def test_activations_of_another_width_are_refused(pair):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=[1.0]).fit(layer, recording)
    with refused("The encoding model was fitted on 30 units, but these activations have 29."):
        fitted.predict(layer[:, :29])


def test_activations_without_labels_are_refused(pair, stream):
    layer, recording = pair
    fitted = RidgeEncoding(alphas=[1.0]).fit(layer, recording)
    bare = layer.drop_vars("stimulus")
    for given, of_layer in (
        (layer.values, ""),
        (bare, ""),
        (bare.assign_coords(layer="top"), " of layer 'top'"),
    ):
        sentence = (
            f"Activations{of_layer} carry no stimulus labels; give a DataFrame indexed by "
            "stimulus, or a DataArray with the index coordinate 'stimulus'."
        )
        with refused(sentence):
            RidgeEncoding().fit(given, recording)
        with refused(sentence):
            fitted.predict(given)
    with refused(
        "Activations carry no sample labels; give a DataFrame indexed by sample, or a DataArray "
        "with the index coordinate 'sample'."
    ):
        RidgeEncoding().fit(stream[0].values, stream[1])


def test_activations_of_stimuli_cannot_be_fitted_to_samples(pair, stream):
    table = pd.DataFrame(pair[0].values, index=pair[0].stimulus.to_index())
    for given in (pair[0], table):
        with refused(
            "The recording has samples and the activations have stimuli; bring activations of "
            "stimuli to the samples of a stream by TimeGrid().apply."
        ):
            RidgeEncoding().fit(given, stream[1])


def test_messages_name_a_layer_only_where_it_has_a_name(pair):
    layer, recording = pair
    with refused("1 of 60 stimuli have no activations (first: 's00')."):
        RidgeEncoding().fit(layer[1:], recording)
    with refused("1 of 60 stimuli have no activations in layer 'top' (first: 's00')."):
        RidgeEncoding().fit(layer[1:].assign_coords(layer="top"), recording)
    with refused("The activations have no units."):
        RidgeEncoding().fit(layer[:, :0], recording)


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
    with refused(
        "fit needs responses without missing values, but 1 of 8 neuroids lack some (first: "
        "'subject-1/2'); leave out these neuroids, or the stimuli that they lack."
    ):
        RidgeEncoding().fit(layer, gaps)
    with refused(
        "fit needs averaged responses, but these have the dimensions (stimulus, repetition, "
        "neuroid); give na.average_repetitions(recording)."
    ):
        RidgeEncoding().fit(layer, planted[1].recordings["subject-1"])
    bins = recording.expand_dims(time=[0.0, 0.1]).transpose("stimulus", "neuroid", "time")
    with refused(
        "fit needs responses (stimulus, neuroid) or (sample, neuroid), but these have the "
        "dimensions (stimulus, neuroid, time); select one time by .isel, or .transpose them."
    ):
        RidgeEncoding().fit(layer, bins)
    with refused(
        "A BrainDataset is not a recording; give that of one subject, as make_recording does."
    ):
        RidgeEncoding().fit(layer, planted[1])


def test_fewer_than_three_stimuli_are_refused(pair):
    layer, recording = pair
    with refused("fit needs 3 stimuli or more, but got 2."):
        RidgeEncoding().fit(layer, recording[:2])
