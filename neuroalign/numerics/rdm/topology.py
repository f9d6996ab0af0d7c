"""Dissimilarities seen for who is near whom: between the geometry of patterns and their topology.

All that is read of dissimilarities is their order, RDM by RDM. What is left of noise among the
small ones and of arbitrary scale among the large ones is then flattened, or large distances are
replaced by paths through neighbors.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path
from scipy.special import expit

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.comparison import check_vectors
from neuroalign.numerics.rdm.ranks import rank_rows


def geo_topological(condensed: np.ndarray, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    """Flatten small and large dissimilarities, and keep what lies between.

    Ranks v of the pairs, scaled from 0 to 1, become 0 below l, 1 above u, and (v - l) / (u - l)
    between, where l and u are the quantiles `low` and `high` of v. With (0, 1) the scaled ranks
    are returned; with low = high an adjacency: 0 for the pairs up to that quantile, 1 above it.

    Parameters
    ----------
    condensed : float array (RDMs, pairs)
        In the order of ``scipy.spatial.distance.squareform``; NaN where a pair is missing. Each
        RDM is transformed by itself.
    low, high : float
        Quantiles, 0 <= low <= high <= 1.

    Returns
    -------
    float array (RDMs, pairs)
        From 0 to 1; NaN where a pair is missing, and throughout where all pairs of an RDM are
        equal, which have no order.

    Raises
    ------
    DataError
        If the array is not one of condensed dissimilarities, or the quantiles are none.

    References
    ----------
    Lin & Kriegeskorte (2023), The topology and geometry of neural representations,
    arXiv:2309.11028.
    """
    if not (_are_numbers(low, high) and 0 <= low <= high <= 1):
        message = f"low={low} and high={high} are not quantiles; give 0 <= low <= high <= 1."
        raise DataError(message)
    scaled = _scaled_ranks(_checked(condensed)[0])
    found = np.full_like(scaled, np.nan)
    for values, result in zip(scaled, found, strict=True):
        there = np.isfinite(values)
        if there.any():
            bottom, top = np.quantile(values[there], [low, high])
            inside = (values - bottom) / (top - bottom) if top > bottom else values > top
            result[there] = np.clip(inside, 0, 1)[there]
    return found


def sigmoid_topological(
    condensed: np.ndarray, slope: float = 10.0, center: float = 0.5
) -> np.ndarray:
    """Flatten small and large dissimilarities smoothly.

    Ranks v of the pairs, scaled from 0 to 1, become 1 / (1 + exp(-slope (v - center))).

    Parameters
    ----------
    condensed : float array (RDMs, pairs)
        In the order of ``scipy.spatial.distance.squareform``; NaN where a pair is missing.
    slope : float
        Above 0: the greater, the nearer to an adjacency.
    center : float
        Share of the pairs that lie below 1/2.

    Returns
    -------
    float array (RDMs, pairs)
        Between 0 and 1; NaN as in `geo_topological`.

    Raises
    ------
    DataError
        If the array is not one of condensed dissimilarities, or the slope is not above 0.

    References
    ----------
    Lin & Kriegeskorte (2023), arXiv:2309.11028.
    """
    if not (_are_numbers(slope, center) and 0 < slope < math.inf and math.isfinite(center)):
        message = f"slope={slope} and center={center} are no sigmoid; give numbers, slope above 0."
        raise DataError(message)
    return expit(slope * (_scaled_ranks(_checked(condensed)[0]) - center))


class Geodesic(NamedTuple):
    """Lengths of paths through neighbors, and how many pairs no path joins.

    Parameters
    ----------
    dissimilarities : float array (RDMs, pairs)
        Ranks of the lengths, scaled from 0 to 1.
    disconnected : int array (RDMs,)
        Pairs that no path joins. They are the farthest, and tied.
    """

    dissimilarities: np.ndarray
    disconnected: np.ndarray


def geodesic(condensed: np.ndarray, share: float = 0.05) -> Geodesic:
    """Replace dissimilarities by the shortest way from neighbor to neighbor.

    Pairs up to the quantile `share` of their RDM are neighbors, as far apart as their rank minus
    the lowest rank. Lengths of the shortest paths are ranked again, and scaled from 0 to 1. Pairs
    that no path joins are an equal distance beyond all others; with few neighbors they may be
    most of the pairs, so look at their number before reading anything into the rest.

    Parameters
    ----------
    condensed : float array (RDMs, pairs)
        In the order of ``scipy.spatial.distance.squareform``; NaN where a pair is missing. A
        missing pair is no neighbor, and remains missing.
    share : float
        Share of the pairs that are neighbors, above 0 and up to 1.

    Returns
    -------
    Geodesic
        NaN throughout where no two pairs differ, before or after.

    Raises
    ------
    DataError
        If the array is not one of condensed dissimilarities, or the share is none.

    References
    ----------
    Lin & Kriegeskorte (2023), arXiv:2309.11028.
    """
    if not (_are_numbers(share) and 0 < share <= 1):
        message = f"share={share} is no share of the pairs; give a number above 0, up to 1."
        raise DataError(message)
    given, n_stimuli = _checked(condensed)
    ranks = rank_rows(given)
    lengths = np.array([_path_lengths(row, share, n_stimuli) for row in ranks]).reshape(given.shape)
    disconnected = np.isinf(lengths).sum(axis=1)
    return Geodesic(_scaled_ranks(lengths), disconnected)


def _path_lengths(ranks: np.ndarray, share: float, n_stimuli: int) -> np.ndarray:
    """Return the lengths of the shortest paths of one RDM; infinite where there is none.

    Ranks are halves of whole numbers, so that their sums are exact and equal lengths are tied.
    """
    there = np.isfinite(ranks)
    lengths = np.full_like(ranks, np.nan)
    if not there.any() or np.ptp(ranks[there]) == 0:
        return lengths
    near = there & (ranks <= np.quantile(ranks[there], share))
    first, second = np.triu_indices(n_stimuli, 1)
    # Sparse, for in a dense matrix a length of 0 (that of the nearest pair) is no edge.
    graph = csr_array(
        (ranks[near] - ranks[there].min(), (first[near], second[near])),
        shape=(n_stimuli, n_stimuli),
    )
    paths = shortest_path(graph, method="D", directed=False)
    lengths[there] = paths[first, second][there]
    return lengths


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, Real) for value in values)


def _checked(condensed: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the dissimilarities as floats, and the number of stimuli."""
    given = check_vectors(condensed)
    n_stimuli = (1 + math.isqrt(1 + 8 * given.shape[1])) // 2
    if n_stimuli < 2 or n_stimuli * (n_stimuli - 1) // 2 != given.shape[1]:
        message = (
            f"Rows of {given.shape[1]} dissimilarities are not those of pairs; n stimuli have "
            "n (n - 1) / 2 pairs."
        )
        raise DataError(message)
    return given, n_stimuli


def _scaled_ranks(values: np.ndarray) -> np.ndarray:
    """Return average ranks of each row, scaled from 0 to 1; NaN where all are equal."""
    ranks = rank_rows(values)
    lowest = np.nanmin(ranks, axis=1, keepdims=True, initial=np.inf)
    spread = np.nanmax(ranks, axis=1, keepdims=True, initial=-np.inf) - lowest
    return (ranks - lowest) / np.where(spread > 0, spread, np.nan)
