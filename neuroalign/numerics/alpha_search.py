"""Choose the penalty of every target on inner folds, without a prediction per penalty.

The prediction of validation rows at penalty a is V diag(f_a) Z, with the filter f_a =
1 / (eigenvalue + a), V the validation rows and Z the responses on the eigenvectors. The filters of
all penalties, weighted by the size of what they multiply, span few directions b_1..b_m to any
accuracy that one wants: f_a = sum_k c_ak b_k + d_a. So m products V diag(b_k) Z serve all
penalties, and those of a finer grid as well. What d_a leaves out of the prediction of a target with
responses y is at most ||V/|V|||_2 max_i |d_ai| |V_i| ||y||, with |V_i| the norm of column i. Where
the errors of two penalties are nearer than that, they are computed exactly: the choice is that of
the full search.

As the directions are the same for all targets, V diag(b_k) times the transposed eigenvectors can be
multiplied out first, and the loadings Z are then never needed: `Basis.lifted`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics.device import (
    Array,
    as_index,
    double,
    fetch,
    few_threads,
    namespace,
    small,
)
from neuroalign.numerics.ridge import Spectrum, filters, squared_norms

# Root-mean-square error of the predictions that a basis may have, relative to the responses.
# Smaller costs directions, larger costs exact checks of near ties.
TOLERANCE = 1e-5
# Targets that are worked on at a time, and bytes of products or residuals: sizes that stay in the
# cache of a CPU, or fill a GPU.
CHUNKS = {"cpu": (512, 2**20), "cuda": (8192, 2**28)}
FLOAT64 = 8  # bytes


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

    rows: Array  # (directions x validation rows, rank or training rows)
    lifted: bool  # they multiply the training responses, not their loadings
    weights: np.ndarray  # (penalties, directions + 1); the last is -1, for the response
    missed: Array  # (penalties,), squared, of responses of norm 1 at most


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
    """Find the directions, each weighted by what it adds to a prediction of white responses."""
    n_held, n_penalties = len(fold.rows), fold.shape.shape[1]
    shape = fetch(fold.shape).T
    squares = _column_norms(fold.rows) * _column_norms(fold.basis)
    size = np.sqrt(squares)
    with few_threads(n_penalties):
        left, values, right = np.linalg.svd(shape * size, full_matrices=False)
    tails = np.sqrt(np.cumsum((left * values)[:, ::-1] ** 2, axis=1)[:, ::-1]).max(0)
    m = int(np.searchsorted(-tails, -tolerance * np.sqrt(n_held))) if tolerance else n_penalties
    if m >= n_penalties:
        weights, directions = np.eye(n_penalties), shape
    else:
        weights = left[:, :m] * values[:m]
        directions = np.divide(right[:m], size, out=np.zeros_like(right[:m]), where=size > 0)
    missed = ((shape - weights @ directions) ** 2 * squares).max(1) * _largest_gain(fold.rows)
    if fold.inflation is not None:
        missed *= fetch(fold.inflation).max(1) ** 2
    weights = np.column_stack([weights, np.full(n_penalties, -1.0)])
    rows = small(directions, fold.rows)[:, None, :] * fold.rows[None]
    rows = rows.reshape(-1, fold.rows.shape[1])
    if lifted := _lifting_pays(fold, len(rows)):
        rows = rows @ fold.basis.T
    return Basis(rows, lifted, weights, missed)


def _lifting_pays(fold: Validation, n_products: int) -> bool:
    """Compare the numbers of multiplications."""
    n_train, rank = fold.basis.shape
    n_targets = fold.responses.shape[1]
    through_loadings = n_targets * (n_train + n_products) * rank
    return n_products * n_train * (rank + n_targets) < through_loadings


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
    with few_threads(len(gram)):
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
    inputs = train if basis.lifted else fold.basis.T @ train
    (n_held, n_targets), size = held_out.shape, basis.weights.shape[1]
    products = (inputs.T @ basis.rows.T).reshape(n_targets, size - 1, n_held)
    errors, rounding = np.zeros((2, len(basis.weights), n_targets))
    widest = size if fold.inflation is None else len(basis.weights)
    step = max(1, CHUNKS[_kind(inputs)][1] // (widest * n_held * FLOAT64))
    xp = namespace(inputs)
    for start in range(0, n_targets, step):
        some = slice(start, start + step)
        parts = xp.concatenate([products[some], held_out[:, some].T[:, None]], 1)
        if fold.inflation is None:
            errors[:, some], rounding[:, some] = _errors(basis.weights, parts)
        else:
            errors[:, some] = _inflated_errors(basis.weights, parts, fold.inflation)
    missed = np.outer(basis.missed, fetch(squared_norms(train)))
    # Two roots: the product of two small errors would underflow first.
    return errors, 2 * np.sqrt(errors) * np.sqrt(missed) + missed + rounding


def _errors(weights: np.ndarray, parts: Array) -> tuple[np.ndarray, np.ndarray]:
    """Compute squared errors of all penalties from a Gram matrix per target.

    Its sums are in float64, so that no more cancels than the products were rounded to. Also return
    how wrong that may be where nearly everything cancels.
    """
    n_targets, size, n_held = parts.shape
    outer = (weights[:, :, None] * weights[:, None, :]).reshape(-1, size**2)
    parts = double(parts)
    gram = fetch(parts @ parts.swapaxes(1, 2))
    errors = outer @ gram.reshape(n_targets, -1).T
    scales = np.abs(weights) @ np.sqrt(np.einsum("tkk->kt", gram))
    return np.maximum(errors, 0), np.finfo(float).eps * (n_held + size**2) * scales**2


def _inflated_errors(weights: np.ndarray, parts: Array, inflation: Array) -> np.ndarray:
    """Square and sum residuals that are inflated by row and penalty."""
    residual = small(weights, parts) @ parts
    residual *= inflation
    return fetch(namespace(parts).einsum("tav,tav->at", residual, residual))


def _settle(folds: list[Validation], errors: np.ndarray, near: np.ndarray) -> None:
    """Replace the errors that could not be told apart by exact ones."""
    errors[near] = 0
    targets, numbers = np.nonzero(near.T)
    for fold in folds:
        for part in chunks(len(targets), fold.responses):
            columns, which = np.unique(targets[part], return_inverse=True)
            which, penalty = as_index(which, fold.rows), as_index(numbers[part], fold.rows)
            train, held_out = _take(fold, columns)
            loadings = (fold.basis.T @ train)[:, which] * fold.shape[:, penalty]
            residual = held_out[:, which] - fold.rows @ loadings
            if fold.inflation is not None:
                residual *= fold.inflation[penalty].T
            errors[numbers[part], targets[part]] += fetch(squared_norms(residual))
