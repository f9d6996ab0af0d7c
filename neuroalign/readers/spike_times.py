"""Spike times to counts, rates, and averages over showings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.readers.columns import column_coords
from neuroalign.readers.windows import Windows, make_windows, to_ticks

# Names that mean something on a recording, and may not come from a table of events.
RESERVED = ("showing", "neuroid", "time", "subject", "roi")

# One clock goes this many times as far as the other: a thousand, where one counts milliseconds.
FURTHEST = 300
LOWEST_RATE = 0.1  # spikes/s of a unit, in the mean over units


def bin_spikes(
    times: ArrayLike,
    units: ArrayLike,
    events: ArrayLike | pd.DataFrame,
    *,
    start: float,
    stop: float,
    width: float,
    step: float | None = None,
    neuroid: Sequence[object] | None = None,
) -> xr.DataArray:
    """Count the spikes of each unit in bins after each event.

    Bins are half-open, [begin, end): a spike on an edge belongs to the bin that begins there, and
    bins that touch count every spike once. Spikes and edges meet on whole nanoseconds, so that an
    event at .3 s and a bin that begins .1 s later hold a spike at .4 s, whatever the binary
    fractions do.

    Parameters
    ----------
    times : float array (spikes,), s
        In any order.
    units : array (spikes,)
        Which unit fired: strings or whole numbers.
    events : float array (events,), s; or DataFrame
        On the clock of the spikes. A table needs the column "onset"; its other columns become
        coordinates of the showings, and "stimulus" says what was shown.
    start, stop : float, s
        Where the first bin begins and the last ends, from the event; below 0 is before it.
    width : float, s
        Of a bin.
    step : float, optional, s
        From the begin of one window to that of the next. By default the width. Windows overlap
        where it is smaller; then their counts share spikes.
    neuroid : sequence of str or int, optional
        The units wanted, in the order wanted; units without a spike are counted too. By default
        the units that fired, in sorted order.

    Returns
    -------
    DataArray (showing, neuroid, time), int32
        `time` is the middle of a bin, s from the event. The attribute `bin_width` is in s.

    Raises
    ------
    DataError
        If times are NaN or infinite, the lengths of times and units differ, no bin fits, or only
        spikes or only events seem to be in milliseconds.

    Examples
    --------
    >>> from neuroalign.readers import bin_spikes
    >>> counts = bin_spikes([0.35, 0.4, 0.45, 1.2], ["a", "a", "b", "b"], [0.3, 1.0],
    ...     start=0.0, stop=0.3, width=0.1)
    >>> counts.sel(neuroid="a").values.tolist()
    [[1, 1, 0], [0, 0, 0]]
    >>> counts.time.values.tolist()
    [0.05, 0.15, 0.25]
    """
    windows = make_windows(start, stop, width, step)
    table = events_table(events)
    ticks = to_ticks(times, "spikes").ravel()
    # An array has one type; in a list 1 and "1" are not yet the same.
    names = np.ravel(units if isinstance(units, np.ndarray) else np.asarray(units, dtype=object))
    if len(names) != len(ticks):
        message = f"{len(ticks)} spikes have {len(names)} units; name the unit of each spike."
        raise DataError(message)
    codes, found = pd.factorize(names)
    if nameless := int((codes < 0).sum()):
        message = f"{nameless} spikes have no unit; leave these out, or name it."
        raise DataError(message)
    fired = as_labels(found, "unit")
    labels = np.sort(fired) if neuroid is None else as_labels(neuroid, "neuroid")
    if twice := repeated(labels):
        message = f"{len(twice)} units are asked for more than once {name_some(twice)}."
        raise DataError(message)
    if not len(labels):
        message = "There is no spike and no unit is named; pass neuroid=[...]."
        raise DataError(message)
    onsets = to_ticks(table["onset"], "events")
    _check_clocks(ticks, onsets, len(fired))
    order = np.argsort(codes)
    bounds = np.searchsorted(codes[order], np.arange(len(fired) + 1))
    table = table.assign(onset=table["onset"].astype(float))
    counts = np.zeros((len(labels), len(table), len(windows)), dtype=np.int32)
    place = {label: number for number, label in enumerate(labels)}
    for code, label in enumerate(fired):
        if label in place:
            own = np.sort(ticks[order[bounds[code] : bounds[code + 1]]])
            counts[place[label]] = windows.count(own, onsets)
    return binned(counts.swapaxes(0, 1), windows, table, {"neuroid": ("neuroid", labels)})


def _check_clocks(ticks: np.ndarray, onsets: np.ndarray, n_units: int) -> None:
    """Refuse spikes and events of which one are in seconds and the others in milliseconds.

    Spikes may go on for long after a few events; in milliseconds, they are few a second besides.
    """
    last, latest = (float(np.abs(clock).max(initial=0)) / 1e9 for clock in (ticks, onsets))
    rare = len(ticks) < LOWEST_RATE * last * n_units
    if 0 < FURTHEST * last < latest or (rare and 0 < FURTHEST * latest < last):
        message = (
            f"Spikes go to {last:g} s and events to {latest:g} s; give both in seconds, not one of "
            "them in milliseconds."
        )
        raise DataError(message)


def events_table(events: ArrayLike | pd.DataFrame) -> pd.DataFrame:
    """Return events as a table with the column onset."""
    if isinstance(events, pd.DataFrame):
        table = events.reset_index(drop=True)
        if "onset" not in table:
            message = "The table of events has no column 'onset' (s on the clock of the spikes)."
            raise DataError(message)
    else:
        table = pd.DataFrame({"onset": np.atleast_1d(np.asarray(events)).ravel()})
    if not len(table):
        message = "There is no event to count spikes after."
        raise DataError(message)
    return table


def binned(counts: Any, windows: Windows, table: pd.DataFrame, coords: dict) -> xr.DataArray:
    """Label counts (showing, neuroid, window) with the facts of events, units and windows."""
    return xr.DataArray(
        counts,
        dims=("showing", "neuroid", "time"),
        coords={
            **column_coords(table, "showing", RESERVED),
            **coords,
            "time": ("time", windows.centers),
        },
        attrs={
            "units": f"spikes per {1000 * windows.width:g} ms",
            "time_convention": (
                "bin centers" if windows.step >= windows.width else "window centers"
            ),
            "bin_width": windows.width,
        },
    )


def counts_to_rate(recording: xr.DataArray, *, bin_width: float | None = None) -> xr.DataArray:
    """Divide counts by the width of their bin.

    Parameters
    ----------
    recording : DataArray
        Counts, of any form.
    bin_width : float, optional, s
        By default the attribute `bin_width`, which `bin_spikes` and `read_nwb` leave. Sums and
        `coarsen` keep it as it was: give it where bins of time were added up.

    Returns
    -------
    DataArray
        In spikes/s.

    Raises
    ------
    DataError
        If nothing says what width the counts are of.

    Examples
    --------
    >>> from neuroalign.readers import bin_spikes, counts_to_rate
    >>> counts = bin_spikes([0.01, 0.02], ["a", "a"], [0.0], start=0.0, stop=0.1, width=0.1)
    >>> counts_to_rate(counts).values.tolist()
    [[[20.0]]]
    """
    width = recording.attrs.get("bin_width") if bin_width is None else bin_width
    if bin_width is None and width is not None and "time" not in recording.coords:
        message = (
            f"The counts have no time any more, so that their bins of {width} s were added up or "
            "averaged; say what they are of, as in bin_width=0.3."
        )
        raise DataError(message)
    if not isinstance(width, (int, float, np.number)) or not 0 < width < np.inf:
        message = f"bin_width={width!r} is not the seconds that counts are of; give bin_width=0.1."
        raise DataError(message)
    if recording.attrs.get("units") == "spikes/s":
        message = "The recording is in spikes/s already."
        raise DataError(message)
    return (recording / width).assign_attrs(recording.attrs | {"units": "spikes/s"})


def psth(recording: xr.DataArray, *, by: str = "stimulus") -> xr.Dataset:
    """Average showings of each condition, bin by bin (peri-stimulus time histogram).

    Parameters
    ----------
    recording : DataArray (showing, neuroid, [time])
        Missing responses (NaN) are skipped.
    by : str
        A coordinate of the showings.

    Returns
    -------
    Dataset
        `mean` and `error` (standard error of the mean; NaN below two showings), each
        (condition, neuroid, [time]), in the units of the recording, and `n`, the responses behind
        them. Conditions are sorted; the axis is called as `by`.

    Examples
    --------
    >>> from neuroalign.readers import bin_spikes, psth
    >>> import pandas as pd
    >>> events = pd.DataFrame({"onset": [0.0, 1.0, 2.0], "stimulus": ["cat", "dog", "cat"]})
    >>> counts = bin_spikes([0.05, 2.01, 2.02], ["a"] * 3, events, start=0.0, stop=0.1, width=0.1)
    >>> psth(counts)["mean"].sel(stimulus="cat").values.tolist()
    [[1.5]]
    """
    conditions, codes = _conditions(recording, by)
    values = np.asarray(recording.values, dtype=float)
    shape = (len(conditions), *values.shape[1:])
    n, mean, error = np.zeros(shape, dtype=int), np.full(shape, np.nan), np.full(shape, np.nan)
    for code in range(len(conditions)):
        rows = values[codes == code]
        present = np.isfinite(rows)
        n[code] = present.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean[code] = np.where(present, rows, 0.0).sum(axis=0) / n[code]
            squares = np.where(present, (rows - mean[code]) ** 2, 0.0).sum(axis=0)
            error[code] = np.sqrt(squares / (n[code] - 1) / n[code])
    error[n < 2] = np.nan
    dims = (by, *recording.dims[1:])
    coords = {by: conditions, **_other_coords(recording)}
    parts = {"mean": mean, "error": error, "n": n}
    averages = xr.Dataset({name: (dims, part) for name, part in parts.items()}, coords)
    for name in ("mean", "error"):
        averages[name].attrs["units"] = recording.attrs.get("units", "unstated units")
    return averages.assign_attrs(recording.attrs)


def trials_by_condition(recording: xr.DataArray, *, by: str = "stimulus") -> xr.DataArray:
    """Lay the showings of each condition side by side as its repetitions.

    Parameters
    ----------
    recording : DataArray (showing, neuroid, [time])
    by : str
        A coordinate of the showings.

    Returns
    -------
    DataArray (condition, repetition, neuroid, [time]), float64
        Conditions are sorted, and repetitions in the order of the showings; NaN where a condition
        was shown less often than another.
    """
    conditions, codes = _conditions(recording, by)
    repetition = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    values = np.full((len(conditions), repetition.max() + 1, *recording.shape[1:]), np.nan)
    values[codes, repetition] = recording.values
    return xr.DataArray(
        values,
        dims=(by, "repetition", *recording.dims[1:]),
        coords={by: conditions, **_other_coords(recording)},
        attrs=recording.attrs,
    )


def _conditions(recording: xr.DataArray, by: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the conditions in sorted order, and the number of that of each showing."""
    if recording.dims[:2] != ("showing", "neuroid"):
        message = (
            f"The recording has the dimensions {recording.dims}; (showing, neuroid, [time]) are "
            "needed."
        )
        raise DataError(message)
    known = [str(name) for name, coord in recording.coords.items() if coord.dims == ("showing",)]
    if by not in known:
        raise unknown_name(by, known, kind="coordinate of the showings")
    named = recording[by].values
    if (lacking := pd.isna(named) | (named == "")).any():
        message = f"{lacking.sum()} showings have no {by}; leave these out first."
        raise DataError(message)
    return np.unique(named, return_inverse=True)


def _other_coords(recording: xr.DataArray) -> dict[str, xr.Variable]:
    """Return the coordinates that do not lie on the showings."""
    return {
        str(name): coord.variable
        for name, coord in recording.coords.items()
        if "showing" not in coord.dims
    }
