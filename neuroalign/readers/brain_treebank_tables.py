"""Tables of the Brain Treebank: labels and places of electrodes, triggers, words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroalign.data.schema import UNKNOWN, repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.columns import column_coords
from neuroalign.readers.files import existing, reading

TRIGGERS = ("DC", "TRIG")  # beginnings of labels of channels that measure no brain
REGION = "DesikanKilliany"
CORTEX = "projected onto the cortex of a template"
SIDES = {"ctx-lh": "left", "left": "left", "ctx-rh": "right", "right": "right"}
TAKEN = ("neuroid", "sample", "run", "onset", "bad", "roi", "hemisphere", "x", "y", "z")


@dataclass(frozen=True)
class Electrodes:
    """Labels of a subject's electrodes.

    Parameters
    ----------
    numbers : dict of str to int
        Label without marks -> number in the files of voltages; channels of triggers left out.
    corrupted : list of str
    """

    numbers: dict[str, int]
    corrupted: list[str]


def root_of(folder: str | PathLike[str]) -> Path:
    """Return the folder of the Brain Treebank, which must be there."""
    root = Path(folder).expanduser()
    if not root.is_dir():
        message = f"Folder {str(folder)!r} does not exist; give that of the Brain Treebank."
        raise DataError(message)
    return root


def trial_names(subject: int, trials: int | Sequence[int]) -> list[str]:
    """Return the beginnings of file names, as in "sub_1_trial000"."""
    listed = [trials] if isinstance(trials, (int, np.integer)) else list(trials)
    for what, number in (("subject", subject), *(("trials", trial) for trial in listed)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 0:
            message = f"{what}={number!r} is not a whole number, as the files have."
            raise DataError(message)
    if not listed:
        message = "No trial was given; trials are numbered from 0."
        raise DataError(message)
    return [f"sub_{subject}_trial{trial:03}" for trial in listed]


def electrodes_of(root: Path, subject: int) -> Electrodes:
    """Read the labels of a subject's electrodes, and which of them are corrupted."""
    path = root / "electrode_labels" / f"sub_{subject}" / "electrode_labels.json"
    said = _json(path)
    if not isinstance(said, list) or not all(isinstance(label, str) for label in said):
        message = f"File {str(path)!r} is not a list of labels."
        raise DataError(message)
    labels = [_clean(label) for label in said]
    if twice := repeated(labels):
        message = f"{len(twice)} labels of {str(path)!r} are there twice {name_some(twice)}."
        raise DataError(message)
    numbers = {
        label: number
        for number, label in enumerate(labels)
        if not label.upper().startswith(TRIGGERS)
    }
    listed = root / "corrupted_elec.json"
    bad = _json(listed) if listed.exists() else {}
    own = bad.get(f"sub_{subject}", []) if isinstance(bad, dict) else None
    if not isinstance(own, list):
        message = f"File {str(listed)!r} does not list electrodes by subject."
        raise DataError(message)
    marked = {_clean(str(label)) for label in own}
    return Electrodes(numbers, [label for label in numbers if label in marked])


def site_coords(
    root: Path, subject: int, names: Sequence[str]
) -> tuple[dict[str, np.ndarray], str | None]:
    """Return regions and places of electrodes, as far as tables have them, and their space."""
    coords: dict[str, np.ndarray] = {}
    path = root / "localization" / f"sub_{subject}" / "depth-wm.csv"
    if path.exists():
        rows = _by_electrode(_table(path, ("Electrode", REGION)), path).reindex(list(names))
        regions = rows[REGION].astype(object).where(rows[REGION].notna(), UNKNOWN).astype(str)
        others = rows.drop(columns=REGION)
        coords["roi"] = regions.to_numpy(str)
        coords["hemisphere"] = np.array([_side(region) for region in regions])
        coords |= {name: x for name, (_, x) in column_coords(others, "neuroid", TAKEN).items()}
    path = root / "localization" / "elec_coords_full.csv"
    if not path.exists():
        return coords, None
    table = _table(path, ("Subject", "Electrode", "X", "Y", "Z"))
    own = table[table["Subject"].astype(str) == f"sub_{subject}"]
    rows = _by_electrode(own, path).reindex(list(names))
    for axis in "XYZ":
        coords[axis.lower()] = pd.to_numeric(rows[axis], errors="coerce").to_numpy(float)
    return coords, CORTEX


def timings_of(root: Path, name: str, *, missing_ok: bool = False) -> Any:
    """Read the triggers of a trial; None where there are none and none are needed."""
    path = root / "subject_timings" / f"{name}_timings.csv"
    if missing_ok and not path.exists():
        return None
    table = _table(path, ("movie_time", "index"))
    numbers = table[["movie_time", "index"]].apply(pd.to_numeric, errors="coerce").dropna()
    if len(numbers) < 2:
        message = f"File {str(path)!r} holds {len(numbers)} triggers; two at least are needed."
        raise DataError(message)
    return numbers.sort_values("index", kind="stable", ignore_index=True)


def film_of(root: Path, name: str) -> str:
    """Read the name under which the words of a trial's film lie."""
    path = root / "subject_metadata" / f"{name}_metadata.json"
    said = _json(path)
    film = said.get("filename") if isinstance(said, dict) else None
    if not isinstance(film, str) or not film or Path(film).name != film or film in (".", ".."):
        message = f"File {str(path)!r} names no film, but {film!r}."
        raise DataError(message)
    return film


def words_of(root: Path, film: str) -> pd.DataFrame:
    """Read the words of a film, with labels "<film>/<number>"; columns text, start, end first."""
    path = root / "transcripts" / film / "features.csv"
    table = _table(path, ("text", "start", "end"))
    first = table.iloc[:, 0] if str(table.columns[0]).startswith("Unnamed") else table.index
    numbers = pd.to_numeric(pd.Series(first), errors="coerce").to_numpy(float)
    if not (whole := np.isfinite(numbers) & (numbers % 1 == 0)).all():
        message = (
            f"{(~whole).sum()} words of {str(path)!r} have no whole number in the first column."
        )
        raise DataError(message)
    table = table.loc[:, [not str(name).startswith("Unnamed") for name in table.columns]]
    for column in ("start", "end"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    others = [
        name for name in table.columns if name not in ("text", "start", "end", "run", "onset")
    ]
    table = table[["text", "start", "end", *others]].drop(columns="duration", errors="ignore")
    table.index = pd.Index([f"{film}/{int(number):05}" for number in numbers], name="stimulus")
    return table


def _clean(label: str) -> str:
    """Take the marks off a label, as the authors' code does."""
    return label.translate(str.maketrans("", "", "*#_"))


def _side(region: str) -> str:
    return next(
        (side for start, side in SIDES.items() if region.lower().startswith(start)), UNKNOWN
    )


def _by_electrode(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    table = table.set_index(pd.Index([_clean(str(label)) for label in table["Electrode"]]))
    if twice := repeated(table.index):
        message = f"{len(twice)} electrodes of {str(path)!r} are there twice {name_some(twice)}."
        raise DataError(message)
    return table.drop(columns=["Electrode", "Subject"], errors="ignore")


def _table(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """Read a table with the columns needed; words such as "null" and "nan" stay words."""
    with reading(existing(path), "a table of the Brain Treebank"):
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    if lacking := [name for name in needed if name not in table]:
        message = f"File {str(path)!r} has no column {lacking[0]!r}."
        raise DataError(message)
    return table


def _json(path: Path) -> Any:
    with reading(existing(path), "a JSON file of the Brain Treebank"):
        return json.loads(path.read_text(encoding="utf-8"))
