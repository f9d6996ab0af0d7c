"""An encoding model fitted on all rows of a recording: predict new responses, look at weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.row_table import WORDS, read_rows
from neuroalign.errors import DataError
from neuroalign.features.matching import design_rows
from neuroalign.numerics.moments import FEWEST_ROWS
from neuroalign.splits import Fold, InnerKind, Splits


class Predictor(Protocol):
    """What a mapping returns once it is fitted: arrays in, arrays out."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict responses (rows, targets) from features (rows, units)."""


class LinearPredictor(NamedTuple):
    """Weights and intercepts."""

    coefficients: np.ndarray  # (units, targets)
    intercept: np.ndarray  # (targets,)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict responses."""
        return features @ self.coefficients + self.intercept


class FittingRows(NamedTuple):
    """The arrays and labels that a mapping is fitted on."""

    features: np.ndarray  # (rows, units), or (rows, ...)
    responses: np.ndarray  # (rows, targets)
    neuroids: xr.Coordinates
    splits: Splits

    def pairs(self, kind: InnerKind, n_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Divide the rows into inner folds, as row numbers."""
        labels = self.splits.folds[0].train
        return [
            (np.searchsorted(labels, part.train), np.searchsorted(labels, part.test))
            for part in self.splits.inner_folds(0, kind, n_folds=n_folds)
        ]


def fitting_rows(
    activations: xr.DataArray, recording: xr.DataArray, *, seed: int, flat: bool = True
) -> FittingRows:
    """Match activations with all rows of an averaged recording that has no gaps.

    Parameters
    ----------
    activations : DataArray (stimulus or sample, ...)
    recording : DataArray (stimulus or sample, neuroid)
    seed : int
    flat : bool

    Returns
    -------
    FittingRows
        Sorted by label.
    """
    rows = str(recording.dims[0])
    if recording.dims not in (("stimulus", "neuroid"), ("sample", "neuroid")) or (
        recording.isnull().any()
    ):
        message = "fit needs averaged responses (stimulus, neuroid) without missing values."
        raise DataError(message)
    if len(recording) < FEWEST_ROWS:
        message = f"fit needs {FEWEST_ROWS} {WORDS[rows]} or more, but got {len(recording)}."
        raise DataError(message)
    recording = recording.sortby(rows)
    labels = recording[rows].values.astype(str)
    order = {name: recording[name].values for name in ("run", "onset") if name in recording.coords}
    table = pd.DataFrame(order if rows == "sample" else {}, index=pd.Index(labels, name=rows))
    one_run = rows == "sample" and len(set(table["run"])) == 1
    splits = Splits(
        (Fold(labels, labels[:0]),), read_rows(table), seed, gap=0.0 if one_run else None
    )
    kept = {name: c for name, c in recording.coords.items() if set(c.dims) == {"neuroid"}}
    return FittingRows(
        design_rows(activations, labels, flat=flat),
        np.asarray(recording.values, dtype=float),
        xr.Coordinates(kept),
        splits,
    )


@dataclass(frozen=True, eq=False)
class FittedEncoding:
    """An encoding model fitted on all rows of a recording.

    Parameters
    ----------
    predictor : object
        The fitted mapping: arrays in, arrays out.
    shape : tuple of int
        Of the features of one row.
    neuroids : Coordinates
        Labels of the neuroids, and what the recording says of them.
    hyperparameters : Dataset
        What was chosen for each neuroid, as `alpha` (neuroid,).
    """

    predictor: Predictor
    shape: tuple[int, ...]
    neuroids: xr.Coordinates
    hyperparameters: xr.Dataset

    @classmethod
    def of(
        cls, rows: FittingRows, predictor: Predictor, chosen: Mapping[str, np.ndarray]
    ) -> FittedEncoding:
        """Label a fitted mapping."""
        values = {name: ("neuroid", value) for name, value in chosen.items()}
        return cls(
            predictor, rows.features.shape[1:], rows.neuroids, xr.Dataset(values, rows.neuroids)
        )

    @classmethod
    def linear(
        cls,
        rows: FittingRows,
        weights: np.ndarray,
        mean: np.ndarray,
        chosen: Mapping[str, np.ndarray],
    ) -> FittedEncoding:
        """Label weights (units, targets) that predict responses about their mean."""
        intercept = mean - rows.features.mean(0, dtype=float) @ weights
        return cls.of(rows, LinearPredictor(weights, intercept), chosen)

    @property
    def coefficients(self) -> xr.DataArray:
        """Weights (unit, neuroid), in responses per unit of activation, units in flattened order.

        Mappings that have none raise a DataError.
        """
        weights = getattr(self.predictor, "coefficients", None)
        if weights is None:
            message = (
                f"A fitted {type(self.predictor).__name__} has no coefficients over units; "
                "use predict."
            )
            raise DataError(message)
        return xr.DataArray(weights, self.neuroids, ("unit", "neuroid"))

    @property
    def intercept(self) -> xr.DataArray:
        """Predicted response (neuroid,) where all activations are 0."""
        values = self.predictor.predict(np.zeros((1, *self.shape)))[0]
        return xr.DataArray(values, self.neuroids, ("neuroid",))

    def predict(self, activations: xr.DataArray) -> xr.DataArray:
        """Predict responses from activations, labelled like them.

        Parameters
        ----------
        activations : DataArray (stimulus or sample, ...)
            Of the layer that was fitted.

        Returns
        -------
        DataArray (stimulus or sample, neuroid)
        """
        rows = "sample" if "sample" in activations.dims else "stimulus"
        labels = activations[rows].values
        features = design_rows(activations, labels, flat=len(self.shape) == 1)
        if features.shape[1:] != self.shape:
            given, needed = (" x ".join(map(str, s)) for s in (features.shape[1:], self.shape))
            message = (
                f"The encoding model was fitted on {needed} units, but these activations have "
                f"{given}."
            )
            raise DataError(message)
        coords = {rows: labels, **self.neuroids}
        return xr.DataArray(self.predictor.predict(features), coords, (rows, "neuroid"))
