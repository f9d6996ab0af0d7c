"""Activations that were computed elsewhere, in files of arrays: a model, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.models.protocol import chosen_layers, label_layer
from neuroalign.readers.arrays import read_npy
from neuroalign.readers.elsewhere import refuse_elsewhere
from neuroalign.readers.files import reading
from neuroalign.readers.sizes import check_promised

LABELS = "stimulus"  # name of the array that labels the rows of the others
AXES = "(stimulus, unit), (stimulus, token, channel) or (stimulus, channel, row, column)"

Read = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Contents:
    """What a file of arrays holds.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        Layer -> shape.
    read : dict of str to callable
        Layer -> what reads it.
    labels : sequence of str or None
        Those in the file.
    """

    shapes: dict[str, tuple[int, ...]]
    read: dict[str, Read]
    labels: Sequence[object] | None


class FileModel:
    """Activations in a file of arrays, of which one layer is read at a time.

    Parameters
    ----------
    path : str or path
        ``.npz``, ``.h5`` (``.hdf5``), ``.zarr`` or ``.pt`` (``.pth``): an array for each layer, as
        (stimulus, unit), (stimulus, token, channel) or (stimulus, channel, row, column), and the
        labels of stimuli as an array (for torch a list, for Zarr also an attribute) called
        "stimulus". Or ``.npy``: one layer. Arrays within groups, or tensors within dicts, are
        layers called "group/array"; single numbers beside them, such as a seed, are passed over.
    labels : str, path or sequence of str, optional
        The stimuli in the order of the rows, where the file does not hold them: as they are, or as
        a text file with a label on each line.

    Raises
    ------
    DataError
        If the file is damaged, holds Python objects, or labels are missing, repeat, or are not as
        many as rows.
    """

    reads: str | None = None

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        labels: str | PathLike[str] | Sequence[object] | None = None,
    ) -> None:
        file = Path(path).expanduser()
        self.name = file.stem
        if (suffix := file.suffix.lower()) not in CONTENTS:
            raise unknown_name(suffix, CONTENTS, kind="kind of file of activations")
        with reading(file, f"activations ({suffix})"):
            self._contents = CONTENTS[suffix](file)
        self._labels = _check_labels(file, self._contents, labels)
        for layer, shape in self._contents.shapes.items():
            _check_shape(file, layer, shape, self._labels)
        self.layers = list(self._contents.shapes)
        self._file = file

    def activations(
        self,
        stimuli: pd.DataFrame,  # noqa: ARG002 (part of the contract)
        layers: Sequence[str] | None = None,
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layers with all stimuli of the file; matching is left to who asks."""
        for layer in chosen_layers(layers, self.layers, self.layers):
            with reading(self._file, f"activations of layer {layer!r}"):
                values = self._contents.read[layer]()
            values = values.astype(values.dtype.newbyteorder("="), copy=False)
            yield layer, label_layer(values, layer, self._labels, self.name)


def _check_labels(
    file: Path, contents: Contents, given: str | PathLike[str] | Sequence[object] | None
) -> list[str]:
    """Read the labels of the rows from where they are; one source only."""
    if not contents.shapes:
        message = f"File {str(file)!r} holds no array of activations, of two axes or more."
        raise DataError(message)
    if given is not None and contents.labels is not None:
        message = (
            f"File {str(file)!r} has labels of its own, in {LABELS!r}, and labels were given too; "
            "leave those out."
        )
        raise DataError(message)
    if given is None and contents.labels is None:
        how = "" if file.suffix == ".npy" else f" save them as {LABELS!r} beside the layers, or"
        message = (
            f"File {str(file)!r} does not say which stimulus is in which row;{how} give labels=, a "
            "text file with a label on each line."
        )
        raise DataError(message)
    source: Any = contents.labels if given is None else given
    if isinstance(source, (str, PathLike)):
        path = Path(source).expanduser()
        with reading(path, "a list of labels"):
            source = path.read_text(encoding="utf-8-sig").splitlines()
    labels = as_labels(source, LABELS).tolist()
    if twice := repeated(labels):
        message = f"{len(twice)} labels of {str(file)!r} occur more than once {name_some(twice)}."
        raise DataError(message)
    return labels


def _check_shape(file: Path, layer: str, shape: tuple[int, ...], labels: Sequence[str]) -> None:
    if not 2 <= len(shape) <= 4 or 0 in shape:
        message = f"Layer {layer!r} of {str(file)!r} has the shape {shape}; {AXES} is needed."
        raise DataError(message)
    if shape[0] != len(labels):
        message = (
            f"Layer {layer!r} of {str(file)!r} has {shape[0]} rows, but there are {len(labels)} "
            "labels of stimuli."
        )
        raise DataError(message)


def _from_npy(file: Path) -> Contents:
    values = read_npy(file)
    return Contents({file.stem: values.shape}, {file.stem: lambda: np.asarray(values)}, None)


