"""Signal power: what numbered repetitions have in common, over stimuli."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from neuroalign.numerics.blockwise import Blocks, Estimate, combine_parts
from neuroalign.numerics.reliability import (
    FEWEST_FOR_RATIO,
    in_small_parts,
    rounding_floor,
    why_undefined,
)
from neuroalign.numerics.spiking import count_repetitions


def signal_power_share(
    values: np.ndarray, codes: np.ndarray, repetitions: np.ndarray, blocks: Blocks
) -> Estimate:
    """Estimate the share of signal power in the variance of stimulus averages within parts.

    The noise variance s^2 of single responses is half the variance over stimuli (ddof 1) of the
    difference of two repetitions, averaged over all pairs of them with their degrees of freedom as
    weights. With V the variance of the averages, V - s^2 mean_i(1 / k_i) is the signal power; for R
    complete repetitions it is (Var(sum_r y_r) - sum_r Var(y_r)) / (R (R - 1)). Its share in V is
    averaged over parts, and corrected for small ones, as in `anova_share`, which differs in one
    thing only: what a repetition adds to all stimuli alike is no noise here.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    repetitions : int array (showings,)
        Number of the repetition of each row, from 0; none twice for a stimulus.
    blocks : Blocks
        Of the stimuli.

    Returns
    -------
    Estimate
    """
    responses = count_repetitions(values, codes)
    shown = responses.shown
    averages = blocks.centered(responses.averages, shown)
    offset = (responses.averages - averages)[codes]
    table = np.full((repetitions.max() + 1, len(shown)), -1)
    table[repetitions, codes] = np.arange(len(codes))
    single = [_of_repetition(values - offset, rows) for rows in table]
    whole = np.zeros((2, blocks.part[-1] + 1, values.shape[1]))
    left = np.zeros((2, len(blocks.part), values.shape[1]))  # the part of each block without it
    for one, other in combinations(single, 2):
        both = np.isfinite(one) & np.isfinite(other)
        difference = np.where(both, one - other, 0)
        sums = np.stack([blocks.sums(x) for x in (both, difference, difference**2)])
        totals = np.stack([blocks.part_sums(x) for x in sums])
        whole += _deviations(totals)
        left += _deviations(totals[:, blocks.part] - sums)
    inverse = 1 / np.where(shown, responses.counts, np.inf)
    sums = np.stack([blocks.sums(x) for x in (shown, averages, averages**2, inverse)])
    totals = np.stack([blocks.part_sums(x) for x in sums])
    floor = rounding_floor(responses)
    value, without = combine_parts(
        _share(whole, totals, floor),
        _share(left, totals[:, blocks.part] - sums, floor),
        blocks.part,
    )
    shares = in_small_parts(value), in_small_parts(without)
    enough = ((totals[0] >= FEWEST_FOR_RATIO) & (whole[1] > 0)).any(0)
    return Estimate(*shares, sums[0], why_undefined(shares[0], responses, enough))


def _of_repetition(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the responses in one repetition, (stimuli, targets); NaN for those without a row."""
    return np.where((rows >= 0)[:, None], values[rows], np.nan)


def _deviations(sums: np.ndarray) -> np.ndarray:
    """Turn n and sums of differences and their squares into squared deviations, and n - 1."""
    n, d, dd = sums
    return np.where(n > 1, np.stack([dd - d**2 / np.maximum(n, 1), n - 1]), 0)


def _share(
    differences: np.ndarray, averages: np.ndarray, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Relate the noise in the averages of a part to their variance; weigh it by its stimuli."""
    (squares, freedom), (n, y, yy, inverse) = differences, averages
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.maximum(yy - y**2 / n, 0) / (n - 1)
        noise = squares / freedom / 2 * inverse / n
        defined = (n >= FEWEST_FOR_RATIO) & (freedom > 0) & (variance > floor)
        share = 1 - noise / variance * (n - 3) / (n - 1)
        return np.stack([share, 1 / (n - 1)], -1), np.where(defined, n, 0)
