"""The clocks of a stream: its runs on even grids of samples, and the events in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import SPACING_TOLERANCE, as_labels
from neuroalign.errors import DataError, name_some
from neuroalign.numerics.time_grid import TOLERANCE


class Run(NamedTuple):
    """The samples of one run, and the gapless grid that they lie on."""

    name: str
    rows: np.ndarray  # numbers of its samples in the recording
    steps: np.ndarray  # place of each on the grid
    grid: np.ndarray  # starts of the sampling intervals of the whole run, in s
    end: float  # of its last interval, in s


def sampling_period(recording: xr.DataArray) -> float:
    """Return the seconds between samples, of a recording that is a stream with a clock."""
    if "sample" not in recording.dims:
        message = (
            f"TimeGrid is for recordings of streams, with dimension 'sample', but this one has "
            f"{tuple(map(str, recording.dims))}."
        )
        raise DataError(message)
    for name in ("run", "onset"):
        if name not in recording.coords or recording[name].dims != ("sample",):
            message = f"TimeGrid needs the coordinate {name!r} of every sample of the recording."
            raise DataError(message)
    period = recording.attrs.get("sampling_period")
    try:
        seconds = float(period)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        message = (
            f"The attribute 'sampling_period' of the recording is {period!r}; TimeGrid needs the "
            "seconds between samples."
        )
        raise DataError(message)
    return seconds


def runs_of(recording: xr.DataArray, period: float) -> list[Run]:
    """Lay the samples of each run on a grid, from the start to the end of the untrimmed run.

    The coordinates `run_start` and `run_end` of a trimmed recording say where these are.
    """
    onsets = recording["onset"].values.astype(float)
    starts, ends = onsets, onsets + period
    if "run_start" in recording.coords and "run_end" in recording.coords:
        starts, ends = recording["run_start"].values, recording["run_end"].values
    runs = recording["run"].values.astype(str)
    found = []
    for name in sorted(set(runs.tolist())):
        rows = np.flatnonzero(runs == name)
        start, end = float(starts[rows].min()), float(ends[rows].max())
        places = (onsets[rows] - start) / period
        steps = np.floor(places + 0.5)
        off = ~(np.abs(places - steps) <= SPACING_TOLERANCE)  # NaN too
        off |= pd.Series(steps).duplicated(keep=False).to_numpy()
        if off.any():
            labels = recording["sample"].values[rows[off]]
            message = (
                f"{off.sum()} of {len(rows)} samples of run {name!r} do not each begin a whole "
                f"number of sampling periods of {period:g} s after the first {name_some(labels)}."
            )
            raise DataError(message)
        grid = start + period * np.arange(math.floor((end - start) / period + 0.5))
        found.append(Run(name, rows, steps.astype(int), grid, end))
    return found


def events_of(stimuli: pd.DataFrame, runs: Sequence[Run], period: float) -> pd.DataFrame:
    """Return run, onset and duration of the events in these runs, all of them checked."""
    for name in ("run", "onset"):
        if name not in stimuli:
            message = f"TimeGrid needs the column {name!r} of the stimuli, which is missing."
            raise DataError(message)
    events = pd.DataFrame({"run": as_labels(stimuli["run"], "run")}, index=stimuli.index)
    for name, least in (("onset", -math.inf), ("duration", 0.0)):
        column = stimuli[name] if name in stimuli else pd.Series(0.0, stimuli.index)
        events[name] = pd.to_numeric(column, errors="coerce").astype(float)
        if (bad := ~(np.isfinite(events[name]) & (events[name] >= least))).any():
            needed = "onset in seconds" if name == "onset" else "duration of 0 s or more"
            message = (
                f"{bad.sum()} of {len(events)} stimuli have no {needed} "
                f"{name_some(events.index[bad])}."
            )
            raise DataError(message)
    events = events[events["run"].isin([run.name for run in runs])]
    if silent := sorted({run.name for run in runs} - set(events["run"])):
        message = f"{len(silent)} runs of the recording have no stimuli {name_some(silent)}."
        raise DataError(message)
    _check_inside(events, runs, TOLERANCE * period)
    return events


def check_durations(events: pd.DataFrame) -> None:
    """Refuse to mix impulses, which have an area of 1 s, with events that are shorter than 1 s."""
    moments = events["duration"] == 0
    if moments.any() and not moments.all():
        message = (
            f"{moments.sum()} of {len(events)} stimuli last 0 s, which resample='hrf' takes for "
            f"impulses, and the others do not {name_some(events.index[moments])}; give all of "
            "them a duration, or none."
        )
        raise DataError(message)


def _check_inside(events: pd.DataFrame, runs: Sequence[Run], border: float) -> None:
    start = events["run"].map({run.name: run.grid[0] for run in runs})
    end = events["run"].map({run.name: run.end for run in runs})
    outside = (events["onset"] < start - border) | (events["onset"] > end + border)
    if outside.any():
        message = (
            f"{outside.sum()} of {len(events)} stimuli begin outside their run, which goes from "
            f"the onset of its first sample to the end of its last "
            f"{name_some(events.index[outside])}."
        )
        raise DataError(message)
