"""The order in which rows were met: runs or groups, and places in them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from neuroalign.data.row_table import RowTable
from neuroalign.numerics.content_free import first_rows
from neuroalign.splits import Fold

# Where stimuli have these columns, they stand in order: sequence, place in it.
ORDERED_BY = (("group", "position"), ("run", "onset"))


@dataclass(frozen=True, eq=False)
class RowOrder:
    """Rows, run after run.

    Parameters
    ----------
    rows : str
        What a row is: "stimulus" or "sample".
    labels : array of str
        Those of a run one after the other, in their order.
    runs : int array
        Number of the run of each, from 0 without gaps.
    word : str
        What a run is called.
    placed : bool
        Whether the order within runs is known.
    """

    rows: str
    labels: np.ndarray
    runs: np.ndarray
    word: str
    placed: bool

    @property
    def ranks(self) -> np.ndarray:
        """Return the place of each row in its run, from 0."""
        return np.arange(len(self.runs)) - first_rows(self.runs)

    def among(self, labels: np.ndarray) -> RowOrder:
        """Keep some rows."""
        kept = np.isin(self.labels, labels)
        runs = np.unique(self.runs[kept], return_inverse=True)[1]
        return replace(self, labels=self.labels[kept], runs=runs)

    def parted(self, fold: Fold) -> bool:
        """Tell whether a run has rows on both sides of a fold."""
        train, test = (self.runs[np.isin(self.labels, side)] for side in (fold.train, fold.test))
        return bool(np.intersect1d(train, test).size)


def read_order(stimuli: pd.DataFrame, table: RowTable) -> RowOrder | None:
    """Read the order of the samples of a stream, or of stimuli.

    Parameters
    ----------
    stimuli : DataFrame
        With the columns group and position, or run and onset, or one of them.
    table : RowTable
        The rows that are split: samples, or these stimuli.

    Returns
    -------
    RowOrder or None
        None where nothing is known. Where only groups are, the order in them is that of labels.
    """
    if table.rows == "sample":
        return _in_order("sample", table.labels, *table.order(table.labels), "run")
    labels = np.sort(np.asarray(stimuli.index, dtype=str))
    stimuli = stimuli.set_axis(np.asarray(stimuli.index, dtype=str)).loc[labels]
    for sequence, place in ORDERED_BY:
        where = _numbers(stimuli, place)
        if where is not None:
            runs = _names(stimuli, sequence)
            word = "sequence" if runs is None else sequence
            runs = np.zeros(len(labels)) if runs is None else runs
            return _in_order("stimulus", labels, runs, where, word)
    for sequence, _ in ORDERED_BY:
        if (runs := _names(stimuli, sequence)) is not None:
            return _in_order("stimulus", labels, runs, None, sequence)
    return None


def _in_order(
    rows: str, labels: np.ndarray, runs: np.ndarray, places: np.ndarray | None, word: str
) -> RowOrder:
    codes = np.unique(runs, return_inverse=True)[1]
    order = np.lexsort((np.arange(len(codes)) if places is None else places, codes))
    return RowOrder(rows, labels[order], codes[order], word, placed=places is not None)


def _numbers(stimuli: pd.DataFrame, column: str) -> np.ndarray | None:
    """Return a column of finite numbers, if it is one."""
    if column not in stimuli:
        return None
    values = pd.to_numeric(stimuli[column], errors="coerce").to_numpy(float)
    return values if np.isfinite(values).all() else None


def _names(stimuli: pd.DataFrame, column: str) -> np.ndarray | None:
    """Return a column of names without gaps, if it is one."""
    if column not in stimuli or stimuli[column].isna().any():
        return None
    return stimuli[column].astype(str).to_numpy(str)
