"""Models that break one promise each, and the faults that tell it."""

import numpy as np
import pandas as pd
import torch
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError

# ruff: noqa: D102


class Steady:
    """A small model of two layers, to be broken."""

    name = "steady"
    reads = "image"

    def __init__(self):
        self.layers = ["low", "high"]

    def activations(self, stimuli, layers=None):
        for layer in self.layers if layers is None else layers:
            if layer not in self.layers:
                raise KeyError(layer)
            yield layer, self.layer(layer, stimuli)

    def layer(self, layer, stimuli):
        rows = np.stack([image.ravel() for image in stimuli["image"]]) / 255
        values = rows[:, :5] if layer == "low" else rows[:, 5:9] ** 2
        return xr.DataArray(values, {"stimulus": list(stimuli.index)}, ("stimulus", "unit"))


class Random(Steady):
    """Noise that differs from call to call."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values + self.rng.normal(size=values.shape)


class ByPosition(Steady):
    """Rows that depend on where in the table a stimulus stands."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values + np.arange(len(values))[:, None]


class ByBatch(Steady):
    """Rows from which the mean over the others is subtracted."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values - values.mean("stimulus")


class NotFinite(Steady):
    """One NaN."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        values[0, 0] = np.nan
        return values


class OtherLayers(Steady):
    """Yields what it does not name."""

    def activations(self, stimuli, layers=None):
        for layer, values in super().activations(stimuli, layers):
            yield layer.upper(), values


class AllLayers(Steady):
    """Yields all layers, whatever is asked for."""

    def activations(self, stimuli, layers=None):
        list(super().activations(stimuli, layers))
        yield from super().activations(stimuli)


class AnyLayer(Steady):
    """Skips layers that it does not know."""

    def activations(self, stimuli, layers=None):
        known = [layer for layer in self.layers if layers is None or layer in layers]
        yield from super().activations(stimuli, known)


class LayerByCompany(Steady):
    """A layer that differs where it is asked for alone."""

    def activations(self, stimuli, layers=None):
        for layer, values in super().activations(stimuli, layers):
            yield layer, values if layers is None else values + 1


class Mutating(Steady):
    """Whitens the images that it was lent."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        stimuli["image"].iloc[0][-1] = 255
        return values


class Unlabelled(Steady):
    """Plain arrays."""

    def layer(self, layer, stimuli):
        return super().layer(layer, stimuli).values


class Transposed(Steady):
    """Stimuli on the second axis."""

    def layer(self, layer, stimuli):
        return super().layer(layer, stimuli).T


class Incomplete(Steady):
    """A stimulus is missing."""

    def layer(self, layer, stimuli):
        return super().layer(layer, stimuli)[1:]


class Nameless(Steady):
    """No name."""

    name = None


class NoLayers(Steady):
    """No layers."""

    def __init__(self):
        self.layers = []


class OtherKind(Steady):
    """Reads what is not there."""

    reads = "text"


class Hooking(na.TorchModel):
    """Leaves a hook at every call."""

    def activations(self, stimuli, layers=None):
        self.module.register_forward_hook(lambda *_: None)
        yield from super().activations(stimuli, layers)


class Vague(Steady):
    """Refuses unknown layers, and does not say which there are."""

    def activations(self, stimuli, layers=None):
        if not set(layers or self.layers) <= set(self.layers):
            message = "There is no such layer."
            raise DataError(message)
        yield from super().activations(stimuli, layers)


class AllForNone(Steady):
    """Takes no layers for all."""

    def activations(self, stimuli, layers=None):
        yield from super().activations(stimuli, layers or None)


class Blind(Steady):
    """Makes up activations of what it cannot see."""

    def layer(self, layer, stimuli):
        seen = stimuli.get("image", pd.Series(len(stimuli) * [None], stimuli.index))
        gray = np.zeros((8, 8, 3), np.uint8)
        images = [gray if image is None else image for image in seen]
        return super().layer(layer, pd.DataFrame({"image": images}, stimuli.index))


class Reordering(Steady):
    """Sorts the stimuli by their images."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values[np.argsort(values.values[:, 0])]


