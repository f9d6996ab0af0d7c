"""Streams of voltages that stay in their files: one part a run, read in blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.lazy import Part, lazy_array

# Samples that are read at once, so that a selection with gaps does not read what lies in them.
BLOCK = 65_536


@dataclass(frozen=True)
class Run:
    """Part of a stream that lies in one file.

    Parameters
    ----------
    name : str
    n_samples : int
    read : callable
        ``read(start, stop, neuroids)`` returns samples start to stop - 1 of the neuroids of these
        numbers, as (sample, neuroid).
    """

    name: str
    n_samples: int
    read: Callable[[int, int, np.ndarray], np.ndarray]


def lazy_stream(
    runs: Sequence[Run],
    *,
    sampling_period: float,
    neuroid: Sequence[str],
    coords: Mapping[str, object],
    attrs: Mapping[str, object],
) -> xr.DataArray:
    """Return a stream whose values are read when they are asked for.

    Parameters
    ----------
    runs : sequence of Run
        In the order wanted; each begins at 0 s.
    sampling_period : float, s
    neuroid : sequence of str
        Labels, the same for all runs.
    coords : mapping of str to sequence
        Further facts about the neuroids.
    attrs : mapping

    Returns
    -------
    DataArray (sample, neuroid)
        float64, in its files. Samples have `run` and `onset` (s in the run); labels of samples
        are left to `make_recording`, since those of an hour at 2 kHz fill half a gigabyte.
    """
    names, lengths = [run.name for run in runs], [run.n_samples for run in runs]
    if twice := repeated(as_labels(names, "run")):
        message = f"{len(twice)} runs have the same name {name_some(twice)}; pass runs=[...]."
        raise DataError(message)
    if twice := repeated(neuroid):
        message = f"{len(twice)} channel names occur more than once {name_some(twice)}."
        raise DataError(message)
    if not len(neuroid) or not sum(lengths):
        message = f"{len(neuroid)} channels and {sum(lengths)} samples are left; nothing to read."
        raise DataError(message)
    onset = np.concatenate([np.arange(length) for length in lengths]) * sampling_period
    starts = np.concatenate([[0], np.cumsum(lengths)])

    def read(samples: Part, neuroids: Part) -> np.ndarray:
        columns = np.arange(len(neuroid))[neuroids]
        return _gathered(runs, starts, np.arange(starts[-1])[samples], columns)

    return xr.DataArray(
        lazy_array((int(starts[-1]), len(neuroid)), float, read),
        {
            "run": ("sample", np.repeat(names, lengths)),
            "onset": ("sample", onset),
            "neuroid": ("neuroid", np.asarray(neuroid, dtype=str)),
            **{name: ("neuroid", np.asarray(values)) for name, values in coords.items()},
        },
        ("sample", "neuroid"),
        attrs={**attrs, "sampling_period": sampling_period},
    )


def _gathered(
    runs: Sequence[Run], starts: np.ndarray, wanted: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Read the samples of these numbers, which increase, block by block."""
    values = np.empty((len(columns), len(wanted))).T  # a channel in one piece, as it is filtered
    if not len(columns):
        return values
    for run, start, end in zip(runs, starts[:-1], starts[1:], strict=True):
        first, last = np.searchsorted(wanted, [start, end])
        while first < last:
            inside = wanted[first:last] - start
            count = int(np.searchsorted(inside, inside[0] + BLOCK))
            block = run.read(int(inside[0]), int(inside[count - 1]) + 1, columns)
            near = inside[:count] - inside[0]
            values[first : first + count] = block if len(block) == count else block[near]
            first += count
    return values
