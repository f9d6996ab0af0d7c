"""Corrections for many tests: p values that may be read as if each were the only one."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError

Values = TypeVar("Values", np.ndarray, xr.DataArray, pd.Series)


def holm(p: Values) -> Values:
    """Bound the chance of any false positive among several tests (Holm 1979).

    Parameters
    ----------
    p : array, DataArray or Series
        NaN where a test is undefined: it is left out, and does not count among the tests.

    Returns
    -------
    array, DataArray or Series
        Adjusted p values, with the labels of `p`; NaN where `p` is.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70, https://www.jstor.org/stable/4615733.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> na.inference.holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    return _adjusted(p, _holm)


def benjamini_hochberg(p: Values) -> Values:
    """Bound the expected share of false positives among the positives (Benjamini & Hochberg 1995).

    Parameters
    ----------
    p : array, DataArray or Series
        NaN where a test is undefined: it is left out, and does not count among the tests.

    Returns
    -------
    array, DataArray or Series
        Adjusted p values, with the labels of `p`; NaN where `p` is.

    References
    ----------
    Benjamini & Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> na.inference.benjamini_hochberg(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p, _benjamini_hochberg)


def _holm(ordered: np.ndarray) -> np.ndarray:
    factors = np.arange(len(ordered), 0, -1)
    return np.minimum(np.maximum.accumulate(factors * ordered), 1.0)


def _benjamini_hochberg(ordered: np.ndarray) -> np.ndarray:
    n_tests = len(ordered)
    raised = ordered * n_tests / np.arange(1, n_tests + 1)
    return np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)


def _adjusted(p: Values, adjust: object) -> Values:
    values = np.asarray(p, dtype=float)
    defined = np.isfinite(values)
    wrong = int(((values < 0) | (values > 1)).sum())
    if wrong:
        message = f"{wrong} of {values.size} p values lie outside 0 to 1."
        raise DataError(message)
    given = values[defined]
    order = np.argsort(given, kind="stable")
    found = np.empty(len(given))
    found[order] = adjust(given[order])  # type: ignore[operator]
    result = np.full(values.shape, np.nan)
    result[defined] = found
    if isinstance(p, xr.DataArray):
        return p.copy(data=result)
    if isinstance(p, pd.Series):
        return pd.Series(result, index=p.index, name=p.name)
    return result
