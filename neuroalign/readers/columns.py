"""Columns of a table as coordinates of an axis."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd


def column_coords(
    table: pd.DataFrame, dim: str, taken: Collection[str] = ()
) -> dict[str, tuple[str, np.ndarray]]:
    """Return the columns of words or numbers, one value a row, as coordinates.

    Parameters
    ----------
    table : DataFrame
        One row an entry of the axis.
    dim : str
        Name of the axis.
    taken : collection of str
        Names that mean something else: a column of such a name gets that of the axis in front, as
        in "showing_time".

    Returns
    -------
    dict of str to (dimension, values)
        What is missing is NaN among numbers, and "" among words. Columns of lists or other
        objects are left out.
    """
    coords = {}
    for name, column in table.items():
        values = _plain(column)
        if values is not None:
            coords[f"{dim}_{name}" if str(name) in taken else str(name)] = (dim, values)
    return coords


def _plain(column: pd.Series) -> np.ndarray | None:
    """Return the values as numbers or words; None where they are something else."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    if isinstance(column.dtype, np.dtype) and column.dtype.kind not in "OUS":
        return None
    values = [_decoded(value) for value in column]
    there = [value for value in values if not _missing(value)]
    if all(isinstance(value, str) for value in there):
        return np.asarray(["" if _missing(value) else value for value in values], dtype=str)
    if not all(isinstance(value, (bool, np.bool_, int, float, np.number)) for value in there):
        return None
    if len(there) < len(values):
        return np.asarray([np.nan if _missing(value) else value for value in values], dtype=float)
    kinds = {np.asarray(value).dtype.kind for value in values}
    return np.asarray(values, dtype=bool if kinds == {"b"} else int if kinds == {"i"} else float)


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _decoded(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
