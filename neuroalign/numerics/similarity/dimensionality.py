"""Effective dimensionality: over how many directions is variance spread."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.inputs import (
    as_numbers,
    center_units,
    check_matrix,
    check_stimuli,
)
from neuroalign.numerics.similarity.kernels import unbiased_hsic

FEWEST = {True: 4, False: 2}  # stimuli, unbiased or not

# A trace of the square below this share of the squared size of stimuli is rounding.
ROUNDING = 1e-13


def participation_ratio(values: np.ndarray, *, unbiased: bool = True) -> float:
    """Compute the participation ratio (tr C)^2 / tr C^2 of the covariance C of units.

    It is the number of directions of equal variance that have this ratio. From the eigenvalues of
    few stimuli it is far too low: 40, 100 and 167 for 50, 200 and 1,000 stimuli of 200 independent
    units of equal variance. Here (tr C)^2 and tr C^2 are averages over products of four different
    stimuli, and so unbiased whatever the distribution; their ratio is nearly so.

    Parameters
    ----------
    values : array (stimuli, units)
        Noise in them counts as dimensions; `signal_participation_ratio` leaves it out.
    unbiased : bool
        False takes the eigenvalues of the sample as they are.

    Returns
    -------
    float
        Of the units given: all units together have more. NaN where nothing varies, and where the
        unbiased tr C^2 is not above 0, which happens with few stimuli of many dimensions.

    References
    ----------
    tr C^2: Chen, Zhang & Zhong (2010), doi:10.1198/jasa.2010.tm09560.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(size=(200, 200))
    >>> [round(participation_ratio(values, unbiased=way), -1) for way in (True, False)]
    [200.0, 100.0]
    """
    matrix = check_matrix(values, "first")
    check_stimuli(len(matrix), FEWEST[unbiased])
    centered = _centered(matrix)
    if unbiased:
        return _ratio([covariance_moments(centered, centered)], [centered])
    wide = len(matrix) <= centered.shape[1]
    product = centered @ centered.T if wide else centered.T @ centered
    return _ratio([(float(np.trace(product)) ** 2, float((product**2).sum()))], [centered])


def signal_participation_ratio(repetitions: np.ndarray) -> float:
    """Compute the participation ratio of what repeated responses share, without that of noise.

    Covariances are between different repetitions, where independent noise averages out; (tr C)^2
    and tr C^2 are averaged over all pairs of repetitions, and unbiased.

    Parameters
    ----------
    repetitions : array (repetitions, stimuli, neuroids)
        Noise must be independent between repetitions, though not between neuroids.

    Returns
    -------
    float
        NaN where tr C^2 is not above 0, because nothing is shared or too few stimuli show it.

    References
    ----------
    As for `participation_ratio`, with a second repetition in place of the same one.
    """
    responses = as_numbers(repetitions, "given")
    if responses.ndim != 3 or len(responses) < 2:
        message = (
            f"The responses have shape {responses.shape}; give 2 repetitions or more of (stimuli, "
            "neuroids)."
        )
        raise DataError(message)
    check_stimuli(responses.shape[1], FEWEST[True])
    flat = check_matrix(responses.reshape(-1, responses.shape[2]), "first")
    stacked = _centered(flat).reshape(responses.shape)
    parts = [center_units(part) for part in stacked]
    return _ratio([covariance_moments(*pair) for pair in combinations(parts, 2)], parts)


def covariance_moments(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Estimate (tr C)^2 and tr C^2 without bias, C being a covariance of the same units.

    Averages over four different stimuli of D_ij D_kl, with D_ij half the product of the differences
    between stimuli i and j in both sets; and HSIC of linear kernels.

    Parameters
    ----------
    first : float array (stimuli, units)
        Centered.
    second : float array (stimuli, units)
        The same array, for the covariance of units; or responses of another repetition, centered,
        for the covariance of what both share.

    Returns
    -------
    squared_trace, trace_of_square : float
    """
    n, n_units = first.shape
    inner = np.einsum("ij,ij->i", first, second)
    lengths = [np.einsum("ij,ij->i", part, part) for part in (first, second)]
    if n <= n_units:
        kernels = first @ first.T, second @ second.T, first @ second.T
        crossed, whole, turned = kernels[0] * kernels[1], kernels[2] ** 2, kernels[2] * kernels[2].T
    else:
        tables = first.T @ first, second.T @ second, first.T @ second
        crossed, whole, turned = tables[2] ** 2, tables[0] * tables[1], tables[2] * tables[2].T
    sums = n * inner + inner.sum()  # twice the sums of rows of D
    squares = n * (inner**2).sum() + inner.sum() ** 2 + whole.sum() + turned.sum()  # twice of D^2
    tuples = n * (n - 1) * (n - 2) * (n - 3)
    squared_trace = ((n * inner.sum()) ** 2 - (sums**2).sum() + squares) / tuples
    product = float(crossed.sum() - lengths[0] @ lengths[1])
    return float(squared_trace), unbiased_hsic(product, -lengths[0], -lengths[1])


def _centered(values: np.ndarray) -> np.ndarray:
    """Center units, and divide all by the largest number, as their fourth powers are summed."""
    centered = center_units(values)
    return centered / (np.abs(centered).max() or 1.0)


def _ratio(moments: list[tuple[float, float]], parts: list[np.ndarray]) -> float:
    """Divide mean moments, unless the denominator is rounding or less."""
    squared_trace, trace_of_square = np.mean(moments, axis=0)
    size = max(float(np.einsum("ij,ij->", part, part)) / len(part) for part in parts)
    if trace_of_square <= ROUNDING * size**2:
        return float("nan")
    return float(squared_trace / trace_of_square)
