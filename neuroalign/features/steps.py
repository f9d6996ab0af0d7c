"""What becomes of activations between the model and the metric: one step after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd
import xarray as xr

from neuroalign.data.schema import is_stream
from neuroalign.errors import DataError
from neuroalign.features.time_grid import TimeGrid


class FeatureStep(Protocol):
    """The contract of a step, such as `TimeGrid` or `RandomProjection`."""

    def reach(self, recording: xr.DataArray) -> float:
        """Return how far in time, in s, a row of the design matrix reads events."""

    def prepare(self, recording: xr.DataArray) -> xr.DataArray:
        """Return the recording as it is to be predicted."""

    def apply(
        self, activations: xr.DataArray, stimuli: pd.DataFrame, recording: xr.DataArray
    ) -> xr.DataArray:
        """Return the activations that the next step, or the metric, is to get."""


def feature_steps(
    features: FeatureStep | Sequence[FeatureStep] | None, recordings: Mapping[str, xr.DataArray]
) -> list[FeatureStep]:
    """Return the steps asked for; those of streams bring activations to the samples.

    Parameters
    ----------
    features : feature step or sequence of them, or None
    recordings : mapping of str to DataArray

    Returns
    -------
    list of feature steps
    """
    steps: list[Any] = list(features) if isinstance(features, (list, tuple)) else [features]
    steps = [step for step in steps if step is not None]
    for step in steps:
        if isinstance(step, type) or not callable(getattr(step, "apply", None)):
            message = (
                f"features={step!r} is not a step from activations to features; use TimeGrid() or "
                "RandomProjection() of neuroalign.features."
            )
            raise DataError(message)
    stream = any(is_stream(recording) for recording in recordings.values())
    grids = [step for step in steps if isinstance(step, TimeGrid)]
    if grids and not stream:
        message = "TimeGrid() is for streams, but the recordings have a row for each stimulus."
        raise DataError(message)
    return [*steps, TimeGrid()] if stream and not grids else steps


def table_of_rows(stimuli: pd.DataFrame, recordings: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Return the table whose rows are split: all stimuli, or the samples of all streams.

    Parameters
    ----------
    stimuli : DataFrame
    recordings : mapping of str to DataArray

    Returns
    -------
    DataFrame
        Of samples: indexed by "sample", with the columns run and onset (s), and where the stimuli
        have groups, such as a film that was shown in several runs, the group of the run.
    """
    if not any(is_stream(recording) for recording in recordings.values()):
        return stimuli
    parts = [
        pd.DataFrame(
            {name: recording[name].values for name in ("run", "onset")},
            index=pd.Index(recording["sample"].values, name="sample"),
        )
        for recording in recordings.values()
    ]
    table = pd.concat(parts)
    table = table[~table.index.duplicated()].sort_index()
    if "group" not in stimuli:
        return table
    return table.assign(group=table["run"].map(_linked(stimuli)))


def _linked(stimuli: pd.DataFrame) -> dict[str, str]:
    """Return the group of each run: runs that share a group, by whatever detour, are one."""
    linked: list[tuple[set[str], set[str]]] = []  # runs, and the groups in them
    for run, names in stimuli.groupby("run")["group"].agg(set).items():
        runs, groups = {str(run)}, set(names)
        for other in [pair for pair in linked if pair[1] & groups]:
            linked.remove(other)
            runs, groups = runs | other[0], groups | other[1]
        linked.append((runs, groups))
    return {run: "+".join(sorted(groups)) for runs, groups in linked for run in runs}


def widest_reach(steps: Sequence[FeatureStep], recordings: Mapping[str, xr.DataArray]) -> float:
    """Return how far in time, in s, any row of any recording reads events."""
    found = [step.reach(recording) for step in steps for recording in recordings.values()]
    return max(found, default=0.0)
