"""Baselines of words: how many there are, how long they are, and how common."""

import re
import sys

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError, MissingPackageError, UnknownNameError
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


def numbers(model, *texts):
    ((_, values),) = model.activations(show(*texts))
    return values.values[:, 0].tolist()


def test_the_length_counts_letters_and_digits_of_all_words():
    composed, parted = "caf\u00e9", "cafe\u0301"  # an accent of its own is no letter
    texts = ["cat", "isn't", "A cat sat.", "42nd", composed, parted, "---", "\u8c93"]
    assert numbers(na.load_model("word-length"), *texts) == [3, 4, 7, 4, 4, 4, 0, 1]


def test_word_length_keeps_what_a_model_promises():
    check_model(na.load_model("word-length"), show("one", "two words", "three"))


def test_the_frequency_is_the_mean_zipf_value_of_the_words():
    wordfreq = pytest.importorskip("wordfreq", reason="the extra [words] is not installed")
    model = na.load_model("word-frequency")
    the, cat, rare = numbers(model, "the", "cat", "xqzzj")
    assert the > 7 > cat > 4 > rare == 0
    (sentence,) = numbers(model, "The cat.")
    assert sentence == pytest.approx((the + cat) / 2)
    assert the == pytest.approx(wordfreq.zipf_frequency("the", "en"))
    (german,) = numbers(na.load_model("word-frequency", language="de"), "und")
    assert german > 7
    check_model(model, show("one", "two words", "three"))


def test_an_unknown_language_is_refused():
    pytest.importorskip("wordfreq", reason="the extra [words] is not installed")
    with pytest.raises(UnknownNameError, match=r"^No language of wordfreq is called 'klingon'\."):
        na.load_model("word-frequency", language="klingon")


def test_a_missing_package_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    with pytest.raises(MissingPackageError) as error:
        na.load_model("word-frequency")
    assert str(error.value) == (
        "Model 'word-frequency' needs wordfreq; run pip install 'neuroalign[words]'."
    )
