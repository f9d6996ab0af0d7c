"""Papale et al. (2025): electrodes, images and repetitions of two animals, from MAT files."""

import re

import h5py
import numpy as np
import pytest
from miniatures import papale2025 as miniature
from study_files import files_in, load_from

from neuroalign.data.catalog import dataset_module
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.testing import check_adapter

ADAPTER = dataset_module("papale2025")[1]


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "papale2025")


def label(image):
    return f"{image[0]}_{image[1]}"


@pytest.mark.parametrize("monkey", miniature.MONKEYS)
def test_responses_to_images_shown_once_are_those_of_the_electrode_and_the_image(monkey, files):
    recording = ADAPTER.load(files).recordings[monkey]
    assert recording.dims == ("stimulus", "neuroid")
    for image in miniature.TRAIN:
        row = recording.sel(stimulus=label(image))
        np.testing.assert_array_equal(row, miniature.response(monkey, image))


@pytest.mark.parametrize("monkey", miniature.MONKEYS)
def test_repetitions_are_an_axis_of_the_images_shown_often(monkey, files):
    recording = ADAPTER.load(files, part="test").recordings[monkey]
    assert recording.dims == ("stimulus", "repetition", "neuroid")
    for image in miniature.TEST:
        for number in range(miniature.N_REPETITIONS):
            row = recording.sel(stimulus=label(image))[number]
            np.testing.assert_array_equal(row, miniature.response(monkey, image, number))


def test_the_images_shown_often_keep_the_contract(files):
    check_adapter(ADAPTER, lambda: ADAPTER.load(files, part="test"))


def test_responses_stay_in_their_file_until_they_are_asked_for(files):
    dataset = ADAPTER.load(files)
    assert not in_memory(dataset.recordings["F"])
    v4 = dataset.select(roi="V4").recordings["F"]
    assert not in_memory(v4)
    expected = miniature.response("F", miniature.TRAIN[3])[832:]
    np.testing.assert_array_equal(v4.sel(stimulus="bat1_05s"), expected)


def test_regions_and_arrays_are_those_of_the_animal(files):
    dataset = ADAPTER.load(files)
    for monkey, middle in (("F", "IT"), ("N", "V4")):
        recording = dataset.recordings[monkey]
        regions = recording["roi"].values
        assert regions[[0, 511, 512, 767, 1023]].tolist() == [
            "V1", "V1", middle, middle, {"IT": "V4", "V4": "IT"}[middle],
        ]  # fmt: skip
        assert recording["array"].values[[0, 63, 64, 1023]].tolist() == [1, 1, 2, 16]
        assert recording["neuroid"].values[[0, 1023]].tolist() == [
            f"{monkey}/0001", f"{monkey}/1024",
        ]  # fmt: skip
    counts = {roi: int((dataset.recordings["F"]["roi"] == roi).sum()) for roi in ("V1", "V4", "IT")}
    assert counts == {"V1": 512, "V4": 192, "IT": 320}


def test_qualities_are_those_of_the_electrode(files):
    recording = ADAPTER.load(files).recordings["N"]
    electrode = np.arange(1024)
    np.testing.assert_array_equal(recording["snr_max"], electrode / 4)
    np.testing.assert_array_equal(recording["oracle"], electrode / 1024)
    np.testing.assert_allclose(recording["reliability"], electrode / 1024)


def test_an_electrode_without_any_reliability_has_none(files):
    with h5py.File(files["monkeyF/THINGS_normMUA.mat"], "r+") as file:
        file["reliab"][:, 320:384] = np.nan
        file["reliab"][0, 5] = np.nan
    reliability = ADAPTER.load(files).recordings["F"]["reliability"].values
    assert np.flatnonzero(np.isnan(reliability)).tolist() == list(range(320, 384))
    assert reliability[5] == 0


def test_images_are_named_by_their_file_and_grouped_by_concept(files):
    stimuli = ADAPTER.load(files).stimuli
    assert stimuli.index.tolist() == ["aardvark_01b", "aardvark_02s", "bat1_05s", "zucchini_11n"]
    assert stimuli["things_path"].tolist()[0] == "aardvark/aardvark_01b.jpg"
    assert stimuli["group"].tolist() == ["aardvark", "aardvark", "bat1", "zucchini"]


def test_images_in_another_order_of_the_files_are_the_same_images(files, tmp_path):
    before = ADAPTER.load(files)
    known = before.recordings["F"].load()
    miniature.write(tmp_path, train=miniature.TRAIN[::-1])
    after = ADAPTER.load(files)
    assert after.stimuli.equals(before.stimuli)
    assert after.recordings["F"].load().sel(stimulus=known["stimulus"]).identical(known)


def test_an_unknown_part_is_refused(tmp_path, monkeypatch):
    message = "Dataset 'papale2025' could not be loaded: Part 'all' is not one of train, test."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_from(tmp_path, "papale2025", monkeypatch, part="all")


def test_names_of_images_that_are_lacking_are_refused(files, tmp_path, monkeypatch):
    with h5py.File(files["monkeyN/_logs/things_imgs.mat"], "r+") as file:
        del file["train_imgs"]
    path = tmp_path / "monkeyN/_logs/things_imgs.mat"
    message = f"No variable of '{path}' is called 'train_imgs'. Did you mean 'test_imgs'?"
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}$"):
        load_from(tmp_path, "papale2025", monkeypatch)


def test_names_in_a_file_of_another_format_are_refused(files, tmp_path, monkeypatch):
    files["monkeyF/_logs/things_imgs.mat"].write_text("<html>")
    with pytest.raises(DataError, match=r"^File '.*' cannot be read as a MAT file \(.*\)\.$"):
        load_from(tmp_path, "papale2025", monkeypatch)


def test_responses_that_are_lacking_are_refused(files):
    path = files["monkeyF/THINGS_normMUA.mat"]
    with h5py.File(path, "r+") as file:
        del file["train_MUA"]
    with pytest.raises(UnknownNameError, match=r"^No variable of '.*' is called 'train_MUA'\. "):
        ADAPTER.load(files).recordings["F"]


def test_responses_to_other_images_are_refused(files, tmp_path):
    names = files["monkeyF/_logs/things_imgs.mat"].read_bytes()
    miniature.write(tmp_path, train=miniature.TRAIN[:3])
    files["monkeyF/_logs/things_imgs.mat"].write_bytes(names)
    message = "Coordinate 'stimulus' of subject 'F' has 4 labels, but stimulus has 3."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        ADAPTER.load(files).recordings["F"]


def test_an_image_that_is_named_twice_is_refused(files, tmp_path):
    miniature.write(tmp_path, train=[*miniature.TRAIN, miniature.TRAIN[0]])
    with pytest.raises(DataError, match="1 stimulus labels occur more than once"):
        ADAPTER.load(files).recordings["F"]
