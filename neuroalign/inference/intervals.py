"""Confidence intervals of the median score over neuroids, each with its estimand.

An interval says what it would cover. `procedure`: the expected score of fitting anew at this
number of training stimuli, over new stimuli, for these neuroids. `conditional`: the expected score
of the predictor that was fitted, over new test stimuli, for these neuroids. `population`: the
expected score in a new subject.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import xarray as xr

from neuroalign.ceilings import mean_over_folds
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.numerics.resampling import (
    Deviations,
    block_deviations,
    fisher_interval,
    fold_deviations,
    joint_freedom,
    median_errors,
    t_interval,
)

LEVEL = 0.95
N_DRAWS, FEWEST_DRAWS = 1000, 200
MOST_NUMBERS = 50_000_000  # of simulated errors, in memory at a time
FEWEST_BLOCKS = 10  # fewer say too little about the spread of what they are a sample of
FEWEST_SUBJECTS = 3
INDEPENDENT = "independent"
STIMULI, SUBJECTS, POPULATION = "stimuli", "subjects", "population"


class Interval(NamedTuple):
    """A median over neuroids with its confidence interval and what that covers."""

    median: float
    low: float
    high: float
    estimand: str


class Difference(NamedTuple):
    """A difference of medians with its interval, the p of no difference, and the estimand."""

    median: float
    low: float
    high: float
    p: float
    estimand: str


class Spread(NamedTuple):
    """Scores of one layer as arrays, with how they err together."""

    r: np.ndarray  # (targets,), NaN where undefined
    deviations: Deviations
    estimand: str


def median_interval(scores: xr.Dataset, *, seed: int = 0) -> Interval:
    """Compute the median r over neuroids of one layer, with a 95% interval.

    Several folds give a `procedure` interval from their spread, which accounts for the training
    stimuli that they share; a single predefined fold gives a `conditional` one from the jackknife
    over blocks of test stimuli, of which there must be ten. How neuroids err together is kept, and
    the interval is that of their median. It is computed on Fisher's scale.

    Parameters
    ----------
    scores : Dataset
        From `score`, with one layer selected.
    seed : int
        Of the simulated errors.

    Returns
    -------
    Interval
        NaN where r is undefined for all neuroids, or there are fewer than three folds or ten
        blocks.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> na.inference.median_interval(scores).estimand
    'procedure'
    """
    spread = spread_of(scores)
    kept = np.isfinite(spread.r)
    if not kept.any():
        return Interval(float("nan"), float("nan"), float("nan"), spread.estimand)
    median, errors = _median_of(spread, kept, seed)
    freedom = joint_freedom(_columns(spread.deviations, kept))
    low, high = fisher_interval(median, known_error(float(errors.std())), freedom, LEVEL)
    return Interval(median, low, high, spread.estimand)


def difference_interval(
    first: xr.Dataset, second: xr.Dataset, *, over: str = STIMULI, seed: int = 0
) -> Difference:
    """Compute the difference of the medians of two scores on the same folds and neuroids.

    Parameters
    ----------
    first, second : Dataset
        From `score`, with one layer each (or from `best_layer`); same dataset, seed and folds.
    over : {"stimuli", "subjects"}
        What the interval generalizes to: new stimuli for these subjects, or new subjects too; the
        latter compares within subjects, and averages their differences.
    seed : int
        Of the simulated errors.

    Returns
    -------
    Difference
        Of median(first) - median(second). Both err with the same stimuli, which the interval and
        the two-sided p account for.
    """
    if over not in (STIMULI, SUBJECTS):
        raise unknown_name(over, (STIMULI, SUBJECTS), kind="thing to generalize to")
    check_same_data(first, second)
    one, two = paired_spreads(first, second)
    # Neuroids that only one of the two predicts would turn a difference of neuroids into one of
    # models.
    kept = np.isfinite(one.r) & np.isfinite(two.r)
    if not kept.any():
        nothing = float("nan")
        return Difference(nothing, nothing, nothing, nothing, one.estimand)

    def gap(part: np.ndarray) -> tuple[float, np.ndarray]:
        (r, errors), (other, others) = (_median_of(each, part, seed) for each in (one, two))
        return r - other, errors - others

    both = Deviations(
        (one.deviations.values - two.deviations.values)[:, kept], one.deviations.freedom
    )
    if over == STIMULI:
        found, errors = gap(kept)
        error, freedom, estimand = float(errors.std()), joint_freedom(both), one.estimand
    else:
        parts = [kept & own for own in _subjects(first) if (kept & own).any()]
        found, error, freedom = _effect_of_draws([gap(part) for part in parts])
        estimand = POPULATION
    same = np.array_equal(one.r[kept], two.r[kept]) and not both.values.any()
    low, high, p = t_interval(found, error if same else known_error(error), freedom, LEVEL)
    return Difference(found, low, high, p, estimand)


def population_interval(scores: xr.Dataset, *, seed: int = 0) -> Interval:
    """Compute the mean over subjects of their median r, with an interval over new subjects.

    Subjects are a random effect: their medians scatter by what differs between them and by noise
    of their own. What they have in common, the stimuli, errs besides; its variance is the mean
    covariance of the errors of two subjects.

    Parameters
    ----------
    scores : Dataset
        From `score`, with one layer selected, of three subjects or more.
    seed : int
        Of the simulated errors.

    Returns
    -------
    Interval
        Its estimand is "population".

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> units = pd.DataFrame(rng.normal(size=(60, 5)))
    >>> people = {name: units.values @ rng.normal(size=(5, 8)) + rng.normal(size=(60, 8))
    ...     for name in ("ann", "bob", "cid", "dee")}
    >>> dataset = na.make_dataset(people, {"text": [f"sentence {k}" for k in range(60)]})
    >>> scores = na.score({"layer": units}, dataset)
    >>> na.inference.population_interval(scores).estimand
    'population'
    """
    spread = spread_of(scores)
    parts = [own & np.isfinite(spread.r) for own in _subjects(scores)]
    found = [_median_of(spread, part, seed) for part in parts if part.any()]
    mean, error, freedom = _effect_of_draws(found)
    low, high = fisher_interval(mean, known_error(error), freedom, LEVEL)
    return Interval(mean, low, high, POPULATION)


def _subjects(scores: xr.Dataset) -> list[np.ndarray]:
    """Tell for each subject which columns are its own."""
    if "subject" not in scores.coords or scores["subject"].dims != ("neuroid",):
        message = "These scores do not say whose neuroids they are of; score a dataset of subjects."
        raise DataError(message)
    names = scores["subject"].broadcast_like(scores["r"].isel(fold=0)).values.ravel().astype(str)
    return [names == name for name in dict.fromkeys(names)]


def random_effect(values: np.ndarray, covariance: np.ndarray) -> tuple[float, float, float]:
    """Average over subjects; return the mean, its error over new subjects, and its freedom.

    Subjects scatter by what differs between them, and by noise of their own. What they have in
    common, the stimuli, errs besides: its variance is the mean covariance of two subjects' errors.
    """
    n = len(values)
    if n < FEWEST_SUBJECTS:
        message = (
            f"How subjects differ takes the scores of {FEWEST_SUBJECTS} or more, not of {n}; "
            "report each of them, as in summarize(scores, by=['layer', 'subject'])."
        )
        raise DataError(message)
    common = max(0.0, float(covariance.sum() - np.trace(covariance)) / (n * (n - 1)))
    own = float(np.var(values, ddof=1)) / n
    return float(np.mean(values)), float(np.sqrt(own + common)), float(n - 1)


def _effect_of_draws(found: list[tuple[float, np.ndarray]]) -> tuple[float, float, float]:
    """Average over subjects whose errors were simulated."""
    several = len(found) > 1  # fewer are refused
    covariance = np.cov([errors for _, errors in found]) if several else np.zeros((1, 1))
    return random_effect(np.array([value for value, _ in found]), covariance)


def paired_spreads(first: xr.Dataset, second: xr.Dataset) -> tuple[Spread, Spread]:
    """Read two scores on the same data, with deviations on one scale, so that they subtract."""
    pair = (first, second)
    shares = [noise_share(scores, mean_over_folds(scores).values.ravel()) for scores in pair]
    one, two = (spread_of(scores, share=np.maximum(*shares)) for scores in pair)
    return one, two


def spread_of(scores: xr.Dataset, *, share: np.ndarray | None = None) -> Spread:
    """Read r of one layer and how it errs from scores, with neuroids (and times) as columns."""
    check_one_layer("these scores", scores)
    r = mean_over_folds(scores).values.ravel()
    if scores.sizes["fold"] == 1:
        moments = scores["moments"].transpose("block", ..., "moment").values
        moments = moments.reshape(len(moments), len(r), -1)
        tested = moments[..., 0].max(1) > 0
        train_sd = scores["train_sd"].isel(fold=0).values.ravel()
        deviations = block_deviations(moments[tested], train_sd)
        if tested.sum() < FEWEST_BLOCKS:
            deviations = _unknown(deviations)
        return Spread(r, deviations, "conditional")
    per_fold = scores["r"].transpose("fold", ...).values.reshape(scores.sizes["fold"], -1)
    n_repeats = int(scores["repeat"].max()) + 1
    test_rows = scores["n_test"].mean([d for d in scores["n_test"].dims if d != "fold"]).values
    share = noise_share(scores, r) if share is None else share
    deviations = fold_deviations(per_fold, share, test_rows, n_repeats)
    return Spread(r, deviations, "procedure")


def noise_share(scores: xr.Dataset, r: np.ndarray) -> np.ndarray:
    """Estimate which share of the variance of a fold is noise of training times noise of test rows.

    In the predictions, it is `training_noise`; of the part of them that does not follow the
    responses, 1 - r^2, it is more. Two rows in n_test go into means and scale. Rows that depend on
    each other are as good as fewer rows, by the factor by which folds vary more than r of
    independent rows does. Where a metric does not know its noise, all of it may be.
    """
    if "training_noise" not in scores:
        return np.ones(len(r))
    noise = scores["training_noise"].transpose("fold", ...).values
    noise = np.nanmedian(np.where(np.isfinite(noise), noise, 1.0), axis=0).ravel()
    rows = float(scores["n_test"].mean())
    missed = np.maximum(1 - np.nan_to_num(r) ** 2, 1e-3)
    share = noise / missed * max(1 - 2 / rows, 0)
    if scores.attrs.get("rows") != INDEPENDENT:
        per_fold = scores["r"].transpose("fold", ...).values.reshape(scores.sizes["fold"], -1)
        with np.errstate(invalid="ignore"):
            varies = np.ma.masked_invalid(per_fold).var(axis=0, ddof=1).filled(np.nan)
        ratio = varies / (missed**2 / rows)
        share = share * max(1.0, float(np.nanmean(ratio))) if np.isfinite(ratio).any() else 1.0
    return np.clip(share, 0.0, 1.0) * np.ones(len(r))


def check_one_layer(name: str, scores: object) -> None:
    """Refuse what is no scores, and scores of several layers, which must be chosen from first."""
    if not isinstance(scores, xr.Dataset) or "r" not in scores:
        message = (
            f"{name[:1].upper()}{name[1:]} are a {type(scores).__name__} without r; use what "
            "score(...), best_layer(...) or load_scores(...) return."
        )
        raise DataError(message)
    if scores.sizes.get("layer", 1) > 1:
        message = (
            f"{name[:1].upper()}{name[1:]} are of {scores.sizes['layer']} layers "
            f"{name_some(scores['layer'].values)}; choose one with best_layer(scores) or "
            "scores.sel(layer=[...])."
        )
        raise DataError(message)


def check_same_data(first: xr.Dataset, second: xr.Dataset) -> None:
    """Refuse two scores that are not of the same responses, neuroids and folds."""
    one, two = (json.loads(scores.attrs["provenance"]) for scores in (first, second))
    for word, same in (
        ("responses", one["responses_sha256"] == two["responses_sha256"]),
        ("neuroids", np.array_equal(first["neuroid"].values, second["neuroid"].values)),
        ("folds", one["test_stimuli"] == two["test_stimuli"]),
        ("gaps around held-out rows", one.get("left_out") == two.get("left_out")),
    ):
        if not same:
            message = f"Two scores are compared on the same data only, but their {word} differ."
            raise DataError(message)


def _median_of(spread: Spread, kept: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """Return the median of some columns, and simulated errors of it."""
    r = spread.r[kept]
    errors = median_errors(r, simulated_errors(_columns(spread.deviations, kept), seed))
    return float(np.median(r)), errors


def _columns(deviations: Deviations, kept: np.ndarray) -> Deviations:
    return deviations._replace(values=deviations.values[:, kept])


def _unknown(deviations: Deviations) -> Deviations:
    return deviations._replace(values=np.zeros_like(deviations.values))


def known_error(error: float) -> float:
    """Return an error, or NaN where nothing was there to estimate it from."""
    return float(error) if error > 0 else float("nan")


def simulated_errors(deviations: Deviations, seed: int) -> np.ndarray:
    """Draw errors (draws, targets) that covary as the deviations say; the same seed, the same."""
    rng = np.random.default_rng([seed, 3])
    n_units, n_columns = deviations.values.shape
    n_draws = max(FEWEST_DRAWS, min(N_DRAWS, MOST_NUMBERS // max(n_columns, 1)))
    return rng.normal(size=(n_draws, n_units)) @ deviations.values
