"""Filters of one run of voltages: line noise taken out, the amplitude of a band, bins of time."""

from __future__ import annotations

import numpy as np
from scipy import fft, signal

from neuroalign.errors import DataError

# Of a filter that passes or stops `width` Hz, what happened earlier than this many widths fades to
# exp(-10) or less.
FADED = 10 / np.pi
# Runs are this many times as long as 1 / width at least; shorter ones are all edge.
SHORTEST = 3


def without_line(
    values: np.ndarray, rate: float, *, frequency: float, width: float, harmonics: int | None = None
) -> np.ndarray:
    """Take a frequency and its multiples out of each channel.

    One second-order notch a multiple, there and back, so that nothing moves in time; at
    width / 2 from the multiple a quarter of the power is left.

    Parameters
    ----------
    values : array (sample, channel)
        One run.
    rate : float, Hz
    frequency : float, Hz
    width : float, Hz
    harmonics : int, optional
        How many multiples, the frequency itself among them. By default all below rate / 2.

    Returns
    -------
    float64 array (sample, channel)

    References
    ----------
    Orfanidis (1996), Introduction to Signal Processing, chapter 11.3 (the notch).
    """
    most = int(np.ceil(rate / 2 / frequency)) - 1
    count = most if harmonics is None else min(harmonics, most)
    pad = _padding(len(values), rate, width)
    centers = frequency * np.arange(1, count + 1)
    # The line goes on beyond the run, so that a notch does not meet its start as an event.
    line = _continued(values, 2 * np.pi * centers / rate, pad)
    inside = np.pad(values, ((pad, pad), (0, 0))) - line
    padded = line + _extended(inside[pad : pad + len(values)], pad)
    notches = [signal.iirnotch(center, center / width, fs=rate) for center in centers]
    sections = np.concatenate([signal.tf2sos(*taps) for taps in notches])
    padded = signal.sosfiltfilt(sections, padded, axis=0, padtype=None)
    return padded[pad : pad + len(values)]


def amplitude(
    values: np.ndarray, rate: float, *, low: float, high: float, order: int = 4
) -> np.ndarray:
    """Return the amplitude of what lies between two frequencies, in each channel.

    A Butterworth band-pass there and back, then the modulus of the analytic signal, both of them
    factors of the spectrum. A sine of amplitude A well inside the band gives A; at `low` and
    `high` half of it.

    Parameters
    ----------
    values : array (sample, channel)
        One run.
    rate : float, Hz
    low, high : float, Hz
    order : int
        Of the Butterworth filter, each way.

    Returns
    -------
    float64 array (sample, channel)

    References
    ----------
    Crone et al. (1998), doi:10.1093/brain/121.12.2301 (high gamma);
    Gabor (1946), doi:10.1049/ji-3-2.1946.0074 (the analytic signal).
    """
    pad = _padding(len(values), rate, min(low, high - low) / 2)
    length = fft.next_fast_len(len(values) + 2 * pad, real=True)
    # The filter, and the analytic signal: twice what turns one way, nothing of the other.
    gain = 2 * _butterworth(fft.rfftfreq(length), low / rate, high / rate, order)
    found = np.empty(values.shape, order="F")
    for channel in range(values.shape[1]):  # one at a time stays near the processor
        wave = _extended(values[:, channel], pad)
        analytic = fft.ifft(fft.rfft(wave, length) * gain, length, overwrite_x=True)
        np.abs(analytic[pad : pad + len(values)], out=found[:, channel])
    return found


