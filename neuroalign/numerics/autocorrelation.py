"""How alike the responses of neighboring rows are, and which rows are that near."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics.content_free import first_rows
from neuroalign.numerics.moments import is_constant

FINENESS = 16  # of the lags that are tried


def lag_correlation(values: np.ndarray, runs: np.ndarray, lag: int) -> np.ndarray:
    """Correlate rows with those some rows later in the same run.

    Deviations are from the mean over all rows, so that what a run has in common counts.

    Parameters
    ----------
    values : float array (rows, targets)
        Rows of a run one after the other in their order; NaN where missing.
    runs : int array (rows,)
    lag : int
        In rows, 1 or more.

    Returns
    -------
    float array (targets,)
        NaN where there is no pair, or a target does not vary.
    """
    deviations, present = _deviations(values)
    pairs = present[lag:] & present[:-lag] & (runs[lag:] == runs[:-lag])[:, None]
    products = (deviations[lag:] * deviations[:-lag] * pairs).sum(0)
    return _share(products, pairs.sum(0), deviations, present)


def group_correlation(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Correlate rows with all others of the same group.

    The sum of the products of all pairs is the squared sum less the sum of squares.

    Parameters
    ----------
    values : float array (rows, targets)
        NaN where missing.
    groups : int array (rows,)
        From 0 without gaps.

    Returns
    -------
    float array (targets,)
        NaN where there is no pair, or a target does not vary.
    """
    deviations, present = _deviations(values)
    sums, counts = np.zeros((2, groups.max() + 1, values.shape[1]))
    np.add.at(sums, groups, deviations)
    np.add.at(counts, groups, present)
    products = (sums**2).sum(0) - (deviations**2).sum(0)
    return _share(products, (counts * (counts - 1)).sum(0), deviations, present)


def _deviations(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return deviations from the mean of each column, 0 where missing, and what is present."""
    present = np.isfinite(values)
    mean = np.where(present, values, 0.0).sum(0) / np.maximum(present.sum(0), 1)
    # With the mean in the gaps, a column is constant where what is present is.
    filled = np.where(present, values, mean)
    return np.where(is_constant(filled), 0.0, filled - mean), present


def _share(
    products: np.ndarray, n_pairs: np.ndarray, deviations: np.ndarray, present: np.ndarray
) -> np.ndarray:
    """Return the mean product of pairs, as a share of the variance."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return products / n_pairs / ((deviations**2).sum(0) / present.sum(0))


class Decay(NamedTuple):
    """How alike responses are, by how many rows they lie apart.

    Parameters
    ----------
    neighbors : float
        Median correlation over targets at lag 1; NaN where there are no neighbors.
    lags : int array
        Those at which responses are alike, from 1 on; empty where neighbors are not.
    correlation : float array
        Median over targets at each of them.
    """

    neighbors: float
    lags: np.ndarray
    correlation: np.ndarray

    @property
    def reach(self) -> int:
        """Return the last lag at which responses are alike, or 0."""
        return int(self.lags[-1]) if len(self.lags) else 0

    def at(self, distances: np.ndarray) -> np.ndarray:
        """Return the correlation at some distances, 0 beyond the reach."""
        if not len(self.lags):
            return np.zeros(len(distances))
        inside = np.interp(distances, self.lags, self.correlation)
        return np.where(distances <= self.reach, inside, 0.0)


def decay(values: np.ndarray, runs: np.ndarray, least: float) -> Decay:
    """Measure how alike responses are, row by row apart, until they are no more.

    Parameters
    ----------
    values : float array (rows, targets)
        As for `lag_correlation`.
    runs : int array (rows,)
    least : float
        Median correlation over targets that counts as alike. It is twice the standard error of
        independent pairs, 2 / sqrt(pairs), where that is more.

    Returns
    -------
    Decay
        Up to half of the longest run; of lags above 16, every sixteenth part is tried.
    """
    ranks = np.arange(len(runs)) - first_rows(runs)
    neighbors = r = _median(lag_correlation(values, runs, 1))
    lag, lags, correlation = 1, [], []
    while r >= max(least, 2 / np.sqrt(max((ranks >= lag).sum(), 1))):
        lags.append(lag)
        correlation.append(r)
        lag += max(1, lag // FINENESS)
        if lag > (ranks.max() + 1) // 2:
            break
        r = _median(lag_correlation(values, runs, lag))
    return Decay(neighbors, np.array(lags, dtype=int), np.array(correlation))


def _median(values: np.ndarray) -> float:
    defined = values[np.isfinite(values)]
    return float(np.median(defined)) if defined.size else float("nan")


def distance_to(runs: np.ndarray, ranks: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return how many places each row lies from the nearest of the rows `of` in its run.

    Parameters
    ----------
    runs, ranks : int arrays (rows,)
        Run of each row, and its place in it.
    of : bool array (rows,)

    Returns
    -------
    float array (rows,)
        0 for the rows `of` themselves; infinite where there is none in the run.
    """
    longest = int(ranks.max())
    # Runs so far apart on one axis that rows of different ones are told by their distance.
    along = runs.astype(np.int64) * (2 * longest + 2) + ranks
    marks = np.sort(along[of])
    if not len(marks):
        return np.full(len(runs), np.inf)
    after = np.searchsorted(marks, along)
    gaps = [np.abs(along - marks[np.clip(after + k, 0, len(marks) - 1)]) for k in (-1, 0)]
    nearest = np.minimum(*gaps).astype(float)
    return np.where(nearest <= longest, nearest, np.inf)
