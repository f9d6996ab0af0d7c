"""Stories cut into passages: the right words with the right samples, and drifts taken out."""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError

PERIOD = 2.0


def story(signals, *, runs=("r",), discarded=0.0, words_at=None):
    """Make a dataset of streams, (samples, neuroids) each, and a word for every second."""
    n = len(next(iter(signals.values()))) // len(runs)
    recordings = {
        name: na.make_recording(
            np.array(values, dtype=float), ("sample", "neuroid"),
            subject=name, units="z", sampling_period=PERIOD, neuroid=range(np.shape(values)[1]),
            run=np.repeat(runs, n), onset=np.tile(discarded + PERIOD * np.arange(n), len(runs)),
        )
        for name, values in signals.items()
    }  # fmt: skip
    onsets = np.arange(0.5, n * PERIOD) if words_at is None else np.asarray(words_at)
    words = pd.DataFrame(
        {
            "text": [f"w{onset:g}" for onset in np.tile(onsets, len(runs))],
            "run": np.repeat(runs, len(onsets)),
            "onset": np.tile(onsets, len(runs)),
        }
    )
    return na.BrainDataset(recordings, words.set_axis([f"word{k}" for k in words.index]))


def test_a_passage_has_its_words_and_the_samples_that_follow_by_the_delay():
    values = np.random.default_rng(0).standard_normal((30, 2))
    cut = na.dispersion.passages(
        story({"ann": values}), seconds=6.0, delay=4.0, slowest=None, block=12.0
    )
    values = (values - values.mean(0)) / values.std(0)
    ann = cut.recordings["ann"]
    assert ann.dims == ("stimulus", "neuroid")
    assert ann.neuroid.values.tolist() == ["ann/0", "ann/1"]
    np.testing.assert_allclose(ann.sel(stimulus="r/0000"), values[2:5].mean(0))
    np.testing.assert_allclose(ann.sel(stimulus="r/0007"), values[23:26].mean(0))
    assert cut.stimuli.loc["r/0001", "text"] == "w6.5 w7.5 w8.5 w9.5 w10.5 w11.5"
    assert (cut.stimuli["n_words"] == 6).all()
    assert cut.stimuli["group"].tolist()[:5] == ["r/0000", "r/0000", "r/0001", "r/0001", "r/0002"]
    # The last, of 54 s, would need samples up to 64 s of 60.
    assert cut.stimuli.index.tolist() == [f"r/{number:04}" for number in range(9)]


def test_passages_do_not_go_on_from_one_run_to_the_next():
    values = np.random.default_rng(0).standard_normal((30, 2))
    cut = na.dispersion.passages(
        story({"ann": values}, runs=("a", "b")), seconds=8.0, delay=2.0, slowest=None
    )
    # 30 s a run: 0-8, 8-16 and 16-24 s, the responses 2 s later.
    assert cut.stimuli.index.tolist() == [
        "a/0000",
        "a/0001",
        "a/0002",
        "b/0000",
        "b/0001",
        "b/0002",
    ]
    assert cut.stimuli["group"].tolist() == ["a/0000"] * 3 + ["b/0000"] * 3
    for rows in (slice(0, 15), slice(15, 30)):
        values[rows] -= values[rows].mean(0)
    expected = (values / values.std(0))[15 + 1 : 15 + 5].mean(0)
    np.testing.assert_allclose(cut.recordings["ann"].sel(stimulus="b/0000"), expected)


def test_passages_without_words_or_before_the_first_volume_are_left_out():
    values = np.random.default_rng(0).standard_normal((30, 2))
    words_at = [7.0, 8.0, 20.0, 31.0]
    cut = na.dispersion.passages(
        story({"ann": values}, discarded=6.0, words_at=words_at), seconds=6.0, slowest=None
    )
    assert cut.stimuli["text"].tolist() == ["w7 w8", "w20", "w31"]
    assert cut.recordings["ann"].stimulus.values.tolist() == ["r/0001", "r/0003", "r/0005"]


@pytest.mark.parametrize(("period", "is_kept"), [(400.0, False), (150.0, False), (60.0, True)])
def test_what_is_slower_than_said_is_taken_out_and_no_more(period, is_kept):
    time = PERIOD * (np.arange(300) + 0.5)  # 600 s, of which the periods are even parts
    fast, wave = (np.cos(2 * np.pi * time / length) for length in (20, period))
    cut = na.dispersion.passages(story({"ann": 5 + np.c_[fast, fast + wave]}), seconds=2.0)
    first, second = cut.recordings["ann"].values.T
    expected = fast + is_kept * wave
    np.testing.assert_allclose(first, fast / fast.std(), atol=1e-8)
    np.testing.assert_allclose(second, expected / expected.std(), atol=1e-8)


