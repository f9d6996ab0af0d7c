"""How much of the variance of averaged responses is signal, from the scatter of repetitions."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.blockwise import Blocks, Estimate, mean_over_parts
from neuroalign.numerics.moments import FEWEST_ROWS, ROUNDING
from neuroalign.numerics.spiking import Repetitions, count_repetitions
from neuroalign.numerics.undefined import CONSTANT_RESPONSE, DEFINED, NO_REPETITIONS, TOO_FEW

# Stimuli below which a ratio of variances says nothing: its expectation runs away at three.
FEWEST_FOR_RATIO = 5


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


def anova_share(values: np.ndarray, codes: np.ndarray, blocks: Blocks) -> Estimate:
    """Estimate the share of signal in the variance of stimulus averages within parts.

    In a part of n stimuli, with k_i responses to stimulus i, s_i^2 their variance (ddof 1) and V
    the variance of the averages (ddof 1), the noise in an average is N = mean_i(s_i^2 / k_i). For a
    stimulus shown once, s_i^2 is pooled over the others of the part. The share of the part is
    1 - N / V, but N / V is too large by (n - 1) / (n - 3) on average (of a normal distribution),
    which is corrected. C is the mean over parts, weighted by n. The correlation of the noiseless
    response with the averages is sqrt(C) (1 - (1 - C) / 2 / (n - 1)) on average in a part of n
    stimuli; what is returned is its square to that order, C - C (1 - C) / (n - 1). Not clipped:
    where there is no signal it scatters around 0.

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
    responses = count_repetitions(values, codes)
    counts, shown = responses.counts, responses.shown
    averages = blocks.centered(responses.averages, shown)
    several, spare = counts > 1, np.maximum(counts - 1, 0)
    own = np.where(several, responses.squares / np.maximum(spare * counts, 1), 0)
    summands = (shown, averages, averages**2, own, counts == 1, responses.squares, spare)
    sums = np.stack([blocks.sums(part) for part in summands], axis=-1)
    floor = rounding_floor(responses)

    def share(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, y, yy, own, single, squares, spare = np.moveaxis(sums, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(yy - y**2 / n, 0) / (n - 1)
            noise = (own + np.where(single > 0, single * squares / spare, 0)) / n
            ratio = noise / variance * (n - 3) / (n - 1)
            defined = (n >= FEWEST_FOR_RATIO) & (spare > 0) & (variance > floor)
            return np.stack([1 - ratio, 1 / (n - 1)], -1), np.where(defined, n, 0)

    value, without = mean_over_parts(sums, blocks, share)
    shares = in_small_parts(value), in_small_parts(without)
    n, spare = np.moveaxis(blocks.part_sums(sums)[..., [0, 6]], -1, 0)
    enough = ((n >= FEWEST_FOR_RATIO) & (spare > 0)).any(0)
    return Estimate(*shares, sums[..., 0], why_undefined(shares[0], responses, enough))


def ncsnr_share(values: np.ndarray, codes: np.ndarray, blocks: Blocks) -> Estimate:
    """Estimate the share of signal by the noise-ceiling signal-to-noise ratio, clipped at 0.

    The noise has the standard deviation s_n = sqrt(mean_i(s_i^2)), over the stimuli shown twice or
    more; the signal s = sqrt(max(0, T - s_n^2)), T being the variance of all responses (ddof 0);
    their ratio is q = s / s_n. The share is q^2 / (q^2 + mean_i(1 / k_i)).

    Parameters
    ----------
    values : float array (showings, targets)
        Standardized, as within sessions; NaN where missing.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.
    blocks : Blocks
        Of the stimuli. Parts are taken together, as published.

    Returns
    -------
    Estimate
    """
    responses = count_repetitions(values, codes)
    counts, shown, several = responses.counts, responses.shown, responses.counts > 1
    summands = (
        shown,
        1 / np.where(shown, counts, np.inf),
        several,
        np.where(several, responses.squares / np.maximum(counts - 1, 1), 0),
        counts,
        counts * responses.averages,
        responses.squares + counts * responses.averages**2,
    )
    sums = np.stack([blocks.sums(part) for part in summands], axis=-1)
    floor = rounding_floor(responses)
    together = blocks._replace(part=np.zeros_like(blocks.part))

    def share(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, inverse, repeated, scatter, number, y, yy = np.moveaxis(sums, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            total = yy / number - (y / number) ** 2
            noise = scatter / repeated
            signal = np.maximum(total - noise, 0)
            found = signal / (signal + noise * inverse / n)
            defined = (n >= FEWEST_ROWS) & (repeated > 0) & (total > floor)
            return found[..., None], np.where(defined, n, 0)

    value, without = (part[..., 0] for part in mean_over_parts(sums, together, share))
    enough = shown.sum(0) >= FEWEST_ROWS
    return Estimate(value, without, sums[..., 0], why_undefined(value, responses, enough))


def in_small_parts(means: np.ndarray) -> np.ndarray:
    """Turn a share C and the mean of 1 / (n - 1) into what r^2 reaches in parts of n rows."""
    share, small = np.moveaxis(means, -1, 0)
    return share - share * (1 - share) * small


def rounding_floor(responses: Repetitions) -> np.ndarray:
    """Return the variance below which averages are one value and its rounding, (targets,)."""
    return (ROUNDING * np.abs(responses.averages).max(0)) ** 2


def why_undefined(value: np.ndarray, responses: Repetitions, enough: np.ndarray) -> np.ndarray:
    """Say why a ceiling of repetitions is NaN: no repetitions, too few stimuli, or no variance."""
    missing = np.isnan(value)
    single = responses.counts.max(0, initial=0) < 2
    return np.select(
        [~missing, responses.shown.sum(0) == 0, single, ~enough],
        [DEFINED, TOO_FEW, NO_REPETITIONS, TOO_FEW],
        CONSTANT_RESPONSE,
    ).astype(np.uint8)
