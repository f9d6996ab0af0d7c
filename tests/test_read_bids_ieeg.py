"""Intracranial recordings in BIDS: status of channels, places, regions, events on one clock."""

import json
from pathlib import Path

import mne_bids
import numpy as np
import pandas as pd
import pytest
from bids_ieeg_files import NAMES, table, write, write_electrodes
from voltage_files import write_edf, write_fif

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import NeuroalignError
from neuroalign.readers import read_bids_ieeg, read_bids_ieeg_events

pytestmark = pytest.mark.usefixtures("values")
FILM = {"subject": "01", "task": "film"}


@pytest.fixture
def values(tmp_path):
    return write(tmp_path)


def place(folder):
    return Path(folder, "sub-01", "ses-a", "ieeg")


def test_runs_are_one_stream_of_the_good_channels_of_the_brain(tmp_path, values):
    stream = read_bids_ieeg(tmp_path, **FILM)
    assert not in_memory(stream)
    assert stream["neuroid"].values.tolist() == ["LA1", "LB1"]
    assert stream["kind"].values.tolist() == ["seeg", "ecog"]
    assert stream.attrs["bad_channels"] == "LA2"
    assert stream.attrs["units"] == "uV"
    expected = np.concatenate([run[[0, 2]].T for run in values])
    np.testing.assert_allclose(stream.values, expected, atol=1e-9)
    assert pd.unique(stream["run"].values).tolist() == ["ses-a_run-1", "ses-a_run-2"]


@pytest.mark.filterwarnings("ignore")
def test_values_and_bad_channels_are_those_of_mne_bids(tmp_path):
    path = mne_bids.BIDSPath(
        subject="01", session="a", task="film", run="2", datatype="ieeg", root=tmp_path
    )
    raw = mne_bids.read_raw_bids(path, verbose="error")
    assert raw.info["bads"] == ["LA2"]
    stream = read_bids_ieeg(tmp_path, **FILM, run="2", keep_bad=True)
    data = raw.get_data(["LA1", "LA2", "LB1"], verbose="error")
    np.testing.assert_allclose(stream.values, 1e6 * data.T, atol=1e-9)
    assert stream["bad"].values.tolist() == [False, True, False]


def test_places_are_in_millimeters_in_the_space_that_is_named(tmp_path):
    stream = read_bids_ieeg(tmp_path, **FILM, keep_bad=True)
    assert stream.attrs["space"] == "MNI152NLin2009bSym"
    np.testing.assert_allclose(stream["x"].values, [10, np.nan, 12])
    np.testing.assert_allclose(stream["y"].values, [20, np.nan, -22])
    assert stream["roi"].values.tolist() == ["STG", "unknown", "IFG"]
    assert stream["hemisphere"].values.tolist() == ["left", "unknown", "right"]
    np.testing.assert_allclose(stream["size"].values, [2.3, np.nan, 2.0])


def test_hemispheres_are_named_alike_whatever_the_table_calls_them(tmp_path):
    rows = [("LA1", 1, 2, 3, "Left", "STG", 1), ("LB1", 4, 5, 6, "r", "IFG", 1)]
    write_electrodes(place(tmp_path), "sub-01_ses-a", rows=rows)
    assert read_bids_ieeg(tmp_path, **FILM)["hemisphere"].values.tolist() == ["left", "right"]


def test_the_order_of_rows_of_tables_does_not_matter(tmp_path):
    before = read_bids_ieeg(tmp_path, **FILM).load()
    for path in place(tmp_path).glob("*.tsv"):
        head, *rows = path.read_text().splitlines()
        path.write_text("\n".join([head, *rows[::-1]]) + "\n")
    after = read_bids_ieeg(tmp_path, **FILM).sel(neuroid=["LA1", "LB1"])
    assert after.load().identical(before)


def test_a_channel_that_is_bad_in_one_run_is_left_out_of_all(tmp_path):
    write(tmp_path, status={"2": {"LB1": "bad"}})
    stream = read_bids_ieeg(tmp_path, **FILM)
    assert stream["neuroid"].values.tolist() == ["LA1"]
    assert stream.attrs["bad_channels"] == "LA2, LB1"


