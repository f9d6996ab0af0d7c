"""A small model that counts its passes, and stimuli for it."""

import json

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuroalign.models.cache import cached
from neuroalign.models.identity import content_hash, network_hash


class Scaled:
    """Preprocessing with two options."""

    def __init__(self, size=4, mean=0.5):
        self.size, self.mean = size, mean

    def __call__(self, image):  # noqa: D102
        return torch.from_numpy(image[: self.size, : self.size].astype(np.float32)) - self.mean


class Net(torch.nn.Module):
    """Three layers, one of which is large where `width` is."""

    def __init__(self, seed=0, width=5):
        super().__init__()
        torch.manual_seed(seed)
        self.first = torch.nn.Linear(16, width)
        self.second = torch.nn.Linear(width, 3)
        self.register_buffer("shift", torch.zeros(width), persistent=False)
        self.gain = 1.0

    def forward(self, values):  # noqa: D102
        first = self.first(values.flatten(1)) * self.gain + self.shift
        return {"first": first, "second": self.second(first), "raw": values[:, :, None]}


class TinyModel:
    """A model of a network, with all that a cache asks for; counts passes and layers."""

    reads = "image"

    def __init__(self, net=None, *, name="tiny", preprocess=None, device="cpu", **options):
        self.net, self.name = net or Net(), name
        self.layers = ["first", "second", "raw"]
        self.preprocess, self.device = preprocess or Scaled(), device
        self.options = {"precision": "float32", "pooling": "mean", "context": "alone", **options}
        self.versions, self.batch_size = {"torch": "2"}, 8
        self.passes = []

    def ingredients(self, stimuli):  # noqa: D102
        return {
            "network": network_hash(self.net),
            "preprocessing": content_hash(self.preprocess),
            "inputs": content_hash([np.asarray(image) for image in stimuli["image"]]),
            "options": json.dumps(self.options),
            "device": self.device,
            "versions": json.dumps(self.versions),
        }

    def activations(self, stimuli, layers=None):  # noqa: D102
        names = list(self.layers if layers is None else layers)
        self.passes.append(names)
        batch = torch.stack([self.preprocess(image) for image in stimuli["image"]])
        with torch.inference_mode():
            outputs = self.net(batch)
        labels = [str(label) for label in stimuli.index]
        for name in names:
            values = outputs[name].numpy()
            more = {"channel": ["a"], "row": [0.5] * 4} if name == "raw" else {}
            dims = ("stimulus", "row", "channel", "column") if more else ("stimulus", "unit")
            yield (
                name,
                xr.DataArray(
                    values,
                    {"stimulus": labels, "layer": name, "model": self.name, **more},
                    dims,
                    name="activations",
                    attrs={"unit": "none", "shares": [0.5, 1.0]},
                ),
            )


def make_stimuli(n_stimuli=6):
    """Make images of 4 x 4."""
    images = np.random.default_rng(0).integers(0, 255, (n_stimuli, 4, 4), dtype=np.uint8)
    return pd.DataFrame({"image": list(images)}, index=[f"s{one}" for one in range(n_stimuli)])


def read_layers(model, folder, stimuli=None, layers=None, **options):
    """Return all layers of a model with a cache."""
    stimuli = make_stimuli() if stimuli is None else stimuli
    return dict(cached(model, folder=folder, **options).activations(stimuli, layers))


def entry_of(folder, layer):
    """Return the folder of the entry of a layer, of which there is one."""
    (found,) = (
        path.parent
        for path in folder.glob("*/manifest.json")
        if json.loads(path.read_text()).get("layer") == layer
    )
    return found
