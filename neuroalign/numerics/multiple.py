"""Correct p values for their number: arrays in, arrays out; NaN is no test, and stays NaN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Multiply the k-th smallest by the number of those that are not smaller; never falling."""
    return _defined(p, lambda small: np.maximum.accumulate(small * np.arange(len(small), 0, -1)))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Multiply the k-th smallest of m by m / k; none above those of larger p."""

    def adjust(small: np.ndarray) -> np.ndarray:
        scaled = small * (len(small) / np.arange(1, len(small) + 1))
        return np.minimum.accumulate(scaled[::-1])[::-1]

    return _defined(p, adjust)


def _defined(p: np.ndarray, adjust: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Adjust the numbers among p values, handed over from small to large; none exceeds 1."""
    adjusted = np.full(p.shape, np.nan)
    numbers = p[~np.isnan(p)]
    order = np.argsort(numbers, kind="stable")
    found = np.empty_like(numbers)
    found[order] = adjust(numbers[order])
    adjusted[~np.isnan(p)] = np.minimum(found, 1.0)
    return adjusted
