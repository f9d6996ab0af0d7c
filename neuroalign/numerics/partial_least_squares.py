"""Partial least squares: the directions of the units that covary most with all neuroids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from neuroalign.errors import DataError
from neuroalign.numerics.linear_mapping import LinearFit, Solution, Training, fit_linear
from neuroalign.numerics.mapping import Pairs


@dataclass(frozen=True)
class PartialLeastSquares:
    """Predict all targets from components of greatest covariance with them.

    Each component is the dominant left singular vector of the features' covariance with the
    targets, after the features have been stripped of the components before it. The components
    are those of all targets together: leaving a target out changes the predictions of the others.

    Parameters
    ----------
    n_components : int or sequence of int
        Of several, each target takes the number of least squared error on the inner rows; ties go
        to fewer components. At most one less than the training rows, and as many as units.

    References
    ----------
    Wold, Sjostrom & Eriksson (2001), doi:10.1016/S0169-7439(01)00155-1. The same predictions as
    scikit-learn's PLSRegression(scale=False).
    """

    n_components: int | Sequence[int] = 25

    def __post_init__(self) -> None:
        """Refuse numbers of components that are none."""
        check_counts(self.n_components)

    def fit_arrays(
        self,
        features: np.ndarray,
        responses: np.ndarray,
        inner: Pairs,
        *,
        seed: int,  # noqa: ARG002  nothing here is random
    ) -> LinearFit:
        """Fit all rows.

        Parameters
        ----------
        features : array (rows, units)
        responses : array (rows, targets)
        inner : list of pairs of int arrays
            Training and test rows on which the number of components is chosen.
        seed : int
            Not used.

        Returns
        -------
        LinearFit
        """
        counts = check_counts(self.n_components)

        def solve(training: Training) -> Solution:
            check_fits(counts[-1], len(training.features), features.shape[1])
            return _solve(training, counts)

        fit, chosen, _ = fit_linear(
            features, responses, inner, solve=solve, n_candidates=len(counts)
        )
        return replace(fit, hyperparameters={"n_components": counts[chosen]})


def check_counts(n_components: int | Sequence[int]) -> np.ndarray:
    """Sort numbers of components without repeats, and refuse those that are none.

    Parameters
    ----------
    n_components : int or sequence of int

    Returns
    -------
    int array, ascending
    """
    counts = np.unique(np.asarray(n_components))
    if counts.dtype.kind != "i" or np.ndim(n_components) > 1 or not len(counts) or counts[0] < 1:
        message = f"n_components={n_components!r} must be whole numbers of 1 or more."
        raise DataError(message)
    return counts


def check_fits(n_components: int, n_rows: int, n_units: int) -> None:
    """Refuse more components than a training set can have.

    Parameters
    ----------
    n_components, n_rows, n_units : int
    """
    most = min(n_rows - 1, n_units)
    if n_components > most:
        message = (
            f"{n_components} components cannot be fitted to a training set of {n_rows} rows and "
            f"{n_units} units; use {most} or fewer."
        )
        raise DataError(message)


def _solve(training: Training, counts: np.ndarray) -> Solution:
    """Strip one component at a time from the features; the targets need no stripping."""
    residual, targets = training.features, _fewer_columns(training.responses)
    vanished = training.floor * np.linalg.norm(targets)
    most = counts[-1]
    directions, passed = np.zeros((2, residual.shape[1], most))
    loadings = np.zeros((most, training.responses.shape[1]))
    for number in range(most):
        covariance = residual.T @ targets
        if np.linalg.norm(covariance) <= vanished:
            break
        weight = _dominant(covariance)
        score = residual @ weight
        size = score @ score
        loadings[number] = training.responses.T @ score / size
        # In terms of the features as they were before any stripping.
        overlap = passed[:, :number].T @ weight
        directions[:, number] = weight - directions[:, :number] @ overlap
        passed[:, number] = residual.T @ score / size
        residual = residual - np.outer(score, passed[:, number])
    used = np.arange(most)[:, None]
    return Solution(directions, lambda chosen: loadings * (used < counts[chosen]))


def _fewer_columns(responses: np.ndarray) -> np.ndarray:
    """Replace the targets by no more columns than rows that covary alike with anything."""
    if responses.shape[1] <= len(responses):
        return responses
    triangle: np.ndarray = np.linalg.qr(responses.T, mode="r")  # type: ignore[assignment]
    return triangle.T


def _dominant(matrix: np.ndarray) -> np.ndarray:
    """Find the left singular vector of the largest singular value, from the smaller side."""
    matrix = matrix / np.linalg.norm(matrix)
    wide = matrix.shape[0] <= matrix.shape[1]
    square = matrix @ matrix.T if wide else matrix.T @ matrix
    last = len(square) - 1
    vector = eigh(square, subset_by_index=[last, last], check_finite=False)[1][:, 0]
    vector = vector if wide else matrix @ vector
    return vector / np.linalg.norm(vector)
