"""Bring recordings into the form that a score needs: average, halve, standardize, join."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from neuroalign.data.dissimilarities import check_responses
from neuroalign.data.schema import UNKNOWN, is_showings, is_stream, row_dim
from neuroalign.data.streams import (
    average_stream,
    check_same_moments,
    refuse_infinite,
    split_stream,
)
from neuroalign.errors import DataError
from neuroalign.numerics.reliability import half_of_showings

COLUMNS = 64  # neuroids that are averaged at a time


def to_showings(recording: xr.DataArray) -> xr.DataArray:
    """Lay repetitions out as rows: (showing, neuroid, [time]), sorted by stimulus label.

    Rows without any response are dropped. A recording without repetitions gives one row a stimulus.
    In the rows of a stream, the samples stand for the stimuli.
    """
    check_responses(recording)
    if is_stream(recording):
        clock = [name for name in recording.coords if recording[name].dims == ("sample",)]
        dropped = [name for name in clock if name != "sample"]
        recording = recording.drop_vars(dropped).rename(sample="stimulus")
    if is_showings(recording):
        rows = recording
    elif "repetition" in recording.dims:
        rows = recording.transpose("stimulus", "repetition", ...)
        n_stimuli, n_repetitions = rows.shape[:2]
        rows = xr.DataArray(
            rows.values.reshape(n_stimuli * n_repetitions, *rows.shape[2:]),
            dims=("showing", *rows.dims[2:]),
            coords={
                "stimulus": ("showing", np.repeat(rows["stimulus"].values, n_repetitions)),
                "repetition": ("showing", np.tile(np.arange(n_repetitions), n_stimuli)),
                **_coords_on(rows, ("neuroid", "time")),
            },
            attrs=recording.attrs,
        )
    else:
        rows = recording.rename(stimulus="showing")
        rows = rows.assign_coords(stimulus=("showing", rows["showing"].values)).drop_vars("showing")
    rows = rows.isel(showing=np.argsort(rows["stimulus"].values, kind="stable"))
    seen = np.isfinite(rows.values).any(axis=tuple(range(1, rows.ndim)))
    return rows.isel(showing=seen)


def _coords_on(recording: xr.DataArray, dims: tuple[str, ...]) -> dict[str, xr.Variable]:
    """Return the coordinates that lie on these dimensions only (scalars included)."""
    return {
        str(name): coord.variable
        for name, coord in recording.coords.items()
        if set(coord.dims) <= set(dims)
    }


def average_repetitions(recording: xr.DataArray) -> xr.DataArray:
    """Average the repetitions of each stimulus, skipping missing ones.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with or without a repetition axis.

    Returns
    -------
    DataArray (stimulus, neuroid, [time]) or (sample, neuroid), float64
        Sorted by stimulus label; samples as they were. The coordinate `n_repetitions` counts the
        responses behind each average, per row, or per row and neuroid where these differ; a
        recording that has no repetitions is taken to be averaged already and carries no count.

    Examples
    --------
    >>> import neuroalign as na
    >>> showings = na.make_recording([[1.0], [3.0], [5.0]], ("showing", "neuroid"),
    ...     subject="m1", units="spikes/s", stimulus=["cat", "cat", "dog"], neuroid=["a"])
    >>> na.average_repetitions(showings).n_repetitions.values.tolist()
    [2, 1]
    """
    check_responses(recording)
    if is_stream(recording):
        return average_stream(recording)
    if not is_showings(recording) and "repetition" not in recording.dims:
        return recording.astype(float).sortby("stimulus")
    rows = to_showings(recording)
    labels, codes = np.unique(rows["stimulus"].values, return_inverse=True)
    refuse_infinite(rows.values)
    starts = np.searchsorted(codes, np.arange(len(labels)))
    shape = len(labels), *rows.shape[1:]
    sums, counts = np.empty(shape), np.empty(shape, dtype=int)
    for column in range(0, rows.shape[1], COLUMNS):  # at a time, which bounds the memory
        part = slice(column, column + COLUMNS)
        values = rows.values[:, part].astype(float)
        present = np.isfinite(values)
        values[~present] = 0.0
        sums[:, part] = np.add.reduceat(values, starts, axis=0)
        counts[:, part] = np.add.reduceat(present, starts, axis=0, dtype=int)
    averages = np.full_like(sums, np.nan)
    np.divide(sums, counts, out=averages, where=counts > 0)
    per_neuroid = counts.max(axis=2) if counts.ndim == 3 else counts
    same = (per_neuroid == per_neuroid[:, :1]).all()
    return xr.DataArray(
        averages,
        dims=("stimulus", *rows.dims[1:]),
        coords={
            "stimulus": labels,
            **_coords_on(rows, ("neuroid", "time")),
            "n_repetitions": (
                ("stimulus",) if same else ("stimulus", "neuroid"),
                per_neuroid[:, 0] if same else per_neuroid,
            ),
        },
        attrs=recording.attrs,
    )


def split_repetitions(recording: xr.DataArray, *, seed: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Average two random halves of the repetitions of each stimulus.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis.
    seed : int
        Chooses the halves; the order of the stimuli does not matter.

    Returns
    -------
    pair of DataArray (stimulus, neuroid, [time]) or (sample, neuroid)
        Of k repetitions, floor(k / 2) and ceil(k / 2) go to either half by lot. Stimuli shown
        once are left out of both. Repetitions of a stream stay whole.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=1).recordings["simulated"]
    >>> first, second = na.split_repetitions(recording, seed=0)
    >>> first.shape == second.shape == (17, 40)
    True
    """
    if is_stream(recording):
        return split_stream(recording, seed=seed)
    rows = to_showings(recording)
    _, codes, counts = np.unique(rows["stimulus"].values, return_inverse=True, return_counts=True)
    if (counts < 2).all():
        message = "No stimulus was shown twice, so the recording cannot be split into halves."
        raise DataError(message)
    rng = np.random.default_rng(seed)
    first = half_of_showings(codes, rng)
    twice = counts[codes] > 1
    return (
        average_repetitions(rows.isel(showing=twice & first)),
        average_repetitions(rows.isel(showing=twice & ~first)),
    )


