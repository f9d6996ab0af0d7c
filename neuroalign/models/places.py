"""Places in a network whose tensors are activations: what modules return, or are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch


class Place(NamedTuple):
    """Where the activations of a layer are: what a module returns, or what it is given."""

    module: torch.nn.Module
    given: bool = False


@contextmanager
def caught(places: Mapping[str, Place]) -> Iterator[dict[str, torch.Tensor]]:
    """Catch the tensors at some places while the block runs; hooks are removed afterwards."""
    found: dict[str, torch.Tensor] = {}

    def keep(layer: str, value: Any) -> None:
        first = value[0] if isinstance(value, (tuple, list)) else value
        found[layer] = first.detach().clone()

    with ExitStack() as hooks:
        for layer, place in places.items():
            if place.given:
                handle = place.module.register_forward_pre_hook(
                    lambda _, given, name=layer: keep(name, given)
                )
            else:
                handle = place.module.register_forward_hook(
                    lambda _, __, returned, name=layer: keep(name, returned)
                )
            hooks.callback(handle.remove)
        yield found
