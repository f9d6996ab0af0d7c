"""What repetitions say of the signal in single responses, and how much of it is predicted."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.moments import CONSTANT, FEWEST_ROWS
from neuroalign.numerics.spiking import (
    Measured,
    Repetitions,
    checked,
    constant_by_rounding,
    measured,
    squared_deviations,
)
from neuroalign.numerics.undefined import (
    CONSTANT_PREDICTION,
    CONSTANT_RESPONSE,
    LITTLE_EXPLAINABLE,
    MISSING_PREDICTION,
    NO_REPETITIONS,
    NO_SIGNAL_POWER,
    TOO_FEW,
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
