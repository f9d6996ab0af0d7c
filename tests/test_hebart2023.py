"""THINGS-fMRI: every response is that of its voxel and trial, and stays in its file."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from miniatures import hebart2023 as miniature
from PIL import Image
from study_files import LAZY, load_in, refused

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError
from neuroalign.testing import check_dataset


@pytest.fixture
def folder(tmp_path):
    miniature.write(tmp_path)
    return tmp_path


@pytest.fixture
def load(folder):
    return partial(load_in, folder, "hebart2023")


def assert_coded(recording, table):
    """Check that every value says the voxel and the trial that its labels say."""
    subject = recording.subject.item()
    voxels = [int(name.partition("/")[2]) for name in recording.neuroid.values]
    names = table["stimulus"] + table["session"].astype(str)
    numbers = {name: number for number, name in enumerate(names)}
    sessions = recording.session.values.astype(str)
    trials = [numbers[s + n] for s, n in zip(recording.stimulus.values, sessions, strict=True)]
    expected = miniature.code(subject, np.array(voxels)[None], np.array(trials)[:, None])
    np.testing.assert_array_equal(recording.values, expected)


@pytest.mark.parametrize("subject", miniature.SUBJECTS)
@pytest.mark.parametrize("trial_type", [None, "train", "test"])
def test_every_response_is_that_of_its_voxel_and_trial(load, subject, trial_type):
    table = miniature.trials(subject)
    recording = load(trial_type=trial_type).recordings[subject]
    assert_coded(recording, table)
    kept = table if trial_type is None else table[table["trial_type"] == trial_type]
    assert recording.stimulus.values.tolist() == kept["stimulus"].tolist()
    assert recording.run.values.tolist() == kept["run"].tolist()


def test_images_of_the_test_set_repeat_and_others_do_not(load):
    recording = load().recordings["sub-01"]
    counts = pd.Series(recording.stimulus.values).value_counts()
    assert counts["dog_14s.jpg"] == counts["candelabra_14s.jpg"] == 3
    assert (counts.drop(["dog_14s.jpg", "candelabra_14s.jpg"]) == 1).all()


def test_voxels_are_those_of_the_regions(load):
    recording = load().recordings["sub-01"]
    assert recording.neuroid.values.tolist() == [f"sub-01/{number}" for number in range(1, 9)]
    known = dict(zip(recording.neuroid.values, recording.roi.values, strict=True))
    assert known["sub-01/1"] == "V1"  # and in lLOC too, whose column comes later
    assert known["sub-01/4"] == "lFFA"
    assert recording.nc_testset.values.tolist() == [10.0 * number for number in range(1, 9)]
    assert recording.voxel_y.values.tolist() == [40 + number for number in range(8)]


def test_one_region_has_all_of_its_voxels(load):
    recording = load(roi="lLOC").recordings["sub-01"]
    assert recording.neuroid.values.tolist() == ["sub-01/1", "sub-01/5"]
    assert set(recording.roi.values) == {"lLOC"}
    assert_coded(recording, miniature.trials("sub-01"))


def test_regions_of_an_atlas_are_columns_too(load):
    recording = load(roi=["glasser-V1"]).recordings["sub-02"]
    assert recording.neuroid.values.tolist() == ["sub-02/1"]


def test_the_whole_brain_has_voxels_of_no_region(load):
    recording = load(roi=None).recordings["sub-02"]
    assert recording.sizes["neuroid"] == 7
    assert set(recording.roi.values) == {"unknown"}


def test_shuffled_rows_of_voxels_change_nothing(load, folder):
    path = folder / "betas_csv" / "sub-01_VoxelMetadata.csv"
    before = load().recordings["sub-01"]
    table = pd.read_csv(path)
    table.sample(frac=1, random_state=1)[list(table)[::-1]].to_csv(path, index=False)
    after = load().recordings["sub-01"]
    assert_coded(after, miniature.trials("sub-01"))
    assert after.sel(neuroid=before.neuroid).identical(before)


def test_voxels_in_another_order_in_the_file_change_nothing(load, folder):
    before = load().recordings["sub-03"].load()
    order = np.array([3, 0, 7, 1, 2, 6, 5, 4])
    values = miniature.code("sub-03", order[:, None], np.arange(18))
    miniature.save(folder / "betas_csv" / "sub-03_ResponseData.h5", values, order)
    assert load().recordings["sub-03"].identical(before)


def test_responses_stay_in_their_file(load):
    recording = load().select(roi="V1").recordings["sub-01"]
    assert not in_memory(recording)
    assert recording.values[0].tolist() == miniature.code("sub-01", [1, 7], 0).tolist()


def test_objects_are_kept_together(load):
    stimuli = load().stimuli
    assert stimuli.loc["mango_02s.jpg", "group"] == "mango"
    assert stimuli.loc["dog_14s.jpg", ["group", "trial_type"]].tolist() == ["dog", "test"]


def test_images_are_found_in_the_folder_of_the_database(load, tmp_path):
    for concept in miniature.CONCEPTS:
        (tmp_path / concept).mkdir()
    for name in set(miniature.trials("sub-01")["stimulus"]):
        Image.new("RGB", (2, 2)).save(tmp_path / name.rpartition("_")[0] / name)
    dataset = load(images=tmp_path)
    assert dataset.stimulus_kinds == ["image"]
    assert dataset.stimuli.loc["dog_14s.jpg", "image"] == tmp_path / "dog" / "dog_14s.jpg"
    check_dataset(dataset)


def test_a_layer_is_scored_on_trials_of_one_region(load):
    dataset = load(subjects=["sub-01"], roi="lLOC")
    values = np.random.default_rng(0).normal(size=(len(dataset.stimuli), 2))
    layer = pd.DataFrame(values, index=dataset.stimuli.index)
    scores = na.score({"random": layer}, dataset, folds=na.folds.KFold(2))
    assert scores.neuroid.values.tolist() == ["sub-01/1", "sub-01/5"]


def test_a_table_of_other_trials_is_refused(load, folder):
    path = folder / "betas_csv" / "sub-01_StimulusMetadata.csv"
    pd.read_csv(path)[:-1].to_csv(path, index=False)
    message = (
        "Responses of sub-01 are of 9 voxels and 18 trials, but its tables describe 9 voxels "
        "(others, where as many) and 17 trials."
    )
    with refused(message):
        load().recordings["sub-01"]


def test_a_table_of_other_voxels_is_refused(load, folder):
    path = folder / "betas_csv" / "sub-01_VoxelMetadata.csv"
    table = pd.read_csv(path)
    table["voxel_id"] += 1
    table.to_csv(path, index=False)
    with pytest.raises(ValueError, match=LAZY + r"Responses of sub-01 are of 9 vox"):
        load().recordings["sub-01"]


def test_an_unknown_region_is_refused(load):
    with refused("VoxelMetadata of sub-01 has no column 'V5'."):
        load(roi="V5").recordings["sub-01"]


def test_an_unknown_kind_of_trial_is_refused(load):
    with refused("trial_type='catch' is not 'train' or 'test'."):
        load(trial_type="catch")


def test_a_file_of_responses_that_is_cut_short_is_refused(load, folder):
    path = folder / "betas_csv" / "sub-01_ResponseData.h5"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"^File '.*' cannot be read as an HDF5 file \("):
        load().recordings["sub-01"]


def test_a_file_of_something_else_is_refused(load, folder):
    path = folder / "betas_csv" / "sub-01_ResponseData.h5"
    path.write_text("voxel_id")
    with refused(f"File '{path}' is not an HDF5 file.", DataError):
        load().recordings["sub-01"]
