"""Which inputs are run, and in which batches, so that every text is served once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import psutil
import torch

from neuroalign.errors import DataError
from neuroalign.models.evaluation import is_out_of_memory
from neuroalign.models.tokens import TextInput

MOST_INPUTS = 64


class TextPass(NamedTuple):
    """One input that is run, and which rows of the stimuli it serves with which tokens."""

    ids: bytes  # int32
    texts: list[tuple[int, TextInput]]

    @property
    def n_tokens(self) -> int:
        """Length of the input."""
        return len(self.ids) // 4


def make_passes(inputs: Sequence[TextInput], *, causal: bool) -> list[TextPass]:
    """Gather the inputs of all rows, longest first; those equal to the letter are run once.

    Where a network cannot look ahead, an input that another one begins with needs no pass of
    its own. In the order of letters it stands right before one that begins with it.
    """
    served: dict[bytes, list[tuple[int, TextInput]]] = {}
    for row, one in enumerate(inputs):
        served.setdefault(one.ids, []).append((row, one))
    passes: list[TextPass] = []
    for ids in sorted(served, reverse=True):
        if causal and passes and passes[-1].ids.startswith(ids):
            passes[-1].texts.extend(served[ids])
        else:
            passes.append(TextPass(ids, served[ids]))
    return sorted(passes, key=lambda one: -one.n_tokens)


def run_in_batches(
    passes: Sequence[TextPass],
    run: Callable[[Sequence[TextPass]], None],
    *,
    batch_size: int | None,
    token_bytes: int,
    device: torch.device,
    one_length: bool = False,
) -> None:
    """Run all passes, as many together as memory allows, or `batch_size` of them.

    Parameters
    ----------
    passes : sequence of TextPass
        Longest first, so that memory is short at once or never.
    run : callable
        Takes some passes.
    batch_size : int or None
        None for as many as are likely to fit, and half as many whenever they did not.
    token_bytes : int
        What one token is likely to take.
    device : torch.device
    one_length : bool
        Whether the inputs of a batch must be of one length.
    """
    size = batch_size or _likely_size(passes[0].n_tokens * token_bytes, device)
    start = 0
    while start < len(passes):
        batch = passes[start : start + size]
        if one_length:
            batch = [one for one in batch if one.n_tokens == batch[0].n_tokens]
        try:
            run(batch)
        except (MemoryError, RuntimeError) as error:
            if batch_size or not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                message = (
                    f"Device {str(device)!r} has not enough memory for one input of "
                    f"{batch[0].n_tokens} tokens; use another device or a shorter context."
                )
                raise DataError(message) from error
            size = len(batch) // 2
            if device.type == "cuda":
                torch.cuda.empty_cache()
        else:
            start += len(batch)


def _likely_size(input_bytes: int, device: torch.device) -> int:
    free = psutil.virtual_memory().available // 4
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0] // 2
    return max(1, min(MOST_INPUTS, free // max(input_bytes, 1)))
