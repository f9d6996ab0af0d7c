"""From frames of sounds and films to events of a stream, each with its own onset and duration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, name_some
from neuroalign.features.matching import design_rows

# How far the spacing of frames may be from even, as a share of their step.
UNEVEN = 1e-3


def frame_events(
    activations: xr.DataArray, events: pd.DataFrame, ends: Mapping[str, float], *, border: float
) -> tuple[xr.DataArray, pd.DataFrame]:
    """Turn the frames of stimuli into events.

    A frame with its center at `time` lasts from half a step before that to half a step after it,
    counted from the onset of its stimulus. Left out are frames of NaN, which lie past the end of a
    shorter stimulus; those whose center is not within the duration of the stimulus, where one of
    more than 0 s is stated, since they were not shown; and those that begin past the end of the
    run, while nothing was recorded any more.

    Parameters
    ----------
    activations : DataArray (stimulus, time, ...)
        With the coordinate `time`, evenly spaced, in s.
    events : DataFrame
        Index: labels of stimuli. Columns: run, onset (s in the run), duration (s).
    ends : mapping of str to float
        Run -> its end, in s.
    border : float
        Seconds by which a frame that begins at the end of a run may be early.

    Returns
    -------
    activations : DataArray (stimulus, unit)
        One row a frame, called "<stimulus>/<number of the frame>".
    events : DataFrame
        Of the frames, in the same order.
    """
    step, time = frame_step(activations), activations["time"].values.astype(float)
    activations = activations.transpose("stimulus", "time", ...)
    labels = events.index.to_numpy(str)
    known = design_rows(activations.notnull(), labels).reshape(len(labels), len(time), -1)
    present: np.ndarray = np.any(known, axis=2)
    if (silent := ~present.any(axis=1)).any():
        message = (
            f"{silent.sum()} of {len(labels)} stimuli have no frame that is not NaN "
            f"{name_some(labels[silent])}; leave them out."
        )
        raise DataError(message)
    onsets, durations = (events[[name]].to_numpy() for name in ("onset", "duration"))
    end = events["run"].map(ends).to_numpy()[:, None]
    begins = onsets + time - step / 2
    shown = (durations == 0) | (time < durations)
    row, frame = np.nonzero(present & shown & (begins < end - border))
    places = activations.indexes["stimulus"].get_indexer(list(labels))
    values = np.asarray(activations.values).reshape(len(activations), len(time), -1)
    names = [f"{labels[stimulus]}/{number}" for stimulus, number in zip(row, frame, strict=True)]
    coords = {
        name: axis
        for name, axis in activations.coords.items()
        if axis.dims in ((), ("unit",)) and name != "time"
    }
    flat = xr.DataArray(
        values[places[row], frame], {**coords, "stimulus": names}, ("stimulus", "unit"),
        attrs=activations.attrs,
    )  # fmt: skip
    table = {"run": events["run"].to_numpy()[row], "onset": begins[row, frame], "duration": step}
    return flat, pd.DataFrame(table, index=names)


def frame_step(activations: xr.DataArray) -> float:
    """Return the seconds between frames, which must follow each other evenly.

    Where there is one frame, it is taken to begin at the onset of the stimulus.
    """
    time = np.asarray(activations["time"].values)
    numbers = time.dtype.kind in "iuf" and np.isfinite(time).all() and len(time)
    steps = np.diff(time.astype(float)) if numbers else np.array([])
    step = float(np.mean(steps)) if len(steps) else (2 * float(time[0]) if numbers else 0.0)
    if step <= 0 or (np.abs(steps - step) > UNEVEN * step).any():
        message = (
            "The coordinate 'time' of the activations is not evenly spaced; the centers of frames "
            "in s from the onset of the stimulus are needed, in their order."
        )
        raise DataError(message)
    return step
