"""Banded ridge: predict every neuroid from several feature spaces, each with its own weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, unknown_name
from neuroalign.features.spaces import UnitSpaces, read_spaces
from neuroalign.metrics.cross_validation import Pairs, SplitFitter, cross_validate
from neuroalign.metrics.encoding import DEFAULT_ALPHAS, with_edges
from neuroalign.metrics.fitted import FittedEncoding, fitting_rows
from neuroalign.metrics.moved import MovedResponses
from neuroalign.numerics.banded_ridge import banded_coefficients, fit_banded
from neuroalign.numerics.banded_search import BandedSearch, all_subsets, draw_weights, restrict
from neuroalign.numerics.device import DTYPES, check_device, exact_products, put
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.mapping import check_grid
from neuroalign.numerics.spaces import make_spaces
from neuroalign.splits import INNER_KINDS, InnerKind, Splits

# All subsets of more spaces are not worth their time, nor readable.
MOST_PARTITIONED = 5


@dataclass(frozen=True, kw_only=True)
class BandedRidgeEncoding:
    """Predict responses from several feature spaces, each with a ridge penalty of its own.

    Activations need a coordinate `space` along their units, as `JoinedModel` makes it. Each space
    enters scaled to equal variance and weighted; weights that sum to 1, and alpha, are those of
    least squared error within the training fold, for every neuroid. Tried are equal weights,
    each space alone, and random draws that are the same for all neuroids.

    Parameters
    ----------
    alphas : sequence of float
        Penalties, in units of the mean squared norm of the centered, weighted training features.
    n_candidates : int
        How many weights are tried. Time grows with it.
    inner : str
        Inner folds on which weights and alpha are chosen: "grouped" (whole groups), "contiguous"
        (in time), "k-fold" (single rows), or "auto", as the outer folds are.
    inner_folds : int
        How many inner folds.
    partition : bool
        Fit every subset of the spaces too, as `variance_partition` needs it; for 5 spaces or
        fewer. Two spaces take little more time, three 4 times as long, five 24 times.
    dtype : {"float64", "float32"}
        Of the arithmetic; float32 takes half the time and memory.
    device : str
        "cpu" or "cuda".
    seed : int
        Of the random weights. They are drawn for the spaces sorted by name.
    keep_predictions : bool
        Keep the held-out predictions with the scores.

    References
    ----------
    Nunez-Elizalde, Huth & Gallant (2019), doi:10.1016/j.neuroimage.2019.04.012;
    Dupre la Tour et al. (2022), doi:10.1016/j.neuroimage.2022.119728.

    Examples
    --------
    >>> from neuroalign.metrics.banded import BandedRidgeEncoding
    >>> BandedRidgeEncoding(alphas=[10, 0.1, 1]).alphas
    (0.1, 1.0, 10.0)
    """

    alphas: Sequence[float] = DEFAULT_ALPHAS
    n_candidates: int = 50
    inner: InnerKind = "auto"
    inner_folds: int = 5
    partition: bool = False
    dtype: str = "float64"
    device: str = "cpu"
    seed: int = 0
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
        if self.n_candidates < 1:
            message = f"n_candidates={self.n_candidates} tries nothing; use 1 or more."
            raise DataError(message)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            message = f"seed={self.seed!r} is not a whole number of 0 or more."
            raise DataError(message)

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
            As that of `RidgeEncoding`, and `space_weight` (fold, space, neuroid, [time]);
            `r2_split` and `r2_split_train_mean`, which sum over spaces to `r2` and
            `r2_train_mean`; with partition=True `r2_subset` (fold, subset, neuroid, [time]), the
            R2 of each subset of spaces, about the mean of the test rows as in `r2`.
        """
        spaces = read_spaces(activations)
        subsets = self._subsets(spaces)
        with exact_products():
            scores = cross_validate(
                partial(self._prepare, spaces, subsets),
                activations,
                recording,
                folds,
                inner=self.inner,
                inner_folds=self.inner_folds,
                keep_predictions=self.keep_predictions,
            )
        labels: dict[str, list[str]] = {"space": spaces.names}
        if self.partition:
            labels["subset"] = subset_labels(spaces.names)
        return with_edges(scores.assign_coords(labels), self.alphas)

    def _subsets(self, spaces: UnitSpaces) -> np.ndarray:
        n_spaces = len(spaces.names)
        if not self.partition:
            return np.ones((1, n_spaces), dtype=bool)
        if n_spaces > MOST_PARTITIONED:
            message = (
                f"partition=True fits all {2**n_spaces - 1} subsets of {n_spaces} spaces, which is "
                f"too many; join {MOST_PARTITIONED} spaces or fewer."
            )
            raise DataError(message)
        return all_subsets(n_spaces)

    def _prepare(
        self, spaces: UnitSpaces, subsets: np.ndarray, features: np.ndarray, responses: np.ndarray
    ) -> SplitFitter:
        """Move features and responses to the device, once."""
        parts = make_spaces(features, spaces.members, device=self.device, dtype=self.dtype)
        moved = MovedResponses(responses, self.device, self.dtype)
        search = self._search(spaces, subsets)

        def fit(
            columns: np.ndarray, train: np.ndarray, test: np.ndarray, pairs: Pairs
        ) -> SplitResult:
            some = moved.columns(columns)
            result = fit_banded(parts, some, train, test, inner=pairs, search=search)
            return moved.unshifted(result, columns)

        return fit

    def _search(self, spaces: UnitSpaces, subsets: np.ndarray) -> BandedSearch:
        """Draw weights for the spaces by name, so that their order does not matter."""
        drawn = draw_weights(len(spaces.names), self.n_candidates, self.seed)
        place = np.argsort(np.argsort(spaces.names))
        return BandedSearch(np.asarray(self.alphas), *restrict(drawn[:, place], subsets))

    def fit(
        self, activations: xr.DataArray, recording: xr.DataArray, *, seed: int = 0
    ) -> FittedEncoding:
        """Fit on all rows of a recording; weights and alpha are chosen on inner folds of them.

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
            Its `hyperparameters` hold `alpha` (neuroid) and `space_weight` (space, neuroid).
        """
        spaces = read_spaces(activations)
        rows = fitting_rows(activations, recording, seed=seed)
        parts = make_spaces(rows.features, spaces.members, device=self.device, dtype=self.dtype)
        search = self._search(spaces, np.ones((1, len(spaces.names)), dtype=bool))
        with exact_products():
            weights, choice = banded_coefficients(
                parts,
                rows.features,
                spaces.members,
                put(rows.responses, self.device, self.dtype),
                inner=rows.pairs(self.inner, self.inner_folds),
                search=search,
            )
        fitted = FittedEncoding.linear(
            rows, weights, rows.responses.mean(0), {"alpha": choice.alphas[0]}
        )
        return with_spaces(fitted, spaces, space_weight=search.weights[choice.candidates[0]].T)


def check_search(inner: str, inner_folds: int, dtype: str, device: str) -> None:
    """Refuse options that choose nothing, or that nothing is computed with."""
    if inner not in INNER_KINDS:
        raise unknown_name(inner, INNER_KINDS, kind="kind of inner folds")
    if inner_folds < 2:
        message = f"inner_folds={inner_folds} cannot choose an alpha; use 2 or more."
        raise DataError(message)
    if dtype not in DTYPES:
        raise unknown_name(dtype, DTYPES, kind="dtype")
    check_device(device)


def subset_labels(names: Sequence[str]) -> list[str]:
    """Name all subsets of spaces, in the order of `all_subsets`."""
    return [" + ".join(np.array(names)[members]) for members in all_subsets(len(names))]


def with_spaces(fitted: FittedEncoding, spaces: UnitSpaces, **chosen: np.ndarray) -> FittedEncoding:
    """Add what was chosen for each space (space, neuroid) to a fitted model."""
    known = fitted.hyperparameters.assign_coords(space=spaces.names)
    added = {name: (("space", "neuroid"), values) for name, values in chosen.items()}
    return replace(fitted, hyperparameters=known.assign(added))
