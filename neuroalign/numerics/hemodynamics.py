"""The canonical hemodynamic response: how the BOLD signal follows a moment of activity."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc, gammaln, xlogy

# Shapes of the two gamma densities (scale 1 s), the share of the second, and where both end (s).
PEAK, UNDERSHOOT, RATIO, LENGTH = 6.0, 16.0, 1 / 6, 32.0


def response(seconds: np.ndarray) -> np.ndarray:
    """Evaluate the double-gamma response to an impulse.

    (g(t; 6) - g(t; 16) / 6) / A for 0 < t < 32, and 0 elsewhere, with g(t; a) the gamma density of
    shape a and scale 1 s, and A such that the area is 1: lasting activity of height 1 reaches a
    plateau of 1. The delays of 6 and 16 s are means of the gamma densities; the maximum is at 5 s.

    Parameters
    ----------
    seconds : float array
        Time since the impulse.

    Returns
    -------
    float array of the same shape, per second

    References
    ----------
    Friston et al. (1998), doi:10.1006/nimg.1997.0306; Glover (1999), doi:10.1006/nimg.1998.0419.
    """
    seconds = np.asarray(seconds, dtype=float)
    during = (seconds > 0) & (seconds < LENGTH)
    time = np.where(during, seconds, 1.0)
    shape = _density(time, PEAK) - RATIO * _density(time, UNDERSHOOT)
    return np.where(during, shape / _AREA, 0.0)


def accumulated_response(seconds: np.ndarray) -> np.ndarray:
    """Integrate `response` from the impulse up to a time: from 0 to 1, with an overshoot.

    The response to activity of height 1 that lasts d seconds is the difference of two of these,
    d seconds apart.

    Parameters
    ----------
    seconds : float array
        Time since the impulse.

    Returns
    -------
    float array of the same shape
    """
    time = np.clip(np.asarray(seconds, dtype=float), 0.0, LENGTH)
    return _mixture_below(time) / _AREA


def _density(time: np.ndarray, shape: float) -> np.ndarray:
    return np.exp(xlogy(shape - 1, time) - time - gammaln(shape))


def _mixture_below(time: np.ndarray | float) -> np.ndarray:
    return gammainc(PEAK, time) - RATIO * gammainc(UNDERSHOOT, time)


_AREA = float(_mixture_below(LENGTH))
