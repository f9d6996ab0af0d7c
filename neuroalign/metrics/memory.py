"""How much memory a cross-validated ridge takes, and how many neuroids fit into a budget."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import psutil
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.numerics.moments import MOMENTS
from neuroalign.numerics.ridge import CHUNK, is_wide
from neuroalign.progress import announce
from neuroalign.splits import Splits

SHARE = 0.5  # of the memory that is free, unless a budget is given
WIDEST = 8192  # neuroids at a time; more gain no speed
WORTH_SAYING = 500e6  # bytes
FLOAT = 8  # bytes


class Sizes(NamedTuple):
    """What the memory of one layer depends on."""

    n_rows: int
    n_units: int
    n_targets: int  # neuroids x time bins
    n_train: int  # of the largest fold
    n_test: int
    n_folds: int
    n_blocks: int
    n_inner: int  # inner folds; 0 with a closed form
    n_alphas: int
    feature_bytes: int  # of one number
    itemsize: int  # of one number in the arithmetic


def sizes_of(
    splits: Splits,
    shape: tuple[int, int],
    n_targets: int,
    *,
    n_inner: int,
    n_alphas: int,
    feature_bytes: int,
    itemsize: int,
) -> Sizes:
    """Collect the sizes of a job from the shape of its features and its folds."""
    return Sizes(
        n_rows=shape[0],
        n_units=shape[1],
        n_targets=n_targets,
        n_train=max(len(fold.train) for fold in splits.folds),
        n_test=max(len(fold.test) for fold in splits.folds),
        n_folds=len(splits.folds),
        n_blocks=int(splits.blocks["block"].nunique()),
        n_inner=n_inner,
        n_alphas=n_alphas,
        feature_bytes=feature_bytes,
        itemsize=itemsize,
    )


def kept_bytes(sizes: Sizes) -> int:
    """Estimate what stays from the first fold to the last: responses, and what is scored."""
    s = sizes
    # In the order of the folds, as a mask of what is there, and in the type of the arithmetic.
    responses = s.n_rows * s.n_targets * (FLOAT + 1 + s.itemsize)
    results = s.n_targets * (s.n_blocks * len(MOMENTS) + 8 * s.n_folds) * FLOAT
    return responses + results


def design_bytes(sizes: Sizes) -> tuple[int, int]:
    """Estimate what the design takes: while it is made, and then."""
    s = sizes
    matched = s.n_rows * s.n_units * s.feature_bytes
    if not is_wide(s.n_rows, s.n_units):
        design = s.n_rows * s.n_units * s.itemsize
        return matched + design + s.n_rows * s.n_units * s.feature_bytes, design
    design = s.n_rows**2 * s.itemsize
    cast = s.itemsize if s.itemsize != s.feature_bytes else 0
    chunk = s.n_rows * min(CHUNK, s.n_units) * (s.feature_bytes + cast)
    return matched + max(chunk + design, 3 * design), design


def spectra_bytes(sizes: Sizes) -> int:
    """Estimate what the decompositions of one training set and its inner ones take."""
    s = sizes
    inner = s.n_train - s.n_train // max(s.n_inner, 1)
    held = s.n_train // max(s.n_inner, 1)
    if is_wide(s.n_rows, s.n_units):
        vectors = s.n_train**2 + s.n_inner * inner**2
        projected = s.n_test * s.n_train + s.n_inner * held * inner
        working = s.n_rows * s.n_train + 4 * s.n_train**2
    else:
        vectors = s.n_train * s.n_units + s.n_inner * inner * s.n_units
        projected = (s.n_test + s.n_inner * held) * s.n_units
        working = 2 * s.n_train * s.n_units
    return (vectors + projected + working) * s.itemsize


def fitting_bytes(sizes: Sizes) -> int:
    """Estimate what each target takes while it is fitted."""
    s = sizes
    errors = 5 * s.n_alphas
    predictions = 2 * s.n_test
    sums = 3 * len(MOMENTS) * s.n_blocks // s.n_folds
    return (errors + predictions + sums) * FLOAT


def fit_into(
    splits: Splits,
    activations: xr.DataArray,
    recording: xr.DataArray,
    *,
    n_inner: int,
    n_alphas: int,
    dtype: str,
    budget: int | None,
) -> int:
    """Say how many neuroids are fitted at a time, and announce what that takes if it is much."""
    sizes = sizes_of(
        splits,
        (recording.shape[0], activations[0].size),
        recording[0].size,
        n_inner=n_inner,
        n_alphas=n_alphas,
        feature_bytes=activations.dtype.itemsize,
        itemsize=np.dtype(dtype).itemsize,
    )
    widest, needed = plan(sizes, budget)
    if needed > WORTH_SAYING:
        announce(f"Ridge takes about {needed / 1e9:.1f} GB of memory above what is in use.")
    return widest


def check_budget(budget: object) -> None:
    """Refuse a budget that is no number of bytes."""
    if isinstance(budget, bool) or not isinstance(budget, (int, np.integer)) or budget < 1:
        message = (
            f"memory_budget={budget!r} is not a whole, positive number of bytes, as in 2 * 10**9."
        )
        raise DataError(message)


def plan(sizes: Sizes, budget: int | None) -> tuple[int, int]:
    """Return how many targets fit into a budget at a time, and the bytes that are then needed.

    Parameters
    ----------
    sizes : Sizes
    budget : int, optional
        Bytes above what is taken already; by default half of the memory that is free.

    Returns
    -------
    widest : int
    needed : int
    """
    allowed = int(SHARE * psutil.virtual_memory().available) if budget is None else budget
    making, design = design_bytes(sizes)
    kept, fixed = kept_bytes(sizes), design + spectra_bytes(sizes)
    each = fitting_bytes(sizes)
    if sizes.n_targets > min((allowed - kept - fixed) // each, WIDEST):
        each += sizes.n_rows * sizes.itemsize  # the responses of a part are copied
    widest = min((allowed - kept - fixed) // each, WIDEST, sizes.n_targets)
    if widest < 1 or kept + making > allowed:
        least = kept + max(making, fixed + each)
        message = (
            f"Ridge on {sizes.n_rows} rows, {sizes.n_units} units and {sizes.n_targets} neuroids "
            f"needs {least / 1e6:.3g} MB at least, but {allowed / 1e6:.3g} MB are allowed; raise "
            "memory_budget, or score fewer neuroids (neuroids=, roi=, subjects=)."
        )
        raise DataError(message)
    return int(widest), kept + max(making, fixed + int(widest) * each)
