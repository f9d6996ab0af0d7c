"""What a model is: something with a name that yields the activations of layers to stimuli."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.layers import listed, matching_names

# The axes that activations may have after the stimulus, in this order.
AXES = (("unit",), ("token", "channel"), ("channel", "row", "column"), ("time", "unit"))
BY_NUMBER = {len(names): names for names in AXES[:3]}


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

        The axes are (stimulus, unit), (stimulus, channel, row, column), (stimulus, token, channel)
        or, of sound and film, (stimulus, time, unit); never ragged. The coordinate `time` is in
        seconds from the onset of the stimulus to the center of a frame; what lies past the end of
        a shorter stimulus is NaN.
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
    """Return the layers asked for, in that order and each once.

    Parameters
    ----------
    wanted : str or sequence of str, optional
        Names, patterns such as "block.*" (see `find_layers`), or "all".
    default : sequence of str
        What is meant by None.
    known : sequence of str
        All names there are.

    Returns
    -------
    list of str
    """
    if wanted is None:
        return list(default)
    names = [name for item in listed(wanted) for name in matching_names(str(item), known)]
    return list(dict.fromkeys(names))


def selected_layers(model: Model, wanted: Sequence[str] | str | None) -> list[str]:
    """Return the names of the layers of any model that a selection means.

    Parameters
    ----------
    model : Model
        Asked by its method `select`, where it has one; else its `layers` are all it has.
    wanted : str or sequence of str, optional

    Returns
    -------
    list of str
    """
    select = getattr(model, "select", None)
    if select is not None:
        return list(select(wanted))
    return chosen_layers(wanted, model.layers, model.layers)


def count_layers(model: Model, wanted: Sequence[str] | str | None) -> int:
    """Count the layers that a selection means, as far as the model can tell before its pass."""
    try:
        return len(selected_layers(model, wanted))
    except UnknownNameError:  # layers of a member of a joined model, or made by a pass
        return len(model.layers if wanted is None else listed(wanted))


def label_layer(
    values: np.ndarray,
    layer: str,
    stimuli: Sequence[str],
    model: str,
    *,
    axes: Sequence[str] | None = None,
    time: np.ndarray | None = None,
) -> xr.DataArray:
    """Label the raw activations of one layer by stimulus.

    Parameters
    ----------
    values : ndarray (stimulus, ...)
    layer : str
    stimuli : sequence of str
    model : str
        Name of the model.
    axes : sequence of str, optional
        Names of the axes after the stimulus: those of one of `AXES`. By default they follow from
        their number: (unit), (token, channel) or (channel, row, column).
    time : ndarray (time,), optional
        Seconds from the onset of the stimulus to the centers of the frames; needed where an axis
        is time. Frames past the end of a shorter stimulus are NaN.

    Returns
    -------
    DataArray
    """
    given = ("time", "unit") if axes is None and time is not None else axes
    names = BY_NUMBER[values.ndim - 1] if given is None else tuple(given)
    coords = {"stimulus": np.asarray(stimuli, dtype=str), "layer": layer, "model": model}
    if "time" in names:
        coords["time"] = np.asarray(time, dtype=float)
    return xr.DataArray(values, dims=("stimulus", *names), coords=coords, name="activations")
