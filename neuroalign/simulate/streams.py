"""Simulated BOLD: a stream of samples while events go on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import gamma

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.recordings import make_recording
from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError, name_some
from neuroalign.simulate.noise import autoregressive, checked_correlation
from neuroalign.simulate.planting import (
    drawn_snr,
    ordered_layer,
    share_of_signal,
    standardized,
    subject_signals,
    whole_number,
)

STEP = 0.1  # s: how finely an event is cut up before it is convolved
TAIL = 16.0  # s that a run goes on after its last event


def bold(
    activations: xr.DataArray,
    *,
    stimuli: pd.DataFrame | None = None,
    event_rate: float = 0.5,
    n_runs: int = 4,
    n_subjects: int = 1,
    n_neuroids: int = 40,
    n_repetitions: int = 1,
    sampling_period: float = 2.0,
    snr: float | tuple[float, float] = 1.0,
    shared: float = 0.5,
    autocorrelation: float = 0.3,
    seed: int = 0,
) -> BrainDataset:
    """Plant neuroids on one layer of a model, and record their BOLD signal while events go on.

    Each event drives a neuroid by a weighted sum of the units of the layer for as long as it
    lasts; that is convolved with the double-gamma hemodynamic response, and read at the middle of
    each sampling interval. Noise is autoregressive of first order, from sample to sample of a run.

    Parameters
    ----------
    activations : DataArray (stimulus, unit) or (stimulus, channel, row, column)
    stimuli : DataFrame, optional
        Index: stimulus. Columns: run, onset (s in the run) and perhaps duration (s; 0 for all
        where there is none, which stands for impulses of an area of 1 s). By default `n_runs` runs
        of all stimuli in random order, as many in each as can be, `event_rate` per second on
        average, with unequal gaps.
    event_rate : float, per second
    n_runs : int
    n_subjects : int
    n_neuroids : int
        The same in all subjects.
    n_repetitions : int
        Of the whole stream; noise is drawn anew for each.
    sampling_period : float, s
    snr : float or pair of float
        Variance of the signal over samples, over that of the noise of one repetition: of all
        neuroids, or the lowest and highest, drawn evenly on a logarithmic scale.
    shared : float
        Share of the variance of the signal that all subjects have in common.
    autocorrelation : float
        Of the noise; samples d apart in a run correlate by its d-th power.
    seed : int

    Returns
    -------
    BrainDataset
        Recordings ([repetition], sample, neuroid) in standard deviations of the noise, with the
        coordinates `noiseless` (sample, neuroid), `true_ceiling`, the share of signal in the
        variance of the averaged response, and `true_shared`, the share of that signal that
        subjects share; and the stimuli.

    References
    ----------
    Glover (1999), doi:10.1006/nimg.1998.0419; Friston et al. (1998), doi:10.1006/nimg.1997.0306
    (hemodynamic response).

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(80, 5))
    >>> layer = xr.DataArray(units, dims=("stimulus", "unit"),
    ...     coords={"stimulus": [f"s{i:02}" for i in range(80)]})
    >>> na.simulate.bold(layer, n_runs=2).subjects
    ['subject-1']
    """
    n_subjects = whole_number("n_subjects", n_subjects)
    n_neuroids = whole_number("n_neuroids", n_neuroids)
    n_repetitions = whole_number("n_repetitions", n_repetitions)
    checked_correlation("autocorrelation", autocorrelation)
    _check_positive("sampling_period", sampling_period)
    labels, values = ordered_layer(activations)
    rngs = [np.random.default_rng([seed, number]) for number in range(n_subjects + 1)]
    if stimuli is None:
        table = _drawn_events(labels, whole_number("n_runs", n_runs), event_rate, rngs[0])
    else:
        table = _checked_events(stimuli, labels)
    rows = np.searchsorted(labels, table.index.to_numpy(str))
    clock = _samples(table, sampling_period)
    drive = values.reshape(len(values), -1)[rows]
    units = standardized(_convolved(drive, table, clock, sampling_period))
    draws = [lambda rng=rng: rng.normal(size=(units.shape[1], n_neuroids)) for rng in rngs]
    scale = np.sqrt(drawn_snr(snr, n_neuroids, rngs[0]))
    recordings = {}
    for number, signal in enumerate(subject_signals(units, draws, shared), start=1):
        noise = rngs[number].normal(size=(len(clock), n_repetitions, n_neuroids))
        for run in clock.groupby("run").indices.values():
            noise[run] = autoregressive(noise[run], autocorrelation)
        subject = f"subject-{number}"
        recordings[subject] = _recording(
            signal * scale, noise, clock, subject, sampling_period
        ).assign_coords(true_shared=("neuroid", np.full(n_neuroids, float(shared))))
    return BrainDataset(recordings, table, name="simulated BOLD")


def _recording(
    noiseless: np.ndarray, noise: np.ndarray, clock: pd.DataFrame, subject: str, period: float
) -> xr.DataArray:
    """Add noise (sample, repetition, neuroid) to a signal, and label what comes of it."""
    responses = noiseless[:, None] + noise
    _, n_repetitions, n_neuroids = responses.shape
    dims: tuple[str, ...] = ("sample", "repetition", "neuroid")
    if n_repetitions == 1:
        dims, responses = ("sample", "neuroid"), responses[:, 0]
    ceiling = share_of_signal(noiseless, np.full(n_neuroids, 1 / n_repetitions))
    return make_recording(
        responses,
        dims,
        subject=subject,
        units="standard deviations of the noise",
        attrs={"neuroids": "shared"},
        sampling_period=period,
        run=clock["run"].to_numpy(str),
        onset=clock["onset"].to_numpy(),
        neuroid=[f"{place:03}" for place in range(n_neuroids)],
        true_ceiling=("neuroid", ceiling),
    ).assign_coords(noiseless=(("sample", "neuroid"), noiseless))


def hemodynamic_response(seconds: np.ndarray) -> np.ndarray:
    """Return the response to an impulse: g(t; 6) - g(t; 16) / 6, scaled to an area of 1.

    g(t; a) is the gamma density of shape a and scale 1 s. Evaluated by itself, and not by what
    encoding models use.
    """
    area = gamma.cdf(32, 6) - gamma.cdf(32, 16) / 6
    shape = gamma.pdf(seconds, 6) - gamma.pdf(seconds, 16) / 6
    return np.where(seconds < 32, shape, 0) / area


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        message = f"{name}={value!r} is not a number above 0."
        raise DataError(message)


def _drawn_events(
    labels: np.ndarray, n_runs: int, event_rate: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Deal stimuli out to runs, one after the other with gaps of half to one and a half times."""
    _check_positive("event_rate", event_rate)
    if n_runs > len(labels):
        message = f"n_runs={n_runs} are more than the {len(labels)} stimuli that make them up."
        raise DataError(message)
    parts = []
    for number, shown in enumerate(np.array_split(rng.permutation(labels), n_runs), start=1):
        gaps = rng.uniform(0.5, 1.5, len(shown)) / event_rate
        events = {"run": f"run-{number:02}", "onset": np.cumsum(gaps) - gaps[0]}
        parts.append(pd.DataFrame(events, index=shown))
    table = pd.concat(parts).assign(duration=0.5 / event_rate)
    return table.rename_axis("stimulus").sort_index()


