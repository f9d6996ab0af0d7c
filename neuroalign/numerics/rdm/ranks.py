"""Ranks of dissimilarities."""

from __future__ import annotations

import numpy as np

# Of their size: values that differ by less are one value and its rounding.
TIED = 1e-10


def rank_rows(vectors: np.ndarray) -> np.ndarray:
    """Rank the values within each row, ties sharing their mean rank.

    Values that agree to ten digits are tied. Products of matrices round equal dissimilarities, as
    between the categories of a model, in different ways; ranked apart, they would be in an order
    that means nothing.

    Parameters
    ----------
    vectors : float array (rows, n_pairs)

    Returns
    -------
    float array (rows, n_pairs)
        From 1. NaN stays NaN, and the others are ranked without it.
    """
    vectors = np.asarray(vectors, dtype=float)
    ranks = np.full(vectors.shape, np.nan)
    for row, out in zip(vectors, ranks, strict=True):
        missing = np.isnan(row)
        if missing.any():
            out[~missing] = rank_rows(row[None, ~missing])[0]
        else:
            _rank(row, out)
    return ranks


def _rank(values: np.ndarray, out: np.ndarray) -> None:
    order = np.argsort(values)
    ascending = values[order]
    rises = ascending[1:] > ascending[:-1] + TIED * np.abs(ascending[:-1])
    if rises.all():
        out[order] = np.arange(1.0, len(values) + 1)
        return
    starts = np.append(0, np.flatnonzero(rises) + 1)
    counts = np.diff(starts, append=len(values))
    out[order] = np.repeat(starts + (counts + 1) / 2, counts)
