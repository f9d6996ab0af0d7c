"""Small files of surfaces, written by nibabel."""

import nibabel
import numpy as np
from fmri_files import AFFINE

STRUCTURES = {0: "???", 1: "V1", 2: "V4"}


def write_gifti(path, values, *, single=False):
    """Write (volume, vertex) values: an array for each volume, or one of vertices by volumes."""
    values = np.asarray(values, "float32")
    arrays = [values.T] if single else values
    intent = "NIFTI_INTENT_TIME_SERIES"
    image = nibabel.gifti.GiftiImage(
        darrays=[nibabel.gifti.GiftiDataArray(array, intent=intent) for array in arrays]
    )
    image.to_filename(path)
    return path


def write_labels(path, numbers, names=STRUCTURES):
    table = nibabel.gifti.GiftiLabelTable()
    for key, name in names.items():
        label = nibabel.gifti.GiftiLabel(key=key)
        label.label = name
        table.labels.append(label)
    array = nibabel.gifti.GiftiDataArray(
        np.asarray(numbers, "int32"), intent="NIFTI_INTENT_LABEL", datatype="NIFTI_TYPE_INT32"
    )
    nibabel.gifti.GiftiImage(labeltable=table, darrays=[array]).to_filename(path)
    return path


def write_surface(path, places):
    arrays = [
        nibabel.gifti.GiftiDataArray(np.asarray(places, "float32"), "NIFTI_INTENT_POINTSET"),
        nibabel.gifti.GiftiDataArray(
            np.zeros((1, 3), "int32"), "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32"
        ),
    ]
    nibabel.gifti.GiftiImage(darrays=arrays).to_filename(path)
    return path


def brain_axis(left=(1, 0, 1, 1), right=(0, 1, 1, 0), voxels=True):
    """Make the columns of a CIFTI file: three and two vertices, and four voxels."""
    make = nibabel.cifti2.BrainModelAxis.from_mask
    axis = make(np.asarray(left), name="CortexLeft") + make(np.asarray(right), name="CortexRight")
    if voxels:
        inside = np.zeros((3, 3, 2))
        inside[1:, :2, 0] = 1
        axis = axis + make(inside, affine=AFFINE, name="thalamus_left")
    return axis


def write_cifti(path, values, rows, brain):
    nibabel.Cifti2Image(np.asarray(values), (rows, brain)).to_filename(path)
    return path


def series_axis(length, step=0.72, start=0, **options):
    return nibabel.cifti2.SeriesAxis(start, step, length, **options)


def write_dlabel(path, numbers, brain, names=STRUCTURES):
    table = {key: (name, (0.0, 0.0, 0.0, 1.0)) for key, name in names.items()}
    rows = nibabel.cifti2.LabelAxis(["atlas"], [table])
    return write_cifti(path, np.asarray([numbers], "float32"), rows, brain)
