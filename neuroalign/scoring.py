"""Score a model against a dataset: the loop over layers and subjects."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.ceilings import anova_ceiling, split_half_ceiling
from neuroalign.data.dataset import BrainDataset
from neuroalign.data.repetitions import average_repetitions, join_neuroids
from neuroalign.data.schema import is_showings
from neuroalign.errors import DataError, name_some
from neuroalign.folds import FoldRule, KFold, Splits
from neuroalign.metrics.encoding import RidgeEncoding
from neuroalign.metrics.protocol import Metric
from neuroalign.models.protocol import Model, as_model
from neuroalign.progress import progress_bar, progress_wanted
from neuroalign.results.provenance import provenance


def score(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    dataset: BrainDataset,
    metric: Metric | None = None,
    *,
    layers: Sequence[str] | None = None,
    subjects: str | Sequence[str] | None = None,
    roi: str | Sequence[str] | None = None,
    neuroids: Sequence[str] | None = None,
    folds: FoldRule | None = None,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Score the layers of a model against the recordings of a dataset.

    Parameters
    ----------
    model : Model or mapping
        From `load_model` or `TorchModel`, or layer -> activations labelled by stimulus.
    dataset : BrainDataset
    metric : Metric, optional
        By default ``RidgeEncoding()``.
    layers : sequence of str, optional
        By default those of the model.
    subjects, roi : str or sequence of str, optional
    neuroids : sequence of str, optional
    folds : KFold or TrainTest, optional
        By default ``KFold(10)``, over whole groups where the stimuli have them.
    seed : int
        Of folds, inner folds and split halves; the same seed splits the same stimuli alike, for
        every model and order of rows.
    progress : bool
        Show a bar where the standard error is a terminal.

    Returns
    -------
    Dataset
        `r` (layer, fold, neuroid, [time]): Pearson r between responses averaged over repetitions
        and their held-out predictions, raw and signed; NaN where undefined, and `undefined` says
        why. `ceiling_split_half` and `ceiling_anova` (neuroid, [time]): share of signal in the
        variance of the same averages. `moments`: sums from which r can be resampled. The
        attribute `provenance` is a JSON string with hashes, splits, seed, versions and options.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> na.score(na.load_model("pixels"), dataset).r.dims
    ('layer', 'fold', 'neuroid')
    """
    start = time.perf_counter()
    model = as_model(model)
    measure: Metric = RidgeEncoding() if metric is None else metric
    rule: FoldRule = KFold() if folds is None else folds
    _check_arguments(dataset, measure, rule, seed)
    chosen = dataset.select(subjects=subjects, roi=roi, neuroids=neuroids)
    _check_kind(model, chosen)
    splits = rule.split(dataset.stimuli, seed)
    if not isinstance(splits, Splits):
        message = f"folds={rule!r} does not split stimuli; use KFold(n) or TrainTest(test=[...])."
        raise DataError(message)
    recordings = {name: chosen.recordings[name] for name in chosen.subjects}
    averages = {name: average_repetitions(values) for name, values in recordings.items()}
    _check_alike(averages)
    shown = sorted(set().union(*(average["stimulus"].values for average in averages.values())))
    stimuli = dataset.stimuli.loc[shown]
    joined = _join_equal_stimuli(averages)
    with progress_wanted(progress):
        per_layer = list(_score_layers(model, stimuli, layers, measure, joined, splits))
    names = np.array([layer.attrs.pop("layer") for layer in per_layer], dtype=str)
    scores = xr.concat(
        per_layer,
        xr.Variable("layer", names),
        join="exact",
        data_vars="all",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    scores = scores.merge(_ceilings(recordings, splits, seed), join="left")
    order = np.concatenate([average["neuroid"].values for average in averages.values()])
    scores = scores.sel(neuroid=order)
    options = {
        "model": model.name,
        "dataset": dataset.name,
        "metric": repr(measure),
        "folds": repr(rule),
        "seed": seed,
        "selection": {"subjects": subjects, "roi": roi, "neuroids": neuroids},
        "layers": [str(layer) for layer in scores["layer"].values],
        "seconds": round(time.perf_counter() - start, 3),
    }
    record = provenance(model, averages, stimuli, splits, options)
    scores.attrs = {**_described(scores, averages, stimuli, options), "provenance": record}
    return scores


def _check_arguments(dataset: object, metric: object, rule: object, seed: int) -> None:
    """Refuse what is of another kind, with the function that makes the right one."""
    if not isinstance(dataset, BrainDataset):
        message = (
            f"A {type(dataset).__name__} is not a dataset; use load_dataset(name) or "
            "make_dataset(responses, stimuli)."
        )
        raise DataError(message)
    if not callable(getattr(metric, "evaluate", None)):
        message = f"A {type(metric).__name__} is not a metric; use RidgeEncoding()."
        raise DataError(message)
    if not callable(getattr(rule, "split", None)):
        message = f"folds={rule!r} does not split stimuli; use KFold(n) or TrainTest(test=[...])."
        raise DataError(message)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        message = f"seed={seed!r} is not a whole number of 0 or more."
        raise DataError(message)


def _check_kind(model: Model, dataset: BrainDataset) -> None:
    kinds = dataset.stimulus_kinds
    if model.reads is not None and model.reads not in kinds:
        columns = ", ".join(repr(str(column)) for column in dataset.stimuli.columns)
        others = f"has stimuli without a column {model.reads!r} (columns: {columns or 'none'})"
        has = f"has {' and '.join(kinds)} stimuli" if kinds else others
        message = (
            f"Model {model.name!r} reads {model.reads} stimuli, but dataset {dataset.name!r} {has}."
        )
        raise DataError(message)


def _check_alike(averages: Mapping[str, xr.DataArray]) -> None:
    """Refuse subjects without responses, and time axes that xarray would broadcast or pad."""
    times = {
        name: average["time"].values.tolist() if "time" in average.dims else None
        for name, average in averages.items()
    }
    first = next(iter(times))
    for name, average in averages.items():
        if average.size == 0 or not average.notnull().any():
            message = f"The recording of subject {name!r} holds no response that is not NaN."
            raise DataError(message)
    for name, time_axis in times.items():
        if time_axis != times[first]:
            message = (
                f"Recordings of subjects {first!r} and {name!r} differ in their time axes; score "
                "them apart (subjects=...), or bring them to the same times."
            )
            raise DataError(message)


def _join_equal_stimuli(averages: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Join subjects who met the same stimuli, so that they are solved in one call."""
    alike: dict[tuple[str, ...], list[xr.DataArray]] = {}
    for average in averages.values():
        alike.setdefault(tuple(average["stimulus"].values), []).append(average)
    return [join_neuroids(recordings) for recordings in alike.values()]


def _score_layers(
    model: Model,
    stimuli: pd.DataFrame,
    layers: Sequence[str] | None,
    metric: Metric,
    recordings: list[xr.DataArray],
    splits: Splits,
) -> Iterator[xr.Dataset]:
    """Evaluate one layer at a time; the bar opens once the first layer is there."""
    n_layers = len(model.layers if layers is None else np.atleast_1d(layers))
    source = iter(model.activations(stimuli, layers))
    first = next(source, None)
    if first is None:
        message = f"Model {model.name!r} yields no layer."
        raise DataError(message)
    with progress_bar(f"{model.name}: layers scored", n_layers) as advance:
        item: tuple[str, xr.DataArray] | None = first
        del first
        while item is not None:
            layer, activations = item
            parts = [metric.evaluate(activations, recording, splits) for recording in recordings]
            del item, activations
            scored = parts[0] if len(parts) == 1 else _side_by_side(parts)
            scored.attrs["layer"] = layer
            advance()
            yield scored
            item = next(source, None)


def _side_by_side(parts: list[xr.Dataset]) -> xr.Dataset:
    shared = set.intersection(*(set(map(str, part.coords)) for part in parts))
    parts = [part.drop_vars(set(map(str, part.coords)) - shared) for part in parts]
    return xr.concat(
        parts,
        "neuroid",
        join="outer" if "prediction" in parts[0] else "exact",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )


def _ceilings(recordings: Mapping[str, xr.DataArray], splits: Splits, seed: int) -> xr.Dataset:
    """Estimate noise ceilings on the terms of the scores: held-out stimuli, within folds."""
    fold_of = splits.blocks.set_index("stimulus")["fold"]
    found: dict[str, list[xr.DataArray]] = {}
    for recording in recordings.values():
        if not is_showings(recording) and "repetition" not in recording.dims:
            continue
        rows = "showing" if is_showings(recording) else "stimulus"
        tested = recording.isel({rows: np.isin(recording["stimulus"].values, fold_of.index)})
        if not tested.notnull().any():
            continue
        for ceiling in (
            split_half_ceiling(tested, seed=seed, parts=fold_of),
            anova_ceiling(tested, parts=fold_of),
        ):
            found.setdefault(str(ceiling.name), []).append(ceiling)
    return xr.Dataset(
        {
            name: xr.concat(parts, "neuroid", join="exact", combine_attrs="override")
            for name, parts in found.items()
            if any(part.notnull().any() for part in parts)
        }
    )


def _described(
    scores: xr.Dataset,
    averages: Mapping[str, xr.DataArray],
    stimuli: pd.DataFrame,
    options: Mapping[str, object],
) -> dict[str, str]:
    """Say in attributes what the scores are of, for whoever prints them."""
    rois = scores["roi"].values.astype(str) if "roi" in scores.coords else ["unstated"]
    counts = [
        a["n_repetitions"].values.ravel() for a in averages.values() if "n_repetitions" in a.coords
    ]
    shown = np.concatenate(counts) if counts else np.ones(1, dtype=int)
    shown = shown[shown > 0]
    ceilings = [
        f"{name.removeprefix('ceiling_')} {float(scores[name].median()):.3f}"
        for name in map(str, scores.data_vars)
        if name.startswith("ceiling_")
    ]
    nowhere = scores["r"].isnull().all([d for d in scores["r"].dims if d != "neuroid"])
    labels = scores["neuroid"].values[nowhere.values]
    undefined = f"{len(labels)} neuroids have no score in any layer"
    planted = {
        str(a.attrs["planted_layer"]) for a in averages.values() if "planted_layer" in a.attrs
    }
    return {
        **({"planted_layer": ", ".join(sorted(planted))} if planted else {}),
        "model": str(options["model"]),
        "dataset": str(options["dataset"]),
        "metric": str(options["metric"]),
        "stimuli": str(len(stimuli)),
        "subjects": ", ".join(averages),
        "rois": ", ".join(dict.fromkeys(rois)),
        "units": ", ".join(dict.fromkeys(str(a.attrs["units"]) for a in averages.values())),
        "repetitions": f"{shown.min()}-{shown.max()} (median {np.median(shown):g})",
        "noise_ceiling": f"of variance, median: {', '.join(ceilings)}"
        if ceilings
        else "none: no stimulus was shown twice",
        "undefined": f"{undefined} {name_some(labels)}" if len(labels) else undefined,
    }
