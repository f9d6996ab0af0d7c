"""A model of which only some units are kept, whichever layers they are in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.features.matching import design_rows
from neuroalign.models.protocol import Model, chosen_layers, selected_layers


class SelectedUnits:
    """Keep some units of a model, side by side as one layer.

    Parameters
    ----------
    model : Model
    units : mapping of str to array of int
        Layer -> numbers of its units, flattened, that are kept. Layers without any need not be
        named.
    name : str
        Of the only layer of the model, such as "language units".
    origin : str, optional
        Name of the network that the units were localized in, for messages.
    sizes : mapping of str to int, optional
        Layer -> number of its units in that network; layers of another number are refused, since
        their units are others.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.models import SelectedUnits
    >>> reds = SelectedUnits(na.load_model("pixels"), {"pixels": range(256)}, name="reds")
    >>> reds.name, reds.layers
    ('pixels: reds', ['reds'])
    """

    def __init__(
        self,
        model: Model,
        units: Mapping[str, Sequence[int] | np.ndarray],
        *,
        name: str,
        origin: str | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        kept = {layer: _checked(layer, numbers) for layer, numbers in units.items()}
        self._units = {layer: numbers for layer, numbers in kept.items() if len(numbers)}
        if not self._units:
            message = f"No unit of model {model.name!r} is kept; name one or more."
            raise DataError(message)
        self._model, self._origin, self._sizes = model, origin, dict(sizes or {})
        self.name = f"{model.name}: {name}"
        self.reads: str | None = model.reads
        self.layers = [name]

    def fingerprint(self) -> dict[str, object]:
        """Return the fingerprint of the model, where it has one, and the sha256 of the choice."""
        chosen = {layer: numbers.tolist() for layer, numbers in self._units.items()}
        return {
            "model": getattr(self._model, "fingerprint", lambda: None)(),
            "units": hashlib.sha256(repr(chosen).encode()).hexdigest(),
        }

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the only layer (stimulus, unit).

        Parameters
        ----------
        stimuli : DataFrame
        layers : sequence of str, optional

        Yields
        ------
        layer : str
        activations : DataArray (stimulus, unit)
            With the coordinates `source` (unit), the layer that a unit is of, and `number`
            (unit), which of its units it is.
        """
        (layer,) = chosen_layers(layers, self.layers, self.layers)
        labels = [str(label) for label in stimuli.index]
        parts = {}
        for source, values in self._whole(stimuli):
            rows = design_rows(values, labels)
            self._check_size(source, rows.shape[1])
            parts[source] = rows[:, self._units[source]]
        counts = [len(numbers) for numbers in self._units.values()]
        yield (
            layer,
            xr.DataArray(
                np.concatenate([parts[source] for source in self._units], axis=1),
                {
                    "stimulus": labels,
                    "source": ("unit", np.repeat(list(self._units), counts)),
                    "number": ("unit", np.concatenate(list(self._units.values()))),
                    "layer": layer,
                    "model": self.name,
                },
                ("stimulus", "unit"),
                name="activations",
            ),
        )

    def _whole(self, stimuli: pd.DataFrame) -> Iterator[tuple[str, xr.DataArray]]:
        try:
            yield from self._model.activations(stimuli, list(self._units))
        except UnknownNameError as error:
            lacking = [layer for layer in self._units if not _has(self._model, layer)]
            if self._origin is None or not lacking:
                raise
            message = (
                f"Model {self._model.name!r} lacks layer {lacking[0]!r}, in which units of model "
                f"{self._origin!r} were localized; localize units of the network that is scored."
            )
            raise UnknownNameError(message) from error

    def _check_size(self, layer: str, size: int) -> None:
        most = int(self._units[layer].max())
        if self._sizes.get(layer, size) != size:
            message = (
                f"Layer {layer!r} of model {self._model.name!r} has {size} units, but units were "
                f"localized among {self._sizes[layer]} of that layer of model {self._origin!r}; "
                "localize units of the network that is scored."
            )
            raise DataError(message)
        if most >= size:
            message = (
                f"Unit {most} of layer {layer!r} was asked for, but the layer has {size} units; "
                "choose units on the network that is scored."
            )
            raise DataError(message)


def _has(model: Model, layer: str) -> bool:
    try:
        return bool(selected_layers(model, [layer]))
    except UnknownNameError:
        return False


def _checked(layer: str, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    given = np.asarray(numbers)
    if given.ndim != 1 or (given.size and (given.dtype.kind not in "iu" or given.min() < 0)):
        message = (
            f"The units of layer {layer!r} are no list of numbers from 0 on; give the places of "
            "units in the flattened layer, as np.flatnonzero makes them of a mask."
        )
        raise DataError(message)
    return given.astype(int)
