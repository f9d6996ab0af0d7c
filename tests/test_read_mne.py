"""Recordings in the formats that MNE-Python reads: values, labels, clock, and what is left out."""

import mne
import numpy as np
import pandas as pd
import pytest
from voltage_files import GAIN, write_brainvision, write_edf, write_fif

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError

NAMES = ["LA1", "LA2", "LB1"]
PLACES = [(10, 20, 30), (11, 21, 31), (12, -22, 32)]  # mm


@pytest.fixture
def values(rng):
    """Draw 3 s of three channels, in steps that every format can hold."""
    return np.rint(rng.normal(0, 50, (3, 300)) / GAIN) * GAIN


@pytest.fixture
def fif(tmp_path, values):
    return write_fif(tmp_path / "a_raw.fif", values, NAMES, places=PLACES)


WRITERS = {"fif": write_fif, "edf": write_edf, "vhdr": write_brainvision}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_gives_the_same_microvolts_and_clock(suffix, tmp_path, values):
    path = WRITERS[suffix](tmp_path / f"a_raw.{suffix}", values, NAMES)
    stream = na.readers.read_raw(path)
    assert stream.dims == ("sample", "neuroid")
    assert stream["neuroid"].values.tolist() == NAMES
    assert stream.attrs["units"] == "uV"
    assert stream.attrs["sampling_period"] == pytest.approx(0.01, rel=1e-12)
    np.testing.assert_allclose(stream.values, values.T, atol=1e-9)
    np.testing.assert_allclose(stream["onset"].values, np.arange(300) / 100, atol=1e-12)
    assert set(stream["run"].values.tolist()) == {"run-1"}


def test_values_stay_in_the_file_until_they_are_asked_for(fif, values):
    stream = na.readers.read_raw(fif)
    part = stream.isel(neuroid=[2, 0], sample=[250, 3, 4])
    assert not in_memory(stream)
    assert not in_memory(part)
    np.testing.assert_allclose(part.values, values[[2, 0]][:, [250, 3, 4]].T, atol=1e-9)


def test_samples_far_apart_are_read_in_blocks(fif, values, monkeypatch):
    monkeypatch.setattr("neuroalign.readers.voltage_streams.BLOCK", 10)
    chosen = [0, 9, 10, 11, 150, 151, 299]
    stream = na.readers.read_raw([fif, fif])
    both = np.concatenate([values, values], axis=1)
    samples = [*chosen, *(300 + sample for sample in chosen)]
    np.testing.assert_allclose(stream.isel(sample=samples).values, both[:, samples].T, atol=1e-9)


def test_a_recording_and_its_dataset_take_the_stream_whole(fif, values):
    stream = na.readers.read_raw(fif)
    recording = na.make_recording(stream, subject="01")
    assert recording["neuroid"].values.tolist() == ["01/LA1", "01/LA2", "01/LB1"]
    assert str(recording["sample"].values[7]) == "run-1/0000007"
    words = pd.DataFrame({"text": ["a"], "run": ["run-1"], "onset": [0.5]})
    dataset = na.BrainDataset({"01": recording}, words)
    np.testing.assert_allclose(dataset.recordings["01"].values, values.T, atol=1e-9)


def test_bad_channels_are_left_out_of_all_runs_and_named(tmp_path, values):
    one = write_fif(tmp_path / "a_raw.fif", values, NAMES, bad=["LA2"])
    other = write_fif(tmp_path / "b_raw.fif", values, NAMES, bad=["LB1"])
    stream = na.readers.read_raw([one, other])
    assert stream["neuroid"].values.tolist() == ["LA1"]
    assert stream.attrs["bad_channels"] == "LA2, LB1"
    kept = na.readers.read_raw([one, other], keep_bad=True)
    assert kept["bad"].values.tolist() == [False, True, True]


def test_channels_of_runs_are_matched_by_name(tmp_path, values, fif):
    turned = write_fif(tmp_path / "b_raw.fif", values[::-1], NAMES[::-1], places=PLACES[::-1])
    stream = na.readers.read_raw([fif, turned], runs=["one", "two"])
    np.testing.assert_allclose(stream.values, np.tile(values.T, (2, 1)), atol=1e-9)
    assert stream["run"].values.tolist() == ["one"] * 300 + ["two"] * 300
    assert stream["onset"].values[300] == 0


def test_channels_come_in_the_order_they_are_named(fif, values):
    stream = na.readers.read_raw(fif, channels=["LB1", "LA1"])
    np.testing.assert_allclose(stream.values, values[[2, 0]].T, atol=1e-9)
    assert stream["x"].values.tolist() == pytest.approx([12, 10], abs=1e-5)


def test_positions_are_in_millimeters_in_the_frame_of_the_file(fif):
    stream = na.readers.read_raw(fif)
    place = np.stack([stream[axis].values for axis in "xyz"], axis=1)
    np.testing.assert_allclose(place, PLACES, atol=1e-5)
    assert stream.attrs["space"] == "head"
    named = na.readers.read_raw(fif, space="MNI152NLin2009aSym")
    assert named.attrs["space"] == "MNI152NLin2009aSym"


def test_unknown_positions_are_missing_and_without_any_there_are_none(tmp_path, values):
    places = [PLACES[0], (0, 0, 0), PLACES[2]]
    stream = na.readers.read_raw(write_fif(tmp_path / "a_raw.fif", values, NAMES, places=places))
    assert np.isnan(stream["x"].values).tolist() == [False, True, False]
    without = na.readers.read_raw(write_edf(tmp_path / "a.edf", values, NAMES))
    assert "x" not in without.coords
    assert "space" not in without.attrs


