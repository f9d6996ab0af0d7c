"""GIFTI: values on the vertices of the surfaces of both hemispheres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.data.schema import UNKNOWN
from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import existing, reading
from neuroalign.readers.fmriprep_files import first_onsets, repetition_time
from neuroalign.readers.region_names import outside_or_name
from neuroalign.readers.rows import entities, joined_rows, listed, sample_coords

KIND = "a GIFTI file"
HEMISPHERES = ("left", "right")
# What a file holds that is no series: places, triangles, labels.
LABELS, POINTS, TRIANGLES = 1002, 1008, 1009  # intents of NIfTI
NO_VALUES = {LABELS: "labels", POINTS: "places of vertices", TRIANGLES: "triangles"}

PathsOf = Mapping[str, str | PathLike[str] | Sequence[str | PathLike[str]]]
PathOf = Mapping[str, str | PathLike[str]]


def read_gifti(
    paths: PathsOf,
    *,
    atlas: PathOf | None = None,
    surface: PathOf | None = None,
    rows: str | None = None,
    run: str | Sequence[str] | None = None,
    sampling_period: float | None = None,
    units: str | None = None,
    space: str | None = None,
) -> xr.DataArray:
    """Read values on the surfaces of one or both hemispheres from GIFTI files.

    A file is read as a whole each time that some of its vertices are asked for, and let go again:
    the format can be read no other way.

    Parameters
    ----------
    paths : mapping
        "left" and "right" -> ``*.func.gii`` or ``*.shape.gii``, or a list of them (one a run, in
        the same order for both); one array for each volume, or one of vertices by volumes.
    atlas : mapping, optional
        "left" and "right" -> ``*.label.gii``, or FreeSurfer's ``*.annot``.
    surface : mapping, optional
        "left" and "right" -> ``*.surf.gii``, whose vertices are the places of the neuroids.
    rows : "sample" or "showing", optional
        What an array is. By default a sample of a stream, and a showing where each file has one.
    run : str or sequence of str, optional
        Of each file of a hemisphere, for samples. By default as BIDS names say it.
    sampling_period : float, optional
        Seconds from one volume to the next. By default the ``RepetitionTime`` of the ``.json``
        beside the files, as in BIDS; GIFTI itself has no agreed place for it.
    units : str, optional
    space : str, optional
        By default that of the BIDS name, as in "fsaverage5".

    Returns
    -------
    DataArray (sample, neuroid) or (showing, neuroid)
        Neuroids are labelled by hemisphere and number of the vertex, as in "left-00012", with
        `hemisphere`, and where files say so `roi`, `x`, `y`, `z` (mm). Samples have `run` and
        `onset` (as `read_fmriprep` has it), and the attribute `sampling_period`; showings have
        `file`.

    Raises
    ------
    DataError
        If a file is no GIFTI file or holds no values; vertices of series, atlas and surface
        differ in number, or runs of the hemispheres in volumes; or there is no sampling period.

    References
    ----------
    https://www.nitrc.org/projects/gifti/ (GIFTI format, version 1.0)

    Examples
    --------
    >>> import nibabel, numpy as np, tempfile
    >>> from neuroalign.readers import read_gifti
    >>> volumes = [nibabel.gifti.GiftiDataArray(np.full(3, n, "float32")) for n in range(4)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nibabel.gifti.GiftiImage(darrays=volumes).to_filename(f"{folder}/L.func.gii")
    ...     series = read_gifti({"left": f"{folder}/L.func.gii"}, sampling_period=2).load()
    >>> series.shape, series.neuroid.values[2].item()
    ((4, 3), 'left-2')
    """
    files = _files(paths)
    first = next(iter(files.values()))
    sizes, counts = _sizes(files)
    kind = rows or ("sample" if max(sizes) > 1 else "showing")
    attrs: dict[str, Any] = {"space": space or entities(first[0]).get("space", "unknown")}
    if units is not None:
        attrs["units"] = units
    if kind == "sample":
        period = repetition_time(first) if sampling_period is None else sampling_period
        if period is None:
            message = (
                f"Neither {str(first[0])!r} nor a description beside it states the sampling "
                "period; pass sampling_period, in seconds."
            )
            raise DataError(message)
        attrs["sampling_period"] = period
        coords = sample_coords(first, sizes, run, period, first_onsets(first, period))
    elif kind == "showing":
        coords = {"file": np.repeat([path.name.partition(".")[0] for path in first], sizes)}
    else:
        message = f"rows={rows!r} cannot be read; volumes are 'sample' or 'showing'."
        raise DataError(message)
    starts = np.cumsum([0, *counts.values()])

    def read_file(number: int, wanted: np.ndarray, columns: np.ndarray) -> np.ndarray:
        parts = []
        for side, begin, end in zip(files, starts[:-1], starts[1:], strict=True):
            here = columns[(columns >= begin) & (columns < end)] - begin
            if here.size:
                parts.append(_values(files[side][number])[np.ix_(wanted, here)])
        return np.concatenate(parts, axis=1)

    return xr.DataArray(
        joined_rows(sizes, int(starts[-1]), np.float32, read_file),
        dims=(kind, "neuroid"),
        coords={name: (kind, values) for name, values in coords.items()}
        | _neuroid_coords(counts, atlas, surface),
        attrs=attrs,
    )


def regions_on_surface(path: str | PathLike[str]) -> np.ndarray:
    """Return the region of every vertex of a ``label.gii`` or ``annot`` file."""
    import nibabel

    found = existing(path)
    if found.suffix == ".annot":
        with reading(found, "a FreeSurfer annotation"):
            numbers, _, names = nibabel.freesurfer.read_annot(found)
            known = {-1: UNKNOWN} | {n: name.decode() for n, name in enumerate(names)}
    else:
        image = _gifti(found)
        with reading(found, KIND):
            arrays = [array for array in image.darrays if array.intent == LABELS]
            if len(arrays) != 1 or np.ndim(arrays[0].data) != 1:
                message = f"File {str(path)!r} holds no single array of labels; one is needed."
                raise DataError(message)
            numbers = arrays[0].data
            known = {label.key: label.label or UNKNOWN for label in image.labeltable.labels}
    if nameless := sorted(set(np.unique(numbers).tolist()) - set(known)):
        message = f"File {str(path)!r} has labels without a name {name_some(nameless)}."
        raise DataError(message)
    return np.asarray([outside_or_name(known[number]) for number in numbers.tolist()])


def places_on_surface(path: str | PathLike[str]) -> np.ndarray:
    """Return the places of the vertices of a ``surf.gii`` file, (vertex, 3) in mm."""
    found = existing(path)
    image = _gifti(found)
    arrays = [array.data for array in image.darrays if array.intent == POINTS]
    if len(arrays) != 1 or np.ndim(arrays[0]) != 2 or np.shape(arrays[0])[1] != 3:
        message = f"File {str(path)!r} holds no places of vertices; a surface is needed."
        raise DataError(message)
    return np.asarray(arrays[0], dtype=float)


def _files(paths: PathsOf) -> dict[str, list[Path]]:
    if not isinstance(paths, Mapping) or not paths or not set(paths) <= set(HEMISPHERES):
        message = (
            "Files of surfaces are given by hemisphere, as in {'left': 'L.func.gii', 'right': "
            "'R.func.gii'}."
        )
        raise DataError(message)
    files = {side: listed(paths[side]) for side in HEMISPHERES if side in paths}
    if len({len(found) for found in files.values()}) > 1:
        given = " and ".join(f"{len(found)} of the {side}" for side, found in files.items())
        message = f"There are {given} hemisphere; a file of each is needed for every run."
        raise DataError(message)
    for pair in zip(*files.values(), strict=True):
        runs = {tuple(entities(path).get(key) for key in ("ses", "run")) for path in pair}
        if len(runs) > 1:
            message = (
                f"Files of different runs stand at the same place in both lists "
                f"{name_some(path.name for path in pair)}; give both in the same order."
            )
            raise DataError(message)
    return files


def _sizes(files: Mapping[str, Sequence[Path]]) -> tuple[list[int], dict[str, int]]:
    """Return the volumes of each run, and the vertices of each hemisphere, alike in all files."""
    shapes = {side: [_values(path).shape for path in files[side]] for side in files}
    sizes = [size for size, _ in next(iter(shapes.values()))]
    counts = {side: found[0][1] for side, found in shapes.items()}
    for side, found in shapes.items():
        for path, shape, size in zip(files[side], found, sizes, strict=True):
            if shape != (size, counts[side]):
                message = (
                    f"File {str(path)!r} has {shape[0]} volumes of {shape[1]} vertices, but "
                    f"{size} of {counts[side]} are needed, as in the other files."
                )
                raise DataError(message)
    return sizes, counts


def _gifti(path: Path) -> Any:
    import nibabel

    with reading(path, KIND):
        image = nibabel.load(path)
        if not isinstance(image, nibabel.GiftiImage):
            message = f"File {str(path)!r} is a {type(image).__name__}, but {KIND} is needed."
            raise DataError(message)
    return image


def _values(path: Path) -> np.ndarray:
    """Return the values of a file as (volume, vertex)."""
    image = _gifti(path)
    intents = {array.intent for array in image.darrays}
    if not intents or intents & set(NO_VALUES):
        held = next((NO_VALUES[intent] for intent in sorted(intents & set(NO_VALUES))), "nothing")
        message = f"File {str(path)!r} holds {held}, where values on vertices are needed."
        raise DataError(message)
    with reading(path, KIND):
        arrays = [np.asarray(array.data) for array in image.darrays]
        if len(arrays) == 1 and arrays[0].ndim == 2:
            return arrays[0].T.astype(np.float32)
        if {array.ndim for array in arrays} != {1} or len({len(array) for array in arrays}) > 1:
            message = f"File {str(path)!r} holds arrays of several shapes; one for all is needed."
            raise DataError(message)
        return np.stack(arrays).astype(np.float32)


def _neuroid_coords(
    counts: Mapping[str, int], atlas: PathOf | None, surface: PathOf | None
) -> dict[str, tuple[str, np.ndarray]]:
    """Return labels, hemispheres, regions and places of the vertices of all hemispheres."""
    names, sides, regions, places = [], [], [], []
    for side, count in counts.items():
        digits = len(str(count - 1))
        numbers = np.char.zfill(np.arange(count).astype(str), digits)
        names.append(np.char.add(f"{side}-", numbers))
        sides.append(np.repeat(side, count))
        if atlas is not None:
            regions.append(_of_side(atlas, side, "atlas", regions_on_surface, count))
        if surface is not None:
            places.append(_of_side(surface, side, "surface", places_on_surface, count))
    coords = {"neuroid": np.concatenate(names), "hemisphere": np.concatenate(sides)}
    if regions:
        coords["roi"] = np.concatenate(regions)
    if places:
        coords |= dict(zip("xyz", np.concatenate(places).T, strict=True))
    return {name: ("neuroid", values) for name, values in coords.items()}


def _of_side(given: PathOf, side: str, what: str, read: Any, count: int) -> np.ndarray:
    if not isinstance(given, Mapping) or side not in given:
        message = f"The {what} has no file of the {side} hemisphere; give it by hemisphere too."
        raise DataError(message)
    values = read(given[side])
    if len(values) != count:
        message = (
            f"File {str(given[side])!r} has {len(values)} vertices, but the series of the {side} "
            f"hemisphere {count}; files of the same surface are needed."
        )
        raise DataError(message)
    return values
