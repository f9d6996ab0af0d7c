"""What a perfect model could reach by a measure of whole recordings: bounds, view by view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from scipy.spatial.distance import squareform

from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.data.repetitions import split_repetitions
from neuroalign.data.schema import is_showings
from neuroalign.errors import DataError
from neuroalign.numerics.rdm.bounds import noise_ceiling
from neuroalign.numerics.rdm.measure import RSA
from neuroalign.similarity.sides import Side, Sides
from neuroalign.similarity.views import SUBJECT, View, split_views

N_HALVES = 10  # divisions of the repetitions
FEWEST_SUBJECTS = 2


def similarity_ceilings(
    recordings: Mapping[str, xr.DataArray],
    views: Sequence[View],
    own: Sequence[Sequence[Side]],
    sides: Sides,
    by: str | Sequence[str],
    seed: int,
) -> dict[str, np.ndarray]:
    """Compute the bounds that the data allow.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        With their repetitions.
    views : sequence of View
    own : sequence of sequences of Side
        Of the views, at each time.
    sides : Sides
    by : str or sequence of str
    seed : int
        Of the halves.

    Returns
    -------
    dict of str to array (views, times)
        `ceiling_halves`: similarity of two halves of the repetitions, averaged over ten divisions;
        halves are noisier than the average that models are compared with, so it is a lower bound.
        `ceiling_lower` and `ceiling_upper` (RSA with several subjects): of the mean over subjects;
        `ceiling_self_inclusion`: what the upper would read if they had nothing in common.
        NaN where a view has none, and where halves of the repetitions have too few stimuli or
        lack too many responses.
    """
    found = {"ceiling_halves": _halves(recordings, views, sides, by, seed)}
    if isinstance(sides.measure, RSA):
        found |= _between(views, own, sides.measure)
    return {name: values for name, values in found.items() if np.isfinite(values).any()}


def _halves(
    recordings: Mapping[str, xr.DataArray],
    views: Sequence[View],
    sides: Sides,
    by: str | Sequence[str],
    seed: int,
) -> np.ndarray:
    bounds = np.full((len(views), len(views[0].values)), np.nan)
    names = [view.name for view in views]
    crossed = isinstance(sides.measure, RSA) and sides.measure.crossed
    for subject, recording in recordings.items():
        if crossed or is_dissimilarities(recording) or not _repeats(recording):
            continue
        found: dict[str, list[list[float]]] = {}
        for number in range(N_HALVES):
            parts = split_repetitions(recording, seed=seed + number)
            try:
                halves = [split_views({subject: half}, by) for half in parts]
            except DataError:  # no neuroid has responses to all stimuli of a half
                break
            for one, two in zip(*halves, strict=True):
                shared = np.intersect1d(one.labels, two.labels)
                pair = [
                    [side.take(np.flatnonzero(np.isin(view.labels, shared))) for side in at_times]
                    for view, at_times in ((half, sides.of_view(half)) for half in (one, two))
                ]
                values = [sides.compare_part(*both) for both in zip(*pair, strict=True)]
                found.setdefault(one.name, []).append(values)
        for name, per_division in found.items():
            bounds[names.index(name)] = np.mean(per_division, axis=0)
    return bounds


def _repeats(recording: xr.DataArray) -> bool:
    """Tell whether a stimulus was shown twice."""
    if "repetition" in recording.dims:
        return recording.sizes["repetition"] > 1
    return is_showings(recording) and len(set(recording["stimulus"].values)) < len(recording)


def _between(
    views: Sequence[View], own: Sequence[Sequence[Side]], measure: RSA
) -> dict[str, np.ndarray]:
    """Bound the mean over subjects of views that differ in nothing else, and have equal stimuli."""
    names = ("lower", "upper", "self_inclusion")
    found = {name: np.full((len(views), len(views[0].values)), np.nan) for name in names}
    alike: dict[tuple, list[int]] = {}
    for number, view in enumerate(views):
        levels = tuple(level for name, level in view.levels.items() if name != SUBJECT)
        alike.setdefault((levels, tuple(view.labels)), []).append(number)
    for numbers in alike.values():
        if len(numbers) < FEWEST_SUBJECTS:
            continue
        for moment in range(len(views[0].values)):
            rows = np.stack([squareform(own[k][moment].values, checks=False) for k in numbers])
            rows[:, np.isnan(rows).any(axis=0)] = np.nan  # bounds are of the same pairs for all
            bounds = noise_ceiling(rows, measure.comparison)
            for name, values in found.items():
                values[numbers, moment] = getattr(bounds, name)
    return {f"ceiling_{name}": values for name, values in found.items()}
