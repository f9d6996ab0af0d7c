"""Any language network of transformers as a model: one row a word or sentence, in its context."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.models.contexts import most_texts, passages, stimulus_texts
from neuroalign.models.protocol import chosen_layers, label_layer
from neuroalign.models.spool import LayerStore, open_store
from neuroalign.models.torch_model import TorchModel, evaluating, known_device
from neuroalign.progress import progress_bar

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class _Text(NamedTuple):
    row: int  # of the table of stimuli
    tokens: list[int]  # those of the text itself within its input


class _Pass(NamedTuple):
    ids: bytes  # int32
    texts: list[_Text]


class TextModel:
    """Yield the hidden states of a language network, one row a text.

    A text is a word of a story or a whole sentence. Its activations are the mean over its own
    tokens, found by their place in the characters; special tokens and padding never count. An
    input is the texts of a context, joined by spaces, and ends with the text itself: what comes
    later is never seen, even where the network could look ahead. Inputs that are too long for
    the network lose their oldest texts.

    Parameters
    ----------
    network : transformers.PreTrainedModel
        Such as ``AutoModel.from_pretrained(folder)``; put into
        evaluation mode for the pass and back afterwards.
    tokenizer : PreTrainedTokenizerFast or tokenizers.Tokenizer
        The one that the network was trained with.
    name : str, optional
        By default the name of the network's class.
    context : {"alone", "growing", "window"}
        "growing" is all earlier texts of the same passage, "window" the last few. A passage is a
        `run` of the stimuli, else a `group`, else all of them; its order is that of `onset` or
        `position`.
    window : int, optional
        Number of texts of a window, the text itself included.
    layers : sequence of str, optional
        Names of layers to score. By default all: ``embeddings``, then ``block.0`` and so on, as
        the network returns them; many networks normalize the last.
    batch_size : int, optional
        Inputs that are run together.
    device : str, optional
        "cpu", or "cuda" where there is one.
    memory_budget : int, optional
        Bytes of activations to hold at most; more goes through a temporary store on disk. By
        default a quarter of the memory that is free.

    Examples
    --------
    >>> import neuroalign as na
    >>> model = na.load_model("minilm", context="window", window=32)
    >>> type(model).__name__, model.layers[:2]
    ('TextModel', ['embeddings', 'block.0'])
    """

    reads: str | None = "text"

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast | Tokenizer,
        *,
        name: str | None = None,
        context: str = "alone",
        window: int | None = None,
        layers: Sequence[str] | None = None,
        batch_size: int = 32,
        device: str = "cpu",
        memory_budget: int | None = None,
    ) -> None:
        if batch_size < 1:
            message = f"batch_size={batch_size} is not a positive number of texts."
            raise DataError(message)
        self._most = most_texts(context, window)
        self.network = network
        self.name = name or type(network).__name__
        self._tokenizer = _own_tokenizer(tokenizer)
        _check_vocabulary(network, self._tokenizer)
        self._units, self._causal = _probe(network)
        self.layers = chosen_layers(layers, list(self._units), list(self._units))
        self._longest = min(
            getattr(tokenizer, "model_max_length", math.inf),
            getattr(network.config, "max_position_embeddings", math.inf),
        )
        self._padding = getattr(tokenizer, "pad_token_id", None) or 0
        self._batch_size, self._budget = batch_size, memory_budget
        self._device = known_device(device)

    def fingerprint(self) -> str:
        """Return the sha256 of weights, tokenizer and context, which the provenance records."""
        parts = (TorchModel(self.network).fingerprint(), self._tokenizer.to_str(), self._most)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer with its activations, after one pass over the stimuli.

        Parameters
        ----------
        stimuli : DataFrame
            With a column "text", and those that say in which context it stands; contexts are
            made of these stimuli alone.
        layers : sequence of str, optional
            By default `layers` of the model.

        Yields
        ------
        layer : str
        activations : DataArray (stimulus, unit), float32
        """
        wanted = chosen_layers(layers, self.layers, list(self._units))
        labels = [str(label) for label in stimuli.index]
        passes = self._passes(stimuli, labels)
        place = np.argsort([text.row for one in passes for text in one.texts])
        shapes = {layer: (self._units[layer],) for layer in wanted}
        with open_store(
            shapes, len(labels), batch_size=self._batch_size, budget=self._budget
        ) as store:
            self._run(passes, wanted, store)
            for layer in wanted:
                yield layer, label_layer(store.take(layer)[place], layer, labels, self.name)

    def _passes(self, stimuli: pd.DataFrame, labels: list[str]) -> list[_Pass]:
        """Make the inputs, longest first; those equal to the letter are run once.

        Where a network cannot look ahead, an input that another one begins with needs no pass of
        its own. In the order of letters it stands right before one that begins with it.
        """
        texts = stimulus_texts(stimuli, self.name)
        alone = self._most == 1
        parts = [[row] for row in range(len(texts))] if alone else passages(stimuli)
        served: dict[bytes, list[_Text]] = {}
        for rows in parts:
            for ids, text in self._inputs([texts[row] for row in rows], rows, labels):
                served.setdefault(ids, []).append(text)
        passes: list[_Pass] = []
        for ids in sorted(served, reverse=True):
            if self._causal and passes and passes[-1].ids.startswith(ids):
                passes[-1].texts.extend(served[ids])
            else:
                passes.append(_Pass(ids, served[ids]))
        return sorted(passes, key=lambda one: -len(one.ids))

    def _inputs(
        self, texts: list[str], rows: list[int], labels: list[str]
    ) -> Iterator[tuple[bytes, _Text]]:
        """Yield the token ids of the input of each text of a passage, and which are its own."""
        start = 0
        for end, row in enumerate(rows, 1):
            start = max(start, end - (self._most or end))
            ids, tokens = self._tokens(texts[start:end])
            while len(ids) > self._longest and start < end - 1:
                start += 1
                ids, tokens = self._tokens(texts[start:end])
            if len(ids) > self._longest:
                message = (
                    f"The text of stimulus {labels[row]!r} has {len(ids)} tokens, but model "
                    f"{self.name!r} reads {self._longest} at most; split it."
                )
                raise DataError(message)
            if not tokens:
                message = (
                    f"The tokenizer of model {self.name!r} makes no token of {texts[end - 1]!r}, "
                    f"the text of stimulus {labels[row]!r}; leave the stimulus out."
                )
                raise DataError(message)
            yield np.array(ids, dtype=np.int32).tobytes(), _Text(row, tokens)

    def _tokens(self, texts: list[str]) -> tuple[list[int], list[int]]:
        """Return the token ids of an input, and the places of those within its last text."""
        joined = " ".join(texts)
        first = len(joined) - len(texts[-1])
        encoding = self._tokenizer.encode(joined)
        # Tokens that are not of the text, such as [CLS], stand at (0, 0).
        own = [place for place, (_, stop) in enumerate(encoding.offsets) if stop > first]
        return encoding.ids, own

    def _run(self, passes: list[_Pass], layers: list[str], store: LayerStore) -> None:
        """Run all batches; rows are stored in the order of the passes."""
        places = {layer: list(self._units).index(layer) for layer in layers}
        n_texts = sum(len(one.texts) for one in passes)
        done = 0
        with (
            evaluating(self.network, self._device),
            torch.inference_mode(),
            progress_bar(f"{self.name}: activations", n_texts) as advance,
        ):
            for start in range(0, len(passes), self._batch_size):
                batch = passes[start : start + self._batch_size]
                states = self._states([np.frombuffer(one.ids, dtype=np.int32) for one in batch])
                for layer, place in places.items():
                    store.put(layer, done, _mean_over_tokens(states[place], batch))
                done += (advanced := sum(len(one.texts) for one in batch))
                advance(advanced)

    def _states(self, inputs: list[np.ndarray]) -> Sequence[torch.Tensor]:
        """Run inputs of different lengths as one batch, padded on the right."""
        ids = np.full((len(inputs), max(map(len, inputs))), self._padding)
        mask = np.zeros_like(ids)
        for row, one in enumerate(inputs):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        tensors = (torch.from_numpy(array).to(self._device) for array in (ids, mask))
        return _hidden_states(self.network, *tensors)


