"""A file of activations, or of dissimilarities, as a model of one layer or more."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from neuroalign.data.dissimilarities import is_dissimilarities, make_dissimilarities
from neuroalign.data.pair_tables import is_of_pairs
from neuroalign.errors import DataError, name_some
from neuroalign.models.protocol import PrecomputedModel

MISSING = ["", "nan", "NaN", "NA"]


def load_file(path: str | Path) -> PrecomputedModel:
    """Read a model from a file.

    Parameters
    ----------
    path : str or Path
        A CSV table with a row for each stimulus, whose label is in the first column, and a column
        for each unit; or with dissimilarities, where the columns are the same stimuli. Or a NetCDF
        file as ``DataArray.to_netcdf`` and ``Dataset.to_netcdf`` write it, with the coordinate
        "stimulus": each variable is a layer.

    Returns
    -------
    PrecomputedModel
        Called as the file, without its suffix.

    Raises
    ------
    DataError
        If there is no such file, or it holds no such table.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        message = f"File {str(path)!r} does not exist, so that it is no model."
        raise DataError(message)
    read = _from_table if path.suffix.lower() == ".csv" else _from_netcdf
    return PrecomputedModel(read(path), name=path.stem)


def _from_table(path: Path) -> dict[str, pd.DataFrame | xr.DataArray]:
    try:
        # Labels as text: "01" is no number, and "NA" is not missing.
        columns = pd.read_csv(path, nrows=0).columns
        missing = dict.fromkeys(columns[1:], MISSING)
        table = pd.read_csv(path, dtype={0: str}, keep_default_na=False, na_values=missing)
        table = table.set_index(columns[0])
    except (ValueError, IndexError) as error:
        message = f"File {str(path)!r} is no table with a header; write it by DataFrame.to_csv."
        raise DataError(message) from error
    words = [name for name, dtype in table.dtypes.items() if dtype.kind not in "biuf"]
    if words or not table.size:
        what = f"columns without numbers {name_some(words)}" if words else "no numbers"
        message = (
            f"File {str(path)!r} has {what}; give labels of stimuli in the first column, and "
            "numbers in the others."
        )
        raise DataError(message)
    if is_of_pairs(table):
        labels = table.index
        made = make_dissimilarities(table, stimulus=labels, dissimilarity=f"read from {path.name}")
        return {path.stem: made}
    return {path.stem: table}


def _from_netcdf(path: Path) -> dict[str, xr.DataArray]:
    try:
        with xr.open_dataset(path) as source:
            layers = {str(name): values.load() for name, values in source.data_vars.items()}
    except (ValueError, OSError) as error:
        message = f"File {str(path)!r} is no NetCDF file; write it by DataArray.to_netcdf."
        raise DataError(message) from error
    missing = [name for name, values in layers.items() if "stimulus" not in values.indexes]
    if missing or not layers:
        message = (
            f"File {str(path)!r} holds no labelled activations; write a DataArray with the "
            "coordinate 'stimulus' by .to_netcdf, or a Dataset of one for each layer."
        )
        raise DataError(message)
    unnamed = "__xarray_dataarray_variable__"
    named = {path.stem if name == unnamed else name: one for name, one in layers.items()}
    for name, values in named.items():
        if is_dissimilarities(values):
            attrs = {"dissimilarity": f"read from {path.name}", **values.attrs}
            named[name] = values.assign_attrs(attrs)
    return named
