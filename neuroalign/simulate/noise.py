"""Noise of variance 1 with a known covariance: over presentations, over space, over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from neuroalign.errors import DataError

FWHM_PER_SD = np.sqrt(8 * np.log(2))
# Noise is cut from a series that many times as long, so that it drifts more slowly than it lasts.
LENGTHS = 4


def checked_correlation(name: str, value: float) -> float:
    """Return the correlation of successive values, refusing what has no stationary process."""
    if not -1 < value < 1:
        message = f"{name}={value!r} is not a correlation between -1 and 1."
        raise DataError(message)
    return value


def autoregressive(white: np.ndarray, correlation: float) -> np.ndarray:
    """Correlate successive rows: e_t = correlation e_(t-1) + sqrt(1 - correlation^2) w_t.

    Parameters
    ----------
    white : array (row, ...)
        Independent, of variance 1.
    correlation : float
        Rows d apart correlate by correlation^d.

    Returns
    -------
    array of the same shape
        Of variance 1 from the first row on.
    """
    scaled = white * np.sqrt(1 - correlation**2)
    scaled[0] = white[0]
    return lfilter([1.0], [1.0, -correlation], scaled, axis=0)


class SmoothField:
    """Turn white noise on a grid of voxels into a field of variance 1 that is smooth in space.

    Voxels d apart (in voxels) correlate by exp(-d^2 / (4 s^2)) with s = smoothness / 2.355, as
    white noise does after a Gaussian filter of that FWHM, at the borders as inside.
    """

    def __init__(self, shape: Sequence[int], smoothness: float) -> None:
        """Take the square root of the covariance, axis by axis."""
        if not 0 <= smoothness < np.inf:
            message = f"smoothness={smoothness!r} is not an FWHM in voxels of 0 or more."
            raise DataError(message)
        self.shape = tuple(shape)
        self.roots = [_root(size, smoothness / FWHM_PER_SD) for size in shape]

    def __call__(self, white: np.ndarray) -> np.ndarray:
        """Smooth white noise (row, voxel)."""
        field = white.reshape(len(white), *self.shape)
        for axis, root in enumerate(self.roots, start=1):
            field = np.moveaxis(np.moveaxis(field, axis, -1) @ root, -1, axis)
        return field.reshape(len(white), -1)


def _root(size: int, sd: float) -> np.ndarray:
    """Return the symmetric root of the correlations between the places on one axis."""
    if sd == 0:
        return np.eye(size)
    distance = np.subtract.outer(np.arange(size), np.arange(size))
    values, vectors = np.linalg.eigh(np.exp(-(distance**2) / (4 * sd**2)))
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def power_law(white: np.ndarray, n_times: int, exponent: float) -> np.ndarray:
    """Give white noise over time a spectrum of power ~ 1 / frequency^exponent.

    Parameters
    ----------
    white : array (..., time)
        Independent, of variance 1; `padded_length(n_times)` long.
    n_times : int
        How much of it is cut out.
    exponent : float

    Returns
    -------
    array (..., n_times)
        Of variance 1 at every time.
    """
    if not 0 <= exponent < np.inf:
        message = f"exponent={exponent!r} is not an exponent of a spectrum of 0 or more."
        raise DataError(message)
    length = white.shape[-1]
    frequency = np.fft.rfftfreq(length)
    amplitude = np.zeros(len(frequency))
    amplitude[1:] = frequency[1:] ** (-exponent / 2)
    # Both signs of a frequency count, save for the highest, which is its own mirror image.
    power = 2 * (amplitude**2).sum() - amplitude[-1] ** 2
    shaped = np.fft.irfft(np.fft.rfft(white) * amplitude * np.sqrt(length / power), n=length)
    return shaped[..., :n_times]


def padded_length(n_times: int) -> int:
    """Return the length of the series that noise of n_times is cut from, a power of 2."""
    return 2 ** int(np.ceil(np.log2(LENGTHS * n_times)))
