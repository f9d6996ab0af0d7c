"""Wang et al. (2024): voltages around words, by person, film, electrode and moment."""

import re
from functools import partial

import h5py
import numpy as np
import pandas as pd
import pytest
from miniatures import wang2024 as miniature
from study_files import files_in, load_from

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, DownloadError

ADAPTER = dataset_module("wang2024")[1]
HEARD = ["Hi", "null", "you"]
STARTS = [0.25, 1.0, 2.0]  # s of the film


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wang2024")
    miniature.write(folder)
    return files_in(folder, "wang2024")


@pytest.fixture
def own_files(tmp_path):
    """Write files that a test may damage."""
    miniature.write(tmp_path)
    return files_in(tmp_path, "wang2024")


def expected(subject, trial, electrode, start, middle):
    """Return what the electrode saw on average around a moment of the film."""
    rate = miniature.RATES[subject]
    seconds = miniature.BEGIN + start + middle - 0.5 / rate  # of the mean of the samples
    return 100 * subject + 10 * trial + electrode + seconds / 10


@pytest.mark.parametrize("subject", [1, 6, 9, 10])
def test_voltages_are_those_of_the_person_the_film_the_electrode_and_the_moment(subject, files):
    recording = ADAPTER.load(files, width=0.125).recordings[str(subject)]
    assert recording.dims == ("showing", "neuroid", "time")
    np.testing.assert_allclose(recording["time"], [0.0625, 0.1875, 0.3125, 0.4375])
    electrodes = [0, 2] if subject == 1 else [0, 1, 2]  # the second is corrupted
    named = [miniature.LABELS[number].strip("*#") for number in electrodes]
    assert recording["neuroid"].values.tolist() == [f"{subject}/{name}" for name in named]
    rows = [(trial, start) for trial in miniature.TRIALS[subject] for start in STARTS]
    assert recording.sizes["showing"] == len(rows)
    for row, (trial, start) in enumerate(rows):
        for column, electrode in enumerate(electrodes):
            means = [
                expected(subject, trial, electrode, start, middle)
                for middle in recording["time"].values
            ]
            np.testing.assert_allclose(recording[row, column], means, rtol=1e-6)


