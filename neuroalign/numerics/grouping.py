"""Find columns that can be worked on together."""

from __future__ import annotations

import numpy as np


def equal_columns(mask: np.ndarray) -> list[np.ndarray]:
    """Group the columns of a mask that are equal.

    Parameters
    ----------
    mask : bool array (rows, columns)

    Returns
    -------
    list of int arrays
        Column numbers of each group, groups in order of their first column.
    """
    packed = np.ascontiguousarray(np.packbits(mask, axis=0).T)
    _, first, group = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    return [np.flatnonzero(group == number) for number in np.argsort(first, kind="stable")]