def test_a_run_may_be_chosen_with_or_without_its_key(tmp_path, values):
    for run in ("2", 2, "run-2", "02", ["2"]):
        stream = read_bids_ieeg(
            tmp_path, subject="sub-01", task="task-film", session="ses-a", run=run
        )
        np.testing.assert_allclose(stream.values, values[1][[0, 2]].T, atol=1e-9)


def test_runs_come_in_the_order_of_their_numbers(tmp_path):
    values = write(tmp_path, runs=("10", "2"), session="b")
    stream = read_bids_ieeg(tmp_path, **FILM, session="b")
    assert pd.unique(stream["run"].values).tolist() == ["ses-b_run-2", "ses-b_run-10"]
    np.testing.assert_allclose(stream.values[:300], values[1][[0, 2]].T, atol=1e-9)


def test_edf_takes_kinds_from_the_table_of_channels(tmp_path, values):
    for path in place(tmp_path).glob("*_ieeg.vhdr"):
        path.unlink()
    for run, data in enumerate(values, 1):
        path = place(tmp_path) / f"sub-01_ses-a_task-film_run-{run}_ieeg.edf"
        write_edf(path, data, NAMES)
    stream = read_bids_ieeg(tmp_path, **FILM, channels="seeg", keep_bad=True)
    assert stream["kind"].values.tolist() == ["seeg", "seeg"]
    expected = np.concatenate([run[[0, 1]].T for run in values])
    np.testing.assert_allclose(stream.values, expected, atol=1e-9)


def test_the_first_part_of_a_split_recording_stands_for_all(tmp_path, values):
    folder = tmp_path / "sub-01" / "meg"
    folder.mkdir()
    for part in ("01", "02"):
        write_fif(folder / f"sub-01_task-film_split-{part}_meg.fif", values[0], NAMES, kinds="mag")
    rows = [(name, "MEGMAG") for name in NAMES]
    table(folder / "sub-01_task-film_channels.tsv", ["name", "type"], rows)
    stream = read_bids_ieeg(tmp_path, **FILM, datatype="meg")
    assert stream.sizes["sample"] == 300
    assert set(stream["kind"].values) == {"mag"}


def test_recordings_of_one_run_are_told_apart_by_entities(tmp_path, values):
    for path in sorted(place(tmp_path).glob("*run-1_*")):
        copy = path.with_name(path.name.replace("task-film_", "task-film_acq-b_"))
        copy.write_bytes(path.read_bytes())
    options = {**FILM, "run": 1, "entities": {"acq": "b"}}
    np.testing.assert_allclose(
        read_bids_ieeg(tmp_path, **options).values, values[0][[0, 2]].T, atol=1e-9
    )
    assert read_bids_ieeg_events(tmp_path, **options)["run"].tolist() == ["ses-a_run-1"] * 2
    with pytest.raises(NeuroalignError, match=r"^Several files are of one run \("):
        read(tmp_path)


def test_the_frequency_of_the_mains_is_told(tmp_path):
    assert read_bids_ieeg(tmp_path, **FILM).attrs["line_frequency"] == 60


def test_a_column_of_regions_may_be_named(tmp_path):
    stream = read_bids_ieeg(tmp_path, **FILM, region="hemisphere")
    assert stream["roi"].values.tolist() == ["L", "R"]
    assert stream["anatomy"].values.tolist() == ["STG", "IFG"]


def test_one_of_several_spaces_is_chosen(tmp_path):
    rows = [("LA1", 1, 2, 3, "L", "STG", 1), ("LB1", 4, 5, 6, "R", "IFG", 1)]
    write_electrodes(place(tmp_path), "sub-01_ses-a", space="ACPC", unit="mm", rows=rows)
    stream = read_bids_ieeg(tmp_path, **FILM, space="ACPC")
    assert stream["x"].values.tolist() == [1, 4]
    assert stream.attrs["space"] == "ACPC"


def test_electrodes_of_another_session_are_not_those_of_the_recording(tmp_path):
    rows = [("LA1", 1, 2, 3, "L", "V1", 1), ("LB1", 4, 5, 6, "R", "V2", 1)]
    write_electrodes(place(tmp_path), "sub-01_ses-b", rows=rows)
    assert read_bids_ieeg(tmp_path, **FILM)["roi"].values.tolist() == ["STG", "IFG"]


def test_without_electrodes_there_are_no_places(tmp_path):
    for path in place(tmp_path).glob("*space*"):
        path.unlink()
    stream = read_bids_ieeg(tmp_path, **FILM)
    assert "x" not in stream.coords
    assert "space" not in stream.attrs


