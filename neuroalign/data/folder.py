"""A folder with tables and arrays as a dataset, without a line of Python.

``dataset.toml`` states facts, ``stimuli.csv`` lists what was presented, and each subject has
``responses.npy`` or ``responses.csv``, at the top or in a folder of the subject's name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import xarray as xr

from neuroalign.data.cards import MODALITIES, DatasetCard
from neuroalign.data.dataset import BrainDataset
from neuroalign.data.faults import raise_or_note, refuse
from neuroalign.data.recordings import make_recording
from neuroalign.data.schema import SAMPLE_COORDS, SHOWING_COORDS, STIMULUS_KINDS, stimulus_kinds
from neuroalign.data.subject_folders import ARRAY, NEUROIDS, SHOWINGS, TABLE, subject_folders
from neuroalign.errors import DataError, name_some, unknown_name

FACTS = "dataset.toml"
STIMULI = "stimuli.csv"
PATHS = ("image", "audio", "video")

WORDS = {
    "stimulus": "stimuli", "showing": "showings", "sample": "samples", "neuroid": "neuroids",
}  # fmt: skip

# What dataset.toml may say, beside the fields of a card.
OF_RESPONSES = ("units", "dims", "time", "time_convention", "sampling_period", "run")
OF_CARD = ("citation", "modality", "species", "license", "notes")


def is_data_folder(folder: Path) -> bool:
    """Tell whether a folder is a dataset of tables and arrays."""
    return (folder / STIMULI).is_file() or (folder / FACTS).is_file()


def folder_module(folder: Path) -> ModuleType:
    """Return what stands for an adapter: a module with `CARD` and `load`.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    module
    """
    facts = _facts(folder)
    stimuli = _stimuli(folder)
    kinds = stimulus_kinds(stimuli)
    if not kinds:
        message = (
            f"Table {str(folder / STIMULI)!r} has no column that says what was presented; name one "
            f"of {', '.join(STIMULUS_KINDS)}."
        )
        raise DataError(message)
    module = ModuleType(folder.resolve().name)
    given = {name: str(facts[name]) for name in OF_CARD if name in facts}
    defaults = {"citation": "own data", "species": "unstated", "license": "unstated"}
    module.CARD = DatasetCard(**{**defaults, **given, "stimulus": kinds[0]})  # type: ignore[attr-defined, arg-type]
    module.load = partial(_load, folder, facts, stimuli)  # type: ignore[attr-defined]
    return module


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / FACTS
    wanted = "units = 'spikes/s' and modality = 'spikes', or what they are"
    if not path.is_file():
        message = f"Folder {str(folder)!r} has no {FACTS}; write one that says {wanted}."
        raise DataError(message)
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"File {str(path)!r} is not TOML ({error}); write lines such as units = 'z'."
        raise DataError(message) from error
    for name in facts:
        if name not in (known := OF_RESPONSES + OF_CARD):
            raise_or_note(unknown_name(name, known, kind=f"fact in {FACTS}"), FACTS)
    if (modality := facts.get("modality")) not in MODALITIES:
        message = f"File {str(path)!r} does not say how responses were recorded; add {wanted}."
        unknown = unknown_name(modality, MODALITIES, kind=f"modality in {FACTS}")
        raise_or_note(DataError(message) if modality is None else unknown, FACTS)
        facts["modality"] = MODALITIES[-1]
    return facts


def _stimuli(folder: Path) -> pd.DataFrame:
    """Read what was presented; files are looked for beside the table."""
    from neuroalign.readers.table_files import to_plain

    table = _table(folder / STIMULI, "stimulus")
    for kind in PATHS:
        if kind in table:
            paths = table[kind]
            table[kind] = paths.map(lambda name: str(folder / name)).where(paths != "")
    words = [name for name in table if name in ("text", "group", "run", "condition", *PATHS)]
    plain = to_plain(table.drop(columns=words))
    kept = table[words].where(table[words] != "")
    return pd.concat([kept, plain], axis=1)[[*table.columns]]


def _table(path: Path, labels: str) -> pd.DataFrame:
    """Read a table of words whose index is one of its columns."""
    from neuroalign.readers.table_files import load_table

    table = load_table(path)
    if labels not in table:
        message = (
            f"Table {str(path)!r} has no column {labels!r}, but {', '.join(table.columns)}; rename "
            "the one that holds the labels."
        )
        raise DataError(message)
    empty = table[labels] == ""
    if empty.any():
        message = f"{empty.sum()} rows of table {str(path)!r} have no {labels}; fill the column."
        raise DataError(message)
    return table.set_index(labels)


def _load(
    folder: Path,
    facts: Mapping[str, Any],
    stimuli: pd.DataFrame,
    files: Mapping[str, Path],
    *,
    subjects: Sequence[str] | None = None,
) -> BrainDataset:
    """Promise the recordings of all subjects; each is read when it is needed."""
    del files, subjects  # the folder is the dataset; there is nothing to fetch
    recordings = {
        subject: partial(_recording, home, subject, facts, stimuli.index)
        for subject, home in subject_folders(folder).items()
    }
    return BrainDataset(recordings, stimuli)


def _recording(
    home: Path, subject: str, facts: Mapping[str, Any], stimuli: pd.Index
) -> xr.DataArray:
    options = {name: facts[name] for name in ("sampling_period", "time") if name in facts}
    if "time_convention" in facts:
        options["attrs"] = {"time_convention": facts["time_convention"]}
    if (home / ARRAY).is_file() and (home / TABLE).is_file():
        message = f"Folder {str(home)!r} has both {ARRAY} and {TABLE}; keep one of them."
        raise DataError(message)
    made = _from_array if (home / ARRAY).is_file() else _from_table
    values, dims, labels = made(home, subject, facts, stimuli)
    if "units" not in facts:
        refuse(f"Folder {str(home)!r} cannot be used", FACTS, ["the attribute 'units' is missing"])
    return make_recording(
        values,
        dims,
        subject=subject,
        units=str(facts.get("units", "unstated")),
        **labels,
        **options,
    )


def _from_array(
    home: Path, subject: str, facts: Mapping[str, Any], stimuli: pd.Index
) -> tuple[xr.DataArray, tuple[str, ...], dict[str, Any]]:
    """Read an array, whose rows are those of showings.csv, else of stimuli.csv, in order."""
    from neuroalign.readers.arrays import read_npy

    values = read_npy(home / ARRAY)
    stream = "sampling_period" in facts
    showings = _rows(home / SHOWINGS, "stimulus")
    rows = "sample" if stream else "stimulus" if showings is None else "showing"
    dims = facts.get("dims", [rows, "neuroid"])
    if not isinstance(dims, list) or not all(isinstance(dim, str) for dim in dims):
        message = f"{FACTS} says dims = {dims!r}; write a list, as in dims = ['{rows}', 'neuroid']."
        raise DataError(message)
    dims = tuple(dims)
    if len(dims) != values.ndim:
        message = (
            f"Array {str(home / ARRAY)!r} has the shape {values.shape}; name its axes in {FACTS}, "
            f"as in dims = ['{rows}', 'neuroid', 'time']."
        )
        raise DataError(message)
    if showings is None and "showing" in dims:
        message = (
            f"Folder {str(home)!r} has no {SHOWINGS}, which says what was shown in each row of "
            f"{ARRAY}; write it, with a column 'stimulus'."
        )
        raise DataError(message)
    tables: dict[str, tuple[str, pd.DataFrame]] = {}
    if showings is not None:
        tables[rows] = SHOWINGS, showings
    elif not stream:
        tables[rows] = STIMULI, pd.DataFrame({"stimulus": stimuli})
    if (neuroids := _rows(home / NEUROIDS, "neuroid")) is not None:
        tables["neuroid"] = NEUROIDS, neuroids
    sizes = dict(zip(dims, values.shape, strict=True))
    labels: dict[str, Any] = {"neuroid": range(sizes.get("neuroid", 0))}
    if stream and showings is None:
        labels["run"] = facts.get("run", "run-1")
    for dim, (name, table) in tables.items():
        count = sizes.get(dim, len(table))
        if count != len(table):
            message = (
                f"Array {str(home / ARRAY)!r} has {count} {WORDS[dim]}, but {name} has "
                f"{len(table)} rows; give it one for each, in the same order."
            )
            raise_or_note(DataError(message), f"subject {subject!r}")
            values = values.isel({values.dims[dims.index(dim)]: slice(len(table))})
        labels |= {str(label): (dim, table[label].to_numpy()[:count]) for label in table}
    return values, dims, labels


def _from_table(
    home: Path, subject: str, facts: Mapping[str, Any], stimuli: pd.Index
) -> tuple[xr.DataArray, tuple[str, ...], dict[str, Any]]:
    """Read a table, a column a neuroid; rows that share a stimulus are its showings."""
    from neuroalign.readers.table_files import load_table, to_numbers

    del stimuli  # a table names its own
    path = home / TABLE
    if (home / SHOWINGS).is_file():
        message = (
            f"Folder {str(home)!r} has {SHOWINGS} beside {TABLE}, whose rows name what was shown "
            "themselves; move its columns there, and leave it out."
        )
        raise_or_note(DataError(message), f"subject {subject!r}")
    table = load_table(path)
    given = [str(name) for name in table.columns]
    of_rows = [name for name in given if name in {*SHOWING_COORDS, *SAMPLE_COORDS}]
    names = [name for name in given if name not in of_rows]
    stream = "sampling_period" in facts
    if not stream and "stimulus" not in of_rows:
        message = (
            f"Table {str(path)!r} has no column 'stimulus', but {', '.join(given)}; rename the one "
            "that holds the labels."
        )
        raise DataError(message)
    if nameless := [name for name in names if re.fullmatch(r"Unnamed: \d+", name)]:
        message = (
            f"Table {str(path)!r} has {len(nameless)} columns without a name; name those that are "
            "neuroids, and leave out row numbers (in pandas: to_csv(..., index=False))."
        )
        raise_or_note(DataError(message), f"subject {subject!r}")
        names = [name for name in names if name not in nameless]
    columns = {}
    for name in names:
        try:
            columns[name] = to_numbers(table[name], name, str(path))
        except DataError as error:
            raise_or_note(error, f"subject {subject!r}")
    repeats = not stream and table["stimulus"].duplicated().any()
    rows = "sample" if stream else "showing" if repeats else "stimulus"
    values = xr.DataArray(pd.DataFrame(columns).to_numpy())
    labels: dict[str, Any] = {name: (rows, table[name].to_numpy()) for name in of_rows}
    if "onset" in labels:
        labels["onset"] = (rows, to_numbers(table["onset"], "onset", str(path)))
    if stream and "run" not in labels:
        labels["run"] = facts.get("run", "run-1")
    labels["neuroid"] = list(columns)
    if (known := _rows(home / NEUROIDS, "neuroid")) is not None:
        facts_of = known.drop_duplicates("neuroid").set_index("neuroid")
        if lost := [name for name in columns if name not in facts_of.index]:
            message = (
                f"{len(lost)} columns of {TABLE} are not in {str(home / NEUROIDS)!r} "
                f"{name_some(lost)}; add them there."
            )
            raise_or_note(DataError(message), f"subject {subject!r}")
        for label, fact in facts_of.reindex(list(columns)).items():
            labels[str(label)] = ("neuroid", fact.to_numpy())
    return values, (rows, "neuroid"), labels


def _rows(path: Path, labels: str) -> pd.DataFrame | None:
    """Read what is known of one axis, if anything: numbers become numbers, labels stay words."""
    from neuroalign.readers.table_files import to_plain

    if not path.is_file():
        return None
    table = _table(path, labels).reset_index()
    words = [name for name in table if name in (labels, "session", "run")]
    return pd.concat([table[words], to_plain(table.drop(columns=words))], axis=1)
