"""The Brain Treebank: electrodes by label, words on the clock of the recording."""

import h5py
import numpy as np
import pandas as pd
import pytest
from brain_treebank_files import BEGIN, PAUSE, RATE, timings, words, write

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import NeuroalignError
from neuroalign.readers import (
    brain_treebank_onsets,
    read_brain_treebank,
    read_brain_treebank_words,
)

ONE = {"subject": 1, "trials": 0}


@pytest.fixture
def values(tmp_path):
    return write(tmp_path)


def published_sample(t, table):
    """Return the sample of a moment of the film as the authors' code has it."""
    nearest = (table["movie_time"] - t).abs().idxmin()
    return round(table.loc[nearest, "index"] + (t - table.loc[nearest, "movie_time"]) * RATE)


def test_electrodes_are_found_by_the_place_of_their_label(tmp_path, values):
    stream = read_brain_treebank(tmp_path, **ONE)
    assert not in_memory(stream)
    assert stream["neuroid"].values.tolist() == ["LT1a1", "LT1a2", "RF2b1", "RF2b2"]
    np.testing.assert_array_equal(stream.values, values[0, [0, 1, 3, 5]].T)
    assert stream.attrs["sampling_period"] == 1 / RATE
    assert stream.attrs["bad_channels"] == "LT1a3"


def test_only_the_electrodes_that_are_asked_for_are_read(tmp_path, values, monkeypatch):
    stream = read_brain_treebank(tmp_path, **ONE, electrodes=["RF2b2", "LT1a1"])
    opened = []
    get = h5py.File.__getitem__
    monkeypatch.setattr(
        h5py.File, "__getitem__", lambda f, key: (opened.append(key), get(f, key))[1]
    )
    part = stream.isel(neuroid=[0], sample=slice(100, 200))
    np.testing.assert_array_equal(part.values, values[0, [5], 100:200].T)
    assert opened == ["data/electrode_5"]


def test_corrupted_electrodes_are_kept_on_demand(tmp_path):
    write(tmp_path)
    stream = read_brain_treebank(tmp_path, **ONE, keep_bad=True)
    assert stream["neuroid"].values[stream["bad"].values].tolist() == ["LT1a3"]


def test_films_are_runs_wherever_their_files_lie(tmp_path):
    values = write(tmp_path, trials=(0, 2), below="all_subject_data")
    stream = read_brain_treebank(tmp_path, subject=1, trials=[0, 2])
    assert pd.unique(stream["run"].values).tolist() == ["trial000", "trial002"]
    expected = values[:, [0, 1, 3, 5]].transpose(0, 2, 1).reshape(-1, 4)
    np.testing.assert_array_equal(stream.values, expected)


@pytest.mark.usefixtures("values")
def test_regions_and_places_are_those_of_the_label(tmp_path):
    stream = read_brain_treebank(tmp_path, **ONE).sel(neuroid=["RF2b1", "LT1a1", "RF2b2"])
    regions = ["ctx-rh-insula", "ctx-lh-superiortemporal", "Unknown"]
    assert stream["roi"].values.tolist() == regions
    assert stream["hemisphere"].values.tolist() == ["right", "left", "unknown"]
    np.testing.assert_array_equal(stream["x"].values, [50, -55, np.nan])
    np.testing.assert_array_equal(stream["L"].values, [102.5, 100.5, 103.5])
    assert stream["Destrieux"].values.tolist() == ["G_insular", "G_temp_sup", "Unknown"]
    assert stream.attrs["space"] == "projected onto the cortex of a template"


@pytest.mark.usefixtures("values")
def test_the_order_of_rows_of_tables_does_not_matter(tmp_path):
    before = read_brain_treebank(tmp_path, **ONE).load()
    for path in tmp_path.glob("localization/**/*.csv"):
        pd.read_csv(path).iloc[::-1].to_csv(path, index=False)
    assert read_brain_treebank(tmp_path, **ONE).load().identical(before)


