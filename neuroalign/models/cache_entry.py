"""One layer on disk: a Zarr array, and a manifest that tells whether every byte of it is right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

FORMAT = 1  # of entries; part of every key
ARRAY, MANIFEST = "activations", "manifest.json"
CHUNK_BYTES = 1 << 24
OVERHEAD = 4096  # bytes: what is counted for a manifest


class DamagedError(ValueError):
    """An entry that is not what was written, with the reason in words."""


class NotKeptError(ValueError):
    """Activations that cannot be stored as they are, with the reason in words."""


def entry_key(ingredients: Mapping[str, str], layer: object) -> str:
    """Return the sha256 of all that activations depend on, which an entry is called by."""
    parts = {"format": FORMAT, "ingredients": dict(ingredients), "layer": layer}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def entry_bytes(values: xr.DataArray) -> int:
    """Return how many bytes an array takes on disk, with its manifest."""
    return int(values.nbytes) + OVERHEAD


def write_entry(folder: Path, values: xr.DataArray, about: Mapping[str, object]) -> None:
    """Write activations into an empty folder, chunk by chunk; labels of stimuli are left out.

    Parameters
    ----------
    folder : Path
    values : DataArray
        Its first axis is "stimulus".
    about : mapping
        What else the manifest says: model, layer, ingredients.

    Raises
    ------
    NotKeptError
        If they are no numbers, or have coordinates or attributes that JSON cannot hold.
    OSError
    """
    import zarr

    array = np.asarray(values.data)
    if array.dtype.kind not in "biuf" or not array.size:
        message = f"values of type {array.dtype} and shape {array.shape}"
        raise NotKeptError(message)
    described = _described(values)
    rows = max(1, min(len(array), CHUNK_BYTES // array[:1].nbytes))
    dtype = array.dtype.newbyteorder("<")
    stored = zarr.create_array(
        folder / ARRAY,
        shape=array.shape,
        chunks=(rows, *array.shape[1:]),
        dtype=dtype,
        compressors=None,
        fill_value=0,
        # A chunk that is not there would read as zeros: zeros are written, so that none is missing.
        config={"write_empty_chunks": True},
    )
    hashes = []
    for start in range(0, len(array), rows):
        part = np.ascontiguousarray(array[start : start + rows], dtype=dtype)
        stored[start : start + rows] = part
        digest = hashlib.sha256(_bytes_of(part))
        digest.update(bytes((rows - len(part)) * part[:1].nbytes))  # Zarr fills up the last one
        hashes.append(digest.hexdigest())
    _write_manifest(
        folder,
        {
            **about,
            **described,
            "rows_in_a_chunk": rows,
            "bytes": entry_bytes(values),
            "sha256_of_chunks": hashes,
            "sha256_of_zarr_json": _file_hash(folder / ARRAY / "zarr.json"),
        },
    )


def write_selection(folder: Path, layers: list[str], about: Mapping[str, object]) -> None:
    """Write which layers a pattern or a type turned out to mean."""
    _write_manifest(folder, {**about, "layers": layers, "bytes": OVERHEAD})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what an entry says of itself.

    Raises
    ------
    FileNotFoundError
        If there is no entry.
    DamagedError
        If its manifest is not what was written.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        said = manifest.pop("sha256")
        if said == _json_hash(manifest):
            return manifest
    except FileNotFoundError:
        message = "its manifest is missing"
        raise DamagedError(message) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        pass
    message = "its manifest is damaged"
    raise DamagedError(message)


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Check that every chunk is there and of its size, without reading any."""
    for number, (file, _, size) in enumerate(_chunks(folder, manifest)):
        if not file.is_file():
            message = f"chunk {number} is missing"
            raise DamagedError(message)
        if file.stat().st_size != size:
            message = f"chunk {number} has {file.stat().st_size} bytes instead of {size}"
            raise DamagedError(message)


