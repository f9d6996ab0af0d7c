"""Labels, dimensions and the checks that every recording and stimulus table must pass."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, name_some

EVENT_DIMS = ("stimulus", "repetition", "neuroid", "time")
SHOWING_DIMS = ("showing", "neuroid", "time")
STREAM_DIMS = ("repetition", "sample", "neuroid")
UNKNOWN = "unknown"  # the region of a neuroid whose region is not known

# Columns that say what was presented. A condition is a name for stimuli that are not distributed.
CONDITION = "condition"
STIMULUS_KINDS = ("text", "image", "audio", "video", CONDITION)

NEUROID_COORDS = ("roi", "hemisphere", "x", "y", "z", "electrode", "depth")
SHOWING_COORDS = ("stimulus", "repetition", "session", "run", "onset")
SAMPLE_COORDS = ("run", "onset")

# Samples may begin this share of the sampling period off an even grid, as rounded onsets do.
SPACING_TOLERANCE = 0.1


def as_labels(values: Iterable[object], what: str) -> np.ndarray:
    """Turn ids into strings, refusing ids that would collide or mean nothing.

    Parameters
    ----------
    values : iterable
        Strings are kept to the letter (padding included); whole numbers become their digits.
    what : str
        Name of the labels in messages.

    Returns
    -------
    ndarray of str
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuU":  # all distinct as they are
        return np.asarray(values.tolist()).astype(str)
    given = list(values)
    labels = [_as_label(value, what) for value in given]
    if len(set(labels)) < len(set(given)):
        origin: dict[str, object] = {}
        clash = next(
            label
            for label, value in zip(labels, given, strict=True)
            if origin.setdefault(label, value) != value
        )
        message = (
            f"Several {what} ids become the same label {clash!r}; give each a distinct string."
        )
        raise DataError(message)
    return np.asarray(labels, dtype=str) if labels else np.empty(0, dtype=str)


def _as_label(value: object, what: str) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    if (
        isinstance(value, (float, np.floating))
        and math.isfinite(value)
        and float(value).is_integer()
    ):
        return str(int(value))
    plain = value.item() if isinstance(value, np.generic) else value
    message = f"A {what} id is {plain!r}; ids are strings or whole numbers."
    raise DataError(message)


def repeated(labels: Iterable[str]) -> list[str]:
    """Return the labels that occur more than once, in sorted order."""
    index = pd.Index(labels, dtype=object)  # type: ignore[arg-type]  # faster than Arrow's
    return sorted(set(index[index.duplicated()]))


def in_memory(recording: xr.DataArray) -> bool:
    """Tell whether the values are a numpy array already, so that looking at them costs no read."""
    return isinstance(recording.variable._data, np.ndarray)


def is_showings(recording: xr.DataArray) -> bool:
    """Tell whether rows are single showings (stimuli repeat) rather than stimuli."""
    return "showing" in recording.dims


def is_stream(recording: xr.DataArray) -> bool:
    """Tell whether rows are samples in time, of a film or a story, rather than stimuli."""
    return "sample" in recording.dims


def row_dim(recording: xr.DataArray) -> str:
    """Return the dimension of the rows: stimulus, showing or sample."""
    if is_stream(recording):
        return "sample"
    return "showing" if is_showings(recording) else "stimulus"


def dims_allowed(dims: Iterable[object]) -> tuple[str, ...]:
    """Return the dimensions, in order, of the form of recording that these belong to."""
    given = set(dims)
    if "sample" in given:
        return STREAM_DIMS
    return SHOWING_DIMS if "showing" in given else EVENT_DIMS


