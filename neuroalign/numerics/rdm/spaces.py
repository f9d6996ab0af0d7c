"""Where a comparison of dissimilarities is a cosine: the vectors whose inner product it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.rdm import comparison as plain
from neuroalign.numerics.rdm.ranks import rank_rows
from neuroalign.numerics.rdm.whitened import whiten, whitened_correlation, whitened_cosine

WHITENED = ("whitened_cosine", "whitened_correlation")
INNER_PRODUCTS = ("cosine", "correlation", *WHITENED)
KEEPS_MEAN = ("cosine", "whitened_cosine")
COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    **plain.COMPARISONS,
    "whitened_cosine": whitened_cosine,
    "whitened_correlation": whitened_correlation,
}


def comparison_named(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Look up a comparison of dissimilarities.

    Parameters
    ----------
    name : str
        "cosine", "correlation", "spearman", "rho_a", "tau_a", "tau_b", "whitened_cosine" or
        "whitened_correlation".

    Returns
    -------
    callable
        From (a, n_pairs) and (b, n_pairs) to (a, b).

    Raises
    ------
    UnknownNameError
        For another name.
    """
    if name not in COMPARISONS:
        raise unknown_name(name, COMPARISONS, kind="comparison of dissimilarities")
    return COMPARISONS[name]


def unit_rows(vectors: np.ndarray, comparison: str) -> np.ndarray:
    """Bring dissimilarities to where their comparison is the inner product of two rows.

    Parameters
    ----------
    vectors : float array (rows, n_pairs)
        None missing.
    comparison : str
        One of `INNER_PRODUCTS`, or a comparison of ranks, whose rows are centered ranks.

    Returns
    -------
    float array (rows, n_pairs)
        Of length 1; NaN where the comparison with anything is undefined.
    """
    if comparison not in INNER_PRODUCTS:
        rows = rank_rows(vectors)
    else:
        rows = whiten(vectors) if comparison in WHITENED else vectors
    undefined = ~vectors.any(axis=1)
    if comparison not in KEEPS_MEAN:
        rows = rows - rows.mean(axis=1, keepdims=True)
        undefined = plain.constant_rows(vectors)
    rows = plain.even_rows(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = rows / np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    rows[undefined] = np.nan
    return rows


def same_pairs(vectors: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Find the pairs that are there, which must be the same in all rows.

    Parameters
    ----------
    vectors, *others : float arrays (rows, n_pairs)
        NaN where missing.

    Returns
    -------
    bool array (n_pairs,)

    Raises
    ------
    DataError
        Where a pair is missing in some rows and not in others, or numbers of pairs differ.
    """
    sizes = {part.shape[1] for part in (vectors, *others)}
    if len(sizes) > 1:
        message = (
            f"Some dissimilarities have {min(sizes)} pairs and others {max(sizes)}; give the same "
            "stimuli in the same order."
        )
        raise DataError(message)
    present = ~np.isnan(np.concatenate([vectors, *others]))
    mixed = int((present.any(axis=0) & ~present.all(axis=0)).sum())
    if mixed:
        message = (
            f"{mixed} pairs are NaN in some sets of dissimilarities and not in others; make the "
            "same pairs NaN in all, or leave out the stimuli that they belong to."
        )
        raise DataError(message)
    return np.asarray(present.all(axis=0))


def count_stimuli(vectors: np.ndarray, *others: np.ndarray, whitened: bool = False) -> int:
    """Count the stimuli whose pairs these are.

    Parameters
    ----------
    vectors, *others : float arrays (rows, n_pairs)
        NaN where missing, the same pairs in all.
    whitened : bool
        Whether missing pairs are refused, as whitening needs all.

    Returns
    -------
    int

    Raises
    ------
    DataError
        Where the number of pairs is not n (n - 1) / 2, or pairs are missing that must not be.
    """
    present = same_pairs(vectors, *others)
    n = int((1 + np.sqrt(1 + 8 * len(present))) / 2)
    if n < 2 or n * (n - 1) // 2 != len(present):
        message = (
            f"{len(present)} dissimilarities are not those of all pairs of some stimuli; give "
            "n (n - 1) / 2 of them, for n of 2 or more."
        )
        raise DataError(message)
    if whitened and not present.all():
        message = (
            f"{int((~present).sum())} pairs are NaN, and whitening needs all; leave out the "
            "stimuli that they belong to, or compare without whitening."
        )
        raise DataError(message)
    return n
