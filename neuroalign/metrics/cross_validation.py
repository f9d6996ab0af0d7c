"""The loop over folds that all encoding metrics share: labels in, arrays through, labels out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.features.matching import design_rows
from neuroalign.metrics.encoding_results import EncodingResults
from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.moments import FEWEST_ROWS
from neuroalign.splits import InnerKind, Splits

Pairs = list[tuple[np.ndarray, np.ndarray]]
# Columns of the responses, training rows, test rows, inner pairs of rows -> what is predicted.
SplitFitter = Callable[[np.ndarray, np.ndarray, np.ndarray, Pairs], SplitResult]
# Features and responses, rows matched -> what fits their parts.
Prepare = Callable[[np.ndarray, np.ndarray], SplitFitter]


def cross_validate(
    prepare: Prepare,
    activations: xr.DataArray,
    recording: xr.DataArray,
    folds: Splits,
    *,
    inner: InnerKind | None,
    inner_folds: int,
    keep_predictions: bool = False,
    flat: bool = True,
    widest: int | None = None,
) -> xr.Dataset:
    """Fit every training set, predict what it holds out, and score that.

    Parameters
    ----------
    prepare : callable
        Takes features (rows, units) and responses (rows, targets), and returns the function that
        fits one training set. Columns with equal missing rows come to it together.
    activations : DataArray (stimulus or sample, ...)
    recording : DataArray (stimulus or sample, neuroid, [time])
        NaN where a neuroid has no response.
    folds : Splits
    inner : str, optional
        Kind of inner folds; None makes none.
    inner_folds : int
    keep_predictions : bool
    flat : bool
        Flatten the axes of the activations into units.
    widest : int, optional
        Columns of the responses that are fitted at a time, to bound memory.

    Returns
    -------
    Dataset
        As `EncodingResults` labels it.
    """
    rows = str(recording.dims[0])
    if rows != folds.rows or "repetition" in recording.dims:
        message = "Encoding metrics score averaged responses; call average_repetitions first."
        raise DataError(message)
    recording = recording.sortby(rows)
    labels = recording[rows].values.astype(str)
    responses = np.asarray(recording.values, dtype=float).reshape(len(labels), -1)
    fit = prepare(design_rows(activations, labels, flat=flat), responses)
    results = EncodingResults(folds, responses.shape, keep=keep_predictions)
    present = np.isfinite(responses)
    for number, fold in enumerate(folds.folds):
        parts = [] if inner is None else folds.inner_folds(number, inner, n_folds=inner_folds)
        inside = [(np.isin(labels, part.train), np.isin(labels, part.test)) for part in parts]
        in_train, in_test = np.isin(labels, fold.train), np.isin(labels, fold.test)
        for columns in equal_columns(present):
            shown = present[:, columns[0]]
            train, test = np.flatnonzero(shown & in_train), np.flatnonzero(shown & in_test)
            results.count(number, columns, len(train), len(test))
            pairs = [(np.flatnonzero(shown & a), np.flatnonzero(shown & b)) for a, b in inside]
            pairs = [(a, b) for a, b in pairs if len(a) > 1 and len(b)]
            if len(train) < FEWEST_ROWS or not len(test) or (inner is not None and not pairs):
                continue
            for part in _parts(columns, widest):
                results.add(number, part, test, labels[test], fit(part, train, test, pairs))
    return results.labelled(recording)


def _parts(columns: np.ndarray, widest: int | None) -> list[np.ndarray]:
    n_parts = 1 if widest is None else -(-len(columns) // widest)
    return np.array_split(columns, n_parts)
