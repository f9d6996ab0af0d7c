"""Least squares with weights that are not negative and sum to 1, for many targets at once."""

from __future__ import annotations

import numpy as np

# Added to the diagonal, relative to its mean: duplicates share their weight equally.
RIDGE = 1e-11
# How far the optimality conditions may be missed, on the same scale.
GAP = 1e-12


def simplex_weights(gram: np.ndarray) -> np.ndarray:
    """Minimize w' G w with w >= 0 and sum(w) = 1.

    For residuals e_i = y - p_i, w' (e e') w is the squared error of sum_i w_i p_i. The method is
    that of active sets: from the best single weight, the weight that promises most enters, and
    those that would turn negative leave, until none promises anything. All targets go through
    the same steps together.

    Parameters
    ----------
    gram : float array (targets, weights, weights)
        Symmetric, not negative.

    Returns
    -------
    float array (targets, weights)

    References
    ----------
    Wolfe (1976), doi:10.1007/BF01580381.
    """
    n_targets, n_weights, _ = gram.shape
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] / n_weights
    scaled = np.divide(gram, size, out=np.zeros(gram.shape), where=size > 0)
    scaled = scaled + RIDGE * np.eye(n_weights)
    weights = np.eye(n_weights)[np.einsum("tii->ti", scaled).argmin(1)]
    unfinished = np.arange(n_targets)
    # Each step lowers the error, so that no set comes back; the limit only guards rounding.
    for _ in range(10 * n_weights):
        promise = _promise(scaled[unfinished], weights[unfinished])
        go_on = promise.max(1) > GAP
        unfinished, enters = unfinished[go_on], promise.argmax(1)[go_on]
        if not len(unfinished):
            break
        used = weights[unfinished] > 0
        used[np.arange(len(unfinished)), enters] = True
        weights[unfinished] = _descend(scaled[unfinished], weights[unfinished], used)
    return weights


def _promise(gram: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute how far each unused weight is below the common gradient of those in use."""
    gradient = np.einsum("tij,tj->ti", gram, weights)
    level = np.einsum("ti,ti->t", weights, gradient)
    return np.where(weights > 0, 0.0, level[:, None] - gradient)


def _descend(gram: np.ndarray, weights: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Minimize over the weights in use, dropping those that reach zero on the way."""
    weights = weights.copy()
    moving = np.arange(len(weights))
    while len(moving):
        goal = _minimum(gram[moving], used[moving])
        start = weights[moving]
        falls = used[moving] & (goal <= 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            reach = np.where(falls, start / (start - goal), 1.0)
        step = reach.min(1, keepdims=True)
        there = start + step * (goal - start)
        there[falls & (reach <= step)] = 0.0
        weights[moving] = np.maximum(there, 0.0)
        used[moving] &= ~(falls & (reach <= step))
        moving = moving[falls.any(1)]
    return weights / weights.sum(1, keepdims=True)


def _minimum(gram: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Minimize over the weights in use, whatever their sign, with sum 1."""
    both = used[:, :, None] & used[:, None, :]
    system = np.where(both, gram, np.eye(gram.shape[1]))
    solution = np.linalg.solve(system, used[:, :, None].astype(float))[:, :, 0]
    return solution / solution.sum(1, keepdims=True)
