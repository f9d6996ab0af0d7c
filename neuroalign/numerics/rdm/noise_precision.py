"""The precision of noise across units: the inverse of its covariance, shrunk so that it exists."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from neuroalign.errors import DataError, unknown_name

DIAGONAL, IDENTITY = "diagonal", "identity"
# A unit of which less than this share is left when earlier units explain it has no precision.
SINGULAR = 1e-12


class Residuals(NamedTuple):
    """What repetitions of a stimulus differ by."""

    values: np.ndarray  # float (rows, units)
    dof: int  # degrees of freedom: rows less the means that were subtracted


def residuals(repetitions: np.ndarray) -> Residuals:
    """Subtract from each repetition the mean of those of its stimulus.

    Parameters
    ----------
    repetitions : array (stimuli, repetitions, units)
        NaN where missing. A repetition that misses a unit is left out, and so is a stimulus of
        which fewer than 2 are left.

    Returns
    -------
    Residuals
        A row for each repetition that is left; degrees of freedom are rows less stimuli.

    Raises
    ------
    DataError
        For arrays of another shape, infinite values, or if no stimulus has 2 repetitions.
    """
    values = np.asarray(repetitions)
    if values.ndim != 3 or values.dtype.kind not in "biuf":
        message = (
            f"The repetitions have shape {values.shape} and hold {values.dtype}; give numbers of "
            "(stimuli, repetitions, units)."
        )
        raise DataError(message)
    values = values.astype(float, copy=False)
    present = ~np.isnan(values).any(axis=2)
    counts = present.sum(axis=1)
    present[counts < 2] = False
    stimuli, _ = np.nonzero(present)
    if not present.any() or not values.shape[2]:
        message = (
            f"None of {len(values)} stimuli has 2 repetitions with all units; leave out units that "
            "are often missing, or estimate the noise from other data."
        )
        raise DataError(message)
    rows = values[present]
    endless = int(np.isinf(rows).sum())
    if endless:
        message = f"{endless} responses are infinite; leave out those repetitions, or those units."
        raise DataError(message)
    starts = np.flatnonzero(np.diff(stimuli, prepend=-1))
    # Relative to one repetition first, so that a large mean takes no digits.
    rows -= np.repeat(rows[starts], counts[stimuli[starts]], axis=0)
    means = np.add.reduceat(rows, starts) / counts[stimuli[starts], None]
    rows -= np.repeat(means, counts[stimuli[starts]], axis=0)
    return Residuals(rows, len(rows) - len(starts))


def covariance(
    residuals: Residuals | np.ndarray, *, dof: int | None = None, shrink_to: str = DIAGONAL
) -> np.ndarray:
    """Estimate the covariance of noise across units, shrunk as far as the rows cannot tell.

    Parameters
    ----------
    residuals : Residuals or array (rows, units)
        Units of an array are centered.
    dof : int, optional
        Degrees of freedom of the rows: rows less all that was fitted to them. By default those of
        `Residuals`, or rows - 1 for an array.
    shrink_to : {"diagonal", "identity"}
        "diagonal": covariances are multiplied by 1 - weight, with weight the sum of the variances
        of correlations over that of their squares, in [0, 1] (Schaefer and Strimmer); variances
        are kept. "identity": (1 - weight) covariance + weight (mean variance) identity (Ledoit and
        Wolf), for units of equal noise.

    Returns
    -------
    float array (units, units)
        In the squared unit of the residuals.

    Raises
    ------
    DataError
        For arrays of another shape, NaN or infinite values, units without variance, and degrees of
        freedom that are not in 1 to the number of rows.

    References
    ----------
    Schaefer & Strimmer (2005), doi:10.2202/1544-6115.1175, with the variance of a correlation as in
    rsatoolbox: n / dof^2 (sum w^2 / (n - 1) - (sum w / (n - 1))^2) over the products w of n
    rows of two units, scaled to variance 1. Ledoit & Wolf (2004),
    doi:10.1016/S0047-259X(03)00096-4.
    """
    if shrink_to not in (DIAGONAL, IDENTITY):
        raise unknown_name(shrink_to, (DIAGONAL, IDENTITY), kind="covariance to shrink to")
    values, dof = _centered(residuals, dof)
    shrink = _shrink_to_diagonal if shrink_to == DIAGONAL else _shrink_to_identity
    return shrink(values, dof)


def precision(
    residuals: Residuals | np.ndarray, *, dof: int | None = None, shrink_to: str = DIAGONAL
) -> np.ndarray:
    """Estimate the inverse covariance of noise across units.

    Parameters
    ----------
    residuals : Residuals or array (rows, units)
    dof : int, optional
    shrink_to : {"diagonal", "identity"}
        As for `covariance`.

    Returns
    -------
    float array (units, units)
        Symmetric, without negative eigenvalues.

    Raises
    ------
    DataError
        As for `covariance`; if it has no inverse.
    """
    shrunk = covariance(residuals, dof=dof, shrink_to=shrink_to)
    scale = np.sqrt(np.diag(shrunk))
    try:
        root = np.linalg.cholesky(shrunk / scale / scale[:, None])
        singular = bool((np.diag(root) ** 2 <= SINGULAR).any())
    except np.linalg.LinAlgError:
        singular = True
    if singular:
        message = (
            f"The covariance of {len(scale)} units has no inverse: some are sums of others; give "
            "more residuals, or leave out units."
        )
        raise DataError(message)
    inverse = solve_triangular(root, np.diag(1 / scale), lower=True)
    return inverse.T @ inverse


def _centered(residuals: Residuals | np.ndarray, dof: int | None) -> tuple[np.ndarray, int]:
    """Return rows about their mean, and their degrees of freedom."""
    if isinstance(residuals, Residuals):
        values, fitted = residuals
    else:
        values = np.asarray(residuals)
        if values.ndim != 2 or values.dtype.kind not in "biuf" or not values.size:
            message = (
                f"The residuals have shape {values.shape} and hold {values.dtype}; give numbers "
                "of (rows, units)."
            )
            raise DataError(message)
        values = values.astype(float, copy=False)
        if not np.isfinite(values).all():
            wrong = int((~np.isfinite(values)).sum())
            message = (
                f"{wrong} residuals are NaN or infinite; leave out those rows, or those units."
            )
            raise DataError(message)
        values, fitted = values - values.mean(axis=0), len(values) - 1
    dof = fitted if dof is None else dof
    if not 1 <= dof <= len(values):
        message = (
            f"There are {dof} degrees of freedom in {len(values)} rows; give 1 to all of them."
        )
        raise DataError(message)
    still = int((np.ptp(values, axis=0) == 0).sum())
    if still:
        message = f"{still} of {values.shape[1]} units have no noise variance; leave them out."
        raise DataError(message)
    return values, dof


def _shrink_to_diagonal(values: np.ndarray, dof: int) -> np.ndarray:
    n = len(values)
    scale = np.sqrt(np.einsum("ij,ij->j", values, values) / dof)
    scaled = values / scale
    products = scaled.T @ scaled
    squares = scaled**2
    # Sums over two different units, of squared sums of products and of sums of squared products.
    of_sums = (products**2).sum() - (np.diag(products) ** 2).sum()
    of_products = (squares.sum(axis=1) ** 2).sum() - (squares**2).sum()
    variance = n / dof**2 * (of_products / (n - 1) - of_sums / (n - 1) ** 2)
    correlations = of_sums / (n - 1) ** 2
    weight = np.clip(variance / correlations, 0, 1) if correlations > 0 else 1.0
    shrunk = products * ((1 - weight) / dof)
    np.fill_diagonal(shrunk, 1)
    return shrunk * scale * scale[:, None]


def _shrink_to_identity(values: np.ndarray, dof: int) -> np.ndarray:
    n, n_units = values.shape
    size = np.abs(values).max()
    scaled = values / size  # so that no fourth power under- or overflows
    sample = scaled.T @ scaled / n
    mean = np.trace(sample) / n_units
    spread = ((sample - mean * np.eye(n_units)) ** 2).sum()
    fourth = (np.einsum("ij,ij->i", scaled, scaled) ** 2).sum() / n
    error = (fourth - (sample**2).sum()) / n
    weight = np.clip(error / spread, 0, 1) if spread > 0 else 1.0
    return ((1 - weight) * sample + weight * mean * np.eye(n_units)) * (n / dof) * size * size