def test_pixels_of_a_picture_are_no_places(tmp_path):
    write_electrodes(place(tmp_path), "sub-01_ses-a", unit="pixels")
    stream = read_bids_ieeg(tmp_path, **FILM)
    assert "x" not in stream.coords
    assert stream["roi"].values.tolist() == ["STG", "IFG"]


def test_events_are_on_the_clock_of_their_run(tmp_path, values):
    events = read_bids_ieeg_events(tmp_path, **FILM)
    assert events["run"].tolist() == ["ses-a_run-1"] * 2 + ["ses-a_run-2"] * 2
    np.testing.assert_allclose(events["onset"], [0.6, 1.35, 0.7, 1.45])
    stream = read_bids_ieeg(tmp_path, **FILM)
    table = events.assign(stimulus=events["trial_type"])
    found = na.readers.epoch(stream, table, start=-0.1, stop=0.2, width=0.1)
    assert found["stimulus"].values.tolist() == ["word", "cut"] * 2
    # 0.7 s of the second run is its sample 70.
    expected = values[1][[0, 2], 70:80].mean(axis=1)
    np.testing.assert_allclose(found.values[2, :, 1], expected, atol=1e-9)


def test_a_table_higher_up_holds_for_all_runs(tmp_path):
    for path in place(tmp_path).glob("*_events.tsv"):
        path.unlink()
    table(tmp_path / "task-film_events.tsv", ["onset", "duration"], [(0.5, 0)])
    events = read_bids_ieeg_events(tmp_path, **FILM)
    assert events["onset"].tolist() == [0.5, 0.5]
    assert events["run"].tolist() == ["ses-a_run-1", "ses-a_run-2"]


def edited(folder, ending, old, new):
    for path in sorted(place(folder).glob(f"*{ending}")):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def without(folder, ending):
    for path in place(folder).glob(f"*{ending}"):
        path.unlink()


def read(folder, **options):
    return read_bids_ieeg(folder, **{**FILM, **options})


