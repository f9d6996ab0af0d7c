"""Statistics that are means over parts, such as folds, and how they move without blocks of rows.

Sums over rows add up, so that a statistic of sums is known without each block at the price of one
evaluation a block: nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import sparse

# From sums (k, targets, m) over rows of a part to values (k, targets, q) and weights (k, targets).
Statistic = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Blocks(NamedTuple):
    """How rows divide into blocks that are left out as one, and blocks into parts."""

    of_row: np.ndarray  # int (rows,), ascending from 0 without gaps
    part: np.ndarray  # int (blocks,), the same

    @property
    def part_of_row(self) -> np.ndarray:
        """Number of the part of each row."""
        return self.part[self.of_row]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum rows within blocks: (rows, targets) becomes (blocks, targets)."""
        return _sum_runs(self.of_row, values)

    def part_sums(self, sums: np.ndarray) -> np.ndarray:
        """Sum blocks within parts: (blocks, ...) becomes (parts, ...)."""
        flat = sums.reshape(len(sums), -1)
        return _sum_runs(self.part, flat).reshape(-1, *sums.shape[1:])

    def centered(self, values: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Subtract from rows that are present the mean of their part; others become 0."""
        part = self.part_of_row
        filled = np.where(present, values, 0.0)
        size = np.maximum(_sum_runs(part, present), 1)
        return np.where(present, filled - (_sum_runs(part, filled) / size)[part], 0)


class Estimate(NamedTuple):
    """A statistic of each target, without each block too, and why it is undefined."""

    value: np.ndarray  # float (targets,)
    without: np.ndarray  # float (blocks, targets)
    size: np.ndarray  # rows of each block that a target has, (blocks, targets)
    reason: np.ndarray  # uint8 (targets,), places in `undefined.REASONS`


def mean_over_parts(
    sums: np.ndarray, blocks: Blocks, statistic: Statistic
) -> tuple[np.ndarray, np.ndarray]:
    """Average a statistic over parts, with all blocks and without each.

    Parameters
    ----------
    sums : float array (blocks, targets, m)
        Sums over the rows of each block.
    blocks : Blocks
    statistic : callable
        Takes sums (k, targets, m) and returns values (k, targets, q) and weights (k, targets);
        parts of weight 0, where it is undefined, are skipped.

    Returns
    -------
    value : float array (targets, q)
        NaN where it is undefined in every part.
    without : float array (blocks, targets, q)
    """
    totals = blocks.part_sums(sums)
    return combine_parts(statistic(totals), statistic(totals[blocks.part] - sums), blocks.part)


def combine_parts(
    whole: tuple[np.ndarray, np.ndarray], left: tuple[np.ndarray, np.ndarray], part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average values of parts, where leaving out a block changes that of its own part only.

    Parameters
    ----------
    whole : pair of float arrays (parts, targets, q), (parts, targets)
        Values and weights of the parts.
    left : pair of float arrays (blocks, targets, q), (blocks, targets)
        Of the part of each block, without it.
    part : int array (blocks,)
        Part of each block.

    Returns
    -------
    value : float array (targets, q)
    without : float array (blocks, targets, q)
    """
    summed, weight = _weighed(*whole)
    other, its_weight = _weighed(*left)
    value = _ratio(summed.sum(0), weight.sum(0))
    without = _ratio(
        summed.sum(0) - summed[part] + other, weight.sum(0) - weight[part] + its_weight
    )
    return value, without


def jackknife_error(value: np.ndarray, without: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Compute a standard error from a statistic without each block, for blocks of unequal size.

    With n rows, m_j of them in block j, h_j = n / m_j, g blocks and t_j the statistic without block
    j, the pseudo-values are h_j t - (h_j - 1) t_j, and the variance of t the mean over blocks of
    their squared deviations from g t - sum_j (1 - m_j / n) t_j, each over h_j - 1.

    Parameters
    ----------
    value : float array (targets,)
    without : float array (blocks, targets)
    size : array (blocks, targets)
        Rows in each block; blocks of none do not count.

    Returns
    -------
    float array (targets,)
        NaN with fewer than two blocks, or where the statistic is undefined without one of them.

    References
    ----------
    Busing, Meijer & van der Leeden (1999), doi:10.1023/A:1008800423698.
    """
    n, counted = size.sum(0), size > 0
    number = counted.sum(0)
    share = size / np.maximum(n, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        h = np.where(counted, 1 / share, 2)
        center = number * value - np.where(counted, (1 - share) * without, 0).sum(0)
        spread = (h * value - (h - 1) * without - center) ** 2 / (h - 1)
        variance = np.where(counted, spread, 0).sum(0) / number
    return np.where(number > 1, np.sqrt(np.where(number > 1, variance, 0)), np.nan)


def _sum_runs(numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum rows of equal, ascending numbers; a sparse product, as `add.reduceat` is slow here."""
    ends = np.searchsorted(numbers, np.arange(numbers[-1] + 2))
    ones, rows = np.ones(len(numbers)), np.arange(len(numbers))
    indicator = sparse.csr_array((ones, rows, ends), shape=(len(ends) - 1, len(numbers)))
    return indicator @ values.astype(float, copy=False)


def _weighed(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weights = weights[..., None]
    return np.where(weights > 0, values, 0) * weights, weights


def _ratio(summed: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.where(weight > 0, summed / np.where(weight > 0, weight, 1), np.nan)
