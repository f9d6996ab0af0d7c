"""Kernel ridge regression with a Gaussian kernel whose width the training rows set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.mapping import (
    Pairs,
    center_responses,
    check_grid,
    check_units,
    choose_candidates,
)

# Squared distances below this share of the squared norms they come from are rounding, and so are
# eigenvalues of the centered kernel below this share of the trace of the kernel.
ROUNDING = 1e-13


class Spectrum(NamedTuple):
    """The centered kernel of one training set."""

    gamma: float
    eigenvalues: np.ndarray  # (rank,)
    vectors: np.ndarray  # (training rows, rank)
    mean: np.ndarray  # (training rows,), of the columns of the kernel


@dataclass(frozen=True)
class KernelRidge:
    """Predict each target by ridge regression on k(x, z) = exp(-gamma |x - z|^2).

    1 / gamma is the median squared distance between two different training rows, so that the
    kernel does not depend on the scale of the features; where over half of the pairs are equal, it
    is the median of those that are not. The kernel is centered on the training rows, and one
    eigendecomposition of it serves all alphas and targets.

    Parameters
    ----------
    alphas : sequence of float
        Penalties in units of the mean of the diagonal of the centered training kernel. Each target
        takes the one of least squared error on the inner rows; ties go to the larger.

    References
    ----------
    Saunders, Gammerman & Vovk (1998), Ridge regression learning algorithm in dual variables;
    the width: Gretton et al. (2012), https://jmlr.org/papers/v13/gretton12a.html.
    """

    alphas: Sequence[float] = tuple(float(alpha) for alpha in np.logspace(-4, 4, 17))

    def __post_init__(self) -> None:
        """Sort the alphas, and refuse those that are none."""
        object.__setattr__(self, "alphas", check_grid("alphas", self.alphas))

    def fit_arrays(
        self,
        features: np.ndarray,
        responses: np.ndarray,
        inner: Pairs,
        *,
        seed: int,  # noqa: ARG002  nothing here is random
    ) -> KernelFit:
        """Fit all rows.

        Parameters
        ----------
        features : array (rows, units)
        responses : array (rows, targets)
        inner : list of pairs of int arrays
            Training and test rows on which alpha is chosen.
        seed : int
            Not used.

        Returns
        -------
        KernelFit
        """
        responses = responses.astype(float)
        shift = features.astype(float).mean(0)
        moved = features - shift
        distances = squared_distances(moved, moved)
        strongest_first = np.array(self.alphas[::-1])

        def path(train: np.ndarray, test: np.ndarray) -> Iterable[np.ndarray]:
            spectrum = _decompose(distances[np.ix_(train, train)])
            mean, loadings = _project(spectrum, responses[train])
            cross = np.exp(-spectrum.gamma * distances[np.ix_(test, train)]) - spectrum.mean
            scores = cross @ spectrum.vectors
            for alpha in strongest_first:
                yield scores @ _shrink(spectrum, loadings, alpha) + mean

        chosen, inner_r2 = choose_candidates(responses, inner, path, len(strongest_first))
        alphas = strongest_first[chosen]
        spectrum = _decompose(distances)
        mean, loadings = _project(spectrum, responses)
        weights = spectrum.vectors @ _shrink(spectrum, loadings, alphas)
        intercept = mean - spectrum.mean @ weights
        found = {"alpha": alphas}
        return KernelFit(moved, shift, spectrum.gamma, weights, intercept, found, inner_r2)


@dataclass(frozen=True, eq=False)
class KernelFit:
    """A fitted kernel ridge regression.

    Parameters
    ----------
    rows : float array (training rows, units)
        Relative to `shift`.
    shift : float array (units,)
    gamma : float
    weights : float array (training rows, targets)
    intercept : float array (targets,)
        Prediction for a row far from every training row.
    hyperparameters : dict of str to array (targets,)
        `alpha`.
    inner_r2 : float array (targets,)
        As in `LinearFit`.
    """

    rows: np.ndarray
    shift: np.ndarray
    gamma: float
    weights: np.ndarray
    intercept: np.ndarray
    hyperparameters: dict[str, np.ndarray]
    inner_r2: np.ndarray

    @property
    def coefficients(self) -> np.ndarray:
        """Refuse: the prediction is no weighted sum of units."""
        message = "A kernel ridge has no coefficients over units; use predict."
        raise DataError(message)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the responses (rows, targets) to features (rows, units)."""
        check_units(features, len(self.shift))
        distances = squared_distances(features - self.shift, self.rows)
        return np.exp(-self.gamma * distances) @ self.weights + self.intercept


def squared_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Compute squared Euclidean distances between rows, exactly 0 where they are rounding.

    Parameters
    ----------
    one, other : float arrays (rows, units)
        Not far from 0.

    Returns
    -------
    float array (rows of one, rows of other)
    """
    sizes = (one**2).sum(1)[:, None] + (other**2).sum(1)
    distances = sizes - 2 * (one @ other.T)
    return np.where(distances > ROUNDING * sizes, distances, 0.0)


def _decompose(distances: np.ndarray) -> Spectrum:
    """Build the kernel of the width that the training rows set, center and diagonalize it.

    The vectors sum to 0, so that the rows of a new kernel need no centering of their own.
    """
    n_rows = len(distances)
    pairs = distances[np.triu_indices(n_rows, 1)]
    width = np.median(pairs) if len(pairs) else 0.0
    if not width and pairs.any():
        width = np.median(pairs[pairs > 0])
    gamma = float(1 / width) if width else 0.0
    kernel = np.exp(-gamma * distances)
    mean = kernel.mean(0)
    offset = mean - mean.mean()
    eigenvalues, vectors = np.linalg.eigh(kernel - mean[:, None] - offset)
    real = eigenvalues > ROUNDING * n_rows
    return Spectrum(gamma, eigenvalues[real], vectors[:, real], mean)


def _project(spectrum: Spectrum, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the responses, and their centered values along the eigenvectors."""
    mean, centered = center_responses(responses)
    return mean, spectrum.vectors.T @ centered


def _shrink(spectrum: Spectrum, loadings: np.ndarray, alphas: np.ndarray | float) -> np.ndarray:
    penalty = alphas * (spectrum.eigenvalues.sum() / len(spectrum.mean))
    return loadings / (spectrum.eigenvalues[:, None] + penalty)
