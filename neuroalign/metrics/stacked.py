"""Stacking: one encoding model per feature space, and a weighted mean of their predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import xarray as xr

from neuroalign.features.spaces import UnitSpaces, read_spaces
from neuroalign.metrics.banded import check_search, with_spaces
from neuroalign.metrics.cross_validation import Pairs, SplitFitter, cross_validate
from neuroalign.metrics.encoding import DEFAULT_ALPHAS, with_edges
from neuroalign.metrics.fitted import FittedEncoding, fitting_rows
from neuroalign.metrics.moved import MovedResponses
from neuroalign.numerics import ridge
from neuroalign.numerics.device import exact_products, put
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.mapping import check_grid
from neuroalign.numerics.stacking import choose_stack, fit_stacked, stacked_coefficients
from neuroalign.splits import InnerKind, Splits


@dataclass(frozen=True, kw_only=True)
class StackedEncoding:
    """Predict responses from each feature space by ridge regression, and average with weights.

    Spaces may be the layers of a network: ``JoinedModel.of_layers(model)``. The weights of every
    neuroid are not negative, sum to 1, and have the least squared error on what the inner folds
    of the training fold hold out. Each space has an alpha of its own, chosen as by
    `RidgeEncoding`.

    Parameters
    ----------
    alphas : sequence of float
        As for `RidgeEncoding`.
    inner : str
        Kind of inner folds: "grouped", "contiguous", "k-fold", or "auto", as the outer folds are.
    inner_folds : int
        How many inner folds.
    dtype : {"float64", "float32"}
        Of the arithmetic.
    device : str
        "cpu" or "cuda".
    keep_predictions : bool
        Keep the held-out predictions with the scores.

    References
    ----------
    Breiman (1996), doi:10.1007/BF00117832; Lin, Naselaris, Kay & Wehbe (2023),
    doi:10.1101/2023.04.23.537988.

    Examples
    --------
    >>> from neuroalign.metrics.stacked import StackedEncoding
    >>> StackedEncoding(alphas=[10, 0.1, 1]).alphas
    (0.1, 1.0, 10.0)
    """

    alphas: Sequence[float] = DEFAULT_ALPHAS
    inner: InnerKind = "auto"
    inner_folds: int = 5
    dtype: str = "float64"
    device: str = "cpu"
    keep_predictions: bool = False

    bounds: ClassVar[str] = "correlation"
    chance: ClassVar[float] = 0.0
    invariances: ClassVar[tuple[str, ...]] = (
        "stimulus order",
        "rotation within a space",
        "scale of a space",
        "translation",
    )
    needs: ClassVar[tuple[str, ...]] = ("events", "streams")

    def __post_init__(self) -> None:
        """Sort the alphas, and refuse options that make no sense."""
        object.__setattr__(self, "alphas", check_grid("alphas", self.alphas))
        check_search(self.inner, self.inner_folds, self.dtype, self.device)

    def evaluate(
        self, activations: xr.DataArray, recording: xr.DataArray, folds: Splits
    ) -> xr.Dataset:
        """Score one layer of several spaces against averaged responses.

        Parameters
        ----------
        activations : DataArray (stimulus or sample, unit)
            With the coordinate `space` (unit).
        recording : DataArray (stimulus or sample, neuroid, [time])
            NaN where a neuroid was not shown a stimulus.
        folds : Splits

        Returns
        -------
        Dataset
            As that of `RidgeEncoding`, but `alpha` (fold, space, neuroid, [time]) for each space;
            and `space_weight`, `r2_split` and `r2_split_train_mean` (fold, space, neuroid,
            [time]), as for `BandedRidgeEncoding`.
        """
        spaces = read_spaces(activations)
        with exact_products():
            scores = cross_validate(
                partial(self._prepare, spaces),
                activations,
                recording,
                folds,
                inner=self.inner,
                inner_folds=self.inner_folds,
                keep_predictions=self.keep_predictions,
            )
        return with_edges(scores.assign_coords(space=spaces.names), self.alphas)

    def _prepare(
        self, spaces: UnitSpaces, features: np.ndarray, responses: np.ndarray
    ) -> SplitFitter:
        """Move features and responses to the device, once."""
        designs = self._designs(spaces, features)
        moved = MovedResponses(responses, self.device, self.dtype)
        alphas = np.asarray(self.alphas)

        def fit(
            columns: np.ndarray, train: np.ndarray, test: np.ndarray, pairs: Pairs
        ) -> SplitResult:
            some = moved.columns(columns)
            result = fit_stacked(designs, some, train, test, inner=pairs, alphas=alphas)
            return moved.unshifted(result, columns)

        return fit

    def _designs(self, spaces: UnitSpaces, features: np.ndarray) -> list[ridge.Design]:
        return [
            ridge.make_design(features[:, units], device=self.device, dtype=self.dtype)
            for units in spaces.members
        ]

    def fit(
        self, activations: xr.DataArray, recording: xr.DataArray, *, seed: int = 0
    ) -> FittedEncoding:
        """Fit on all rows of a recording; weights and alphas are chosen on inner folds of them.

        Parameters
        ----------
        activations : DataArray (stimulus or sample, unit)
            With the coordinate `space` (unit).
        recording : DataArray (stimulus or sample, neuroid)
            Averaged; without missing responses.
        seed : int
            Of the inner folds, as for `RidgeEncoding.fit`.

        Returns
        -------
        FittedEncoding
            Its `hyperparameters` hold `alpha` and `space_weight` (space, neuroid).
        """
        spaces = read_spaces(activations)
        rows = fitting_rows(activations, recording, seed=seed)
        mean = rows.responses.mean(0)
        with exact_products():
            stack = choose_stack(
                self._designs(spaces, rows.features),
                put(rows.responses, self.device, self.dtype),
                np.arange(len(rows.responses)),
                inner=rows.pairs(self.inner, self.inner_folds),
                alphas=np.asarray(self.alphas),
            )
        centered = rows.responses - mean
        weights = stacked_coefficients(rows.features, spaces.members, centered, stack)
        fitted = FittedEncoding.linear(rows, weights, mean, {})
        return with_spaces(fitted, spaces, alpha=stack.alphas, space_weight=stack.weights)
