"""A story that people heard is cut into passages: stimuli with a response each."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.repetitions import average_repetitions
from neuroalign.data.schema import is_stream
from neuroalign.errors import DataError


def passages(
    dataset: BrainDataset,
    *,
    seconds: float = 6.0,
    delay: float = 0.0,
    slowest: float | None = 128.0,
    block: float = 60.0,
) -> BrainDataset:
    """Cut a story, and the recordings of those who heard it, into passages.

    Dispersion is of stimuli, and a stream has none with a response of its own. Slow drifts are
    taken out first: they go on through passages that are held out, so that people whose drifts have
    nothing to do with each other would seem to agree.

    Parameters
    ----------
    dataset : BrainDataset
        Of streams, whose stimuli have a `text`.
    seconds : float
        How long a passage is.
    delay : float, s
        How much later than its words the responses to a passage are averaged, such as 4 for BOLD.
    slowest : float or None, s
        Cosines of longer periods are taken out of each run, and its mean. None: the mean alone.
    block : float, s
        Passages of one stretch of so many seconds have the same `group`, which folds keep together.

    Returns
    -------
    BrainDataset
        Recordings (stimulus, neuroid), each neuroid of variance 1 over samples. Stimuli: `text`,
        `n_words` and `group`; passages without words, or without all their samples, are left out.

    Raises
    ------
    DataError
        For recordings that are no streams, stimuli without text, or responses that are NaN.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> words = {"text": ["once", "upon", "a", "time"], "onset": [0.5, 2.0, 7.0, 9.0]}
    >>> bold = np.random.default_rng(0).normal(size=(9, 3))
    >>> story = na.make_dataset({"ann": bold}, words, sampling_period=2.0)
    >>> na.dispersion.passages(story, delay=4.0, slowest=None).stimuli["text"].tolist()
    ['once upon', 'a time']
    """
    if "text" not in dataset.stimuli or "onset" not in dataset.stimuli:
        message = "The stimuli have no text with an onset each; passages are of words in a stream."
        raise DataError(message)
    if not (seconds > 0 and delay >= 0 and block >= seconds and (slowest is None or slowest > 0)):
        message = (
            f"seconds={seconds}, delay={delay}, slowest={slowest} and block={block} were given; "
            "seconds and slowest are above 0, delay is not below, and block at least seconds."
        )
        raise DataError(message)
    first = next(iter(dataset.recordings.values()))
    complete = set(_cut(first, seconds, delay, slowest)["stimulus"].values)
    words = dataset.stimuli.sort_values(["run", "onset"])
    number = words["onset"] // seconds
    found = (
        words.assign(
            passage=_labels(words["run"], number),
            group=_labels(words["run"], number * seconds // block),
        )
        .groupby("passage")
        .agg(text=("text", " ".join), n_words=("text", "size"), group=("group", "first"))
    )
    found = found[found.index.isin(complete)].rename_axis("stimulus")
    recordings = {
        name: partial(_of, dataset, name, found.index, (seconds, delay, slowest))
        for name in dataset.recordings
    }
    return BrainDataset(recordings, found)


def _of(
    dataset: BrainDataset,
    name: str,
    labels: pd.Index,
    options: tuple[float, float, float | None],
) -> xr.DataArray:
    """Cut the recording of one subject, when it is asked for."""
    found = _cut(dataset.recordings[name], *options)
    return found[found.indexes["stimulus"].isin(labels)]


def _cut(
    recording: xr.DataArray, seconds: float, delay: float, slowest: float | None
) -> xr.DataArray:
    """Average the samples of each passage, without drifts."""
    if not is_stream(recording):
        message = "A recording is of stimuli already; passages are cut out of streams."
        raise DataError(message)
    signal = average_repetitions(recording)
    values = signal.transpose("sample", "neuroid").values.astype(float)
    if missing := int(np.isnan(values).any(axis=1).sum()):
        message = f"{missing} of {len(values)} samples have a neuroid that is NaN; leave it out."
        raise DataError(message)
    onset, runs = signal["onset"].values, signal["run"].values.astype(str)
    period = float(recording.attrs["sampling_period"])
    for run in np.unique(runs):
        rows = runs == run
        drifts = _cosines(onset[rows], period, slowest)
        values[rows] -= drifts @ np.linalg.lstsq(drifts, values[rows], rcond=None)[0]
    spread = values.std(axis=0)
    values /= np.where(spread > 0, spread, np.nan)
    number = np.floor((onset - delay) / seconds + 1e-9)
    table = pd.DataFrame(values).groupby(_labels(pd.Series(runs), pd.Series(number)).to_numpy())
    averages = table.mean()[table.size() >= np.floor(seconds / period)]
    kept = {
        name: (coord.dims, coord.values)
        for name, coord in signal.coords.items()
        if coord.dims in ((), ("neuroid",))
    }
    coords = {**kept, "stimulus": averages.index.to_numpy(str)}
    return xr.DataArray(averages.to_numpy(), coords, ("stimulus", "neuroid"), attrs={"units": "z"})


def _cosines(onset: np.ndarray, period: float, slowest: float | None) -> np.ndarray:
    """Return a constant, and cosines of periods longer than `slowest`, (samples, functions)."""
    length = onset[-1] - onset[0] + period
    n_cosines = 0 if slowest is None else int(2 * length / slowest)
    phase = np.pi * (onset - onset[0] + period / 2) / length
    return np.cos(phase[:, None] * np.arange(n_cosines + 1))


def _labels(runs: pd.Series, numbers: pd.Series) -> pd.Series:
    """Return labels that sort by time."""
    return runs.astype(str) + "/" + numbers.astype(int).map("{:04}".format)
