"""Surprisal: how little a causal network expects a text after what stands before it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from neuroalign.errors import DataError
from neuroalign.models.tokens import TextInput

LAYER = "surprisal"


def text_surprisals(
    logits: torch.Tensor,
    ids: torch.Tensor,
    texts: Sequence[Sequence[int]],
    starts: torch.Tensor,
) -> list[float]:
    """Return the surprisal of each text of one input, in bits.

    That of a text is the sum over its tokens, the space before it included. Where the vocabulary
    puts a space at the beginning of tokens, a text is over only once a space follows: the
    probability that one does is multiplied in, and that of the space before the text, which
    belonged to the text before, is divided out. So the probabilities of all words that may follow
    add up to one.

    Parameters
    ----------
    logits : tensor (token, vocabulary)
    ids : tensor (token,)
    texts : sequence of sequence of int
        Places of the tokens that each text added to what stood before it.
    starts : tensor of int
        Tokens with which a word begins, or the text ends; empty for no correction.

    Returns
    -------
    list of float
        NaN for a text that nothing stands before.

    References
    ----------
    Pimentel, T. & Meister, C. (2024). How to Compute the Probability of a Word. EMNLP.
    arXiv:2406.14561.
    Oh, B.-D. & Schuler, W. (2024). Leading Whitespaces of Language Models' Subword Vocabulary
    Pose a Confound for Calculating Word Probabilities. EMNLP. arXiv:2406.10851.
    """
    expected = logits.float().log_softmax(-1)  # [i] is what the network expects at place i + 1
    tokens = expected[:-1].gather(1, ids[1:, None])[:, 0].double().cpu().numpy()
    begins = np.zeros(len(ids))
    marked = np.zeros(len(ids), dtype=bool)
    if len(starts):
        begins = expected[:, starts].logsumexp(-1).double().cpu().numpy()
        marked = torch.isin(ids, starts).cpu().numpy()
    found = []
    for added in texts:
        first, last = added[0], added[-1]
        if first == 0:
            found.append(math.nan)
            continue
        nats = tokens[[place - 1 for place in added]].sum() + begins[last]
        found.append(-(nats - begins[first - 1] * marked[first]) / math.log(2))
    return found


def why_undefined(inputs: Sequence[TextInput], model: str) -> str | None:
    """Say why some texts have no surprisal; refuse it if none has one.

    Parameters
    ----------
    inputs : sequence of TextInput
    model : str

    Returns
    -------
    str or None
        None where all have one.
    """
    lone = [one.added[0] == 0 for one in inputs]
    if all(lone):
        message = (
            f"No text has a surprisal in model {model!r}, since nothing stands before it; give a "
            "context, or a prompt such as the token with which the network's texts begin."
        )
        raise DataError(message)
    if not any(lone):
        return None
    # Not: leave them out. Then the next text of the passage stands first.
    return (
        "the network reads nothing before the first text of a passage or window, or before one "
        "that leaves no room for earlier ones; give a prompt, such as the token with which the "
        "network's texts begin"
    )
