"""The pixel baseline: what an image is before any model has seen it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image

from neuroalign.models.images import stimulus_image
from neuroalign.models.inputs import check_stimuli
from neuroalign.models.protocol import chosen_layers, label_layer

SIZE = 16


class PixelModel:
    """RGB pixels of the image scaled down to 16 x 16: one layer, "pixels"."""

    name = "pixels"
    reads: str | None = "image"

    def __init__(self) -> None:
        self.layers = ["pixels"]

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "pixels" (stimulus, channel, row, column), in 0..1."""
        labels = check_stimuli(stimuli, "image", self.name)
        stimuli = stimuli.set_axis(labels)
        for layer in chosen_layers(layers, self.layers, self.layers):
            rows = [
                stimulus_image(stimuli, label).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
                for label in labels
            ]
            pixels = np.stack([np.asarray(row, dtype=np.float32) for row in rows]) / 255
            yield layer, label_layer(pixels.transpose(0, 3, 1, 2), layer, labels, self.name)


def load() -> PixelModel:
    """Make the pixel baseline."""
    return PixelModel()
