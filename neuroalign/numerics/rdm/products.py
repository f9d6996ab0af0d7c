"""From products of patterns to dissimilarities, without losing what patterns differ by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.blas import dsyrk

# Dissimilarities below this share of the squared lengths are taken from differences: those above
# keep eleven digits of sixteen, so that equal ones are tied when they are ranked.
NEAR = 1e-5


def squared_distances(patterns: np.ndarray, uncentered: np.ndarray | None = None) -> np.ndarray:
    """Compute the squared Euclidean distance of each two patterns.

    Parameters
    ----------
    patterns : float array (stimuli, units)
        Centered, or otherwise of lengths that are not much greater than their distances.
    uncentered : float array (stimuli, units), optional
        The same before it was centered, which may have taken digits from differences.

    Returns
    -------
    float array (n_pairs,)
    """
    source = patterns if uncentered is None else uncentered

    def from_differences(i: int, others: np.ndarray) -> np.ndarray:
        differences = source[others] - source[i]
        return np.einsum("ij,ij->i", differences, differences)

    products = add_products(np.zeros((len(patterns), len(patterns))), 1, patterns)
    return from_products(products, from_differences)


def add_products(products: np.ndarray, factor: float, patterns: np.ndarray) -> np.ndarray:
    """Add factor x patterns patterns' to products, on the diagonal and right of it.

    Parameters
    ----------
    products : float array (stimuli, stimuli)
        Is overwritten.
    factor : float
    patterns : float array (stimuli, units)

    Returns
    -------
    float array (stimuli, stimuli)
    """
    return dsyrk(factor, patterns.T, beta=1.0, c=products.T, trans=1, lower=1, overwrite_c=1).T


def from_products(
    products: np.ndarray,
    from_differences: Callable[[int, np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Turn products g into g_ii + g_jj - 2 g_ij.

    Parameters
    ----------
    products : float array (stimuli, stimuli)
        Read on the diagonal and right of it.
    from_differences : callable, optional
        Computes the values for one stimulus and several later ones, for those that are a small
        part of g_ii + g_jj.

    Returns
    -------
    float array (n_pairs,)
    """
    n = len(products)
    found = np.empty(n * (n - 1) // 2)
    own = np.diag(products) / 2
    start = 0
    for i in range(n - 1):
        part = found[start : start + n - 1 - i]
        lengths = own[i + 1 :] + own[i]
        np.subtract(lengths, products[i, i + 1 :], out=part)
        if from_differences is not None:
            lengths *= NEAR
            near = part <= lengths
            if near.any():
                part[near] = from_differences(i, i + 1 + np.flatnonzero(near)) / 2
        start += n - 1 - i
    found *= 2
    return found
