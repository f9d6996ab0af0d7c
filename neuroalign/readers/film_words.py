"""Brain Treebank: words, and moments of films, on the clock of the recording."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neuroalign.data.schema import repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.brain_treebank_tables import (
    film_of,
    root_of,
    timings_of,
    trial_names,
    words_of,
)

RATE = 2048.0  # Hz, of all subjects but the ninth
# By how much the clock of the film may differ from that of the recording.
CLOCKS = 0.02
# s of the film that two triggers around a pause are apart at most; others are a second apart.
PAUSES = 0.1


def read_brain_treebank_words(
    folder: str | PathLike[str],
    *,
    subject: int,
    trials: int | Sequence[int],
    sampling_rate: float = RATE,
) -> pd.DataFrame:
    """Read the words that a subject heard, on the clock of the recording.

    Parameters
    ----------
    folder, subject, trials, sampling_rate
        As of `read_brain_treebank`.

    Returns
    -------
    DataFrame
        Index: "<film>/<number of the word>". Columns: text, run, onset and duration (s in the
        run), and the other columns of ``features.csv``. Words without a time, which are parts of
        others, and words after the last trigger are left out.

    Raises
    ------
    DataError
        If files are missing or damaged.

    References
    ----------
    Wang et al. (2024), arXiv:2411.08343.
    """
    root, tables = root_of(folder), []
    for name in trial_names(subject, trials):
        timings, film = timings_of(root, name), film_of(root, name)
        check_rate(timings, sampling_rate, name)
        words = words_of(root, film)
        words = words[words["start"].notna() & (words["start"] <= timings["movie_time"].iloc[-1])]
        onset = to_recording(words["start"], timings, sampling_rate)
        table = words.drop(columns=["start", "end"])
        table.insert(1, "run", f"trial{name.partition('_trial')[2]}")
        table.insert(2, "onset", onset)
        table.insert(3, "duration", words["end"] - words["start"])
        tables.append(table)
    joined = pd.concat(tables)
    if twice := repeated(joined.index):
        message = f"Several trials are of one film {name_some(twice)}; read their words apart."
        raise DataError(message)
    return joined


def brain_treebank_onsets(
    folder: str | PathLike[str],
    movie_times: ArrayLike,
    *,
    subject: int,
    trial: int,
    sampling_rate: float = RATE,
) -> np.ndarray:
    """Turn moments of a film, such as cuts between scenes, into seconds of the recording.

    Parameters
    ----------
    folder, subject, sampling_rate
        As of `read_brain_treebank`.
    movie_times : array of float, s
        From the beginning of the film.
    trial : int

    Returns
    -------
    float array, s
        From the first sample of the run.

    Raises
    ------
    DataError
        If the triggers are missing, or a moment is no number.
    """
    (name,) = trial_names(subject, trial)
    timings = timings_of(root_of(folder), name)
    check_rate(timings, sampling_rate, name)
    seconds = np.asarray(movie_times, dtype=float)
    if not np.isfinite(seconds).all():
        message = f"{(~np.isfinite(seconds)).sum()} moments of the film are not numbers."
        raise DataError(message)
    return to_recording(seconds, timings, sampling_rate)


def to_recording(movie_times: ArrayLike, timings: pd.DataFrame, rate: float) -> np.ndarray:
    """Map seconds of the film to seconds of the recording, from the nearest trigger.

    Where a film paused, two triggers have nearly one time of it: what comes after them counts from
    the second. (The authors' code counts it from either, so that words in the half second after a
    pause may lie before the film went on.)

    Parameters
    ----------
    movie_times : array of float, s
    timings : DataFrame
        Columns movie_time (s) and index (samples), in the order of the recording.
    rate : float, Hz

    Returns
    -------
    float array, s
    """
    moments = np.asarray(movie_times, dtype=float)
    film, samples = (timings[name].to_numpy(float) for name in ("movie_time", "index"))
    found = np.empty(len(moments))
    for start in range(0, len(moments), 256):
        here = moments[start : start + 256]
        distance = np.abs(here[:, None] - film)
        near = distance <= distance.min(axis=1, keepdims=True) + PAUSES
        first, last = near.argmax(axis=1), len(film) - 1 - near[:, ::-1].argmax(axis=1)
        trigger = np.where(here >= film[last], last, first)
        found[start : start + 256] = samples[trigger] / rate + here - film[trigger]
    return found


def check_rate(timings: pd.DataFrame, rate: float, name: str) -> None:
    """Refuse a sampling rate that the triggers of a trial contradict."""
    if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 < rate < np.inf:
        message = f"sampling_rate={rate!r} is not a number of Hz above 0."
        raise DataError(message)
    film, samples = np.diff(timings["movie_time"]), np.diff(timings["index"])
    runs = film > 0
    if not runs.any():
        message = f"The triggers of {name!r} do not move on in the film; their table is damaged."
        raise DataError(message)
    seen = float(np.median(samples[runs] / film[runs]))
    if abs(seen / rate - 1) > CLOCKS:
        message = (
            f"The triggers of {name!r} advance by {seen:.0f} samples in a second of the film, not "
            f"by {rate:g}; pass sampling_rate={2.0 ** round(np.log2(max(seen, 1))):g}?"
        )
        raise DataError(message)
