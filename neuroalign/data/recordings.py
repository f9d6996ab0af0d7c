"""Make recordings from arrays: names of axes, labels, units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign.data.faults import refuse
from neuroalign.data.label_order import check_order
from neuroalign.data.schema import (
    NEUROID_COORDS,
    SAMPLE_COORDS,
    SHOWING_COORDS,
    UNKNOWN,
    as_labels,
    dims_allowed,
    in_memory,
    label_faults,
)
from neuroalign.data.streams import checked_period, sample_coords
from neuroalign.errors import DataError


def make_recording(
    values: ArrayLike | pd.DataFrame | xr.DataArray,
    dims: Sequence[str] | None = None,
    *,
    subject: object,
    units: str | None = None,
    sampling_period: float | None = None,
    attrs: Mapping[str, str] | None = None,
    **coords: object,
) -> xr.DataArray:
    """Label the responses of one subject.

    Parameters
    ----------
    values : array, DataFrame or DataArray
        Responses; NaN where a neuroid was not measured. Index names of a DataFrame are dropped;
        a DataArray keeps its labels and attributes, other than those given here. A lazy array
        stays lazy.
    dims : sequence of str, optional
        Names of the axes of `values`: "stimulus" (once each), "showing" (stimuli repeat) or
        "sample" (a stream in time, of a film or a story), "neuroid", and where there are such
        axes "repetition" and "time". Any order. By default those of a DataArray.
    subject : str or int
        Who was recorded; becomes the prefix of the neuroid labels.
    units : str, optional
        Physical units of the values, as in "spikes/s" or "percent signal change". By default the
        attribute of a DataArray.
    sampling_period : float, optional
        Of a stream: seconds from one sample to the next. By default the attribute of a DataArray.
    attrs : mapping, optional
        Further facts, such as ``{"time_convention": "bin centers"}``, which a time axis needs.
    **coords
        Labels: `stimulus` and `neuroid` are required, `time` (s from onset) where it is an axis;
        others as wanted (`roi`, `session`, `run`, ...). A stream has no `stimulus`; it needs
        `run`, one for all samples or one each, and may be given `onset` (s in the run at which
        the interval of a sample begins; by default counted from 0), from which its labels
        follow. An unusual name whose length fits several axes is given as ``(dim, labels)``. A
        Series that has the labels of its axis in another order is refused, and so are the labels
        of a table of values in another order: which was meant cannot be told.

    Returns
    -------
    DataArray
        (stimulus, [repetition], neuroid, [time]), (showing, neuroid, [time]) or
        ([repetition], sample, neuroid)

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.make_recording([[1.0, 2.0], [3.0, 5.0]], ("stimulus", "neuroid"),
    ...     subject="m1", units="spikes/s", stimulus=["cat", "dog"], neuroid=[7, 12])
    >>> [str(label) for label in recording.neuroid.values]
    ['m1/7', 'm1/12']
    """
    owner = str(as_labels([subject], "subject")[0])
    if not owner.strip():
        message = "Argument 'subject' is empty; say who was recorded, as in subject='m1'."
        raise DataError(message)
    labelled, anew = values, coords
    if isinstance(values, xr.DataArray):
        values, dims, coords, attrs = _labeled(values, dims, coords, attrs)
        brought, period = attrs.pop("units", None), attrs.pop("sampling_period", None)
        units = brought if units is None else units
        sampling_period = period if sampling_period is None else sampling_period
    elif dims is None:
        message = (
            "make_recording needs the names of the axes, as in dims=('stimulus', 'neuroid'); only "
            "a DataArray brings its own."
        )
        raise DataError(message)
    data = _numeric(values)
    dims = tuple(dims)
    _check_dims(dims, data.shape)
    if not units or not str(units).strip():
        message = "Argument 'units' is empty; say what the values are, as in units='spikes/s'."
        raise DataError(message)
    period = checked_period(sampling_period, dims)
    sizes = dict(zip(dims, data.shape, strict=True))
    located = {name: _locate(name, value, sizes, owner) for name, value in coords.items()}
    facts: dict[str, object] = {"units": str(units), **(attrs or {})}
    if period is None:
        home = "showing" if "showing" in sizes else "stimulus"
        located["stimulus"] = (home, _labels_of("stimulus", home, located))
    else:
        located |= sample_coords(located, sizes["sample"], period)
        located["sample"] = ("sample", _labels_of("sample", "sample", located))
        facts["sampling_period"] = period
    check_order(labelled, dims, anew, located, owner)
    located["neuroid"] = ("neuroid", _prefixed(_labels_of("neuroid", "neuroid", located), owner))
    recording = xr.DataArray(data, dims=dims, coords={**located, "subject": owner}, attrs=facts)
    recording = recording.transpose(*(dim for dim in dims_allowed(dims) if dim in dims))
    refuse(
        f"Recording of subject {owner!r} cannot be made",
        f"subject {owner!r}",
        label_faults(recording),
    )
    return recording


def _labeled(
    values: xr.DataArray,
    dims: Sequence[str] | None,
    coords: Mapping[str, object],
    attrs: Mapping[str, str] | None,
) -> tuple[xr.DataArray, Sequence[str], dict[str, object], dict[str, Any]]:
    """Return a labelled array, its axes under the names wanted, and its labels and attributes.

    What is given anew takes the place of what the array brings. The owner that it names is left
    out: `subject` says whose it is.
    """
    if dims is not None and len(dims) == values.ndim:
        names = dict(zip(values.dims, dims, strict=True))
        values = values.rename({old: new for old, new in names.items() if old != new})
    brought = {
        str(name): (coord.dims[0], coord.values) if coord.ndim else coord.item()
        for name, coord in values.coords.items()
        if coord.ndim < 2 and name not in (*coords, "subject")
    }
    own = [str(dim) for dim in values.dims] if dims is None else dims
    return values, own, {**brought, **coords}, {**values.attrs, **(attrs or {})}


def _labels_of(name: str, home: str, located: Mapping[str, tuple]) -> np.ndarray:
    """Return the labels of an axis, which must have been given, and for that axis."""
    if name not in located or located[name][0] != home:
        message = f"make_recording needs the labels of every {name}; pass {name}=[...]."
        raise DataError(message)
    return as_labels(located[name][1], name)


def _numeric(values: Any) -> np.ndarray:
    """Return an array of numbers; what is not a numpy array but acts like one stays lazy."""
    if isinstance(values, xr.DataArray):
        data = values.variable._data if not in_memory(values) else values.values
    elif hasattr(values, "__array_function__"):
        data = values
    else:
        data = rectangular(values)
    if data.dtype == object:
        try:
            data = np.asarray(data, dtype=float)
        except (TypeError, ValueError):
            data = np.asarray(data, dtype=str)
    if data.dtype.kind not in "iuf":
        message = f"Responses are numbers, but values of type {data.dtype} were given."
        raise DataError(message)
    if isinstance(data, np.ndarray) and data.dtype.kind == "f" and np.isinf(data).any():
        message = f"{np.isinf(data).sum()} responses are infinite; use NaN for what is missing."
        raise DataError(message)
    return cast(np.ndarray, data)


def rectangular(values: Any) -> np.ndarray:
    """Return an array of nested lists, whose rows must have one length."""
    try:
        return np.asarray(values)
    except ValueError as error:
        message = "Responses are not a rectangular array; their rows differ in length."
        raise DataError(message) from error


def _check_dims(dims: tuple[str, ...], shape: tuple[int, ...]) -> None:
    allowed = dims_allowed(dims)
    if len(dims) != len(shape):
        message = f"Values of shape {shape} have {len(shape)} axes, but dims names {dims}."
        raise DataError(message)
    needed = {"sample" if "sample" in allowed else allowed[0], "neuroid"}
    if len(set(dims)) < len(dims) or not needed <= set(dims) <= set(allowed):
        message = (
            f"dims {dims} are not those of a recording; use 'stimulus', 'showing' or 'sample', "
            "'neuroid', and where they exist 'repetition' (not with showings) and 'time' (not with "
            "samples)."
        )
        raise DataError(message)
    if 0 in shape:
        message = f"Values of shape {shape} are empty."
        raise DataError(message)


def _locate(name: str, value: Any, sizes: Mapping[str, int], owner: str) -> tuple:
    """Say on which axis the labels of a coordinate lie."""
    if isinstance(value, (Set, Mapping, Iterator)):
        message = f"Coordinate {name!r} is a {type(value).__name__}; give its labels as a list."
        raise DataError(message)
    if isinstance(value, tuple) and len(value) == 2 and value[0] in sizes:
        dim, labels = value[0], _as_array(name, value[1])
    elif isinstance(value, (str, bytes)) or not getattr(value, "ndim", hasattr(value, "__len__")):
        if name not in NEUROID_COORDS:
            return (), value
        dim, labels = "neuroid", np.repeat(value, sizes["neuroid"])
    else:
        labels = _as_array(name, value)
        dim = _home(name, len(labels), sizes)
    if len(labels) != sizes[dim]:
        message = (
            f"Coordinate {name!r} of subject {owner!r} has {len(labels)} labels, but {dim} has "
            f"{sizes[dim]}."
        )
        raise DataError(message)
    if labels.dtype == object and not _types(labels) <= {str}:
        missing = UNKNOWN if name in NEUROID_COORDS else None
        labels = np.asarray([_kept(label, missing) for label in labels], dtype=object)
    if labels.dtype == object and _types(labels) <= {str}:
        labels = labels.astype(str)
    return dim, labels


def _as_array(name: str, given: Any) -> np.ndarray:
    """Return labels as they were given; next to words, numbers stay numbers."""
    try:
        labels = np.asarray(given)
    except ValueError:  # lists of different lengths
        labels = np.empty((0, 0))
    if labels.ndim != 1:
        message = (
            f"Coordinate {name!r} is no plain list; give one label for each place on its axis."
        )
        raise DataError(message)
    if labels.dtype.kind == "U" and not hasattr(given, "dtype") and not _types(given) <= {str}:
        labels = np.asarray(list(given), dtype=object)  # else 1 and nan became "1" and "nan"
    return labels


def _types(labels: Any) -> set[type]:
    """Return the types of labels; of many, far faster than to look at each."""
    return set(map(type, labels))


def _kept(label: Any, missing: str | None) -> Any:
    """Return a plain string for any kind of string, and a word for a region that is not known."""
    if isinstance(label, str):
        return str(label)
    return missing if missing is not None and pd.isna(label) else label


def _home(name: str, length: int, sizes: Mapping[str, int]) -> str:
    if name in sizes:
        return name
    if name in NEUROID_COORDS:
        return "neuroid"
    if name in SAMPLE_COORDS and "sample" in sizes:
        return "sample"
    if name in SHOWING_COORDS and "showing" in sizes:
        return "showing"
    fitting = [dim for dim, size in sizes.items() if size == length]
    if len(fitting) == 1:
        return fitting[0]
    where = " or ".join(fitting) if fitting else "no axis"
    message = (
        f"Coordinate {name!r} has {length} labels, which fits {where} of {dict(sizes)}; "
        f"give it as {name}=(dim, labels)."
    )
    raise DataError(message)


def _prefixed(labels: np.ndarray, subject: str) -> np.ndarray:
    prefix = f"{subject}/"
    return labels if np.char.startswith(labels, prefix).all() else np.char.add(prefix, labels)