def _own_tokenizer(tokenizer: PreTrainedTokenizerFast | Tokenizer) -> Tokenizer:
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


def _check_vocabulary(network: PreTrainedModel, tokenizer: Tokenizer) -> None:
    if not hasattr(network, "get_input_embeddings"):
        message = (
            f"TextModel wraps a network of transformers, but got a {type(network).__name__}; give "
            "one, as of AutoModel.from_pretrained(folder)."
        )
        raise DataError(message)
    known = len(next(network.get_input_embeddings().parameters()))
    if tokenizer.get_vocab_size() > known:
        message = (
            f"The tokenizer makes {tokenizer.get_vocab_size()} tokens, but the network knows "
            f"{known}; give the tokenizer that it was trained with."
        )
        raise DataError(message)


def _probe(network: PreTrainedModel) -> tuple[dict[str, int], bool]:
    """Count the units of each layer, and see whether the last token reaches those before it."""
    home = next(network.parameters()).device
    with evaluating(network, home), torch.inference_mode():
        ids = torch.tensor([[0, 1, 2], [0, 1, 3]], device=home)
        states = _hidden_states(network, ids, torch.ones_like(ids))
    layers = ["embeddings", *(f"block.{number}" for number in range(len(states) - 1))]
    units = {layer: state.shape[-1] for layer, state in zip(layers, states, strict=True)}
    # Rows of one batch may differ by rounding; what a token is told about a later one is far more.
    causal = all(torch.allclose(one[:2], two[:2], rtol=1e-4, atol=1e-5) for one, two in states)
    return units, causal


def _hidden_states(
    network: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor
) -> Sequence[torch.Tensor]:
    output = network(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    states = getattr(output, "hidden_states", None)
    if not states:
        message = f"A {type(network).__name__} returns no hidden states; give its encoder."
        raise DataError(message)
    return states


def _mean_over_tokens(states: torch.Tensor, batch: list[_Pass]) -> np.ndarray:
    """Average one layer (input, token, unit) over the tokens of each text: (text, unit)."""
    means = [
        states[number, text.tokens].float().mean(0)
        for number, one in enumerate(batch)
        for text in one.texts
    ]
    return torch.stack(means).cpu().numpy()
