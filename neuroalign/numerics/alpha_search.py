"""Choose the penalty of every target on inner folds, without a prediction per penalty.

The prediction of validation rows at penalty a is V diag(f_a) Z, with the filter f_a =
1 / (eigenvalue + a), V the validation rows and Z the responses on the eigenvectors. The filters of
all penalties, weighted by the size of what they multiply, span few directions b_1..b_m to any
accuracy that one wants: f_a = sum_k c_ak b_k + d_a. So m products V diag(b_k) Z serve all
penalties, and those of a finer grid as well. What d_a leaves out of the prediction of a target with
loadings z is at most ||V/|V|||_2 sqrt(sum_i d_ai^2 |V_i|^2 z_i^2), with |V_i| the norm of column i.
Where the errors of two penalties are nearer than that, they are computed exactly: the choice is
that of the full search.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics.device import Array, as_index, fetch, namespace, small
from neuroalign.numerics.ridge import Spectrum, filters, squared_norms

# Root-mean-square error of the predictions that a basis may have, relative to the responses.
# Smaller costs directions, larger costs exact checks of near ties.
TOLERANCE = 1e-5
# Targets that say how large loadings are; the bound holds for all, whatever these say.
N_SAMPLE = 256
# Targets that are worked on at a time, and bytes of residuals: sizes that stay in the cache of a
# CPU, or fill a GPU.
CHUNKS = {"cpu": (512, 2**19), "cuda": (8192, 2**28)}


class Validation(NamedTuple):
    """Rows to be predicted, by rows @ diag(filter of a penalty) @ basis.T @ training responses."""

    basis: Array  # (training rows, rank)
    rows: Array  # (validation rows, rank)
    shape: Array  # (rank, penalties): the filters
    responses: Array  # (all rows, targets)
    mean: Array  # (targets,), of the training rows
    train: Array  # numbers of the training rows
    held_out: Array | None  # numbers of the validation rows; None: what the basis leaves of `train`
    inflation: Array | None = None  # (penalties, validation rows), of the residuals
    complete: bool = False  # the basis spans all centered responses, and leaves nothing


class Basis(NamedTuple):
    """A few directions that span the filters of all penalties, and how far they miss."""

    rows: Array  # (directions x validation rows, rank)
    weights: Array  # (penalties, directions + 1); the last is -1, for the response
    missed: Array  # (penalties, rank), squared, times what a loading of 1 weighs at most


def inner_fold(
    spectrum: Spectrum,
    penalties: np.ndarray,
    responses: Array,
    train: np.ndarray,
    held_out: np.ndarray,
) -> Validation:
    """Make the test rows of a spectrum the rows to be predicted.

    Parameters
    ----------
    spectrum : Spectrum
        Of these training and held-out rows.
    penalties : float array (penalties,), ascending
    responses : array (all rows, targets)
    train, held_out : int arrays
        Row numbers.

    Returns
    -------
    Validation
    """
    index = as_index(train, responses)
    mean = responses[index].mean(0)
    shape = filters(spectrum, penalties)
    return Validation(
        spectrum.train,
        spectrum.test,
        shape,
        responses,
        mean,
        index,
        as_index(held_out, responses),
    )


def validation_errors(
    folds: list[Validation], *, tolerance: float = TOLERANCE, rival: np.ndarray | None = None
) -> np.ndarray:
    """Sum the squared errors over the validation rows of all folds.

    Parameters
    ----------
    folds : list of Validation
        Of the same targets and penalties.
    tolerance : float
        0 computes every error exactly.
    rival : float array (targets,), optional
        Least errors that other features have reached, infinite where there are none yet.

    Returns
    -------
    float array (penalties, targets)
        Exact wherever two penalties may both be the best of a target, within the bound elsewhere;
        so the least error is where the full search finds it. With a rival, exact wherever a
        penalty may be the best and no worse than the rival, and above the rival where none is.
    """
    n_targets, n_penalties = folds[0].responses.shape[1], folds[0].shape.shape[1]
    errors = np.zeros((n_penalties, n_targets))
    bounds = np.zeros_like(errors)
    for fold in folds:
        basis = _basis(fold, tolerance)
        for part in chunks(n_targets, fold.responses):
            error, bound = _screen(fold, basis, part)
            errors[:, part] += error
            bounds[:, part] += bound
    least = errors - bounds
    near = least <= (errors + bounds).min(0)
    unclear = near.sum(0) > 1 if rival is None else least.min(0) <= rival
    _settle(folds, errors, near & (bounds > 0) & unclear)
    return errors


def _basis(fold: Validation, tolerance: float) -> Basis:
    """Find the directions from the typical size of validation columns and loadings."""
    n_held, n_penalties = len(fold.rows), fold.shape.shape[1]
    shape = fetch(fold.shape).T
    columns = _column_norms(fold.rows)
    size = np.sqrt(columns * _typical_loadings(fold))
    left, values, right = np.linalg.svd(shape * size, full_matrices=False)
    tails = np.sqrt(np.cumsum((left * values)[:, ::-1] ** 2, axis=1)[:, ::-1]).max(0)
    m = int(np.searchsorted(-tails, -tolerance * np.sqrt(n_held))) if tolerance else n_penalties
    if m >= n_penalties:
        weights, directions = np.eye(n_penalties), shape
    else:
        weights = left[:, :m] * values[:m]
        directions = np.divide(right[:m], size, out=np.zeros_like(right[:m]), where=size > 0)
    missed = (shape - weights @ directions) ** 2 * columns * _largest_gain(fold.rows)
    if fold.inflation is not None:
        missed *= fetch(fold.inflation).max(1)[:, None] ** 2
    weights = np.column_stack([weights, np.full(n_penalties, -1.0)])
    rows = small(directions, fold.rows)[:, None, :] * fold.rows[None]
    rows = rows.reshape(-1, fold.rows.shape[1])
    return Basis(rows, small(weights, rows), small(missed, rows))


def _typical_loadings(fold: Validation) -> np.ndarray:
    """Average the squared loadings over some targets of unit variance."""
    n_targets = fold.responses.shape[1]
    sample, _ = _take(fold, np.arange(0, n_targets, max(1, n_targets // N_SAMPLE)))
    size = squared_norms(sample)
    loadings = (fold.basis.T @ sample) ** 2 / (size + (size == 0))
    return fetch(loadings.mean(1)) * len(sample)


def _take(fold: Validation, part: slice | np.ndarray) -> tuple[Array, Array]:
    """Return the training and the held-out responses of some targets, about the training mean."""
    responses = fold.responses[:, part] - fold.mean[part]
    train = responses[fold.train]
    if fold.held_out is None:
        return train, 0 * train if fold.complete else fold.basis @ (fold.basis.T @ train) - train
    return train, responses[fold.held_out]


def _column_norms(rows: Array) -> np.ndarray:
    """Sum squares in float64: those of eigenvalues may lie beyond the range of float32."""
    peaks = namespace(rows).abs(rows).max()
    return fetch(squared_norms(rows / (peaks + (peaks == 0)))) * float(peaks) ** 2


def _largest_gain(rows: Array) -> float:
    """Compute the squared norm of a matrix with its columns brought to unit length."""
    size = _column_norms(rows)
    scaled = rows / small((size + (size == 0)) ** 0.5, rows)
    gram = scaled @ scaled.T if len(scaled) <= scaled.shape[1] else scaled.T @ scaled
    return float(namespace(rows).linalg.eigvalsh(gram)[-1])


def chunks(n_targets: int, like: Array) -> list[slice]:
    """Cut targets into parts that suit the machine where an array lives."""
    step = CHUNKS[_kind(like)][0]
    return [slice(start, start + step) for start in range(0, n_targets, step)]


def _kind(array: Array) -> str:
    return "cuda" if getattr(array, "is_cuda", False) else "cpu"


def _screen(fold: Validation, basis: Basis, part: slice) -> tuple[np.ndarray, np.ndarray]:
    """Compute the errors of some targets through the basis, and how wrong they may be."""
    train, held_out = _take(fold, part)
    loadings = fold.basis.T @ train
    errors = _errors(basis, loadings, held_out, fold.inflation)
    missed = fetch(basis.missed @ loadings**2)
    # Two roots: the product of two small errors would underflow first.
    return errors, 2 * np.sqrt(errors) * np.sqrt(missed) + missed


def _errors(basis: Basis, loadings: Array, held_out: Array, inflation: Array | None) -> np.ndarray:
    """Square and sum the residuals, a few validation rows at a time."""
    n_held, n_targets = held_out.shape
    xp = namespace(loadings)
    parts = xp.concatenate([basis.rows @ loadings, held_out]).reshape(-1, n_held, n_targets)
    n_penalties = len(basis.weights)
    step = max(1, CHUNKS[_kind(loadings)][1] // (n_penalties * n_targets * parts.itemsize))
    total = 0.0
    for start in range(0, n_held, step):
        block = parts[:, start : start + step].reshape(len(parts), -1)
        residual = (basis.weights @ block).reshape(n_penalties, -1, n_targets)
        if inflation is not None:
            residual *= inflation[:, start : start + step, None]
        total = total + xp.einsum("avt,avt->at", residual, residual)
    return fetch(total)


def _settle(folds: list[Validation], errors: np.ndarray, near: np.ndarray) -> None:
    """Replace the errors that could not be told apart by exact ones."""
    errors[near] = 0
    columns = np.flatnonzero(near.any(0))
    for fold in folds:
        for part in chunks(len(columns), fold.responses):
            targets = columns[part]
            train, held_out = _take(fold, targets)
            loadings = fold.basis.T @ train
            for number in np.flatnonzero(near[:, targets].any(1)):
                these = np.flatnonzero(near[number, targets])
                predicted = fold.rows @ (loadings[:, these] * fold.shape[:, [number]])
                residual = held_out[:, these] - predicted
                if fold.inflation is not None:
                    residual *= fold.inflation[number][:, None]
                errors[number, targets[these]] += fetch(squared_norms(residual))
