"""The runs of a stream, and blocks of its neuroids that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from neuroalign.data.schema import SPACING_TOLERANCE, in_memory, repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.lazy import Part, lazy_array

# Values of one run that are worked on at once: 64 MB, and what filters need beside it.
BLOCK = 8_000_000


class Stretch(NamedTuple):
    """The samples of one run."""

    run: str
    start: int  # number of its first sample in the stream
    stop: int
    onset: float  # of its first sample, in s


def checked_stream(stream: xr.DataArray) -> tuple[xr.DataArray, float]:
    """Return a stream as (sample, neuroid), and its sampling period in s.

    Parameters
    ----------
    stream : DataArray (sample, neuroid)

    Returns
    -------
    DataArray, float

    Raises
    ------
    DataError
        If it is no stream with a clock, or has several repetitions.
    """
    if not isinstance(stream, xr.DataArray) or set(stream.dims) != {"sample", "neuroid"}:
        dims = getattr(stream, "dims", type(stream).__name__)
        message = f"A stream has the dimensions ('sample', 'neuroid'), but this has {dims}."
        raise DataError(message)
    for name, dim in (("run", "sample"), ("onset", "sample"), ("neuroid", "neuroid")):
        if name not in stream.coords or stream[name].dims != (dim,):
            message = f"The stream lacks the coordinate {name!r} of its {dim}s."
            raise DataError(message)
    period = stream.attrs.get("sampling_period")
    if not isinstance(period, (int, float)) or not 0 < period < np.inf:
        message = (
            f"The attribute 'sampling_period' of the stream is {period!r}; the seconds from one "
            "sample to the next are needed."
        )
        raise DataError(message)
    return stream.transpose("sample", "neuroid"), float(period)


def runs_of(stream: xr.DataArray, period: float) -> list[Stretch]:
    """List the runs of a stream, whose samples must follow each other without a gap.

    Parameters
    ----------
    stream : DataArray (sample, neuroid)
    period : float, s

    Returns
    -------
    list of Stretch
    """
    names = stream["run"].values
    onsets = stream["onset"].values
    cuts = np.flatnonzero(names[1:] != names[:-1]) + 1
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(names)], strict=True):
        run = Stretch(str(names[start]), int(start), int(stop), float(onsets[start]))
        expected = run.onset + period * np.arange(stop - start)
        off = ~(np.abs(onsets[start:stop] - expected) <= SPACING_TOLERANCE * period)
        if off.any():
            message = (
                f"{off.sum()} of {stop - start} samples of run {run.run!r} do not follow the one "
                f"before them by {period:g} s; fill gaps with NaN, or name what lies between them "
                "as runs."
            )
            raise DataError(message)
        found.append(run)
    if twice := repeated([run.run for run in found]):
        message = f"{len(twice)} runs come in several pieces {name_some(twice)}; sort the samples."
        raise DataError(message)
    return found


def blocks_of(n_neuroids: int, n_samples: int) -> Iterator[slice]:
    """Yield slices of neuroids, so few that a run of them is no more than a block."""
    count = max(1, BLOCK // max(n_samples, 1))
    for start in range(0, n_neuroids, count):
        yield slice(start, min(start + count, n_neuroids))


def read_run(stream: xr.DataArray, run: Stretch, neuroids: Part) -> np.ndarray:
    """Return the values of a run as float64 (sample, neuroid)."""
    values = stream.isel(sample=slice(run.start, run.stop), neuroid=neuroids).values
    return np.asarray(values, dtype=float)


def complete_run(stream: xr.DataArray, run: Stretch, neuroids: Part, what: str) -> np.ndarray:
    """Return the values of a run; a neuroid that lacks some, but not all, of them is refused.

    Parameters
    ----------
    stream : DataArray (sample, neuroid)
    run : Stretch
    neuroids : slice or int array
    what : str
        What would spread the missing values, as in "A notch".

    Returns
    -------
    float64 array (sample, neuroid)
    """
    values = read_run(stream, run, neuroids)
    finite = np.isfinite(values)
    if (partly := ~finite.all(axis=0) & (finite.any(axis=0) | np.isinf(values).any(axis=0))).any():
        labels = stream["neuroid"].values[neuroids][partly]
        message = (
            f"{what} would spread the missing or infinite samples of {partly.sum()} neuroids over "
            f"run {run.run!r} {name_some(labels)}; leave these out, or fill them."
        )
        raise DataError(message)
    return values


def as_wanted(
    stream: xr.DataArray, shape: tuple[int, ...], read: Callable[..., np.ndarray]
) -> object:
    """Compute values at once where the stream is in memory, else when they are asked for."""
    if in_memory(stream):
        return read(*(slice(None) for _ in shape))
    return lazy_array(shape, float, read)
