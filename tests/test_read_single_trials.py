"""Responses to single trials, of GLMsingle and NSD: each under its voxel and trial."""

import h5py
import numpy as np
import pandas as pd
import pytest
from fmri_files import AFFINE, SHAPE, atlas_of, write_nifti
from fmri_trials import write_matlab, write_nsd, write_python

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.readers import read_glmsingle, read_nsd, trial_files

N_TRIALS = 7


@pytest.fixture
def values(rng):
    return rng.normal(size=(*SHAPE, N_TRIALS)).astype("float32")


@pytest.fixture
def mask(tmp_path, rng):
    inside = rng.random(SHAPE) > 0.5
    return write_nifti(tmp_path / "mask.nii", inside.astype("int8")), inside


def written(folder, values, how):
    """Write the same values in one of the layouts."""
    if how == "python":
        return write_python(folder / "D.hdf5", values)
    if how == "python, chunked":
        return write_python(folder / "D.hdf5", values, chunks=(2, 3, 1, 2), compression="gzip")
    if how == "matlab":
        return write_matlab(folder / "D.mat", values)
    if how == "matlab, chunked":
        return write_matlab(folder / "D.mat", values, chunks=(3, 2, 1, 4), compression="gzip")
    np.save(folder / "D.npy", np.asfortranarray(values) if how == "fortran" else values)
    return folder / "D.npy"


LAYOUTS = ["python", "python, chunked", "matlab", "matlab, chunked", "npy", "fortran"]


@pytest.mark.parametrize("how", LAYOUTS)
def test_every_value_is_under_the_label_of_its_voxel_and_trial(how, tmp_path, values):
    trials = read_glmsingle(written(tmp_path, values, how))
    assert trials.dims == ("showing", "neuroid")
    assert trials.trial.values.tolist() == list(range(N_TRIALS))
    for neuroid in trials.transpose("neuroid", ...):
        index = tuple(int(part) for part in neuroid.neuroid.item().split("-"))
        np.testing.assert_array_equal(neuroid.values, values[index])


@pytest.mark.parametrize("how", LAYOUTS)
@pytest.mark.parametrize("block", [1, 2**24])
def test_a_selection_is_that_of_the_whole(how, block, tmp_path, values, monkeypatch):
    monkeypatch.setattr(trial_files, "BLOCK", block)
    trials = read_glmsingle(written(tmp_path, values, how))
    np.testing.assert_array_equal(
        trials.isel(showing=[6, 1, 1, 2], neuroid=[23, 0, 7]),
        values.reshape(-1, N_TRIALS).T[np.ix_([6, 1, 1, 2], [23, 0, 7])],
    )
    np.testing.assert_array_equal(trials[3], values.reshape(-1, N_TRIALS)[:, 3])


def test_values_of_nsd_are_in_percent_signal_change(tmp_path, values):
    paths = [write_nsd(tmp_path / f"betas_session{n:02}.hdf5", values + n) for n in (3, 12)]
    trials = read_nsd(paths)
    assert trials.session.values.tolist() == ["03"] * N_TRIALS + ["12"] * N_TRIALS
    assert trials.units == "percent signal change"
    assert trials.dtype == np.float32
    flat = values.reshape(-1, N_TRIALS).T
    np.testing.assert_allclose(trials, np.concatenate([flat + 3, flat + 12]), atol=1 / 599)


def test_vertices_of_nsd_are_numbered(tmp_path, rng):
    values = rng.normal(size=(12, 3))
    trials = read_nsd(write_nsd(tmp_path / "lh.betas_session01.hdf5", values))
    assert trials.neuroid.values[[0, 11]].tolist() == ["00", "11"]
    np.testing.assert_allclose(trials, values.T, atol=1 / 599)


def test_mask_and_atlas_give_regions_and_places(tmp_path, values, mask):
    atlas = write_nifti(tmp_path / "atlas.nii", atlas_of())
    path = write_python(tmp_path / "D.hdf5", values)
    trials = read_glmsingle(path, mask=mask[0], atlas=atlas, labels={3: "V4", 7: "V1"})
    names = np.select([atlas_of() == 3, atlas_of() == 7], ["V4", "V1"], "unknown")
    assert trials.roi.values.tolist() == names[mask[1]].tolist()
    np.testing.assert_array_equal(trials, values[mask[1]].T)
    place = AFFINE @ (*np.argwhere(mask[1])[-1], 1)
    assert [trials[axis].values[-1] for axis in "xyz"] == place[:3].tolist()


