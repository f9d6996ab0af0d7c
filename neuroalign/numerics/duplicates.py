"""Rows that are nearly the same as a row that was trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neuroalign.numerics.projection import project

N_DIRECTIONS = 64
MARGIN = 10.0  # the projection may raise 1 - r by less than that factor
CHUNK = 512  # rows compared at a time
FEWEST_DIRECTIONS = 4.0


def effective_directions(rows: np.ndarray) -> float:
    """Return along how many directions centered rows vary: (sum of variances)^2 / sum of squares.

    Parameters
    ----------
    rows : float array (rows, units)

    Returns
    -------
    float
        Between 1 and the number of units; 0 where nothing varies.
    """
    short = rows.T @ rows if rows.shape[0] > rows.shape[1] else rows @ rows.T
    total = float(np.trace(short))
    return total**2 / float((short**2).sum()) if total > 0 else 0.0


def near_duplicates(
    values: np.ndarray, pairs: Iterable[tuple[np.ndarray, np.ndarray]], least: float
) -> dict[int, int] | None:
    """Find test rows that correlate with a training row over units, each unit centered.

    Candidates are found in a random projection, and then checked on all units.

    Parameters
    ----------
    values : array (rows, units)
    pairs : iterable of (int array, int array)
        Training and test rows of each fold.
    least : float
        Correlation (cosine of the centered rows) that counts.

    Returns
    -------
    dict of int to int, or None
        Test row -> its nearest training row. None where rows vary along fewer than 4 directions,
        in which many are alike by chance.
    """
    if values.shape[1] > 2 * N_DIRECTIONS:
        sketch = project(values, N_DIRECTIONS, seed=0)
    else:
        sketch = np.array(values, dtype=float)
    sketch = sketch - sketch.mean(0)
    if effective_directions(sketch) < FEWEST_DIRECTIONS:
        return None
    sketch /= np.maximum(np.linalg.norm(sketch, axis=1, keepdims=True), np.finfo(float).tiny)
    center = values.mean(0, dtype=float)
    found: dict[int, int] = {}
    for train, test in pairs:
        for start in range(0, len(test), CHUNK):
            part = test[start : start + CHUNK]
            alike = sketch[part] @ sketch[train].T
            nearest = train[alike.argmax(1)]
            for row, other in zip(part, nearest, strict=True):
                if sketch[row] @ sketch[other] < 1 - MARGIN * (1 - least):
                    continue
                if _cosine(values[row] - center, values[other] - center) >= least:
                    found[int(row)] = int(other)
    return found


def _cosine(one: np.ndarray, two: np.ndarray) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float(one @ two) / lengths if lengths > 0 else 0.0
