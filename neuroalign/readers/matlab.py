"""Read variables of MAT files of any version, with the axes that MATLAB shows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, unknown_name
from neuroalign.readers.elsewhere import refuse_elsewhere
from neuroalign.readers.files import existing, reading
from neuroalign.readers.lazy import Part, lazy_array
from neuroalign.readers.matlab_elements import check_variables, is_walkable

KIND = "a MAT file"
BLOCK = 2**23  # values that are read at a time


def read_mat(path: str | PathLike[str], name: str) -> xr.DataArray:
    """Read one variable of a MAT file.

    Files before version 7.3 are read whole. Version 7.3 is HDF5, in which MATLAB writes the axes
    the other way round: they are turned back, and the values stay in the file until they are asked
    for.

    Parameters
    ----------
    path : str or path
    name : str
        Of the variable; fields of a structure follow dots, as in "session.rates". In version 7.3 a
        field of several structures is read too, where it is a word in each.

    Returns
    -------
    DataArray
        Of numbers; or of words, where the variable is a cell array of words or rows of
        characters. Its axes have no names yet: `make_recording(array, ("neuroid", "stimulus"),
        ...)` gives them.

    Raises
    ------
    DataError
        If the variable is something else (a cell array of numbers, a structure, a function), or
        the file is damaged.

    References
    ----------
    MAT-File Format, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf

    Examples
    --------
    >>> import tempfile
    >>> from scipy.io import savemat
    >>> from neuroalign.readers import read_mat
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     savemat(f"{folder}/a.mat", {"rates": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]})
    ...     rates = read_mat(f"{folder}/a.mat", "rates")
    >>> rates.shape
    (3, 2)
    """
    import h5py

    file = existing(path)
    with reading(file, KIND):
        return _from_hdf5(file, name) if h5py.is_hdf5(file) else _from_older(file, name)


def _from_older(file: Path, name: str) -> xr.DataArray:
    from scipy.io import whosmat

    top, *fields = name.split(".")
    if is_walkable(file):
        held = check_variables(file, [top])
    else:  # version 4, or no MAT file, which scipy says
        held = [entry[0] for entry in whosmat(file)]
    if top not in held:
        raise unknown_name(top, held, kind=f"variable of {str(file)!r}")
    value = load_variables(file, [top])[top]
    for number, field in enumerate(fields):
        if not isinstance(value, np.ndarray) or not value.dtype.names or value.size != 1:
            before = ".".join([top, *fields[:number]])
            message = f"Variable {before!r} of {str(file)!r} is not one structure with fields."
            raise DataError(message)
        if field not in value.dtype.names:
            raise unknown_name(field, value.dtype.names, kind=f"field of {str(file)!r}")
        value = value[field].item()
    return xr.DataArray(_plain(file, name, value))


def load_variables(file: Path, names: Sequence[str]) -> dict[str, Any]:
    """Let scipy read some variables, which were checked before; what it warns of is an error."""
    from scipy.io import loadmat

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return loadmat(file, variable_names=list(names))


def _plain(file: Path, name: str, value: Any) -> np.ndarray:
    """Return numbers or words, and refuse all else."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and not value.dtype.names:
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return value
    if isinstance(value, np.ndarray) and value.dtype == object and value.size:
        words = [_word(item) for item in value.ravel()]
        if all(word is not None for word in words):
            return np.asarray(words, dtype=str).reshape(value.shape)
    raise _other(file, name, "structure" if getattr(value, "dtype", None) else type(value).__name__)


def _word(item: Any) -> str | None:
    if isinstance(item, np.ndarray) and item.dtype.kind == "U" and item.size <= 1:
        return str(item.item()) if item.size else ""
    return None


def _other(file: Path, name: str, what: str) -> DataError:
    return DataError(
        f"Variable {name!r} of {str(file)!r} is neither an array of numbers nor of words ({what}); "
        "name a field of it, or save it as a matrix."
    )


