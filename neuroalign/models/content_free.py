"""Baselines that know no content: where a stimulus stands, or only which one it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.features.order_features import order_features
from neuroalign.models.inputs import check_table
from neuroalign.models.protocol import chosen_layers, label_layer


class ContentFreeModel:
    """Features that know the group or run of a stimulus and its place in it: one layer, "order".

    What they predict of held-out stimuli, a model need not know any content to predict.

    Parameters
    ----------
    seed : int

    References
    ----------
    Feghhi et al. (2024), doi:10.48550/arXiv.2406.01538.
    """

    name = "content-free"
    reads: str | None = None

    def __init__(self, *, seed: int = 0) -> None:
        self.layers = ["order"]
        self._seed = seed

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "order" (stimulus, unit), with the coordinate `space` (unit).

        Parameters
        ----------
        stimuli : DataFrame
            With the columns group and position, or run and onset, or one of them.
        layers : sequence of str, optional
        """
        (layer,) = chosen_layers(layers, self.layers, self.layers)
        check_table(stimuli, self.name)
        labels = [str(label) for label in stimuli.index]
        if not labels:
            message = f"Model {self.name!r} was given no stimuli."
            raise DataError(message)
        features = order_features(stimuli.set_axis(labels), seed=self._seed).sel(stimulus=labels)
        yield layer, features.assign_coords(layer=layer, model=self.name)


class RandomModel:
    """Random numbers for each stimulus, drawn by its label: one layer, "random".

    Nothing about one stimulus can be learned from others, so that held-out r must be chance.

    Parameters
    ----------
    n_units : int
    seed : int
    """

    name = "random-features"
    reads: str | None = None

    def __init__(self, *, n_units: int = 256, seed: int = 0) -> None:
        if n_units < 1:
            message = f"n_units={n_units} is not a positive number of units."
            raise DataError(message)
        self.layers = ["random"]
        self._n_units, self._seed = n_units, seed

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "random" (stimulus, unit), of standard normal numbers."""
        (layer,) = chosen_layers(layers, self.layers, self.layers)
        check_table(stimuli, self.name)
        labels = [str(label) for label in stimuli.index]
        if not labels:
            message = f"Model {self.name!r} was given no stimuli."
            raise DataError(message)
        values = np.stack([self._drawn(label) for label in labels])
        yield layer, label_layer(values, layer, labels, self.name)

    def _drawn(self, label: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(f"{self._seed}/{label}".encode()).digest()[:16])
        return np.random.default_rng(seed).normal(size=self._n_units).astype(np.float32)


def load(*, seed: int = 0) -> ContentFreeModel:
    """Make the baseline that knows where stimuli stand."""
    return ContentFreeModel(seed=seed)


def load_random(*, n_units: int = 256, seed: int = 0) -> RandomModel:
    """Make the baseline of random numbers."""
    return RandomModel(n_units=n_units, seed=seed)
