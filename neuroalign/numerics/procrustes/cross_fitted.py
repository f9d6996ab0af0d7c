"""Dispersion of stimuli that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.procrustes.alignment import (
    Alignment,
    AlignmentOptions,
    fit_alignment,
    permuted_alignment,
)
from neuroalign.numerics.procrustes.dispersion import Dispersion, dispersion

FEWEST_ROWS = 3  # training rows; centered, two are one direction

Fold = tuple[np.ndarray, np.ndarray]  # training and test rows


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Dispersion of every stimulus, and what it depends on.

    Stimuli that no fold tests are NaN. Where several folds test one, their mean is given.

    Parameters
    ----------
    raw, relative, directional : float arrays (stimuli,)
        Of held-out stimuli: see `Dispersion`. Above the truth where systems share something,
        since maps are estimates.
    in_sample : float array (stimuli,)
        `raw` of the stimuli that the same maps were fitted to: below the truth.
    in_sample_relative : float array (stimuli,)
        `relative` of the same.
    null : float array (stimuli,)
        `raw` under maps fitted to shuffled training rows; NaN if none was asked for.
    consensus_r2 : float array (stimuli,)
        (null - raw) / null: 0 where systems share nothing, 1 where they agree entirely.
    residual : float array (systems, stimuli)
    norm : float array (systems, stimuli)
        |x_ik|, centered and scaled, of held-out stimuli.
    in_sample_norm : float array (systems, stimuli)
        The same of the stimuli that maps were fitted to.
    n_train : float
        Training stimuli, the mean over folds.
    width : int
        d, of the common space: the greatest number of units, or the dimensions asked for.
    kept : float array (folds, systems)
        Share of the training variance in the common space.
    iterations, gap : arrays (folds,)
        Of the fits to the true rows.
    converged : bool
    """

    raw: np.ndarray
    relative: np.ndarray
    directional: np.ndarray
    in_sample: np.ndarray
    null: np.ndarray
    in_sample_relative: np.ndarray
    consensus_r2: np.ndarray
    residual: np.ndarray
    norm: np.ndarray
    in_sample_norm: np.ndarray
    n_train: float
    width: int
    kept: np.ndarray
    iterations: np.ndarray
    gap: np.ndarray
    converged: bool


def cross_fitted_dispersion(
    systems: Sequence[np.ndarray],
    folds: Sequence[Fold],
    *,
    n_null: int = 10,
    options: AlignmentOptions | None = None,
    advance: Callable[[], object] | None = None,
) -> CrossFitted:
    """Measure how far apart systems put each stimulus, by maps fitted to other stimuli.

    Centers, scales, axes and maps come from the training stimuli of a fold alone. In the sample
    that they were fitted to, rotations also align noise, and independent systems seem to agree;
    held out, independent systems of norm 1 read 1 however many units, stimuli or systems there
    are. Systems that share something read too much, the less training stimuli the more, so that
    the truth lies between `in_sample` and `raw`.

    Parameters
    ----------
    systems : sequence of float arrays (stimuli, units)
        The same stimuli in the same order; at least two; finite. Not changed.
    folds : sequence of pairs of int arrays
        Training and test rows.
    n_null : int
        Fits to shuffled training rows in each fold.
    options : AlignmentOptions, optional
    advance : callable, optional
        Called after every fit.

    Returns
    -------
    CrossFitted
    """
    views = [np.asarray(system) for system in systems]
    chosen = options or AlignmentOptions()
    tell = advance or (lambda: None)
    check_systems(views, folds)
    sums = FoldMeans(len(views), len(views[0]))
    fits = []
    for number, (train, test) in enumerate(folds):
        fitted_to, held_out = [view[train] for view in views], [view[test] for view in views]
        alignment = fit_alignment(fitted_to, chosen)
        tell()
        norms = alignment.squared_norms(held_out)
        sums.add("held_out", test, dispersion(alignment.turn(held_out), norms), norms)
        norms = alignment.squared_norms(fitted_to)
        sums.add("in_sample", train, dispersion(alignment.turn(fitted_to), norms), norms)
        random = np.random.default_rng([chosen.seed, number])
        for _ in range(n_null):
            shuffled = permuted_alignment(alignment, fitted_to, chosen, random)
            norms = shuffled.squared_norms(held_out)
            sums.add("null", test, dispersion(shuffled.turn(held_out), norms), norms)
            tell()
        fits.append(alignment)
    return _gathered(sums, fits, folds, views, chosen)


