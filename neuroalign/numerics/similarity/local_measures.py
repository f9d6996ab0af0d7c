"""Measures that look at the nearest stimuli only: mutual and cycled neighbors, and CKNNA."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuroalign.numerics.similarity.inputs import check_pair, check_stimuli, check_whole
from neuroalign.numerics.similarity.kernels import unbiased_hsic
from neuroalign.numerics.similarity.neighbors import (
    Neighbors,
    check_clamp,
    nearest_neighbors,
    shared_neighbors,
)

TIES = "Neighbors that tie at the last place share it, so that even equal sets read below 1 there."


@dataclass(frozen=True)
class _OfNeighbors(ABC):
    """What the measures below share: options, and the neighbors of one set of activations."""

    k: int = 10
    clamp: str = "exact"

    # Without clamping also "rotation".
    invariances: ClassVar[frozenset[str]] = frozenset({"scale", "permutation"})
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    fewest: ClassVar[int] = 1  # neighbors
    cost: ClassVar[str] = "n^2 (p + q), and n^2 of memory up to 64 MB"

    def __post_init__(self) -> None:
        """Refuse what is no number of neighbors, and unknown ways to clamp."""
        check_whole("k", self.k, self.fewest)
        check_clamp(self.clamp)

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two sets of activations.

        Parameters
        ----------
        first : array (stimuli, units)
        second : array (stimuli, other units)

        Returns
        -------
        float
            NaN where a stimulus has no nearest ones: all others are equally near, or all its
            activations are 0, as clamping makes them where 95 % of all are ("exact").
        """
        first, second = check_pair(first, second, self.k + 2)
        return self.compare_prepared(self.prepare_array(first), self.prepare_array(second))

    def prepare_array(self, values: np.ndarray) -> Neighbors:
        """Find the neighbors in one set of activations (stimuli, units)."""
        return nearest_neighbors(values, self.k, clamp=self.clamp)

    def compare_prepared(
        self, first: Neighbors, second: Neighbors, order: np.ndarray | None = None
    ) -> float:
        """Compare what `prepare_array` returned.

        Parameters
        ----------
        first, second : Neighbors
        order : int array (stimuli,), optional
            Stimulus of the second that meets each of the first, if not the same.

        Returns
        -------
        float
        """
        order = np.arange(first.n_stimuli) if order is None else order
        if not (first.defined.all() and second.defined.all()):
            return np.nan
        return self._compare(first, second, order)

    @abstractmethod
    def _compare(self, first: Neighbors, second: Neighbors, order: np.ndarray) -> float:
        """Compare neighbors that all stimuli have."""


@dataclass(frozen=True)
class MutualNeighbors(_OfNeighbors):
    """Share of the k nearest stimuli that two systems have in common, the mean over stimuli.

    As published: absolute activations above their .95 quantile are moved there, rows are divided by
    their length and not centered, and the k stimuli of highest cosine other than itself are taken.

    Parameters
    ----------
    k : int
    clamp : {"exact", "rows", "none"}
        "exact": at one quantile of all activations; "rows": at the mean of the quantiles of
        stimuli, the other form of the published code; "none": only then is the measure invariant
        to rotations, too.

    References
    ----------
    Huh, Cheung, Wang & Isola (2024), The Platonic Representation Hypothesis, arXiv:2405.07987.
    """

    chance: ClassVar[str] = "k / (n - 1): .0098 for k = 10 and n = 1024"
    fails: ClassVar[str] = (
        "Nothing is centered: a pattern that all stimuli share, added to one system, turns the "
        f"value of a mere rotation from 1 to .5 or less. {TIES}"
    )

    def _compare(self, first: Neighbors, second: Neighbors, order: np.ndarray) -> float:
        return float(shared_neighbors(first, second, order).mean())