def _from_npz(file: Path) -> Contents:
    from numpy.lib import format as npy

    shapes, dtypes = {}, {}
    if file.is_file() and not is_zipfile(file):  # of which NumPy advises to unpickle it
        message = (
            f"File {str(file)!r} cannot be read as activations (.npz): it is no archive of arrays, "
            "or one that is cut short; write it anew by np.savez."
        )
        raise DataError(message)
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
        for entry in archive.zip.infolist():
            check_promised(file, entry.file_size, f"array {entry.filename!r}")
            with archive.zip.open(entry) as stream:
                version = npy.read_magic(stream)
                header = (
                    npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                )
                shape, _, dtype = header(stream)
            name = entry.filename.removesuffix(".npy")
            shapes[name], dtypes[name] = shape, dtype
        if LABELS in dtypes and dtypes[LABELS].hasobject:
            message = (
                f"{LABELS!r} in {str(file)!r} holds objects, which are not unpickled; save it as "
                "np.array(labels, dtype=str)."
            )
            raise DataError(message)
        labels = archive[LABELS] if LABELS in archive.files else None

    def read(name: str) -> Read:
        return lambda: np.asarray(read_npy(file, name))

    return _layers(file, shapes, dtypes, read, labels)


def _from_hdf5(file: Path) -> Contents:
    import h5py

    found: dict[str, Any] = {}
    with h5py.File(file, "r") as opened:
        opened.visititems(
            lambda name, node: (
                found.update({name: node}) if isinstance(node, h5py.Dataset) else None
            )
        )
        for node in found.values():
            refuse_elsewhere(file, node)
        labels = found[LABELS][()] if LABELS in found else None
        shapes = {name: tuple(node.shape or ()) for name, node in found.items()}
        dtypes = {name: node.dtype for name, node in found.items()}

    def read(name: str) -> Read:
        def values() -> np.ndarray:
            with h5py.File(file, "r") as again:
                return again[name][:]

        return values

    return _layers(file, shapes, dtypes, read, labels)


def _from_zarr(file: Path) -> Contents:
    import zarr

    group = zarr.open_group(file, mode="r")
    members = group.members(max_depth=None)
    found: dict[str, Any] = {name: node for name, node in members if isinstance(node, zarr.Array)}
    labels: Any = group.attrs.get(LABELS)
    if LABELS in found:
        labels = np.asarray(found[LABELS][...])

    def read(name: str) -> Read:
        def values() -> np.ndarray:
            # Zarr takes a chunk that is not there for one of zeros.
            if lost := found[name].nchunks - found[name].nchunks_initialized:
                message = (
                    f"Layer {name!r} of {str(file)!r} lacks {lost} of its {found[name].nchunks} "
                    "chunks; copy the store anew, or write its zeros (write_empty_chunks)."
                )
                raise DataError(message)
            return np.asarray(found[name][:])

        return values

    shapes = {name: tuple(node.shape) for name, node in found.items()}
    return _layers(file, shapes, {n: node.dtype for n, node in found.items()}, read, labels)


def _from_torch(file: Path) -> Contents:
    from neuroalign.models.tensor_files import array_of, read_tensors

    found, labels = read_tensors(file, LABELS)

    def read(name: str) -> Read:
        return lambda: array_of(found[name])

    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    kinds = {name: np.dtype("c8" if t.is_complex() else "f4") for name, t in found.items()}
    return _layers(file, shapes, kinds, read, labels)


def _layers(
    file: Path,
    shapes: Mapping[str, tuple[int, ...]],
    dtypes: Mapping[str, np.dtype],
    read: Callable[[str], Read],
    labels: Sequence[object] | np.ndarray | None,
) -> Contents:
    """Keep the arrays that may be layers; each must be of numbers."""
    layers = [name for name in shapes if name != LABELS and shapes[name]]
    for name in layers:
        if dtypes[name].kind not in "biuf":
            message = (
                f"{name!r} in {str(file)!r} is of type {dtypes[name]}; layers are of real numbers, "
                f"and labels of stimuli are called {LABELS!r}."
            )
            raise DataError(message)
    listed = None if labels is None else _as_list(file, labels)
    return Contents({n: shapes[n] for n in layers}, {n: read(n) for n in layers}, listed)


def _as_list(file: Path, labels: Any) -> list[object]:
    """Return labels as plain values; those that a file holds as bytes are UTF-8."""
    if isinstance(labels, (str, bytes)) or getattr(labels, "ndim", 1) != 1:
        message = f"{LABELS!r} in {str(file)!r} is no list; give one label for each row."
        raise DataError(message)
    plain = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    return [one.decode() if isinstance(one, bytes) else one for one in plain]


CONTENTS = {
    ".npy": _from_npy,
    ".npz": _from_npz,
    ".h5": _from_hdf5,
    ".hdf5": _from_hdf5,
    ".zarr": _from_zarr,
    ".pt": _from_torch,
    ".pth": _from_torch,
}
