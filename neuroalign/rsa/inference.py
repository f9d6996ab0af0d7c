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
from neuroalign.numerics.rdm import bounds
from neuroalign.numerics.rdm.bootstrap import bootstrap_scores, draw_counts, dual_bootstrap
from neuroalign.numerics.rdm.bounds import NoiseCeiling
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
from neuroalign.numerics.similarity.inputs import check_whole
from neuroalign.rsa.matched import labels_of, match, stack_rows, subject_dissimilarities

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
        Recordings or dissimilarities of the same stimuli. Where the stimuli of a dataset have
        groups, whole groups are drawn.
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
    measure = _checked(measure, RSA())
    check_whole("n_samples", n_samples, 2)
    check_whole("seed", seed, 0)
    matched = match(models, subjects, measure)
    units, of_stimulus = _units(matched.stimuli)
    n_stimuli, n_subjects = len(units), len(matched.subject_names)
    data = (matched.models, matched.subjects, measure.comparison)
    stimulus_counts = draw_counts(n_stimuli, n_samples, [seed, 0])[:, of_stimulus]
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
    ceiling = bounds.noise_ceiling(matched.subjects, measure.comparison)
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
            "n_stimuli": len(matched.stimuli),
        },
    )


def fit_held_out(
    models: Models,
    subjects: Subjects,
    measure: RSA | None = None,
    *,
    kind: str = "weighted",
    fitted_by: str | None = None,
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
        By default ``RSA(comparison="correlation")``; the fit maximizes that comparison.
    kind : {"weighted", "selected", "interpolated", "fixed"}
        A sum with weights of 0 or more; the best of them; the best mixture of two neighbors in
        their order; or the single one that is given.
    fitted_by : str, optional
        Another comparison for the fit: weights have no best value by ranks.
    folds : KFold, optional
        By default ``KFold(5)``, over whole groups where the stimuli of a dataset have them.
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
    measure = _checked(measure, RSA(comparison="correlation"))
    check_whole("seed", seed, 0)
    matched = match(models, subjects, measure)
    if kind == "fixed" and len(matched.model_names) > 1:
        message = f"{len(matched.model_names)} models are not one fixed model; give one of them."
        raise DataError(message)
    rule = KFold(5) if folds is None else folds
    if isinstance(rule, str) or not callable(getattr(rule, "split", None)):
        message = f"folds={folds!r} does not split stimuli; use KFold(n)."
        raise DataError(message)
    fold_of = rule.split(matched.stimuli, seed).fold_of()[matched.stimuli.index].to_numpy()
    found = cross_validate(
        KINDS[kind](),
        matched.models,
        matched.subjects,
        measure.comparison,
        stimulus_folds=fold_of,
        fitted_by=fitted_by,
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


def noise_ceiling(subjects: Subjects, measure: RSA | None = None) -> NoiseCeiling:
    """Bound how well any dissimilarities could compare with those of several subjects.

    Parameters
    ----------
    subjects : BrainDataset or mapping of str to DataArray
    measure : RSA, optional
        By default ``RSA()``.

    Returns
    -------
    NoiseCeiling
        `lower` (each subject compared with the pool of the others) and `upper` (with the pool of
        all); `upper_is_maximum` tells whether no dissimilarities do better than `upper`, and none
        ever do better than `limit`; `self_inclusion` is what `upper` would read for subjects with
        nothing in common. NaN for one subject.

    References
    ----------
    Nili et al. (2014), doi:10.1371/journal.pcbi.1003553.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> people = {name: rng.normal(size=(20, 9)) for name in ("ann", "bob", "cid", "dee")}
    >>> dataset = na.make_dataset(people, {"text": [f"word {k}" for k in range(20)]})
    >>> found = na.rsa.noise_ceiling(dataset, na.rsa.RSA(comparison="correlation"))
    >>> round(found.self_inclusion, 2)  # of noise alone
    0.5
    """
    measure = _checked(measure, RSA())
    own = subject_dissimilarities(subjects, measure)
    return bounds.noise_ceiling(stack_rows(own, labels_of(own)), measure.comparison)


def _checked(measure: RSA | None, default: RSA) -> RSA:
    if measure is None:
        return default
    if not isinstance(measure, RSA):
        message = f"{measure!r} compares no dissimilarities; use na.rsa.RSA()."
        raise DataError(message)
    return measure


def _units(stimuli: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return what is drawn, stimuli or groups of them, and which of them each stimulus is in."""
    names = stimuli.get("group", stimuli.index)
    units, of_stimulus = np.unique(names.to_numpy().astype(str), return_inverse=True)
    return units, of_stimulus
