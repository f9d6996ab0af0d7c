"""Models and subjects as rows of dissimilarities, matched by the labels of stimuli."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.data.pair_tables import refuse_pairs
from neuroalign.errors import DataError, name_some
from neuroalign.features.matching import label_rows
from neuroalign.numerics.rdm.measure import CROSSNOBIS, RSA
from neuroalign.rsa.dissimilarities import dissimilarities


class Matched(NamedTuple):
    """Condensed dissimilarities of the same stimuli."""

    stimuli: pd.DataFrame  # sorted by label; with the column "group" where there are groups
    models: np.ndarray  # (models, pairs)
    subjects: np.ndarray  # (subjects, pairs)
    model_names: list[str]
    subject_names: list[str]


def match(
    models: Mapping[str, xr.DataArray | pd.DataFrame],
    subjects: BrainDataset | Mapping[str, xr.DataArray],
    measure: RSA,
) -> Matched:
    """Take dissimilarities of models and subjects, whose stimuli must be the same.

    Parameters
    ----------
    models : mapping of str to DataArray or DataFrame
        Activations (stimulus, ...), or dissimilarities (stimulus, stimulus_other).
    subjects : BrainDataset or mapping of str to DataArray
        Recordings, or dissimilarities, whose sets (sessions) are averaged.
    measure : RSA

    Returns
    -------
    Matched
    """
    own = subject_dissimilarities(subjects, measure)
    if not isinstance(models, Mapping) or not models:
        message = "Models are given by name, as in {'animacy': dissimilarities}; one or more."
        raise DataError(message)
    of_model = "squared_euclidean" if measure.crossed else measure.dissimilarity
    for name, values in models.items():
        refuse_pairs(values, str(name))
    theirs = {str(name): _of_model(values, of_model) for name, values in models.items()}
    labels = labels_of(own)
    table = pd.DataFrame(index=pd.Index(labels, name="stimulus"))
    if isinstance(subjects, BrainDataset):
        table = subjects.stimuli.loc[labels]
    return Matched(
        table, stack_rows(theirs, labels), stack_rows(own, labels), list(theirs), list(own)
    )


def subject_dissimilarities(
    subjects: BrainDataset | Mapping[str, xr.DataArray], measure: RSA
) -> dict[str, xr.DataArray]:
    """Take the dissimilarities of each subject that has responses."""
    if isinstance(subjects, Mapping):
        recordings = dict(subjects)
    elif isinstance(subjects, BrainDataset):
        recordings = dict(subjects.recordings)
    else:
        recordings = {}
    if not recordings or not all(isinstance(one, xr.DataArray) for one in recordings.values()):
        kinds = {type(one).__name__ for one in recordings.values()}
        kind = f"a {type(subjects).__name__}" + (f" of {' and '.join(sorted(kinds))}") * bool(kinds)
        message = (
            f"Subjects are given as {kind}; give a dataset, or subject -> recording or "
            "dissimilarities, one or more."
        )
        raise DataError(message)
    for name, values in recordings.items():
        check_can_be_crossed(values, measure, f"Subject {name!r}")
    return {
        name: values
        if is_dissimilarities(values)
        else dissimilarities(values, measure.dissimilarity)
        for name, values in recordings.items()
    }


def check_can_be_crossed(recording: xr.DataArray, measure: RSA, whose: str) -> None:
    """Refuse crossnobis of dissimilarities that were measured otherwise."""
    if not is_dissimilarities(recording) or not measure.crossed:
        return
    kind = recording.attrs.get("dissimilarity", "unknown")
    if kind != CROSSNOBIS:
        message = (
            f"{whose} has dissimilarities only, of kind {kind!r}, from which no crossnobis can be "
            f"computed; use RSA(comparison={measure.comparison!r})."
        )
        raise DataError(message)


def labels_of(sides: Mapping[str, xr.DataArray]) -> np.ndarray:
    """Return the labels of the stimuli of the first side, sorted."""
    return np.sort(next(iter(sides.values()))["stimulus"].values.astype(str))


def stack_rows(sides: Mapping[str, xr.DataArray], labels: np.ndarray) -> np.ndarray:
    """Put the pairs of some stimuli of each side on a row."""
    return np.stack([_row(name, values, labels) for name, values in sides.items()])


def _of_model(values: xr.DataArray | pd.DataFrame, method: str) -> xr.DataArray:
    if isinstance(values, xr.DataArray) and is_dissimilarities(values):
        return values
    return dissimilarities(label_rows(values), method)


def _row(name: str, values: xr.DataArray, stimuli: np.ndarray) -> np.ndarray:
    """Return the pairs of stimuli in order; sets of one subject are averaged."""
    found = values["stimulus"].values.astype(str)
    if (missing := stimuli[~np.isin(stimuli, found)]).size:
        message = (
            f"{len(missing)} of {len(stimuli)} stimuli have no dissimilarities in {name!r} "
            f"{name_some(missing)}."
        )
        raise DataError(message)
    if len(found) > len(stimuli) and "rdm" in values.dims:
        others = found[~np.isin(found, stimuli)]
        message = (
            f"Subject {name!r} met {len(others)} stimuli that the first subject did not "
            f"{name_some(others)}; select shared_stimuli(dataset)."
        )
        raise DataError(message)
    square = values.mean("rdm", skipna=True) if "rdm" in values.dims else values
    places = pd.Index(found).get_indexer(stimuli)
    return square.values[np.ix_(places, places)][np.triu_indices(len(stimuli), 1)]
