"""Gabor energy: how strong each orientation and spatial frequency is at each place of an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image
from scipy import fft

from neuroalign.models.images import stimulus_image
from neuroalign.models.inputs import check_stimuli
from neuroalign.models.protocol import chosen_layers, label_layer
from neuroalign.progress import progress_bar

SIZE = 128  # pixels of a side
BORDER = 32  # pixels of gray around, so that the left edge does not meet the right one
GRID = 8  # places along a side
FREQUENCIES = (2.0, 4.0, 8.0, 16.0, 32.0)  # cycles an image
ORIENTATIONS = tuple(180 * number / 8 for number in range(8))  # degrees
OCTAVES = 1.0  # width of a filter at half its height
LUMINANCE = (0.299, 0.587, 0.114)  # of RGB, ITU-R BT.601


class GaborModel:
    """Energy of Gabor filters at eight orientations, five frequencies and 8 x 8 places.

    One layer, "gabor". The image is made gray, in 0..1, brought to 128 x 128 pixels, freed of its
    mean and filtered by pairs of Gabor wavelets, one octave wide and a quarter of a cycle apart.
    The root of the sum of both squares is the energy, whatever the phase: a grating has its own
    amplitude as energy in the channel it belongs to. Energies are averaged over each place.

    References
    ----------
    Energy: Adelson & Bergen (1985), doi:10.1364/JOSAA.2.000284. As a model of responses of visual
    cortex to photographs: Kay et al. (2008), doi:10.1038/nature06713.
    """

    name = "gabor"
    reads: str | None = "image"

    def __init__(self) -> None:
        self.layers = ["gabor"]

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "gabor" (stimulus, channel, row, column), float32.

        The coordinates `frequency` (channel), in cycles an image, and `orientation` (channel), of
        bars in degrees from horizontal, counterclockwise, say what a channel is.
        """
        labels = check_stimuli(stimuli, "image", self.name)
        (layer,) = chosen_layers(layers, self.layers, self.layers)
        table, filters = stimuli.set_axis(labels), gabor_filters()
        energies = np.empty((len(labels), len(filters), GRID, GRID), dtype=np.float32)
        with progress_bar(f"{self.name}: activations", len(labels)) as advance:
            for row, label in enumerate(labels):
                energies[row] = gabor_energy(_gray(stimulus_image(table, label)), filters)
                advance()
        frequencies, orientations = np.meshgrid(FREQUENCIES, ORIENTATIONS, indexing="ij")
        labelled = label_layer(energies, layer, labels, self.name)
        yield (
            layer,
            labelled.assign_coords(
                frequency=("channel", frequencies.ravel()),
                orientation=("channel", orientations.ravel()),
            ),
        )


def gabor_filters() -> np.ndarray:
    """Return the filters by spatial frequency: (channel, row, column), float32.

    Each has a single lobe, so that what it lets through is complex: the real and the imaginary
    part are what the two wavelets of a pair see.
    """
    width = SIZE + 2 * BORDER
    steps = fft.fftfreq(width, 1 / SIZE)  # cycles an image
    down, right = np.meshgrid(steps, steps, indexing="ij")
    share = (2**OCTAVES - 1) / (2**OCTAVES + 1) / np.sqrt(2 * np.log(2))
    filters = []
    for frequency in FREQUENCIES:
        for angle in np.deg2rad(ORIENTATIONS):
            # Bars vary across their orientation, and rows of pixels are counted downwards.
            across = (right - frequency * np.sin(angle), down - frequency * np.cos(angle))
            distance = sum(part**2 for part in across)
            filters.append(2 * np.exp(-distance / (2 * (share * frequency) ** 2)))
    return np.stack(filters).astype(np.float32)


def gabor_energy(gray: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return the energy of a gray image (128, 128): (channel, 8, 8), averaged over places."""
    framed = np.pad(gray - gray.mean(), BORDER).astype(np.float32)
    filtered = fft.ifft2(fft.fft2(framed) * filters)
    inside = np.abs(filtered)[:, BORDER:-BORDER, BORDER:-BORDER]
    side = SIZE // GRID
    return inside.reshape(len(filters), GRID, side, GRID, side).mean(axis=(2, 4))


def _gray(image: Image.Image) -> np.ndarray:
    """Return the luminance (128, 128) of an RGB image, in 0..1."""
    scaled = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(scaled, dtype=np.float32) @ np.array(LUMINANCE, dtype=np.float32) / 255


def load() -> GaborModel:
    """Make the baseline of Gabor energy."""
    return GaborModel()
