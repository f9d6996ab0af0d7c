"""How much scores of models would vary over new stimuli and subjects, and tests that follow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.bootstrap import DualSamples, Samples


class Variances(NamedTuple):
    """Variances of scores over new samples; NaN where there is nothing to tell them from."""

    scores: np.ndarray  # (models,): their roots are the standard errors
    differences: np.ndarray  # (models, models): of the score of one less that of the other
    to_lower: np.ndarray  # (models,): of the score less the lower bound of the noise ceiling
    freedom: float  # degrees of freedom: the smaller number of what was resampled, less 1


class PValues(NamedTuple):
    """Of t tests."""

    zero: np.ndarray  # (models,): the score is not above 0 (one-sided)
    pairs: np.ndarray  # (models, models): both score alike (two-sided)
    lower: np.ndarray  # (models,): the score is the lower bound of the noise ceiling (two-sided)


def variances_of_scores(
    samples: Samples | DualSamples, *, n_stimuli: int | None = None, n_subjects: int | None = None
) -> Variances:
    """Estimate the variances of scores from bootstrap samples.

    A bootstrap of n varies by (n - 1) / n of what new samples do, so the variance over samples is
    multiplied by n / (n - 1). Resampling both stimuli and subjects counts their interaction (and
    noise) three times; with the bootstraps of either, s_p^2 and s_s^2, the variance is

        n_s / (n_s - 1) s_s^2 + n_p / (n_p - 1) s_p^2
        - n_p n_s / ((n_p - 1) (n_s - 1)) (s_both^2 - s_s^2 - s_p^2)

    no less than either of its first two terms, and no more than s_both^2.

    Parameters
    ----------
    samples : Samples or DualSamples
        As `bootstrap_scores` or `dual_bootstrap` returns them.
    n_stimuli, n_subjects : int, optional
        Numbers of what was resampled; both for `DualSamples`. `Samples` of both at once are
        corrected for the smaller, and overestimate.

    Returns
    -------
    Variances
        Of samples where scores are defined. NaN with fewer than two of what was resampled, as for
        one subject, or with fewer than two such samples.

    Raises
    ------
    DataError
        Where the numbers that are needed are missing.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.
    """
    numbers = [n for n in (n_stimuli, n_subjects) if n is not None]
    dual = isinstance(samples, DualSamples)
    if len(numbers) < (2 if dual else 1):
        message = (
            "Samples of stimuli and of subjects need both n_stimuli and n_subjects; give both."
            if dual
            else "Neither n_stimuli nor n_subjects is given; give the number of what was resampled."
        )
        raise DataError(message)
    factors = [n / (n - 1) if n > 1 else np.nan for n in numbers]
    if isinstance(samples, DualSamples):
        whole, over_stimuli, over_subjects = (_spread(part) for part in samples)
        apart = [over_stimuli * factors[0], over_subjects * factors[1]]
        shared = factors[0] * factors[1] * (whole - over_stimuli - over_subjects)
        found = np.maximum(np.maximum(apart[0] + apart[1] - shared, apart[0]), apart[1])
        found = np.minimum(found, whole)
    else:
        found = _spread(samples) * np.max(factors)
    n_models = (samples.both if isinstance(samples, DualSamples) else samples).scores.shape[1]
    differences = found[n_models : n_models + n_models**2].reshape(n_models, n_models)
    freedom = float(min(numbers) - 1)
    return Variances(found[:n_models], differences, found[n_models + n_models**2 :], freedom)


def t_tests(scores: np.ndarray, lower: float, variances: Variances) -> PValues:
    """Test models against 0, against each other and against the lower bound of the ceiling.

    Parameters
    ----------
    scores : float array (n_models,)
        Of all stimuli and subjects.
    lower : float
        The lower bound, of the same.
    variances : Variances

    Returns
    -------
    PValues
        NaN where a variance is 0 or NaN. Not corrected for the number of tests.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.
    """
    scores = np.asarray(scores, dtype=float)
    zero = stats.t.sf(_ratio(scores, variances.scores), variances.freedom)
    pairs = _ratio(scores[:, None] - scores, variances.differences)
    below = _ratio(scores - lower, variances.to_lower)
    two_sided = [2 * stats.t.sf(np.abs(t), variances.freedom) for t in (pairs, below)]
    return PValues(zero, *two_sided)


def _spread(samples: Samples) -> np.ndarray:
    """Compute variances over samples of scores, of all differences, and of scores less lower."""
    scores = samples.scores
    pairs = (scores[:, :, None] - scores[:, None]).reshape(len(scores), -1)
    columns = np.concatenate([scores, pairs, scores - samples.lower[:, None]], axis=1)
    defined = np.isfinite(columns)
    n = defined.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = columns - np.where(defined, columns, 0).sum(axis=0) / n
        total = np.where(defined, away**2, 0).sum(axis=0)
        return np.where(n > 1, total / (n - 1), np.nan)


def _ratio(value: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Divide by the standard error; NaN where that is 0 or unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variance > 0, value / np.sqrt(variance), np.nan)
