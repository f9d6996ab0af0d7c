"""Score a model by a measure of whole recordings, such as RSA or CKA: one number a view."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.data.pair_tables import refuse_pairs
from neuroalign.data.repetitions import average_repetitions
from neuroalign.data.schema import is_stream
from neuroalign.errors import DataError, name_some
from neuroalign.models.protocol import Model, as_model, count_layers
from neuroalign.numerics.rdm.measure import RSA
from neuroalign.numerics.resampling import jackknife_interval
from neuroalign.numerics.undefined import (
    CONSTANT_PREDICTION,
    CONSTANT_RESPONSE,
    DEFINED,
    UNDEFINED_MEASURE,
    flag_attributes,
)
from neuroalign.preparation import (
    Selection,
    check_alike,
    check_dataset_given,
    check_kind,
    check_options,
    chosen_recordings,
)
from neuroalign.progress import progress_bar, progress_wanted
from neuroalign.results.provenance import provenance
from neuroalign.rsa.dissimilarities import dissimilarities
from neuroalign.rsa.matched import check_can_be_crossed
from neuroalign.similarity.ceilings import similarity_ceilings
from neuroalign.similarity.sides import Measure, Side, Sides
from neuroalign.similarity.views import SUBJECT, View, split_views
from neuroalign.splits import equal_parts

N_BLOCKS = 20  # of stimuli, left out in turn
N_SHUFFLES = 20  # of stimuli against each other
LEVEL = 0.95
INTERVAL = (
    "95%, over new stimuli as many as these, for these neuroids (jackknife over blocks of stimuli)"
)


def score_similarity(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    dataset: BrainDataset,
    measure: Measure,
    *,
    selection: Selection,
    by: str | Sequence[str] = (SUBJECT,),
    layers: Sequence[str] | None = None,
    shuffle: bool = True,
    progress: bool = True,
) -> xr.Dataset:
    """Compare every layer of a model with every view of a dataset; see `score`.

    Parameters
    ----------
    model : Model or mapping
    dataset : BrainDataset
    measure : similarity measure
    selection : Selection
        Without folds: nothing is fitted.
    by : str or sequence of str
        Coordinates whose levels get a view each.
    layers : sequence of str, optional
    shuffle : bool
        Also compare with stimuli exchanged, twenty times.
    progress : bool

    Returns
    -------
    Dataset
        Without ceilings' and guards' variables where there are none.
    """
    start = time.perf_counter()
    if isinstance(model, Mapping):
        for name, values in model.items():
            refuse_pairs(values, str(name))
    network = as_model(model)
    check_dataset_given(dataset)
    check_options(selection.folds, selection.seed)
    check_kind(network, dataset)
    if selection.folds is not None:
        message = f"{measure!r} fits nothing to training stimuli; leave out folds=."
        raise DataError(message)
    recordings, steps = chosen_recordings(dataset, selection)
    _check_recordings(dataset, recordings, measure)
    arrays = _comparable(recordings, measure, by)
    views = split_views(arrays, by)
    stimuli = dataset.stimuli.loc[sorted(set().union(*(view.labels for view in views)))]
    blocks = _blocks(stimuli)
    sides = Sides(measure)
    own = [sides.of_view(view) for view in views]
    found = []
    source = network.activations(stimuli, layers)
    n_layers = count_layers(network, layers)
    with (
        progress_wanted(progress),
        progress_bar(f"{network.name}: layers compared", n_layers) as advance,
    ):
        for layer, activations in source:
            for step in steps:
                activations = step.apply(activations, stimuli, next(iter(recordings.values())))
            parts = [
                _compared(sides, activations, view, side, blocks, shuffle, selection.seed)
                for view, side in zip(views, own, strict=True)
            ]
            found.append((str(layer), parts))
            advance()
    if not found:
        message = f"Model {network.name!r} yields no layer."
        raise DataError(message)
    ceilings = similarity_ceilings(recordings, views, own, sides, by, selection.seed)
    scores = _dataset(found, views, arrays, blocks, ceilings)
    options = {
        "model": network.name,
        "dataset": dataset.name,
        "metric": repr(measure),
        "features": [repr(step) for step in steps],
        "by": [by] if isinstance(by, str) else list(by),
        "seed": selection.seed,
        "selection": selection.names,
        "layers": [name for name, _ in found],
        "seconds": round(time.perf_counter() - start, 3),
    }
    record = provenance(network, arrays, stimuli, None, options)
    return scores.assign_attrs(
        _described(scores, views, arrays, measure, options), provenance=record
    )


class _Compared(NamedTuple):
    """One layer and one view, at each time."""

    value: np.ndarray  # (times,)
    without: np.ndarray  # (times, blocks)
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shuffled: np.ndarray
    undefined: np.ndarray
    lost: np.ndarray


def _compared(
    sides: Sides,
    activations: xr.DataArray,
    view: View,
    own: list[Side],
    blocks: pd.Series,
    shuffle: bool,
    seed: int,
) -> _Compared:
    """Compare a layer with a view, with all stimuli, without blocks of them, and shuffled."""
    other = sides.of_activations(activations, view.labels)
    of_row = blocks[view.labels].to_numpy()
    n_blocks = int(blocks.max()) + 1
    kept = [np.flatnonzero(of_row != block) for block in range(n_blocks)]
    rng = np.random.default_rng([seed, 5])
    orders = [rng.permutation(len(view.labels)) for _ in range(N_SHUFFLES if shuffle else 0)]
    found: list[tuple] = []
    for side in own:
        value = sides.compare(other, side)
        if np.isnan(value):
            reason = _reason(other, side)
            nothing = np.full(n_blocks, np.nan)
            lost = sides.count_lost(other, side)
            found.append((value, nothing, np.nan, np.nan, np.nan, np.nan, reason, lost))
            continue
        parts = [(other.take(rows), side.take(rows)) for rows in kept]
        without = np.array([sides.compare_part(*both) for both in parts])
        sizes = np.bincount(of_row, minlength=n_blocks)
        error, low, high = jackknife_interval(value, without, sizes, LEVEL)
        null = [sides.compare(other.take(order), side) for order in orders]
        middle, lost = np.mean(null) if null else np.nan, sides.count_lost(other, side)
        found.append((value, without, error, low, high, middle, DEFINED, lost))
    return _Compared(*(np.array(column) for column in zip(*found, strict=True)))


def _reason(layer: Side, view: Side) -> int:
    """Say why a comparison is undefined."""
    if not view.varies:
        return CONSTANT_RESPONSE
    return UNDEFINED_MEASURE if layer.varies else CONSTANT_PREDICTION


def _check_recordings(
    dataset: BrainDataset, recordings: Mapping[str, xr.DataArray], measure: Measure
) -> None:
    """Refuse what a measure of whole recordings cannot be of."""
    for recording in recordings.values():
        if is_stream(recording):
            message = (
                f"Dataset {dataset.name!r} holds streams, in which nobody meets single stimuli; "
                f"{measure!r} compares stimuli, so use RidgeEncoding()."
            )
            raise DataError(message)
        if is_dissimilarities(recording) and not isinstance(measure, RSA):
            message = (
                f"Dataset {dataset.name!r} holds dissimilarities only; use RSA(...), not "
                f"{measure!r}."
            )
            raise DataError(message)
        if isinstance(measure, RSA):
            check_can_be_crossed(recording, measure, f"Dataset {dataset.name!r}")


def _comparable(
    recordings: Mapping[str, xr.DataArray], measure: Measure, by: str | Sequence[str]
) -> dict[str, xr.DataArray]:
    """Average responses over repetitions, or take dissimilarities across them."""
    crossed = isinstance(measure, RSA) and measure.crossed
    found = {}
    for subject, recording in recordings.items():
        if is_dissimilarities(recording):
            found[subject] = recording
        elif crossed:
            found[subject] = dissimilarities(recording, "crossnobis", by=by)
        else:
            found[subject] = average_repetitions(recording)
    if not any(map(is_dissimilarities, found.values())):
        check_alike(found)
    return found


def _blocks(stimuli: pd.DataFrame) -> pd.Series:
    """Divide stimuli into blocks that are left out in turn: groups, or parts of them."""
    labels = stimuli.index.to_numpy().astype(str)
    units = stimuli["group"].to_numpy().astype(str) if "group" in stimuli else labels
    names, of_row = np.unique(units, return_inverse=True)
    parts = equal_parts(names, min(N_BLOCKS, len(names)))
    return pd.Series(parts[of_row], index=labels)


def _dataset(
    found: Sequence[tuple[str, list[_Compared]]],
    views: Sequence[View],
    arrays: Mapping[str, xr.DataArray],
    blocks: pd.Series,
    ceilings: Mapping[str, np.ndarray],
) -> xr.Dataset:
    """Put labels on what was found: (layer, view, [time])."""
    first = next(iter(arrays.values()))
    times = {"time": first["time"].values} if "time" in first.dims else {}
    dims = ("layer", "view", "time")

    def stack(name: str) -> np.ndarray:
        return np.array([[getattr(part, name) for part in parts] for _, parts in found])

    variables: dict[str, tuple] = {
        name: (dims, stack(field))
        for name, field in (
            ("similarity", "value"),
            ("error", "error"),
            ("low", "low"),
            ("high", "high"),
            ("shuffled", "shuffled"),
            ("n_pairs_left_out", "lost"),
        )
    }
    variables["without"] = ((*dims, "block"), stack("without"))
    codes = stack("undefined").astype(np.uint8)
    variables["undefined"] = (dims, codes, flag_attributes())
    variables |= {name: (dims[1:], bound) for name, bound in ceilings.items()}
    n_blocks = int(blocks.max()) + 1
    sizes = [np.bincount(blocks[view.labels], minlength=n_blocks) for view in views]
    variables["n_stimuli"] = (("view", "block"), np.array(sizes))
    variables["n_neuroids"] = ("view", [view.n_neuroids for view in views])
    variables["n_left_out"] = ("view", [len(view.left_out) for view in views])
    levels = {name: ("view", [view.levels[name] for view in views]) for name in views[0].levels}
    coords = {"layer": [name for name, _ in found], "view": [view.name for view in views]}
    scores = xr.Dataset(variables, {**coords, **levels, **times})
    scores = scores if times else scores.isel(time=0)
    empty = [name for name in ("shuffled", "n_pairs_left_out") if not scores[name].fillna(0).any()]
    return scores.drop_vars(empty)


def _described(
    scores: xr.Dataset,
    views: Sequence[View],
    arrays: Mapping[str, xr.DataArray],
    measure: Measure,
    options: Mapping[str, object],
) -> dict[str, str]:
    """Say in words what the scores are of."""
    left_out = [name for view in views for name in view.left_out]
    lost = int(scores["n_pairs_left_out"].max()) if "n_pairs_left_out" in scores else 0
    sentences = [
        f"{len(left_out)} neuroids lack responses to some stimuli {name_some(left_out)}"
        if left_out
        else "",
        f"Up to {lost} pairs of stimuli have no dissimilarity and are left out" if lost else "",
    ]
    counts = sorted({len(view.labels) for view in views})
    return {
        "model": str(options["model"]),
        "dataset": str(options["dataset"]),
        "metric": str(options["metric"]),
        "stimuli": "-".join(map(str, dict.fromkeys((counts[0], counts[-1])))),
        "subjects": ", ".join(arrays),
        "chance": measure.chance,
        "interval": INTERVAL,
        "undefined": f"{int((scores['undefined'] > 0).sum())} comparisons are undefined",
        "left_out": "; ".join(sentence for sentence in sentences if sentence),
    }
