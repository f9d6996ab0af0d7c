"""Noise ceilings of averaged responses, and scores relative to them.

The split-half and the ANOVA ceiling estimate the share of signal in the variance of the averaged
response: a perfect prediction of the noiseless response reaches R^2 = ceiling, and r =
sqrt(ceiling). The inter-subject ceiling is a correlation, and bounds that r from below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.repetitions import average_repetitions, to_showings
from neuroalign.data.schema import row_dim
from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.moments import ROUNDING, correlation
from neuroalign.numerics.reliability import (
    anova_reliability,
    spearman_brown,
    split_half_correlation,
)

N_SPLITS = 100
CEILINGS = ("ceiling_split_half", "ceiling_anova")
INTER_SUBJECT = "ceiling_inter_subject"
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


def inter_subject_ceiling(
    recordings: Mapping[str, xr.DataArray], *, parts: pd.Series
) -> xr.DataArray:
    """Correlate each neuroid with the mean of the same neuroid in the other subjects.

    A lower bound of the noise ceiling: with signal variance s that all N subjects share and noise
    variance e in each, it is sqrt(s / (s + e)) sqrt(s / (s + e / (N - 1))), where a perfect
    prediction reaches sqrt(s / (s + e)); what a subject does not share lowers it further (Nili
    et al. 2014, doi:10.1371/journal.pcbi.1003553). Responses are centered within parts and scaled
    to variance 1 first, since units differ between subjects.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> showings, events or stream. Neuroids are the same if their labels are, after
        the prefix of the subject; rows are matched by label too.
    parts : Series
        Label of a stimulus or sample -> part, such as its fold. Rows without a part are left out.

    Returns
    -------
    DataArray (neuroid, [time])
        Pearson r within each part, averaged with their rows as weights. NaN where it is constant,
        or nobody else has it. The coordinate `n_others` counts the subjects behind the mean;
        those in whom the neuroid is constant or missing are none of them.
    """
    averages = [average_repetitions(recording) for recording in recordings.values()]
    parts = parts.dropna()
    of_part = pd.get_dummies(parts).to_numpy(float)  # (rows, parts)
    responses = [_standardized(average, parts.index, of_part) for average in averages]
    columns: dict[tuple, int] = {}
    places = [
        np.array([columns.setdefault(name, len(columns)) for name in _names(average)])
        for average in averages
    ]
    total, count = np.zeros((2, len(parts), len(columns)))
    owners = np.zeros(len(columns), dtype=int)
    for (own, present), place in zip(responses, places, strict=True):
        total[:, place] += own
        count[:, place] += present
        owners[place] += present.any(0)
    found = []
    for average, (own, present), place in zip(averages, responses, places, strict=True):
        n_here = count[:, place] - present
        both = present & (n_here > 0)
        others = (total[:, place] - own) / np.maximum(n_here, 1)
        ceiling = _mean_correlation(own * both, others * both, both, of_part)
        found.append(_of_neuroids(ceiling, owners[place] - present.any(0), average))
    return xr.concat(found, "neuroid", join="exact", combine_attrs="override")


def _names(average: xr.DataArray) -> list[tuple]:
    """Return the label of each neuroid without its subject, and the time, of every column."""
    prefix = f"{average['subject'].item()}/"
    labels = [str(label).removeprefix(prefix) for label in average["neuroid"].values]
    times = average["time"].values.tolist() if "time" in average.dims else [None]
    return [(label, time) for label in labels for time in times]


def _standardized(
    average: xr.DataArray, rows: pd.Index, of_part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Center these rows in each part and scale to variance 1; say what is there and varies."""
    given = pd.Index(average[row_dim(average)].values).get_indexer(rows)
    values = average.values.reshape(average.shape[0], -1)[given]
    values[given < 0] = np.nan
    present = np.isfinite(values)
    filled = np.where(present, values, 0)
    sizes = np.maximum(of_part.T @ present.astype(float), 1)
    centered = np.where(present, filled - of_part @ (of_part.T @ filled / sizes), 0)
    spread = np.sqrt((centered**2).sum(0) / np.maximum(present.sum(0), 1))
    varies = spread > ROUNDING * np.abs(filled).max(0)
    return centered * np.where(varies, 1 / np.where(varies, spread, 1), 0), present & varies


def _mean_correlation(
    y: np.ndarray, p: np.ndarray, both: np.ndarray, of_part: np.ndarray
) -> np.ndarray:
    """Correlate columns within parts, and average over the parts in which that is defined."""
    sums = [of_part.T @ summand for summand in (both.astype(float), y, p, y**2, p**2, y * p)]
    r, _ = correlation(np.stack(sums, axis=-1), np.ones(y.shape[1]))
    weights = np.where(np.isfinite(r), sums[0], 0)
    total = weights.sum(0)
    return (np.nan_to_num(r) * weights).sum(0) / np.where(total > 0, total, np.nan)


def _of_neuroids(values: np.ndarray, n_others: np.ndarray, average: xr.DataArray) -> xr.DataArray:
    """Label an inter-subject ceiling, and say that it bounds a correlation from below."""
    dims = [dim for dim in average.dims if dim in ("neuroid", "time")]
    shape = [average.sizes[dim] for dim in dims]
    return xr.DataArray(
        values.reshape(shape),
        dims=dims,
        coords={
            **{dim: average[dim].values for dim in dims},
            "n_others": ("neuroid", n_others.reshape(shape[0], -1).max(1).astype(int)),
        },
        name=INTER_SUBJECT,
        attrs={"bounds": "correlation", "estimate": "lower bound", "of": "averaged responses"},
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
    if ceiling == INTER_SUBJECT:
        message = (
            f"{INTER_SUBJECT!r} bounds a correlation from below, and nothing is normalized by a "
            f"lower bound; use {CEILINGS[0]!r} or {CEILINGS[1]!r}."
        )
        raise DataError(message)
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
