"""Places in a network whose tensors are activations: what modules return, or are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch

from neuroalign.errors import DataError, name_some


class Place(NamedTuple):
    """Where the activations of a layer are: what a module returns, or what it is given."""

    module: torch.nn.Module
    given: bool = False


def check_places(places: object, network: object, name: str) -> None:
    """Refuse what is no place, or no network, in the model of that name."""
    if not isinstance(network, torch.nn.Module):
        message = f"Model {name!r} wraps a torch.nn.Module, but got a {type(network).__name__}."
        raise DataError(message)
    if not isinstance(places, Mapping):
        message = (
            f"The places of model {name!r} are a {type(places).__name__}; give a mapping, as in "
            "{'layer': Place(module)}."
        )
        raise DataError(message)
    for layer, place in places.items():
        if not isinstance(place, Place) or not isinstance(place.module, torch.nn.Module):
            message = (
                f"The place of layer {layer!r} of model {name!r} is a {type(place).__name__}; give "
                "Place(module), or Place(module, given=True) for what the module is given."
            )
            raise DataError(message)


@contextmanager
def caught(places: Mapping[str, Place]) -> Iterator[dict[str, torch.Tensor]]:
    """Catch the tensors at some places while the block runs; hooks are removed afterwards."""
    found: dict[str, torch.Tensor] = {}

    def keep(layer: str, value: Any) -> None:
        first = next(iter(value), None) if isinstance(value, (tuple, list)) else value
        if not isinstance(first, torch.Tensor):
            message = (
                f"At the place of layer {layer!r} the network has a {type(first).__name__}, not a "
                "tensor; choose another place."
            )
            raise DataError(message)
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
    if lost := [layer for layer in places if layer not in found]:
        message = (
            f"{len(lost)} layers have places that the network does not reach in a pass "
            f"{name_some(lost)}; choose others."
        )
        raise DataError(message)
