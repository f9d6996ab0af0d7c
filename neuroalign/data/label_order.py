"""Refuse labels that are given beside others of the same names, in another order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import xarray as xr

from neuroalign.errors import DataError


def check_order(
    values: object,
    dims: Sequence[str],
    coords: Mapping[str, object],
    located: Mapping[str, tuple],
    owner: str,
) -> None:
    """Refuse labels that would be matched by position where they can be matched by name.

    Parameters
    ----------
    values : object
        Responses as they were given; the index and columns of a DataFrame are their labels.
    dims : sequence of str
        Names of their axes.
    coords : mapping
        Name -> coordinate, as it was given.
    located : mapping
        Name -> axis and labels of it. Neuroids may have the prefix of the subject or not.
    owner : str
        The subject.

    Raises
    ------
    DataError
        If a table or Series holds the labels of its axis in another order.
    """
    for name, given in coords.items():
        dim = located[name][0]
        if name != dim and dim in located:
            index = given.index if isinstance(given, pd.Series) else None
            if pair := _first_difference(index, located[dim][1], owner):
                message = (
                    f"Coordinate {name!r} of subject {owner!r} is a Series with the labels of "
                    f"{dim} in another order ({pair[0]!r} where {dim} has {pair[1]!r}); pass "
                    f"{name}.reindex(labels), or {name}.to_numpy() if its order is right."
                )
                raise DataError(message)
    for name in ("stimulus", "neuroid"):
        own = _labels_of_values(values, dims, name)
        if own is None or name not in coords:
            continue
        if pair := _first_difference(own, located[name][1], owner):
            message = (
                f"Labels {name}=[...] of subject {owner!r} are those of the values in another "
                f"order ({pair[1]!r} where the values have {pair[0]!r}); leave them in the order "
                "of the values, or pass the values alone, without labels."
            )
            raise DataError(message)


def _labels_of_values(values: object, dims: Sequence[str], name: str) -> pd.Index | None:
    if isinstance(values, pd.DataFrame) and name in dims:
        return values.axes[dims.index(name)]
    if isinstance(values, xr.DataArray) and name in values.coords and name in values.dims:
        return values[name].to_index()
    return None


def _first_difference(
    index: pd.Index | None, labels: Iterable[object], owner: str
) -> tuple[str, str] | None:
    """Return the first two labels that differ, if one list is the other in another order."""
    if index is None or isinstance(index, pd.RangeIndex):  # numbered, not named
        return None
    own = [str(label).removeprefix(f"{owner}/") for label in index]
    names = [str(label).removeprefix(f"{owner}/") for label in labels]
    if own == names or sorted(own) != sorted(names):
        return None
    return next(pair for pair in zip(own, names, strict=True) if pair[0] != pair[1])
