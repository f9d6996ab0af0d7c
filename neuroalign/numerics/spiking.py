"""Measures of predicted spike counts, from single responses to stimuli that may repeat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from neuroalign.numerics.moments import FEWEST_ROWS, ROUNDING
from neuroalign.numerics.undefined import (
    CONSTANT_RESPONSE,
    DEFINED,
    MISSING_PREDICTION,
    SILENT_IN_TEST,
    SILENT_IN_TRAINING,
    TOO_FEW,
    ZERO_RATE,
)


class Measured(NamedTuple):
    """Values of a measure, NaN where it is undefined, and why."""

    values: np.ndarray  # float (targets,)
    reason: np.ndarray  # uint8 (targets,), place in `undefined.REASONS`


class Repetitions(NamedTuple):
    """What single responses amount to, stimulus by stimulus."""

    counts: np.ndarray  # int (stimuli, targets), responses there are
    averages: np.ndarray  # float (stimuli, targets), 0 where there is none
    squares: np.ndarray  # float (stimuli, targets), squared deviations from the average, summed

    def without(self, lacking: np.ndarray) -> Repetitions:
        """Leave out the responses to some stimuli, by a bool array (stimuli, targets)."""
        return Repetitions(*(np.where(lacking, 0, part) for part in self))

    @property
    def shown(self) -> np.ndarray:
        """Where there are responses, bool (stimuli, targets)."""
        return self.counts > 0

    @property
    def mean(self) -> np.ndarray:
        """Mean of the averages, every stimulus counting once, (targets,)."""
        return self.averages.sum(0) / np.maximum(self.shown.sum(0), 1)

    @property
    def noise(self) -> np.ndarray:
        """Variance (ddof 1) of responses to one stimulus; pooled over the others if shown once.

        NaN for targets to which no stimulus was shown twice.
        """
        spare = np.maximum(self.counts - 1, 0)
        with np.errstate(invalid="ignore"):
            pooled = self.squares.sum(0) / spare.sum(0)
        return np.where(self.counts > 1, self.squares / np.maximum(spare, 1), pooled)


def count_repetitions(values: np.ndarray, codes: np.ndarray) -> Repetitions:
    """Count, average and measure the scatter of the responses to each stimulus.

    Parameters
    ----------
    values : float array (showings, targets)
        NaN where missing.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending from 0 without gaps.

    Returns
    -------
    Repetitions
    """
    starts = np.searchsorted(codes, np.arange(codes[-1] + 1))
    present = np.isfinite(values)
    counts = np.add.reduceat(present, starts, axis=0, dtype=int)
    filled = np.where(present, values, 0.0)
    averages = np.add.reduceat(filled, starts, axis=0) / np.maximum(counts, 1)
    deviations = np.where(present, filled - averages[codes], 0.0)
    return Repetitions(counts, averages, np.add.reduceat(deviations**2, starts, axis=0))


def poisson_bits(responses: Repetitions, rates: np.ndarray, null: np.ndarray) -> Measured:
    """Compute what rates say about counts beyond other rates, in bits per spike.

    Sum over all responses of log Poisson(y; rate) - log Poisson(y; null), over ln 2 times the
    number of spikes. log y! cancels, so that responses to one stimulus, which share a rate r and a
    null q, amount to k (m log(r / q) - (r - q)) with their number k and average m.

    Parameters
    ----------
    responses : Repetitions
        Of counts; their scatter is not used.
    rates, null : float arrays (stimuli, targets)
        0 or more, where there are responses.

    Returns
    -------
    Measured
        Undefined without spikes, and where a rate of 0 meets a spike: the likelihood is then 0,
        and its logarithm minus infinity.
    """
    counts, spikes = responses.counts, responses.counts * responses.averages
    missing = (responses.shown & ~np.isfinite(rates)).any(0)
    rate, base = (np.where(responses.shown & np.isfinite(x), x, 1.0) for x in (rates, null))
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = xlogy(spikes, rate) - xlogy(spikes, base) - counts * (rate - base)
        bits = gain.sum(0) / (spikes.sum(0) * np.log(2))
    return measured(
        bits,
        (~responses.shown.any(0), TOO_FEW),
        (missing, MISSING_PREDICTION),
        (spikes.sum(0) == 0, SILENT_IN_TEST),
        (((base == 0) & (spikes > 0)).any(0), SILENT_IN_TRAINING),
        (((rate == 0) & (spikes > 0)).any(0), ZERO_RATE),
    )


def average_r2(responses: Repetitions, predictions: np.ndarray) -> Measured:
    """Compute R2 of averaged responses about their mean; every stimulus counts once.

    Parameters
    ----------
    responses : Repetitions
    predictions : float array (stimuli, targets)

    Returns
    -------
    Measured
    """
    missing, p = checked(responses, predictions)
    error = (np.where(responses.shown, responses.averages - p, 0) ** 2).sum(0)
    spread = squared_deviations(responses)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1 - error / spread
    return measured(
        r2,
        (responses.shown.sum(0) < FEWEST_ROWS, TOO_FEW),
        (missing, MISSING_PREDICTION),
        (constant_by_rounding(responses, spread), CONSTANT_RESPONSE),
    )


def measured(values: np.ndarray, *faults: tuple[np.ndarray | np.bool, int]) -> Measured:
    """Put NaN where something is wrong, and the first thing that is as the reason."""
    reason = np.full(values.shape, DEFINED, dtype=np.uint8)
    for wrong, why in reversed(faults):
        reason[wrong] = why
    return Measured(np.where(reason == DEFINED, values, np.nan), reason)


def checked(responses: Repetitions, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell which targets lack a prediction where they responded; fill in what is not needed."""
    absent = ~np.isfinite(predictions)
    return (responses.shown & absent).any(0), np.where(absent, 0.0, predictions)


def squared_deviations(responses: Repetitions) -> np.ndarray:
    """Sum the squared deviations of the averages from their mean, (targets,)."""
    return (np.where(responses.shown, responses.averages - responses.mean, 0) ** 2).sum(0)


def constant_by_rounding(responses: Repetitions, squares: np.ndarray) -> np.ndarray:
    """Tell which sums of squared deviations are nothing but rounding of the averages."""
    size = np.abs(responses.averages).max(0)
    return squares <= np.maximum(responses.counts.sum(0), 1) * (ROUNDING * size) ** 2
