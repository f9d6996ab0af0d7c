"""Cross-validated ridge under many pairings of features and responses, refitted in each.

At a fixed penalty the held-out predictions are linear in the responses: Yhat = S Y, with one matrix
S for all folds together. So a pairing costs one product, and no fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.device import Array, as_index, fetch, namespace, small
from neuroalign.numerics.moments import CONSTANT, FEWEST_ROWS
from neuroalign.numerics.paired import about_mean, batches, dot, meet, portions, standardized

Rows = tuple[np.ndarray, np.ndarray]


class OpenFolds(NamedTuple):
    """Training sets of one layer, diagonalized."""

    spectra: list[ridge.Spectrum]
    penalties: np.ndarray  # (folds, alphas), on ||w||^2
    folds: list[Rows]  # numbers of training and of test rows
    n_rows: int


def open_folds(
    design: ridge.Design,
    rows: np.ndarray,
    folds: list[Rows],
    alphas: np.ndarray,
    *,
    n_components: int | None = None,
) -> OpenFolds:
    """Diagonalize the training rows of all folds, which no response has a part in.

    Parameters
    ----------
    design : Design
    rows : int array (rows,)
        Those of the design that are used.
    folds : list of (int array, int array)
        Training and test rows: places in `rows`.
    alphas : float array (alphas,), ascending
        Relative to the mean squared norm of a training row.
    n_components : int, optional

    Returns
    -------
    OpenFolds
    """
    used = [(rows[train], rows[test]) for train, test in folds]
    spectra = [ridge.decompose(design, *fold, n_components=n_components) for fold in used]
    scales = np.array([ridge.scale(design, train) for train, _ in used])
    return OpenFolds(spectra, np.outer(scales, alphas), folds, len(rows))


def pairing_correlations(
    opened: OpenFolds, levels: np.ndarray, responses: np.ndarray, orders: np.ndarray
) -> np.ndarray:
    """Correlate responses with their held-out predictions, fitted anew in every pairing.

    Parameters
    ----------
    opened : OpenFolds
    levels : int array (targets,)
        Number of the alpha of each target.
    responses : float array (rows, targets)
        Without gaps.
    orders : int array (pairings, rows)
        In pairing k, row i of the features meets row ``orders[k, i]`` of the responses.

    Returns
    -------
    float array (pairings, targets)
        Mean of Pearson r over folds, weighted by their test rows; folds in which r is undefined
        are skipped, and NaN says that it is in all. float32 where the arithmetic is.
    """
    like = opened.spectra[0].test
    tested = np.concatenate([test for _, test in opened.folds])
    once = np.array_equal(np.sort(tested), np.arange(opened.n_rows))
    # Where every row is tested once, rows in the order of the folds serve both sides.
    source = tested if once else np.arange(opened.n_rows)
    sizes = np.array([len(test) for _, test in opened.folds])
    found = np.empty((len(orders), len(levels)), str(like.dtype).removeprefix("torch."))
    for level in np.unique(levels):
        chains = _predictors(opened, level, source)
        for columns in portions(np.flatnonzero(levels == level), like):
            values = standardized(responses[:, columns], like)
            for some in batches(len(orders), len(columns), like):
                trained = meet(values, orders[some][:, source])
                held = trained if once else meet(values, orders[some][:, tested])
                sums = _fold_sums(_predicted(chains, trained), held, sizes)
                r = _mean_correlation(sums, sizes)
                found[some, columns] = fetch(r).reshape(-1, len(columns))
    return found


def _predictors(opened: OpenFolds, level: int, source: np.ndarray) -> list[list[Array]]:
    """Return what to multiply with responses, one matrix after the other, to predict test rows.

    That is S for all folds at once; or two narrow matrices for each, where units are few.
    """
    like = opened.spectra[0].test
    n, columns = opened.n_rows, as_index(source, like)
    shapes = [(len(spectrum.test), spectrum.test.shape[1]) for spectrum in opened.spectra]
    whole = sum(n_test * n for n_test, _ in shapes)
    narrow = whole > sum(rank * (n + n_test) for n_test, rank in shapes)
    chains = []
    for spectrum, penalties, (train, _) in zip(*opened[:3], strict=True):
        test = spectrum.test - spectrum.test.mean(0)  # as a correlation does
        first = small(np.zeros((test.shape[1], n)), like)
        first[:, as_index(train, like)] = spectrum.train.T
        last = test * ridge.filters(spectrum, penalties[[level]])[:, 0]
        chains.append([first[:, columns], last] if narrow else [last @ first[:, columns]])
    return chains if narrow else [[namespace(like).concatenate([one for (one,) in chains])]]


def _predicted(chains: list[list[Array]], trained: Array) -> Array:
    parts = []
    for chain in chains:
        part = trained
        for matrix in chain:
            part = matrix @ part
        parts.append(part)
    return parts[0] if len(parts) == 1 else namespace(trained).concatenate(parts)


def _fold_sums(predicted: Array, held: Array, sizes: np.ndarray) -> Array:
    """Sum y^2, p^2 and y p over the test rows of each fold, about its mean: (folds, 3, columns)."""
    ends = np.cumsum(sizes)
    sums = []
    for start, end in zip(ends - sizes, ends, strict=True):
        p, y = predicted[start:end], about_mean(held[start:end])
        sums.append([dot(y, y), dot(p, p), dot(y, p)])
    xp = namespace(held)
    return xp.stack([xp.stack(three) for three in sums])


def _mean_correlation(sums: Array, sizes: np.ndarray) -> Array:
    """Correlate responses of variance 1 with predictions in each fold, and average over folds."""
    xp = namespace(sums)
    n = small(sizes, sums)[:, None]
    variance_y, variance_p, covariance = (sums[:, number] / n for number in range(3))
    defined = (variance_y > CONSTANT**2) & (variance_p > CONSTANT**2) & (n >= FEWEST_ROWS)
    # Two roots: the product of two small variances would underflow first.
    spread = xp.where(defined, variance_y, 1.0) ** 0.5 * xp.where(defined, variance_p, 1.0) ** 0.5
    weight = (n * defined).sum(0)
    mean = xp.where(defined, n * covariance / spread, 0.0).sum(0) / xp.where(
        weight > 0, weight, 1.0
    )
    return xp.where(weight > 0, mean, float("nan"))
