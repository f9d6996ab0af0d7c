"""What is no table of stimuli is refused by every model in the same words."""

import re

import numpy as np
import pandas as pd
import pytest
from tiny_language import gpt2, word_pieces

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.models.cache import cached
from neuroalign.models.text import TextModel

READS = {
    "content-free": "column",
    "gabor": "image",
    "motion-energy": "video",
    "pixels": "image",
    "random-features": "column",
    "spectrogram": "audio",
    "word-length": "text",
    "word-rate": "text",
}


def refused(model, kind, given):
    sentence = (
        f"Model {model!r} was given stimuli as a {given}; give a DataFrame with a row for each "
        f"stimulus, as in pd.DataFrame({{{kind!r}: values}}, index=labels)."
    )
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("stimuli", [["a"], np.ones((2, 3)), pd.Series(["a"]), None])
def test_a_baseline_asks_for_a_table(name, stimuli):
    with refused(name, READS[name], type(stimuli).__name__):
        list(na.load_model(name).activations(stimuli))


def test_word_vectors_ask_for_a_table(tmp_path):
    path = tmp_path / "w.txt"
    path.write_text("the 1 2\n")
    with refused(f"static:{path}", "text", "list"):
        list(na.load_model(f"static:{path}").activations(["the"]))


def test_a_language_network_asks_for_a_table_and_so_does_its_cache(tmp_path):
    model = TextModel(gpt2(), word_pieces(), name="tiny")
    for one in (model, cached(model, folder=tmp_path)):
        with refused("tiny", "text", "list"):
            list(one.activations(["the cat"]))
