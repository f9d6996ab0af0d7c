"""From the activations of a layer to the rows of a design matrix, matched by label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some

# What a readout of places takes, besides the rows.
MAP_DIMS = (("channel", "row", "column"), ("token", "channel"))


def design_rows(
    activations: xr.DataArray, stimuli: Sequence[str] | np.ndarray, *, flat: bool = True
) -> np.ndarray:
    """Return one row of features per stimulus, in the order asked for.

    Parameters
    ----------
    activations : DataArray (stimulus, ...)
        Or (sample, ...), once resampled to a stream.
    stimuli : sequence of str
    flat : bool
        Flatten all axes but the first. Otherwise the axes are those of maps or tokens, and are
        put in order by their names.

    Returns
    -------
    array (stimuli, units), (stimuli, channel, row, column) or (stimuli, token, channel)
    """
    of_layer = _words_of_layer(activations, "of")
    in_layer = _words_of_layer(activations, "in")
    if is_dissimilarities(activations):
        message = (
            f"The model gives dissimilarities{in_layer}, which are no activations of units; "
            "compare them by na.rsa.RSA()."
        )
        raise DataError(message)
    rows_are = "sample" if "sample" in activations.dims else "stimulus"
    if not flat:
        activations = _as_maps(activations, rows_are)
    words = "samples" if rows_are == "sample" else "stimuli"
    labels = activations.indexes[rows_are]
    if twice := repeated(labels):
        message = (
            f"{len(twice)} {words} have more than one row of activations{in_layer} "
            f"{name_some(twice)}."
        )
        raise DataError(message)
    rows = labels.get_indexer(list(stimuli))
    if missing := [label for label, row in zip(stimuli, rows, strict=True) if row < 0]:
        known = set(stimuli)
        others = [label for label in labels if label not in known]
        # Where hardly any label matches, rows are labelled in another way, as by their numbers.
        told = (
            f", but {len(others)} others have some {name_some(others)}; label rows as the "
            f"{words} of the dataset are"
            if others and 2 * len(missing) > len(stimuli)
            else ""
        )
        message = (
            f"{len(missing)} of {len(stimuli)} {words} have no activations{in_layer} "
            f"{name_some(missing)}{told}."
        )
        raise DataError(message)
    values = np.asarray(activations.transpose(rows_are, ...).values)
    if flat:
        values = values.reshape(len(values), -1)
    if not np.array_equal(rows, np.arange(len(values))):
        values = values[rows]
    if values[:1].size == 0:
        message = f"The activations{of_layer} have no units."
        raise DataError(message)
    if values.dtype.kind not in "iufb":
        message = f"Activations{of_layer} are of type {values.dtype}, not numbers."
        raise DataError(message)
    if not np.isfinite(values).all():
        broken = _not_finite(values, stimuli)
        if "time" in activations.dims and not np.isinf(values).any():
            message = (
                f"{len(broken)} of {len(stimuli)} {words} have frames of NaN{in_layer}, past the "
                f"end of a shorter sound or film {name_some(broken)}; average over windows of "
                "time by features=na.features.TimeWindows(start, stop, step)."
            )
            raise DataError(message)
        # A layer that knows why some of its values are undefined says so.
        why = "" if np.isinf(values).any() else activations.attrs.get("undefined", "")
        message = (
            f"{len(broken)} of {len(stimuli)} {words} have activations{in_layer} "
            f"that are not finite numbers {name_some(broken)}{why and f', since {why}'}."
        )
        raise DataError(message)
    return values


def label_rows(activations: object, default: str = "stimulus") -> xr.DataArray:
    """Return activations as a DataArray whose rows carry labels, which are strings.

    Parameters
    ----------
    activations : DataArray or DataFrame
        A DataFrame is indexed by the labels of its rows; columns with names label the units.
    default : str
        What the rows are where no axis or index is called so: "stimulus" or "sample".

    Returns
    -------
    DataArray (stimulus or sample, ...)
    """
    if isinstance(activations, pd.DataFrame):
        named = str(activations.index.name)
        rows = named if named in ("stimulus", "sample") else default
        columns = activations.columns
        # Columns that pandas numbered have no names, and match by position.
        labelled = columns.nlevels == 1 and not isinstance(columns, pd.RangeIndex)
        coords = {rows: as_labels(activations.index, rows)}
        units = {"unit": columns.to_numpy()} if labelled else {}
        return xr.DataArray(activations.to_numpy(), {**coords, **units}, (rows, "unit"))
    dims = activations.dims if isinstance(activations, xr.DataArray) else ()
    rows = next((name for name in ("sample", "stimulus") if name in dims), default)
    if not isinstance(activations, xr.DataArray) or rows not in activations.indexes:
        message = (
            f"Activations{_words_of_layer(activations, 'of')} carry no {rows} labels; give a "
            f"DataFrame indexed by {rows}, or a DataArray with the index coordinate {rows!r}."
        )
        raise DataError(message)
    return activations.assign_coords({rows: as_labels(activations[rows].values, rows)})


def _words_of_layer(activations: object, preposition: str) -> str:
    """Say which layer is meant, as in " of layer 'top'"; nothing where it has no name."""
    if not isinstance(activations, xr.DataArray) or "layer" not in activations.coords:
        return ""
    return f" {preposition} layer {activations.coords['layer'].item()!r}"


def _as_maps(activations: xr.DataArray, rows: str) -> xr.DataArray:
    """Put the axes of maps or tokens in order, by their names."""
    given = tuple(str(dim) for dim in activations.dims)
    for dims in MAP_DIMS:
        if set(given) == {rows, *dims}:
            return activations.transpose(rows, *dims)
    needed = " or ".join(f"({', '.join((rows, *dims))})" for dims in MAP_DIMS)
    message = (
        f"A readout of maps or tokens needs the dimensions {needed}, in any order, but the "
        f"activations{_words_of_layer(activations, 'of')} have ({', '.join(given)}); keep the "
        "places of the layer, and name its axes by .rename."
    )
    raise DataError(message)


def _not_finite(values: np.ndarray, stimuli: Sequence[str] | np.ndarray) -> list[str]:
    bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    return [label for label, is_bad in zip(stimuli, bad, strict=True) if is_bad]
