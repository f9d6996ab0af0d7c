"""Several models as one: the units of each are a feature space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.features.spaces import join_spaces
from neuroalign.models.protocol import Model, as_model, chosen_layers, selected_layers

Activations = Mapping[str, xr.DataArray | pd.DataFrame]


class Member(NamedTuple):
    """A model, and the layer of it that is a space; None for each of its layers in turn."""

    model: Model
    layer: str | None


class JoinedModel:
    """Join models, so that a metric such as `BandedRidgeEncoding` sees which unit is whose.

    Parameters
    ----------
    members : mapping of str to model, (model, layer) or mapping
        Name of the space -> a model, one layer of a model, or layer -> activations. All but one
        must come down to a single layer; the layers of that one are the layers of the joined
        model, each next to the same other spaces.
    name : str, optional
        By default the names of the spaces, with plus signs.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> from neuroalign.models.joined import JoinedModel
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> labels = dataset.stimuli.index
    >>> size = xr.DataArray(np.ones((len(labels), 1)), {"stimulus": labels}, ("stimulus", "unit"))
    >>> model = JoinedModel({"pixels": na.load_model("pixels"), "size": {"size": size}})
    >>> model.layers
    ['pixels + size']
    """

    def __init__(
        self,
        members: Mapping[str, Model | tuple[Model, str] | Activations],
        *,
        name: str | None = None,
    ) -> None:
        if len(members) < 2:
            message = f"A joined model needs two spaces or more, but got {len(members)}."
            raise DataError(message)
        self._members = {str(space): _member(str(space), who) for space, who in members.items()}
        several = [space for space, member in self._members.items() if member.layer is None]
        if len(several) > 1:
            message = (
                f"Spaces {', '.join(map(repr, several))} have several layers each; name one layer "
                f"of all but one of them, as in {{{several[0]!r}: (model, 'layer')}}."
            )
            raise DataError(message)
        self._several = several[0] if several else None
        # What the members read, each kind once; `reads` says what all of them read, if anything.
        reads = [member.model.reads for member in self._members.values()]
        self.kinds = list(dict.fromkeys(kind for kind in reads if kind is not None))
        self.reads: str | None = self.kinds[0] if len(self.kinds) == 1 else None
        joined = " + ".join(self._members)
        self.name = name or joined
        self.layers = [joined]
        if self._several is not None:
            self.layers = list(self._members[self._several].model.layers)

    @classmethod
    def of_layers(
        cls,
        model: Model | Activations,
        layers: Sequence[str] | str | None = None,
        *,
        name: str | None = None,
    ) -> JoinedModel:
        """Make each layer of one model a space.

        Parameters
        ----------
        model : Model or mapping
        layers : str or sequence of str, optional
            Names or patterns, as "block.*"; by default those of the model.
        name : str, optional
            By default that of the model.

        Returns
        -------
        JoinedModel
            With a single layer, named "5 layers", say.
        """
        model = as_model(model)
        wanted = selected_layers(model, layers)
        joined = cls({layer: (model, layer) for layer in wanted}, name=name or model.name)
        joined.layers = [f"{len(wanted)} layers"]
        return joined

    def fingerprint(self) -> dict[str, str | None]:
        """Return the fingerprint of the model of each space, where it has one."""
        return {
            space: getattr(member.model, "fingerprint", lambda: None)()
            for space, member in self._members.items()
        }

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer: the units of all spaces (stimulus, unit), with the coordinate `space`.

        Parameters
        ----------
        stimuli : DataFrame
            With the columns that the members read.
        layers : sequence of str, optional

        Returns
        -------
        iterator of (str, DataArray)
        """
        if self._several is None:
            (layer,) = chosen_layers(layers, self.layers, self.layers)
            yield layer, self._joined(layer, self._single(stimuli), stimuli)
            return
        model, single = self._members[self._several].model, None
        for layer, values in model.activations(stimuli, layers):
            single = self._single(stimuli) if single is None else single
            yield layer, self._joined(layer, {**single, self._several: values}, stimuli)

    def _single(self, stimuli: pd.DataFrame) -> dict[str, xr.DataArray]:
        """Compute the spaces that are the same for every layer, each model in one pass."""
        wanted: dict[int, list[Member]] = {}
        for member in self._members.values():
            if member.layer is not None:
                wanted.setdefault(id(member.model), []).append(member)
        found = {}
        for key, members in wanted.items():
            names = list(dict.fromkeys(str(member.layer) for member in members))
            for layer, values in members[0].model.activations(stimuli, names):
                found[key, layer] = values
        return {
            space: found[id(member.model), member.layer]
            for space, member in self._members.items()
            if member.layer is not None
        }

    def _joined(
        self, layer: str, parts: Mapping[str, xr.DataArray], stimuli: pd.DataFrame
    ) -> xr.DataArray:
        in_order = {space: parts[space] for space in self._members}
        joined = join_spaces(in_order, [str(label) for label in stimuli.index])
        return joined.assign_coords(layer=layer, model=self.name)


def _member(space: str, given: object) -> Member:
    """Resolve what was given for a space to a model and a layer."""
    if isinstance(given, tuple):
        if len(given) != 2 or not isinstance(given[1], str):
            message = f"Space {space!r} was given a tuple that is not (model, layer)."
            raise DataError(message)
        return Member(as_model(given[0]), given[1])
    model = as_model(given)
    return Member(model, model.layers[0] if len(model.layers) == 1 else None)
