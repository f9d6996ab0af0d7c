"""How alike two sets of dissimilarities are, by six measures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import kendalltau

from neuroalign.errors import DataError
from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.moments import is_constant
from neuroalign.numerics.rdm.ranks import rank_rows


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by their cosine.

    For dissimilarities with a meaningful zero, such as crossnobis: two sets are alike if one is
    the other times a positive number.

    Parameters
    ----------
    first : float array (a, n_pairs)
        Condensed dissimilarities, one set a row. A pair that is NaN in a row of `first` or in a
        row of `second` is left out where these two rows are compared, and only there.
    second : float array (b, n_pairs)

    Returns
    -------
    float array (a, b)
        In [-1, 1]. NaN where a row is 0 throughout, or where no pair is left.

    Raises
    ------
    DataError
        For arrays that are not of two dimensions, of unequal numbers of pairs, infinite values.
    """
    return _compare(first, second, _cosine)


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by Pearson's correlation.

    Takes and returns what `cosine` does; NaN where a row is constant over the pairs that are left.
    """
    return _compare(first, second, _correlation)


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by the correlation of their ranks, ties sharing the mean rank.

    As `correlation`. A model with ties can reach more than one without; `rho_a` and `tau_a` do not
    reward ties.
    """
    return _compare(first, second, _spearman)


def rho_a(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by Spearman's correlation expected under random breaking of ties.

    12 sum (rank_first - mean) (rank_second - mean) / (N^3 - N) over N pairs, otherwise as
    `correlation`. With ties, a row compared with itself reads less than 1. A constant row reads
    NaN: the formula would read 0, as if the row had been right half of the time.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.
    """
    return _compare(first, second, _rho_a)


def tau_a(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by Kendall's tau a: (concordant - discordant) / all.

    Counts the twos of pairs that both rows put in the same order, in n log n steps, otherwise as
    `correlation`. Ties are neither concordant nor discordant, so that a model cannot gain by them.

    References
    ----------
    Kendall (1938), doi:10.1093/biomet/30.1-2.81; Nili et al. (2014),
    doi:10.1371/journal.pcbi.1003553.
    """
    return _compare(first, second, _tau_a)


def tau_b(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by Kendall's tau b, over the twos of pairs that are not tied.

    (concordant - discordant) / sqrt(untied in `first` x untied in `second`), otherwise as
    `correlation`.

    References
    ----------
    Kendall (1945), doi:10.1093/biomet/33.3.239.
    """
    return _compare(first, second, _tau_b)


COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cosine": cosine,
    "correlation": correlation,
    "spearman": spearman,
    "rho_a": rho_a,
    "tau_a": tau_a,
    "tau_b": tau_b,
}


def check_vectors(vectors: np.ndarray, name: str = "") -> np.ndarray:
    """Return condensed dissimilarities as float64, or say what is wrong with them.

    Parameters
    ----------
    vectors : float array (rows, n_pairs)
    name : str, optional
        As in "first", for the sentence.

    Returns
    -------
    float array (rows, n_pairs)
        Not copied where it was float64.
    """
    vectors = np.asarray(vectors)
    what = f"The {name} dissimilarities" if name else "The dissimilarities"
    if vectors.dtype.kind not in "biuf":
        message = f"{what} hold {vectors.dtype}; give real numbers."
        raise DataError(message)
    if vectors.ndim != 2:
        message = f"{what} have shape {vectors.shape}; give one set a row, (sets, pairs)."
        raise DataError(message)
    vectors = vectors.astype(float, copy=False)
    with np.errstate(invalid="ignore", over="ignore"):
        doubtful = not np.isfinite(vectors.sum())
    infinite = int(np.isinf(vectors).sum()) if doubtful else 0
    if infinite:
        message = (
            f"{what} have {infinite} infinite values; use NaN for pairs that are to be left out."
        )
        raise DataError(message)
    return vectors


def constant_rows(vectors: np.ndarray) -> np.ndarray:
    """Tell which rows hold one value, up to rounding, or none at all.

    Parameters
    ----------
    vectors : float array (rows, n_pairs)

    Returns
    -------
    bool array (rows,)
    """
    return is_constant(vectors.T) if vectors.shape[1] else np.ones(len(vectors), dtype=bool)


def even_rows(vectors: np.ndarray) -> np.ndarray:
    """Divide each row by a power of 2 of its size, so that no square is too large or too small.

    Parameters
    ----------
    vectors : float array (rows, n_pairs)

    Returns
    -------
    float array (rows, n_pairs)
        Up to 1. Nothing is rounded.
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    return np.ldexp(vectors, -np.frexp(largest)[1])


def _compare(
    first: np.ndarray,
    second: np.ndarray,
    complete: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Check, and compare rows that miss the same pairs together."""
    first, second = check_vectors(first, "first"), check_vectors(second, "second")
    if first.shape[1] != second.shape[1]:
        message = (
            f"The first dissimilarities have {first.shape[1]} pairs and the second "
            f"{second.shape[1]}; give the same stimuli in the same order."
        )
        raise DataError(message)
    present = [~np.isnan(vectors) for vectors in (first, second)]
    if first.shape[1] and all(part.all() for part in present):
        return complete(first, second)
    found = np.full((len(first), len(second)), np.nan)
    for rows in equal_columns(present[0].T):
        for columns in equal_columns(present[1].T):
            keep = present[0][rows[0]] & present[1][columns[0]]
            if keep.any():
                parts = first[np.ix_(rows, keep)], second[np.ix_(columns, keep)]
                found[np.ix_(rows, columns)] = complete(*parts)
    return found


def _cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = even_rows(first), even_rows(second)
    lengths = [np.sqrt(np.einsum("ij,ij->i", part, part)) for part in (first, second)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = first @ second.T / lengths[0][:, None] / lengths[1]
    return np.clip(found, -1, 1)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    found = _cosine(*(part - part.mean(axis=1, keepdims=True) for part in (first, second)))
    return _undefine(found, first, second)


def _spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return _correlation(rank_rows(first), rank_rows(second))


def _rho_a(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    n = first.shape[1]
    ranks = [rank_rows(part) - (n + 1) / 2 for part in (first, second)]
    with np.errstate(invalid="ignore"):
        found = 12 * (ranks[0] @ ranks[1].T) / (float(n) ** 3 - n)
    return _undefine(found, *ranks)


def _tau_a(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    n = first.shape[1]
    ranks = rank_rows(first), rank_rows(second)
    untied = [_count_untied(part) for part in ranks]
    roots = np.sqrt(untied[0])[:, None] * np.sqrt(untied[1])
    # Whole twos of pairs: the division that tau b had is undone exactly.
    return np.round(_tau_b(*ranks) * roots) / max(n * (n - 1) / 2, 1)


def _tau_b(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    ranks = rank_rows(first), rank_rows(second)
    found = _undefine(np.zeros((len(first), len(second))), *ranks)
    for i, j in np.argwhere(found == 0):
        found[i, j] = kendalltau(ranks[0][i], ranks[1][j]).statistic
    return found


def _undefine(found: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Write NaN where a row is constant."""
    found[constant_rows(first)] = np.nan
    found[:, constant_rows(second)] = np.nan
    return found


def _count_untied(ranks: np.ndarray) -> np.ndarray:
    """Count the twos of values of each row that differ."""
    n = ranks.shape[1]
    tied = [(c * (c - 1) / 2).sum() for c in (np.unique(r, return_counts=True)[1] for r in ranks)]
    return n * (n - 1) / 2 - np.array(tied)
