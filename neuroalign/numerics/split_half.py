"""How well averages over parts of the repetitions agree, and what that says of all together."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import sparse

from neuroalign.numerics.blockwise import Blocks, Estimate, mean_over_parts
from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.moments import FEWEST_ROWS
from neuroalign.numerics.reliability import rounding_floor, why_undefined
from neuroalign.numerics.spiking import count_repetitions


class Draws(NamedTuple):
    """Random ways to deal out showings, the same for whatever neuroids they are applied to."""

    order: np.ndarray  # int (splits, showings): showings of each stimulus in random order
    first: np.ndarray  # int (splits, stimuli): the half that the first of them goes to
    n_parts: int  # halves, thirds, ...


def draw_splits(codes: np.ndarray, n_splits: int, n_parts: int, seed: list[int]) -> Draws:
    """Draw how the showings of each stimulus are dealt out to halves, or to more parts.

    Parameters
    ----------
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    n_splits, n_parts : int
    seed : list of int

    Returns
    -------
    Draws
    """
    rng = np.random.default_rng(seed)
    order = [np.lexsort((rng.random(len(codes)), codes)) for _ in range(n_splits)]
    return Draws(np.array(order), rng.integers(0, n_parts, (n_splits, codes[-1] + 1)), n_parts)


def split_half_share(
    values: np.ndarray, codes: np.ndarray, blocks: Blocks, draws: Draws
) -> tuple[Estimate, np.ndarray]:
    """Estimate the share of signal from the correlation of averages over halves of repetitions.

    In each split the responses to a stimulus are dealt out evenly, an odd one by lot, and the
    averages are correlated, pair by pair, within each part (fold) of the stimuli. The mean over
    pairs, folds (weighted by their stimuli) and splits is corrected once, by `spearman_brown`, to
    the averages over all repetitions.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing. Stimuli with fewer responses than `draws.n_parts` are not correlated.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    blocks : Blocks
        Of the stimuli.
    draws : Draws

    Returns
    -------
    share : Estimate
    correlation : float array (targets,)
        The mean that was corrected.
    """
    responses = count_repetitions(values, codes)
    shown, kept = responses.shown, responses.counts >= draws.n_parts
    weight, n_kept = (blocks.sums(part) for part in (shown, kept))
    floor = rounding_floor(responses)
    offset = responses.averages - blocks.centered(responses.averages, kept)
    present = np.isfinite(values)
    filled = np.where(present, values - offset[codes], 0.0)
    patterns = equal_columns(present)
    several = len(patterns) > 1
    parts = [filled[:, columns] if several else filled for columns in patterns]
    averages = np.empty((draws.n_parts, *shown.shape))
    summed, number = np.zeros((2, 1 + len(n_kept), values.shape[1]))
    correlate = partial(_mean_correlation, n_parts=draws.n_parts, floor=floor)
    for order, first in zip(draws.order, draws.first, strict=True):
        for columns, own in zip(patterns, parts, strict=True):
            here, keep = present[:, columns[0]], kept[:, columns[0]]
            dealt = _deal(here, codes, order, first, draws.n_parts)
            for part in range(draws.n_parts):
                average = _averaging(dealt, codes, keep, part) @ own
                averages[part][:, columns if several else slice(None)] = average
        sums = np.stack([weight, n_kept, *_moments(averages, blocks)], axis=-1)
        value, without = mean_over_parts(sums, blocks, correlate)
        found = np.concatenate([value[None], without])[..., 0]
        defined = np.isfinite(found)
        summed += np.where(defined, found, 0)
        number += defined
    r = np.where(number > 0, summed / np.maximum(number, 1), np.nan)
    share = spearman_brown(r, _gain(responses.counts, kept, blocks, draws.n_parts))
    enough = np.any(blocks.part_sums(n_kept) >= FEWEST_ROWS, axis=0)
    reason = why_undefined(share[0], responses, enough)
    return Estimate(share[0], share[1:], weight, reason), r[0]


def spearman_brown(correlation: np.ndarray, gain: np.ndarray | float = 2.0) -> np.ndarray:
    """Correct a correlation of averages over parts of the repetitions to all of them.

    g r / (1 + (g - 1) r) with g = `gain`, the ratio of noise in a part to noise in the whole; 2
    gives the formula of Spearman and Brown, k its form for k parts. Not defined for r <= 0, where
    the correction would run away to minus infinity; such values are returned as they are.

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


def _mean_correlation(
    sums: np.ndarray, *, n_parts: int, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average the correlations of pairs of averages, from sums over the rows of parts."""
    weight, n = sums[..., 0], sums[..., 1]
    means, squares, products = np.split(sums[..., 2:], [n_parts, 2 * n_parts], -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = means / n[..., None]
        variance = np.maximum(squares / n[..., None] - means**2, 0)
        defined = (n >= FEWEST_ROWS) & (variance > floor[:, None]).all(-1)
        total = np.zeros_like(n)
        for number, (a, b) in enumerate(combinations(range(n_parts), 2)):
            covariance = products[..., number] / n - means[..., a] * means[..., b]
            total += covariance / (np.sqrt(variance[..., a]) * np.sqrt(variance[..., b]))
        mean = total / products.shape[-1]
    return mean[..., None], np.where(defined, weight, 0)


def _deal(
    present: np.ndarray, codes: np.ndarray, order: np.ndarray, first: np.ndarray, n_parts: int
) -> np.ndarray:
    """Deal out the responses that are there, (showings,): the part of each, -1 for none."""
    ordered = present[order]
    seen = np.cumsum(ordered) - ordered
    rank = seen - seen[np.searchsorted(codes, codes)]  # of the row among those of its stimulus
    dealt = np.empty_like(rank)
    dealt[order] = np.where(ordered, (rank + first[codes]) % n_parts, -1)
    return dealt


def _averaging(
    dealt: np.ndarray, codes: np.ndarray, kept: np.ndarray, part: int
) -> sparse.csr_array:
    """Return the matrix (stimuli, showings) that averages a part of the responses to each."""
    rows = np.flatnonzero((dealt == part) & kept[codes])
    ends = np.searchsorted(codes[rows], np.arange(len(kept) + 1))
    weights = 1 / np.repeat(np.maximum(np.diff(ends), 1), np.diff(ends))
    return sparse.csr_array((weights, rows, ends), shape=(len(kept), len(codes)))


def _moments(averages: np.ndarray, blocks: Blocks) -> list[np.ndarray]:
    """Sum averages, their squares and the products of pairs within blocks."""
    pairs = combinations(averages, 2)
    products = [*(a**2 for a in averages), *(a * b for a, b in pairs)]
    return [blocks.sums(part) for part in (*averages, *products)]


def _gain(counts: np.ndarray, kept: np.ndarray, blocks: Blocks, n_parts: int) -> np.ndarray:
    """Return how much more noise a part has than the whole, with all blocks and without each.

    The mean over stimuli that are kept of 1 / (responses in a part), over the mean over all that
    were shown of 1 / responses; (1 + blocks, targets).
    """
    small, odd = np.maximum(counts // n_parts, 1), counts % n_parts
    in_part = np.where(kept, (odd / (small + 1) + (n_parts - odd) / small) / n_parts, 0)
    in_whole = 1 / np.where(counts > 0, counts, np.inf)
    parts = (in_part, kept, in_whole, counts > 0)
    sums = np.stack([blocks.sums(part) for part in parts])
    total = sums.sum(1, keepdims=True)
    part, n_kept, whole, n = np.concatenate([total, total - sums], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (part / n_kept) / (whole / n)
