"""How dispersion depends on the number of stimuli that maps were fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.procrustes.alignment import AlignmentOptions
from neuroalign.numerics.procrustes.cross_fitted import (
    FEWEST_ROWS,
    Fold,
    cross_fitted_dispersion,
)


class LearningCurve(NamedTuple):
    """Means over stimuli, for several numbers of training stimuli.

    Parameters
    ----------
    n_train : float array (points,)
        Mean over folds.
    in_sample, held_out, relative : float arrays (points,)
        The truth lies between the first two, which close as n_train grows. Where sizes are taken
        out, each is divided by its own mean squared norm: held-out stimuli have less of it in a
        few kept components than those that chose them. `relative` is of held-out stimuli, the mean
        of ratios.
    width : int
        d.
    """

    n_train: np.ndarray
    in_sample: np.ndarray
    held_out: np.ndarray
    relative: np.ndarray
    width: int


def dispersion_learning_curve(
    systems: Sequence[np.ndarray],
    folds: Sequence[Fold],
    *,
    shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    options: AlignmentOptions | None = None,
    advance: Callable[[], object] | None = None,
) -> LearningCurve:
    """Measure the dispersion of the same held-out stimuli by maps from fewer training stimuli.

    Parameters
    ----------
    systems : sequence of float arrays (stimuli, units)
    folds : sequence of pairs of int arrays
        Training and test rows.
    shares : sequence of float
        Of the training stimuli of each fold, above 0 and up to 1. Smaller shares are parts of
        greater ones.
    options : AlignmentOptions, optional
    advance : callable, optional
        Called after every fit.

    Returns
    -------
    LearningCurve
    """
    chosen = options or AlignmentOptions()
    least = min((len(train) for train, _ in folds), default=0)
    if not shares or not all(0 < share <= 1 and share * least >= FEWEST_ROWS for share in shares):
        message = (
            f"shares={tuple(shares)} of {least} training stimuli were given; each must be above 0, "
            f"at most 1, and leave at least {FEWEST_ROWS} stimuli."
        )
        raise DataError(message)
    shuffled = [
        (np.random.default_rng([chosen.seed, number]).permutation(train), test)
        for number, (train, test) in enumerate(folds)
    ]
    points = []
    for share in shares:
        fewer = [(train[: int(share * len(train))], test) for train, test in shuffled]
        found = cross_fitted_dispersion(systems, fewer, n_null=0, options=chosen, advance=advance)
        sizes = [
            np.nanmean(norm**2) if chosen.scaling == "norm" else 1.0
            for norm in (found.in_sample_norm, found.norm)
        ]
        means = [np.nanmean(values) for values in (found.in_sample, found.raw, found.relative)]
        points.append((found.n_train, means[0] / sizes[0], means[1] / sizes[1], means[2]))
    n_train, in_sample, held_out, relative = np.array(points).T
    return LearningCurve(n_train, in_sample, held_out, relative, found.width)
