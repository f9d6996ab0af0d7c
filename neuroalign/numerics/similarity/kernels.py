"""Centered kernel alignment: do two systems hold the same pairs of stimuli to be alike."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, NamedTuple

import numpy as np

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.similarity.inputs import center_units, check_pair

KERNELS = ("linear", "rbf")
FEWEST = {True: 4, False: 2}  # stimuli, debiased or not

# Of the sum of squares of a kernel: what is left below this many roundings of it is rounding.
ROUNDINGS = 64

# Largest activations up to this, and from its inverse, whose fourth powers float32 can sum.
ROOMY = 1e3

# Stimuli looked at for how far they are from 0, and the share of their squared size that is far.
SAMPLE, FAR = 64, 0.5


@dataclass(frozen=True)
class CKA:
    """Centered kernel alignment, debiased by default.

    The kernel of one system holds how alike it finds each two stimuli; CKA is the cosine of two
    kernels after centering. The usual, biased, form counts the diagonal, on which every stimulus
    is like itself, and so rises with the number of units: to .34, .91 and .99 for 50, 1,000 and
    10,000 independent Gaussian units a side and 100 stimuli, where the debiased form reads 0.

    Parameters
    ----------
    kernel : {"linear", "rbf"}
        Inner products of centered units, or exp(-squared distance / (2 sigma^2)).
    debiased : bool
        Use the unbiased estimator of HSIC (equation 5 of Song et al.); it may be negative.
    bandwidth : float
        Sigma of the RBF kernel over the median distance of two different stimuli.

    References
    ----------
    Kornblith, Norouzi, Lee & Hinton (2019), arXiv:1905.00414; Song, Smola, Gretton, Bedo &
    Borgwardt (2012), jmlr.org/papers/v13/song12a; Nguyen, Raghu & Kornblith (2021),
    arXiv:2010.15327.

    Examples
    --------
    >>> import numpy as np
    >>> first, second = np.random.default_rng(0).normal(size=(2, 100, 1000))
    >>> measures = CKA(), CKA(debiased=False)
    >>> [round(abs(measure.compare_arrays(first, second)), 1) for measure in measures]
    [0.0, 0.9]
    """

    kernel: str = "linear"
    debiased: bool = True
    bandwidth: float = 1.0

    invariances: ClassVar[frozenset[str]] = frozenset(
        {"translation", "scale", "rotation", "permutation"}
    )
    chance: ClassVar[str] = (
        "0 if debiased, with a standard deviation of about 1.4 / n; otherwise about "
        "p / (p + n - 1) for p uncorrelated units a side, .91 for 1,000 of them and 100 stimuli"
    )
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    cost: ClassVar[str] = "n (p + q) min(n, p + q)"
    fails: ClassVar[str] = (
        "Two stimuli that are far from all others in both systems make it nearly 1, whatever the "
        "others do."
    )

    def __post_init__(self) -> None:
        """Refuse kernels and bandwidths that are none."""
        if self.kernel not in KERNELS:
            raise unknown_name(self.kernel, KERNELS, kind="kernel")
        if not (isinstance(self.bandwidth, Real) and 0 < self.bandwidth < np.inf):
            message = f"bandwidth={self.bandwidth} must be a number above 0."
            raise DataError(message)

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two systems.

        Parameters
        ----------
        first : array (stimuli, units)
            float32 is multiplied in float32 by the linear kernel, and summed in float64.
        second : array (stimuli, other units)
            The same stimuli in the same order.

        Returns
        -------
        float
            1 for systems that are the same up to rotation, scale and translation. NaN where a
            system does not vary, or, debiased, where all its stimuli are equally far apart.
        """
        first, second = check_pair(first, second, FEWEST[self.debiased], keep_float32=True)
        common = np.result_type(first, second) if self.kernel == "linear" else np.dtype(float)
        sums = self._sums(first.astype(common, copy=False), second.astype(common, copy=False))
        value = _cosine(sums, len(first), debiased=self.debiased)
        if np.isnan(value) and common == np.float32:
            return self.compare_arrays(first.astype(float), second)
        return value

    def _sums(self, first: np.ndarray, second: np.ndarray) -> _Sums:
        if self.kernel == "rbf":
            pair = [_rbf(values, self.bandwidth) for values in (first, second)]
            return _kernel_sums(*pair, debiased=self.debiased)
        if len(first) <= first.shape[1] + second.shape[1]:
            return _kernel_sums(gram(first), gram(second), debiased=self.debiased)
        pair = [center_units(values) / _size(values) for values in (first, second)]
        return _unit_sums(*pair, debiased=self.debiased)


class _Sums(NamedTuple):
    """All that CKA needs of two kernels; without their diagonals if debiased."""

    products: tuple[float, float, float]  # of first and second, first and first, second and second
    rows: tuple[np.ndarray, np.ndarray]  # sums of rows
    floors: tuple[float, float]  # of the products with themselves: what may be rounding


