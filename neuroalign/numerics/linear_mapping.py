"""Linear mappings in compact dimensions, with one candidate chosen per target.

A mapping that only sees inner products of rows may work in any orthonormal basis of the units that
holds all rows. Such a basis has no more dimensions than there are rows; finding it once makes
every later fit, inner or outer, as small as the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import qr

from neuroalign.numerics.mapping import Pairs, center_responses, check_units, choose_candidates


class Compact(NamedTuple):
    """Features as coordinates of their rows: (features - shift) = coordinates @ basis.T."""

    coordinates: np.ndarray  # (rows, dimensions), as many dimensions as rows or units
    basis: np.ndarray | None  # (units, dimensions), orthonormal columns; None for the identity
    shift: np.ndarray  # (units,)
    noise: np.ndarray  # (rows,), norm of what storing and handling a row may have rounded away


class Training(NamedTuple):
    """One training set, centered."""

    features: np.ndarray  # (rows, dimensions)
    responses: np.ndarray  # (rows, targets), exactly 0 for a constant target
    feature_mean: np.ndarray  # (dimensions,)
    response_mean: np.ndarray  # (targets,)
    floor: float  # singular values of the features up to here are rounding


class Solution(NamedTuple):
    """A linear fit for every candidate: coefficients = directions @ weigh(candidates)."""

    directions: np.ndarray  # (dimensions, rank)
    weigh: Callable[[np.ndarray], np.ndarray]  # candidate of each target -> (rank, targets)


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A fitted linear mapping.

    Parameters
    ----------
    compact : Compact
        Its basis and shift lead from units to dimensions.
    feature_mean : float array (dimensions,)
    weights : float array (dimensions, targets)
    response_mean : float array (targets,)
    hyperparameters : dict of str to array (targets,)
        What the inner rows chose.
    inner_r2 : float array (targets,)
        1 - squared error / squared error of the inner training means, pooled over the inner test
        rows; NaN for a target that does not vary, and without inner rows.
    """

    compact: Compact
    feature_mean: np.ndarray
    weights: np.ndarray
    response_mean: np.ndarray
    hyperparameters: dict[str, np.ndarray]
    inner_r2: np.ndarray

    @property
    def coefficients(self) -> np.ndarray:
        """Coefficients (units, targets), in units of the response per unit of activation."""
        basis = self.compact.basis
        return self.weights if basis is None else basis @ self.weights

    @property
    def intercept(self) -> np.ndarray:
        """Prediction (targets,) where every unit is 0."""
        return self.predict(np.zeros((1, len(self.compact.shift))))[0]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the responses (rows, targets) to features (rows, units)."""
        check_units(features, len(self.compact.shift))
        rows = features - self.compact.shift
        basis = self.compact.basis
        rows = rows if basis is None else rows @ basis
        return (rows - self.feature_mean) @ self.weights + self.response_mean


def make_compact(features: np.ndarray) -> Compact:
    """Describe rows by as few orthonormal dimensions as hold them all exactly.

    Parameters
    ----------
    features : array (rows, units)
        Any numeric type; the arithmetic is float64.

    Returns
    -------
    Compact
    """
    n_rows, n_units = features.shape
    kind = features.dtype
    stored = np.finfo(kind).eps / 2 if kind.kind == "f" else 0.0
    rows = features.astype(float)
    noise = stored * np.linalg.norm(rows, axis=1)
    # By the median of nine rows: the fit does not see it, and one wild row does not move it.
    some = np.linspace(0, n_rows - 1, min(9, n_rows)).astype(int)
    shift = np.median(rows[some], axis=0)
    rows -= shift
    noise = noise + np.finfo(float).eps * max(n_rows, n_units) * np.linalg.norm(rows, axis=1)
    if n_units <= n_rows:
        return Compact(rows, None, shift, noise)
    basis, triangle = qr(rows.T, mode="economic", overwrite_a=True, check_finite=False)
    return Compact(triangle.T, basis, shift, noise)


def center(compact: Compact, responses: np.ndarray, rows: np.ndarray) -> Training:
    """Center features and responses on the rows of a training set.

    Parameters
    ----------
    compact : Compact
    responses : float array (all rows, targets)
    rows : int array
        Numbers of the training rows.

    Returns
    -------
    Training
    """
    coordinates = compact.coordinates[rows]
    feature_mean = coordinates.mean(0)
    mean, centered = center_responses(responses[rows])
    floor = float(np.linalg.norm(compact.noise[rows]))
    return Training(coordinates - feature_mean, centered, feature_mean, mean, floor)


def fit_linear(
    features: np.ndarray,
    responses: np.ndarray,
    inner: Pairs,
    *,
    solve: Callable[[Training], Solution],
    n_candidates: int,
) -> tuple[LinearFit, np.ndarray, Training]:
    """Fit a linear mapping at the candidate that each target chooses on inner rows.

    Parameters
    ----------
    features : array (rows, units)
    responses : array (rows, targets)
    inner : list of pairs of int arrays
    solve : callable
        Fits all candidates, numbered from the strongest regularization.
    n_candidates : int

    Returns
    -------
    fit : LinearFit
        Without hyper-parameters.
    chosen : int array (targets,)
        Number of the candidate of each target.
    training : Training
    """
    compact, responses = make_compact(features), responses.astype(float)

    def path(train: np.ndarray, test: np.ndarray) -> Iterable[np.ndarray]:
        training = center(compact, responses, train)
        solution = solve(training)
        scores = (compact.coordinates[test] - training.feature_mean) @ solution.directions
        for number in range(n_candidates):
            weights = solution.weigh(np.full(responses.shape[1], number))
            yield scores @ weights + training.response_mean

    chosen, inner_r2 = choose_candidates(responses, inner, path, n_candidates)
    training = center(compact, responses, np.arange(len(responses)))
    solution = solve(training)
    weights = solution.directions @ solution.weigh(chosen)
    small = compact._replace(coordinates=compact.coordinates[:0], noise=compact.noise[:0])
    fit = LinearFit(small, training.feature_mean, weights, training.response_mean, {}, inner_r2)
    return fit, chosen, training