class ByLabel(Steady):
    """Knows stimuli by their labels."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values + np.array([len(label) for label in stimuli.index])[:, None]


class Words(Steady):
    """Words in the place of numbers."""

    def layer(self, layer, stimuli):
        return xr.full_like(super().layer(layer, stimuli), "no", dtype="<U2")


class Flat(Steady):
    """Layers without units."""

    def layer(self, layer, stimuli):
        return super().layer(layer, stimuli)[:, :0]


class Drawing(Steady):
    """Takes random numbers that others will miss."""

    def layer(self, layer, stimuli):
        torch.rand(1)
        return super().layer(layer, stimuli)


class Reading(Steady):
    """Reads what there is not."""

    reads = "smell"


class Unnamed(Steady):
    """Ingredients that forget the order."""

    def ingredients(self, stimuli):
        return {"inputs": str(sorted(image.tobytes() for image in stimuli["image"]))}


class Unwritable(Steady):
    """Ingredients that are no text."""

    def ingredients(self, stimuli):
        return {"inputs": np.stack(list(stimuli["image"])).tobytes()}


class Labelled(Steady):
    """Ingredients that know labels."""

    def ingredients(self, stimuli):
        return {"inputs": str(list(stimuli.index))}


class Changing(Steady):
    """Ingredients that count calls."""

    calls = 0

    def ingredients(self, _stimuli):
        self.calls += 1
        return {"calls": str(self.calls)}


class Training(na.TorchModel):
    """Leaves its network in another mode."""

    def activations(self, stimuli, layers=None):
        yield from super().activations(stimuli, layers)
        self.module.eval()


class Half(na.TorchModel):
    """Leaves its network in half precision."""

    def activations(self, stimuli, layers=None):
        yield from super().activations(stimuli, layers)
        self.module.double()


BOTH = ("low", "high")
BACKWARDS = ["high", "low"]
FAULTS = {
    Random: [f"layer {layer!r}: activations change when called twice" for layer in ("low", "high")],
    ByPosition: [
        f"layer {layer!r}: activations change when given stimuli in another order"
        for layer in ("low", "high")
    ],
    ByBatch: [
        f"layer {layer!r}: activations change when given fewer stimuli" for layer in ("low", "high")
    ],
    NotFinite: [f"layer {layer!r}: activations are not finite" for layer in ("low", "high")],
    OtherLayers: [
        "it yields the layers ['LOW', 'HIGH'], but names ['low', 'high']",
        "asked for layer 'high', it yields ['HIGH']",
    ],
    AllLayers: [
        "asked for layer 'high', it yields ['low', 'high']",
        f"asked for the layers {BACKWARDS}, it yields others or in another order",
        "an empty selection of layers is taken for some",
    ],
    AnyLayer: [
        f"asked for the layers {BACKWARDS}, it yields others or in another order",
        "an unknown layer is not refused",
    ],
    LayerByCompany: ["layer 'high': activations change when asked for one layer"],
    Vague: ["asked for layer 'lowx', it does not name the layer 'low', which is near"],
    AllForNone: ["an empty selection of layers is taken for some"],
    Blind: [
        "stimuli without the column 'image' are not refused",
        "a stimulus whose image is missing is not refused",
    ],
    Reordering: [
        f"layer {layer!r}: stimuli are in another order than they were given"
        for layer in ("low", "high")
    ],
    ByLabel: [
        f"layer {layer!r}: the same stimulus under two labels has two activations"
        for layer in ("low", "high")
    ],
    Words: [f"layer {layer!r}: activations are of type <U2, not numbers" for layer in BOTH],
    Flat: [f"layer {layer!r}: there are no units" for layer in BOTH],
    Drawing: ["it draws from the random numbers of everybody, which changes what others draw"],
    Reading: ["it reads 'smell', which is none of 'text', 'image', 'audio', 'video', 'condition'"],
    Unnamed: ["its ingredients are the same for stimuli in another order"],
    Unwritable: ["its ingredients cannot be written as JSON"],
    Labelled: ["its ingredients depend on the labels of stimuli, which are no input"],
    Changing: ["its ingredients differ from call to call"],
    Mutating: ["it changes the stimuli that it is given"],
    Unlabelled: [
        f"layer {layer!r}: it is not a DataArray with the index coordinate 'stimulus'"
        for layer in ("low", "high")
    ],
    Transposed: [
        f"layer {layer!r}: stimuli are not the first axis, or some are missing"
        for layer in ("low", "high")
    ],
    Incomplete: [
        f"layer {layer!r}: stimuli are not the first axis, or some are missing"
        for layer in ("low", "high")
    ],
    Nameless: ["its name is not a string"],
    NoLayers: ["its layers are not distinct names, one at least"],
    OtherKind: ["it reads 'text', which the stimuli lack"],
}
