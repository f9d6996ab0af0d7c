"""Few units that carry most of what a layer tells apart, to plant responses on."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.simulate.planting import ordered_layer, whole_number


def main_components(activations: xr.DataArray, n_units: int = 20) -> xr.DataArray:
    """Return the first principal components of a layer over its stimuli.

    Responses planted on all units of a wide layer cannot be found again from as many stimuli as
    there usually are; those planted on its main components can.

    Parameters
    ----------
    activations : DataArray (stimulus, unit) or (stimulus, channel, row, column)
    n_units : int
        Fewer than there are stimuli.

    Returns
    -------
    DataArray (stimulus, unit)
        Sorted by label. The sign of a component makes its largest value positive.

    Raises
    ------
    DataError
        If there are not so many components.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> values = np.random.default_rng(0).normal(size=(30, 50))
    >>> layer = xr.DataArray(values, {"stimulus": range(30)}, ("stimulus", "unit"))
    >>> na.simulate.main_components(layer, 5).shape
    (30, 5)
    """
    labels, values = ordered_layer(activations)
    flat = values.reshape(len(values), -1)
    most = min(len(flat) - 1, flat.shape[1])
    if whole_number("n_units", n_units) > most:
        message = (
            f"n_units={n_units} components are more than the {most} that {len(flat)} stimuli and "
            f"{flat.shape[1]} units have."
        )
        raise DataError(message)
    left, scale, _ = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    components = (left * scale)[:, :n_units]
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, np.arange(n_units)])
    return xr.DataArray(components, {"stimulus": labels}, ("stimulus", "unit"))
