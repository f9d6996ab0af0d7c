"""The contract of a model: what whoever scores it relies on."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuroalign.data.schema import STIMULUS_KINDS, repeated
from neuroalign.errors import DataError, NeuroalignError
from neuroalign.models.protocol import Model, as_model
from neuroalign.testing.faults import fault_list

Layers = dict[str, xr.DataArray]


def check_model(model: object, stimuli: pd.DataFrame) -> None:
    """Check everything a model promises, on some stimuli, and raise all faults together.

    Parameters
    ----------
    model : Model or mapping
    stimuli : DataFrame
        Three or more; with the column that the model reads. Texts of different lengths show
        whether padding counts.

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
    if faults := list(dict.fromkeys(model_faults(model, stimuli))):
        raise DataError(fault_list("The model", faults))


def model_faults(model: object, stimuli: pd.DataFrame) -> Iterator[str]:
    """Yield every fault of a model, in words."""
    if len(stimuli) < 3:
        message = f"{len(stimuli)} stimuli are too few to check a model on; give three or more."
        raise DataError(message)
    network = as_model(model)
    if not isinstance(network.name, str) or not network.name:
        yield "its name is not a string"
    if faults := list(_faults_of_layers(network, stimuli)):
        yield from faults
        return
    before = _Before(network, stimuli)
    first = dict(network.activations(stimuli))
    if list(first) != list(network.layers):
        yield f"it yields the layers {list(first)}, but names {list(network.layers)}"
    for look in (_faults_of_labels(network, first, stimuli), _faults_of_numbers(first)):
        if faults := list(look):
            yield from faults
            return
    yield from _faults_of_values(network, first, stimuli)
    yield from _faults_of_selection(network, first, stimuli)
    yield from _faults_of_refusals(network, stimuli)
    yield from _faults_of_identity(network, stimuli)
    yield from before.faults(network, stimuli)


def _faults_of_layers(model: Model, stimuli: pd.DataFrame) -> Iterator[str]:
    layers = list(model.layers)
    if not layers or repeated(layers) or not all(isinstance(layer, str) for layer in layers):
        yield "its layers are not distinct names, one at least"
    if model.reads is not None and model.reads not in STIMULUS_KINDS:
        yield f"it reads {model.reads!r}, which is none of {', '.join(map(repr, STIMULUS_KINDS))}"
    elif model.reads is not None and model.reads not in stimuli:
        yield f"it reads {model.reads!r}, which the stimuli lack"


def _faults_of_labels(model: Model, first: Layers, stimuli: pd.DataFrame) -> Iterator[str]:
    wanted = [str(label) for label in stimuli.index]
    for layer, values in first.items():
        if not isinstance(values, xr.DataArray) or "stimulus" not in values.indexes:
            yield f"layer {layer!r}: it is not a DataArray with the index coordinate 'stimulus'"
            continue
        labels = [str(label) for label in values["stimulus"].values]
        if values.dims[0] != "stimulus" or not set(wanted) <= set(labels):
            yield f"layer {layer!r}: stimuli are not the first axis, or some are missing"
        elif model.reads is not None and labels != wanted:
            yield f"layer {layer!r}: stimuli are in another order than they were given"
        elif values.ndim < 2 or not values.size:
            yield f"layer {layer!r}: there are no units"
        elif values.dtype.kind not in "fiub":
            yield f"layer {layer!r}: activations are of type {values.dtype}, not numbers"


def _faults_of_numbers(first: Layers) -> Iterator[str]:
    """Look for what is not finite; frames past the end of a shorter sound or film are NaN."""
    for layer, values in first.items():
        finite = np.isfinite(values.values)
        padded = np.isnan(values.values) if "time" in values.dims else False
        if not (finite | padded).all() or not finite.any(axis=tuple(range(1, values.ndim))).all():
            yield f"layer {layer!r}: activations are not finite"


def _faults_of_values(model: Model, first: Layers, stimuli: pd.DataFrame) -> Iterator[str]:
    """See that the activations of a stimulus depend on that stimulus alone."""

    def again(table: pd.DataFrame) -> Layers:
        return dict(model.activations(table))

    yield from _differences("called twice", first, again(stimuli), exact=True)
    yield from _differences("given stimuli in another order", first, again(stimuli.iloc[::-1]))
    yield from _differences("given fewer stimuli", first, again(stimuli[:2]))
    yield from _differences("given one stimulus", first, again(stimuli[:1]))
    if model.reads is None or {"run", "group", "onset", "position"} & set(stimuli.columns):
        return  # a copy would stand in another context
    twin = stimuli.iloc[[0]].set_axis(["its twin"])
    both: Layers = {}
    if _refusal(lambda: both.update(again(pd.concat([stimuli, twin])))) is not None:
        return  # some of it was computed elsewhere, for these labels alone
    for layer, values in both.items():
        one, two = (np.asarray(values[row], dtype=float) for row in (0, -1))
        if not _close(one, two):
            yield f"layer {layer!r}: the same stimulus under two labels has two activations"


def _faults_of_selection(model: Model, first: Layers, stimuli: pd.DataFrame) -> Iterator[str]:
    last = model.layers[-1]
    only = dict(model.activations(stimuli, layers=[last]))
    if list(only) != [last]:
        yield f"asked for layer {last!r}, it yields {list(only)}"
    yield from _differences("asked for one layer", first, only)
    backwards = list(model.layers)[::-1]
    if [layer for layer, _ in model.activations(stimuli, layers=backwards)] != backwards:
        yield f"asked for the layers {backwards}, it yields others or in another order"


