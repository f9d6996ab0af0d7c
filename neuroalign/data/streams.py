"""Streams: recordings sampled in time while a film or a story goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import SPACING_TOLERANCE, as_labels
from neuroalign.errors import DataError

# Wide enough for hours at 1 kHz, and the same for short and long runs, so that labels sort by
# time and people whose runs differ in length have equal labels for the same moment.
DIGITS = 7


def checked_period(sampling_period: object, dims: Sequence[str]) -> float | None:
    """Return the sampling period of a stream in seconds, and None for other recordings."""
    if "sample" not in dims:
        if sampling_period is None:
            return None
        message = (
            f"sampling_period={sampling_period!r} is of a stream, but dims {dims} have no 'sample'."
        )
        raise DataError(message)
    number = isinstance(sampling_period, (int, float, np.integer, np.floating))
    if not number or isinstance(sampling_period, bool) or not 0 < float(sampling_period) < np.inf:  # type: ignore[arg-type]
        message = (
            f"sampling_period={sampling_period!r} cannot be used; a stream needs the seconds "
            "from one sample to the next, as in sampling_period=2.0."
        )
        raise DataError(message)
    return float(sampling_period)  # type: ignore[arg-type]


def sample_coords(
    given: Mapping[str, tuple], n_samples: int, period: float
) -> dict[str, tuple[str, np.ndarray]]:
    """Return the coordinates run, onset and sample of a stream, as given or as they follow.

    Parameters
    ----------
    given : mapping of str to (dimension, values)
        With `run`, for all samples or for each; perhaps with `onset` and `sample`.
    n_samples : int
    period : float, s

    Returns
    -------
    dict of str to (dimension, values)
        A label is "<run>/<index>", the index being the onset in sampling periods, so that it
        names the same moment for everybody.
    """
    if "stimulus" in given:
        message = (
            "A stream has no labels of stimuli on its samples; leave stimulus out, and give the "
            "stimuli the columns run and onset."
        )
        raise DataError(message)
    if given.get("run", ("",))[0] not in ((), "sample"):
        message = "A stream needs the run of its samples; pass run='run-1', or a run for each."
        raise DataError(message)
    named = np.asarray(given["run"][1], dtype=object)
    runs = as_labels(np.broadcast_to(named, n_samples), "run")
    order = pd.Series(runs).groupby(runs).cumcount().to_numpy()
    onset = _seconds(*given["onset"]) if "onset" in given else order * period
    coords = {"run": ("sample", runs), "onset": ("sample", onset)}
    if "sample" in given:
        return coords
    first = pd.Series(onset).groupby(runs).transform("first").to_numpy()
    index = np.rint(first / period) + np.rint((onset - first) / period)  # ties would come twice
    labels = [f"{run}/{int(number):0{DIGITS}}" for run, number in zip(runs, index, strict=True)]
    return {**coords, "sample": ("sample", np.asarray(labels))}


def _seconds(dim: object, onsets: object) -> np.ndarray:
    try:
        seconds = np.asarray(onsets, dtype=float)
    except (TypeError, ValueError):
        seconds = np.full(1, np.nan)
    if dim != "sample" or not np.isfinite(seconds).all():
        message = (
            "Onsets of samples are one number each, in seconds from the start of their run; some "
            "of these are not."
        )
        raise DataError(message)
    return seconds


def refuse_infinite(values: np.ndarray) -> None:
    """Refuse responses that are infinite, which no average survives."""
    if infinite := int(np.isinf(values).sum()):
        message = f"{infinite} responses are infinite; use NaN for what is missing."
        raise DataError(message)


def average_stream(recording: xr.DataArray) -> xr.DataArray:
    """Average the repetitions of a stream, skipping missing ones; every sample stays."""
    values = recording.astype(float)
    if "repetition" not in recording.dims:
        return values
    refuse_infinite(values.values)
    counts = values.notnull().sum("repetition")
    averages = values.sum("repetition") / counts.where(counts > 0)
    same = (counts.values == counts.values[:, :1]).all()
    counted = (("sample",), counts.values[:, 0]) if same else (counts.dims, counts.values)
    return averages.assign_coords(n_repetitions=counted).assign_attrs(recording.attrs)


def split_stream(recording: xr.DataArray, *, seed: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Average two random halves of the repetitions of a stream, each repetition kept whole."""
    count = recording.sizes.get("repetition", 1)
    if count < 2:
        message = "The stream has no repetitions, so it cannot be split into halves."
        raise DataError(message)
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    size = count // 2 + (count % 2) * rng.integers(0, 2)
    first, second = np.sort(order[:size]), np.sort(order[size:])
    return (
        average_stream(recording.isel(repetition=first)),
        average_stream(recording.isel(repetition=second)),
    )


def check_same_moments(recordings: Sequence[xr.DataArray]) -> None:
    """Refuse streams whose samples have equal labels, but other onsets."""
    first = recordings[0]
    period = first.attrs["sampling_period"]
    for other in recordings[1:]:
        if not np.array_equal(other["sample"].values, first["sample"].values):
            continue  # for whoever joins them to refuse
        shift = np.abs(other["onset"].values - first["onset"].values)
        if (shift > SPACING_TOLERANCE * period).any():
            names = " and ".join(repr(str(r["subject"].item())) for r in (first, other))
            message = (
                f"Streams of subjects {names} have the same sample labels at other onsets; "
                "label equal moments alike, or score them apart (subjects=...)."
            )
            raise DataError(message)
