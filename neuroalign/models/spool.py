"""Hold the activations of all layers: in memory, or on disk where they exceed the budget."""

from __future__ import annotations

import errno
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil

from neuroalign.errors import DataError

ITEM_BYTES = 4  # float32


class LayerStore(Protocol):
    """Where one pass puts its batches, and from which each layer is taken once."""

    def put(self, layer: str, start: int, part: np.ndarray) -> None:
        """Store rows of a layer from `start` on."""

    def take(self, layer: str) -> np.ndarray:
        """Return a layer, and forget it."""


class _MemoryStore:
    def __init__(self, shapes: Mapping[str, tuple[int, ...]], n_stimuli: int) -> None:
        self._arrays = {
            layer: np.empty((n_stimuli, *shape), dtype=np.float32)
            for layer, shape in shapes.items()
        }

    def put(self, layer: str, start: int, part: np.ndarray) -> None:
        self._arrays[layer][start : start + len(part)] = part

    def take(self, layer: str) -> np.ndarray:
        return self._arrays.pop(layer)


class _DiskStore:
    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        n_stimuli: int,
        batch_size: int,
        folder: Path,
    ) -> None:
        import zarr

        group = zarr.open_group(folder, mode="w")
        self._arrays = {
            layer: group.create_array(
                f"layer-{number}",
                shape=(n_stimuli, *shape),
                chunks=(batch_size, *shape),  # a batch is written once, whole
                dtype="float32",
                compressors=None,
            )
            for number, (layer, shape) in enumerate(shapes.items())
        }

    def put(self, layer: str, start: int, part: np.ndarray) -> None:
        self._arrays[layer][start : start + len(part)] = part

    def take(self, layer: str) -> np.ndarray:
        return np.asarray(self._arrays.pop(layer)[:])


@contextmanager
def open_store(
    shapes: Mapping[str, tuple[int, ...]],
    n_stimuli: int,
    *,
    batch_size: int,
    budget: int | None,
) -> Iterator[LayerStore]:
    """Open a store for layers of these shapes.

    Parameters
    ----------
    shapes : mapping
        Layer -> shape of one stimulus' activations.
    n_stimuli : int
    batch_size : int
        Rows that are put at a time.
    budget : int or None
        Bytes; None for a quarter of the memory that is free now.

    Yields
    ------
    LayerStore
        In memory where all layers fit the budget, else a temporary Zarr store, which is removed
        whatever happens.
    """
    free = psutil.virtual_memory().available
    budget = free // 4 if budget is None else budget
    sizes = [n_stimuli * math.prod(shape) * ITEM_BYTES for shape in shapes.values()]
    if max(sizes) > free:
        message = (
            f"One layer of {max(sizes) / 1e9:.1f} GB does not fit into the {free / 1e9:.1f} GB of "
            "free memory; use fewer stimuli or a smaller layer."
        )
        raise DataError(message)
    if sum(sizes) <= budget:
        yield _MemoryStore(shapes, n_stimuli)
        return
    folder = Path(tempfile.mkdtemp(prefix="neuroalign-"))
    try:
        if sum(sizes) > shutil.disk_usage(folder).free:
            message = (
                f"The layers need {sum(sizes) / 1e9:.1f} GB, more than the memory budget and more "
                f"than is free in {folder.parent}; choose fewer layers."
            )
            raise DataError(message)
        yield _DiskStore(shapes, n_stimuli, min(batch_size, n_stimuli), folder)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"No space is left in {folder.parent} for activations; choose fewer layers."
        raise DataError(message) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
