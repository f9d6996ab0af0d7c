"""Assign groups of rows to folds."""

from __future__ import annotations

import numpy as np


def assign_folds(groups: np.ndarray, n_folds: int, entropy: int | list[int]) -> np.ndarray:
    """Deal whole groups into folds of nearly equal size.

    The largest groups are dealt first, each into the fold that holds fewest rows; groups of equal
    size are dealt in random order. With one row a group this is a shuffled K-fold.

    Parameters
    ----------
    groups : int array (rows,)
        Number of the group of each row, from 0 without gaps.
    n_folds : int
        Not more than there are groups.
    entropy : int or list of int
        Seeds the order of groups of equal size.

    Returns
    -------
    int array (rows,)
        Fold of each row.
    """
    sizes = np.bincount(groups)
    shuffled = np.random.default_rng(entropy).permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    loads = np.zeros(n_folds, dtype=int)
    fold_of_group = np.empty(len(sizes), dtype=int)
    for group in order:
        fold = int(np.argmin(loads))
        fold_of_group[group] = fold
        loads[fold] += sizes[group]
    return fold_of_group[groups]
