"""Families of models, and the layers of a model, in words."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from neuroalign.models.families import FAMILIES
from neuroalign.models.layers import submodules
from neuroalign.models.protocol import Model, selected_layers


def families_table() -> pd.DataFrame:
    """Return a row for each family: an example, what it reads, and what has to be installed."""
    rows = [(facts.example, facts.reads, facts.packages) for facts in FAMILIES.values()]
    return pd.DataFrame(rows, columns=["as in", "reads", "packages"])


def describe_layers(model: Model, layers: Sequence[str] | None = None) -> str:
    """List the layers of a model with the types of their modules, those scored by default starred.

    Parameters
    ----------
    model : Model
        Of a torch module all submodules are layers.
    layers : sequence of str, optional
        Names and patterns, of which all layers are listed.

    Returns
    -------
    str
        A line for each layer, and one that counts them.
    """
    modules = submodules(model.module) if hasattr(model, "module") else {}
    default = selected_layers(model, None)
    names = selected_layers(model, layers) if layers else [*modules] or default
    width = max(map(len, names))
    lines = []
    for name in names:
        mark = "*" if name in default else " "
        kind = type(modules[name]).__name__ if name in modules else ""
        lines.append(f"{mark} {name:<{width}}  {kind}".rstrip())
    starred = sum(name in default for name in names)
    return "\n".join(
        [*lines, f"{len(names)} layers, of which {starred} (*) are scored by default."]
    )
