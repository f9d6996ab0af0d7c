"""Systems brought together on training stimuli, and other stimuli turned by the same maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroalign.numerics.procrustes.common_space import CommonSpace, fit_common_space
from neuroalign.numerics.procrustes.generalized import GeneralizedFit, generalized_procrustes

# Maps fitted to rows that have nothing to do with each other are noise, however well fitted.
NULL_TOLERANCE = 1e-3


@dataclass(frozen=True)
class AlignmentOptions:
    """How systems are brought together; see `fit_common_space` and `generalized_procrustes`."""

    dimensions: int | None = None
    scaling: str = "norm"
    tolerance: float = 1e-5
    most_iterations: int = 200
    n_starts: int = 1
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float64"


@dataclass(frozen=True, eq=False)
class Alignment:
    """Centers, scales, axes and maps of all systems, from training stimuli alone."""

    spaces: list[CommonSpace]
    fit: GeneralizedFit

    def turn(self, systems: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Turn rows of every system, (stimuli, units), into the common space, (stimuli, d)."""
        parts = zip(systems, self.spaces, self.fit.maps, strict=True)
        return [space.coordinates(rows) @ turned for rows, space, turned in parts]

    def squared_norms(self, systems: Sequence[np.ndarray]) -> np.ndarray:
        """Return the squared norms (systems, stimuli) of centered, scaled rows."""
        parts = zip(systems, self.spaces, strict=True)
        return np.stack([space.squared_norms(rows) for rows, space in parts])


def fit_alignment(
    systems: Sequence[np.ndarray],
    options: AlignmentOptions,
    spaces: list[CommonSpace] | None = None,
) -> Alignment:
    """Bring systems together.

    Parameters
    ----------
    systems : sequence of float arrays (training stimuli, units)
        Not changed.
    options : AlignmentOptions
    spaces : list of CommonSpace, optional
        Where they are known already.

    Returns
    -------
    Alignment
    """
    if spaces is None:
        spaces = [
            fit_common_space(rows, dimensions=options.dimensions, scaling=options.scaling)
            for rows in systems
        ]
    parts = zip(systems, spaces, strict=True)
    return Alignment(spaces, _fit([space.coordinates(rows) for rows, space in parts], options))


def permuted_alignment(
    alignment: Alignment,
    systems: Sequence[np.ndarray],
    options: AlignmentOptions,
    random: np.random.Generator,
) -> Alignment:
    """Bring the same training rows together after each system's were shuffled on their own.

    The maps then know how each system's stimuli lie, but not which of them belong together.
    Applied to held-out stimuli in their true order, they give the dispersion that systems show
    which share nothing, and each stimulus keeps its own norm.

    Parameters
    ----------
    alignment : Alignment
        Of the true rows, whose centers, scales and axes hold for any order.
    systems : sequence of float arrays (training stimuli, units)
    options : AlignmentOptions
    random : numpy Generator

    Returns
    -------
    Alignment
    """
    shuffled = [
        random.permutation(space.coordinates(rows))
        for rows, space in zip(systems, alignment.spaces, strict=True)
    ]
    return Alignment(alignment.spaces, _fit(shuffled, options, NULL_TOLERANCE))


def _fit(
    coordinates: list[np.ndarray], options: AlignmentOptions, tolerance: float | None = None
) -> GeneralizedFit:
    return generalized_procrustes(
        coordinates,
        tolerance=options.tolerance if tolerance is None else tolerance,
        most_iterations=options.most_iterations,
        n_starts=options.n_starts if tolerance is None else 1,
        seed=options.seed,
        device=options.device,
        dtype=options.dtype,
    )
