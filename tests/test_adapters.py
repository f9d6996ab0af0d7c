"""Every shipped dataset keeps its contract, on a miniature of its files or without any."""

import importlib
import pkgutil
import re

import miniatures
import numpy as np
import pytest
from miniatures import cowley2023
from study_files import files_in

import neuroalign as na
from neuroalign.data.catalog import dataset_files, dataset_module
from neuroalign.data.download import DataFiles
from neuroalign.errors import DataError
from neuroalign.testing import check_adapter

MINIATURES = [module.name for module in pkgutil.iter_modules(miniatures.__path__)]


@pytest.fixture
def files(tmp_path):
    """Write the miniature of cowley2023."""
    cowley2023.write(tmp_path)
    return files_in(tmp_path, "cowley2023")


@pytest.fixture
def load():
    return dataset_module("cowley2023")[1].load


@pytest.mark.parametrize("miniature", MINIATURES)
def test_the_adapter_keeps_its_contract_on_a_miniature(miniature, tmp_path):
    name = miniature.replace("_", "-")
    importlib.import_module(f"miniatures.{miniature}").write(tmp_path)
    module = dataset_module(name)[1]
    check_adapter(module, lambda: module.load(files_in(tmp_path, name)))


def test_every_dataset_has_a_miniature_or_needs_no_file():
    with_files = [name for name in na.list_datasets() if len(dataset_files(name))]
    assert with_files == [name.replace("_", "-") for name in MINIATURES]


@pytest.mark.parametrize("session", cowley2023.SESSIONS)
def test_every_session_keeps_the_contract(session, files, load):
    check_adapter(dataset_module("cowley2023")[1], lambda: load(files, session=session))


@pytest.mark.parametrize("session", cowley2023.SESSIONS)
def test_images_and_responses_are_in_the_order_of_their_names(session, files, load):
    dataset = load(files, session=session)
    (recording,) = dataset.recordings.values()
    names = [f"{session}/image{number:04}" for number in range(1, cowley2023.N_IMAGES + 1)]
    assert dataset.stimuli.index.tolist() == recording["stimulus"].values.tolist() == names
    brightness = [image.mean() for image in dataset.stimuli["image"]]
    assert (np.diff(brightness) > 0).all()


def test_images_are_arrays_of_three_colors(files, load):
    shapes = {image.shape for image in load(files).stimuli["image"]}
    assert shapes == {(cowley2023.PIXELS, cowley2023.PIXELS, 3)}


def test_trials_are_those_of_the_file(files, load):
    recording = load(files).recordings["PE"]
    given = np.load(files["responses_raw_210325.npy"])
    assert recording.dims == ("stimulus", "repetition", "neuroid")
    np.testing.assert_array_equal(recording.values, given.transpose(1, 2, 0))


def test_the_average_of_the_trials_is_the_averaged_file(files, load):
    average = na.average_repetitions(load(files).recordings["PE"])
    given = np.load(files["responses_averaged_210325.npy"])
    np.testing.assert_allclose(average.values, given.T, rtol=1e-12)


@pytest.mark.parametrize(("session", "animal"), [("190923", "WE"), ("201025", "PE")])
def test_sessions_without_trials_hold_averages(session, animal, files, load):
    recording = load(files, session=session).recordings[animal]
    given = np.load(files[f"responses_averaged_{session}.npy"])
    assert recording.dims == ("stimulus", "neuroid")
    np.testing.assert_array_equal(recording.values, given.T)


def test_neuroids_say_their_session(files, load):
    recording = load(files, session="210322").recordings["PE"]
    assert recording["neuroid"].values.tolist() == ["PE/210322-00", "PE/210322-01"]


@pytest.mark.parametrize("session", cowley2023.SESSIONS)
def test_a_session_takes_only_the_files_it_needs(session, files, load, monkeypatch):
    taken = []
    find = DataFiles.__getitem__
    monkeypatch.setattr(DataFiles, "__getitem__", lambda s, n: taken.append(n) or find(s, n))
    load(files, session=session)
    form = "raw" if session == "210325" else "averaged"
    assert sorted(taken) == [f"images_{session}.zip", f"responses_{form}_{session}.npy"]


def test_a_session_may_be_given_as_a_number(files, load):
    assert load(files, session=190923).subjects == ["WE"]


def test_an_unknown_session_is_refused():
    message = (
        "Dataset 'cowley2023' could not be loaded: "
        "Session '210326' is not one of 210325, 190923, 201025, 210322."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        na.load_dataset("cowley2023", session="210326")


def test_responses_to_other_images_are_refused(files, load, tmp_path):
    np.save(tmp_path / "responses_raw_210325.npy", np.ones((4, 11, 10)))
    message = "11 responses to 12 images in session 210325."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load(files)


@pytest.mark.usefixtures("real_data")
def test_the_original_trials_are_those_of_the_paper():
    recording = na.load_dataset("cowley2023").recordings["PE"]
    counts = np.isfinite(recording.values).any(axis=2).sum(axis=1)
    assert (recording.sizes["neuroid"], recording.sizes["stimulus"]) == (50, 640)
    assert (counts.min(), counts.max(), np.median(counts)) == (6, 10, 8)


def test_the_original_trials_average_to_the_published_averages(real_data):
    average = na.average_repetitions(na.load_dataset("cowley2023").recordings["PE"])
    given = np.load(real_data / "cowley2023" / "responses_averaged_210325.npy")
    np.testing.assert_allclose(average.values, given.T, rtol=1e-12)


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(
    ("session", "animal", "shape"),
    [("190923", "WE", (1200, 33)), ("201025", "PE", (1200, 89)), ("210322", "PE", (1200, 59))],
)
def test_the_other_original_sessions_have_their_shapes(session, animal, shape):
    dataset = na.load_dataset("cowley2023", session=session)
    assert dataset.recordings[animal].shape == shape
    assert {image.shape for image in dataset.stimuli["image"]} == {(112, 112, 3)}