def _faults_of_refusals(model: Model, stimuli: pd.DataFrame) -> Iterator[str]:
    """Ask for what cannot be had: it must be refused, with nothing left behind."""
    layer = model.layers[0]
    near = f"{layer}x"
    error = _refusal(lambda: list(model.activations(stimuli, layers=[near])))
    if error is None:
        yield "an unknown layer is not refused"
    elif isinstance(error, NeuroalignError) and repr(layer) not in str(error):
        yield f"asked for layer {near!r}, it does not name the layer {layer!r}, which is near"
    if _yields(model, stimuli, layers=[]):
        yield "an empty selection of layers is taken for some"
    if model.reads is None:
        return
    if _yields(model, stimuli.drop(columns=model.reads)):
        yield f"stimuli without the column {model.reads!r} are not refused"
    broken = stimuli.copy()
    broken[model.reads] = [*broken[model.reads][:-1], None]
    if _yields(model, broken):
        yield f"a stimulus whose {model.reads} is missing is not refused"
    layers = iter(model.activations(stimuli))
    next(layers)
    with suppress(AttributeError):
        layers.close()  # type: ignore[attr-defined]


def _yields(model: Model, stimuli: pd.DataFrame, **options: object) -> bool:
    """Tell whether a model gives any layer for what it should refuse."""
    found: list[object] = []
    _refusal(lambda: found.extend(model.activations(stimuli, **options)))  # type: ignore[arg-type]
    return bool(found)


def _refusal(attempt: Callable[[], object]) -> Exception | None:
    """Return the error by which an attempt is refused, whichever it is."""
    try:
        attempt()
    except Exception as error:
        return error
    return None


def _faults_of_identity(model: Model, stimuli: pd.DataFrame) -> Iterator[str]:
    """See that what a cache would go by names the network and the exact input."""
    ingredients = getattr(model, "ingredients", None)
    if ingredients is None:
        return
    found = ingredients(stimuli)
    try:
        json.dumps(found)
    except TypeError:
        yield "its ingredients cannot be written as JSON"
    if ingredients(stimuli) != found:
        yield "its ingredients differ from call to call"
    if model.reads is not None and ingredients(stimuli.iloc[::-1]) == found:
        yield "its ingredients are the same for stimuli in another order"
    renamed = stimuli.set_axis([f"{label} renamed" for label in stimuli.index])
    if model.reads is not None and ingredients(renamed) != found:
        yield "its ingredients depend on the labels of stimuli, which are no input"


class _Before:
    """What must be as it was, once a model has been used."""

    def __init__(self, model: Model, stimuli: pd.DataFrame) -> None:
        self._stimuli = stimuli.map(copy.deepcopy)  # DataFrame.copy shares the images
        self._random = _random_state()
        self._states = [_state_of(module) for module in _modules(model)]

    def faults(self, model: Model, stimuli: pd.DataFrame) -> Iterator[str]:
        if not self._stimuli.equals(stimuli):
            yield "it changes the stimuli that it is given"
        if _random_state() != self._random:
            yield "it draws from the random numbers of everybody, which changes what others draw"
        for before, module in zip(self._states, _modules(model), strict=True):
            after = _state_of(module)
            if after["hooks"] != before["hooks"]:
                yield "hooks are left behind"
            if after["training"] != before["training"]:
                yield "modules are left in another mode, training or evaluation"
            if after["places"] != before["places"]:
                yield "parameters are left on another device, or of another type"


def _modules(model: Model) -> Sequence[torch.nn.Module]:
    """Find the networks that a model holds."""
    return [value for value in vars(model).values() if isinstance(value, torch.nn.Module)]


def _state_of(module: torch.nn.Module) -> dict[str, object]:
    modules = list(module.modules())
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return {
        "hooks": sum(len(getattr(one, kind)) for one in modules for kind in kinds),
        "training": [one.training for one in modules],
        "places": [(str(one.device), str(one.dtype)) for one in module.parameters()],
    }


def _random_state() -> tuple[bytes, bytes]:
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 (it must be left alone)
    return repr((kind, rest)).encode() + np.asarray(keys).tobytes(), bytes(
        torch.random.get_rng_state().numpy()
    )


def _differences(when: str, first: Layers, second: Layers, *, exact: bool = False) -> Iterator[str]:
    """Compare the stimuli that two runs share."""
    for layer, values in second.items():
        if layer not in first:
            continue
        labels = [s for s in values["stimulus"].values if s in first[layer].indexes["stimulus"]]
        one, two = (
            np.asarray(run.sel(stimulus=labels).values, dtype=float)
            for run in (first[layer], values)
        )
        if one.ndim != two.ndim or not _close(one, two, exact=exact):
            yield f"layer {layer!r}: activations change when {when}"


def _close(one: np.ndarray, two: np.ndarray, *, exact: bool = False) -> bool:
    """Compare up to rounding; NaN past the end of a sound may be more or fewer."""
    if one.shape != two.shape:
        common = tuple(slice(min(sizes)) for sizes in zip(one.shape, two.shape, strict=True))
        longer = [np.isfinite(x).sum() == np.isfinite(x[common]).sum() for x in (one, two)]
        return all(longer) and _close(one[common], two[common], exact=exact)
    scale = max(float(np.nanmax(np.abs(one), initial=0)), 1e-12)
    return np.allclose(one, two, rtol=0, atol=0 if exact else 1e-4 * scale, equal_nan=True)
