"""Intervals of labelled scores: their parts, what they do not depend on, and when there is none."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.inference.intervals import median_interval, noise_share, population_interval
from neuroalign.numerics import ridge
from neuroalign.numerics.nested_ridge import Search, fit_split
from neuroalign.numerics.resampling import fisher_interval

LABELS = [f"s{number:03}" for number in range(80)]


def draw(rng, *, subjects=1, n_neuroids=6, groups=None):
    units = rng.normal(size=(80, 5))
    stimuli = pd.DataFrame(index=LABELS)
    if groups is not None:
        stimuli["group"] = [f"g{number // groups:02}" for number in range(80)]
    people = {
        f"m{k}": units @ rng.normal(size=(5, n_neuroids)) + 2 * rng.normal(size=(80, n_neuroids))
        for k in range(subjects)
    }
    layer = xr.DataArray(units, {"stimulus": LABELS}, ("stimulus", "unit"))
    return {"layer": layer}, na.make_dataset(people, stimuli)


def scores_of(rng, metric=None, folds=None, **options):
    layers, dataset = draw(rng, **options)
    metric = na.RidgeEncoding(inner="gcv") if metric is None else metric
    return na.score(layers, dataset, metric, folds=folds, progress=False)


def test_the_interval_of_one_neuroid_is_that_of_its_folds(rng):
    scores = scores_of(rng, n_neuroids=1, folds=na.KFold(8))
    r = scores["r"].values.ravel()
    share = noise_share(scores, np.array([r.mean()]))[0]
    error = r.std(ddof=1) * np.sqrt(1 / 8 + share / (7 - share))
    found = median_interval(scores)
    expected = fisher_interval(r.mean(), error, 7, 0.95)
    assert found.median == pytest.approx(r.mean())
    # The error is that of 1000 draws.
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)


def test_the_interval_does_not_depend_on_the_order_of_neuroids(rng):
    scores = scores_of(rng)
    shuffled = scores.isel(neuroid=rng.permutation(6))
    np.testing.assert_allclose(median_interval(scores)[:3], median_interval(shuffled)[:3])


def test_a_neuroid_without_a_score_has_no_say(rng):
    scores = scores_of(rng)
    gone = scores.copy(deep=True)
    gone["r"][:, :, 2] = np.nan
    kept = scores.isel(neuroid=[0, 1, 3, 4, 5])
    np.testing.assert_allclose(median_interval(gone)[:3], median_interval(kept)[:3])


def test_two_folds_have_no_interval(rng):
    found = median_interval(scores_of(rng, folds=na.KFold(2)))
    assert np.isfinite(found.median)
    assert np.isnan([found.low, found.high]).all()


def test_more_noise_is_a_wider_interval(rng):
    scores = scores_of(rng)
    wide = scores.assign(training_noise=xr.ones_like(scores["training_noise"]))
    narrow = scores.assign(training_noise=xr.zeros_like(scores["training_noise"]))
    one, two = median_interval(wide), median_interval(narrow)
    assert one.high - one.low > 1.2 * (two.high - two.low)


def test_a_metric_that_does_not_know_its_noise_is_taken_at_its_worst(rng):
    scores = scores_of(rng).drop_vars("training_noise")
    np.testing.assert_array_equal(noise_share(scores, np.zeros(6)), 1)


def test_the_share_is_of_what_does_not_follow_the_responses(rng):
    scores = scores_of(rng)
    r = scores["r"].mean("fold").values.ravel()
    noise = scores["training_noise"].median("fold").values.ravel()
    np.testing.assert_allclose(noise_share(scores, r), noise / (1 - r**2) * (1 - 2 / 8))
    assert (noise_share(scores, r) < 1).all()


def test_rows_that_depend_on_each_other_are_as_good_as_fewer(rng):
    scores = scores_of(rng, groups=4)
    assert scores.attrs["rows"] == "grouped"
    r = scores["r"].mean("fold").values.ravel()
    grouped = noise_share(scores, r)
    spread = scores["r"].var("fold", ddof=1).values.ravel()
    ratio = max(1, np.mean(spread / ((1 - r**2) ** 2 / 8)))
    alone = noise_share(scores.assign_attrs(rows="independent"), r)
    np.testing.assert_allclose(grouped, np.minimum(alone * ratio, 1))


@pytest.mark.parametrize("n_units", [8, 120])
def test_training_noise_is_the_variance_of_predictions_over_new_training_rows(n_units):
    rng = np.random.default_rng(0)
    held_out = rng.normal(size=(40, n_units))
    weights = rng.normal(size=(n_units, 1)) / np.sqrt(n_units)
    train, test = np.arange(80), np.arange(80, 120)
    inner = [(np.setdiff1d(train, train[k::4]), train[k::4]) for k in range(4)]
    predictions, shares = [], []
    for _ in range(200):
        features = np.vstack([rng.normal(size=(80, n_units)), held_out])
        responses = features @ weights + rng.normal(size=(120, 1))
        design = ridge.make_design(features)
        result = fit_split(
            design, responses, train, test, inner=inner, search=Search(np.array([0.1]))
        )
        predictions.append(result.predictions[:, 0])
        shares.append(result.hyperparameters["training_noise"][0])
    moved = np.var(predictions, axis=0, ddof=1).mean()
    expected = moved / np.var(predictions, axis=1).mean()
    # Errors on inner folds hold some training noise too: the share errs to the careful side.
    assert 0.95 * expected < np.mean(shares) < 1.3 * expected


def test_subjects_widen_an_interval_by_what_they_differ(rng):
    scores = scores_of(rng, subjects=5)
    found = population_interval(scores)
    per_subject = scores["r"].mean("fold").isel(layer=0).groupby("subject").median()
    assert found.median == pytest.approx(float(per_subject.mean()))
    assert found.estimand == "population"
    assert found.high - found.low > 2 * 2.7 * float(per_subject.std(ddof=1)) / np.sqrt(5)


def test_what_subjects_have_in_common_errs_too(rng):
    # Four times the same person: they differ by nothing, and are no surer than one of them.
    layers, dataset = draw(rng)
    one = dataset.recordings["m0"].values
    people = dict.fromkeys(("ann", "bob", "cid", "dee"), one)
    group = na.make_dataset(people, pd.DataFrame(index=LABELS))
    metric = na.RidgeEncoding(inner="gcv")
    alone = median_interval(na.score(layers, dataset, metric, progress=False))
    together = population_interval(na.score(layers, group, metric, progress=False))
    assert together.median == pytest.approx(alone.median)
    assert together.high - together.low > 0.9 * (alone.high - alone.low)


def test_an_interval_is_of_one_layer(planted):
    layers, dataset = planted
    scores = na.score(layers, dataset, na.RidgeEncoding(inner="gcv"), progress=False)
    message = (
        "These scores are of 2 layers (first: 'other', 'true'); choose one with "
        "best_layer(scores) or scores.sel(layer=[...])."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(message)}$"):
        median_interval(scores)


def test_scores_that_do_not_say_whose_they_are_are_refused(rng):
    scores = scores_of(rng).drop_vars("subject")
    message = "These scores do not say whose neuroids they are of; score a dataset of subjects."
    with pytest.raises(na.NeuroalignError, match=message):
        population_interval(scores)