def _from_hdf5(file: Path, name: str) -> xr.DataArray:
    import h5py

    with h5py.File(file, "r") as opened:
        node: Any = opened
        for part in name.split("."):
            known = [key for key in node if not key.startswith("#")] if _is_group(node) else []
            if part not in known:
                raise unknown_name(part, known, kind=f"variable of {str(file)!r}")
            node = node[part]
        if _is_group(node):
            raise _other(file, name, "structure")
        refuse_elsewhere(file, node)
        kind = node.attrs.get("MATLAB_class", b"").decode()
        if node.attrs.get("MATLAB_empty", 0):
            message = f"Variable {name!r} of {str(file)!r} is empty."
            raise DataError(message)
        if kind == "char":
            return xr.DataArray(np.asarray(_characters(node)))
        if h5py.check_ref_dtype(node.dtype) is not None:  # cells, or a field of structures
            return xr.DataArray(_words(file, name, opened, node))
        if node.dtype.kind not in "biuf":
            raise _other(file, name, kind or str(node.dtype))
        place, shape, dtype = node.name, node.shape, node.dtype

    def read(*parts: Part) -> np.ndarray:
        with reading(file, KIND), h5py.File(file, "r") as again:
            return read_outer(again[place], parts)

    data: Any = lazy_array(shape, dtype, read)
    axes = [f"dim_{len(shape) - 1 - axis}" for axis in range(len(shape))]
    return xr.DataArray(data, dims=axes).transpose(*reversed(axes))


def _is_group(node: Any) -> bool:
    return hasattr(node, "keys")


def _characters(node: Any) -> list[str]:
    """Return the rows of an array of characters, which are numbers of two bytes in the file."""
    return ["".join(map(chr, row)) for row in np.asarray(node).T.tolist()]


def _words(file: Path, name: str, opened: Any, node: Any) -> np.ndarray:
    """Return a cell array of words, in MATLAB's order of axes."""
    cells = np.asarray(node).T
    words = np.empty(cells.shape, dtype=object)
    for place in np.ndindex(*cells.shape):
        cell = opened[cells[place]]
        if _is_group(cell) or cell.attrs.get("MATLAB_class", b"") != b"char":
            raise _other(file, name, "cell")
        rows = [] if cell.attrs.get("MATLAB_empty", 0) else _characters(cell)
        if len(rows) > 1:
            raise _other(file, name, "cell")
        words[place] = rows[0] if rows else ""
    return words.astype(str)


def read_outer(array: Any, parts: Sequence[Part]) -> np.ndarray:
    """Read the outer selection of an HDF5 array, some of its first axis at a time.

    Parameters
    ----------
    array : h5py.Dataset
    parts : sequence of slice or int array
        One an axis, increasing.

    Returns
    -------
    ndarray
    """
    numbers = [np.arange(size)[part] for part, size in zip(parts, array.shape, strict=True)]
    values = np.empty([len(wanted) for wanted in numbers], dtype=array.dtype)
    if not values.size:
        return values
    lows = [int(wanted[0]) for wanted in numbers]
    box = [slice(low, int(wanted[-1]) + 1) for low, wanted in zip(lows, numbers, strict=True)][1:]
    inside = [wanted - low for wanted, low in zip(numbers[1:], lows[1:], strict=True)]
    each = int(np.prod([part.stop - part.start for part in box], dtype=object))
    chunk = array.chunks[0] if array.chunks else 1
    span = max(chunk, BLOCK // max(each, 1) // chunk * chunk)
    for start in range(lows[0] // span * span, int(numbers[0][-1]) + 1, span):
        first, last = np.searchsorted(numbers[0], (start, start + span))
        if first < last:
            begin, end = int(numbers[0][first]), int(numbers[0][last - 1]) + 1
            block = array[(slice(begin, end), *box)]
            values[first:last] = block[np.ix_(numbers[0][first:last] - begin, *inside)]
    return values
