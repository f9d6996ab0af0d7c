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
UNKNOWN = "unknown"  # the region of a neuroid whose region is not known
STIMULUS_KINDS = ("text", "image", "audio", "video")

NEUROID_COORDS = ("roi", "hemisphere", "x", "y", "z", "electrode", "depth")
SHOWING_COORDS = ("stimulus", "repetition", "session", "run", "onset")


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
    message = f"A {what} id is {value!r}; ids are strings or whole numbers."
    raise DataError(message)


def repeated(labels: Iterable[str]) -> list[str]:
    """Return the labels that occur more than once, in sorted order."""
    index = pd.Index(labels)
    return sorted(set(index[index.duplicated()]))


def in_memory(recording: xr.DataArray) -> bool:
    """Tell whether the values are a numpy array already, so that looking at them costs no read."""
    return isinstance(recording.variable._data, np.ndarray)


def is_showings(recording: xr.DataArray) -> bool:
    """Tell whether rows are single showings (stimuli repeat) rather than stimuli."""
    return "showing" in recording.dims


def label_faults(recording: xr.DataArray) -> list[str]:
    """List what is wrong with the dimensions, labels and attributes of a recording.

    The values are not read, so that lazy recordings stay lazy.
    """
    faults = []
    allowed = SHOWING_DIMS if is_showings(recording) else EVENT_DIMS
    given = tuple(str(dim) for dim in recording.dims)
    if given != tuple(dim for dim in allowed if dim in given) or "neuroid" not in given:
        return [f"dimensions are {given}, but {allowed} in this order are needed"]
    for name in ("stimulus", "neuroid"):
        if name not in recording.coords:
            faults.append(f"coordinate {name!r} is missing")
        elif name in recording.dims and (twice := repeated(recording[name].values)):
            faults.append(f"{len(twice)} {name} labels occur more than once {name_some(twice)}")
    if "subject" not in recording.coords or recording["subject"].ndim:
        faults.append("the scalar coordinate 'subject' is missing")
    elif "neuroid" in recording.coords:
        prefix = f"{recording['subject'].item()}/"
        strangers = [n for n in recording["neuroid"].values if not str(n).startswith(prefix)]
        if strangers:
            faults.append(
                f"{len(strangers)} neuroid labels lack the prefix {prefix!r} {name_some(strangers)}"
            )
    if not recording.attrs.get("units"):
        faults.append("the attribute 'units' is missing")
    return faults + _time_faults(recording)


def _time_faults(recording: xr.DataArray) -> list[str]:
    if "time" not in recording.dims:
        return []
    faults = []
    if "time" not in recording.coords:
        faults.append("coordinate 'time' (seconds from onset) is missing")
    elif not (np.diff(recording["time"].values) > 0).all():
        faults.append("coordinate 'time' does not increase")
    if not recording.attrs.get("time_convention"):
        faults.append("the attribute 'time_convention' (say 'bin centers') is missing")
    return faults


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


def stimulus_faults(stimuli: pd.DataFrame) -> list[str]:
    """List what is wrong with a stimulus table."""
    faults = []
    if twice := repeated(stimuli.index):
        faults.append(f"{len(twice)} stimulus labels occur more than once {name_some(twice)}")
    for column in STIMULUS_KINDS:
        if column in stimuli and (empty := stimuli[column].isna()).any():
            names = name_some(stimuli.index[empty])
            faults.append(f"{empty.sum()} stimuli have no {column} {names}")
    if "group" in stimuli and (lone := stimuli["group"].isna()).any():
        faults.append(f"{lone.sum()} stimuli have no group {name_some(stimuli.index[lone])}")
    return faults
