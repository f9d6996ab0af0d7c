"""Tell a table of dissimilarities from one of activations, which it looks like."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neuroalign.errors import DataError

# What is less than this share of the largest value is rounding.
ROUNDING = 1e-6


def refuse_pairs(values: object, name: str | None = None) -> None:
    """Refuse a table that holds dissimilarities of its rows, as read from a file of them.

    Its index equals its columns, it is symmetric, and 0 on the diagonal. Rows of dissimilarities
    would be taken for activations otherwise, and the geometry of these is another one.

    Parameters
    ----------
    values : object
        All but a DataFrame is left alone.
    name : str, optional
        Of the layer or model.

    Raises
    ------
    DataError
    """
    if not isinstance(values, pd.DataFrame) or not is_of_pairs(values):
        return
    whose = "" if name is None else f" {name!r}"
    message = (
        f"DataFrame{whose} holds dissimilarities, not activations: its rows and columns are the "
        f"same {len(values)} labels, and it is symmetric with a diagonal of 0; label it by "
        "na.rsa.make_dissimilarities(frame, stimulus=frame.index, dissimilarity='judged')."
    )
    raise DataError(message)


def is_of_pairs(table: pd.DataFrame) -> bool:
    """Tell whether rows and columns are the same labels, symmetric with a diagonal of 0."""
    rows, columns = (list(map(str, labels)) for labels in table.axes)
    if rows != columns or not all(dtype.kind in "biuf" for dtype in table.dtypes):
        return False
    values = table.to_numpy(dtype=float)
    if not values.any() or np.isinf(values).any():
        return False
    limit = ROUNDING * np.nanmax(np.abs(values), initial=0)
    even = np.allclose(values, values.T, rtol=0, atol=limit, equal_nan=True)
    return even and bool((np.abs(np.diag(values)) <= limit).all())
