"""Poisson regression with a log link: rates of spike counts that are never negative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from neuroalign.errors import DataError
from neuroalign.numerics.linear_mapping import Compact, LinearFit, center, make_compact
from neuroalign.numerics.mapping import Pairs, check_grid, choose_candidates
from neuroalign.numerics.poisson_newton import Problem, minimize, start_constant

# Predicted log rates are kept within this of 0: e^300 is beyond any count, and can be squared.
FARTHEST = 300.0


@dataclass(frozen=True)
class Poisson:
    """Predict rates exp(b_0 + x b) by penalized maximum likelihood.

    Minimizes mean deviance / 2 + penalty / 2 |b|^2; the intercept is not penalized. Counts may be
    averages over repetitions. A neuroid that is silent in the training rows has rate 0.

    Parameters
    ----------
    alphas : sequence of float
        Penalties in units of the mean squared norm of a centered row of features. Each target
        takes the one of least deviance on the inner rows; ties go to the larger. The deviance is
        a mean over rows: alpha here does what alpha x rows does in a ridge regression of unit
        rate.

    References
    ----------
    McCullagh & Nelder (1989), doi:10.1007/978-1-4899-3242-6. The optimum is that of
    scikit-learn's PoissonRegressor.
    """

    alphas: Sequence[float] = tuple(float(alpha) for alpha in np.logspace(-4, 2, 7))

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
    ) -> PoissonFit:
        """Fit all rows.

        Parameters
        ----------
        features : array (rows, units)
        responses : array (rows, targets)
            0 or more.
        inner : list of pairs of int arrays
            Training and test rows on which alpha is chosen.
        seed : int
            Not used.

        Returns
        -------
        PoissonFit
        """
        counts = check_counts(responses)
        compact = make_compact(features)
        strongest_first = np.array(self.alphas[::-1])
        failures = np.zeros(counts.shape[1], dtype=int)

        def path(train: np.ndarray, test: np.ndarray) -> Iterator[np.ndarray]:
            problem = _make_problem(compact, counts, train)
            new = (compact.coordinates[test] - problem.mean) @ problem.directions
            weights = start_constant(problem)
            for alpha in strongest_first:
                weights, failed = minimize(problem, np.full(len(failures), alpha), weights)
                failures[:] += failed
                yield rates(new @ weights[1:] + weights[0])

        chosen, inner_r2 = choose_candidates(counts, inner, path, len(strongest_first), _deviance)
        problem = _make_problem(compact, counts, np.arange(len(counts)))
        alphas = strongest_first[chosen]
        weights, failed = minimize(problem, alphas, start_constant(problem))
        small = compact._replace(coordinates=compact.coordinates[:0], noise=compact.noise[:0])
        slopes = problem.directions @ weights[1:]
        found = {"alpha": alphas}
        log_rate = LinearFit(small, problem.mean, slopes, weights[0], found, inner_r2)
        return PoissonFit(log_rate, failures + failed)


@dataclass(frozen=True, eq=False)
class PoissonFit:
    """A fitted Poisson regression.

    Parameters
    ----------
    log_rate : LinearFit
        Of the logarithm of the rate, whose intercept is minus infinity for a silent neuroid.
    failures : int array (targets,)
        Number of fits, inner or final, that did not reach the tolerance; 0 where all is well.
    """

    log_rate: LinearFit
    failures: np.ndarray

    @property
    def coefficients(self) -> np.ndarray:
        """Coefficients (units, targets) of the logarithm of the rate."""
        return self.log_rate.coefficients

    @property
    def intercept(self) -> np.ndarray:
        """Logarithm of the rate (targets,) where every unit is 0."""
        return self.log_rate.intercept

    @property
    def hyperparameters(self) -> dict[str, np.ndarray]:
        """The alpha of each target."""
        return self.log_rate.hyperparameters

    @property
    def inner_r2(self) -> np.ndarray:
        """As in `LinearFit`, though alpha was chosen by deviance."""
        return self.log_rate.inner_r2

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the rates (rows, targets) for features (rows, units)."""
        return rates(self.log_rate.predict(features))


def check_counts(responses: np.ndarray) -> np.ndarray:
    """Refuse responses that are no counts, or averages of counts.

    Parameters
    ----------
    responses : array (rows, targets)

    Returns
    -------
    float array (rows, targets)
    """
    counts = responses.astype(float)
    wrong = int((~(np.isfinite(counts) & (counts >= 0))).sum())
    if wrong:
        message = (
            f"{wrong} of {counts.size} responses are negative or not finite; a Poisson mapping "
            "needs spike counts or rates of 0 or more."
        )
        raise DataError(message)
    return counts


def rates(log_rates: np.ndarray) -> np.ndarray:
    """Raise e to log rates that may be out of range; minus infinity, and nothing else, gives 0."""
    near = np.exp(np.clip(log_rates, -FARTHEST, FARTHEST))
    return np.where(np.isneginf(log_rates), 0.0, near)


def _deviance(counts: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Sum the deviance over rows; 0 where the training rows were silent, whatever the alpha."""
    silent = predicted == 0
    divisor = np.where(silent, 1.0, predicted)
    deviance = 2 * (xlogy(counts, counts / divisor) - counts + predicted)
    return np.where(silent, 0.0, deviance).sum(0)


def _make_problem(compact: Compact, counts: np.ndarray, rows: np.ndarray) -> Problem:
    training = center(compact, counts, rows)
    left, singular, right = np.linalg.svd(training.features, full_matrices=False)
    real = singular > training.floor
    scores = np.column_stack([np.ones(len(rows)), left[:, real] * singular[real]])
    sizes = (scores**2).mean(0)[:, None]
    return Problem(scores, sizes, counts[rows], training.feature_mean, right[real].T)