def label_faults(recording: xr.DataArray) -> list[str]:
    """List what is wrong with the dimensions, labels and attributes of a recording.

    The values are not read, so that lazy recordings stay lazy.
    """
    faults = []
    allowed = dims_allowed(recording.dims)
    given = tuple(str(dim) for dim in recording.dims)
    if given != tuple(dim for dim in allowed if dim in given) or "neuroid" not in given:
        return [f"dimensions are {given}, but {allowed} in this order are needed"]
    for name in ("sample" if is_stream(recording) else "stimulus", "neuroid"):
        if name not in recording.coords:
            faults.append(f"coordinate {name!r} is missing")
        elif name in recording.dims and (twice := repeated(recording[name].values)):
            faults.append(f"{len(twice)} {name} labels occur more than once {name_some(twice)}")
    if "subject" not in recording.coords or recording["subject"].ndim:
        faults.append("the scalar coordinate 'subject' is missing")
    elif "neuroid" in recording.coords:
        prefix = f"{recording['subject'].item()}/"
        names = recording["neuroid"].values.astype(str)
        if len(strangers := names[~np.char.startswith(names, prefix)]):
            faults.append(
                f"{len(strangers)} neuroid labels lack the prefix {prefix!r} {name_some(strangers)}"
            )
    if not recording.attrs.get("units"):
        faults.append("the attribute 'units' is missing")
    return faults + (_sample_faults if is_stream(recording) else _time_faults)(recording)


def _time_faults(recording: xr.DataArray) -> list[str]:
    if "time" not in recording.dims:
        return []
    faults = []
    if "time" not in recording.coords:
        faults.append("coordinate 'time' (seconds from onset) is missing")
    elif (kind := recording["time"].dtype).kind not in "iuf":
        faults.append(f"coordinate 'time' holds values of type {kind}, not seconds")
    elif not (np.diff(recording["time"].values) > 0).all():
        faults.append("coordinate 'time' does not increase")
    if not recording.attrs.get("time_convention"):
        faults.append("the attribute 'time_convention' (say 'bin centers') is missing")
    return faults


def _sample_faults(recording: xr.DataArray) -> list[str]:
    """List what is wrong with the clock of a stream: its period, runs, onsets and their order."""
    period = recording.attrs.get("sampling_period")
    faults = []
    if not isinstance(period, float) or not 0 < period < math.inf:
        faults.append("the attribute 'sampling_period' (seconds, a float above 0) is missing")
    for name in SAMPLE_COORDS:
        if name not in recording.coords or recording[name].dims != ("sample",):
            faults.append(f"coordinate {name!r} of the samples is missing")
        elif (lacking := recording[name].isnull().values).any():
            faults.append(f"{lacking.sum()} samples have no {name}")
        elif (kind := recording[name].dtype).kind not in ("UTO" if name == "run" else "iuf"):
            faults.append(f"coordinate {name!r} of the samples holds values of type {kind}")
    if "stimulus" in recording.coords:
        faults.append("a stream has no coordinate 'stimulus'; its stimuli have onsets instead")
    if faults or "sample" not in recording.coords:
        return faults
    return _order_faults(recording, float(recording.attrs["sampling_period"]))


def _order_faults(recording: xr.DataArray, period: float) -> list[str]:
    """Name the first thing that is wrong with the order of samples; others follow from it."""
    labels = recording["sample"].values.astype(str)
    onsets = recording["onset"].values.astype(float)
    bad = np.zeros((5, len(labels)), dtype=bool)
    bad[0] = onsets < 0
    for run, rows in _runs(recording).items():
        names, places = labels[rows], (onsets[rows] - onsets[rows[0]]) / period
        bad[1, rows] = np.abs(places - np.rint(places)) > SPACING_TOLERANCE
        bad[2, rows[1:]] = np.diff(np.rint(places)) <= 0
        bad[3, rows] = ~np.char.startswith(names, f"{run}/")
        bad[4, rows[1:]] = names[1:] <= names[:-1]
    grid = f"a whole number of sampling periods of {period:g} s after the first of their run"
    for words, wrong in zip(
        (
            "samples begin before their run (onset below 0)",
            f"samples do not begin {grid}",
            "samples do not begin after the one before them in their run",
            "sample labels lack their run as prefix, as in 'run-1/0000012'",
            "sample labels do not sort by time within their run",
        ),
        bad,
        strict=True,
    ):
        if wrong.any():
            return [f"{wrong.sum()} {words} {name_some(labels[wrong])}"]
    return []


