"""Small files of fMRI, written by the field's own libraries."""

import nibabel
import numpy as np

AFFINE = np.array([[-2.0, 0.5, 0, 10], [0, 2, 0, -20], [0.25, 0, 3, 5], [0, 0, 0, 1]])  # oblique
SHAPE = (4, 3, 2)


def write_nifti(path, values, *, affine=AFFINE, period=1.5, unit="sec", slope=None):
    """Write a NIfTI image; a slope makes the values be stored as scaled whole numbers."""
    image = nibabel.Nifti1Image(np.asarray(values), affine)
    image.header.set_xyzt_units("mm", unit)
    image.set_sform(affine, code=1)
    if np.ndim(values) == 4:
        image.header["pixdim"][4] = period
    if slope is not None:
        image.header.set_data_dtype(np.int16)
        image.header.set_slope_inter(slope, 0)
    image.to_filename(path)
    return path


def volumes(rng, n_volumes=6, shape=SHAPE):
    return rng.normal(size=(*shape, n_volumes)).astype("float32")


def atlas_of(shape=SHAPE):
    """Make an atlas of two regions, 7 and 3, with an outside."""
    atlas = np.zeros(shape, dtype="int16")
    atlas[:2, :2] = 7
    atlas[2:, 1:, 1] = 3
    return atlas
