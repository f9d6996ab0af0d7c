"""Dissimilarities between geometry and topology, with their labels."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.spatial.distance import squareform

from neuroalign.data.dissimilarities import DIMS, is_dissimilarities
from neuroalign.errors import DataError
from neuroalign.numerics.rdm import topology


def geo_topological(
    dissimilarities: xr.DataArray, *, low: float = 0.2, high: float = 0.8
) -> xr.DataArray:
    """Flatten small and large dissimilarities, and keep what lies between.

    Parameters
    ----------
    dissimilarities : DataArray ([rdm], stimulus, stimulus_other)
    low, high : float
        Quantiles of each set below which ranks become 0, and above which they become 1.

    Returns
    -------
    DataArray
        Of the same form; any monotone transform of the input gives the same.

    References
    ----------
    Lin & Kriegeskorte (2023), arXiv:2309.11028.

    Examples
    --------
    >>> import neuroalign as na
    >>> given = na.rsa.make_dissimilarities([1.0, 2, 3], stimulus=list("abc"), dissimilarity="own")
    >>> na.rsa.geo_topological(given, low=0, high=1).sel(stimulus="a", stimulus_other="c").item()
    0.5
    """
    rows = _rows(dissimilarities)
    return _like(dissimilarities, topology.geo_topological(rows, low, high), "geo-topological")


def geodesic(dissimilarities: xr.DataArray, *, share: float = 0.05) -> xr.DataArray:
    """Take the length of the shortest path through near stimuli, ranked.

    Parameters
    ----------
    dissimilarities : DataArray ([rdm], stimulus, stimulus_other)
    share : float
        Of pairs, the nearest, that are joined directly.

    Returns
    -------
    DataArray
        Of the same form. Pairs that no path joins are tied as the farthest; the attribute
        `disconnected` counts them.

    References
    ----------
    Lin & Kriegeskorte (2023), arXiv:2309.11028.

    Examples
    --------
    >>> import neuroalign as na
    >>> given = na.rsa.make_dissimilarities([1.0, 2, 3], stimulus=list("abc"), dissimilarity="own")
    >>> na.rsa.geodesic(given, share=0.7).attrs["disconnected"]
    0
    """
    found = topology.geodesic(_rows(dissimilarities), share)
    made = _like(dissimilarities, found.dissimilarities, "geodesic")
    return made.assign_attrs(disconnected=int(np.sum(found.disconnected)))


def _rows(given: xr.DataArray) -> np.ndarray:
    if not isinstance(given, xr.DataArray) or not is_dissimilarities(given):
        message = "These are no dissimilarities; make them by na.rsa.dissimilarities(recording)."
        raise DataError(message)
    values = given.transpose(..., *DIMS[1:]).values.reshape(-1, *given["stimulus"].shape * 2)
    return np.stack([squareform(square, checks=False) for square in values])


def _like(given: xr.DataArray, rows: np.ndarray, name: str) -> xr.DataArray:
    squares = np.stack([squareform(row, checks=False) for row in rows])
    was = given.attrs.get("dissimilarity", "dissimilarity")
    made = given.transpose(..., *DIMS[1:])
    made = made.copy(data=squares.reshape(made.shape)).transpose(*given.dims)
    return made.assign_attrs(dissimilarity=f"{name} of {was}")
