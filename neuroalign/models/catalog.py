"""Find models by name, and load them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from neuroalign.errors import unknown_name
from neuroalign.models.protocol import Model, PrecomputedModel, as_model

ENTRY_POINTS = "neuroalign.models"
SHIPPED = {
    "efficientnet-lite0": "neuroalign.models.efficientnet:load",
    "efficientnet-lite0-untrained": "neuroalign.models.efficientnet:load_untrained",
    "minilm": "neuroalign.models.minilm:load",
    "minilm-untrained": "neuroalign.models.minilm:load_untrained",
    "pixels": "neuroalign.models.pixels:load",
    "word-rate": "neuroalign.models.words:load",
}


def list_models() -> list[str]:
    """List the names that `load_model` knows, sorted. Loads no model.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import neuroalign as na
    >>> na.list_models()[-2:]
    ['pixels', 'word-rate']
    """
    return sorted(_locations())


def _locations() -> dict[str, str]:
    published = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}
    return {**published, **SHIPPED}


def load_model(name: str, **options: object) -> Model:
    """Load a model by name.

    Parameters
    ----------
    name : str
        One of `list_models()`.
    **options
        Passed on, as in ``load_model("efficientnet-lite0", device="cuda")``.

    Returns
    -------
    Model

    Examples
    --------
    >>> import neuroalign as na
    >>> na.load_model("pixels").layers
    ['pixels']
    """
    load = model_loader(name)
    parameters = list(inspect.signature(load).parameters)
    for option in options:
        if option not in parameters:
            raise unknown_name(option, parameters, kind=f"option of model {name!r}")
    loaded = load(**options)
    if isinstance(loaded, Mapping):
        return PrecomputedModel(loaded, name=name)
    return as_model(loaded)


def model_loader(name: str) -> Callable[..., object]:
    """Find the function that loads the model of that name."""
    locations = _locations()
    if name not in locations:
        raise unknown_name(name, locations, kind="model")
    module, _, function = locations[name].partition(":")
    return getattr(importlib.import_module(module), function)
