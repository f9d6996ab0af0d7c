"""Models: what yields activations of layers, labelled by stimulus."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuroalign.models.activation_files import FileModel as FileModel
    from neuroalign.models.audio import AudioModel as AudioModel
    from neuroalign.models.cache import cached as cached
    from neuroalign.models.callables import CallableModel as CallableModel
    from neuroalign.models.catalog import list_families as list_families
    from neuroalign.models.joined import JoinedModel as JoinedModel
    from neuroalign.models.localizer import localize_units as localize_units
    from neuroalign.models.selected_units import SelectedUnits as SelectedUnits
    from neuroalign.models.text import TextModel as TextModel
    from neuroalign.models.torch_model import TorchModel as TorchModel

# Imported on first use: listing models must load neither torch nor xarray.
_HOMES = {
    "AudioModel": "audio",
    "CallableModel": "callables",
    "FileModel": "activation_files",
    "JoinedModel": "joined",
    "SelectedUnits": "selected_units",
    "TextModel": "text",
    "TorchModel": "torch_model",
    "cached": "cache",
    "list_families": "catalog",
    "localize_units": "localizer",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    """Import a public name from its home."""
    if name not in _HOMES:
        message = f"module 'neuroalign.models' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"neuroalign.models.{_HOMES[name]}"), name)
