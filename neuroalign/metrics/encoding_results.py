"""Collect what the folds of an encoding model yield, and label it at the end."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.moments import MOMENTS, block_moments, correlation, explained_variance
from neuroalign.numerics.undefined import flag_attributes
from neuroalign.splits import Splits


class EncodingResults:
    """Arrays that the folds fill in, and the labels they get at the end.

    Parameters
    ----------
    folds : Splits
    shape : pair of int
        Of the responses: (rows, targets).
    keep : bool
        Keep the predictions too (of the first repetition, where folds are repeated).
    """

    def __init__(self, folds: Splits, shape: tuple[int, int], *, keep: bool) -> None:
        self._folds, self._shape = folds, (len(folds.folds), shape[1])
        self._table = folds.blocks.drop_duplicates("block").sort_values("block")
        self._block_of = folds.blocks.set_index(["fold", folds.rows])["block"]
        self.moments = np.zeros((len(self._table), shape[1], len(MOMENTS)))
        self.hyperparameters: dict[str, np.ndarray] = {}
        self.extra: dict[str, tuple[str, np.ndarray]] = {}
        self.inner_r2 = np.full(self._shape, np.nan)
        self.train_mean = np.full(self._shape, np.nan)
        self.train_sd = np.full(self._shape, np.nan)
        self.n_train = np.zeros(self._shape, dtype=int)
        self.n_test = np.zeros(self._shape, dtype=int)
        self.predictions = np.full(shape, np.nan) if keep else None

    def count(self, fold: int, columns: np.ndarray, n_train: int, n_test: int) -> None:
        """Note how many rows these columns have in a fold."""
        self.n_train[fold, columns], self.n_test[fold, columns] = n_train, n_test

    def add(
        self,
        fold: int,
        columns: np.ndarray,
        rows: np.ndarray,
        labels: np.ndarray,
        result: SplitResult,
    ) -> None:
        """Take in the held-out rows of a fold, with their labels."""
        for name, values in result.hyperparameters.items():
            empty = np.full(self._shape, np.nan)
            self.hyperparameters.setdefault(name, empty)[fold, columns] = values
        for name, (axis, values) in result.extra.items():
            empty = np.full((self._shape[0], len(values), self._shape[1]), np.nan)
            self.extra.setdefault(name, (axis, empty))[1][fold][:, columns] = values
        self.inner_r2[fold, columns] = result.inner_r2
        self.train_mean[fold, columns] = result.train_mean
        self.train_sd[fold, columns] = result.train_sd
        blocks = self._block_of.loc[[(fold, label) for label in labels]].to_numpy()
        numbers, local = np.unique(blocks, return_inverse=True)
        sums = block_moments(result.held_out, result.predictions, local, len(numbers))
        self.moments[np.ix_(numbers, columns)] += sums
        if self.predictions is not None and self._folds.repeat[fold] == 0:
            self.predictions[np.ix_(rows, columns)] = result.predictions + result.train_mean

    def labelled(self, recording: xr.DataArray) -> xr.Dataset:
        """Compute scores per fold from the moments, and put the labels of the recording back."""
        of_fold = self._table["fold"].to_numpy()
        per_fold = np.stack(
            [self.moments[of_fold == fold].sum(0) for fold in range(self._shape[0])]
        )
        r, reason = correlation(per_fold, self.train_sd)
        row, *targets = recording.dims
        shape = recording.shape[1:]
        variable = partial(_variable, recording)
        data = {
            "r": variable(r, "fold"),
            **{
                name: variable(explained_variance(per_fold, self.train_sd, about=about), "fold")
                for name, about in (("r2", "test"), ("r2_train_mean", "train"))
            },
            "undefined": variable(reason, "fold"),
            **{name: variable(values, "fold") for name, values in self.hyperparameters.items()},
            **{
                name: (("fold", axis, *targets), values.reshape(*values.shape[:2], *shape))
                for name, (axis, values) in self.extra.items()
            },
            "inner_r2": variable(self.inner_r2, "fold"),
            "moments": variable(self.moments, "block", "moment"),
        }
        coords = self._coordinates(recording)
        if self.predictions is not None:
            data["prediction"] = variable(self.predictions, str(row))
            coords[str(row)] = recording[row].values
        scores = xr.Dataset(data, coords)
        scores["undefined"].attrs.update(flag_attributes())
        return scores

    def _coordinates(self, recording: xr.DataArray) -> dict[str, Any]:
        """Label folds, blocks and neuroids, and count rows."""
        variable = partial(_variable, recording)
        return {
            "n_train": variable(self.n_train, "fold"),
            "n_test": variable(self.n_test, "fold"),
            "train_mean": variable(self.train_mean, "fold"),
            "train_sd": variable(self.train_sd, "fold"),
            "fold": np.arange(self._shape[0]),
            "repeat": ("fold", np.asarray(self._folds.repeat)),
            "block": self._table["name"].to_numpy(dtype=str),
            "fold_of_block": ("block", self._table["fold"].to_numpy()),
            "moment": list(MOMENTS),
            **{
                str(name): coord.variable
                for name, coord in recording.coords.items()
                if set(coord.dims) <= {"neuroid", "time"}
            },
        }


def _variable(recording: xr.DataArray, values: np.ndarray, lead: str, *rest: str) -> tuple:
    """Unfold the targets, which stand on the second axis, into those of a recording."""
    shape = (values.shape[0], *recording.shape[1:], *values.shape[2:])
    return (lead, *recording.dims[1:], *rest), values.reshape(shape)
