"""Windows of a stream around events, such as the onsets of words or cuts between scenes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import psutil
import xarray as xr

from neuroalign.data.schema import as_labels, in_memory
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.numerics.band_amplitude import window_means
from neuroalign.readers.columns import column_coords
from neuroalign.readers.events import stimulus_column
from neuroalign.readers.lazy import Part
from neuroalign.readers.stream_parts import (
    Stretch,
    as_wanted,
    blocks_of,
    checked_stream,
    read_run,
    runs_of,
)
from neuroalign.readers.windows import TICKS, Windows, make_windows

# A border between two samples is as wide as this share of the sampling period, so that 0.3 s and
# 3 x 0.1 s fall on the same side.
BORDER = 1e-6
OUTSIDE = ("refuse", "drop")
TAKEN = ("showing", "neuroid", "time", "subject", "stimulus", "run", "onset")


def epoch(
    stream: xr.DataArray,
    events: pd.DataFrame,
    *,
    start: float,
    stop: float,
    width: float,
    step: float | None = None,
    baseline: tuple[float, float] | None = None,
    outside: str = "refuse",
) -> xr.DataArray:
    """Average a stream over windows around events.

    A window holds the samples whose middle (onset + half the sampling period) lies in it; the
    clock is that of the onsets, so that nothing drifts whatever the sampling rate. A stream that
    lies in its file stays there, and is read for the neuroids that are asked for.

    Parameters
    ----------
    stream : DataArray (sample, neuroid)
        High gamma, or voltages.
    events : DataFrame
        What was met (labels may repeat) is the column "stimulus", else the index; where rows are
        only numbered, the first there is of "stim_file", "trial_type" and "condition". Columns:
        onset (s in the run), run (may be left out where the stream has one), and others, kept.
    start, stop : float, s
        From the onset of an event; below 0 is before it.
    width : float, s
        Of each window.
    step : float, optional, s
        From one window to the next. By default the width: windows touch and fill start to stop.
    baseline : pair of float, optional, s
        Of the stretch whose mean is subtracted, event by event, as in (-0.2, 0).
    outside : str
        What to do with events whose windows (or baseline) leave their run: "refuse", or "drop"
        and name them in the attribute `events_left_out`.

    Returns
    -------
    DataArray (showing, neuroid, time)
        One row an event, in the order of the table; `time` is the middle of a window. On showings
        `stimulus`, `run`, `onset` and the other columns of the table (as "showing_<name>" where
        neuroids have one of that name). A missing sample is left out
        of its window; one without any sample is NaN.

    Raises
    ------
    DataError
        If events are not in the stream, windows hold no sample, or the result exceeds the memory.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> stream = xr.DataArray(np.arange(100.0)[:, None], {"run": ("sample", ["a"] * 100),
    ...     "onset": ("sample", np.arange(100) / 100), "neuroid": ["LA1"]}, ("sample", "neuroid"),
    ...     attrs={"units": "uV", "sampling_period": 0.01})
    >>> words = pd.DataFrame({"onset": [0.2, 0.6]}, index=["once", "upon"])
    >>> found = epoch(stream, words, start=0, stop=0.3, width=0.1)
    >>> found.time.values.round(2).tolist(), found[0, 0].values.tolist()
    ([0.05, 0.15, 0.25], [24.5, 34.5, 44.5])
    """
    stream, period = checked_stream(stream)
    if outside not in OUTSIDE:
        raise unknown_name(outside, OUTSIDE, kind="way with events outside their run")
    windows = make_windows(start, stop, width, step)
    parts = [windows] if baseline is None else [windows, _baseline(baseline)]
    runs = {run.run: run for run in runs_of(stream, period)}
    table = _checked_events(events, runs)
    spans = [_samples(table, runs, period, part) for part in parts]
    lost = np.any([_outside(table, runs, span) for span in spans], axis=0)
    left_out = table["stimulus"].to_numpy()[lost]
    if lost.any() and (outside == "refuse" or lost.all()):
        message = (
            f"{lost.sum()} of {len(table)} events have windows that leave their run "
            f"{name_some(left_out)}; "
            + (
                "none is left; onsets and windows are in seconds."
                if lost.all()
                else "leave them out with outside='drop'."
            )
        )
        raise DataError(message)
    table, spans = table[~lost], [span[:, ~lost] for span in spans]
    if empty := sum(int((ends <= begins).sum()) for begins, ends in spans):
        message = f"{empty} windows hold no sample, which come every {period:g} s; widen them."
        raise DataError(message)
    shape = (len(table), stream.sizes["neuroid"], len(windows))
    if in_memory(stream):
        _check_memory(shape)
    on_neuroids = {name: x for name, x in stream.coords.items() if "sample" not in x.dims}
    taken = {*TAKEN, *map(str, on_neuroids)}
    facts = {name: x for name, x in stream.attrs.items() if name != "sampling_period"}
    facts |= {"time_convention": "window centers", "window_width": windows.width}
    facts |= {"events_left_out": ", ".join(left_out)} if lost.any() else {}
    return xr.DataArray(
        as_wanted(stream, shape, _reader(stream, runs, table["run"].to_numpy(), spans)),
        {
            **on_neuroids,
            **column_coords(table.drop(columns=["stimulus", "run", "onset"]), "showing", taken),
            **{name: ("showing", table[name].to_numpy()) for name in ("stimulus", "run", "onset")},
            "time": ("time", windows.centers),
        },
        ("showing", "neuroid", "time"),
        attrs=facts,
    )


def _reader(
    stream: xr.DataArray, runs: dict[str, Stretch], owner: np.ndarray, spans: list[np.ndarray]
) -> Callable[..., np.ndarray]:
    """Return what averages events, neuroids and windows of these numbers, run by run.

    `owner` is the run of each event; `spans` are the samples of its windows, and of its baseline
    where there is one.
    """

    def read(rows: Part, neuroids: Part, times: Part) -> np.ndarray:
        chosen = np.arange(len(owner))[rows]
        columns = np.arange(stream.sizes["neuroid"])[neuroids]
        wanted = spans[0][:, chosen][..., times]
        values = np.empty((len(chosen), len(columns), wanted.shape[-1]))
        for name, run in runs.items():
            here = np.flatnonzero(owner[chosen] == name)
            if not len(here):
                continue
            for block in blocks_of(len(columns), run.stop - run.start):
                whole = read_run(stream, run, columns[block])
                found = window_means(whole, *wanted[:, here])
                for baseline in spans[1:]:
                    found = found - window_means(whole, *baseline[:, chosen[here]])
                values[here, block] = found.transpose(0, 2, 1)
        return values

    return read


def _baseline(baseline: tuple[float, float]) -> Windows:
    try:
        start, stop = (float(value) for value in baseline)
    except (TypeError, ValueError) as error:
        message = f"baseline={baseline!r} is not a pair of seconds, as in (-0.2, 0)."
        raise DataError(message) from error
    return make_windows(start, stop, stop - start if stop > start else np.nan)


def _checked_events(events: pd.DataFrame, runs: dict[str, Stretch]) -> pd.DataFrame:
    """Return the events with stimulus, run and onset, all of them in runs of the stream."""
    if not isinstance(events, pd.DataFrame) or "onset" not in events or not len(events):
        message = "Events are a table with a column 'onset' (s in the run) and a row at least."
        raise DataError(message)
    table = events.reset_index(drop=True)
    table["stimulus"] = as_labels(_stimuli(events), "stimulus")
    table["onset"] = pd.to_numeric(events["onset"], errors="coerce").to_numpy(float)
    if (bad := ~np.isfinite(table["onset"])).any():
        message = f"{bad.sum()} events have no onset {name_some(table['stimulus'][bad])}."
        raise DataError(message)
    if "run" not in events:
        if len(runs) > 1:
            message = f"The stream has {len(runs)} runs; give events a column 'run'."
            raise DataError(message)
        table["run"] = next(iter(runs))
    table["run"] = as_labels(table["run"], "run")
    if strange := sorted(set(table["run"]) - set(runs)):
        message = (
            f"Events are in {len(strange)} runs that the stream lacks {name_some(strange)}; its "
            f"runs {name_some(runs)}."
        )
        raise DataError(message)
    return table


def _stimuli(events: pd.DataFrame) -> pd.Series | pd.Index:
    """Return what was met in each event; numbers of rows say nothing."""
    index, column = events.index, stimulus_column(events)
    numbered = index.name is None and index.dtype.kind in "iu"
    if column is None and numbered:
        message = (
            "Events have no column 'stimulus' that says what was met; call one of theirs so "
            f"{name_some(events.columns)}, or name the rows."
        )
        raise DataError(message)
    return events[column] if column == "stimulus" or (column and numbered) else index


def _samples(
    table: pd.DataFrame, runs: dict[str, Stretch], period: float, windows: Windows
) -> np.ndarray:
    """Return first and last + 1 sample of each window, (2, event, window), counted in its run."""
    first = table["run"].map({name: run.onset for name, run in runs.items()}).to_numpy(float)
    since = (table["onset"].to_numpy(float) - first)[:, None]
    edges = np.stack([windows.begins, windows.ends])[:, None] / TICKS
    return np.ceil((since + edges) / period - 0.5 - BORDER).astype(int)


def _outside(table: pd.DataFrame, runs: dict[str, Stretch], span: np.ndarray) -> np.ndarray:
    lengths = table["run"].map({name: run.stop - run.start for name, run in runs.items()})
    beyond = (span[0] < 0) | (span[1] > lengths.to_numpy()[:, None])
    return np.asarray(beyond.any(axis=1))


def _check_memory(shape: tuple[int, int, int]) -> None:
    needed, free = 8 * np.prod(shape, dtype=float), psutil.virtual_memory().available
    if needed > free:
        message = (
            f"{shape[0]} events x {shape[1]} neuroids x {shape[2]} windows take {needed / 1e9:.1f} "
            f"GB, and {free / 1e9:.1f} GB are free; select neuroids first, or take longer steps."
        )
        raise DataError(message)
