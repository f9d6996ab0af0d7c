"""Encoding models: predict every neuroid from the activations of a layer, by ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.features.matching import design_rows
from neuroalign.folds import Splits
from neuroalign.metrics.encoding_results import EncodingResults
from neuroalign.numerics import ridge
from neuroalign.numerics.folds import assign_folds
from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.moments import FEWEST_ROWS
from neuroalign.numerics.nested_ridge import choose_alphas, fit_split

DEFAULT_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-4, 4, 17))


@dataclass(frozen=True)
class RidgeEncoding:
    """Predict responses by ridge regression, scored by Pearson r on held-out stimuli.

    Features and responses are centered within each training fold. The alpha of every neuroid is
    the one of least squared error, pooled over the rows of inner folds of the training stimuli;
    ties go to the larger alpha. The correlation never chooses anything.

    Parameters
    ----------
    alphas : sequence of float
        Penalties on ||w||^2, in units of the mean squared norm of the centered training features,
        so that one grid serves layers of any width and scale.
    inner_folds : int
        Of the training stimuli, to choose alpha.
    keep_predictions : bool
        Keep the held-out predictions with the scores.

    References
    ----------
    Hoerl & Kennard (1970), doi:10.1080/00401706.1970.10488634.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.RidgeEncoding(alphas=[0.1, 1, 10])
    RidgeEncoding(alphas=(0.1, 1.0, 10.0), inner_folds=5, keep_predictions=False)
    """

    alphas: Sequence[float] = DEFAULT_ALPHAS
    inner_folds: int = 5
    keep_predictions: bool = False

    bounds: ClassVar[str] = "correlation"
    chance: ClassVar[float] = 0.0
    invariances: ClassVar[tuple[str, ...]] = ("stimulus order", "rotation", "scale", "translation")
    needs: ClassVar[tuple[str, ...]] = ("events",)

    def __post_init__(self) -> None:
        """Sort the alphas, and refuse those that are none."""
        if np.ndim(self.alphas) != 1:
            message = f"alphas={self.alphas!r} is not a list of numbers."
            raise DataError(message)
        alphas = tuple(sorted({float(alpha) for alpha in self.alphas}))
        if not alphas or not all(np.isfinite(alpha) and alpha > 0 for alpha in alphas):
            message = f"alphas={list(self.alphas)} must be positive, finite numbers, one at least."
            raise DataError(message)
        if self.inner_folds < 2:
            message = f"inner_folds={self.inner_folds} cannot choose an alpha; use 2 or more."
            raise DataError(message)
        object.__setattr__(self, "alphas", alphas)

    def evaluate(
        self, activations: xr.DataArray, recording: xr.DataArray, folds: Splits
    ) -> xr.Dataset:
        """Score one layer against averaged responses.

        Parameters
        ----------
        activations : DataArray (stimulus, ...)
        recording : DataArray (stimulus, neuroid, [time])
            NaN where a neuroid was not shown a stimulus.
        folds : Splits

        Returns
        -------
        Dataset
            `r` (fold, neuroid, [time]) and `undefined` (why r is NaN, as numbered in its attrs);
            `alpha` and `inner_r2` (1 - squared error / squared error of the training mean, on the
            inner folds); `moments` (block, neuroid, [time], moment); counts of rows and the
            spread of the training responses as coordinates.
        """
        if "repetition" in recording.dims or "showing" in recording.dims:
            message = "RidgeEncoding scores averaged responses; call average_repetitions first."
            raise DataError(message)
        recording = recording.sortby("stimulus")
        stimuli = recording["stimulus"].values.astype(str)
        design = ridge.make_design(design_rows(activations, stimuli))
        responses = np.asarray(recording.values, dtype=float)
        flat = responses.reshape(len(stimuli), -1)
        results = EncodingResults(folds, flat.shape, keep=self.keep_predictions)
        present = np.isfinite(flat)
        for number, fold in enumerate(folds.folds):
            inner_of = pd.Series(folds.inner(number, self.inner_folds), index=fold.train)
            in_train, in_test = np.isin(stimuli, fold.train), np.isin(stimuli, fold.test)
            for columns in equal_columns(present):
                shown = present[:, columns[0]]
                train, test = np.flatnonzero(shown & in_train), np.flatnonzero(shown & in_test)
                results.count(number, columns, len(train), len(test))
                inner = inner_of[stimuli[train]].to_numpy()
                if len(train) < FEWEST_ROWS or len(np.unique(inner)) < 2 or not len(test):
                    continue
                result = fit_split(
                    design, flat[:, columns], train, test, inner=inner, alphas=self._grid
                )
                results.add(number, columns, test, stimuli[test], result)
        return results.labelled(recording)

    @property
    def _grid(self) -> np.ndarray:
        return np.asarray(self.alphas)

    def fit(
        self, activations: xr.DataArray, recording: xr.DataArray, *, seed: int = 0
    ) -> FittedEncoding:
        """Fit on all stimuli of a recording; alpha is chosen on inner folds of them.

        Parameters
        ----------
        activations : DataArray (stimulus, ...)
        recording : DataArray (stimulus, neuroid)
            Averaged; without missing responses.
        seed : int
            Of the inner folds, which know no groups here.

        Returns
        -------
        FittedEncoding
        """
        recording = recording.sortby("stimulus")
        if recording.dims != ("stimulus", "neuroid") or recording.isnull().any():
            message = "fit needs averaged responses (stimulus, neuroid) without missing values."
            raise DataError(message)
        features = design_rows(activations, recording["stimulus"].values.astype(str))
        responses = np.asarray(recording.values, dtype=float)
        rows = np.arange(len(responses))
        inner = assign_folds(rows, min(self.inner_folds, len(rows)), [seed, 0])
        design = ridge.make_design(features)
        alphas, _ = choose_alphas(design, responses, rows, inner=inner, alphas=self._grid)
        mean = responses.mean(0)
        weights = ridge.coefficients(features, responses - mean, alphas)
        neuroids = {"neuroid": recording["neuroid"].values}
        return FittedEncoding(
            xr.DataArray(weights, dims=("unit", "neuroid"), coords=neuroids),
            xr.DataArray(mean - features.mean(0, dtype=float) @ weights, neuroids, ("neuroid",)),
            xr.DataArray(alphas, neuroids, ("neuroid",)),
        )


@dataclass(frozen=True)
class FittedEncoding:
    """An encoding model fitted on all stimuli of a recording.

    Parameters
    ----------
    coefficients : DataArray (unit, neuroid)
        In units of the response per unit of activation; units in flattened order.
    intercept : DataArray (neuroid,)
    alpha : DataArray (neuroid,)
    """

    coefficients: xr.DataArray
    intercept: xr.DataArray
    alpha: xr.DataArray

    def predict(self, activations: xr.DataArray) -> xr.DataArray:
        """Predict the responses to stimuli from their activations, (stimulus, neuroid)."""
        stimuli = activations["stimulus"].values
        features = design_rows(activations, stimuli)
        if features.shape[1] != len(self.coefficients):
            message = (
                f"The encoding model was fitted on {len(self.coefficients)} units, but these "
                f"activations have {features.shape[1]}."
            )
            raise DataError(message)
        values = features @ self.coefficients.values + self.intercept.values
        coords = {"stimulus": stimuli, "neuroid": self.coefficients["neuroid"].values}
        return xr.DataArray(values, coords, ("stimulus", "neuroid"))
