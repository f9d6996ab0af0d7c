"""What a metric is: a frozen object that scores one layer against one recording."""

from __future__ import annotations

from typing import ClassVar, Protocol

import xarray as xr

from neuroalign.errors import DataError
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


def check_metric(metric: object, *others: type) -> None:
    """Refuse what is no metric, nor one of other kinds, and the class of one."""
    if isinstance(metric, type) or not (
        callable(getattr(metric, "evaluate", None)) or isinstance(metric, others)
    ):
        kind = metric if isinstance(metric, type) else type(metric)
        given = "The class " if isinstance(metric, type) else "A "
        message = f"{given}{kind.__name__} is not a metric; use one, as in RidgeEncoding()."
        raise DataError(message)
