"""The word-rate baseline: one for a word, and the number of words for a sentence."""

import re

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.testing import check_model


def show(*texts):
    return pd.DataFrame({"text": texts}, index=[f"w{number}" for number in range(len(texts))])


def rates(*texts):
    ((layer, values),) = na.load_model("word-rate").activations(show(*texts))
    assert layer == "word_rate"
    assert (values.dims, values.dtype) == (("stimulus", "unit"), np.float32)
    return values


def test_each_word_counts_one():
    values = rates("the", "cat", "isn't", "'t", "well-known", "end.", "the")
    np.testing.assert_array_equal(values.values, np.ones((7, 1)))


def test_a_sentence_counts_its_words():
    values = rates("A cat sat.", "  Two\n words ", "one")
    assert list(values["stimulus"].values) == ["w0", "w1", "w2"]
    assert values.values[:, 0].tolist() == [3, 2, 1]


def test_the_word_rate_keeps_what_a_model_promises():
    check_model(na.load_model("word-rate"), show("one", "two words", "three"))


def test_an_unknown_layer_is_refused():
    sentence = "No layer is called 'pixels'. Known: 'word_rate'."
    with pytest.raises(UnknownNameError, match=f"^{re.escape(sentence)}$"):
        list(na.load_model("word-rate").activations(show("one"), layers=["pixels"]))


@pytest.mark.parametrize(
    ("stimuli", "sentence"),
    [
        (show(), "Model 'word-rate' was given no stimuli."),
        (
            show("a", " "),
            "The text of stimulus 'w1' is ' '; give it one that can be read, or leave the stimulus "
            "out.",
        ),
    ],
)
def test_texts_that_are_not_there_are_refused(stimuli, sentence):
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        list(na.load_model("word-rate").activations(stimuli))
