"""Executable contracts: run these on your own dataset or model before you publish it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import cast

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuroalign.data.cards import DatasetCard
from neuroalign.data.dataset import BrainDataset
from neuroalign.data.dissimilarities import (
    dissimilarity_label_faults,
    dissimilarity_value_faults,
    is_dissimilarities,
)
from neuroalign.data.faults import gathering, with_mend
from neuroalign.data.schema import (
    is_stream,
    label_faults,
    repeated,
    stimulus_faults,
    value_faults,
)
from neuroalign.data.stimulus_files import file_faults
from neuroalign.errors import DataError, NeuroalignError
from neuroalign.models.protocol import Model, as_model
from neuroalign.models.torch_model import TorchModel


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
        message = _listed(f"Dataset {name!r}", faults)
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
        message = _listed(f"Dataset {name!r}", listed)
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
    shown: set[str] = set()
    neuroids: list[str] = []
    for subject in dataset.subjects:
        try:
            recording = dataset.recordings[subject]
            before = recording.copy(deep=True)
        except NeuroalignError as error:
            sentence = str(error).rstrip(".")
            yield sentence if repr(subject) in sentence else f"subject {subject!r}: {sentence}"
            continue
        yield from (f"subject {subject!r}: {fault}" for fault in _recording_faults(before))
        shown |= _stimuli_met(before, dataset.stimuli)
        neuroids += [] if is_dissimilarities(before) else sorted(set(before["neuroid"].values))
        if not _read_again(dataset, subject).identical(before):
            yield f"subject {subject!r}: reading the recording twice gives different values"
    if twice := repeated(neuroids):
        yield f"{len(twice)} neuroid labels belong to more than one subject"
    if lonely := sorted(set(dataset.stimuli.index) - shown):
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


def check_model(model: object, stimuli: pd.DataFrame) -> None:
    """Check everything a model promises, on some stimuli, and raise all faults together.

    Parameters
    ----------
    model : Model or mapping
    stimuli : DataFrame
        Three or more; with the column that the model reads.

    Raises
    ------
    DataError
        Lists every fault found.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.testing import check_model
    >>> stimuli = na.load_dataset("simulated-v4", n_crops=1).stimuli
    >>> check_model(na.load_model("pixels"), stimuli[:4])
    """
    faults = list(model_faults(model, stimuli))
    if faults:
        message = _listed("The model", faults)
        raise DataError(message)


def model_faults(model: object, stimuli: pd.DataFrame) -> Iterator[str]:
    """Yield every fault of a model, in words."""
    model = as_model(model)
    if not isinstance(model.name, str) or not model.name:
        yield "its name is not a string"
    if repeated(model.layers) or not model.layers:
        yield "its layers are not distinct names, one at least"
        return
    if model.reads is not None and model.reads not in stimuli:
        yield f"it reads {model.reads!r}, which the stimuli lack"
        return
    hooks = _count_hooks(model)
    before = stimuli.map(copy.deepcopy)  # DataFrame.copy shares the images
    first = dict(model.activations(stimuli))
    if list(first) != list(model.layers):
        yield f"it yields the layers {list(first)}, but names {model.layers}"
    if broken := list(_label_faults(first, stimuli)):
        yield from broken
        return
    for layer, values in first.items():
        if not np.isfinite(np.asarray(values.values, dtype=float)).all():
            yield f"layer {layer!r}: activations are not finite"
    yield from _differences("called twice", first, dict(model.activations(stimuli)), exact=True)
    reversed_order = dict(model.activations(stimuli.iloc[::-1]))
    yield from _differences("given stimuli in another order", first, reversed_order)
    yield from _differences("given fewer stimuli", first, dict(model.activations(stimuli[:2])))
    last = model.layers[-1]
    only = dict(model.activations(stimuli, layers=[last]))
    if list(only) != [last]:
        yield f"asked for layer {last!r}, it yields {list(only)}"
    yield from _differences("asked for one layer", first, only)
    if _accepts_unknown_layer(model, stimuli):
        yield "an unknown layer is not refused"
    generator = iter(model.activations(stimuli))
    next(generator)
    with suppress(AttributeError):
        generator.close()  # type: ignore[attr-defined]
    if _count_hooks(model) != hooks:
        yield "hooks are left behind"
    if not before.equals(stimuli):
        yield "it changes the stimuli that it is given"


def _listed(subject: str, faults: Sequence[str]) -> str:
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"  - {with_mend(fault)}" for fault in faults]
    return "\n".join([f"{subject} has {count}:", *lines])


def _recording_faults(recording: xr.DataArray) -> list[str]:
    if is_dissimilarities(recording):
        return dissimilarity_label_faults(recording) or dissimilarity_value_faults(recording)
    return label_faults(recording) + value_faults(recording)


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


def _label_faults(layers: Mapping[str, object], stimuli: pd.DataFrame) -> Iterator[str]:
    for layer, values in layers.items():
        if not isinstance(values, xr.DataArray) or "stimulus" not in values.indexes:
            yield f"layer {layer!r}: it is not a DataArray with the index coordinate 'stimulus'"
            continue
        labels = [str(label) for label in values["stimulus"].values]
        if values.dims[0] != "stimulus" or not set(stimuli.index) <= set(labels):
            yield f"layer {layer!r}: stimuli are not the first axis, or some are missing"


def _accepts_unknown_layer(model: Model, stimuli: pd.DataFrame) -> bool:
    try:
        next(iter(model.activations(stimuli, layers=["no such layer"])), None)
    except (LookupError, ValueError):
        return False
    return True


def _differences(when: str, first: dict, second: dict, *, exact: bool = False) -> Iterator[str]:
    """Compare the stimuli that two runs share."""
    for layer in second:
        if layer not in first:
            continue
        shared = [
            s for s in second[layer]["stimulus"].values if s in first[layer].indexes["stimulus"]
        ]
        one = np.asarray(first[layer].sel(stimulus=shared).values, dtype=float)
        two = np.asarray(second[layer].sel(stimulus=shared).values, dtype=float)
        tolerance = 0 if exact else 1e-4 * max(float(np.abs(one).max()), 1e-12)
        if one.shape != two.shape or np.abs(one - two).max() > tolerance:
            yield f"layer {layer!r}: activations change when {when}"


def _count_hooks(model: object) -> int:
    if not isinstance(model, TorchModel):
        return 0
    return sum(len(module._forward_hooks) for module in torch.nn.Module.modules(model.module))
