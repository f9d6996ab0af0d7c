"""A dataset from arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.recordings import make_recording, rectangular
from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError

# Axes of responses without and with repetitions.
EVENT_FORMS = (("stimulus", "neuroid"), ("stimulus", "repetition", "neuroid"))
STREAM_FORMS = (("sample", "neuroid"), ("repetition", "sample", "neuroid"))


def make_dataset(
    responses: np.ndarray | pd.DataFrame | xr.DataArray | Mapping[str, np.ndarray],
    stimuli: pd.DataFrame | Mapping[str, Sequence[object]],
    *,
    sampling_period: float | None = None,
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
        array are in the order of `stimuli`. With `sampling_period`: array (sample, neuroid) or
        (repetition, sample, neuroid), of one run.
    stimuli : DataFrame or mapping
        As in ``{"image": images}`` or ``{"text": sentences, "group": passages}``. The labels are
        the index of a DataFrame, else "0", "1", ... With `sampling_period` they need an "onset":
        seconds from the beginning of the first sample.
    sampling_period : float, optional
        Of responses to a film or a story: seconds from one sample to the next.
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
    table = _table_of(stimuli)
    if sampling_period is not None:
        table = table.assign(run=_only_run(table))
    per_subject: Mapping[str, object]
    if isinstance(responses, Mapping):
        per_subject = responses
    elif isinstance(responses, xr.DataArray) and "subject" in responses.coords:
        per_subject = {responses["subject"].item(): responses}
    else:
        per_subject = {"subject-1": responses}
    regions = {} if roi is None else {"roi": roi}
    subjects = map(str, as_labels(per_subject, "subject"))
    recordings = {
        subject: _recording_of(values, table, sampling_period, subject, units=units, **regions)
        for subject, values in zip(subjects, per_subject.values(), strict=True)
    }
    return BrainDataset(recordings, table, name=name)


def _table_of(stimuli: pd.DataFrame | Mapping[str, Sequence[object]]) -> pd.DataFrame:
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
    return table


def _only_run(table: pd.DataFrame) -> str:
    """Return the run that the stimuli of a stream name, which may be no more than one."""
    runs = as_labels(dict.fromkeys(table["run"]), "run") if "run" in table else ["run-1"]
    if len(runs) != 1:
        message = (
            f"The stimuli name {len(runs)} runs, but make_dataset takes samples of one; "
            "use make_recording with a run for each sample, and BrainDataset."
        )
        raise DataError(message)
    return str(runs[0])


def _recording_of(
    values: object,
    table: pd.DataFrame,
    sampling_period: float | None,
    subject: str,
    **options: Any,
) -> xr.DataArray:
    if isinstance(values, xr.DataArray):
        return values
    stream = sampling_period is not None
    two, three = STREAM_FORMS if stream else EVENT_FORMS
    index, neuroid = table.index, None
    if isinstance(values, pd.DataFrame):
        index, neuroid = values.index, values.columns
        values = values.to_numpy()
    array = rectangular(values)
    if array.ndim not in (2, 3):
        message = (
            f"Responses of subject {subject!r} have the shape {array.shape}; "
            f"({', '.join(two)}) or ({', '.join(three)}) is needed."
        )
        raise DataError(message)
    if not stream and len(array) != len(index):
        message = (
            f"Responses of subject {subject!r} have {len(array)} rows, "
            f"but there are {len(index)} stimuli."
        )
        raise DataError(message)
    return make_recording(
        array,
        two if array.ndim == 2 else three,
        subject=subject,
        sampling_period=sampling_period,
        neuroid=range(array.shape[-1]) if neuroid is None else neuroid,
        **({"run": _only_run(table)} if stream else {"stimulus": index}),
        **options,
    )
