"""Open NWB files, and take plain columns out of their tables."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroalign.data.schema import UNKNOWN
from neuroalign.errors import DataError, MissingPackageError, unknown_name
from neuroalign.readers.elsewhere import refuse_all_elsewhere
from neuroalign.readers.files import reading

KIND = "an NWB file"
Keep = Mapping[str, object] | Callable[[pd.DataFrame], Any]


@contextmanager
def opened_nwb(file: Path) -> Iterator[Any]:
    """Open a file for reading, and close it again.

    Parameters
    ----------
    file : Path

    Yields
    ------
    pynwb.NWBFile
    """
    try:
        import pynwb
    except ModuleNotFoundError as error:
        message = "NWB files need pynwb; run pip install 'neuroalign[nwb]'."
        raise MissingPackageError(message) from error
    import h5py

    with reading(file, KIND), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of older schemas, which are read as they are
        if not h5py.is_hdf5(file):
            message = f"File {str(file)!r} is not an NWB file in HDF5."
            raise DataError(message)
        refuse_all_elsewhere(file)
        with pynwb.NWBHDF5IO(str(file), "r", load_namespaces=True) as io:
            yield io.read()


def plain_columns(table: Any) -> pd.DataFrame:
    """Return the columns of a table that hold one word or number a row.

    Parameters
    ----------
    table : DynamicTable

    Returns
    -------
    DataFrame
        Columns of lists, of references and of several values a row are left out.
    """
    from hdmf.common import DynamicTableRegion, VectorIndex

    columns = {}
    for name in table.colnames:
        column = table[name]
        if isinstance(column, (VectorIndex, DynamicTableRegion)):
            continue
        values = np.asarray(column.data[:])
        if values.shape == (len(table.id),):
            columns[str(name)] = values
    return pd.DataFrame(columns, index=np.asarray(table.id[:]))


def kept_rows(table: pd.DataFrame, keep: Keep | None, what: str) -> np.ndarray:
    """Return the numbers of the rows that a condition keeps.

    Parameters
    ----------
    table : DataFrame
    keep : mapping or callable, optional
        Column -> the value wanted, or a list of them; or a function of the table that returns a
        mask.
    what : str
        What the rows are, as in "units".

    Returns
    -------
    int array
    """
    if keep is None:
        return np.arange(len(table))
    if isinstance(keep, Mapping):
        mask = np.ones(len(table), dtype=bool)
        for name, wanted in keep.items():
            if name not in table:
                raise unknown_name(name, map(str, table.columns), kind=f"column of the {what}")
            one = isinstance(wanted, str) or np.ndim(wanted) == 0  # type: ignore[arg-type]
            mask &= table[name].isin([wanted] if one else list(wanted)).to_numpy()  # type: ignore[call-overload]
    else:
        mask = np.asarray(keep(table))
        if mask.dtype != bool or mask.shape != (len(table),):
            message = (
                f"keep= returned no mask of the {len(table)} {what}; return one bool for each."
            )
            raise DataError(message)
    if not mask.any():
        message = f"keep= leaves none of the {len(table)} {what}."
        raise DataError(message)
    return np.flatnonzero(mask)


def region_name(location: object) -> str:
    """Return the name of a region; an empty one is not known."""
    name = location.decode() if isinstance(location, bytes) else str(location)
    return name.strip() or UNKNOWN
