"""Folds that are drawn several times."""

from __future__ import annotations

import itertools
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
import pandas as pd

from neuroalign.errors import DataError
from neuroalign.folds.rules import FoldRule, resolve_gap, show_rule
from neuroalign.splits import Splits

# A rule that draws known folds so often in a row is taken to have no others.
MOST_REDRAWS = 50


@dataclass(frozen=True, repr=False)
class Repeated:
    """Split several times by the same rule, each time into other folds.

    One division into folds is one draw; the mean over several depends less on it. The folds of
    the first repetition are those of the rule alone, and no division occurs twice. Folds of
    different repetitions test the same rows: the interval of a score allows for it (Nadeau &
    Bengio 2003, doi:10.1023/A:1024068626366; Bouckaert & Frank 2004,
    doi:10.1007/978-3-540-24775-3_3).

    Parameters
    ----------
    rule : FoldRule
        Such as ``KFold(10)``.
    n_repeats : int

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> from neuroalign.folds import Repeated
    >>> stimuli = pd.DataFrame(index=[f"s{number:02}" for number in range(12)])
    >>> Repeated(na.KFold(3), n_repeats=2).split(stimuli, seed=0).repeat
    (0, 0, 0, 1, 1, 1)
    """

    rule: FoldRule
    _: KW_ONLY
    n_repeats: int = 5

    __repr__ = show_rule

    def resolve(self, reach: float) -> Repeated:
        """Return the same with the gap of the rule set, where it has one that is not set."""
        return replace(self, rule=resolve_gap(self.rule, reach))

    def split(self, table: pd.DataFrame, seed: int) -> Splits:
        """Split the rows of a dataset.

        Parameters
        ----------
        table : DataFrame
        seed : int

        Returns
        -------
        Splits
            Folds are numbered through; `repeat` tells their repetition.
        """
        self._check()
        drawn: dict[frozenset[tuple[str, ...]], Splits] = {}
        redraws = 0
        for number in itertools.count():
            splits = self.rule.split(table, _seed_of(seed, number))
            division = frozenset(tuple(fold.test) for fold in splits.folds)
            redraws = redraws + 1 if division in drawn else 0
            drawn.setdefault(division, splits)
            if len(drawn) == self.n_repeats:
                break
            if redraws == MOST_REDRAWS:
                message = (
                    f"{self!r} would repeat itself, since the seed gives {len(drawn)} different "
                    f"divisions of these {splits.table.words} only; use n_repeats={len(drawn)}."
                )
                raise DataError(message)
        every = list(drawn.values())
        folds = tuple(fold for splits in every for fold in splits.folds)
        repeat = tuple(number for number, splits in enumerate(every) for _ in splits.folds)
        return replace(every[0], folds=folds, repeat=repeat)

    def _check(self) -> None:
        whole = isinstance(self.n_repeats, (int, np.integer)) and self.n_repeats is not True
        if not whole or self.n_repeats < 1:
            message = f"n_repeats={self.n_repeats!r} is not a whole number of 1 or more."
            raise DataError(message)
        if isinstance(self.rule, Repeated) or not callable(getattr(self.rule, "split", None)):
            message = f"Repeated({self.rule!r}) needs a rule such as KFold(10) that is repeated."
            raise DataError(message)


def _seed_of(seed: int, number: int) -> int:
    """Return the seed itself at first, so that repetitions add to the folds of the rule alone."""
    if number == 0:
        return seed
    return int(np.random.SeedSequence([seed, 4, number]).generate_state(1, np.uint64)[0])
