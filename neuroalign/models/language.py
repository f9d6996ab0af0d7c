"""What a language network of transformers is: its layers, its reach, and how it is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from neuroalign.errors import DataError
from neuroalign.models.evaluation import measuring

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class LanguageNetwork:
    """A network and what was found out about it.

    Parameters
    ----------
    whole : PreTrainedModel
    body : PreTrainedModel
        The part that makes the hidden states: without a head, the encoder of an encoder-decoder.
    units : dict of str to int
        Layer -> number of its units; ``embeddings``, ``block.0``, ``block.1``, ...
    causal : bool
        Whether no token is told of later ones.
    foretells : bool
        Whether it is causal and gives the probabilities of the next token.
    n_tokens : int
        Tokens that it knows.
    longest : float
        Tokens of an input at most.
    padding : int
        The token that fills up short inputs.
    ends : tuple of int
        Tokens that end a text.
    """

    whole: PreTrainedModel
    body: PreTrainedModel
    units: dict[str, int]
    causal: bool
    foretells: bool
    n_tokens: int
    longest: float
    padding: int
    ends: tuple[int, ...]

    def states(
        self, inputs: Sequence[np.ndarray], device: torch.device, *, logits: bool = False
    ) -> tuple[Sequence[torch.Tensor], torch.Tensor | None]:
        """Run inputs of different lengths as one batch, padded on the right.

        Returns
        -------
        states : sequence of tensor (input, token, unit)
        logits : tensor (input, token, vocabulary) or None
        """
        ids = np.full((len(inputs), max(map(len, inputs))), self.padding)
        mask = np.zeros_like(ids)
        for row, one in enumerate(inputs):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        tensors = [torch.from_numpy(array).to(device) for array in (ids, mask)]
        output = _output(self.whole if logits else self.body, *tensors)
        return output.hidden_states, output.logits if logits else None


def language_network(
    network: PreTrainedModel, tokenizer: object, own: Tokenizer
) -> LanguageNetwork:
    """Find out what a network is, with one small pass.

    Parameters
    ----------
    network : PreTrainedModel
    tokenizer : PreTrainedTokenizerFast or Tokenizer
        As it was given, which may say how long inputs may be and what fills them up.
    own : Tokenizer

    Returns
    -------
    LanguageNetwork

    Raises
    ------
    DataError
        If it is no network of transformers, has no hidden states, or knows fewer tokens than the
        tokenizer makes.
    """
    n_tokens = _checked_vocabulary(network, own)
    body = _body(network)
    home = next(network.parameters()).device
    with measuring(network, home, "float32", seed=0):
        ids = torch.tensor([[0, 1, 2], [0, 1, 3]], device=home)
        states = _output(body, ids, torch.ones_like(ids)).hidden_states
    layers = ["embeddings", *(f"block.{number}" for number in range(len(states) - 1))]
    # Rows of one batch may differ by rounding; what a token is told about a later one is far more.
    causal = all(torch.allclose(one[:2], two[:2], rtol=1e-4, atol=1e-5) for one, two in states)
    paddings = (getattr(holder, "pad_token_id", None) for holder in (tokenizer, network.config))
    return LanguageNetwork(
        whole=network,
        body=body,
        units={layer: state.shape[-1] for layer, state in zip(layers, states, strict=True)},
        causal=causal,
        foretells=causal and getattr(network, "get_output_embeddings", _nothing)() is not None,
        n_tokens=n_tokens,
        longest=min(getattr(tokenizer, "model_max_length", math.inf), _most_places(body)),
        padding=next((number for number in paddings if number is not None and number >= 0), 0),
        ends=_ends(network),
    )


def _nothing() -> None:
    """Stand in for what a network does not have."""


def _checked_vocabulary(network: PreTrainedModel, tokenizer: Tokenizer) -> int:
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
    return known


def _body(network: PreTrainedModel) -> PreTrainedModel:
    """Return what makes the hidden states: no head, and of an encoder-decoder the encoder."""
    if getattr(network.config, "is_encoder_decoder", False):
        return network.get_encoder()
    return getattr(network, "base_model", network)


def _most_places(body: PreTrainedModel) -> float:
    """Return how many places the network has; some begin to count after the one of padding."""
    config = getattr(body.config, "get_text_config", lambda: body.config)()
    most = getattr(config, "max_position_embeddings", None) or math.inf
    for path, module in body.named_modules():
        padding = getattr(module, "padding_idx", None)
        if path.endswith("position_embeddings") and padding is not None:
            most = min(most, module.num_embeddings - padding - 1)
    return most


def _ends(network: PreTrainedModel) -> tuple[int, ...]:
    for holder in (getattr(network, "generation_config", None), network.config):
        ends = getattr(holder, "eos_token_id", None)
        if ends is not None:
            return tuple(ends) if isinstance(ends, (list, tuple)) else (int(ends),)
    return ()


def _output(network: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> Any:
    output = network(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    if not getattr(output, "hidden_states", None):
        message = f"A {type(network).__name__} returns no hidden states; give its encoder."
        raise DataError(message)
    return output
