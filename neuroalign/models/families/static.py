"""Static word embeddings: a word has one vector, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.models.contexts import stimulus_texts
from neuroalign.models.families.static_files import WordVectors, read_vectors
from neuroalign.models.protocol import chosen_layers, label_layer

LAYER = "words"
UNKNOWN = ("refuse", "skip", "zeros")
# Letters and digits, with the apostrophes and hyphens within a word.
WORDS = re.compile(r"\w+(?:['\u2019-]\w+)*")
Split = Callable[[str], list[str]]


class StaticModel:
    """Yield the mean of the vectors of a text's words: one layer, "words".

    A word is looked up as it is written, then in small letters. Of a vocabulary of subwords the
    tokenizer that belongs to it makes the words.

    Parameters
    ----------
    vectors : WordVectors
    name : str
    unknown : {"refuse", "skip", "zeros"}
        What to do with words without a vector: refuse them, leave them out of the mean (a text
        without any other is refused), or count them as zeros.
    """

    reads: str | None = "text"

    def __init__(self, vectors: WordVectors, *, name: str, unknown: str = "refuse") -> None:
        if unknown not in UNKNOWN:
            raise unknown_name(unknown, UNKNOWN, kind="treatment of unknown words")
        self.name, self.layers = name, [LAYER]
        self._vectors, self._unknown = vectors, unknown

    def fingerprint(self) -> str:
        """Return the sha256 of words and vectors, which the provenance records."""
        return self._vectors.fingerprint()

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "words" (stimulus, unit), float32.

        Parameters
        ----------
        stimuli : DataFrame
            With a column "text".
        layers : sequence of str, optional
        """
        texts = stimulus_texts(stimuli, self.name)
        labels = [str(label) for label in stimuli.index]
        for layer in chosen_layers(layers, self.layers, self.layers):
            rows = self._rows(texts)
            empty = [label for label, row in zip(labels, rows, strict=True) if not row]
            if empty:
                message = (
                    f"{len(empty)} texts have no word that model {self.name!r} knows "
                    f"{name_some(empty)}; leave them out, or give unknown='zeros'."
                )
                raise DataError(message)
            means = [self._vectors.mean(row) for row in rows]
            yield layer, label_layer(np.stack(means), layer, labels, self.name)

    def _rows(self, texts: list[str]) -> list[list[int]]:
        """Find the rows of the words of each text; -1 is a word without a vector."""
        split = self._vectors.split or WORDS.findall
        found = {text: [self._vectors.row(word) for word in split(text)] for text in set(texts)}
        if self._unknown == "zeros":
            return [found[text] or [-1] for text in texts]
        strange = {
            word
            for text in found
            for word, row in zip(split(text), found[text], strict=True)
            if row < 0
        }
        if strange and self._unknown == "refuse":
            message = (
                f"{len(strange)} words have no vector in model {self.name!r} "
                f"{name_some(sorted(strange))}; give unknown='skip' to leave them out of the mean "
                "of their text, or unknown='zeros'."
            )
            raise DataError(message)
        return [[row for row in found[text] if row >= 0] for text in texts]


def load(
    name: str, *, untrained: bool = False, seed: int = 0, unknown: str = "refuse"
) -> StaticModel:
    """Load word vectors.

    Parameters
    ----------
    name : str
        A file: ".txt" or ".vec", a word and its numbers on each line, with or without a first
        line of counts (word2vec, GloVe, fastText); ".npz" with the arrays `words` and `vectors`;
        or ".safetensors" with one matrix, beside a tokenizer ("tokenizer.json"). Or "wordllama",
        the vectors of the package of that name.
    untrained : bool
        Random vectors of the same words, with the mean and deviation of each unit: the twin that
        trained vectors must beat.
    seed : int
        Of the random vectors.
    unknown : {"refuse", "skip", "zeros"}
        See `StaticModel`.

    Returns
    -------
    StaticModel
    """
    full = f"static:{name}"
    vectors = read_vectors(name, full)
    if untrained:
        vectors = vectors.random(seed)
    model = StaticModel(vectors, name=f"{full}-untrained" if untrained else full, unknown=unknown)
    vars(model)["origin"] = {
        "name": full,
        "checkpoint": f"none: random under seed {seed}" if untrained else str(Path(name)),
        "revision": None,
    }
    return model
