"""Compare two systems that met the same stimuli: layer by layer, beside chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.pair_tables import refuse_pairs
from neuroalign.data.repetitions import average_repetitions
from neuroalign.data.schema import is_stream
from neuroalign.errors import DataError, name_some
from neuroalign.features.matching import design_rows, label_rows
from neuroalign.numerics.similarity.calibration import calibrate
from neuroalign.numerics.similarity.inputs import check_stimuli
from neuroalign.numerics.similarity.measure import Measure, check_measure

Activations = xr.DataArray | pd.DataFrame


def compare_systems(first: Activations, second: Activations, measure: Measure) -> float:
    """Compare the activations (or responses) of two systems to the same stimuli.

    Parameters
    ----------
    first, second : DataArray (stimulus, ...) or DataFrame
        Matched by label; both must have the same stimuli. Repetitions of recordings are averaged.
    measure : similarity measure
        Such as ``na.similarity.CKA()``.

    Returns
    -------
    float
        NaN where the measure is undefined.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> units = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 5)))
    >>> round(na.similarity.compare_systems(units, 3 * units, na.similarity.CKA()), 6)
    1.0
    """
    check_measure(measure)
    sides = {"first": _averaged(first), "second": _averaged(second)}
    labels = _shared_labels(sides)
    return float(measure.compare_arrays(*(_rows(values, labels) for values in sides.values())))


def compare_layers(
    first: Mapping[str, Activations],
    second: Mapping[str, Activations],
    measure: Measure,
    *,
    n_permutations: int = 200,
    groups: Mapping[str, str] | pd.Series | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Compare every layer of one system with every layer of another, beside chance.

    The largest of many comparisons is large by chance, the more so the more layers there are. So
    the stimuli of the second system are exchanged, for all layers alike, and the largest is taken
    anew each time.

    Parameters
    ----------
    first, second : mapping of str to DataArray (stimulus, ...) or DataFrame
        Layer -> activations, matched by label. Repetitions of recordings are averaged.
    measure : similarity measure
    n_permutations : int
        19 or more.
    groups : mapping of str to str, or Series, optional
        Stimulus -> group; whole groups of equal size are exchanged.
    seed : int

    Returns
    -------
    Dataset
        Over `layer` and `layer_other`: `similarity`, its `null_mean` and `null_sd` over exchanged
        stimuli, `calibrated` (0 is chance, 1 the value of equal systems), `p` of a pair named
        beforehand, and `p_largest` of one chosen as the largest. The attribute `best_pair` names
        the largest.

    References
    ----------
    Nichols & Holmes (2002), doi:10.1002/hbm.1058, on the maximum; Phipson & Smyth (2010),
    doi:10.2202/1544-6115.1585, on p.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> layers = {name: pd.DataFrame(rng.normal(size=(40, 4))) for name in ("low", "high")}
    >>> turned = {"one": layers["high"] @ np.linalg.qr(rng.normal(size=(4, 4)))[0]}
    >>> found = na.similarity.compare_layers(layers, turned, na.similarity.CKA())
    >>> found.attrs["best_pair"]
    'high and one'
    """
    check_measure(measure)
    for side in (first, second):
        if not isinstance(side, Mapping) or not side:
            message = (
                f"Layers are given as a {type(side).__name__}; give layer -> activations, one or "
                "more."
            )
            raise DataError(message)
    one_side, other_side = (
        {str(name): _averaged(values) for name, values in side.items()} for side in (first, second)
    )
    named = {f"{word} {name}": v for word, s in zip("12", (one_side, other_side), strict=True)
             for name, v in s.items()}  # fmt: skip
    labels = _shared_labels(named)
    of_groups = None
    if groups is not None:
        if not isinstance(groups, (Mapping, pd.Series)):
            message = f"Groups are given as a {type(groups).__name__}; give stimulus -> group."
            raise DataError(message)
        table = pd.Series(groups)
        if (missing := labels[~np.isin(labels, table.index.astype(str))]).size:
            message = f"{len(missing)} stimuli have no group {name_some(missing)}."
            raise DataError(message)
        of_groups = table.set_axis(table.index.astype(str))[labels].to_numpy().astype(str)
    found = calibrate(
        measure,
        [_rows(values, labels) for values in one_side.values()],
        [_rows(values, labels) for values in other_side.values()],
        n_permutations=n_permutations,
        groups=of_groups,
        seed=seed,
    )
    dims = ("layer", "layer_other")
    best = "none"
    if np.isfinite(found.score).any():
        one, two = np.unravel_index(np.nanargmax(found.score), found.score.shape)
        best = f"{list(one_side)[one]} and {list(other_side)[two]}"
    return xr.Dataset(
        {
            "similarity": (dims, found.score),
            "null_mean": (dims, found.null_mean),
            "null_sd": (dims, found.null_sd),
            "calibrated": (dims, found.calibrated),
            "p": (dims, found.p),
            "p_largest": (dims, found.p_family),
            "largest_null": ("permutation", found.largest_null),
        },
        {"layer": list(one_side), "layer_other": list(other_side)},
        {"measure": repr(measure), "best_pair": best, "n_stimuli": len(labels)},
    )


def describe_measures(measures: Sequence[Any]) -> pd.DataFrame:
    """Tabulate what measures promise: invariances, chance level, range, cost, one failure.

    Parameters
    ----------
    measures : sequence of similarity measures
        Such as ``[na.similarity.CKA(), na.rsa.RSA()]``.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> import neuroalign as na
    >>> na.similarity.describe_measures([na.similarity.CKA()])["invariances"].item()
    'permutation, rotation, scale, translation'
    """
    if not isinstance(measures, Sequence):
        message = f"Measures are given as a {type(measures).__name__}; give a list of them."
        raise DataError(message)
    for measure in measures:
        check_measure(measure)
    rows = [
        {
            "measure": type(measure).__name__,
            "invariances": ", ".join(sorted(measure.invariances)),
            "chance": measure.chance,
            "range": f"{measure.range[0]:g} to {measure.range[1]:g}",
            "cost": measure.cost,
            "fails": measure.fails,
        }
        for measure in measures
    ]
    return pd.DataFrame(rows)


def _shared_labels(sides: Mapping[str, Activations]) -> np.ndarray:
    """Return the labels that all sides have, sorted; sides with others are refused."""
    for name, values in sides.items():
        refuse_pairs(values, name)
    found = {name: set(label_rows(values)["stimulus"].values) for name, values in sides.items()}
    first_name, labels = next(iter(found.items()))
    for name, own in found.items():
        if odd := sorted(own ^ labels):
            message = (
                f"The stimuli of {first_name!r} and {name!r} differ in {len(odd)} "
                f"{name_some(odd)}; select those that both have."
            )
            raise DataError(message)
    check_stimuli(len(labels), 2)
    return np.array(sorted(labels), dtype=str)


def _averaged(values: Activations) -> Activations:
    """Average a recording over repetitions, which are no units; leave activations as they are."""
    if not isinstance(values, xr.DataArray):
        return values
    if "neuroid" in values.dims and not is_stream(values):
        return average_repetitions(values)
    if "repetition" in values.dims:
        message = (
            "Activations have an axis of repetitions, which are no units; average over it, as in "
            "values.mean('repetition'), or make a recording for na.average_repetitions."
        )
        raise DataError(message)
    return values


def _rows(values: Activations, labels: np.ndarray) -> np.ndarray:
    return design_rows(label_rows(values), labels)
