"""NIfTI images: values, labels, places, regions and time are those of the file."""

import gzip
import sys

import nibabel
import numpy as np
import pandas as pd
import pytest
from fmri_files import AFFINE, SHAPE, atlas_of, volumes, write_nifti
from nilearn.maskers import NiftiLabelsMasker, NiftiMasker

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import MissingPackageError
from neuroalign.readers import nifti, read_nifti


@pytest.fixture
def bold(tmp_path, rng):
    """Write a series of six volumes; return its path and values."""
    values = volumes(rng)
    return write_nifti(tmp_path / "bold.nii", values), values


@pytest.fixture
def mask(tmp_path, rng):
    inside = rng.random(SHAPE) > 0.5
    return write_nifti(tmp_path / "mask.nii.gz", inside.astype("uint8")), inside


@pytest.fixture
def atlas(tmp_path):
    return write_nifti(tmp_path / "atlas.nii", atlas_of())


def test_every_voxel_of_the_mask_is_a_neuroid_with_its_values_label_and_place(bold, mask):
    path, values = bold
    series = read_nifti(path, mask=mask[0])
    assert series.dims == ("sample", "neuroid")
    assert series.sizes["neuroid"] == mask[1].sum()
    for neuroid in series.transpose("neuroid", ...):
        index = tuple(int(part) for part in neuroid.neuroid.item().split("-"))
        assert mask[1][index]
        np.testing.assert_array_equal(neuroid.values, values[index])
        place = AFFINE @ (*index, 1)
        assert [neuroid[axis].item() for axis in "xyz"] == place[:3].tolist()


def test_values_under_a_mask_are_those_of_nilearn(bold, mask):
    masker = NiftiMasker(mask_img=mask[0], standardize=None).fit()
    np.testing.assert_allclose(read_nifti(bold[0], mask=mask[0]), masker.transform(bold[0]))


def test_averages_of_regions_are_those_of_nilearn(bold, mask, atlas):
    masker = NiftiLabelsMasker(atlas, mask_img=mask[0], standardize=None).fit()
    expected = masker.transform(bold[0])
    series = read_nifti(bold[0], mask=mask[0], atlas=atlas, average="roi")
    assert series.neuroid.values.tolist() == ["3", "7"]
    np.testing.assert_allclose(series, expected, rtol=1e-6)


def test_an_average_leaves_out_what_is_missing_and_is_placed_amid_its_voxels(tmp_path, rng, atlas):
    values = volumes(rng)
    values[0, 0, 0, 2] = np.nan
    values[2:, 1:, 1, 4] = np.nan
    series = read_nifti(write_nifti(tmp_path / "nan.nii", values), atlas=atlas, average="roi")
    inside = atlas_of() == 7
    np.testing.assert_allclose(series[:, 1], np.nanmean(values[inside], axis=0), rtol=1e-6)
    assert np.isnan(series[4, 0])
    assert np.isfinite(series[[0, 1, 2, 3, 5], 0]).all()
    places = nibabel.affines.apply_affine(AFFINE, np.argwhere(inside))
    np.testing.assert_allclose([series[axis][1] for axis in "xyz"], places.mean(axis=0))
    assert series.n_voxels.values.tolist() == [4, 8]


def test_regions_are_named_by_a_mapping_a_table_or_a_file(bold, atlas, tmp_path):
    names = {7: "V1", 3: "V4", 99: "not there"}
    table = pd.DataFrame({"index": names.keys(), "name": names.values(), "color": "#ffffff"})
    table.to_csv(tmp_path / "dseg.tsv", sep="\t", index=False)
    expected = ["V1" if code == 7 else "V4" for code in atlas_of()[atlas_of() > 0]]
    for labels in (names, table, table.sample(frac=1, random_state=0), tmp_path / "dseg.tsv"):
        assert read_nifti(bold[0], atlas=atlas, labels=labels).roi.values.tolist() == expected


def test_voxels_of_the_mask_outside_the_atlas_are_of_an_unknown_region(bold, mask, atlas):
    roi = read_nifti(bold[0], mask=mask[0], atlas=atlas).roi
    expected = np.where(atlas_of() == 0, "unknown", atlas_of().astype(str))[mask[1]]
    assert roi.values.tolist() == expected.tolist()


