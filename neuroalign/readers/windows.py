"""Windows of time after an event, on whole nanoseconds, so that an edge belongs to one bin."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.errors import DataError

TICKS = 10**9  # in a second
LATEST = 9e9  # s: later, ticks would not fit 64 bits
MOST = 10_000_000  # windows; more are a mistake of units


@dataclass(frozen=True, eq=False)
class Windows:
    """Half-open windows [begin, end) around an event.

    Parameters
    ----------
    begins, ends : int array (windows,)
        In ticks (ns) after the event.
    centers : float array (windows,), s
    width, step : float, s
    """

    begins: np.ndarray
    ends: np.ndarray
    centers: np.ndarray
    width: float
    step: float

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.begins)

    def count(self, times: np.ndarray, onsets: np.ndarray) -> np.ndarray:
        """Count events in each window after each onset.

        Parameters
        ----------
        times : int array (events,)
            Ticks, in increasing order.
        onsets : int array (onsets,)
            Ticks.

        Returns
        -------
        int32 array (onsets, windows)
        """
        # Bins that touch share their edges, each of which is looked for once.
        edges, places = np.unique(np.stack([self.begins, self.ends]), return_inverse=True)
        before = np.searchsorted(times, onsets[:, None] + edges)
        begins, ends = places.reshape(2, -1)
        return (before[:, ends] - before[:, begins]).astype(np.int32)


def make_windows(start: float, stop: float, width: float, step: float | None = None) -> Windows:
    """Lay windows of one width from `start` to `stop`.

    Decimal numbers are meant as written: .1 is a tenth, not the nearest binary fraction.

    Parameters
    ----------
    start, stop : float, s
        After the event; below 0 is before it.
    width : float, s
    step : float, optional, s
        From one window to the next. By default the width: bins that touch, and that must fill
        start to stop. Windows overlap where the step is smaller.

    Returns
    -------
    Windows
    """
    names = {"start": start, "stop": stop, "width": width, "step": width if step is None else step}
    exact = {name: _decimal(name, value) for name, value in names.items()}
    for name in ("width", "step"):
        if exact[name] * TICKS < 1:
            message = f"{name}={names[name]!r} is not a time above 0 s; give seconds."
            raise DataError(message)
    first, last, wide, stride = exact.values()
    room = last - first - wide
    slack = Decimal(1) / TICKS
    if room < -slack:
        message = (
            f"No window of {width:g} s fits between start={start:g} s and stop={stop:g} s; times "
            "are in seconds."
        )
        raise DataError(message)
    if room / stride >= MOST:
        message = (
            f"Windows every {float(stride):g} s from {start:g} to {stop:g} s are more than "
            f"{MOST:,}; times are in seconds."
        )
        raise DataError(message)
    n_windows = int((room + slack) / stride) + 1
    if step is None and abs(first + n_windows * wide - last) > slack:
        message = (
            f"Bins of {width:g} s do not fill {start:g} to {stop:g} s; change stop to "
            f"{float(first + n_windows * wide):g}, or give step= for windows that need not."
        )
        raise DataError(message)
    at = [first + number * stride for number in range(n_windows)]
    return Windows(
        np.asarray([_tick(begin) for begin in at]),
        np.asarray([_tick(begin + wide) for begin in at]),
        np.asarray([float(begin + wide / 2) for begin in at]),
        float(wide),
        float(stride),
    )


def to_ticks(seconds: ArrayLike, what: str) -> np.ndarray:
    """Turn seconds into whole ticks.

    Parameters
    ----------
    seconds : float array
    what : str
        What these are the times of, as in "spikes".

    Returns
    -------
    int64 array

    Raises
    ------
    DataError
        If some are not numbers, not finite, or too large to be seconds.
    """
    try:
        values = np.asarray(seconds, dtype=float)
    except (TypeError, ValueError) as error:
        message = f"Times of {what} are not numbers; give seconds."
        raise DataError(message) from error
    if (bad := ~np.isfinite(values)).any():
        message = f"{bad.sum()} times of {what} are NaN or infinite; leave these out."
        raise DataError(message)
    if (np.abs(values) > LATEST).any():
        message = f"Times of {what} reach {np.abs(values).max():g}; give seconds."
        raise DataError(message)
    return np.rint(values * TICKS).astype(np.int64)


def _decimal(name: str, value: Any) -> Decimal:
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not abs(value) < LATEST:
        message = f"{name}={value!r} is not a time; give seconds, as in {name}=0.1."
        raise DataError(message)
    return Decimal(str(value))  # of single precision, too, as it is written


def _tick(seconds: Decimal) -> int:
    return int((seconds * TICKS).to_integral_value())
