"""Van Vliet & Salmelin (2020): EEG to pairs of words, from epochs with metadata."""

import mne
import numpy as np
import pandas as pd
import pytest
from miniatures import vanvliet2018 as miniature
from study_files import files_in

import neuroalign as na
from neuroalign.data.catalog import dataset_module

ADAPTER = dataset_module("vanvliet2018")[1]
# Of MNE-Python, on what pandas will change.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "vanvliet2018")


def recording_of(files):
    return ADAPTER.load(files).recordings["subject04"]


def values_of(files):
    """Read the epochs as MNE-Python does, in volts."""
    return mne.read_epochs(files[miniature.FILE], verbose="error").get_data(verbose="error")


def test_responses_are_those_of_the_file_in_microvolts(files):
    recording = recording_of(files)
    assert recording.dims == ("stimulus", "neuroid", "time")
    assert recording.attrs["units"] == "uV"
    np.testing.assert_allclose(recording.values, 1e6 * values_of(files), rtol=1e-12)
    np.testing.assert_allclose(recording["time"].values, miniature.TIMES, atol=1e-9)


def test_a_stimulus_is_a_pair_of_words_in_their_order(files):
    stimuli = ADAPTER.load(files).stimuli
    assert stimuli.index[0] == "zout-peper"
    assert stimuli.loc["zout-peper", "text"] == "zout peper"
    assert stimuli["association_strength"].tolist() == [pair[2] for pair in miniature.PAIRS]
    expected = ["related", "unrelated"] * 3
    assert stimuli["condition"].tolist() == expected


def test_responses_and_behavior_are_those_of_their_pair_whatever_the_order_of_events(files):
    before = recording_of(files).load()
    epochs = mne.read_epochs(files[miniature.FILE], verbose="error")
    epochs[[4, 2, 5, 0, 1, 3]].save(files[miniature.FILE], overwrite=True, verbose="error")
    after = recording_of(files)
    assert after["stimulus"].values[0] == "dag-nacht"
    aligned = after.sel(stimulus=before["stimulus"].values)
    np.testing.assert_array_equal(aligned.values, before.values)
    for name in ("button", "reaction_time"):
        assert aligned[name].values.tolist() == before[name].values.tolist()


def test_positions_are_in_millimeters(files):
    recording = recording_of(files)
    assert recording["neuroid"].values.tolist() == ["subject04/Fz", "subject04/Cz", "subject04/Pz"]
    place = np.stack([recording[axis].values for axis in "xyz"], axis=1)
    np.testing.assert_allclose(place, list(miniature.CHANNELS.values()), atol=1e-3)


@pytest.mark.usefixtures("real_data")
def test_the_original_file_has_the_published_facts():
    dataset = na.load_dataset("vanvliet2018")
    recording = dataset.recordings["subject04"]
    assert recording.sizes == {"stimulus": 200, "neuroid": 32, "time": 60}
    conditions = dataset.stimuli["condition"]
    assert conditions.value_counts().to_dict() == {"related": 100, "unrelated": 100}
    late = (recording["time"] > 0.3 + 1e-6) & (recording["time"] < 0.5 - 1e-6)
    means = {
        name: float(recording.isel(stimulus=(conditions == name).values, time=late.values).mean())
        for name in ("related", "unrelated")
    }
    assert means == pytest.approx({"related": 1.42, "unrelated": -1.28}, abs=0.005)
    assert np.abs(recording["x"]).max() < 120


@pytest.mark.usefixtures("real_data")
def test_the_strength_of_the_association_predicts_the_n400_on_held_out_pairs():
    dataset = na.load_dataset("vanvliet2018")
    strength = dataset.stimuli[["association_strength"]]
    scores = na.score({"association": pd.DataFrame(strength)}, dataset, progress=False)
    r = scores.r.sel(neuroid="subject04/Pz").mean("fold").isel(layer=0)
    assert 0.3 <= float(r["time"][np.argmax(r.values)]) <= 0.5
    assert float(r.max()) > 0.2
