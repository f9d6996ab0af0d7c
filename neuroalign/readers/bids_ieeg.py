"""Intracranial recordings in BIDS datasets: voltages, status of channels, places of electrodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import repeated
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.readers.bids_names import (
    entities_of_task,
    events_of_runs,
    inherited,
    runs_of_task,
    subject_folder,
)
from neuroalign.readers.electrodes import electrode_coords, read_json, read_table
from neuroalign.readers.mne_channels import chosen_channels
from neuroalign.readers.mne_files import read_raw
from neuroalign.readers.rows import run_names

# Endings of files of voltages that MNE-Python reads.
ENDINGS = (".edf", ".bdf", ".vhdr", ".set", ".fif", ".ds")
DATATYPES = ("ieeg", "eeg", "meg")
# Parts of a FIF file of several; MNE-Python finds them from the first.
LATER = re.compile(r"_split-(?!0*1_)")
# Type of a channel in BIDS -> what neuroalign calls it.
TYPES = {"MEGMAG": "mag", "MEGGRADAXIAL": "mag", "MEGGRADPLANAR": "grad"}


def read_bids_ieeg(
    folder: str | PathLike[str],
    *,
    subject: object,
    task: str,
    session: object = None,
    run: object = None,
    datatype: str = "ieeg",
    entities: Mapping[str, str] | None = None,
    channels: str | Sequence[str] | None = None,
    keep_bad: bool = False,
    space: str | None = None,
    region: str | None = None,
) -> xr.DataArray:
    """Read the voltages of a subject in a task from a BIDS dataset, all runs as one stream.

    Values stay in their files until they are asked for. Channels are those whose type in
    ``channels.tsv`` is of the brain; those with status "bad" in any run are left out.

    Parameters
    ----------
    folder : path
        Of the dataset.
    subject, session, task, run : str
        As in the names of files, with or without "sub-", "ses-", ...; session and run may be left
        out for all. Runs may be a sequence.
    datatype : str
        "ieeg", "eeg" or "meg".
    entities : mapping, optional
        Further parts of the names, as in ``{"acq": "clinical"}``.
    channels : str or sequence of str, optional
        A kind ("seeg", "ecog", "eeg", "mag", "grad", ...), or names. By default all of the brain.
    keep_bad : bool
        Keep bad channels, which the coordinate `bad` then marks.
    space : str, optional
        Of the coordinates, as in the name of ``*_space-<label>_electrodes.tsv``; needed where there
        are several.
    region : str, optional
        Column of ``electrodes.tsv`` with regions. By default the first of "roi", "region",
        "anatomy", "anatomical_label", "location" and "brain_region" (in any case) that it has.

    Returns
    -------
    DataArray (sample, neuroid)
        As `read_raw`. On neuroids also `roi`, `hemisphere` and other columns of
        ``electrodes.tsv``; x, y and z in mm; attribute `space` from ``coordsystem.json``, and
        `line_frequency` (Hz) of the mains where ``*_ieeg.json`` says it.

    Raises
    ------
    DataError
        If files are missing, or do not agree with each other.

    References
    ----------
    Holdgraf et al. (2019), doi:10.1038/s41597-019-0105-7; https://bids-specification.readthedocs.io
    /en/stable/modality-specific-files/intracranial-electroencephalography.html
    """
    files, root = _files(folder, subject, task, session, run, datatype, entities)
    tables = [_channels(path, root) for path in files]
    bad = sorted({name for table in tables for name in table.index[table["status"] == "bad"]})
    kinds = {str(name): str(kind) for name, kind in tables[0]["kind"].items()}
    wanted = chosen_channels([*kinds], kinds, channels, [] if keep_bad else bad)
    stream = read_raw(files, channels=wanted, keep_bad=True, runs=run_names(files, None))
    stream = stream.drop_vars(["x", "y", "z", "bad"], errors="ignore")
    coords, name = electrode_coords(files[0], wanted, space=space, region=region)
    coords["kind"] = ("neuroid", np.array([kinds[name] for name in wanted]))
    coords |= {"bad": ("neuroid", np.isin(wanted, bad))} if keep_bad else {}
    facts = {key: x for key, x in stream.attrs.items() if key not in ("space", "bad_channels")}
    facts |= {"bad_channels": ", ".join(bad)} if bad else {}
    facts |= {"space": name} if name is not None else {}
    stream = stream.assign_coords(coords)
    stream.attrs = {**facts, **_line(files[0], root, datatype)}
    return stream


def read_bids_ieeg_events(
    folder: str | PathLike[str],
    *,
    subject: object,
    task: str,
    session: object = None,
    run: object = None,
    datatype: str = "ieeg",
    entities: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Read the events of a subject in a task, on the clock of `read_bids_ieeg`.

    Parameters
    ----------
    folder, subject, task, session, run, datatype, entities
        As of `read_bids_ieeg`.

    Returns
    -------
    DataFrame
        As `read_events`: run, onset and duration (s), and the other columns of ``events.tsv``.

    Raises
    ------
    DataError
        If a run has no events.
    """
    files, root = _files(folder, subject, task, session, run, datatype, entities)
    return events_of_runs(files, root)


def _files(
    folder: str | PathLike[str],
    subject: object,
    task: str,
    session: object,
    run: object,
    datatype: str,
    entities: Mapping[str, str] | None,
) -> tuple[list[Path], Path]:
    """Return the recordings of a task by session and run, and the folder of the dataset."""
    if datatype not in DATATYPES:
        raise unknown_name(datatype, DATATYPES, kind="datatype")
    where = subject_folder(folder, subject)
    every = [
        path
        for path in sorted(where.rglob(f"*_{datatype}.*"))
        if path.suffix in ENDINGS and path.parent.name == datatype and not LATER.search(path.name)
    ]
    wanted = entities_of_task(task, session, entities)
    return runs_of_task(where, every, datatype, wanted, run=run), where.parent


def _channels(path: Path, root: Path) -> pd.DataFrame:
    """Read ``channels.tsv``: type, kind and status of each channel."""
    found = inherited(path, "_channels.tsv", root)
    if found is None:
        message = f"Recording {path.name!r} has no channels.tsv that holds for it."
        raise DataError(message)
    table = read_table(found, "a table of channels", ("name", "type"))
    if twice := repeated(table["name"]):
        message = f"{len(twice)} channels of {str(found)!r} are there twice {name_some(twice)}."
        raise DataError(message)
    table = table.set_index("name")
    table["kind"] = [TYPES.get(kind.upper(), kind.lower()) for kind in table["type"]]
    table["status"] = table["status"].str.lower() if "status" in table else "n/a"
    return table


def _line(path: Path, root: Path, datatype: str) -> dict[str, float]:
    """Return the frequency of the mains, where the recording says it."""
    found = inherited(path, f"_{datatype}.json", root)
    said = {} if found is None else read_json(found)
    line = said.get("PowerLineFrequency")
    known = isinstance(line, (int, float)) and not isinstance(line, bool) and line > 0
    return {"line_frequency": float(line)} if known else {}  # type: ignore[arg-type]
