"""How well the responses of the others tell those of one subject, and of infinitely many others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics.blockwise import Blocks, Estimate, mean_over_parts
from neuroalign.numerics.moments import FEWEST_ROWS, ROUNDING, correlation
from neuroalign.numerics.undefined import (
    CONSTANT_RESPONSE,
    DEFINED,
    NO_OTHER_SUBJECT,
    NO_SIGNAL_POWER,
    TOO_FEW,
)


class Standardized(NamedTuple):
    """Responses of one subject, centered within parts and scaled to variance 1."""

    values: np.ndarray  # float (rows, columns), 0 where there is none
    present: np.ndarray  # bool (rows, columns); nowhere in columns that do not vary


class Others(NamedTuple):
    """What the other subjects are at the rows and columns of one subject."""

    total: np.ndarray  # float (rows, columns), sum of their standardized responses
    squares: np.ndarray  # float (rows, columns), sum of their squares
    present: np.ndarray  # int (rows, columns), how many have one
    number: np.ndarray  # int (columns,), how many have any


def standardize(values: np.ndarray, blocks: Blocks) -> Standardized:
    """Center responses within parts and scale each column to variance 1.

    Parameters
    ----------
    values : float array (rows, columns)
        NaN where missing.
    blocks : Blocks
        Of the rows.

    Returns
    -------
    Standardized
    """
    present = np.isfinite(values)
    centered = blocks.centered(values, present)
    spread = np.sqrt((centered**2).sum(0) / np.maximum(present.sum(0), 1))
    varies = spread > ROUNDING * np.where(present, np.abs(values), 0).max(0, initial=0)
    return Standardized(
        np.where(varies, centered / np.where(varies, spread, 1), 0), present & varies
    )


def correlate_with_mean(own: Standardized, others: Others, blocks: Blocks) -> Estimate:
    """Correlate a subject with the mean of the others within parts, averaged over parts.

    Parameters
    ----------
    own : Standardized
    others : Others
    blocks : Blocks
        Of the rows; parts weigh as many rows as they have.

    Returns
    -------
    Estimate
    """
    both = own.present & (others.present > 0)
    y = np.where(both, own.values, 0)
    mean = np.where(both, others.total / np.maximum(others.present, 1), 0)
    summands = (both, y, mean, y**2, mean**2, y * mean)
    sums = np.stack([blocks.sums(part) for part in summands], axis=-1)

    def within(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r, reason = correlation(sums, np.ones(sums.shape[:-1]))
        return r[..., None], np.where(reason == DEFINED, sums[..., 0], 0)

    value, without = (part[..., 0] for part in mean_over_parts(sums, blocks, within))
    enough = (blocks.part_sums(sums[..., 0]) >= FEWEST_ROWS).any(0)
    known = own.present.any(0) & (others.present > 0).any(0)
    reason = np.select(
        [np.isfinite(value), ~own.present.any(0), ~known, ~enough],
        [DEFINED, CONSTANT_RESPONSE, NO_OTHER_SUBJECT, TOO_FEW],
        CONSTANT_RESPONSE,
    )
    return Estimate(value, without, sums[..., 0], reason.astype(np.uint8))


def extrapolate(
    own: Standardized, others: Others, blocks: Blocks, leave_one_out: Estimate
) -> tuple[Estimate, np.ndarray]:
    """Extrapolate the correlation with the mean of the others to infinitely many of them.

    With the variance S of what all share and E of what is each one's own, the mean of s others has
    the variance S + E / s, so that the correlation with it is r(s) = r / sqrt(1 + E / S / s), r
    being that with what all share. S is estimated by the mean product of two others, S + E by their
    mean square, and r(s) by the others there are; r follows without a fit.

    Parameters
    ----------
    own : Standardized
    others : Others
    blocks : Blocks
    leave_one_out : Estimate
        From `correlate_with_mean`.

    Returns
    -------
    extrapolated : Estimate
        Undefined with a single other, and where others have nothing in common (S <= 0).
    noise : float array (targets,)
        E / S.
    """
    both = own.present & (others.present > 0)
    count = np.where(both, others.present, 0)
    summands = (
        both,
        1 / np.where(count > 0, count, np.inf),
        count,
        np.where(both, others.squares, 0),
        count * (count - 1),
        np.where(both, others.total**2 - others.squares, 0),
    )
    sums = np.stack([blocks.sums(part) for part in summands])
    whole = sums.sum(1)
    noise, lift = _noise_and_lift(whole)
    value = leave_one_out.value * lift
    without = leave_one_out.without * _noise_and_lift(whole[:, None] - sums)[1]
    here = np.select([whole[4] == 0, np.isnan(value)], [NO_OTHER_SUBJECT, NO_SIGNAL_POWER], DEFINED)
    reason = np.where(leave_one_out.reason == DEFINED, here, leave_one_out.reason)
    return Estimate(value, without, leave_one_out.size, reason.astype(np.uint8)), noise


def _noise_and_lift(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return E / S, and by what the correlation with the others rises to that with S alone."""
    n, inverse, count, squares, pairs, products = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = products / pairs
        noise = np.where((pairs > 0) & (shared > 0), (squares / count - shared) / shared, np.nan)
        return noise, np.sqrt(np.maximum(1 + noise * inverse / n, 0))


def fit_of_curve(
    extrapolated: np.ndarray, noise: np.ndarray, sizes: np.ndarray, observed: np.ndarray
) -> np.ndarray:
    """Compute the share of the variance of observed correlations that r(s) explains.

    Parameters
    ----------
    extrapolated, noise : float arrays (targets,)
        r and E / S, as `extrapolate` returns them.
    sizes : int array (sizes,)
        Numbers s of other subjects.
    observed : float array (sizes, targets)
        Mean correlation with the means of so many others.

    Returns
    -------
    float array (targets,)
        1 - squared errors / squared deviations from the mean over sizes; NaN with one size.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = extrapolated / np.sqrt(1 + noise / sizes[:, None])
        missed = ((observed - expected) ** 2).sum(0)
        fit = 1 - missed / ((observed - observed.mean(0)) ** 2).sum(0)
    return np.where(np.isfinite(fit), fit, np.nan)
