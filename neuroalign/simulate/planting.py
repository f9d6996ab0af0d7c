"""What all simulators share: layers in, numbers of repetitions, and the share of signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some

# What is smaller than this share of where it came from is rounding.
ROUNDING = 1e-9
SPATIAL = ("stimulus", "channel", "row", "column")


def ordered_layer(activations: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of the stimuli in sorted order, and their activations in that order.

    What is simulated then belongs to labels, in whichever order the stimuli come.
    """
    if isinstance(activations, pd.DataFrame):
        message = (
            "Activations are given as a DataFrame; simulators need a DataArray, as in "
            "xr.DataArray(frame.to_numpy(), {'stimulus': frame.index}, ('stimulus', 'unit'))."
        )
        raise DataError(message)
    if not isinstance(activations, xr.DataArray) or "stimulus" not in activations.coords:
        message = (
            f"Activations are given as a {type(activations).__name__} without labels; simulators "
            "need a DataArray with the coordinate 'stimulus'."
        )
        raise DataError(message)
    if activations.dims not in (("stimulus", "unit"), SPATIAL):
        message = (
            f"Activations have the dimensions {activations.dims}; simulators need "
            f"('stimulus', 'unit') or {SPATIAL}."
        )
        raise DataError(message)
    labels = as_labels(activations["stimulus"].values, "stimulus")
    if twice := repeated(labels):
        message = f"{len(twice)} stimuli have activations more than once {name_some(twice)}."
        raise DataError(message)
    order = np.argsort(labels)
    values = np.asarray(activations.isel(stimulus=order).values, dtype=float)
    if bad := int((~np.isfinite(values)).sum()):
        message = f"{bad} activations are not finite, so no response can be planted on them."
        raise DataError(message)
    return labels[order], values


def repetition_range(n_repetitions: int | tuple[int, int]) -> tuple[int, int]:
    """Return the fewest and the most repetitions of a stimulus."""
    pair = n_repetitions if isinstance(n_repetitions, tuple) else (n_repetitions, n_repetitions)
    whole = len(pair) == 2 and all(
        isinstance(number, (int, np.integer)) and not isinstance(number, bool) for number in pair
    )
    if not whole or not 1 <= pair[0] <= pair[1]:
        message = (
            f"n_repetitions={n_repetitions!r} is neither a number nor a pair (fewest, most) of "
            "numbers of 1 or more."
        )
        raise DataError(message)
    return int(pair[0]), int(pair[1])


def share_of_signal(noiseless: np.ndarray, noise_variance: np.ndarray) -> np.ndarray:
    """Return the share of signal in the variance of averaged responses.

    Parameters
    ----------
    noiseless : array (stimulus, ...)
        Noiseless responses to the stimuli shown, each once.
    noise_variance : array (...)
        Mean over stimuli of the variance of the noise that is left in an average.

    Returns
    -------
    array (...)
    """
    signal = noiseless.var(0, ddof=1)
    return signal / (signal + noise_variance)


def standardized(values: np.ndarray) -> np.ndarray:
    """Give every unit mean 0 and variance 1 over stimuli; a constant one becomes 0."""
    flat = values.reshape(len(values), -1)
    centered = flat - flat.mean(0)
    spread = centered.std(0, ddof=1)
    varies = spread > ROUNDING * np.abs(flat).max(0)
    if len(flat) < 3 or not varies.any():
        message = (
            f"Activations of {flat.shape[1]} units to {len(flat)} stimuli do not vary enough to "
            "plant responses on; simulators need 3 stimuli or more, and a unit that varies."
        )
        raise DataError(message)
    return centered * np.where(varies, 1 / np.where(varies, spread, 1), 0)


def unit_variance(columns: np.ndarray) -> np.ndarray:
    """Center columns and scale them to variance 1."""
    centered = columns - columns.mean(0)
    return centered / centered.std(0, ddof=1)


def uncorrelated_part(columns: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Take from each column what the same column of others explains, and scale to variance 1.

    The others are uncorrelated with each other, and of variance 1.
    """
    rest = columns - columns.mean(0)
    size = np.sqrt((rest**2).sum(0))
    for _ in range(2):  # the second time takes what rounding left
        for other in others:
            rest = rest - other * (other * rest).sum(0) / (len(rest) - 1)
    if (np.sqrt((rest**2).sum(0)) <= ROUNDING * size).any():
        message = (
            f"The activations have too few independent units for {len(others) + 1} parts of a "
            "signal that are uncorrelated; plant on a larger layer, on fewer subjects, or with "
            "shared=1."
        )
        raise DataError(message)
    return unit_variance(rest)


def subject_signals(
    units: np.ndarray, draws: Sequence[Callable[[], np.ndarray]], shared: float
) -> list[np.ndarray]:
    """Weigh units into signals of variance 1, of which subjects share a part.

    The part that all have and the own part of each are uncorrelated, so that the signals of any two
    subjects correlate by exactly `shared`.

    Parameters
    ----------
    units : array (row, unit)
    draws : sequence of functions
        Each draws weights (unit, neuroid): those that are shared, then those of each subject.
    shared : float
        Share of the variance of each signal, from 0 to 1.

    Returns
    -------
    list of array (row, neuroid)
    """
    if not 0 <= shared <= 1:
        message = f"shared={shared!r} is not a share of the variance from 0 to 1."
        raise DataError(message)
    parts = [unit_variance(units @ draws[0]())]
    if shared == 1:
        return parts * (len(draws) - 1)
    for draw in draws[1:]:
        parts.append(uncorrelated_part(units @ draw(), parts))
    return [np.sqrt(shared) * parts[0] + np.sqrt(1 - shared) * own for own in parts[1:]]


def drawn_snr(
    snr: float | tuple[float, float], n_neuroids: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the variance of each signal over that of the noise, evenly on a logarithmic scale."""
    if isinstance(snr, tuple):
        if len(snr) == 2 and 0 < snr[0] <= snr[1] < np.inf:
            return np.exp(rng.uniform(np.log(snr[0]), np.log(snr[1]), n_neuroids))
    elif isinstance(snr, (int, float)) and 0 <= snr < np.inf:
        return np.full(n_neuroids, float(snr))
    message = (
        f"snr={snr!r} is neither a ratio of variances of 0 or more, nor a pair (lowest, highest) "
        "of ratios above 0."
    )
    raise DataError(message)


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return a count, refusing what is none."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least:
        return int(value)
    message = f"{name}={value!r} is not a whole number of {least} or more."
    raise DataError(message)
