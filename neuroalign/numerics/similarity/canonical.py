"""Canonical correlations: how well directions of one system predict directions of another."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, NamedTuple

import numpy as np
from scipy import integrate

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.inputs import center_units, check_pair, check_whole

FEWEST = 3  # stimuli

# What a sum of shares of variance may miss by rounding.
SLACK = 1e-12


@dataclass(frozen=True)
class CCA:
    """Mean canonical correlation, in sample.

    It rises with the number of units alone: for independent systems `chance_of_cca`, for example
    .43 for 120 units a side and 500 stimuli, and 1 once units outnumber stimuli, so stimuli that
    are not more than the ranks of both systems together are refused. `HeldOutCCA` is free of this,
    and is what to use unless stimuli are many times the units.

    References
    ----------
    Hotelling (1936), doi:10.1093/biomet/28.3-4.321.

    Examples
    --------
    >>> import numpy as np
    >>> first, second = np.random.default_rng(0).normal(size=(2, 500, 120))
    >>> round(CCA().compare_arrays(first, second), 2), round(chance_of_cca(500, 120, 120), 2)
    (0.43, 0.43)
    """

    invariances: ClassVar[frozenset[str]] = frozenset(
        {"translation", "scale", "rotation", "permutation", "linear"}
    )
    chance: ClassVar[str] = (
        "chance_of_cca(stimuli, units, units): .85 to 1 times the root of more units / stimuli, "
        ".43 for 120 units a side and 500 stimuli, and 1 from as many units as stimuli"
    )
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    cost: ClassVar[str] = "n (p^2 + q^2)"
    fails: ClassVar[str] = (
        "A direction that holds a millionth of the variance counts as much as the largest."
    )

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
            Mean over as many pairs as the lower rank. NaN where a system does not vary.
        """
        first, second = check_pair(first, second, FEWEST)
        return mean_or_nan(canonical_correlations(first, second))


@dataclass(frozen=True)
class SVCCA:
    """Mean canonical correlation of the leading principal components of both systems.

    The fewest components are kept that hold a share of the variance, which is that of squared
    singular values; published code that sums singular values themselves keeps more components.

    Parameters
    ----------
    variance : float
        Share of the variance of each system that is kept, above 0 and up to 1.

    References
    ----------
    Raghu, Gilmer, Yosinski & Sohl-Dickstein (2017), arXiv:1706.05806.
    """

    variance: float = 0.99

    invariances: ClassVar[frozenset[str]] = frozenset(
        {"translation", "scale", "rotation", "permutation"}
    )
    chance: ClassVar[str] = "chance_of_cca(stimuli, components, components), as for CCA"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    cost: ClassVar[str] = "n (p min(n, p) + q min(n, q))"
    fails: ClassVar[str] = (
        "What two systems share is not seen where it holds less than 1 % of the variance."
    )

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        if not (isinstance(self.variance, Real) and 0 < self.variance <= 1):
            message = f"variance={self.variance} must be a share above 0 and up to 1."
            raise DataError(message)

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two systems, as `CCA` does."""
        first, second = check_pair(first, second, FEWEST)
        bases = [_principal(values, self.variance) for values in (first, second)]
        return mean_or_nan(_canonical(*bases).correlations)


@dataclass(frozen=True)
class PWCCA:
    """Canonical correlations weighted by how much of the first system each direction carries.

    The weight of the canonical variate h of the first system is the sum over its centered units x
    of the size of h'x. The two systems do not change places.

    References
    ----------
    Morcos, Raghu & Bengio (2018), arXiv:1806.05759.
    """

    invariances: ClassVar[frozenset[str]] = frozenset({"translation", "scale", "permutation"})
    chance: ClassVar[str] = "as high as that of CCA or higher, 1 from as many units as stimuli"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    cost: ClassVar[str] = "n (p^2 + q^2)"
    fails: ClassVar[str] = (
        "It is not symmetric: a system within a larger one is like it, not the other way round."
    )

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two systems, as `CCA` does."""
        first, second = check_pair(first, second, FEWEST)
        found = _canonical(*(_basis(values) for values in (first, second)))
        centered = center_units(first)
        size = np.abs(centered).max() or 1.0
        weights = np.abs(found.variates.T @ (centered / size)).sum(1)
        total = weights.sum()
        return float(weights @ found.correlations / total) if total else float("nan")


