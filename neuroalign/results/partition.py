"""Variance partitioning: what each feature space explains alone, and what spaces share."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.metrics.banded import subset_labels
from neuroalign.numerics.banded_search import all_subsets


def variance_partition(scores: xr.Dataset) -> xr.Dataset:
    """Divide the explained variance into parts that are unique to a space, or shared by some.

    The part of a space is what R2 loses without it: R2(all) - R2(all but it). Shared parts follow
    by inclusion and exclusion; for two spaces it is R2(A) + R2(B) - R2(A + B). Parts may be
    negative, by chance or where one space corrects another; none is clipped, so that they
    sum to R2 of all spaces.

    Parameters
    ----------
    scores : Dataset
        From ``BandedRidgeEncoding(partition=True)``, of one layer or several.

    Returns
    -------
    Dataset
        `r2_part` ([layer], fold, part, neuroid, [time]): the part "vision" is unique to that
        space, the part "vision & language" shared by exactly these two. `n_spaces` (part) is the
        number of spaces that share it.

    References
    ----------
    Borcard, Legendre & Drapeau (1992), doi:10.2307/1940179; Lescroart, Stansbury & Gallant (2015),
    doi:10.3389/fncom.2015.00135.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from neuroalign.results.partition import variance_partition
    >>> r2 = xr.DataArray([0.3, 0.2, 0.4], {"subset": ["A", "B", "A + B"]}, ("subset",))
    >>> parts = variance_partition(xr.Dataset({"r2_subset": r2, "space": ["A", "B"]})).r2_part
    >>> [f"{part}: {float(parts.sel(part=part)):.1f}" for part in parts.part.values]
    ['A: 0.2', 'B: 0.1', 'A & B: 0.1']
    """
    if "r2_subset" not in scores:
        message = (
            "These scores hold no subsets of spaces; score with "
            "BandedRidgeEncoding(partition=True)."
        )
        raise DataError(message)
    names = [str(name) for name in scores["space"].values]
    r2 = scores["r2_subset"].sel(subset=subset_labels(names))
    subsets = all_subsets(len(names))
    parts = xr.DataArray(
        _inclusion_exclusion(subsets),
        {
            "part": [" & ".join(np.array(names)[members]) for members in subsets],
            "subset": r2["subset"].values,
            "n_spaces": ("part", subsets.sum(1)),
        },
        ("part", "subset"),
    )
    order = ["part" if dim == "subset" else dim for dim in r2.dims]
    divided = xr.dot(parts, r2, dim="subset").transpose(*order)
    return xr.Dataset({"r2_part": divided}, attrs=scores.attrs)


def _inclusion_exclusion(subsets: np.ndarray) -> np.ndarray:
    """Return the coefficients (parts, subsets) that turn R2 of subsets into parts.

    What is lost without the spaces U, R2(all) - R2(all but U), is the sum of the parts of all
    subsets of U. Solved for the parts: that of T is the sum over U within T, none included, of
    -(-1)^(|T| - |U|) R2(all but U).
    """
    without = ~subsets
    within = ~(without[None] & ~subsets[:, None]).any(-1)
    parity = subsets.sum(1)[:, None] - without.sum(1)[None]
    return np.where(within, -((-1.0) ** parity), 0.0)
