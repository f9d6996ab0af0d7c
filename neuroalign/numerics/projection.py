"""Very sparse random projections: fewer units, and nearly the same distances between rows."""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import csr_array

# Rows of the matrix that are drawn together, so that the first do not depend on how many are
# wanted; and values of the input that are multiplied at a time (8 bytes each), unless these are
# fewer rows than make good use of the cache.
DRAWN_AT_ONCE = 64
CHUNK = 2**20
FEWEST_AT_ONCE = 16


def johnson_lindenstrauss(n_rows: int, eps: float) -> int:
    """Return how many dimensions keep all squared distances within a factor of 1 +- eps.

    4 ln(n) / (eps^2 / 2 - eps^3 / 3), rounded down. The distance of a given pair of rows changes
    by more with probability below 2 / n^2, for dense Gaussian projections.

    Parameters
    ----------
    n_rows : int
    eps : float
        Between 0 and 1.

    Returns
    -------
    int, at least 1

    References
    ----------
    Dasgupta & Gupta (2003), doi:10.1002/rsa.10073.
    """
    return max(int(4 * math.log(n_rows) / (eps**2 / 2 - eps**3 / 3)), 1)


def projection_matrix(n_inputs: int, n_outputs: int, seed: int) -> csr_array:
    """Draw a very sparse random matrix whose transpose times itself is the identity on average.

    An entry is +-sqrt(s / n_outputs) with probability 1 / (2 s) each, else 0, with
    s = sqrt(n_inputs). So ||R x||^2 has mean ||x||^2 and variance
    (2 ||x||^4 + (s - 3) sum(x^4)) / n_outputs. Up to their scale, the first rows do not depend on
    `n_outputs`.

    Parameters
    ----------
    n_inputs, n_outputs : int
    seed : int

    Returns
    -------
    sparse float array (n_outputs, n_inputs)

    References
    ----------
    Li, Hastie & Church (2006), doi:10.1145/1150402.1150436; Achlioptas (2003),
    doi:10.1016/S0022-0000(03)00025-4.
    """
    density = 1 / math.sqrt(n_inputs)
    columns, signs, counts = [], [], []
    for number, first in enumerate(range(0, n_outputs, DRAWN_AT_ONCE)):
        rng = np.random.default_rng([seed, n_inputs, number])
        cells = _chosen(DRAWN_AT_ONCE * n_inputs, density, rng)
        sign = rng.integers(0, 2, len(cells), dtype=np.int8) * 2 - 1
        n_rows = min(DRAWN_AT_ONCE, n_outputs - first)
        kept = cells < n_rows * n_inputs
        columns.append(cells[kept] % n_inputs)
        signs.append(sign[kept])
        counts.append(np.bincount(cells[kept] // n_inputs, minlength=n_rows))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    values = np.concatenate(signs) * math.sqrt(1 / (density * n_outputs))
    return csr_array((values, np.concatenate(columns), starts), shape=(n_outputs, n_inputs))


def project(values: np.ndarray, n_outputs: int, seed: int) -> np.ndarray:
    """Project rows onto random directions, a few rows at a time.

    Each row is projected by itself: rows projected in parts agree.

    Parameters
    ----------
    values : array (rows, units)
        Any numeric type; the arithmetic is float64.
    n_outputs : int
    seed : int

    Returns
    -------
    float array (rows, n_outputs)
        float32 where the values are of that or a smaller floating type.
    """
    n_rows, n_inputs = values.shape
    # By columns, which read each input once and add to a result that fits the cache.
    matrix = projection_matrix(n_inputs, n_outputs, seed).tocsc()
    is_float = values.dtype.kind == "f"
    dtype = np.result_type(values.dtype, np.float32) if is_float else np.dtype(float)
    result = np.empty((n_rows, n_outputs), dtype=dtype)
    step = max(CHUNK // n_inputs, FEWEST_AT_ONCE)
    for start in range(0, n_rows, step):
        part = np.ascontiguousarray(values[start : start + step].T, dtype=float)
        result[start : start + step] = (matrix @ part).T
    return result


def _chosen(n_cells: int, density: float, rng: np.random.Generator) -> np.ndarray:
    """Choose each of a row of cells with one probability, by drawing the gaps between them."""
    if density >= 1:
        return np.arange(n_cells)
    mean = n_cells * density
    size = int(mean + 6 * math.sqrt(mean) + 10)  # almost surely enough in one draw
    cells = np.empty(0, dtype=np.int64)
    last = -1
    while last < n_cells:
        more = last + np.cumsum(rng.geometric(density, size))
        cells, last = np.concatenate([cells, more]), more[-1]
    return cells[cells < n_cells]
