"""How crowded the neighborhood of a stimulus is, which measures of alignment depend on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neuroalign.numerics.similarity.neighbors import nearest_neighbors

N_NEIGHBORS = 10


class Crowding(NamedTuple):
    """Means over systems, (stimuli,).

    Parameters
    ----------
    density : float array
        Mean cosine to the nearest stimuli.
    hubness : float array
        How many stimuli count this one among their nearest, divided by k; 1 on average.
    k : int
        Neighbors that were looked at.
    """

    density: np.ndarray
    hubness: np.ndarray
    k: int


def crowding(systems: Sequence[np.ndarray]) -> Crowding:
    """Measure density and hubness in centered systems.

    Parameters
    ----------
    systems : sequence of float arrays (stimuli, units)

    Returns
    -------
    Crowding
        NaN where a stimulus has no nearest ones in some system, or with fewer than 4 stimuli.
    """
    n = len(systems[0])
    k = min(N_NEIGHBORS, n - 2)
    density, hubness = np.zeros(n), np.zeros(n)
    if k < 1:
        return Crowding(density * np.nan, hubness * np.nan, 0)
    for rows in systems:
        centered = np.asarray(rows, dtype=float) - np.mean(rows, axis=0, dtype=float)
        near = nearest_neighbors(centered, k, clamp="none")
        stimulus, neighbor = (np.maximum(part, 0) for part in near.pairs)
        cosines = np.bincount(stimulus, near.shares * near.cosines, n) / k
        density += np.where(near.defined, cosines, np.nan) / len(systems)
        counted = np.bincount(neighbor, near.shares, n) / k
        hubness += np.where(near.defined, counted, np.nan) / len(systems)
    return Crowding(density, hubness, k)
