"""From scores to tables: medians over neuroids, and the layer that training stimuli choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.ceilings import Ceiling, mean_over_folds, median_share, normalize_by_ceiling
from neuroalign.ceilings.typed import ceilings_in
from neuroalign.errors import DataError, unknown_name
from neuroalign.inference.intervals import median_interval
from neuroalign.inference.normalized import normalized_interval
from neuroalign.results.similarity_table import similarity_table

BEST = "best"
CEILING = "split_half"  # by which tables normalize
INTER_SUBJECT = "inter_subject"
FORM: Literal["r/sqrt(ceiling)"] = "r/sqrt(ceiling)"


def summarize(
    scores: xr.Dataset, by: str | Sequence[str] = ("layer",), *, mask: Ceiling | None = None
) -> pd.DataFrame:
    """Tabulate the median score over neuroids, with its interval and noise ceiling.

    Parameters
    ----------
    scores : Dataset
        From `score` or `best_layer`.
    by : str or sequence of str
        What gets a row each: "layer", and coordinates of the neuroids such as "subject" and "roi".
    mask : Ceiling, optional
        As for `normalize_by_ceiling`: leaves neuroids out of `normalized_r`.

    Returns
    -------
    DataFrame
        One row each, with the columns `r` (median over neuroids of the mean over folds), `r_low`
        and `r_high` (95%), `interval` (its estimand: "procedure" or "conditional"), `ceiling_r`
        (root of the median noise ceiling from split halves: r of a perfect model; 0 where that
        is not positive), `normalized_r` (median of r / root of the ceiling, neuroid by neuroid),
        `normalized_low` and `normalized_high` (its interval, in which the ceiling errs too; NaN
        where folds are repeated),
        `n_neuroids`, `n_undefined` (those without any score, which the medians leave out),
        `n_below_noise` (ceilings that are not positive) and, with a mask, `n_masked`. Ceilings that
        are not positive count in `normalized_r` as ratios beyond all others of the sign of r: to
        leave them out would be to choose neuroids by the noise that they are divided by.

        Of scores by a similarity measure: `similarity` averaged over views, with its 95% interval
        over stimuli (`low`, `high`), `shuffled`, the bounds there are, `n_views` and `n_undefined`.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.score(na.load_model("pixels"), dataset)
    >>> list(na.summarize(scores, by=["layer", "roi"]).columns[:4])
    ['layer', 'roi', 'r', 'r_low']
    """
    names = [by] if isinstance(by, str) else list(by)
    if "similarity" in scores:
        return similarity_table(scores, names)
    _check_coordinates(scores, [name for name in names if name != "layer"])
    if "layer" not in names and scores.sizes["layer"] > 1:
        message = (
            "Scores of several layers are not averaged; put 'layer' into by=, or choose one with "
            "best_layer(scores)."
        )
        raise DataError(message)
    rows = []
    for layer in scores["layer"].values:
        at_layer = scores.sel(layer=layer)
        for levels, part in _parts(at_layer, [name for name in names if name != "layer"]):
            labels = {**levels, "layer": str(layer)}
            rows.append({**{name: labels[name] for name in names}, **_row(part, mask)})
    return pd.DataFrame(rows)


def _check_coordinates(scores: xr.Dataset, names: Sequence[str]) -> None:
    known = [str(key) for key, c in scores.coords.items() if c.dims == ("neuroid",)]
    for name in names:
        if name not in known:
            raise unknown_name(name, ["layer", *known], kind="coordinate of neuroids")


def _parts(scores: xr.Dataset, names: list[str]) -> list[tuple[dict[str, str], xr.Dataset]]:
    """Split neuroids by the levels of coordinates, in order of appearance."""
    if not names:
        return [({}, scores)]
    levels = pd.DataFrame({name: scores[name].values.astype(str) for name in names})
    groups = levels.groupby(names, sort=False).indices
    return [
        ({name: str(levels[name].iloc[rows[0]]) for name in names}, scores.isel(neuroid=rows))
        for rows in groups.values()
    ]


def _row(scores: xr.Dataset, mask: Ceiling | None) -> dict[str, object]:
    interval = median_interval(scores)
    known = ceilings_in(scores)
    bound = np.array([np.nan])
    normalized, reach, masked = np.nan, (np.nan, np.nan), {}
    if CEILING in known:
        bound = scores[f"ceiling_{CEILING}"].values
        share = normalize_by_ceiling(scores, form=FORM, ceiling=CEILING, mask=mask)
        normalized = median_share(share, mean_over_folds(scores))
        if not scores["repeat"].any():
            reach = normalized_interval(scores, form=FORM, ceiling=CEILING, mask=mask)[1:3]
        masked = {} if mask is None else {"n_masked": share.attrs["n_masked"]}
    r = mean_over_folds(scores)
    undefined = r.isnull().all([dim for dim in r.dims if dim != "neuroid"])
    between = {}
    if INTER_SUBJECT in known:
        between = {"inter_subject_r": _median(scores[f"ceiling_{INTER_SUBJECT}"].values)}
    return {
        "r": interval.median,
        "r_low": interval.low,
        "r_high": interval.high,
        "interval": interval.estimand,
        "ceiling_r": float(np.sqrt(np.maximum(_median(bound), 0))),
        "normalized_r": normalized,
        "normalized_low": reach[0],
        "normalized_high": reach[1],
        **between,
        "n_neuroids": scores.sizes["neuroid"],
        "n_undefined": int(undefined.sum()),
        "n_below_noise": int((bound <= 0).sum()),
        **masked,
    }


def _median(values: np.ndarray) -> float:
    defined = values[np.isfinite(values)]
    return float(np.median(defined)) if defined.size else float("nan")


def best_layer(scores: xr.Dataset, *, by: str | Sequence[str] = ()) -> xr.Dataset:
    """Keep, in every fold, the layer that its training stimuli choose.

    The layer of highest median `inner_r2` over neuroids, the R^2 on inner folds of the training
    stimuli. Held-out stimuli have no say, so the score is that of a layer chosen honestly; it may
    differ from the maximum of the profile, which is biased upwards.

    Parameters
    ----------
    scores : Dataset
        From `score`, by a metric with inner folds; one whose `inner_r2` is undefined is refused.
    by : str or sequence of str, optional
        Coordinates of the neuroids, such as "subject" or "roi", to choose separately for each.

    Returns
    -------
    Dataset
        With the single layer "best"; the coordinate `chosen_layer` (fold, neuroid) names the
        choice. Predictions are dropped.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> scores = na.best_layer(na.score(na.load_model("pixels"), dataset))
    >>> str(scores.chosen_layer.values[0, 0])
    'pixels'
    """
    if "similarity" in scores:
        message = (
            "Similarity measures fit nothing, so that no training stimuli choose a layer; name "
            "one, as in scores.sel(layer=[...]), or test the best by na.similarity.compare_layers."
        )
        raise DataError(message)
    scores = scores.drop_vars("prediction", errors="ignore")
    names = [by] if isinstance(by, str) else list(by)
    _check_coordinates(scores, names)
    groups = _parts(scores, names)
    parts = [_chosen(part) for _, part in groups]
    joined = (
        parts[0]
        if len(parts) == 1
        else xr.concat(
            parts,
            "neuroid",
            join="exact",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            combine_attrs="override",
        )
    )
    return joined.sel(neuroid=scores["neuroid"].values)


def _chosen(scores: xr.Dataset) -> xr.Dataset:
    others = [dim for dim in scores["inner_r2"].dims if dim not in ("layer", "fold")]
    medians = scores["inner_r2"].median(others, skipna=True).transpose("fold", "layer").values
    scored = scores["r"].notnull().any([dim for dim in scores["r"].dims if dim != "fold"]).values
    if scores.sizes["layer"] > 1 and (scored & ~np.isfinite(medians).any(1)).any():
        message = (
            "inner_r2, by which training stimuli choose a layer, is undefined for all layers; "
            "score with inner folds, as in MappingEncoding(..., inner_folds=3)."
        )
        raise DataError(message)
    best = np.argmax(np.where(np.isfinite(medians), medians, -np.inf), axis=1)
    of_fold = xr.DataArray(best, dims="fold")
    of_block = xr.DataArray(best[scores["fold_of_block"].values], dims="block")
    picked = {}
    for name, values in scores.data_vars.items():
        if "layer" not in values.dims:
            picked[name] = values
            continue
        lead, index = ("block", of_block) if "block" in values.dims else ("fold", of_fold)
        every = xr.DataArray(np.arange(scores.sizes[lead]), dims=lead)
        picked[name] = values.isel({"layer": index, lead: every}).drop_vars("layer")
    chosen = xr.Dataset(picked, attrs=scores.attrs)
    names = np.broadcast_to(
        scores["layer"].values[best][:, None], (len(best), scores.sizes["neuroid"])
    )
    return chosen.assign_coords(chosen_layer=(("fold", "neuroid"), names)).expand_dims(layer=[BEST])