def interval_means(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Average over intervals that touch, whose edges may lie within a sample.

    Parameters
    ----------
    values : array (sample, channel)
        Sample i stands for the time from i to i + 1.
    edges : array (intervals + 1,)
        In samples, increasing, from 0 to the number of samples.

    Returns
    -------
    float64 array (interval, channel)
    """
    middle = values.mean(axis=0)
    sums = np.zeros((len(values) + 1, values.shape[1]), order="F")
    np.cumsum(values - middle, axis=0, out=sums[1:])
    whole = np.minimum(edges.astype(int), len(values) - 1)
    upto = sums[whole] + (edges - whole)[:, None] * (values[whole] - middle)
    return middle + np.diff(upto, axis=0) / np.diff(edges)[:, None]


def window_means(values: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Average whole samples over windows that may overlap, leaving missing ones out.

    Parameters
    ----------
    values : array (sample, channel)
        NaN where missing.
    begins, ends : int array (...)
        Samples begin to end - 1; one at least.

    Returns
    -------
    float64 array (..., channel)
        NaN where all samples of the window are missing.
    """
    known = np.isfinite(values)
    complete = known.all()
    counts = np.maximum(known.sum(axis=0), 1)
    middle = values.mean(axis=0) if complete else np.where(known, values, 0).sum(axis=0) / counts
    apart = values - middle if complete else np.where(known, values - middle, 0)
    sums = np.zeros((len(values) + 1, values.shape[1]), order="F")
    np.cumsum(apart, axis=0, out=sums[1:])
    total = sums[ends] - sums[begins]
    if complete:
        return middle + total / (ends - begins)[..., None]
    seen = np.zeros((len(values) + 1, values.shape[1]), dtype=int)
    np.cumsum(known, axis=0, out=seen[1:])
    number = seen[ends] - seen[begins]
    return np.where(number > 0, middle + total / np.maximum(number, 1), np.nan)


def _continued(values: np.ndarray, angles: np.ndarray, pad: int) -> np.ndarray:
    """Continue sines of known frequency on both sides of a run.

    Parameters
    ----------
    values : array (sample, channel)
    angles : array (frequency,)
        Of each, in radians a sample.
    pad : int
        Samples to either side; the sines are fitted to as many at the start and the end.

    Returns
    -------
    array (pad + sample + pad, channel)
        The sines of the first samples and before them, of the last and after them, 0 between.
    """
    found = np.zeros((len(values) + 2 * pad, values.shape[1]))
    near = min(pad, len(values) // 2)
    for rows, time in (
        (slice(0, pad + near), np.arange(-pad, near)),
        (slice(len(found) - pad - near, len(found)), np.arange(near + pad) - near),
    ):
        waves = np.outer(time, angles)
        design = np.concatenate([np.sin(waves), np.cos(waves), np.ones((len(time), 1))], axis=1)
        known = slice(pad, None) if rows.start == 0 else slice(0, near)
        inside = values[:near] if rows.start == 0 else values[-near:]
        weights = np.linalg.lstsq(design[known], inside, rcond=None)[0]
        found[rows] = design[:, :-1] @ weights[:-1]
    return found


def _butterworth(frequency: np.ndarray, low: float, high: float, order: int) -> np.ndarray:
    """Return the gain of a digital Butterworth band-pass there and back, at some frequencies.

    Parameters
    ----------
    frequency : array (frequency,)
        As all, in parts of the sampling rate, 0 to 0.5.
    low, high : float
        Where half is left.
    order : int

    Returns
    -------
    array (frequency,)
        0 to 1: the squared gain of the filter one way. Nothing turns in phase.
    """
    at, below, above = (np.tan(np.pi * np.asarray(x)) for x in (frequency, low, high))
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + ((at - below * above / at) / (above - below)) ** (2 * order))


def _padding(n_samples: int, rate: float, width: float) -> int:
    """Return how many samples of padding keep the edges of a run from ringing."""
    if n_samples < SHORTEST * rate / width:
        message = (
            f"{n_samples} samples at {rate:g} Hz are too short a run for a filter of {width:g} Hz; "
            f"{int(np.ceil(SHORTEST * rate / width))} samples are needed."
        )
        raise DataError(message)
    return min(n_samples - 1, int(np.ceil(FADED * rate / width)))


def _extended(values: np.ndarray, pad: int) -> np.ndarray:
    """Continue a run on both sides by its own start and end, turned about its outermost samples."""
    values = np.asarray(values, dtype=float)
    before = 2 * values[:1] - values[pad:0:-1]
    after = 2 * values[-1:] - values[-2 : -pad - 2 : -1]
    return np.concatenate([before, values, after])
