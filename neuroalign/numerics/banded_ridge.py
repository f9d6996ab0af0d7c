"""Banded ridge: one ridge regression on several feature spaces, each with a weight of its own.

Spaces are weighted per target (see `spaces`), which is a ridge penalty per space; the weights and
alpha are chosen on inner folds (see `banded_search`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.alpha_search import chunks
from neuroalign.numerics.banded_search import BandedChoice, BandedSearch, Pairs, choose_weights
from neuroalign.numerics.device import Array, as_index, fetch
from neuroalign.numerics.explained_shares import joint_r2, split_r2
from neuroalign.numerics.held_out import SplitResult, training_statistics
from neuroalign.numerics.spaces import Spaces, combine, project_rows, relative_weights


class Refit(NamedTuple):
    """One candidate on all training rows, for the targets of one subset that chose it."""

    subset: int
    targets: np.ndarray
    weights: np.ndarray  # (spaces,), from `relative_weights`
    spectrum: ridge.Spectrum
    rows: list[Array]  # of each space, (test rows, rank)
    loadings: Array  # (rank, targets)


def fit_banded(
    spaces: Spaces,
    responses: Array,
    train: np.ndarray,
    test: np.ndarray,
    *,
    inner: Pairs,
    search: BandedSearch,
) -> SplitResult:
    """Fit the training rows with the weights and alphas that they choose, and predict test rows.

    Parameters
    ----------
    spaces : Spaces
    responses : array (rows, targets)
        Where the spaces live. Rows that are neither in `train` nor in `test` are not read.
    train, test : int arrays
        Row numbers.
    inner : list of (int array, int array)
        Row numbers to train on and to validate on.
    search : BandedSearch
        The last subset is that of all spaces.

    Returns
    -------
    SplitResult
        Of all spaces. Extra: `space_weight`, `r2_split` and `r2_split_train_mean` on the axis
        "space" (see `split_r2`), and `r2_subset` on the axis "subset" if there are several.

    References
    ----------
    Nunez-Elizalde, Huth & Gallant (2019), doi:10.1016/j.neuroimage.2019.04.012;
    Dupre la Tour et al. (2022), doi:10.1016/j.neuroimage.2022.119728.
    """
    choice = choose_weights(spaces, responses, train, inner=inner, search=search)
    mean, spread = training_statistics(responses, train)
    held_out = fetch(responses[as_index(test, responses)]) - mean
    full, n_targets = len(search.allowed) - 1, len(mean)
    predictions = np.empty((len(test), n_targets))
    shares = np.empty((2, len(spaces.parts), n_targets))
    subset_r2 = np.empty((full + 1, n_targets))
    for fit in _refits(spaces, responses, train, test, search, choice):
        some = fit.targets
        parts = np.array([fetch(rows @ fit.loadings) for rows in fit.rows])
        joint, truth = parts.sum(0), held_out[:, some]
        subset_r2[fit.subset, some] = joint_r2(truth, joint, spread[some], about="test")
        if fit.subset == full:
            predictions[:, some] = joint
            for number, about in enumerate(("test", "train")):
                shares[number][:, some] = split_r2(truth, parts, spread[some], about=about)
    extra = {
        "space_weight": ("space", search.weights[choice.candidates[full]].T),
        "r2_split": ("space", shares[0]),
        "r2_split_train_mean": ("space", shares[1]),
        **({"r2_subset": ("subset", subset_r2)} if full else {}),
    }
    found = {"alpha": choice.alphas[full]}
    return SplitResult(predictions, held_out, mean, spread, found, choice.inner_r2[full], extra)


def banded_coefficients(
    spaces: Spaces,
    features: np.ndarray,
    members: list[np.ndarray],
    responses: Array,
    *,
    inner: Pairs,
    search: BandedSearch,
) -> tuple[np.ndarray, BandedChoice]:
    """Fit the coefficients on all rows, with the weights and alphas that they choose.

    Parameters
    ----------
    spaces : Spaces
        Made of these features and members.
    features : array (rows, units)
    members : list of int arrays
        Numbers of the units of each space.
    responses : array (rows, targets)
    inner : list of (int array, int array)
    search : BandedSearch
        With the subset of all spaces only.

    Returns
    -------
    coefficients : float array (units, targets)
    choice : BandedChoice
    """
    every = np.arange(len(features))
    choice = choose_weights(spaces, responses, every, inner=inner, search=search)
    centered = [features[:, units] - features[:, units].mean(0, dtype=float) for units in members]
    found = np.zeros((features.shape[1], responses.shape[1]))
    for fit in _refits(spaces, responses, every, every[:0], search, choice):
        lifted = fetch(fit.spectrum.vectors @ fit.loadings)
        start = 0
        for weight, units, rows in zip(fit.weights, members, centered, strict=True):
            if spaces.is_gram:
                own = weight * (rows.T @ lifted)
            else:
                own = np.sqrt(weight) * lifted[start : start + len(units)]
                start += len(units)
            found[np.ix_(units, fit.targets)] = own
    return found, choice


def _refits(
    spaces: Spaces,
    responses: Array,
    train: np.ndarray,
    test: np.ndarray,
    search: BandedSearch,
    choice: BandedChoice,
) -> Iterator[Refit]:
    """Decompose each candidate that was chosen once, and yield some of its targets at a time."""
    index = as_index(train, responses)
    relative = relative_weights(spaces, search.weights, train)
    for number in np.unique(choice.candidates):
        weights = relative[number]
        spectrum = ridge.decompose(combine(spaces, weights), train, test)
        rows = project_rows(spaces, weights, spectrum, train, test)
        for subset, candidates in enumerate(choice.candidates):
            targets = np.flatnonzero(candidates == number)
            for part in chunks(len(targets), responses):
                some = targets[part]
                penalties = choice.penalties[subset, some]
                values = responses[:, as_index(some, responses)][index]
                loadings = _loadings(spectrum, values, penalties)
                yield Refit(subset, some, weights, spectrum, rows, loadings)


def _loadings(spectrum: ridge.Spectrum, responses: Array, penalties: np.ndarray) -> Array:
    levels, which = np.unique(penalties, return_inverse=True)
    loadings = spectrum.train.T @ (responses - responses.mean(0))
    loadings *= ridge.filters(spectrum, levels)[:, as_index(which, loadings)]
    return loadings
