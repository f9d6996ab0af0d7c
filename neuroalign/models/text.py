"""Any language network of transformers as a model: one row a word or sentence, in its context."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.models.contexts import checked_stride, most_texts
from neuroalign.models.evaluation import check_amounts, known_device, known_precision
from neuroalign.models.language import language_network
from neuroalign.models.packages import versions
from neuroalign.models.pooling import known_pooling
from neuroalign.models.protocol import chosen_layers, label_layer
from neuroalign.models.spool import open_store
from neuroalign.models.surprisal import LAYER as SURPRISAL
from neuroalign.models.surprisal import why_undefined
from neuroalign.models.text_inputs import InputRules
from neuroalign.models.text_passes import make_passes
from neuroalign.models.text_runs import TextRun
from neuroalign.models.tokens import TextReader, own_tokenizer, word_starts

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class TextModel:
    """Yield the hidden states of a language network, one row a text.

    A text is a word of a story or a whole sentence. Its activations are those of its own
    tokens, found by their place in the characters: tokens that hold one of its letters. Special
    tokens, padding, lone spaces and the prompt never count. An input is the texts of a
    context, and ends with the text itself: what comes later is never seen, even where the network
    could look ahead. Inputs that are too long for the network lose their oldest texts.

    Causal networks with a head also have the layer ``surprisal``, in bits, where it is asked for
    by name; see `neuroalign.models.surprisal`. Of an encoder-decoder network the encoder is used.

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
    stride : int
        By how many texts the window moves: windows begin with every so many-th text of a passage,
        and the first that holds a text serves it, so that it sees ``window - stride`` earlier
        texts at least. A causal network reads each window once.
    pooling : {"mean", "last", "generated"}
        Over a text's own tokens, the last of them, or the mean over tokens that the network
        writes next, the likeliest each time; the input is then left out.
    prompt : str
        Stands before the texts of every input, as it is, and is never counted.
    separator : str
        Stands between texts; "" for languages that are written without spaces.
    max_new_tokens : int, optional
        Tokens to write at most, with pooling="generated" only.
    layers : sequence of str, optional
        Names of layers to score. By default all: ``embeddings``, then ``block.0`` and so on, as
        the network returns them; many networks normalize the last.
    batch_size : int, optional
        Inputs that are run together; by default as many as memory allows, 64 at most.
    device : str, optional
        "cpu", or "cuda" or "mps" where there is one.
    precision : {"float32", "float16", "bfloat16"}
        Of the network's products; activations are float32 in any case.
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
        stride: int = 1,
        pooling: str = "mean",
        prompt: str = "",
        separator: str = " ",
        max_new_tokens: int | None = None,
        layers: Sequence[str] | None = None,
        batch_size: int | None = None,
        device: str = "cpu",
        precision: str = "float32",
        memory_budget: int | None = None,
    ) -> None:
        check_amounts(batch_size, memory_budget, of="texts")
        self.network = network
        self.name = name or type(network).__name__
        reader = TextReader(own_tokenizer(tokenizer), prompt, separator)
        self._language = language_network(network, tokenizer, reader.tokenizer)
        self._pooling = known_pooling(pooling)
        new = self._checked_new_tokens(max_new_tokens)
        most, stride = most_texts(context, window), checked_stride(stride, window)
        longest = self._language.longest
        self._rules = InputRules(reader, most, stride, longest, new, self.name)
        starts = word_starts(reader.tokenizer) if separator.isspace() else np.empty(0, dtype=int)
        starts = np.union1d(starts, self._language.ends) if len(starts) else starts
        self._how = TextRun(
            self._language, pooling, new, starts.astype(int), batch_size, known_device(device),
            known_precision(precision), self.name,
        )  # fmt: skip
        self._budget = memory_budget
        self.layers = self.select(layers)

    def _checked_new_tokens(self, number: int | None) -> int:
        if self._pooling != "generated":
            if number is not None:
                message = (
                    f"max_new_tokens={number} needs pooling='generated', but "
                    f"pooling={self._pooling!r} is given."
                )
                raise DataError(message)
            return 0
        if not self._language.foretells:
            message = (
                f"pooling='generated' needs a causal network that writes, but got a "
                f"{type(self.network).__name__}; load one with "
                "AutoModelForCausalLM.from_pretrained(folder)."
            )
            raise DataError(message)
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
            message = (
                f"max_new_tokens={number!r} is not a positive number of tokens; pooling='generated'"
                " needs one, as in max_new_tokens=20."
            )
            raise DataError(message)
        return int(number)

    def select(self, layers: Sequence[str] | str | None = None) -> list[str]:
        """Return the layers that a selection means; "surprisal" is only meant by its name."""
        known = list(self._language.units)
        if layers is None:
            return list(getattr(self, "layers", known))
        items = [layers] if isinstance(layers, str) else list(layers)
        found = [] if items else chosen_layers(items, known, known)
        for item in items:
            if item == SURPRISAL:
                self._check_surprisal()
                found.append(SURPRISAL)
            else:
                found += chosen_layers(item, known, known)
        return list(dict.fromkeys(found))

    def _check_surprisal(self) -> None:
        kind = type(self.network).__name__
        why = None
        if not self._language.causal:
            why = f"the {kind} looks ahead; give a causal network"
        elif not self._language.foretells:
            why = f"the {kind} does not foretell tokens; give a network with a head"
        if why:
            message = (
                f"Model {self.name!r} has no layer 'surprisal', since {why}, as of "
                "AutoModelForCausalLM.from_pretrained(folder)."
            )
            raise DataError(message)
        if self._pooling == "generated":
            message = (
                "The layer 'surprisal' is of texts that are given, not of tokens that are written; "
                "use pooling='mean' for it."
            )
            raise DataError(message)

    def fingerprint(self) -> str:
        """Return the sha256 of network, tokenizer and options, which the provenance records."""
        return hashlib.sha256(json.dumps(self._content()).encode()).hexdigest()

    def ingredients(self, stimuli: pd.DataFrame) -> dict[str, str]:
        """Return all that decides the activations to these stimuli, whatever they are called.

        Parameters
        ----------
        stimuli : DataFrame

        Returns
        -------
        dict of str to str
            Hashes of the network, of the tokenizer, and of the token ids of every input with the
            places of its text's own tokens, in the order of the stimuli; options, kind of
            device, and versions of packages.
        """
        inputs = self._rules.inputs(stimuli)
        exact = [(one.numbers.tolist(), one.own, one.added) for one in inputs]
        return {
            **self._content(),
            "inputs": hashlib.sha256(json.dumps(exact).encode()).hexdigest(),
            "device": self._how.device.type,
            "versions": versions("neuroalign", "torch", "transformers", "tokenizers"),
        }

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
            "surprisal" says in ``attrs["undefined"]`` why some texts have none (NaN). With
            pooling="generated" the coordinates `generated` and `n_tokens` tell what was written.
        """
        wanted = self.select(layers)
        generating = self._pooling == "generated"
        causal = self._language.causal and not generating
        inputs = self._rules.inputs(stimuli)
        labels = [str(label) for label in stimuli.index]
        why = why_undefined(inputs, self.name) if SURPRISAL in wanted else None
        passes = make_passes(inputs, causal=causal)
        place = np.argsort([row for one in passes for row, _ in one.texts])
        shapes = {layer: (self._language.units.get(layer, 1),) for layer in wanted}
        with open_store(shapes, len(labels), budget=self._budget) as store:
            written = self._how.fill(store, passes, wanted)
            for layer in wanted:
                values = store.take(layer)[place]
                found = label_layer(values, layer, labels, self.name)
                if layer == SURPRISAL and why:
                    found.attrs["undefined"] = why
                if generating:
                    found = found.assign_coords(self._written([written[row] for row in place]))
                yield layer, found

    def _written(self, tokens: list[list[int]]) -> dict[str, tuple[str, list]]:
        decode = self._rules.reader.tokenizer.decode
        texts = [decode(one, skip_special_tokens=False) for one in tokens]
        numbers = [len(one) for one in tokens]
        return {"generated": ("stimulus", texts), "n_tokens": ("stimulus", numbers)}

    def _content(self) -> dict[str, str]:
        from neuroalign.models.identity import network_hash

        rules = self._rules
        options = {
            "most": rules.most,
            "stride": rules.stride,
            "longest": rules.longest,
            "pooling": self._pooling,
            "prompt": rules.reader.prompt,
            "separator": rules.reader.separator,
            "max_new_tokens": rules.reserved,
            "precision": self._how.precision,
        }
        tokenizer = rules.reader.tokenizer.to_str()
        return {
            "network": network_hash(self.network),
            "tokenizer": hashlib.sha256(tokenizer.encode()).hexdigest(),
            "options": json.dumps(options),
        }
