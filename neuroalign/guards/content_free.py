"""Features that know where a stimulus stands and not what it is must predict nothing."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.features.order_features import features_of_order
from neuroalign.guards.case import UNKNOWN_ORDER, Case, Found, like_layer
from neuroalign.guards.median_r import MedianR
from neuroalign.numerics.undefined import CONSTANT_PREDICTION


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
    features = like_layer(
        features_of_order(order, case.rng(1), case.chosen.n_units), case.chosen.sizes
    )
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


def _undefined(case: Case) -> xr.Dataset:
    """Return what scoring would: a constant prediction in every fold, for every neuroid."""
    like = case.scores["r"].isel(layer=0, drop=True)
    like = like.isel(fold=slice(case.prepared.splits.repeat.count(0)))
    constant = xr.full_like(like, CONSTANT_PREDICTION, dtype=np.uint8)
    return xr.Dataset({"r": xr.full_like(like, np.nan), "undefined": constant})
