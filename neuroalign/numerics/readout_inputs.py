"""What a readout is fitted on: activations by position, a split of rows, and common scales."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.mapping import Pairs
from neuroalign.numerics.moments import FEWEST_ROWS, ROUNDING, is_constant

# Rows that are converted to float64 at a time.
CHUNK = 256


class Positions(NamedTuple):
    """Features with one axis for where: a pixel of a map, or a token."""

    values: np.ndarray  # (rows, channels, positions)
    shape: tuple[int, ...]  # (rows of map, columns) or (tokens,)


class Scaling(NamedTuple):
    """Means and standard deviations of training rows; 0 for what is constant there."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of_responses(cls, responses: np.ndarray) -> Scaling:
        """Measure every target of float64 responses (training rows, targets)."""
        constant = is_constant(responses)
        mean = np.where(constant, responses[0], responses.mean(0))
        return cls(mean, np.where(constant, 0.0, responses.std(0)))

    @classmethod
    def of_features(cls, features: np.ndarray, rows: np.ndarray, *, by_position: bool) -> Scaling:
        """Measure features (rows, channels, positions) on some rows; no other is read.

        The mean is (channels, positions) or, not `by_position`, (channels, 1). The scale is
        (channels, 1): a scale per position would deform the maps that readouts learn.
        """
        low, high, total = (features[rows[0]].astype(float) * factor for factor in (1, 1, 0))
        for block in _blocks(features, rows):
            total += block.sum(0)
            low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
        mean = total / len(rows)
        if not by_position:
            mean, low, high = (
                reduce(values, 1, keepdims=True)
                for reduce, values in ((np.mean, mean), (np.min, low), (np.max, high))
            )
        squares = np.zeros_like(total)
        for block in _blocks(features, rows):
            squares += ((block - mean) ** 2).sum(0)
        size = np.maximum(np.abs(low), np.abs(high)).max(1, keepdims=True)
        constant = (high - low).max(1, keepdims=True) <= ROUNDING * size
        scale = np.sqrt(squares.mean(1, keepdims=True) / len(rows))
        return cls(mean, np.where(constant, 0.0, scale))

    @property
    def inverse(self) -> np.ndarray:
        """Return 1 / scale, and 0 for what is constant."""
        return np.divide(1, self.scale, out=np.zeros_like(self.scale), where=self.scale > 0)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardize, to float32; what was constant becomes 0, whatever it is now."""
        out = np.empty_like(values, dtype=np.float32)
        return np.multiply(values - self.mean, self.inverse, out=out, casting="same_kind")

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Return to the original units, in float64."""
        return values.astype(float) * self.scale + self.mean


class Inputs(NamedTuple):
    """Features and responses that a readout can be fitted on."""

    positions: Positions
    responses: np.ndarray  # (rows, targets), float64
    train: np.ndarray  # rows to train on
    validation: np.ndarray  # rows that tell when to stop


def check_inputs(features: np.ndarray, responses: np.ndarray, inner: Pairs) -> Inputs:
    """Refuse what no readout can be fitted on, in one sentence.

    Parameters
    ----------
    features : array (rows, channels, rows of map, columns) or (rows, tokens, channels)
        Any numeric type.
    responses : array (rows, targets)
        Complete.
    inner : sequence of pairs of int arrays
        The first holds the rows to train on and those to validate on.

    Returns
    -------
    Inputs
    """
    positions = check_features(features)
    responses = np.asarray(responses, dtype=float)
    if responses.ndim != 2 or not responses.shape[1]:
        message = (
            f"Responses must have 2 axes (row, target) and one target at least, but their shape "
            f"is {responses.shape}."
        )
        raise DataError(message)
    n_rows = len(responses)
    if len(positions.values) != n_rows:
        message = (
            f"Features have {len(positions.values)} rows and responses {n_rows}; give the same "
            f"rows to both."
        )
        raise DataError(message)
    if n_rows < FEWEST_ROWS:
        message = f"A readout cannot be fitted on {n_rows} rows; give {FEWEST_ROWS} or more."
        raise DataError(message)
    _check_finite(responses, "Responses")
    return Inputs(positions, responses, *_first_pair(inner, n_rows))


def check_features(features: np.ndarray) -> Positions:
    """Refuse features that are neither maps nor tokens, and give both one axis for where.

    Parameters
    ----------
    features : array (rows, channels, rows of map, columns) or (rows, tokens, channels)
        Any numeric type.

    Returns
    -------
    Positions
    """
    features = np.asarray(features)
    if features.ndim not in (3, 4):
        message = (
            f"Features of a readout have 4 axes (row, channel, row of map, column) or 3 (row, "
            f"token, channel), but these have {features.ndim}; keep the spatial axes of the layer."
        )
        raise DataError(message)
    if not all(features.shape[1:]):
        message = f"Features of shape {features.shape} hold no values; each axis needs one."
        raise DataError(message)
    for start in range(0, len(features), CHUNK):
        _check_finite(features[start : start + CHUNK], "Features")
    if features.ndim == 3:
        return Positions(features.transpose(0, 2, 1), features.shape[1:2])
    return Positions(
        features.reshape(*features.shape[:2], math.prod(features.shape[2:])), features.shape[2:]
    )


def _check_finite(values: np.ndarray, what: str) -> None:
    if not np.isfinite(values).all():
        message = f"{what} hold NaN or infinite values; leave out their rows first."
        raise DataError(message)


def _first_pair(inner: Pairs, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    if not len(inner):
        message = (
            "A readout needs a pair of training and validation rows to know when to stop, but "
            "inner holds none."
        )
        raise DataError(message)
    train, validation = (np.asarray(rows, dtype=int) for rows in inner[0])
    if len(train) < 2 or not len(validation):
        message = (
            f"The first pair of inner has {len(train)} training and {len(validation)} validation "
            f"rows; give 2 and 1 at least."
        )
        raise DataError(message)
    both = np.concatenate([train, validation])
    if both.min() < 0 or both.max() >= n_rows or len(np.unique(both)) < len(both):
        message = (
            f"The first pair of inner must name rows between 0 and {n_rows - 1}, each once and in "
            f"one half only."
        )
        raise DataError(message)
    return train, validation


def _blocks(features: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), CHUNK):
        yield features[rows[start : start + CHUNK]].astype(float)
