"""Scores on disk: one folder a run, written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import xarray as xr

from neuroalign.errors import DataError

ARRAYS = "scores.nc"
PROVENANCE = "provenance.json"
HASH = "scores_sha256"


def save_scores(scores: xr.Dataset, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write scores into a folder of their own.

    Parameters
    ----------
    scores : Dataset
        From `score`.
    folder : str or Path
        Made if it is not there. Holds ``scores.nc`` (netCDF) and ``provenance.json`` afterwards.
    overwrite : bool
        Replace scores that are there already.

    Returns
    -------
    Path
        The folder.

    Examples
    --------
    >>> import neuroalign as na, tempfile
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> folder = na.save_scores(scores, tempfile.mkdtemp() + "/pixels")
    >>> na.load_scores(folder).identical(scores)
    True
    """
    folder = Path(folder).expanduser()
    if (folder / ARRAYS).exists() and not overwrite:
        message = f"Folder {str(folder)!r} holds scores already; pass overwrite=True to replace."
        raise DataError(message)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    except OSError as error:
        raise _explained(error, folder) from error
    try:
        scores.to_netcdf(scratch / ARRAYS, engine="h5netcdf")
        record = json.loads(scores.attrs.get("provenance", "{}"))
        record[HASH] = _hash(scratch / ARRAYS)
        (scratch / PROVENANCE).write_text(json.dumps(record, indent=1) + "\n")
        folder.mkdir(exist_ok=True)
        for name in (PROVENANCE, ARRAYS):
            (scratch / name).replace(folder / name)
    except OSError as error:
        raise _explained(error, folder) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def load_scores(folder: str | Path) -> xr.Dataset:
    """Read scores that `save_scores` wrote.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Dataset
        In memory.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.load_scores("runs/nobody")
    Traceback (most recent call last):
    neuroalign.errors.DataError: Folder 'runs/nobody' holds no scores.nc.
    """
    folder = Path(folder).expanduser()
    for name in (ARRAYS, PROVENANCE):
        if not (folder / name).exists():
            message = f"Folder {str(folder)!r} holds no {name}."
            raise DataError(message)
    path, promised = folder / ARRAYS, _promised_hash(folder / PROVENANCE)
    try:
        if promised != _hash(path):
            message = f"File {str(path)!r} is damaged: its sha256 is not that of {PROVENANCE}."
            raise DataError(message)
        with xr.open_dataset(path, engine="h5netcdf") as scores:
            return scores.load()
    except DataError:
        raise
    except (OSError, ValueError) as error:
        message = f"File {str(path)!r} cannot be read as scores."
        raise DataError(message) from error


def _promised_hash(path: Path) -> str:
    """Read the hash that scores must have from their provenance."""
    try:
        return str(json.loads(path.read_text())[HASH])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = (
            f"File {str(path)!r} is damaged: it is no provenance with the {HASH} of {ARRAYS}; copy "
            "the folder anew, or score again."
        )
        raise DataError(message) from error


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _explained(error: OSError, folder: Path) -> DataError:
    why = "no space is left" if error.errno == errno.ENOSPC else (error.strerror or str(error))
    return DataError(f"Scores cannot be written to {str(folder)!r}: {why.lower()}.")
