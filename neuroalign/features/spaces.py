"""Feature spaces: units that belong together, named by the coordinate `space` of each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.features.matching import design_rows


class UnitSpaces(NamedTuple):
    """The spaces of a layer, in order of their first unit."""

    names: list[str]
    members: list[np.ndarray]  # numbers of the flattened units of each space


def join_spaces(parts: Mapping[str, xr.DataArray], stimuli: Sequence[str]) -> xr.DataArray:
    """Put the units of several spaces side by side, matched by stimulus.

    Parameters
    ----------
    parts : mapping of str to DataArray (stimulus, ...)
        Name of the space -> activations; the units of each are flattened.
    stimuli : sequence of str
        The rows that are wanted; others are left out.

    Returns
    -------
    DataArray (stimulus, unit)
        With the coordinate `space` (unit).
    """
    rows = {}
    for name, part in parts.items():
        layer = part.coords["layer"].item() if "layer" in part.coords else None
        called = name if layer in (None, name) else f"{name}: {layer}"
        rows[name] = design_rows(part.assign_coords(layer=called), stimuli)
    spaces = np.repeat(list(rows), [values.shape[1] for values in rows.values()])
    return xr.DataArray(
        np.concatenate(list(rows.values()), axis=1),
        {"stimulus": np.asarray(stimuli, dtype=str), "space": ("unit", spaces)},
        ("stimulus", "unit"),
        name="activations",
    )


def read_spaces(activations: xr.DataArray) -> UnitSpaces:
    """Tell which unit of a layer belongs to which space; refuse fewer than two spaces.

    Parameters
    ----------
    activations : DataArray (stimulus or sample, ...)
        With the coordinate `space` along its units.

    Returns
    -------
    UnitSpaces
    """
    layer = activations.coords["layer"].item() if "layer" in activations.coords else "?"
    rows = "sample" if "sample" in activations.dims else "stimulus"
    if "space" not in activations.coords or not activations["space"].dims:
        message = (
            f"Layer {layer!r} does not say which space its units belong to; join spaces with "
            "JoinedModel, or give the units a coordinate 'space'."
        )
        raise DataError(message)
    if rows in activations["space"].dims:
        message = f"The coordinate 'space' of layer {layer!r} labels its rows, not its units."
        raise DataError(message)
    one = activations.transpose(rows, ...).isel({rows: 0}, drop=True)
    labels = xr.broadcast(one["space"], one)[0].transpose(*one.dims).values.ravel().astype(str)
    names = list(dict.fromkeys(labels.tolist()))
    if len(names) < 2:
        message = (
            f"All units of layer {layer!r} belong to the space {names[0]!r}, but two spaces or "
            "more are needed; use RidgeEncoding for one."
        )
        raise DataError(message)
    return UnitSpaces(names, [np.flatnonzero(labels == name) for name in names])
