"""The chosen layer must predict nothing once its stimuli are exchanged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import row_dim
from neuroalign.errors import DataError
from neuroalign.guards.case import NO_LAYER, Case, Found
from neuroalign.numerics.exchange import exchange_runs, shift_runs


def guard_shuffled(case: Case) -> Found:
    """Score the chosen layer with stimuli exchanged, so that neighbors stay neighbors."""
    if case.layer is None:
        return Found(NO_LAYER)
    activations = case.activations()

    def features(own: xr.DataArray) -> xr.DataArray:
        made = case.prepared.features(activations, own)
        return renamed(made, *exchange(case, own)[1:])

    how = exchange(case, case.prepared.joined[0])[0]
    scores, cost = case.evaluate(features, case.chosen.n_units)
    found = case.median_r(scores)
    verdict = (
        "more than chance, so that part of the score is not about what the stimuli are"
        if found.above_chance
        else found.verdict
    )
    sentence = f"layer {case.layer!r}, its {case.words} exchanged ({how}), predicts {found}"
    return Found(f"{sentence}: {verdict}", found.above_chance, scores, cost)


def exchange(case: Case, own: xr.DataArray) -> tuple[str, np.ndarray, np.ndarray]:
    """Draw which row takes the place of which.

    Parameters
    ----------
    case : Case
    own : DataArray
        A recording, whose rows are exchanged.

    Returns
    -------
    how : str
        In words.
    labels, places : arrays of str
        Rows, and those whose place they take.
    """
    labels = np.sort(own[row_dim(own)].values.astype(str))
    rng = case.rng(2)
    known = case.order()
    if known is None:
        return "at random", rng.permutation(labels), labels
    order = known.among(labels)
    n_runs = int(order.runs.max()) + 1
    rows = exchange_runs(order.runs, rng) if n_runs > 1 else None
    how = f"whole {order.word}s"
    if rows is None and order.placed:
        rows, how = shift_runs(order.runs, rng), f"{order.word}s shifted in a circle"
    if rows is None:
        message = f"one {order.word} holds most of the {case.words}, so that none can be exchanged"
        raise DataError(message)
    return how, order.labels[rows], order.labels


def renamed(features: xr.DataArray, labels: np.ndarray, places: np.ndarray) -> xr.DataArray:
    """Give rows the labels of those whose place they take; others keep their own."""
    rows = row_dim(features)
    own = features[rows].values.astype(str)
    taken = pd.Series(places, index=labels).reindex(own)
    return features.assign_coords({rows: taken.fillna(pd.Series(own, index=own)).to_numpy(str)})
