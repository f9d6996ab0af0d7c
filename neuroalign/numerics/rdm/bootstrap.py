"""Scores of models and noise ceilings over bootstrap samples of stimuli and subjects, exactly.

A stimulus that is drawn c_i times brings c_i c_j copies of the pair (i, j), and no pair with its
own copies, whose dissimilarity is 0 whatever the data. So a sample is a set of weights of the
original pairs, and all inner products of models and subjects over many samples are one matrix
product (samples, pairs) @ (pairs, products): nothing is drawn, copied or compared again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.bounds import FEWEST_SUBJECTS, bounds_from_gram, bounds_of_sample
from neuroalign.numerics.rdm.comparison import check_vectors
from neuroalign.numerics.rdm.gram import weighted_cosines
from neuroalign.numerics.rdm.spaces import INNER_PRODUCTS, WHITENED, comparison_named, count_stimuli

FEWEST_STIMULI = 3


class Samples(NamedTuple):
    """Scores and bounds of bootstrap samples; NaN where a sample is too small or undefined."""

    scores: np.ndarray  # (samples, models): mean over the subjects drawn
    lower: np.ndarray  # (samples,): bounds of the noise ceiling
    upper: np.ndarray  # (samples,)
    n_few_stimuli: int  # samples with fewer than three distinct stimuli: all NaN
    n_one_subject: int  # samples with a single distinct subject: bounds are NaN


class DualSamples(NamedTuple):
    """The same draws used over stimuli and subjects, over stimuli alone and subjects alone."""

    both: Samples
    stimuli: Samples
    subjects: Samples


def draw_counts(n: int, n_samples: int, seed: int | list[int]) -> np.ndarray:
    """Draw `n` of `n` with replacement, and count how often each was drawn.

    Parameters
    ----------
    n, n_samples : int
    seed : int or list of int

    Returns
    -------
    int array (n_samples, n)
    """
    rng = np.random.default_rng(seed)
    return np.array([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(n_samples)])


def bootstrap_scores(
    models: np.ndarray,
    dissimilarities: np.ndarray,
    comparison: str,
    *,
    stimulus_counts: np.ndarray | None = None,
    subject_counts: np.ndarray | None = None,
    count_copies: bool = True,
) -> Samples:
    """Score models, and bound their scores, in samples of stimuli, of subjects or of both.

    Equal to drawing the samples, leaving out pairs of copies of one stimulus, and comparing anew.
    Cosines and correlations, whitened or not, come from weighted inner products; the comparisons
    of ranks go sample by sample. The memory that is needed does not grow with the samples.

    Parameters
    ----------
    models : float array (n_models, n_pairs)
        Condensed dissimilarities. NaN where missing, the same pairs in all, none if whitened.
    dissimilarities : float array (n_subjects, n_pairs)
    comparison : str
        A name that `comparison_named` knows.
    stimulus_counts : int array (samples, n_stimuli), optional
        How often each stimulus is in each sample; without, all are there once.
    subject_counts : int array (samples, n_subjects), optional
    count_copies : bool
        Whether a subject who is drawn twice counts twice in the mean of the bounds, as it does in
        the pool and in the scores. If not (as in rsatoolbox), models can exceed the upper bound.

    Returns
    -------
    Samples

    Raises
    ------
    DataError
        Where counts and dissimilarities do not fit, or pairs are missing in some rows only.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.
    """
    data = models, dissimilarities, comparison
    counts, weights = _check(*data, stimulus_counts, subject_counts)
    return _resample(*data, counts, [weights], count_copies)[0]


def dual_bootstrap(
    models: np.ndarray,
    dissimilarities: np.ndarray,
    comparison: str,
    *,
    stimulus_counts: np.ndarray,
    subject_counts: np.ndarray,
    count_copies: bool = True,
) -> DualSamples:
    """Resample both stimuli and subjects, and with the same draws either of them alone.

    `variances_of_scores` combines the three to the variance over new stimuli and new subjects.

    Parameters
    ----------
    models, dissimilarities, comparison, stimulus_counts, subject_counts, count_copies
        As for `bootstrap_scores`.

    Returns
    -------
    DualSamples

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.
    """
    data = models, dissimilarities, comparison
    counts, drawn = _check(*data, stimulus_counts, subject_counts)
    both, stimuli = _resample(*data, counts, [drawn, np.ones_like(drawn)], count_copies)
    subjects = bootstrap_scores(*data, subject_counts=drawn, count_copies=count_copies)
    return DualSamples(both, stimuli, subjects)


def _check(
    models: np.ndarray,
    dissimilarities: np.ndarray,
    comparison: str,
    stimulus_counts: np.ndarray | None,
    subject_counts: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts (samples or 1, stimuli) and (samples, subjects), or say what does not fit."""
    comparison_named(comparison)
    vectors, models = check_vectors(dissimilarities), check_vectors(models, "model")
    n_stimuli = count_stimuli(vectors, models, whitened=comparison in WHITENED)
    if stimulus_counts is None and subject_counts is None:
        message = "There are no samples; give stimulus_counts, subject_counts or both."
        raise DataError(message)
    counts = np.ones((1, n_stimuli)) if stimulus_counts is None else np.asarray(stimulus_counts)
    whole = np.ones((len(counts), len(vectors)))
    weights = whole if subject_counts is None else np.asarray(subject_counts)
    for what, given, n in (("stimulus", counts, n_stimuli), ("subject", weights, len(vectors))):
        if given.ndim != 2 or given.shape[1] != n or (given < 0).any():
            message = (
                f"The {what} counts have shape {given.shape}; give one number of times, 0 or "
                f"more, for each sample and each of {n}: (samples, {n})."
            )
            raise DataError(message)
    if stimulus_counts is not None and len(counts) != len(weights):
        message = (
            f"There are {len(counts)} samples of stimuli and {len(weights)} of subjects; draw as "
            "many of both."
        )
        raise DataError(message)
    return counts, weights.astype(float)


