"""Scores averaged over folds, with all blocks of stimuli and without each."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.numerics.blockwise import Blocks, combine_parts
from neuroalign.numerics.moments import correlation
from neuroalign.numerics.undefined import DEFINED


def mean_over_folds(scores: xr.Dataset) -> xr.DataArray:
    """Average r over folds, weighted by held-out stimuli; folds where it is undefined are skipped.

    Parameters
    ----------
    scores : Dataset
        From `score`.

    Returns
    -------
    DataArray (layer, neuroid, [time])
        NaN where r is undefined in every fold.
    """
    defined = scores["r"].notnull()
    weights = scores["n_test"].where(defined, 0)
    total = weights.sum("fold")
    return (scores["r"].fillna(0) * weights).sum("fold") / total.where(total > 0)


def mean_without_blocks(scores: xr.Dataset) -> xr.DataArray:
    """Average r over folds without each block of held-out stimuli, from the moments.

    Exact: leaving out a block changes r of its own fold, whose predictor stays as it was.

    Parameters
    ----------
    scores : Dataset
        From `score`, with folds that are not repeated.

    Returns
    -------
    DataArray ([layer], block, neuroid, [time])
    """
    if int(scores["repeat"].max()) > 0:
        message = (
            "The same stimuli are held out several times in repeated folds, so that leaving out a "
            "block of one division leaves them in the others; score with folds that are not "
            "repeated."
        )
        raise DataError(message)
    fold = scores["fold_of_block"].values
    order = np.argsort(fold, kind="stable")
    part = np.unique(fold, return_inverse=True)[1][order]
    blocks = Blocks(np.arange(len(part)), part)
    spread = scores["train_sd"].isel(fold=np.unique(fold)).values.reshape(part[-1] + 1, -1)
    moments = scores["moments"].transpose(..., "block", "neuroid", *_time(scores), "moment")
    layers = moments.values.reshape(-1, len(part), spread.shape[1], moments.shape[-1])
    found = np.empty(layers.shape[:-1])
    for layer, sums in enumerate(layers):
        ordered = sums[order]
        totals = blocks.part_sums(ordered)
        found[layer, order] = combine_parts(
            _within(totals, spread), _within(totals[part] - ordered, spread[part]), part
        )[1][..., 0]
    return moments.isel(moment=0, drop=True).copy(data=found.reshape(moments.shape[:-1]))


def _within(sums: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r, reason = correlation(sums, spread)
    return r[..., None], np.where(reason == DEFINED, sums[..., 0], 0)


def _time(scores: xr.Dataset) -> list[str]:
    return ["time"] if "time" in scores["r"].dims else []
