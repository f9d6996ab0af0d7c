"""Collect what the folds of an encoding model yield, and label it at the end."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.folds import Splits
from neuroalign.numerics.moments import MOMENTS, block_moments, correlation
from neuroalign.numerics.nested_ridge import SplitResult

REASONS = "defined too_few_stimuli constant_response constant_prediction"


class EncodingResults:
    """Arrays that the folds fill in, and the labels they get at the end.

    Parameters
    ----------
    folds : Splits
    shape : pair of int
        Of the responses: (rows, targets).
    keep : bool
        Keep the predictions too.
    """

    def __init__(self, folds: Splits, shape: tuple[int, int], *, keep: bool) -> None:
        n_folds, n_targets = len(folds.folds), shape[1]
        self._table = folds.blocks.drop_duplicates("block").sort_values("block")
        self._block_of = folds.blocks.set_index(["fold", "stimulus"])["block"]
        self.moments = np.zeros((len(self._table), n_targets, len(MOMENTS)))
        self.alpha = np.full((n_folds, n_targets), np.nan)
        self.inner_r2 = np.full((n_folds, n_targets), np.nan)
        self.train_sd = np.full((n_folds, n_targets), np.nan)
        self.n_train = np.zeros((n_folds, n_targets), dtype=int)
        self.n_test = np.zeros((n_folds, n_targets), dtype=int)
        self.predictions = np.full(shape, np.nan) if keep else None

    def count(self, fold: int, columns: np.ndarray, n_train: int, n_test: int) -> None:
        """Note how many rows these columns have in a fold."""
        self.n_train[fold, columns], self.n_test[fold, columns] = n_train, n_test

    def add(
        self,
        fold: int,
        columns: np.ndarray,
        rows: np.ndarray,
        stimuli: np.ndarray,
        result: SplitResult,
    ) -> None:
        """Take in the held-out rows of a fold, whose stimuli are named."""
        self.alpha[fold, columns], self.inner_r2[fold, columns] = result.alphas, result.inner_r2
        self.train_sd[fold, columns] = result.train_sd
        blocks = self._block_of.loc[[(fold, label) for label in stimuli]].to_numpy()
        sums = block_moments(result.held_out, result.predictions, blocks, len(self._table))
        self.moments[:, columns] += sums
        if self.predictions is not None:
            self.predictions[np.ix_(rows, columns)] = result.predictions + result.train_mean

    def labelled(self, recording: xr.DataArray) -> xr.Dataset:
        """Compute r per fold from the moments, and put the labels of the recording back."""
        of_fold = self._table["fold"].to_numpy()
        per_fold = np.stack(
            [self.moments[of_fold == fold].sum(0) for fold in range(len(self.alpha))]
        )
        r, reason = correlation(per_fold, self.train_sd)
        targets = recording.dims[1:]
        shape = recording.shape[1:]

        def variable(values: np.ndarray, lead: str, *rest: str) -> tuple:
            new_shape = (values.shape[0], *shape, *values.shape[2:])
            return (lead, *targets, *rest), values.reshape(new_shape)

        data = {
            "r": variable(r, "fold"),
            "undefined": variable(reason, "fold"),
            "alpha": variable(self.alpha, "fold"),
            "inner_r2": variable(self.inner_r2, "fold"),
            "moments": variable(self.moments, "block", "moment"),
        }
        if self.predictions is not None:
            data["prediction"] = variable(self.predictions, "stimulus")
        coords = {
            "n_train": variable(self.n_train, "fold"),
            "n_test": variable(self.n_test, "fold"),
            "train_sd": variable(self.train_sd, "fold"),
            "fold": np.arange(len(self.alpha)),
            "block": self._table["name"].to_numpy(dtype=str),
            "fold_of_block": ("block", of_fold),
            "moment": list(MOMENTS),
            **{
                str(name): coord.variable
                for name, coord in recording.coords.items()
                if set(coord.dims) <= {"neuroid", "time"}
            },
        }
        if self.predictions is not None:
            coords["stimulus"] = recording["stimulus"].values
        scores = xr.Dataset(data, coords)
        scores["undefined"].attrs.update(flag_values=[0, 1, 2, 3], flag_meanings=REASONS)
        return scores
