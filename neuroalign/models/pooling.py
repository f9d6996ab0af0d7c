"""From the hidden states of tokens to one row a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from neuroalign.errors import unknown_name

POOLINGS = ("mean", "last", "generated")


def known_pooling(pooling: str) -> str:
    """Return the name of a pooling, which must be one of `POOLINGS`."""
    if pooling not in POOLINGS:
        raise unknown_name(pooling, POOLINGS, kind="pooling")
    return pooling


def pool_tokens(
    states: torch.Tensor, texts: Sequence[tuple[int, Sequence[int]]], pooling: str
) -> torch.Tensor:
    """Return one row a text, of its own tokens alone.

    Parameters
    ----------
    states : tensor (input, token, unit)
    texts : sequence of (int, sequence of int)
        Number of the input, and the places of a text's own tokens in it, one at least.
    pooling : {"mean", "last"}

    Returns
    -------
    tensor (text, unit), float32
    """
    if pooling == "last":
        return torch.stack([states[number, own[-1]].float() for number, own in texts])
    return torch.stack([states[number, list(own)].float().mean(0) for number, own in texts])
