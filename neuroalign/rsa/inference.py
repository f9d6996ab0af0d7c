"""How sure RSA is: bootstrap over stimuli and subjects, noise ceiling, and held-out stimuli."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from neuroalign.data.dataset import BrainDataset
from neuroalign.errors import DataError, unknown_name
from neuroalign.folds.rules import KFold
from neuroalign.numerics.rdm.bootstrap import bootstrap_scores, draw_counts, dual_bootstrap
from neuroalign.numerics.rdm.bounds import noise_ceiling
from neuroalign.numerics.rdm.held_out import cross_validate
from neuroalign.numerics.rdm.measure import RSA
from neuroalign.numerics.rdm.models import (
    DissimilarityModel,
    FixedModel,
    InterpolatedModel,
    SelectedModel,
    WeightedModel,
)
from neuroalign.numerics.rdm.spaces import comparison_named
from neuroalign.numerics.rdm.variances import t_tests, variances_of_scores
from neuroalign.rsa.matched import match

STIMULI, SUBJECTS, BOTH = "stimuli", "subjects", "both"
LEVEL = 0.95
KINDS: dict[str, Callable[[], DissimilarityModel]] = {
    "fixed": FixedModel,
    "selected": SelectedModel,
    "weighted": WeightedModel,
    "interpolated": InterpolatedModel,
}

Models = Mapping[str, xr.DataArray | pd.DataFrame]
Subjects = BrainDataset | Mapping[str, xr.DataArray]


def bootstrap(
    models: Models,
    subjects: Subjects,
    measure: RSA | None = None,
    *,
    over: str = BOTH,
    n_samples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """Score models by RSA, with intervals over new stimuli, new subjects or both.

    Parameters
    ----------
    models : mapping of str to DataArray or DataFrame
        Activations (stimulus, ...), or dissimilarities (stimulus, stimulus_other).
    subjects : BrainDataset or mapping of str to DataArray
        Recordings or dissimilarities of the same stimuli.
    measure : RSA, optional
        By default ``RSA()``.
    over : {"both", "stimuli", "subjects"}
        What intervals and tests generalize to.
    n_samples : int
    seed : int

    Returns
    -------
    Dataset
        Over `model`: `similarity` (mean over subjects), its standard `error` and 95% interval
        (`low`, `high`), `p` (one-sided, of not being above 0) and `p_lower` (two-sided, of being
        at the lower bound); `p_difference` (model, model_other), two-sided and not corrected for
        the number of tests; `lower` and `upper`, the bounds of the noise ceiling, with
        `self_inclusion`, what the upper would read for subjects who have nothing in common. With
        one subject, all that is over subjects is NaN.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> units = pd.DataFrame(rng.normal(size=(20, 6)))
    >>> people = {name: units.values @ rng.normal(size=(6, 9)) for name in ("ann", "bob", "cid")}
    >>> dataset = na.make_dataset(people, {"text": [f"word {k}" for k in range(20)]})
    >>> found = na.rsa.bootstrap({"units": units}, dataset, over="stimuli", n_samples=200)
    >>> bool(found.low < found.similarity)
    True
    """
    if over not in (BOTH, STIMULI, SUBJECTS):
        raise unknown_name(over, (BOTH, STIMULI, SUBJECTS), kind="thing to generalize to")
    measure = measure or RSA()
    matched = match(models, subjects, measure)
    n_stimuli, n_subjects = len(matched.stimuli), len(matched.subject_names)
    data = (matched.models, matched.subjects, measure.comparison)
    stimulus_counts = draw_counts(n_stimuli, n_samples, [seed, 0])
    subject_counts = draw_counts(n_subjects, n_samples, [seed, 1])
    if over == BOTH:
        drawn = dual_bootstrap(
            *data, stimulus_counts=stimulus_counts, subject_counts=subject_counts
        )
        variances = variances_of_scores(drawn, n_stimuli=n_stimuli, n_subjects=n_subjects)
    elif over == STIMULI:
        samples = bootstrap_scores(*data, stimulus_counts=stimulus_counts)
        variances = variances_of_scores(samples, n_stimuli=n_stimuli)
    else:
        samples = bootstrap_scores(*data, subject_counts=subject_counts)
        variances = variances_of_scores(samples, n_subjects=n_subjects)
    scores = comparison_named(measure.comparison)(matched.models, matched.subjects).mean(1)
    ceiling = noise_ceiling(matched.subjects, measure.comparison)
    tests = t_tests(scores, ceiling.lower, variances)
    error = np.sqrt(variances.scores)
    reach = stats.t.ppf((1 + LEVEL) / 2, max(variances.freedom, 1)) * error
    names = matched.model_names
    return xr.Dataset(
        {
            "similarity": ("model", scores),
            "error": ("model", error),
            "low": ("model", scores - reach),
            "high": ("model", scores + reach),
            "p": ("model", tests.zero),
            "p_lower": ("model", tests.lower),
            "p_difference": (("model", "model_other"), tests.pairs),
            "lower": ceiling.lower,
            "upper": ceiling.upper,
            "self_inclusion": ceiling.self_inclusion,
        },
        {"model": names, "model_other": names},
        {
            "metric": repr(measure),
            "interval": f"95%, over new {'stimuli and subjects' if over == BOTH else over}",
            "upper_bound": (
                "no dissimilarities do better with these subjects"
                if ceiling.upper_is_maximum
                else f"heuristic; none do better than {ceiling.limit:.3f}"
            ),
            "n_subjects": n_subjects,
            "n_stimuli": n_stimuli,
        },
    )


def fit_held_out(
    models: Models,
    subjects: Subjects,
    measure: RSA | None = None,
    *,
    kind: str = "weighted",
    folds: KFold | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Combine models into one on training stimuli, and score it on held-out ones.

    Parameters
    ----------
    models : mapping of str to DataArray or DataFrame
        What is combined: say the layers of a network.
    subjects : BrainDataset or mapping of str to DataArray
    measure : RSA, optional
        By default ``RSA(comparison="cosine")``; the fit maximizes that comparison.
    kind : {"weighted", "selected", "interpolated", "fixed"}
        A sum with weights of 0 or more; the best of them; the best mixture of two neighbors in
        their order; or the single one that is given.
    folds : KFold, optional
        By default ``KFold(5)``.
    seed : int
        Of the folds.

    Returns
    -------
    Dataset
        Over `fold`: `similarity` on pairs of held-out stimuli, the bounds `lower` and `upper` of
        the same stimuli, `n_test`, and the `weight` (fold, model) that training stimuli gave.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> layers = {name: pd.DataFrame(rng.normal(size=(40, 6))) for name in ("a", "b")}
    >>> brain = np.hstack([layers["a"], 2 * layers["b"]])
    >>> dataset = na.make_dataset(brain, {"text": [f"word {k}" for k in range(40)]})
    >>> found = na.rsa.fit_held_out(layers, dataset, na.rsa.RSA("squared_euclidean", "cosine"))
    >>> bool((found.weight.sel(model="b") > found.weight.sel(model="a")).all())
    True
    """
    if kind not in KINDS:
        raise unknown_name(kind, KINDS, kind="kind of model")
    measure = measure or RSA(comparison="cosine")
    matched = match(models, subjects, measure)
    if kind == "fixed" and len(matched.model_names) > 1:
        message = f"{len(matched.model_names)} models are not one fixed model; give one of them."
        raise DataError(message)
    rule = KFold(5) if folds is None else folds
    splits = rule.split(pd.DataFrame(index=matched.stimuli), seed)
    fold_of = splits.fold_of()[matched.stimuli].to_numpy()
    found = cross_validate(
        KINDS[kind](),
        matched.models,
        matched.subjects,
        measure.comparison,
        stimulus_folds=fold_of,
    )
    return xr.Dataset(
        {
            "similarity": ("fold", found.scores),
            "lower": ("fold", found.lower),
            "upper": ("fold", found.upper),
            "n_test": ("fold", found.n_stimuli),
            "weight": (("fold", "model"), found.theta.reshape(len(found.scores), -1)),
        },
        {"model": matched.model_names},
        {"metric": repr(measure), "kind": kind},
    )
