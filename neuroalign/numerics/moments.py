"""Additive moments of responses and predictions, and the scores they determine.

Moments of two sets of rows add up to those of their union. Whoever keeps them per block of rows
can resample blocks, or pair two runs, exactly and without the predictions.
"""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.undefined import (
    CONSTANT_PREDICTION,
    CONSTANT_RESPONSE,
    DEFINED,
    TOO_FEW,
)

MOMENTS = ("n", "y", "p", "yy", "pp", "yp")

# A prediction or target whose standard deviation is below this share of that of the training
# responses is constant: what is left is rounding.
CONSTANT = 1e-6

# Values that span less than this share of their size are one value and its rounding.
ROUNDING = 1e-12

FEWEST_ROWS = 3


def is_constant(values: np.ndarray) -> np.ndarray:
    """Tell which columns hold one value, up to rounding.

    Parameters
    ----------
    values : float array (rows, columns)

    Returns
    -------
    bool array (columns,)
    """
    return np.ptp(values, axis=0) <= ROUNDING * np.abs(values).max(axis=0)


def block_moments(
    responses: np.ndarray, predictions: np.ndarray, blocks: np.ndarray, n_blocks: int
) -> np.ndarray:
    """Sum responses, predictions, their squares and products within blocks of rows.

    Parameters
    ----------
    responses, predictions : float arrays (rows, targets)
        Relative to the mean of the training responses.
    blocks : int array (rows,)
        Number of the block of each row.
    n_blocks : int

    Returns
    -------
    float array (n_blocks, targets, 6)
        In the order of `MOMENTS`.
    """
    order = np.argsort(blocks, kind="stable")
    in_order = bool((np.diff(order) == 1).all())
    y, p = (x if in_order else x[order] for x in (responses, predictions))
    numbers, starts = np.unique(blocks[order], return_index=True)
    sums = np.zeros((n_blocks, responses.shape[1], len(MOMENTS)))
    for number, start, end in zip(numbers, starts, [*starts[1:], len(blocks)], strict=True):
        part, guess = y[start:end], p[start:end]
        sums[number, :, 0] = len(part)
        sums[number, :, 1], sums[number, :, 2] = part.sum(0), guess.sum(0)
        for moment, pair in enumerate(((part, part), (guess, guess), (part, guess)), 3):
            sums[number, :, moment] = np.einsum("ij,ij->j", *pair)  # no product in memory
    return sums


def correlation(moments: np.ndarray, train_sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute Pearson r from moments, and why it is undefined where it is.

    Parameters
    ----------
    moments : float array (..., 6)
    train_sd : float array (...)
        Standard deviation of the training responses, the yardstick of what is constant; 0 where
        they are, and r is undefined then.

    Returns
    -------
    r : float array (...)
        NaN where undefined.
    reason : uint8 array (...)
        DEFINED, TOO_FEW, CONSTANT_RESPONSE or CONSTANT_PREDICTION.
    """
    n, y, p, yy, pp, yp = np.moveaxis(moments, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance_y = np.maximum(yy / n - (y / n) ** 2, 0)
        variance_p = np.maximum(pp / n - (p / n) ** 2, 0)
        # Two roots: the product of two small variances would underflow first.
        r = (yp / n - y * p / n**2) / (np.sqrt(variance_y) * np.sqrt(variance_p))
        floor = (CONSTANT * train_sd) ** 2
        reason = np.select(
            [n < FEWEST_ROWS, ~(variance_y > floor) | (train_sd == 0), ~(variance_p > floor)],
            [TOO_FEW, CONSTANT_RESPONSE, CONSTANT_PREDICTION],
            DEFINED,
        ).astype(np.uint8)
    return np.where(reason == DEFINED, np.clip(r, -1, 1), np.nan), reason


def explained_variance(moments: np.ndarray, train_sd: np.ndarray, *, about: str) -> np.ndarray:
    """Compute R2 = 1 - squared error / squared deviation from a mean, from moments.

    Parameters
    ----------
    moments : float array (..., 6)
        Of responses and predictions relative to the training mean.
    train_sd : float array (...)
        As for `correlation`.
    about : {"test", "train"}
        Whose mean response is the yardstick: that of the test rows, as is usual, or that of the
        training rows, which is all that a prediction may know.

    Returns
    -------
    float array (...)
        NaN with too few rows, or where the responses do not vary.
    """
    n, y, _, yy, pp, yp = np.moveaxis(moments, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.maximum(yy / n - (y / n) ** 2, 0)
        total = n * variance if about == "test" else yy
        r2 = 1 - (yy - 2 * yp + pp) / total
        defined = (n >= FEWEST_ROWS) & (variance > (CONSTANT * train_sd) ** 2) & (train_sd > 0)
    return np.where(defined, r2, np.nan)
