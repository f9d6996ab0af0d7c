"""Spiking measures of cross-validated predictions, against each fold's own training rates."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, name_some
from neuroalign.metrics.single_responses import Matched, match_single, undefined_sentence
from neuroalign.metrics.spiking import bits_of
from neuroalign.numerics.signal_power import explained_share, normalized_correlation
from neuroalign.numerics.spiking import Measured, average_r2
from neuroalign.numerics.undefined import flag_attributes

MEASURES = ("bits_per_spike", "psth_r2", "feve", "cc_norm")


def spiking_scores(
    scores: xr.Dataset, recording: xr.DataArray, *, fewest: float = 0.15
) -> xr.Dataset:
    """Score the held-out predictions of an encoding model by spiking measures.

    Each held-out response is compared with the prediction of the fold that held it out, and in
    bits per spike with that fold's training mean as the null: the mean over training stimuli of
    their averaged responses.

    Parameters
    ----------
    scores : Dataset
        From `score` with ``MappingEncoding(Poisson(), keep_predictions=True)``.
    recording : DataArray
        Of one subject, as it was scored, with its repetitions.
    fewest : float
        Of `feve`.

    Returns
    -------
    Dataset
        `bits_per_spike`, `psth_r2`, `feve` and `cc_norm` (layer, neuroid, [time]) over all held-out
        rows together; `undefined` (measure, layer, neuroid, [time]): why a value is NaN, counted
        in `n_undefined` (measure, layer) and in words in the attribute `undefined`; `n_spikes` and
        `n_stimuli` (neuroid, [time]): what was scored. Bits per spike of a population are the mean
        of those of its neuroids weighted by `n_spikes`.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(90, 9))
    >>> names = [f"s{number:02}" for number in range(90)]
    >>> layer = xr.DataArray(units, {"stimulus": names}, ("stimulus", "unit"))
    >>> counts = na.simulate.spikes(layer, n_neuroids=3)
    >>> dataset = na.make_dataset(counts, pd.DataFrame(index=names))
    >>> metric = na.metrics.MappingEncoding(na.mappings.Poisson([0.1]), keep_predictions=True)
    >>> scores = na.score({"planted": layer}, dataset, metric, folds=na.KFold(3))
    >>> na.metrics.spiking_scores(scores, counts).feve.dims
    ('layer', 'neuroid')
    """
    _check_scores(scores)
    matched = match_single(_scored_neuroids(scores, recording), "spiking_scores")
    null = _nulls(scores, matched)
    layers = scores["layer"].values
    parts = []
    for layer in layers:
        prediction = scores["prediction"].sel(layer=layer)
        rates = matched.columns(prediction, "The prediction")
        parts.append(_measures(matched, rates, null, fewest))
    scored = _held_out(matched, rates, null).responses
    counted = {
        "n_spikes": (scored.counts * scored.averages).sum(0),
        "n_stimuli": scored.shown.sum(0),
    }
    return _labelled(matched, scores, parts, counted)


def _check_scores(scores: xr.Dataset) -> None:
    for name, missing in (("prediction", "predictions"), ("train_mean", "training means")):
        if name not in scores:
            message = (
                f"These scores hold no {missing}, which spiking measures need; score with "
                "MappingEncoding(neuroalign.mappings.Poisson(), keep_predictions=True), and give "
                "the scores before best_layer, which drops predictions."
            )
            raise DataError(message)
    if "provenance" not in scores.attrs:
        message = "These scores do not say which fold held out what; give them as na.score does."
        raise DataError(message)


def _scored_neuroids(scores: xr.Dataset, recording: xr.DataArray) -> xr.DataArray:
    """Select the neuroids of the recording that were scored, in the order of the scores."""
    if not isinstance(recording, xr.DataArray) or "subject" not in recording.coords:
        kind = type(recording).__name__
        message = f"A {kind} is not a recording; give that of one subject, as make_recording does."
        raise DataError(message)
    subject = str(recording["subject"].item())
    ours = scores["neuroid"].values[scores["subject"].values.astype(str) == subject]
    if not len(ours):
        known = dict.fromkeys(scores["subject"].values.astype(str))
        message = f"The scores are of other subjects {name_some(known)} than {subject!r}."
        raise DataError(message)
    places = recording.indexes["neuroid"].get_indexer(ours)
    if (missing := ours[places < 0]).size:
        message = (
            f"{missing.size} of {len(ours)} neuroids that were scored are missing from the "
            f"recording {name_some(missing)}."
        )
        raise DataError(message)
    return recording.isel(neuroid=places)


def _nulls(scores: xr.Dataset, matched: Matched) -> np.ndarray:
    """Return the training mean of the fold that held a row out; NaN where none did."""
    tested = json.loads(scores.attrs["provenance"])["test_stimuli"]
    dims = set(matched.labels) - {matched.rows}
    labels = matched.labels[matched.rows]
    null = np.full(matched.responses.counts.shape, np.nan)
    for number, repeat in zip(scores["fold"].values, scores["repeat"].values, strict=True):
        if repeat == 0:  # predictions of further repetitions are not kept
            mean = matched.values(scores["train_mean"].sel(fold=number), "The training mean", dims)
            null[np.isin(labels, tested[number])] = mean.ravel()
    return null


def _held_out(matched: Matched, rates: np.ndarray, null: np.ndarray) -> Matched:
    """Leave out responses that no fold predicted, since it held them not out, or could not."""
    scored = matched.responses.without(~(np.isfinite(rates) & np.isfinite(null)))
    return Matched(matched.labels, scored, matched.coords)


def _measures(
    matched: Matched, rates: np.ndarray, null: np.ndarray, fewest: float
) -> dict[str, Measured]:
    held_out = _held_out(matched, rates, null)
    return {
        "bits_per_spike": bits_of(held_out, rates, null),
        "psth_r2": average_r2(held_out.responses, rates),
        "feve": explained_share(held_out.responses, rates, fewest=fewest)[0],
        "cc_norm": normalized_correlation(held_out.responses, rates),
    }


def _labelled(
    matched: Matched,
    scores: xr.Dataset,
    parts: list[dict[str, Measured]],
    counted: dict[str, np.ndarray],
) -> xr.Dataset:
    dims = [dim for dim in matched.labels if dim != matched.rows]
    shape = [len(matched.labels[dim]) for dim in dims]
    reason = np.stack([[part[name].reason for part in parts] for name in MEASURES])
    values = {name: np.stack([part[name].values for part in parts]) for name in MEASURES}
    sentences = (
        f"{name} of layer {layer!s}: {undefined_sentence(reason[place, row], matched.names)}"
        for place, name in enumerate(MEASURES)
        for row, layer in enumerate(scores["layer"].values)
        if reason[place, row].any()
    )
    return xr.Dataset(
        {
            **{name: (("layer", *dims), v.reshape(-1, *shape)) for name, v in values.items()},
            "undefined": (
                ("measure", "layer", *dims),
                reason.reshape(*reason.shape[:2], *shape),
                flag_attributes(),
            ),
            "n_undefined": (("measure", "layer"), (reason > 0).sum(2)),
            **{name: (dims, number.reshape(shape)) for name, number in counted.items()},
        },
        {**matched.coords, "layer": scores["layer"].values, "measure": list(MEASURES)},
        {
            **{name: scores.attrs[name] for name in ("model", "dataset", "metric", "provenance")},
            "null": "mean of averaged responses over the training stimuli of each fold",
            "undefined": "; ".join(sentences) or "no value is undefined",
        },
    )
