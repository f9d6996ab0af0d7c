"""Averages of the frames of sounds and films over windows of time: one row a stimulus."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, name_some

ROUNDING = 1e-9  # s, by which a center on a border may be off


@dataclass(frozen=True)
class TimeWindows:
    """Average the frames of each stimulus over windows of time.

    For recordings with one response a stimulus, which cannot take sounds and films of different
    lengths frame by frame. A frame counts in the window that its center is in.

    Parameters
    ----------
    start : float
        Of the first window, in s from the onset of the stimulus.
    stop : float, optional
        Where the last window ends, in s. By default one window goes to the end of each stimulus,
        however long it is.
    step : float, optional
        Length of a window, in s; by default all of start to stop is one.

    Examples
    --------
    >>> TimeWindows(0, 1, 0.5)
    TimeWindows(start=0.0, stop=1.0, step=0.5)
    """

    start: float = 0.0
    stop: float | None = None
    step: float | None = None

    def __post_init__(self) -> None:
        """Refuse windows that no stimulus could have."""
        given = (self.start, self.stop, self.step)
        try:
            start, stop, step = (None if one is None else float(one) for one in given)
        except (TypeError, ValueError):
            start = stop = step = None
        if start is None or not 0 <= start < math.inf:
            start, stop, step = 0.0, -1.0, None  # refused below
        ends = start < (math.inf if stop is None else stop) and stop != math.inf
        if not ends or (step is not None and not self._divides(start, stop, step)):
            message = (
                f"start, stop, step={given} are no windows; give seconds from the onset, 0 or "
                "more, with start before stop, and a step that divides what is between them, as "
                "in TimeWindows(0, 1, 0.25)."
            )
            raise DataError(message)
        for name, value in (("start", start), ("stop", stop), ("step", step)):
            object.__setattr__(self, name, value)

    @staticmethod
    def _divides(start: float, stop: float | None, step: float) -> bool:
        if stop is None or not 0 < step <= stop - start + ROUNDING:
            return False
        number = (stop - start) / step
        return abs(number - round(number)) < 1e-6

    def reach(self, recording: xr.DataArray) -> float:  # noqa: ARG002
        """Return how far in time a row reads, in s: no further than its own stimulus."""
        return 0.0

    def prepare(self, recording: xr.DataArray) -> xr.DataArray:
        """Return the recording as it is."""
        return recording

    def apply(
        self,
        activations: xr.DataArray,
        stimuli: pd.DataFrame | None = None,  # noqa: ARG002
        recording: xr.DataArray | None = None,  # noqa: ARG002
    ) -> xr.DataArray:
        """Average the activations of one layer.

        Parameters
        ----------
        activations : DataArray (stimulus, time, ...)
            Frames of NaN, past the end of a shorter stimulus, do not count.
        stimuli, recording : optional
            Not read.

        Returns
        -------
        DataArray (stimulus, unit)
            The units in the first window, then those in the next; `window` (unit) is the start of
            each, in s.

        Raises
        ------
        DataError
            If the activations have no time, or a stimulus has no frame in a window.
        """
        if "time" not in activations.dims or "stimulus" not in activations.dims:
            given = ", ".join(map(str, activations.dims))
            message = (
                "TimeWindows averages activations (stimulus, time, unit), as models of sounds and "
                f"films give them, but these are ({given}); leave it out."
            )
            raise DataError(message)
        activations = activations.transpose("stimulus", "time", ...)
        time = activations["time"].values.astype(float)
        windows = self._windows()
        parts = []
        for start, stop in windows:
            inside = (time >= start - ROUNDING) & (time < stop - ROUNDING)
            parts.append(_mean(activations[:, inside], f"{start:g} to {stop:g} s"))
        n_units = parts[0].shape[1]
        coords = {
            name: axis
            for name, axis in activations.coords.items()
            if axis.dims in ((), ("stimulus",))
        }
        for name, axis in activations.coords.items():
            if axis.dims == ("unit",):
                coords[name] = ("unit", np.tile(axis.values, len(windows)))
        coords["window"] = ("unit", np.repeat([start for start, _ in windows], n_units))
        averaged = np.concatenate(parts, axis=1)
        return xr.DataArray(averaged, coords, ("stimulus", "unit"), attrs=activations.attrs)

    def _windows(self) -> list[tuple[float, float]]:
        stop = math.inf if self.stop is None else self.stop
        if self.step is None:
            return [(self.start, stop)]
        number = round((stop - self.start) / self.step)
        starts = [self.start + place * self.step for place in range(number)]
        return [(start, start + self.step) for start in starts]


def _mean(frames: xr.DataArray, window: str) -> np.ndarray:
    """Average (stimulus, time, ...) over the frames that are not NaN: (stimulus, unit)."""
    values = np.asarray(frames.values)
    values = values.reshape(*values.shape[:2], math.prod(values.shape[2:]))
    present = ~np.isnan(values).all(axis=2)
    if (empty := ~present.any(axis=1)).any():
        labels = frames["stimulus"].values[empty]
        message = (
            f"{empty.sum()} of {len(values)} stimuli have no frame from {window} "
            f"{name_some(labels)}; end the windows before the shortest stimulus does."
        )
        raise DataError(message)
    filled = np.where(present[:, :, None], values, 0)
    mean = filled.sum(axis=1, dtype=float) / present.sum(axis=1)[:, None]
    return mean.astype(np.result_type(values.dtype, np.float32))
