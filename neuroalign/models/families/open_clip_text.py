"""The text part of networks of open_clip, dressed as a language network of transformers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from neuroalign.errors import DataError
from neuroalign.models.families.building import wrapped
from neuroalign.models.text import TextModel

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class TextTower(torch.nn.Module):
    """The tokens' embeddings and blocks of a network of open_clip that reads from left to right.

    Parameters
    ----------
    network : torch.nn.Module
        Of open_clip.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        tower: Any = getattr(network, "text", network)
        self.token_embedding: torch.nn.Module = tower.token_embedding
        self.positional_embedding: torch.nn.Parameter = tower.positional_embedding
        self.blocks: torch.nn.ModuleList = tower.transformer.resblocks
        self.mask: torch.Tensor
        self.register_buffer("mask", tower.attn_mask, persistent=False)
        self.config = SimpleNamespace(max_position_embeddings=len(self.positional_embedding))

    def get_input_embeddings(self) -> torch.nn.Module:
        """Return the embeddings of tokens."""
        return self.token_embedding

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,  # noqa: ARG002 (padding comes after the text)
        output_hidden_states: bool = True,  # noqa: ARG002
    ) -> SimpleNamespace:
        """Return the embeddings and the output of each block, (input, token, unit)."""
        length = input_ids.shape[1]
        states = [self.token_embedding(input_ids) + self.positional_embedding[:length]]
        for block in self.blocks:
            states.append(block(states[-1], attn_mask=self.mask[:length, :length]))
        return SimpleNamespace(hidden_states=tuple(states), last_hidden_state=states[-1])


def text_part(network: torch.nn.Module, architecture: str, full: str, **told: Any) -> TextModel:
    """Make a model of the text part, with its tokenizer.

    Raises
    ------
    DataError
        If the network reads its texts in another way than the first CLIP.
    """
    from open_clip import get_tokenizer
    from open_clip.tokenizer import SimpleTokenizer

    tower: Any = getattr(network, "text", network)
    usual = all(hasattr(tower, part) for part in ("token_embedding", "transformer", "attn_mask"))
    if (
        not usual
        or tower.attn_mask is None
        or not getattr(tower.transformer, "batch_first", False)
        or not isinstance(tokenizer := get_tokenizer(architecture), SimpleTokenizer)
    ):
        message = (
            f"The text part of {full!r} does not read from left to right with the tokenizer of "
            "CLIP; load its language network by 'hf:', or use part='image'."
        )
        raise DataError(message)
    return wrapped(TextModel, TextTower(network), _tokenizer(tokenizer), **told)


def _tokenizer(simple: Any) -> Tokenizer:
    """Make a tokenizer that knows places in the text, of the same pieces and merges."""
    from transformers import CLIPTokenizer

    vocabulary = simple.encoder
    merges = sorted(simple.bpe_ranks, key=simple.bpe_ranks.get)
    start, end = "<start_of_text>", "<end_of_text>"
    made = CLIPTokenizer(
        vocab=vocabulary, merges=merges, bos_token=start, eos_token=end, unk_token=end,
        pad_token=end,
    )  # fmt: skip
    return made.backend_tokenizer
