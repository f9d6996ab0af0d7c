"""Whether responses of neighbors are alike, and folds keep neighbors apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from neuroalign.data.schema import row_dim
from neuroalign.features.row_order import RowOrder
from neuroalign.guards.case import UNKNOWN_ORDER, Case, Found
from neuroalign.guards.median_r import median
from neuroalign.numerics.autocorrelation import Decay, decay, distance_to, group_correlation
from neuroalign.splits import Splits

ALIKE = 0.1  # correlation of responses


class Neighbors(NamedTuple):
    """How alike responses of neighbors are, and those of test rows and the nearest training row."""

    correlation: float  # median over neuroids
    reach: int  # places up to which responses are alike
    across: float  # correlation of test rows with the nearest training row, on average


def guard_autocorrelation(case: Case) -> Found:
    """Measure how alike a test row and the nearest training row of its run or group are."""
    order = case.order()
    if order is None:
        return Found(UNKNOWN_ORDER.format(words=case.words))
    found = [measure(order, own, case.prepared.splits) for own in case.recordings()]
    correlation = median(np.array([one.correlation for one in found]))
    across = float(np.mean([one.across for one in found]))
    word, words, row = order.word, case.words, case.prepared.splits.rows
    if not np.isfinite(correlation):
        return Found(f"does not apply: no {word} has two {words} with responses that vary")
    neighbors = f"neighboring {words} of a {word}" if order.placed else f"{words} of one {word}"
    sentence = f"responses to {neighbors} correlate {correlation:.2f} (median over neuroids)"
    if correlation < ALIKE:
        return Found(f"{sentence}: too little to leak")
    if order.placed:
        sentence += f", {ALIKE} or more up to {max(one.reach for one in found)} {words} apart"
    sentence += f"; those to a test {row} and the nearest training {row} of its {word} {across:.2f}"
    if across < ALIKE:
        return Found(f"{sentence} on average: the folds keep them apart")
    return Found(f"{sentence} on average: what they share counts as predicted", alarmed=True)


def measure(order: RowOrder, recording: xr.DataArray, splits: Splits) -> Neighbors:
    """Measure how alike responses of neighbors are, and what of that folds let through.

    Parameters
    ----------
    order : RowOrder
    recording : DataArray (stimulus or sample, neuroid, [time])
    splits : Splits

    Returns
    -------
    Neighbors
    """
    rows = row_dim(recording)
    own = order.among(recording[rows].values.astype(str))
    values = np.asarray(recording.sel({rows: own.labels}).values, dtype=float)
    values = values.reshape(len(values), -1)
    if own.placed:
        found = decay(values, own.runs, ALIKE)
    else:  # all rows of a group are neighbors alike
        shared = median(group_correlation(values, own.runs))
        lags = np.arange(1, own.ranks.max() + 1) if shared >= ALIKE else np.arange(0)
        found = Decay(shared, lags, np.full(len(lags), shared))
    across = [
        found.at(distance_to(own.runs, own.ranks, np.isin(own.labels, fold.train)))[
            np.isin(own.labels, fold.test)
        ]
        for fold in splits.folds[: splits.repeat.count(0)]
    ]
    every = np.concatenate(across)
    return Neighbors(found.neighbors, found.reach, float(every.mean()) if every.size else 0.0)
