"""Features that know where a stimulus stands and not what it is must predict nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.row_table import read_rows
from neuroalign.errors import DataError
from neuroalign.guards.case import UNKNOWN_ORDER, Case, Found, like_layer
from neuroalign.guards.median_r import MedianR
from neuroalign.guards.order import RowOrder, read_order
from neuroalign.numerics import content_free
from neuroalign.numerics.undefined import CONSTANT_PREDICTION

MOST_COLUMNS, FEWEST_COLUMNS = 128, 16


def order_features(table: pd.DataFrame, *, seed: int = 0) -> xr.DataArray:
    """Make features that know where rows stand, and nothing of what they are.

    Random walks and smoothed noise, drawn anew for each group or run, tell neighbors; bumps tell
    the place in it. Where the order within groups is unknown, they tell the group only. Whatever
    they predict of held-out rows, a model need not know its content to predict as well.

    Parameters
    ----------
    table : DataFrame
        Stimuli, with the columns group and position, or run and onset, or one of them; or samples
        with run and onset, whose index has the name "sample".
    seed : int

    Returns
    -------
    DataArray (stimulus or sample, unit)
        The coordinate `space` names the kind of a unit.

    References
    ----------
    Feghhi et al. (2024), doi:10.48550/arXiv.2406.01538;
    Hadidi et al. (2025), doi:10.1101/2025.03.09.642245.

    Examples
    --------
    >>> import pandas as pd
    >>> from neuroalign.guards import order_features
    >>> words = pd.DataFrame({"group": list("aaabbb"), "position": [0, 1, 2] * 2}, index=range(6))
    >>> sorted(set(order_features(words).space.values.tolist()))
    ['neighbors', 'place', 'walks']
    """
    rng = np.random.default_rng([seed, 5, 1])
    return _features(_known_order(table), rng, MOST_COLUMNS)


def smoothed_identity(table: pd.DataFrame, *, width: float = content_free.WIDTH) -> xr.DataArray:
    """Give every row a unit of its own, smoothed over its neighbors in the group or run.

    Where whole groups are held out, all units are 0 for held-out rows: the prediction is a
    constant, and r is undefined.

    Parameters
    ----------
    table : DataFrame
        As for `order_features`.
    width : float
        Standard deviation of the Gaussian, in rows.

    Returns
    -------
    DataArray (stimulus or sample, unit)

    References
    ----------
    Feghhi et al. (2024), doi:10.48550/arXiv.2406.01538.

    Examples
    --------
    >>> import pandas as pd
    >>> from neuroalign.guards import smoothed_identity
    >>> words = pd.DataFrame({"group": list("aabb"), "position": [0, 1] * 2}, index=range(4))
    >>> smoothed_identity(words).values[0].round(2).tolist()
    [1.0, 0.88, 0.0, 0.0]
    """
    order = _known_order(table)
    if not order.placed:
        message = "A smoothed identity needs the order in groups: a column 'position' or 'onset'."
        raise DataError(message)
    return _labelled(order, content_free.smoothed_identity(order.runs, width=width))


def guard_content_free(case: Case) -> Found:
    """Score features that know the order only, with the same metric and folds."""
    order = case.order()
    if order is None:
        return Found(UNKNOWN_ORDER.format(words=case.words))
    parted = any(order.parted(fold) for fold in case.prepared.splits.folds)
    n_neuroids = case.scores.sizes["neuroid"]
    if not order.placed and not parted:
        sentence = (
            f"{order.word}s are held out whole, where features that know the {order.word} only "
            f"predict a constant: r is undefined for all {n_neuroids} neuroids, as it should be"
        )
        return Found(sentence, scores=_undefined(case))
    features = like_layer(_features(order, case.rng(1), case.chosen.n_units), case.chosen.sizes)
    scores, cost = case.evaluate(lambda _: features, features[0].size)
    found = case.median_r(scores)
    known = f"the {order.word} and the place in it" if order.placed else f"the {order.word}"
    sentence = f"features that know {known}, and no content, predict {found}"
    if parted and found.above_chance and case.layer is not None:
        sentence += f", layer {case.layer!r} {case.layer_r(scores):.3f}"
    sentence += f": {_verdict(order.word, found, parted=parted)}"
    if not parted:
        sentence += (
            f"; {order.word}s are held out whole, where a smoothed identity predicts a constant, "
            f"with r undefined for all {n_neuroids} neuroids"
        )
    return Found(sentence, found.above_chance, scores, cost)


def _verdict(word: str, found: MedianR, *, parted: bool) -> str:
    if not found.above_chance:
        return found.verdict
    if parted:
        return f"the folds part {word}s, so that what neighbors share counts as predicted"
    return f"responses follow the place in the {word}, which a model may know too"


def _known_order(table: pd.DataFrame) -> RowOrder:
    order = read_order(table, read_rows(table))
    if order is None:
        message = (
            "The order of these stimuli is unknown; give them a column group, run, position or "
            "onset."
        )
        raise DataError(message)
    return order


def _features(order: RowOrder, rng: np.random.Generator, n_units: int) -> xr.DataArray:
    """Make features of an order; about as many as a layer has units, but no more than pay off."""
    n_columns = int(np.clip(min(len(order.runs) // 2, n_units), FEWEST_COLUMNS, MOST_COLUMNS))
    if not order.placed:
        n_runs = int(order.runs.max()) + 1
        values = rng.normal(size=(n_runs, min(n_runs, n_columns)))[order.runs]
        return _labelled(order, values, ["group"] * values.shape[1])
    parts = {
        "walks": content_free.random_walks(order.runs, n_columns // 2, rng),
        "neighbors": content_free.smooth_noise(order.runs, n_columns - n_columns // 2, rng),
        "place": content_free.position_bumps(order.runs),
    }
    values = np.concatenate([part / np.maximum(part.std(0), 1e-9) for part in parts.values()], 1)
    return _labelled(
        order, values, [name for name, part in parts.items() for _ in range(part.shape[1])]
    )


def _labelled(order: RowOrder, values: np.ndarray, spaces: list[str] | None = None) -> xr.DataArray:
    coords = {order.rows: order.labels, "layer": "content-free"}
    named = {} if spaces is None else {"space": ("unit", spaces)}
    return xr.DataArray(values, {**coords, **named}, (order.rows, "unit"))


def _undefined(case: Case) -> xr.Dataset:
    """Return what scoring would: a constant prediction in every fold, for every neuroid."""
    like = case.scores["r"].isel(layer=0, drop=True)
    like = like.isel(fold=slice(case.prepared.splits.repeat.count(0)))
    constant = xr.full_like(like, CONSTANT_PREDICTION, dtype=np.uint8)
    return xr.Dataset({"r": xr.full_like(like, np.nan), "undefined": constant})
