"""Score a model against a dataset: the loop over layers and subjects."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.repetitions import average_repetitions, join_neuroids
from neuroalign.data.schema import row_dim
from neuroalign.errors import DataError
from neuroalign.features.steps import FeatureStep, feature_steps, table_of_rows, widest_reach
from neuroalign.folds import FoldRule, default_folds, resolve_gap
from neuroalign.metrics.encoding import RidgeEncoding
from neuroalign.metrics.protocol import Metric
from neuroalign.models.protocol import Model, as_model
from neuroalign.progress import progress_bar, progress_wanted
from neuroalign.results.description import describe_scores
from neuroalign.results.provenance import provenance
from neuroalign.score_ceilings import score_ceilings
from neuroalign.splits import Splits


def score(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    dataset: BrainDataset,
    metric: Metric | None = None,
    *,
    layers: Sequence[str] | None = None,
    subjects: str | Sequence[str] | None = None,
    roi: str | Sequence[str] | None = None,
    neuroids: Sequence[str] | None = None,
    features: FeatureStep | Sequence[FeatureStep] | None = None,
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
    features : feature step or sequence of them, optional
        What becomes of activations before the metric, such as ``TimeGrid(delays=(2, 4, 6))`` or
        ``RandomProjection()`` of `neuroalign.features`. A stream gets ``TimeGrid()`` where none
        is given.
    folds : fold rule, optional
        By default ``KFold(10)``, over whole groups where the stimuli have them; for streams over
        whole runs, or over five stretches of time, as far apart as the features reach, where
        there are fewer than three runs.
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
        variance of the same averages; `ceiling_inter_subject`: correlation with the others, where
        subjects share neuroids. `moments`: sums from which r can be resampled. The attribute
        `provenance` is a JSON string with hashes, splits, seed, versions and options.

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
    _check_arguments(dataset, measure, folds, seed)
    chosen = dataset.select(subjects=subjects, roi=roi, neuroids=neuroids)
    _check_kind(model, chosen)
    recordings = {name: chosen.recordings[name] for name in chosen.subjects}
    steps = feature_steps(features, recordings)
    for step in steps:
        recordings = {name: step.prepare(recording) for name, recording in recordings.items()}
    table = table_of_rows(dataset.stimuli, recordings)
    reach = widest_reach(steps, recordings)
    rule = resolve_gap(default_folds(table) if folds is None else folds, reach)
    splits = _split(rule, table, seed, reach)
    averages = {name: average_repetitions(values) for name, values in recordings.items()}
    _check_alike(averages)
    stimuli = _met(dataset.stimuli, averages)
    joined = _join_equal_rows(averages)
    with progress_wanted(progress):
        per_layer = list(_score_layers(model, stimuli, layers, steps, measure, joined, splits))
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
    scores = scores.merge(score_ceilings(recordings, splits, seed), join="left")
    order = np.concatenate([average["neuroid"].values for average in averages.values()])
    scores = scores.sel(neuroid=order)
    options = {
        "model": model.name,
        "dataset": dataset.name,
        "metric": repr(measure),
        "features": [repr(step) for step in steps],
        "folds": repr(rule),
        "seed": seed,
        "selection": {"subjects": subjects, "roi": roi, "neuroids": neuroids},
        "layers": [str(layer) for layer in scores["layer"].values],
        "seconds": round(time.perf_counter() - start, 3),
    }
    record = provenance(model, averages, stimuli, splits, options)
    described = describe_scores(scores, averages, splits, stimuli, options, reach)
    scores.attrs = {**described, "provenance": record}
    return scores


def _check_arguments(dataset: object, metric: object, folds: object, seed: int) -> None:
    """Refuse what is of another kind, with the function that makes the right one."""
    if not isinstance(dataset, BrainDataset):
        message = (
            f"A {type(dataset).__name__} is not a dataset; use load_dataset(name) or "
            "make_dataset(responses, stimuli)."
        )
        raise DataError(message)
    if isinstance(metric, type) or not callable(getattr(metric, "evaluate", None)):
        kind = metric if isinstance(metric, type) else type(metric)
        given = "The class " if isinstance(metric, type) else "A "
        message = f"{given}{kind.__name__} is not a metric; use one, as in RidgeEncoding()."
        raise DataError(message)
    if folds is not None and not callable(getattr(folds, "split", None)):
        message = f"folds={folds!r} does not split stimuli; use KFold(n) or TrainTest(test=[...])."
        raise DataError(message)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        message = f"seed={seed!r} is not a whole number of 0 or more."
        raise DataError(message)


def _check_kind(model: Model, dataset: BrainDataset) -> None:
    kinds = dataset.stimulus_kinds
    single = [] if model.reads is None else [model.reads]
    for needed in getattr(model, "kinds", single):
        if needed not in kinds:
            columns = ", ".join(repr(str(column)) for column in dataset.stimuli.columns)
            others = f"has stimuli without a column {needed!r} (columns: {columns or 'none'})"
            has = f"has {' and '.join(kinds)} stimuli" if kinds else others
            message = (
                f"Model {model.name!r} reads {needed} stimuli, but dataset {dataset.name!r} {has}."
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


def _split(rule: FoldRule, table: pd.DataFrame, seed: int, reach: float) -> Splits:
    splits = rule.split(table, seed)
    if not isinstance(splits, Splits):
        message = f"folds={rule!r} does not split stimuli; use KFold(n) or TrainTest(test=[...])."
        raise DataError(message)
    if np.isinf(reach) and "run" in table:
        for fold in splits.folds:
            shared = set(table.loc[fold.train, "run"]) & set(table.loc[fold.test, "run"])
            if shared:
                message = (
                    "zscore_runs=True makes every sample depend on its whole run, but "
                    f"folds={rule!r} part run {min(shared)!r}; hold out whole runs, or leave "
                    "zscore_runs out."
                )
                raise DataError(message)
    return splits


def _met(stimuli: pd.DataFrame, averages: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Return the stimuli that somebody met; in streams, those of the runs that were recorded."""
    if "sample" in next(iter(averages.values())).dims:
        runs = set().union(*(average["run"].values for average in averages.values()))
        return stimuli[stimuli["run"].isin(runs)]
    return stimuli.loc[sorted(set().union(*(a["stimulus"].values for a in averages.values())))]


def _join_equal_rows(averages: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Join subjects who met the same stimuli, so that they are solved in one call."""
    alike: dict[tuple[str, ...], list[xr.DataArray]] = {}
    for average in averages.values():
        alike.setdefault(tuple(average[row_dim(average)].values), []).append(average)
    return [join_neuroids(recordings) for recordings in alike.values()]


def _score_layers(
    model: Model,
    stimuli: pd.DataFrame,
    layers: Sequence[str] | None,
    steps: Sequence[FeatureStep],
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
            parts = [
                metric.evaluate(_applied(steps, activations, stimuli, recording), recording, splits)
                for recording in recordings
            ]
            del item, activations
            scored = parts[0] if len(parts) == 1 else _side_by_side(parts)
            scored.attrs["layer"] = layer
            advance()
            yield scored
            item = next(source, None)


def _applied(
    steps: Sequence[FeatureStep],
    activations: xr.DataArray,
    stimuli: pd.DataFrame,
    recording: xr.DataArray,
) -> xr.DataArray:
    for step in steps:
        activations = step.apply(activations, stimuli, recording)
    return activations


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
