"""Noise ceilings of averaged responses, and scores relative to them.

Both ceilings here estimate the share of signal in the variance of the averaged response: a
perfect prediction of the noiseless response reaches R^2 = ceiling, and r = sqrt(ceiling).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.repetitions import to_showings
from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.reliability import (
    anova_reliability,
    spearman_brown,
    split_half_correlation,
)

N_SPLITS = 100
CEILINGS = ("ceiling_split_half", "ceiling_anova")
FORMS = ("r/sqrt(ceiling)", "r^2/ceiling")


def split_half_ceiling(
    recording: xr.DataArray, *, seed: int = 0, parts: pd.Series | None = None
) -> xr.DataArray:
    """Estimate the noise ceiling from the correlation of random halves of the repetitions.

    The correlation is averaged over 100 random splits first and corrected to the full number of
    repetitions afterwards (Spearman 1910, doi:10.1111/j.2044-8295.1910.tb00206.x), with the
    numbers of repetitions that the averages really have. Where it is not positive it stays
    uncorrected.

    Parameters
    ----------
    recording : DataArray
        Showings, or events with a repetition axis.
    seed : int
    parts : Series, optional
        Stimulus label -> part, such as its fold; variance between parts does not count.

    Returns
    -------
    DataArray (neuroid, [time])
        Share of variance. NaN where fewer than three stimuli repeat.
    """
    rng = np.random.default_rng([seed, 2])
    rows, values, codes, part = _arrays(recording, parts)
    halves = split_half_correlation(values, codes, N_SPLITS, rng, part)
    return _typed(spearman_brown(*halves), rows, CEILINGS[0])


def anova_ceiling(recording: xr.DataArray, *, parts: pd.Series | None = None) -> xr.DataArray:
    """Estimate the noise ceiling from the variance within and between stimuli.

    One minus the mean variance of the noise in an average, s_i^2 / k_i, over the variance of the
    averages; not clipped, so it may fall below 0 (Allen et al. 2022,
    doi:10.1038/s41593-021-00962-x, give the form with equal k).

    Parameters
    ----------
    recording : DataArray
        Showings, or events with a repetition axis.
    parts : Series, optional
        Stimulus label -> part, such as its fold; variance between parts does not count.

    Returns
    -------
    DataArray (neuroid, [time])
        Share of variance. NaN where no stimulus repeats.
    """
    rows, values, codes, part = _arrays(recording, parts)
    return _typed(anova_reliability(values, codes, part), rows, CEILINGS[1])


def _arrays(
    recording: xr.DataArray, parts: pd.Series | None
) -> tuple[xr.DataArray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return showings, and their values, stimulus numbers and parts as arrays."""
    rows = to_showings(recording)
    labels, codes = np.unique(rows["stimulus"].values, return_inverse=True)
    values = np.asarray(rows.values, dtype=float)
    part = None if parts is None else np.unique(parts.loc[labels], return_inverse=True)[1]
    return rows, values.reshape(len(values), -1), codes, part


def _typed(values: np.ndarray, rows: xr.DataArray, name: str) -> xr.DataArray:
    """Say what the ceiling bounds, so that a normalization can refuse the wrong one."""
    return xr.DataArray(
        values.reshape(rows.shape[1:]),
        dims=rows.dims[1:],
        coords={key: c for key, c in rows.coords.items() if key in ("neuroid", "time")},
        name=name,
        attrs={"bounds": "variance", "role": "estimates the noise", "of": "averaged responses"},
    )


def normalize_by_ceiling(
    scores: xr.Dataset,
    *,
    form: Literal["r/sqrt(ceiling)", "r^2/ceiling"],
    ceiling: Literal["ceiling_split_half", "ceiling_anova"] = "ceiling_split_half",
) -> xr.DataArray:
    """Divide scores by the noise ceiling, neuroid by neuroid, in the form that is named.

    Parameters
    ----------
    scores : Dataset
        From `score`.
    form : str
        "r/sqrt(ceiling)": share of the best possible correlation. "r^2/ceiling": share of the
        explainable variance, with the sign of r.
    ceiling : str
        "ceiling_split_half" or "ceiling_anova".

    Returns
    -------
    DataArray (layer, neuroid, [time])
        Not clipped: above 1 by chance is above 1. NaN where the ceiling is not positive, or where
        r is undefined.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> na.normalize_by_ceiling(scores, form="r/sqrt(ceiling)").dims
    ('layer', 'neuroid')
    """
    if form not in FORMS:
        raise unknown_name(form, FORMS, kind="form of normalization")
    if ceiling not in CEILINGS:
        raise unknown_name(ceiling, CEILINGS, kind="noise ceiling")
    if ceiling not in scores:
        message = "The scores carry no noise ceiling, because no stimulus was shown twice."
        raise DataError(message)
    if scores[ceiling].attrs.get("bounds") != "variance":
        message = f"The noise ceiling {ceiling!r} does not bound a variance, as {form!r} needs."
        raise DataError(message)
    r = mean_over_folds(scores)
    bound = scores[ceiling].where(scores[ceiling] > 0)
    normalized = r / bound**0.5 if form == "r/sqrt(ceiling)" else r * abs(r) / bound
    return normalized.assign_attrs(form=form, ceiling=ceiling)


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
