"""Relative representations: each stimulus by its cosines to some others, the anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.moments import ROUNDING
from neuroalign.numerics.similarity.inputs import (
    as_array,
    as_numbers,
    check_matrix,
    check_pair,
    check_whole,
)

CENTERS = ("anchors", "none")
FEWEST = 3  # anchors that a correlation is over


def relative_representation(
    values: np.ndarray,
    anchors: Sequence[int] | np.ndarray,
    *,
    center: str | np.ndarray = "anchors",
) -> np.ndarray:
    """Describe stimuli by their cosines to anchors, so that systems share their coordinates.

    Invariant to rotations and one scale, and, since it is centered, to a pattern that is added to
    all stimuli; not to scales of single units.

    Parameters
    ----------
    values : array (stimuli, units)
    anchors : ints (anchors,)
        Rows of the stimuli that serve as anchors; the same for all systems. Take them from the
        stimuli that whatever follows is fitted to.
    center : {"anchors", "none"} or array (units,)
        What is subtracted first: the mean over anchors, nothing (as published), or these
        values, such as the mean over training stimuli.

    Returns
    -------
    float array (stimuli, anchors)
        Cosines. NaN for a stimulus, or an anchor, that is where the center is.

    References
    ----------
    Moschella et al. (2023), Relative representations enable zero-shot latent space communication,
    arXiv:2209.15430.
    """
    values = check_matrix(values, "given")
    rows = _check_anchors(anchors, len(values))
    centered = values - _center(values, rows, center)
    # What is left of a stimulus that equals the center is rounding.
    size = np.abs(values).max() if values.size else 0.0
    length = np.linalg.norm(centered, axis=1)
    length[length <= ROUNDING * size * np.sqrt(values.shape[1])] = np.nan
    unit = centered / length[:, None]
    return np.clip(unit @ unit[rows].T, -1, 1)


@dataclass(frozen=True)
class RelativeSimilarity:
    """Correlation, over anchors, of the relative representations of a stimulus, mean over stimuli.

    Anchors are drawn by lot, and only other stimuli are compared. Cosines, as published, read more
    than 0 for independent systems: a few anchors far from the others pull the center toward them,
    so that all stimuli are unlike these in both systems, and like the rest.

    Parameters
    ----------
    n_anchors : int
        Half of the stimuli, if those are fewer than twice as many.
    seed : int
        Of the anchors.

    References
    ----------
    Moschella et al. (2023), arXiv:2209.15430, who do not center, and compare by cosines.
    """

    n_anchors: int = 500
    seed: int = 0

    invariances: ClassVar[frozenset[str]] = frozenset(
        {"translation", "scale", "rotation", "permutation"}
    )
    chance: ClassVar[str] = "0"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    cost: ClassVar[str] = "n a (p + q) for a anchors"
    fails: ClassVar[str] = (
        "A few units of much larger variance than the others decide all cosines, so that it "
        "changes with the scale of single units."
    )

    def __post_init__(self) -> None:
        check_whole("n_anchors", self.n_anchors, FEWEST)
        check_whole("seed", self.seed, 0)

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two sets of activations.

        Parameters
        ----------
        first : array (stimuli, units)
        second : array (stimuli, other units)

        Returns
        -------
        float
            NaN where a stimulus or an anchor is at the mean of the anchors, or a stimulus is as
            like one anchor as all others.
        """
        first, second = check_pair(first, second, 2 * FEWEST)
        order = np.random.default_rng(self.seed).permutation(len(first))
        n_anchors = min(self.n_anchors, len(first) // 2)
        anchors, others = order[:n_anchors], order[n_anchors:]
        one, two = (relative_representation(values, anchors)[others] for values in (first, second))
        one, two = (part - part.mean(1, keepdims=True) for part in (one, two))
        lengths = np.linalg.norm(one, axis=1), np.linalg.norm(two, axis=1)
        if not (np.minimum(*lengths) > ROUNDING).all():
            return np.nan
        return float(((one * two).sum(1) / (lengths[0] * lengths[1])).mean())


def _check_anchors(anchors: Sequence[int] | np.ndarray, n_stimuli: int) -> np.ndarray:
    rows = as_array(anchors, "anchors")
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or not len(rows):
        message = "anchors are numbers of rows; give at least one whole number."
        raise DataError(message)
    astray = (rows < 0) | (rows >= n_stimuli)
    if astray.any():
        message = (
            f"{astray.sum()} anchors are no rows of these {n_stimuli} stimuli (first: "
            f"{rows[astray][0]}); use numbers from 0 to {n_stimuli - 1}."
        )
        raise DataError(message)
    return rows


def _center(
    values: np.ndarray, anchors: np.ndarray, center: str | np.ndarray
) -> np.ndarray | float:
    if isinstance(center, str):
        if center not in CENTERS:
            raise unknown_name(center, CENTERS, kind="center")
        return values[anchors].mean(0) if center == "anchors" else 0.0
    given = as_numbers(center, "center").astype(float)
    if given.shape != values.shape[1:]:
        message = (
            f"center has shape {given.shape}, and there are {values.shape[1]} units; "
            "give one value for each."
        )
        raise DataError(message)
    return given
