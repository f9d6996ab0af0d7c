"""NIfTI files: opened without their values, once their headers are found to hold."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from neuroalign.errors import DataError
from neuroalign.readers.files import existing, reading

KIND = "a NIfTI image"
SPACES = {0: "unknown", 1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI", 5: "template"}
TO_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
INFLATED = 1100  # deflate makes of a byte no more than this


@contextmanager
def reading_image(path: str | PathLike[str], kind: str) -> Iterator[None]:
    """Turn what nibabel raises into one sentence, and keep it from printing what it mends.

    Parameters
    ----------
    path : str or path
    kind : str
    """
    from nibabel.imageglobals import logger

    logger.addFilter(_never)
    try:
        # Numbers of the header that are NaN in a way that computers signal are looked at later.
        with reading(path, kind), np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Extension size is not a multiple")
            warnings.filterwarnings("ignore", "Dataobj shape")  # which is checked here
            _check_extension(Path(path))
            yield
    finally:
        logger.removeFilter(_never)


def _never(_: logging.LogRecord) -> bool:
    """Keep nibabel from printing."""
    return False


def _check_extension(path: Path) -> None:
    """Refuse an extension of the header that is longer than its file."""
    with path.open("rb") as stream:
        begin = stream.read(548)
    start = {348: 352, 540: 544}.get(int.from_bytes(begin[:4], sys.byteorder))
    if start is None or not begin[start - 4 : start - 3].strip(b"\0"):
        return
    length = int.from_bytes(begin[start : start + 4], sys.byteorder, signed=True)
    if length > path.stat().st_size:
        message = (
            f"File {str(path)!r} promises {length:,} bytes for what follows its header; it is "
            "damaged, fetch it anew."
        )
        raise DataError(message)


def open_nifti(path: str | PathLike[str]) -> Any:
    """Open a NIfTI image without reading its values, having checked what its header promises."""
    import nibabel

    found = existing(path)
    if found.suffix in (".mgh", ".mgz"):
        message = f"File {str(path)!r} is of FreeSurfer's MGH; convert it to NIfTI (mri_convert)."
        raise DataError(message)
    with reading_image(found, KIND):
        image = nibabel.load(found, mmap=False, keep_file_open=False)
        if type(image).__name__ == "Cifti2Image":
            message = f"File {str(path)!r} is a CIFTI-2 file; use read_cifti."
            raise DataError(message)
        if not isinstance(image, nibabel.Nifti1Pair):
            message = f"File {str(path)!r} is a {type(image).__name__}, but {KIND} is needed."
            raise DataError(message)
        _check_header(image, str(path))
        stored = existing(str(image.file_map["image"].filename))
        check_size(image, stored)
    return image


def units_of(image: Any) -> tuple[str, str]:
    """Return the units of space and of time of a header; codes that do not exist are unknown."""
    try:
        space, time = image.header.get_xyzt_units()
    except KeyError:
        return "unknown", "unknown"
    return space, time


def period_of(image: Any) -> float:
    """Return the seconds from one volume to the next that a header states, NaN where it does not.

    Periods of 0 and those without a unit are none.
    """
    period = float(image.header["pixdim"][4]) * TO_SECONDS.get(units_of(image)[1], np.nan)
    return round(period, 6) if period > 0 and np.isfinite(period) else np.nan


def space_of(image: Any) -> str:
    """Return what the header says that the coordinates of an image are in."""
    header = image.header
    return SPACES.get(int(header["sform_code"]) or int(header["qform_code"]), "unknown")


def _check_header(image: Any, name: str) -> None:
    if image.ndim not in (3, 4) or min(image.shape) < 1:
        message = f"File {name!r} has the shape {image.shape}; a volume or a series is needed."
        raise DataError(message)
    if (dtype := image.get_data_dtype()).kind not in "iuf":
        message = f"File {name!r} holds values of type {dtype}; plain numbers are needed."
        raise DataError(message)
    affine = np.asarray(image.affine, dtype=float)
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        message = f"File {name!r} has an affine that places no voxel; mend its header."
        raise DataError(message)


def check_size(image: Any, stored: Any) -> None:
    """Refuse a header that promises more than its file can hold, before memory is taken."""
    promised = int(image.dataobj.offset) + image.get_data_dtype().itemsize * int(
        np.prod([int(size) for size in image.shape], dtype=object)
    )
    packed = stored.suffix in (".gz", ".bz2", ".zst")
    if stored.stat().st_size * (INFLATED if packed else 1) < promised:
        message = (
            f"File {str(stored)!r} has {stored.stat().st_size:,} bytes, but its header promises "
            f"{promised:,}; fetch it anew."
        )
        raise DataError(message)
