"""One part of nested cross-validation: choose alpha inside the training rows, then predict."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.alpha_search import TOLERANCE, chunks, inner_fold, validation_errors
from neuroalign.numerics.device import Array, as_index, fetch
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.leave_one_out import generalized_errors, leave_one_out_errors
from neuroalign.numerics.moments import is_constant

LEAVE_ONE_OUT, GCV = "leave-one-out", "gcv"

# How to choose alpha: pairs of (training, validation) row numbers, or the name of a closed form.
Inner = list[tuple[np.ndarray, np.ndarray]] | str


class Search(NamedTuple):
    """What is tried, and how: the same for every fold."""

    alphas: np.ndarray  # ascending, relative to the mean squared norm of a training row
    per_target: bool = True
    n_components: int | None = None
    tolerance: float = TOLERANCE


class Choice(NamedTuple):
    """What the training rows chose."""

    alphas: np.ndarray  # (targets,), relative
    penalties: np.ndarray  # (targets,), on ||w||^2
    inner_r2: np.ndarray  # (targets,), NaN for a target that does not vary


class OpenSplit(NamedTuple):
    """One training set, diagonalized: targets can be fitted a few at a time."""

    search: Search
    train: np.ndarray  # row numbers
    test: np.ndarray
    inner: Inner
    penalties: np.ndarray  # (alphas,), on ||w||^2
    spectrum: ridge.Spectrum
    inner_spectra: list[ridge.Spectrum]


def open_split(
    design: ridge.Design, train: np.ndarray, test: np.ndarray, *, inner: Inner, search: Search
) -> OpenSplit:
    """Diagonalize a training set and the inner ones, which does not depend on the responses.

    Parameters
    ----------
    design : Design
    train, test : int arrays
        Row numbers.
    inner : list of (int array, int array), or str
        Row numbers to train on and to validate on; or "leave-one-out", or "gcv".
    search : Search

    Returns
    -------
    OpenSplit
    """
    pairs = [] if isinstance(inner, str) else inner
    spectra = [ridge.decompose(design, *pair, n_components=search.n_components) for pair in pairs]
    return OpenSplit(
        search,
        train,
        test,
        inner,
        search.alphas * ridge.scale(design, train),
        ridge.decompose(design, train, test, n_components=search.n_components),
        spectra,
    )


def fit_split(
    design: ridge.Design,
    responses: Array,
    train: np.ndarray,
    test: np.ndarray,
    *,
    inner: Inner,
    search: Search,
) -> SplitResult:
    """Fit the training rows at the alpha that they choose, and predict the test rows.

    Parameters
    ----------
    design : Design
    responses : array (rows, targets)
        Where the design lives. Rows that are neither in `train` nor in `test` are not read.
    train, test : int arrays
        Row numbers.
    inner : list of (int array, int array), or str
        As for `open_split`.
    search : Search

    Returns
    -------
    SplitResult
    """
    return fit_open(open_split(design, train, test, inner=inner, search=search), responses)


def fit_open(split: OpenSplit, responses: Array) -> SplitResult:
    """Do as `fit_split` with a training set that is diagonalized already."""
    choice = choose_open(split, responses)
    n_targets = responses.shape[1]
    predictions, held_out = np.empty((2, len(split.test), n_targets))
    mean, spread = np.empty((2, n_targets))
    in_train, in_test = as_index(split.train, responses), as_index(split.test, responses)
    for part in chunks(n_targets, responses):
        values = responses[:, part][in_train]
        center = values.mean(0)
        predictions[:, part] = fetch(
            ridge.predict(split.spectrum, values - center, choice.penalties[part])
        )
        held_out[:, part] = fetch(responses[:, part][in_test] - center)
        mean[part] = fetch(center)
        kept = fetch(values)
        spread[part] = np.where(is_constant(kept), 0.0, kept.std(0))
    found = {
        "alpha": choice.alphas,
        "training_noise": _training_noise(split, choice, predictions, spread),
    }
    return SplitResult(predictions, held_out, mean, spread, found, choice.inner_r2)


def _training_noise(
    split: OpenSplit, choice: Choice, predictions: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Compute the share of the variance of the predictions that is noise of the training rows.

    Predictions are H y; errors of variance s^2, as inner folds found them, independent in the
    training rows, give each of them the variance s^2 sum_j H_ij^2.
    """
    if not len(split.test):
        return np.full(len(spread), np.nan)
    levels, which = np.unique(choice.penalties, return_inverse=True)
    noise = ridge.prediction_gains(split.spectrum, levels)[which]
    noise = noise * (1 - np.minimum(choice.inner_r2, 1)) * spread**2
    varies = predictions.var(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(varies > 0, np.minimum(noise / varies, 1.0), np.nan)


def choose_alphas(
    design: ridge.Design, responses: Array, rows: np.ndarray, *, inner: Inner, search: Search
) -> Choice:
    """Choose the alpha of each target by squared error, pooled over validation rows.

    Parameters
    ----------
    design : Design
    responses : array (all rows, targets)
    rows : int array
        Numbers of the rows to use.
    inner : list of (int array, int array), or str
    search : Search

    Returns
    -------
    Choice
        Ties go to the larger alpha. `inner_r2` is 1 - squared error / squared error of the
        training means, at that alpha.
    """
    return choose_open(open_split(design, rows, rows[:0], inner=inner, search=search), responses)


def choose_open(split: OpenSplit, responses: Array) -> Choice:
    """Do as `choose_alphas` with a training set that is diagonalized already."""
    search = split.search
    if isinstance(split.inner, str):
        errors, baseline = _closed_errors(split, responses)
    else:
        errors, baseline = _fold_errors(split, responses)
    constant = _constant(responses, split.train)
    if not search.per_target:
        # A shared alpha weighs targets alike, by the share of their variance that is missed;
        # constants, of which no more than rounding is left, have no say.
        missed = errors / np.where(constant | (baseline == 0), np.inf, baseline)
        best = np.repeat(choose_alpha(missed.sum(1, keepdims=True)), errors.shape[1])
    else:
        best = choose_alpha(errors)
    with np.errstate(invalid="ignore", divide="ignore"):
        inner_r2 = 1 - errors[best, np.arange(errors.shape[1])] / baseline
    inner_r2[constant] = np.nan
    return Choice(search.alphas[best], split.penalties[best], inner_r2)


def _constant(responses: Array, rows: np.ndarray) -> np.ndarray:
    """Tell which targets are constant in some rows, a few targets at a time."""
    index = as_index(rows, responses)
    parts = chunks(responses.shape[1], responses)
    return np.concatenate([is_constant(fetch(responses[:, part][index])) for part in parts])


def choose_alpha(errors: np.ndarray) -> np.ndarray:
    """Return the number of the alpha of least error per target; ties go to the larger alpha.

    Parameters
    ----------
    errors : float array (alphas, targets)
        Alphas ascending.

    Returns
    -------
    int array (targets,)
    """
    return len(errors) - 1 - np.argmin(errors[::-1], axis=0)


def _fold_errors(split: OpenSplit, responses: Array) -> tuple[np.ndarray, np.ndarray]:
    """Return squared errors (alphas, targets), and those of the training means (targets,)."""
    folds, baseline = [], np.zeros(responses.shape[1])
    pairs = [] if isinstance(split.inner, str) else split.inner
    for pair, spectrum in zip(pairs, split.inner_spectra, strict=True):
        fold = inner_fold(spectrum, split.penalties, responses, *pair)
        folds.append(fold)
        for part in chunks(len(baseline), responses):
            held_out = responses[:, part][fold.held_out] - fold.mean[part]
            baseline[part] += fetch(ridge.squared_norms(held_out))
    return validation_errors(folds, tolerance=split.search.tolerance), baseline


def _closed_errors(split: OpenSplit, responses: Array) -> tuple[np.ndarray, np.ndarray]:
    """Do as `_fold_errors`, by a closed form."""
    values = responses[as_index(split.train, responses)]
    # The mean of the others misses each row by n / (n - 1) of what the mean of all misses it by.
    share = (len(values) / (len(values) - 1)) ** 2
    baseline = fetch(ridge.squared_norms(values - values.mean(0))) * share
    if split.inner == GCV:
        return generalized_errors(split.spectrum, values, split.penalties), baseline
    tolerance = split.search.tolerance
    errors = leave_one_out_errors(split.spectrum, values, split.penalties, tolerance=tolerance)
    return errors, baseline
