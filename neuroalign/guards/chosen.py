"""The layer that guards look at."""

from __future__ import annotations

import math

import numpy as np
import psutil
import xarray as xr

from neuroalign.guards.median_r import median
from neuroalign.models.protocol import Model
from neuroalign.preparation import Prepared

KEPT_SHARE = 0.25  # of the free memory
ROWS = ("stimulus", "sample")


class ChosenLayer:
    """The layer that training stimuli choose over all folds, found while layers pass by.

    It is the one whose median `inner_r2` over neuroids, which `best_layer` compares fold by fold,
    is largest on average over folds. A single layer is chosen anyway.

    Parameters
    ----------
    keep : bool
        Keep the activations of the layer that leads, if a quarter of the free memory holds them.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep, self._highest, self._leader = keep, -np.inf, ""
        self._activations: xr.DataArray | None = None
        self.sizes: dict[str, int] = {}
        self.n_layers = 0

    def see(self, layer: str, activations: xr.DataArray, scores: xr.Dataset) -> None:
        """Look at a layer that was scored."""
        r2 = _training_r2(scores)
        if self.n_layers == 0 or r2 > self._highest:
            self._highest, self._leader = r2, layer
            self.sizes = {str(dim): size for dim, size in activations.sizes.items()}
            fits = activations.nbytes <= KEPT_SHARE * psutil.virtual_memory().available
            self._activations = activations if self._keep and fits else None
        self.n_layers += 1

    @property
    def n_units(self) -> int:
        """Return how many units it has, flattened."""
        return math.prod(size for dim, size in self.sizes.items() if dim not in ROWS)

    @property
    def name(self) -> str | None:
        """Return its name; None where there are several layers, and nothing to choose by."""
        return self._leader if self.n_layers == 1 or self._highest > -np.inf else None

    def activations(self, model: Model, prepared: Prepared) -> xr.DataArray:
        """Return its activations, computed again where they were not kept."""
        if self._activations is None:
            ((_, self._activations),) = prepared.layers(model, [self._leader])
        return self._activations


def _training_r2(scores: xr.Dataset) -> float:
    """Return the mean over folds of the median inner R2 over neuroids; -inf where undefined."""
    if "inner_r2" not in scores:
        return -np.inf
    per_fold = [median(scores["inner_r2"].sel(fold=k).values) for k in scores["fold"]]
    defined = [r2 for r2 in per_fold if np.isfinite(r2)]
    return float(np.mean(defined)) if defined else -np.inf
