"""Read structures and cell arrays of MAT files, as deep as they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np

from neuroalign.errors import DataError, unknown_name
from neuroalign.readers.files import existing, reading
from neuroalign.readers.matlab import KIND, load_variables
from neuroalign.readers.matlab_elements import check_variables, is_walkable


def read_mat_variables(path: str | PathLike[str], names: Sequence[str]) -> dict[str, Any]:
    """Read variables of a MAT file with the structures and cell arrays that are in them.

    For one array of numbers or words `read_mat` is simpler, and reads version 7.3 too.

    Parameters
    ----------
    path : str or path
        Of version 5, 6 or 7.
    names : sequence of str
        Of the variables; all others may be anything.

    Returns
    -------
    dict
        Name of a variable -> array of numbers; str, or array of str where characters have several
        rows; array of objects for a cell array; dict of the fields for a structure, and array of
        such for several. Arrays have the axes that MATLAB shows, two at least.

    Raises
    ------
    DataError
        If there is no such variable, or it holds a sparse matrix, a function or an object, or the
        file is damaged or of another version.

    References
    ----------
    MAT-File Format, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf

    Examples
    --------
    >>> import tempfile
    >>> from scipy.io import savemat
    >>> from neuroalign.readers import read_mat_variables
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     savemat(f"{folder}/a.mat", {"region": {"name": "V1", "voxels": [[3, 5]]}})
    ...     found = read_mat_variables(f"{folder}/a.mat", ["region"])
    >>> found["region"]["name"], found["region"]["voxels"].tolist()
    ('V1', [[3, 5]])
    """
    import h5py

    file = existing(path)
    wanted = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    with reading(file, KIND):
        if h5py.is_hdf5(file):
            message = (
                f"File {str(file)!r} is of version 7.3; read its arrays one by one with "
                "na.readers.read_mat, or save it with -v7."
            )
            raise DataError(message)
        if not is_walkable(file):
            message = f"File {str(file)!r} is no MAT file of version 5, 6 or 7."
            raise DataError(message)
        held = check_variables(file, wanted)
        if missing := [name for name in wanted if name not in held]:
            raise unknown_name(missing[0], held, kind=f"variable of {str(file)!r}")
        found = load_variables(file, wanted)
        return {name: _plain(found[name]) for name in wanted}


def _plain(value: Any) -> Any:
    """Turn what scipy makes of a variable into arrays, words and mappings."""
    if value is None:  # a structure without fields
        return {}
    if value.dtype.names:
        made = _each(value, lambda item: {n: _plain(item[n]) for n in value.dtype.names})
        return made.item() if made.size == 1 else made
    if value.dtype == object:
        cells = _each(value, _plain)
        return cells if value.size != 1 or value.item() is not None else cells.item()
    if value.dtype.kind == "U" and value.size <= 1:
        return str(value.item()) if value.size else ""
    return value


def _each(items: np.ndarray, make: Callable[[Any], Any]) -> np.ndarray:
    made = np.empty(items.size, dtype=object)
    for number, item in enumerate(items.flat):
        made[number] = make(item)
    return made.reshape(items.shape)
