"""Read traces of optical physiology (calcium imaging) from NWB files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.data.schema import SPACING_TOLERANCE, as_labels
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.readers.columns import column_coords
from neuroalign.readers.elsewhere import refuse_elsewhere
from neuroalign.readers.files import existing, reading
from neuroalign.readers.lazy import Part, lazy_array
from neuroalign.readers.matlab import read_outer
from neuroalign.readers.nwb_files import (
    KIND,
    Keep,
    kept_rows,
    opened_nwb,
    plain_columns,
    region_name,
)

TAKEN = ("showing", "sample", "neuroid", "time", "subject", "run", "onset")
UNSTATED = ("", "n.a.", "n.a", "na", "a.u.", "au", "unknown", "no unit", "none")


def read_nwb_traces(
    path: str | PathLike[str],
    *,
    series: str | None = None,
    units: str | None = None,
    run: str = "run-1",
    keep: Keep | None = None,
) -> xr.DataArray:
    """Read the fluorescence of cells as a stream, under the name of what it is.

    Traces are no spikes: the attribute `units` says "dF/F", "fluorescence" or "deconvolved
    fluorescence", and the attribute `modality` "calcium". The values stay in the file until they
    are asked for. Needs the extra "nwb".

    Parameters
    ----------
    path : str or path
        NWB 2 in HDF5.
    series : str, optional
        Where the file has several, the one wanted: "DfOverF/RoiResponseSeries", or the last part
        alone where one series is called so.
    units : str, optional
        By default from the kind of the series and its own unit.
    run : str
        Label of the run; the file is one.
    keep : mapping or callable, optional
        The cells wanted, by columns of the plane segmentation, as for `read_nwb`.

    Returns
    -------
    DataArray (sample, neuroid)
        With `run`, `onset` (s in the session) and the attribute `sampling_period` (s); `neuroid` is
        the id of the cell, `roi` the location of the imaging plane.

    Raises
    ------
    DataError
        If there is no such series, its shape does not fit its cells, or its samples do not lie
        on an even grid.

    References
    ----------
    NWB format specification,
    https://nwb-schema.readthedocs.io/en/stable/format.html#roiresponseseries
    """
    file = existing(path)
    with opened_nwb(file) as nwb:
        name, found = _series(nwb, file, series)
        cells = found.rois.table
        refuse_elsewhere(file, found.data)
        rows = np.asarray(found.rois.data[:], dtype=int)
        shape = tuple(found.data.shape)
        if len(shape) == 1:
            shape = (*shape, 1)
        if shape[1:] != (len(rows),) or 0 in shape:
            message = (
                f"Series {name!r} of {str(file)!r} has the shape {shape} for {len(rows)} cells; "
                "(samples, cells) is needed."
            )
            raise DataError(message)
        table = plain_columns(cells).iloc[rows]
        chosen = kept_rows(table, keep, "cells")
        onset, period = _clock(found, shape[0], name, file)
        labels = as_labels(table.index.to_numpy()[chosen].tolist(), "cell")
        plane = cells.imaging_plane
        attrs = {
            "units": units or _units(name, found),
            "modality": "calcium",
            "sampling_period": period,
            "indicator": str(plane.indicator),
        }
        scale, offset = float(found.conversion), float(found.offset or 0)
        place, flat = found.data.name, len(found.data.shape) == 1
    data = _lazy_traces(file, place, (shape[0], len(chosen)), chosen, scale, offset, flat)
    coords = column_coords(table.iloc[chosen], "neuroid", TAKEN)
    coords |= {"neuroid": ("neuroid", labels), "onset": ("sample", onset)}
    coords["roi"] = ("neuroid", np.repeat(region_name(plane.location), len(chosen)))
    coords["run"] = ("sample", np.repeat(str(run), shape[0]))
    return xr.DataArray(data, dims=("sample", "neuroid"), coords=coords, attrs=attrs)


def _series(nwb: Any, file: Path, wanted: str | None) -> tuple[str, Any]:
    """Return the series of that name, or the only one."""
    from pynwb.ophys import RoiResponseSeries

    found = {
        f"{item.parent.name}/{item.name}": item
        for item in nwb.objects.values()
        if isinstance(item, RoiResponseSeries)
    }
    if wanted is not None:
        fitting = [name for name in found if wanted in (name, name.rpartition("/")[2])]
        if not fitting:
            raise unknown_name(wanted, found, kind=f"series of cells of {str(file)!r}")
    else:
        fitting = list(found)
    if len(fitting) == 1:
        return fitting[0], found[fitting[0]]
    if not fitting:
        message = f"File {str(file)!r} has no series of the fluorescence of cells."
    else:
        message = (
            f"File {str(file)!r} has {len(fitting)} series of cells {name_some(fitting)}; pass "
            f"series={fitting[0]!r} or another."
        )
    raise DataError(message)


def _units(name: str, series: Any) -> str:
    """Say what the values are: what they measure, and their unit if the file states one."""
    said = f"{name} {series.description}".lower()
    stated = str(series.unit or "").strip()
    unit = "" if stated.lower() in UNSTATED else f" ({stated})"
    if "deconv" in said:
        return f"deconvolved fluorescence{unit}"
    return "dF/F" if type(series.parent).__name__ == "DfOverF" else f"fluorescence{unit}"


def _clock(series: Any, n_samples: int, name: str, file: Path) -> tuple[np.ndarray, float]:
    """Return when samples begin, and the seconds from one to the next."""
    if series.rate:
        onset = float(series.starting_time or 0) + np.arange(n_samples) / float(series.rate)
        return onset, 1 / float(series.rate)
    onset = np.asarray(series.timestamps[:], dtype=float)
    if onset.shape != (n_samples,) or n_samples < 2 or not (np.diff(onset) > 0).all():
        message = (
            f"Series {name!r} of {str(file)!r} has {onset.size} timestamps for {n_samples} "
            "samples; one each is needed, in increasing order, and two at least."
        )
        raise DataError(message)
    steps = np.diff(onset)
    places = np.concatenate([[0], np.cumsum(np.rint(steps / np.median(steps)))])
    period = float(np.polyfit(places, onset, 1)[0])
    if np.abs((onset - onset[0]) / period - places).max() > SPACING_TOLERANCE:
        message = (
            f"Timestamps of series {name!r} in {str(file)!r} are not on an even grid of {period:g} "
            "s; resample them first."
        )
        raise DataError(message)
    return onset, period


def _lazy_traces(
    file: Path,
    place: str,
    shape: tuple[int, int],
    chosen: np.ndarray,
    scale: float,
    offset: float,
    flat: bool,
) -> Any:
    """Return values that are read, and scaled, when they are asked for."""
    import h5py

    def read(rows: Part, neuroids: Part) -> np.ndarray:
        with reading(file, KIND), h5py.File(file, "r") as opened:
            stored = opened[place]
            if flat:
                values = read_outer(stored, [rows])[:, None][:, neuroids]
            else:
                cells = chosen[neuroids]
                order = np.unique(cells, return_inverse=True)
                values = read_outer(stored, [rows, order[0]])[:, order[1]]
        return values * scale + offset

    return lazy_array(shape, np.dtype(float), read)
