"""The contract of a dataset: what whoever scores against it relies on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.cards import DatasetCard
from neuroalign.data.dataset import BrainDataset
from neuroalign.data.dissimilarities import (
    dissimilarity_label_faults,
    dissimilarity_value_faults,
    is_dissimilarities,
)
from neuroalign.data.faults import gathering
from neuroalign.data.schema import (
    is_stream,
    label_faults,
    repeated,
    stimulus_faults,
    value_faults,
)
from neuroalign.data.stimulus_files import file_faults
from neuroalign.errors import DataError, NeuroalignError
from neuroalign.testing.faults import fault_list

LONGEST_TIME = 100.0  # s from an onset, and
LONGEST_PERIOD = 60.0  # s between samples: beyond, milliseconds are likelier


def check_dataset(dataset: BrainDataset) -> None:
    """Check everything a dataset promises, and raise all faults together. Reads every value.

    Faults that the card declares as known are left out.

    Parameters
    ----------
    dataset : BrainDataset

    Raises
    ------
    DataError
        Lists every fault found.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.testing import check_dataset
    >>> check_dataset(na.load_dataset("simulated-v4", n_crops=2))
    """
    if faults := _unknown_faults(dataset, dataset_faults(dataset)):
        name = getattr(dataset, "name", "without a name")
        message = fault_list(f"Dataset {name!r}", faults)
        raise DataError(message)


def load_and_check(name: str, load: Callable[[], BrainDataset]) -> BrainDataset:
    """Load a dataset and check it, and raise all faults together, those of loading included.

    What `make_recording` and `BrainDataset` would refuse is noted while `load` goes on, so that
    whoever mends a dataset sees every fault at once.

    Parameters
    ----------
    name : str
        Said in the message.
    load : callable
        Without arguments; returns the dataset.

    Returns
    -------
    BrainDataset

    Raises
    ------
    DataError
        Lists every fault found, with what to do about it.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.testing import load_and_check
    >>> load_and_check("tiny", lambda: na.load_dataset("simulated-v4", n_crops=2)).name
    'simulated-v4'
    """
    dataset = None
    with gathering() as faults:
        try:
            dataset = load()
            faults += dataset_faults(dataset)
        except NeuroalignError as error:
            if not faults:
                raise
            faults.append(str(error).rstrip("."))
    if listed := _unknown_faults(dataset, faults):
        message = fault_list(f"Dataset {name!r}", listed)
        raise DataError(message)
    return cast(BrainDataset, dataset)


def _unknown_faults(dataset: BrainDataset | None, faults: Iterable[str]) -> list[str]:
    """List each fault once, without those that the card declares as known."""
    known = getattr(getattr(dataset, "card", None), "known_faults", ())
    return [fault for fault in dict.fromkeys(faults) if fault not in known]


def dataset_remarks(dataset: BrainDataset) -> Iterator[str]:
    """Yield, in words, what is no fault but worth knowing: responses that are missing."""
    for subject in dataset.subjects:
        recording = dataset.recordings[subject]
        if is_dissimilarities(recording):
            continue
        missing = recording.isnull()
        if n_missing := int(missing.sum()):
            lacking = int(missing.any([dim for dim in missing.dims if dim != "neuroid"]).sum())
            yield (
                f"subject {subject!r}: {lacking} of {recording.sizes['neuroid']} neuroids lack "
                f"responses, {n_missing / missing.size:.1%} of all (NaN)"
            )


def dataset_faults(dataset: BrainDataset) -> Iterator[str]:
    """Yield every fault of a dataset, in words."""
    if not isinstance(dataset, BrainDataset):
        yield f"it is a {type(dataset).__name__}, not a BrainDataset"
        return
    yield from (f"stimuli: {fault}" for fault in stimulus_faults(dataset.stimuli))
    yield from (f"stimuli: {fault}" for fault in file_faults(dataset.stimuli))
    if not dataset.stimulus_kinds:
        yield (
            "stimuli: no column text, image, audio or video that a model could read, and no column "
            "condition"
        )
    if dataset.card is not None and not isinstance(dataset.card, DatasetCard):
        yield "its card is not a DatasetCard"
    elif dataset.card is not None and dataset.card.stimulus not in dataset.stimulus_kinds:
        yield f"stimuli: the card says {dataset.card.stimulus!r}, but there is no such column"
    shown: set[str] | None = set()
    neuroids: list[str] = []
    for subject in dataset.subjects:
        try:
            recording = dataset.recordings[subject]
            before = recording.copy(deep=True)
        except NeuroalignError as error:
            sentence = str(error).rstrip(".")
            yield sentence if repr(subject) in sentence else f"subject {subject!r}: {sentence}"
            shown = None  # nobody knows what this subject met
            continue
        yield from (f"subject {subject!r}: {fault}" for fault in _recording_faults(before))
        if shown is not None:
            shown |= _stimuli_met(before, dataset.stimuli)
        neuroids += [] if is_dissimilarities(before) else sorted(set(before["neuroid"].values))
        if not _read_again(dataset, subject).identical(before):
            yield f"subject {subject!r}: reading the recording twice gives different values"
    if twice := repeated(neuroids):
        yield f"{len(twice)} neuroid labels belong to more than one subject"
    if shown is not None and (lonely := sorted(set(dataset.stimuli.index) - shown)):
        yield f"{len(lonely)} stimuli were shown to nobody (first: {lonely[0]!r})"


def check_adapter(module: ModuleType, load: Callable[[], BrainDataset]) -> None:
    """Check a dataset module: its card, its docstring, and what it loads.

    Parameters
    ----------
    module : module
        With `CARD` and `load`.
    load : callable
        Loads the dataset, from the original files or a miniature of them.
    """
    missing = [name for name in ("CARD", "load") if not hasattr(module, name)]
    if missing or not (module.__doc__ or "").strip():
        message = f"Dataset module {module.__name__!r} lacks {missing or 'a docstring'}."
        raise DataError(message)
    first, second = load(), load()
    check_dataset(first.named(first.name, module.CARD))
    for subject in first.subjects:
        if not first.recordings[subject].identical(second.recordings[subject]):
            message = f"Loading subject {subject!r} of {module.__name__!r} twice gives two results."
            raise DataError(message)


def _recording_faults(recording: xr.DataArray) -> list[str]:
    if is_dissimilarities(recording):
        return dissimilarity_label_faults(recording) or dissimilarity_value_faults(recording)
    return label_faults(recording) + _unit_faults(recording) + value_faults(recording)


def _unit_faults(recording: xr.DataArray) -> list[str]:
    """List times that are no seconds in all likelihood."""
    period = recording.attrs.get("sampling_period", 0)
    faults = [f"the sampling period is {period:g} s"] if period > LONGEST_PERIOD else []
    times = recording["time"].values if "time" in recording.coords else np.zeros(1)
    if times.dtype.kind in "iuf" and (furthest := np.abs(times).max()) > LONGEST_TIME:
        faults.append(f"coordinate 'time' reaches {furthest:g} s from the onset")
    return faults


def _stimuli_met(recording: xr.DataArray, stimuli: pd.DataFrame) -> set[str]:
    """Return the labels of the stimuli of a recording; those in its runs, if it is a stream."""
    label = "run" if is_stream(recording) else "stimulus"
    if label not in recording.coords or (label == "run" and "run" not in stimuli):
        return set(stimuli.index)  # a fault that is named already
    if label == "stimulus":
        return set(recording["stimulus"].values)
    return set(stimuli.index[stimuli["run"].isin(recording["run"].values)])


def _read_again(dataset: BrainDataset, subject: str) -> xr.DataArray:
    """Read a recording anew, past what the dataset remembers of it."""
    given = getattr(dataset.recordings, "_given", dataset.recordings)[subject]
    return given() if callable(given) else given
