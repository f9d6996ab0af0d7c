"""Models that predict dissimilarities from several sets of them, as one weight per set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import minimize_scalar, nnls

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.comparison import check_vectors, constant_rows, even_rows
from neuroalign.numerics.rdm.spaces import (
    INNER_PRODUCTS,
    KEEPS_MEAN,
    WHITENED,
    comparison_named,
    same_pairs,
    unit_rows,
)
from neuroalign.numerics.rdm.whitened import whiten

STEPS = 21  # mixtures of two neighbors that are tried before the search between them


class DissimilarityModel(Protocol):
    """What every model of dissimilarities can do: find the weights of its sets."""

    def fit_arrays(
        self, vectors: np.ndarray, dissimilarities: np.ndarray, comparison: str
    ) -> np.ndarray:
        """Return theta, (n_sets,)."""


def predict(vectors: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Predict dissimilarities with the weights that a model was fitted with.

    Parameters
    ----------
    vectors : float array (n_sets, n_pairs)
        Condensed dissimilarities of the model, of any stimuli.
    theta : float array (n_sets,)

    Returns
    -------
    float array (n_pairs,)
    """
    return np.asarray(theta, dtype=float) @ np.asarray(vectors, dtype=float)


@dataclass(frozen=True)
class FixedModel:
    """One set of dissimilarities, with nothing to fit."""

    def fit_arrays(
        self, vectors: np.ndarray, dissimilarities: np.ndarray, comparison: str
    ) -> np.ndarray:
        """Return theta = [1].

        Parameters
        ----------
        vectors : float array (1, n_pairs)
        dissimilarities : float array (n_subjects, n_pairs)
        comparison : str

        Returns
        -------
        float array (1,)

        Raises
        ------
        DataError
            For more than one set.
        """
        vectors, _ = _check(vectors, dissimilarities, comparison)
        if len(vectors) != 1:
            message = (
                f"A fixed model is one set of dissimilarities, and {len(vectors)} are given; use "
                "SelectedModel or WeightedModel."
            )
            raise DataError(message)
        return np.ones(1)


@dataclass(frozen=True)
class SelectedModel:
    """The one of several sets (as of layers) that compares best with the training data."""

    def fit_arrays(
        self, vectors: np.ndarray, dissimilarities: np.ndarray, comparison: str
    ) -> np.ndarray:
        """Return theta, 1 for the set whose mean comparison with subjects is greatest.

        Parameters
        ----------
        vectors : float array (n_sets, n_pairs)
        dissimilarities : float array (n_subjects, n_pairs)
        comparison : str

        Returns
        -------
        float array (n_sets,)
            The first of equals. NaN where no comparison is defined.
        """
        vectors, subjects = _check(vectors, dissimilarities, comparison)
        return _one_hot(comparison_named(comparison)(vectors, subjects).mean(axis=1))


@dataclass(frozen=True)
class WeightedModel:
    """A sum of several sets (as of features, each with a weight of its own squared).

    Least squares to the pool of subjects, which for these comparisons finds the sum with the
    greatest mean comparison: rows are centered or whitened first, as the comparison does, and the
    cosine of a sum with the pool is greatest where its distance from the pool, at the best
    length, is smallest.

    Parameters
    ----------
    nonnegative : bool
        Whether weights are 0 or more, as those of squared distances must be to be distances.

    References
    ----------
    Khaligh-Razavi & Kriegeskorte (2014), doi:10.1371/journal.pcbi.1003915; Schuett et al. (2023),
    doi:10.7554/eLife.82566.
    """

    nonnegative: bool = True

    def fit_arrays(
        self, vectors: np.ndarray, dissimilarities: np.ndarray, comparison: str
    ) -> np.ndarray:
        """Return theta, of length 1.

        Parameters
        ----------
        vectors : float array (n_sets, n_pairs)
            In units that matter: a set in units twice as large gets half the weight.
        dissimilarities : float array (n_subjects, n_pairs)
        comparison : str
            A cosine or correlation, whitened or not.

        Returns
        -------
        float array (n_sets,)
            All 0 where no weights of 0 or more bring the sum nearer to the pool; of sets that
            depend on each other, the least weights. NaN where the pool is undefined.

        Raises
        ------
        DataError
            For comparisons of ranks, which weights do not add up in.
        """
        vectors, subjects = _check(vectors, dissimilarities, comparison)
        if comparison not in INNER_PRODUCTS:
            message = (
                f"Weighted models cannot be fitted by {comparison}, as ranks do not add up; fit "
                "by 'correlation' or 'whitened_correlation', and score by what you like."
            )
            raise DataError(message)
        pooled = unit_rows(subjects, comparison).mean(axis=0)
        rows = whiten(vectors) if comparison in WHITENED else vectors
        if comparison not in KEEPS_MEAN:
            rows = rows - rows.mean(axis=1, keepdims=True)
            rows[constant_rows(vectors)] = 0
        rows = even_rows(rows.reshape(1, -1)).reshape(rows.shape)  # by one number for all
        if np.isnan(pooled).any() or not rows.any():
            return np.full(len(rows), np.nan)
        directions, triangle = np.linalg.qr(rows.T)
        found = (
            nnls(triangle, directions.T @ pooled)[0]
            if self.nonnegative
            else np.linalg.lstsq(triangle, directions.T @ pooled, rcond=None)[0]
        )
        length = np.sqrt((found**2).sum())
        return found / length if length > 0 else found


