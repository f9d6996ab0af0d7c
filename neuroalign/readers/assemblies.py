"""Read netCDF assemblies in the layout of Brain-Score, without its package."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Hashable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some, shortened, unknown_name
from neuroalign.readers.elsewhere import refuse_all_elsewhere
from neuroalign.readers.files import existing, reading
from neuroalign.readers.lazy import Part, lazy_array
from neuroalign.readers.sizes import check_promised

if TYPE_CHECKING:
    import xarray as xr

KIND = "a netCDF assembly"
AXES = {"presentation": "showing", "neuroid": "neuroid", "time_bin": "time"}
# An older writer calls the only level of an index as the axis, with a dash below.
STIMULUS = ("stimulus_id", "image_id", "presentation", "presentation_")
NEUROID = ("neuroid_id", "neuroid", "neuroid_")
RENAMED = {"region": "roi", "stimulus": "stimulus_number", "time": "showing_time"}
EDGES = ("time_bin_start", "time_bin_end")
ENGINES = {b"\x89HDF": "h5netcdf", b"CDF\x01": "scipy", b"CDF\x02": "scipy"}


def read_assembly(
    path: str | PathLike[str],
    *,
    variable: str | None = None,
    neuroid: str | Sequence[str] | None = None,
    units: str | None = None,
) -> xr.DataArray:
    """Read responses from a netCDF assembly as Brain-Score publishes them.

    Such a file has one variable over presentation, neuroid and perhaps time_bin, in any order, and
    flat coordinates for each, since its levels of an index are reset when it is written. The values
    stay in the file until they are asked for.

    Parameters
    ----------
    path : str or path
        netCDF-4 (HDF5), or netCDF-3.
    variable : str, optional
        Where several variables hold responses, the one wanted.
    neuroid : str or sequence of str, optional
        Coordinates that tell neuroids apart, joined by a dash. By default "neuroid_id".
    units : str, optional
        By default the attribute of the variable, if it has one.

    Returns
    -------
    DataArray (showing, neuroid, [time])
        `stimulus` is "stimulus_id" or, in older files, "image_id"; `roi` is "region"; all other
        coordinates keep their names ("stimulus", a number in some files, becomes
        "stimulus_number", and "subject" "neuroid_subject"). `time` is the middle of a bin in s; a
        single bin has no axis, and the attributes `window_start` and `window_stop` say what it is.
        Files have milliseconds.

    Raises
    ------
    DataError
        If the file is no such assembly, or its neuroids cannot be told apart.

    References
    ----------
    BrainIO format specification,
    https://github.com/brain-score/brainio/blob/main/docs/SPECIFICATION.md
    """
    file = existing(path)
    with reading(file, KIND), _opened(file) as dataset:
        name = _response_name(dataset, file, variable)
        source = dataset[name]
        _check(source, file)
        coords = _coords(dataset, file)
        attrs = {"units": units or source.attrs.get("units")}
    coords |= _labels(coords, neuroid, file)
    made = _lazily(file, name, source).assign_coords(coords)
    made.attrs = {key: value for key, value in attrs.items() if value}
    made = made.transpose("showing", "neuroid", ...)
    return _timed(made, file) if "time" in made.dims else made


def _opened(file: Path) -> xr.Dataset:
    import h5py
    import xarray as xr

    with file.open("rb") as stream:
        engine = ENGINES.get(stream.read(4))
    if engine is None:
        message = f"File {str(file)!r} is not a netCDF file; its first bytes are those of another."
        raise DataError(message)
    if engine == "h5netcdf":
        # What h5netcdf does first; where it fails halfway, it leaves a trace on the screen.
        with h5py.File(file, "r") as held:
            held.attrs.get("_nc3_strict")
        refuse_all_elsewhere(file)
    try:
        return xr.open_dataset(file, engine=engine, decode_times=False, cache=False)
    except Exception as error:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what scipy leaves open when it gives up
            traceback.clear_frames(error.__traceback__)
        raise


def _response_name(dataset: xr.Dataset, file: Path, variable: str | None) -> Hashable:
    """Return the name of the variable that holds responses."""
    found = {
        str(name): name
        for name, item in dataset.variables.items()
        if {"presentation", "neuroid"} <= set(item.dims)
    }
    if variable is not None:
        if variable not in found:
            raise unknown_name(variable, found, kind="variable of presentation and neuroid")
        return found[variable]
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        dims = ", ".join(map(shortened, dataset.sizes)) or "none"
        spikes = "event" in dataset.sizes
        times = "; times of single spikes are binned with bin_spikes" if spikes else ""
        message = (
            f"File {str(file)!r} has no variable of presentation and neuroid (its dimensions: "
            f"{dims}{times})."
        )
        raise DataError(message)
    message = (
        f"File {str(file)!r} has {len(found)} variables of presentation and neuroid "
        f"{name_some(found)}; pass variable=... for one of them."
    )
    raise DataError(message)


def _check(source: xr.DataArray, file: Path) -> None:
    if other := [str(dim) for dim in source.dims if dim not in AXES]:
        message = (
            f"Variable {str(source.name)!r} of {str(file)!r} has the dimension {other[0]!r}; "
            "presentation, neuroid and time_bin are known."
        )
        raise DataError(message)
    if not source.size:
        message = f"Variable {str(source.name)!r} of {str(file)!r} holds no values."
        raise DataError(message)
    if source.dtype.kind not in "iuf":
        held = "words" if source.dtype.kind in "OSU" else f"values of type {source.dtype}"
        message = f"Variable {str(source.name)!r} of {str(file)!r} holds {held}, not numbers."
        raise DataError(message)


def _coords(dataset: xr.Dataset, file: Path) -> dict[str, tuple[str, np.ndarray]]:
    """Return what lies on one axis, under the names of the file."""
    coords = {}
    for name, item in dataset.variables.items():
        if len(item.dims) == 1 and item.dims[0] in AXES:
            axis = str(item.dims[0])
            check_promised(file, item.size * item.dtype.itemsize, f"coordinate {str(name)!r}")
            coords[str(name)] = (AXES[axis], _plain(item.values))
    return coords


def _plain(values: np.ndarray) -> np.ndarray:
    """Return words as str, whether the file has bytes or strings."""
    if values.dtype.kind not in "SO":
        return values
    return np.asarray(
        [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in values]
    )


def _labels(
    coords: dict[str, tuple[str, np.ndarray]], neuroid: str | Sequence[str] | None, file: Path
) -> dict[str, tuple[str, np.ndarray]]:
    """Take the labels out of the coordinates, and rename what has a name of its own here."""
    shown = next((name for name in STIMULUS if name in coords), None)
    if shown is None:
        message = f"File {str(file)!r} does not say what was shown: it has no 'stimulus_id'."
        raise DataError(message)
    on_neuroids = [name for name, (axis, _) in coords.items() if axis == "neuroid"]
    default = next((name for name in NEUROID if name in coords), "neuroid_id")
    wanted = [default] if neuroid is None else [neuroid] if isinstance(neuroid, str) else neuroid
    for name in wanted:
        if name not in on_neuroids:
            raise unknown_name(name, on_neuroids, kind="coordinate of the neuroids")
    parts = [as_labels(coords[name][1].tolist(), "neuroid") for name in wanted]
    labels = np.asarray(["-".join(row) for row in zip(*parts, strict=True)])
    if twice := repeated(labels):
        message = (
            f"{len(twice)} neuroid labels of {str(file)!r} occur more than once "
            f"{name_some(twice)}; name the coordinates that tell neuroids apart, as in "
            f"neuroid=['animal', {default!r}] (there are {', '.join(on_neuroids)})."
        )
        raise DataError(message)
    stimulus = ("showing", as_labels(coords.pop(shown)[1].tolist(), "stimulus"))
    for name in {*NEUROID, *STIMULUS} & set(coords):
        del coords[name]
    for old in set(RENAMED) & set(coords):
        coords[RENAMED[old]] = coords.pop(old)
    if "subject" in coords:  # of a recording there is one
        axis, values = coords.pop("subject")
        coords[f"{axis}_subject"] = (axis, values)
    return {"stimulus": stimulus, "neuroid": ("neuroid", labels)}


def _lazily(file: Path, name: Hashable, source: xr.DataArray) -> xr.DataArray:
    """Return the variable as an array that opens the file whenever values are asked for."""
    import xarray as xr

    def read(*parts: Part) -> np.ndarray:
        with reading(file, KIND), _opened(file) as dataset:
            chosen = dict(zip(source.dims, parts, strict=True))
            return np.asarray(dataset[name].isel(chosen).values)

    data: Any = lazy_array(source.shape, source.dtype, read)
    return xr.DataArray(data, dims=[AXES[str(dim)] for dim in source.dims])


def _timed(made: xr.DataArray, file: Path) -> xr.DataArray:
    """Say when the bins are: in seconds, in order, and without an axis where there is one."""
    if not {*EDGES} <= set(made.coords):
        message = f"File {str(file)!r} does not say when its bins are: it has no {EDGES[0]!r}."
        raise DataError(message)
    begins, ends = (np.asarray(made[name].values, dtype=float) / 1000 for name in EDGES)
    made = made.drop_vars(EDGES)
    widths = ends - begins
    if np.ptp(widths) < 1e-9:
        made.attrs["bin_width"] = float(np.round(widths[0], 9))
    if made.sizes["time"] == 1:
        made.attrs |= {"window_start": float(begins[0]), "window_stop": float(ends[0])}
        return made.isel(time=0, drop=True)
    made.attrs["time_convention"] = "bin centers"
    order = np.argsort(begins, kind="stable")
    centers = np.round((begins + ends) / 2, 9)[order]
    return made.isel(time=order).assign_coords(time=("time", centers))
