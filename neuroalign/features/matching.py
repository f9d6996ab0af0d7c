"""From the activations of a layer to the rows of a design matrix, matched by label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from neuroalign.data.schema import repeated
from neuroalign.errors import DataError, name_some


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
        Flatten all axes but the first.

    Returns
    -------
    array (stimuli, units), or (stimuli, ...)
    """
    layer = activations.coords["layer"].item() if "layer" in activations.coords else "?"
    rows_are = "sample" if "sample" in activations.dims else "stimulus"
    words = "samples" if rows_are == "sample" else "stimuli"
    labels = activations.indexes[rows_are]
    if twice := repeated(labels):
        message = (
            f"{len(twice)} {words} have more than one row of activations in layer {layer!r} "
            f"{name_some(twice)}."
        )
        raise DataError(message)
    rows = labels.get_indexer(list(stimuli))
    if missing := [label for label, row in zip(stimuli, rows, strict=True) if row < 0]:
        message = (
            f"{len(missing)} of {len(stimuli)} {words} have no activations in layer {layer!r} "
            f"{name_some(missing)}."
        )
        raise DataError(message)
    values = np.asarray(activations.transpose(rows_are, ...).values)
    if flat:
        values = values.reshape(len(values), -1)
    if not np.array_equal(rows, np.arange(len(values))):
        values = values[rows]
    if values[:1].size == 0:
        message = f"Layer {layer!r} has no units."
        raise DataError(message)
    if values.dtype.kind not in "iufb":
        message = f"Activations of layer {layer!r} are of type {values.dtype}, not numbers."
        raise DataError(message)
    if not np.isfinite(values).all():
        broken = _not_finite(values, stimuli)
        message = (
            f"{len(broken)} of {len(stimuli)} {words} have activations in layer "
            f"{layer!r} that are not finite numbers {name_some(broken)}."
        )
        raise DataError(message)
    return values


def _not_finite(values: np.ndarray, stimuli: Sequence[str] | np.ndarray) -> list[str]:
    bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    return [label for label, is_bad in zip(stimuli, bad, strict=True) if is_bad]