@dataclass(frozen=True)
class InterpolatedModel:
    """The best mixture of two sets next to each other, as of a family ordered by a parameter.

    References
    ----------
    Schuett et al. (2023), doi:10.7554/eLife.82566.
    """

    def fit_arrays(
        self, vectors: np.ndarray, dissimilarities: np.ndarray, comparison: str
    ) -> np.ndarray:
        """Return theta: two neighbors 0 or more with sum 1, all others 0.

        Mixtures in steps of 1/20 are compared, then those around the best by a bounded search.

        Parameters
        ----------
        vectors : float array (n_sets, n_pairs)
            In order, on one scale.
        dissimilarities : float array (n_subjects, n_pairs)
        comparison : str

        Returns
        -------
        float array (n_sets,)
            NaN where no comparison is defined.

        Raises
        ------
        DataError
            For fewer than two sets.
        """
        vectors, subjects = _check(vectors, dissimilarities, comparison)
        n_sets = len(vectors)
        if n_sets < 2:
            message = "One set of dissimilarities has no neighbor; give two or more, in order."
            raise DataError(message)
        compare = comparison_named(comparison)

        def reach(share: np.ndarray, first: int) -> np.ndarray:
            mixed = (1 - share)[:, None] * vectors[first] + share[:, None] * vectors[first + 1]
            return np.asarray(compare(mixed, subjects).mean(axis=1))

        shares = np.linspace(0, 1, STEPS)
        tried = np.array([reach(shares, first) for first in range(n_sets - 1)])
        if np.isnan(tried).all():
            return np.full(n_sets, np.nan)
        first, step = map(int, np.unravel_index(int(np.nanargmax(tried)), tried.shape))
        around = shares[max(step - 1, 0)], shares[min(step + 1, STEPS - 1)]
        search = minimize_scalar(
            lambda share: -reach(np.array([share]), first)[0], bounds=around, method="bounded",
            options={"xatol": 1e-9},
        )  # fmt: skip
        share = search.x if -search.fun > tried[first, step] else shares[step]
        theta = np.zeros(n_sets)
        theta[first], theta[first + 1] = 1 - share, share
        return theta


def _check(
    vectors: np.ndarray, dissimilarities: np.ndarray, comparison: str
) -> tuple[np.ndarray, np.ndarray]:
    """Check, and leave out pairs that are missing in all (whitening refuses them)."""
    comparison_named(comparison)
    vectors, subjects = check_vectors(vectors, "model"), check_vectors(dissimilarities)
    keep = same_pairs(vectors, subjects)
    if comparison in WHITENED or keep.all():
        return vectors, subjects
    return vectors[:, keep], subjects[:, keep]


def _one_hot(values: np.ndarray) -> np.ndarray:
    if np.isnan(values).all():
        return np.full(len(values), np.nan)
    return (np.arange(len(values)) == np.nanargmax(values)).astype(float)
