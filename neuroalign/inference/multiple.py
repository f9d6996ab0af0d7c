"""Correct p values for their number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.numerics import multiple

PValues = TypeVar("PValues", xr.DataArray, pd.Series, np.ndarray)


def holm(p: PValues) -> PValues:
    """Adjust p values so that the chance of any false finding among them is kept (Holm).

    Valid whatever the p values have to do with each other. An adjusted p of .05 or less is a
    finding at 5 % of all of them together.

    Parameters
    ----------
    p : DataArray, Series or array
        NaN is undefined: it stays NaN, and does not count as a test.

    Returns
    -------
    DataArray, Series or array
        With the same labels, where there are any. The attributes `tests` and `undefined` count
        the p values that were numbers and those that were not.

    References
    ----------
    Holm (1979), https://www.jstor.org/stable/4615733.

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> na.inference.holm(pd.Series({"V1": 0.01, "V4": 0.04, "IT": 0.03})).to_dict()
    {'V1': 0.03, 'V4': 0.06, 'IT': 0.06}
    """
    return _adjusted(p, "Holm: chance of any false finding", multiple.holm)


def benjamini_hochberg(p: PValues) -> PValues:
    """Adjust p values so that the share of false findings is kept (Benjamini and Hochberg).

    Of all findings with an adjusted p of .05 or less, 5 % are expected to be false. Valid where
    the p values are independent or go up and down together, as those of one recording do.

    Parameters
    ----------
    p : DataArray, Series or array
        As for `holm`.

    Returns
    -------
    DataArray, Series or array
        As `holm` returns it.

    References
    ----------
    Benjamini & Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x; dependence: Benjamini &
    Yekutieli (2001), doi:10.1214/aos/1013699998.

    Examples
    --------
    >>> import neuroalign as na, pandas as pd
    >>> na.inference.benjamini_hochberg(pd.Series({"V1": 0.01, "V4": 0.04, "IT": 0.03})).to_dict()
    {'V1': 0.03, 'V4': 0.04, 'IT': 0.04}
    """
    return _adjusted(p, "Benjamini-Hochberg: share of false findings", multiple.benjamini_hochberg)


def _adjusted(p: PValues, method: str, adjust: Callable[[np.ndarray], np.ndarray]) -> PValues:
    """Adjust the numbers among some p values, and put the labels back."""
    if not isinstance(p, (xr.DataArray, pd.Series, np.ndarray)):
        message = (
            f"p values are given as a {type(p).__name__}; a DataArray, a Series or an array is "
            "needed."
        )
        raise DataError(message)
    values = np.asarray(p, dtype=float)
    defined = ~np.isnan(values)
    if (wrong := values[defined & ~((values >= 0) & (values <= 1))]).size:
        message = f"{wrong.size} p values lie outside 0 to 1 (first: {wrong[0]:g})."
        raise DataError(message)
    adjusted = adjust(values)
    if isinstance(p, np.ndarray):
        return adjusted
    attrs = {
        "adjusted": method,
        "tests": int(defined.sum()),
        "undefined": int((~defined).sum()),
    }
    if isinstance(p, xr.DataArray):
        return p.copy(data=adjusted).assign_attrs(attrs)
    series = pd.Series(adjusted, p.index, name=p.name)
    series.attrs.update(attrs)
    return series
