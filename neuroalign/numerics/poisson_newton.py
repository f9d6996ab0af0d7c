"""The optimum of a penalized Poisson likelihood, for many targets at once.

The objective is convex, and strictly so by the penalty: there is one optimum, also where the
counts are separable. Newton steps are taken in the principal directions of the training features,
where the Hessian at a constant rate is diagonal; conjugate gradients preconditioned by that
diagonal solve for the step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from neuroalign.numerics.moments import is_constant

# Newton decrement (the length of the step in the norm of the Hessian, the root of twice what it
# gains) over the root of half the mean deviance of the constant rate: a step this short is the
# last, and what it leaves is smaller by another order or more.
TOLERANCE = 1e-8
# Share of the gradient that conjugate gradients may leave: so much when far away, and when near.
LOOSE, TIGHT = 0.1, 1e-4
MOST_NEWTON = 100
MOST_GRADIENTS = 1000
MOST_HALVINGS = 50

# Targets that are fitted at a time, so that they stay in the cache.
CHUNK = 128


class Problem(NamedTuple):
    """Counts of one training set, and its features in their principal directions."""

    scores: np.ndarray  # (rows, 1 + rank); the first column is 1, for the intercept
    sizes: np.ndarray  # (1 + rank, 1), mean squares of the scores
    counts: np.ndarray  # (rows, targets)
    mean: np.ndarray  # (dimensions,), of the features
    directions: np.ndarray  # (dimensions, rank)


class Batch(NamedTuple):
    """Targets that are being fitted: their counts, penalties, weights and log rates."""

    counts: np.ndarray  # (rows, targets)
    penalty: np.ndarray  # (1 + rank, targets), 0 for the intercept
    weights: np.ndarray  # (1 + rank, targets)
    log_rate: np.ndarray  # (rows, targets)
    scale: np.ndarray  # (targets,), half the mean deviance of the constant rate


def start_constant(problem: Problem) -> np.ndarray:
    """Return the weights of constant rates.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    float array (1 + rank, targets)
        The first is the logarithm of the rate, minus infinity for a target without spikes.
    """
    weights = np.zeros((len(problem.sizes), problem.counts.shape[1]))
    with np.errstate(divide="ignore"):
        weights[0] = np.log(problem.counts.mean(0))
    return weights


def minimize(
    problem: Problem, alphas: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the optimum of every target by Newton steps.

    Parameters
    ----------
    problem : Problem
    alphas : float array (targets,)
        Penalties in units of the mean squared norm of a centered row.
    start : float array (1 + rank, targets)
        Weights to begin with.

    Returns
    -------
    weights : float array (1 + rank, targets)
        Those of constant rates where the counts are constant.
    failed : bool array (targets,)
        Where the steps did not shrink to the tolerance.
    """
    final = start.copy()
    failed = np.zeros(start.shape[1], dtype=bool)
    varies = np.flatnonzero(~is_constant(problem.counts))
    for first in range(0, len(varies), CHUNK):
        _minimize_some(problem, alphas, varies[first : first + CHUNK], final, failed)
    return final, failed


def _minimize_some(
    problem: Problem,
    alphas: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    failed: np.ndarray,
) -> None:
    """Move the weights of some targets to their optima; mark those that did not get there."""
    batch = _make_batch(problem, alphas, weights, targets)
    for _ in range(MOST_NEWTON):
        rate = np.exp(batch.log_rate)
        gradient = problem.scores.T @ (rate - batch.counts) / len(rate)
        gradient += batch.penalty * batch.weights
        diagonal = problem.sizes * rate.mean(0) + batch.penalty
        step, solved = _solve(problem.scores, rate, batch, gradient, diagonal)
        decrement = np.sqrt(-(gradient * step).sum(0) / batch.scale)
        batch = _search(problem, batch, step, gradient)
        weights[:, targets] = batch.weights
        rest = ~(solved & (decrement <= TOLERANCE))
        if not rest.any():
            return
        targets = targets[rest]
        batch = Batch(*(part[..., rest] for part in batch))
    failed[targets] = True


def _make_batch(
    problem: Problem, alphas: np.ndarray, start: np.ndarray, targets: np.ndarray
) -> Batch:
    counts, weights = problem.counts[:, targets], start[:, targets]
    penalty = np.repeat(alphas[None, targets] * problem.sizes[1:].sum(), len(start), axis=0)
    penalty[0] = 0
    scale = xlogy(counts, counts / counts.mean(0)).mean(0)
    return Batch(counts, penalty, weights, problem.scores @ weights, scale)


def _solve(
    scores: np.ndarray,
    rate: np.ndarray,
    batch: Batch,
    gradient: np.ndarray,
    diagonal: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve Hessian x step = -gradient by conjugate gradients; tell which were solved."""
    step, residual = np.zeros_like(gradient), -gradient
    scaled = residual / diagonal
    along = scaled.copy()
    size = (residual * scaled).sum(0)
    enough = size * np.clip(np.sqrt(size / batch.scale), TIGHT, LOOSE) ** 2
    open_ = size > enough
    for _ in range(MOST_GRADIENTS):
        if not open_.any():
            break
        curved = scores.T @ (rate * (scores @ along)) / len(rate) + batch.penalty * along
        length = np.where(open_, size, 0) / np.where(open_, (along * curved).sum(0), 1)
        step += length * along
        residual -= length * curved
        scaled = residual / diagonal
        before, size = size, (residual * scaled).sum(0)
        along = scaled + np.where(open_, size, 0) / np.where(open_, before, 1) * along
        open_ = size > enough
    return step, ~open_


def _search(problem: Problem, batch: Batch, step: np.ndarray, gradient: np.ndarray) -> Batch:
    """Halve the step of each target until it lowers the objective."""
    moved = problem.scores @ step
    before = _objective(batch)
    slope = (gradient * step).sum(0)
    # Near the optimum the objective changes by less than its own rounding.
    slack = 1e-14 * (np.abs(before) + 1)
    length = np.ones(len(slope))
    for _ in range(MOST_HALVINGS):
        tried = batch._replace(
            weights=batch.weights + length * step, log_rate=batch.log_rate + length * moved
        )
        worse = ~(_objective(tried) <= before + 1e-4 * length * slope + slack)
        if not worse.any():
            return tried
        length = np.where(worse, length / 2, length)
    return tried


def _objective(batch: Batch) -> np.ndarray:
    """Compute half the mean deviance, up to a constant, and the penalty; infinite if out of range.

    A rate that overflows makes the objective infinite, so that the step to it is refused: the
    optimum itself is not touched.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        fit = (np.exp(batch.log_rate) - batch.counts * batch.log_rate).mean(0)
        value = fit + (batch.penalty * batch.weights**2).sum(0) / 2
    return np.where(np.isfinite(value), value, np.inf)