def test_channels_that_do_not_measure_the_brain_are_left_out(tmp_path, values):
    kinds = ["seeg", "stim", "ecg"]
    path = write_fif(tmp_path / "a_raw.fif", values, NAMES, kinds=kinds)
    assert na.readers.read_raw(path)["neuroid"].values.tolist() == ["LA1"]
    heart = na.readers.read_raw(path, channels="ecg")
    assert heart["kind"].values.tolist() == ["ecg"]


@pytest.mark.parametrize(("unit", "scale"), [("mV", 1e3), ("V", 1e6), ("\u00b5V", 1)])
def test_what_edf_gives_in_another_unit_is_in_microvolts(unit, scale, tmp_path, values):
    path = write_edf(tmp_path / "a.edf", values, NAMES, units=unit)
    np.testing.assert_allclose(na.readers.read_raw(path).values, scale * values.T, rtol=1e-9)


@pytest.mark.parametrize("unit", ["UV", "nV", ""])
@pytest.mark.parametrize("names", [NAMES, ["LA1", "LA1", "LB1"]])
def test_channels_of_edf_whose_unit_is_not_known_are_refused(unit, names, tmp_path, values):
    path = write_edf(tmp_path / "a.edf", values, names, units=unit)
    listed = ", ".join(map(repr, dict.fromkeys(names)))
    with pytest.raises(DataError) as caught:
        na.readers.read_raw(path)
    assert str(caught.value) == (
        f"File '{path}' gives {len(set(names))} channels in '{unit}', not in uV, mV or V (first: "
        f"{listed}); write the unit into its header, or leave these out."
    )


@pytest.mark.parametrize(("kind", "unit", "scale"), [("mag", "fT", 1e9), ("grad", "fT/cm", 1e7)])
def test_fields_are_in_femtotesla(kind, unit, scale, tmp_path, values):
    path = write_fif(tmp_path / "a_raw.fif", values, NAMES, kinds=kind)
    stream = na.readers.read_raw(path)
    assert stream.attrs["units"] == unit
    np.testing.assert_allclose(stream.values, scale * values.T, rtol=1e-9)


@pytest.mark.parametrize("date", [0, None])
@pytest.mark.parametrize("first", [0, 40])
def test_annotations_count_from_the_first_sample_of_the_file(first, date, tmp_path, values):
    marks = [(0.5, "word"), (1.25, "cut")]
    path = write_fif(tmp_path / "a_raw.fif", values, NAMES, first=first, marks=marks, date=date)
    table = na.readers.read_annotations(path)
    np.testing.assert_allclose(table["onset"], [0.5, 1.25], atol=1e-9)
    assert table["condition"].tolist() == ["word", "cut"]
    assert table["run"].tolist() == ["run-1", "run-1"]


def test_markers_of_brainvision_are_on_the_clock_of_the_stream(tmp_path, values):
    path = write_brainvision(tmp_path / "a.vhdr", values, NAMES, marks=[(120, "S 1")])
    table = na.readers.read_annotations([path], runs=["film"])
    assert table["onset"].tolist() == pytest.approx([1.2])
    assert table["run"].tolist() == ["film"]


EPOCHS = {"word": 1, "cut": 4}
pandas_says = pytest.mark.filterwarnings("ignore:The inplace keyword")


def write_epochs(path, values, *, metadata=None, bad=()):
    """Write uV (epoch, channel, sample) of three events, the second of them a cut."""
    info = mne.create_info(NAMES, 100.0, "seeg")
    info["bads"] = list(bad)
    events = np.array([(100, 0, 1), (250, 0, 4), (400, 0, 1)])
    epochs = mne.EpochsArray(
        np.asarray(values) * 1e-6, info, events, -0.1, EPOCHS, metadata=metadata, verbose="error"
    )
    epochs.save(path, fmt="double", overwrite=True, verbose="error")
    return path


@pytest.fixture
def trials(rng):
    return rng.normal(0, 50, (3, 3, 30))


def test_epochs_are_showings_of_their_events(tmp_path, trials):
    found = na.readers.read_epochs(write_epochs(tmp_path / "a-epo.fif", trials))
    assert not in_memory(found)
    np.testing.assert_allclose(found.values, trials, atol=1e-9)
    assert found["stimulus"].values.tolist() == ["word", "cut", "word"]
    assert found["event_sample"].values.tolist() == [100, 250, 400]
    np.testing.assert_allclose(found["time"].values, np.arange(-10, 20) / 100, atol=1e-7)
    recording = na.make_recording(found, subject="01")
    assert recording.attrs["time_convention"] == "samples"
    part = recording.isel(showing=[2, 0], neuroid=[1], time=slice(5, 20, 4))
    np.testing.assert_allclose(part.values, trials[[2, 0]][:, [1], 5:20:4], atol=1e-9)


@pandas_says
def test_metadata_name_stimuli_and_describe_showings(tmp_path, trials):
    metadata = pd.DataFrame(
        {
            "picture": ["cat", None, "dog"],
            "time": [1.5, 2.5, np.nan],
            "correct": [True, False, True],
        }
    )
    path = write_epochs(tmp_path / "a-epo.fif", trials, metadata=metadata)
    found = na.readers.read_epochs(path, stimulus="picture")
    assert found["stimulus"].values.tolist() == ["cat", "", "dog"]
    assert found["condition"].values.tolist() == ["word", "cut", "word"]
    np.testing.assert_array_equal(found["metadata_time"].values, [1.5, 2.5, np.nan])
    assert found["correct"].values.tolist() == [1, 0, 1]


def test_bad_channels_of_epochs_are_left_out_and_named(tmp_path, trials):
    found = na.readers.read_epochs(write_epochs(tmp_path / "a-epo.fif", trials, bad=["LA2"]))
    np.testing.assert_allclose(found.values, trials[:, [0, 2]], atol=1e-9)
    assert found.attrs["bad_channels"] == "LA2"
