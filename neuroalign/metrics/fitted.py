"""An encoding model fitted on all rows of a recording: predict new responses, look at weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.row_table import WORDS, read_rows
from neuroalign.errors import DataError, name_some
from neuroalign.features.matching import design_rows, label_rows
from neuroalign.features.unit_order import unit_coords, unit_order
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
    units: xr.Coordinates
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
    activations: xr.DataArray | pd.DataFrame,
    recording: xr.DataArray,
    *,
    seed: int,
    flat: bool = True,
) -> FittingRows:
    """Match activations with all rows of an averaged recording that has no gaps.

    Parameters
    ----------
    activations : DataArray (stimulus or sample, ...) or DataFrame
    recording : DataArray (stimulus or sample, neuroid)
    seed : int
    flat : bool

    Returns
    -------
    FittingRows
        Sorted by label.
    """
    rows = _check_recording(recording)
    activations = label_rows(activations, rows)
    if rows not in activations.dims:
        given = WORDS["stimulus" if rows == "sample" else "sample"]
        message = (
            f"The recording has {WORDS[rows]} and the activations have {given}; bring activations "
            "of stimuli to the samples of a stream by TimeGrid().apply."
        )
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
        unit_coords(activations),
        xr.Coordinates(kept),
        splits,
    )


def _check_recording(recording: xr.DataArray) -> str:
    """Refuse responses that nothing can be fitted on; return what the rows are."""
    if not isinstance(recording, xr.DataArray):
        kind = type(recording).__name__
        message = f"A {kind} is not a recording; give that of one subject, as make_recording does."
        raise DataError(message)
    dims = tuple(str(dim) for dim in recording.dims)
    if {"repetition", "showing"} & set(dims):
        message = (
            f"fit needs averaged responses, but these have the dimensions ({', '.join(dims)}); "
            "give na.average_repetitions(recording)."
        )
        raise DataError(message)
    if dims not in (("stimulus", "neuroid"), ("sample", "neuroid")):
        message = (
            "fit needs responses (stimulus, neuroid) or (sample, neuroid), but these have the "
            f"dimensions ({', '.join(dims)}); select one time by .isel, or .transpose them."
        )
        raise DataError(message)
    if (gaps := recording.isnull().any(dims[0]).values).any():
        message = (
            f"fit needs responses without missing values, but {gaps.sum()} of {len(gaps)} neuroids "
            f"lack some {name_some(recording['neuroid'].values[gaps])}; leave out these neuroids, "
            f"or the {WORDS[dims[0]]} that they lack."
        )
        raise DataError(message)
    if len(recording) < FEWEST_ROWS:
        message = f"fit needs {FEWEST_ROWS} {WORDS[dims[0]]} or more, but got {len(recording)}."
        raise DataError(message)
    return dims[0]


@dataclass(frozen=True, eq=False)
class FittedEncoding:
    """An encoding model fitted on all rows of a recording.

    Parameters
    ----------
    predictor : object
        The fitted mapping: arrays in, arrays out.
    shape : tuple of int
        Of the features of one row.
    rows : str
        What was fitted on: "stimulus" or "sample".
    units : Coordinates
        Labels of the units, and what else the activations said of them, as `delay` or `space`.
    neuroids : Coordinates
        Labels of the neuroids, and what the recording says of them.
    hyperparameters : Dataset
        What was chosen for each neuroid, as `alpha` (neuroid,).
    """

    predictor: Predictor
    shape: tuple[int, ...]
    rows: str
    units: xr.Coordinates
    neuroids: xr.Coordinates
    hyperparameters: xr.Dataset

    @classmethod
    def of(
        cls, rows: FittingRows, predictor: Predictor, chosen: Mapping[str, np.ndarray]
    ) -> FittedEncoding:
        """Label a fitted mapping."""
        values = {name: ("neuroid", value) for name, value in chosen.items()}
        return cls(
            predictor,
            rows.features.shape[1:],
            rows.splits.rows,
            rows.units,
            rows.neuroids,
            xr.Dataset(values, rows.neuroids),
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

        Coordinates of the units of the activations, as `delay`, are kept; one that shares its
        name with a coordinate of the neuroids becomes `unit_...`. Mappings that have no weights
        raise a DataError.
        """
        weights = getattr(self.predictor, "coefficients", None)
        if weights is None:
            message = (
                f"A fitted {type(self.predictor).__name__} has no coefficients over units; "
                "use predict."
            )
            raise DataError(message)
        units = {
            f"unit_{name}" if name in self.neuroids else name: values
            for name, values in self.units.items()
        }
        return xr.DataArray(weights, {**units, **self.neuroids}, ("unit", "neuroid"))

    @property
    def intercept(self) -> xr.DataArray:
        """Predicted response (neuroid,) where all activations are 0."""
        values = self.predictor.predict(np.zeros((1, *self.shape)))[0]
        return xr.DataArray(values, self.neuroids, ("neuroid",))

    def predict(self, activations: xr.DataArray | pd.DataFrame) -> xr.DataArray:
        """Predict responses from activations, labelled like them.

        Parameters
        ----------
        activations : DataArray (stimulus or sample, ...) or DataFrame
            Of the layer that was fitted. Units are matched by their labels (the coordinate `unit`,
            or the columns of a DataFrame) where both have them, and by position otherwise.

        Returns
        -------
        DataArray (stimulus or sample, neuroid)
        """
        activations = label_rows(activations, self.rows)
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
        order = unit_order(unit_coords(activations), self.units)
        if order is not None:
            features = features[:, order]
        coords = {rows: labels, **self.neuroids}
        return xr.DataArray(self.predictor.predict(features), coords, (rows, "neuroid"))
