"""How much of the variance of averaged responses is signal."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.moments import FEWEST_ROWS, ROUNDING


def anova_reliability(
    values: np.ndarray, codes: np.ndarray, parts: np.ndarray | None = None
) -> np.ndarray:
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
    parts : int array (stimuli,), optional
        Variance between these parts does not count: V is that within them.

    Returns
    -------
    float array (targets,)
        NaN where no stimulus was repeated, or the averages do not vary.
    """
    starts = np.searchsorted(codes, np.arange(codes[-1] + 1))
    present = np.isfinite(values)
    counts = np.add.reduceat(present, starts, axis=0, dtype=int)
    shown = counts > 0
    filled = np.where(present, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        averages = np.add.reduceat(filled, starts, axis=0) / counts
        deviations = np.where(present, filled - averages[codes], 0.0)
        squares = np.add.reduceat(deviations**2, starts, axis=0)
        spare = np.maximum(counts - 1, 0)
        pooled = squares.sum(0) / spare.sum(0)
        within = np.where(counts > 1, squares / np.maximum(spare, 1), pooled)
        noise = np.where(shown, within / counts, 0).sum(0) / shown.sum(0)
        averages = np.where(shown, averages, 0)
        parts = np.zeros(len(starts), dtype=int) if parts is None else parts
        centered, lost = _center_within(averages, shown, parts)
        squared = (centered**2).sum(0)
        share = 1 - noise / (squared / (shown.sum(0) - lost))
    varies = squared > shown.sum(0) * (ROUNDING * np.abs(averages).max(0)) ** 2
    return np.where(varies & (spare.sum(0) > 0), share, np.nan)


def _center_within(
    averages: np.ndarray, shown: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the mean of each part from what is shown of it; count the parts that have any."""
    of_part = np.eye(parts.max() + 1)[parts]  # (stimuli, parts)
    sizes = of_part.T @ shown
    means = (of_part.T @ averages) / np.maximum(sizes, 1)
    return np.where(shown, averages - means[parts], 0.0), (sizes > 0).sum(0)


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
    values: np.ndarray,
    codes: np.ndarray,
    n_splits: int,
    rng: np.random.Generator,
    parts: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Correlate the averages of two random halves of the repetitions, averaged over splits.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    n_splits : int
    rng : Generator
    parts : int array (stimuli,), optional
        Variance between these parts does not count.

    Returns
    -------
    correlation : float array (targets,)
        Mean Pearson r over splits. Stimuli with one response are left out; NaN where fewer than
        three remain or a half does not vary.
    gain : float array (targets,)
        How much less noise the averages over all repetitions have than those of a half: the mean
        of 1 / (repetitions in a half) over the mean of 1 / repetitions, stimuli with one response
        counted in the latter. 2 for equal, even numbers of repetitions.
    """
    result, gain = np.full((2, values.shape[1]), np.nan)
    present = np.isfinite(values)
    parts = np.zeros(codes[-1] + 1, dtype=int) if parts is None else parts
    for columns in equal_columns(present):
        rows = present[:, columns[0]]
        stimuli, stimulus, counts = np.unique(codes[rows], return_inverse=True, return_counts=True)
        twice = counts > 1
        if twice.sum() < FEWEST_ROWS:
            continue
        k = counts[twice]
        gain[columns] = np.mean((1 / (k // 2) + 1 / (k - k // 2)) / 2) / np.mean(1 / counts)
        kept = twice[stimulus]
        _, stimulus = np.unique(stimulus[kept], return_inverse=True)
        block = values[np.ix_(np.flatnonzero(rows)[kept], columns)]
        part = parts[stimuli[twice]]
        splits = [
            _correlate_halves(block, stimulus, half_of_showings(stimulus, rng), part)
            for _ in range(n_splits)
        ]
        result[columns] = np.mean(splits, axis=0)
    return result, gain


def _correlate_halves(
    values: np.ndarray, codes: np.ndarray, first: np.ndarray, parts: np.ndarray
) -> np.ndarray:
    halves = []
    for rows in (first, ~first):
        starts = np.searchsorted(codes[rows], np.arange(codes[-1] + 1))
        counts = np.diff(np.append(starts, rows.sum()))
        average = np.add.reduceat(values[rows], starts, axis=0) / counts[:, None]
        centered, _ = _center_within(average, np.ones(average.shape, dtype=bool), parts)
        norm = np.sqrt((centered**2).sum(0))
        with np.errstate(invalid="ignore", divide="ignore"):
            varies = norm > ROUNDING * np.abs(average).max(0)
            halves.append(np.where(varies, centered / norm, np.nan))
    return (halves[0] * halves[1]).sum(0)


def spearman_brown(correlation: np.ndarray, gain: np.ndarray | float = 2.0) -> np.ndarray:
    """Correct a split-half correlation to the full number of repetitions.

    g r / (1 + (g - 1) r) with g = `gain`, the ratio of noise in a half to noise in the whole; 2
    gives the formula of Spearman and Brown. Not defined for r <= 0, where the correction would
    run away to minus infinity; such values are returned as they are.

    Parameters
    ----------
    correlation : float array
    gain : float array or float

    Returns
    -------
    float array
    """
    positive = correlation > 0
    r = np.where(positive, correlation, 0)
    return np.where(positive, gain * r / (1 + (gain - 1) * r), correlation)