def canonical_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute all canonical correlations of two systems, in sample.

    Parameters
    ----------
    first : array (stimuli, units)
    second : array (stimuli, other units)
        The same stimuli in the same order.

    Returns
    -------
    float array (pairs,)
        Descending; as many as the lower rank. Their chance level is far above 0, see `CCA`.
    """
    first, second = check_pair(first, second, FEWEST)
    return _canonical(_basis(first), _basis(second)).correlations


def chance_of_cca(n_stimuli: int, rank_first: int, rank_second: int) -> float:
    """Compute the mean canonical correlation of independent Gaussian systems, by Wachter's law.

    Parameters
    ----------
    n_stimuli : int
    rank_first, rank_second : int
        Numbers of units, if they are linearly independent, or of principal components kept.

    Returns
    -------
    float
        Exact for many stimuli, and within .01 from ten units a side. The mean square is
        higher rank / (stimuli - 1).

    References
    ----------
    Wachter (1980), doi:10.1214/aos/1176345134.
    """
    check_whole("n_stimuli", n_stimuli, 2)
    for name, rank in (("rank_first", rank_first), ("rank_second", rank_second)):
        check_whole(name, rank, 1)
    freedom = n_stimuli - 1
    low, high = (min(rank, freedom) / freedom for rank in sorted((rank_first, rank_second)))
    ones = max(low + high - 1, 0) / low  # share of correlations that are 1
    if low + high >= 2:
        return 1.0
    ends = [(np.sqrt(low * (1 - high)) + sign * np.sqrt(high * (1 - low))) ** 2 for sign in (-1, 1)]
    middle, half = sum(ends) / 2, (ends[1] - ends[0]) / 2

    def density(angle: float) -> float:
        square = middle + half * np.cos(angle)
        return (half * np.sin(angle)) ** 2 / (2 * np.pi * low * np.sqrt(square) * (1 - square))

    return float(integrate.quad(density, 0, np.pi)[0] + ones)


class _Canonical(NamedTuple):
    correlations: np.ndarray  # (pairs,)
    variates: np.ndarray  # (stimuli, pairs), of the first system, of length 1


def _canonical(first: np.ndarray, second: np.ndarray) -> _Canonical:
    """Compare orthonormal bases (stimuli, directions)."""
    if first.shape[1] and second.shape[1]:
        check_ranks(len(first), first.shape[1], second.shape[1])
    left, correlations, _ = np.linalg.svd(first.T @ second, full_matrices=False)
    return _Canonical(np.minimum(correlations, 1), first @ left)


def check_ranks(n: int, first: int, second: int) -> None:
    """Refuse stimuli that are not more than the directions of both systems together."""
    if n <= first + second:
        message = (
            f"{n} stimuli are too few to fit correlations of systems with {first} and {second} "
            "directions, which would be high by chance; give more stimuli, keep fewer principal "
            "components, or use HeldOutCCA, which has a penalty."
        )
        raise DataError(message)


def decompose(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decompose centered units into as many directions as are not rounding.

    Parameters
    ----------
    values : float array (stimuli, units)

    Returns
    -------
    left : float array (stimuli, rank)
    singular : float array (rank,)
        Descending; in units of the largest centered activation.
    right : float array (rank, units)
    """
    size = np.abs(values).max() or 1.0
    left, singular, right = np.linalg.svd(values / size, full_matrices=False)
    real = singular > np.finfo(float).eps * max(values.shape) * singular[0]
    return left[:, real], singular[real], right[real]


def _basis(values: np.ndarray) -> np.ndarray:
    """Span centered units, whatever their scales, by an orthonormal basis (stimuli, rank)."""
    centered = center_units(values)
    size = np.abs(centered).max(0)
    return decompose(centered / np.where(size > 0, size, 1))[0]


def _principal(values: np.ndarray, variance: float) -> np.ndarray:
    """Return the fewest principal components, of length 1, that hold a share of the variance."""
    left, singular, _ = decompose(center_units(values))
    if not len(singular):
        return left
    variances = (singular / singular[0]) ** 2
    missing = 1 - np.cumsum(variances) / variances.sum()
    return left[:, : np.argmax(missing <= 1 - variance + SLACK) + 1]


def mean_or_nan(correlations: np.ndarray) -> float:
    """Average correlations, if there are any."""
    return float(correlations.mean()) if len(correlations) else float("nan")
