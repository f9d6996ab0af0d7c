"""LeBel et al. (2023): volumes and words are on the clock of their story."""

import re
from functools import partial

import h5py
import numpy as np
import pandas as pd
import pytest
from miniatures import lebel2023 as miniature
from study_files import load_in, refused

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, DownloadError
from neuroalign.testing import check_dataset

SOME = {"subjects": ["UTS02"], "stories": ("souls", "avatar")}


@pytest.fixture
def folder(tmp_path):
    miniature.write(tmp_path)
    return tmp_path


@pytest.fixture
def load(folder):
    return partial(load_in, folder, "lebel2023")


def test_every_response_is_that_of_its_story_volume_and_voxel(load):
    recording = load(subjects=["UTS07"]).recordings["UTS07"]
    values = recording.values
    for number, (run, onset) in enumerate(
        zip(recording.run.values, recording.onset.values, strict=True)
    ):
        volume = onset / 2
        wanted = miniature.code("UTS07", run, volume, np.arange(3))
        if volume < miniature.LOST:
            assert np.isnan(values[number]).all()
        else:
            assert values[number].tolist() == wanted.tolist()


def test_the_clock_begins_with_the_sound_and_volumes_that_were_cut_are_missing(load):
    recording = load(**SOME).recordings["UTS02"]
    story = recording[recording.run.values == "avatar"]
    assert story.onset.values.tolist() == [
        2.0 * n for n in range(5 + miniature.n_volumes("avatar"))
    ]
    assert np.isnan(story.values).all(axis=1).tolist() == [True] * 5 + [False] * 22
    assert recording.sampling_period == 2.0


def test_words_are_those_of_the_second_tier_without_marks_of_noises(load):
    words = load(**SOME).stimuli
    story = words[words["run"] == "souls"]
    assert story["text"].tolist() == ["I", "n't", 'say "Oh"', "told", "you"]
    assert story["onset"].tolist() == [0.5, 3.0, 9.9, 11.0, 34.0]
    np.testing.assert_allclose(story["duration"], [0.5, 0.5, 0.6, 9.0, 1.0])
    assert story.index[0] == "souls/0000"


def test_words_before_the_first_volume_that_was_kept_are_there(load):
    dataset = load(**SOME)
    check_dataset(dataset)
    assert (dataset.stimuli["onset"] < 10).any()


def test_words_after_the_last_volume_are_left_out(load, folder):
    path = folder / "derivative" / "TextGrids" / "souls.TextGrid"
    end = 2.0 * (5 + miniature.n_volumes("souls"))
    path.write_text(miniature.textgrid([(end - 0.1, end, "last"), (end, end + 1, "late")]))
    words = load(**SOME).stimuli
    assert words[words["run"] == "souls"]["text"].tolist() == ["last"]


def test_repeats_of_the_story_average_to_its_responses(load):
    dataset = load(subjects=["UTS01", "UTS05"], repeats=True)
    assert set(dataset.stimuli["run"]) == {miniature.REPEATED}
    for subject, count in (("UTS01", 10), ("UTS05", 5)):
        recording = dataset.recordings[subject]
        assert recording.dims == ("repetition", "sample", "neuroid")
        assert recording.sizes["repetition"] == count
        average = recording.mean("repetition").values[5:]
        volumes = 5 + np.arange(len(average))[:, None]
        wanted = miniature.code(subject, miniature.REPEATED, volumes, np.arange(3))
        np.testing.assert_allclose(average, wanted)


def test_stories_may_be_chosen_in_any_order(load):
    one = load(subjects=["UTS02"], stories=("avatar", "souls")).recordings["UTS02"]
    two = load(**SOME).recordings["UTS02"]
    assert one.sel(sample=two.sample).identical(two)


def test_volumes_stay_in_their_files(load):
    recording = load(**SOME).recordings["UTS02"]
    assert not in_memory(recording)
    kept = recording.isel(neuroid=[1])
    assert kept.values[5].item() == miniature.code("UTS02", "souls", 5, 1)


def test_word_rate_is_scored_beside_volumes_that_were_cut(load):
    dataset = load(subjects=["UTS02"], stories=("souls", "avatar", "legacy", "naked", "life"))
    layer = pd.DataFrame({"rate": 1.0}, index=dataset.stimuli.index)
    scores = na.score({"word rate": layer}, dataset, folds=na.folds.ContiguousKFold(3))
    assert scores.sizes["neuroid"] == 3


def test_a_story_that_is_not_there_is_named(load, folder):
    path = folder / "derivative" / "preprocessed_data" / "UTS02" / "avatar.hf5"
    path.unlink()
    with pytest.raises(DownloadError, match=re.escape(f" and put at {path}.")):
        load(**SOME)


def test_a_file_without_responses_is_refused(load, folder):
    path = folder / "derivative" / "preprocessed_data" / "UTS02" / "souls.hf5"
    with h5py.File(path, "w") as file:
        file["resp"] = np.ones((20, 3))
    with refused(f"File '{path}' has no array 'data' (first: 'resp').", DataError):
        load(**SOME)


def test_stories_of_other_voxels_are_refused(load, folder):
    path = folder / "derivative" / "preprocessed_data" / "UTS02" / "avatar.hf5"
    with h5py.File(path, "w") as file:
        file["data"] = np.ones((20, 4))
    first = path.with_name("souls.hf5")
    message = (
        f"File '{path}' has 4 neuroids, but '{first}' has 3; read files of one subject together."
    )
    with refused(message, DataError):
        load(**SOME)


def test_a_file_that_is_cut_short_is_refused(load, folder):
    path = folder / "derivative" / "preprocessed_data" / "UTS02" / "avatar.hf5"
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(DataError, match=r"^File '.*avatar\.hf5' cannot be read as an HDF5 file"):
        load(**SOME)


def test_a_textgrid_without_words_is_refused(load, folder):
    path = folder / "derivative" / "TextGrids" / "souls.TextGrid"
    path.write_text(miniature.textgrid(tiers=("phone",)))
    with refused(f"TextGrid '{path}' has no tier 1, from 0; its tiers: phone.", DataError):
        load(**SOME)


def test_a_textgrid_that_is_cut_short_before_its_words_is_refused(load, folder):
    path = folder / "derivative" / "TextGrids" / "souls.TextGrid"
    text = path.read_text()
    path.write_text(text[: text.index('name = "word"')])
    message = (
        f"TextGrid '{path}' ends after 46 values, where a text should follow; it is cut short."
    )
    with refused(message, DataError):
        load(**SOME)
