"""The noise ceiling of a mapping: other subjects predict one, as models do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from neuroalign.ceilings.averages import mean_over_folds, mean_without_blocks
from neuroalign.ceilings.rows import ALL, labelled, undefined_estimate
from neuroalign.ceilings.typed import LOWER, Ceiling, join
from neuroalign.data.repetitions import average_repetitions
from neuroalign.data.schema import row_dim
from neuroalign.errors import DataError
from neuroalign.metrics.encoding import RidgeEncoding
from neuroalign.metrics.protocol import Metric
from neuroalign.numerics.blockwise import Estimate
from neuroalign.numerics.undefined import DEFINED, NO_OTHER_SUBJECT
from neuroalign.splits import Splits


def inter_subject_regression(
    recordings: Mapping[str, xr.DataArray], folds: Splits, *, metric: Metric | None = None
) -> Ceiling:
    """Predict each subject from the neuroids of all others, by the mapping that models get.

    A lower bound of the noise ceiling: the others are noisy, do not share everything, and have to
    be weighed from few stimuli. Unlike `inter_subject` it needs no neuroids that are the same in
    everybody.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> showings, events or stream. Rows that not everybody met are left out, and of the
        others those neuroids that miss a response to one of the rest.
    folds : Splits
        Of the rows, as a fold rule makes them: ``KFold(5).split(dataset.stimuli, seed=0)``.
    metric : Metric, optional
        An encoding metric; by default ``RidgeEncoding()``.

    Returns
    -------
    Ceiling
        Of correlation. Its error leaves out blocks of held-out rows, with the predictor as it was.
        NaN where there is nobody else. The coordinate `n_units` of the values counts the neuroids
        of others that predict.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> signal, labels = rng.normal(size=(60, 3)), [f"s{k:02}" for k in range(60)]
    >>> people = {name: na.make_recording(signal + 0.5 * rng.normal(size=(60, 3)),
    ...     ("stimulus", "neuroid"), subject=name, units="z", stimulus=labels, neuroid=range(3))
    ...     for name in ("ann", "bob")}
    >>> folds = na.KFold(5).split(pd.DataFrame(index=labels), seed=0)
    >>> na.ceilings.inter_subject_regression(people, folds).role
    'lower bound'
    """
    measure: Metric = RidgeEncoding() if metric is None else metric
    averages = [average_repetitions(recording) for recording in recordings.values()]
    rows = row_dim(averages[0])
    tested = set(np.concatenate([np.append(fold.train, fold.test) for fold in folds.folds]))
    shared = sorted(tested.intersection(*(average[rows].values for average in averages)))
    if not shared:
        message = "No stimulus with a fold was met by every subject, so none predicts another."
        raise DataError(message)
    same = [average.sel({rows: shared}) for average in averages]
    units = [_as_units(average, rows) for average in same]
    return join(
        [
            _predicted(units[:subject] + units[subject + 1 :], own, measure, folds)
            for subject, own in enumerate(same)
        ]
    )


def _as_units(average: xr.DataArray, rows: str) -> xr.DataArray:
    """Turn neuroids (and times) into units, leaving out those that miss a response."""
    values = average.values.reshape(average.sizes[rows], -1)
    complete = np.isfinite(values).all(0)
    return xr.DataArray(values[:, complete], {rows: average[rows].values}, (rows, "unit"))


def _predicted(
    others: list[xr.DataArray], own: xr.DataArray, metric: Metric, folds: Splits
) -> Ceiling:
    names = folds.blocks.drop_duplicates("block").sort_values("block")["name"].to_numpy(str)
    coords = {str(dim): own[dim].values for dim in own.dims if dim in ("neuroid", "time")}
    n_targets = int(np.prod([len(labels) for labels in coords.values()]))
    n_units = sum(other.sizes["unit"] for other in others)
    if n_units:
        scores = metric.evaluate(xr.concat(others, "unit"), own, folds)
        value = mean_over_folds(scores).values.ravel()
        reason = np.where(np.isnan(value), scores["undefined"].max("fold").values.ravel(), DEFINED)
        size = scores["moments"].isel(moment=0).values.reshape(len(names), -1)
        without = mean_without_blocks(scores).values.reshape(len(names), -1)
        found = Estimate(value, without, size, reason.astype(np.uint8))
    else:
        found = undefined_estimate(n_targets, len(names), NO_OTHER_SUBJECT)
    ceiling = labelled(
        found,
        coords,
        (names, np.arange(len(names))),
        method="inter_subject_regression",
        bounds="correlation",
        role=LOWER,
        repetitions=str(own.attrs.get("repetitions", ALL)),
    )
    counted = ("neuroid", np.full(len(coords["neuroid"]), n_units))
    return replace(ceiling, values=ceiling.values.assign_coords(n_units=counted))
