"""Values of neuroids go back into the voxels they came from."""

import re

import nibabel
import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.report.brain_map import write_nifti

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2.0, 0, -126], [0, 0, 2.5, -72], [0, 0, 0, 1]])


def grid():
    return nibabel.Nifti1Image(np.zeros((6, 5, 4)), AFFINE)


def placed(voxels, values):
    places = np.asarray(voxels) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    axes = {axis: ("neuroid", places[:, k]) for k, axis in enumerate("xyz")}
    labels = [f"s1/{k}" for k in range(len(values))]
    return xr.DataArray(values, {"neuroid": labels, **axes}, ("neuroid",))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["r.nii", "r.nii.gz"])
def test_every_value_comes_back_at_its_voxel(tmp_path, seed, name):
    rng = np.random.default_rng(seed)
    flat = rng.choice(120, 30, replace=False)
    voxels = np.column_stack(np.unravel_index(flat, (6, 5, 4)))
    values = rng.normal(size=30)
    path = write_nifti(
        placed(voxels + rng.uniform(-0.4, 0.4, (30, 3)), values), tmp_path / name, like=grid()
    )
    image = nibabel.load(path)
    np.testing.assert_allclose(image.get_fdata()[tuple(voxels.T)], values, rtol=1e-6)
    assert np.isfinite(image.get_fdata()).sum() == 30
    np.testing.assert_array_equal(image.affine, AFFINE)


def test_the_image_may_be_a_file(tmp_path):
    nibabel.save(grid(), tmp_path / "grid.nii")
    path = write_nifti(placed([[1, 2, 3]], [0.5]), tmp_path / "r.nii", like=tmp_path / "grid.nii")
    assert nibabel.load(path).get_fdata()[1, 2, 3] == 0.5


def refusal(sentence):
    return pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$")


def test_what_cannot_be_placed_is_refused(tmp_path):
    path = tmp_path / "r.nii"
    with refusal("'r.png' is not the name of a NIfTI file; end it in .nii or .nii.gz."):
        write_nifti(placed([[1, 2, 3]], [0.5]), tmp_path / "r.png", like=grid())
    with refusal("The neuroids have no coordinate y (mm) to be placed by."):
        write_nifti(placed([[1, 2, 3]], [0.5]).drop_vars("y"), path, like=grid())
    outside = "1 of 2 neuroids lie outside the image (first: 's1/1'); is it in the space of their "
    with refusal(outside + "coordinates?"):
        write_nifti(placed([[1, 2, 3], [6, 0, 0]], [0.5, 1]), path, like=grid())
    with refusal("1 voxels hold several neuroids (first: 's1/0'); use an image of finer grid."):
        write_nifti(placed([[1, 2, 3], [1, 2, 3]], [0.5, 1]), path, like=grid())
    with refusal(
        "write_nifti takes one value per neuroid, but got the dimensions ('fold', 'neuroid'); "
        "select a layer and average over folds first."
    ):
        write_nifti(placed([[1, 2, 3]], [0.5]).expand_dims(fold=2), path, like=grid())
    assert not path.exists()
