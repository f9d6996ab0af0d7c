"""Stimuli of low and of high dispersion: how well other systems align there, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neuroalign.dispersion.systems import Systems
from neuroalign.errors import DataError
from neuroalign.numerics.resampling import jackknife_shifts, t_interval
from neuroalign.numerics.similarity.measure import Measure as Measure
from neuroalign.numerics.similarity.neighbors import neighbor_overlap, outlier_bound
from neuroalign.splits import equal_parts

N_BLOCKS = 20  # of stimuli, left out in turn
FEWEST_BLOCKS = 10  # in each group


@dataclass(frozen=True)
class NeighborOverlap:
    """Share of nearest stimuli in common, less chance: (m - c) / (1 - c), c = k / (n - 1).

    Parameters
    ----------
    k : int
    """

    k: int

    chance: ClassVar[str] = "0"

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two systems, with neighbors among these stimuli only."""
        chance = self.k / (len(first) - 1)
        overlap = neighbor_overlap(first, second, self.k, clamp="none")
        if not np.isfinite(overlap).any():
            return np.nan
        return float((np.nanmean(overlap) - chance) / (1 - chance))


class Groups:
    """The alignment of the first and the last stimuli of an order."""

    def __init__(
        self,
        rows: np.ndarray,
        aligned: np.ndarray,
        pair: Systems | None,
        measure: Measure,
        n_group: int,
    ) -> None:
        self.values = aligned[rows]
        self.pair = [part[rows] for part in pair.rows] if pair else None
        self.measure, self.n_group = measure, n_group

    def compare(self, order: np.ndarray) -> tuple[float, float]:
        """Return the alignment of the groups at both ends."""
        low, high = (self._value(part) for part in (order[: self.n_group], order[-self.n_group :]))
        return low, high

    def permuted(self, n_permutations: int, seed: int) -> np.ndarray:
        """Return the differences of groups that are drawn by lot."""
        random = np.random.default_rng(seed)
        drawn = (random.permutation(len(self.values)) for _ in range(n_permutations))
        return np.array([low - high for low, high in map(self.compare, drawn)])

    def intervals(self, order: np.ndarray, labels: np.ndarray, confidence: float) -> np.ndarray:
        """Give the alignment of both groups, and the difference, intervals over stimuli.

        Blocks of stimuli are left out in turn, of both groups at once, and the rest is compared
        anew (delete-a-group jackknife, as neighbors and other measures are no means of single
        stimuli). Which group a stimulus is in stays as it is.

        Parameters
        ----------
        order : int array
            From the lowest to the highest dispersion.
        labels : array of str
            Of the stimuli, or of their groups: those of one label are left out together.
        confidence : float

        Returns
        -------
        float array (3, 4)
            Of low, high and low - high: estimate, standard error, lower and upper limit. All but
            the estimates are NaN where a group has fewer than ten labels.
        """
        ends = order[: self.n_group], order[-self.n_group :]
        low, high = self.compare(order)
        found = np.full((3, 4), np.nan)
        found[:, 0] = low, high, low - high
        if min(len(np.unique(labels[rows])) for rows in ends) < FEWEST_BLOCKS:
            return found
        units, of_row = np.unique(labels[np.concatenate(ends)], return_inverse=True)
        blocks = equal_parts(units, min(N_BLOCKS, len(units)))[of_row]
        own = blocks[: self.n_group], blocks[self.n_group :]
        try:
            without = np.array(
                [
                    [self._value(rows[part != block]) for rows, part in zip(ends, own, strict=True)]
                    for block in range(blocks.max() + 1)
                ]
            )
        except DataError:  # too few are left for the measure
            return found
        without = np.column_stack([without, without[:, 0] - without[:, 1]])
        for row, (values, part) in enumerate(zip(without.T, (*own, blocks), strict=True)):
            sizes = np.bincount(part, minlength=len(without))
            error = float(np.sqrt((jackknife_shifts(values, sizes) ** 2).sum()))
            freedom = float((sizes > 0).sum() - 1)
            found[row, 1:] = error, *t_interval(found[row, 0], error, freedom, confidence)[:2]
        return found

    def _value(self, rows: np.ndarray) -> float:
        if self.pair is None:
            return float(self.values[rows].mean())
        first, second = (part[np.sort(rows)] for part in self.pair)
        return self.measure.compare_arrays(first, second)


def pair_of(systems: Systems) -> Systems:
    """Refuse more than two systems; bound outliers, and drop dimensions that hold nothing."""
    if len(systems.names) != 2:
        message = f"{len(systems.names)} systems were given to align; give two."
        raise DataError(message)
    rows = []
    for part in systems.rows:
        bound = outlier_bound(part)
        values = np.clip(np.asarray(part, dtype=float), -bound, bound)
        if values.shape[1] > len(values):  # as many directions as rows keep all products
            _, triangle = np.linalg.qr(values.T)
            values = triangle.T
        rows.append(values)
    return Systems(systems.names, rows, systems.stimuli)