def read_entry(folder: Path, manifest: Mapping[str, Any]) -> xr.DataArray:
    """Read activations, chunk by chunk, each of which must have its hash.

    Raises
    ------
    DamagedError
        If a chunk is missing, too short, too long or changed.
    """
    values = np.empty(manifest["shape"], dtype=manifest["dtype"])
    _verify_zarr(folder, manifest)
    for start, data in _verified(folder, manifest):
        part = values[start : start + manifest["rows_in_a_chunk"]]
        _bytes_of(part)[:] = data[: part.nbytes]
    coords = {name: (one["dims"], _array_of(one)) for name, one in manifest["coordinates"].items()}
    return xr.DataArray(
        values, coords, manifest["dims"], name=manifest["name"], attrs=manifest["attrs"]
    )


def verify_entry(folder: Path) -> None:
    """Read an entry and check it whole, one chunk in memory at a time.

    Raises
    ------
    DamagedError
    FileNotFoundError
    """
    manifest = read_manifest(folder)
    if "layers" not in manifest:
        _verify_zarr(folder, manifest)
        for _ in _verified(folder, manifest):
            pass


def _verified(folder: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[int, bytes]]:
    """Yield the first row and the bytes of each chunk."""
    check_files(folder, manifest)
    hashes = manifest["sha256_of_chunks"]
    for number, (file, start, _) in enumerate(_chunks(folder, manifest)):
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != hashes[number]:
            message = f"chunk {number} was changed"
            raise DamagedError(message)
        yield start, data


def _chunks(folder: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[Path, int, int]]:
    """Yield the file, the first row and the bytes of each chunk, as Zarr numbers them."""
    shape, rows = manifest["shape"], manifest["rows_in_a_chunk"]
    row = int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(manifest["dtype"]).itemsize
    rest = ["0"] * (len(shape) - 1)
    for number, start in enumerate(range(0, shape[0], rows)):
        yield Path(folder, ARRAY, "c", str(number), *rest), start, rows * row


def _verify_zarr(folder: Path, manifest: Mapping[str, Any]) -> None:
    with suppress(FileNotFoundError):
        if _file_hash(folder / ARRAY / "zarr.json") == manifest["sha256_of_zarr_json"]:
            return
    message = "its zarr.json is damaged"
    raise DamagedError(message)


def _described(values: xr.DataArray) -> dict[str, object]:
    """Put into words all of an array but its values and the labels of stimuli."""
    coords = {
        str(name): {"dims": [str(dim) for dim in one.dims], **_listed(str(name), one.values)}
        for name, one in values.coords.items()
        if name != "stimulus"
    }
    attrs = {str(name): value for name, value in values.attrs.items()}
    with suppress(TypeError, ValueError):
        if json.loads(json.dumps(attrs)) == attrs:
            return {
                "name": None if values.name is None else str(values.name),
                "dims": [str(dim) for dim in values.dims],
                "shape": list(values.shape),
                "dtype": values.dtype.newbyteorder("<").str,
                "coordinates": coords,
                "attrs": attrs,
            }
    message = "attributes that JSON cannot hold"
    raise NotKeptError(message)


def _listed(name: str, values: np.ndarray) -> dict[str, object]:
    if values.dtype.kind not in "biufUMm":
        message = f"a coordinate {name!r} of type {values.dtype}"
        raise NotKeptError(message)
    plain = values.view(np.int64) if values.dtype.kind in "Mm" else values
    return {"dtype": values.dtype.newbyteorder("<").str, "values": plain.tolist()}


def _array_of(described: Mapping[str, Any]) -> np.ndarray:
    dtype = np.dtype(described["dtype"])
    if dtype.kind in "Mm":
        return np.array(described["values"], dtype=np.int64).view(dtype)
    return np.array(described["values"], dtype=dtype)


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _write_manifest(folder: Path, manifest: Mapping[str, object]) -> None:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    said = {
        "what": "activations of one layer, kept by neuroalign",
        "format": FORMAT,
        "created": created,
        "neuroalign": version("neuroalign"),
        **manifest,
    }
    text = json.dumps({**said, "sha256": _json_hash(said)}, indent=1)
    (folder / MANIFEST).write_text(text + "\n")


def _json_hash(manifest: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _file_hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
