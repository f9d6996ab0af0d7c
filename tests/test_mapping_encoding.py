"""Any mapping as a metric: the same scores as an explicit loop, clones, one neuroid, choices."""

import re

import numpy as np
import oracles
import pytest
import xarray as xr
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LassoCV, LinearRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import neuroalign as na
from neuroalign.mappings import AttentionReadout, FactorizedReadout, GaussianReadout
from neuroalign.metrics import MappingEncoding, RidgeEncoding

REGRESSORS = {
    "least squares": LinearRegression(),
    "ridge": Ridge(alpha=10.0),
    "one tree": RandomForestRegressor(n_estimators=1, random_state=3),
}


@pytest.fixture
def pair(planted):
    """Return one layer and the averaged responses to it."""
    layers, dataset = planted
    return layers["true"], na.average_repetitions(dataset.recordings["subject-1"])


def splits_of(recording, n_folds=3):
    return na.KFold(n_folds).split(recording["stimulus"].to_dataframe()[[]], seed=0)


def squares(values):
    return (values**2).sum(0)


@pytest.mark.parametrize("name", REGRESSORS)
@pytest.mark.parametrize("n_neuroids", [8, 1])
def test_scores_are_those_of_an_explicit_loop(pair, name, n_neuroids):
    layer, recording = pair
    recording, regressor = recording[:, :n_neuroids], REGRESSORS[name]
    splits = splits_of(recording)
    scores = MappingEncoding(regressor, inner_folds=2).evaluate(layer, recording, splits)
    for number, fold in enumerate(splits.folds):
        x, new = (layer.sel(stimulus=part).values for part in (fold.train, fold.test))
        y, held_out = (recording.sel(stimulus=part).values for part in (fold.train, fold.test))
        guess = regressor.fit(x, y if n_neuroids > 1 else y[:, 0]).predict(new)
        guess = guess.reshape(len(new), -1)
        found = scores.sel(fold=number)
        r = [oracles.pearson(*columns) for columns in zip(guess.T, held_out.T, strict=True)]
        np.testing.assert_allclose(found.r, r, atol=1e-10)
        share = 1 - squares(held_out - guess) / squares(held_out - held_out.mean(0))
        np.testing.assert_allclose(found.r2, share, atol=1e-10)
        share = 1 - squares(held_out - guess) / squares(held_out - y.mean(0))
        np.testing.assert_allclose(found.r2_train_mean, share, atol=1e-10)


def test_inner_r2_refits_on_the_inner_folds(pair):
    layer, recording = pair
    splits = splits_of(recording)
    scores = MappingEncoding(Ridge(alpha=10.0), inner_folds=4).evaluate(layer, recording, splits)
    for number in range(3):
        error = baseline = 0.0
        for part in splits.inner_folds(number, n_folds=4):
            x, new = (layer.sel(stimulus=s).values for s in (part.train, part.test))
            y, held_out = (recording.sel(stimulus=s).values for s in (part.train, part.test))
            error += squares(held_out - Ridge(alpha=10.0).fit(x, y).predict(new))
            baseline += squares(held_out - y.mean(0))
        found = scores.inner_r2.sel(fold=number)
        np.testing.assert_allclose(found, 1 - error / baseline, atol=1e-10)


def test_without_inner_folds_inner_r2_is_undefined_and_nothing_else(pair):
    layer, recording = pair
    splits = splits_of(recording)
    with_folds = MappingEncoding(LinearRegression()).evaluate(layer, recording, splits)
    without = MappingEncoding(LinearRegression(), inner_folds=0).evaluate(layer, recording, splits)
    assert np.isnan(without.inner_r2).all()
    assert np.isfinite(with_folds.inner_r2).all()
    np.testing.assert_array_equal(without.r, with_folds.r)


def test_ridge_at_one_alpha_scores_as_ridge_encoding_does(pair):
    layer, recording = pair
    splits = splits_of(recording)
    scale = [oracles.penalty(layer.sel(stimulus=fold.train).values, 1.0) for fold in splits.folds]
    ours = RidgeEncoding(alphas=[0.5]).evaluate(layer, recording, splits)
    for number in range(3):
        metric = MappingEncoding(Ridge(alpha=0.5 * scale[number]))
        theirs = metric.evaluate(layer, recording, splits)
        np.testing.assert_allclose(theirs.r[number], ours.r[number], atol=1e-10)
        np.testing.assert_allclose(theirs.r2[number], ours.r2[number], atol=1e-10)


