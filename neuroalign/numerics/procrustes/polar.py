"""The orthogonal factor of a matrix: the rotation that brings one view nearest to another."""

from __future__ import annotations

import numpy as np
from scipy.linalg import svd

from neuroalign.errors import DataError
from neuroalign.numerics.device import Array, eigen, few_threads, namespace, small

# The eigenvalues of C C' are squares, so small ones drown in rounding. Above this share of the
# largest their inverse roots are right to about a thousandth (float32) or 1e-7 (float64), which one
# clean-up step squares.
SMALLEST_SHARE = {"float32": 1e-4, "float64": 1e-8}
# Largest deviation from orthogonality that one clean-up step mends: it leaves 3/4 of its square.
MENDED = {"float32": 2e-3, "float64": 1e-6}


class Steepness:
    """Remembers that a matrix was too steep for the fast way, so that the next is not tried."""

    def __init__(self) -> None:
        self.found = False


def polar_factor(products: Array, steepness: Steepness | None = None) -> Array:
    """Return the matrix with orthonormal rows (or columns) that is nearest to each matrix.

    Of C = U S V' that is U V', which maximizes trace(Q' C) over all Q with orthonormal rows
    (columns, where C is tall). It is found as (C C')^(-1/2) C by an eigendecomposition and one
    Newton-Schulz step, about twice as fast as a singular value decomposition; matrices without
    full rank, or nearly so, take the latter one by one. Their factor is not unique; some
    orthonormal completion is returned.

    Parameters
    ----------
    products : float array or tensor (rows, columns) or (matrices, rows, columns)
        float32 or float64. Not changed.
    steepness : Steepness, optional
        Shared by calls whose matrices are alike, such as those of one view: once one of them took
        the slow way, the others go there directly.

    Returns
    -------
    float array or tensor of the same shape, type and place
        Q Q' (or Q' Q, if tall) is the identity to 1e-12 (float64) or 1e-5 (float32).

    References
    ----------
    Higham (1986), doi:10.1137/0907079; Newton-Schulz: Higham (2008), Functions of Matrices, 8.3.
    """
    if str(products.dtype).removeprefix("torch.") not in MENDED or products.ndim not in (2, 3):
        message = (
            f"polar_factor was given an array of {products.ndim} axes and type {products.dtype}; "
            "give float32 or float64 of shape (rows, columns) or (matrices, rows, columns)."
        )
        raise DataError(message)
    if products.ndim == 3:
        factors = [_polar(matrix, steepness or Steepness()) for matrix in products]
        return namespace(products).stack(factors) if factors else products
    return _polar(products, steepness or Steepness())


def _polar(matrix: Array, steepness: Steepness) -> Array:
    """Return the factor of one matrix."""
    if matrix.shape[0] > matrix.shape[1]:
        return _polar(matrix.T, steepness).T
    if 0 in matrix.shape:
        return matrix
    factor = None if steepness.found else _by_eigenvectors(matrix)
    steepness.found = factor is None
    return _by_svd(matrix) if factor is None else factor


def _by_eigenvectors(matrix: Array) -> Array | None:
    """Return the factor of a matrix that is not too steep; else None."""
    xp = namespace(matrix)
    kind = str(matrix.dtype).removeprefix("torch.")
    values, vectors = eigen(matrix @ matrix.T)
    if not float(values[0]) > SMALLEST_SHARE[kind] * float(values[-1]):
        return None
    roots = vectors * values**-0.25  # a product with itself takes half as long
    factor = (roots @ roots.T) @ matrix
    off = factor @ factor.T
    off -= small(np.eye(len(off)), off)
    if not float(xp.linalg.norm(off)) < MENDED[kind]:
        return None
    return factor - 0.5 * (off @ factor)


def _by_svd(matrix: Array) -> Array:
    """Return the factor of a matrix of any rank."""
    if not isinstance(matrix, np.ndarray):
        left, _, right = namespace(matrix).linalg.svd(matrix, full_matrices=False)
        return left @ right
    with few_threads(len(matrix)):
        left, _, right = svd(matrix, full_matrices=False, check_finite=False)
    return left @ right