def check_systems(views: Sequence[np.ndarray], folds: Sequence[Fold]) -> None:
    """Refuse systems that do not have the same stimuli, and folds too small to fit."""
    shapes = [view.shape for view in views]
    if len(views) < 2 or any(len(shape) < 2 for shape in shapes):
        message = (
            f"Systems of shapes {', '.join(map(str, shapes)) or 'none'} were given; dispersion "
            "needs at least two, each of stimuli by units."
        )
        raise DataError(message)
    if len({shape[-2] for shape in shapes}) > 1:
        message = (
            f"Systems of {', '.join(str(shape[-2]) for shape in shapes)} stimuli were given; all "
            "need the same stimuli."
        )
        raise DataError(message)
    fewest = min((len(train) for train, _ in folds), default=0)
    if fewest < FEWEST_ROWS:
        message = (
            f"A fold has {fewest} training stimuli; rotations need at least {FEWEST_ROWS}, and are "
            "worth little below the number of units."
        )
        raise DataError(message)


class FoldMeans:
    """Means over folds of what each says about its stimuli."""

    def __init__(self, n_systems: int, n_stimuli: int) -> None:
        self.shape = (2 * n_systems + 3, n_stimuli)
        self.sums: dict[str, np.ndarray] = {}
        self.counts: dict[str, np.ndarray] = {}

    def add(self, kind: str, rows: np.ndarray, found: Dispersion, norms: np.ndarray) -> None:
        """Add the dispersion of some stimuli, and their squared norms (systems, stimuli)."""
        sums = self.sums.setdefault(kind, np.zeros(self.shape))
        counts = self.counts.setdefault(kind, np.zeros(self.shape[1]))
        sums[:, rows] += np.vstack([*found[:3], found.residual, norms])
        counts[rows] += 1

    def mean(self, kind: str) -> np.ndarray:
        """Return raw, relative, directional, residuals and squared norms, (rows, stimuli)."""
        if kind not in self.sums:
            return np.full(self.shape, np.nan)
        with np.errstate(invalid="ignore"):
            return self.sums[kind] / self.counts[kind]


def _gathered(
    sums: FoldMeans,
    fits: list[Alignment],
    folds: Sequence[Fold],
    views: list[np.ndarray],
    options: AlignmentOptions,
) -> CrossFitted:
    held_out, fitted, n = sums.mean("held_out"), sums.mean("in_sample"), len(views)
    null = sums.mean("null")[0]
    gap = np.array([one.fit.gap for one in fits])
    return CrossFitted(
        raw=held_out[0],
        relative=held_out[1],
        directional=held_out[2],
        in_sample=fitted[0],
        in_sample_relative=fitted[1],
        null=null,
        consensus_r2=(null - held_out[0]) / np.where(null > 0, null, np.nan),
        residual=held_out[3 : 3 + n],
        norm=np.sqrt(held_out[3 + n :]),
        in_sample_norm=np.sqrt(fitted[3 + n :]),
        n_train=float(np.mean([len(train) for train, _ in folds])),
        width=options.dimensions or max(view.shape[1] for view in views),
        kept=np.array([[space.kept for space in one.spaces] for one in fits]),
        iterations=np.array([one.fit.iterations for one in fits]),
        gap=gap,
        converged=all(one.fit.converged for one in fits),
    )
