"""Rules that hold out stimuli or samples, in whole groups unless asked otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Protocol

import numpy as np
import pandas as pd

from neuroalign.data.row_table import RowTable, read_rows
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.numerics.folds import assign_folds, assign_stratified
from neuroalign.numerics.moments import FEWEST_ROWS
from neuroalign.splits import (
    Fold,
    Splits,
    check_groups_within_runs,
    check_sizes,
    cut_in_time,
    parted_groups,
    unit_codes,
)

MOST_FOLDS = 10
FEWEST_RUNS = 3  # with two, one would be left to train on, and none to choose alpha by


class FoldRule(Protocol):
    """A way to split stimuli or samples, such as `KFold` or `TrainTest`."""

    def split(self, table: pd.DataFrame, seed: int) -> Splits:
        """Split the rows of a dataset."""


def show_rule(rule: object) -> str:
    """Show a rule without the options that are as usual, so that old and new records agree."""
    shown = [
        f"{option.name}={getattr(rule, option.name)!r}"
        for option in fields(rule)  # type: ignore[arg-type]
        if not option.kw_only or getattr(rule, option.name) != option.default
    ]
    return f"{type(rule).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class KFold:
    """Hold out each of `n_folds` parts of the rows once.

    Parts are made of whole groups where there is a column "group", and of whole runs of samples
    else. They depend on the sorted labels and the seed only, never on the order of rows.

    Parameters
    ----------
    n_folds : int
    part_groups : bool
        Deal single rows, though they have groups. What the rows of a group share is then on both
        sides, and counts as predicted.

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> stimuli = pd.DataFrame(index=[f"s{number:02}" for number in range(12)])
    >>> [len(fold.test) for fold in na.KFold(n_folds=3).split(stimuli, seed=0).folds]
    [4, 4, 4]
    """

    n_folds: int = 10
    _: KW_ONLY
    part_groups: bool = False

    __repr__ = show_rule

    def split(self, table: pd.DataFrame, seed: int) -> Splits:
        """Split the rows of a dataset.

        Parameters
        ----------
        table : DataFrame
            Stimuli or samples, as `read_rows` takes them.
        seed : int
        """
        rows = read_rows(table)
        codes = unit_codes(self, rows, self.n_folds, grouped=rows.grouped and not self.part_groups)
        return _dealt(self, rows, assign_folds(codes, self.n_folds, [seed, 0]), seed)


@dataclass(frozen=True, repr=False)
class StratifiedKFold:
    """Hold out each of `n_folds` parts of the rows once, all of the same composition.

    Whole groups are dealt, as by `KFold`, as evenly as they allow. Without groups, folds differ
    by one row of a level at most; a level with fewer rows than folds is missing from some of
    them. A column of such levels only is refused, since nothing can be spread.

    Parameters
    ----------
    n_folds : int
    by : str
        Name of the column that holds the levels, such as a category.

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> from neuroalign.folds import StratifiedKFold
    >>> stimuli = pd.DataFrame({"kind": list("aaaaaabbb")}, index=list("123456789"))
    >>> splits = StratifiedKFold(n_folds=3, by="kind").split(stimuli, seed=0)
    >>> ["".join(sorted(stimuli["kind"][fold.test])) for fold in splits.folds]
    ['aab', 'aab', 'aab']
    """

    n_folds: int = 10
    _: KW_ONLY
    by: str

    __repr__ = show_rule

    def split(self, table: pd.DataFrame, seed: int) -> Splits:
        """Split the rows of a dataset."""
        rows = read_rows(table)
        groups = unit_codes(self, rows, self.n_folds, grouped=rows.grouped)
        if self.by not in table:
            raise unknown_name(self.by, map(str, table.columns), kind=f"column of the {rows.words}")
        column = table[self.by].set_axis(table.index.astype(str))[rows.labels]
        if (lone := column.isna().to_numpy()).any():
            message = (
                f"{lone.sum()} {rows.words} have no {self.by!r} to stratify by "
                f"{name_some(rows.labels[lone])}."
            )
            raise DataError(message)
        levels = np.unique(column.to_numpy(str), return_inverse=True)[1]
        spread = np.bincount(np.unique(np.stack([levels, groups]), axis=1)[0])
        if spread.max() < self.n_folds:
            message = (
                f"{self!r} has nothing to spread, since no level of {self.by!r} has more than "
                f"{spread.max()} {rows.group_words}; use fewer folds, or KFold."
            )
            raise DataError(message)
        return _dealt(self, rows, assign_stratified(groups, levels, self.n_folds, [seed, 0]), seed)


@dataclass(frozen=True, repr=False)
class ContiguousKFold:
    """Hold out each of `n_folds` stretches of time once, and keep training rows away from it.

    Rows are cut in order of run and onset (samples) or of passage and position (stimuli); a
    stretch may end inside a run. Neighbors in time are alike, so rows of the same run within the
    gap are not trained on, on both sides.

    Parameters
    ----------
    n_folds : int
    gap : float, optional
        Seconds (or positions). By default as far as the features reach, which `score` knows; 0
        where nobody says.

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> from neuroalign.folds import ContiguousKFold
    >>> words = pd.DataFrame({"group": "story", "position": range(12)}, index=list("abcdefghijkl"))
    >>> fold = ContiguousKFold(n_folds=3, gap=1).split(words, seed=0).folds[1]
    >>> "".join(fold.train), "".join(fold.test)
    ('abcjkl', 'efgh')
    """

    n_folds: int = 5
    _: KW_ONLY
    gap: float | None = None

    __repr__ = show_rule

    def resolve(self, reach: float) -> ContiguousKFold:
        """Return the same rule with the gap set to `reach`, where it is not set."""
        if self.gap is None and np.isinf(reach):
            message = (
                "zscore_runs=True makes every sample depend on its whole run, so no stretch of a "
                "run can be held out; hold out whole runs with KFold(n), or leave zscore_runs out."
            )
            raise DataError(message)
        return self if self.gap is not None else replace(self, gap=float(reach))

    def split(self, table: pd.DataFrame, seed: int) -> Splits:
        """Split the rows of a dataset; the seed serves the inner folds only."""
        gap = 0.0 if self.gap is None else self.gap
        if isinstance(gap, bool) or not isinstance(gap, (int, float, np.number)) or not gap >= 0:
            message = f"gap={self.gap!r} is not a number of 0 or more."
            raise DataError(message)
        rows = read_rows(table)
        check_groups_within_runs(self, rows)
        unit_codes(self, rows, self.n_folds, grouped=False)
        folds = cut_in_time(rows, rows.labels, self.n_folds, gap)
        return check_sizes(self, Splits(tuple(folds), rows, seed, gap=float(gap)))


@dataclass(frozen=True, repr=False)
class TrainTest:
    """Hold out a predefined set of rows, once.

    Parameters
    ----------
    test : sequence of str
        Labels of the held-out stimuli or samples; all others are trained on.
    groups : sequence of str
        Names of the held-out groups or runs, instead of labels.
    part_groups : bool
        Allow `test` to hold part of a group and leave the others to train on, which leaks what
        they share.

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> stimuli = pd.DataFrame(index=list("abcdefgh"))
    >>> splits = na.TrainTest(test=["f", "g", "h"]).split(stimuli, seed=0)
    >>> [str(label) for label in splits.folds[0].train]
    ['a', 'b', 'c', 'd', 'e']
    """

    test: Sequence[str] = ()
    _: KW_ONLY
    groups: Sequence[str] = ()
    part_groups: bool = False

    __repr__ = show_rule

    def __post_init__(self) -> None:
        """Keep plain lists, whose repr is whole."""
        for name in ("test", "groups"):
            given = getattr(self, name)
            if isinstance(given, Iterable) and not isinstance(given, str):
                plain = tuple(str(one) if isinstance(one, str) else one for one in given)
                object.__setattr__(self, name, plain)

    def split(self, table: pd.DataFrame, seed: int) -> Splits:
        """Split the rows of a dataset; the seed serves the inner folds only."""
        rows = read_rows(table)
        held_out = self._held_out(rows)
        n_train, n_test = (~held_out).sum(), held_out.sum()
        if min(n_train, n_test) < FEWEST_ROWS:
            message = (
                f"TrainTest leaves {n_train} {rows.words} to train on and {n_test} to test on; at "
                f"least {FEWEST_ROWS} of each are needed."
            )
            raise DataError(message)
        fold = Fold(rows.labels[~held_out], rows.labels[held_out])
        parted = parted_groups(rows, fold)
        if rows.grouped and parted and not self.part_groups:
            message = (
                f"TrainTest parts {len(parted)} {rows.group_words} {name_some(parted)}, which "
                f"would leak; keep each {rows.group_word.partition(' ')[0]} on one side."
            )
            raise DataError(message)
        return Splits((fold,), rows, seed)

    def _held_out(self, rows: RowTable) -> np.ndarray:
        if self.test != () and self.groups != ():
            message = "TrainTest takes labels (test=...) or names of groups (groups=...), not both."
            raise DataError(message)
        if self.groups == ():
            names, kind, known = self.test, rows.words, pd.Series(rows.labels)
            takes = f"TrainTest(test=...) takes a list of {rows.rows} labels"
        else:
            names, kind, known = self.groups, rows.group_words, rows.groups
            takes = "TrainTest(groups=...) takes a list of names of groups"
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            message = f"{takes}, which are strings."
            raise DataError(message)
        if self.groups != () and not rows.grouped:
            message = f"TrainTest(groups=...) needs {rows.words} with a column 'group'."
            raise DataError(message)
        if strangers := sorted(set(names) - set(known)):
            message = (
                f"{len(strangers)} of {len(set(names))} test {kind} are not in the dataset "
                f"{name_some(strangers)}."
            )
            raise DataError(message)
        return known.isin(names).to_numpy()


def default_folds(table: pd.DataFrame) -> FoldRule:
    """Choose how to split a table of stimuli or samples.

    Returns
    -------
    FoldRule
        Of stimuli ``KFold(10)``, or the most folds that leave enough stimuli in each; of samples as
        many folds as there are runs, but 10 at most, or ``ContiguousKFold(5)`` where there are
        fewer than three runs.
    """
    rows = read_rows(table)
    if rows.rows == "stimulus":
        for n_folds in range(MOST_FOLDS, 2, -1):
            with suppress(DataError):
                KFold(n_folds).split(table, seed=0)
                return KFold(n_folds)
        return KFold(2)
    n_runs = rows.groups.nunique()
    return KFold(min(MOST_FOLDS, n_runs)) if n_runs >= FEWEST_RUNS else ContiguousKFold()


def resolve_gap(rule: FoldRule, reach: float) -> FoldRule:
    """Return a rule whose gap, if it has one that is not set, is as far as features reach (s)."""
    resolve = getattr(rule, "resolve", None)
    return rule if resolve is None else resolve(reach)


def _dealt(rule: KFold | StratifiedKFold, rows: RowTable, fold: np.ndarray, seed: int) -> Splits:
    labels = rows.labels
    folds = [Fold(labels[fold != k], labels[fold == k]) for k in range(rule.n_folds)]
    return check_sizes(rule, Splits(tuple(folds), rows, seed))
