"""How far scores would scatter over new stimuli: deviations of folds and blocks, and their use.

Errors of many neuroids share stimuli, so they are kept together, as `deviations` (units, targets)
of folds or blocks, scaled so that ``deviations.T @ deviations`` estimates the covariance of the
scores. Any statistic of the scores gets its error by adding ``normals @ deviations`` to them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from neuroalign.numerics.moments import correlation

FEWEST_FOLDS = 3
CHUNK = 2_000_000  # numbers in memory at a time
MOST_FREEDOM = 1.2  # by which independent errors of many targets add to the degrees of freedom


class Deviations(NamedTuple):
    """What folds or blocks say about the error of scores."""

    values: np.ndarray  # (units, targets), 0 where a unit says nothing
    freedom: float  # degrees of freedom, of single targets


def fold_deviations(
    per_fold: np.ndarray, noise_share: np.ndarray, test_rows: np.ndarray, n_repeats: int = 1
) -> Deviations:
    """Take the deviations of folds from their mean, widened for the training rows they share.

    With s^2 the variance over K folds, that of their mean is s^2 (1 / K + q / (K - 1 - q)), where
    q is the share of the variance of a fold that is products of noise in its training rows and
    noise in its test rows: each such product of two rows occurs twice, in the two folds that
    test one row and train on the other. With q = 1 that is nearly the correction of Nadeau &
    Bengio (2003, doi:10.1023/A:1024068626366), with q = 0 that of independent folds.

    Parameters
    ----------
    per_fold : float array (folds, targets)
        NaN where undefined. Those of a repetition follow each other.
    noise_share : float array (targets,)
        q, from 0 to 1.
    test_rows : float array (folds,)
        Numbers of held-out rows, by which folds are weighed.
    n_repeats : int
        Times that the rows were divided anew, which makes the mean steadier but brings no new
        stimuli; the variance is that of one division.

    Returns
    -------
    Deviations
        0 for targets with fewer than three folds of one division, whose error is unknown.
    """
    n_units = len(per_fold) // n_repeats
    values = per_fold.reshape(n_repeats, n_units, -1)
    defined = np.isfinite(values)
    weights = np.where(defined, test_rows.reshape(n_repeats, n_units, 1), 0.0)
    total = np.maximum(weights.sum(1, keepdims=True), 1)
    filled = np.where(defined, values, 0.0)
    mean = (weights * filled).sum(1, keepdims=True) / total
    away = np.where(defined, filled - mean, 0.0)
    n_folds = defined.sum(1)  # (repeats, targets)
    spread = ((weights / total) ** 2).sum(1)  # 1 / K for equal folds
    known = n_folds >= FEWEST_FOLDS
    left = np.maximum(n_folds - 1, 1)
    shared = noise_share / np.maximum(left - noise_share, 1e-9)
    factor = np.where(known, (spread + shared) / left, 0.0)
    scaled = away * np.sqrt(factor / n_repeats)[:, None]
    return Deviations(scaled.reshape(per_fold.shape), float(n_units - 1))


def block_deviations(moments: np.ndarray, train_sd: np.ndarray) -> Deviations:
    """Leave out each block of held-out rows in turn: the jackknife of a fixed predictor's r.

    Parameters
    ----------
    moments : float array (blocks, targets, 6)
    train_sd : float array (targets,)

    Returns
    -------
    Deviations
        Widened by (B - 1) / (B - 3) for the two parameters that r takes from the rows.
    """
    n_blocks = len(moments)
    without, _ = correlation(moments.sum(0) - moments, train_sd)
    away = without - without.mean(0)
    scale = np.sqrt((n_blocks - 1) / n_blocks * (n_blocks - 1) / max(n_blocks - 3, 1))
    return Deviations(np.nan_to_num(away) * scale, float(n_blocks - 1))


def jackknife_deviations(without: np.ndarray) -> np.ndarray:
    """Scale values (blocks, targets), each with one block left out, to deviations."""
    n_blocks = len(without)
    away = without - without.mean(0)
    return np.nan_to_num(away) * np.sqrt((n_blocks - 1) / n_blocks)


def jackknife_interval(
    value: float, without: np.ndarray, sizes: np.ndarray, level: float
) -> tuple[float, float, float]:
    """Compute the standard error and interval of a statistic that is known without each block.

    Parameters
    ----------
    value : float
    without : float array (blocks,)
        The statistic with each block left out.
    sizes : int array (blocks,)
        Rows in each block; those of no rows say nothing.
    level : float
        Confidence, as in 0.95.

    Returns
    -------
    error, low, high : float
        The interval is even on Fisher's scale, or as it is for values beyond 1. NaN for fewer than
        three blocks, or where the statistic is undefined without one of them.
    """
    error = float(np.sqrt((jackknife_shifts(without, sizes) ** 2).sum()))
    freedom = float((sizes > 0).sum() - 1)
    if freedom < FEWEST_FOLDS - 1 or not np.isfinite(error):
        return float("nan"), float("nan"), float("nan")
    if abs(value) >= 1:
        return error, *t_interval(value, error, freedom, level)[:2]
    return error, *fisher_interval(value, error, freedom, level)


def jackknife_shifts(without: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return how much each block moves a statistic; the variance is the sum of their squares.

    Around the mean of the values without blocks, not the value with all of them: statistics that
    read more for fewer rows would count that as noise.

    Parameters
    ----------
    without : float array (..., blocks)
    sizes : int array (blocks,)

    Returns
    -------
    float array (..., blocks with rows)
    """
    there = sizes > 0
    values, share = without[..., there], sizes[there] / sizes.sum()
    weights = (1 - share) / (1 - share).sum()
    away = values - (values * weights).sum(-1, keepdims=True)
    n_blocks = int(there.sum())
    return (1 - share) * away * np.sqrt(n_blocks / max(n_blocks - 1, 1))


