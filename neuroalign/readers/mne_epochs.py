"""Epochs that MNE-Python or EEGLAB has cut: responses in time to single showings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, NeuroalignError, name_some, unknown_name
from neuroalign.readers.fif_tags import check_chain
from neuroalign.readers.files import existing
from neuroalign.readers.lazy import Part, lazy_array
from neuroalign.readers.mne_channels import (
    chosen_channels,
    facts_of,
    kinds_of,
    marks_of,
    places_of,
    units_of,
)
from neuroalign.readers.mne_files import check_size, mne_package, reading_whole

# Names of columns of metadata that mean something else in a recording.
TAKEN = {"showing", "neuroid", "time", "subject", "x", "y", "z", "kind", "bad", "condition"}


def read_epochs(
    path: str | PathLike[str],
    *,
    stimulus: str | None = None,
    channels: str | Sequence[str] | None = None,
    keep_bad: bool = False,
    space: str | None = None,
) -> xr.DataArray:
    """Read epochs (FIF of MNE-Python, or .set of EEGLAB) as showings.

    Values stay in the file until they are asked for. Projectors and the baseline that the file
    states are applied, as MNE-Python does.

    Parameters
    ----------
    path : path
    stimulus : str, optional
        Column of the metadata that names the stimulus. By default the column "stimulus", where
        there is one, else the name of the event.
    channels, keep_bad, space
        As of `read_raw`.

    Returns
    -------
    DataArray (showing, neuroid, time)
        In uV (fT, fT/cm), one row an epoch that was kept, in the order of the file. On showings
        `stimulus`, `condition` (the name of the event), `event_sample` (on the clock of the
        acquisition, whose rate the file need not say) and the columns of the metadata (those with
        the name of an axis or of a fact about neuroids as "metadata_<name>"); on neuroids as
        `read_raw`; `time` (s from the event) of each sample.

    Raises
    ------
    DataError
        If the file cannot be read, or channels or metadata are not what is asked for.

    References
    ----------
    Gramfort et al. (2013), doi:10.3389/fnins.2013.00267.
    """
    found = existing(path)
    epochs = _opened(found)
    try:
        return _labelled(epochs, found, stimulus, channels, keep_bad, space)
    except NeuroalignError:
        _close(epochs)
        raise


def _labelled(
    epochs: Any,
    found: Path,
    stimulus: str | None,
    channels: str | Sequence[str] | None,
    keep_bad: bool,
    space: str | None,
) -> xr.DataArray:
    kinds = kinds_of(epochs)
    bad = sorted(epochs.info["bads"])
    wanted = chosen_channels(epochs.ch_names, kinds, channels, [] if keep_bad else bad)
    units, scale = units_of(kinds, wanted)
    places, frame = places_of(epochs, wanted)
    labels = _showing_labels(epochs, stimulus, found)
    columns = np.array([epochs.ch_names.index(name) for name in wanted])
    shape = (len(epochs.events), len(wanted), len(epochs.times))

    def read(rows: Part, neuroids: Part, times: Part) -> np.ndarray:
        showings = np.arange(shape[0])[rows]
        values = np.empty((0, len(columns[neuroids]), shape[2]))
        if len(showings) and values.shape[1]:
            with reading_whole(found, "epochs"):
                values = epochs.get_data(columns[neuroids], showings, verbose="warning")
        return values[..., times] * scale

    on_neuroids = {"kind": [kinds[x] for x in wanted], **marks_of(wanted, bad), **places}
    return xr.DataArray(
        lazy_array(shape, float, read),
        {
            **{name: ("showing", values) for name, values in labels.items()},
            "neuroid": ("neuroid", np.asarray(wanted, dtype=str)),
            **{name: ("neuroid", np.asarray(values)) for name, values in on_neuroids.items()},
            "time": ("time", np.asarray(epochs.times, dtype=float)),
        },
        ("showing", "neuroid", "time"),
        attrs={
            **facts_of(units, bad, frame if space is None else space),
            "time_convention": "samples",
        },
    )


def _opened(path: Path) -> Any:
    """Open a file of epochs without reading their values."""
    mne = mne_package()
    check_chain(path)
    epochs = None
    try:
        with reading_whole(path, "epochs"):
            if path.suffix == ".set":
                epochs = mne.read_epochs_eeglab(path, verbose="warning")
            else:
                epochs = mne.read_epochs(path, preload=False, verbose="warning")
            epochs.get_channel_types()  # which a damaged file does not know
        promised = len(epochs.events) * len(epochs.ch_names) * len(epochs.times)
        check_size(path, [path], promised)
        if not len(epochs.events):
            message = f"File {str(path)!r} holds no epoch; all of them were dropped."
            raise DataError(message)
    except DataError:
        _close(epochs)
        raise
    return epochs


def _close(epochs: Any) -> None:
    """Close the file that MNE keeps open for epochs which it has not read yet."""
    for part in getattr(epochs, "_raw", None) or []:
        part.fid.close()


def _showing_labels(epochs: Any, stimulus: str | None, path: Path) -> dict[str, np.ndarray]:
    """Return what is known of each showing: stimulus, condition, and the metadata."""
    table = epochs.metadata if epochs.metadata is not None else pd.DataFrame()
    columns = {str(name): _plain(table[name]) for name in table}
    if stimulus is not None and stimulus not in columns:
        raise unknown_name(stimulus, columns, kind=f"column of the metadata of {path.name!r}")
    labels = {
        (f"metadata_{name}" if name in TAKEN else name): values for name, values in columns.items()
    }
    conditions = _conditions(epochs, path)
    labels["condition"] = conditions
    labels["event_sample"] = np.asarray(epochs.events[:, 0], dtype=int)
    if stimulus is not None:
        labels["stimulus"] = columns[stimulus]
    return {"stimulus": conditions, **labels}


def _conditions(epochs: Any, path: Path) -> np.ndarray:
    names: Mapping[int, list[str]] = {}
    names = {code: [] for code in epochs.event_id.values()}
    for name, code in sorted(epochs.event_id.items()):
        names[code].append(str(name))
    codes = epochs.events[:, 2].tolist()
    if nameless := sorted({code for code in codes if code not in names}):
        message = f"{len(nameless)} events of {str(path)!r} have no name {name_some(nameless)}."
        raise DataError(message)
    return np.asarray(["/".join(names[code]) for code in codes])


def _plain(column: pd.Series) -> np.ndarray:
    """Return numbers or truth values as they are, and anything else as strings."""
    if column.dtype.kind in "iufb":
        return column.to_numpy()
    return np.asarray(["" if pd.isna(value) else str(value) for value in column], dtype=str)
