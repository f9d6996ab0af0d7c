"""Streams on the command line: responses lag by the delays that were asked for."""

import json

import numpy as np
import pytest

import neuroalign as na

STORY = ["score", "word-rate", "simulated-story", "--against", "none", "--guards", "none"]


def test_delays_are_those_of_the_time_grid(run, tmp_path):
    code, _, err = run(*STORY, "--delays", "2,4", "--out", tmp_path)
    assert (code, err) == (0, "")
    scores = na.load_scores(tmp_path / "word-rate_simulated-story_ridge")
    step = na.features.TimeGrid(delays=(2, 4))
    assert json.loads(scores.attrs["provenance"])["features"] == [repr(step)]
    dataset, model = na.load_dataset("simulated-story"), na.load_model("word-rate")
    expected = na.score(model, dataset, features=step, guards=())
    np.testing.assert_allclose(scores.r, expected.r)
    usual = na.score(model, dataset, guards=())
    assert not np.allclose(usual.r, expected.r)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            [*STORY, "--delays", "soon"],
            "--delays 'soon' are no seconds; give numbers, as in --delays 0,0.1,0.2.",
        ),
        (
            [*STORY, "--delays", "0.3"],
            "delays=(0.3,) are not different multiples of the sampling period of 2 s; the nearest "
            "are (0.0,).",
        ),
    ],
)
def test_delays_that_cannot_be_are_refused(run, arguments, sentence):
    code, _, err = run(*arguments)
    assert (code, err) == (1, f"Error: {sentence}\n")


def test_stimuli_without_a_stream_have_no_delays(run):
    code, _, err = run("score", "pixels", "simulated-v4", "--against", "none", "--delays", "0")
    assert code == 1
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
