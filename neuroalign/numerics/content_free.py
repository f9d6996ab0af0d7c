"""Features that know where a row stands, and nothing of what it is."""

from __future__ import annotations

import numpy as np

N_BUMPS = 8  # that tile the positions in a run
WIDTH = 2.0  # rows; standard deviation of the smoothing
REACH = 4  # standard deviations at which the kernel is cut


def smoothed_identity(runs: np.ndarray, *, width: float = WIDTH) -> np.ndarray:
    """Give each row a column of its own, smoothed over its neighbors in the run.

    Rows of different runs share nothing, so in a run that no training row belongs to, every
    column is 0. Known as orthogonal autocorrelated sequences (Feghhi et al. 2024,
    doi:10.48550/arXiv.2406.01538).

    Parameters
    ----------
    runs : int array (rows,)
        Run of each row, rows of a run one after the other in their order.
    width : float
        Standard deviation of the Gaussian, in rows.

    Returns
    -------
    float array (rows, rows)
    """
    return _smooth(np.eye(len(runs)), runs, width)


def smooth_noise(
    runs: np.ndarray, n_columns: int, rng: np.random.Generator, *, width: float = WIDTH
) -> np.ndarray:
    """Project the smoothed identity onto random directions: noise, smoothed within each run.

    Unlike the smoothed identity, it varies in runs that nothing was trained on.

    Parameters
    ----------
    runs : int array (rows,)
        As for `smoothed_identity`.
    n_columns : int
    rng : Generator
    width : float

    Returns
    -------
    float array (rows, n_columns)
    """
    return _smooth(rng.normal(size=(len(runs), n_columns)), runs, width)


def random_walks(runs: np.ndarray, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Sum up Gaussian steps from row to row, anew in each run.

    A walk has no time scale of its own, so that it follows slow and fast neighbors alike.

    Parameters
    ----------
    runs : int array (rows,)
        As for `smoothed_identity`.
    n_columns : int
    rng : Generator

    Returns
    -------
    float array (rows, n_columns)
    """
    steps = rng.normal(size=(len(runs), n_columns))
    walks = np.cumsum(steps, axis=0)
    starts = first_rows(runs)
    before = np.where((starts > 0)[:, None], walks[starts - 1], 0.0)
    return walks - before


def position_bumps(runs: np.ndarray, n_bumps: int = N_BUMPS) -> np.ndarray:
    """Tile the places in a run with Gaussian bumps, the same in every run.

    Parameters
    ----------
    runs : int array (rows,)
        As for `smoothed_identity`.
    n_bumps : int
        At most as many as there are places.

    Returns
    -------
    float array (rows, bumps)
        Without columns where no run has two rows.
    """
    ranks = np.arange(len(runs)) - first_rows(runs)
    n_bumps = min(n_bumps, int(ranks.max()) + 1)
    if n_bumps < 2:
        return np.empty((len(runs), 0))
    centers = np.linspace(0, ranks.max(), n_bumps)
    return np.exp(-0.5 * ((ranks[:, None] - centers) / (centers[1] - centers[0])) ** 2)


def first_rows(runs: np.ndarray) -> np.ndarray:
    """Return the number of the first row of the run of each row, runs one after the other."""
    starts = np.flatnonzero(np.r_[True, runs[1:] != runs[:-1]])
    return np.repeat(starts, np.diff(np.r_[starts, len(runs)]))


def _smooth(values: np.ndarray, runs: np.ndarray, width: float) -> np.ndarray:
    """Smooth columns along the rows of each run; what lies outside a run counts as 0."""
    smoothed = values.copy()
    for offset in range(1, min(int(REACH * width), len(runs) - 1) + 1):
        weight = np.exp(-0.5 * (offset / width) ** 2)
        same = (runs[offset:] == runs[:-offset])[:, None] * weight
        smoothed[offset:] += same * values[:-offset]
        smoothed[:-offset] += same * values[offset:]
    return smoothed
