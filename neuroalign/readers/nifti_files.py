"""NIfTI files: opened without their values, once their headers are found to hold."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from neuroalign.errors import DataError
from neuroalign.readers.files import existing, reading

KIND = "a NIfTI image"
SPACES = {0: "unknown", 1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI", 5: "template"}
TO_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
INFLATED = 1100  # deflate makes of a byte no more than this


def open_nifti(path: str | PathLike[str]) -> Any:
    """Open a NIfTI image without reading its values, having checked what its header promises."""
    import nibabel

    found = existing(path)
    if found.suffix in (".mgh", ".mgz"):
        message = f"File {str(path)!r} is of FreeSurfer's MGH; convert it to NIfTI (mri_convert)."
        raise DataError(message)
    with reading(found, KIND):
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
