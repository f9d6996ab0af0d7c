"""Batches of a pass: stimuli made into tensors, as many at a time as memory allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from neuroalign.errors import DataError

MOST_ON_CPU = 8  # larger ones fall out of its caches
MOST = 256
WORKING = 4  # times what the largest step takes and returns

Tensors = torch.Tensor | dict[str, torch.Tensor]


class BatchSize:
    """How many stimuli are run together: the first alone, then more, fewer once memory runs out.

    The first batch differs in size from the next, so that an output whose first axis is not the
    stimulus shows.
    """

    def __init__(self, given: int | None, device: torch.device, budget: int) -> None:
        self._given, self._device, self._budget = given, device, budget
        self.now = 1

    def learn(self, n_bytes: int) -> None:
        """Choose the size for the rest, where one stimulus takes so many bytes at a time."""
        if self._given is not None:
            self.now = self._given
            return
        on_gpu = self._device.type == "cuda"
        free = torch.cuda.mem_get_info(self._device)[0] // 2 if on_gpu else self._budget // 4
        fitting = max(1, free // max(1, WORKING * n_bytes))
        most = MOST_ON_CPU if self._device.type == "cpu" else MOST
        self.now = min(most, 2 ** int(math.log2(fitting)))

    def halve(self, n_stimuli: int) -> None:
        """Run fewer from now on, since so many took more memory than there is."""
        self.now = max(1, n_stimuli // 2)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


class LargestStep:
    """The most bytes that a submodule takes and returns."""

    n_bytes = 0

    def see(
        self, _module: torch.nn.Module, inputs: object, keywords: object, output: object
    ) -> None:
        """Measure one call."""
        self.n_bytes = max(self.n_bytes, _size((inputs, keywords, output)))


@contextmanager
def largest_step(module: torch.nn.Module) -> Iterator[LargestStep]:
    """Measure the calls of all submodules while the block runs."""
    step, handles = LargestStep(), []
    try:
        for child in module.modules():
            handles.append(child.register_forward_hook(step.see, with_kwargs=True))
        yield step
    finally:
        for handle in handles:
            handle.remove()


def _size(value: object) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, (tuple, list)):
        return sum(map(_size, value))
    return 0


def collate(made: Sequence[object], like: torch.Tensor | None, device: torch.device) -> Tensors:
    """Stack what a preprocessing made of each stimulus of a batch.

    Parameters
    ----------
    made : sequence of Tensor, or of mapping of str to Tensor
    like : Tensor or None
        Real numbers become of its type.
    device : torch.device

    Returns
    -------
    Tensor or dict of str to Tensor
    """
    first = made[0]
    if not isinstance(first, Mapping):
        return _stacked(made, like, device)
    names = list(first)
    for one in made:
        if not isinstance(one, Mapping) or list(one) != names:
            other = list(one) if isinstance(one, Mapping) else type(one).__name__
            message = (
                f"preprocess returns {names} for some stimuli and {other} for others; return the "
                "same names for all."
            )
            raise DataError(message)
    return {
        str(name): _stacked([one[name] for one in made], like, device)  # type: ignore[index]
        for name in names
    }


def _stacked(
    tensors: Sequence[object], like: torch.Tensor | None, device: torch.device
) -> torch.Tensor:
    given = [tensor for tensor in tensors if isinstance(tensor, torch.Tensor)]
    if len(given) < len(tensors):
        strange = next(type(t).__name__ for t in tensors if not isinstance(t, torch.Tensor))
        message = f"preprocess returns a {strange}; a torch tensor is needed."
        raise DataError(message)
    shapes = {tuple(tensor.shape) for tensor in given}
    if len(shapes) > 1:
        message = (
            f"Stimuli of different sizes {sorted(shapes)[:3]} do not fit into one batch; give "
            "TorchModel a preprocess that brings them to one size."
        )
        raise DataError(message)
    batch = torch.stack(given)
    dtype = like.dtype if like is not None and batch.is_floating_point() else batch.dtype
    return batch.to(device=device, dtype=dtype)
