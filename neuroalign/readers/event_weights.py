"""What each sample of a run counts in the response to each event."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign.data.schema import SPACING_TOLERANCE
from neuroalign.errors import DataError, name_some
from neuroalign.numerics import hemodynamics
from neuroalign.readers.confounds import basis_of, cosine_drifts, without

ALONE = 1e-6  # share of a regressor that the others must leave
# Share of an expected response (of its norm) that must lie in the samples of a run, and that drifts
# and confounds must leave of it.
LEFT = 0.05


class Run(NamedTuple):
    """The samples of a run: their numbers in the series, and the middles of their intervals."""

    name: str
    rows: np.ndarray
    middles: np.ndarray


def runs_of(series: xr.DataArray) -> tuple[float, list[Run]]:
    """Return the sampling period, and the samples of each run, in the order of the series."""
    if set(series.dims) != {"sample", "neuroid"}:
        message = (
            f"A series has the dimensions ('sample', 'neuroid'), but this has {series.dims}; "
            "average its repetitions first."
        )
        raise DataError(message)
    for name in ("run", "onset"):
        if name not in series.coords or series[name].dims != ("sample",):
            message = f"The series needs the coordinate {name!r} of every sample."
            raise DataError(message)
    try:
        period = float(series.attrs["sampling_period"])
    except (KeyError, TypeError, ValueError):
        period = np.nan
    if not (np.isfinite(period) and period > 0):
        message = "The series needs the attribute 'sampling_period', in s."
        raise DataError(message)
    names = series["run"].values.astype(str)
    onsets = series["onset"].values.astype(float)
    runs = []
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(names == name)
        steps = (onsets[rows] - onsets[rows[0]]) / period
        off = np.abs(steps - np.rint(steps)) > SPACING_TOLERANCE
        if off.any() or (np.diff(np.rint(steps)) <= 0).any():
            message = (
                f"Samples of run {name!r} do not follow each other by whole sampling periods of "
                f"{period:g} s."
            )
            raise DataError(message)
        runs.append(Run(name, rows, onsets[rows] + period / 2))
    return period, runs


def average_weights(
    run: Run, onsets: np.ndarray, start: float, stop: float, period: float
) -> np.ndarray:
    """Return the weight of each sample in the average of each event; NaN rows where one lacks."""
    steps = np.rint((run.middles - run.middles[0]) / period)
    # In sampling periods from the first sample; the last term is for rounding.
    first, end = (
        np.ceil((onsets[:, None] + edge - run.middles[0]) / period - 1e-6) for edge in (start, stop)
    )
    if (empty := (end <= first)[:, 0]).any():
        message = (
            f"The window from {start:g} to {stop:g} s holds no sample of {empty.sum()} events of "
            f"run {run.name!r}, sampled every {period:g} s; make it longer."
        )
        raise DataError(message)
    inside = (steps >= first) & (steps < end)
    whole = inside.sum(axis=1, keepdims=True) == end - first
    return np.where(whole, inside / (end - first), np.nan)


def expected_activity(run: Run, shown: pd.DataFrame, period: float) -> np.ndarray:
    """Return the canonical response to each event at the middle of each sample."""
    onsets, lasted = (shown[name].to_numpy() for name in ("onset", "duration"))
    activity = _responses(run.middles[:, None] - onsets, lasted)
    # What would be there if the run began before the event, and went on after it.
    longest = hemodynamics.LENGTH + lasted.max(initial=0)
    steps = np.arange(np.ceil(longest / period) + 1)[:, None]
    whole = _responses((run.middles[0] - onsets) % period + period * steps, lasted)
    there, full = (np.linalg.norm(part, axis=0) for part in (activity, whole))
    unseen = there <= np.maximum(ALONE, LEFT * full)
    if unseen.any():
        message = (
            f"{unseen.sum()} events of run {run.name!r} have less than {LEFT:.0%} of their "
            f"response in its samples {name_some(onsets[unseen])}; leave them out, or count "
            "onsets in s from the start of their run."
        )
        raise DataError(message)
    return activity


def _responses(since: np.ndarray, lasted: np.ndarray) -> np.ndarray:
    """Return the responses to events (columns) at times since their onsets."""
    begun, ended = (hemodynamics.accumulated_response(since - late) for late in (0.0, lasted))
    return np.where(lasted > 0, begun - ended, hemodynamics.response(since))


def nuisance_basis(
    run: Run, period: float, high_pass: float, confounds: ArrayLike | pd.DataFrame | None
) -> np.ndarray:
    """Return an orthonormal basis of the constant, drifts and confounds of a run."""
    steps = np.rint((run.middles - run.middles[0]) / period).astype(int)
    columns = [cosine_drifts(int(steps[-1]) + 1, period, high_pass)[steps]]
    if confounds is not None:
        given = np.asarray(confounds, dtype=float)
        given = given[:, None] if given.ndim == 1 else given
        if len(given) != len(run.rows) or not np.isfinite(given).all():
            message = (
                f"Confounds of run {run.name!r} have the shape {given.shape}; a finite row for "
                f"each of its {len(run.rows)} samples is needed."
            )
            raise DataError(message)
        columns.append(given)
    basis = basis_of(np.column_stack(columns), f"run {run.name!r}")
    constant = np.full((len(run.rows), 1), len(run.rows) ** -0.5)
    return np.column_stack([constant, basis])


def estimate_weights(
    activity: np.ndarray, nuisance: np.ndarray, method: str, shown: pd.DataFrame
) -> np.ndarray:
    """Return the weights of the samples in the estimate of each event: (event, sample)."""
    left = without(activity, nuisance)
    norms = np.linalg.norm(activity, axis=0)
    swallowed = np.linalg.norm(left, axis=0) < LEFT * norms
    if swallowed.any():
        message = (
            f"Drifts and confounds of run {shown['run'].iloc[0]!r} ({nuisance.shape[1]} regressors "
            f"of {len(activity)} samples) leave less than {LEFT:.0%} of the response to "
            f"{swallowed.sum()} events; lower high_pass, as in high_pass=1/128, or give fewer "
            "confounds."
        )
        raise DataError(message)
    if method == "all":
        sizes = np.linalg.svd(left / norms, compute_uv=False)
        alone = len(sizes) == activity.shape[1] and sizes[-1] > ALONE * sizes[0]
        if len(activity) <= activity.shape[1] + nuisance.shape[1] or not alone:
            raise _not_apart(activity, nuisance, shown)
        return np.linalg.pinv(left)
    others = left.sum(axis=1, keepdims=True) - left
    own, cross = (left * left).sum(axis=0), (left * others).sum(axis=0)
    square = (others * others).sum(axis=0)
    single = square <= (ALONE * norms) ** 2  # no other event to tell apart
    square = np.where(single, 1.0, square)
    cross = np.where(single, 0.0, cross)
    determinant = own * square - cross**2
    if (determinant <= (ALONE**2) * norms**2 * square).any():
        raise _not_apart(activity, nuisance, shown)
    return ((left * square - others * cross) / determinant).T


def _not_apart(activity: np.ndarray, nuisance: np.ndarray, shown: pd.DataFrame) -> DataError:
    run = shown["run"].iloc[0]
    return DataError(
        f"Responses to {activity.shape[1]} events of run {run!r} cannot be told apart in "
        f"{len(activity)} samples, beside {nuisance.shape[1]} regressors of drift and confounds; "
        "join events of the same time, or average in windows."
    )
