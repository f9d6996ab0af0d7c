"""Brennan et al. (2016): a story, its words on the clock of the scan, and one silent subject."""

import re
from functools import cache
from math import gamma

import numpy as np
import pandas as pd
import pytest
from miniatures import brennan2016 as miniature
from study_files import files_in

import neuroalign as na
from neuroalign.ceilings import inter_subject
from neuroalign.data.catalog import dataset_module
from neuroalign.data.download import DataFiles
from neuroalign.errors import DataError
from neuroalign.testing import check_dataset

ADAPTER = dataset_module("brennan2016")[1]
ROIS = ["LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"]


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "brennan2016")


def test_words_begin_20_seconds_before_their_time_in_the_scan(files):
    words = ADAPTER.load(files).stimuli
    assert words["text"].tolist() == ["Alice", "was", "I", "n't", 'say "Oh"', "cake"]
    assert words["onset"].tolist() == [0.5, 1.0, 3.0, 4.5, 5.0, 78.0]
    assert words["duration"].tolist() == [0.5, 0.25, 0.5, 0.5, 2.5, 1.5]
    assert words.index.tolist() == [f"word{number:04}" for number in range(6)]
    assert set(words["run"]) == {"alice"}


def test_another_tier_before_the_words_changes_nothing(files):
    before = ADAPTER.load(files).stimuli
    path = files[ADAPTER.WORDS]
    head, begin, tier = path.read_text().partition("    item [1]:")
    phones = begin + tier.replace('"word"', '"phone"').replace('"Alice"', '"AE1"')
    words = tier.join([begin.replace("1", "2"), ""])
    path.write_text(head.replace("size = 1", "size = 2") + phones + words)
    assert na.readers.read_textgrid(path)["text"].tolist().count("AE1") == 1
    assert ADAPTER.load(files).stimuli.equals(before)


@pytest.mark.parametrize("radius", [6, 10, "6"])
def test_signals_are_those_of_the_file(radius, files):
    recording = ADAPTER.load(files, radius=radius).recordings["s53"]
    given = np.loadtxt(files[f"alice_data_shared/{radius}mm/s53-timecourses.txt"])
    np.testing.assert_array_equal(recording.values, given)
    assert recording["neuroid"].values.tolist() == [f"s53/{roi}" for roi in ROIS]
    assert recording["onset"].values[:3].tolist() == [0.0, 2.0, 4.0]


def test_all_subjects_have_the_same_samples_and_places(files):
    dataset = ADAPTER.load(files)
    samples = {tuple(r["sample"].values) for r in dataset.recordings.values()}
    assert len(dataset.subjects) == 28
    assert samples == {tuple(f"alice/{number:07}" for number in range(miniature.N_VOLUMES))}
    assert {r.attrs["neuroids"] for r in dataset.recordings.values()} == {"shared"}


@pytest.mark.parametrize("pooled", [False, True])
def test_published_predictors_are_those_of_the_volumes_that_were_kept(pooled, files):
    dataset = ADAPTER.load(files, pooled=pooled, predictors=True)
    recording = dataset.recordings["pooled" if pooled else "s18"]
    assert recording["rate_conv"].dims == ("sample",)
    np.testing.assert_allclose(recording["rate_conv"][:2], [10.0, 11.0])
    np.testing.assert_allclose(recording["trigrampos_conv_orth"][:2], [10.11, 11.11])


