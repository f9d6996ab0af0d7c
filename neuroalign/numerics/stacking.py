"""Stacking: a ridge regression per feature space, and a weighted mean of what they predict."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.alpha_search import (
    TOLERANCE,
    Validation,
    chunks,
    inner_fold,
    validation_errors,
)
from neuroalign.numerics.device import Array, as_index, fetch, namespace
from neuroalign.numerics.explained_shares import split_r2
from neuroalign.numerics.held_out import (
    SplitResult,
    errors_of_the_mean,
    training_statistics,
)
from neuroalign.numerics.nested_ridge import choose_alpha
from neuroalign.numerics.simplex import simplex_weights

Pairs = list[tuple[np.ndarray, np.ndarray]]


class Stack(NamedTuple):
    """What the training rows chose."""

    alphas: np.ndarray  # (spaces, targets), relative
    penalties: np.ndarray  # (spaces, targets), on ||w||^2
    weights: np.ndarray  # (spaces, targets), of sum 1
    inner_r2: np.ndarray  # (targets,), of the weighted mean; NaN for a target that does not vary


def fit_stacked(
    designs: list[ridge.Design],
    responses: Array,
    train: np.ndarray,
    test: np.ndarray,
    *,
    inner: Pairs,
    alphas: np.ndarray,
) -> SplitResult:
    """Fit the training rows at the alphas and weights that they choose, and predict test rows.

    Parameters
    ----------
    designs : list of Design
        Of each space.
    responses : array (rows, targets)
        Where the designs live. Rows that are neither in `train` nor in `test` are not read.
    train, test : int arrays
        Row numbers.
    inner : list of (int array, int array)
        Row numbers to train on and to validate on.
    alphas : float array (alphas,)
        Ascending.

    Returns
    -------
    SplitResult
        Extra, on the axis "space": `space_weight`, `alpha`, and `r2_split` and
        `r2_split_train_mean` of the weighted predictions (see `split_r2`).
    """
    stack = choose_stack(designs, responses, train, inner=inner, alphas=alphas)
    mean, spread = training_statistics(responses, train)
    index = as_index(train, responses)
    parts = np.empty((len(designs), len(test), len(mean)))
    for number, design in enumerate(designs):
        spectrum = ridge.decompose(design, train, test)
        for part in chunks(len(mean), responses):
            values = responses[:, part][index]
            penalties = stack.penalties[number, part]
            predicted = ridge.predict(spectrum, values - values.mean(0), penalties)
            parts[number, :, part] = stack.weights[number, part] * fetch(predicted)
    held_out = fetch(responses[as_index(test, responses)]) - mean
    extra = {
        "space_weight": ("space", stack.weights),
        "alpha": ("space", stack.alphas),
        "r2_split": ("space", split_r2(held_out, parts, spread, about="test")),
        "r2_split_train_mean": ("space", split_r2(held_out, parts, spread, about="train")),
    }
    return SplitResult(parts.sum(0), held_out, mean, spread, {}, stack.inner_r2, extra)


def choose_stack(
    designs: list[ridge.Design],
    responses: Array,
    train: np.ndarray,
    *,
    inner: Pairs,
    alphas: np.ndarray,
) -> Stack:
    """Choose the alpha of each space, then the weights of their held-out predictions.

    Parameters
    ----------
    designs : list of Design
    responses : array (all rows, targets)
    train : int array
        Row numbers.
    inner : list of (int array, int array)
    alphas : float array (alphas,)
        Ascending.

    Returns
    -------
    Stack
        Weights are not negative, sum to 1, and minimize the squared error over the rows that the
        inner folds hold out. Ties go to the larger alpha, and to equal weights.

    Notes
    -----
    The residuals of the validation rows are kept for all spaces: as many numbers as responses, for
    each.

    References
    ----------
    Breiman (1996), doi:10.1007/BF00117832; Lin, Naselaris, Kay & Wehbe (2023),
    doi:10.1101/2023.04.23.537988.
    """
    residuals, levels, penalties = [], [], []
    for design in designs:
        grid = alphas * ridge.scale(design, train)
        folds = [
            inner_fold(ridge.decompose(design, part, held), grid, responses, part, held)
            for part, held in inner
        ]
        best = choose_alpha(validation_errors(folds, tolerance=TOLERANCE))
        residuals.append(_residuals(folds, best))
        levels.append(best)
        penalties.append(grid[best])
    gram = _products(residuals)
    weights = simplex_weights(gram)
    error = np.einsum("ti,tij,tj->t", weights, gram, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        inner_r2 = 1 - error / errors_of_the_mean(responses, inner)
    inner_r2[training_statistics(responses, train)[1] == 0] = np.nan
    return Stack(alphas[np.array(levels)], np.array(penalties), weights.T, inner_r2)


def stacked_coefficients(
    features: np.ndarray, members: list[np.ndarray], responses: np.ndarray, stack: Stack
) -> np.ndarray:
    """Fit the coefficients on all rows, each space at its alphas and weighted.

    Parameters
    ----------
    features : array (rows, units)
    members : list of int arrays
        Numbers of the units of each space.
    responses : float array (rows, targets)
        Centered.
    stack : Stack

    Returns
    -------
    float array (units, targets)
    """
    found = np.zeros((features.shape[1], responses.shape[1]))
    for number, units in enumerate(members):
        own = ridge.coefficients(features[:, units], responses, stack.penalties[number])
        found[units] = stack.weights[number] * own
    return found


def _residuals(folds: list[Validation], best: np.ndarray) -> Array:
    """Return what the chosen alphas miss of the validation rows of all folds, one below another."""
    residuals = []
    for fold in folds:
        missed = fold.responses[fold.held_out] - fold.mean
        for part in chunks(len(best), fold.responses):
            seen = fold.responses[:, part][fold.train] - fold.mean[part]
            shape = fold.shape[:, as_index(best[part], fold.shape)]
            missed[:, part] -= fold.rows @ (fold.basis.T @ seen * shape)
        residuals.append(missed)
    return namespace(residuals[0]).concatenate(residuals)


def _products(residuals: list[Array]) -> np.ndarray:
    """Multiply the residuals of all pairs of spaces: (targets, spaces, spaces)."""
    n = len(residuals)
    products = np.empty((residuals[0].shape[1], n, n))
    xp = namespace(residuals[0])
    for one in range(n):
        for two in range(one + 1):
            product = fetch(xp.einsum("rt,rt->t", residuals[one], residuals[two]))
            products[:, one, two] = products[:, two, one] = product
    return products
