"""Frames of sounds and films: where in time they stand, and their labelled activations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from neuroalign.models.protocol import label_layer


def n_frames(duration: float, step: float) -> int:
    """Return how many frames of a step have their center, (k + 1/2) step, within a duration.

    One at least, so that the shortest sound has activations.

    Parameters
    ----------
    duration, step : float
        In s.

    Returns
    -------
    int
    """
    # A frame whose center is the very end is out, whatever the rounding of the division.
    return max(1, math.ceil(duration / step - 0.5 - 1e-6))


def frame_centers(number: int, step: float) -> np.ndarray:
    """Return the centers (frame,) of frames that follow each other from the onset on, in s."""
    return (np.arange(number) + 0.5) * step


def label_frames(
    values: Sequence[np.ndarray], time: np.ndarray, layer: str, stimuli: Sequence[str], model: str
) -> xr.DataArray:
    """Put the frames of stimuli of different lengths into one labelled array.

    Parameters
    ----------
    values : sequence of ndarray (frame, unit)
        One for each stimulus.
    time : ndarray (time,)
        Centers, in s from the onset, of as many frames as the longest stimulus has.
    layer : str
    stimuli : sequence of str
    model : str

    Returns
    -------
    DataArray (stimulus, time, unit), float32
        NaN past the end of a stimulus.
    """
    shape = (len(values), len(time), values[0].shape[1])
    padded = np.full(shape, np.nan, dtype=np.float32)
    for row, frames in zip(padded, values, strict=True):
        row[: len(frames)] = frames
    return label_layer(padded, layer, stimuli, model, axes=("time", "unit"), time=time)
