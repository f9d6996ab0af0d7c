"""Dissimilarities of spike counts: divergences of Poisson distributions."""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dsyr2k

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.patterns import check_patterns, check_runs
from neuroalign.numerics.rdm.products import from_products


def poisson_kl(
    patterns: np.ndarray, *, prior_rate: float = 1.0, prior_weight: float = 0.1
) -> np.ndarray:
    """Compute the symmetric Kullback-Leibler divergence of Poisson counts, per unit.

    sum (l_x - l_y) (log l_x - log l_y) / units, with rates l drawn toward a prior:
    (pattern + prior_weight prior_rate) / (1 + prior_weight).

    Parameters
    ----------
    patterns : array (stimuli, units)
        Mean spike counts, 0 or more.
    prior_rate : float
        In spikes, as the patterns.
    prior_weight : float
        In observations.

    Returns
    -------
    float array (n_pairs,)
        0 or more.

    Raises
    ------
    DataError
        As for `squared_euclidean`; for negative counts, or a prior that leaves a rate of 0.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.
    """
    rates = _rates(check_patterns(patterns), prior_rate, prior_weight)
    logs = np.log(rates)
    products = _add_products(np.zeros((len(rates), len(rates))), rates, logs)

    def from_differences(i: int, others: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", rates[others] - rates[i], logs[others] - logs[i])

    return from_products(products, from_differences) / rates.shape[1]


def crossvalidated_poisson_kl(
    patterns: np.ndarray, *, prior_rate: float = 1.0, prior_weight: float = 0.1
) -> np.ndarray:
    """Compute the divergence of `poisson_kl` between rates of some runs and logs of another.

    The mean over runs a of sum (l_x - l_y) (log m_x - log m_y) / units, with m the rates of run a,
    and l those of the mean of the others. Its expectation is 0 for stimuli of equal rates, if runs
    are independent, so that single values may be negative. For others it is smaller than the
    divergence without noise, as far as the prior and the logarithm of noisy counts draw
    differences together.

    Parameters
    ----------
    patterns : array (runs, stimuli, units)
        Spike counts, 0 or more, of 2 runs or more.
    prior_rate, prior_weight : float
        As for `poisson_kl`.

    Returns
    -------
    float array (n_pairs,)

    Raises
    ------
    DataError
        As for `poisson_kl`; for fewer than 2 runs.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.
    """
    patterns = check_runs(patterns)
    n_runs, n_stimuli, n_units = patterns.shape
    total = patterns.sum(axis=0)
    products = np.zeros((n_stimuli, n_stimuli))
    for run in patterns:
        others = _rates(np.maximum(total - run, 0) / (n_runs - 1), prior_rate, prior_weight)
        logs = np.log(_rates(run, prior_rate, prior_weight))
        products = _add_products(products, others, logs)
    return from_products(products) / (n_runs * n_units)


def _add_products(products: np.ndarray, rates: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Add (rates logs' + logs rates') / 2 to products, on the diagonal and right of it."""
    parts = [part - part.mean(axis=0) for part in (rates, logs)]
    return dsyr2k(
        0.5, parts[0].T, parts[1].T, beta=1.0, c=products.T, trans=1, lower=1, overwrite_c=1
    ).T


def _rates(counts: np.ndarray, prior_rate: float, prior_weight: float) -> np.ndarray:
    """Draw rates toward the prior."""
    if counts.min() < 0:
        message = (
            f"{(counts < 0).sum()} of {counts.size} values are negative; Poisson divergences need "
            "spike counts or rates of 0 or more."
        )
        raise DataError(message)
    if not (0 <= prior_weight < np.inf and 0 <= prior_rate < np.inf):
        message = (
            f"prior_rate={prior_rate!r} and prior_weight={prior_weight!r} must be finite numbers "
            "of 0 or more."
        )
        raise DataError(message)
    rates = (counts + prior_rate * prior_weight) / (1 + prior_weight)
    if rates.min() == 0:
        message = (
            f"{(rates == 0).sum()} rates are 0, and have no logarithm; use a positive prior_rate "
            "and prior_weight."
        )
        raise DataError(message)
    return rates
