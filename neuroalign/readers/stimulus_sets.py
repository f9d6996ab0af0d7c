"""Read a table of stimuli and the images that it names, as Brain-Score publishes them."""

from __future__ import annotations

import io
import zipfile
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import existing, reading
from neuroalign.readers.sizes import UNFOLDS

IDS = ("stimulus_id", "image_id")


def read_stimulus_set(
    table: str | PathLike[str], archive: str | PathLike[str] | None = None
) -> pd.DataFrame:
    """Read a stimulus set: a CSV table of facts and a ZIP archive of images.

    Parameters
    ----------
    table : str or path
        With the column "stimulus_id" or, in older files, "image_id", and "filename".
    archive : str or path, optional
        Without it there is no column "image".

    Returns
    -------
    DataFrame
        Index: stimulus, in the order of the table. "image" holds uint8 arrays (row, column) where
        the file is gray, else (row, column, 3); nothing is unpacked onto the disk. All other
        columns are those of the table.

    Raises
    ------
    DataError
        If an id repeats, or an image is missing or damaged.

    References
    ----------
    BrainIO format specification,
    https://github.com/brain-score/brainio/blob/main/docs/SPECIFICATION.md
    """
    file = existing(table)
    with reading(file, "a table of stimuli"):
        rows = pd.read_csv(
            file, dtype=dict.fromkeys((*IDS, "filename"), str), keep_default_na=False
        )
    shown = next((name for name in IDS if name in rows), None)
    if shown is None or not len(rows):
        what = "no row" if shown else "no column 'stimulus_id' or 'image_id'"
        message = f"Table of stimuli {str(file)!r} has {what}."
        raise DataError(message)
    labels = as_labels(rows.pop(shown), "stimulus")
    if twice := repeated(labels):
        message = f"{len(twice)} stimuli of {str(file)!r} occur more than once {name_some(twice)}."
        raise DataError(message)
    rows.index = pd.Index(labels, name="stimulus")
    if archive is None:
        return rows
    if "filename" not in rows:
        message = f"Table of stimuli {str(file)!r} has no column 'filename'."
        raise DataError(message)
    names = rows.pop("filename").astype(str)
    images = pd.Series(_images(existing(archive), list(names)), index=rows.index, dtype=object)
    return rows.assign(image=images)


def _images(path: Path, names: list[str]) -> list[np.ndarray]:
    """Return the images of these names, out of an archive that stays as it is."""
    with reading(path, "a ZIP archive of images"), zipfile.ZipFile(path) as opened:
        held = {entry.filename: entry for entry in opened.infolist()}
        if missing := [name for name in names if name not in held]:
            message = (
                f"{len(missing)} images of the table are not in {str(path)!r} {name_some(missing)}."
            )
            raise DataError(message)
        return [_pixels(path, opened, held[name]) for name in names]


def _pixels(path: Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    from PIL import Image

    if entry.file_size > 2**20 + UNFOLDS * entry.compress_size:
        message = (
            f"Image {entry.filename!r} of {str(path)!r} promises {entry.file_size:,} bytes out of "
            f"{entry.compress_size:,}; the archive is damaged."
        )
        raise DataError(message)
    try:
        with Image.open(io.BytesIO(opened.read(entry))) as image:
            return np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except Exception as error:
        message = (
            f"Image {entry.filename!r} of {str(path)!r} cannot be read ({type(error).__name__})."
        )
        raise DataError(message) from error
