"""Canonical correlations of held-out stimuli, which independent systems do not raise."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.canonical import FEWEST, check_ranks, decompose, mean_or_nan
from neuroalign.numerics.similarity.inputs import center_units, check_pair, check_whole


@dataclass(frozen=True)
class HeldOutCCA:
    """Mean correlation, on held-out stimuli, of directions that were fitted to correlate.

    Directions are fitted on one half of the stimuli with a ridge penalty and correlated on the
    other, and the other way round. Independent systems read 0 whatever their numbers of units, so
    this is the form to use by default. Two systems that share ten of a hundred directions read
    .1; of more directions than half the stimuli have, the fitted ones are averaged.

    Parameters
    ----------
    penalty : float
        The covariance of units is drawn toward its mean eigenvalue by this share, from 0 to 1.
        0 is refused where a half has no more stimuli than both systems have directions.
    seed : int
        Of the halves. Rows must be independent: nearly equal stimuli in both halves inflate it.

    References
    ----------
    Ridge: Vinod (1976), doi:10.1016/0304-4076(76)90010-5.
    """

    penalty: float = 0.1
    seed: int = 0

    invariances: ClassVar[frozenset[str]] = frozenset(
        {"translation", "scale", "rotation", "permutation"}
    )
    chance: ClassVar[str] = "0"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    cost: ClassVar[str] = "n (p min(n, p) + q min(n, q))"
    fails: ClassVar[str] = (
        "Few stimuli hide what is shared: it reads too low where directions cannot be fitted."
    )

    def __post_init__(self) -> None:
        """Refuse penalties and seeds that are none."""
        if not (isinstance(self.penalty, Real) and 0 <= self.penalty <= 1):
            message = f"penalty={self.penalty} must be a share from 0 to 1."
            raise DataError(message)
        check_whole("seed", self.seed, 0)

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two systems.

        Parameters
        ----------
        first : array (stimuli, units)
        second : array (stimuli, other units)
            The same stimuli in the same order.

        Returns
        -------
        float
            NaN where a system does not vary in a half. Directions that do not vary in the other
            half have no correlation and are left out.
        """
        first, second = check_pair(first, second, 2 * FEWEST)
        order = np.random.default_rng(self.seed).permutation(len(first))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        values = [self._held_out(first, second, *way) for way in (halves, halves[::-1])]
        return float(np.mean(values))

    def _held_out(
        self, first: np.ndarray, second: np.ndarray, fitted: np.ndarray, held: np.ndarray
    ) -> float:
        fits = [_fit_ridge(values[fitted], self.penalty) for values in (first, second)]
        if not all(fit.basis.size for fit in fits):
            return float("nan")
        if not self.penalty:
            check_ranks(len(fitted), *(fit.basis.shape[1] for fit in fits))
        left, _, right = np.linalg.svd(fits[0].basis.T @ fits[1].basis, full_matrices=False)
        sides = zip((first, second), fits, (left, right.T), strict=True)
        one, two = (
            center_units(values[held]) @ (fit.weights @ turn) for values, fit, turn in sides
        )
        size = np.linalg.norm(one, axis=0) * np.linalg.norm(two, axis=0)
        varies = size > 0
        return mean_or_nan((one * two).sum(0)[varies] / size[varies])


class _Ridge(NamedTuple):
    basis: np.ndarray  # (stimuli, directions), orthogonal, shorter the less a direction varies
    weights: np.ndarray  # (units, directions), that turn centered units into the basis


def _fit_ridge(values: np.ndarray, penalty: float) -> _Ridge:
    left, singular, right = decompose(center_units(values))
    variance = singular**2
    length = np.sqrt((1 - penalty) * variance + penalty * variance.mean()) if len(variance) else 1.0
    return _Ridge(left * (singular / length), right.T / length)
