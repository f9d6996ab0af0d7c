"""Scores of one layer and recording under every pairing of features and responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import psutil
import xarray as xr

from neuroalign.ceilings import mean_over_folds
from neuroalign.data.schema import row_dim
from neuroalign.errors import DataError
from neuroalign.features.matching import design_rows
from neuroalign.inference.exchange import Exchange
from neuroalign.metrics.encoding import RidgeEncoding
from neuroalign.metrics.memory import SHARE, WORTH_SAYING
from neuroalign.metrics.protocol import Metric
from neuroalign.numerics import ridge
from neuroalign.numerics.device import exact_products
from neuroalign.numerics.fair_alpha import choose_levels
from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.moments import FEWEST_ROWS
from neuroalign.numerics.permuted_ridge import Rows, open_folds, pairing_correlations
from neuroalign.progress import announce
from neuroalign.splits import Splits

# Pairings that choose an alpha together. The observed one then decides where its r is among the
# largest of a hundred, which a test at 5 % rejects anyway.
CHOOSING = 100


class Found(NamedTuple):
    """What all pairings led to; the observed one is the first."""

    r: np.ndarray  # (pairings, targets), NaN where undefined
    alpha: np.ndarray | None  # (targets,), where one serves all pairings


class Table(NamedTuple):
    """Responses as arrays, rows sorted by label."""

    labels: np.ndarray
    responses: np.ndarray  # (rows, targets)
    blocks: list[tuple[np.ndarray, np.ndarray]]  # rows, and the columns that have just these


def as_table(recording: xr.DataArray) -> Table:
    """Sort the rows of a recording, and collect the columns that have the same of them."""
    rows = row_dim(recording)
    recording = recording.sortby(rows)
    responses = np.asarray(recording.values, dtype=float).reshape(recording.shape[0], -1)
    present = np.isfinite(responses)
    blocks = [
        (np.flatnonzero(present[:, columns[0]]), columns) for columns in equal_columns(present)
    ]
    return Table(recording[rows].values.astype(str), responses, blocks)


def refit_fixed(
    metric: RidgeEncoding,
    features: xr.DataArray,
    recording: xr.DataArray,
    splits: Splits,
    plan: Exchange,
) -> Found:
    """Fit ridge in every pairing, at one alpha per neuroid.

    Parameters
    ----------
    metric : RidgeEncoding
    features : DataArray (stimulus or sample, ...)
    recording : DataArray (stimulus or sample, neuroid, [time])
    splits : Splits
    plan : Exchange

    Returns
    -------
    Found
    """
    table = as_table(recording)
    units = design_rows(features, table.labels)
    alphas = np.asarray(metric.alphas)
    shape = (len(plan.draws) + 1, table.responses.shape[1])
    _check_memory(metric, shape, units.shape, splits)
    found = Found(np.full(shape, np.nan, metric.dtype), np.full(shape[1], np.nan))
    with exact_products():
        design = ridge.make_design(units, device=metric.device, dtype=metric.dtype)
        for shown, columns in table.blocks:
            folds = folds_within(splits, table.labels[shown])
            if not folds:
                continue
            opened = open_folds(design, shown, folds, alphas, n_components=metric.n_components)
            responses = table.responses[shown][:, columns]
            orders = np.vstack([np.arange(len(shown)), plan.orders(table.labels[shown])])
            levels = np.zeros(len(columns), dtype=int)
            if len(alphas) > 1:
                levels = choose_levels(opened, responses, orders[:CHOOSING])
            r = pairing_correlations(opened, levels, responses, orders)
            found.r[:, columns] = r
            found.alpha[columns] = np.where(np.isnan(r[0]), np.nan, alphas[levels])  # type: ignore[index]
    return found


def folds_within(splits: Splits, labels: np.ndarray) -> list[Rows]:
    """Return the folds that have rows enough among some, as numbers of these."""
    folds = [
        (np.flatnonzero(np.isin(labels, fold.train)), np.flatnonzero(np.isin(labels, fold.test)))
        for fold in splits.folds
    ]
    return [(train, test) for train, test in folds if len(train) >= FEWEST_ROWS and len(test)]


def _check_memory(
    metric: RidgeEncoding, shape: tuple[int, int], units: tuple[int, int], splits: Splits
) -> None:
    """Say what a layer takes if it is much, and refuse what does not fit."""
    item = np.dtype(metric.dtype).itemsize
    n_rows, n_units = units
    rank = n_rows if ridge.is_wide(n_rows, n_units) else n_units
    tested = sum(len(fold.test) for fold in splits.folds)
    trained = sum(len(fold.train) for fold in splits.folds)
    spectra = (rank + 2 * trained + 2 * tested) * rank
    matrices = 3 * tested * n_rows
    # The scores of all pairings, and responses in the order that they are needed in.
    needed = 3 * shape[0] * shape[1] * item + (spectra + matrices) * item
    needed += 3 * shape[0] * n_rows * 8 + 2 * n_rows * shape[1] * 8
    allowed = metric.memory_budget or int(SHARE * psutil.virtual_memory().available)
    if needed > allowed:
        message = (
            f"{shape[0] - 1} permutations of {n_rows} rows and {shape[1]} neuroids need about "
            f"{needed / 1e6:.3g} MB, but {allowed / 1e6:.3g} MB are allowed; raise memory_budget, "
            "or test fewer neuroids (neuroids=, roi=, subjects=) or fewer permutations."
        )
        raise DataError(message)
    if needed > WORTH_SAYING:
        announce(f"Permutations take about {needed / 1e9:.1f} GB of memory above what is in use.")


def refit_anew(
    metric: Metric,
    features: xr.DataArray,
    recording: xr.DataArray,
    splits: Splits,
    plan: Exchange,
    advance: Callable[[], object],
) -> Found:
    """Evaluate a metric in every pairing, with all that it chooses.

    Parameters
    ----------
    metric : Metric
    features, recording, splits, plan
        As for `refit_fixed`.
    advance : callable
        Is called after each pairing.

    Returns
    -------
    Found
    """
    recording = recording.sortby(row_dim(recording))
    table = as_table(recording)
    found = np.full((len(plan.draws) + 1, table.responses.shape[1]), np.nan)
    for number in range(len(found)):
        values = table.responses
        if number:
            values = values.copy()
            for shown, columns in table.blocks:
                order = plan.orders(table.labels[shown], slice(number - 1, number))[0]
                values[np.ix_(shown, columns)] = table.responses[np.ix_(shown[order], columns)]
        paired = recording.copy(data=values.reshape(recording.shape))
        found[number] = mean_r(metric, features, paired, splits)
        advance()
    return Found(found, None)


def mean_r(
    metric: Metric, features: xr.DataArray, recording: xr.DataArray, splits: Splits
) -> np.ndarray:
    """Evaluate a metric, and average its r over folds: one number per column of the recording."""
    scored = metric.evaluate(features, recording, splits)
    if "r" not in scored:
        message = (
            f"Metric {type(metric).__name__} gives no r, which is what permutations are compared "
            "by; use an encoding metric."
        )
        raise DataError(message)
    return mean_over_folds(scored).transpose(*recording.dims[1:]).values.ravel()
