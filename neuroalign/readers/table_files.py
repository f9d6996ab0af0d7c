"""Load a table from text, Parquet or R data, with words as they are written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, MissingPackageError, name_some, unknown_name
from neuroalign.readers.files import existing, reading

# What stands for a response that is missing.
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN")
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


def load_table(
    path: str | PathLike[str], *, separator: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Load a table; of text, every cell is a word, and an empty one is "".

    Parameters
    ----------
    path : str or path
        ``.parquet``, ``.rda``, ``.rds``, or text.
    separator, encoding : str, optional
        Of text.

    Returns
    -------
    DataFrame
        With one row at least.
    """
    file = existing(path)
    suffix = file.suffix.lower()
    if suffix in (".parquet", ".pq"):
        table = _parquet(file)
    elif suffix in (".rda", ".rdata", ".rds"):
        from neuroalign.readers.arrays import read_rda

        found = read_rda(file)
        if not isinstance(found, pd.DataFrame):
            message = f"File {str(file)!r} holds an array, not a table; read it with read_rda."
            raise DataError(message)
        table = found.reset_index(drop=True)
    else:
        table = _text(file, separator or ("\t" if suffix == ".tsv" else ","), encoding)
    if not len(table):
        message = f"Table {str(file)!r} has a header, but no row."
        raise DataError(message)
    return table


def check_columns(table: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse names that no column of a table has."""
    for name in names:
        if name not in table:
            raise unknown_name(name, map(str, table.columns), kind="column of the table")


def to_ids(table: pd.DataFrame, column: str, what: str, where: str) -> np.ndarray:
    """Turn a column into labels, none of which may be empty."""
    values = table[column]
    empty = values.isna() | (values.astype(str) == "")
    if empty.any():
        message = (
            f"{empty.sum()} rows of {where!r} have no {what} (column {column!r}, first: row "
            f"{int(np.flatnonzero(empty)[0]) + 1}); it may be cut short."
        )
        raise DataError(message)
    return as_labels(values.tolist(), what)


def to_numbers(column: pd.Series, name: str, where: str) -> np.ndarray:
    """Turn a column into numbers; what is missing becomes NaN, and anything else is refused."""
    if column.dtype.kind in "iuf" and isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    words = _words(column).str.strip()
    missing = words.isin(MISSING)
    numbers = pd.to_numeric(words.where(~missing), errors="coerce")
    if (bad := numbers.isna() & ~missing).any():
        first = words[bad].iloc[0]
        if DECIMAL_COMMA.fullmatch(first):
            message = (
                f"Column {name!r} of {where!r} has decimal commas (first: {first!r}); write "
                "decimal points."
            )
        else:
            message = (
                f"Column {name!r} of {where!r} has {bad.sum()} values that are not numbers "
                f"(first: {first!r} in row {int(np.flatnonzero(bad)[0]) + 1})."
            )
        raise DataError(message)
    return numbers.to_numpy(dtype=float)


def to_plain(table: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of words into numbers where all are; "007" stays a word."""
    plain = {}
    for name, column in table.items():
        if column.dtype == object or isinstance(
            column.dtype, (pd.CategoricalDtype, pd.StringDtype)
        ):
            words = _words(column)
            numbers = pd.to_numeric(words, errors="coerce")
            padded = words.str.fullmatch(r"[+-]?0\d.*")
            plain[name] = column if numbers.isna().any() or padded.any() else numbers
        else:
            plain[name] = column
    return pd.DataFrame(plain, index=table.index)


def _words(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)


def _parquet(file: Path) -> pd.DataFrame:
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError as error:
        message = "Parquet files need pyarrow; run pip install 'neuroalign[tables]'."
        raise MissingPackageError(message) from error
    with reading(file, "a Parquet table"):
        table = parquet.read_table(file, partitioning=None)
        table.validate(full=True)  # that words are words, which else shows when they are used
        return table.to_pandas().reset_index(drop=True)


def _text(file: Path, separator: str, encoding: str | None) -> pd.DataFrame:
    text = _decoded(file, encoding).replace("\r\n", "\n").replace("\r", "\n")
    with reading(file, "a table"):
        header = next(csv.reader(io.StringIO(text), delimiter=separator), [])
    if twice := repeated(header):
        message = f"Table {str(file)!r} has {len(twice)} column names twice {name_some(twice)}."
        raise DataError(message)
    other = next((mark for mark in ("\t", ";", ",") if mark in "".join(header)), None)
    if len(header) == 1 and other:
        message = (
            f"Table {str(file)!r} has the one column {header[0]!r}; say what separates columns, as "
            f"in separator={other!r}."
        )
        raise DataError(message)
    _check_rows(text, separator, len(header), file)
    with reading(file, "a table"):
        return pd.read_csv(
            io.StringIO(text), sep=separator, dtype=str, na_filter=False, index_col=False
        )


def _check_rows(text: str, separator: str, n_cells: int, file: Path) -> None:
    """Refuse rows of another length than the header, and marks that may swallow other rows."""
    rows = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        for row in rows:
            if len(row) not in (0, n_cells):
                message = (
                    f"Line {rows.line_num} of table {str(file)!r} has {len(row)} cells, but the "
                    f"header {n_cells}; the file may be cut short."
                )
                raise DataError(message)
    except csv.Error as error:
        message = (
            f"Table {str(file)!r} has a quotation mark out of place, in line {rows.line_num} or "
            "before it; put cells that hold one in quotation marks, and double it there."
        )
        raise DataError(message) from error


def _decoded(file: Path, encoding: str | None) -> str:
    raw = file.read_bytes()
    mark = MARKS.get(raw[:2])
    if encoding is None and mark:
        message = (
            f"File {str(file)!r} is {mark.upper()} text; save it as UTF-8, or pass "
            f"encoding={mark!r}."
        )
        raise DataError(message)
    if encoding is not None:
        with reading(file, f"{encoding} text"):
            return raw.decode(encoding)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = (
            f"File {str(file)!r} is not UTF-8 text (byte 0x{raw[error.start]:02x} at {error.start})"
            "; save it as UTF-8, or say what it is, as in encoding='latin-1'."
        )
        raise DataError(message) from error
    if "\0" in text:
        message = f"File {str(file)!r} is not a table of text: it has bytes of value 0."
        raise DataError(message)
    return text