def _runs(recording: xr.DataArray) -> dict[str, np.ndarray]:
    """Return the numbers of the samples of each run of a stream."""
    runs = recording["run"].values.astype(str)
    return {str(run): np.flatnonzero(runs == run) for run in np.unique(runs)}


def event_faults(recording: xr.DataArray, stimuli: pd.DataFrame) -> list[str]:
    """List what is wrong with the stimuli of a stream: columns, or onsets outside their run.

    Stimuli of runs that this recording lacks are left alone: not everybody has every run.
    """
    if missing := [name for name in SAMPLE_COORDS if name not in stimuli]:
        return [f"stimuli of a stream need the columns run and onset; {missing[0]!r} is missing"]
    for name in ("run", "onset", "duration"):
        if name in stimuli and (empty := stimuli[name].isna()).any():
            return [f"{empty.sum()} stimuli have no {name} {name_some(stimuli.index[empty])}"]
        if name in stimuli and name != "run" and stimuli[name].dtype.kind not in "iuf":
            return [f"stimuli have a column {name!r} of type {stimuli[name].dtype}, not seconds"]
    if "duration" in stimuli and (negative := stimuli["duration"] < 0).any():
        names = name_some(stimuli.index[negative])
        return [f"{negative.sum()} stimuli have a duration below 0 {names}"]
    onsets = {run: recording["onset"].values[rows] for run, rows in _runs(recording).items()}
    if silent := sorted(set(onsets) - set(stimuli["run"])):
        given = name_some(pd.unique(stimuli["run"]))
        return [
            f"{len(silent)} of its runs have no stimulus {name_some(silent)}; runs of the stimuli "
            f"{given}"
        ]
    period = recording.attrs["sampling_period"]
    rounding = 1e-6 * period
    begin = stimuli["run"].map({run: seconds.min() for run, seconds in onsets.items()})
    end = stimuli["run"].map({run: seconds.max() + period for run, seconds in onsets.items()})
    outside = (stimuli["onset"] < begin - rounding) | (stimuli["onset"] > end + rounding)
    if outside.any():
        names = name_some(stimuli.index[outside])
        return [f"{outside.sum()} stimuli begin outside their run {names}"]
    return []


def value_faults(recording: xr.DataArray) -> list[str]:
    """List what is wrong with the values: infinite, absent or constant. Reads all of them."""
    values = np.asarray(recording.transpose("neuroid", ...).values, dtype=float)
    values = values.reshape(len(values), -1)
    names = recording["neuroid"].values
    faults = []
    for word, bad in (
        ("infinite values", np.isinf(values).any(1)),
        ("no response at all", np.isnan(values).all(1)),
        (
            "a constant response",
            np.nanmax(values, 1, initial=-np.inf) == np.nanmin(values, 1, initial=np.inf),
        ),
    ):
        if bad.any():
            faults.append(f"{bad.sum()} neuroids have {word} {name_some(names[bad])}")
    return faults


def stimulus_kinds(stimuli: pd.DataFrame) -> list[str]:
    """Return the columns of a table that say what was presented.

    Beside a column that models read, a column of conditions is one like any other.
    """
    kinds = [kind for kind in STIMULUS_KINDS if kind in stimuli]
    return [kind for kind in kinds if kind != CONDITION] or kinds


def stimulus_faults(stimuli: pd.DataFrame) -> list[str]:
    """List what is wrong with a stimulus table."""
    faults = []
    if twice := repeated(stimuli.index):
        faults.append(f"{len(twice)} stimulus labels occur more than once {name_some(twice)}")
    for column in stimulus_kinds(stimuli):
        if (empty := stimuli[column].isna()).any():
            names = name_some(stimuli.index[empty])
            faults.append(f"{empty.sum()} stimuli have no {column} {names}")
    if "group" in stimuli and (lone := stimuli["group"].isna()).any():
        faults.append(f"{lone.sum()} stimuli have no group {name_some(stimuli.index[lone])}")
    return faults
