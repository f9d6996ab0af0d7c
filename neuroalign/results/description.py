"""Say in plain words what scores are of, for whoever prints or plots them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from neuroalign.ceilings import Ceiling
from neuroalign.ceilings.typed import ESTIMATES, ceilings_in
from neuroalign.errors import name_some
from neuroalign.preparation import Prepared
from neuroalign.splits import Splits


def describe_scores(
    scores: xr.Dataset, prepared: Prepared, options: Mapping[str, object]
) -> dict[str, str]:
    """Describe scores by the attributes that they carry.

    Parameters
    ----------
    scores : Dataset
        Of all layers, with ceilings.
    prepared : Prepared
        The recordings that were scored.
    options : mapping of str to object
        Names of model and dataset, metric.

    Returns
    -------
    dict of str to str
    """
    averages, splits = prepared.averages, prepared.splits
    rois = scores["roi"].values.astype(str) if "roi" in scores.coords else ["unstated"]
    planted = {
        str(a.attrs["planted_layer"])
        for a in averages.values()
        # Layers of another model may be called alike.
        if a.attrs.get("planted_model", options["model"]) == options["model"]
        and "planted_layer" in a.attrs
    }
    optional = {
        "planted_layer": ", ".join(sorted(planted)),
        "samples": _samples(averages),
        "leakage": _leakage(splits, prepared.reach),
        "alpha_at_edge": _at_edge(scores),
    }
    return {
        **{name: sentence for name, sentence in optional.items() if sentence},
        "model": str(options["model"]),
        "dataset": str(options["dataset"]),
        "metric": str(options["metric"]),
        "stimuli": str(len(prepared.stimuli)),
        "rows": splits.dependence,
        "subjects": ", ".join(averages),
        "rois": ", ".join(dict.fromkeys(rois)),
        "units": ", ".join(dict.fromkeys(str(a.attrs["units"]) for a in averages.values())),
        "repetitions": _repetitions(averages),
        "noise_ceiling": _ceilings(scores),
        "undefined": _undefined(scores),
    }


def _samples(averages: Mapping[str, xr.DataArray]) -> str:
    streams = [average for average in averages.values() if "sample" in average.dims]
    if not streams:
        return ""
    counts = sorted({average.sizes["sample"] for average in streams})
    runs = set().union(*(average["run"].values for average in streams))
    numbers = "-".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    period = streams[0].attrs["sampling_period"]
    return f"{numbers} a subject, every {period:g} s, in {len(runs)} runs"


def _leakage(splits: Splits, reach: float) -> str:
    if splits.gap is not None:
        if splits.gap >= reach:
            return ""
        return (
            f"stretches are {splits.gap:g} s apart, as asked for, but features reach {reach:g} s: "
            "events near the borders are in training and test sets"
        )
    if not splits.parted:
        return ""
    return "groups have rows in training and test sets, as asked for: what they share counts"


def _at_edge(scores: xr.Dataset) -> str:
    if "alpha_at_edge" not in scores or not (defined := scores["alpha"].notnull()).any():
        return ""
    at_edge, n_fits = int(scores["alpha_at_edge"].sum()), int(defined.sum())
    return f"{at_edge} of {n_fits} alphas, one a fit, lie at an edge of the grid"


def _repetitions(averages: Mapping[str, xr.DataArray]) -> str:
    counts = [
        a["n_repetitions"].values.ravel() for a in averages.values() if "n_repetitions" in a.coords
    ]
    shown = np.concatenate(counts) if counts else np.ones(1, dtype=int)
    shown = shown[shown > 0]
    return f"{shown.min()}-{shown.max()} (median {np.median(shown):g})"


def _ceilings(scores: xr.Dataset) -> str:
    """List the median ceilings by what they bound, with the median of their standard errors."""
    listed: dict[str, list[str]] = {}
    for method in ceilings_in(scores):
        ceiling = Ceiling.from_scores(scores, method)
        bound = "" if ceiling.role == ESTIMATES else f", {ceiling.role}"
        value, error = float(ceiling.values.median()), float(ceiling.error.median())
        within = "unknown" if np.isnan(error) else f"{error:.3f}"
        words = f"{method.replace('_', '-')} {value:.3f} (standard error {within})"
        listed.setdefault(f"of {ceiling.bounds}{bound}, median", []).append(words)
    found = "; ".join(f"{kind}: {', '.join(values)}" for kind, values in listed.items())
    return found or "none: no stimulus was shown twice"


def _undefined(scores: xr.Dataset) -> str:
    nowhere = scores["r"].isnull().all([d for d in scores["r"].dims if d != "neuroid"])
    labels = scores["neuroid"].values[nowhere.values]
    sentence = f"{len(labels)} neuroids have no score in any layer"
    if not len(labels):
        return sentence
    reasons = scores["undefined"].attrs["flag_meanings"].split()
    found = np.unique(scores["undefined"].sel(neuroid=labels))
    named = " or ".join(reasons[flag].replace("_", " ") for flag in found if flag)
    return f"{sentence} {name_some(labels)}: {named}"