def drifting(seed, n_people=6, n=300):
    """Make people whose slow drifts, and all else, have nothing to do with each other."""
    random = np.random.default_rng(seed)
    time = np.arange(n) / n
    people = {}
    for number in range(n_people):
        waves = np.cos(np.pi * np.outer(time, [1, 2, 3]) + random.uniform(0, 2 * np.pi, 3))
        people[f"p{number}"] = waves @ random.standard_normal((3, 4)) * 2 + random.standard_normal(
            (n, 4)
        )
    return people


def held_out(cut):
    found = na.dispersion.procrustes_dispersion(
        cut.recordings, stimuli=cut.stimuli, n_null=0, progress=False
    )
    return float(found.dispersion.mean() / (found.norm**2).mean())


def test_people_who_share_nothing_seem_to_agree_by_their_drifts_unless_these_are_out():
    with_drifts, without = [], []
    for seed in range(5):
        heard = story(drifting(seed))
        with_drifts.append(held_out(na.dispersion.passages(heard, slowest=None)))
        without.append(held_out(na.dispersion.passages(heard)))
    assert max(with_drifts) < 0.9
    error = np.std(without, ddof=1) / np.sqrt(5)
    assert abs(np.mean(without) - 1) < max(3 * error, 0.01)


def test_recordings_are_not_changed_and_read_when_they_are_asked_for():
    read = []
    given = story(drifting(0, n_people=2))
    before = {name: recording.copy(deep=True) for name, recording in given.recordings.items()}

    def reading(name):
        def read_now():
            read.append(name)
            return before[name]

        return read_now

    heard = na.BrainDataset({name: reading(name) for name in before}, given.stimuli)
    cut = na.dispersion.passages(heard)
    assert "p1" not in read
    assert np.isfinite(cut.recordings["p1"]).all()
    for name, recording in given.recordings.items():
        assert recording.identical(before[name])
        na.dispersion.passages(given)
        assert recording.identical(before[name])


def refused(dataset, **options):
    with pytest.raises(DataError) as error:
        na.dispersion.passages(dataset, **options)
    return str(error.value)


def test_what_cannot_be_cut_is_refused():
    values = np.random.default_rng(0).standard_normal((30, 2))
    heard = story({"ann": values})
    shown = na.make_dataset(values, {"text": [f"s{k}" for k in range(30)]}, units="z")
    assert refused(shown) == (
        "The stimuli have no text with an onset each; passages are of words in a stream."
    )
    values[3, 1] = np.nan
    assert refused(story({"ann": values})) == (
        "1 of 30 samples have a neuroid that is NaN; leave it out."
    )
    assert refused(heard, seconds=90.0) == (
        "seconds=90.0, delay=0.0, slowest=128.0 and block=60.0 were given; seconds and slowest are "
        "above 0, delay is not below, and block at least seconds."
    )
    with pytest.raises(DataError) as error:
        na.dispersion.procrustes_dispersion(
            {"a": heard.recordings["ann"], "b": heard.recordings["ann"]}
        )
    assert str(error.value) == (
        "System 'a' is a stream of samples, and dispersion is of stimuli; cut the story into "
        "passages by na.dispersion.passages(dataset)."
    )


@pytest.mark.usefixtures("real_data")
def test_twenty_seven_people_agree_on_a_tenth_of_a_story():
    people = [name for name in na.load_dataset("brennan2016").recordings if name != "s33"]
    heard = na.load_dataset("brennan2016", subjects=people)
    cut = na.dispersion.passages(heard, delay=4.0)
    assert len(cut.stimuli) == 120
    assert held_out(cut) == pytest.approx(0.895, abs=0.002)
    random = np.random.default_rng(0)
    moved = {
        name: recording.roll(sample=int(random.integers(30, 330)))
        for name, recording in heard.recordings.items()
    }
    moved = na.BrainDataset(moved, heard.stimuli)
    assert held_out(na.dispersion.passages(moved, delay=4.0)) > 0.95
    assert held_out(na.dispersion.passages(moved, delay=4.0, slowest=None)) < 0.87
