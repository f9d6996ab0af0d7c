"""Models: what yields activations of layers, labelled by stimulus."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuroalign.models.joined import JoinedModel as JoinedModel
    from neuroalign.models.text import TextModel as TextModel
    from neuroalign.models.torch_model import TorchModel as TorchModel

# Imported on first use: listing models must load neither torch nor xarray.
_HOMES = {"JoinedModel": "joined", "TextModel": "text", "TorchModel": "torch_model"}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    """Import a class from its home."""
    if name not in _HOMES:
        message = f"module 'neuroalign.models' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"neuroalign.models.{_HOMES[name]}"), name)
