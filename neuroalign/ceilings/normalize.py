"""Scores relative to noise ceilings, in a form that is named, and without some stimuli."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from neuroalign.ceilings.averages import mean_over_folds, mean_without_blocks
from neuroalign.ceilings.divided import are_other_sets
from neuroalign.ceilings.typed import AVERAGES, ESTIMATES, Ceiling
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.numerics.undefined import CEILING_NOT_POSITIVE, DEFINED, MASKED, flag_attributes

# What a ceiling must bound for a form.
FORMS = {"r/sqrt(ceiling)": "variance", "r^2/ceiling": "variance", "r/ceiling": "correlation"}
Form = Literal["r/sqrt(ceiling)", "r^2/ceiling", "r/ceiling"]


def normalize_by_ceiling(
    scores: xr.Dataset,
    *,
    form: Form,
    ceiling: str | Ceiling = "split_half",
    mask: Ceiling | None = None,
) -> xr.DataArray:
    """Divide scores by the noise ceiling, neuroid by neuroid, in the form that is named.

    Parameters
    ----------
    scores : Dataset
        From `score`.
    form : str
        "r/sqrt(ceiling)": share of the best possible correlation, by a ceiling of variance.
        "r^2/ceiling": share of the explainable variance, with the sign of r. "r/ceiling": share of
        the best possible correlation, by a ceiling of correlation.
    ceiling : str or Ceiling
        That scores carry ("split_half" or "anova"), or another of the same neuroids. One that only
        brackets the noise, or is of single responses, is refused.
    mask : Ceiling, optional
        From other repetitions than the scores (`neuroalign.ceilings.divide_repetitions`): neuroids
        are left out where the lower end of its 95% interval is not above 0.

    Returns
    -------
    DataArray (layer, neuroid, [time])
        Not clipped: above 1 by chance is above 1. NaN where r is undefined, the ceiling is
        undefined or not positive, or the mask leaves a neuroid out; the coordinate `undefined` says
        which. The attributes `n_masked` and `masked` count and name what was left out.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> na.normalize_by_ceiling(scores, form="r/sqrt(ceiling)").dims
    ('layer', 'neuroid')
    """
    known = _checked(scores, form, ceiling)
    r = mean_over_folds(scores)
    left_out = _masked(scores, known, mask)
    reason = _reasons(scores, r, known, left_out)
    normalized = divide_r(r, known.values, form).where(reason == DEFINED)
    names = [str(name) for name in left_out["neuroid"].values[_anywhere(left_out)]]
    words = {"form": form, "ceiling": known.method, "n_masked": len(names), "masked": names}
    reason = reason.transpose(*normalized.dims).assign_attrs(flag_attributes())
    return normalized.assign_coords(undefined=reason).rename("normalized_r").assign_attrs(words)


def normalized_without(
    scores: xr.Dataset, *, form: Form, ceiling: str | Ceiling = "split_half"
) -> xr.DataArray:
    """Normalize scores without each block of stimuli: r and its noise ceiling together.

    What a jackknife over blocks needs, so that the error of the ceiling enters the result, and the
    stimuli that both have in common are not counted twice.

    Parameters
    ----------
    scores : Dataset
        From `score`, with folds that are not repeated.
    form : str
        As for `normalize_by_ceiling`.
    ceiling : str or Ceiling
        As for `normalize_by_ceiling`; with the blocks of the scores.

    Returns
    -------
    DataArray ([layer], block, neuroid, [time])
        NaN where the ceiling is not positive. Block b holds the first of its `moments` stimuli,
        which is what an error for unequal blocks weighs by.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> na.ceilings.normalized_without(scores, form="r/sqrt(ceiling)").dims
    ('layer', 'block', 'neuroid')
    """
    known = _checked(scores, form, ceiling)
    if not np.array_equal(known.without["block"].values, scores["block"].values):
        message = (
            f"The noise ceiling {known.method!r} has other blocks of stimuli than the scores; "
            "estimate it with the blocks of the folds, or use one that the scores carry."
        )
        raise DataError(message)
    r = mean_without_blocks(scores)
    return divide_r(r, known.without, form).transpose(*r.dims)


def median_share(normalized: xr.DataArray, r: xr.DataArray) -> float:
    """Take the median of normalized scores, those of ceilings of 0 or less beyond all others.

    Such a ratio is undefined for one neuroid, but not lost for many: as a ceiling falls to 0 it
    grows beyond all others, in the direction of r. To leave it out would be to choose neuroids by
    the noise that they are divided by, which drags the median down.

    Parameters
    ----------
    normalized : DataArray
        From `normalize_by_ceiling`.
    r : DataArray
        From `mean_over_folds`; its sign says on which side they are beyond.

    Returns
    -------
    float
        NaN where half of the neuroids or more are beyond.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> share = na.normalize_by_ceiling(scores, form="r/sqrt(ceiling)")
    >>> median = na.ceilings.median_share(share, na.ceilings.mean_over_folds(scores))
    """
    below = (normalized["undefined"] == CEILING_NOT_POSITIVE).values
    beyond = np.where(r.values != 0, np.copysign(np.inf, r.values), 0)
    values = np.where(below & np.isfinite(r.values), beyond, normalized.values)
    defined = values[~np.isnan(values)]
    with np.errstate(invalid="ignore"):
        median = float(np.median(defined)) if defined.size else np.nan
    return median if np.isfinite(median) else float("nan")


def divide_r(r: xr.DataArray, ceiling: xr.DataArray, form: str) -> xr.DataArray:
    """Divide r in a form; NaN where the ceiling is not positive."""
    bound = ceiling.where(ceiling > 0).reset_coords(drop=True)
    if form == "r/ceiling":
        return r / bound
    return r / bound**0.5 if form == "r/sqrt(ceiling)" else r * abs(r) / bound


def _checked(scores: xr.Dataset, form: str, ceiling: str | Ceiling) -> Ceiling:
    """Return a ceiling of the neuroids of the scores that this form may divide by."""
    if form not in FORMS:
        raise unknown_name(form, FORMS, kind="form of normalization")
    known = ceiling if isinstance(ceiling, Ceiling) else Ceiling.from_scores(scores, ceiling)
    name = f"The noise ceiling {known.method!r}"
    if known.role != ESTIMATES:
        message = (
            f"{name} is no more than a bound ({known.role}), and nothing is normalized by one."
        )
        raise DataError(message)
    if known.of != AVERAGES:
        message = f"{name} is of {known.of}, but the scores are of averaged responses."
        raise DataError(message)
    if known.bounds != FORMS[form]:
        right = " or ".join(repr(f) for f, bounds in FORMS.items() if bounds == known.bounds)
        message = (
            f"{name} bounds a {known.bounds}, but {form!r} needs one of {FORMS[form]}"
            f"{f'; use form={right}' if right else ''}."
        )
        raise DataError(message)
    return _of_neuroids(known, scores)


def _of_neuroids(ceiling: Ceiling, scores: xr.Dataset) -> Ceiling:
    """Select the neuroids of the scores, by label."""
    wanted = scores["neuroid"].values
    if np.array_equal(ceiling.values["neuroid"].values, wanted):
        return ceiling
    missing = wanted[~np.isin(wanted, ceiling.values["neuroid"].values)]
    if len(missing):
        message = (
            f"The noise ceiling {ceiling.method!r} lacks {len(missing)} of {len(wanted)} neuroids "
            f"of the scores {name_some(missing)}."
        )
        raise DataError(message)
    return ceiling.select(wanted)


def _masked(scores: xr.Dataset, ceiling: Ceiling, mask: Ceiling | None) -> xr.DataArray:
    """Tell which neuroids a mask from other repetitions leaves out."""
    if mask is None:
        return xr.zeros_like(ceiling.values, dtype=bool)
    if not isinstance(mask, Ceiling):
        message = (
            f"mask is a {type(mask).__name__}, but neuroids are left out by a noise ceiling of "
            "other repetitions; divide them by neuroalign.ceilings.divide_repetitions, or select "
            "neuroids with score(neuroids=[...])."
        )
        raise DataError(message)
    if not are_other_sets(mask.repetitions, ceiling.repetitions):
        message = (
            f"The mask is from {mask.repetitions}, and the noise ceiling of the scores from "
            f"{ceiling.repetitions}: neuroids are chosen by other repetitions than they are scored "
            "with; divide them by neuroalign.ceilings.divide_repetitions."
        )
        raise DataError(message)
    low, _ = _of_neuroids(mask, scores).interval()
    return ~(low > 0)


def _reasons(
    scores: xr.Dataset, r: xr.DataArray, ceiling: Ceiling, left_out: xr.DataArray
) -> xr.DataArray:
    """Say why normalized scores are undefined; the mask comes first, the ceiling before r."""
    of_r = scores["undefined"].max("fold").where(r.isnull(), DEFINED)
    low = xr.where(ceiling.values > 0, DEFINED, CEILING_NOT_POSITIVE)
    of_ceiling = xr.where(ceiling.undefined != DEFINED, ceiling.undefined, low)
    reason = xr.where(of_ceiling != DEFINED, of_ceiling, of_r)
    return xr.where(left_out, MASKED, reason).astype(np.uint8).reset_coords(drop=True)


def _anywhere(left_out: xr.DataArray) -> np.ndarray:
    others = [dim for dim in left_out.dims if dim != "neuroid"]
    return left_out.all(others).values