def test_averages_of_regions_are_means_of_their_voxels(tmp_path, values):
    atlas = write_nifti(tmp_path / "atlas.nii", atlas_of())
    values[0, 0, 0, 2] = np.nan
    trials = read_glmsingle(write_python(tmp_path / "D.hdf5", values), atlas=atlas, average="roi")
    expected = [np.nanmean(values[atlas_of() == code], axis=0) for code in (3, 7)]
    np.testing.assert_allclose(trials.T, expected, rtol=1e-5)


@pytest.mark.parametrize(("write", "order"), [(write_python, "C"), (write_matlab, "F")])
@pytest.mark.parametrize("axes", [2, 4])
def test_voxels_below_each_other_are_placed_by_their_mask(
    write, order, axes, tmp_path, values, mask
):
    atlas = write_nifti(tmp_path / "atlas.nii", atlas_of())
    flat = values.reshape(-1, N_TRIALS, order=order)[mask[1].ravel(order=order)]
    if axes == 4:
        flat = flat[:, None, None]
    path = write(tmp_path / ("D.hdf5" if order == "C" else "D.mat"), flat)
    trials = read_glmsingle(path, mask=mask[0], atlas=atlas)
    np.testing.assert_array_equal(trials, values[mask[1]].T)
    regions = read_glmsingle(path, mask=mask[0], atlas=atlas, average="roi")
    expected = [values[mask[1] & (atlas_of() == code)].mean(axis=0) for code in (3, 7)]
    np.testing.assert_allclose(regions.T, expected, rtol=1e-5)


def test_events_label_the_trials_in_time_whatever_the_order_of_their_rows(tmp_path, values):
    events = pd.DataFrame(
        {
            "run": ["run-10"] * 3 + ["run-2"] * 4,
            "onset": [9.0, 3.0, 6.0, 0.0, 8.0, 4.0, 2.0],
            "trial_type": list("fdeacgb"),
        }
    )
    path = write_python(tmp_path / "D.hdf5", values)
    for seed in range(3):
        trials = read_glmsingle(path, events=events.sample(frac=1, random_state=seed))
        assert "".join(trials.stimulus.values) == "abgcdef"
        assert trials.run.values.tolist() == ["run-2"] * 4 + ["run-10"] * 3
        assert trials.onset.values.tolist() == [0, 2, 4, 8, 3, 6, 9]
        np.testing.assert_array_equal(trials, values.reshape(-1, N_TRIALS).T)


def test_sessions_are_those_that_are_given_or_said_by_a_folder_or_counted(tmp_path, values):
    for folder in ("ses-04", "analyses2"):
        (tmp_path / folder).mkdir()
    other = write_python(tmp_path / "analyses2" / "D.hdf5", values)
    assert set(read_glmsingle(other).session.values) == {"1"}
    paths = [write_python(tmp_path / "ses-04" / "D.hdf5", values)]
    assert set(read_glmsingle(paths).session.values) == {"04"}
    assert set(read_glmsingle(paths, session="x").session.values) == {"x"}
    twice = [*paths, write_python(tmp_path / "ses-04" / "E.hdf5", values)]
    assert list(dict.fromkeys(read_glmsingle(twice).session.values)) == ["1", "2"]
    paths.append(write_python(tmp_path / "D.hdf5", values))
    assert list(dict.fromkeys(read_glmsingle(paths).session.values)) == ["1", "2"]


def test_a_recording_of_trials_stays_in_its_file(tmp_path, values):
    trials = read_glmsingle(write_python(tmp_path / "D.hdf5", values))
    recording = na.make_recording(trials, subject="1", stimulus=list("abcabca"))
    assert not in_memory(recording)
    assert recording.units == "percent signal change"
    assert na.average_repetitions(recording).sizes["stimulus"] == 3


@pytest.fixture
def asked(monkeypatch):
    """List how many values each read of an HDF5 array takes."""
    sizes = []
    slices = h5py.Dataset.__getitem__

    def counted(self, key):
        taken = slices(self, key)
        sizes.append(taken.size)
        return taken

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    return sizes


def test_a_region_reads_only_its_chunks(tmp_path, values, asked):
    path = write_nsd(tmp_path / "betas_session01.hdf5", values)
    atlas = write_nifti(tmp_path / "atlas.nii", atlas_of())
    trials = read_nsd(path, atlas=atlas)
    trials.isel(neuroid=np.flatnonzero(trials.roi == "3")).load()
    assert asked == [N_TRIALS] * 4


@pytest.mark.parametrize(
    ("how", "chunks"), [("python, chunked", 2 * 1 * 2 * 4), ("matlab, chunked", 1 * 3 * 1 * 3)]
)
def test_every_chunk_is_read_once(how, chunks, tmp_path, values, asked, monkeypatch):
    monkeypatch.setattr(trial_files, "BLOCK", 1)
    read_glmsingle(written(tmp_path, values, how)).load()
    assert len(asked) == chunks
    assert sum(asked) == values.size
