"""Score a model against a dataset: the loop over layers and subjects."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.errors import DataError
from neuroalign.features.steps import FeatureStep
from neuroalign.folds import FoldRule
from neuroalign.guards import (
    GUARDS,
    OF_ACTIVATIONS,
    Case,
    ChosenLayer,
    check_guards,
    run_guards,
)
from neuroalign.metrics.encoding import RidgeEncoding
from neuroalign.metrics.protocol import Metric, check_metric
from neuroalign.models.protocol import Model, count_layers
from neuroalign.preparation import Prepared, Selection, prepare, side_by_side, stack_layers
from neuroalign.progress import progress_bar, progress_wanted
from neuroalign.results.description import describe_scores
from neuroalign.results.provenance import provenance
from neuroalign.score_ceilings import score_ceilings
from neuroalign.similarity.sides import Measure
from neuroalign.similarity_scores import score_similarity


def score(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    dataset: BrainDataset,
    metric: Metric | Measure | None = None,
    *,
    by: str | Sequence[str] = (),
    layers: Sequence[str] | None = None,
    subjects: str | Sequence[str] | None = None,
    roi: str | Sequence[str] | None = None,
    neuroids: Sequence[str] | None = None,
    features: FeatureStep | Sequence[FeatureStep] | None = None,
    folds: FoldRule | None = None,
    seed: int = 0,
    guards: Sequence[str] = GUARDS,
    progress: bool = True,
) -> xr.Dataset:
    """Score the layers of a model against the recordings of a dataset.

    Parameters
    ----------
    model : Model or mapping
        From `load_model` or `TorchModel`, or layer -> activations labelled by stimulus.
    dataset : BrainDataset
    metric : Metric or similarity measure, optional
        By default ``RidgeEncoding()``, which predicts each neuroid. A measure such as
        ``na.rsa.RSA()`` or ``na.similarity.CKA()`` compares each layer with whole recordings, and
        fits nothing.
    by : str or sequence of str
        For similarity measures: what splits the recordings of subjects, such as "roi".
    layers : sequence of str, optional
        By default those of the model.
    subjects, roi : str or sequence of str, optional
    neuroids : sequence of str, optional
    features : feature step or sequence of them, optional
        What becomes of activations before the metric, such as ``TimeGrid(delays=(2, 4, 6))`` or
        ``RandomProjection()`` of `neuroalign.features`. A stream gets ``TimeGrid()`` where none
        is given.
    folds : fold rule, optional
        By default ``KFold(10)``, or fewer folds where stimuli are few, over whole groups where the
        stimuli have them; for streams over whole runs, or over five stretches of time, as far
        apart as the features reach, where there are fewer than three runs.
    seed : int
        Of folds, inner folds and split halves; the same seed splits the same stimuli alike, for
        every model and order of rows.
    guards : sequence of str
        What is looked for beside the score, at the layer that training stimuli choose, for no
        more time than the score takes: what features without content predict ("content-free"),
        what the layer does once stimuli are exchanged ("shuffled"), pixels or the rate of words
        ("baseline"), test stimuli that were trained on ("duplicates"), and neighbors that folds
        part ("autocorrelation"). ``()`` for none. Neither r nor seeds depend on them. Of these,
        similarity measures have "shuffled".
    progress : bool
        Show a bar where the standard error is a terminal.

    Returns
    -------
    Dataset
        `r` (layer, fold, neuroid, [time]): Pearson r between responses averaged over repetitions
        and their held-out predictions, raw and signed; NaN where undefined, and `undefined` says
        why. `ceiling_split_half` and `ceiling_anova` (neuroid, [time]): share of signal in the
        variance of the same averages; `ceiling_inter_subject`: correlation with the others, where
        subjects share neuroids; each with `_error`, `_without` and `_undefined`. `moments`: sums
        from which r can be resampled. `guard_r` (guard, fold, neuroid, [time]): r that should be
        near 0, or lower; the attribute `guards` says in words what each found. The attribute
        `provenance` is a JSON string with hashes, splits, seed, versions and options.

        Similarity measures give instead `similarity` (layer, view, [time]), where a view is a
        subject, or a subject's part by `by`; its `error` and 95% interval, `low` and `high`, by a
        jackknife over 20 blocks of stimuli, whose values are in `without`; `shuffled`, what the
        measure reads with stimuli exchanged; `undefined`; and bounds of what a perfect model could
        reach: `ceiling_halves` (between halves of the repetitions: a lower bound), and for RSA of
        several subjects `ceiling_lower`, `ceiling_upper` and `ceiling_self_inclusion`.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> na.score(na.load_model("pixels"), dataset).r.dims
    ('layer', 'fold', 'neuroid')
    """
    measure = RidgeEncoding() if metric is None else metric
    check_metric(measure, Measure)
    wanted = check_guards(guards)
    selection = Selection(
        subjects=subjects, roi=roi, neuroids=neuroids, features=features, folds=folds, seed=seed
    )
    if isinstance(measure, Measure):
        return score_similarity(
            model,
            dataset,
            measure,
            selection=selection,
            by=by,
            layers=layers,
            shuffle="shuffled" in wanted,
            progress=progress,
        )
    if by:
        message = (
            f"by={by!r} splits recordings for measures of whole recordings, but {measure!r} scores "
            "every neuroid; leave it out, and use summarize(scores, by=...)."
        )
        raise DataError(message)
    return _score_neuroids(model, dataset, measure, selection, layers, wanted, progress)


def _score_neuroids(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    dataset: BrainDataset,
    metric: Metric,
    selection: Selection,
    layers: Sequence[str] | None,
    guards: Sequence[str],
    progress: bool,
) -> xr.Dataset:
    """Score every neuroid by a metric, beside its ceilings and guards."""
    start = time.perf_counter()
    network, prepared = prepare(model, dataset, selection)
    chosen = ChosenLayer(keep=not set(guards).isdisjoint(OF_ACTIVATIONS))
    with progress_wanted(progress):
        scores = _score_layers(network, layers, metric, prepared, chosen)
        scores = scores.merge(
            score_ceilings(prepared.recordings, prepared.splits, selection.seed), join="left"
        )
        scores = scores.sel(neuroid=prepared.neuroids)
        seconds = round(time.perf_counter() - start, 3)
        case = Case(
            prepared=prepared,
            metric=metric,
            model=network,
            chosen=chosen,
            scores=scores,
            seed=selection.seed,
        )
        guarded = run_guards(guards, case)
    options = {
        "model": network.name,
        "dataset": dataset.name,
        "metric": repr(metric),
        "features": [repr(step) for step in prepared.steps],
        "folds": repr(prepared.rule),
        "seed": selection.seed,
        "selection": selection.names,
        "layers": [str(layer) for layer in scores["layer"].values],
        "seconds": seconds,
        "guards": guarded.seconds,
    }
    record = provenance(network, prepared.averages, prepared.stimuli, prepared.splits, options)
    described = describe_scores(scores, prepared, options)
    scores = scores.merge(guarded.scores)
    scores.attrs = {**described, **guarded.attrs, "provenance": record}
    return scores


def _score_layers(
    model: Model,
    layers: Sequence[str] | None,
    metric: Metric,
    prepared: Prepared,
    chosen: ChosenLayer,
) -> xr.Dataset:
    """Evaluate one layer at a time, and stack them; the bar opens once the first layer is there."""
    source = prepared.layers(model, layers)
    item: tuple[str, xr.DataArray] | None = next(source)
    n_layers = count_layers(model, layers)  # of a network that its first pass has built
    names, parts = [], []
    with progress_bar(f"{model.name}: layers scored", n_layers) as advance:
        while item is not None:
            layer, activations = item
            scored = side_by_side(
                [
                    metric.evaluate(prepared.features(activations, own), own, prepared.splits)
                    for own in prepared.joined
                ]
            )
            chosen.see(layer, activations, scored)
            names.append(layer)
            parts.append(scored)
            del item, activations  # before the next layer takes as much memory
            advance()
            item = next(source, None)
    return stack_layers(parts, names)
