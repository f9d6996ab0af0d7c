"""Which of several models predicts better, over all neuroids and neuroid by neuroid."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.inference.intervals import (
    LEVEL,
    STIMULI,
    check_one_layer,
    check_same_data,
    difference_interval,
    paired_spreads,
    spread_of,
)
from neuroalign.inference.multiple import benjamini_hochberg, holm
from neuroalign.inference.similarity import average_views, similarity_difference
from neuroalign.numerics.resampling import t_test

LIMIT = 1 - LEVEL


def compare(
    scores: Mapping[str, xr.Dataset], *, over: str = STIMULI, seed: int = 0
) -> pd.DataFrame:
    """Compare models by the median of their scores, every two of them, on the same data.

    Parameters
    ----------
    scores : mapping of str to Dataset
        Name -> scores of one layer, such as ``best_layer(score(...))`` or a saved run from
        `load_scores`. All of the same responses, neuroids and folds; anything else is refused.
    over : {"stimuli", "subjects"}
        What the intervals generalize to: new stimuli for these subjects, or new subjects too
        (three are needed).
    seed : int
        Of the simulated errors.

    Returns
    -------
    DataFrame
        A row for every two: `first`, `second`, their median `r` over the neuroids that both
        predict, the `difference` with its 95% interval (`low`, `high`), which pairs them by
        stimuli, the two-sided `p`, `p_holm` (corrected for all rows; Holm 1979), the `interval`'s
        estimand and `n_neuroids` (of similarity scores, `similarity_first`, `similarity_second`
        and `n_views`). Over subjects, the difference is the mean of those within
        subjects, not that of the two medians.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> runs = {name: na.best_layer(na.score(na.load_model(name), dataset, layers=layers))
    ...     for name, layers in (("pixels", None), ("efficientnet-lite0", ["_blocks.8"]))}
    >>> na.compare(runs)[["first", "second"]].values.tolist()
    [['pixels', 'efficientnet-lite0']]
    """
    if isinstance(scores, xr.Dataset) or not isinstance(scores, Mapping):
        message = (
            f"Scores are given as a {type(scores).__name__}; compare takes them by name, as in "
            "compare({'trained': scores, 'untrained': others})."
        )
        raise DataError(message)
    if len(scores) < 2:
        message = f"A comparison needs two scores or more, but {len(scores)} were given."
        raise DataError(message)
    similar = [isinstance(given, xr.Dataset) and "similarity" in given for given in scores.values()]
    if all(similar):
        return _compare_similarity(scores, over)
    if any(similar):
        likeness, rest = (list(scores)[similar.index(way)] for way in (True, False))
        message = f"The scores of {likeness!r} are similarities, those of {rest!r} are not."
        raise DataError(message)
    for name, given in scores.items():
        check_one_layer(f"the scores of {name!r}", given)
    rows = []
    for (first, one), (second, two) in itertools.combinations(scores.items(), 2):
        _check_same(first, one, second, two)
        found = difference_interval(one, two, over=over, seed=seed)
        r, other = (spread.r for spread in paired_spreads(one, two))
        kept = np.isfinite(r) & np.isfinite(other)
        medians = [float(np.median(v[kept])) if kept.any() else np.nan for v in (r, other)]
        rows.append(
            {
                "first": first,
                "second": second,
                "r_first": medians[0],
                "r_second": medians[1],
                "difference": found.median,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "interval": found.estimand,
                "n_neuroids": int(kept.sum()),
            }
        )
    table = pd.DataFrame(rows)
    table.insert(8, "p_holm", holm(table["p"].to_numpy()))
    return table


def _compare_similarity(scores: Mapping[str, xr.Dataset], over: str) -> pd.DataFrame:
    """Compare scores by one similarity measure, every two of them."""
    rows = []
    for (first, one), (second, two) in itertools.combinations(scores.items(), 2):
        try:
            found = similarity_difference(one, two, over=over)
        except DataError as error:
            message = f"Scores {first!r} and {second!r} cannot be compared: {error}"
            raise DataError(message) from error
        rows.append(
            {
                "first": first,
                "second": second,
                "similarity_first": average_views(one).value,
                "similarity_second": average_views(two).value,
                "difference": found.median,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "interval": found.estimand,
                "n_views": one.sizes["view"],
            }
        )
    table = pd.DataFrame(rows)
    table.insert(8, "p_holm", holm(table["p"].to_numpy()))
    return table


def neuroid_differences(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """Compare two scores of one layer each, neuroid by neuroid.

    Parameters
    ----------
    first, second : Dataset
        As for `compare`.

    Returns
    -------
    Dataset (neuroid, [time])
        `r_first`, `r_second`, `difference` and its `error`, the two-sided `p` of no difference
        and `p_greater`, of the first not being better; NaN where one of them is undefined.

    Examples
    --------
    >>> import neuroalign as na
    >>> scores = na.score(na.load_model("pixels"), na.load_dataset("simulated-v4", n_crops=3))
    >>> bool((na.inference.neuroid_differences(scores, scores).difference == 0).all())
    True
    """
    for name, given in (("first", first), ("second", second)):
        check_one_layer(f"the {name} scores", given)
    check_same_data(first, second)
    one, two = paired_spreads(first, second)
    away = one.deviations.values - two.deviations.values
    difference = one.r - two.r
    error = np.sqrt((away**2).sum(0))
    p, greater = t_test(difference, error, one.deviations.freedom)
    values = {
        "r_first": one.r,
        "r_second": two.r,
        "difference": difference,
        "error": np.where(np.isfinite(difference), error, np.nan),
        "p": p,
        "p_greater": greater,
    }
    return _labelled(values, first).assign_attrs(interval=one.estimand)


def nested_comparison(
    scores: xr.Dataset, *, against: Mapping[str, xr.Dataset | Sequence[xr.Dataset]]
) -> xr.Dataset:
    """Ask of every neuroid whether a model predicts it at all, and better than certain others.

    Only neuroids that the model predicts (lower end of the 95% interval of r above 0) are
    compared, since a comparison of two models of noise is nothing but chances to err. A
    comparison with several others asks whether all of them are beaten, by the largest of their
    p; so "best unimodal" need not say beforehand which one is best.

    Parameters
    ----------
    scores : Dataset
        Of the model in question, one layer.
    against : mapping of str to Dataset or sequence of them
        What is asked -> whom to beat, as in ``{"best unimodal": [vision, language],
        "concatenation": both, "untrained": twin}``.

    Returns
    -------
    Dataset
        `r` (neuroid, [time]); `p_predicted` (one-sided) and `predicted`; over the axis
        `comparison`: `difference` (from the nearest of the others), `p` (one-sided), `p_fdr`
        (Benjamini & Hochberg 1995 over the predicted neuroids, for each comparison) and `passed`
        (p_fdr <= .05). NaN and False where not predicted.

    References
    ----------
    Subramaniam et al. (2024), arXiv:2406.14481, compare multimodal with unimodal networks and
    their concatenation in this way; Berger (1982), doi:10.1080/00401706.1982.10487790, on beating
    all of several.

    Examples
    --------
    >>> import neuroalign as na
    >>> scores = na.score(na.load_model("pixels"), na.load_dataset("simulated-v4", n_crops=3))
    >>> asked = na.inference.nested_comparison(scores, against={"itself": scores})
    >>> int(asked.passed.sum())
    0
    """
    check_one_layer("the scores of the model", scores)
    if not against:
        message = "Nobody is named to compare with; pass against={'untrained': scores_of_the_twin}."
        raise DataError(message)
    own = spread_of(scores)
    error = np.sqrt((own.deviations.values**2).sum(0))
    two_sided, p_predicted = t_test(own.r, error, own.deviations.freedom)
    predicted = (p_predicted <= LIMIT / 2) & np.isfinite(two_sided)
    parts = []
    for others in against.values():
        rivals = [others] if isinstance(others, xr.Dataset) else list(others)
        found = [neuroid_differences(scores, rival) for rival in rivals]
        p = np.max([one["p_greater"].values.ravel() for one in found], axis=0)
        gap = np.min([one["difference"].values.ravel() for one in found], axis=0)
        p = np.where(predicted, p, np.nan)
        corrected = benjamini_hochberg(p)
        parts.append(
            _labelled(
                {
                    "difference": np.where(predicted, gap, np.nan),
                    "p": p,
                    "p_fdr": corrected,
                    "passed": np.nan_to_num(corrected, nan=1.0) <= LIMIT,
                },
                scores,
            )
        )
    asked = xr.concat(parts, xr.Variable("comparison", list(against)), join="exact")
    gate = _labelled({"r": own.r, "p_predicted": p_predicted, "predicted": predicted}, scores)
    what = "pairs of neuroid and time" if "time" in asked.dims else "neuroids"
    return asked.assign(gate.data_vars).assign_attrs(
        interval=own.estimand,
        sentence=f"{int(predicted.sum())} of {len(own.r)} {what} are predicted; of these, "
        + ", ".join(
            f"{int(part['passed'].sum())} better than {name}"
            for name, part in zip(against, parts, strict=True)
        ),
    )


def _check_same(first: str, one: xr.Dataset, second: str, two: xr.Dataset) -> None:
    try:
        check_same_data(one, two)
    except DataError as error:
        message = f"Scores {first!r} and {second!r} cannot be compared: {error}"
        raise DataError(message) from error


def _labelled(values: Mapping[str, np.ndarray], scores: xr.Dataset) -> xr.Dataset:
    """Put neuroids (and times) back on columns."""
    like = scores["r"].isel(fold=0)
    like = like.squeeze("layer", drop=True) if "layer" in like.dims else like
    dims = {
        str(name): c.variable
        for name, c in like.coords.items()
        if set(c.dims) <= set(like.dims) and c.dims
    }
    return xr.Dataset(
        {name: (like.dims, np.reshape(column, like.shape)) for name, column in values.items()}, dims
    )
