"""Choose how much each feature space weighs, and alpha, for every target on inner folds.

Candidate weights are shared by all targets: one decomposition per candidate and inner fold serves
them all, and alpha is scanned inside each candidate at the cost of a dozen products.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.alpha_search import TOLERANCE, inner_fold, validation_errors
from neuroalign.numerics.device import Array
from neuroalign.numerics.held_out import errors_of_the_mean, training_statistics
from neuroalign.numerics.nested_ridge import choose_alpha
from neuroalign.numerics.spaces import Spaces, combine, relative_weights

Pairs = list[tuple[np.ndarray, np.ndarray]]

# Candidates alternate between draws that favor few spaces and draws that are uniform.
CONCENTRATIONS = (0.1, 1.0)

# Errors that differ by less than this many times the rounding of the features are equal.
EQUAL = 100


class BandedSearch(NamedTuple):
    """What is tried: the same for every fold."""

    alphas: np.ndarray  # ascending, relative to the mean squared norm of a weighted training row
    weights: np.ndarray  # (candidates, spaces), each of sum 1
    allowed: np.ndarray  # bool (subsets, candidates): which subset of spaces may use which
    tolerance: float = TOLERANCE


class BandedChoice(NamedTuple):
    """What the training rows chose."""

    candidates: np.ndarray  # (subsets, targets), row numbers of the weights
    alphas: np.ndarray  # (subsets, targets), relative
    penalties: np.ndarray  # (subsets, targets), on ||w||^2
    inner_r2: np.ndarray  # (subsets, targets), NaN for a target that does not vary


def draw_weights(n_spaces: int, n_candidates: int, seed: int) -> np.ndarray:
    """Draw weights to try: all equal, each space alone, then at random.

    Parameters
    ----------
    n_spaces, n_candidates : int
    seed : int

    Returns
    -------
    float array (candidates, spaces)
        Each of sum 1. More candidates only add to fewer.
    """
    rng = np.random.default_rng(seed)
    fixed = [np.full(n_spaces, 1 / n_spaces), *np.eye(n_spaces)][:n_candidates]
    drawn = [
        rng.dirichlet(np.full(n_spaces, CONCENTRATIONS[number % len(CONCENTRATIONS)]))
        for number in range(n_candidates - len(fixed))
    ]
    return np.array([*fixed, *drawn])


def all_subsets(n_spaces: int) -> np.ndarray:
    """List all subsets of spaces but the empty one, small ones first, as a mask.

    Parameters
    ----------
    n_spaces : int

    Returns
    -------
    bool array (2^spaces - 1, spaces)
    """
    subsets = [
        np.isin(np.arange(n_spaces), members)
        for size in range(1, n_spaces + 1)
        for members in combinations(range(n_spaces), size)
    ]
    return np.array(subsets)


def restrict(weights: np.ndarray, subsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Restrict candidates to subsets of the spaces, and bring their sum back to 1.

    Parameters
    ----------
    weights : float array (candidates, spaces)
    subsets : bool array (subsets, spaces)

    Returns
    -------
    weights : float array (distinct candidates, spaces)
        In order; those of larger subsets first.
    allowed : bool array (subsets, distinct candidates)
        Candidates that are restricted to nothing are left out.
    """
    users: dict[tuple[float, ...], set[int]] = {}
    largest_first = np.argsort(-subsets.sum(1), kind="stable")
    for candidate in weights:
        for number in largest_first:
            kept = candidate * subsets[number]
            if kept.sum() > 0:
                users.setdefault(tuple(kept / kept.sum()), set()).add(number)
    allowed = np.array([[s in chosen for chosen in users.values()] for s in range(len(subsets))])
    return np.array(list(users)), allowed


def choose_weights(
    spaces: Spaces, responses: Array, train: np.ndarray, *, inner: Pairs, search: BandedSearch
) -> BandedChoice:
    """Choose weights and alpha of each target by squared error, pooled over validation rows.

    Parameters
    ----------
    spaces : Spaces
    responses : array (all rows, targets)
    train : int array
        Row numbers.
    inner : list of (int array, int array)
        Row numbers to train on and to validate on.
    search : BandedSearch

    Returns
    -------
    BandedChoice
        Ties, up to rounding, go to the larger alpha, then to the earlier candidate.

    Notes
    -----
    At a time there are the Gram matrices of the spaces, that of one candidate, and the spectra
    of its inner folds.
    """
    n_targets = responses.shape[1]
    shape = len(search.allowed), n_targets
    least, level, penalties = np.full(shape, np.inf), np.full(shape, -1), np.zeros(shape)
    chosen, equal = np.zeros(shape, dtype=int), EQUAL * spaces.rounding
    every = np.arange(n_targets)
    for number, grid, folds in _candidates(spaces, responses, train, inner, search):
        users = np.flatnonzero(search.allowed[:, number])
        rival = least[users].max(0) * (1 + equal)
        errors = validation_errors(folds, tolerance=search.tolerance, rival=rival)
        best = choose_alpha(errors)
        error = errors[best, every]
        for subset in users:
            old = least[subset]
            wins = (error < old * (1 - equal)) | (
                (error <= old * (1 + equal)) & (best > level[subset])
            )
            if grid[-1] == 0:  # spaces that are constant: only where there is nothing else
                wins &= np.isinf(old)
            chosen[subset, wins], level[subset, wins] = number, best[wins]
            least[subset, wins], penalties[subset, wins] = error[wins], grid[best[wins]]
    with np.errstate(invalid="ignore", divide="ignore"):
        inner_r2 = 1 - least / errors_of_the_mean(responses, inner)
    inner_r2[:, training_statistics(responses, train)[1] == 0] = np.nan
    return BandedChoice(chosen, search.alphas[level], penalties, inner_r2)


def _candidates(
    spaces: Spaces, responses: Array, train: np.ndarray, inner: Pairs, search: BandedSearch
) -> Iterator[tuple[int, np.ndarray, list]]:
    """Yield each candidate with its penalties and inner folds."""
    relative = relative_weights(spaces, search.weights, train)
    for number, weights in enumerate(relative):
        design = combine(spaces, weights)
        grid = search.alphas * ridge.scale(design, train)
        yield (
            number,
            grid,
            [
                inner_fold(ridge.decompose(design, part, held), grid, responses, part, held)
                for part, held in inner
            ],
        )
