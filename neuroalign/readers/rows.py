"""Rows of several files as the rows of one lazy array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from neuroalign.data.schema import repeated
from neuroalign.data.streams import checked_period
from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import existing
from neuroalign.readers.lazy import Part, lazy_array

ReadFile = Callable[[int, np.ndarray, np.ndarray], np.ndarray]


def listed(paths: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[Path]:
    """Return one or more paths as a list of files that are there, each given once."""
    given = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    if not given:
        message = "No file was given; pass a path, or a list of paths."
        raise DataError(message)
    found = [existing(path) for path in given]
    if twice := repeated([str(path.resolve()) for path in found]):
        message = f"File {twice[0]!r} was given more than once; name each file once."
        raise DataError(message)
    return found


def joined_rows(
    sizes: Sequence[int], n_neuroids: int, dtype: DTypeLike, read_file: ReadFile
) -> Any:
    """Return the rows of several files, one below the other, as one lazy array.

    Parameters
    ----------
    sizes : sequence of int
        Rows in each file.
    n_neuroids : int
    dtype : dtype
    read_file : callable
        Called as ``read_file(file number, rows, neuroids)`` with increasing numbers; returns
        (row, neuroid). Files without a wanted row are not touched.

    Returns
    -------
    LazilyIndexedArray (row, neuroid)
    """
    starts = np.concatenate([[0], np.cumsum(sizes)])

    def read(rows: Part, neuroids: Part) -> np.ndarray:
        wanted, columns = np.arange(starts[-1])[rows], np.arange(n_neuroids)[neuroids]
        values = np.empty((len(wanted), len(columns)), dtype)
        bounds = np.searchsorted(wanted, starts)
        for number, (first, last) in enumerate(pairwise(bounds)):
            if first < last and len(columns):
                values[first:last] = read_file(number, wanted[first:last] - starts[number], columns)
        return values

    return lazy_array((int(starts[-1]), n_neuroids), dtype, read)


def entities(path: Path) -> dict[str, str]:
    """Return the entities of a name as BIDS has it: {"sub": "01", "run": "2", ...}."""
    pairs = (part.partition("-") for part in path.name.partition(".")[0].split("_"))
    return {key: value for key, dash, value in pairs if dash and key and value}


def run_names(paths: Sequence[Path], run: str | Sequence[str] | None) -> list[str]:
    """Return a name for the run of each file: as given, as the file names say, or counted.

    Parameters
    ----------
    paths : sequence of Path
    run : str or sequence of str, optional
        By default the session and run of a BIDS name, as in "ses-1_run-2"; where some name says
        neither, "run-1", "run-2", ...
    """
    if run is not None:
        names = [run] if isinstance(run, str) else [str(name) for name in run]
        if len(names) != len(paths):
            message = f"{len(names)} runs are named for {len(paths)} files; name one for each."
            raise DataError(message)
    else:
        names = [
            "_".join(f"{key}-{said[key]}" for key in ("ses", "run") if key in said)
            for said in map(entities, paths)
        ]
        if not all(names):
            names = [f"run-{number + 1}" for number in range(len(paths))]
    if twice := repeated(names):
        message = (
            f"Several files are of the same run {name_some(twice)}; name the run of each, as in "
            "run=['run-1', 'run-2']."
        )
        raise DataError(message)
    return names


def sample_coords(
    files: Sequence[Path],
    sizes: Sequence[int],
    run: str | Sequence[str] | None,
    period: float,
    starts: Sequence[float] | None = None,
) -> dict[str, np.ndarray]:
    """Return the run of every sample, and its onset in s; `starts` are those of the first ones."""
    checked_period(period, ("sample", "neuroid"))
    onsets = [
        start + np.arange(size) * period
        for start, size in zip(starts or [0.0] * len(sizes), sizes, strict=True)
    ]
    return {"run": np.repeat(run_names(files, run), sizes), "onset": np.concatenate(onsets)}
