"""How dispersion would scatter over other systems: leaving out each in turn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from neuroalign.errors import DataError

FEWEST_SYSTEMS = 5
FEWEST_BLOCKS = 10


class Interval(NamedTuple):
    """An estimate with its standard error and limits; all may be arrays."""

    estimate: np.ndarray | float
    error: np.ndarray | float
    low: np.ndarray | float
    high: np.ndarray | float


def jackknife_over_systems(residual: np.ndarray, *, confidence: float = 0.95) -> Interval:
    """Give dispersion an interval over systems like these, at the maps that were fitted.

    The dispersion is a mean over pairs of systems (a U-statistic). Without system k it is
    (K D - 2 residual_k) / (K - 2), whose spread gives the jackknife's error, with K - 1 degrees
    of freedom. Drawing systems with replacement would not do: a system drawn twice agrees with
    itself. The maps are not fitted anew, so the error of the maps, which all systems share, is not
    in the interval.

    Parameters
    ----------
    residual : float array (systems, ...)
        As `dispersion` returns it, or its mean over some stimuli. At least 5 systems.
    confidence : float

    Returns
    -------
    Interval of float arrays (...)

    References
    ----------
    Arvesen (1969), doi:10.1214/aoms/1177697287.
    """
    values = np.asarray(residual, dtype=float)
    n_systems = len(values)
    if n_systems < FEWEST_SYSTEMS:
        message = (
            f"{n_systems} systems were given; an interval over systems needs {FEWEST_SYSTEMS} or "
            "more. Report the dispersion of these systems without one."
        )
        raise DataError(message)
    estimate = values.mean(0)
    without = (n_systems * estimate - 2 * values) / (n_systems - 2)
    spread = ((without - without.mean(0)) ** 2).sum(0)
    error = np.sqrt((n_systems - 1) / n_systems * spread)
    wide = stats.t.ppf(0.5 + confidence / 2, n_systems - 1) * error
    return Interval(estimate, error, estimate - wide, estimate + wide)


def bootstrap_over_stimuli(
    values: np.ndarray,
    *,
    blocks: np.ndarray | None = None,
    n_draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Give a mean over held-out stimuli an interval over stimuli, at the maps that were fitted.

    Parameters
    ----------
    values : float array (stimuli,)
        Such as a dispersion; NaN is left out.
    blocks : int array (stimuli,), optional
        Stimuli of one number are drawn together (groups). By default each alone.
    n_draws, seed : int
    confidence : float

    Returns
    -------
    Interval of floats
        Percentiles. NaN limits with fewer than ten blocks, which cover too little.
    """
    given = np.asarray(values, dtype=float)
    codes = np.arange(len(given)) if blocks is None else np.asarray(blocks)
    kept = np.isfinite(given)
    _, codes = np.unique(codes[kept], return_inverse=True)
    sums, sizes = np.bincount(codes, given[kept]), np.bincount(codes)
    estimate = float(given[kept].mean()) if kept.any() else np.nan
    if len(sizes) < FEWEST_BLOCKS:
        return Interval(estimate, np.nan, np.nan, np.nan)
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=n_draws)
    means = counts @ sums / (counts @ sizes)
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(estimate, float(means.std(ddof=1)), float(low), float(high))
