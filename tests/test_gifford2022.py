"""Gifford et al. (2022): voltages around images, by person, session, run, channel and moment."""

import numpy as np
import pytest
from miniatures import gifford2022 as miniature
from study_files import files_in, load_from

from neuroalign.data.catalog import dataset_module
from neuroalign.data.schema import in_memory
from neuroalign.errors import DownloadError, NeuroalignError

ADAPTER = dataset_module("gifford2022")[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gifford2022")
    miniature.write(folder)
    return folder


@pytest.fixture
def files(folder):
    return files_in(folder, "gifford2022")


def shown(part):
    """Return session, run, onset and label of each image in the order of time."""
    return [
        (session, run, miniature.FIRST + place * miniature.APART, f"{part}{image:05}")
        for session in miniature.SESSIONS
        for run in miniature.RUNS
        if run.startswith(f"task-{part}")
        for place, image in enumerate(miniature.images(run))
        if image is not None
    ]


def expected(subject, session, run, channel, start, stop):
    """Return the mean voltage of a channel over a stretch of a run."""
    first, last = (round(miniature.RATE * moment) for moment in (start, stop))
    return miniature.voltage(subject, session, run, channel)[first:last].mean()


@pytest.mark.parametrize("part", ["test", "train"])
@pytest.mark.parametrize("subject", ["01", "10"])
def test_voltages_are_those_of_the_run_the_channel_and_the_moment(part, subject, files):
    options = {"part": part, "window": (-0.1, 0.3), "width": 0.2, "baseline": None}
    recording = ADAPTER.load(files, subjects=[subject], **options).recordings[subject]
    rows = shown(part)
    assert recording.dims == ("showing", "neuroid", "time")
    assert recording["stimulus"].values.tolist() == [label for *_, label in rows]
    assert recording["neuroid"].values.tolist() == [f"{subject}/{c}" for c in miniature.CHANNELS]
    np.testing.assert_allclose(recording["time"], [0, 0.2], atol=1e-12)
    means = [
        [
            [expected(subject, session, run, c, onset + a, onset + a + 0.2) for a in (-0.1, 0.1)]
            for c in range(len(miniature.CHANNELS))
        ]
        for session, run, onset, _ in rows
    ]
    np.testing.assert_allclose(recording, means, atol=miniature.STEP)
    assert recording.attrs["units"] == "uV"


def test_the_mean_before_the_image_is_subtracted(files):
    recording = ADAPTER.load(files, subjects=["02"]).recordings["02"]
    assert recording.sizes["time"] == 80
    for row, (session, run, onset, _) in enumerate(shown("test")):
        where = ("02", session, run, 1)
        mean = expected(*where, onset + 0.79, onset + 0.8) - expected(*where, onset - 0.2, onset)
        np.testing.assert_allclose(recording[row, 1, -1], mean, atol=2 * miniature.STEP)


def test_images_of_all_subjects_are_one_table_grouped_by_category(files):
    stimuli = ADAPTER.load(files).stimuli
    assert stimuli.index.tolist() == ["test00001", "test00002", "test00200"]
    assert stimuli["category"].tolist() == [*miniature.CATEGORIES.values()]
    stimuli = ADAPTER.load(files, part="train").stimuli
    named = [3, 11, 12, 13, 14, 15, 16540]
    assert stimuli.index.tolist() == [f"train{number:05}" for number in named]
    assert stimuli["group"].tolist() == [
        "00001_thing", *["00002_thing"] * 5, "01654_thing",
    ]  # fmt: skip


def test_images_whose_window_leaves_the_run_are_left_out(files):
    recording = ADAPTER.load(files, subjects=["01"], window=(0, 1.8), width=0.3).recordings["01"]
    assert "test00001" in recording.attrs["events_left_out"]
    assert recording.sizes["showing"] == 3 * len(miniature.SESSIONS)


def test_voltages_stay_in_their_files_until_they_are_asked_for(files):
    assert not in_memory(ADAPTER.load(files, subjects=["01"]).recordings["01"])


def test_only_the_files_of_the_part_and_the_subjects_are_needed(folder, tmp_path):
    (tmp_path / "sub-03").symlink_to(folder / "sub-03")
    files = files_in(tmp_path, "gifford2022")
    assert ADAPTER.load(files, subjects=["03"]).subjects == ["03"]
    with pytest.raises(DownloadError, match="sub-01"):
        ADAPTER.load(files)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "tests"}, "'tests' is not one of test, train"),
        ({"subjects": ["11"]}, "Subjects 11 are not of 01, 02"),
        ({"subjects": ["01", "11"]}, "'11'"),
    ],
)
def test_what_is_not_there_is_refused(options, message, folder, monkeypatch):
    with pytest.raises(NeuroalignError, match=message):
        load_from(folder, "gifford2022", monkeypatch, **options)
