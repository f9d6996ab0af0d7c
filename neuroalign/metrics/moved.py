"""Responses on the device that computes with them: moved once, for all folds."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.device import Array, as_index, check_range, put
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.moments import ROUNDING

# Rows that say where zero is, and columns that are moved at a time.
N_ANCHORS, CHUNK = 33, 1024


class MovedResponses:
    """Responses without gaps on a device.

    Parameters
    ----------
    responses : float array (rows, targets)
        NaN where there is none; such rows are not to be read.
    device, dtype : str
        As `put` takes them.
    """

    def __init__(self, responses: np.ndarray, device: str, dtype: str) -> None:
        values, self._center = movable(responses, dtype)
        self._values = put(values, device, dtype)

    def columns(self, columns: np.ndarray) -> Array:
        """Return some columns, ascending; all of them without a copy."""
        every = len(columns) == self._values.shape[1]
        return self._values if every else self._values[:, as_index(columns, self._values)]

    def unshifted(self, result: SplitResult, columns: np.ndarray) -> SplitResult:
        """Undo in a result what was subtracted from the columns."""
        return result._replace(train_mean=result.train_mean + self._center[columns])


def movable(responses: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return responses without gaps, near zero where float32 needs it, and what was subtracted.

    Far from zero, float32 would lose the variation. The shift is the median of some rows of each
    column, not the mean of all, which one wild row, perhaps a held-out one, could move far away.
    Differences that are rounding become 0, so that a constant stays one.
    """
    moved = np.empty(responses.shape, dtype=dtype)
    center = np.zeros(responses.shape[1])
    rows = np.unique(np.linspace(0, len(responses) - 1, N_ANCHORS).astype(int))
    for start in range(0, len(center), CHUNK):
        part = slice(start, start + CHUNK)
        values = responses[:, part]
        present = np.isfinite(values)
        if dtype == "float64":
            moved[:, part] = np.where(present, values, 0.0)
            check_range(moved[:, part], len(responses), dtype, "responses")
            continue
        median = np.ma.median(np.ma.masked_invalid(values[rows]), axis=0)
        center[part] = np.ma.filled(median, 0.0)
        filled = np.where(present, values, center[part])
        shifted = filled - center[part]
        shifted[np.abs(shifted) <= ROUNDING * np.abs(filled)] = 0
        check_range(shifted, len(responses), dtype, "responses")
        moved[:, part] = shifted
    return moved, center
