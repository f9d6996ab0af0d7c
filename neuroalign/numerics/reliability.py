"""How much of the variance of averaged responses is signal."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.grouping import equal_columns


def anova_reliability(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Estimate the share of signal in the variance of stimulus averages, from repetitions.

    With k_i responses to stimulus i, s_i^2 their variance (ddof 1) and V the variance of the
    averages (ddof 1): 1 - mean_i(s_i^2 / k_i) / V. For a stimulus shown once, s_i^2 is the
    variance pooled over the others. Unbiased parts, so the estimate may fall below 0; it is
    not clipped.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.

    Returns
    -------
    float array (targets,)
        NaN where no stimulus was repeated, or the averages do not vary.
    """
    starts = np.searchsorted(codes, np.arange(codes[-1] + 1))
    present = np.isfinite(values)
    counts = np.add.reduceat(present, starts, axis=0, dtype=int)
    filled = np.where(present, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        averages = np.add.reduceat(filled, starts, axis=0) / counts
        deviations = np.where(present, filled - averages[codes], 0.0)
        squares = np.add.reduceat(deviations**2, starts, axis=0)
        spare = np.maximum(counts - 1, 0)
        pooled = squares.sum(0) / spare.sum(0)
        within = np.where(counts > 1, squares / np.maximum(spare, 1), pooled)
        shown = counts > 0
        n = shown.sum(0)
        noise = np.where(shown, within / counts, 0).sum(0) / n
        center = np.where(shown, averages, 0).sum(0) / n
        total = (np.where(shown, averages - center, 0) ** 2).sum(0) / (n - 1)
        share = 1 - noise / total
    return np.where((total > 0) & (spare.sum(0) > 0), share, np.nan)


def half_of_showings(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose half of the showings of each stimulus; the odd one out goes either way by lot.

    Parameters
    ----------
    codes : int array (showings,)
        Number of the stimulus of each row, ascending.
    rng : Generator

    Returns
    -------
    bool array (showings,)
    """
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    order = np.lexsort((rng.random(len(codes)), codes))
    rank = np.empty(len(codes), dtype=int)
    rank[order] = np.arange(len(codes))
    size = counts // 2 + (counts % 2) * rng.integers(0, 2, len(counts))
    stimulus = np.repeat(np.arange(len(counts)), counts)
    return rank - first[stimulus] < size[stimulus]


def split_half_correlation(
    values: np.ndarray, codes: np.ndarray, n_splits: int, rng: np.random.Generator
) -> np.ndarray:
    """Correlate the averages of two random halves of the repetitions, averaged over splits.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending.
    n_splits : int
    rng : Generator

    Returns
    -------
    float array (targets,)
        Mean Pearson r over splits. Stimuli with one response are left out; NaN where fewer than
        three remain or a half does not vary.
    """
    result = np.full(values.shape[1], np.nan)
    present = np.isfinite(values)
    for columns in equal_columns(present):
        rows = present[:, columns[0]]
        _, stimulus, counts = np.unique(codes[rows], return_inverse=True, return_counts=True)
        twice = counts[stimulus] > 1
        _, stimulus = np.unique(stimulus[twice], return_inverse=True)
        if stimulus.size == 0 or stimulus[-1] + 1 < 3:
            continue
        block = values[np.ix_(np.flatnonzero(rows)[twice], columns)]
        splits = [
            _correlate_halves(block, stimulus, half_of_showings(stimulus, rng))
            for _ in range(n_splits)
        ]
        result[columns] = np.mean(splits, axis=0)
    return result


def _correlate_halves(values: np.ndarray, codes: np.ndarray, first: np.ndarray) -> np.ndarray:
    halves = []
    for rows in (first, ~first):
        starts = np.searchsorted(codes[rows], np.arange(codes[-1] + 1))
        counts = np.diff(np.append(starts, rows.sum()))
        average = np.add.reduceat(values[rows], starts, axis=0) / counts[:, None]
        centered = average - average.mean(0)
        norm = np.sqrt((centered**2).sum(0))
        with np.errstate(invalid="ignore", divide="ignore"):
            halves.append(np.where(norm > 1e-12 * np.abs(average).max(0), centered / norm, np.nan))
    return (halves[0] * halves[1]).sum(0)


def spearman_brown(correlation: np.ndarray) -> np.ndarray:
    """Correct a split-half correlation to the full number of repetitions: 2 r / (1 + r).

    Not defined for r <= 0, where the correction would run away to minus infinity; such values
    are returned as they are.
    """
    positive = correlation > 0
    return np.where(
        positive, 2 * correlation / (1 + np.where(positive, correlation, 0)), correlation
    )
