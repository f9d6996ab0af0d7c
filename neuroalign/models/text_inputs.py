"""From a table of stimuli to what a language network reads for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from neuroalign.errors import DataError
from neuroalign.models.contexts import passages, stimulus_texts, window_start
from neuroalign.models.tokens import TextInput, TextReader


@dataclass(frozen=True)
class InputRules:
    """How inputs are made of texts.

    Parameters
    ----------
    reader : TextReader
    most : int or None
        Texts of an input at most; see `most_texts`.
    stride : int
        By how many texts windows move.
    longest : float
        Tokens of an input at most, as far as the network goes.
    reserved : int
        Of them kept free, for tokens to be written.
    model : str
        Name of the model, for messages.
    """

    reader: TextReader
    most: int | None
    stride: int
    longest: float
    reserved: int
    model: str

    def inputs(self, stimuli: pd.DataFrame) -> list[TextInput]:
        """Return the input of each row; one that is too long loses its oldest texts."""
        texts = stimulus_texts(stimuli, self.model)
        parts = [[row] for row in range(len(texts))] if self.most == 1 else passages(stimuli)
        inputs: dict[int, TextInput] = {}
        for rows in parts:
            passage, start = [texts[row] for row in rows], 0
            for number, row in enumerate(rows):
                start = max(start, window_start(number, self.most, self.stride))
                one = self.reader.read(passage[start : number + 1])
                while len(one.numbers) > self._room and start < number:
                    start += 1
                    one = self.reader.read(passage[start : number + 1])
                self._check(one, str(stimuli.index[row]), texts[row])
                inputs[row] = one
        return [inputs[row] for row in range(len(texts))]

    @property
    def _room(self) -> float:
        return self.longest - self.reserved

    def _check(self, one: TextInput, label: str, text: str) -> None:
        if len(one.numbers) > self._room:
            prompt = " with the prompt" if self.reader.prompt else ""
            beside = f" beside {self.reserved} to be written" if self.reserved else ""
            message = (
                f"The text of stimulus {label!r} has {len(one.numbers)} tokens{prompt}, but model "
                f"{self.model!r} reads {self._room} at most{beside}; split it."
            )
            raise DataError(message)
        if not one.own:
            message = (
                f"The tokenizer of model {self.model!r} makes no token of {text!r}, the text of "
                f"stimulus {label!r}; leave the stimulus out."
            )
            raise DataError(message)
