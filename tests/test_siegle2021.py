"""Siegle et al. (2021): counts by scene, unit and bin, of sessions with scenes of their own."""

import h5py
import numpy as np
import pytest
from miniatures import siegle2021 as miniature
from study_files import files_in, load_from

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.data.download import DataFiles
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError

ADAPTER = dataset_module("siegle2021")[1]
FIRST, LAST = str(miniature.SESSIONS[0]), str(miniature.SESSIONS[-1])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siegle2021")
    miniature.write(folder)
    return files_in(folder, "siegle2021")


@pytest.fixture
def own_files(files, tmp_path):
    """Copy the first session, for tests that damage it."""
    path = tmp_path / miniature.FILE.format(FIRST)
    path.parent.mkdir()
    path.write_bytes(files[miniature.FILE.format(FIRST)].read_bytes())
    return files_in(tmp_path, "siegle2021")


def shown(session):
    """Return the trials of scenes, and the names of the scenes."""
    frames = miniature.frames(int(session))
    trials = [trial for trial, frame in enumerate(frames) if frame >= 0]
    return trials, [f"scene{frames[trial]:03}" for trial in trials]


@pytest.mark.parametrize("session", [FIRST, LAST])
def test_counts_are_those_of_the_scene_the_unit_and_the_bin(session, files):
    recording = ADAPTER.load(files, subjects=[session], bin_width=0.125).recordings[session]
    trials, labels = shown(session)
    assert recording.dims == ("showing", "neuroid", "time")
    assert recording["stimulus"].values.tolist() == labels
    assert recording["time"].values.tolist() == [0.0625, 0.1875]
    expected = [
        [[miniature.n_spikes(trial, unit, half) for half in range(2)] for unit in miniature.GOOD]
        for trial in trials
    ]
    np.testing.assert_array_equal(recording, expected)


def test_mixed_rows_of_units_channels_and_scenes_change_nothing(files, tmp_path):
    before = ADAPTER.load(files, bin_width=0.125).recordings[FIRST].load()
    miniature.write_first(tmp_path, mixed=np.random.default_rng(2))
    dataset = ADAPTER.load(files_in(tmp_path, "siegle2021"), bin_width=0.125)
    after = dataset.recordings[FIRST].load()
    assert after["neuroid"].values.tolist() != before["neuroid"].values.tolist()
    assert after["onset"].values.tolist() != before["onset"].values.tolist()
    rows = np.argsort(after["onset"].values)
    after = after.isel(showing=rows).sel(neuroid=before["neuroid"])
    for name in ("stimulus", "onset", "roi", "frame"):
        assert after[name].values.tolist() == before[name].values.tolist()
    np.testing.assert_array_equal(after, before)


def test_one_bin_holds_the_whole_presentation_by_default(files):
    recording = ADAPTER.load(files).recordings[FIRST]
    trials, _ = shown(FIRST)
    expected = [sum(miniature.n_spikes(trial, 1, half) for half in range(2)) for trial in trials]
    assert recording[:, 1, 0].values.tolist() == expected
    assert recording.attrs["units"] == "spikes per 250 ms"


def test_units_are_those_of_good_quality_with_their_regions(files):
    recording = ADAPTER.load(files).recordings[FIRST]
    names = [f"{FIRST}/{miniature.UNITS[row][0]}" for row in miniature.GOOD]
    assert recording["neuroid"].values.tolist() == names
    assert recording["roi"].values.tolist() == ["LGd", "VISp", "unknown"]


def test_every_unit_is_kept_on_demand(files):
    recording = ADAPTER.load(files, every_unit=True).recordings[FIRST]
    names = [f"{FIRST}/{unit[0]}" for unit in miniature.UNITS]
    assert recording["neuroid"].values.tolist() == names


def test_a_scene_that_was_shown_more_often_has_more_showings(files):
    average = na.average_repetitions(ADAPTER.load(files).recordings[FIRST])
    counts = average["n_repetitions"].values
    assert counts.tolist() == [1] * 5 + [2] + [1] * 112


def test_scenes_are_conditions_by_frame(files):
    scenes = ADAPTER.load(files).stimuli
    assert scenes["condition"].tolist() == scenes.index.tolist()
    assert scenes.index[[0, 117]].tolist() == ["scene000", "scene117"]
    assert scenes["frame"].tolist() == list(range(118))


def test_sessions_are_read_when_they_are_needed_and_counts_later(files, monkeypatch):
    taken = []
    find = DataFiles.__getitem__
    monkeypatch.setattr(DataFiles, "__getitem__", lambda s, n: taken.append(n) or find(s, n))
    dataset = ADAPTER.load(files, subjects=[LAST])
    assert dataset.subjects == [str(session) for session in miniature.SESSIONS]
    assert not in_memory(dataset.select(roi="VISp", subjects=LAST).recordings[LAST])
    assert taken == [miniature.FILE.format(LAST)]


def test_sessions_are_named_as_subjects_and_the_first_is_loaded_otherwise(
    files, tmp_path, monkeypatch
):
    assert ADAPTER.load(files).subjects == [FIRST]
    folder = files[miniature.FILE.format(FIRST)].parents[1]
    assert load_from(folder, "siegle2021", monkeypatch, subjects=LAST).subjects == [LAST]
    with pytest.raises(UnknownNameError, match=r"^No subject is called '7150'"):
        load_from(tmp_path, "siegle2021", monkeypatch, subjects="7150")


def test_a_session_without_scenes_is_refused(own_files):
    with h5py.File(own_files[miniature.FILE.format(FIRST)], "r+") as file:
        file.move("intervals/natural_scenes_presentations", "intervals/flashes_presentations")
    with pytest.raises(UnknownNameError, match=r"is called 'natural_scenes_presentations'\. "):
        ADAPTER.load(own_files).recordings[FIRST]


def test_a_session_without_good_units_is_refused(own_files):
    with h5py.File(own_files[miniature.FILE.format(FIRST)], "r+") as file:
        file["units/presence_ratio"][...] = 0.5
    with pytest.raises(DataError, match=r"^keep= leaves none of the 7 units\.$"):
        ADAPTER.load(own_files).recordings[FIRST]


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_session_is_refused_in_one_sentence(damage, own_files):
    path = own_files[miniature.FILE.format(FIRST)]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"<html>not found</html>")
    with pytest.raises(DataError, match=rf"^File '{path}' .*\.$"):
        ADAPTER.load(own_files).recordings[FIRST]
