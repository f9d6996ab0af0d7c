"""Neighbors: which stimuli are nearest to each, in one system and in the other.

A stimulus is never its own neighbor, which is decided by its number and not by its distance, so
that duplicates are neighbors like others. Stimuli that are equally near at the last place share
it: each counts by its chance to be drawn. So no result depends on the order of the stimuli, and
independent systems meet at chance even where most distances tie; filling the last place by number
would give both systems the same neighbors there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.similarity.inputs import (
    check_matrix,
    check_pair,
    check_stimuli,
    check_whole,
)

CLAMPS = ("exact", "rows", "none")
QUANTILE = 0.95

# Cosines that differ by less are equal: products of the same rows differ by rounding.
SAME = 1e-14

# Cosines held at a time.
BLOCK = 2**23


class Neighbors(NamedTuple):
    """The nearest stimuli of each of several.

    Parameters
    ----------
    n_stimuli, k : int
    keys : int array (pairs,)
        Number of a stimulus x `n_stimuli` + number of a neighbor of it, ascending.
    shares : float array (pairs,)
        1, or less where a place is shared; they sum to k for each stimulus.
    cosines : float array (pairs,)
    defined : bool array (stimuli,)
        False for a stimulus whose activations are all 0, and for one that is equally near to all
        others.
    """

    n_stimuli: int
    k: int
    keys: np.ndarray
    shares: np.ndarray
    cosines: np.ndarray
    defined: np.ndarray

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of stimuli and of their neighbors, (pairs,) each."""
        return np.divmod(self.keys, self.n_stimuli)

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return shares and cosines of pairs; 0 for those that are no neighbors."""
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found = self.keys[place] == keys
        return np.where(found, self.shares[place], 0.0), np.where(found, self.cosines[place], 0.0)


def nearest_neighbors(values: np.ndarray, k: int, *, clamp: str = "exact") -> Neighbors:
    """Find the stimuli of highest cosine to each.

    Activations are clamped and divided by their length, and not centered.

    Parameters
    ----------
    values : array (stimuli, units)
    k : int
        Neighbors of each stimulus; at least two fewer than there are stimuli.
    clamp : {"exact", "rows", "none"}
        Move values beyond the `outlier_bound`, of all values or the mean of those of rows, to it.

    Returns
    -------
    Neighbors
    """
    check_whole("k", k, 1)
    values = check_matrix(values, "given")
    n_stimuli = len(values)
    check_stimuli(n_stimuli, k + 2)
    bound = _bound(values, clamp)
    values = np.clip(values, -bound, bound) if bound < np.inf else values
    lengths = np.sqrt(np.einsum("ij,ij->i", values, values))  # no product in memory
    alive = lengths > 0
    rows = values / np.where(alive, lengths, 1.0)[:, None]
    if alive.sum() < k + 2:
        none = np.zeros(1)
        return Neighbors(n_stimuli, k, none.astype(int) - 1, none, none, np.zeros_like(alive))
    size = max(BLOCK // n_stimuli, 1)
    parts = [_nearest(rows, start, size, k, alive) for start in range(0, n_stimuli, size)]
    keys, shares, cosines, told = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Neighbors(n_stimuli, k, keys, shares, cosines, alive & told)


def neighbor_overlap(
    first: np.ndarray, second: np.ndarray, k: int = 10, *, clamp: str = "exact"
) -> np.ndarray:
    """Measure which share of the k nearest stimuli two systems have in common, per stimulus.

    Parameters
    ----------
    first : array (stimuli, units)
    second : array (stimuli, other units)
    k : int
    clamp : {"exact", "rows", "none"}
        As for `nearest_neighbors`.

    Returns
    -------
    float array (stimuli,)
        From 0 to 1, by chance k / (stimuli - 1). NaN for stimuli without nearest ones (all
        activations 0, or all others equally near).

    References
    ----------
    Huh, Cheung, Wang & Isola (2024), arXiv:2405.07987.
    """
    check_whole("k", k, 1)
    first, second = check_pair(first, second, k + 2)
    one, two = (nearest_neighbors(values, k, clamp=clamp) for values in (first, second))
    return shared_neighbors(one, two)


def shared_neighbors(
    first: Neighbors, second: Neighbors, order: np.ndarray | None = None
) -> np.ndarray:
    """Measure which share of their nearest stimuli two systems have in common, per stimulus.

    Parameters
    ----------
    first, second : Neighbors
    order : int array (stimuli,), optional
        Stimulus of the second that meets each of the first, if not the same.

    Returns
    -------
    float array (stimuli,)
    """
    stimulus, neighbor = first.pairs
    order = np.arange(first.n_stimuli) if order is None else order
    shares, _ = second.find(order[stimulus] * first.n_stimuli + order[neighbor])
    summed = np.bincount(np.maximum(stimulus, 0), first.shares * shares, first.n_stimuli)
    return np.where(first.defined & second.defined[order], summed / first.k, np.nan)


def outlier_bound(
    values: np.ndarray, *, quantile: float = QUANTILE, per_row: bool = False
) -> float:
    """Return the absolute value beyond which activations count as outliers.

    The published recipe takes one bound for all layers of a network: stack them, clip them with
    ``np.clip(layer, -bound, bound)``, and compare with ``clamp="none"``.

    Parameters
    ----------
    values : array (stimuli, ...)
        Activations of one layer (stimuli, units), or of several (stimuli, layers, units).
    quantile : float
    per_row : bool
        The mean over stimuli of the quantile of each, interpolated, rather than the value at that
        place among all, sorted.

    Returns
    -------
    float

    References
    ----------
    Huh, Cheung, Wang & Isola (2024), arXiv:2405.07987; the two forms are those of its code.
    """
    if not 0 < quantile < 1:
        message = f"quantile is {quantile}; use one between 0 and 1, such as 0.95."
        raise DataError(message)
    sizes = np.abs(np.asarray(values, dtype=float)).reshape(len(values), -1)
    if per_row:
        return float(np.quantile(sizes, quantile, axis=1).mean())
    place = int(quantile * sizes.size)
    return float(np.partition(sizes, place, axis=None)[place])


def check_clamp(clamp: str) -> None:
    """Refuse a way to clamp that is not known."""
    if clamp not in CLAMPS:
        raise unknown_name(clamp, CLAMPS, kind="way to clamp")


def _bound(values: np.ndarray, clamp: str) -> float:
    check_clamp(clamp)
    return np.inf if clamp == "none" else outlier_bound(values, per_row=clamp == "rows")


def _nearest(
    rows: np.ndarray, start: int, size: int, k: int, alive: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find the neighbors of some stimuli: keys, shares, cosines, and which have any."""
    cosines = rows[start : start + size] @ rows.T
    n_here, n_stimuli = cosines.shape
    cosines[:, ~alive] = -np.inf
    cosines[np.arange(n_here), np.arange(start, start + n_here)] = -np.inf
    last = np.partition(cosines, n_stimuli - k, axis=1)[:, [n_stimuli - k]]
    stimulus, neighbor = np.nonzero(cosines >= last - SAME)
    values = cosines[stimulus, neighbor]
    tied = values <= last[stimulus, 0] + SAME
    n_tied = np.bincount(stimulus, tied, minlength=n_here)
    n_near = np.bincount(stimulus, minlength=n_here)
    room = k - (n_near - n_tied)
    shares = np.where(tied, (room / n_tied)[stimulus], 1.0)
    told = n_tied < alive.sum() - alive[start : start + n_here]
    return (stimulus + start) * n_stimuli + neighbor, shares, values, told
