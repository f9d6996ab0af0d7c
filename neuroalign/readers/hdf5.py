"""Read an array of HDF5 files, one below the other, unread until its values are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, name_some
from neuroalign.readers.elsewhere import refuse_elsewhere
from neuroalign.readers.files import reading
from neuroalign.readers.lazy import Part, lazy_array
from neuroalign.readers.matlab import read_outer
from neuroalign.readers.nifti_files import INFLATED
from neuroalign.readers.rows import listed, run_names

KIND = "an HDF5 file"
ROWS = ("sample", "showing", "stimulus")
ORDER = ("repetition", *ROWS, "neuroid", "time")


def read_hdf5(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    name: str,
    dims: Sequence[str],
    *,
    lost: int = 0,
    run: str | Sequence[str] | None = None,
    sampling_period: float | None = None,
    units: str | None = None,
) -> xr.DataArray:
    """Read an array of numbers from HDF5 files whose axes are known.

    The values stay in the files until they are asked for; reading some neuroids takes no more
    memory than their values and a few tens of megabytes.

    Parameters
    ----------
    paths : path or sequence of path
        Of HDF5 whatever its ending: ``.h5``, ``.hdf5``, ``.hf5``. The rows of several files are
        joined in the order given.
    name : str
        Where the array lies in each file, as in "data" or "ResponseData/block0_values".
    dims : sequence of str
        What its axes are, in the order of the file: "neuroid", one of "sample", "showing" and
        "stimulus" (the rows), and where there are such axes "repetition" and "time".
    lost : int
        Rows that were cut off the beginning of every file before it was published; they are put
        back as NaN, so that rows count from the beginning of a run.
    run : str or sequence of str, optional
        Of each file, for samples. By default as BIDS names say it, else "run-1", "run-2", ...
    sampling_period : float, optional
        Of samples: seconds from one to the next.
    units : str, optional
        Of the values.

    Returns
    -------
    DataArray ([repetition], sample or showing or stimulus, neuroid, [time])
        Neuroids are labelled by their number, from 0; the file rarely says more. Samples have
        `run`, showings and stimuli `file` (its name, without the ending).

    Raises
    ------
    DataError
        If a file is not HDF5 or cut short, lacks the array, or its array is no numbers, has other
        axes than `dims` says, or another number of neuroids than the first.

    References
    ----------
    https://docs.hdfgroup.org/hdf5/latest/

    Examples
    --------
    >>> import h5py, numpy as np, tempfile
    >>> from neuroalign.readers import read_hdf5
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/story.hf5", "w") as file:
    ...         file["data"] = np.arange(6.0).reshape(3, 2)
    ...     bold = read_hdf5(f"{folder}/story.hf5", "data", ("sample", "neuroid"), lost=1,
    ...         sampling_period=2.0).load()
    >>> bold.values.tolist()
    [[nan, nan], [0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    """
    dims = tuple(str(dim) for dim in dims)
    row = _row_of(dims)
    if lost < 0:
        message = f"lost={lost} is below 0; it counts the rows that were cut off each file."
        raise DataError(message)
    files = listed(paths)
    arrays = [_described(path, name, dims) for path in files]
    axis = dims.index(row)
    for path, (shape, _) in zip(files, arrays, strict=True):
        _check_same(path, files[0], dims, shape, arrays[0][0], axis)
    sizes = [shape[axis] + lost for shape, _ in arrays]
    dtype = np.result_type(*(dtype for _, dtype in arrays), *([np.float32] if lost else []))
    order = [dim for dim in ORDER if dim in dims]
    shape = tuple(sum(sizes) if dim == row else arrays[0][0][dims.index(dim)] for dim in order)

    def read(*parts: Part) -> np.ndarray:
        wanted = {d: np.arange(n)[p] for d, n, p in zip(order, shape, parts, strict=True)}
        values = np.full([len(wanted[dim]) for dim in order], np.nan if lost else 0, dtype)
        place = order.index(row)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        bounds = np.searchsorted(wanted[row], starts)
        for path, start, first, last in zip(files, starts, bounds, bounds[1:], strict=False):
            inside = wanted[row][first:last] - start - lost
            first += int(np.searchsorted(inside, 0))
            if first < last and values.size:
                here = {**wanted, row: wanted[row][first:last] - start - lost}
                block = _read(path, name, [here[dim] for dim in dims])
                target = (*[slice(None)] * place, slice(first, last))
                values[target] = block.transpose([dims.index(dim) for dim in order])
        return values

    data: Any = lazy_array(shape, dtype, read)
    made = xr.DataArray(
        data, dims=order, coords=_coords(files, sizes, row, run, dims, arrays[0][0])
    )
    facts = {"units": units, "sampling_period": sampling_period}
    return made.assign_attrs({fact: value for fact, value in facts.items() if value is not None})


def _row_of(dims: tuple[str, ...]) -> str:
    rows = [dim for dim in dims if dim in ROWS]
    if len(rows) != 1 or "neuroid" not in dims or not set(dims) <= set(ORDER):
        message = (
            f"dims {dims} do not name the axes of responses; 'neuroid', one of 'sample', 'showing' "
            "and 'stimulus', and where they exist 'repetition' and 'time' are needed, once each."
        )
    elif len(set(dims)) < len(dims):
        message = f"dims {dims} name an axis twice."
    else:
        return rows[0]
    raise DataError(message)


def _described(path: Path, name: str, dims: tuple[str, ...]) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of an array, once its file is found to hold it."""
    import h5py

    with reading(path, KIND):
        if not h5py.is_hdf5(path):
            message = f"File {str(path)!r} is not an HDF5 file."
            raise DataError(message)
        with h5py.File(path, "r") as file:
            if name not in file:
                known = []
                file.visititems(lambda key, node: known.append(key) if _is_array(node) else None)
                message = f"File {str(path)!r} has no array {name!r} {name_some(known)}."
                raise DataError(message)
            array = file[name]
            if not _is_array(array) or array.dtype.kind not in "iuf":
                what = f"of type {array.dtype}" if _is_array(array) else "a group"
                message = f"{name!r} in {str(path)!r} is {what}; plain numbers are needed."
                raise DataError(message)
            refuse_elsewhere(path, array)
            if 0 in array.shape:
                message = f"{name!r} in {str(path)!r} of shape {array.shape} holds no values."
                raise DataError(message)
            if array.ndim != len(dims):
                message = (
                    f"{name!r} in {str(path)!r} has the shape {array.shape}, but dims names {dims}."
                )
                raise DataError(message)
            promised = array.dtype.itemsize * int(np.prod(array.shape, dtype=object))
            stored = array.id.get_storage_size()
            if stored * INFLATED < promised:
                message = (
                    f"File {str(path)!r} promises {promised:,} bytes in {name!r}, but stores "
                    f"{stored:,}; fetch it anew."
                )
                raise DataError(message)
            return tuple(array.shape), array.dtype


def _is_array(node: Any) -> bool:
    return hasattr(node, "dtype") and hasattr(node, "shape")


def _check_same(
    path: Path,
    first: Path,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    needed: tuple[int, ...],
    axis: int,
) -> None:
    for number, (dim, size, other) in enumerate(zip(dims, shape, needed, strict=True)):
        if number != axis and size != other:
            message = (
                f"File {str(path)!r} has {size} {dim}s, but {str(first)!r} has {other}; read files "
                "of one subject together."
            )
            raise DataError(message)


def _read(path: Path, name: str, numbers: list[np.ndarray]) -> np.ndarray:
    """Read an outer selection; parts of the first axis that lie far apart are read apart."""
    import h5py

    with reading(path, KIND), h5py.File(path, "r") as file:
        array = file[name]
        near = array.chunks[0] if array.chunks else 1
        pieces = np.split(numbers[0], np.flatnonzero(np.diff(numbers[0]) > near) + 1)
        return np.concatenate([read_outer(array, [piece, *numbers[1:]]) for piece in pieces])


def _coords(
    files: Sequence[Path],
    sizes: Sequence[int],
    row: str,
    run: str | Sequence[str] | None,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
) -> dict[str, tuple[str, np.ndarray]]:
    count = shape[dims.index("neuroid")]
    numbers = np.char.zfill(np.arange(count).astype(str), len(str(count - 1)))
    if row == "sample":
        on_rows = {"run": np.repeat(run_names(files, run), sizes)}
    else:
        on_rows = {"file": np.repeat([path.stem for path in files], sizes)}
    return {"neuroid": ("neuroid", numbers)} | {
        key: (row, labels) for key, labels in on_rows.items()
    }