@pytest.mark.usefixtures("values")
def test_words_begin_at_the_sample_of_the_published_code(tmp_path):
    found = read_brain_treebank_words(tmp_path, **ONE)
    heard = words().dropna(subset="start")
    heard = heard[heard["start"] <= timings()["movie_time"].iloc[-1]]
    far = np.abs(heard["start"].to_numpy() - PAUSE[0]) > 0.5
    expected = [published_sample(t, timings()) for t in heard["start"][far]]
    assert np.rint(found["onset"] * RATE)[far].tolist() == expected
    assert found["text"].tolist() == ["Hi", ",", "you", "see", "it", "now"]
    assert found.index.tolist() == [f"toy-film/{number:05}" for number in (0, 1, 2, 4, 5, 6)]
    assert found["run"].unique().tolist() == ["trial000"]
    np.testing.assert_allclose(found["duration"], 0.2)
    assert found["pos"].tolist() == ["INTJ", "PUNCT", "PRON", "VERB", "PRON", "ADV"]


@pytest.mark.usefixtures("values")
def test_a_pause_of_the_film_moves_what_comes_after(tmp_path):
    film = np.array([1.0, 3.7, 3.99, 4.0, 4.3, 8.25])
    onsets = brain_treebank_onsets(tmp_path, film, subject=1, trial=0)
    expected = BEGIN / RATE + film + np.where(film >= PAUSE[0], PAUSE[1], 0)
    np.testing.assert_allclose(onsets, expected)


@pytest.mark.usefixtures("values")
def test_a_film_that_steps_back_in_a_pause_goes_on_from_there(tmp_path):
    table = timings()
    table.loc[table["type"] == "unpause", "movie_time"] -= 0.04
    table.to_csv(tmp_path / "subject_timings/sub_1_trial000_timings.csv", index=False)
    onsets = brain_treebank_onsets(tmp_path, [3.7, 4.2], subject=1, trial=0)
    np.testing.assert_allclose(onsets - BEGIN / RATE, [3.7, 4.2 + PAUSE[1] + 0.04])


def test_a_clock_that_drifts_is_followed_from_trigger_to_trigger(tmp_path, values):
    table = timings(pause=(99.0, 0.0)).query("type == 'trigger'")
    table["index"] = BEGIN + np.rint(table["movie_time"] * RATE * 1.005).astype(int)
    table.to_csv(tmp_path / "subject_timings/sub_1_trial000_timings.csv", index=False)
    onsets = brain_treebank_onsets(tmp_path, np.arange(1, 9.0), subject=1, trial=0)
    expected = (BEGIN + np.arange(1, 9) * RATE * 1.005) / RATE
    assert np.abs(onsets - expected).max() <= 0.5 / RATE + 1e-9
    assert values.shape[0] == 1


