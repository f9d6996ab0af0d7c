"""Calibration by permutation: what a measure reads for the same activations, wrongly paired.

Many measures read more than 0 for unrelated activations, the more so the more units and the fewer
stimuli there are, and the largest of many layer pairs reads more than any one. Pairing the stimuli
of one system with the wrong ones of the other shows by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.exchangeability import Blocks
from neuroalign.numerics.similarity.inputs import check_pair, check_whole
from neuroalign.numerics.similarity.measure import Measure

FEWEST = 20  # pairings, the true one included, so that p can be .05

# Scores that differ by less are equal.
SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of a measure beside what it reads for wrong pairings of the stimuli.

    Parameters
    ----------
    score : float array (first layers, second layers)
    null_mean, null_sd : float arrays (first layers, second layers)
        Over permutations.
    calibrated : float array (first layers, second layers)
        (score - null mean) / (1 - null mean): 0 is chance, and 1 the value of equal systems.
    p : float array (first layers, second layers)
        (1 + permutations with a score as large) / (1 + permutations).
    p_family : float array (first layers, second layers)
        The same with the largest score of all layer pairs in each permutation: p for a pair that
        was chosen because it is the largest.
    largest : float
        Largest score over layer pairs; `p_family` of that pair is its p.
    largest_null : float array (permutations,)
        Largest score over layer pairs in each permutation.
    """

    score: np.ndarray
    null_mean: np.ndarray
    null_sd: np.ndarray
    calibrated: np.ndarray
    p: np.ndarray
    p_family: np.ndarray
    largest: float
    largest_null: np.ndarray


def calibrate(
    measure: Measure,
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    *,
    n_permutations: int = 1000,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> Calibration:
    """Compare every layer of one system with every layer of another, and with wrong pairings.

    In each permutation the stimuli of all layers of the second system change places in the same
    way, so that what layers share stays shared.

    Parameters
    ----------
    measure : measure
        Such as ``ProcrustesSimilarity()``. The larger its score, the more alike.
    first : sequence of arrays (stimuli, units)
        Layers of one system; ``[values]`` for a single one.
    second : sequence of arrays (stimuli, units)
        Layers of the other.
    n_permutations : int
        At least 19; all there are, if those are fewer.
    groups : array (stimuli,), optional
        Stimuli that belong together. Whole groups then change places with others of equal size,
        their stimuli in the order in which they are given.
    seed : int
        Of the permutations.

    Returns
    -------
    Calibration
        NaN where the measure is undefined for a layer pair.

    References
    ----------
    p: Phipson & Smyth (2010), doi:10.2202/1544-6115.1585; maximum: Nichols & Holmes (2002),
    doi:10.1002/hbm.1058; for similarities of networks: Groeger, Wen & Brbic (2026),
    arXiv:2602.14486, who rescale by a quantile of the null rather than by its mean.
    """
    for layer in (*first, *second):
        check_pair(first[0], layer, 2)
    orders = _orders(len(first[0]), n_permutations, groups, seed)
    compare = _comparison(measure, first, second)
    score = compare(np.arange(len(first[0])))
    null = np.array([compare(order) for order in orders])
    mean, undefined = null.mean(0), np.isnan(score)
    largest_null = np.where(undefined, -np.inf, null).max((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        calibrated = (score - mean) / (1 - mean)
    return Calibration(
        score,
        mean,
        null.std(0, ddof=1),
        calibrated,
        _share_as_large(score, null),
        _share_as_large(score, largest_null[:, None, None]),
        np.nan if undefined.all() else float(np.nanmax(score)),
        np.where(np.isinf(largest_null), np.nan, largest_null),
    )


def _comparison(
    measure: Measure, first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what compares all layers in some order of the second's stimuli."""
    prepare: Callable[[np.ndarray], Any] | None = getattr(measure, "prepare_array", None)
    if prepare is None:
        pair, one, two = _by_arrays(measure), list(first), list(second)
    else:
        pair = measure.compare_prepared  # type: ignore[attr-defined]
        one, two = [prepare(layer) for layer in first], [prepare(layer) for layer in second]
    return lambda order: np.array([[pair(a, b, order) for b in two] for a in one])


def _by_arrays(measure: Measure) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float]:
    return lambda first, second, order: measure.compare_arrays(first, second[order])


def _orders(
    n_stimuli: int, n_permutations: int, groups: np.ndarray | None, seed: int
) -> np.ndarray:
    """Draw orders (permutations, stimuli) that differ from each other and from the true one."""
    check_whole("n_permutations", n_permutations, 1)
    check_whole("seed", seed, 0)
    if n_permutations < FEWEST - 1:
        message = (
            f"n_permutations is {n_permutations}, which cannot lead to a p of .05 or less; use "
            f"{FEWEST - 1} or more."
        )
        raise DataError(message)
    each = np.arange(n_stimuli)
    if groups is not None and len(groups) != n_stimuli:
        message = f"There are {len(groups)} groups for {n_stimuli} stimuli; give one for each."
        raise DataError(message)
    block = each if groups is None else np.unique(groups, return_inverse=True)[1]
    pairings = Blocks(block, each, np.zeros(n_stimuli, dtype=int))
    every = np.ones(n_stimuli, dtype=bool)
    count = pairings.count(every)
    if count < FEWEST:
        what = "stimuli" if groups is None else "groups of equal size"
        message = (
            f"Too few {what} can change places: there are {count} pairings, and {FEWEST} are "
            "needed for a p of .05; give more."
        )
        raise DataError(message)
    return pairings.orders(pairings.draw(n_permutations, seed), every)


def _share_as_large(score: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return p; permutations in which a measure is undefined count as large."""
    as_large = ~(null < score - SAME)
    p = (1 + as_large.sum(0)) / (1 + len(null))
    return np.where(np.isnan(score), np.nan, p)
