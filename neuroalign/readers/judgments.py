"""Read what people judged: odd ones out of three, and dissimilarities of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dissimilarities import make_dissimilarities
from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError
from neuroalign.readers.arrays import read_npy
from neuroalign.readers.files import existing
from neuroalign.readers.matlab import read_mat
from neuroalign.readers.table_files import check_columns, load_table, to_ids, to_numbers

NAMES = ["stimulus_1", "stimulus_2", "stimulus_3"]


def read_choices(
    path: str | PathLike[str],
    *,
    stimuli: Sequence[str],
    chosen: str,
    counted_from: int | None = None,
    subject: str | None = None,
    separator: str | None = None,
) -> pd.DataFrame:
    r"""Read choices of the odd one out of three stimuli, a row a choice.

    Parameters
    ----------
    path : str or path
        Text, Parquet or R data.
    stimuli : sequence of 3 str
        Columns of the three stimuli. Where the last is always the odd one, as in the triplets of
        Hebart et al. (2020), give it as `chosen` too.
    chosen : str
        Column of the odd one: the stimulus itself; or its position, with `counted_from`.
    counted_from : {0, 1}, optional
        Number of the first position, where `chosen` holds positions.
    subject : str, optional
        Column of who chose.
    separator : str, optional
        Of text.

    Returns
    -------
    DataFrame
        Columns "stimulus_1", "stimulus_2", "stimulus_3" (words), "chosen" (0, 1 or 2, as
        `na.similarity.choice_ceiling` takes it) and "subject", if it was asked for.

    Raises
    ------
    DataError
        If a stimulus is empty or twice in a triplet, or the odd one is none of the three.

    References
    ----------
    Hebart, Zheng, Pereira & Baker (2020), doi:10.1038/s41562-020-00951-3.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neuroalign.readers import read_choices
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "choices.csv"
    ...     _ = path.write_text("a,b,c,odd\ncat,dog,car,car\nsun,cat,dog,sun\n")
    ...     read_choices(path, stimuli=["a", "b", "c"], chosen="odd")["chosen"].tolist()
    [2, 0]
    """
    columns = [str(name) for name in stimuli]
    if len(columns) != 3 or len(set(columns)) < 3:
        message = f"stimuli={list(stimuli)!r} does not name the three columns of a triplet."
        raise DataError(message)
    table, where = load_table(path, separator=separator), str(path)
    check_columns(table, [*columns, chosen, *([subject] if subject else [])])
    shown = np.stack([to_ids(table, name, "stimulus", where) for name in columns], axis=1)
    same = (shown == np.roll(shown, 1, axis=1)).any(axis=1)
    if same.any():
        message = (
            f"{same.sum()} triplets of {where!r} hold a stimulus twice (first: row "
            f"{int(np.flatnonzero(same)[0]) + 1})."
        )
        raise DataError(message)
    positions = _positions(table[chosen], shown, counted_from, where)
    choices = pd.DataFrame(shown, columns=NAMES).assign(chosen=positions)
    if subject:
        choices["subject"] = to_ids(table, subject, "subject", where)
    return choices


def _positions(
    column: pd.Series, shown: np.ndarray, counted_from: int | None, where: str
) -> np.ndarray:
    """Return which of the three stimuli was chosen in each row: 0, 1 or 2."""
    if counted_from is None:
        odd = as_labels(column.tolist(), "stimulus")
        positions = np.where((shown == odd[:, None]).any(1), (shown == odd[:, None]).argmax(1), -1)
    else:
        positions = to_numbers(column, str(column.name), where) - counted_from
    if (bad := ~np.isin(positions, (0, 1, 2))).any():
        what = column[bad].iloc[0]
        hint = "" if counted_from is not None else "; where it is a position, give counted_from=1"
        message = (
            f"In {bad.sum()} rows of {where!r} column {str(column.name)!r} is none of the three "
            f"stimuli (first: {str(what)!r} in row {int(np.flatnonzero(bad)[0]) + 1}){hint}."
        )
        raise DataError(message)
    return positions.astype(int)


def read_dissimilarities(
    path: str | PathLike[str],
    *,
    dissimilarity: str,
    stimulus: Iterable[object] | None = None,
    name: str | None = None,
    subject: str | int | Sequence[str | int] | None = None,
) -> xr.DataArray:
    r"""Read dissimilarities of every stimulus with each other, ready for `na.rsa`.

    Parameters
    ----------
    path : str or path
        A square table of text, whose header names the stimuli (and whose first column does, in
        the same order, or there is none); ``.npy`` or ``.npz``; or ``.mat``.
    dissimilarity : str
        How they were measured, as in "correlation" or "judged".
    stimulus : sequence of str or int, optional
        Labels of the stimuli, which only a table brings itself.
    name : str, optional
        Variable of a ``.mat`` or ``.npz`` file.
    subject : str or int, or a sequence of them, optional
        Whose they are, one for all or one for each RDM. Left out for the one RDM of a model.

    Returns
    -------
    DataArray (rdm, stimulus, stimulus_other)
        Of a model (stimulus, stimulus_other). Several RDMs lie along the first axis of an array,
        or along the last where MATLAB stacked them there.

    Raises
    ------
    DataError
        If values are not square, not symmetric, not 0 on the diagonal, or lack labels.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neuroalign.readers import read_dissimilarities
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "judged.csv"
    ...     _ = path.write_text("cat,dog,car\n0,0.2,0.9\n0.2,0,0.8\n0.9,0.8,0\n")
    ...     judged = read_dissimilarities(path, dissimilarity="judged")
    >>> judged.sel(stimulus="cat", stimulus_other="car").item()
    0.9
    """
    file = existing(path)
    suffix = file.suffix.lower()
    if suffix in (".npy", ".npz", ".mat"):
        if stimulus is None:
            message = f"File {str(file)!r} does not name its stimuli; pass stimulus=[...]."
            raise DataError(message)
        if suffix == ".mat" and name is None:
            message = f"Say which variable of {str(file)!r} holds dissimilarities, as in name='D'."
            raise DataError(message)
        values = (read_mat(file, str(name)) if suffix == ".mat" else read_npy(file, name)).values
        labels = as_labels(stimulus, "stimulus")
        values = _rdms_first(values, len(labels))
    else:
        values, labels = _square(load_table(file), str(file))
        if stimulus is not None and list(as_labels(stimulus, "stimulus")) != list(labels):
            message = f"The header of {str(file)!r} names other stimuli than stimulus= does."
            raise DataError(message)
    return make_dissimilarities(
        values, stimulus=labels, dissimilarity=dissimilarity, subject=subject
    )


def _rdms_first(values: np.ndarray, n_stimuli: int) -> np.ndarray:
    """Put the axis of RDMs first where they are stacked along the last; drop rows of one."""
    if values.ndim == 3 and values.shape[:2] == (n_stimuli, n_stimuli) != values.shape[1:]:
        return np.moveaxis(values, -1, 0)
    return values[0] if values.ndim == 2 and values.shape[0] == 1 else values


def _square(table: pd.DataFrame, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values and labels of a square table, with or without names of its rows."""
    names = [str(name) for name in table.columns]
    if len(names) == len(table) + 1:
        rows = table.iloc[:, 0].astype(str).tolist()
        table, names = table.iloc[:, 1:], names[1:]
        if rows != names:
            message = f"Rows and columns of {where!r} do not name the same stimuli in one order."
            raise DataError(message)
    if len(names) != len(table):
        message = (
            f"Table {where!r} has {len(table)} rows and {len(names)} columns; it must be square."
        )
        raise DataError(message)
    columns = [to_numbers(table[name], str(name), where) for name in table]
    return np.stack(columns, axis=1), as_labels(names, "stimulus")
