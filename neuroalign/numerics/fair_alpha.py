"""Choose alphas for a permutation test, in which no pairing may have had more say than another.

An alpha that the observed pairing chose would fit it better than it fits the others, and a test at
5 % would be one at 9 %. Here all pairings choose together.
"""

from __future__ import annotations

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.device import Array, as_index, double, fetch, few_threads, small
from neuroalign.numerics.paired import about_mean, batches, dot, meet, portions, standardized
from neuroalign.numerics.permuted_ridge import OpenFolds

# Folds by which an alpha is chosen; more cost time, and make it hardly better.
JUDGES = 5
# Root-mean-square error of the predictions by which alphas are compared, for unit responses.
TOLERANCE = 1e-3
# Targets whose alpha is chosen at a time, to bound memory.
TARGETS = 2048


def choose_levels(opened: OpenFolds, responses: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Choose the alpha of each target by all pairings together.

    It is that of the largest mean over pairings of exp(n R2 / 2), a likelihood, where R2 is the
    share of the variance within test folds that is explained, of the n test rows of up to five
    folds. A pairing in which much is explained decides alone; where there is none, all do.

    Parameters
    ----------
    opened : OpenFolds
    responses : float array (rows, targets)
        Without gaps.
    orders : int array (pairings, rows)
        Among them the observed one.

    Returns
    -------
    int array (targets,)
        Number of an alpha; ties go to the larger.
    """
    like = opened.spectra[0].test
    step = -(-len(opened.folds) // JUDGES)
    judges = opened._replace(
        spectra=opened.spectra[::step],
        penalties=opened.penalties[::step],
        folds=opened.folds[::step],
    )
    half = len(np.unique(np.concatenate([test for _, test in judges.folds]))) / 2
    levels = np.empty(responses.shape[1], dtype=int)
    for start in range(0, len(levels), TARGETS):
        part = slice(start, start + TARGETS)
        explained = _explained(judges, standardized(responses[:, part], like), orders)
        likelihood = np.logaddexp.reduce(half * explained, axis=1)
        levels[part] = len(likelihood) - 1 - np.argmax(likelihood[::-1], axis=0)
    return levels


def _explained(opened: OpenFolds, responses: Array, orders: np.ndarray) -> np.ndarray:
    """Compute the share of the variance within test folds that is explained, at every alpha.

    Returns
    -------
    float array (alphas, pairings, targets)
        0 where nothing varies.
    """
    n_targets = responses.shape[1]
    explained = np.zeros((opened.penalties.shape[1], len(orders), n_targets))
    spread = np.zeros(explained.shape[1:])
    for spectrum, penalties, fold in zip(*opened[:3], strict=True):
        weights, chain = _directions(spectrum, penalties)
        for columns in portions(np.arange(n_targets), responses):
            values = responses[:, as_index(columns, responses)]
            for some in batches(len(orders), len(columns), responses):
                trained, held = (meet(values, orders[some][:, part]) for part in fold)
                held = about_mean(held)
                for matrix in chain:
                    trained = matrix @ trained
                predicted = trained.reshape(weights.shape[1], *held.shape)
                gained = _gained(predicted, held, weights)
                explained[:, some, columns] += gained.reshape(len(weights), -1, len(columns))
                spread[some, columns] += fetch(dot(held, held)).reshape(-1, len(columns))
    return np.divide(explained, spread, out=np.zeros_like(explained), where=spread > 0)


def _directions(spectrum: ridge.Spectrum, penalties: np.ndarray) -> tuple[np.ndarray, list[Array]]:
    """Find the few predictions whose combinations are those at all penalties.

    Returns
    -------
    weights : float array (penalties, directions)
    chain : list of arrays
        What to multiply with training responses, one after the other; the last is of shape
        (directions x test rows, ...).
    """
    # float64: those of eigenvalues, squared, may lie beyond the range of float32.
    sizes = [ridge.squared_norms(double(part)) for part in (spectrum.test, spectrum.train)]
    size = fetch(sizes[0]) ** 0.5 * fetch(sizes[1]) ** 0.5
    shape = fetch(ridge.filters(spectrum, penalties)).T
    with few_threads(len(shape)):
        left, values, right = np.linalg.svd(shape * size, full_matrices=False)
    missed = np.sqrt(np.cumsum((left * values)[:, ::-1] ** 2, axis=1)[:, ::-1]).max(0)
    kept = max(int((missed > TOLERANCE * np.sqrt(len(spectrum.test))).sum()), 1)
    directions = np.divide(right[:kept], size, out=np.zeros_like(right[:kept]), where=size > 0)
    train, test = spectrum.train, spectrum.test - spectrum.test.mean(0)
    last = (small(directions, test)[:, None, :] * test[None]).reshape(-1, test.shape[1])
    narrow = len(last) * len(train) > test.shape[1] * (len(last) + len(train))
    return left[:, :kept] * values[:kept], [train.T, last] if narrow else [last @ train.T]


def _gained(predicted: Array, held: Array, weights: np.ndarray) -> np.ndarray:
    """Compute by how much predictions lower the squared error, 2 y'p - p'p, at every alpha.

    Parameters
    ----------
    predicted : array (directions, test rows, columns)
    held : array (test rows, columns)
    weights : float array (alphas, directions)

    Returns
    -------
    float array (alphas, columns)
    """
    gained = 2 * weights @ np.stack([fetch(dot(one, held)) for one in predicted])
    for one, first in enumerate(predicted):
        for two, second in enumerate(predicted[: one + 1]):
            shares = (1 + (one != two)) * weights[:, one] * weights[:, two]
            gained -= np.outer(shares, fetch(dot(first, second)))
    return gained
