"""Which stimuli are trained on and which are held out: folds that never part a group."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from neuroalign.errors import DataError, name_some
from neuroalign.numerics.folds import assign_folds
from neuroalign.numerics.moments import FEWEST_ROWS

# Resampling blocks over all folds together, where stimuli have no groups.
N_BLOCKS = 50


@dataclass(frozen=True)
class Fold:
    """One part of cross-validation, as sorted stimulus labels."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, repr=False)
class Splits:
    """Folds of the stimuli of one dataset.

    Parameters
    ----------
    folds : tuple of Fold
    groups : Series
        Stimulus label -> what must not be parted (the label itself where there are no groups).
    grouped : bool
        Whether the stimuli came with groups.
    seed : int
    """

    folds: tuple[Fold, ...]
    groups: pd.Series
    grouped: bool
    seed: int
    blocks: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        """Divide each fold into resampling blocks: groups, or parts by hash of the label."""
        rows = []
        per_fold = -(-N_BLOCKS // len(self.folds))
        for number, fold in enumerate(self.folds):
            for label in fold.test:
                unit = self.groups[label] if self.grouped else _hashed(label, per_fold)
                rows.append((number, label, f"{number}/{unit}"))
        table = pd.DataFrame(rows, columns=["fold", "stimulus", "name"])
        table["block"] = table.groupby("name", sort=True).ngroup()
        object.__setattr__(self, "blocks", table)

    def inner(self, number: int, n_folds: int) -> np.ndarray:
        """Assign the training stimuli of fold `number` to inner folds, groups kept whole.

        Returns
        -------
        int array, one entry per label of ``folds[number].train``
        """
        train = self.folds[number].train
        names, codes = np.unique(self.groups[train].to_numpy(str), return_inverse=True)
        if len(names) < 2:
            message = (
                f"Fold {number} trains on a single group of stimuli, so alpha cannot be chosen "
                "within it; use stimuli of more groups, or fewer folds."
            )
            raise DataError(message)
        return assign_folds(codes, min(n_folds, len(names)), [self.seed, 1 + number])


class FoldRule(Protocol):
    """A way to split stimuli: `KFold` or `TrainTest`."""

    def split(self, stimuli: pd.DataFrame, seed: int) -> Splits:
        """Split the stimuli of a dataset."""


@dataclass(frozen=True)
class KFold:
    """Hold out each of `n_folds` parts of the stimuli once.

    Parts are made of whole groups where the stimuli have a column "group", and depend on the
    sorted labels and the seed only, never on the order of rows.

    Parameters
    ----------
    n_folds : int

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> stimuli = pd.DataFrame(index=[f"s{number:02}" for number in range(12)])
    >>> [len(fold.test) for fold in na.KFold(n_folds=3).split(stimuli, seed=0).folds]
    [4, 4, 4]
    """

    n_folds: int = 10

    def split(self, stimuli: pd.DataFrame, seed: int) -> Splits:
        """Split the stimuli of a dataset.

        Parameters
        ----------
        stimuli : DataFrame
            Index: labels; the column "group" is used if it is there.
        seed : int

        Returns
        -------
        Splits
        """
        if self.n_folds < 2:
            message = f"KFold(n_folds={self.n_folds}) holds nothing out; use 2 or more folds."
            raise DataError(message)
        labels, groups, grouped = _sorted_groups(stimuli)
        names, codes = np.unique(groups.to_numpy(str), return_inverse=True)
        unit = "groups of stimuli" if grouped else "stimuli"
        needed = self.n_folds * (1 if grouped else FEWEST_ROWS)
        if len(names) < needed:
            message = (
                f"KFold(n_folds={self.n_folds}) needs at least {needed} {unit} "
                f"({needed // self.n_folds} a fold), but there are "
                f"{len(names)}; use fewer folds or more stimuli."
            )
            raise DataError(message)
        fold = assign_folds(codes, self.n_folds, [seed, 0])
        folds = [Fold(labels[fold != k], labels[fold == k]) for k in range(self.n_folds)]
        return Splits(tuple(folds), groups, grouped, seed)


@dataclass(frozen=True)
class TrainTest:
    """Hold out a predefined set of stimuli, once.

    Parameters
    ----------
    test : sequence of str
        Labels of the held-out stimuli; all others are trained on.

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> stimuli = pd.DataFrame(index=list("abcdefgh"))
    >>> splits = na.TrainTest(test=["f", "g", "h"]).split(stimuli, seed=0)
    >>> [str(label) for label in splits.folds[0].train]
    ['a', 'b', 'c', 'd', 'e']
    """

    test: Sequence[str]

    def split(self, stimuli: pd.DataFrame, seed: int) -> Splits:
        """Split the stimuli of a dataset; the seed serves the inner folds only."""
        if isinstance(self.test, str) or not all(isinstance(label, str) for label in self.test):
            message = "TrainTest(test=...) takes a list of stimulus labels, which are strings."
            raise DataError(message)
        labels, groups, grouped = _sorted_groups(stimuli)
        held_out = np.isin(labels, np.asarray(list(self.test), dtype=str))
        if strangers := sorted(set(map(str, self.test)) - set(labels)):
            message = (
                f"{len(strangers)} of {len(set(self.test))} test stimuli are not in the dataset "
                f"{name_some(strangers)}."
            )
            raise DataError(message)
        if held_out.sum() < FEWEST_ROWS or (~held_out).sum() < FEWEST_ROWS:
            message = (
                f"TrainTest leaves {(~held_out).sum()} stimuli to train on and {held_out.sum()} to "
                f"test on; at least {FEWEST_ROWS} of each are needed."
            )
            raise DataError(message)
        parted = sorted(set(groups[labels[held_out]]) & set(groups[labels[~held_out]]))
        if grouped and parted:
            message = (
                f"TrainTest parts {len(parted)} groups of stimuli {name_some(parted)}, which would "
                "leak; keep each group on one side."
            )
            raise DataError(message)
        return Splits((Fold(labels[~held_out], labels[held_out]),), groups, grouped, seed)


def _sorted_groups(stimuli: pd.DataFrame) -> tuple[np.ndarray, pd.Series, bool]:
    labels = np.sort(np.asarray(stimuli.index, dtype=str))
    grouped = "group" in stimuli
    groups = stimuli["group"] if grouped else pd.Series(stimuli.index, index=stimuli.index)
    return labels, groups.loc[labels], grouped


def _hashed(label: str, n: int) -> int:
    """Return a number below n that depends on the label alone, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(label.encode(), digest_size=8).digest(), "big") % n
