"""Zada et al. (2025): amplitudes by channel and moment, and words on the same clock."""

import re

import numpy as np
import pytest
from miniatures import zada2025 as miniature
from study_files import files_in, load_from

from neuroalign.data.catalog import dataset_module
from neuroalign.data.download import DataFiles
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError
from neuroalign.testing import check_adapter, check_dataset

ADAPTER = dataset_module("zada2025")[1]
SPOKEN = ["Act", "one,", "null", "was", "there", "a", "monkey."]
PERIOD = 1 / miniature.RATE


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "zada2025")


def signal_of(files, subject="03"):
    return files[miniature.SIGNAL.format(subject)]


def test_amplitudes_are_those_of_the_channel_and_the_moment_in_microvolts(files):
    recording = ADAPTER.load(files).recordings["03"]
    assert recording.dims == ("sample", "neuroid")
    assert recording["neuroid"].values.tolist() == ["03/PO1", "03/PO2", "03/DLT10", "03/G3"]
    assert recording.attrs["units"] == "uV"
    assert recording.attrs["sampling_period"] == PERIOD
    np.testing.assert_allclose(recording.values, miniature.amplitude("03"), rtol=1e-6)
    np.testing.assert_array_equal(recording["onset"], np.arange(recording.sizes["sample"]) / 512)


def test_nothing_is_read_of_a_subject_before_it_is_needed(files, monkeypatch):
    taken = []
    find = DataFiles.__getitem__
    monkeypatch.setattr(DataFiles, "__getitem__", lambda s, n: taken.append(n) or find(s, n))
    dataset = ADAPTER.load(files)
    assert taken == [miniature.TRANSCRIPT]
    assert not in_memory(dataset.recordings["08"])
    assert taken == [miniature.TRANSCRIPT, miniature.SIGNAL.format("08")]


def test_people_have_electrodes_of_their_own(files):
    dataset = ADAPTER.load(files)
    assert dataset.subjects == miniature.SUBJECTS
    assert [dataset.recordings[name].sizes["neuroid"] for name in ("01", "02")] == [3, 4]


def test_channels_in_another_order_are_the_same_channels(files):
    before = ADAPTER.load(files).recordings["03"].load()
    miniature.save(signal_of(files), "03", order=[2, 0, 3, 1])
    after = ADAPTER.load(files).recordings["03"].load()
    assert after.sel(neuroid=before["neuroid"]).identical(before)


def test_places_are_in_mm_of_the_template(files):
    recording = ADAPTER.load(files).recordings["02"]
    places = np.stack([recording[axis].values for axis in "xyz"], axis=1)
    np.testing.assert_allclose(places[0], miniature.PLACES["PO1"], rtol=1e-6)
    assert np.isnan(places[2:]).all()
    assert recording.attrs["space"] == "MNI152NLin2009aSym"


def test_words_are_in_the_order_of_their_onsets_without_those_that_have_none(files):
    words = ADAPTER.load(files).stimuli
    assert words["text"].tolist() == SPOKEN
    assert words["onset"].tolist() == [0.5, 1.0, 2.0, 3.0, 3.5, 4.0, 6.5]
    assert words["duration"].tolist() == [0.25, 0.5, 0.25, 0.25, 0.25, 0.0625, 0.75]
    assert words.index.tolist() == [f"word{number:04}" for number in range(7)]
    assert set(words["run"]) == {"podcast"}


def test_rows_of_the_transcript_in_another_order_are_the_same_words(files, tmp_path):
    before = ADAPTER.load(files).stimuli
    miniature.write(tmp_path, words=miniature.WORDS[::-1])
    assert ADAPTER.load(files).stimuli.equals(before)


def test_a_word_without_an_end_lasts_no_time(files, tmp_path):
    miniature.write(tmp_path, words=[("so", 1.0, None), ("it", 2.0, 2.5)])
    assert ADAPTER.load(files).stimuli["duration"].tolist() == [0.0, 0.5]


def test_windows_around_words_are_means_of_the_samples_in_them(files):
    recording = ADAPTER.load(files, window=(-0.25, 0.5), width=0.25).recordings["03"]
    assert recording.dims == ("showing", "neuroid", "time")
    np.testing.assert_allclose(recording["time"], [-0.125, 0.125, 0.375])
    values = miniature.amplitude("03")
    for row, onset in enumerate([0.5, 1.0, 2.0, 3.0, 3.5, 4.0, 6.5]):
        first = round((onset - 0.25) * 512)
        parts = values[first : first + 384].reshape(3, 128, 4)
        np.testing.assert_allclose(recording[row].values.T, parts.mean(axis=1), rtol=1e-6)


def test_windows_keep_the_contract(files):
    check_adapter(ADAPTER, lambda: ADAPTER.load(files, window=(-0.2, 0.6)))


def test_words_whose_windows_leave_the_recording_are_left_out(files, monkeypatch):
    monkeypatch.setattr(ADAPTER, "LENGTH", 8.0)
    dataset = ADAPTER.load(files, window=(-1, 2))
    assert dataset.stimuli["text"].tolist() == SPOKEN[1:-1]
    assert set(dataset.recordings["05"]["stimulus"].values) == set(dataset.stimuli.index)
    check_dataset(dataset)


def test_words_of_a_minute_stay_together_in_windows(files, tmp_path):
    miniature.write(tmp_path, words=[("a", 59.9, 60), ("b", 60.0, 61), ("c", 600.0, 601)])
    groups = ADAPTER.load(files, window=(0, 1)).stimuli["group"]
    assert groups.tolist() == ["minute00", "minute01", "minute10"]


def test_a_signal_that_is_cut_short_is_refused(files):
    path = signal_of(files)
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(DataError, match=r"^File '.*sub-03_task-podcast.*' "):
        ADAPTER.load(files).recordings["03"].load()


def test_a_signal_of_another_format_is_refused(files):
    signal_of(files).write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"^File '.*' cannot be read as a continuous recording"):
        ADAPTER.load(files).recordings["03"]


def test_words_after_the_end_of_the_recording_are_refused(files):
    files[miniature.TRANSCRIPT].write_text("word,start,end\nlate,9.5,10\n")
    message = (
        "Recording of subject '03' cannot be used: 1 stimuli begin outside their run "
        "(first: 'word0000')"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        ADAPTER.load(files).recordings["03"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "text,start,end\na,1,2\n",
            "Usecols do not match columns, columns expected but not found: ['word']",
        ),
        ("word,start,end\na,soon,2\n", "could not convert string to float: 'soon'"),
        ("", "No columns to parse from file"),
    ],
)
def test_a_transcript_of_another_layout_is_refused(text, reason, files, tmp_path, monkeypatch):
    files[miniature.TRANSCRIPT].write_text(text)
    message = f"Dataset 'zada2025' could not be loaded: {reason}."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_from(tmp_path, "zada2025", monkeypatch)
