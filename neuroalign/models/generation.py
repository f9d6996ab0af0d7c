"""Let a causal network continue its inputs, and pool what it made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Continuations(NamedTuple):
    """What a network wrote after some inputs, and its mean hidden states while it did."""

    tokens: list[list[int]]  # of each input
    means: list[torch.Tensor]  # of each layer: (input, unit), float32


def continue_inputs(
    network: PreTrainedModel, ids: torch.Tensor, max_new_tokens: int, ends: Sequence[int]
) -> Continuations:
    """Write the likeliest token after the inputs, and the likeliest after that, and so on.

    Parameters
    ----------
    network : PreTrainedModel
        Causal, with a head; in evaluation mode.
    ids : tensor (input, token)
        Inputs of one length, so that nothing is padded.
    max_new_tokens : int
    ends : sequence of int
        Tokens that end a text. One is not counted unless it comes first, when there is
        nothing else.

    Returns
    -------
    Continuations
        The hidden state of a token is the one where it is read, not where it is foreseen; the
        states of the inputs are left out.
    """
    tokens: list[list[int]] = [[] for _ in ids]
    going = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
    end_ids = torch.tensor(list(ends), dtype=torch.long, device=ids.device)
    sums: list[torch.Tensor] = []
    output = _run(network, ids, ids, None)
    for number in range(max_new_tokens):
        newest = output.logits[:, -1].argmax(-1)
        ended = torch.isin(newest, end_ids)
        counted = going & ~ended if number else going
        going = going & ~ended
        if not counted.any():
            break
        for row in counted.nonzero()[:, 0].tolist():
            tokens[row].append(int(newest[row]))
        ids = torch.cat([ids, newest[:, None]], dim=1)
        output = _run(network, ids, newest[:, None], getattr(output, "past_key_values", None))
        states = [state[:, -1].float() * counted[:, None] for state in output.hidden_states]
        sums = [torch.add(*pair) for pair in zip(sums, states, strict=True)] if sums else states
    lengths = torch.tensor([len(row) for row in tokens], device=ids.device)[:, None]
    return Continuations(tokens, [total / lengths for total in sums])


def _run(network: PreTrainedModel, ids: torch.Tensor, newest: torch.Tensor, past: object) -> Any:
    """Run the newest tokens, or all of them where the network keeps no cache."""
    return network(
        input_ids=ids if past is None else newest,
        attention_mask=torch.ones_like(ids),
        past_key_values=past,
        use_cache=True,
        output_hidden_states=True,
    )
