"""Folds by label: what is trained on, what is held out, and what is resampled together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from neuroalign.data.row_table import RowTable
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.numerics.folds import assign_folds, contiguous_folds
from neuroalign.numerics.moments import FEWEST_ROWS

# Resampling blocks over all folds together, where stimuli have no groups, and of samples.
N_BLOCKS = 50

INNER_KINDS = ("auto", "k-fold", "grouped", "contiguous")
InnerKind = str  # one of them


@dataclass(frozen=True)
class Fold:
    """One part of cross-validation, as sorted labels."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Splits:
    """Folds of the rows of one dataset.

    Parameters
    ----------
    folds : tuple of Fold
    table : RowTable
    seed : int
    gap : float, optional
        Of contiguous folds: the seconds (or positions) around test rows that are not trained on.
    repeat : tuple of int
        The repetition that each fold belongs to; 0 for all by default.
    """

    folds: tuple[Fold, ...]
    table: RowTable
    seed: int
    gap: float | None = None
    repeat: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Fill in that nothing is repeated."""
        object.__setattr__(self, "repeat", self.repeat or (0,) * len(self.folds))

    @property
    def rows(self) -> str:
        """What is split: "stimulus" or "sample"."""
        return self.table.rows

    @property
    def groups(self) -> pd.Series:
        """Label -> group, or the label itself where the rows have no groups."""
        return self.table.groups

    @property
    def grouped(self) -> bool:
        """Tell whether the rows have groups."""
        return self.table.grouped

    @property
    def dependence(self) -> str:
        """What rows have to do with each other: "independent", "grouped" or "stream"."""
        if self.rows == "sample":
            return "stream"
        return "grouped" if self.grouped else "independent"

    @cached_property
    def parted(self) -> bool:
        """Tell whether a group has rows on both sides of a fold, which must be asked for."""
        return any(parted_groups(self.table, fold) for fold in self.folds)

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """Divide the test rows of each fold into blocks that are resampled as one.

        Of stimuli: groups, or parts by hash of the label. Of samples: stretches of about equal
        length, each within one run.

        Returns
        -------
        DataFrame
            Columns `fold`, "stimulus" or "sample" (the label), `name` and `block` (its number).
        """
        divide = self._stretches if self.rows == "sample" else self._parts
        named = [
            (number, label, f"{number}/{name}")
            for number, fold in enumerate(self.folds)
            for label, name in divide(fold.test)
        ]
        table = pd.DataFrame(named, columns=["fold", self.rows, "name"])
        table["block"] = table.groupby("name", sort=True).ngroup()
        return table

    def _parts(self, test: np.ndarray) -> Iterator[tuple[str, object]]:
        if self.grouped:
            return zip(test, self.groups[test], strict=True)
        per_fold = -(-N_BLOCKS // self.repeat.count(0))
        return ((label, _hashed(label, per_fold)) for label in test)

    def _stretches(self, test: np.ndarray) -> Iterator[tuple[str, object]]:
        tested = sum(len(fold.test) for fold in self.folds[: self.repeat.count(0)])
        runs, places = self.table.order(test)
        for run in np.unique(runs):
            here = np.flatnonzero(runs == run)
            rows = here[np.argsort(places[here], kind="stable")]
            n_blocks = round(len(rows) * N_BLOCKS / tested)
            for number, label in enumerate(test[rows]):
                yield label, f"{run}/{number * n_blocks // len(rows):03}"

    def fold_of(self) -> pd.Series:
        """Label -> number of the fold that tests it, in the first repetition."""
        first = self.blocks[self.blocks["fold"] < self.repeat.count(0)]
        return first.set_index(self.rows)["fold"]

    def inner_folds(
        self,
        number: int,
        kind: InnerKind = "auto",
        *,
        n_folds: int = 5,
        gap: float | None = None,
    ) -> list[Fold]:
        """Divide the training rows of a fold once more, as penalties are chosen in them.

        Parameters
        ----------
        number : int
            Of the fold.
        kind : str
            "k-fold": single rows; "grouped": whole groups; "contiguous": stretches of time;
            "auto": contiguous where the folds are, grouped where rows have groups that no fold
            parts, else k-fold.
        n_folds : int
            As many as there are groups or rows, if those are fewer.
        gap : float, optional
            Of contiguous inner folds; by default that of the folds, or 0.

        Returns
        -------
        list of Fold
            They depend on the training rows of the fold and the seed alone.
        """
        if kind not in INNER_KINDS:
            raise unknown_name(kind, INNER_KINDS, kind="kind of inner folds")
        if n_folds < 2:
            message = f"{n_folds} inner folds hold nothing out; use 2 or more."
            raise DataError(message)
        if kind == "auto" and self.gap is not None:
            kind = "contiguous"
        elif kind == "auto":
            kind = "grouped" if self.grouped and not self.parted else "k-fold"
        labels = self.folds[number].train
        if kind == "contiguous":
            gap = (self.gap or 0.0) if gap is None else gap
            return self._inner_stretches(number, labels, n_folds, gap)
        codes = self._inner_groups(number, labels) if kind == "grouped" else np.arange(len(labels))
        n_folds = min(n_folds, codes.max() + 1)
        inner = assign_folds(codes, n_folds, [self.seed, 1 + number])
        return [Fold(labels[inner != k], labels[inner == k]) for k in range(n_folds)]

    def inner(self, number: int, n_folds: int) -> np.ndarray:
        """Return the number of the inner fold of each of ``folds[number].train``."""
        train = self.folds[number].train
        tests = [fold.test for fold in self.inner_folds(number, n_folds=n_folds)]
        return np.array([np.isin(train, test) for test in tests]).argmax(0)

    def _inner_groups(self, number: int, labels: np.ndarray) -> np.ndarray:
        words = self.table.words
        if not self.grouped:
            message = (
                f"Grouped inner folds need groups, but the {words} have no column 'group'; use "
                "'k-fold' inner folds."
            )
            raise DataError(message)
        codes = self.table.group_codes(labels)
        if not codes.any():
            instead = (
                ", fewer folds, or contiguous inner folds"
                if self.table.places is not None
                else ", or fewer folds"
            )
            message = (
                f"Fold {number} trains on a single {self.table.group_word}, so alpha cannot be "
                f"chosen within it; use {words} of more groups{instead}."
            )
            raise DataError(message)
        return codes

    def _inner_stretches(
        self, number: int, labels: np.ndarray, n_folds: int, gap: float
    ) -> list[Fold]:
        folds = cut_in_time(self.table, labels, min(n_folds, len(labels)), gap)
        fewest = min(len(fold.train) for fold in folds)
        if fewest < FEWEST_ROWS:
            message = (
                f"An inner fold of fold {number} trains on {fewest} {self.table.words} only, once "
                f"those within {gap:g} of its test {self.table.words} are left out; at least "
                f"{FEWEST_ROWS} are needed, so use a smaller gap or other inner folds."
            )
            raise DataError(message)
        return folds


def cut_in_time(table: RowTable, labels: np.ndarray, n_folds: int, gap: float) -> list[Fold]:
    """Cut some rows, sorted by label, into contiguous folds with a gap around each."""
    runs, places = table.order(labels)
    codes = np.unique(runs, return_inverse=True)[1]
    parts = contiguous_folds(codes, places, n_folds, gap)
    return [Fold(labels[train], labels[test]) for train, test in zip(*parts, strict=True)]


def parted_groups(table: RowTable, fold: Fold) -> list[str]:
    """List the groups that have rows on both sides of a fold."""
    return sorted(set(table.groups_of(fold.train)) & set(table.groups_of(fold.test)))


def unit_codes(rule: object, rows: RowTable, n_folds: int, *, grouped: bool) -> np.ndarray:
    """Return the number of what is dealt, group or row, for each row; refuse too few of them."""
    if isinstance(n_folds, bool) or not isinstance(n_folds, (int, np.integer)):
        message = f"{rule!r} needs a whole number of folds, 2 or more."
        raise DataError(message)
    if n_folds < 2:
        message = f"{rule!r} holds nothing out; use 2 or more folds."
        raise DataError(message)
    codes = rows.group_codes(rows.labels) if grouped else np.arange(len(rows.labels))
    n_units = len(np.unique(codes))
    per_fold = 1 if grouped else FEWEST_ROWS
    if n_units < n_folds * per_fold:
        more = (
            f"more {rows.group_words}, or KFold(part_groups=True)"
            if grouped
            else f"more {rows.words}"
        )
        wanted = f"fewer folds or more {rows.words}" if n_folds > 2 else more
        message = (
            f"{rule!r} needs at least {n_folds * per_fold} "
            f"{rows.group_words if grouped else rows.words} ({per_fold} a fold), but there are "
            f"{n_units}; use {wanted}."
        )
        raise DataError(message)
    return codes


def check_groups_within_runs(rule: object, rows: RowTable) -> None:
    """Refuse to cut runs where others are of the same group, from which no gap keeps them."""
    if rows.places is None or not rows.grouped:
        return
    runs_of_group = rows.places["run"].groupby(rows.groups.to_numpy()).nunique()
    several = runs_of_group.index[runs_of_group > 1]
    if len(several):
        message = (
            f"{rule!r} cuts runs, but {len(several)} {rows.group_words} hold several runs "
            f"{name_some(several)}, which would leak into each other; use KFold."
        )
        raise DataError(message)


def check_sizes(rule: object, splits: Splits) -> Splits:
    """Return the splits, unless a fold has too few rows to train or to test on."""
    words = splits.table.words
    for number, fold in enumerate(splits.folds):
        if min(len(fold.train), len(fold.test)) < FEWEST_ROWS:
            fewer = (
                "a smaller gap" if len(fold.test) >= FEWEST_ROWS and splits.gap else "fewer folds"
            )
            message = (
                f"Fold {number} of {rule!r} trains on {len(fold.train)} {words} and tests on "
                f"{len(fold.test)}; at least {FEWEST_ROWS} of each are needed, so use {fewer} or "
                f"more {words}."
            )
            raise DataError(message)
    return splits


def equal_parts(labels: np.ndarray, n: int) -> np.ndarray:
    """Divide labels into n parts of about equal size, in an order that depends on them alone.

    Parameters
    ----------
    labels : array of str
    n : int

    Returns
    -------
    int array
        The part of each label.
    """
    places = np.argsort(np.argsort([_digest(label) for label in labels]))
    return places * n // max(len(labels), 1)


def _hashed(label: str, n: int) -> int:
    """Return a number below n that depends on the label alone, the same on every machine."""
    return _digest(label) % n


def _digest(label: str) -> int:
    return int.from_bytes(hashlib.blake2b(label.encode(), digest_size=8).digest(), "big")
