"""Dispersion of what repeats: repetitions say how much of each system's response is noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.procrustes.alignment import AlignmentOptions, fit_alignment
from neuroalign.numerics.procrustes.common_space import CommonSpace, fit_common_space
from neuroalign.numerics.procrustes.cross_fitted import Fold, FoldMeans, check_systems
from neuroalign.numerics.procrustes.dispersion import dispersion


class NoiseCorrected(NamedTuple):
    """Noise-corrected dispersion of held-out stimuli.

    Parameters
    ----------
    raw : float array (stimuli,)
        May be below 0. NaN where a stimulus has fewer than two repetitions in some system.
    residual : float array (systems, stimuli)
    squared_norm : float array (systems, stimuli)
        |x_ik|^2 of the response that repeats; may be below 0.
    """

    raw: np.ndarray
    residual: np.ndarray
    squared_norm: np.ndarray


def noise_corrected_dispersion(
    systems: Sequence[np.ndarray],
    folds: Sequence[Fold],
    *,
    options: AlignmentOptions | None = None,
    advance: Callable[[], object] | None = None,
) -> NoiseCorrected:
    """Measure dispersion without the noise of single repetitions.

    The dispersion is the mean squared norm less the mean inner product of pairs of systems. Noise
    that is independent between systems has no part in the latter on average; the former is
    estimated by inner products of different repetitions, in which noise has no part either. Maps
    are fitted to averages over repetitions of training stimuli, whose noise makes them worse, so
    the result still lies above the truth where systems share something.

    Parameters
    ----------
    systems : sequence of float arrays (repetitions, stimuli, units)
        Numbers of repetitions and units may differ. A repetition that was not shown is a row of
        NaN.
    folds : sequence of pairs of int arrays
        Training and test rows.
    options : AlignmentOptions, optional
        With scaling "norm", systems are divided by the root mean squared norm of what repeats.
        `dimensions` must be None: components of noisy averages are another quantity.
    advance : callable, optional

    Returns
    -------
    NoiseCorrected
    """
    chosen = options or AlignmentOptions()
    views = [np.asarray(system, dtype=float) for system in systems]
    _check(views, chosen)
    check_systems(views, folds)
    present = [np.isfinite(view).all(-1) for view in views]
    filled = [
        np.where(here[..., None], view, 0.0) for view, here in zip(views, present, strict=True)
    ]
    averages = [
        view.sum(0) / np.maximum(here.sum(0), 1)[:, None]
        for view, here in zip(filled, present, strict=True)
    ]
    sums = FoldMeans(len(views), views[0].shape[1])
    for train, test in folds:
        spaces = [
            _space(view[:, train], here[:, train], average[train], chosen.scaling)
            for view, here, average in zip(filled, present, averages, strict=True)
        ]
        alignment = fit_alignment([average[train] for average in averages], chosen, spaces)
        norms = np.stack(
            [
                repeated_squared_norms(space.center(view[:, test]), here[:, test])
                for space, view, here in zip(spaces, filled, present, strict=True)
            ]
        )
        turned = alignment.turn([average[test] for average in averages])
        sums.add("held_out", test, dispersion(turned, norms), norms)
        if advance:
            advance()
    held_out, n = sums.mean("held_out"), len(views)
    return NoiseCorrected(held_out[0], held_out[3 : 3 + n], held_out[3 + n :])


def repeated_squared_norms(rows: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Estimate the squared norm of what repeats, without bias.

    The mean of <x_r, x_s> over pairs of different repetitions:
    (|sum_r x_r|^2 - sum_r |x_r|^2) / (R (R - 1)).

    Parameters
    ----------
    rows : float array (repetitions, stimuli, units)
    present : bool array (repetitions, stimuli)
        Others are ignored.

    Returns
    -------
    float array (stimuli,)
        NaN with fewer than two repetitions.
    """
    kept = np.where(present[..., None], rows, 0.0)
    total = kept.sum(0)
    products = (total**2).sum(-1) - (kept**2).sum((0, -1))
    counts = present.sum(0).astype(float)
    return products / np.where(counts > 1, counts * (counts - 1), np.nan)


def _space(view: np.ndarray, present: np.ndarray, average: np.ndarray, scaling: str) -> CommonSpace:
    """Return center, scale and axes of a system, scaled by what repeats."""
    space = fit_common_space(average, scaling="none")
    if scaling == "none":
        return space
    repeats = np.nanmean(repeated_squared_norms(space.center(view), present))
    if not repeats > 0:
        message = (
            "A system has no response that repeats over its training stimuli (mean inner product "
            f"of repetitions {repeats:.2g}); leave it out, or use scaling='none'."
        )
        raise DataError(message)
    return replace(space, scale=float(np.sqrt(repeats)))


def _check(views: list[np.ndarray], options: AlignmentOptions) -> None:
    if options.dimensions is not None:
        message = (
            f"dimensions={options.dimensions} was given; noise-corrected dispersion is of all "
            "dimensions, so leave it out."
        )
        raise DataError(message)
    for number, view in enumerate(views):
        if view.ndim != 3 or not (np.isfinite(view).all(-1).sum(0) >= 2).any():
            message = (
                f"System {number} of shape {view.shape} has no stimulus with two repetitions; give "
                "repetitions by stimuli by units."
            )
            raise DataError(message)
        if (lacking := ~np.isfinite(view).all(-1).any(0)).any():
            message = (
                f"System {number} has {lacking.sum()} stimuli without any repetition; leave those "
                "stimuli out of all systems."
            )
            raise DataError(message)
