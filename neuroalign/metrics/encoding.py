"""Encoding models: predict every neuroid from the activations of a layer, by ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, unknown_name
from neuroalign.metrics.cross_validation import Pairs, SplitFitter, cross_validate
from neuroalign.metrics.fitted import FittedEncoding, fitting_rows
from neuroalign.metrics.memory import check_budget, fit_into
from neuroalign.metrics.moved import MovedResponses
from neuroalign.numerics import ridge
from neuroalign.numerics.device import DTYPES, check_device, exact_products, put
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.mapping import check_grid
from neuroalign.numerics.nested_ridge import (
    GCV,
    LEAVE_ONE_OUT,
    OpenSplit,
    Search,
    choose_alphas,
    fit_open,
    open_split,
)
from neuroalign.splits import INNER_KINDS, Splits

DEFAULT_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-4, 4, 17))
CLOSED = (LEAVE_ONE_OUT, GCV)


@dataclass(frozen=True, kw_only=True)
class RidgeEncoding:
    """Predict responses by ridge regression, scored by Pearson r and R2 on held-out rows.

    Features and responses are centered within each training fold. The alpha of every neuroid is
    the one of least squared error within the training fold; ties go to the larger alpha. The
    correlation never chooses anything.

    Parameters
    ----------
    alphas : sequence of float
        Penalties on ||w||^2, in units of the mean squared norm of the centered training features,
        so that one grid serves layers of any width and scale.
    inner : str
        How alpha is chosen: by inner folds that are "grouped" (whole groups), "contiguous" (in
        time) or of single rows ("k-fold"), or by "leave-one-out" or "gcv" (generalized
        cross-validation), which know no groups. "auto" takes the kind of the outer folds.
    inner_folds : int
        How many inner folds.
    shared_alpha : bool
        Choose one alpha for all neuroids that lack the same rows, by the mean share of their
        variance that is missed.
    n_components : int, optional
        Keep that many leading principal components of the features of each training fold. Not
        with "leave-one-out" or "gcv", which would find them with the row that is left out.
    dtype : {"float64", "float32"}
        Of the arithmetic; float32 takes half the time and memory. It moves r by less than 1e-4,
        but for features of steep spectra, where near ties between alphas may fall otherwise.
    device : str
        "cpu" or "cuda".
    memory_budget : int, optional
        Bytes to take at most above what is in use; neuroids are fitted a part at a time to
        keep to it. By default half of the memory that is free.
    keep_predictions : bool
        Keep the held-out predictions with the scores.

    References
    ----------
    Hoerl & Kennard (1970), doi:10.1080/00401706.1970.10488634.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.RidgeEncoding(alphas=[10, 0.1, 1]).alphas
    (0.1, 1.0, 10.0)
    """

    alphas: Sequence[float] = DEFAULT_ALPHAS
    inner: str = "auto"
    inner_folds: int = 5
    shared_alpha: bool = False
    n_components: int | None = None
    dtype: str = "float64"
    device: str = "cpu"
    memory_budget: int | None = None
    keep_predictions: bool = False

    bounds: ClassVar[str] = "correlation"
    chance: ClassVar[float] = 0.0
    invariances: ClassVar[tuple[str, ...]] = ("stimulus order", "rotation", "scale", "translation")
    needs: ClassVar[tuple[str, ...]] = ("events", "streams")

    def __post_init__(self) -> None:
        """Sort the alphas, and refuse options that make no sense."""
        object.__setattr__(self, "alphas", check_grid("alphas", self.alphas))
        if self.inner not in (kinds := (*INNER_KINDS, *CLOSED)):
            raise unknown_name(self.inner, kinds, kind="way to choose alpha")
        if self.inner_folds < 2:
            message = f"inner_folds={self.inner_folds} cannot choose an alpha; use 2 or more."
            raise DataError(message)
        if self.n_components is not None and self.n_components < 1:
            message = f"n_components={self.n_components} keeps nothing; use 1 or more, or None."
            raise DataError(message)
        if self.n_components is not None and self.inner in CLOSED:
            message = (
                f"n_components={self.n_components} cannot be combined with inner={self.inner!r}: "
                "the components would be found with the row that is left out; use inner folds."
            )
            raise DataError(message)
        if self.memory_budget is not None:
            check_budget(self.memory_budget)
        if self.dtype not in DTYPES:
            raise unknown_name(self.dtype, DTYPES, kind="dtype")
        check_device(self.device)

    def evaluate(
        self, activations: xr.DataArray, recording: xr.DataArray, folds: Splits
    ) -> xr.Dataset:
        """Score one layer against averaged responses.

        Parameters
        ----------
        activations : DataArray (stimulus or sample, ...)
        recording : DataArray (stimulus or sample, neuroid, [time])
            NaN where a neuroid was not shown a stimulus.
        folds : Splits

        Returns
        -------
        Dataset
            `r` (fold, neuroid, [time]) and `undefined` (why r is NaN, as numbered in its attrs);
            `r2` and `r2_train_mean` (1 - squared error / squared deviation from the mean of the
            test rows, or of the training rows); `alpha`, and whether it lies at an edge of the
            grid (`alpha_at_edge`); `inner_r2` (1 - squared error / squared error of the training
            mean, where alpha was chosen); `moments` (block, neuroid, [time], moment); counts of
            rows and the spread of the training responses as coordinates.
        """
        closed = self.inner in CLOSED
        widest = fit_into(
            folds,
            activations,
            recording,
            n_inner=0 if closed else self.inner_folds,
            n_alphas=len(self.alphas),
            dtype=self.dtype,
            budget=self.memory_budget,
        )
        with exact_products():
            scores = cross_validate(
                self._prepare,
                activations,
                recording,
                folds,
                inner=None if closed else self.inner,
                inner_folds=self.inner_folds,
                keep_predictions=self.keep_predictions,
                # One alpha for all is chosen by all.
                widest=None if self.shared_alpha else widest,
            )
        return with_edges(scores, self.alphas)

    def _prepare(self, features: np.ndarray, responses: np.ndarray) -> SplitFitter:
        """Move features and responses to the device, once."""
        design = ridge.make_design(features, device=self.device, dtype=self.dtype)
        moved = MovedResponses(responses, self.device, self.dtype)
        opened: dict[bytes, OpenSplit] = {}  # the latest, which blocks of columns share

        def fit(
            columns: np.ndarray, train: np.ndarray, test: np.ndarray, pairs: Pairs
        ) -> SplitResult:
            rows = [train, test, *(held for _, held in pairs)]
            key = b"|".join(numbers.tobytes() for numbers in rows)
            if key not in opened:
                opened.clear()
                inner = pairs or self.inner
                opened[key] = open_split(design, train, test, inner=inner, search=self._search)
            return moved.unshifted(fit_open(opened[key], moved.columns(columns)), columns)

        return fit

    @property
    def _search(self) -> Search:
        return Search(
            np.asarray(self.alphas),
            per_target=not self.shared_alpha,
            n_components=self.n_components,
        )

    def fit(
        self, activations: xr.DataArray, recording: xr.DataArray, *, seed: int = 0
    ) -> FittedEncoding:
        """Fit on all rows of a recording; alpha is chosen on inner folds of them.

        Parameters
        ----------
        activations : DataArray (stimulus or sample, ...)
        recording : DataArray (stimulus or sample, neuroid)
            Averaged; without missing responses.
        seed : int
            Of the inner folds: of runs or stretches of time for streams, of single stimuli for
            events, whose groups are not known here.

        Returns
        -------
        FittedEncoding
        """
        rows = fitting_rows(activations, recording, seed=seed)
        design = ridge.make_design(rows.features, device=self.device, dtype=self.dtype)
        responses = put(rows.responses, self.device, self.dtype)
        every = np.arange(len(rows.responses))
        closed = self.inner in CLOSED
        inner = self.inner if closed else rows.pairs(self.inner, self.inner_folds)
        with exact_products():
            choice = choose_alphas(design, responses, every, inner=inner, search=self._search)
        mean = rows.responses.mean(0)
        weights = ridge.coefficients(
            rows.features,
            rows.responses - mean,
            choice.penalties,
            n_components=self.n_components,
        )
        return FittedEncoding.linear(rows, weights, mean, {"alpha": choice.alphas})


def with_edges(scores: xr.Dataset, alphas: Sequence[float]) -> xr.Dataset:
    """Tell which alphas lie at an edge of the grid."""
    if "alpha" not in scores:  # nobody had rows to be fitted on
        scores = scores.assign(alpha=xr.full_like(scores["inner_r2"], np.nan))
    edges = [alphas[0], alphas[-1]] if len(alphas) > 1 else []
    return scores.assign(alpha_at_edge=scores["alpha"].isin(edges))
