"""What repetitions say of the signal in single responses, and how much of it is predicted."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.moments import CONSTANT, FEWEST_ROWS, ROUNDING
from neuroalign.numerics.spiking import (
    CONSTANT_PREDICTION,
    CONSTANT_RESPONSE,
    LITTLE_EXPLAINABLE,
    MISSING_PREDICTION,
    NO_REPETITIONS,
    NO_SIGNAL_POWER,
    TOO_FEW,
    Measured,
    Repetitions,
    checked,
    constant_by_rounding,
    count_repetitions,
    measured,
    squared_deviations,
)


def explained_share(
    responses: Repetitions, predictions: np.ndarray, *, fewest: float
) -> tuple[Measured, np.ndarray]:
    """Compute which share of the explainable variance of single responses is explained.

    1 - (MSE - noise) / (total - noise). All N single responses weigh alike: MSE is the mean of
    their squared errors, total their variance (ddof 1), and noise the mean of s_i^2 with the
    weights k_i / N, s_i^2 being the variance (ddof 1) of the k_i responses to stimulus i.

    Parameters
    ----------
    responses : Repetitions
    predictions : float array (stimuli, targets)
    fewest : float
        Share of explainable in total variance below which the ratio is undefined.

    Returns
    -------
    share : Measured
    explainable : float array (targets,)
        (total - noise) / total.
    """
    missing, p = checked(responses, predictions)
    counts, scatter = responses.counts, responses.squares.sum(0)
    n = counts.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        grand = (counts * responses.averages).sum(0) / n
        between = (counts * (responses.averages - grand) ** 2).sum(0)
        total = (scatter + between) / (n - 1)
        error = (scatter + (counts * (responses.averages - p) ** 2).sum(0)) / n
        noise = (counts * responses.noise).sum(0) / n
        explainable = (total - noise) / total
        share = 1 - (error - noise) / (total - noise)
    constant = constant_by_rounding(responses, scatter + between)
    result = measured(
        share,
        (responses.shown.sum(0) < FEWEST_ROWS, TOO_FEW),
        (missing, MISSING_PREDICTION),
        (counts.max(0) < 2, NO_REPETITIONS),
        (constant, CONSTANT_RESPONSE),
        (~(explainable >= fewest), LITTLE_EXPLAINABLE),
    )
    return result, np.where(constant, np.nan, explainable)


def signal_power(responses: Repetitions) -> Measured:
    """Estimate the variance over stimuli of the noiseless response, without bias.

    Variance (ddof 1) of the averages, less the mean over stimuli of s_i^2 / k_i. For equal numbers
    of repetitions this is the mean of the estimate of Sahani & Linden over all ways to number the
    repetitions of each stimulus. It may be negative.

    Parameters
    ----------
    responses : Repetitions

    Returns
    -------
    Measured
    """
    n = responses.shown.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where(responses.shown, responses.noise / responses.counts, 0).sum(0) / n
        power = squared_deviations(responses) / (n - 1) - left
    return measured(
        power, (n < FEWEST_ROWS, TOO_FEW), (responses.counts.max(0) < 2, NO_REPETITIONS)
    )


def normalized_correlation(responses: Repetitions, predictions: np.ndarray) -> Measured:
    """Correlate predictions with averages, relative to what the noise of these allows.

    cov(m, p) / sqrt(var(p) SP), m being the averages and SP the signal power; all ddof 1.

    Parameters
    ----------
    responses : Repetitions
    predictions : float array (stimuli, targets)

    Returns
    -------
    Measured
    """
    missing, p = checked(responses, predictions)
    shown, n = responses.shown, responses.shown.sum(0)
    power, why = signal_power(responses)
    p = np.where(shown, p - np.where(shown, p, 0).sum(0) / np.maximum(n, 1), 0)
    m = np.where(shown, responses.averages - responses.mean, 0)
    spread, guessed = (m**2).sum(0), (p**2).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        normalized = (m * p).sum(0) / np.sqrt(guessed * np.maximum(power, 0) * (n - 1))
    return measured(
        normalized,
        (why == TOO_FEW, TOO_FEW),
        (missing, MISSING_PREDICTION),
        (why == NO_REPETITIONS, NO_REPETITIONS),
        (constant_by_rounding(responses, spread), CONSTANT_RESPONSE),
        (~(guessed > CONSTANT**2 * spread), CONSTANT_PREDICTION),
        (~(power > 0), NO_SIGNAL_POWER),
    )


def jackknife_oracle(values: np.ndarray, codes: np.ndarray) -> Measured:
    """Correlate single responses with the average of the others to the same stimulus.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing. Stimuli with one response are left out.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.

    Returns
    -------
    Measured
    """
    responses = count_repetitions(values, codes)
    counts = responses.counts[codes]
    used = np.isfinite(values) & (counts > 1)
    n = np.maximum(used.sum(0), 1)
    y = np.where(used, values, 0)
    others = np.where(used, (counts * responses.averages[codes] - y) / np.maximum(counts - 1, 1), 0)
    size = np.abs(y).max(0)
    y, others = (np.where(used, x - x.sum(0) / n, 0) for x in (y, others))
    flat = [(x**2).sum(0) <= n * (ROUNDING * size) ** 2 for x in (y, others)]
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (y * others).sum(0) / np.sqrt((y**2).sum(0) * (others**2).sum(0))
    return _oracle(r, responses, flat[0] | flat[1])


def conservative_oracle(responses: Repetitions) -> Measured:
    """Divide the spread of the averages by that of single responses, noise in both.

    sqrt(V / (V + W)): V is the variance of the averages, W the mean over stimuli of the variance of
    single responses, both with ddof 0. Stimuli with one response are left out.

    Parameters
    ----------
    responses : Repetitions

    Returns
    -------
    Measured
    """
    repeated = responses.without(responses.counts < 2)
    n = np.maximum(repeated.shown.sum(0), 1)
    within = (repeated.squares / np.maximum(repeated.counts, 1)).sum(0) / n
    spread = squared_deviations(repeated)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.sqrt(spread / n / (spread / n + within))
    return _oracle(r, responses, constant_by_rounding(repeated, spread + within))


def _oracle(r: np.ndarray, responses: Repetitions, constant: np.ndarray) -> Measured:
    n_repeated = (responses.counts > 1).sum(0)
    return measured(
        r,
        (responses.shown.sum(0) < FEWEST_ROWS, TOO_FEW),
        (n_repeated == 0, NO_REPETITIONS),
        (n_repeated < FEWEST_ROWS, TOO_FEW),
        (constant, CONSTANT_RESPONSE),
    )
