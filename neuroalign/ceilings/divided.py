"""Repetitions to choose neuroids with, and others to score them with."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.repetitions import to_showings
from neuroalign.data.schema import is_stream
from neuroalign.errors import DataError
from neuroalign.numerics.moments import FEWEST_ROWS

# Two repetitions for either set, without which it has no noise ceiling.
FEWEST_REPETITIONS = 4
SETS = ("the first of two sets of repetitions", "the second of two sets of repetitions")


def divide_repetitions(
    dataset: BrainDataset, *, seed: int = 0
) -> tuple[BrainDataset, BrainDataset]:
    """Divide the repetitions of each stimulus into two sets by lot.

    Neuroids that are chosen for their noise ceiling have been lucky with the noise of their
    repetitions, which is not the same again in others: choose by the first set, and score with the
    second (``normalize_by_ceiling(scores, ..., mask=...)``).

    Parameters
    ----------
    dataset : BrainDataset
        Three stimuli or more with four repetitions or more, for every subject.
    seed : int

    Returns
    -------
    choosing, scoring : BrainDataset
        Of k repetitions, floor(k / 2) go to the first and the others to the second. Repetitions of
        streams stay whole; those of stimuli become showings.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> choosing, scoring = na.ceilings.divide_repetitions(dataset)
    >>> na.ceilings.anova(scoring.recordings["simulated"]).repetitions
    'the second of two sets of repetitions (seed 0)'
    """
    sets: tuple[dict[str, xr.DataArray], ...] = ({}, {})
    for number, subject in enumerate(dataset.subjects):
        recording = dataset.recordings[subject]
        halves = _divided(recording, subject, np.random.default_rng([seed, 6, number]))
        for half, words, recordings in zip(halves, SETS, sets, strict=True):
            recordings[subject] = half.assign_attrs(repetitions=f"{words} (seed {seed})")
    first, second = (
        BrainDataset(recordings, dataset.stimuli, name=dataset.name, card=dataset.card)
        for recordings in sets
    )
    return first, second


def are_other_sets(one: str, other: str) -> bool:
    """Tell whether two words for repetitions name the two sets of one division."""
    pairs = [(one, other), (other, one)]
    return any(
        a.startswith(SETS[0]) and b.startswith(SETS[1]) and a.split("(")[-1] == b.split("(")[-1]
        for a, b in pairs
    )


def _divided(
    recording: xr.DataArray, subject: str, rng: np.random.Generator
) -> tuple[xr.DataArray, xr.DataArray]:
    if is_stream(recording):
        count = recording.sizes.get("repetition", 1)
        _check(recording.sizes["sample"] if count >= FEWEST_REPETITIONS else 0, subject)
        order = rng.permutation(count)
        first, second = np.sort(order[: count // 2]), np.sort(order[count // 2 :])
        return recording.isel(repetition=first), recording.isel(repetition=second)
    rows = to_showings(recording)
    _, codes, counts = np.unique(rows["stimulus"].values, return_inverse=True, return_counts=True)
    _check(int((counts >= FEWEST_REPETITIONS).sum()), subject)
    order = np.lexsort((rng.random(len(codes)), codes))
    rank = np.empty(len(codes), dtype=int)
    rank[order] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = rank < counts[codes] // 2
    return rows.isel(showing=chosen), rows.isel(showing=~chosen)


def _check(n_stimuli: int, subject: str) -> None:
    if n_stimuli < FEWEST_ROWS:
        message = (
            f"Subject {subject!r} met {n_stimuli} stimuli {FEWEST_REPETITIONS} times or more, but "
            f"choosing neuroids by other repetitions than they are scored with takes {FEWEST_ROWS} "
            "such stimuli at least; score without a mask."
        )
        raise DataError(message)
