"""Exchange rows at random, and keep what neighboring rows share."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.content_free import first_rows

N_DRAWS = 20
MOST_AT_HOME = 0.1  # share of rows that may stay in their own run


def exchange_runs(runs: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Exchange whole runs, rows of each in their order.

    Runs of equal length change places. Those of unequal length are put one after the other in
    another order, so that some rows may land in their own run; of 20 draws the one with fewest
    such rows is taken.

    Parameters
    ----------
    runs : int array (rows,)
        Run of each row, from 0 without gaps, rows of a run one after the other.
    rng : Generator

    Returns
    -------
    int array (rows,), or None
        Number of the row that takes the place of each; None where more than a tenth of the rows
        cannot leave their run, since it holds most of them.
    """
    parts = np.split(np.arange(len(runs)), np.unique(first_rows(runs))[1:])
    draws = []
    for _ in range(N_DRAWS):
        cycle = rng.permutation(len(parts))
        following = np.empty(len(parts), dtype=int)
        following[cycle] = np.roll(cycle, -1)  # a single cycle leaves no run in its place
        draws.append(np.concatenate([parts[number] for number in following]))
    at_home = [float((runs[rows] == runs).mean()) for rows in draws]
    best = int(np.argmin(at_home))
    return draws[best] if at_home[best] <= MOST_AT_HOME else None


def shift_runs(runs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift the rows of each run in a circle, by a quarter to three quarters of the run.

    Parameters
    ----------
    runs : int array (rows,)
        As for `exchange_runs`.
    rng : Generator

    Returns
    -------
    int array (rows,)
        Number of the row that takes the place of each.
    """
    shifted = []
    for rows in np.split(np.arange(len(runs)), np.unique(first_rows(runs))[1:]):
        least = -(-len(rows) // 4)
        shifted.append(np.roll(rows, rng.integers(least, max(len(rows) - least, least) + 1)))
    return np.concatenate(shifted)