def gram(values: np.ndarray) -> np.ndarray:
    """Compute the inner products of stimuli, after centering units if rounding asks for it.

    Centered kernel alignment is the same either way, but products of stimuli that are far from 0
    compared with how they differ would round the differences away.

    Parameters
    ----------
    values : float array (stimuli, units)

    Returns
    -------
    float array (stimuli, stimuli)
        Of the type of `values`. Extreme activations are first divided by a number of their size.
    """
    if (size := _size(values)) != 1:
        values = values / values.dtype.type(size)
    some = values[:: max(1, len(values) // SAMPLE)].astype(float)
    if (some.mean(0) ** 2).sum() > FAR * (some**2).sum() / len(some):
        values = center_units(values)
    return values @ values.T


def unbiased_hsic(product: float, first: np.ndarray, second: np.ndarray) -> float:
    """Estimate HSIC without bias, from sums over two kernels without their diagonals.

    Parameters
    ----------
    product : float
        Sum of the products of their entries.
    first, second : float arrays (stimuli,)
        Sums of their rows.

    Returns
    -------
    float

    References
    ----------
    Equation 5 of Song, Smola, Gretton, Bedo & Borgwardt (2012), jmlr.org/papers/v13/song12a.
    """
    n = len(first)
    whole = first.sum() * second.sum() / ((n - 1) * (n - 2))
    return float(product + whole - 2 / (n - 2) * (first @ second)) / (n * (n - 3))


def _size(values: np.ndarray) -> float:
    """Return what to divide activations by before they are squared: 1 unless they are extreme."""
    peak = max(float(values.max()), -float(values.min()))
    if not peak or 1 / ROOMY <= peak <= ROOMY:
        return 1.0
    return float(2.0 ** np.round(np.log2(peak)))  # which rounds nothing


def _cosine(sums: _Sums, n: int, *, debiased: bool) -> float:
    one, two = sums.rows
    sides = ((one, two), (one, one), (two, two))
    hsic = unbiased_hsic if debiased else _biased_hsic
    both, first, second = (hsic(p, *side) for p, side in zip(sums.products, sides, strict=True))
    scale = n * (n - 3) if debiased else 1
    if first * scale <= sums.floors[0] or second * scale <= sums.floors[1]:
        return float("nan")
    return float(np.clip(both / (np.sqrt(first) * np.sqrt(second)), -1, 1))


def _biased_hsic(product: float, first: np.ndarray, second: np.ndarray) -> float:
    """Sum the products of two kernels after centering their rows and columns."""
    n = len(first)
    return float(product - 2 / n * (first @ second) + first.sum() * second.sum() / n**2)


def _kernel_sums(first: np.ndarray, second: np.ndarray, *, debiased: bool) -> _Sums:
    """Sum over kernels (stimuli, stimuli), whose diagonals are overwritten."""
    pairs = ((first, second), (first, first), (second, second))
    rounding = ROUNDINGS * float(np.finfo(first.dtype).eps)
    diagonals = [float((k.diagonal().astype(float) ** 2).sum()) for k in (first, second)]
    if debiased:
        for kernel in (first, second):
            np.fill_diagonal(kernel, 0)
    products = [_inner(*pair) for pair in pairs]
    squares = [p + d * debiased for p, d in zip(products[1:], diagonals, strict=True)]
    return _Sums(
        (products[0], products[1], products[2]),
        (first.sum(0, dtype=float), second.sum(0, dtype=float)),
        (rounding * squares[0], rounding * squares[1]),
    )


def _unit_sums(first: np.ndarray, second: np.ndarray, *, debiased: bool) -> _Sums:
    """Sum over linear kernels of centered units without making them: rows of those sum to 0."""
    pairs = ((first, second), (first, first), (second, second))
    rounding = ROUNDINGS * float(np.finfo(first.dtype).eps)
    lengths = [np.einsum("ij,ij->i", x, x).astype(float) for x in (first, second)]
    sizes = ((lengths[0], lengths[1]), (lengths[0], lengths[0]), (lengths[1], lengths[1]))
    crossed = [one.T @ two for one, two in pairs]
    whole = [_inner(table, table) for table in crossed]
    products = [w - debiased * float(a @ b) for w, (a, b) in zip(whole, sizes, strict=True)]
    return _Sums(
        (products[0], products[1], products[2]),
        (-lengths[0] * debiased, -lengths[1] * debiased),
        (rounding * whole[1], rounding * whole[2]),
    )


def _inner(one: np.ndarray, two: np.ndarray) -> float:
    """Sum products of entries: rows in the type of the entries, their sums in float64."""
    return float(np.einsum("ij,ij->i", one, two).sum(dtype=float))


def _rbf(values: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return the RBF kernel, or NaN if most pairs of stimuli are one and the same."""
    n = len(values)
    kernel = gram(values)
    lengths = kernel.diagonal().copy()
    kernel *= -2
    kernel += lengths
    kernel += lengths[:, None]
    np.maximum(kernel, 0, out=kernel)
    median = np.median(np.sqrt(kernel[np.triu_indices(n, 1)]))
    if median == 0:
        return np.full_like(kernel, np.nan)
    kernel /= -2 * (bandwidth * median) ** 2
    return np.exp(kernel, out=kernel)
