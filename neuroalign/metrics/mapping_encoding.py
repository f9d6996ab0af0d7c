"""Any mapping from activations to responses as a metric, cross-validated and scored like ridge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, unknown_name
from neuroalign.metrics.cross_validation import Pairs, SplitFitter, cross_validate
from neuroalign.metrics.fitted import FittedEncoding, Predictor, fitting_rows
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.moments import is_constant
from neuroalign.splits import INNER_KINDS, Splits


@dataclass(frozen=True)
class MappingEncoding:
    """Predict responses by any mapping, scored by Pearson r and R2 on held-out rows.

    Parameters
    ----------
    mapping : mapping or scikit-learn regressor
        One of `neuroalign.mappings`, such as ``PartialLeastSquares(25)`` or
        ``AttentionReadout()``; or a regressor of several outputs with `fit` and `predict`, which
        is cloned for every training set. It sees training rows only. A readout takes activations
        (stimulus, channel, row, column) or (stimulus, token, channel), whatever their order.
    inner : str
        Kind of the inner folds, on which a mapping chooses what it has to choose, and
        `inner_r2` is computed: "auto", "k-fold", "grouped" or "contiguous".
    inner_folds : int
        How many. A scikit-learn regressor is refitted on each, so that `best_layer` can choose
        on training rows; 0 spares that, and leaves `inner_r2` undefined.
    seed : int
        Of what is random in a mapping.
    keep_predictions : bool

    Examples
    --------
    >>> import neuroalign as na
    >>> from sklearn.linear_model import LinearRegression
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> metric = na.metrics.MappingEncoding(LinearRegression(), inner_folds=0)
    >>> na.score(na.load_model("pixels"), dataset, metric, folds=na.KFold(3)).r.dims
    ('layer', 'fold', 'neuroid')
    """

    mapping: Any
    inner: str = field(default="auto", kw_only=True)
    inner_folds: int = field(default=5, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    keep_predictions: bool = field(default=False, kw_only=True)

    bounds: ClassVar[str] = "correlation"
    chance: ClassVar[float] = 0.0
    invariances: ClassVar[tuple[str, ...]] = ("stimulus order",)
    needs: ClassVar[tuple[str, ...]] = ("events", "streams")

    def __post_init__(self) -> None:
        """Refuse what is no mapping."""
        if isinstance(self.mapping, type) or not (
            hasattr(self.mapping, "fit_arrays") or _is_regressor(self.mapping)
        ):
            what = getattr(self.mapping, "__name__", type(self.mapping).__name__)
            message = (
                f"{what} is not a mapping; use one of neuroalign.mappings, as in "
                "PartialLeastSquares(25), or a scikit-learn regressor."
            )
            raise DataError(message)
        if self.inner not in INNER_KINDS:
            raise unknown_name(self.inner, INNER_KINDS, kind="kind of inner folds")
        if self.inner_folds != 0 and self.inner_folds < 2:
            message = f"inner_folds={self.inner_folds} holds nothing out; use 2 or more, or 0."
            raise DataError(message)

    def evaluate(
        self, activations: xr.DataArray, recording: xr.DataArray, folds: Splits
    ) -> xr.Dataset:
        """Score one layer against averaged responses; the result is as that of `RidgeEncoding`."""
        return cross_validate(
            self._prepare,
            activations,
            recording,
            folds,
            inner=self.inner if self.inner_folds else None,
            inner_folds=self.inner_folds,
            keep_predictions=self.keep_predictions,
            flat=self._flat,
        )

    @property
    def _flat(self) -> bool:
        return not getattr(self.mapping, "takes_maps", False)

    def _prepare(self, features: np.ndarray, responses: np.ndarray) -> SplitFitter:
        def fit(
            columns: np.ndarray, train: np.ndarray, test: np.ndarray, pairs: Pairs
        ) -> SplitResult:
            values = responses[np.ix_(train, columns)]
            inside = [(np.searchsorted(train, a), np.searchsorted(train, b)) for a, b in pairs]
            fitted, chosen, inner_r2 = self._fit(features[train], values, inside)
            mean = values.mean(0)
            return SplitResult(
                np.asarray(fitted.predict(features[test]), dtype=float) - mean,
                responses[np.ix_(test, columns)] - mean,
                mean,
                np.where(is_constant(values), 0.0, values.std(0)),
                chosen,
                inner_r2,
            )

        return fit

    def _fit(
        self, features: np.ndarray, responses: np.ndarray, pairs: Pairs
    ) -> tuple[Predictor, dict[str, np.ndarray], np.ndarray]:
        """Fit some rows: the fitted mapping, what it chose, and R2 on the inner folds."""
        if hasattr(self.mapping, "fit_arrays"):
            fitted = self.mapping.fit_arrays(features, responses, pairs, seed=self.seed)
            return fitted, dict(getattr(fitted, "hyperparameters", {})), fitted.inner_r2
        return (
            Regressor.fitted(self.mapping, features, responses),
            {},
            _inner_r2(self.mapping, features, responses, pairs),
        )

    def fit(
        self,
        activations: xr.DataArray | pd.DataFrame,
        recording: xr.DataArray,
        *,
        seed: int = 0,
    ) -> FittedEncoding:
        """Fit on all rows of a recording, as `RidgeEncoding.fit` does.

        Parameters
        ----------
        activations : DataArray (stimulus or sample, ...) or DataFrame
        recording : DataArray (stimulus or sample, neuroid)
            Averaged; without missing responses.
        seed : int
            Of the inner folds.

        Returns
        -------
        FittedEncoding
        """
        rows = fitting_rows(activations, recording, seed=seed, flat=self._flat)
        pairs = rows.pairs(self.inner, self.inner_folds) if self.inner_folds else []
        fitted, chosen, _ = self._fit(rows.features, rows.responses, pairs)
        return FittedEncoding.of(rows, fitted, chosen)


def _is_regressor(mapping: object) -> bool:
    return callable(getattr(mapping, "fit", None)) and callable(getattr(mapping, "predict", None))


@dataclass(frozen=True, eq=False)
class Regressor:
    """A fitted scikit-learn regressor, with an axis of neuroids whatever it makes of one."""

    estimator: Any

    @classmethod
    def fitted(cls, estimator: Any, features: np.ndarray, responses: np.ndarray) -> Regressor:
        """Fit a clone; a single neuroid goes in as a column of its own, as estimators want it."""
        from sklearn.base import clone

        if responses.shape[1] == 1:
            return cls(clone(estimator).fit(features, responses[:, 0]))
        try:
            return cls(clone(estimator).fit(features, responses))
        except ValueError as error:
            if not _fits_one(estimator, features, responses[:, 0]):
                raise
            kind = type(estimator).__name__
            message = (
                f"{kind} predicts one neuroid at a time, but there are {responses.shape[1]}; give "
                f"sklearn.multioutput.MultiOutputRegressor({kind}(...))."
            )
            raise DataError(message) from error

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict responses (rows, targets)."""
        return np.asarray(self.estimator.predict(features), dtype=float).reshape(len(features), -1)

    @property
    def coefficients(self) -> np.ndarray | None:
        """Coefficients (units, targets), where the regressor is linear."""
        weights = getattr(self.estimator, "coef_", None)
        return None if weights is None else np.atleast_2d(weights).T


def _fits_one(estimator: Any, features: np.ndarray, response: np.ndarray) -> bool:
    """Tell whether a single response can be fitted: then their number was what went wrong."""
    from sklearn.base import clone

    try:
        clone(estimator).fit(features, response)
    except ValueError:
        return False
    return True


def _inner_r2(
    estimator: Any, features: np.ndarray, responses: np.ndarray, pairs: Pairs
) -> np.ndarray:
    """Refit on each inner fold: 1 - squared error / squared error of the training mean."""
    error = baseline = np.zeros(responses.shape[1])
    for train, test in pairs:
        predicted = Regressor.fitted(estimator, features[train], responses[train])
        error = error + ((responses[test] - predicted.predict(features[test])) ** 2).sum(0)
        baseline = baseline + ((responses[test] - responses[train].mean(0)) ** 2).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(is_constant(responses), np.nan, 1 - error / baseline)
