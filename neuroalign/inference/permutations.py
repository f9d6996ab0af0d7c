"""Permutation tests: how often do features that meet the wrong responses score as well."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.errors import DataError, unknown_name
from neuroalign.features.steps import FeatureStep
from neuroalign.folds import FoldRule
from neuroalign.inference.exchange import Exchange, plan_exchange
from neuroalign.inference.null_table import NullTable
from neuroalign.inference.refits import CHOOSING, as_table, mean_r, refit_anew, refit_fixed
from neuroalign.metrics.encoding import RidgeEncoding
from neuroalign.metrics.protocol import Metric, check_metric
from neuroalign.models.protocol import Model, count_layers
from neuroalign.preparation import Prepared, Selection, prepare
from neuroalign.progress import announce, progress_bar, progress_wanted

FIXED, ANEW = "fixed", "anew"


def permutation_test(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    dataset: BrainDataset,
    metric: Metric | None = None,
    *,
    layers: Sequence[str] | None = None,
    subjects: str | Sequence[str] | None = None,
    roi: str | Sequence[str] | None = None,
    neuroids: Sequence[str] | None = None,
    features: FeatureStep | Sequence[FeatureStep] | None = None,
    folds: FoldRule | None = None,
    n_permutations: int = 1000,
    alphas: str = FIXED,
    exchange: str = "auto",
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Test scores against those of features that meet the responses of other stimuli.

    Everything is fitted anew in every permutation. All neuroids, layers and models of one dataset
    and seed get the same permutations. A p is (1 + permutations with an r as large) / (1 +
    permutations), and never 0.

    Parameters
    ----------
    model : Model or mapping
    dataset : BrainDataset
    metric : Metric, optional
        By default ``RidgeEncoding(dtype="float32")``.
    layers : sequence of str, optional
    subjects, roi : str or sequence of str, optional
    neuroids : sequence of str, optional
    features : feature step or sequence of them, optional
    folds : fold rule, optional
    n_permutations : int
        All there are, if those are fewer.
    alphas : {"fixed", "anew"}
        "fixed": one alpha per neuroid for all folds and permutations, which 100 of them choose
        together. Only for `RidgeEncoding`, whose folds, not its inner ones, then judge alphas.
        "anew": all that the metric does, in every permutation; for any metric with an `r`.
    exchange : str
        What changes places: "rows", where they are independent; "groups", whole and of equal
        size; "shifts", of the responses in a circle within runs; "within_groups", rows that are
        independent within their group. "auto" takes the first three, for stimuli without groups,
        stimuli with groups, and streams.
    seed : int
        Of folds and permutations.
    progress : bool

    Returns
    -------
    Dataset
        `r` (layer, neuroid, [time]), the mean over folds; its `p`; `p_family`, the p of the
        largest r over layers, neuroids and time; `null_mean` and `null_quantile`. `median_r`
        (layer, view, [time]), the median over the neuroids that have an r, of all, and of each
        subject and roi, with `median_p`, `median_p_family` and `median_null_quantile`. The
        coordinate `smallest_p` of a neuroid is the least that its own rows can lead to. The
        attributes say what was exchanged and why.

    References
    ----------
    p: Phipson & Smyth (2010), doi:10.2202/1544-6115.1585; maximum: Nichols & Holmes (2002),
    doi:10.1002/hbm.1058.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> test = na.inference.permutation_test(na.load_model("pixels"), dataset, n_permutations=99)
    >>> test.p.dims, test.attrs["smallest_p"]
    (('layer', 'neuroid'), 0.01)
    """
    measure: Metric = RidgeEncoding(dtype="float32") if metric is None else metric
    _check(measure, alphas)
    selection = Selection(
        subjects=subjects, roi=roi, neuroids=neuroids, features=features, folds=folds, seed=seed
    )
    network, prepared = prepare(model, dataset, selection)
    plan = plan_exchange(prepared, exchange, n_permutations, seed)
    start = time.perf_counter()
    with progress_wanted(progress):
        table = _run(network, layers, measure, prepared, plan, alphas)
    table.attrs = {
        "model": network.name,
        "dataset": dataset.name,
        "metric": repr(measure),
        "folds": repr(prepared.rule),
        "seed": seed,
        **plan.words(),
        **table.attrs,
        "seconds": round(time.perf_counter() - start, 3),
    }
    return table


