"""What scores, tests and guards share: recordings, folds and activations, matched and ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.data.repetitions import average_repetitions, join_neuroids
from neuroalign.data.schema import row_dim
from neuroalign.errors import DataError
from neuroalign.features.steps import FeatureStep, feature_steps, table_of_rows, widest_reach
from neuroalign.folds import FoldRule, default_folds, resolve_gap
from neuroalign.models.protocol import Model, as_model
from neuroalign.splits import Splits


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """What is scored of a dataset, and how its rows are divided.

    Parameters
    ----------
    subjects, roi : str or sequence of str, optional
    neuroids : sequence of str, optional
    features : feature step or sequence of them, optional
    folds : fold rule, optional
    seed : int
    """

    subjects: str | Sequence[str] | None = None
    roi: str | Sequence[str] | None = None
    neuroids: Sequence[str] | None = None
    features: FeatureStep | Sequence[FeatureStep] | None = None
    folds: FoldRule | None = None
    seed: int = 0

    @property
    def names(self) -> dict[str, object]:
        """Return what was selected, for the record."""
        return {"subjects": self.subjects, "roi": self.roi, "neuroids": self.neuroids}


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A dataset ready to be compared with models: labels are still on, nothing is fitted.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> recording with its repetitions.
    averages : mapping of str to DataArray
        Subject -> responses averaged over repetitions.
    joined : list of DataArray
        The averages, subjects of equal rows side by side, each of which is solved in one call.
    stimuli : DataFrame
        Those that somebody met.
    rule : fold rule
        From which the splits are.
    splits : Splits
    steps : sequence of feature steps
    reach : float
        How far in time, in s, a row of the features reads events.
    """

    recordings: Mapping[str, xr.DataArray]
    averages: Mapping[str, xr.DataArray]
    joined: Sequence[xr.DataArray]
    stimuli: pd.DataFrame
    rule: FoldRule
    splits: Splits
    steps: Sequence[FeatureStep]
    reach: float

    @property
    def neuroids(self) -> np.ndarray:
        """Return the labels of all neuroids, subject after subject."""
        return np.concatenate([average["neuroid"].values for average in self.averages.values()])

    def features(self, activations: xr.DataArray, recording: xr.DataArray) -> xr.DataArray:
        """Bring the activations of one layer to the rows of a recording."""
        for step in self.steps:
            activations = step.apply(activations, self.stimuli, recording)
        return activations

    def layers(
        self, model: Model, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the activations of one layer at a time; a model without any is refused."""
        source = iter(model.activations(self.stimuli, layers))
        first = next(source, None)
        if first is None:
            message = f"Model {model.name!r} yields no layer."
            raise DataError(message)
        yield first
        del first
        yield from source


def prepare(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    dataset: BrainDataset,
    selection: Selection,
) -> tuple[Model, Prepared]:
    """Check what was given, select, average and divide; read no activations yet.

    Parameters
    ----------
    model : Model or mapping
    dataset : BrainDataset
    selection : Selection

    Returns
    -------
    Model, Prepared
    """
    model = as_model(model)
    check_dataset_given(dataset)
    check_kind(model, dataset)
    return model, prepare_data(dataset, selection)


def prepare_data(dataset: BrainDataset, selection: Selection) -> Prepared:
    """Do what `prepare` does for the recordings alone, whatever the model."""
    check_options(selection.folds, selection.seed)
    recordings, steps = chosen_recordings(dataset, selection)
    _check_responses(dataset.name, recordings)
    table = table_of_rows(dataset.stimuli, recordings)
    reach = widest_reach(steps, recordings)
    rule = resolve_gap(default_folds(table) if selection.folds is None else selection.folds, reach)
    splits = _split(rule, table, selection.seed, reach)
    averages = {name: average_repetitions(values) for name, values in recordings.items()}
    check_alike(averages)
    return Prepared(
        recordings=recordings,
        averages=averages,
        joined=_join_equal_rows(averages),
        stimuli=met_stimuli(dataset.stimuli, averages),
        rule=rule,
        splits=splits,
        steps=steps,
        reach=reach,
    )


def chosen_recordings(
    dataset: BrainDataset, selection: Selection
) -> tuple[dict[str, xr.DataArray], list[FeatureStep]]:
    """Select recordings, and make them ready for the steps between activations and metric.

    Parameters
    ----------
    dataset : BrainDataset
    selection : Selection

    Returns
    -------
    dict of str to DataArray, list of feature steps
    """
    check_dataset_given(dataset)
    chosen = dataset.select(
        subjects=selection.subjects, roi=selection.roi, neuroids=selection.neuroids
    )
    # What lies in a file is read here, once, and no more of it than was chosen.
    recordings = {name: chosen.recordings[name].compute() for name in chosen.subjects}
    steps = feature_steps(selection.features, recordings)
    for step in steps:
        recordings = {name: step.prepare(recording) for name, recording in recordings.items()}
    return recordings, steps


def side_by_side(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put results of different neuroids side by side; coordinates that some lack are dropped."""
    if len(parts) == 1:
        return parts[0]
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


def stack_layers(per_layer: Sequence[xr.Dataset], names: Sequence[str]) -> xr.Dataset:
    """Put results of one layer each on a new axis `layer`."""
    return xr.concat(
        list(per_layer),
        xr.Variable("layer", np.array(names, dtype=str)),
        join="exact",
        data_vars="all",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )


def check_dataset_given(dataset: object) -> None:
    """Refuse what is no dataset, with the function that makes one."""
    if not isinstance(dataset, BrainDataset):
        message = (
            f"A {type(dataset).__name__} is not a dataset; use load_dataset(name) or "
            "make_dataset(responses, stimuli)."
        )
        raise DataError(message)


def check_options(folds: object, seed: int) -> None:
    """Refuse what is no fold rule, and what is no seed."""
    if folds is not None and not callable(getattr(folds, "split", None)):
        message = f"folds={folds!r} does not split stimuli; use KFold(n) or TrainTest(test=[...])."
        raise DataError(message)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        message = f"seed={seed!r} is not a whole number of 0 or more."
        raise DataError(message)


def check_kind(model: Model, dataset: BrainDataset) -> None:
    """Refuse a model that reads what the stimuli are not."""
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


def check_alike(averages: Mapping[str, xr.DataArray]) -> None:
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


def _check_responses(dataset: str, recordings: Mapping[str, xr.DataArray]) -> None:
    """Refuse dissimilarities, from which no response can be predicted."""
    if any(map(is_dissimilarities, recordings.values())):
        message = (
            f"Dataset {dataset!r} holds dissimilarities only, and no responses to predict; score "
            "it by na.rsa.RSA()."
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


def met_stimuli(stimuli: pd.DataFrame, averages: Mapping[str, xr.DataArray]) -> pd.DataFrame:
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
