"""Read tables of responses: CSV, TSV, Parquet and R data, long or wide."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.columns import column_coords
from neuroalign.readers.table_files import (
    check_columns,
    load_table,
    to_ids,
    to_numbers,
    to_plain,
)

RESERVED = ("showing", "neuroid", "time", "subject", "sample")


def read_table(
    path: str | PathLike[str],
    *,
    stimulus: str,
    neuroid: str | None = None,
    response: str | None = None,
    neuroids: str | Sequence[str] | None = None,
    repetition: str | None = None,
    units: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
) -> xr.DataArray:
    r"""Read responses from a long table (a row a response) or a wide one (a column a neuroid).

    Columns are found by name, and rows are in the order of the file. Labels are kept to the
    letter: "007" stays "007".

    Parameters
    ----------
    path : str or path
        ``.parquet`` (needs the extra "tables"), ``.rda`` or ``.rds`` (needs "tables"); anything
        else is read as text with a header: ``.tsv`` with tabs, others with commas.
    stimulus : str
        Column that says what was shown.
    neuroid, response : str, optional
        Of a long table: columns of neuroids and of their responses.
    neuroids : str or sequence of str, optional
        Of a wide table: the columns that are neuroids, or a pattern such as ``"V1_*"``.
    repetition : str, optional
        Column that tells showings of a stimulus apart. A long table needs it where a neuroid has
        several responses to a stimulus.
    units : str, optional
    separator : str, optional
        Of text, where it is not a comma (``.tsv``: a tab).
    encoding : str, optional
        Of text. By default UTF-8, with or without a byte order mark.

    Returns
    -------
    DataArray (stimulus, neuroid), or (showing, neuroid) where stimuli repeat
        NaN where a long table has no row, or a cell is empty, "NA" or "NaN". Other columns become
        coordinates: of the rows, or in a long table of the neuroids where they are one for each.

    Raises
    ------
    DataError
        If a column is missing, a response is no number (decimal commas included), or a neuroid
        has two responses to one showing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neuroalign.readers import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "rates.csv"
    ...     _ = path.write_text("item,unit,rate\ncat,1,2.5\ncat,2,0\ndog,1,4\n")
    ...     rates = read_table(path, stimulus="item", neuroid="unit", response="rate")
    >>> rates.values.tolist()
    [[2.5, 0.0], [4.0, nan]]
    """
    table = load_table(path, separator=separator, encoding=encoding)
    where = str(path)
    if neuroids is not None and neuroid is None and response is None:
        made = _wide(table, stimulus, _columns(table, neuroids), repetition, where)
    elif neuroids is None and neuroid is not None and response is not None:
        made = _long(table, stimulus, neuroid, response, repetition, where)
    else:
        message = (
            "read_table needs neuroid= and response= for a long table, or neuroids= for a wide "
            f"one; {where!r} has the columns {_listed(table)}."
        )
        raise DataError(message)
    made.attrs = {} if units is None else {"units": units}
    return made


def _columns(table: pd.DataFrame, neuroids: str | Sequence[str]) -> list[str]:
    names = [str(name) for name in table.columns]
    if isinstance(neuroids, str):
        chosen = fnmatch.filter(names, neuroids)
        if not chosen:
            message = f"No column fits neuroids={neuroids!r}; there are {_listed(table)}."
            raise DataError(message)
        return chosen
    chosen = [str(name) for name in neuroids]
    if not chosen or (twice := repeated(chosen)):
        what = f"{len(twice)} columns twice {name_some(twice)}" if chosen else "no column"
        message = f"neuroids= names {what}; name each column of responses once."
        raise DataError(message)
    return chosen


def _listed(table: pd.DataFrame) -> str:
    names = [str(name) for name in table.columns]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _check_columns(table: pd.DataFrame, wanted: Sequence[str | None]) -> None:
    names = [name for name in wanted if name is not None]
    check_columns(table, names)
    if twice := repeated(names):
        message = (
            f"Column {twice[0]!r} is given for two things; stimulus, repetition, neuroids and "
            "responses are columns of their own."
        )
        raise DataError(message)


def _wide(
    table: pd.DataFrame,
    stimulus: str,
    columns: list[str],
    repetition: str | None,
    where: str,
) -> xr.DataArray:
    _check_columns(table, [stimulus, repetition, *columns])
    labels = to_ids(table, stimulus, "stimulus", where)
    values = np.stack([to_numbers(table[name], name, where) for name in columns], axis=1)
    dim = "showing" if repetition or repeated(labels) else "stimulus"
    others = table.drop(columns=[*columns, stimulus])
    others = others.rename(columns={repetition: "repetition"} if repetition else {})
    coords = column_coords(to_plain(others), dim, (*RESERVED, "stimulus"))
    coords |= {"stimulus": (dim, labels), "neuroid": ("neuroid", as_labels(columns, "neuroid"))}
    return xr.DataArray(values, dims=(dim, "neuroid"), coords=coords)


def _long(
    table: pd.DataFrame,
    stimulus: str,
    neuroid: str,
    response: str,
    repetition: str | None,
    where: str,
) -> xr.DataArray:
    _check_columns(table, [stimulus, neuroid, response, repetition])
    shown = to_ids(table, stimulus, "stimulus", where)
    named = to_ids(table, neuroid, "neuroid", where)
    numbers = to_numbers(table[response], response, where)
    again = to_ids(table, repetition, "repetition", where) if repetition else np.zeros(len(table))
    rows = pd.DataFrame({"stimulus": shown, "repetition": again})
    row = rows.groupby(["stimulus", "repetition"], sort=False).ngroup().to_numpy()
    column, labels = pd.factorize(named)
    _check_once(row.astype(np.int64) * len(labels) + column, shown, named, repetition, where)
    first_row = np.unique(row, return_index=True)[1]
    first_column = np.unique(column, return_index=True)[1]
    values = np.full((len(first_row), len(labels)), np.nan)
    values[row, column] = numbers
    dim = "showing" if repetition else "stimulus"
    named_once = [stimulus, neuroid, response, *([repetition] if repetition else [])]
    coords = _other_columns(
        table.drop(columns=named_once), {dim: (row, first_row), "neuroid": (column, first_column)}
    )
    coords |= {"stimulus": (dim, shown[first_row]), "neuroid": ("neuroid", np.asarray(labels))}
    if repetition:
        kept = to_plain(table[[repetition]].iloc[first_row])
        coords["repetition"] = (dim, kept[repetition].to_numpy())
    return xr.DataArray(values, dims=(dim, "neuroid"), coords=coords)


def _check_once(
    cells: np.ndarray,
    shown: np.ndarray,
    named: np.ndarray,
    repetition: str | None,
    where: str,
) -> None:
    """Refuse two responses of a neuroid to one showing; `cells` numbers these pairs."""
    if (twice := pd.Series(cells).duplicated()).any():
        first = int(np.flatnonzero(twice)[0])
        why = (
            "each may have one"
            if repetition
            else "name the column that tells showings apart, as in repetition='trial'"
        )
        message = (
            f"Neuroid {str(named[first])!r} has several responses to stimulus "
            f"{str(shown[first])!r} in {where!r} ({twice.sum()} such rows more); {why}."
        )
        raise DataError(message)


def _other_columns(
    others: pd.DataFrame, axes: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, tuple[str, np.ndarray]]:
    """Return each column as a coordinate of the first axis that it says one thing of each of.

    Parameters
    ----------
    others : DataFrame
    axes : mapping
        Axis -> (number of each row of the table on it, first row of each number).
    """
    coords: dict[str, tuple[str, np.ndarray]] = {}
    for name in others:
        item = others[name].astype(object).where(others[name].notna(), "").to_numpy()
        for axis, (codes, first) in axes.items():
            if (item[first][codes] == item).all():
                part = to_plain(others[[name]].iloc[first])
                coords |= column_coords(part, axis, (*RESERVED, "stimulus", "repetition"))
                break
    return coords