def _checked_events(stimuli: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
    """Return the table in sorted order, refusing what cannot be convolved."""
    table = stimuli.set_axis(pd.Index(as_labels(stimuli.index, "stimulus"), name="stimulus"))
    table = table.sort_index()
    for name in ("run", "onset"):
        if name not in table:
            message = f"stimuli of a stream need the columns run and onset; {name!r} is missing."
            raise DataError(message)
    table["run"] = as_labels(table["run"], "run")
    if missing := sorted(set(table.index) - set(labels)):
        message = (
            f"{len(missing)} of {len(table)} stimuli have no activations {name_some(missing)}."
        )
        raise DataError(message)
    for article, name in (("an", "onset"), ("a", "duration")):
        if name not in table:
            continue
        seconds = pd.to_numeric(table[name], errors="coerce")
        if (bad := ~(seconds >= 0) | ~np.isfinite(seconds)).any():
            message = (
                f"{bad.sum()} stimuli have {article} {name} that is not a number of seconds of 0 "
                f"or more {name_some(table.index[bad])}."
            )
            raise DataError(message)
    return table


def _samples(table: pd.DataFrame, period: float) -> pd.DataFrame:
    """Return the run and onset of each sample, until the last response of the run has peaked."""
    end = (table["onset"] + _durations(table)).groupby(table["run"]).max() + TAIL
    counts = np.ceil(end / period).astype(int)
    return pd.DataFrame(
        {
            "run": np.repeat(counts.index.to_numpy(str), counts),
            "onset": np.concatenate([np.arange(count) * period for count in counts]),
        }
    )


def _durations(table: pd.DataFrame) -> pd.Series:
    return table["duration"] if "duration" in table else pd.Series(0.0, table.index)


def _convolved(
    drive: np.ndarray, table: pd.DataFrame, clock: pd.DataFrame, period: float
) -> np.ndarray:
    """Sum the responses to all events of the run, cut into moments, at the middle of each sample.

    Events that last d seconds are moments of d / n seconds at the middles of n equal parts.
    """
    result = np.zeros((len(clock), drive.shape[1]))
    durations = _durations(table).to_numpy(float)
    n_parts = max(1, int(np.ceil(durations.max() / STEP)))
    area = np.where(durations > 0, durations, 1.0) / n_parts
    runs = table["run"].to_numpy(str)
    for run, rows in clock.groupby("run").indices.items():
        own = np.flatnonzero(runs == run)
        middles = clock["onset"].to_numpy()[rows] + period / 2
        since = middles[:, None] - table["onset"].to_numpy(float)[own]
        weights = np.zeros(since.shape)
        for part in range(n_parts):
            weights += hemodynamic_response(since - (part + 0.5) / n_parts * durations[own])
        result[rows] = (weights * area[own]) @ drive[own]
    return result
