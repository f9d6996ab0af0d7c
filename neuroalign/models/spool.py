"""Hold the activations of all layers: in memory, or on disk where they exceed the budget."""

from __future__ import annotations

import errno
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import psutil

from neuroalign.errors import DataError

ITEM_BYTES = 4  # float32


class LayerStore:
    """Where one pass puts its batches, and from which each layer is taken once.

    A layer is known once its shape is given, or its first batch. As soon as all known layers
    exceed the budget, those held so far go to disk, and so do all that follow: what is in memory
    never exceeds the budget, however many layers there are.
    """

    def __init__(self, n_stimuli: int, budget: int, files: ExitStack) -> None:
        self._n_stimuli, self._budget, self._files = n_stimuli, budget, files
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._written = 0
        self._memory: _MemoryStore | None = None
        self._disk: _DiskStore | None = None

    def add(self, layer: str, shape: tuple[int, ...]) -> None:
        """Make room for a layer, whose activations to one stimulus have this shape."""
        _check_free(layer, self._bytes(shape))
        self._shapes[layer] = shape
        total = sum(map(self._bytes, self._shapes.values()))
        if total > self._budget or self._disk:
            self._disk = self._disk or self._spilled()
            self._disk.check_free(total)
            self._disk.add(layer, shape)
        else:
            self._memory = self._memory or _MemoryStore(self._n_stimuli)
            self._memory.add(layer, shape)

    def put(self, layer: str, start: int, part: np.ndarray) -> None:
        """Store rows of a layer from `start` on; the array may be changed afterwards."""
        if layer not in self._shapes:
            self.add(layer, part.shape[1:])
        if part.shape[1:] != self._shapes[layer]:
            message = (
                f"Layer {layer!r} returns the shape {self._shapes[layer]} for some stimuli and "
                f"{part.shape[1:]} for others; give the model a preprocess that brings them to "
                "one size."
            )
            raise DataError(message)
        self._held().put(layer, start, part)
        self._written = max(self._written, start + len(part))

    def take(self, layer: str) -> np.ndarray:
        """Return a layer, and forget it."""
        del self._shapes[layer]
        return self._held().take(layer)

    def _held(self) -> _MemoryStore | _DiskStore:
        held = self._disk or self._memory
        if held is None:
            message = "Nothing was stored yet."
            raise DataError(message)
        return held

    def _bytes(self, shape: tuple[int, ...]) -> int:
        return self._n_stimuli * math.prod(shape) * ITEM_BYTES

    def _spilled(self) -> _DiskStore:
        """Open a file, and move there what is held in memory, one layer after the other."""
        disk = _DiskStore(self._n_stimuli, self._files)
        if (memory := self._memory) is not None:
            for layer in list(memory.arrays):
                array = memory.take(layer)
                disk.add(layer, array.shape[1:])
                disk.put(layer, 0, array[: self._written])
        return disk


class _MemoryStore:
    def __init__(self, n_stimuli: int) -> None:
        self._n_stimuli = n_stimuli
        self.arrays: dict[str, np.ndarray] = {}

    def add(self, layer: str, shape: tuple[int, ...]) -> None:
        self.arrays[layer] = np.empty((self._n_stimuli, *shape), dtype=np.float32)

    def put(self, layer: str, start: int, part: np.ndarray) -> None:
        self.arrays[layer][start : start + len(part)] = part

    def take(self, layer: str) -> np.ndarray:
        return self.arrays.pop(layer)


class _DiskStore:
    """All layers in one file without a name, which vanishes with the process whatever happens."""

    def __init__(self, n_stimuli: int, files: ExitStack) -> None:
        self._n_stimuli, self._end = n_stimuli, 0
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._file = tempfile.TemporaryFile(prefix="neuroalign-")  # noqa: SIM115
        files.enter_context(self._file)

    def check_free(self, n_bytes: int) -> None:
        folder = Path(tempfile.gettempdir())
        if n_bytes > shutil.disk_usage(folder).free + self._end:
            message = (
                f"The layers need {n_bytes / 1e9:.1f} GB, more than the memory budget and more "
                f"than is free in {folder}; choose fewer layers."
            )
            raise DataError(message)

    def add(self, layer: str, shape: tuple[int, ...]) -> None:
        self._places[layer] = self._end, shape
        self._end += self._n_stimuli * math.prod(shape) * ITEM_BYTES

    def put(self, layer: str, start: int, part: np.ndarray) -> None:
        place, shape = self._places[layer]
        self._file.seek(place + start * math.prod(shape) * ITEM_BYTES)
        self._file.write(np.ascontiguousarray(part, dtype=np.float32).data)

    def take(self, layer: str) -> np.ndarray:
        place, shape = self._places.pop(layer)
        values = np.empty((self._n_stimuli, *shape), dtype=np.float32)
        self._file.seek(place)
        self._file.readinto(values.reshape(-1).view(np.uint8).data)
        return values


@contextmanager
def open_store(
    shapes: Mapping[str, tuple[int, ...]],
    n_stimuli: int,
    *,
    budget: int | None,
) -> Iterator[LayerStore]:
    """Open a store for the layers of one pass.

    Parameters
    ----------
    shapes : mapping
        Layer -> shape of one stimulus' activations, of the layers that are known beforehand.
    n_stimuli : int
    budget : int or None
        Bytes; None for a quarter of the memory that is free now.

    Yields
    ------
    LayerStore
        In memory where all layers fit the budget, else in a temporary file, which is removed
        whatever happens.
    """
    with ExitStack() as files:
        store = LayerStore(n_stimuli, default_budget() if budget is None else budget, files)
        try:
            for layer, shape in shapes.items():
                store.add(layer, shape)
            yield store
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            folder = tempfile.gettempdir()
            message = f"No space is left in {folder} for activations; choose fewer layers."
            raise DataError(message) from error


def default_budget() -> int:
    """Return a quarter of the memory that is free now, in bytes."""
    return psutil.virtual_memory().available // 4


def _check_free(layer: str, n_bytes: int) -> None:
    free = psutil.virtual_memory().available
    if n_bytes > free:
        message = (
            f"Layer {layer!r} of {n_bytes / 1e9:.1f} GB does not fit into the {free / 1e9:.1f} GB "
            "of free memory; use fewer stimuli or a smaller layer."
        )
        raise DataError(message)