def test_two_numbers_of_one_name_are_one_region(bold, atlas):
    both = read_nifti(bold[0], atlas=atlas, labels={3: "V1", 7: "V1"}, average="roi")
    assert both.neuroid.values.tolist() == ["V1"]
    expected = bold[1][atlas_of() > 0].mean(axis=0)
    np.testing.assert_allclose(both[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize(("period", "unit"), [(2.0, "sec"), (2000, "msec"), (2e6, "usec")])
def test_the_sampling_period_is_in_seconds_whatever_the_unit(period, unit, tmp_path, rng):
    path = write_nifti(tmp_path / "bold.nii", volumes(rng), period=period, unit=unit)
    series = read_nifti(path)
    assert series.sampling_period == 2.0
    assert series.onset.values.tolist() == [0, 2, 4, 6, 8, 10]


def test_a_period_that_is_given_takes_the_place_of_the_header(bold):
    assert read_nifti(bold[0], sampling_period=2.5).onset.values[1] == 2.5


def test_runs_are_joined_in_the_order_given_and_named_by_their_files(tmp_path, rng):
    values = [volumes(rng, 4), volumes(rng, 3)]
    paths = [
        write_nifti(tmp_path / f"sub-1_task-film_run-{number}_space-T1w_bold.nii.gz", run)
        for number, run in zip((2, 1), values, strict=True)
    ]
    series = read_nifti(paths)
    assert series.run.values.tolist() == ["run-2"] * 4 + ["run-1"] * 3
    assert series.onset.values.tolist() == [0, 1.5, 3, 4.5, 0, 1.5, 3]
    assert series.space == "T1w"
    np.testing.assert_array_equal(series, np.concatenate(values, axis=3).reshape(-1, 7).T)
    turned = read_nifti(paths[::-1]).isel(sample=[3, 4, 5, 6, 0, 1, 2])
    np.testing.assert_array_equal(turned, series)
    assert read_nifti(paths, run=["a", "b"]).run.values.tolist() == ["a"] * 4 + ["b"] * 3


def test_single_volumes_are_showings_each_named_by_its_file(tmp_path, rng):
    values = volumes(rng, 3)
    paths = [
        write_nifti(tmp_path / f"trial_{number}.nii", values[..., number]) for number in range(3)
    ]
    showings = read_nifti(paths)
    assert showings.dims == ("showing", "neuroid")
    assert showings.file.values.tolist() == ["trial_0", "trial_1", "trial_2"]
    np.testing.assert_array_equal(showings, values.reshape(-1, 3).T)
    samples = read_nifti(paths, rows="sample", sampling_period=2)
    assert samples.run.values.tolist() == ["run-1"] * 3
    assert samples.onset.values.tolist() == [0, 2, 4]


def test_a_series_of_maps_is_read_as_showings(bold):
    showings = read_nifti(bold[0], rows="showing", units="percent signal change")
    assert showings.volume.values.tolist() == list(range(6))
    recording = na.make_recording(showings, subject="1", stimulus=list("abcabc"))
    assert recording.units == "percent signal change"
    assert recording.neuroid.values[0] == "1/00-00-00"


def test_a_series_becomes_a_recording_that_stays_in_its_file(bold, atlas):
    series = read_nifti(bold[0], atlas=atlas, units="scanner units")
    recording = na.make_recording(series, subject="1")
    assert recording.sample.values[1] == "run-1/0000001"
    assert not in_memory(recording)


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_values_of_a_selection_are_those_of_the_whole(name, tmp_path, rng):
    path = write_nifti(tmp_path / name, rng.normal(size=(*SHAPE, 6)), slope=0.01)
    series = read_nifti([path])
    chosen = series.isel(neuroid=[20, 3, 3, 11], sample=[5, 0, 2])
    whole = series.values
    assert whole.dtype == float
    np.testing.assert_array_equal(chosen.values, whole[np.ix_([5, 0, 2], [20, 3, 3, 11])])
    np.testing.assert_allclose(whole, nibabel.load(path).get_fdata().reshape(-1, 6).T)


def test_whole_numbers_without_scale_stay_whole(tmp_path, rng):
    values = rng.integers(0, 1000, (*SHAPE, 2)).astype("int16")
    assert read_nifti(write_nifti(tmp_path / "bold.nii", values)).dtype == np.int16


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz", "bold.img"])
def test_values_are_those_of_nibabel_in_either_order_of_bytes(tmp_path, rng, mask, name, order):
    values = rng.integers(-999, 999, (*SHAPE, 6)).astype("int16")
    kind = nibabel.Nifti1Pair if name.endswith("img") else nibabel.Nifti1Image
    image = kind(values, AFFINE, kind(values, AFFINE).header.as_byteswapped(order))
    image.to_filename(tmp_path / name)
    series = read_nifti(tmp_path / name, mask=mask[0], sampling_period=1.0)
    np.testing.assert_array_equal(series[[4, 1]], values[mask[1]].T[[4, 1]])


def test_no_volumes_and_no_neuroids_can_be_read(bold):
    series = read_nifti(bold[0])
    assert series.isel(sample=[]).values.shape == (0, 24)
    assert series.isel(neuroid=[]).values.shape == (6, 0)


def test_a_region_reads_only_the_slices_and_volumes_that_it_needs(bold, atlas, monkeypatch):
    asked = []
    read = nifti.read_volumes

    def counted(path, rows, neuroids, columns, dtype):
        asked.append((rows.tolist(), len(columns)))
        return read(path, rows, neuroids, columns, dtype)

    monkeypatch.setattr(nifti, "read_volumes", counted)
    series = read_nifti(bold[0], atlas=atlas)
    region = series.isel(neuroid=np.flatnonzero(series.roi == "3"), sample=slice(1, 3))
    assert not asked
    region.load()
    assert asked == [([1, 2], 4)]


def test_labels_sort_as_voxels_do_in_large_grids(tmp_path):
    labels = read_nifti(write_nifti(tmp_path / "map.nii", np.zeros((101, 2, 1)))).neuroid.values
    assert labels[-1] == "100-001-000"
    assert sorted(labels) == labels.tolist()
    hundred = read_nifti(write_nifti(tmp_path / "map.nii", np.zeros((100, 2, 1)))).neuroid.values
    assert hundred[-1] == "99-01-00"


def test_an_atlas_of_another_grid_is_moved_where_that_is_asked_for(bold, tmp_path):
    fine = np.repeat(np.repeat(np.repeat(atlas_of(), 2, 0), 2, 1), 2, 2)
    half = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    half[:3, 3] = (AFFINE @ (-0.25, -0.25, -0.25, 1))[:3]  # eight voxels share each old one
    path = write_nifti(tmp_path / "fine.nii", fine, affine=half)
    moved = read_nifti(bold[0], atlas=path, resample=True)
    assert moved.roi.values.tolist() == atlas_of()[atlas_of() > 0].astype(str).tolist()


def test_moving_an_atlas_without_nilearn_says_what_to_install(bold, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn.image", None)
    path = write_nifti(tmp_path / "fine.nii", np.ones((8, 3, 2)))
    with pytest.raises(MissingPackageError) as caught:
        read_nifti(bold[0], atlas=path, resample=True)
    assert str(caught.value) == (
        "resample=True needs the package nilearn; run pip install 'neuroalign[fmri]'."
    )


def test_coordinates_are_in_mm_where_the_header_says_meters(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2)), np.diag([0.002, 0.002, 0.002, 1]))
    image.header.set_xyzt_units("meter", "sec")
    image.to_filename(tmp_path / "map.nii")
    np.testing.assert_allclose(read_nifti(tmp_path / "map.nii").x.values[-1], 2)


def test_the_file_of_haxby_gives_what_its_adapter_gives(real_data):
    folder = real_data / "haxby2001"
    series = read_nifti(folder / "bold.nii.gz", mask=folder / "mask.nii.gz", sampling_period=2.5)
    recording = na.load_dataset("haxby2001").recordings["sub001"]
    assert [
        f"sub001/{label}" for label in series.neuroid.values
    ] == recording.neuroid.values.tolist()
    np.testing.assert_allclose(series.x, recording.x)
    with gzip.open(folder / "bold.nii.gz") as file:
        raw = np.frombuffer(file.read()[352:], "<i2").reshape((40, 20, 1, 1452), order="F")
    first = tuple(int(part) for part in series.neuroid.values[0].split("-"))
    np.testing.assert_array_equal(series[:, 0], raw[first])
