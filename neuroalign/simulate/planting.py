"""What all simulators share: layers in, numbers of repetitions, and the share of signal."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some

SPATIAL = ("stimulus", "channel", "row", "column")


def ordered_layer(activations: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of the stimuli in sorted order, and their activations in that order.

    What is simulated then belongs to labels, in whichever order the stimuli come.
    """
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
