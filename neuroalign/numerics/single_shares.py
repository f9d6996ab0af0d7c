"""What can be said of single responses: how much of them is signal, and bounds of correlations."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.blockwise import Blocks, Estimate, Statistic, mean_over_parts
from neuroalign.numerics.moments import FEWEST_ROWS
from neuroalign.numerics.reliability import rounding_floor, why_undefined
from neuroalign.numerics.spiking import Repetitions, count_repetitions


def explainable_share(values: np.ndarray, codes: np.ndarray, blocks: Blocks) -> Estimate:
    """Estimate the share of signal in the variance of single responses within parts.

    1 - N / T: T is the variance of all responses of a part (ddof 1), N the mean of s_i^2, the
    variance (ddof 1) of the k_i responses to stimulus i, with the weights k_i. Stimuli shown once
    have no s_i^2, and count in T only.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    blocks : Blocks
        Of the stimuli.

    Returns
    -------
    Estimate
    """
    responses, y = _centered(values, codes, blocks)
    k, squares, several = responses.counts, responses.squares, responses.counts > 1
    weighted = np.where(several, squares * k / np.maximum(k - 1, 1), 0)
    floor = rounding_floor(responses)

    def share(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, repeated, weighted, number, y, yy = np.moveaxis(sums, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            total = np.maximum(yy - y**2 / number, 0) / (number - 1)
            defined = (n >= FEWEST_ROWS) & (repeated > 0) & (total > floor)
            return (1 - weighted / repeated / total)[..., None], np.where(defined, n, 0)

    summands = (k > 0, k * several, weighted, k, k * y, squares + k * y**2)
    return _estimate(summands, blocks, share, responses, several)


def jackknife_oracle(values: np.ndarray, codes: np.ndarray, blocks: Blocks) -> Estimate:
    """Correlate single responses with the average of the others to the same stimulus.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing. Stimuli with one response are left out.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    blocks : Blocks
        Of the stimuli; the correlation is within parts, averaged with their stimuli as weights.

    Returns
    -------
    Estimate
    """
    responses, y = _centered(values, codes, blocks)
    several = responses.counts > 1
    k = np.where(several, responses.counts, 0)
    total = k * y  # of the responses to a stimulus
    square = np.where(several, responses.squares, 0) + k * y**2
    others = np.maximum(k - 1, 1)  # behind the average of the others, (total - response) / others
    summands = (
        several,
        k,
        total,
        square,
        ((k - 2) * total**2 + square) / others**2,
        (total**2 - square) / others,
    )
    floor = rounding_floor(responses)

    def correlation(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, number, y, yy, oo, yo = np.moveaxis(sums, -1, 0)  # the others sum to y too
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = y / number
            spread, guessed = yy / number - mean**2, oo / number - mean**2
            defined = (n >= FEWEST_ROWS) & (np.minimum(spread, guessed) > floor)
            r = (yo / number - mean**2) / np.sqrt(spread * guessed)
            return r[..., None], np.where(defined, n, 0)

    return _estimate(summands, blocks, correlation, responses, several)


def conservative_oracle(values: np.ndarray, codes: np.ndarray, blocks: Blocks) -> Estimate:
    """Divide the spread of averages by that of single responses, noise in both.

    sqrt(V / (V + W)): V is the variance of the averages of a part, W the mean over its stimuli of
    the variance of single responses, both with ddof 0.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing. Stimuli with one response are left out.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    blocks : Blocks
        Of the stimuli; averaged over parts with their stimuli as weights.

    Returns
    -------
    Estimate
    """
    responses, y = _centered(values, codes, blocks)
    several = responses.counts > 1
    y = np.where(several, y, 0)
    within = np.where(several, responses.squares / np.maximum(responses.counts, 1), 0)
    floor = rounding_floor(responses)

    def bound(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, y, yy, within = np.moveaxis(sums, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(yy / n - (y / n) ** 2, 0)
            total = variance + within / n
            defined = (n >= FEWEST_ROWS) & (total > floor)
            return np.sqrt(variance / total)[..., None], np.where(defined, n, 0)

    return _estimate((several, y, y**2, within), blocks, bound, responses, several)


def _centered(
    values: np.ndarray, codes: np.ndarray, blocks: Blocks
) -> tuple[Repetitions, np.ndarray]:
    """Count repetitions, and center their averages within parts."""
    responses = count_repetitions(values, codes)
    return responses, blocks.centered(responses.averages, responses.shown)


def _estimate(
    summands: tuple[np.ndarray, ...],
    blocks: Blocks,
    statistic: Statistic,
    responses: Repetitions,
    several: np.ndarray,
) -> Estimate:
    sums = np.stack([blocks.sums(part) for part in summands], axis=-1)
    value, without = (part[..., 0] for part in mean_over_parts(sums, blocks, statistic))
    enough = np.any(blocks.part_sums(blocks.sums(several)) >= FEWEST_ROWS, axis=0)
    return Estimate(value, without, sums[..., 0], why_undefined(value, responses, enough))
