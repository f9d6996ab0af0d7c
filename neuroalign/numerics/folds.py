"""Assign groups of rows to folds, at random or in the order of time."""

from __future__ import annotations

import numpy as np

# Times are sums of sampling periods: those that differ by less (in seconds) are equal.
SAME_TIME = 1e-6


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


def assign_stratified(
    groups: np.ndarray, levels: np.ndarray, n_folds: int, entropy: int | list[int]
) -> np.ndarray:
    """Deal whole groups into folds so that every level is spread evenly.

    The largest groups are dealt first, each into the fold that adds least to the sum, over folds
    and levels, of the squared share of the level that the fold holds; then into the one with
    fewest rows. With one row a group, folds differ by one row of a level at most, and by one row
    in all.

    Parameters
    ----------
    groups : int array (rows,)
        Number of the group of each row, from 0 without gaps.
    levels : int array (rows,)
        Number of the level of each row, from 0 without gaps.
    n_folds : int
        Not more than there are groups.
    entropy : int or list of int
        Seeds the order of groups of equal size and level.

    Returns
    -------
    int array (rows,)
        Fold of each row.
    """
    sizes, totals = np.bincount(groups), np.bincount(levels)
    held = np.split(levels[np.argsort(groups, kind="stable")], np.cumsum(sizes)[:-1])
    shuffled = np.random.default_rng(entropy).permutation(len(sizes))
    # Level after level: only then do the rows of all levels together stay even too.
    first = np.array([members.min() for members in held])
    loads, rows = np.zeros((n_folds, len(totals)), dtype=int), np.zeros(n_folds, dtype=int)
    fold_of_group = np.empty(len(sizes), dtype=int)
    for group in shuffled[np.lexsort((first[shuffled], -sizes[shuffled]))]:
        here, counts = np.unique(held[group], return_counts=True)
        added = (loads[:, here] * counts / totals[here] ** 2).sum(1)
        fold = np.lexsort((rows, added))[0]
        fold_of_group[group] = fold
        loads[fold, here] += counts
        rows[fold] += sizes[group]
    return fold_of_group[groups]


def contiguous_folds(
    runs: np.ndarray, places: np.ndarray, n_folds: int, gap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cut rows in order of run and place into blocks, and keep training rows away from them.

    A block may end inside a run, or hold several; the gap is measured within runs only.

    Parameters
    ----------
    runs : int array (rows,)
        Number of the run of each row.
    places : float array (rows,)
        Where the row lies in its run, in seconds, say.
    n_folds : int
        Not more than there are rows.
    gap : float
        Rows of the same run at this distance of a test row, or nearer, are not trained on.

    Returns
    -------
    train, test : bool arrays (n_folds, rows)
        Every row is tested in one fold; rows within the gap are in neither part.
    """
    fold = np.empty(len(runs), dtype=int)
    fold[np.lexsort((places, runs))] = np.arange(len(runs)) * n_folds // len(runs)
    test = fold == np.arange(n_folds)[:, None]
    # Test rows are near themselves.
    near = np.array([_near(runs, places, held_out, gap) for held_out in test])
    return ~near, test


def _near(runs: np.ndarray, places: np.ndarray, of: np.ndarray, reach: float) -> np.ndarray:
    """Tell which rows lie within reach of the rows `of`, in the same run."""
    near = np.zeros(len(runs), dtype=bool)
    for run in np.unique(runs[of]):
        here = runs == run
        marks = np.sort(places[here & of])
        before = np.searchsorted(marks, places[here] - reach - SAME_TIME, side="left")
        near[here] = before < np.searchsorted(marks, places[here] + reach + SAME_TIME, side="right")
    return near