def test_words_and_voltages_meet_in_epochs(tmp_path, values):
    stream = read_brain_treebank(tmp_path, **ONE)
    found = na.readers.epoch(
        stream, read_brain_treebank_words(tmp_path, **ONE), start=0, stop=0.5, width=0.25
    )
    assert found.sizes == {"showing": 6, "neuroid": 4, "time": 2}
    first = published_sample(0.4, timings())
    expected = values[0, [0, 1, 3, 5], first : first + RATE // 4].mean(axis=1)
    # A window begins within half a sample of the word.
    assert np.abs(found.values[0, :, 0] - expected).max() < 0.5
    recording = na.make_recording(found, subject="1")
    stimuli = read_brain_treebank_words(tmp_path, **ONE)
    dataset = na.BrainDataset({"1": recording}, stimuli[["text", "pitch"]])
    assert dataset.stimulus_kinds == ["text"]


@pytest.mark.usefixtures("values")
def test_words_that_mean_nothing_to_a_computer_stay_words(tmp_path):
    path = tmp_path / "transcripts/toy-film/features.csv"
    path.write_text(path.read_text().replace("you", "null").replace("now", "nan"))
    found = read_brain_treebank_words(tmp_path, **ONE)
    assert found["text"].tolist() == ["Hi", ",", "null", "see", "it", "nan"]


def test_another_sampling_rate_is_followed_when_it_is_said(tmp_path):
    write(tmp_path, rate=1024)
    stream = read_brain_treebank(tmp_path, **ONE, sampling_rate=1024)
    assert float(stream["onset"][-1]) == pytest.approx(14 - 1 / 1024)


@pytest.mark.usefixtures("values")
def test_without_tables_of_places_there_are_none(tmp_path):
    for path in tmp_path.glob("localization/**/*.csv"):
        path.unlink()
    (tmp_path / "corrupted_elec.json").unlink()
    stream = read_brain_treebank(tmp_path, **ONE)
    assert set(stream.coords) == {"run", "onset", "neuroid"}
    assert "LT1a3" in stream["neuroid"].values


def read(folder, **options):
    return read_brain_treebank(folder, **{**ONE, **options})


def heard(folder, **options):
    return read_brain_treebank_words(folder, **{**ONE, **options})


def replaced(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def other_data(folder, name, values):
    with h5py.File(folder / "sub_1_trial000.h5", "a") as file:
        if f"data/{name}" in file:
            del file[f"data/{name}"]
        if values is not None:
            file[f"data/{name}"] = values


LABELS = "electrode_labels/sub_1/electrode_labels.json"
DEPTH = "localization/sub_1/depth-wm.csv"
TIMES = "subject_timings/sub_1_trial000_timings.csv"
FACTS = "subject_metadata/sub_1_trial000_metadata.json"
WORDS = "transcripts/toy-film/features.csv"
DAMAGED = {
    "another folder": (
        lambda f: read(f / "no"),
        "Folder '/no' does not exist; give that of the Brain Treebank.",
    ),
    "another subject": (
        lambda f: read(f, subject=2),
        "File '/electrode_labels/sub_2/electrode_labels.json' does not exist; check its name and "
        "folder.",
    ),
    "another trial": (
        lambda f: read(f, trials=[0, 7]),
        "File '/sub_1_trial007.h5' does not exist; check its name and folder.",
    ),
    "a trial in words": (
        lambda f: read(f, trials=["000"]),
        "trials='000' is not a whole number, as the files have.",
    ),
    "no trial": (
        lambda f: read(f, trials=[]),
        "No trial was given; trials are numbered from 0.",
    ),
    "an unknown electrode": (
        lambda f: read(f, electrodes=["LT1a9"]),
        "No electrode is called 'LT1a9'. Did you mean 'LT1a3'?",
    ),
    "a channel of triggers": (
        lambda f: read(f, electrodes=["DC10"]),
        "No electrode is called 'DC10'. Known: 'LT1a1', 'LT1a2', 'LT1a3', 'RF2b1', 'RF2b2'.",
    ),
    "corrupted electrodes only": (
        lambda f: read(f, electrodes=["LT1a3"]),
        "All 1 electrodes asked for are corrupted (first: 'LT1a3'); keep them with keep_bad=True.",
    ),
    "labels that are no list": (
        lambda f: ((f / LABELS).write_text('{"a": 1}'), read(f)),
        f"File '/{LABELS}' is not a list of labels.",
    ),
    "labels that are no JSON": (
        lambda f: ((f / LABELS).write_text("["), read(f)),
        f"File '/{LABELS}' cannot be read as a JSON file of the Brain Treebank (JSONDecodeError: "
        "Expecting value: line 1 column 2 (char 1)).",
    ),
    "a label twice": (
        lambda f: (replaced(f / LABELS, "LT1a2*", "LT1a1#"), read(f)),
        f"1 labels of '/{LABELS}' are there twice (first: 'LT1a1').",
    ),
    "corrupted ones that are a list": (
        lambda f: ((f / "corrupted_elec.json").write_text('["LT1a1"]'), read(f)),
        "File '/corrupted_elec.json' does not list electrodes by subject.",
    ),
    "no HDF5": (
        lambda f: ((f / "sub_1_trial000.h5").write_text("hello"), read(f)),
        "File '/sub_1_trial000.h5' cannot be read as voltages of the Brain Treebank (OSError: "
        "Unable to synchronously open file (file signature not found)).",
    ),
    "an electrode missing": (
        lambda f: (other_data(f, "electrode_3", None), read(f)),
        "File '/sub_1_trial000.h5' has no voltages 'data/electrode_3'.",
    ),
    "an electrode of words": (
        lambda f: (other_data(f, "electrode_3", [b"a", b"b"]), read(f)),
        "File '/sub_1_trial000.h5' has no voltages 'data/electrode_3'.",
    ),
    "an electrode of another length": (
        lambda f: (other_data(f, "electrode_3", np.zeros(7)), read(f)),
        "Electrodes of '/sub_1_trial000.h5' have 7 to 28672 samples.",
    ),
    "another sampling rate": (
        lambda f: read(f, sampling_rate=1024),
        "The triggers of 'sub_1_trial000' advance by 2048 samples in a second of the film, not by "
        "1024; pass sampling_rate=2048?",
    ),
    "a sampling rate of 0": (
        lambda f: read(f, sampling_rate=0),
        "sampling_rate=0 is not a number of Hz above 0.",
    ),
    "places without regions": (
        lambda f: (replaced(f / DEPTH, "DesikanKilliany", "Lobe"), read(f)),
        f"File '/{DEPTH}' has no column 'DesikanKilliany'.",
    ),
    "an electrode twice": (
        lambda f: (replaced(f / DEPTH, "RF2b2", "RF2b1"), read(f)),
        f"1 electrodes of '/{DEPTH}' are there twice (first: 'RF2b1').",
    ),
    "no triggers": (
        lambda f: ((f / TIMES).unlink(), heard(f)),
        f"File '/{TIMES}' does not exist; check its name and folder.",
    ),
    "one trigger": (
        lambda f: ((f / TIMES).write_text("movie_time,index\n1.0,2048\nx,y\n"), heard(f)),
        f"File '/{TIMES}' holds 1 triggers; two at least are needed.",
    ),
    "triggers that stand still": (
        lambda f: ((f / TIMES).write_text("movie_time,index\n1.0,2048\n1.0,4096\n"), heard(f)),
        "The triggers of 'sub_1_trial000' do not move on in the film; their table is damaged.",
    ),
    "triggers without samples": (
        lambda f: (replaced(f / TIMES, "index", "place"), heard(f)),
        f"File '/{TIMES}' has no column 'index'.",
    ),
    "a film elsewhere": (
        lambda f: (replaced(f / FACTS, "toy-film", "../../etc"), heard(f)),
        f"File '/{FACTS}' names no film, but '../../etc'.",
    ),
    "no film": (
        lambda f: ((f / FACTS).write_text("{}"), heard(f)),
        f"File '/{FACTS}' names no film, but None.",
    ),
    "words without times": (
        lambda f: (replaced(f / WORDS, "start", "begin"), heard(f)),
        f"File '/{WORDS}' has no column 'start'.",
    ),
    "words without a number": (
        lambda f: (replaced(f / WORDS, "\n3,", "\nx,"), heard(f)),
        f"1 words of '/{WORDS}' have no whole number in the first column.",
    ),
    "words in another encoding": (
        lambda f: ((f / WORDS).write_bytes(b"text,start,end\nsch\xf6n,1,2\n"), heard(f)),
        f"File '/{WORDS}' cannot be read as a table of the Brain Treebank (UnicodeDecodeError: "
        "'utf-8' codec can't decode byte 0xf6 in position 3: invalid start byte).",
    ),
    "a moment that is none": (
        lambda f: brain_treebank_onsets(f, [1.0, np.nan], subject=1, trial=0),
        "1 moments of the film are not numbers.",
    ),
}


@pytest.mark.parametrize("case", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.usefixtures("values")
def test_a_damaged_treebank_gives_one_sentence(case, tmp_path):
    process, sentence = case
    with pytest.raises(NeuroalignError) as caught:
        process(tmp_path)
    assert str(caught.value).replace(str(tmp_path), "") == sentence


@pytest.mark.usefixtures("values")
def test_two_trials_of_one_film_are_read_apart(tmp_path):
    write(tmp_path, trials=(0, 1))
    sentence = r"^Several trials are of one film \(first: 'toy-film/00000', .*\); read their words "
    with pytest.raises(NeuroalignError, match=sentence):
        heard(tmp_path, trials=[0, 1])


@pytest.mark.usefixtures("values")
def test_voltages_that_lie_in_another_file_are_refused(tmp_path):
    other_data(tmp_path, "electrode_0", None)
    with h5py.File(tmp_path / "sub_1_trial000.h5", "a") as file:
        place = [(str(tmp_path / "secret"), 0, 8 * 28672)]
        file.create_dataset("data/electrode_0", (28672,), "f8", external=place)
    sentence = r"sub_1_trial000.h5' keeps 'data/electrode_0' in another file\.$"
    with pytest.raises(NeuroalignError, match=sentence):
        read(tmp_path)


@pytest.mark.usefixtures("values")
def test_voltages_that_a_file_cannot_hold_are_refused(tmp_path):
    other_data(tmp_path, "electrode_0", None)
    with h5py.File(tmp_path / "sub_1_trial000.h5", "a") as file:
        file.create_dataset("data/electrode_0", (2**50,), "f8", chunks=(1024,))
    with pytest.raises(NeuroalignError, match=r"promises 9,007,199,254,740,992 bytes for its elec"):
        read(tmp_path, electrodes=["LT1a1"])
