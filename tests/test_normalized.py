"""Intervals of normalized scores: the ceiling errs too, together with r."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.inference import median_interval, normalized_interval

FORM = "r/sqrt(ceiling)"


def scores_of(rng, *, n=100, repetitions=4, noise=2.0, n_neuroids=8, folds=None):
    labels = [f"s{number:03}" for number in range(n)]
    units = rng.normal(size=(n, 10))
    weights = rng.normal(size=(10, n_neuroids)) / np.sqrt(10)
    trials = (units @ weights)[:, None] + noise * rng.normal(size=(n, repetitions, n_neuroids))
    dataset = na.make_dataset(trials, pd.DataFrame(index=labels))
    layer = xr.DataArray(units[:, :7], {"stimulus": labels}, ("stimulus", "unit"))
    folds = na.TrainTest(test=labels[n // 2 :]) if folds == "split" else folds
    metric = na.RidgeEncoding(inner="gcv")
    return na.score({"layer": layer}, dataset, metric, folds=folds, guards=(), progress=False)


@pytest.mark.parametrize("folds", [None, "split"])
def test_the_median_is_that_of_the_normalized_scores(rng, folds):
    scores = scores_of(rng, noise=1.0, folds=folds)
    found = normalized_interval(scores, form=FORM)
    share = na.normalize_by_ceiling(scores, form=FORM)
    assert found.median == pytest.approx(float(share.median()))
    assert found.low < found.median < found.high
    assert found.estimand == ("procedure" if folds is None else "conditional")


def test_a_ceiling_without_error_adds_none(rng):
    scores = scores_of(rng, noise=1.0, n_neuroids=1)
    exact = na.ceilings.Ceiling.from_scores(scores, "anova")
    without = xr.full_like(exact.without, 0.5)
    known = scores.assign(
        ceiling_anova=xr.full_like(scores["ceiling_anova"], 0.5), ceiling_anova_without=without
    )
    found = normalized_interval(known, form=FORM, ceiling="anova")
    error = median_interval(scores)
    width = np.arctanh(error.high) - np.arctanh(error.low)
    width *= 1 - error.median**2  # that of r is on Fisher's scale
    assert found.high - found.low == pytest.approx(width / np.sqrt(0.5), rel=1e-3)


def test_a_noisier_ceiling_widens_the_interval(rng):
    scores = scores_of(rng)
    ceiling = na.ceilings.Ceiling.from_scores(scores, "anova")
    noise = 1 + 0.3 * rng.normal(size=(ceiling.without.sizes["block"], 1))
    noisier = scores.assign(ceiling_anova_without=ceiling.without * noise)
    one, two = (normalized_interval(s, form=FORM, ceiling="anova") for s in (scores, noisier))
    assert two.high - two.low > 1.2 * (one.high - one.low)


def test_the_sign_stays(rng):
    scores = scores_of(rng, noise=1.0)
    turned = scores.assign(r=-scores["r"], moments=scores["moments"].copy(deep=True))
    turned["moments"].loc[{"moment": ["p", "yp"]}] *= -1
    there, back = (normalized_interval(s, form=FORM) for s in (scores, turned))
    assert back.median == pytest.approx(-there.median)
    assert back.high < 0


def test_ceilings_below_zero_are_beyond_all_others(rng):
    scores = scores_of(rng, noise=1.0)
    worse = scores.copy(deep=True)
    worse["ceiling_split_half"][:2] = -0.1
    found = normalized_interval(worse, form=FORM)
    kept = np.sort(na.normalize_by_ceiling(scores, form=FORM).values.ravel()[2:])
    assert found.median == pytest.approx(np.mean(kept[3:5]))
    assert np.isfinite([found.low, found.high]).all()


def test_without_any_positive_ceiling_there_is_no_interval(rng):
    scores = scores_of(rng)
    scores["ceiling_split_half"][:] = -0.1
    assert np.isnan(normalized_interval(scores, form=FORM)[:3]).all()


def test_the_form_is_that_which_is_named(rng):
    scores = scores_of(rng, noise=1.0)
    found = normalized_interval(scores, form="r^2/ceiling")
    expected = na.normalize_by_ceiling(scores, form="r^2/ceiling")
    assert found.median == pytest.approx(float(expected.median()))


def test_a_mask_leaves_the_interval_of_the_others(rng):
    units = rng.normal(size=(100, 6))
    labels = [f"s{number:03}" for number in range(100)]
    spread = np.array([0.5, 0.5, 0.5, 0.5, 9.0, 9.0, 9.0])
    trials = (units @ rng.normal(size=(6, 7)))[:, None] + spread * rng.normal(size=(100, 4, 7))
    dataset = na.make_dataset(trials, pd.DataFrame(index=labels))
    choosing, scoring = na.ceilings.divide_repetitions(dataset, seed=0)
    layer = {"layer": pd.DataFrame(units, index=labels)}
    scores = na.score(layer, scoring, na.RidgeEncoding(inner="gcv"), guards=(), progress=False)
    mask = na.ceilings.join([na.ceilings.anova(own) for own in choosing.recordings.values()])
    kept = mask.interval()[0].values > 0
    assert 4 <= kept.sum() < 7
    found = normalized_interval(scores, form=FORM, mask=mask)
    expected = normalized_interval(scores.isel(neuroid=kept), form=FORM)
    np.testing.assert_allclose(found[:3], expected[:3])
    row = na.summarize(scores, mask=mask).iloc[0]
    assert (row["normalized_low"], row["normalized_high"]) == pytest.approx(found[1:3])
