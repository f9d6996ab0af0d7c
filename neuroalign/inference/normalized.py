"""Intervals of scores relative to a noise ceiling, in which the ceiling errs too."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.ceilings import (
    Ceiling,
    mean_over_folds,
    median_share,
    normalize_by_ceiling,
    normalized_without,
)
from neuroalign.ceilings.normalize import Form, divide_r
from neuroalign.inference.intervals import (
    LEVEL,
    Interval,
    known_error,
    simulated_errors,
    spread_of,
)
from neuroalign.numerics.resampling import Deviations, joint_freedom, median_errors, t_interval
from neuroalign.numerics.undefined import CEILING_NOT_POSITIVE

STEP = 1e-6  # of r, for the slope of a form


def normalized_interval(
    scores: xr.Dataset,
    *,
    form: Form,
    ceiling: str | Ceiling = "split_half",
    mask: Ceiling | None = None,
    seed: int = 0,
) -> Interval:
    """Compute the median of normalized scores over neuroids, with a 95% interval.

    The interval is that of `median_interval`, with the error of the noise ceiling in it: r and
    ceiling come from the same stimuli, so what a block of them, or those of a fold, do to one is
    taken together with what they do to the other.

    Parameters
    ----------
    scores : Dataset
        From `score`, with one layer selected and folds that are not repeated.
    form : str
        As for `normalize_by_ceiling`.
    ceiling : str or Ceiling
        That scores carry, or another with their blocks of stimuli.
    mask : Ceiling, optional
        As for `normalize_by_ceiling`: the interval is of the neuroids that it leaves.
    seed : int
        Of the simulated errors.

    Returns
    -------
    Interval
        The median counts ceilings that are not positive as beyond all others (`median_share`).
        NaN where more than half are, or for fewer than three folds or ten blocks.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> na.inference.normalized_interval(scores, form="r/sqrt(ceiling)").estimand
    'procedure'
    """
    normalized = normalize_by_ceiling(scores, form=form, ceiling=ceiling, mask=mask)
    r = mean_over_folds(scores)
    median = median_share(normalized, r)
    spread = spread_of(scores)
    below = (normalized["undefined"] == CEILING_NOT_POSITIVE).values.ravel()
    values = np.where(below, np.copysign(np.inf, spread.r), normalized.values.ravel())
    kept = ~np.isnan(values)
    if not np.isfinite(median) or not spread.deviations.values.any():
        return Interval(median, float("nan"), float("nan"), spread.estimand)
    deviations = _together(scores, form, ceiling, spread.deviations, normalized, r)
    joint = spread.deviations._replace(values=np.where(below, 0.0, deviations)[:, kept])
    error = known_error(float(median_errors(values[kept], simulated_errors(joint, seed)).std()))
    low, high, _ = t_interval(median, error, joint_freedom(joint), LEVEL)
    return Interval(median, low, high, spread.estimand)


def _together(
    scores: xr.Dataset,
    form: Form,
    ceiling: str | Ceiling,
    of_r: Deviations,
    normalized: xr.DataArray,
    r: xr.DataArray,
) -> np.ndarray:
    """Return deviations (folds or blocks, targets) of normalized scores."""
    left_out = normalized_without(scores, form=form, ceiling=ceiling).transpose("block", ...)
    without = left_out.values.reshape(left_out.sizes["block"], -1)
    own = normalized.values.ravel()
    sizes = scores["moments"].isel(moment=0).transpose("block", ...).values
    sizes = sizes.reshape(len(sizes), -1)
    share = sizes / np.maximum(sizes.sum(0), 1)
    n_blocks = len(without)
    widened = np.sqrt(n_blocks / (n_blocks - 1))
    moved = np.nan_to_num((1 - share) * (own - without)) * widened
    if scores.sizes["fold"] == 1:
        return moved * np.sqrt((n_blocks - 1) / max(n_blocks - 3, 1))
    # What a fold does to r comes with training noise; what it does to the ceiling is added.
    known = ceiling if isinstance(ceiling, Ceiling) else Ceiling.from_scores(scores, ceiling)
    slope = (divide_r(r + STEP, known.values, form) - normalized).values.ravel() / STEP
    left = divide_r(r, known.without, form).transpose("block", ...).values.reshape(n_blocks, -1)
    of_ceiling = np.nan_to_num((1 - share) * (own - left)) * widened
    fold = scores["fold_of_block"].values
    summed = np.stack([of_ceiling[fold == k].sum(0) for k in scores["fold"].values])
    return of_r.values * np.nan_to_num(slope) + summed
