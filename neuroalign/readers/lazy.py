"""Arrays that stay in their file until some of their rows and columns are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from xarray.backends import BackendArray
from xarray.core import indexing

Part = slice | np.ndarray


def lazy_array(
    shape: Sequence[int], dtype: DTypeLike, read: Callable[..., np.ndarray]
) -> indexing.LazilyIndexedArray:
    """Return an array that xarray keeps unread, selection after selection.

    Parameters
    ----------
    shape : sequence of int
    dtype : dtype
        Of what `read` returns.
    read : callable
        Called with one argument an axis, each a slice of positive step or an increasing array of
        whole numbers without repeats; returns the outer product of them, with every axis kept.

    Returns
    -------
    LazilyIndexedArray
        To be given to `xarray.DataArray` as its data.
    """
    return indexing.LazilyIndexedArray(_FileArray(tuple(shape), np.dtype(dtype), read))


class _FileArray(BackendArray):
    """What xarray asks of a file: a shape, a type, and the values of a selection."""

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype, read: Callable[..., np.ndarray]
    ) -> None:
        self.shape, self.dtype, self._read = shape, dtype, read

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        """Read a selection; whatever the order and repeats wanted, the file is read in order."""
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._outer
        )

    def _outer(self, key: tuple[Any, ...]) -> np.ndarray:
        wanted: list[Part] = []
        back: list[Part] = []
        for part in key:  # xarray counts from the start, and turns what is read backwards itself
            if isinstance(part, slice) or (np.ndim(part) and (np.diff(part) > 0).all()):
                wanted.append(part)
                back.append(slice(None))
                continue
            distinct, inverse = np.unique(part, return_inverse=True)
            wanted.append(distinct)
            back.append(inverse.reshape(np.shape(part)))  # a scalar loses its axis
        values = self._read(*wanted)
        for axis in reversed(range(len(back))):
            if not isinstance(back[axis], slice):
                values = values[(*[slice(None)] * axis, back[axis])]
        return values
