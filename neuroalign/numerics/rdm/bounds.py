"""Bounds of how well any dissimilarities could compare with those of several subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics.rdm.comparison import check_vectors
from neuroalign.numerics.rdm.ranks import rank_rows
from neuroalign.numerics.rdm.spaces import (
    INNER_PRODUCTS,
    KEEPS_MEAN,
    WHITENED,
    comparison_named,
    same_pairs,
    unit_rows,
)
from neuroalign.numerics.rdm.whitened import unwhiten

# Rank comparisons whose mean over subjects is greatest at their mean ranks.
GREATEST_AT_MEAN_RANKS = ("rho_a",)
TAUS = ("tau_a", "tau_b")
FEWEST_SUBJECTS = 2
LOST = 1e-12  # of a square that is found by subtraction: less is rounding


class NoiseCeiling(NamedTuple):
    """Bounds of the mean over subjects of a comparison with their dissimilarities."""

    lower: float  # each subject compared with the pool of the others
    upper: float  # each subject compared with the pool of all
    upper_is_maximum: bool  # no dissimilarities compare better than `upper` with these subjects
    limit: float  # none do better than this, whether or not some attain it; never below `upper`
    self_inclusion: float  # what `upper` would read for subjects with nothing in common


def noise_ceiling(dissimilarities: np.ndarray, comparison: str) -> NoiseCeiling:
    """Bound the comparison that the best possible model would reach with these subjects.

    The pool of subjects is the set of dissimilarities whose mean comparison with theirs is
    greatest: the mean of rows brought to length 1 (after centering, ranking or whitening, as the
    comparison does). For Spearman and for Kendall's taus no such form is known; their pool is
    that of mean ranks, which others may beat, and `upper_is_maximum` is False. Whatever the
    comparison, no dissimilarities do better than `limit`, the root of the mean comparison of all
    subjects with all, themselves included, which `upper` attains for cosines and correlations.

    The upper bound compares each subject with a pool that it is part of, so that noise alone
    reads about 1 / sqrt(subjects); see `self_inclusion`.

    Parameters
    ----------
    dissimilarities : float array (n_subjects, n_pairs)
        Condensed. NaN where missing, the same pairs in all subjects, and none if whitened.
    comparison : str
        A name that `comparison_named` knows.

    Returns
    -------
    NoiseCeiling
        Bounds are NaN for fewer than two subjects, where one of them is constant or 0, and where
        no pair is left.

    Raises
    ------
    DataError
        Where pairs are missing in some subjects only.

    References
    ----------
    Nili et al. (2014), doi:10.1371/journal.pcbi.1003553; Schuett et al. (2023),
    doi:10.7554/eLife.82566. The pools of whitened comparisons and the limit are those of any
    inner product: the mean of unit vectors has the greatest mean cosine with them.
    """
    compare = comparison_named(comparison)
    vectors = check_vectors(dissimilarities)
    if comparison not in WHITENED:
        vectors = vectors[:, same_pairs(vectors)]
    n = len(vectors)
    is_maximum = comparison in (*INNER_PRODUCTS, *GREATEST_AT_MEAN_RANKS)
    if n < FEWEST_SUBJECTS or not vectors.size:
        return NoiseCeiling(np.nan, np.nan, is_maximum, np.nan, np.nan)
    lower, upper = bounds_of_sample(vectors, comparison, np.ones(n))
    among = compare(vectors, vectors)
    limit = np.sqrt(max(among.mean(), 0)) if np.isfinite(among).all() else np.nan
    constant = compare(vectors, np.ones_like(vectors[:1]))[:, 0]
    alone = _self_inclusion(comparison, among.diagonal(), constant)
    return NoiseCeiling(lower, upper, is_maximum, max(float(limit), upper), alone)


def pool(dissimilarities: np.ndarray, comparison: str, weights: np.ndarray) -> np.ndarray:
    """Pool the dissimilarities of subjects into those that compare best with them.

    Parameters
    ----------
    dissimilarities : float array (n_subjects, n_pairs)
        None missing.
    comparison : str
    weights : float array (pools, n_subjects)
        How often each subject counts in each pool.

    Returns
    -------
    float array (pools, n_pairs)
        The pooled dissimilarities, up to scale (and to a constant where the comparison takes the
        mean): the mean of rows as `unit_rows` makes them, or of ranks. No other dissimilarities
        have a greater mean comparison, except for Spearman and Kendall's taus.
    """
    if comparison in INNER_PRODUCTS:
        rows = unit_rows(dissimilarities, comparison)
    else:
        rows = rank_rows(dissimilarities)
    if comparison == "spearman":
        rows = rows - rows.mean(axis=1, keepdims=True)
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        with np.errstate(invalid="ignore", divide="ignore"):
            rows *= (lengths.max() / lengths)[:, None]  # exactly 1 where there are no ties
    pooled = weights @ rows / weights.sum(axis=1, keepdims=True)
    return unwhiten(pooled) if comparison in WHITENED else pooled


def bounds_of_sample(
    dissimilarities: np.ndarray,
    comparison: str,
    weights: np.ndarray,
    count_copies: bool = True,
) -> tuple[float, float]:
    """Compute both bounds where subjects count more or less often, as in a bootstrap sample.

    All copies of a subject are left out of the pool that it is compared with below.

    Parameters
    ----------
    dissimilarities : float array (n_subjects, n_pairs)
        None missing.
    comparison : str
    weights : float array (n_subjects,)
        How often each counts.
    count_copies : bool
        Whether each subject counts as often in the mean over subjects as it does in the pool. If
        not, others than the pool can exceed the upper bound.

    Returns
    -------
    lower, upper : float
        NaN for fewer than two distinct subjects.
    """
    drawn = weights > 0
    vectors, weights = dissimilarities[drawn], weights[drawn]
    if len(vectors) < FEWEST_SUBJECTS:
        return np.nan, np.nan
    if comparison in INNER_PRODUCTS:
        rows = unit_rows(vectors, comparison)
        lower, upper = bounds_from_gram((rows @ rows.T)[None], weights[None], count_copies)
        return float(lower[0]), float(upper[0])
    compare = comparison_named(comparison)
    others = np.tile(weights, (len(weights), 1))
    np.fill_diagonal(others, 0)
    below = pool(vectors, comparison, others)
    above = pool(vectors, comparison, weights[None])
    found = [
        compare(np.stack([one, above[0]]), own[None])[:, 0]
        for one, own in zip(below, vectors, strict=True)
    ]
    lower, upper = np.average(found, axis=0, weights=weights if count_copies else None)
    return float(lower), float(upper)


def bounds_from_gram(
    gram: np.ndarray, weights: np.ndarray, count_copies: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Compute both bounds from the comparisons among subjects alone.

    With R the comparisons (inner products of unit vectors) and m the weights, subject d compares
    with the pool of all as (R m)_d / sqrt(m' R m), and with that of the others as
    ((R m)_d - m_d) / sqrt(m' R m - 2 m_d (R m)_d + m_d^2).

    Parameters
    ----------
    gram : float array (samples, n_subjects, n_subjects)
        Ones on the diagonal; NaN where undefined, which spoils samples that draw the subject.
    weights : float array (samples, n_subjects)
    count_copies : bool
        As for `bounds_of_sample`.

    Returns
    -------
    lower, upper : float arrays (samples,)
        NaN for fewer than two distinct subjects, or where a pool is 0.
    """
    drawn = weights > 0
    gram = np.where(drawn[:, :, None] & drawn[:, None, :], gram, 0)
    to_all = np.einsum("bij,bj->bi", gram, weights)
    square = np.einsum("bi,bi->b", to_all, weights)
    total = (weights**2).sum(axis=1)
    rest = square[:, None] + weights * (weights - 2 * to_all)
    share = weights if count_copies else drawn
    with np.errstate(invalid="ignore", divide="ignore"):
        share = share / share.sum(axis=1, keepdims=True)
        upper = (share * to_all).sum(axis=1) / np.sqrt(np.where(square > LOST * total, square, 0))
        rest = np.sqrt(np.where(rest > LOST * total[:, None], rest, 0))
        lower = np.where(drawn, share * ((to_all - weights) / rest), 0).sum(axis=1)
    found = np.stack([lower, upper])
    found[:, (drawn.sum(axis=1) < FEWEST_SUBJECTS) | ~np.isfinite(found).all(axis=0)] = np.nan
    return found[0], found[1]


def _self_inclusion(comparison: str, own: np.ndarray, constant: np.ndarray) -> float:
    """Compute the upper bound expected of subjects whose stimuli were relabeled at random.

    Subjects then compare with themselves as before (`own`), and with each other by their means
    alone, through what they share with a constant. Of taus, the pool of mean ranks is as good as
    that of normal scores, of which tau is 2 / pi times the arcsine of the correlation.
    """
    n = len(own)
    if comparison in TAUS:
        return float(2 / np.pi * np.arcsin(1 / np.sqrt(n)) * np.sqrt(own).mean())
    shared = constant if comparison in KEEPS_MEAN else np.zeros(n)
    return float(np.sqrt(own.sum() + shared.sum() ** 2 - (shared**2).sum())) / n
