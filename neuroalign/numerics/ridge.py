"""Ridge regression from one spectral decomposition per training set.

Users give alphas relative to the mean squared norm of a centered training row (`scale`), so that
scores do not depend on the scale of the features and one grid serves layers of any width; the
functions here take penalties on ||w||^2, which are alpha x scale.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics.device import (
    Array,
    as_index,
    check_range,
    eigen,
    fetch,
    namespace,
    put,
    small,
)

# Columns of the features that are centered and multiplied at a time.
CHUNK = 8192

# Share of the rows that inner folds of outer folds train on, or nearly: they are diagonalized most.
TRAINED = 0.75

# Rows that say where zero is: where a fifth of all rows is wild, most of these are with p = 5e-5.
N_ANCHORS, GOLDEN = 33, (5**0.5 - 1) / 2

# Eigenvalues below this share of the uncentered training features are rounding: features that are
# constant within a training set must not come back to life because the penalty shrinks with them.
ROUNDING = {"float64": 1e-13, "float32": 1e-7}


class Design(NamedTuple):
    """Features, or their Gram matrix where there are more units than rows."""

    matrix: Array
    is_gram: bool
    rounding: float


class Spectrum(NamedTuple):
    """What one training set says about its features: all that any penalty and target needs."""

    eigenvalues: Array  # (rank,), ascending; 0 where a direction is not used
    vectors: Array  # (rows of the training set or units, rank)
    train: Array  # (rows of the training set, rank)
    test: Array  # (rows of the test set, rank)


def is_wide(n_rows: int, n_units: int) -> bool:
    """Tell whether a Gram matrix of the rows is the smaller problem in a training set."""
    return n_units > TRAINED * n_rows


def make_design(features: np.ndarray, *, device: str = "cpu", dtype: str = "float64") -> Design:
    """Choose the smaller problem: the Gram matrix of the rows, or the features themselves.

    Parameters
    ----------
    features : array (rows, units)
        Any numeric type.
    device : str
        As `put` takes it.
    dtype : {"float64", "float32"}
        Of the arithmetic.

    Returns
    -------
    Design
    """
    n_rows, n_units = features.shape
    check_range(features, features.size, dtype, "features")
    rounding = ROUNDING[dtype]
    if not is_wide(n_rows, n_units):
        return Design(put(_shifted(features), device, dtype), is_gram=False, rounding=rounding)
    gram = put(np.zeros((n_rows, n_rows)), device, dtype)
    for start in range(0, n_units, CHUNK):
        part = put(_shifted(features[:, start : start + CHUNK]), device, dtype)
        gram += part @ part.T  # half of the multiplications, where numpy sees one matrix twice
    return Design(gram, is_gram=True, rounding=rounding)


def _shifted(features: np.ndarray) -> np.ndarray:
    """Shift columns near zero: ridge does not see it, and products far from zero stay accurate.

    By the median of some rows, not the mean of all, so that wild rows, which may be held out, do
    not cost the others their accuracy. The rows are spread by the golden ratio, so that no period
    of the folds and no stretch of less than half of the rows holds most of them. The difference of
    two float32 numbers is exact enough in float32; other types are upcast first.
    """
    rows = np.unique((len(features) * (np.arange(N_ANCHORS) * GOLDEN % 1)).astype(int))
    values = features if features.dtype in (np.float32, np.float64) else features.astype(float)
    middle = len(rows) // 2
    return values - np.partition(values[rows], middle, axis=0)[middle]


def scale(design: Design, train: np.ndarray) -> float:
    """Compute the mean squared norm of a centered training row; 0 where that is rounding.

    Parameters
    ----------
    design : Design
    train : int array
        Row numbers.

    Returns
    -------
    float
    """
    index = as_index(train, design.matrix)
    if design.is_gram:
        inner = design.matrix[index][:, index]
        size = float(inner.diagonal().sum())
        centered = size - float(inner.mean()) * len(train)
    else:
        rows = design.matrix[index]
        size = float((rows**2).sum())
        centered = float(((rows - rows.mean(0)) ** 2).sum())
    return centered / len(train) if centered > design.rounding * size else 0.0


def decompose(
    design: Design, train: np.ndarray, test: np.ndarray, *, n_components: int | None = None
) -> Spectrum:
    """Center on the training rows and diagonalize, touching no test row but to project it.

    Parameters
    ----------
    design : Design
    train, test : int arrays
        Row numbers.
    n_components : int, optional
        Keep the leading principal components of the training rows only.

    Returns
    -------
    Spectrum
    """
    in_train, in_test = as_index(train, design.matrix), as_index(test, design.matrix)
    if design.is_gram:
        rows = design.matrix[in_train]
        inner = rows[:, in_train]
        size = float(inner.diagonal().sum())
        cross = design.matrix[in_test][:, in_train]
        mean = inner.mean(0)
        offset = mean - mean.mean()
        cross = cross - cross.mean(1)[:, None] - offset
        inner = inner - mean[:, None] - offset
        eigenvalues, vectors = eigen(inner)
        basis, projected = vectors, cross @ vectors
    else:
        rows = design.matrix[in_train]
        size = float((rows**2).sum())
        mean = rows.mean(0)
        rows = rows - mean
        eigenvalues, vectors = eigen(rows.T @ rows)
        basis, projected = rows @ vectors, (design.matrix[in_test] - mean) @ vectors
    used = eigenvalues > design.rounding * size
    if n_components is not None:
        used[: max(len(eigenvalues) - n_components, 0)] = False
    return Spectrum(eigenvalues * used, vectors, basis, projected)


def filters(spectrum: Spectrum, penalties: np.ndarray) -> Array:
    """Compute 1 / (eigenvalue + penalty), and 0 for directions that are not used.

    Parameters
    ----------
    spectrum : Spectrum
    penalties : float array (penalties,)

    Returns
    -------
    array (rank, penalties)
    """
    values = spectrum.eigenvalues[:, None]
    used = values > 0
    return used / (values + small(penalties, values)[None, :] + ~used)


def predict(spectrum: Spectrum, responses: Array, penalties: np.ndarray) -> Array:
    """Predict the test rows.

    Parameters
    ----------
    spectrum : Spectrum
    responses : array (training rows, targets)
        Centered on the training rows.
    penalties : float array (targets,)

    Returns
    -------
    array (test rows, targets)
        Relative to the training mean of the responses.
    """
    return spectrum.test @ _shrunk(spectrum, responses, penalties)


def prediction_gains(spectrum: Spectrum, penalties: np.ndarray) -> np.ndarray:
    """Compute how much noise in the training responses moves the predictions of the test rows.

    Parameters
    ----------
    spectrum : Spectrum
    penalties : float array (penalties,)

    Returns
    -------
    float64 array (penalties,)
        Mean over test rows of the squared weights that they give the training responses. Computed
        in float64, since the squares of features may leave the range of float32.
    """
    eigenvalues, test = fetch(spectrum.eigenvalues), fetch(spectrum.test)
    # Columns of the training rows are eigenvectors, or features along them.
    norms = 1.0 if spectrum.train is spectrum.vectors else np.sqrt(eigenvalues)
    used = eigenvalues > 0
    # Shrunk first and squared then, so that no scale of the features leaves the range of float64.
    gains = [test * (norms * used / (eigenvalues + penalty + ~used)) for penalty in penalties]
    return np.array([(gain**2).sum(1).mean() for gain in gains])


def _shrunk(spectrum: Spectrum, responses: Array, penalties: np.ndarray) -> Array:
    levels, which = np.unique(penalties, return_inverse=True)
    loadings = spectrum.train.T @ responses
    loadings *= filters(spectrum, levels)[:, as_index(which, loadings)]
    return loadings


def coefficients(
    features: np.ndarray,
    responses: np.ndarray,
    penalties: np.ndarray,
    *,
    n_components: int | None = None,
) -> np.ndarray:
    """Fit the weights on all rows.

    Parameters
    ----------
    features : array (rows, units)
    responses : float array (rows, targets)
        Centered.
    penalties : float array (targets,)
    n_components : int, optional

    Returns
    -------
    float array (units, targets)
    """
    rows = np.arange(len(features))
    design = make_design(features)
    spectrum = decompose(design, rows, rows[:0], n_components=n_components)
    lifted = weights(spectrum, responses, penalties)
    if not design.is_gram:
        return lifted
    return (features - features.mean(0, dtype=float)).T @ lifted


def weights(spectrum: Spectrum, responses: Array, penalties: np.ndarray) -> Array:
    """Fit the weights over what was diagonalized.

    Parameters
    ----------
    spectrum : Spectrum
    responses : array (training rows, targets)
        Centered on the training rows.
    penalties : float array (targets,)

    Returns
    -------
    array (units, targets), or (training rows, targets) where the design is a Gram matrix
    """
    return spectrum.vectors @ _shrunk(spectrum, responses, penalties)


def squared_norms(matrix: Array) -> Array:
    """Sum the squares of each column."""
    return namespace(matrix).einsum("ij,ij->j", matrix, matrix)
