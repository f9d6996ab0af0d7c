"""Baselines of language: that there was a word, how long it was, and how common it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import MissingPackageError, unknown_name
from neuroalign.models.contexts import stimulus_texts
from neuroalign.models.protocol import chosen_layers, label_layer


class WordModel:
    """A number of each text, whatever the text means: one layer of one unit.

    Responses to language follow the rate, the length and the frequency of words, so that a
    network of language has to beat them.

    Parameters
    ----------
    name, layer : str
    measure : callable
        From the words of a text to a number.
    """

    reads: str | None = "text"

    def __init__(self, name: str, layer: str, measure: Callable[[list[str]], float]) -> None:
        self.name = name
        self.layers = [layer]
        self._measure = measure

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer (stimulus, unit), float32; words stand between spaces."""
        texts = stimulus_texts(stimuli, self.name)
        labels = [str(label) for label in stimuli.index]
        for layer in chosen_layers(layers, self.layers, self.layers):
            numbers = [self._measure(text.split()) for text in texts]
            values = np.array(numbers, dtype=np.float32)[:, None]
            yield layer, label_layer(values, layer, labels, self.name)


def load() -> WordModel:
    """Make the word-rate baseline, the number of words of a text.

    It is 1 for each word of a story, so that summed over the samples of a recording it counts
    the words of each.
    """
    return WordModel("word-rate", "word_rate", len)


def load_length() -> WordModel:
    """Make the word-length baseline, the letters and digits of a text; accents add none."""
    return WordModel("word-length", "word_length", _n_letters)


def load_frequency(*, language: str = "en") -> WordModel:
    """Make the word-frequency baseline, the mean Zipf value of the words of a text.

    Parameters
    ----------
    language : str
        As wordfreq calls it, such as "en", "de" or "zh".

    Returns
    -------
    WordModel
        A Zipf value is the logarithm, to base 10, of how often a word occurs in a billion; 0 for
        words that are rarer than that, or unknown.

    Raises
    ------
    MissingPackageError
        If the package wordfreq is not installed.

    References
    ----------
    van Heuven et al. (2014), doi:10.1080/17470218.2013.850521; Speer (2022),
    doi:10.5281/zenodo.7199437.
    """
    try:
        from wordfreq import available_languages, zipf_frequency
    except ModuleNotFoundError as error:
        message = "Model 'word-frequency' needs wordfreq; run pip install 'neuroalign[words]'."
        raise MissingPackageError(message) from error
    if language not in (known := available_languages()):
        raise unknown_name(language, sorted(known), kind="language of wordfreq")

    def mean_zipf(words: list[str]) -> float:
        return float(np.mean([zipf_frequency(word, language) for word in words]))

    return WordModel("word-frequency", "word_frequency", mean_zipf)


def _n_letters(words: list[str]) -> int:
    # Composed, a letter and its accent are one; in "C" forms of scripts that have them.
    composed = unicodedata.normalize("NFC", "".join(words))
    return sum(letter.isalnum() for letter in composed)
