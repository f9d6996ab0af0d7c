"""MC_Maze: counts by trial, unit and bin around the movement, and regions by unit."""

import re

import numpy as np
import pytest
from miniatures import pei2021 as miniature
from study_files import files_in, load_from

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError

ADAPTER = dataset_module("pei2021")[1]
LABELS = ["031-0", "031-1", "007-2", "031-0", "007-2", "031-1", "007-0", "031-0"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pei2021")
    miniature.write(folder)
    return files_in(folder, "pei2021")


def recording_of(files, **options):
    return ADAPTER.load(files, **options).recordings["Jenkins"]


def expected(trial, n_bins=14):
    return [
        [miniature.n_spikes(trial, unit, bin_) for bin_ in range(n_bins)]
        for unit in range(len(miniature.UNITS))
    ]


def test_counts_are_those_of_the_trial_the_unit_and_the_bin(files):
    recording = recording_of(files)
    assert recording.dims == ("showing", "neuroid", "time")
    assert recording["stimulus"].values.tolist() == LABELS
    assert recording.attrs["units"] == "spikes per 50 ms"
    np.testing.assert_allclose(recording["time"], np.arange(-0.225, 0.45, 0.05), atol=1e-12)
    for trial in set(range(len(LABELS))) - {miniature.LATE}:
        np.testing.assert_array_equal(recording[trial], expected(trial))


def test_a_trial_that_ends_within_the_window_lacks_its_counts(files):
    missing = recording_of(files).isnull()
    assert missing[miniature.LATE].all()
    assert missing.sum() == missing[miniature.LATE].size
    shorter = recording_of(files, stop=0.15)
    np.testing.assert_array_equal(
        shorter[miniature.LATE], np.array(expected(miniature.LATE))[:, :8]
    )


def test_counts_stay_in_their_file_until_they_are_asked_for(files):
    assert not in_memory(recording_of(files))


def test_regions_are_those_of_the_unit_and_not_of_the_electrode_of_the_file(files):
    recording = recording_of(files)
    names = [f"Jenkins/{unit}" for unit in miniature.UNITS]
    assert recording["neuroid"].values.tolist() == names
    assert recording["roi"].values.tolist() == ["PMd", "PMd", "M1", "M1"]
    assert "electrode" not in recording.coords
    assert recording["heldout"].values.tolist() == [False, True, False, False]
    assert recording["split"].values.tolist()[:3] == ["train", "val", "train"]


def test_stimuli_are_conditions_grouped_by_maze(files):
    stimuli = ADAPTER.load(files).stimuli
    assert stimuli.index.tolist() == ["007-0", "007-2", "031-0", "031-1"]
    assert stimuli["condition"].tolist() == stimuli.index.tolist()
    assert stimuli["group"].tolist() == ["007", "007", "031", "031"]
    assert stimuli["num_barriers"].tolist() == [0, 9, 0, 9]
    assert stimuli["num_targets"].tolist() == [1, 3, 1, 1]


def test_conditions_are_met_unequally_often(files):
    average = na.average_repetitions(recording_of(files, stop=0.15))
    assert average["stimulus"].values.tolist() == sorted(set(LABELS))
    assert average["n_repetitions"].values.tolist() == [1, 2, 3, 2]


def test_trials_in_another_order_are_the_same_trials(files, tmp_path):
    before = na.average_repetitions(recording_of(files, stop=0.15))
    miniature.write(tmp_path, order=slice(None, None, -1))
    again = files_in(tmp_path, "pei2021")
    after = na.average_repetitions(recording_of(again, stop=0.15))
    np.testing.assert_allclose(after.sel(stimulus=before["stimulus"]), before)
    assert ADAPTER.load(again).stimuli.equals(ADAPTER.load(files).stimuli)


def test_other_events_and_bins_may_be_chosen(files):
    recording = recording_of(files, align="go_cue_time", start=0.05, stop=0.25, bin_width=0.1)
    found = recording[0].values
    bins = np.array(expected(0))
    np.testing.assert_array_equal(found[:, 0], bins[:, :2].sum(axis=1))
    np.testing.assert_array_equal(found[:, 1], bins[:, 2:4].sum(axis=1))


def test_an_unknown_event_is_refused(files):
    with pytest.raises(UnknownNameError, match=r"^No column of times of trials is called 'touch'"):
        ADAPTER.load(files, align="touch")


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_file_is_refused_in_one_sentence(damage, files, tmp_path, monkeypatch):
    path = tmp_path / miniature.FILE
    path.parent.mkdir()
    whole = files[miniature.FILE].read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"<html>not found</html>")
    with pytest.raises(DataError, match=rf"^File '{re.escape(str(path))}' .*\.$"):
        load_from(tmp_path, "pei2021", monkeypatch)


def test_a_unit_of_an_unknown_array_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(miniature, "UNITS", (1011, 3011))
    miniature.write(tmp_path)
    message = "Dataset 'pei2021' could not be loaded: KeyError '3'."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_from(tmp_path, "pei2021", monkeypatch)
