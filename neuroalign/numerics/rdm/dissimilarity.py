"""Dissimilarities of patterns: how differently a system responds to two stimuli.

All but the correlation are sums over units divided by the number of units, so that systems of
different widths have dissimilarities of one size. All are condensed, (n_pairs,), in the order of
`numpy.triu_indices(n, 1)`, and computed in float64 from one product of matrices. Where such a
product would lose what a dissimilarity is made of, because two patterns nearly agree, the
dissimilarity is taken from their difference.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import helmert
from scipy.linalg.blas import dtrmm

from neuroalign.errors import DataError
from neuroalign.numerics.moments import ROUNDING, is_constant
from neuroalign.numerics.rdm.patterns import check_patterns, check_runs
from neuroalign.numerics.rdm.poisson_divergence import poisson_kl
from neuroalign.numerics.rdm.products import add_products, from_products, squared_distances


def squared_euclidean(patterns: np.ndarray) -> np.ndarray:
    """Compute the squared Euclidean distance of each two patterns, per unit.

    |x - y|^2 / units. Adding a constant per unit, or rotating units, changes nothing.

    Parameters
    ----------
    patterns : array (stimuli, units)

    Returns
    -------
    float array (n_pairs,)
        0 or more, in the squared unit of the patterns.

    Raises
    ------
    DataError
        For arrays of another shape, fewer than 2 stimuli, NaN or infinite values.
    """
    patterns = check_patterns(patterns)
    centered = patterns - patterns.mean(axis=0)
    return squared_distances(centered, patterns) / patterns.shape[1]


def correlation(patterns: np.ndarray) -> np.ndarray:
    """Compute 1 - Pearson's correlation over units of each two patterns.

    Adding a constant to a pattern, or multiplying it by a positive number, changes nothing; adding
    a constant per unit does, and so does rotating units.

    Parameters
    ----------
    patterns : array (stimuli, units)

    Returns
    -------
    float array (n_pairs,)
        In [0, 2]; not divided by the number of units. NaN for all pairs of a stimulus whose
        pattern is constant over units, as it is with one unit.

    Raises
    ------
    DataError
        As for `squared_euclidean`.
    """
    patterns = check_patterns(patterns)
    # Scaled first, so that no square under- or overflows.
    size = np.where(is_constant(patterns.T), np.nan, np.ptp(patterns, axis=1))
    directions = patterns / size[:, None]
    directions -= directions.mean(axis=1, keepdims=True)
    directions /= np.sqrt(np.einsum("ij,ij->i", directions, directions))[:, None]
    found = np.minimum(squared_distances(directions) / 2, 2)
    found[found <= ROUNDING**2] = 0  # of directions that are one, but for rounding
    return found


def mahalanobis(patterns: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Compute the squared Mahalanobis distance of each two patterns, per unit.

    (x - y)' precision (x - y) / units: differences in units of the noise.

    Parameters
    ----------
    patterns : array (stimuli, units)
    precision : array (units, units)
        Inverse covariance of the noise, as `noise_precision.precision` estimates it.

    Returns
    -------
    float array (n_pairs,)
        0 or more, without a unit if the precision is that of the noise.

    Raises
    ------
    DataError
        As for `squared_euclidean`; for a precision that is not symmetric, or has negative
        eigenvalues.
    """
    patterns = check_patterns(patterns)
    centered = patterns - patterns.mean(axis=0)
    whiten = _whitening(precision, patterns.shape[1])
    return squared_distances(whiten(centered)) / patterns.shape[1]


def crossnobis(patterns: np.ndarray, precision: np.ndarray | None = None) -> np.ndarray:
    """Compute the cross-validated Mahalanobis distance of each two patterns, per unit.

    The mean over runs a of (x_a - y_a)' precision (x_b - y_b) / units, with b the mean of the other
    runs. That is the squared distance of the averages over runs, less what noise adds to it, as
    estimated from the differences between runs. Its expectation is the distance without noise, if
    noise is independent between runs: 0 for equal stimuli, so that single values may be negative.
    Neither cut them at 0 nor take their root.

    Parameters
    ----------
    patterns : array (runs, stimuli, units)
        2 runs or more.
    precision : array (units, units), optional
        Inverse covariance of the noise; that of independent noise of variance 1 by default.

    Returns
    -------
    float array (n_pairs,)

    Raises
    ------
    DataError
        As for `mahalanobis`; for fewer than 2 runs.

    References
    ----------
    Walther et al. (2016), doi:10.1016/j.neuroimage.2015.12.012.
    """
    patterns = check_runs(patterns)
    n_runs, n_stimuli, n_units = patterns.shape
    # Rows that are orthogonal to each other and to the mean: what differs between runs.
    contrasts = helmert(n_runs) / np.sqrt(n_runs * (n_runs - 1))
    whiten = None if precision is None else _whitening(precision, n_units)
    products = np.zeros((n_stimuli, n_stimuli))
    for sign, weights in ((1, np.full(n_runs, 1 / n_runs)), *((-1, row) for row in contrasts)):
        part = np.tensordot(weights, patterns, 1)
        part -= part.mean(axis=0)
        products = add_products(products, sign, part if whiten is None else whiten(part))
    return from_products(products) / n_units


DISSIMILARITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "squared_euclidean": squared_euclidean,
    "correlation": correlation,
    "poisson_kl": poisson_kl,
}


def _whitening(precision: np.ndarray, n_units: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the product of patterns with a root of a precision, root root' = precision."""
    precision = np.asarray(precision, dtype=float)
    if precision.shape != (n_units, n_units):
        message = (
            f"The precision has shape {precision.shape}; for {n_units} units it must be "
            f"({n_units}, {n_units})."
        )
        raise DataError(message)
    largest = np.abs(precision).max()
    if not np.isfinite(largest) or np.abs(precision - precision.T).max() > 1e-8 * largest:
        message = "The precision is not symmetric and finite; give the inverse of a covariance."
        raise DataError(message)
    try:
        upper = np.linalg.cholesky(precision).T
        return lambda patterns: dtrmm(1.0, upper, patterns.T).T
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh((precision + precision.T) / 2)
    if values[0] < -1e-10 * largest * n_units:
        message = (
            f"The precision has a negative eigenvalue, {values[0]:.3g}; give the inverse of a "
            "covariance."
        )
        raise DataError(message)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return lambda patterns: patterns @ root