SPACE = "sub-01_ses-a_space-MNI152NLin2009bSym"
DAMAGED = {
    "another folder": (
        lambda f: read(f / "no"),
        "Folder '/no' does not exist; give that of the dataset.",
    ),
    "another subject": (
        lambda f: read(f, subject="02"),
        "Folder '' has no subject '02'; subjects there (first: 'sub-01').",
    ),
    "another task": (
        lambda f: read(f, task="rest"),
        "Folder '/sub-01' has no file ieeg with task-rest (first: "
        "'sub-01_ses-a_task-film_run-1_ieeg.vhdr', 'sub-01_ses-a_task-film_run-2_ieeg.vhdr').",
    ),
    "another run": (
        lambda f: read(f, run="3"),
        "Run '3' of the task was not found; runs there (first: '1', '2').",
    ),
    "two formats of a run": (
        lambda f: ((place(f) / "sub-01_ses-a_task-film_run-1_ieeg.edf").touch(), read(f)),
        "Several files are of one run (first: 'sub-01_ses-a_task-film_run-1_ieeg.edf', "
        "'sub-01_ses-a_task-film_run-1_ieeg.vhdr'); say which by entities, as in entities={'res': "
        "'2'}, or keep one of them.",
    ),
    "another datatype": (
        lambda f: read(f, datatype="nirs"),
        "No datatype is called 'nirs'. Known: 'eeg', 'ieeg', 'meg'.",
    ),
    "no table of channels": (
        lambda f: (without(f, "_channels.tsv"), read(f)),
        "Recording 'sub-01_ses-a_task-film_run-1_ieeg.vhdr' has no channels.tsv that holds for it.",
    ),
    "channels without a type": (
        lambda f: (edited(f, "_channels.tsv", "type", "sort"), read(f)),
        "File '/sub-01/ses-a/ieeg/sub-01_ses-a_task-film_run-1_channels.tsv' has no column 'type'; "
        "it is no table of channels of BIDS.",
    ),
    "a channel twice": (
        lambda f: (edited(f, "_channels.tsv", "LA2", "LA1"), read(f)),
        "1 channels of '/sub-01/ses-a/ieeg/sub-01_ses-a_task-film_run-1_channels.tsv' are there "
        "twice (first: 'LA1').",
    ),
    "a channel that the file lacks": (
        lambda f: (edited(f, "_channels.tsv", "LB1", "LB9"), read(f)),
        "No channel is called 'LB9'. Did you mean 'LB1'?",
    ),
    "no good channel": (
        lambda f: (edited(f, "_channels.tsv", "good", "bad"), read(f)),
        "All 3 channels are marked as bad (first: 'LA1', 'LA2', 'LB1'); keep them with "
        "keep_bad=True.",
    ),
    "no coordinate system": (
        lambda f: (without(f, "_coordsystem.json"), read(f)),
        f"File '{SPACE}_electrodes.tsv' needs '{SPACE}_coordsystem.json' beside it, which says its "
        "space and units.",
    ),
    "a broken coordinate system": (
        lambda f: (edited(f, "_coordsystem.json", "{", ""), read(f)),
        f"File '/sub-01/ses-a/ieeg/{SPACE}_coordsystem.json' cannot be read as a JSON file of "
        "facts (JSONDecodeError: Extra data: line 1 column 23 (char 22)).",
    ),
    "coordinates in feet": (
        lambda f: (edited(f, "_coordsystem.json", '"m"', '"ft"'), read(f)),
        f"File '/sub-01/ses-a/ieeg/{SPACE}_coordsystem.json' gives coordinates in 'ft'; mm, cm, m "
        "are known.",
    ),
    "a place in words": (
        lambda f: (edited(f, "_electrodes.tsv", "0.012", "near"), read(f)),
        "1 electrodes have no number as x (first: 'LB1').",
    ),
    "an electrode twice": (
        lambda f: (edited(f, "_electrodes.tsv", "LC1", "LA1"), read(f)),
        f"1 electrodes of '/sub-01/ses-a/ieeg/{SPACE}_electrodes.tsv' are there twice (first: "
        "'LA1').",
    ),
    "electrodes of other names": (
        lambda f: (edited(f, "_electrodes.tsv", "L", "X"), read(f)),
        f"No channel has an electrode in '/sub-01/ses-a/ieeg/{SPACE}_electrodes.tsv': channels "
        "(first: 'LA1', 'LB1'), electrodes (first: 'XB1', 'XA1', 'XA2').",
    ),
    "electrodes in another encoding": (
        lambda f: (
            (place(f) / f"{SPACE}_electrodes.tsv").write_bytes(b"name\tx\ty\tz\nL\xff1\t1\t1\t1\n"),
            read(f),
        ),
        f"File '/sub-01/ses-a/ieeg/{SPACE}_electrodes.tsv' cannot be read as a table of electrodes "
        "(UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 1: invalid start "
        "byte).",
    ),
    "an unknown space": (
        lambda f: read(f, space="Talairach"),
        "No space of electrodes is called 'Talairach'. Known: 'MNI152NLin2009bSym'.",
    ),
    "an unknown column of regions": (
        lambda f: read(f, region="lobe"),
        f"No column of '{SPACE}_electrodes.tsv' is called 'lobe'. Known: 'anatomy', 'hemisphere', "
        "'size', 'x', 'y', 'z'.",
    ),
    "several spaces": (
        lambda f: (write_electrodes(place(f), "sub-01_ses-a", space="ACPC"), read(f)),
        "Electrodes of 'sub-01_ses-a_task-film_run-1_ieeg.vhdr' are given in 2 spaces (first: "
        "'ACPC', 'MNI152NLin2009bSym'); choose one, as in space='MNI152NLin2009bSym'.",
    ),
    "no events": (
        lambda f: (without(f, "_events.tsv"), read_bids_ieeg_events(f, **FILM)),
        "File 'sub-01_ses-a_task-film_run-1_ieeg.vhdr' has no events.tsv in '' that holds for it.",
    ),
}


@pytest.mark.parametrize("case", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_dataset_gives_one_sentence(case, tmp_path):
    process, sentence = case
    with pytest.raises(NeuroalignError) as caught:
        process(tmp_path)
    assert str(caught.value).replace(str(tmp_path), "") == sentence


def test_facts_that_are_a_list_are_refused(tmp_path):
    (place(tmp_path) / f"{SPACE}_coordsystem.json").write_text(json.dumps([1]))
    with pytest.raises(
        NeuroalignError, match=r"_coordsystem.json' holds a list, not facts by name\.$"
    ):
        read(tmp_path)
