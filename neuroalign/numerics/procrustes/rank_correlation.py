"""Rank correlations that leave out what other quantities explain, and how often chance does so."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from neuroalign.errors import DataError

# Residuals whose sum of squares is less than this share of that of the ranks are rounding.
ROUNDING = 1e-10


def rank_residuals(values: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Return what the ranks of controls do not explain of the ranks of values, with norm 1.

    Parameters
    ----------
    values : float array (stimuli,)
    controls : float array (controls, stimuli)
        May be none: shape (0, stimuli). Constant ones explain nothing.

    Returns
    -------
    float array (stimuli,)
        Mean 0 and norm 1. NaN where nothing is left.
    """
    ranks = _centered_ranks(np.asarray(values, dtype=float))
    size = float(ranks @ ranks)
    if len(controls):
        explaining = np.stack([_centered_ranks(np.asarray(c, dtype=float)) for c in controls])
        ranks = ranks - explaining.T @ np.linalg.lstsq(explaining.T, ranks, rcond=ROUNDING)[0]
    left = float(ranks @ ranks)
    if not left > ROUNDING * size:
        return np.full(len(ranks), np.nan)
    return ranks / np.sqrt(left)


def partial_rank_correlation(
    first: np.ndarray, second: np.ndarray, controls: np.ndarray | None = None
) -> float:
    """Correlate two rankings of stimuli, with those of controls held equal.

    Without controls, Spearman's correlation.

    Parameters
    ----------
    first, second : float arrays (stimuli,)
        Without NaN.
    controls : float array (controls, stimuli), optional

    Returns
    -------
    float
        NaN where one is constant, or explained entirely by the controls.

    References
    ----------
    Kendall (1942), doi:10.1093/biomet/32.3-4.277.
    """
    held = np.empty((0, len(first))) if controls is None else controls
    return float(rank_residuals(first, held) @ rank_residuals(second, held))


def permuted_correlations(
    first: np.ndarray,
    second: np.ndarray,
    controls: np.ndarray,
    *,
    n_permutations: int,
    seed: int,
) -> np.ndarray:
    """Correlate residual ranks after the stimuli of one of them were exchanged.

    Parameters
    ----------
    first, second : float arrays (stimuli,)
    controls : float array (controls, stimuli)
    n_permutations, seed : int

    Returns
    -------
    float array (permutations,)

    References
    ----------
    Of residuals: Freedman & Lane (1983), doi:10.1080/07350015.1983.10509354.
    """
    one, two = rank_residuals(first, controls), rank_residuals(second, controls)
    random = np.random.default_rng(seed)
    return np.array([random.permutation(one) @ two for _ in range(n_permutations)])


def permutation_p(observed: float, null: np.ndarray) -> float:
    """Return the two-sided p of a value among those of permutations; NaN if it is undefined.

    References
    ----------
    Phipson & Smyth (2010), doi:10.2202/1544-6115.1585.
    """
    if not len(null):
        message = "No permutation was asked for; p needs at least one."
        raise DataError(message)
    if not np.isfinite(observed):
        return np.nan
    as_far = np.abs(null) >= abs(observed) * (1 - 1e-12)
    return float((1 + as_far.sum()) / (1 + len(null)))


def _centered_ranks(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(values)
    return ranks - ranks.mean()