def _resample(
    models: np.ndarray,
    dissimilarities: np.ndarray,
    comparison: str,
    counts: np.ndarray,
    weightings: list[np.ndarray],
    count_copies: bool,
) -> list[Samples]:
    """Score and bound all samples, for each weighting of the subjects (samples, subjects)."""
    sampled = _by_products if comparison in INNER_PRODUCTS else _one_by_one
    found = [
        (np.full((len(m), len(models)), np.nan), *np.full((2, len(m)), np.nan)) for m in weightings
    ]
    data = np.asarray(models, float), np.asarray(dissimilarities, float), comparison
    start = 0
    for cosines, bound in sampled(*data, counts):
        here = slice(start, start + len(cosines)) if len(counts) > 1 else slice(None)
        for (scores, lower, upper), m in zip(found, weightings, strict=True):
            scores[here] = _mean_over_subjects(cosines, m[here])
            lower[here], upper[here] = bound(m[here], count_copies)
        start += len(cosines)
    few = np.broadcast_to((counts > 0).sum(1) < FEWEST_STIMULI, len(weightings[0]))
    for part in (part for parts in found for part in parts):
        part[few] = np.nan
    n_one = [int(((m > 0).sum(1) < FEWEST_SUBJECTS).sum()) for m in weightings]
    return [Samples(a, b, c, int(few.sum()), n) for (a, b, c), n in zip(found, n_one, strict=True)]


Bound = Callable[[np.ndarray, bool], tuple[np.ndarray, np.ndarray]]


def _by_products(
    models: np.ndarray, dissimilarities: np.ndarray, comparison: str, counts: np.ndarray
) -> Iterator[tuple[np.ndarray, Bound]]:
    """Yield comparisons (samples, models, subjects) of some samples, and how to bound them."""
    for gram, cosines in weighted_cosines(dissimilarities, models, comparison, counts):
        yield cosines, partial(bounds_from_gram, gram)


def _one_by_one(
    models: np.ndarray, dissimilarities: np.ndarray, comparison: str, counts: np.ndarray
) -> Iterator[tuple[np.ndarray, Bound]]:
    """Do so for comparisons of ranks: rank the pairs of each sample, as many times as drawn."""
    compare = comparison_named(comparison)
    present = ~np.isnan(dissimilarities[0])
    i, j = np.triu_indices(counts.shape[1], 1)
    i, j = i[present], j[present]
    vectors, models = dissimilarities[:, present], models[:, present]
    for c in counts.astype(int):
        times = c[i] * c[j]
        sample = np.repeat(vectors, times, axis=1)
        if (c > 0).sum() < FEWEST_STIMULI or not times.any():
            cosines = np.full((len(models), len(vectors)), np.nan)
        else:
            cosines = compare(np.repeat(models, times, axis=1), sample)
        yield cosines[None], partial(_bound_ranks, sample, comparison)


def _bound_ranks(
    sample: np.ndarray, comparison: str, weights: np.ndarray, count_copies: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Bound one sample of stimuli for one or more samples of subjects."""
    if not sample.shape[1]:
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    found = [bounds_of_sample(sample, comparison, m, count_copies) for m in weights]
    lower, upper = np.array(found).T
    return lower, upper


def _mean_over_subjects(comparisons: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average (samples, models, subjects) over the subjects drawn: (samples, models)."""
    drawn = np.where(weights[:, None] > 0, comparisons, 0)
    return np.einsum("bks,bs->bk", drawn, weights) / weights.sum(1, keepdims=True)
