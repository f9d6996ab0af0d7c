"""Names of regions for the whole numbers of an atlas."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import numpy as np
import pandas as pd

from neuroalign.data.schema import UNKNOWN
from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import existing, reading

Labels = Mapping[int, str] | pd.DataFrame | str | PathLike[str]
# What atlases call the outside of all regions.
OUTSIDE = {"", "???", "unknown", "background", "medial_wall", "medial wall"}


def name_regions(codes: np.ndarray, labels: Labels | None) -> np.ndarray:
    """Return the region of each whole number of an atlas.

    Parameters
    ----------
    codes : int array
        0 and below is outside of all regions.
    labels : mapping, DataFrame or path, optional
        Whole number -> name; or a table with columns `index` and `name`, as a BIDS ``dseg.tsv``
        has them (a path to one; comma-separated where it ends in ``.csv``). By default the numbers
        themselves are the names.

    Returns
    -------
    array of str

    Raises
    ------
    DataError
        If a number has no name, or several.
    """
    present = np.unique(codes)
    present = present[present > 0]
    if labels is None:
        names = {int(code): str(code) for code in present}
    else:
        names = _names_of(labels)
        if nameless := [int(code) for code in present if int(code) not in names]:
            message = (
                f"The atlas has {len(nameless)} regions that labels does not name "
                f"{name_some(nameless)}; name them, or leave labels out."
            )
            raise DataError(message)
    table = {int(code): outside_or_name(names[int(code)]) for code in present}
    return np.asarray([table.get(int(code), UNKNOWN) for code in codes.ravel()])


def outside_or_name(name: str) -> str:
    """Return the name of a region, and "unknown" for what atlases call their outside."""
    return UNKNOWN if name.strip().lower() in OUTSIDE else name


def _names_of(labels: Labels) -> dict[int, str]:
    if isinstance(labels, (str, PathLike)):
        path = existing(labels)
        with reading(path, "a table of regions"):
            labels = pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t", dtype=str)
    if isinstance(labels, Mapping):
        codes, names = list(labels), list(labels.values())
    elif isinstance(labels, pd.DataFrame):
        if missing := [column for column in ("index", "name") if column not in labels]:
            message = (
                f"The table of regions has no column {missing[0]!r}; columns 'index' and 'name' "
                "are needed, as in a BIDS dseg.tsv."
            )
            raise DataError(message)
        codes, names = labels["index"].tolist(), labels["name"].tolist()
    else:
        message = (
            f"labels is a {type(labels).__name__}; a mapping from whole numbers to names, or a "
            "table with columns 'index' and 'name', is needed."
        )
        raise DataError(message)
    found: dict[int, str] = {}
    for given, name in zip(codes, names, strict=True):
        code = _whole(given)
        if not isinstance(name, str):
            message = f"Region {code} is called {name!r}; a name is a string."
            raise DataError(message)
        if found.setdefault(code, name) != name:
            message = f"Region {code} has two names, {found[code]!r} and {name!r}; keep one."
            raise DataError(message)
    return found


def _whole(value: object) -> int:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = np.nan
    if not number.is_integer():
        message = f"A region has the index {value!r}; a whole number is needed."
        raise DataError(message)
    return int(number)