def test_the_given_regressor_stays_as_it_was(pair):
    layer, recording = pair
    regressor = Ridge(alpha=10.0)
    metric = MappingEncoding(regressor)
    metric.evaluate(layer, recording, splits_of(recording))
    metric.fit(layer, recording)
    assert vars(regressor) == vars(Ridge(alpha=10.0))


class Memory(LinearRegression):
    """Remembers the shapes that it was fitted on and predicted for."""

    seen = ()

    def fit(self, features, responses):
        """Fit, and remember."""
        type(self).seen = (*self.seen, ("fit", features.shape, responses.shape))
        return super().fit(features, responses)

    def predict(self, features):
        """Predict, and remember."""
        type(self).seen = (*self.seen, ("predict", features.shape))
        return super().predict(features)


def test_a_regressor_sees_training_rows_only_until_it_predicts(pair):
    layer, recording = pair
    Memory.seen = ()
    MappingEncoding(Memory(), inner_folds=0).evaluate(layer, recording, splits_of(recording))
    fit, predict = ("fit", (40, 30), (40, 8)), ("predict", (20, 30))
    assert Memory.seen == (fit, predict) * 3


def test_neuroids_that_missed_stimuli_are_scored_on_what_they_saw(pair):
    layer, recording = pair
    splits = splits_of(recording)
    gaps = recording.copy(deep=True)
    gaps[:7, 2] = np.nan
    metric = MappingEncoding(Ridge(alpha=10.0))
    found = metric.evaluate(layer, gaps, splits)
    alone = metric.evaluate(layer, recording[7:, [2]], splits)
    np.testing.assert_allclose(found.r[:, [2]], alone.r, atol=1e-12)
    np.testing.assert_allclose(found.inner_r2[:, [2]], alone.inner_r2, atol=1e-12)
    others = [0, 1, 3, 4, 5, 6, 7]
    complete = metric.evaluate(layer, recording, splits)
    np.testing.assert_allclose(found.r[:, others], complete.r[:, others], atol=1e-12)


def test_a_constant_neuroid_and_a_constant_prediction_are_undefined_and_said_to_be(pair):
    layer, recording = pair
    recording[:, 3] = 0.1
    splits = splits_of(recording)
    scores = MappingEncoding(Ridge(alpha=10.0)).evaluate(layer, recording, splits)
    assert (scores.undefined.isel(neuroid=3) == 2).all()
    assert np.isnan(scores.r.isel(neuroid=3)).all()
    assert np.isnan(scores.inner_r2.isel(neuroid=3)).all()
    stump = RandomForestRegressor(n_estimators=1, max_leaf_nodes=2, min_samples_leaf=0.5)
    flat = MappingEncoding(stump.set_params(random_state=0), inner_folds=0)
    scores = flat.evaluate(0 * layer, recording, splits)
    assert (scores.undefined.drop_isel(neuroid=3) == 3).all()


def test_each_time_bin_is_scored_like_a_neuroid_of_its_own(pair):
    layer, recording = pair
    two = recording.expand_dims(time=[0.0, 0.1]).transpose("stimulus", "neuroid", "time").copy()
    two[:, :, 1] = recording.values[:, ::-1]
    splits = splits_of(recording)
    metric = MappingEncoding(Ridge(alpha=10.0))
    scores = metric.evaluate(layer, two, splits)
    alone = metric.evaluate(layer, recording, splits)
    np.testing.assert_allclose(scores.r.isel(time=0), alone.r, atol=1e-12)
    np.testing.assert_allclose(scores.r.isel(time=1), alone.r[:, ::-1], atol=1e-12)


def test_scores_go_through_the_front_door(planted):
    layers, dataset = planted
    metric = MappingEncoding(Ridge(alpha=10.0), inner_folds=2)
    result = na.score(layers, dataset, metric, folds=na.KFold(3), progress=False)
    alone = metric.evaluate(
        layers["true"],
        na.average_repetitions(dataset.recordings["subject-1"]),
        na.KFold(3).split(dataset.stimuli, seed=0),
    )
    np.testing.assert_allclose(result.sel(layer="true").r, alone.r, atol=1e-12)
    assert na.best_layer(result) == "true"


READOUTS = {
    "factorized": (FactorizedReadout, ("channel", "row", "column")),
    "gaussian": (GaussianReadout, ("channel", "row", "column")),
    "attention to maps": (AttentionReadout, ("channel", "row", "column")),
    "attention to tokens": (AttentionReadout, ("token", "channel")),
}


