"""What every mapping from units to neuroids shares: choices on inner rows, and checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.moments import is_constant

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]
# Training and test rows -> predictions (test rows, targets) of each candidate, the strongest
# regularization first.
Path = Callable[[np.ndarray, np.ndarray], Iterable[np.ndarray]]
# Responses and predictions (rows, targets) -> sum over rows (targets,).
Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]


def choose_candidates(
    responses: np.ndarray, inner: Pairs, path: Path, n_candidates: int, loss: Loss | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Choose a candidate per target by its loss pooled over inner test rows; ties to the stronger.

    Parameters
    ----------
    responses : float array (rows, targets)
    inner : list of pairs of int arrays
        Training and test rows.
    path : callable
        Fits the training rows and predicts the test rows by each candidate in turn, the strongest
        regularization first.
    n_candidates : int
    loss : callable, optional
        Sum over rows (targets,), from responses and predictions; squared error if not given.

    Returns
    -------
    chosen : int array (targets,)
    inner_r2 : float array (targets,)
        1 - squared error / squared error of the inner training means, at that candidate.
    """
    n_targets = responses.shape[1]
    if not len(inner):
        if n_candidates > 1:
            message = (
                f"{n_candidates} candidates were given, but no inner folds to choose one of them; "
                "give inner folds, or one candidate."
            )
            raise DataError(message)
        return np.zeros(n_targets, dtype=int), np.full(n_targets, np.nan)
    losses, squares = np.zeros((2, n_candidates, n_targets))
    baseline = np.zeros(n_targets)
    for train, test in inner:
        held_out = responses[test]
        baseline += squared_error(held_out, responses[train].mean(0))
        for number, predicted in enumerate(path(train, test)):
            squares[number] += squared_error(held_out, predicted)
            losses[number] += loss(held_out, predicted) if loss else 0
    chosen = np.argmin(losses if loss else squares, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        inner_r2 = 1 - squares[chosen, np.arange(n_targets)] / baseline
    return chosen, np.where(is_constant(responses), np.nan, inner_r2)


def center_responses(responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center the responses of a training set; those that do not vary become 0 exactly.

    Parameters
    ----------
    responses : float array (rows, targets)

    Returns
    -------
    mean : float array (targets,)
    centered : float array (rows, targets)
    """
    constant = is_constant(responses)
    mean = np.where(constant, responses[0], responses.mean(0))
    return mean, np.where(constant, 0.0, responses - mean)


def squared_error(responses: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Sum the squared differences over rows, (targets,)."""
    return ((responses - predictions) ** 2).sum(0)


def check_units(features: np.ndarray, n_units: int) -> None:
    """Refuse features of another number of units than the mapping was fitted on."""
    if features.shape[1] != n_units:
        message = (
            f"The mapping was fitted on {n_units} units, but these features have "
            f"{features.shape[1]}."
        )
        raise DataError(message)


def check_grid(name: str, values: Sequence[float], most: float = np.inf) -> tuple[float, ...]:
    """Sort the values of a grid without repeats, and refuse those that are none.

    Parameters
    ----------
    name : str
        Of the option, for the message.
    values : sequence of float
        Positive.
    most : float
        The largest that is possible.

    Returns
    -------
    tuple of float, ascending
    """
    if np.ndim(values) != 1:
        message = f"{name}={values!r} is not a list of numbers."
        raise DataError(message)
    grid = tuple(sorted({float(value) for value in values}))
    if not grid or not all(np.isfinite(value) and 0 < value <= most for value in grid):
        limit = "positive, finite numbers" if most == np.inf else f"above 0 and at most {most:g}"
        message = f"{name}={list(values)} must be {limit}, one at least."
        raise DataError(message)
    return grid
