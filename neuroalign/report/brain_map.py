"""Write values of neuroids back into a volume, to be looked at with any viewer of NIfTI files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, name_some


def write_nifti(values: xr.DataArray, path: str | Path, *, like: str | Path | Any) -> Path:
    """Write one value per neuroid into the voxel at its coordinates.

    Parameters
    ----------
    values : DataArray (neuroid,)
        With the coordinates `x`, `y` and `z` (mm), such as scores at one layer, averaged over
        folds, of one subject.
    path : str or Path
        A file that ends in .nii or .nii.gz.
    like : str, Path or nibabel image
        Image whose grid and affine are used; its space must be that of the coordinates.

    Returns
    -------
    Path
        Of the file. Voxels without a neuroid are NaN.

    Examples
    --------
    >>> import nibabel, numpy as np, tempfile, xarray as xr
    >>> from neuroalign.report.brain_map import write_nifti
    >>> grid = nibabel.Nifti1Image(np.zeros((4, 4, 4)), np.diag([3.0, 3.0, 3.0, 1.0]))
    >>> place = {axis: ("neuroid", [3.0 * number]) for number, axis in enumerate("xyz")}
    >>> r = xr.DataArray([0.5], {"neuroid": ["s1/0"], **place}, ("neuroid",))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_nifti(r, f"{folder}/r.nii.gz", like=grid)
    ...     float(nibabel.load(path).get_fdata()[0, 1, 2])
    0.5
    """
    import nibabel

    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        message = f"{path.name!r} is not the name of a NIfTI file; end it in .nii or .nii.gz."
        raise DataError(message)
    _check_values(values)
    image = _image(like)
    volume = np.full(image.shape[:3], np.nan, dtype=np.float32)
    volume[tuple(_voxels(values, image.affine, volume.shape).T)] = values.values
    nibabel.save(nibabel.Nifti1Image(volume, image.affine), path)
    return path


def _check_values(values: xr.DataArray) -> None:
    """Refuse what is not one value for each neuroid of one subject, with a place for each."""
    if not isinstance(values, xr.DataArray):
        kind = type(values).__name__
        message = (
            f"write_nifti takes one DataArray, but got a {kind}; take one variable, as in scores.r."
        )
        raise DataError(message)
    if values.dims != ("neuroid",):
        message = (
            f"write_nifti takes one value per neuroid, but got the dimensions {values.dims}; "
            "select a layer and average over folds first."
        )
        raise DataError(message)
    subjects = np.unique(values.coords["subject"].values if "subject" in values.coords else "")
    if len(subjects) > 1:
        message = (
            f"write_nifti takes the values of one subject, but got those of {len(subjects)} "
            f"{name_some(subjects)}; select one, as in "
            f"values[values.subject == {str(subjects[0])!r}]."
        )
        raise DataError(message)
    if missing := [axis for axis in "xyz" if axis not in values.coords]:
        message = (
            f"The neuroids have no coordinate {', '.join(missing)} (mm) to be placed by; give "
            "them to the recording, as in make_recording(..., x=..., y=..., z=...)."
        )
        raise DataError(message)


def _image(like: object) -> Any:
    """Return an image that has a grid, opening it if it is a file."""
    import nibabel

    image: Any = like
    if isinstance(like, (str, Path)):
        try:
            image = nibabel.load(like)
        except FileNotFoundError as error:
            message = f"There is no file {str(like)!r} to take the grid from; give a NIfTI image."
            raise DataError(message) from error
        except nibabel.filebasedimages.ImageFileError as error:
            message = f"{str(like)!r} is not an image that nibabel reads; give a NIfTI image."
            raise DataError(message) from error
    if getattr(image, "affine", None) is None or len(image.shape) < 3:
        what = repr(str(like)) if isinstance(like, (str, Path)) else f"A {type(like).__name__}"
        message = f"{what} has no grid of voxels; give a NIfTI image as like, or its file."
        raise DataError(message)
    return image


def _voxels(values: xr.DataArray, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the indices of the voxel that each neuroid is in, which must be one of its own."""
    places = np.column_stack([values[axis].values.astype(float) for axis in "xyz"])
    inverse = np.linalg.inv(affine)
    nearest = np.rint(places @ inverse[:3, :3].T + inverse[:3, 3])
    names = values["neuroid"].values
    outside = ~((nearest >= 0) & (nearest < shape)).all(1)
    if outside.any():
        message = (
            f"{outside.sum()} of {len(names)} neuroids lie outside the image "
            f"{name_some(names[outside])}; is it in the space of their coordinates?"
        )
        raise DataError(message)
    voxels = nearest.astype(int)
    _, first, counts = np.unique(voxels, axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        message = (
            f"{(counts > 1).sum()} voxels hold several neuroids "
            f"{name_some(names[first[counts > 1]])}; use an image of finer grid."
        )
        raise DataError(message)
    return voxels
