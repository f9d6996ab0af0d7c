"""What a model is: something with a name that yields the activations of layers to stimuli."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError, unknown_name


@runtime_checkable
class Model(Protocol):
    """The contract of a model.

    `reads` is one of "image", "text", "audio", "video", or None where activations do not depend
    on what a stimulus is (they were computed elsewhere). `layers` are the names of the layers
    that are scored by default, first to last.
    """

    name: str
    reads: str | None
    layers: list[str]

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer with its activations, labelled by stimulus.

        The axes are (stimulus, unit), (stimulus, channel, row, column) or (stimulus, token,
        channel); never ragged.
        """


class PrecomputedModel:
    """Activations that were computed elsewhere.

    Parameters
    ----------
    activations : mapping of str to DataArray or DataFrame
        Layer -> activations; the first axis is "stimulus" and carries labels.
    name : str, optional
    """

    reads: str | None = None

    def __init__(
        self,
        activations: Mapping[str, xr.DataArray | pd.DataFrame],
        *,
        name: str = "precomputed activations",
    ) -> None:
        if not activations:
            message = "The mapping of activations is empty; give layer -> labelled array."
            raise DataError(message)
        self.name = name
        self._activations = {
            str(layer): _labelled(str(layer), values) for layer, values in activations.items()
        }
        self.layers = list(self._activations)

    def activations(
        self,
        stimuli: pd.DataFrame,  # noqa: ARG002 (part of the contract)
        layers: Sequence[str] | None = None,
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layers as they were given; matching with stimuli is left to who asks."""
        for layer in chosen_layers(layers, self.layers, self.layers):
            yield layer, self._activations[layer]


def _labelled(layer: str, values: xr.DataArray | pd.DataFrame) -> xr.DataArray:
    if isinstance(values, pd.DataFrame):
        stimuli = as_labels(values.index, "stimulus")
        values = xr.DataArray(
            values.to_numpy(), dims=("stimulus", "unit"), coords={"stimulus": stimuli}
        )
    if not isinstance(values, xr.DataArray) or "stimulus" not in values.indexes:
        message = (
            f"Activations of layer {layer!r} carry no stimulus labels; give a DataFrame indexed by "
            "stimulus, or a DataArray with the index coordinate 'stimulus'."
        )
        raise DataError(message)
    labels = as_labels(values["stimulus"].values, "stimulus")
    return values.assign_coords(stimulus=labels, layer=layer)


def as_model(model: object) -> Model:
    """Return a model: as it is, or made of a mapping layer -> labelled array.

    Parameters
    ----------
    model : Model or mapping

    Returns
    -------
    Model
    """
    if isinstance(model, Mapping):
        return PrecomputedModel(model)
    if isinstance(model, Model):
        return model
    kind = type(model).__name__
    message = (
        f"A {kind} is not a model; wrap a torch module in TorchModel(module), name one with "
        "load_model(name), or give a mapping layer -> labelled array."
    )
    raise DataError(message)


def chosen_layers(
    wanted: Sequence[str] | str | None, default: Sequence[str], known: Sequence[str]
) -> list[str]:
    """Return the layers asked for, each of which must be known, in the order asked for."""
    if wanted is None:
        return list(default)
    names = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    for name in names:
        if name not in known:
            raise unknown_name(name, known, kind="layer")
    if not names:
        message = "An empty selection of layers was given; leave it out for the default layers."
        raise DataError(message)
    return list(dict.fromkeys(names))


def label_layer(values: np.ndarray, layer: str, stimuli: Sequence[str], model: str) -> xr.DataArray:
    """Label the raw activations of one layer by stimulus, naming the axes by their number."""
    axes = {
        2: ("stimulus", "unit"),
        3: ("stimulus", "token", "channel"),
        4: ("stimulus", "channel", "row", "column"),
    }
    return xr.DataArray(
        values,
        dims=axes[values.ndim],
        coords={"stimulus": np.asarray(stimuli, dtype=str), "layer": layer, "model": model},
        name="activations",
    )