@dataclass(frozen=True)
class CorrectedNeighbors(MutualNeighbors):
    """Mutual neighbors in excess of chance: (m - c) / (1 - c), with c = k / (n - 1).

    Parameters
    ----------
    k : int
    clamp : {"exact", "rows", "none"}
        As for `MutualNeighbors`.

    References
    ----------
    Huh, Cheung, Wang & Isola (2024), arXiv:2405.07987, for m; the correction is that of kappa,
    Cohen (1960), doi:10.1177/001316446002000104.
    """

    chance: ClassVar[str] = "0"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def _compare(self, first: Neighbors, second: Neighbors, order: np.ndarray) -> float:
        chance = self.k / (first.n_stimuli - 1)
        return (super()._compare(first, second, order) - chance) / (1 - chance)


@dataclass(frozen=True)
class CycleNeighbors(_OfNeighbors):
    """Share of stimuli that are found again from their neighbors in the other system.

    A stimulus counts if it is, in the first system, among the k nearest to one of its own k nearest
    in the second. Not symmetric. With ties, whose places are shared, it counts by the chance that
    draws for each neighbor on its own would find it.

    Parameters
    ----------
    k : int
    clamp : {"exact", "rows", "none"}
        As for `MutualNeighbors`.

    References
    ----------
    Huh, Cheung, Wang & Isola (2024), arXiv:2405.07987: cycle-kNN.
    """

    chance: ClassVar[str] = "1 - (1 - k / (n - 1))^k: .094 for k = 10 and n = 1024"
    fails: ClassVar[str] = (
        "One neighbor that leads back is enough, so that it saturates: it may read .99 where half "
        "of the neighbors are others, and below 1 for a system and itself."
    )

    def _compare(self, first: Neighbors, second: Neighbors, order: np.ndarray) -> float:
        neighbor, stimulus = first.pairs
        shares, _ = second.find(order[stimulus] * first.n_stimuli + order[neighbor])
        with np.errstate(divide="ignore"):
            missed = np.log1p(-first.shares * shares)
        return float(1 - np.exp(np.bincount(stimulus, missed, first.n_stimuli)).mean())


@dataclass(frozen=True)
class LocalKernelAlignment(_OfNeighbors):
    """Kernel alignment over the nearest stimuli that two systems have in common (CKNNA).

    The unbiased HSIC of the two matrices of cosines, in which all are 0 but those of the k nearest
    stimuli in both systems, over the root of the product of the same for each system with itself.
    Activations are clamped and divided by their length as for `MutualNeighbors`.

    Parameters
    ----------
    k : int
        At least 2.
    clamp : {"exact", "rows", "none"}
        As for `MutualNeighbors`.

    References
    ----------
    Huh, Cheung, Wang & Isola (2024), arXiv:2405.07987; HSIC: Song et al. (2012), equation 5,
    https://jmlr.org/papers/v13/song12a.html.
    """

    fewest: ClassVar[int] = 2
    chance: ClassVar[str] = "about .8 k / (n - 1): .008 for k = 10 and n = 1024"
    range: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    fails: ClassVar[str] = (
        "Its parts are not those of one kernel, since other stimuli are common to both than to "
        "each with itself: 1 is the value of equal systems, and no bound."
    )

    def _compare(self, first: Neighbors, second: Neighbors, order: np.ndarray) -> float:
        check_stimuli(first.n_stimuli, 4)
        stay = np.arange(first.n_stimuli)
        own = [_local_hsic(one, one, stay) for one in (first, second)]
        if min(own) <= 0:
            return np.nan
        return _local_hsic(first, second, order) / float(np.sqrt(own[0]) * np.sqrt(own[1]))


def _local_hsic(first: Neighbors, second: Neighbors, order: np.ndarray) -> float:
    """Return the unbiased HSIC of cosines that are masked to common neighbors."""
    n = first.n_stimuli
    stimulus, neighbor = first.pairs
    shares, cosines = second.find(order[stimulus] * n + order[neighbor])
    common = first.shares * shares
    one, two = common * first.cosines, common * cosines
    # The mask is not symmetric: the trace of the product takes (i, j) of one and (j, i) of two.
    opposite = neighbor * n + stimulus
    place = np.minimum(np.searchsorted(first.keys, opposite), len(first.keys) - 1)
    trace = (one * np.where(first.keys[place] == opposite, two[place], 0)).sum()
    columns, rows = np.bincount(neighbor, one, n), np.bincount(stimulus, two, n)
    return unbiased_hsic(float(trace), columns, rows)
