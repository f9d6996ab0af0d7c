"""Confidence intervals of the median score over neuroids, each with its estimand.

An interval says what it would cover. `procedure`: the expected score of fitting anew at this
number of training stimuli, over new stimuli, for these neuroids. `conditional`: the score of the
predictor that was fitted, over new test stimuli, for these neuroids.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import xarray as xr

from neuroalign.ceilings import mean_over_folds
from neuroalign.errors import DataError
from neuroalign.numerics.resampling import bootstrap_correlations, fold_interval

LEVEL = 0.95
N_SAMPLES = 2000
FEWEST_BLOCKS = 10  # the bootstrap over fewer covers far less than it says


class Interval(NamedTuple):
    """A median over neuroids with its confidence interval and what that covers."""

    median: float
    low: float
    high: float
    estimand: str


def median_interval(scores: xr.Dataset, *, seed: int = 0) -> Interval:
    """Compute the median r over neuroids of one layer, with a 95% interval.

    Several folds give a `procedure` interval from the spread of the median over folds, corrected
    for the training stimuli that they share; a single predefined fold gives a `conditional` one
    from the bootstrap over blocks of test stimuli, of which there must be ten.

    Parameters
    ----------
    scores : Dataset
        From `score`, with one layer selected.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Interval
        NaN where r is undefined for all neuroids, or there are too few folds or blocks.
    """
    median = _median(mean_over_folds(scores))
    if scores.sizes["fold"] == 1:
        return Interval(median, *_bootstrap(scores, seed), "conditional")
    low, high = _fold_interval(scores, median, _per_fold(scores))
    return Interval(median, low, high, "procedure")


def difference_interval(first: xr.Dataset, second: xr.Dataset) -> Interval:
    """Compute the difference of the medians of two scores on the same folds and neuroids.

    Parameters
    ----------
    first, second : Dataset
        From `score`, with one layer each (or from `best_layer`); same dataset, seed and folds.

    Returns
    -------
    Interval
        Of median(first) - median(second), paired by fold.
    """
    check_same_data(first, second)
    # Neuroids that only one of the two predicts would turn a difference of neuroids into one of
    # models.
    defined = first["r"].notnull() & second["r"].notnull().values
    first, second = (
        scores.assign(r=scores["r"].where(defined.values)) for scores in (first, second)
    )
    difference = _median(mean_over_folds(first)) - _median(mean_over_folds(second))
    per_fold = _per_fold(first) - _per_fold(second)
    low, high = _fold_interval(first, difference, per_fold)
    return Interval(difference, low, high, "procedure")


def check_same_data(first: xr.Dataset, second: xr.Dataset) -> None:
    """Refuse two scores that are not of the same responses, neuroids and folds."""
    one, two = (json.loads(scores.attrs["provenance"]) for scores in (first, second))
    for word, same in (
        ("responses", one["responses_sha256"] == two["responses_sha256"]),
        ("neuroids", np.array_equal(first["neuroid"].values, second["neuroid"].values)),
        ("folds", one["test_stimuli"] == two["test_stimuli"]),
        ("gaps around held-out rows", one.get("left_out") == two.get("left_out")),
    ):
        if not same:
            message = f"Two scores are compared on the same data only, but their {word} differ."
            raise DataError(message)


def _median(values: xr.DataArray) -> float:
    defined = values.values[np.isfinite(values.values)]
    return float(np.median(defined)) if defined.size else float("nan")


def _per_fold(scores: xr.Dataset) -> np.ndarray:
    """Return the median over neuroids within each fold."""
    return np.array([_median(scores["r"].isel(fold=k)) for k in range(scores.sizes["fold"])])


def _fold_interval(
    scores: xr.Dataset, estimate: float, per_fold: np.ndarray
) -> tuple[float, float]:
    share = float(scores["n_test"].mean() / scores["n_train"].mean())
    n_repeats = int(scores["repeat"].max()) + 1
    return fold_interval(estimate, per_fold, share, LEVEL, n_repeats=n_repeats)


def _bootstrap(scores: xr.Dataset, seed: int) -> tuple[float, float]:
    moments = scores["moments"].transpose("block", ..., "moment").values
    moments = moments.reshape(len(moments), -1, moments.shape[-1])
    spread = scores["train_sd"].isel(fold=0).values.ravel()
    rng = np.random.default_rng([seed, 3])
    samples = bootstrap_correlations(moments, spread, N_SAMPLES, rng)
    kept = np.isfinite(mean_over_folds(scores).values.ravel())
    if not kept.any() or (moments[..., 0].max(1) > 0).sum() < FEWEST_BLOCKS:
        return float("nan"), float("nan")
    medians = np.nanmedian(np.where(np.isfinite(samples), samples, np.nan)[:, kept], axis=1)
    low, high = np.nanquantile(medians, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
