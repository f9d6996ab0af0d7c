"""From a series in time and its events to one response for each event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, name_some
from neuroalign.readers.event_weights import (
    Run,
    average_weights,
    estimate_weights,
    expected_activity,
    nuisance_basis,
    runs_of,
)
from neuroalign.readers.events import ordered_events, stimulus_column
from neuroalign.readers.rows import joined_rows

HIGH_PASS = 1 / 128  # Hz


def average_events(
    series: xr.DataArray,
    events: pd.DataFrame,
    *,
    start: float,
    stop: float,
    stimulus: str | None = None,
) -> xr.DataArray:
    """Average a series in a window after each event.

    The response of BOLD to a short event peaks 5 to 6 s after it, so that windows such as 4 to 8 s
    are usual; where events come so densely that responses overlap, use `deconvolve`.

    Parameters
    ----------
    series : DataArray (sample, neuroid)
        With `run` and `onset` (s in the run) of samples, and the attribute `sampling_period`, as
        readers and `make_recording` give it. One that is in its file stays there.
    events : DataFrame
        A row for each event: `onset` in s of the run, `run` where the series has several, and
        what was shown; see `read_events`.
    start, stop : float, s
        Of the window, from the onset of the event. A sample belongs to it if the middle of its
        interval does, from `start` on and before `stop`.
    stimulus : str, optional
        Column that says what was shown. By default the first there is of `stimulus`, `stim_file`,
        `trial_type` (in BIDS often a category, not an item) and `condition`.

    Returns
    -------
    DataArray (showing, neuroid)
        By run and onset, whatever the order of the rows, with `stimulus`, `run`, `onset` and
        `duration`; NaN where the window is not wholly recorded, or a value in it is missing or
        infinite. Attribute `stimulus_column`: where `stimulus` is from.

    Raises
    ------
    DataError
        If events and series do not fit each other, a run has no event, or windows are shorter
        than a sample.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from neuroalign.readers import average_events
    >>> series = xr.DataArray(np.arange(6.0)[:, None], dims=("sample", "neuroid"),
    ...     coords={"run": ("sample", ["run-1"] * 6), "onset": ("sample", np.arange(0, 12, 2))},
    ...     attrs={"sampling_period": 2.0})
    >>> events = pd.DataFrame({"onset": [0.0, 6.0], "stimulus": ["cat", "dog"]})
    >>> average_events(series, events, start=2, stop=6).values.ravel().tolist()
    [1.5, 4.5]
    """
    if not (np.isfinite([start, stop]).all() and start < stop):
        message = f"The window from {start} to {stop} s is empty; stop must come after start."
        raise DataError(message)
    period, runs, table = _matched(series, events, stimulus)
    weights = [
        average_weights(
            run, table["onset"][table["run"] == run.name].to_numpy(), start, stop, period
        )
        for run in runs
    ]
    attrs = {**_facts(series, table), "window": f"{start:g} to {stop:g} s after onset"}
    return _showings(series, runs, weights, table, attrs)


def deconvolve(
    series: xr.DataArray,
    events: pd.DataFrame,
    *,
    method: str = "separate",
    high_pass: float = HIGH_PASS,
    confounds: Mapping[str, ArrayLike | pd.DataFrame] | None = None,
    stimulus: str | None = None,
) -> xr.DataArray:
    """Estimate the response to each event by least squares, their overlap taken apart.

    Each event is an activity of height 1 that lasts as long as the event (one of no duration has
    the area of 1 s), convolved with the canonical response and taken at the middle of each
    sampling interval; see `numerics.hemodynamics`. Every run is fitted by itself, with a constant,
    slow drifts and confounds beside the events. An event may begin before the run, or near its end,
    if at least 5% of its response (of the root of the sum of squares) lies in the samples.

    Parameters
    ----------
    series : DataArray (sample, neuroid)
        As in `average_events`.
    events : DataFrame
        As in `average_events`, with `duration` in s (0 where it is missing).
    method : "separate" or "all"
        "separate" fits a model for each event: the event, and all others of the run in a second
        regressor. It is the more stable where responses overlap in noise, and biased towards the
        average of overlapping events. "all" fits one model with a regressor for each event, which
        has no such bias.
    high_pass : float, Hz
        Frequency below which drifts are fitted; 0 for none.
    confounds : mapping, optional
        Run -> array (sample, regressor); see `read_confounds`.
    stimulus : str, optional
        Column that says what was shown. By default the first there is of `stimulus`, `stim_file`,
        `trial_type` and `condition`.

    Returns
    -------
    DataArray (showing, neuroid)
        In the units of the series, rows as in `average_events`. A neuroid with a missing value in
        a run is NaN in all of its events.

    Raises
    ------
    DataError
        If events and series do not fit each other, a run has no event, events lie outside of
        their run, or they cannot be told apart.

    References
    ----------
    "all": Rissman et al. (2004), doi:10.1016/j.neuroimage.2004.06.035; "separate": Mumford et al.
    (2012), doi:10.1016/j.neuroimage.2011.08.076; when which: Abdulrahman and Henson (2016),
    doi:10.1016/j.neuroimage.2015.11.009.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from neuroalign.numerics.hemodynamics import response
    >>> from neuroalign.readers import deconvolve
    >>> middles = np.arange(40) * 2 + 1.0
    >>> bold = 5 * response(middles - 4) + 3 * response(middles - 10) + 100
    >>> series = xr.DataArray(bold[:, None], dims=("sample", "neuroid"),
    ...     coords={"run": ("sample", ["run-1"] * 40), "onset": ("sample", middles - 1)},
    ...     attrs={"sampling_period": 2.0})
    >>> events = pd.DataFrame({"onset": [4.0, 10.0], "stimulus": ["cat", "dog"]})
    >>> deconvolve(series, events, method="all", high_pass=0).values.ravel().round(6).tolist()
    [5.0, 3.0]
    """
    if method not in ("separate", "all"):
        message = f"method={method!r} is not known; it is 'separate' or 'all'."
        raise DataError(message)
    period, runs, table = _matched(series, events, stimulus)
    if confounds is not None and (lost := [run.name for run in runs if run.name not in confounds]):
        message = f"Runs have no confounds {name_some(lost)}; give an array for every run."
        raise DataError(message)
    weights = []
    for run in runs:
        shown = table[table["run"] == run.name]
        activity = expected_activity(run, shown, period)
        beside = None if confounds is None else confounds[run.name]
        nuisance = nuisance_basis(run, period, high_pass, beside)
        weights.append(estimate_weights(activity, nuisance, method, shown))
    attrs = {
        **_facts(series, table),
        "method": f"least squares {method}",
        "high_pass": f"{high_pass:.6g} Hz",
    }
    return _showings(series, runs, weights, table, attrs)


def _matched(
    series: xr.DataArray, events: pd.DataFrame, stimulus: str | None
) -> tuple[float, list[Run], pd.DataFrame]:
    """Return the sampling period and runs of a series, and its events, some in every run."""
    period, runs = runs_of(series)
    table = ordered_events(events, stimulus=stimulus, runs=[run.name for run in runs])
    table.attrs["stimulus_column"] = stimulus or stimulus_column(events)
    if idle := [run.name for run in runs if not (table["run"] == run.name).any()]:
        message = (
            f"{len(idle)} of {len(runs)} runs have no event {name_some(idle)}; leave them out, as "
            f"in series.isel(sample=series.run != {idle[0]!r})."
        )
        raise DataError(message)
    return period, runs, table


def _facts(series: xr.DataArray, table: pd.DataFrame) -> dict[str, Any]:
    kept = {name: fact for name, fact in series.attrs.items() if name != "sampling_period"}
    return {**kept, **table.attrs}


def _showings(
    series: xr.DataArray,
    runs: Sequence[Run],
    weights: Sequence[np.ndarray],
    table: pd.DataFrame,
    attrs: dict[str, Any],
) -> xr.DataArray:
    """Return the weighted sums of samples, one row an event; unread where the series is."""
    series = series.transpose("sample", "neuroid")

    def read_run(number: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        wanted = weights[number][rows]
        used = np.flatnonzero((np.nan_to_num(wanted) != 0).any(axis=0))
        values = series.isel(sample=runs[number].rows[used], neuroid=columns).values.astype(float)
        known = np.isfinite(values)
        sums = np.nan_to_num(wanted[:, used]) @ np.where(known, values, 0.0)
        lacking = (wanted[:, used] != 0).astype(float) @ ~known
        sums[lacking > 0] = np.nan
        sums[np.isnan(wanted).any(axis=1)] = np.nan
        return sums

    sizes = [len(part) for part in weights]
    data = joined_rows(sizes, series.sizes["neuroid"], float, read_run)
    kept = {
        str(name): (coord.dims, coord.values)
        for name, coord in series.coords.items()
        if "sample" not in coord.dims
    }
    coords = {str(name): ("showing", np.asarray(table[name].tolist())) for name in table}
    showings = xr.DataArray(data, dims=("showing", "neuroid"), coords=kept | coords, attrs=attrs)
    return showings.load() if in_memory(series) else showings
