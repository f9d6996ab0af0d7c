"""The word-rate baseline: that there was a word, whichever it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.models.contexts import stimulus_texts
from neuroalign.models.protocol import chosen_layers, label_layer


class WordRateModel:
    """Number of words of a text: one layer, "word_rate", of one unit.

    It is 1 for each word of a story, so that summed over the samples of a recording it counts
    the words of each. Responses to language follow this rate whatever the words mean, so that a
    network of language has to beat it.
    """

    name = "word-rate"
    reads: str | None = "text"

    def __init__(self) -> None:
        self.layers = ["word_rate"]

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "word_rate" (stimulus, unit): words between spaces in each text."""
        labels = [str(label) for label in stimuli.index]
        for layer in chosen_layers(layers, self.layers, self.layers):
            counts = [len(text.split()) for text in stimulus_texts(stimuli, self.name)]
            values = np.array(counts, dtype=np.float32)[:, None]
            yield layer, label_layer(values, layer, labels, self.name)


def load() -> WordRateModel:
    """Make the word-rate baseline."""
    return WordRateModel()
