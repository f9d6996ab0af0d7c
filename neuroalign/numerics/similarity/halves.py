"""Halves of the stimuli: what is fitted on the one is measured on the other, and in turn."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.folds import assign_folds
from neuroalign.numerics.similarity.inputs import check_whole

FEWEST = 6  # stimuli, three in each half


def split_halves(n_stimuli: int, n_splits: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Halve the stimuli at random several times, and let each half serve for either purpose.

    Parameters
    ----------
    n_stimuli : int
    n_splits : int
    seed : int

    Returns
    -------
    list of pairs of int arrays
        Rows to fit on and rows to measure on, twice as many pairs as splits.
    """
    check_whole("n_splits", n_splits, 1)
    check_whole("seed", seed, 0)
    pairs = []
    for split in range(n_splits):
        half = assign_folds(np.arange(n_stimuli), 2, [seed, split])
        one, two = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
        pairs += [(one, two), (two, one)]
    return pairs
