"""What is exchanged in a permutation test: rows, whole groups, or stretches of time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from neuroalign.data.row_table import RowTable
from neuroalign.data.schema import row_dim
from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.exchangeability import Blocks, Pairings, Shifts, alike_up_to
from neuroalign.preparation import Prepared
from neuroalign.splits import Splits

WAYS = ("rows", "groups", "shifts", "within_groups")
LEVEL = 0.05  # a test that cannot reach it is refused
FEWEST = math.ceil(1 / LEVEL)  # pairings, the observed one included
# Autocorrelation below which responses count as unlike, and responses that it is measured in.
UNLIKE, MEASURED = 0.1, 1000


@dataclass(frozen=True, eq=False)
class Exchange:
    """Pairings of features and responses that are as likely as the observed one, if it is chance.

    Parameters
    ----------
    labels : array of str
        Rows that anybody has, sorted.
    pairings : Pairings
    draws : array
        From `pairings`.
    what, why : str
        What changes places, and for which reason, in words.
    """

    labels: np.ndarray
    pairings: Pairings
    draws: np.ndarray = field(repr=False)
    what: str
    why: str

    def orders(self, shown: np.ndarray, draws: slice = slice(None)) -> np.ndarray:
        """Return pairings (draws, rows) of some rows, given by label and sorted."""
        return self.pairings.orders(self.draws[draws], np.isin(self.labels, shown))

    def smallest_p(self, shown: np.ndarray) -> float:
        """Return the smallest p that some rows, given by label, can lead to."""
        return self._smallest(self.pairings.count(np.isin(self.labels, shown)))

    def _smallest(self, count: int) -> float:
        return max(1 / (len(self.draws) + 1), float(1 / count) if count < 1e15 else 0.0)

    def words(self) -> dict[str, str | float]:
        """Say what was done, as attributes of a result."""
        count = self.pairings.count(np.ones(len(self.labels), bool))
        n = len(self.draws)
        every = count == n + 1
        drawn = f"all {n}" if every else f"{n} drawn from {_rounded(count - 1)}"
        return {
            "exchanged": self.what,
            "why": self.why,
            "permutations": f"{drawn} that differ from the observed pairing",
            "smallest_p": self._smallest(count),
        }


def _rounded(count: int) -> str:
    return str(count) if count < 1e9 else f"about 10^{math.log10(count):.0f}"


def plan_exchange(prepared: Prepared, exchange: str, n_permutations: int, seed: int) -> Exchange:
    """Decide what may change places, and draw pairings.

    Parameters
    ----------
    prepared : Prepared
    exchange : str
        "auto", or one of `WAYS`.
    n_permutations : int
        All there are, if those are fewer.
    seed : int

    Returns
    -------
    Exchange
    """
    _check_number(n_permutations)
    if exchange not in ("auto", *WAYS):
        raise unknown_name(exchange, ("auto", *WAYS), kind="way to exchange rows")
    splits = prepared.splits
    used = [_used_rows(recording) for recording in prepared.joined]
    labels = np.array(sorted(set().union(*used)))
    way = _default(splits) if exchange == "auto" else exchange
    pairings: Pairings
    if way == "shifts":
        pairings, what, why = _shifts(prepared, labels)
    else:
        pairings, what, why = _blocks(splits, labels, way)
    count = pairings.count(np.ones(len(labels), bool))
    if count < FEWEST:
        _refuse(splits.table, way, what, count)
    draws = pairings.draw(n_permutations, [seed, 4])
    return Exchange(labels, pairings, draws, what, why)


def _check_number(n_permutations: object) -> None:
    whole = isinstance(n_permutations, (int, np.integer)) and not isinstance(n_permutations, bool)
    if not whole or n_permutations < FEWEST - 1:  # type: ignore[operator]
        message = (
            f"n_permutations={n_permutations!r} cannot lead to a p of {LEVEL} or less; use "
            f"{FEWEST - 1} or more, and 1000 to tell small p values apart."
        )
        raise DataError(message)


def _used_rows(recording: xr.DataArray) -> set[str]:
    rows = row_dim(recording)
    shown = recording.notnull().any([dim for dim in recording.dims if dim != rows])
    return set(recording[rows].values[shown.values].astype(str))


def _default(splits: Splits) -> str:
    if splits.rows == "sample":
        return "shifts"
    return "groups" if splits.grouped else "rows"


def _blocks(splits: Splits, labels: np.ndarray, way: str) -> tuple[Blocks, str, str]:
    """Let rows change places, or groups of equal size."""
    table = splits.table
    if not table.grouped and way != "rows":
        message = (
            f"exchange={way!r} needs {table.words} with a column 'group'; use exchange='rows' "
            f"where {table.words} are independent."
        )
        raise DataError(message)
    # A predefined test set may have been recorded in another way than the training set, so that
    # nothing passes from one to the other.
    side = np.isin(labels, splits.folds[0].test) * (len(splits.folds) == 1)
    apart = " on each side of the split" if side.any() else ""
    groups = table.group_codes(labels)
    each = np.arange(len(labels))
    if way == "rows":
        why = f"{table.words} have no groups, and count as independent"
        if table.grouped:
            why = f"as asked for: {table.words} count as independent, though they have groups"
        return Blocks(each, each, side.astype(int)), f"single {table.words}{apart}", why
    if way == "within_groups":
        why = f"as asked for: {table.words} of one {_group(table)} count as independent"
        what = f"single {table.words} within their {_group(table)}{apart}"
        return Blocks(each, each, 2 * groups + side), what, why
    block = np.unique(2 * groups + side, return_inverse=True)[1]
    places = each if table.places is None else table.order(labels)[1]
    blocks = Blocks(block, places, side.astype(int))
    alone = int((np.bincount(blocks.classes)[blocks.classes] == 1).sum())
    stay = f"; {alone} of another size than all others stay where they are" if alone else ""
    what = f"whole {table.group_words}, {len(blocks.classes)} in all, with others of equal size"
    return blocks, what + apart + stay, f"{table.words} of one {_group(table)} may be alike"


def _group(table: RowTable) -> str:
    return table.group_word.partition(" ")[0]


def _counted(n: int, table: RowTable) -> str:
    return f"{n} {table.words if n > 1 else table.rows}"


def _shifts(prepared: Prepared, labels: np.ndarray) -> tuple[Shifts, str, str]:
    """Let the responses of a run go on in a circle, farther than they are alike."""
    table = prepared.splits.table
    if table.places is None:
        message = (
            f"exchange='shifts' needs the order of the {table.words}: the columns 'group' (the "
            "passage) and 'position' (a number in it)."
        )
        raise DataError(message)
    names, places = table.order(labels)
    runs = np.unique(names, return_inverse=True)[1]
    reach = max(_reach(recording, table) for recording in prepared.joined)
    word = "run" if table.rows == "sample" else _group(table)
    step = prepared.joined[0].attrs.get("sampling_period")
    seconds = f" ({(reach + 1) * step:g} s)" if step else ""
    least = f"{_counted(reach + 1, table)}{seconds}"
    what = f"the responses of each {word}, shifted in a circle by {least} or more"
    why = f"{table.words} follow each other in time"
    if reach:
        why = (
            f"neighboring {table.words} are alike: their autocorrelation is {UNLIKE} or more up to "
            f"{_counted(reach, table)} apart"
        )
    return Shifts(runs, places, reach + 1), what, why


def _reach(recording: xr.DataArray, table: RowTable) -> int:
    """Return how many rows apart responses are alike, in the median over neuroids."""
    rows = row_dim(recording)
    names, places = table.order(recording[rows].values.astype(str))
    order = np.lexsort((places, names))
    runs = np.unique(names[order], return_inverse=True)[1]
    values = recording.values.reshape(len(order), -1)
    some = np.unique(np.linspace(0, values.shape[1] - 1, MEASURED).astype(int))
    values = np.asarray(values[:, some], dtype=float)[order]
    return alike_up_to(values, runs, UNLIKE)


def _refuse(table: RowTable, way: str, what: str, count: int) -> None:
    """Say that there are too few pairings, and what to do."""
    advice = {
        "rows": f"use more {table.words}",
        "within_groups": "use larger groups",
        "groups": (
            f"use more {table.group_words} of equal size, or, only if the {table.words} of one "
            f"{_group(table)} are independent, exchange='within_groups'"
        ),
        "shifts": f"use longer runs, or exchange='groups' for whole {table.group_words}",
    }[way]
    message = (
        f"Too little can change places ({what}): with {count} "
        f"{'pairing' if count == 1 else 'pairings'} no p can be below {1 / count:.2g}, and one of "
        f"{LEVEL} is needed; {advice}."
    )
    raise DataError(message)
