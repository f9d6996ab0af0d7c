"""Differences of similarity scores, and their averages over views, with intervals over stimuli."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.inference.intervals import (
    LEVEL,
    POPULATION,
    STIMULI,
    SUBJECTS,
    Difference,
    known_error,
    random_effect,
)
from neuroalign.numerics.resampling import fisher_interval, jackknife_shifts, t_interval

CONDITIONAL = "conditional"  # on the neuroids; nothing is fitted
FEWEST_BLOCKS = 5


class Averaged(NamedTuple):
    """Mean similarity over views, and how blocks of stimuli move it."""

    value: float
    shifts: np.ndarray  # (views, blocks)

    @property
    def error(self) -> float:
        """Standard error over stimuli; NaN where it is unknown."""
        if self.shifts.shape[1] < FEWEST_BLOCKS:
            return float("nan")
        return known_error(float(np.sqrt((self.shifts.mean(0) ** 2).sum())))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the error."""
        return float(self.shifts.shape[1] - 1)


def average_views(scores: xr.Dataset) -> Averaged:
    """Average the similarity of one layer over views, which err together.

    Parameters
    ----------
    scores : Dataset
        From `score` by a similarity measure, one layer, no axis of time.

    Returns
    -------
    Averaged
        Of the views that are defined.
    """
    values, without, sizes = _arrays(scores)
    kept = np.isfinite(values)
    if not kept.any():
        return Averaged(float("nan"), np.empty((1, 0)))
    shifts = [
        _spread(jackknife_shifts(*both), both[1])
        for both in zip(without[kept], sizes[kept], strict=True)
    ]
    return Averaged(float(values[kept].mean()), np.array(shifts))


def average_interval(scores: xr.Dataset) -> tuple[float, float, float]:
    """Return the mean similarity over views and its 95% interval over new stimuli."""
    averaged = average_views(scores)
    return averaged.value, *fisher_interval(averaged.value, averaged.error, averaged.freedom, LEVEL)


def similarity_difference(
    first: xr.Dataset, second: xr.Dataset, *, over: str = STIMULI
) -> Difference:
    """Compute the difference of two similarity scores of the same measure, stimuli and views.

    Parameters
    ----------
    first, second : Dataset
        From `score`, with one layer each.
    over : {"stimuli", "subjects"}
        What the interval generalizes to: new stimuli, or new subjects too.

    Returns
    -------
    Difference
        Of the means over views that are defined in both. Both err with the same stimuli, which the
        interval and the two-sided p account for.
    """
    if over not in (STIMULI, SUBJECTS):
        raise unknown_name(over, (STIMULI, SUBJECTS), kind="thing to generalize to")
    check_same_views(first, second)
    sides = [_arrays(scores) for scores in (first, second)]
    gaps = sides[0][0] - sides[1][0]
    kept = np.isfinite(gaps)
    if not kept.any():
        nothing = float("nan")
        return Difference(nothing, nothing, nothing, nothing, CONDITIONAL)
    without = (sides[0][1] - sides[1][1])[kept]
    sizes = sides[0][2][kept]
    shifts = np.array(
        [_spread(jackknife_shifts(*both), both[1]) for both in zip(without, sizes, strict=True)]
    )
    averaged = Averaged(float(gaps[kept].mean()), shifts)
    if over == STIMULI:
        low, high, p = t_interval(averaged.value, averaged.error, averaged.freedom, LEVEL)
        return Difference(averaged.value, low, high, p, CONDITIONAL)
    return _over_subjects(first, gaps, shifts, kept)


def _over_subjects(
    scores: xr.Dataset, gaps: np.ndarray, shifts: np.ndarray, kept: np.ndarray
) -> Difference:
    """Take subjects as a sample: they scatter, and have the stimuli in common."""
    names = scores["subject"].values.astype(str)[kept]
    subjects = list(dict.fromkeys(names))
    values = np.array([gaps[kept][names == name].mean() for name in subjects])
    moved = np.array([shifts[names == name].mean(0) for name in subjects])
    mean, error, freedom = random_effect(values, moved @ moved.T)
    low, high, p = t_interval(mean, known_error(error), freedom, LEVEL)
    return Difference(mean, low, high, p, POPULATION)


def check_same_views(first: xr.Dataset, second: xr.Dataset) -> None:
    """Refuse two similarity scores that are not of the same measure, responses and views."""
    one, two = (json.loads(scores.attrs["provenance"]) for scores in (first, second))
    for word, same in (
        ("measures", one["metric"] == two["metric"]),
        ("responses", one["responses_sha256"] == two["responses_sha256"]),
        ("views", first["view"].values.tolist() == second["view"].values.tolist()),
    ):
        if not same:
            message = f"Two scores are compared on the same data only, but their {word} differ."
            raise DataError(message)


def _arrays(scores: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return similarity (views,), the same without each block, and stimuli in each block."""
    if "time" in scores["similarity"].dims:
        message = "These scores have an axis of time; select one with scores.isel(time=...)."
        raise DataError(message)
    if scores.sizes.get("layer", 1) > 1:
        message = (
            f"These scores are of {scores.sizes['layer']} layers "
            f"{name_some(scores['layer'].values)}; choose one with scores.sel(layer=[...])."
        )
        raise DataError(message)
    n_views, n_blocks = scores.sizes["view"], scores.sizes["block"]
    values = scores["similarity"].values.reshape(n_views)
    without = scores["without"].transpose(..., "view", "block").values.reshape(n_views, n_blocks)
    return values, without, scores["n_stimuli"].transpose("view", "block").values


def _spread(shifts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Put 0 where a view has no stimuli of a block."""
    spread = np.zeros(len(sizes))
    spread[sizes > 0] = shifts
    return spread
