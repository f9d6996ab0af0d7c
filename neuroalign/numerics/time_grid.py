"""From events in continuous time to the samples of a recording: one sparse matrix a run."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics import hemodynamics

KINDS = ("lanczos", "average", "nearest", "sum", "hrf")

# A border between two intervals is as wide as this share of the period, so that onsets written
# as 0.3 and computed as 3 x 0.1 fall on the same side.
TOLERANCE = 1e-6

# Values that spread less than this share of their size, or this many units in the last place
# (of float32, say), are one value and its rounding.
ROUNDING = 1e-12
LAST_PLACES = 8


def weights(
    kind: str,
    onsets: np.ndarray,
    durations: np.ndarray,
    sample_onsets: np.ndarray,
    period: float,
    *,
    lobes: int = 3,
    cutoff: float | None = None,
) -> csr_array:
    """Weigh the events of one run for each sample, so that ``weights(...) @ features`` resamples.

    With m the middle of the interval [t, t + period) of a sample:

    - "lanczos": sinc(x) sinc(x / lobes) for |x| < lobes, and 0 beyond, with x = 2 cutoff (m - the
      middle of the event). Events count as impulses, so that the rows of busy seconds are larger:
      the weights of a row are not made to sum to 1, which would blow up the rows of silences.
    - "average": the mean of the events with onset in the interval; 0 where there is none.
    - "sum": their sum, so that every event counts in one sample.
    - "nearest": the event nearest to m, that is, on at m, else the one that ended or begins the
      least time away; ties go to the event with the earlier onset. None within a period: 0.
    - "hrf": the response at m to activity during the event, of height 1, through the canonical
      hemodynamic response; an event of duration 0 is an impulse of area 1 (s).

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    onsets, durations : float arrays (events,)
        In s, in any order; on the same clock as the samples.
    sample_onsets : float array (samples,)
        Starts of the sampling intervals, in s.
    period : float
        Length of a sampling interval, in s.
    lobes : int
        Zero crossings of the Lanczos kernel on each side.
    cutoff : float, optional
        Frequency (Hz) above which the Lanczos kernel suppresses; 1 / (2 period) by default.

    Returns
    -------
    sparse float array (samples, events)

    References
    ----------
    Lanczos-windowed sinc: Duchon (1979), doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2. For
    features of words: Huth et al. (2016), doi:10.1038/nature17637.
    """
    onsets, durations = np.asarray(onsets, dtype=float), np.asarray(durations, dtype=float)
    starts = np.asarray(sample_onsets, dtype=float)
    _check(kind, onsets, durations, starts, period)
    middles = starts + period / 2
    if kind == "lanczos":
        rate = 1 / period if cutoff is None else 2 * cutoff
        found = _lanczos(onsets + durations / 2, middles, rate, lobes)
    elif kind == "hrf":
        found = _hemodynamic(onsets, durations, middles)
    elif kind == "nearest":
        found = _nearest(onsets, durations, middles, period)
    else:
        found = _in_interval(onsets, starts, period, average=kind == "average")
    rows, columns, values = found
    return csr_array((values, (rows, columns)), shape=(len(starts), len(onsets)))


def window(kind: str, period: float, lobes: int = 3) -> tuple[float, float]:
    """Return how long before and after the middle of a sample an event may be and still count.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    period : float
        Of the samples, in s.
    lobes : int
        Of the Lanczos kernel at its default cutoff.

    Returns
    -------
    before, after : float
        In s. An event that ends before the one, or begins after the other, weighs 0.
    """
    if kind == "hrf":
        return hemodynamics.LENGTH, 0.0
    half = {"lanczos": float(lobes), "nearest": 1 + TOLERANCE}.get(kind, 0.5 + TOLERANCE) * period
    return half, half


def standardized(values: np.ndarray, constant: float) -> np.ndarray:
    """Center each column and divide it by its standard deviation (ddof 0), skipping NaN.

    Parameters
    ----------
    values : float array (rows, ...)
    constant : float
        What the columns become that hold one value, up to rounding of their type.

    Returns
    -------
    float array of the same shape and type
    """
    present = np.isfinite(values)
    count = np.maximum(present.sum(0), 1)
    filled = np.where(present, values, 0)
    centered = np.where(present, values - filled.sum(0, dtype=float) / count, 0)
    spread = np.sqrt((centered**2).sum(0) / count)
    rounding = max(ROUNDING, LAST_PLACES * np.finfo(values.dtype).eps)
    varies = spread > rounding * np.abs(filled).max(0)
    scores = np.where(varies, centered / np.where(varies, spread, 1), constant)
    return np.where(present, scores, np.nan).astype(values.dtype)


Triplets = tuple[np.ndarray, np.ndarray, np.ndarray]


def _check(
    kind: str, onsets: np.ndarray, durations: np.ndarray, starts: np.ndarray, period: float
) -> None:
    if kind not in KINDS:
        raise unknown_name(kind, KINDS, kind="way to resample")
    if onsets.shape != durations.shape or onsets.ndim != 1 or starts.ndim != 1:
        message = (
            f"Onsets, durations and sample onsets of shapes {onsets.shape}, {durations.shape} and "
            f"{starts.shape} were given; needed are (events,), (events,) and (samples,)."
        )
        raise DataError(message)
    if not (np.isfinite(period) and period > 0):
        message = f"A sampling period of {period} s was given; it must be above 0."
        raise DataError(message)
    if not (np.isfinite(onsets).all() and np.isfinite(starts).all() and (durations >= 0).all()):
        message = "Onsets must be finite and durations 0 or more; remove or mend the other events."
        raise DataError(message)


def _pairs(times: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair each sample with the events whose time is in [low, high) of the sample."""
    order = np.argsort(times, kind="stable")
    first, last = np.searchsorted(times[order], low), np.searchsorted(times[order], high)
    counts = last - first
    rows = np.repeat(np.arange(len(low)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, order[np.repeat(first, counts) + within]


def _lanczos(times: np.ndarray, middles: np.ndarray, rate: float, lobes: int) -> Triplets:
    half = lobes / rate
    rows, columns = _pairs(times, middles - half, middles + half)
    x = (middles[rows] - times[columns]) * rate
    inside = np.abs(x) < lobes
    rows, columns, x = rows[inside], columns[inside], x[inside]
    return rows, columns, np.sinc(x) * np.sinc(x / lobes)


def _in_interval(
    onsets: np.ndarray, starts: np.ndarray, period: float, *, average: bool
) -> Triplets:
    border = TOLERANCE * period
    rows, columns = _pairs(onsets, starts - border, starts + period - border)
    values = np.ones(len(rows))
    if average:
        values /= np.bincount(rows, minlength=len(starts))[rows]
    return rows, columns, values


def _hemodynamic(onsets: np.ndarray, durations: np.ndarray, middles: np.ndarray) -> Triplets:
    longest = hemodynamics.LENGTH + durations.max(initial=0.0)
    rows, columns = _pairs(onsets, middles - longest, middles)
    since, lasted = middles[rows] - onsets[columns], durations[columns]
    during = since < hemodynamics.LENGTH + lasted
    rows, columns, since, lasted = rows[during], columns[during], since[during], lasted[during]
    begun, ended = (hemodynamics.accumulated_response(since - late) for late in (0.0, lasted))
    return rows, columns, np.where(lasted > 0, begun - ended, hemodynamics.response(since))


def _nearest(
    onsets: np.ndarray, durations: np.ndarray, middles: np.ndarray, period: float
) -> Triplets:
    """Find the nearest event of each sample, as an interval of time."""
    border = TOLERANCE * period
    order = np.lexsort((onsets + durations, onsets))
    begins = np.append(onsets[order], np.inf)  # the last stands for "no event after"
    ends = np.maximum.accumulate(np.append(-np.inf, (onsets + durations)[order]))
    following = np.searchsorted(onsets[order], middles, side="right")
    since, until = middles - ends[following], begins[following] - middles
    # Of the events that have begun, the earliest one that ended last, or that is on still.
    seen = np.minimum(middles - border, ends[following] - border)
    event = np.maximum(np.searchsorted(ends, seen) - 1, 0)
    event = np.where(until < since - border, following, event)
    near = np.minimum(since, until) <= period + border
    rows = np.flatnonzero(near)
    return rows, order[event[rows]], np.ones(len(rows))
