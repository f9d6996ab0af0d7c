"""Crossnobis in units of the noise, whose precision comes from other stimuli of the same data.

A precision from the residuals of all stimuli has the residuals of each pair in it. Over R
repetitions, with d the difference of two stimuli in their means and r_m that of their residuals in
repetition m, crossnobis is

    d' P d - sum_m r_m' P r_m / (R (R - 1)),

and the sum is meant to be what noise adds to the first term, 2 tr(P S) / R for noise of covariance
S. But P is an inverse of what r_m are part of: large where they happen to be small. So the sum is
too small, by a share that grows with units / (stimuli x (R - 1)), and crossnobis too large, by as
much for all pairs. Here P is independent of the pair: its two stimuli are left out of it.

To leave out each pair alone would take n (n - 1) / 2 precisions. Instead stimuli are dealt into 13
blocks, of which 4 are left out at a time, {0, 1, 3, 9} + k mod 13 for k = 0 to 12. All differences
between these four numbers are different mod 13, so that every two blocks are left out together
exactly once: 13 precisions, each of 9 / 13 of the stimuli.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.spatial.distance import squareform

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.dissimilarity import crossnobis
from neuroalign.numerics.rdm.noise_precision import precision, residuals

# Number of blocks -> those that are left out first (a perfect difference set).
DIFFERENCE_SETS = {13: (0, 1, 3, 9), 7: (0, 1, 3)}
FEWEST_STIMULI = 3


def whitened_crossnobis(patterns: np.ndarray, repetitions: np.ndarray) -> np.ndarray:
    """Compute crossnobis with the precision of the noise, estimated without the stimuli compared.

    The expectation of a value is the Mahalanobis distance without noise, by the expected precision:
    0 for equal stimuli, whatever the distribution of the noise and the number of units, if noise is
    independent between repetitions and between stimuli. Pairs of different blocks of stimuli have
    precisions of different stimuli, which agree but for error. Costs 13 precisions, of the order
    13 (rows units^2 + units^3).

    Parameters
    ----------
    patterns : array (runs, stimuli, units)
        As for `crossnobis`.
    repetitions : array (stimuli, repetitions, units)
        What the runs are made of, as for `residuals`: stimuli in the same order, dealt into 13
        blocks in turn (7 with fewer than 13 stimuli, single stimuli with fewer than 7).

    Returns
    -------
    float array (n_pairs,)

    Raises
    ------
    DataError
        As for `crossnobis`, `residuals` and `precision`; for fewer than 3 stimuli.

    References
    ----------
    Walther et al. (2016), doi:10.1016/j.neuroimage.2015.12.012, on crossnobis; Singer
    (1938), A theorem in finite projective geometry and some applications to number theory, on sets
    of which all differences differ.
    """
    patterns, repetitions = np.asarray(patterns), np.asarray(repetitions)
    if patterns.ndim == repetitions.ndim == 3 and patterns.shape[1] != len(repetitions):
        message = (
            f"Runs have {patterns.shape[1]} stimuli, but repetitions {len(repetitions)}; give "
            "those of the same stimuli."
        )
        raise DataError(message)
    n = len(repetitions)
    if n < FEWEST_STIMULI:
        message = (
            f"{n} stimuli leave none to estimate the noise from; give 3 or more, or do not whiten."
        )
        raise DataError(message)
    total, count = np.zeros((n, n)), np.zeros((n, n))
    for held in _left_out(n):
        noise = precision(residuals(repetitions[~held]))
        total[np.ix_(held, held)] += squareform(crossnobis(patterns[:, held], noise), checks=False)
        count[np.ix_(held, held)] += 1
    pairs = np.triu_indices(n, 1)
    return total[pairs] / count[pairs]


def _left_out(n: int) -> list[np.ndarray]:
    """Return masks of stimuli, such that every two stimuli are in at least one together."""
    for n_blocks, first in DIFFERENCE_SETS.items():
        if n >= n_blocks:
            block = np.arange(n) % n_blocks
            return [np.isin((block - shift) % n_blocks, first) for shift in range(n_blocks)]
    return [np.isin(np.arange(n), pair) for pair in combinations(range(n), 2)]