def zscore(recording: xr.DataArray, *, by: str | None = None) -> xr.DataArray:
    """Subtract the mean and divide by the standard deviation of each neuroid.

    Parameters
    ----------
    recording : DataArray
        Showings, events or a stream.
    by : str, optional
        Coordinate of the rows within whose levels to do it, such as "session" or "run".

    Returns
    -------
    DataArray, float64
        NaN where a neuroid does not vary within a level. The units become "z".

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.make_recording([[1.0], [3.0]], ("stimulus", "neuroid"), subject="m1",
    ...     units="spikes/s", stimulus=["cat", "dog"], neuroid=["a"])
    >>> na.zscore(recording).values.ravel().tolist()
    [-1.0, 1.0]
    """
    check_responses(recording)
    rows = row_dim(recording)
    if by is None:
        return _standardize(recording.astype(float), rows)
    if by not in recording.coords or recording[by].dims != (rows,):
        message = f"zscore(by={by!r}) needs a coordinate {by!r} on {rows!r}, which is missing."
        raise DataError(message)
    if lacking := int(recording[by].isnull().sum()):
        message = f"zscore(by={by!r}): {lacking} of {recording.sizes[rows]} rows have no {by!r}."
        raise DataError(message)
    parts = recording.astype(float).groupby(by)
    return parts.map(_standardize, args=(rows,)).assign_attrs(recording.attrs, units="z")


def _standardize(values: xr.DataArray, rows: str) -> xr.DataArray:
    axes = [dim for dim in values.dims if dim in (rows, "repetition")]
    varies = values.max(axes, skipna=True) > values.min(axes, skipna=True)
    centered = values - values.mean(axes, skipna=True)
    spread = values.std(axes, skipna=True).where(varies)
    return (centered / spread).assign_attrs(values.attrs, units="z")


def join_neuroids(recordings: Sequence[xr.DataArray]) -> xr.DataArray:
    """Put averaged recordings of equal rows side by side; `subject` moves onto the neuroids."""
    if is_stream(recordings[0]):
        check_same_moments(recordings)
    moved = [
        recording.assign_coords(
            subject=("neuroid", np.repeat(recording["subject"].values, recording.sizes["neuroid"])),
            n_repetitions=_repetitions_per_neuroid(recording),
        )
        for recording in recordings
    ]
    if len(moved) == 1:
        return moved[0]
    if any("roi" in part.coords for part in moved):
        moved = [
            part
            if "roi" in part.coords
            else part.assign_coords(roi=("neuroid", np.repeat(UNKNOWN, part.sizes["neuroid"])))
            for part in moved
        ]
    shared = set.intersection(*(set(map(str, part.coords)) for part in moved))
    moved = [part.drop_vars(set(map(str, part.coords)) - shared) for part in moved]
    return xr.concat(
        moved,
        "neuroid",
        join="exact",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )


def _repetitions_per_neuroid(recording: xr.DataArray) -> xr.DataArray:
    """Count repetitions per row and neuroid; 1 where the recording carries no count."""
    rows = row_dim(recording)
    ones = xr.ones_like(recording[rows], dtype=int) * xr.ones_like(recording["neuroid"], dtype=int)
    counts = recording.coords.get("n_repetitions", 1) * ones
    return counts.transpose(rows, "neuroid").reset_coords(drop=True)
