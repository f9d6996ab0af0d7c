"""Cosines of dissimilarities in samples of stimuli, from inner products weighted by pair."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuroalign.numerics.rdm.comparison import constant_rows, even_rows
from neuroalign.numerics.rdm.spaces import KEEPS_MEAN, WHITENED

CHUNK = 2**21  # numbers in memory at a time, of each of a few arrays
BLOCK = 2**17  # of weights, so that they stay in the cache until they are used
LOST = 1e-12  # of a square that is found by subtraction: less is rounding


def weighted_cosines(
    dissimilarities: np.ndarray, models: np.ndarray, comparison: str, counts: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Compare subjects with each other and with models in samples of stimuli, a few at a time.

    Pair (i, j) weighs c_i c_j, which is how often it is in a sample; a stimulus is not paired
    with its own copies. With whitening, the pairs that are left have the covariance
    V = 2 I + B B', with B the indicators of their stimuli, and its inverse is
    (I - B (2 I + B'B)^-1 B') / 2; copies of a stimulus have equal rows in this system, so that it
    has one equation for each distinct stimulus. Correlations take the best constant from each row
    first, by the same inner product.

    Parameters
    ----------
    dissimilarities : float array (n_subjects, n_pairs)
        NaN for pairs that are missing, in all; none if whitened.
    models : float array (n_models, n_pairs)
    comparison : str
        One of `INNER_PRODUCTS`.
    counts : int array (samples, n_stimuli)

    Yields
    ------
    gram : float array (some samples, n_subjects, n_subjects)
    cosines : float array (some samples, n_models, n_subjects)
        NaN where one of the two is 0 or, for correlations, constant in the sample.
    """
    n_subjects, n_models = len(dissimilarities), len(models)
    rows = _prepare(np.concatenate([dissimilarities, models]), comparison)
    a, b = _products(n_subjects, n_models)
    upper = a[: n_subjects * (n_subjects + 1) // 2], b[: n_subjects * (n_subjects + 1) // 2]
    n_numbers = 2 * len(a) + (counts.shape[1] * (len(rows) + counts.shape[1]))
    step = max(1, min(1024, CHUNK // (n_numbers if comparison in WHITENED else 2 * len(a))))
    for start in range(0, len(counts), step):
        c = np.ascontiguousarray(counts[start : start + step].T, dtype=float)
        cosines = _cosines(rows, (a, b), c, comparison).T
        gram = np.empty((len(cosines), n_subjects, n_subjects))
        gram[:, upper[0], upper[1]] = gram[:, upper[1], upper[0]] = cosines[:, : len(upper[0])]
        rest = cosines[:, len(upper[0]) : len(upper[0]) + n_subjects * n_models]
        yield gram, rest.reshape(-1, n_models, n_subjects)


def _prepare(vectors: np.ndarray, comparison: str) -> np.ndarray:
    """Fill in zeros, center near zero, bring to length 1, and add the row of the constant."""
    present = ~np.isnan(vectors[0])
    rows = np.where(present, vectors, 0)
    if comparison not in KEEPS_MEAN:
        constant = constant_rows(vectors[:, present])
        rows = np.where(present, rows - rows.sum(1, keepdims=True) / max(present.sum(), 1), 0)
        rows[constant] = 0
    rows = even_rows(rows)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.where(lengths > 0, lengths, 1)[:, None]
    return np.vstack([rows, present]) if comparison not in KEEPS_MEAN else rows


def _products(n_subjects: int, n_models: int) -> tuple[np.ndarray, np.ndarray]:
    """List which rows are multiplied: subjects with subjects, models with them and themselves."""
    one, two = np.triu_indices(n_subjects)
    models = np.arange(n_subjects, n_subjects + n_models)
    a = [one, np.repeat(models, n_subjects), models]
    b = [two, np.tile(np.arange(n_subjects), n_models), models]
    return np.concatenate(a), np.concatenate(b)


def _cosines(
    rows: np.ndarray, products: tuple[np.ndarray, np.ndarray], counts: np.ndarray, comparison: str
) -> np.ndarray:
    """Compute the cosines of rows a and b in each sample: (products, samples)."""
    a, b = products
    own = np.flatnonzero(a == b)
    n = len(a)
    if comparison not in KEEPS_MEAN:
        every = np.arange(len(rows))
        a, b = np.append(a, every), np.append(b, np.full(len(rows), len(rows) - 1))
    inner = _weigh(rows, a, b, counts)
    raw = inner[own]
    if comparison in WHITENED:
        inner -= _share(rows, counts)[:, a, b].T
    with np.errstate(invalid="ignore", divide="ignore"):
        if comparison not in KEEPS_MEAN:
            constant = inner[n:]
            inner[:n] -= constant[a[:n]] * (constant[b[:n]] / constant[-1])
        square = inner[own]
        length = np.sqrt(np.where(square > LOST * raw, square, np.nan))
        inner[:n] /= length[a[:n]]
        inner[:n] /= length[b[:n]]
    return inner[:n]


def _weigh(rows: np.ndarray, a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum products of rows a and b over pairs, weighted by c_i c_j: (products, samples)."""
    n, n_samples = counts.shape
    total, product = np.zeros((2, len(a), n_samples))
    starts = np.concatenate([[0], np.cumsum(np.arange(n - 1, 0, -1))])
    most = max(BLOCK // n_samples, n - 1)
    # Reused: memory that is new each time takes longer than what is done in it.
    weights, left, right = (np.empty(most * size) for size in (n_samples, len(a), len(a)))
    first = 0
    while first < n - 1:
        last = int(np.searchsorted(starts, starts[first] + most, side="right")) - 1
        block = slice(starts[first], starts[last])
        size = block.stop - block.start
        w = weights[: size * n_samples].reshape(size, n_samples)
        for i in range(first, last):
            here = slice(starts[i] - block.start, starts[i + 1] - block.start)
            np.multiply(counts[i], counts[i + 1 :], out=w[here])
        x, y = (part[: len(a) * size].reshape(len(a), size) for part in (left, right))
        np.take(rows[:, block], a, axis=0, out=x, mode="clip")
        np.take(rows[:, block], b, axis=0, out=y, mode="clip")
        x *= y
        total += np.matmul(x, w, out=product)
        first = last
    return total


def _share(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum what whitening takes from the products of all rows: (samples, rows, rows)."""
    n, n_samples = counts.shape
    square = np.zeros((len(rows), n, n))
    i, j = np.triu_indices(n, 1)
    square[:, i, j] = square[:, j, i] = rows
    sums = (square.reshape(-1, n) @ counts).reshape(len(rows), n, n_samples).transpose(2, 0, 1)
    system = np.repeat(counts.T[:, None], n, axis=1)
    every = np.arange(n)
    system[:, every, every] += 2 + counts.sum(0)[:, None] - 2 * counts.T
    solved = np.linalg.solve(system, sums.transpose(0, 2, 1))
    return (sums * counts.T[:, None]) @ solved