def median_errors(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Compute what errors of the targets make of their median.

    Adding errors to estimates, which have errors already, would spread the targets too far, and
    the median of a wide distribution varies more than that of a narrow one. So each estimate is
    drawn toward the median first, until with errors it spreads as it did: the more, the more of
    its distance is its own error. How far true values spread is found as in a meta-analysis
    (Paule & Mandel 1982, doi:10.6028/jres.087.022).

    Parameters
    ----------
    values : float array (targets,)
        Estimates, none NaN; infinite ones stay beyond all others, whatever their errors.
    errors : float array (draws, targets)
        Simulated; of mean 0.

    Returns
    -------
    float array (draws,)
        Errors of the median.
    """
    center = np.median(values)
    if len(values) == 1:
        return errors[:, 0]
    near = np.isfinite(values)
    drawn = values.copy()
    drawn[near] = center + _kept(values[near] - center, errors[:, near]) * (values[near] - center)
    step = max(1, CHUNK // len(values))
    parts = [np.median(drawn + errors[k : k + step], axis=1) for k in range(0, len(errors), step)]
    return np.concatenate(parts) - center


def _kept(distances: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return which share of its distance from the median each target keeps."""
    noise = errors.var(0)
    if not (distances.any() and noise.any()):
        return np.ones(len(distances))
    precision = 1 / np.maximum(noise, noise.max() * 1e-12)
    together = errors @ precision / precision.sum()  # moves all targets alike: does not spread them
    own = np.array([(column - together).var() for column in errors.T])
    low, high = 0.0, float((distances**2).sum() / max(len(distances) - 1, 1))
    for _ in range(60):
        spread = (low + high) / 2
        excess = (distances**2 / (spread + own)).sum() > len(distances) - 1
        low, high = (spread, high) if excess else (low, spread)
    return np.sqrt(high / (high + own))


def joint_freedom(deviations: Deviations) -> float:
    """Compute the degrees of freedom of the error of a median over targets.

    Those of a single target, and more where targets err independently: the error of a median
    depends on their variances, of which there are many then. In how many directions they err is
    seen with few units only, which make it look as if there were few; that is taken away by the
    moments of a Wishart distribution. The factor is that by which estimated errors of medians
    scatter less than those of single targets, in simulations.

    Parameters
    ----------
    deviations : Deviations

    Returns
    -------
    float
        From `freedom` to 2.2 times as many.
    """
    inner = deviations.values @ deviations.values.T
    size = float((inner**2).sum())
    if size == 0:
        return deviations.freedom
    seen, few = size / float(np.trace(inner)) ** 2, 1 / max(deviations.freedom, 1.0)
    rest = max(1 + few - 2 * seen * few, 1e-9)
    concentration = float(np.clip((seen - few) / rest, 0, 1))  # 1 / directions
    return deviations.freedom * (1 + MOST_FREEDOM * (1 - concentration))


def fisher_interval(
    estimate: float, error: float, freedom: float, level: float
) -> tuple[float, float]:
    """Compute a t interval of a correlation on Fisher's scale, so that it is as skewed as r is.

    Parameters
    ----------
    estimate, error : float
        The latter a standard error.
    freedom : float
        Degrees of freedom.
    level : float
        Confidence, as in 0.95.

    Returns
    -------
    low, high : float
        NaN where the error is unknown.
    """
    if not (np.isfinite(error) and freedom >= 1):
        return float("nan"), float("nan")
    if abs(estimate) >= 1:
        return float(estimate), float(estimate)
    middle = np.arctanh(estimate)
    reach = stats.t.ppf((1 + level) / 2, freedom) * error / (1 - estimate**2)
    return float(np.tanh(middle - reach)), float(np.tanh(middle + reach))


def t_interval(
    estimate: float, error: float, freedom: float, level: float
) -> tuple[float, float, float]:
    """Compute a t interval around an estimate, and the two-sided p of it being 0.

    Parameters
    ----------
    estimate, error, freedom, level : float
        As for `fisher_interval`.

    Returns
    -------
    low, high, p : float
        NaN where the error is unknown.
    """
    if not (np.isfinite(error) and freedom >= 1):
        return float("nan"), float("nan"), float("nan")
    reach = stats.t.ppf((1 + level) / 2, freedom) * error
    ratio = abs(estimate) / error if error > 0 else (0.0 if estimate == 0 else np.inf)
    return float(estimate - reach), float(estimate + reach), float(2 * stats.t.sf(ratio, freedom))


def t_test(values: np.ndarray, errors: np.ndarray, freedom: float) -> tuple[np.ndarray, np.ndarray]:
    """Test each of some estimates against 0.

    Parameters
    ----------
    values, errors : float arrays (targets,)
        Estimates, and their standard errors; 0 where unknown.
    freedom : float

    Returns
    -------
    p, p_greater : float arrays (targets,)
        Two-sided, and of not being above 0. NaN where the error is unknown, but for estimates
        of exactly 0, of which p is 1.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(errors > 0, values / errors, np.where(values == 0, 0.0, np.nan))
    p = np.where(ratio == 0, 1.0, 2 * stats.t.sf(np.abs(ratio), freedom))
    return p, stats.t.sf(ratio, freedom)