def _check(metric: Metric, alphas: str) -> None:
    """Refuse what is no metric, and a metric that has no fixed alpha to refit at."""
    check_metric(metric)
    if alphas not in (FIXED, ANEW):
        raise unknown_name(alphas, (FIXED, ANEW), kind="way to choose alphas")
    if alphas == FIXED and not isinstance(metric, RidgeEncoding):
        message = (
            f"alphas='fixed' is for RidgeEncoding, but the metric is {type(metric).__name__}; use "
            "alphas='anew', which takes as long as that many scores."
        )
        raise DataError(message)
    if alphas == FIXED and isinstance(metric, RidgeEncoding) and metric.shared_alpha:
        message = (
            "alphas='fixed' chooses an alpha for every neuroid, but the metric has "
            "shared_alpha=True; use alphas='anew', or RidgeEncoding without it."
        )
        raise DataError(message)


def _run(
    model: Model,
    layers: Sequence[str] | None,
    metric: Metric,
    prepared: Prepared,
    plan: Exchange,
    alphas: str,
) -> xr.Dataset:
    """Test one layer at a time."""
    joined = prepared.joined
    table = NullTable(joined, prepared.neuroids, [_smallest_p(own, plan) for own in joined])
    n_layers = count_layers(model, layers)
    fixed = metric if alphas == FIXED and isinstance(metric, RidgeEncoding) else None
    steps = 1 if fixed else len(plan.draws) + 1
    said = {"alphas": _fixed_words(fixed) if fixed else "all chosen anew in every permutation"}
    with progress_bar(f"{model.name}: permutations", n_layers * len(joined) * steps) as advance:
        for layer, activations in prepared.layers(model, layers):
            parts = []
            for own in joined:
                features = prepared.features(activations, own)
                if fixed:
                    parts.append(refit_fixed(fixed, features, own, prepared.splits, plan))
                    advance()
                    continue
                if not table.layers and not parts:
                    n_fits = n_layers * len(joined) * steps
                    said["cost"] = _cost(n_fits, metric, features, own, prepared)
                parts.append(refit_anew(metric, features, own, prepared.splits, plan, advance))
            table.add(layer, parts)
    return table.labelled().assign_attrs(said)


def _smallest_p(recording: xr.DataArray, plan: Exchange) -> np.ndarray:
    """Return the smallest p that each column of a recording can have."""
    table = as_table(recording)
    least = np.empty(table.responses.shape[1])
    for shown, columns in table.blocks:
        least[columns] = plan.smallest_p(table.labels[shown])
    return least.reshape(recording.shape[1:])


def _fixed_words(metric: RidgeEncoding) -> str:
    """Say which alpha the permutations are refitted at."""
    if len(metric.alphas) == 1:
        return f"{metric.alphas[0]:g}, as asked for, in every permutation"
    return (
        "one per neuroid for all folds and permutations, chosen by the observed pairing and "
        f"{CHOOSING - 1} others together"
    )


def _cost(
    n_fits: int,
    metric: Metric,
    features: xr.DataArray,
    recording: xr.DataArray,
    prepared: Prepared,
) -> str:
    """Time one fit, and say how long all of them take."""
    start = time.perf_counter()
    mean_r(metric, features, recording, prepared.splits)
    seconds = time.perf_counter() - start
    minutes = n_fits * seconds / 60
    whole = f"{minutes / 60:.1f} hours" if minutes > 90 else f"{minutes:.1f} minutes"
    sentence = f"one fit takes {seconds:.2g} s, and {n_fits} fits about {whole}"
    announce(f"{sentence[0].upper()}{sentence[1:]}.")
    return sentence
