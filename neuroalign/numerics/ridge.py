"""Ridge regression from one spectral decomposition per training set.

The penalty on ||w||^2 is alpha x (trace of the centered training kernel / number of training
rows), the mean squared norm of a centered row. So scores do not depend on the scale of the
features, and one grid of alphas serves layers of any width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import blas

# Columns of the features that are centered and multiplied at a time (rows x 8 bytes each).
CHUNK = 8192

# Eigenvalues below this share of the uncentered training features are rounding: features that are
# constant within a training set must not come back to life because the penalty shrinks with them.
ROUNDING = 1e-13


class Design(NamedTuple):
    """Features, or their Gram matrix where there are more units than rows."""

    matrix: np.ndarray
    is_gram: bool


class Spectrum(NamedTuple):
    """What one training set says about its features: all that any alpha and target needs."""

    eigenvalues: np.ndarray  # (rank,)
    vectors: np.ndarray  # (rows of the training set or units, rank)
    train: np.ndarray  # (rows of the training set, rank)
    test: np.ndarray  # (rows of the test set, rank)
    scale: float  # mean squared norm of a centered training row


def make_design(features: np.ndarray) -> Design:
    """Choose the smaller problem: the Gram matrix of the rows, or the features themselves.

    Parameters
    ----------
    features : array (rows, units)
        Any numeric type; the arithmetic is float64.

    Returns
    -------
    Design
    """
    n_rows, n_units = features.shape
    if n_units <= n_rows:
        return Design(_shifted(features), is_gram=False)
    gram = np.zeros((n_rows, n_rows), order="F")
    for start in range(0, n_units, CHUNK):
        part = _shifted(features[:, start : start + CHUNK])
        gram = blas.dsyrk(1.0, part.T, beta=1.0, c=gram, trans=1, overwrite_c=1, lower=1)
    return Design(gram + np.tril(gram, -1).T, is_gram=True)


def _shifted(features: np.ndarray) -> np.ndarray:
    """Shift columns near zero: ridge does not see it, and products far from zero stay accurate.

    By the median of nine rows, not the mean of all, so that one wild row, which may be held out,
    does not cost the others their accuracy.
    """
    rows = np.linspace(0, len(features) - 1, min(9, len(features))).astype(int)
    return features.astype(float) - np.median(features[rows].astype(float), axis=0)


def decompose(design: Design, train: np.ndarray, test: np.ndarray) -> Spectrum:
    """Center on the training rows and diagonalize, touching no test row but to project it.

    Parameters
    ----------
    design : Design
    train, test : int arrays
        Row numbers.

    Returns
    -------
    Spectrum
    """
    if design.is_gram:
        inner = design.matrix[np.ix_(train, train)]
        size = np.trace(inner)
        cross = design.matrix[np.ix_(test, train)]
        mean = inner.mean(0)
        offset = mean - mean.mean()
        cross = cross - cross.mean(1, keepdims=True) - offset
        inner = inner - mean[:, None] - offset
        eigenvalues, vectors = np.linalg.eigh(inner)
        basis, projected = vectors, cross @ vectors
    else:
        rows = design.matrix[train]
        size = (rows**2).sum()
        mean = rows.mean(0)
        rows = rows - mean
        eigenvalues, vectors = np.linalg.eigh(rows.T @ rows)
        basis, projected = rows @ vectors, (design.matrix[test] - mean) @ vectors
    eigenvalues = np.where(eigenvalues > ROUNDING * size, eigenvalues, 0)
    return Spectrum(eigenvalues, vectors, basis, projected, eigenvalues.sum() / len(train))


def predict(spectrum: Spectrum, responses: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Predict the test rows.

    Parameters
    ----------
    spectrum : Spectrum
    responses : float array (training rows, targets)
        Centered on the training rows.
    alphas : float array (targets,)

    Returns
    -------
    float array (test rows, targets)
        Relative to the training mean of the responses.
    """
    return spectrum.test @ _shrink(spectrum, spectrum.train.T @ responses, alphas)


def squared_errors(
    spectrum: Spectrum, responses: np.ndarray, held_out: np.ndarray, alphas: np.ndarray
) -> np.ndarray:
    """Sum the squared errors of prediction over the test rows, for each alpha and target.

    Parameters
    ----------
    spectrum : Spectrum
    responses : float array (training rows, targets)
        Centered on the training rows.
    held_out : float array (test rows, targets)
        Relative to the training mean of the responses.
    alphas : float array (alphas,)

    Returns
    -------
    float array (alphas, targets)
    """
    loadings = spectrum.train.T @ responses
    errors = np.empty((len(alphas), responses.shape[1]))
    for number, alpha in enumerate(alphas):
        residual = held_out - spectrum.test @ _shrink(spectrum, loadings, np.array([alpha]))
        errors[number] = np.einsum("ij,ij->j", residual, residual)
    return errors


def choose_alpha(errors: np.ndarray) -> np.ndarray:
    """Return the number of the alpha of least error per target; ties go to the larger alpha.

    Parameters
    ----------
    errors : float array (alphas, targets)
        Alphas ascending.

    Returns
    -------
    int array (targets,)
    """
    return len(errors) - 1 - np.argmin(errors[::-1], axis=0)


def coefficients(features: np.ndarray, responses: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Fit the weights on all rows.

    Parameters
    ----------
    features : array (rows, units)
    responses : float array (rows, targets)
        Centered.
    alphas : float array (targets,)

    Returns
    -------
    float array (units, targets)
    """
    rows = np.arange(len(features))
    design = make_design(features)
    spectrum = decompose(design, rows, rows[:0])
    lifted = spectrum.vectors @ _shrink(spectrum, spectrum.train.T @ responses, alphas)
    if not design.is_gram:
        return lifted
    return (features - features.mean(0, dtype=float)).T @ lifted


def _shrink(spectrum: Spectrum, loadings: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    penalty = alphas * spectrum.scale
    denominator = spectrum.eigenvalues[:, None] + penalty
    # Features that do not vary in the training set have neither eigenvalues nor a scale.
    return np.divide(loadings, denominator, out=np.zeros_like(loadings), where=denominator > 0)
