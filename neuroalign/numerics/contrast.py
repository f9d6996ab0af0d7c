"""How differently units respond to two sets of stimuli."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

# Batches of other sizes round otherwise; what varies by no more than this share is constant.
ROUNDING = 1e-6


class Contrast(NamedTuple):
    """Two sets of stimuli compared, unit by unit; NaN where a unit is constant."""

    t: np.ndarray
    degrees: np.ndarray  # of freedom
    effect: np.ndarray  # difference of the means, in standard deviations

    def p(self, *, two_sided: bool) -> np.ndarray:
        """Return the chance of such a t, or a larger one, where the means are equal."""
        if two_sided:
            return 2 * stats.t.sf(np.abs(self.t), self.degrees)
        return stats.t.sf(self.t, self.degrees)


def welch(preferred: np.ndarray, control: np.ndarray) -> Contrast:
    """Compare the means of two sets whose variances may differ (Welch, 1947).

    Parameters
    ----------
    preferred, control : array (stimulus, unit)
        Two rows or more each.

    Returns
    -------
    Contrast
        Each (unit,): t, its degrees of freedom (Welch and Satterthwaite), and the difference of
        the means over the root of the mean of both variances. t and effect are infinite where a
        unit is constant within each set, but not the same.

    References
    ----------
    Welch (1947), doi:10.1093/biomet/34.1-2.28.
    """
    sets = [np.asarray(values, dtype=np.float64) for values in (preferred, control)]
    largest = np.maximum(*(np.abs(values).max(0) for values in sets))
    # All that is returned is free of units: a power of two changes no digits, and squares do not
    # overflow. Differences from the first row keep the digits of units whose mean is far from 0.
    power = -np.frexp(largest)[1]
    origin = np.ldexp(sets[0][:1], power)
    sets = [np.ldexp(values, power) - origin for values in sets]
    (one, two), (v_one, v_two) = zip(*((v.mean(0), v.var(0, ddof=1)) for v in sets), strict=True)
    e_one, e_two = v_one / len(preferred), v_two / len(control)
    spread = np.sqrt(v_one + v_two)
    constant = np.maximum(spread, np.abs(one - two)) <= ROUNDING * np.ldexp(largest, power)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (one - two) / np.sqrt(e_one + e_two)
        degrees = (e_one + e_two) ** 2 / (
            e_one**2 / (len(preferred) - 1) + e_two**2 / (len(control) - 1)
        )
        effect = (one - two) / (spread / np.sqrt(2))
    degrees[spread == 0] = len(preferred) + len(control) - 2
    return Contrast(*(np.where(constant, np.nan, x) for x in (t, degrees, effect)))
