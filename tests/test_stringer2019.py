"""Stringer et al. (2019): showings of images to neurons of seven recordings, from MAT files."""

import re

import numpy as np
import pytest
from miniatures import stringer2019 as miniature
from scipy.io import loadmat, savemat
from study_files import files_in, load_from

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.errors import DataError, UnknownNameError

ADAPTER = dataset_module("stringer2019")[1]
LAST = "M170717_MP034_2017-09-11"


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "stringer2019")


def named(recording):
    return recording.partition("_")[2]


@pytest.mark.parametrize("name", miniature.RECORDINGS)
def test_responses_are_those_of_the_showing_and_the_neuron_without_gray_screens(name, files):
    recording = ADAPTER.load(files).recordings[named(name)]
    rows = [row for row, number in enumerate(miniature.SHOWN) if number <= miniature.N_IMAGES]
    assert recording.dims == ("showing", "neuroid")
    labels = [f"image{miniature.SHOWN[row]:04}" for row in rows]
    assert recording["stimulus"].values.tolist() == labels
    expected = np.stack([miniature.response(name, row) for row in rows])
    np.testing.assert_array_equal(recording, expected)


def test_images_are_in_the_order_of_their_numbers(files):
    stimuli = ADAPTER.load(files).stimuli
    assert stimuli.index.tolist() == [f"image{number:04}" for number in range(1, 6)]
    for number, image in enumerate(stimuli["image"], 1):
        np.testing.assert_array_equal(image, miniature.image(number))


def test_showings_in_another_order_average_to_the_same_responses(files, tmp_path):
    before = na.average_repetitions(ADAPTER.load(files).recordings[named(LAST)])
    miniature.write(tmp_path, order=slice(None, None, -1))
    after = na.average_repetitions(ADAPTER.load(files).recordings[named(LAST)])
    np.testing.assert_allclose(after.sel(stimulus=before["stimulus"]), before)


def test_an_image_that_was_shown_more_often_has_more_showings(files):
    average = na.average_repetitions(ADAPTER.load(files).recordings[named(LAST)])
    assert average["n_repetitions"].values.tolist() == [2, 3, 2, 2, 2]


def test_subjects_are_recordings_and_say_their_mouse(files):
    dataset = ADAPTER.load(files)
    assert dataset.subjects == [named(name) for name in miniature.RECORDINGS]
    twice = [name for name in dataset.subjects if name.startswith("MP032")]
    assert [dataset.recordings[name]["mouse"].item() for name in twice] == ["MP032", "MP032"]


def test_neurons_say_their_center(files):
    recording = ADAPTER.load(files).recordings["MP030_2017-05-29"]
    assert recording["neuroid"].values.tolist()[-1] == "MP030_2017-05-29/00003"
    assert recording["center_x"].values.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert recording["center_y"].values.tolist() == [10, 11, 12, 13]
    assert recording["center_z"].values.tolist() == [30] * 4


def test_missing_responses_stay_missing(files):
    path = files[f"natimg2800_{LAST}.mat"]
    change(path, lambda stim: stim["resp"].__setitem__((0, 1), np.nan))
    recording = ADAPTER.load(files).recordings[named(LAST)]
    assert np.argwhere(np.isnan(recording.values)).tolist() == [[0, 1]]


def change(path, edit):
    """Write a recording anew, with its stimuli changed."""
    whole = {key: value for key, value in loadmat(path).items() if not key.startswith("_")}
    stim = {name: whole["stim"][name][0, 0] for name in whole["stim"].dtype.names}
    edit(stim)
    savemat(path, whole | {"stim": stim})


def test_images_of_another_type_are_refused(files, tmp_path, monkeypatch):
    savemat(files["images_natimg2800_all.mat"], {"imgs": np.ones((4, 6, 5)) / 2})
    message = (
        "Dataset 'stringer2019' could not be loaded: Images of images_natimg2800_all.mat are "
        "numbers of type float64, not 0 to 255 (uint8)."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_from(tmp_path, "stringer2019", monkeypatch)


def test_a_recording_that_is_cut_short_is_refused(files):
    path = files[f"natimg2800_{LAST}.mat"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"^File '.*' .*it is cut short\.$"):
        ADAPTER.load(files).recordings[named(LAST)]


def test_a_recording_without_responses_is_refused(files):
    change(files[f"natimg2800_{LAST}.mat"], lambda stim: stim.pop("resp"))
    with pytest.raises(UnknownNameError, match=r"is called 'resp'\. Known: 'istim', 'spont'\.$"):
        ADAPTER.load(files).recordings[named(LAST)]


def test_responses_to_fewer_stimuli_are_refused(files):
    path = files[f"natimg2800_{LAST}.mat"]
    change(path, lambda stim: stim.update(istim=stim["istim"][:-1]))
    message = f"Coordinate 'stimulus' of subject {named(LAST)!r} has 12 labels, but showing has 13."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        ADAPTER.load(files).recordings[named(LAST)]


def test_images_of_another_format_are_refused(files, tmp_path, monkeypatch):
    files["images_natimg2800_all.mat"].write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"^File '.*' cannot be read as a MAT file \(.*\)\.$"):
        load_from(tmp_path, "stringer2019", monkeypatch)
