"""What a metric is: a frozen object that scores one layer against one recording."""

from __future__ import annotations

from typing import ClassVar, Protocol

import xarray as xr

from neuroalign.splits import Splits


class Metric(Protocol):
    """The contract of a metric.

    `bounds` says what kind of number it gives ("correlation", "variance" or "similarity"),
    `chance` its value for unrelated data, `invariances` what it does not see, and `needs` the
    form of the recordings.
    """

    bounds: ClassVar[str]
    chance: ClassVar[float]
    invariances: ClassVar[tuple[str, ...]]
    needs: ClassVar[tuple[str, ...]]

    def evaluate(
        self, activations: xr.DataArray, recording: xr.DataArray, folds: Splits
    ) -> xr.Dataset:
        """Score one layer; data variables depend on the layer, coordinates do not."""
