"""Run a torch module as a measuring device: no training, a state of its own, back as it was."""

from __future__ import annotations

import numbers
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.device import exact_products

PRECISIONS = ("float32", "float16", "bfloat16")
# Passes of several threads through one module would catch each other's activations.
_ONE_AT_A_TIME = threading.RLock()


def known_device(device: str) -> torch.device:
    """Return the device of that name, which must be there."""
    try:
        known = torch.device(device)
    except RuntimeError as error:
        message = f"Device {device!r} is not known to torch; use 'cpu', 'cuda' or 'mps'."
        raise DataError(message) from error
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(known.type, True):
        kind = known.type.upper()
        message = f"Device {device!r} was asked for, but torch finds no {kind} device; use 'cpu'."
        raise DataError(message)
    return known


def known_precision(precision: str) -> str:
    """Return a precision, which must be one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise unknown_name(precision, PRECISIONS, kind="precision")
    return precision


def check_module(module: object) -> None:
    """Refuse what is no module, or one whose submodules cannot be watched."""
    if not isinstance(module, torch.nn.Module):
        message = f"TorchModel wraps a torch.nn.Module, but got a {type(module).__name__}."
        raise DataError(message)
    if isinstance(module, torch.jit.ScriptModule):
        message = (
            f"The {type(module).__name__} is a network that torch.jit compiled, whose layers "
            "cannot be caught; give the module that it was made from."
        )
        raise DataError(message)


def check_amounts(batch_size: object, memory_budget: object, *, of: str = "stimuli") -> None:
    """Refuse a size of batches or a budget that is no whole number; None is always allowed."""
    if batch_size is not None and not is_whole(batch_size, least=1):
        message = f"batch_size={batch_size!r} is not a positive number of {of}."
        raise DataError(message)
    if isinstance(memory_budget, float) and memory_budget.is_integer():  # as 1e9
        memory_budget = int(memory_budget)
    if memory_budget is not None and not is_whole(memory_budget, least=0):
        message = f"memory_budget={memory_budget!r} is no number of bytes; give one, as 10**9."
        raise DataError(message)


def is_whole(number: object, *, least: int) -> bool:
    """Tell whether something is a whole number, and at least so large."""
    return isinstance(number, numbers.Integral) and int(number) >= least


@contextmanager
def evaluating(module: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Put a module into evaluation mode on a device; afterwards all is as it was.

    Parameters and buffers get back the very tensors that they had, so that nothing is copied back
    or rounded. One pass runs at a time in a process.
    """
    with _ONE_AT_A_TIME:
        modes = {child: child.training for child in module.modules()}
        tensors = _Tensors(module)
        try:
            module.eval()
            if not tensors.are_on(device):
                module.to(device)
            yield
        finally:
            tensors.restore()
            for child, training in modes.items():
                child.training = training


class _Tensors:
    """All parameters and buffers of a module, as they are now."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self._parameters = [
            (child, name, parameter, parameter.data)
            for child in module.modules()
            for name, parameter in child._parameters.items()
            if parameter is not None and not is_lazy(parameter)
        ]
        self._buffers = [
            (child, name, buffer)
            for child in module.modules()
            for name, buffer in child._buffers.items()
            if buffer is not None and not is_lazy(buffer)
        ]

    def devices(self) -> set[torch.device]:
        found = {data.device for *_, data in self._parameters}
        return found | {buffer.device for *_, buffer in self._buffers}

    def are_on(self, device: torch.device) -> bool:
        return all(
            own.type == device.type and device.index in (None, own.index) for own in self.devices()
        )

    def restore(self) -> None:
        for child, name, parameter, data in self._parameters:
            moved = parameter.device != data.device or parameter.data_ptr() != data.data_ptr()
            if moved:
                parameter.data = data
            child._parameters[name] = parameter
        for child, name, buffer in self._buffers:
            child._buffers[name] = buffer


def is_lazy(tensor: torch.Tensor) -> bool:
    """Tell whether a parameter or buffer gets its shape in the first pass only."""
    return isinstance(tensor, (UninitializedBuffer, UninitializedParameter))


def home_device(module: torch.nn.Module, otherwise: torch.device) -> torch.device:
    """Return the device of the first parameter of a module."""
    first = next(module.parameters(), None)
    return first.device if first is not None else otherwise


@contextmanager
def own_random_state(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch for the block; afterwards its random state is what it was before."""
    cuda = []
    if device.type == "cuda":
        cuda = [torch.cuda.current_device() if device.index is None else device.index]
    with torch.random.fork_rng(devices=cuda):
        apple = torch.mps.get_rng_state() if device.type == "mps" else None
        torch.default_generator.manual_seed(seed)  # torch.manual_seed reaches all devices
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        try:
            if apple is not None:
                torch.mps.manual_seed(seed)
            yield
        finally:
            if apple is not None:
                torch.mps.set_rng_state(apple)


@contextmanager
def in_precision(device: torch.device, precision: str) -> Iterator[None]:
    """Run products and convolutions in a precision; sums and normalizations stay in float32.

    Weights stay as they are: autocast rounds them as they are used. One that is active around the
    block does not count.
    """
    lower = torch.autocast(device.type, enabled=False)
    if precision != "float32":
        lower = torch.autocast(device.type, dtype=getattr(torch, precision))
    with exact_products(), _exact_elsewhere(), lower:
        yield


@contextmanager
def _exact_elsewhere() -> Iterator[None]:
    """Keep float32 in float32 where torch may round it to less.

    That is in convolutions on a GPU, by default, and on a CPU where a process allows it.
    """
    cudnn: Any = torch.backends.cudnn
    cpu: Any = torch.backends.mkldnn
    places: list[tuple[Any, str, object]] = [(cudnn, "allow_tf32", False)]
    if hasattr(cudnn, "conv"):  # since torch 2.9
        places = [
            (holder, "fp32_precision", "ieee")
            for holder in (cudnn.conv, cudnn.rnn, cpu.matmul, cpu.conv, cpu.rnn)
        ]
    before = [getattr(holder, name) for holder, name, _ in places]
    try:
        for holder, name, exact in places:
            setattr(holder, name, exact)
        yield
    finally:
        for (holder, name, _), value in zip(places, before, strict=True):
            setattr(holder, name, value)


@contextmanager
def measuring(
    module: torch.nn.Module, device: torch.device, precision: str, seed: int
) -> Iterator[None]:
    """Make a module ready for a pass whose submodules are watched; afterwards all is as it was."""
    # Without gradients, but no "inference mode", also where the caller is in it: what a
    # network keeps of a pass, such as tables of positions, could not be trained with.
    with (
        torch.inference_mode(mode=False),
        evaluating(module, device),
        own_random_state(device, seed),
        in_precision(device, precision),
        torch.no_grad(),
        _uncompiled(),
    ):
        yield


def _uncompiled() -> AbstractContextManager[object]:
    """Run what `torch.compile` wrapped as it was written: hooks would be compiled in every pass."""
    stance = getattr(torch.compiler, "set_stance", None)  # since torch 2.6
    return nullcontext() if stance is None else stance("force_eager")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device, or the machine, has no memory left."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in words or "allocate memory" in words or "not enough memory" in words)
    )