def mix(path, rng):
    """Write rows and columns of a table in another order; a column without a name stays first."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    unnamed = table.columns.str.startswith("Unnamed")
    columns = sorted(rng.permutation(table.shape[1]), key=lambda column: not unnamed[column])
    table = table.iloc[rng.permutation(len(table)), columns].rename(columns={"Unnamed: 0": ""})
    path.write_text(table.to_csv(index=False))


def test_mixed_rows_columns_and_electrodes_change_nothing(own_files, tmp_path):
    load = partial(ADAPTER.load, own_files, trials={"6": [0, 4]})
    before, words = load().recordings["6"].load(), load().stimuli
    rng = np.random.default_rng(1)
    for trial in (0, 4):
        mix(tmp_path / f"transcripts/film-6-{trial}/features.csv", rng)
        mix(tmp_path / f"subject_timings/sub_6_trial00{trial}_timings.csv", rng)
        path = tmp_path / f"sub_6_trial00{trial}.h5"
        with h5py.File(path) as file:
            signals = {name: signal[:] for name, signal in file["data"].items()}
        with h5py.File(path, "w", track_order=True) as file:
            for name in reversed(signals):
                file[f"data/{name}"] = signals[name]
    mix(tmp_path / "localization/sub_6/depth-wm.csv", rng)
    after = load()
    assert after.stimuli.loc[words.index, list(words)].equals(words)
    order = {label: row for row, label in enumerate(after.recordings["6"]["stimulus"].values)}
    rows = [order[label] for label in before["stimulus"].values]
    assert after.recordings["6"].load().isel(showing=rows).identical(before)


def test_showings_are_named_by_film_and_word(files):
    recording = ADAPTER.load(files).recordings["6"]
    labels = [f"film-6-{trial}/{n:05}" for trial in (0, 1, 4) for n in (0, 1, 3)]
    assert recording["stimulus"].values.tolist() == labels
    assert (
        recording["run"].values.tolist()
        == np.repeat(["trial000", "trial001", "trial004"], 3).tolist()
    )


def test_words_are_those_with_a_time_in_the_film(files):
    words = ADAPTER.load(files, trials={"3": [1]}).stimuli
    assert words["text"].tolist() == HEARD
    assert words["film"].tolist() == ["film-3-1"] * 3
    assert words["pos"].tolist() == ["INTJ", "PRON", "PRON"]
    assert not {"run", "onset", "duration"} & set(words)


def test_a_film_that_two_people_watched_has_its_words_once(files):
    dataset = ADAPTER.load(files, trials={"1": [0], "2": [0]})
    assert na.shared_stimuli(dataset) == [f"film-a/{number:05}" for number in (0, 1, 3)]
    assert len(dataset.stimuli) == 3


def test_words_of_a_passage_stay_together(files, monkeypatch):
    monkeypatch.setattr(ADAPTER, "PASSAGE", 2)
    words = ADAPTER.load(files, trials={"5": [0]}).stimuli
    assert words["group"].tolist() == ["film-5-0/000", "film-5-0/000", "film-5-0/001"]


def test_regions_and_hemispheres_are_those_of_the_label(files):
    recording = ADAPTER.load(files).recordings["7"]
    regions = ["ctx-lh-superiortemporal", "unknown", "ctx-rh-insula"]
    assert recording["roi"].values.tolist() == regions
    assert recording["hemisphere"].values.tolist() == ["left", "unknown", "right"]


def test_voltages_stay_in_their_files_until_they_are_asked_for(files):
    assert not in_memory(ADAPTER.load(files).recordings["2"])


def test_a_stream_is_prepared_before_windows_are_taken(files):
    plain = ADAPTER.load(files, trials={"8": [0]}).recordings["8"]
    twice = ADAPTER.load(files, trials={"8": [0]}, prepare=lambda stream: stream.load() * 2)
    np.testing.assert_allclose(twice.recordings["8"], 2 * plain.values)


def test_words_whose_windows_leave_the_recording_are_left_out(files):
    dataset = ADAPTER.load(files, trials={"8": [0]}, window=(-1.0, 0.5))
    recording = dataset.recordings["8"]
    assert recording.attrs["events_left_out"] == "film-8-0/00000"
    assert recording.sizes["showing"] == 2


def test_only_the_people_asked_for_are_looked_up(own_files, tmp_path, monkeypatch):
    name = "subject_timings/sub_10_trial000_timings.csv"
    (tmp_path / name).unlink()
    assert load_from(tmp_path, "wang2024", monkeypatch, subjects="4").subjects == ["4"]
    message = (
        f"File '{name}' has to be got from https://braintreebank.dev (unfold all archives into one "
        f"folder) and put at {tmp_path / name}."
    )
    with pytest.raises(DownloadError, match=f"^{re.escape(message)}$"):
        ADAPTER.load(own_files)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (
            "subject_timings/sub_5_trial000_timings.csv",
            "movie_time,index\n0,1024\n",
            "holds 1 triggers; two at least are needed.",
        ),
        ("subject_metadata/sub_5_trial000_metadata.json", '{"title": "x"}', "names no film"),
        ("transcripts/film-5-0/features.csv", ",text,start\n0,a,1\n", "has no column 'end'."),
        ("electrode_labels/sub_5/electrode_labels.json", "{}", "is not a list of labels."),
        ("sub_5_trial000.h5", "<html>", "cannot be read as voltages of the Brain Treebank"),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(name, text, reason, own_files, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=re.escape(reason)) as caught:
        ADAPTER.load(own_files, trials={"5": [0]}).recordings["5"].load()
    assert str(tmp_path / name) in str(caught.value)


def test_a_rate_that_the_triggers_contradict_is_refused(files, monkeypatch):
    monkeypatch.setattr(ADAPTER, "RATES", {})
    with pytest.raises(DataError, match=r"pass sampling_rate=1024\?$"):
        ADAPTER.load(files, trials={"9": [0]})


def test_people_that_are_not_there_are_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="none of 1, 2"):
        load_from(tmp_path, "wang2024", monkeypatch, subjects="11")
    with pytest.raises(DataError, match="none of 1, 2"):
        load_from(tmp_path, "wang2024", monkeypatch, trials={})
