"""Which units of some activations are those of others: by label where both carry labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, name_some

# What tells units apart. A grid of time repeats their labels, once for each delay.
KEYS = ("unit", "delay", "space")

# Delays are multiples of sampling periods, which may differ by this share.
DELAY_TOLERANCE = 0.01


def unit_coords(activations: xr.DataArray) -> xr.Coordinates:
    """Return the coordinates that have one value for each unit."""
    kept = {name: axis for name, axis in activations.coords.items() if axis.dims == ("unit",)}
    return xr.Coordinates(kept)


def unit_order(given: xr.Coordinates, fitted: xr.Coordinates) -> np.ndarray | None:
    """Tell which of the given units stands for each one that was fitted.

    Parameters
    ----------
    given, fitted : Coordinates
        Of as many units. What only one of them has is not compared.

    Returns
    -------
    int array (units,), or None
        None where they are in the same order, or have no labels to tell.
    """
    shared = [name for name in KEYS if name in given and name in fitted]
    differing = [name for name in shared if not _equal(name, given[name], fitted[name]).all()]
    if not differing:
        return None
    if "unit" not in shared:
        name = differing[0]
        wrong = ~_equal(name, given[name], fitted[name])
        message = (
            f"{wrong.sum()} of {len(wrong)} units have another {name!r} than when the encoding "
            f"model was fitted {name_some(given[name].values[wrong])}; give the units in the same "
            "order, or label them by a coordinate 'unit' before fit."
        )
        raise DataError(message)
    one, two = (
        pd.MultiIndex.from_arrays([coords[name].values for name in shared])
        for coords in (given, fitted)
    )
    return _matched(one, two)


def _equal(name: str, one: xr.DataArray, two: xr.DataArray) -> np.ndarray:
    if name == "delay":
        return np.isclose(one.values, two.values, rtol=DELAY_TOLERANCE)
    return np.asarray(one.values == two.values)


def _matched(given: pd.MultiIndex, fitted: pd.MultiIndex) -> np.ndarray:
    """Return the place of each fitted unit among the given ones, which must be the same."""
    strange = ~given.isin(fitted)
    if strange.any():
        labels = [", ".join(map(str, key)) for key in given[strange]]
        message = (
            f"The encoding model was not fitted on {strange.sum()} of these {len(given)} units "
            f"{name_some(labels)}; give those that it was fitted on, or drop_vars('unit') to match "
            "them by position."
        )
        raise DataError(message)
    if not (given.is_unique and fitted.is_unique):
        message = (
            "The units are not in the order in which the encoding model was fitted, and labels "
            "that several units share cannot tell which is which; give each a label of its own."
        )
        raise DataError(message)
    return given.get_indexer(fitted)
