"""From voltages to responses: without line noise, and the amplitude of high gamma."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import xarray as xr

from neuroalign.data.streams import sample_coords
from neuroalign.errors import DataError
from neuroalign.numerics import band_amplitude
from neuroalign.readers.lazy import Part
from neuroalign.readers.stream_parts import (
    Stretch,
    as_wanted,
    blocks_of,
    checked_stream,
    complete_run,
    runs_of,
)


def remove_line_noise(
    stream: xr.DataArray,
    frequency: float = 60.0,
    *,
    width: float = 2.0,
    harmonics: int | None = None,
) -> xr.DataArray:
    """Take the frequency of the mains and its multiples out of every run.

    Notches there and back: nothing is delayed, but activity at a multiple of the frequency leaves
    an echo of some 0.6 / width s on both sides of it. Runs are filtered each by itself. A stream
    that lies in its file stays there, and a run is filtered when values of it are asked for.

    Parameters
    ----------
    stream : DataArray (sample, neuroid)
    frequency : float, Hz
        60 in the Americas, 50 in Europe.
    width : float, Hz
        Of each notch: at width / 2 from the middle half of the amplitude is left.
    harmonics : int, optional
        How many multiples, the first among them. By default all below half the sampling rate.

    Returns
    -------
    DataArray (sample, neuroid)
        A neuroid without any value in a run stays so.

    Raises
    ------
    DataError
        If a run is too short, or lacks some samples of a neuroid.

    References
    ----------
    Orfanidis (1996), Introduction to Signal Processing, chapter 11.3.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> hum = np.sin(2 * np.pi * 60 * np.arange(4000) / 1000)[:, None]
    >>> stream = xr.DataArray(hum, {"run": ("sample", ["a"] * 4000), "neuroid": ["LA1"],
    ...     "onset": ("sample", np.arange(4000) / 1000)}, ("sample", "neuroid"),
    ...     attrs={"units": "uV", "sampling_period": 0.001})
    >>> float(np.abs(remove_line_noise(stream, 60)).max()) < 0.05
    True
    """
    stream, period = checked_stream(stream)
    rate = 1 / period
    _check_positive(frequency=frequency, width=width)
    _check_whole(harmonics=1 if harmonics is None else harmonics)
    if frequency >= rate / 2:
        message = (
            f"frequency={frequency:g} Hz cannot be in a stream of {rate:g} Hz, which holds what is "
            f"below {rate / 2:g} Hz."
        )
        raise DataError(message)
    runs = runs_of(stream, period)
    n_samples, n_neuroids = stream.shape

    def read(samples: Part, neuroids: Part) -> np.ndarray:
        wanted, columns = np.arange(n_samples)[samples], np.arange(n_neuroids)[neuroids]
        values = np.empty((len(wanted), len(columns)))
        for run in runs:
            rows = slice(*np.searchsorted(wanted, [run.start, run.stop]))
            if rows.start == rows.stop:
                continue
            for block in blocks_of(len(columns), run.stop - run.start):
                whole = complete_run(stream, run, columns[block], "A notch")
                filtered = band_amplitude.without_line(
                    whole, rate, frequency=frequency, width=width, harmonics=harmonics
                )
                values[rows, block] = filtered[wanted[rows] - run.start]
        return values

    facts = {**stream.attrs, "line_noise_removed": f"{frequency:g} Hz"}
    return stream.copy(data=as_wanted(stream, stream.shape, read)).assign_attrs(facts)


def high_gamma(
    stream: xr.DataArray,
    low: float = 70.0,
    high: float = 150.0,
    *,
    rate: float | None = 100.0,
    n_bands: int = 1,
    order: int = 4,
) -> xr.DataArray:
    """Turn voltages into the amplitude of a band, by band-pass and Hilbert transform.

    Runs are worked on each by itself, and a few neuroids at a time: a stream that lies in its file
    is read once, and only the result is held. What lies before and after a run is not known: its
    first and last 1 / (high - low) s, about, are rough.

    Parameters
    ----------
    stream : DataArray (sample, neuroid)
        Without line noise, whose multiples lie in the band.
    low, high : float, Hz
    rate : float, optional, Hz
        Of the result: amplitudes are averaged over intervals of 1 / rate from the start of the
        run, whatever the ratio of the rates; what is left at its end is dropped. None keeps all
        samples.
    n_bands : int
        Above 1, the band is cut into as many of equal width; the amplitude of each is divided by
        its mean over the run, so that the low ones do not outweigh the others, and averaged.
    order : int
        Of the Butterworth filter, which goes there and back.

    Returns
    -------
    DataArray (sample, neuroid)
        In the units of the stream, or percent of the mean where n_bands > 1. `onset` is when the
        interval of a sample begins. A neuroid without any value in a run stays so.

    Raises
    ------
    DataError
        If the band does not fit the stream, a run is too short, or lacks samples of a neuroid.

    References
    ----------
    Crone et al. (1998), doi:10.1093/brain/121.12.2301 (the band);
    Ossandon et al. (2011), doi:10.1523/JNEUROSCI.2483-11.2011 (means of bands).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> wave = 5 * np.sin(2 * np.pi * 100 * np.arange(4000) / 1000)[:, None]
    >>> stream = xr.DataArray(wave, {"run": ("sample", ["a"] * 4000), "neuroid": ["LA1"],
    ...     "onset": ("sample", np.arange(4000) / 1000)}, ("sample", "neuroid"),
    ...     attrs={"units": "uV", "sampling_period": 0.001})
    >>> amplitude = high_gamma(stream, rate=50)
    >>> amplitude.sizes["sample"], round(float(amplitude[100, 0]), 2)
    (200, 5.0)
    """
    stream, period = checked_stream(stream)
    bands = _checked_bands(low, high, n_bands, order, 1 / period)
    if rate is not None and not 0 < rate <= 1 / period * (1 + 1e-9):
        message = (
            f"rate={rate!r} cannot be made from a stream of {1 / period:g} Hz; give a lower rate, "
            "or None to keep all samples."
        )
        raise DataError(message)
    runs = runs_of(stream, period)
    edges = [_edges(run, period, rate) for run in runs]
    counts = [
        run.stop - run.start if e is None else len(e) - 1
        for run, e in zip(runs, edges, strict=True)
    ]
    starts = np.concatenate([[0], np.cumsum(counts)])
    values = np.empty((starts[-1], stream.sizes["neuroid"]))
    for run, edge, first, last in zip(runs, edges, starts[:-1], starts[1:], strict=True):
        for block in blocks_of(stream.sizes["neuroid"], run.stop - run.start):
            whole = complete_run(stream, run, block, "A band-pass")
            found = _amplitude(whole, 1 / period, bands, order)
            values[first:last, block] = (
                found if edge is None else band_amplitude.interval_means(found, edge)
            )
    step = period if rate is None else 1 / rate
    coords = {name: x for name, x in stream.coords.items() if "sample" not in x.dims}
    clock = {
        "run": ("sample", np.repeat([run.run for run in runs], counts)),
        "onset": (
            "sample",
            np.concatenate(
                [run.onset + step * np.arange(n) for run, n in zip(runs, counts, strict=True)]
            ),
        ),
    }
    if "sample" in stream.coords:
        clock |= {"sample": sample_coords(clock, len(values), step)["sample"]}
    facts = {**stream.attrs, "sampling_period": step, "band": f"{low:g} to {high:g} Hz"}
    if n_bands > 1:
        facts["units"] = "percent of the mean amplitude"
    return xr.DataArray(values, {**coords, **clock}, ("sample", "neuroid"), attrs=facts)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        number = isinstance(value, (int, float, np.integer, np.floating))
        if not number or isinstance(value, bool) or not 0 < value < np.inf:
            message = f"{name}={value!r} is not a number above 0."
            raise DataError(message)


def _check_whole(**values: int) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            message = f"{name}={value!r} is not a whole number of 1 or more."
            raise DataError(message)


def _checked_bands(
    low: float, high: float, n_bands: int, order: int, rate: float
) -> list[tuple[float, float]]:
    """Return the lower and upper end of each band, all of them in the stream."""
    _check_positive(low=low, high=high)
    if not low < high < rate / 2:
        message = (
            f"A band of {low:g} to {high:g} Hz cannot be taken from a stream of {rate:g} Hz; low "
            f"must be below high, and high below {rate / 2:g} Hz."
        )
        raise DataError(message)
    _check_whole(n_bands=n_bands, order=order)
    ends = np.linspace(low, high, n_bands + 1)
    return list(itertools.pairwise(ends))


def _edges(run: Stretch, period: float, rate: float | None) -> np.ndarray | None:
    """Return the edges of the intervals of a run, in samples; None where all samples are kept."""
    if rate is None:
        return None
    length = run.stop - run.start
    width = 1 / (rate * period)
    count = int(length / width + 1e-6)
    if not count:
        message = (
            f"Run {run.run!r} lasts {length * period:g} s, less than a sample of rate={rate:g}."
        )
        raise DataError(message)
    return np.minimum(width * np.arange(count + 1), length)


def _amplitude(
    values: np.ndarray, rate: float, bands: Sequence[tuple[float, float]], order: int
) -> np.ndarray:
    """Return the amplitude of one band, or the mean over several as percent of their means."""
    if len(bands) == 1:
        return band_amplitude.amplitude(
            values, rate, low=bands[0][0], high=bands[0][1], order=order
        )
    total = np.zeros(values.shape)
    for low, high in bands:
        found = band_amplitude.amplitude(values, rate, low=low, high=high, order=order)
        mean = found.mean(axis=0)
        total += 100 * found / np.where(mean > 0, mean, np.nan) / len(bands)
    return total