def test_predictors_of_another_file_are_refused(files):
    np.savetxt(files[ADAPTER.PREDICTORS], np.ones((50, 11)))
    dataset = ADAPTER.load(files, predictors=True)
    message = (
        "Recording of subject 's18' could not be loaded: alice_data_shared/sept18-generic-"
        "predictors-under-hrf-with-logfrqhal.txt has 11 columns, not 12."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        dataset.recordings["s18"]


def test_pooled_people_are_the_repetitions_of_one_recording(files):
    alone = ADAPTER.load(files)
    varying = [
        na.zscore(recording) for recording in alone.recordings.values()
        if (recording.std("sample") > 0).all()
    ]  # fmt: skip
    pooled = ADAPTER.load(files, pooled=True).recordings["pooled"]
    assert pooled.dims == ("repetition", "sample", "neuroid")
    assert pooled.sizes["repetition"] == len(varying) < len(alone.subjects)
    expected = np.mean([person.values for person in varying], axis=0)
    np.testing.assert_allclose(na.average_repetitions(pooled), expected, atol=1e-12)


def test_only_the_files_that_are_needed_are_taken(files, monkeypatch):
    taken = []
    find = DataFiles.__getitem__
    monkeypatch.setattr(DataFiles, "__getitem__", lambda s, n: taken.append(n) or find(s, n))
    ADAPTER.load(files).recordings["s24"].load()
    assert taken == [
        "alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid",
        "alice_data_shared/6mm/s24-timecourses.txt",
    ]


def test_another_radius_is_refused():
    message = "Dataset 'brennan2016' could not be loaded: Radius 8 is not 6 or 10 (mm)."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        na.load_dataset("brennan2016", radius=8)


def test_the_silent_subject_is_delivered_and_only_its_fault_is_known(files):
    dataset = ADAPTER.load(files).named("brennan2016", ADAPTER.CARD)
    assert (dataset.recordings["s33"] == 0).all()
    check_dataset(dataset)
    dataset.recordings["s18"][:, 0] = 3
    with pytest.raises(DataError, match="subject 's18': 1 neuroids have a constant response"):
        check_dataset(dataset)


def test_the_notes_of_the_card_are_shown_with_the_dataset(files):
    last = repr(ADAPTER.load(files).named("brennan2016", ADAPTER.CARD)).splitlines()[-1]
    assert last == f"  notes     {ADAPTER.CARD.notes}"


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("radius", [6, 10])
def test_the_original_signals_have_their_shape_and_one_silent_subject(radius):
    dataset = na.load_dataset("brennan2016", radius=radius)
    recordings = dict(dataset.recordings)
    assert len(recordings) == 28
    assert {recording.shape for recording in recordings.values()} == {(362, 6)}
    spread = {subject: recording.std("sample") for subject, recording in recordings.items()}
    assert [subject for subject, sd in spread.items() if (sd == 0).any()] == ["s33"]
    check_dataset(dataset)


@pytest.mark.usefixtures("real_data")
def test_the_original_words_lie_within_the_volumes_that_were_kept():
    words = na.load_dataset("brennan2016").stimuli
    assert len(words) == 2127
    assert words["text"].tolist()[:3] == ["Alice", "was", "beginning"]
    assert 0 < words["onset"].min() < 0.06
    assert 723 < (words["onset"] + words["duration"]).max() < 724


@pytest.mark.usefixtures("real_data")
def test_subjects_agree_on_the_story_as_much_as_was_measured():
    recordings = dict(na.load_dataset("brennan2016").recordings)
    one = pd.Series(0, index=recordings["s18"]["sample"].values)
    ceiling = inter_subject(recordings, parts=one).values
    ceiling = ceiling.assign_coords(roi=("neuroid", ROIS * 28))
    assert ceiling["neuroid"][ceiling.isnull()].values.tolist() == [f"s33/{roi}" for roi in ROIS]
    means = ceiling.groupby("roi").mean().sel(roi=ROIS).values
    np.testing.assert_allclose(means, [0.306, 0.197, 0.384, 0.276, 0.222, 0.139], atol=1e-3)


@cache
def group_mean():
    """Average the standardized signals of the 27 subjects who have any."""
    dataset = na.load_dataset("brennan2016")
    signals = [na.zscore(r, by="run").values for s, r in dataset.recordings.items() if s != "s33"]
    assert len(signals) == 27
    return np.mean(signals, 0)


def correlate(predictor, signals):
    return np.array([np.corrcoef(predictor, column)[0, 1] for column in signals.T])


def word_rate(later=0.0):
    """Sum a hemodynamic response (Friston et al. 1998) from the onset of every word."""
    dataset = na.load_dataset("brennan2016")
    onsets = dataset.stimuli["onset"].to_numpy() + later
    since = np.maximum(dataset.recordings["s18"]["onset"].values[:, None] - onsets, 0)
    response = since**5 / gamma(6) - since**15 / gamma(16) / 6
    return (response * np.exp(-since)).sum(1)


def published_rate(folder):
    name = "sept18-generic-predictors-under-hrf-with-logfrqhal.txt"
    return np.loadtxt(folder / "brennan2016" / "alice_data_shared" / name)[:, 0]


def test_the_published_word_rate_fits_without_its_first_ten_volumes(real_data):
    rate, signals = published_rate(real_data), group_mean()
    assert len(rate) == len(signals) + 10
    expected = [0.30, 0.33, 0.35, 0.36, 0.38, 0.36]
    np.testing.assert_allclose(correlate(rate[10:], signals), expected, atol=0.006)
    early = correlate(rate[:-10], signals)
    assert abs(early.mean()) < 0.05
    assert np.abs(early).max() < 0.2


def test_the_rate_of_the_words_fits_as_the_published_one(real_data):
    rate = word_rate()
    published = published_rate(real_data)[10:]
    assert np.corrcoef(rate, published)[0, 1] > 0.97
    found, expected = correlate(rate, group_mean()), correlate(published, group_mean())
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert (found > 0.3).all()


@pytest.mark.usefixtures("real_data")
def test_words_on_the_clock_of_the_scan_do_not_fit():
    found = correlate(word_rate(later=20.0), group_mean())
    assert abs(found.mean()) < 0.05
    assert np.abs(found).max() < 0.2


@pytest.mark.usefixtures("real_data")
def test_words_that_are_20_seconds_too_early_do_not_fit():
    assert (correlate(word_rate(later=-20.0), group_mean()) < 0).all()
