"""Responses that meet the features in many orders: cut into portions, gathered, and summed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuroalign.numerics.device import Array, as_index, small
from neuroalign.numerics.moments import is_constant

# Columns, targets x pairings, that are multiplied at a time: they stay in the cache of a CPU, or
# fill a GPU.
COLUMNS = {"cpu": 512, "cuda": 16384}
# Rows that float32 sums before float64 takes over.
ROWS = 128


def standardized(responses: np.ndarray, like: Array) -> Array:
    """Center columns and scale them to variance 1, and move them to where another array is.

    Parameters
    ----------
    responses : float array (rows, targets)
    like : array

    Returns
    -------
    array (rows, targets)
        Constants are 0.
    """
    constant = is_constant(responses)
    centered = np.where(constant, 0.0, responses - responses.mean(0))
    return small(centered / np.where(constant, 1.0, centered.std(0)), like)


def portions(targets: np.ndarray, like: Array) -> list[np.ndarray]:
    """Cut targets into portions that are multiplied at a time."""
    return np.array_split(targets, -(-len(targets) // _columns(like)))


def batches(n_pairings: int, n_targets: int, like: Array) -> Iterator[slice]:
    """Take as many pairings at a time as a portion of targets leaves room for."""
    step = max(1, _columns(like) // n_targets)
    return (slice(start, start + step) for start in range(0, n_pairings, step))


def _columns(like: Array) -> int:
    return COLUMNS["cuda" if getattr(like, "is_cuda", False) else "cpu"]


def meet(values: Array, orders: np.ndarray) -> Array:
    """Put responses into the orders in which features meet them.

    Parameters
    ----------
    values : array (rows, targets)
    orders : int array (pairings, rows of the features)

    Returns
    -------
    array (rows of the features, pairings x targets)
    """
    if isinstance(values, np.ndarray):
        return np.take(values, orders.T, axis=0).reshape(orders.shape[1], -1)
    return values[as_index(np.ascontiguousarray(orders.T), values)].reshape(orders.shape[1], -1)


def dot(one: Array, two: Array) -> Array:
    """Multiply columns with columns: products in the type of the arithmetic, sums in float64."""
    if not isinstance(one, np.ndarray):
        return (one * two).double().sum(0)
    total = np.zeros(one.shape[1])
    for start in range(0, len(one), ROWS):
        rows = slice(start, start + ROWS)
        total += np.einsum("ij,ij->j", one[rows], two[rows])
    return total


def about_mean(one: Array) -> Array:
    """Center columns, so that those that are constant become 0 exactly."""
    if isinstance(one, np.ndarray):
        return one - one.mean(0, dtype=float).astype(one.dtype)
    return one - one.double().mean(0).to(one.dtype)
