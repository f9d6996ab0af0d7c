"""The rows that folds are made of: stimuli or samples, their groups and their order in time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from neuroalign.data.schema import repeated
from neuroalign.errors import DataError, name_some

WORDS = {"stimulus": "stimuli", "sample": "samples"}


@dataclass(frozen=True, eq=False)
class RowTable:
    """Rows in sorted order of their labels.

    Parameters
    ----------
    rows : str
        What a row is: "stimulus", or "sample" of a stream.
    labels : array of str
    groups : Series
        Label -> what must not be parted (the label itself where there are no groups).
    group_word, group_words : str
        What one group is called, and many; a row is its own group where there are none.
    places : DataFrame, optional
        Label -> `run` (or passage) and `place` in it, in seconds (or positions); NaN where the
        table has no number.
    """

    rows: str
    labels: np.ndarray
    groups: pd.Series
    group_word: str
    group_words: str
    places: pd.DataFrame | None

    @property
    def words(self) -> str:
        """What many rows are called."""
        return WORDS[self.rows]

    @property
    def grouped(self) -> bool:
        """Tell whether the rows have groups."""
        return self.group_word != self.rows

    @cached_property
    def _numbered(self) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(self.groups.to_numpy(str), return_inverse=True)

    def group_codes(self, labels: np.ndarray) -> np.ndarray:
        """Return the number of the group of each of some rows, from 0 without gaps."""
        codes = self._numbered[1][np.searchsorted(self.labels, labels)]
        return np.unique(codes, return_inverse=True)[1]

    def groups_of(self, labels: np.ndarray) -> np.ndarray:
        """Return the sorted names of the groups that some rows belong to."""
        names, codes = self._numbered
        return names[np.unique(codes[np.searchsorted(self.labels, labels)])]

    def order(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the run of each of some rows, and its place in it; refuse where unknown."""
        if self.places is None:
            message = (
                "Contiguous folds need stimuli with the columns 'group' (the passage) and "
                "'position' (a number in it); add them, or use KFold."
            )
            raise DataError(message)
        places = self.places.loc[labels]
        values = places["place"].to_numpy(float)
        if (nowhere := ~np.isfinite(values)).any():
            column = "onset" if self.rows == "sample" else "position"
            message = (
                f"{nowhere.sum()} {self.words} have no {column} that is a finite number, so their "
                f"order in time is unknown {name_some(labels[nowhere])}."
            )
            raise DataError(message)
        return places["run"].to_numpy(str), values


def read_rows(table: pd.DataFrame) -> RowTable:
    """Read labels, groups and order from a table of stimuli or samples.

    Parameters
    ----------
    table : DataFrame
        Index: labels; its name is "sample" where the rows are samples of a stream. The groups are
        the column "group", else, of samples, "run". The order of stimuli is that of "group" and
        "position"; that of samples is "run" and "onset" (seconds), which they must have.

    Returns
    -------
    RowTable
    """
    rows = "sample" if table.index.name == "sample" else "stimulus"
    run, place = ("run", "onset") if rows == "sample" else ("group", "position")
    if rows == "sample" and not {run, place} <= set(table):
        message = "Samples need the columns 'run' and 'onset' (seconds in the run) to be split."
        raise DataError(message)
    labels = np.asarray(table.index, dtype=str)
    if twice := repeated(labels):
        message = f"{len(twice)} {rows} labels occur more than once {name_some(twice)}."
        raise DataError(message)
    order = np.argsort(labels)
    labels, table = labels[order], table.iloc[order]
    column = next((name for name in ("group", run) if name in table), None)
    word, words = {
        None: (rows, WORDS[rows]),
        "run": ("run", "runs"),
        "group": (f"group of {WORDS[rows]}", f"groups of {WORDS[rows]}"),
    }[column]
    groups = (
        pd.Series(_names(table, column, WORDS[rows]), labels)
        if column
        else pd.Series(labels, labels)
    )
    places = None
    if {run, place} <= set(table):
        where = pd.to_numeric(table[place], errors="coerce").to_numpy(float)
        places = pd.DataFrame({"run": _names(table, run, WORDS[rows]), "place": where}, labels)
    return RowTable(rows, labels, groups, word, words, places)


def _names(table: pd.DataFrame, column: str, words: str) -> np.ndarray:
    if (lone := table[column].isna().to_numpy()).any():
        message = f"{lone.sum()} {words} have no {column} {name_some(table.index[lone])}."
        raise DataError(message)
    return table[column].astype(str).to_numpy()
