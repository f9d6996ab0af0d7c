"""Read spikes of NWB files, counted in bins after the events of a trial."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import UNKNOWN, as_labels
from neuroalign.errors import DataError, unknown_name
from neuroalign.readers.columns import column_coords
from neuroalign.readers.elsewhere import refuse_elsewhere
from neuroalign.readers.files import existing, reading
from neuroalign.readers.lazy import Part, lazy_array
from neuroalign.readers.nwb_files import (
    KIND,
    Keep,
    kept_rows,
    opened_nwb,
    plain_columns,
    region_name,
)
from neuroalign.readers.spike_times import binned
from neuroalign.readers.windows import TICKS, Windows, make_windows, to_ticks

UNIT_NAMES = ("showing", "neuroid", "time", "subject", "stimulus", "onset", "repetition")


def read_nwb(
    path: str | PathLike[str],
    *,
    start: float,
    stop: float,
    bin_width: float,
    step: float | None = None,
    events: str = "trials",
    align: str = "start_time",
    stimulus: str | None = None,
    keep: Keep | None = None,
) -> xr.DataArray:
    """Count the spikes of the units of an NWB file in bins after an event of each trial.

    Spike times stay in the file until counts are asked for, and then only those of the units that
    are wanted are read. Needs the extra "nwb".

    Parameters
    ----------
    path : str or path
        NWB 2 in HDF5.
    start, stop, bin_width : float, s
        As for `bin_spikes`.
    step : float, optional, s
        From one window to the next; by default the width of a bin.
    events : str
        "trials", "epochs", or another table of intervals of the file.
    align : str
        The column of that table that holds the time of the event. Rows in which it is NaN are left
        out, and counted in the attribute `showings_left_out`.
    stimulus : str, optional
        The column that says what was shown. By default "stimulus", if there is one.
    keep : mapping or callable, optional
        The units wanted: ``{"quality": "good", "roi": ["VISp", "VISl"]}``, or a function of the
        table of units that returns a mask.

    Returns
    -------
    DataArray (showing, neuroid, time), int32; float64 where something was not observed
        Columns of trials are coordinates of the showings (`onset` is the event, s in the session),
        those of units of the neuroids; columns of lists are left out. `neuroid` is the id of the
        unit, and `roi` the location of its electrodes, where they agree. NaN where the unit was not
        observed throughout the window ("obs_intervals").

    Raises
    ------
    DataError
        If the file has no units or no such table, or is damaged.

    References
    ----------
    NWB format specification, https://nwb-schema.readthedocs.io/en/stable/format.html#units
    """
    windows = make_windows(start, stop, bin_width, step)
    file = existing(path)
    with opened_nwb(file) as nwb:
        if nwb.units is None or "spike_times" not in nwb.units.colnames:
            message = f"File {str(file)!r} has no units with spike times."
            raise DataError(message)
        trials, left_out = _trials(nwb, file, events, align, stimulus)
        units = plain_columns(nwb.units)
        taken = {name: f"unit_{name}" for name in ("neuroid", "roi") if name in units}
        units = units.rename(columns=taken).assign(**_places(nwb, len(units)))
        units.insert(0, "neuroid", as_labels(units.index.tolist(), "unit"))
        chosen = kept_rows(units, keep, "units")
        observed = _observed(nwb.units, chosen, trials["onset"].to_numpy(), windows)
    bounds = _bounds(file)[chosen]
    counts = _lazy_counts(file, bounds, to_ticks(trials["onset"], "events"), windows, observed)
    kept = units.iloc[chosen]
    coords = column_coords(kept.drop(columns="neuroid"), "neuroid", UNIT_NAMES)
    for name in set(coords) & set(trials.columns):
        coords[f"unit_{name}"] = coords.pop(name)
    coords["neuroid"] = ("neuroid", kept["neuroid"].to_numpy(str))
    made = binned(counts, windows, trials, coords)
    return made.assign_attrs({"showings_left_out": left_out} if left_out else {})


def _trials(
    nwb: Any, file: Path, events: str, align: str, stimulus: str | None
) -> tuple[pd.DataFrame, int]:
    """Return the events as a table with onset and perhaps stimulus, and how many have no time."""
    tables = {"trials": nwb.trials, "epochs": nwb.epochs, **(nwb.intervals or {})}
    known = {name: table for name, table in tables.items() if table is not None}
    if events not in known:
        raise unknown_name(events, known, kind=f"table of intervals of {str(file)!r}")
    table = plain_columns(known[events]).reset_index(drop=True)
    times = [str(name) for name in table if table[name].dtype.kind in "iuf"]
    if align not in times:
        raise unknown_name(align, times, kind=f"column of times of {events}")
    if stimulus is not None and stimulus not in table:
        raise unknown_name(stimulus, map(str, table.columns), kind=f"column of {events}")
    onset = table[align].astype(float)
    shown = table[stimulus] if stimulus else table.get("stimulus")
    table = table.drop(columns=[stimulus] if stimulus else [])
    table = table.rename(columns={"onset": "trial_onset", "stimulus": "trial_stimulus"})
    if shown is not None:
        table = table.drop(columns="trial_stimulus" if not stimulus else []).assign(stimulus=shown)
    table = table.assign(onset=onset)[onset.notna()].reset_index(drop=True)
    if not len(table):
        message = f"No row of {events} in {str(file)!r} has a time in column {align!r}."
        raise DataError(message)
    return table, int(onset.isna().sum())


def _places(nwb: Any, n_units: int) -> dict[str, Any]:
    """Return the region of each unit, and its electrode where it has one."""
    found = _electrodes(nwb, n_units)
    if found is None:
        if "electrode_group" in nwb.units.colnames:
            groups = nwb.units["electrode_group"].data[:]
            return {"roi": [region_name(group.location) for group in groups]}
        return {"roi": [UNKNOWN] * n_units}
    names = [region_name(location) for location in nwb.electrodes["location"].data[:]]
    regions = [{names[row] for row in rows} for rows in found]
    places = {"roi": [next(iter(one)) if len(one) == 1 else UNKNOWN for one in regions]}
    if all(len(rows) == 1 for rows in found):
        ids = nwb.electrodes.id[:]
        places["electrode"] = [str(ids[rows[0]]) for rows in found]
    return places


def _electrodes(nwb: Any, n_units: int) -> list[np.ndarray] | None:
    """Return the rows of the table of electrodes of each unit, where the file says."""
    from hdmf.common import VectorIndex

    if nwb.electrodes is None or "location" not in nwb.electrodes.colnames:
        return None
    if "electrodes" in nwb.units.colnames:
        column = nwb.units["electrodes"]
        if isinstance(column, VectorIndex):
            return np.split(np.asarray(column.target.data[:]), np.asarray(column.data[:])[:-1])
        return [np.atleast_1d(row) for row in np.asarray(column.data[:])]
    if "peak_channel_id" in nwb.units.colnames:
        ids = pd.Index(nwb.electrodes.id[:])
        rows = ids.get_indexer(np.asarray(nwb.units["peak_channel_id"].data[:]))
        return None if (rows < 0).any() else list(rows.reshape(n_units, 1))
    return None


def _observed(
    units: Any, chosen: np.ndarray, onsets: np.ndarray, windows: Windows
) -> np.ndarray | None:
    """Tell which showings each unit was observed in throughout; None if in all."""
    if "obs_intervals" not in units.colnames:
        return None
    column = units["obs_intervals"]
    spans = np.asarray(column.target.data[:], dtype=float).reshape(-1, 2)
    per_unit = np.split(spans, np.asarray(column.data[:])[:-1])
    begins = to_ticks(onsets, "events") + windows.begins[0]
    ends = to_ticks(onsets, "events") + windows.ends[-1]
    observed = np.ones((len(onsets), len(chosen)), dtype=bool)
    for place, unit in enumerate(chosen):
        merged = _merged(per_unit[unit])
        within = np.searchsorted(merged[:, 0], begins, side="right") - 1
        observed[:, place] = (within >= 0) & (ends <= merged[within, 1] if len(merged) else False)
    return None if observed.all() else observed


def _merged(spans: np.ndarray) -> np.ndarray:
    """Join intervals that touch or overlap; in ticks, sorted."""
    ticks = np.rint(np.clip(spans, -9e9, 9e9) * TICKS).astype(np.int64)
    joined: list[list[int]] = []
    for begin, end in ticks[np.argsort(ticks[:, 0], kind="stable")].tolist():
        if joined and begin <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    return np.asarray(joined, dtype=np.int64).reshape(-1, 2)


def _bounds(file: Path) -> np.ndarray:
    """Return where the spikes of each unit begin and end in the file."""
    import h5py

    with reading(file, KIND), h5py.File(file, "r") as opened:
        times, index = opened["units/spike_times"], opened["units/spike_times_index"]
        refuse_elsewhere(file, times)
        ends, n_spikes = np.asarray(index, dtype=np.int64), len(times)
    begins = np.concatenate([[0], ends[:-1]])
    if (ends < begins).any() or (len(ends) and ends[-1] > n_spikes):
        message = (
            f"File {str(file)!r} is damaged: units name spikes that are not among its {n_spikes}."
        )
        raise DataError(message)
    return np.stack([begins, ends], axis=1)


def _lazy_counts(
    file: Path,
    bounds: np.ndarray,
    onsets: np.ndarray,
    windows: Windows,
    observed: np.ndarray | None,
) -> Any:
    """Return counts (showing, neuroid, window) that are made when they are asked for."""
    import h5py

    dtype = np.dtype(np.int32 if observed is None else float)

    def read(rows: Part, neuroids: Part, times: Part) -> np.ndarray:
        shown = onsets[rows]
        chosen = bounds[neuroids]
        counts = np.empty((len(shown), len(chosen), len(windows.begins[times])), dtype)
        with reading(file, KIND), h5py.File(file, "r") as opened:
            stored = opened["units/spike_times"]
            for place, (begin, end) in enumerate(chosen):
                spikes = np.sort(to_ticks(stored[begin:end], "spikes"))
                counts[:, place] = windows.count(spikes, shown)[:, times]
        if observed is not None:
            counts[~observed[rows][:, neuroids]] = np.nan
        return counts

    return lazy_array((len(onsets), len(bounds), len(windows)), dtype, read)
