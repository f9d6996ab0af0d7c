"""A dataset from arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.recordings import make_recording
from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError


def make_dataset(
    responses: np.ndarray | pd.DataFrame | xr.DataArray | Mapping[str, np.ndarray],
    stimuli: pd.DataFrame | Mapping[str, Sequence[object]],
    *,
    roi: str | Sequence[str] | None = None,
    units: str = "unstated units",
    name: str = "own data",
) -> BrainDataset:
    """Make a dataset from arrays in memory.

    Parameters
    ----------
    responses : array (stimulus, neuroid) or (stimulus, repetition, neuroid), or a mapping
        Responses of one subject, or subject -> responses. A DataFrame brings its own labels of
        stimuli (index) and neuroids (columns), matched with those of `stimuli`; rows of a plain
        array are in the order of `stimuli`.
    stimuli : DataFrame or mapping
        As in ``{"image": images}`` or ``{"text": sentences, "group": passages}``. The labels are
        the index of a DataFrame, else "0", "1", ...
    roi : str or sequence of str, optional
        Region of all neuroids, or of each.
    units : str
    name : str

    Returns
    -------
    BrainDataset

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> na.make_dataset(np.eye(3), {"text": ["a cat", "a dog", "a cow"]}, units="z")
    BrainDataset 'own data'
      stimuli   3 (text)
      subjects  1
        subject-1: 3 neuroids (no roi), 3 stimuli, no repetitions, in z
    """
    if isinstance(stimuli, pd.DataFrame):
        table = stimuli.copy(deep=False)
    elif not isinstance(stimuli, Mapping):
        message = (
            f"Stimuli are given as a {type(stimuli).__name__}; say what they are, as in "
            "{'image': images} or {'text': sentences}."
        )
        raise DataError(message)
    else:
        columns = {str(column): list(values) for column, values in stimuli.items()}
        if len({len(values) for values in columns.values()}) > 1:
            lengths = ", ".join(f"{column} {len(values)}" for column, values in columns.items())
            message = f"Columns of the stimuli differ in length ({lengths})."
            raise DataError(message)
        table = pd.DataFrame(columns)
    table.index = pd.Index(as_labels(table.index, "stimulus"), name="stimulus")
    per_subject: Mapping[str, object]
    if isinstance(responses, Mapping):
        per_subject = responses
    elif isinstance(responses, xr.DataArray) and "subject" in responses.coords:
        per_subject = {responses["subject"].item(): responses}
    else:
        per_subject = {"subject-1": responses}
    subjects = map(str, as_labels(per_subject, "subject"))
    recordings = {
        subject: _recording_of(values, table, subject, roi, units)
        for subject, values in zip(subjects, per_subject.values(), strict=True)
    }
    return BrainDataset(recordings, table, name=name)


def _recording_of(
    values: object,
    table: pd.DataFrame,
    subject: str,
    roi: str | Sequence[str] | None,
    units: str,
) -> xr.DataArray:
    if isinstance(values, xr.DataArray):
        return values
    stimulus, neuroid = table.index, None
    if isinstance(values, pd.DataFrame):
        stimulus, neuroid = values.index, values.columns
        values = values.to_numpy()
    array = np.asarray(values)
    if array.ndim not in (2, 3):
        message = (
            f"Responses of subject {subject!r} have the shape {array.shape}; "
            "(stimulus, neuroid) or (stimulus, repetition, neuroid) is needed."
        )
        raise DataError(message)
    if len(array) != len(stimulus):
        message = (
            f"Responses of subject {subject!r} have {len(array)} rows, "
            f"but there are {len(stimulus)} stimuli."
        )
        raise DataError(message)
    dims = ("stimulus", "neuroid") if array.ndim == 2 else ("stimulus", "repetition", "neuroid")
    return make_recording(
        array,
        dims,
        subject=subject,
        units=units,
        stimulus=stimulus,
        neuroid=range(array.shape[-1]) if neuroid is None else neuroid,
        **({} if roi is None else {"roi": roi}),  # type: ignore[arg-type]
    )
