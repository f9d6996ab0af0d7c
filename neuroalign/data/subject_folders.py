"""Where the responses of each subject lie in a folder."""

from __future__ import annotations

from pathlib import Path

from neuroalign.data.faults import raise_or_note
from neuroalign.errors import DataError, name_some

NEUROIDS = "neuroids.csv"
SHOWINGS = "showings.csv"
ARRAY, TABLE = "responses.npy", "responses.csv"


def subject_folders(folder: Path) -> dict[str, Path]:
    """Return the folder of each subject: this one, or those in it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict
        Subject -> folder with the responses.
    """
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    homes = {path.name: path for path in inside if _has_responses(path)}
    for path in inside:
        meant = [name for name in (NEUROIDS, SHOWINGS) if (path / name).is_file()]
        meant += sorted(file.name for file in path.glob("response*"))
        if meant and path.name not in homes:
            message = (
                f"Folder {str(path)!r} has {meant[0]}, but no {ARRAY} or {TABLE}; give the "
                "responses one of these names, or move the folder away."
            )
            raise_or_note(DataError(message), f"subject {path.name!r}")
    if _has_responses(folder):
        if homes:
            message = (
                f"Folder {str(folder)!r} has responses, and so have folders in it "
                f"{name_some(homes)}; keep those of the folder, or those of the subjects."
            )
            raise_or_note(DataError(message), "responses")
        return {"subject-1": folder}
    if not homes:
        message = (
            f"Folder {str(folder)!r} has no {ARRAY} or {TABLE}, and no folder of a subject has; "
            "put the responses there."
        )
        raise DataError(message)
    return homes


def _has_responses(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (ARRAY, TABLE))
