"""A median r over neuroids, and whether it is above chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from neuroalign.inference.intervals import median_interval

NEGLIGIBLE = 0.02  # a median r that no guard makes a fuss of
TELLS_NOTHING = 1.0  # width of an interval


@dataclass(frozen=True)
class MedianR:
    """The median r over neuroids, with its 95% interval.

    Parameters
    ----------
    median, low, high : float
        NaN where r is undefined for all neuroids.
    n_neuroids : int
    """

    median: float
    low: float
    high: float
    n_neuroids: int

    @classmethod
    def of(cls, scores: xr.Dataset, n_units: int) -> MedianR:
        """Summarize scores of one layer.

        Parameters
        ----------
        scores : Dataset
        n_units : int
            Rows, or groups where whole ones are held out, that were tested: where folds and blocks
            are too few for a spread, chance reaches 2 / sqrt(n_units).
        """
        center, low, high, _ = median_interval(scores)
        if not np.isfinite(low):
            chance = 2 / np.sqrt(n_units)
            low, high = max(center - chance, -1.0), min(center + chance, 1.0)
        return cls(center, low, high, scores.sizes["neuroid"])

    @property
    def above_chance(self) -> bool:
        """Tell whether it is above 0, by more than its interval and more than nothing."""
        return self.low > 0 and self.median > NEGLIGIBLE

    @property
    def verdict(self) -> str:
        """Say what it is when it is not above chance."""
        wide = self.high - self.low >= TELLS_NOTHING
        return "too few were held out to tell" if wide else "no more than chance"

    def __str__(self) -> str:
        if not np.isfinite(self.median):
            return f"nothing (r is undefined for all {self.n_neuroids} neuroids)"
        return f"r = {self.median:.3f} (95% interval {self.low:.3f} to {self.high:.3f})"


def median(values: np.ndarray) -> float:
    """Return the median of what is defined; NaN where nothing is."""
    defined = values[np.isfinite(values)]
    return float(np.median(defined)) if defined.size else float("nan")
