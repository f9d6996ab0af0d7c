"""Refuse arrays of HDF5 whose values lie in another file, which might be any."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from neuroalign.errors import DataError


def refuse_elsewhere(path: Path, array: Any) -> None:
    """Refuse an array that a link leads to in another file, or that takes its values from there.

    Parameters
    ----------
    path : Path
        The file that was opened.
    array : h5py.Dataset

    Raises
    ------
    DataError
        If its values lie elsewhere.
    """
    linked = not os.path.samefile(array.file.filename, path)
    if linked or array.external or array.is_virtual:
        message = (
            f"Array {array.name!r} of {str(path)!r} lies in another file; read that one, or copy "
            "the values into this."
        )
        raise DataError(message)


def refuse_all_elsewhere(path: Path) -> None:
    """Refuse a file that takes values of any array from another file.

    Parameters
    ----------
    path : Path
        Of HDF5. Links to other files are not followed.

    Raises
    ------
    DataError
        If there is such an array.
    """
    import h5py

    with h5py.File(path, "r") as file:

        def refuse(_: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset):
                refuse_elsewhere(path, node)

        file.visititems(refuse)
