"""Electrodes of BIDS datasets: where they are, in which space, and in which region."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from neuroalign.data.schema import UNKNOWN, repeated
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.readers.files import existing, reading
from neuroalign.readers.rows import entities

# Columns that name regions, the first that a table has unless another is named.
REGIONS = ("roi", "region", "anatomy", "anatomical_label", "location", "brain_region")
# Unit of coordinates -> mm; of pixels of a picture none are made.
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
HEMISPHERES = {"l": "left", "left": "left", "r": "right", "right": "right"}
TAKEN = ("name", "x", "y", "z", "hemisphere", "neuroid", "sample", "run", "onset", "kind", "bad")

Coords = dict[str, tuple[str, np.ndarray]]


def read_table(path: Path, kind: str, needed: Sequence[str]) -> pd.DataFrame:
    """Read a table of BIDS as words, missing ones as "n/a"; it must have the columns needed."""
    with reading(existing(path), kind):
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    if lacking := [name for name in needed if name not in table]:
        message = f"File {str(path)!r} has no column {lacking[0]!r}; it is no {kind[2:]} of BIDS."
        raise DataError(message)
    return table.replace("", "n/a")


def read_json(path: Path) -> dict[str, object]:
    """Read a file of facts in BIDS."""
    with reading(existing(path), "a JSON file of facts"):
        said = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(said, dict):
        message = f"File {str(path)!r} holds a {type(said).__name__}, not facts by name."
        raise DataError(message)
    return said


def electrode_coords(
    recording: Path, names: Sequence[str], *, space: str | None, region: str | None
) -> tuple[Coords, str | None]:
    """Return places and regions of channels, and the space of the places.

    Parameters
    ----------
    recording : Path
        File of voltages; ``electrodes.tsv`` lies beside it.
    names : sequence of str
        Of the channels wanted. Channels without an electrode of their name have no place.
    space, region : str, optional
        As of `read_bids_ieeg`.

    Returns
    -------
    dict, str or None
        Coordinates of neuroids: x, y, z (mm), roi, hemisphere, and what else the table says.
    """
    path = _electrodes(recording, space)
    if path is None:
        if region is not None:
            message = f"region={region!r} is a column of electrodes.tsv, which is not there."
            raise DataError(message)
        return {}, None
    table = read_table(path, "a table of electrodes", ("name", "x", "y", "z"))
    if twice := repeated(table["name"]):
        message = f"{len(twice)} electrodes of {str(path)!r} are there twice {name_some(twice)}."
        raise DataError(message)
    table = table.set_index("name")
    if not set(names) & set(table.index):
        message = (
            f"No channel has an electrode in {str(path)!r}: channels {name_some(names)}, "
            f"electrodes {name_some(table.index)}."
        )
        raise DataError(message)
    rows = table.reindex(list(names)).fillna("n/a")
    place, name = _places(rows, path)
    coords = {axis: ("neuroid", values) for axis, values in place.items()}
    column = _region_column(table, region, path)
    coords["roi"] = ("neuroid", _words(rows[column]) if column else np.full(len(rows), UNKNOWN))
    if "hemisphere" in rows:
        sides = [HEMISPHERES.get(side.lower(), side) for side in rows["hemisphere"]]
        coords["hemisphere"] = ("neuroid", _words(pd.Series(sides)))
    for other in rows.columns.difference([*TAKEN, column or "roi"], sort=False):
        numbers = pd.to_numeric(rows[other].replace("n/a", "nan"), errors="coerce")
        told = rows[other] != "n/a"
        numeric = told.any() and numbers[told].notna().all()
        coords[str(other)] = (
            "neuroid",
            numbers.to_numpy(float) if numeric else _words(rows[other]),
        )
    return coords, name


def _electrodes(recording: Path, space: str | None) -> Path | None:
    """Return the table of electrodes beside a recording, in the space wanted."""
    own = entities(recording)
    found = {}
    for path in sorted(recording.parent.glob("*_electrodes.tsv")):
        said = entities(path)
        label = said.pop("space", "")
        if said.items() <= own.items():
            found[label] = path
    wanted = None if space is None else space.removeprefix("space-")
    if wanted is not None and wanted not in found:
        raise unknown_name(wanted, filter(None, found), kind="space of electrodes")
    if wanted is None and len(found) > 1:
        message = (
            f"Electrodes of {recording.name!r} are given in {len(found)} spaces "
            f"{name_some(found)}; choose one, as in space={max(found)!r}."
        )
        raise DataError(message)
    return found[wanted] if wanted is not None else next(iter(found.values()), None)


def _places(rows: pd.DataFrame, path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    """Return x, y and z in mm, and the name of their space."""
    facts = path.with_name(path.name.replace("_electrodes.tsv", "_coordsystem.json"))
    if not facts.exists():
        message = (
            f"File {path.name!r} needs {facts.name!r} beside it, which says its space and units."
        )
        raise DataError(message)
    said = {key.lower(): value for key, value in read_json(facts).items()}
    for kind in ("ieeg", "eeg", "meg"):
        if f"{kind}coordinatesystem" in said:
            break
    name, unit = (str(said.get(f"{kind}coordinate{what}", "n/a")) for what in ("system", "units"))
    if name.lower() == "other":
        name = str(said.get(f"{kind}coordinatesystemdescription", name))
    if unit == "pixels":
        return {}, None
    if unit not in UNITS:
        message = (
            f"File {str(facts)!r} gives coordinates in {unit!r}; {', '.join(UNITS)} are known."
        )
        raise DataError(message)
    place = {}
    for axis in "xyz":
        numbers = pd.to_numeric(rows[axis].replace("n/a", "nan"), errors="coerce")
        if (bad := numbers.isna() & ~rows[axis].isin(["n/a", "nan"])).any():
            message = (
                f"{bad.sum()} electrodes have no number as {axis} {name_some(rows.index[bad])}."
            )
            raise DataError(message)
        place[axis] = numbers.to_numpy(float) * UNITS[unit]
    return place, name


def _region_column(table: pd.DataFrame, region: str | None, path: Path) -> str | None:
    if region is not None:
        if region not in table:
            raise unknown_name(region, table.columns, kind=f"column of {path.name!r}")
        return region
    lower = {str(name).lower(): str(name) for name in reversed(table.columns)}
    return next((lower[name] for name in REGIONS if name in lower), None)


def _words(column: pd.Series) -> np.ndarray:
    return column.replace("n/a", UNKNOWN).to_numpy(str)
