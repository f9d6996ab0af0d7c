"""Responses to single trials in HDF5 or MAT files: GLMsingle, and the Natural Scenes Dataset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.readers.events import ordered_events
from neuroalign.readers.files import reading
from neuroalign.readers.grids import Grid, Neuroids, neuroids_of, whole_volume
from neuroalign.readers.region_names import Labels
from neuroalign.readers.rows import joined_rows, listed
from neuroalign.readers.trial_files import Layout, read_places, stored_layout

PERCENT = "percent signal change"
NSD_SCALE = 300.0  # values are percent signal change times this, as whole numbers


def read_glmsingle(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    mask: Any = None,
    atlas: Any = None,
    labels: Labels | None = None,
    average: str | None = None,
    session: str | Sequence[str] | None = None,
    events: pd.DataFrame | None = None,
) -> xr.DataArray:
    """Read the responses to single trials that GLMsingle saved.

    The values stay in the files until they are asked for; reading one region takes no more memory
    than its values and a few megabytes.

    Parameters
    ----------
    paths : path or sequence of path
        As ``TYPED_FITHRF_GLMDENOISE_RR.hdf5`` (Python, ``wanthdf5=1``; array `betasmd`) or ``.mat``
        (MATLAB, version 7.3; `modelmd`), one a session. An ``.npy`` must hold the plain array: the
        dictionary that GLMsingle saves by default is a pickle, which could run code.
    mask : path or nibabel image, optional
        Voxels above 0 are the neuroids. Where GLMsingle was given only those voxels, one below the
        other, they are taken to be in the order of ``values[mask]`` of the language that saved
        them (the last axis changes fastest in Python, the first in MATLAB).
    atlas, labels, average
        As in `read_nifti`.
    session : str or sequence of str, optional
        Of each file. By default as the names say it ("session07", "ses-07"), else "1", "2", ...
    events : DataFrame, optional
        What was shown when, a row for each trial of all files, with `run` and `onset`; see
        `read_events`. GLMsingle saves trials in the order of time, and so are these taken.

    Returns
    -------
    DataArray (showing, neuroid)
        With `session` and `trial` (counted in the file) on showings, and `stimulus`, `run` and
        `onset` where `events` are given; `roi`, `x`, `y`, `z` (mm) where a mask or atlas says so.

    Raises
    ------
    DataError
        If a file is none of these or shorter than it promises; shapes differ from those of the
        mask; or there are not as many events as trials.

    References
    ----------
    Prince et al. (2022), doi:10.7554/eLife.77599; https://github.com/cvnlab/GLMsingle.

    Examples
    --------
    >>> import h5py, numpy as np, tempfile
    >>> from neuroalign.readers import read_glmsingle
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/TYPED_FITHRF_GLMDENOISE_RR.hdf5", "w") as file:
    ...         file["betasmd"] = np.ones((2, 2, 1, 5), dtype="float32")
    ...     trials = read_glmsingle(f"{folder}/TYPED_FITHRF_GLMDENOISE_RR.hdf5").load()
    >>> trials.shape, trials.neuroid.values[2].item()
    ((5, 4), '01-00-00')
    """
    files = listed(paths)
    layouts = [stored_layout(path, ("betasmd", "modelmd")) for path in files]
    trials = _trials(files, layouts, mask, atlas, labels, average, session)
    if events is None:
        return trials
    table = ordered_events(events)
    if len(table) != len(trials):
        message = (
            f"There are {len(table)} events for {len(trials)} trials; GLMsingle saves one for "
            "each event of its design, so leave out of the events what the design lacked."
        )
        raise DataError(message)
    return trials.assign_coords(
        {
            name: ("showing", np.asarray(table[name].tolist()))
            for name in ("stimulus", "run", "onset")
        }
    )


def read_nsd(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    mask: Any = None,
    atlas: Any = None,
    labels: Labels | None = None,
    average: str | None = None,
    session: str | Sequence[str] | None = None,
) -> xr.DataArray:
    """Read the responses to single trials of the Natural Scenes Dataset (HDF5).

    The values stay in the files until they are asked for; a voxel of a session is one chunk of
    the file, so that a region is read quickly.

    Parameters
    ----------
    paths : path or sequence of path
        ``betas_session01.hdf5``, ...: array `betas` of whole numbers, percent signal change times
        300, by trial, z, y, x (in MATLAB's order: x, y, z, trial), or by trial and vertex.
    mask, atlas, labels, average
        As in `read_nifti`; masks and atlases of the dataset (``roi/*.nii.gz``) have the grid.
    session : str or sequence of str, optional
        Of each file. By default as the names say it.

    Returns
    -------
    DataArray (showing, neuroid)
        In percent signal change, with `session` and `trial` (counted in the session) on showings.

    Raises
    ------
    DataError
        As `read_glmsingle`.

    References
    ----------
    Allen et al. (2022), doi:10.1038/s41593-021-00962-x; data manual,
    https://cvnlab.slite.page/p/6CusMRYfk0/Functional-data-NSD.

    Examples
    --------
    >>> import h5py, numpy as np, tempfile
    >>> from neuroalign.readers import read_nsd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/betas_session03.hdf5", "w") as file:
    ...         file["betas"] = np.full((4, 1, 3, 2), 150, dtype="int16")
    ...     trials = read_nsd(f"{folder}/betas_session03.hdf5").load()
    >>> trials.values[0, 0].item(), trials.neuroid.values[-1].item(), trials.session.item(0)
    (0.5, '01-02-00', '03')
    """
    files = listed(paths)
    layouts = [stored_layout(path, ("betas",), reverse=True) for path in files]
    for path, layout in zip(files, layouts, strict=True):
        if layout.dtype.kind != "i":
            message = (
                f"File {str(path)!r} holds values of type {layout.dtype}; the whole numbers of "
                "the dataset, percent signal change times 300, are needed."
            )
            raise DataError(message)
    return _trials(files, layouts, mask, atlas, labels, average, session, scale=NSD_SCALE)


def _trials(
    files: Sequence[Path],
    layouts: Sequence[Layout],
    mask: Any,
    atlas: Any,
    labels: Labels | None,
    average: str | None,
    session: str | Sequence[str] | None,
    scale: float = 1.0,
) -> xr.DataArray:
    first = layouts[0]
    for path, layout in zip(files, layouts, strict=True):
        if layout.shape != first.shape:
            message = (
                f"File {str(path)!r} has voxels of shape {layout.shape}, but {str(files[0])!r} "
                f"of shape {first.shape}."
            )
            raise DataError(message)
    neuroids = _neuroids(files[0], first, mask, atlas, labels, average)
    dtype = np.result_type(*(layout.dtype for layout in layouts), np.float32)

    def read_file(number: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        layout = layouts[number]
        with reading(files[number], "responses to single trials"), layout.opened() as array:
            values = read_places(array, layout, rows, neuroids, columns, dtype)
        if scale != 1:
            values /= dtype.type(scale)
        return values

    sizes = [layout.n_trials for layout in layouts]
    return xr.DataArray(
        joined_rows(sizes, len(neuroids.starts), dtype, read_file),
        dims=("showing", "neuroid"),
        coords={
            "session": ("showing", np.repeat(_sessions(files, session), sizes)),
            "trial": ("showing", np.concatenate([np.arange(size) for size in sizes])),
            **neuroids.coords,
        },
        attrs={"units": PERCENT},
    )


def _neuroids(
    path: Path,
    layout: Layout,
    mask: Any,
    atlas: Any,
    labels: Labels | None,
    average: str | None,
) -> Neuroids:
    """Choose the voxels that are read, with their places in the array of the file."""
    flat = len(layout.shape) == 1 or set(layout.shape[1:]) == {1}
    options: dict[str, Any] = {"atlas": atlas, "labels": labels, "average": average}
    if mask is None and flat:
        return _numbered(path, layout, options)
    if mask is None or not flat:
        grid = Grid(layout.shape, None, str(path))
        return neuroids_of(grid, mask=mask, **options)
    inside, grid = whole_volume(mask, "mask")
    inside = inside > 0
    if inside.sum() != layout.shape[0]:
        message = (
            f"The mask has {inside.sum()} voxels above 0, but {str(path)!r} holds "
            f"{layout.shape[0]}; the mask that GLMsingle was given is needed."
        )
        raise DataError(message)
    neuroids = neuroids_of(grid, mask=mask, **options)
    number = np.zeros(grid.shape, dtype=int)
    if layout.reverse:
        number.T[inside.T] = np.arange(inside.sum())
    else:
        number[inside] = np.arange(inside.sum())
    places = np.zeros((len(neuroids.voxels), len(layout.shape)), dtype=int)
    places[:, 0] = number[tuple(neuroids.voxels.T)]
    return replace(neuroids, voxels=places)


def _numbered(path: Path, layout: Layout, options: dict[str, Any]) -> Neuroids:
    """Count the voxels or vertices of a file that does not say where they are."""
    if any(value is not None for value in options.values()):
        message = (
            f"File {str(path)!r} holds voxels one below the other; pass the mask that they are "
            "from, so that the atlas can be laid on them."
        )
        raise DataError(message)
    count = layout.shape[0]
    places = np.zeros((count, len(layout.shape)), dtype=int)
    places[:, 0] = np.arange(count)
    digits = len(str(count - 1))
    names = np.char.zfill(np.arange(count).astype(str), digits)
    return Neuroids(places, np.arange(count), {"neuroid": ("neuroid", names)})


def _sessions(files: Sequence[Path], session: str | Sequence[str] | None) -> list[str]:
    """Return the session of each file: as given, as names of files or folders say, or counted."""
    if session is not None:
        names = [session] if isinstance(session, str) else [str(name) for name in session]
        if len(names) != len(files):
            message = f"{len(names)} sessions are named for {len(files)} files; name one for each."
            raise DataError(message)
        return names
    said = [
        re.search(r"(?<![A-Za-z])ses(?:sion)?-?([0-9]+)", f"{path.parent.name}/{path.name}")
        for path in files
    ]
    names = [found[1] if found else "" for found in said]
    if not all(names) or len(set(names)) < len(names):
        return [str(number + 1) for number in range(len(files))]
    return names
