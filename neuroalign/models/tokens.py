"""From texts to token ids: what an input is, and which of its tokens are a text's own."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroalign.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

# How vocabularies write a space: SentencePiece, and the bytes of GPT-2.
SPACES = "▁Ġ"
_BLANKS = (*SPACES, "Ċ", "ĉ", "č", " ", "\n", "\t", "\r")  # the bytes of line ends and tabs too


class TextInput(NamedTuple):
    """What a network reads for one text.

    `own` are the places of the tokens that hold a letter of the text, `added` of all those after
    what stands before it: the space in between may be a token of its own.
    """

    ids: bytes  # int32
    own: tuple[int, ...]
    added: tuple[int, ...]

    @property
    def numbers(self) -> np.ndarray:
        """The token ids."""
        return np.frombuffer(self.ids, dtype=np.int32)


@dataclass(frozen=True)
class TextReader:
    """Joins texts to inputs and finds each text's tokens by their place in the characters.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Neither cuts nor pads; see `own_tokenizer`.
    prompt : str
        Stands before the first text, as it is.
    separator : str
        Stands between two texts.
    """

    tokenizer: Tokenizer
    prompt: str = ""
    separator: str = " "

    def read(self, texts: list[str]) -> TextInput:
        """Return the input that ends with the last of these texts."""
        before = self.prompt + self.separator.join([*texts[:-1], ""])
        joined = before + texts[-1]
        encoding = self.tokenizer.encode(joined)
        spans = list(enumerate(zip(encoding.tokens, encoding.offsets, strict=True)))
        self._check_prompt(joined, encoding.offsets)
        # Tokens that are not of the text, such as [CLS], stand at (0, 0).
        own = [
            place
            for place, (token, (start, stop)) in spans
            if _holds(token, joined[max(start, len(before)) : stop])
        ]
        end = max(len(self.prompt), len(before.rstrip()))
        added = [place for place, (_, (_, stop)) in spans if stop > end]
        ids = np.array(encoding.ids, dtype=np.int32).tobytes()
        return TextInput(ids, tuple(own), tuple(added))

    def _check_prompt(self, joined: str, offsets: list[tuple[int, int]]) -> None:
        end = len(self.prompt)
        for start, stop in offsets:
            if start < end < stop and joined[start:end].strip():
                message = (
                    f"The end of the prompt {self.prompt[-30:]!r} and the text after it become one "
                    f"token, {joined[start:stop]!r}; end the prompt with a space or a line break."
                )
                raise DataError(message)


def _holds(token: str, letters: str) -> bool:
    """Tell whether a token holds a letter of these, which it is made of as the tokenizer says.

    The space that SentencePiece puts before a text is said to be made of the first letter.
    """
    only_space = not token.strip(SPACES) and not set(token) & set(letters)
    return bool(letters.strip()) and not only_space


def word_starts(tokenizer: Tokenizer) -> np.ndarray:
    """Return the ids of all tokens that end the word before them: special, or begun by a space.

    Empty where the vocabulary does not mark the beginnings of words.
    """
    vocabulary = tokenizer.get_vocab()
    if not any(token.startswith(tuple(SPACES)) for token in vocabulary):
        return np.empty(0, dtype=np.int64)
    added = tokenizer.get_added_tokens_decoder()
    starts = {number for token, number in vocabulary.items() if token.startswith(_BLANKS)}
    starts |= {number for number, token in added.items() if token.special}
    return np.array(sorted(starts), dtype=np.int64)


def own_tokenizer(tokenizer: PreTrainedTokenizerFast | Tokenizer) -> Tokenizer:
    """Copy a tokenizer, and switch off that it cuts or pads."""
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(backend, Tokenizer):
        message = (
            f"A {type(tokenizer).__name__} does not tell where in the text its tokens stand; use a "
            "fast tokenizer, as of AutoTokenizer.from_pretrained(folder)."
        )
        raise DataError(message)
    own = copy.deepcopy(backend)
    own.no_truncation()
    own.no_padding()
    return own
