"""One system in the coordinates that rotations are fitted in: centered, scaled, reduced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.device import eigen

SCALINGS = ("norm", "none")

# Directions with less than this share of the variance of the first are rounding.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class CommonSpace:
    """Center, scale and principal axes of one system, from its training rows.

    Parameters
    ----------
    mean : float array (units,)
    scale : float
        What centered rows are divided by.
    axes : float array (units, rank)
        Orthonormal; all directions that vary in the training rows, or as many as were asked for.
    kept : float
        Share of the variance of the training rows along the axes.
    reduced : bool
        Whether only as many axes count as were asked for. Else what rows have outside of the axes
        counts for their norm, though no rotation was fitted to it.
    """

    mean: np.ndarray
    scale: float
    axes: np.ndarray
    kept: float
    reduced: bool

    def center(self, rows: np.ndarray) -> np.ndarray:
        """Center and scale rows (..., units)."""
        return (np.asarray(rows, dtype=float) - self.mean) / self.scale

    def coordinates(self, rows: np.ndarray) -> np.ndarray:
        """Return the coordinates (..., rank) of rows (..., units)."""
        return self.center(rows) @ self.axes

    def squared_norms(self, rows: np.ndarray) -> np.ndarray:
        """Return the squared norms (rows,) of centered, scaled rows."""
        centered = self.coordinates(rows) if self.reduced else self.center(rows)
        return np.einsum("ij,ij->i", centered, centered)


def fit_common_space(
    rows: np.ndarray, *, dimensions: int | None = None, scaling: str = "norm"
) -> CommonSpace:
    """Find center, scale and axes of a system.

    Parameters
    ----------
    rows : float array (training rows, units)
        Not changed.
    dimensions : int, optional
        Keep so many principal components. By default all, which is another quantity.
    scaling : {"norm", "none"}
        "norm": divide by the root mean squared norm that centered rows of new stimuli would have,
        sqrt((n + 1) / (n (n - 1)) sum_i |x_i|^2) for n training rows, so that an average held-out
        stimulus has norm 1. "none": leave as is.

    Returns
    -------
    CommonSpace
    """
    if scaling not in SCALINGS:
        raise unknown_name(scaling, SCALINGS, kind="scaling")
    values = np.asarray(rows, dtype=float)
    mean = values.mean(0)
    centered = values - mean
    largest, axes = _principal_axes(centered)
    total = np.einsum("ij,ij->", centered, centered)
    # float noise about a constant, of which the mean is only known to rounding
    if not total > (1e-6 * len(values)) * np.finfo(float).eps * (values**2).sum():
        message = "A system does not vary over the training stimuli; leave it out."
        raise DataError(message)
    if dimensions is not None:
        if not 1 <= dimensions <= axes.shape[1]:
            message = (
                f"dimensions={dimensions} were asked for, but a system has {axes.shape[1]} that "
                f"vary over {len(values)} training stimuli; ask for at most so many."
            )
            raise DataError(message)
        largest, axes = largest[:dimensions], axes[:, :dimensions]
    kept = total if dimensions is None else float(largest.sum())
    n = len(values)
    scale = float(np.sqrt(kept * (n + 1) / (n * (n - 1)))) if scaling == "norm" else 1.0
    return CommonSpace(mean, scale, axes, float(min(kept / total, 1.0)), dimensions is not None)


def _principal_axes(centered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared singular values, descending, and right vectors, above rounding."""
    n, p = centered.shape
    gram = centered @ centered.T if n < p else centered.T @ centered
    values, vectors = eigen(gram)
    values, vectors = values[::-1], vectors[:, ::-1]
    varies = values > ROUNDING * max(float(values[0]), 0.0)
    values, vectors = values[varies], vectors[:, varies]
    if n < p:
        vectors = centered.T @ (vectors / np.sqrt(values))
        # Axes of small values are orthogonal to the square root of rounding only.
        vectors, _ = np.linalg.qr(vectors)
    return values, vectors
