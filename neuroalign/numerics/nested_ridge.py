"""One part of nested cross-validation: choose alpha inside the training rows, then predict."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.moments import is_constant


class SplitResult(NamedTuple):
    """What one training set predicts for its test set, relative to the training mean."""

    predictions: np.ndarray  # (test rows, targets)
    held_out: np.ndarray  # (test rows, targets)
    train_mean: np.ndarray  # (targets,)
    train_sd: np.ndarray  # (targets,), 0 for a constant whatever its rounding
    alphas: np.ndarray  # (targets,)
    inner_r2: np.ndarray  # (targets,)


def fit_split(
    design: ridge.Design,
    responses: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    inner: np.ndarray,
    alphas: np.ndarray,
) -> SplitResult:
    """Fit the training rows at the alpha that they choose, and predict the test rows.

    Parameters
    ----------
    design : Design
    responses : float array (rows, targets)
        Rows that are neither in `train` nor in `test` are not read.
    train, test : int arrays
        Row numbers.
    inner : int array (training rows,)
        Inner fold of each training row.
    alphas : float array, ascending

    Returns
    -------
    SplitResult
    """
    chosen, inner_r2 = choose_alphas(design, responses, train, inner=inner, alphas=alphas)
    values = responses[train]
    mean = values.mean(0)
    spread = np.where(is_constant(values), 0.0, values.std(0))
    spectrum = ridge.decompose(design, train, test)
    return SplitResult(
        ridge.predict(spectrum, values - mean, chosen),
        responses[test] - mean,
        mean,
        spread,
        chosen,
        inner_r2,
    )


def choose_alphas(
    design: ridge.Design,
    responses: np.ndarray,
    rows: np.ndarray,
    *,
    inner: np.ndarray,
    alphas: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the alpha of each target by squared error, pooled over the rows of inner folds.

    Parameters
    ----------
    design : Design
    responses : float array (all rows, targets)
    rows : int array
        Numbers of the rows to use.
    inner : int array (rows,)
        Inner fold of each of them.
    alphas : float array, ascending

    Returns
    -------
    alphas : float array (targets,)
    inner_r2 : float array (targets,)
        1 - squared error / squared error of the inner training means, at that alpha; NaN for a
        target that does not vary.
    """
    n_targets = responses.shape[1]
    errors = np.zeros((len(alphas), n_targets))
    baseline = np.zeros(n_targets)
    for part in np.unique(inner):
        train, test = rows[inner != part], rows[inner == part]
        mean = responses[train].mean(0)
        held_out = responses[test] - mean
        spectrum = ridge.decompose(design, train, test)
        errors += ridge.squared_errors(spectrum, responses[train] - mean, held_out, alphas)
        baseline += (held_out**2).sum(0)
    best = ridge.choose_alpha(errors)
    with np.errstate(invalid="ignore", divide="ignore"):
        inner_r2 = 1 - errors[best, np.arange(n_targets)] / baseline
    return alphas[best], np.where(is_constant(responses[rows]), np.nan, inner_r2)
