"""A plain function as a model: stimuli in, the activations of layers out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.models.inputs import KINDS
from neuroalign.models.protocol import chosen_layers, label_layer

Function = Callable[[pd.DataFrame], Mapping[str, object]]


class CallableModel:
    """Yield the activations that a function returns.

    Parameters
    ----------
    function : callable
        Given the table of stimuli, returns layer -> activations: an array whose first axis is the
        stimuli in the order of the table, or a DataFrame or DataArray that carries their labels,
        in any order.
    layers : sequence of str
        The layers that it returns, first to last.
    reads : {"image", "text", "audio", "video"}, optional
        The column of the stimuli that it needs; none by default.
    name : str, optional
        By default that of the function.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from neuroalign.models.callables import CallableModel
    >>> def lengths(stimuli):
    ...     return {"letters": stimuli["text"].str.len().to_numpy()[:, None]}
    >>> model = CallableModel(lengths, layers=["letters"], reads="text")
    >>> words = pd.DataFrame({"text": ["a", "word"]}, index=["s1", "s2"])
    >>> dict(model.activations(words))["letters"].values.tolist()
    [[1.0], [4.0]]
    """

    def __init__(
        self,
        function: Function,
        *,
        layers: Sequence[str],
        reads: str | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(function):
            message = (
                f"A {type(function).__name__} cannot be called; give a function from the table of "
                "stimuli to layer -> activations."
            )
            raise DataError(message)
        if reads is not None and reads not in KINDS:
            raise unknown_name(reads, KINDS, kind="kind of stimulus")
        if isinstance(layers, str) or not layers:
            message = (
                f"layers={layers!r} is no list of names; give those that the function returns."
            )
            raise DataError(message)
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self.reads, self.layers = reads, [str(layer) for layer in layers]
        self._function = function

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer with its activations, after one call of the function.

        Parameters
        ----------
        stimuli : DataFrame
        layers : sequence of str, optional

        Yields
        ------
        layer : str
        activations : DataArray, float32
        """
        wanted = chosen_layers(layers, self.layers, self.layers)
        labels = as_labels(stimuli.index, "stimulus")
        if not len(labels):
            message = f"Model {self.name!r} was given no stimuli."
            raise DataError(message)
        returned = self._function(stimuli.set_axis(labels))
        if not isinstance(returned, Mapping):
            message = (
                f"The function of model {self.name!r} returns a {type(returned).__name__}; a "
                "mapping layer -> activations is needed."
            )
            raise DataError(message)
        for layer in wanted:
            if layer not in returned:
                raise unknown_name(layer, map(str, returned), kind="layer that was returned")
            yield layer, self._labelled(returned[layer], layer, labels)

    def _labelled(self, given: object, layer: str, labels: np.ndarray) -> xr.DataArray:
        """Check rows and values, and bring labelled rows into the order of the stimuli."""
        what = f"Layer {layer!r} of model {self.name!r}"
        values = np.asarray(given)
        if isinstance(given, (pd.DataFrame, xr.DataArray)):
            values = _in_order(given, labels, what)
        elif values.ndim and len(values) != len(labels):
            message = f"{what} has {len(values)} rows for {len(labels)} stimuli."
            raise DataError(message)
        if not 2 <= values.ndim <= 4 or values.dtype.kind not in "biuf":
            message = (
                f"{what} is of type {values.dtype} and shape {values.shape}; real numbers with 2 "
                "to 4 axes are needed, the first of them the stimuli."
            )
            raise DataError(message)
        return label_layer(values.astype(np.float32), layer, list(labels), self.name)


def _in_order(given: pd.DataFrame | xr.DataArray, labels: np.ndarray, what: str) -> np.ndarray:
    if isinstance(given, xr.DataArray):
        if "stimulus" not in given.indexes:
            message = f"{what} carries no labels; give it the index coordinate 'stimulus'."
            raise DataError(message)
        given = given.transpose("stimulus", ...)
        index = pd.Index(as_labels(given["stimulus"].values, "stimulus"))
    else:
        index = pd.Index(as_labels(given.index, "stimulus"))
    if twice := repeated(index):
        message = f"{what} has several rows of {len(twice)} stimuli {name_some(twice)}."
        raise DataError(message)
    rows = index.get_indexer(pd.Index(labels))
    if (rows < 0).any():
        lacking = labels[rows < 0]
        message = f"{what} lacks {len(lacking)} of the stimuli {name_some(lacking)}."
        raise DataError(message)
    return given.to_numpy()[rows]
