"""Catch what the submodules of a network return, and store it as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial

import numpy as np
import torch

from neuroalign.errors import DataError
from neuroalign.models.axes import LayerAxes
from neuroalign.models.layers import Address
from neuroalign.models.spool import LayerStore


@contextmanager
def watched(
    modules: Mapping[str, torch.nn.Module], receive: Callable[[str, object], None]
) -> Iterator[None]:
    """Hand over what modules return while the block runs; hooks are removed whatever happens."""
    handles = []
    try:
        for path, module in modules.items():
            handles.append(module.register_forward_hook(partial(_hand_over, receive, path)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hand_over(
    receive: Callable[[str, object], None],
    path: str,
    _module: torch.nn.Module,
    _inputs: object,
    output: object,
) -> None:
    receive(path, output)


class Catch:
    """Put the activations of layers into a store as modules return them, batch by batch.

    Nothing is held here: each output is copied before the next module runs, which may change it
    in place.
    """

    def __init__(
        self, addresses: Sequence[Address], axes: LayerAxes, store: LayerStore, *, finite: bool
    ) -> None:
        self._addresses = list(addresses)
        self._axes, self._store, self._finite = axes, store, finite
        self._of: dict[str, list[Address]] = {}
        for address in addresses:
            self._of.setdefault(address.path, []).append(address)
        self._first: Counter[str] | None = None  # calls of each path in the first batch
        self._calls: Counter[str] = Counter()
        self._lacking: set[str] = set()  # places of groups that have no activations
        self._start = self._n_stimuli = 0

    @property
    def paths(self) -> list[str]:
        """The submodules to watch."""
        return list(self._of)

    def begin(self, start: int, n_stimuli: int) -> None:
        """Expect a batch of stimuli from row `start` on; it may be one that failed, once more."""
        self._start, self._n_stimuli = start, n_stimuli
        self._calls.clear()

    def receive(self, path: str, output: object) -> None:
        """Store what a module returned."""
        self._calls[path] += 1
        call = self._calls[path]
        for address in self._of[path]:
            name = _stored(address, call)
            wanted = address.call in (None, call) and name not in self._lacking
            if not wanted or (call > 1 and address.call is None and not address.grouped):
                continue  # refused once the number of calls is known
            try:
                part = self._values(address, output)
            except DataError:
                if not address.grouped:
                    raise
                self._lacking.add(name)
            else:
                self._check_finite(address.name(), part)
                self._store.put(name, self._start, part)

    def end(self) -> None:
        """Refuse the batch where a layer did not run as often as its name says."""
        first = self._calls.copy() if self._first is None else self._first
        for path, addresses in self._of.items():
            n_calls = self._calls[path]
            for address in addresses:
                if address.grouped:
                    if n_calls != first[path]:
                        each = range(1, max(n_calls, first[path]) + 1)
                        self._lacking.update(_stored(address, call) for call in each)
                elif n_calls < (address.call or 1) or (n_calls > 1 and address.call is None):
                    raise _calls_refused(address, n_calls)
        self._first = first

    def found(self) -> Iterator[tuple[str, str, str]]:
        """Yield the name of each layer, that under which it is stored, and the submodule."""
        seen = set()
        for name, stored, path in self._all_found():
            if stored not in seen:  # a call may be named, and found by a pattern too
                seen.add(stored)
                yield name, stored, path

    def _all_found(self) -> Iterator[tuple[str, str, str]]:
        for address in self._addresses:
            if not address.grouped:
                yield address.name(), address.name(), address.path
                continue
            n_calls = self._first[address.path] if self._first else 0
            for call in [address.call] if address.call else range(1, n_calls + 1):
                stored = _stored(address, call)
                if call <= n_calls and stored not in self._lacking:
                    yield address.name(call if n_calls > 1 else None), stored, address.path

    def left_out(self) -> list[str]:
        """Name the submodules of groups that have no activations."""
        found = {path for *_, path in self.found()}
        return [address.path for address in self._addresses if address.path not in found]

    def _values(self, address: Address, output: object) -> np.ndarray:
        layer = address.name()
        output = _member(layer, output, address.members)
        tensor = _first_tensor(output)
        if tensor is None:
            message = (
                f"Layer {layer!r} returns a {type(output).__name__} without a tensor; name another "
                "layer."
            )
            raise DataError(message)
        if tensor.is_complex():
            message = (
                f"Layer {layer!r} returns complex numbers, which have no order to be predicted."
            )
            raise DataError(message)
        ordered = self._axes.ordered(address.path, layer, tensor.detach(), self._n_stimuli)
        return ordered.cpu().float().resolve_neg().numpy()

    def _check_finite(self, layer: str, values: np.ndarray) -> None:
        if self._finite and not np.isfinite(values).all():
            message = (
                f"Layer {layer!r} returns values beyond the largest of float16, 65504; use "
                "precision='bfloat16'."
            )
            raise DataError(message)


def _stored(address: Address, call: int) -> str:
    """Name a layer in the store: before all calls were seen, where they may be several."""
    return address.name(call) if address.grouped else address.name()


def _calls_refused(address: Address, n_calls: int) -> DataError:
    layer = address.name()
    if not n_calls:
        message = (
            f"Layer {layer!r} did not run in a pass of the network; name a submodule that its "
            "forward calls."
        )
    elif address.call is None:
        calls = [repr(address._replace(call=call).name()) for call in range(1, n_calls + 1)]
        listed = ", ".join(calls[:3]) + (f" to {calls[-1]}" if n_calls > 3 else "")
        message = (
            f"Layer {layer!r} ran {n_calls} times in one pass; name the call that is meant: "
            f"{listed}."
        )
    else:
        times = "once" if n_calls == 1 else f"{n_calls} times"
        message = (
            f"Layer {layer!r} is call {address.call} of {address.path!r}, which ran {times} in a "
            "pass of the network; name a call that there is."
        )
    return DataError(message)


def _first_tensor(output: object) -> torch.Tensor | None:
    """Return the first tensor of an output, in its order."""
    if isinstance(output, torch.Tensor):
        return output
    for part in _parts(output).values():
        if (tensor := _first_tensor(part)) is not None:
            return tensor
    return None


def _member(layer: str, output: object, members: Sequence[str]) -> object:
    for member in members:
        parts = _parts(output)
        if member not in parts:
            known = ", ".join(f"[{name}]" for name in parts) or "no members"
            message = (
                f"Layer {layer!r} was asked for the member [{member}] of a "
                f"{type(output).__name__} that has {known}; name one of these."
            )
            raise DataError(message)
        output = parts[member]
    return output


def _parts(output: object) -> dict[str, object]:
    """Return the members of a tuple, list, mapping or dataclass by name or number, in order."""
    if isinstance(output, Mapping):
        return {str(name): part for name, part in output.items()}
    if isinstance(output, (tuple, list)):
        names = getattr(output, "_fields", ())
        parts = {str(number): part for number, part in enumerate(output)}
        return parts | dict(zip(names, output, strict=False))
    if is_dataclass(output) and not isinstance(output, type):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    return {}
