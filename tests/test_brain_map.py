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
    with refusal(
        "The neuroids have no coordinate y (mm) to be placed by; give them to the recording, as in "
        "make_recording(..., x=..., y=..., z=...)."
    ):
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


def test_what_is_not_one_value_per_neuroid_of_one_subject_is_refused(tmp_path):
    path, values = tmp_path / "r.nii", placed([[1, 2, 3], [4, 2, 3]], [0.5, 1])
    with refusal(
        "write_nifti takes one DataArray, but got a Dataset; take one variable, as in scores.r."
    ):
        write_nifti(values.to_dataset(name="r"), path, like=grid())
    people = values.assign_coords(subject=("neuroid", ["ann", "bob"]))
    with refusal(
        "write_nifti takes the values of one subject, but got those of 2 (first: 'ann', 'bob'); "
        "select one, as in values[values.subject == 'ann']."
    ):
        write_nifti(people, path, like=grid())
    assert not path.exists()
    write_nifti(people[people.subject == "ann"], path, like=grid())
    assert nibabel.load(path).get_fdata()[1, 2, 3] == 0.5


def test_what_has_no_grid_is_refused(tmp_path):
    path, values = tmp_path / "r.nii", placed([[1, 2, 3]], [0.5])
    with refusal("A ndarray has no grid of voxels; give a NIfTI image as like, or its file."):
        write_nifti(values, path, like=AFFINE)
    absent, text = tmp_path / "absent.nii", tmp_path / "text.nii"
    with refusal(f"There is no file {str(absent)!r} to take the grid from; give a NIfTI image."):
        write_nifti(values, path, like=absent)
    text.write_text("no image")
    with refusal(f"{str(text)!r} is not an image that nibabel reads; give a NIfTI image."):
        write_nifti(values, path, like=text)
    surface = tmp_path / "surface.gii"
    nibabel.save(nibabel.GiftiImage(), surface)
    with refusal(
        f"{str(surface)!r} has no grid of voxels; give a NIfTI image as like, or its file."
    ):
        write_nifti(values, path, like=surface)
    assert not path.exists()
