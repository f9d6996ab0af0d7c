"""Files of a BIDS dataset or of its derivatives, found by the entities of their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from neuroalign.data.schema import repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.events import read_events
from neuroalign.readers.rows import entities, run_names

# Entities of how a series was processed, which its confounds and events lack.
PROCESSING = ("space", "res", "den", "desc", "label", "cohort")


def without_prefix(key: str, value: object) -> str:
    """Return the label of an entity, whether it is given as "sub-01" or "01"."""
    return str(value).removeprefix(f"{key}-")


def subject_folder(folder: str | PathLike[str], subject: object) -> Path:
    """Return the folder of a subject in a dataset."""
    root = Path(folder).expanduser()
    if not root.is_dir():
        message = f"Folder {str(folder)!r} does not exist; give that of the dataset."
        raise DataError(message)
    label = without_prefix("sub", subject)
    if (found := root / f"sub-{label}").is_dir():
        return found
    there = sorted(path.name for path in root.glob("sub-*") if path.is_dir())
    known = f"subjects there {name_some(there)}" if there else "there is none"
    message = f"Folder {str(folder)!r} has no subject {label!r}; {known}."
    raise DataError(message)


def entities_of_task(
    task: str, session: object, others: Mapping[str, str] | None = None
) -> dict[str, str | None]:
    """Return the entities that the names of a task's files must have."""
    return {
        "task": without_prefix("task", task),
        **({} if session is None else {"ses": without_prefix("ses", session)}),
        **{key: without_prefix(key, value) for key, value in (others or {}).items()},
    }


def images(folder: Path, ending: str) -> list[Path]:
    """Return the NIfTI files of a subject whose names end so before ``.nii`` or ``.nii.gz``."""
    return [
        path
        for path in sorted(folder.rglob("*.nii*"))
        if path.name.removesuffix(".gz").removesuffix(".nii").endswith(ending)
    ]


def runs_of_task(
    folder: Path,
    files: Sequence[Path],
    kind: str,
    wanted: Mapping[str, str | None],
    *,
    run: object = None,
) -> list[Path]:
    """Return the files that have the entities wanted, by session and run.

    Parameters
    ----------
    folder : Path
        Of a subject.
    files : sequence of Path
        Those of a kind in it.
    kind : str
        How their names end, as in "bold".
    wanted : mapping
        Entity -> label, or None where names must lack it.
    run : str, int or sequence of these, optional
        Labels of the runs wanted; "1" is "01". All by default.
    """
    fitting = [
        path
        for path in files
        if all(entities(path).get(key) == value for key, value in wanted.items())
    ]
    if not fitting:
        asked = ", ".join(f"{key}-{value}" for key, value in wanted.items() if value)
        near = name_some(path.name for path in files) if files else "(there is none)"
        message = f"Folder {str(folder)!r} has no file {kind} with {asked} {near}."
        raise DataError(message)
    if run is not None:
        labels = [run] if isinstance(run, (str, int)) else list(run)  # type: ignore[call-overload]
        numbers = {_number(without_prefix("run", label)) for label in labels}
        there = {_number(entities(path).get("run", "1")) for path in fitting}
        if lost := sorted(numbers - there):
            message = (
                f"Run {lost[0]!r} of the task was not found; runs there {name_some(sorted(there))}."
            )
            raise DataError(message)
        fitting = [path for path in fitting if _number(entities(path).get("run", "1")) in numbers]
    _refuse_twins(fitting)
    return sorted(fitting, key=_by_session_and_run)


def events_of_runs(files: Sequence[Path], root: Path) -> pd.DataFrame:
    """Return the events that hold for files of a dataset, one file after the other."""
    tables = []
    for path, name in zip(files, run_names(files, None), strict=True):
        table = inherited(path, "_events.tsv", root)
        if table is None:
            message = f"File {path.name!r} has no events.tsv in {str(root)!r} that holds for it."
            raise DataError(message)
        tables.append(read_events(table, run=name))
    return pd.concat(tables, ignore_index=True)


def companion(path: Path, endings: Sequence[str]) -> Path | None:
    """Return the file beside a series that has its entities, other than of processing.

    Parameters
    ----------
    path : Path
    endings : sequence of str
        What its name may end with, as in ``_desc-confounds_timeseries.tsv``.
    """
    own = _recorded(path)
    for ending in endings:
        for other in sorted(path.parent.glob(f"*{ending}")):
            if _recorded(other) == own:
                return other
    return None


def inherited(path: Path, ending: str, root: Path) -> Path | None:
    """Return the nearest file that holds for a series by the principle of inheritance.

    Its entities are among those of the series, and it lies in the same folder or above, up to
    that of the dataset; the more entities it has, the nearer.
    """
    own = _recorded(path).items()
    folder = path.parent
    while True:
        found = [other for other in folder.glob(f"*{ending}") if _recorded(other).items() <= own]
        if found:
            return max(found, key=lambda other: (len(_recorded(other)), other.name))
        if folder == root or folder == folder.parent:
            return None
        folder = folder.parent


def _recorded(path: Path) -> dict[str, str]:
    return {key: value for key, value in entities(path).items() if key not in PROCESSING}


def _number(label: str) -> str:
    return label.lstrip("0") or "0"


def _by_session_and_run(path: Path) -> tuple:
    said = entities(path)
    run = said.get("run", "")
    return said.get("ses", ""), int(run) if run.isdigit() else 0, path.name


def _refuse_twins(paths: Sequence[Path]) -> None:
    """Refuse several versions of one run, as of several resolutions, echoes or formats."""
    keys = ["/".join(entities(path).get(key, "") for key in ("ses", "run")) for path in paths]
    if twice := repeated(keys):
        names = [path.name for path, key in zip(paths, keys, strict=True) if key == twice[0]]
        message = (
            f"Several files are of one run {name_some(names)}; say which by entities, as in "
            "entities={'res': '2'}, or keep one of them."
        )
        raise DataError(message)
