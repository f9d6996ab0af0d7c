"""From events in time to the samples of a stream: resampling, delays, trimming, z-scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.features.frame_events import frame_events
from neuroalign.features.matching import design_rows
from neuroalign.features.stream_clock import (
    Run,
    check_durations,
    events_of,
    runs_of,
    sampling_period,
)
from neuroalign.numerics import time_grid

# Where the response to a moment is looked for in BOLD, and the shortest period that is BOLD's (s).
BOLD_DELAYS = (2.0, 4.0, 6.0, 8.0)
BOLD_PERIOD = 0.5

# How far delays may be from a multiple of the period, in periods.
DELAY_TOLERANCE = 0.01


@dataclass(frozen=True)
class TimeGrid:
    """Bring the activations of events, such as words or frames, to the samples of a stream.

    Each run is treated by itself. The middle of the sampling interval [onset, onset + period)
    stands for a sample. Of activations (stimulus, time, unit), each frame is an event of its own,
    around its time after the onset of its stimulus.

    Parameters
    ----------
    resample : str
        "lanczos" (low-pass interpolation of impulses at the middles of the events), "average" or
        "sum" of the events that begin in the interval, "nearest" event within a period, or "hrf"
        (convolution with the canonical hemodynamic response). A sample without events gets 0.
    delays : sequence of float, optional
        Seconds by which responses lag, multiples of the sampling period (to 1 % of it): one copy
        of all units for each. Negative delays look ahead, ``(0,)`` means none. A copy is 0 where
        it would read before the start (or after the end) of the run. By default the multiples
        nearest to 2, 4, 6 and 8 s, for recordings sampled every 0.5 s or more slowly; none for
        "hrf", which has the delay in it.
    lobes : int
        Zero crossings of the Lanczos kernel on each side.
    zscore_runs : bool
        Subtract the mean and divide by the standard deviation within each run: of each unit at
        each delay (0 where it is constant), and of each neuroid (NaN where it is constant). Every
        row then depends on its whole run, and `reach` is infinite: folds must not part runs.
    trim : pair of float
        Seconds of samples left out at the start and the end of every run. Delays still read the
        events in them.

    References
    ----------
    Huth et al. (2016), doi:10.1038/nature17637 (Lanczos kernel, delays, z-scores);
    Friston et al. (1998), doi:10.1006/nimg.1997.0306 (hemodynamic response).

    Examples
    --------
    >>> TimeGrid(delays=(2, 4))
    TimeGrid(resample='lanczos', delays=(2.0, 4.0), lobes=3, zscore_runs=False, trim=(0.0, 0.0))
    """

    resample: str = "lanczos"
    delays: Sequence[float] | None = None
    lobes: int = 3
    zscore_runs: bool = False
    trim: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        """Refuse options that no recording could meet."""
        if self.resample not in time_grid.KINDS:
            raise unknown_name(self.resample, time_grid.KINDS, kind="way to resample")
        if isinstance(self.lobes, bool) or not isinstance(self.lobes, int) or self.lobes < 1:
            message = f"lobes={self.lobes!r} is not a whole number of 1 or more."
            raise DataError(message)
        trim = _seconds(self.trim)
        if trim is None or len(trim) != 2 or min(trim) < 0:
            message = f"trim={self.trim!r} is not a pair of seconds (start, end) of 0 or more."
            raise DataError(message)
        object.__setattr__(self, "trim", trim)
        if self.delays is None:
            return
        delays = _seconds(self.delays)
        if not delays or len(set(delays)) < len(delays):
            message = (
                f"delays={self.delays!r} is not a list of different numbers of seconds; "
                "delays=(0,) means none."
            )
            raise DataError(message)
        object.__setattr__(self, "delays", delays)
        if self.resample == "hrf" and any(delays):
            message = (
                f"resample='hrf' has the hemodynamic delay in it, but delays={delays} were given "
                "as well; leave them out."
            )
            raise DataError(message)

    def reach(self, recording: xr.DataArray) -> float:
        """Return how far in time a row of the design matrix reads events, on either side.

        Parameters
        ----------
        recording : DataArray ([repetition], sample, neuroid)
            Its sampling period is read.

        Returns
        -------
        float
            In s, from the middle of a sample to the nearer end of an event; infinite where runs
            are z-scored.
        """
        if self.zscore_runs:
            return math.inf
        period = sampling_period(recording)
        delays = [shift * period for shift in self._shifts(period)]
        before, after = time_grid.window(self.resample, period, self.lobes)
        return max(before + max(delays), after - min(delays))

    def prepare(self, recording: xr.DataArray) -> xr.DataArray:
        """Trim the runs of a recording and z-score it within them, as far as asked for.

        Parameters
        ----------
        recording : DataArray ([repetition], sample, neuroid)

        Returns
        -------
        DataArray ([repetition], sample, neuroid)
            With the coordinates `run_start` and `run_end` (s) of the whole run on the samples.
        """
        period = sampling_period(recording)
        border = time_grid.TOLERANCE * period
        start, end = np.empty((2, recording.sizes["sample"]))
        kept = np.zeros(len(start), dtype=bool)
        for run in runs_of(recording, period):
            start[run.rows], end[run.rows] = run.grid[0], run.end
            onset, last = run.grid[run.steps], run.end - self.trim[1] - period
            kept[run.rows] = (onset >= run.grid[0] + self.trim[0] - border) & (
                onset <= last + border
            )
        runs = recording["run"].values.astype(str)
        if lost := sorted(set(runs) - set(runs[kept])):
            message = f"trim={self.trim} leaves no sample of {len(lost)} runs {name_some(lost)}."
            raise DataError(message)
        bounds = {"run_start": ("sample", start), "run_end": ("sample", end)}
        recording = recording.assign_coords(bounds).isel(sample=kept)
        return _zscored(recording) if self.zscore_runs else recording

    def apply(
        self, activations: xr.DataArray, stimuli: pd.DataFrame, recording: xr.DataArray
    ) -> xr.DataArray:
        """Make the design matrix of one layer for one recording.

        Parameters
        ----------
        activations : DataArray (stimulus, ...)
            In any order; all axes but the first are flattened. With an axis "time" (s from the
            onset of the stimulus to the center of a frame), the frames are the events: those of
            NaN, those past the duration of their stimulus, where it has one, and those that begin
            past the end of the run are left out.
        stimuli : DataFrame
            Index: labels of the events. Columns: run, onset (s in the run), and duration (s; 0 for
            all where there is none). Events of runs that the recording does not have are left out.
        recording : DataArray ([repetition], sample, neuroid)
            As `prepare` returns it.

        Returns
        -------
        DataArray (sample, unit)
            The units at the first delay, then those at the next; `delay` (s) of each is a
            coordinate. float32 activations stay float32; the arithmetic is float64.
        """
        period = sampling_period(recording)
        shifts, runs = self._shifts(period), runs_of(recording, period)
        if "stimulus" not in activations.dims:
            message = f"TimeGrid reads activations of stimuli, not of {activations.dims[0]}s."
            raise DataError(message)
        events = events_of(stimuli, runs, period)
        if "time" in activations.dims:
            ends = {run.name: run.end for run in runs}
            border = time_grid.TOLERANCE * period
            activations, events = frame_events(activations, events, ends, border=border)
        if self.resample == "hrf":
            check_durations(events)
        features = design_rows(activations, events.index.to_numpy(str))
        shape = (recording.sizes["sample"], features.shape[1] * len(shifts))
        design = np.zeros(shape, dtype=_floating(features.dtype))
        for run in runs:
            inside = np.flatnonzero(events["run"] == run.name)
            resampled = self._resampled(features[inside], events.iloc[inside], run, period)
            rows = _delayed(resampled.astype(design.dtype, copy=False), run.steps, shifts)
            if self.zscore_runs:
                rows = time_grid.standardized(rows, constant=0.0)
            design[run.rows] = rows
        return _labelled(design, activations, recording, [shift * period for shift in shifts])

    def _resampled(
        self, features: np.ndarray, events: pd.DataFrame, run: Run, period: float
    ) -> np.ndarray:
        """Return the features of one run on its grid."""
        onsets, durations = (events[name].to_numpy() for name in ("onset", "duration"))
        weights = time_grid.weights(
            self.resample, onsets, durations, run.grid, period, lobes=self.lobes
        )
        return weights @ features.astype(_floating(features.dtype), copy=False)

    def _shifts(self, period: float) -> list[int]:
        """Return the delays in samples."""
        if self.resample == "hrf":
            return [0]
        if self.delays is None and period < BOLD_PERIOD:
            message = (
                f"The recording is sampled every {period:g} s, too often for the delays of BOLD "
                "that TimeGrid assumes; give delays=(...) in seconds, or delays=(0,) for none."
            )
            raise DataError(message)
        wanted = np.array(BOLD_DELAYS if self.delays is None else self.delays) / period
        shifts = list(dict.fromkeys(np.floor(wanted + 0.5).astype(int).tolist()))
        if self.delays is not None and (
            len(shifts) < len(wanted) or np.abs(wanted - shifts).max() > DELAY_TOLERANCE
        ):
            nearest = tuple(float(f"{shift * period:.6g}") for shift in shifts)
            message = (
                f"delays={self.delays} are not different multiples of the sampling period of "
                f"{period:g} s; the nearest are {nearest}."
            )
            raise DataError(message)
        return shifts


def _seconds(values: object) -> tuple[float, ...] | None:
    """Return finite numbers as a tuple; None where they are something else."""
    try:
        numbers = tuple(float(value) for value in values)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None


def _delayed(grid: np.ndarray, steps: np.ndarray, shifts: Sequence[int]) -> np.ndarray:
    """Return the rows `steps` of a grid side by side with those that many samples before them."""
    rows = np.zeros((len(steps), len(shifts), grid.shape[1]), dtype=grid.dtype)
    for number, shift in enumerate(shifts):
        source = steps - shift
        known = (source >= 0) & (source < len(grid))
        rows[known, number] = grid[source[known]]
    return rows.reshape(len(steps), -1)


def _zscored(recording: xr.DataArray) -> xr.DataArray:
    rows_first = recording.transpose("sample", ...)
    values = np.array(rows_first.values, dtype=_floating(recording.dtype))
    runs = recording["run"].values.astype(str)
    for name in np.unique(runs):
        values[runs == name] = time_grid.standardized(values[runs == name], constant=np.nan)
    result = rows_first.copy(data=values).transpose(*recording.dims)
    return result.assign_attrs(units="standard deviations within the run")


def _floating(dtype: np.dtype) -> np.dtype:
    """Return the type of what is computed from values of a type: float32 at least."""
    return np.result_type(dtype, np.float32) if dtype.kind == "f" else np.dtype(float)


def _labelled(
    design: np.ndarray, activations: xr.DataArray, recording: xr.DataArray, delays: list[float]
) -> xr.DataArray:
    """Label rows as the recording does, and columns as the activations do, once a delay."""
    coords = {name: axis for name, axis in activations.coords.items() if axis.ndim == 0}
    if activations.ndim == 2:
        for name, axis in activations.coords.items():
            if axis.dims == ("unit",):
                coords[name] = ("unit", np.tile(axis.values, len(delays)))
    coords["sample"] = recording["sample"].values
    coords["delay"] = ("unit", np.repeat(delays, design.shape[1] // len(delays)))
    return xr.DataArray(design, coords, ("sample", "unit"), attrs=activations.attrs)
