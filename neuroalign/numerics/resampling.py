"""Standard errors and percentiles from resampled folds and blocks."""

from __future__ import annotations

import numpy as np
from scipy import stats

from neuroalign.numerics.moments import correlation


def fold_interval(
    estimate: float,
    per_fold: np.ndarray,
    test_share: float,
    level: float,
    *,
    n_repeats: int = 1,
) -> tuple[float, float]:
    """Compute a t interval from the spread over folds, corrected for shared training rows.

    The variance of the estimate is taken as (1 / K + n_test / n_train) var(per_fold), not
    var(per_fold) / K, because the folds share most of their training rows (Nadeau & Bengio 2003,
    doi:10.1023/A:1024068626366).

    Parameters
    ----------
    estimate : float
        Center of the interval.
    per_fold : float array (folds,)
        The statistic in each fold; NaN where undefined, and then left out.
    test_share : float
        Held-out rows per training row of a fold.
    level : float
        Confidence, as in 0.95.
    n_repeats : int
        Times that the rows were divided anew. Repeating makes the estimate steadier, but teaches
        nothing new about the spread: the degrees of freedom stay those of one division.

    Returns
    -------
    low, high : float
        NaN where fewer than two folds of one division are defined.
    """
    defined = per_fold[np.isfinite(per_fold)]
    n_folds = len(defined)
    freedom = n_folds // n_repeats - 1
    if freedom < 1:
        return float("nan"), float("nan")
    error = np.sqrt((1 / n_folds + test_share) * defined.var(ddof=1))
    reach = stats.t.ppf((1 + level) / 2, freedom) * error
    return float(estimate - reach), float(estimate + reach)


def bootstrap_correlations(
    moments: np.ndarray, train_sd: np.ndarray, n_samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Resample blocks of held-out rows with replacement, and correlate each sample.

    Exact: the moments of a sample are the sum of those of its blocks.

    Parameters
    ----------
    moments : float array (blocks, targets, 6)
    train_sd : float array (targets,)
    n_samples : int
    rng : Generator

    Returns
    -------
    float array (n_samples, targets)
    """
    n_blocks = len(moments)
    flat = moments.reshape(n_blocks, -1)
    samples = []
    for _ in range(n_samples):
        counts = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks))
        samples.append(correlation((counts @ flat).reshape(moments.shape[1:]), train_sd)[0])
    return np.array(samples)