def spatial(dims):
    """Return activations of the 60 stimuli in the order that models yield, of no equal axes."""
    sizes = {"channel": 5, "row": 4, "column": 3, "token": 6}
    values = np.random.default_rng(0).normal(size=(60, *(sizes[dim] for dim in dims)))
    labels = [f"s{number:02}" for number in range(60)]
    return xr.DataArray(values, {"stimulus": labels}, ("stimulus", *dims))


@pytest.mark.parametrize("name", READOUTS)
def test_a_readout_reads_axes_by_name(pair, name):
    recording = pair[1][:, :2]
    kind, dims = READOUTS[name]
    metric, layer = MappingEncoding(kind(max_epochs=2), inner_folds=3), spatial(dims)
    turned = layer.transpose(*layer.dims[::-1])
    fitted = metric.fit(layer, recording)
    expected = fitted.predict(layer)
    np.testing.assert_array_equal(fitted.predict(turned), expected)
    np.testing.assert_array_equal(metric.fit(turned, recording).predict(layer), expected)
    splits = splits_of(recording, 2)
    one, two = (metric.evaluate(part, recording, splits) for part in (layer, turned))
    np.testing.assert_array_equal(one.r, two.r)


def test_a_readout_refuses_axes_of_other_names(pair):
    layer = spatial(("channel", "row", "column"))
    metric = MappingEncoding(GaussianReadout(max_epochs=1))
    sentence = (
        "A readout of maps or tokens needs the dimensions (stimulus, channel, row, column) or "
        "(stimulus, token, channel), in any order, but the activations{} have {}; keep the places "
        "of the layer, and name its axes by .rename."
    )
    for given, of_layer, found in (
        (pair[0], "", "(stimulus, unit)"),
        (layer.rename(row="y"), "", "(stimulus, channel, y, column)"),
        (
            layer.rename(row="y").assign_coords(layer="top"),
            " of layer 'top'",
            "(stimulus, channel, y, column)",
        ),
    ):
        message = f"^{re.escape(sentence.format(of_layer, found))}$"
        with pytest.raises(na.NeuroalignError, match=message):
            metric.fit(given, pair[1])
        with pytest.raises(na.NeuroalignError, match=message):
            metric.evaluate(given, pair[1], splits_of(pair[1]))


@pytest.mark.parametrize(
    ("regressor", "kind"),
    [
        (SVR(), "SVR"),
        (LassoCV(), "LassoCV"),
        (make_pipeline(StandardScaler(), SVR()), "Pipeline"),
    ],
)
def test_regressors_of_one_output_are_told_how_to_have_several(pair, regressor, kind):
    layer, recording = pair
    sentence = (
        f"{kind} predicts one neuroid at a time, but there are 8; give "
        f"sklearn.multioutput.MultiOutputRegressor({kind}(...))."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        MappingEncoding(regressor).fit(layer, recording)
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        MappingEncoding(regressor).evaluate(layer, recording, splits_of(recording))
    MappingEncoding(regressor, inner_folds=0).fit(layer, recording[:, :1])


def test_several_regressors_of_one_output_predict_as_each_does_alone(pair):
    layer, recording = pair
    metric = MappingEncoding(MultiOutputRegressor(SVR()), inner_folds=0)
    found = metric.fit(layer, recording[:, :2]).predict(layer)
    alone = [SVR().fit(layer.values, recording.values[:, k]).predict(layer.values) for k in (0, 1)]
    np.testing.assert_allclose(found, np.transpose(alone), atol=1e-12)


def test_what_else_a_regressor_refuses_is_left_in_its_words(pair):
    with pytest.raises(ValueError, match="'alpha' parameter of Ridge"):
        MappingEncoding(Ridge(alpha=-1.0), inner_folds=0).fit(*pair)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            (LinearRegression,),
            "LinearRegression is not a mapping; use one of neuroalign.mappings, as in "
            "PartialLeastSquares(25), or a scikit-learn regressor.",
        ),
        (
            ("ridge",),
            "str is not a mapping; use one of neuroalign.mappings, as in "
            "PartialLeastSquares(25), or a scikit-learn regressor.",
        ),
    ],
)
def test_what_is_no_mapping_is_refused(arguments, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        MappingEncoding(*arguments)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"inner_folds": 1}, "inner_folds=1 holds nothing out; use 2 or more, or 0."),
        ({"inner_folds": -3}, "inner_folds=-3 holds nothing out; use 2 or more, or 0."),
        (
            {"inner": "gcv"},
            "No kind of inner folds is called 'gcv'. Known: 'auto', 'contiguous', 'grouped', "
            "'k-fold'.",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        MappingEncoding(LinearRegression(), **options)
