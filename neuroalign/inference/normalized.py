"""Intervals of scores relative to a noise ceiling, in which the ceiling errs too."""

from __future__ import annotations

from typing import NamedTuple

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
    without = normalized_without(scores, form=form, ceiling=ceiling)
    if not np.isfinite(median) or not spread.deviations.values.any():
        return Interval(median, float("nan"), float("nan"), spread.estimand)
    known = ceiling if isinstance(ceiling, Ceiling) else Ceiling.from_scores(scores, ceiling)
    below = (normalized["undefined"] == CEILING_NOT_POSITIVE).values
    kept = (np.isfinite(normalized.values) | below).ravel()
    bend = _Bend(form, known.select(scores["neuroid"].values), _typical(normalized))
    values = bend(r, bend.ceiling.values).values.ravel()
    deviations = _together(scores, bend, spread.deviations, r, without)
    joint = spread.deviations._replace(values=deviations[:, kept])
    error = float(median_errors(values[kept], simulated_errors(joint, seed)).std())
    error *= np.hypot(median, bend.scale) ** 3 / bend.scale**2
    low, high, _ = t_interval(median, known_error(error), joint_freedom(joint), LEVEL)
    return Interval(median, low, high, spread.estimand)


class _Bend(NamedTuple):
    """Normalized scores x on the scale x / sqrt(x^2 + scale^2), from -1 to 1.

    As a ceiling falls to 0 and below, x grows without end and then is undefined, so that errors of
    it are no errors of a normal distribution; here it comes to 1 and stays. A median over neuroids
    is the same on any scale that keeps their order.
    """

    form: Form
    ceiling: Ceiling
    scale: float

    def __call__(self, r: xr.DataArray, ceiling: xr.DataArray) -> xr.DataArray:
        return self.bent(divide_r(r, ceiling, self.form), r, ceiling)

    def bent(self, share: xr.DataArray, r: xr.DataArray, ceiling: xr.DataArray) -> xr.DataArray:
        above = ~(ceiling <= 0).reset_coords(drop=True)
        return (share / np.hypot(share, self.scale)).where(above, np.sign(r))


def _typical(normalized: xr.DataArray) -> float:
    """Return the median size of normalized scores."""
    return float(np.nanmedian(np.abs(normalized.values))) or 1.0


def _together(
    scores: xr.Dataset, bend: _Bend, of_r: Deviations, r: xr.DataArray, without: xr.DataArray
) -> np.ndarray:
    """Return deviations (folds or blocks, targets) of normalized scores on their scale."""
    own = bend(r, bend.ceiling.values)
    blocks = bend.ceiling.without.transpose("block", ...)
    n_blocks = blocks.sizes["block"]
    sizes = scores["moments"].isel(moment=0).transpose("block", ...).values
    sizes = sizes.reshape(n_blocks, -1)
    widened = (1 - sizes / np.maximum(sizes.sum(0), 1)) * np.sqrt(n_blocks / (n_blocks - 1))

    def moved(left: xr.DataArray) -> np.ndarray:
        away = (own - left).transpose("block", ...).values.reshape(n_blocks, -1)
        return np.nan_to_num(away) * widened

    if scores.sizes["fold"] == 1:
        together = moved(bend.bent(without, r, blocks))
        return together * np.sqrt((n_blocks - 1) / max(n_blocks - 3, 1))
    # What a fold does to r comes with training noise; what it does to the ceiling is added.
    slope = ((bend(r + STEP, bend.ceiling.values) - own) / STEP).values.ravel()
    of_ceiling = moved(bend(r, blocks))
    fold = scores["fold_of_block"].values
    summed = np.stack([of_ceiling[fold == k].sum(0) for k in scores["fold"].values])
    return of_r.values * np.nan_to_num(slope) + summed
