"""Read bare arrays of NumPy and R data, whose labels come from elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, MissingPackageError, unknown_name
from neuroalign.readers.files import existing, reading
from neuroalign.readers.lazy import Part, lazy_array
from neuroalign.readers.sizes import check_promised


def read_npy(path: str | PathLike[str], name: str | None = None) -> xr.DataArray:
    """Read an array from a NumPy file, which stays on the disk until values are asked for.

    Parameters
    ----------
    path : str or path
        ``.npy``; or ``.npz``, whose arrays are read whole.
    name : str, optional
        Which array of a ``.npz`` file; not needed if there is one.

    Returns
    -------
    DataArray
        Its axes have no names yet: `make_recording(array, ("stimulus", "neuroid"), ...)` gives
        them.

    Raises
    ------
    DataError
        If the file is damaged, promises more than it holds, or holds Python objects, which are
        never unpickled.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from neuroalign.readers import read_npy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/rates.npy", np.arange(6.0).reshape(2, 3))
    ...     rates = read_npy(f"{folder}/rates.npy").load()
    >>> rates.values[1].tolist()
    [3.0, 4.0, 5.0]
    """
    file = existing(path)
    with file.open("rb") as stream:
        begin = stream.read(6)
    if begin.startswith(b"PK"):
        return xr.DataArray(_from_archive(file, name))
    if begin != b"\x93NUMPY":
        message = f"File {str(file)!r} is not a NumPy file; its first bytes are those of another."
        raise DataError(message)
    with _unpickled(file):
        array: Any = np.load(file, mmap_mode="r", allow_pickle=False)
        _check_numbers(file, array.dtype)
        shape, dtype = array.shape, array.dtype
        if (more := file.stat().st_size - array.offset - array.nbytes) > 0:
            message = (
                f"File {str(file)!r} has {more:,} bytes more than its header says; it is damaged, "
                "or several arrays lie in it."
            )
            raise DataError(message)
        del array

    def read(*parts: Part) -> np.ndarray:
        with reading(file, "a NumPy array"):
            held = np.load(file, mmap_mode="r", allow_pickle=False)
            numbers = [np.arange(size)[part] for part, size in zip(parts, shape, strict=True)]
            return np.asarray(held[np.ix_(*numbers)])

    data: Any = lazy_array(shape, dtype, read)
    return xr.DataArray(data, dims=[f"dim_{axis}" for axis in range(len(shape))])


def read_rda(path: str | PathLike[str], name: str | None = None) -> pd.DataFrame | xr.DataArray:
    """Read a data frame, matrix or vector from R data.

    Parameters
    ----------
    path : str or path
        ``.rda`` or ``.RData`` with named objects, or ``.rds`` with one. Needs the extra "tables".
    name : str, optional
        Which object; not needed if there is one.

    Returns
    -------
    DataFrame or DataArray
        A data frame of any class is a DataFrame, with factors as categories; a matrix or vector
        of numbers is a DataArray, in the order of its axes in R. NA is NaN.

    Raises
    ------
    DataError
        If the object is another thing, such as a list or a function.
    """
    try:
        import rdata
    except ModuleNotFoundError as error:
        message = "R data files need rdata; run pip install 'neuroalign[tables]'."
        raise MissingPackageError(message) from error
    file = existing(path)
    with reading(file, "R data"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of endings that are not those of the content
        parsed = rdata.parser.parse_file(file)
        found = rdata.conversion.convert(parsed, _classes(rdata))
    if isinstance(found, Mapping):
        if name is None and len(found) != 1:
            known = ", ".join(map(str, list(found)[:10])) or "none"
            message = f"File {str(file)!r} has {len(found)} objects ({known}); name one of them."
            raise DataError(message)
        if name is not None and name not in found:
            raise unknown_name(name, map(str, found), kind=f"object of {str(file)!r}")
        found = found[name] if name is not None else next(iter(found.values()))
    if isinstance(found, pd.DataFrame):
        return found
    if isinstance(found, np.ma.MaskedArray):  # whole numbers of which some are NA
        found = np.ma.filled(found.astype(float), np.nan)
    values = found.values if isinstance(found, xr.DataArray) else np.asarray(found)
    if values.dtype.kind not in "biuf":
        message = (
            f"What {str(file)!r} holds is a {type(found).__name__}; a data frame or an array of "
            "numbers is needed."
        )
        raise DataError(message)
    return xr.DataArray(values)


def _classes(rdata: Any) -> Any:
    """Return how classes of R are converted: a data frame of another class is one too."""
    known = dict(rdata.conversion.DEFAULT_CLASS_MAP)
    frame = known["data.frame"]
    return {**known, "binned_data": frame, "tbl_df": frame, "tbl": frame, "data.table": frame}


def _from_archive(file: Path, name: str | None) -> np.ndarray:
    with _unpickled(file), file.open("rb") as stream, np.load(stream) as archive:
        names = list(archive.files)
        if name is None and len(names) != 1:
            known = ", ".join(names[:10]) or "none"
            message = f"File {str(file)!r} has {len(names)} arrays ({known}); name one of them."
            raise DataError(message)
        wanted = names[0] if name is None else name
        if wanted not in names:
            raise unknown_name(wanted, names, kind=f"array of {str(file)!r}")
        for entry in archive.zip.infolist():
            if entry.filename in (wanted, f"{wanted}.npy"):
                check_promised(file, entry.file_size, f"array {wanted!r}")
        array = archive[wanted]
        _check_numbers(file, array.dtype)
        return np.asarray(array)


def _check_numbers(file: Path, dtype: np.dtype) -> None:
    if dtype.kind not in "biuf":
        message = f"File {str(file)!r} holds values of type {dtype}, not plain numbers."
        raise DataError(message)


@contextmanager
def _unpickled(file: Path) -> Iterator[None]:
    """Say in one sentence why a pickle is not opened."""
    with reading(file, "a NumPy array"), np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of a header that is no Python
        try:
            yield
        except ValueError as error:
            if "object" not in str(error).lower():
                raise
            message = (
                f"File {str(file)!r} holds Python objects, whose unpickling could run code; save "
                "arrays of numbers."
            )
            raise DataError(message) from error
