"""Arrays of voxels by trials in HDF5, MAT and NPY files, read chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroalign.errors import DataError, name_some
from neuroalign.readers.elsewhere import refuse_elsewhere
from neuroalign.readers.files import reading
from neuroalign.readers.grids import Neuroids
from neuroalign.readers.nifti import average_parts
from neuroalign.readers.nifti_files import INFLATED

KIND = "responses to single trials"
BLOCK = 2**24  # values that are held at a time, beside those that are wanted
CACHE = 2**25  # bytes of chunks that HDF5 keeps


@dataclass(frozen=True)
class Layout:
    """How an array of voxels by trials lies in its file.

    `reverse` is whether its axes are those that MATLAB sees, the other way round: trial, z, y, x.
    """

    path: Path
    variable: str | None
    shape: tuple[int, ...]  # of the voxels
    n_trials: int
    dtype: np.dtype
    reverse: bool
    chunks: tuple[int, ...] | None  # of the array, in the order of its axes

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Open the file, and close it again; what is in between can be sliced."""
        if self.variable is None:
            yield np.load(self.path, mmap_mode="r", allow_pickle=False)
            return
        import h5py

        with h5py.File(self.path, "r", rdcc_nbytes=CACHE) as file:
            yield file[self.variable]

    def key(self, box: Sequence[slice], trials: slice) -> tuple[slice, ...]:
        """Return the slices of the array for a box of voxels and some trials."""
        return (trials, *reversed(box)) if self.reverse else (*box, trials)

    def by_trial(self, values: np.ndarray) -> np.ndarray:
        """Return values of the array as trial by voxel axes, in the order of `shape`."""
        return (
            values.transpose(0, *range(values.ndim - 1, 0, -1))
            if self.reverse
            else np.moveaxis(values, -1, 0)
        )

    def steps(self) -> tuple[tuple[int, ...], int]:
        """Return how many voxels along each axis, and trials, lie together in the file."""
        if self.chunks is None:
            if self.reverse:
                return self.shape, 1
            return (*(1,) * (len(self.shape) - 1), self.shape[-1]), self.n_trials
        voxels, trials = (
            (self.chunks[:0:-1], self.chunks[0])
            if self.reverse
            else (self.chunks[:-1], self.chunks[-1])
        )
        return tuple(voxels), trials


def stored_layout(path: Path, variables: Sequence[str], *, reverse: bool = False) -> Layout:
    """Find the array of a file and say how it lies there, without reading it.

    Parameters
    ----------
    path : Path
    variables : sequence of str
        Names that the array may have.
    reverse : bool
        Whether the file was written by MATLAB whatever its name; files ``.mat`` are.
    """
    import h5py

    if path.suffix == ".npy":
        return _layout_of_npy(path)
    with reading(path, KIND):
        if not h5py.is_hdf5(path):
            if path.read_bytes()[:6] == b"MATLAB":
                message = (
                    f"File {str(path)!r} is a MAT file of an old version; save it anew in MATLAB "
                    "with '-v7.3'."
                )
            else:
                message = f"File {str(path)!r} is not an HDF5 file."
            raise DataError(message)
        with h5py.File(path, "r") as file:
            found = next((name for name in variables if name in file), None)
            if found is None:
                wanted = " or ".join(map(repr, variables))
                message = f"File {str(path)!r} has no array {wanted} {name_some(file)}."
                raise DataError(message)
            array = file[found]
            if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "iuf":
                what = f"of type {array.dtype}" if isinstance(array, h5py.Dataset) else "a group"
                message = f"{found!r} in {str(path)!r} is {what}; plain numbers are needed."
                raise DataError(message)
            refuse_elsewhere(path, array)
            _check_shape(path, array.shape)
            promised = array.dtype.itemsize * int(np.prod(array.shape, dtype=object))
            if array.id.get_storage_size() * INFLATED < promised:
                message = (
                    f"File {str(path)!r} promises {promised:,} bytes in {found!r}, but stores "
                    f"{array.id.get_storage_size():,}; fetch it anew."
                )
                raise DataError(message)
            matlab = reverse or path.suffix == ".mat" or found == "modelmd"
            return _layout(path, found, array.shape, array.dtype, matlab, array.chunks)


def read_places(
    array: Any,
    layout: Layout,
    rows: np.ndarray,
    neuroids: Neuroids,
    columns: np.ndarray,
    dtype: np.dtype,
) -> np.ndarray:
    """Read some neuroids in some trials, each chunk of the file once.

    `voxels` of the neuroids are places in the array.
    """
    if not neuroids.averaged:
        return _read_voxels(array, layout, rows, neuroids.part(columns)[0], dtype)
    values = np.empty((len(rows), len(columns)), dtype)
    for number, column in enumerate(columns):
        voxels, begins = neuroids.part(np.array([column]))
        region = _read_voxels(array, layout, rows, voxels, dtype)
        values[:, number] = average_parts(region.T, begins)[0]
    return values


def _read_voxels(
    array: Any, layout: Layout, rows: np.ndarray, places: np.ndarray, dtype: np.dtype
) -> np.ndarray:
    values = np.empty((len(rows), len(places)), dtype)
    step, together = layout.steps()
    corner = (places // np.array(step)).T
    chunk = np.ravel_multi_index(tuple(corner), layout.shape)
    order = np.argsort(chunk, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(chunk[order])) + 1):
        low, high = places[members].min(axis=0), places[members].max(axis=0) + 1
        box = [slice(int(begin), int(end)) for begin, end in zip(low, high, strict=True)]
        inside = tuple((places[members] - low).T)
        span = max(together, BLOCK // int(np.prod(high - low)) // together * together)
        for start in range(int(rows[0]) // span * span, int(rows[-1]) + 1, span):
            first, last = np.searchsorted(rows, (start, start + span))
            if first == last:
                continue
            begin, end = int(rows[first]), int(rows[last - 1]) + 1
            block = layout.by_trial(np.asarray(array[layout.key(box, slice(begin, end))]))
            lines = (rows[first:last] - begin)[:, None]
            values[first:last, members] = block[(lines, *inside)]
    return values


def _layout_of_npy(path: Path) -> Layout:
    with reading(path, KIND):
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            if "object" not in str(error).lower():
                raise
            message = (
                f"File {str(path)!r} is a pickle, which could run code, and is not opened; run "
                "GLMsingle with wanthdf5=1, or save the array alone: np.save('trials.npy', "
                "results['typed']['betasmd'])."
            )
            raise DataError(message) from error
    if array.dtype.kind not in "iuf":
        message = f"File {str(path)!r} holds values of type {array.dtype}; numbers are needed."
        raise DataError(message)
    _check_shape(path, array.shape)
    return _layout(path, None, array.shape, array.dtype, False, None)


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) not in (2, 4) or 0 in shape:
        message = (
            f"File {str(path)!r} holds an array of shape {shape}; voxels along three axes (or "
            "one) by trials are needed."
        )
        raise DataError(message)


def _layout(
    path: Path,
    variable: str | None,
    shape: tuple[int, ...],
    dtype: np.dtype,
    reverse: bool,
    chunks: tuple[int, ...] | None,
) -> Layout:
    voxels, trials = (shape[:0:-1], shape[0]) if reverse else (shape[:-1], shape[-1])
    return Layout(path, variable, tuple(voxels), trials, dtype, reverse, chunks)
