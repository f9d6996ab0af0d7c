"""Fractional ridge regression: the penalty is what shrinks the coefficients to a given fraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.linear_mapping import LinearFit, Solution, Training, fit_linear
from neuroalign.numerics.mapping import Pairs, check_grid

# The norm of the coefficients equals the fraction asked for to this share of it.
TOLERANCE = 1e-10
MOST_STEPS = 200


@dataclass(frozen=True)
class FractionalRidge:
    """Predict each target by ridge regression of a given length of coefficients.

    The penalty of a target is the one at which ||b|| = fraction x ||b_0||, with b_0 the least
    squares solution of least norm over the singular values that are not rounding. So one grid of
    fractions spans no shrinkage to nearly all of it, whatever the features and the noise.

    Parameters
    ----------
    fractions : sequence of float
        Above 0 and at most 1. Each target takes the one of least squared error on the inner rows;
        ties go to the smaller fraction.

    References
    ----------
    Rokem & Kay (2020), doi:10.1093/gigascience/giaa133.
    """

    fractions: Sequence[float] = tuple(float(step) / 20 for step in range(1, 21))

    def __post_init__(self) -> None:
        """Sort the fractions, and refuse those that are none."""
        object.__setattr__(self, "fractions", check_grid("fractions", self.fractions, most=1))

    def fit_arrays(
        self,
        features: np.ndarray,
        responses: np.ndarray,
        inner: Pairs,
        *,
        seed: int,  # noqa: ARG002  nothing here is random
    ) -> LinearFit:
        """Fit all rows.

        Parameters
        ----------
        features : array (rows, units)
        responses : array (rows, targets)
        inner : list of pairs of int arrays
            Training and test rows on which the fraction is chosen.
        seed : int
            Not used.

        Returns
        -------
        LinearFit
            Its hyper-parameters are `fraction` and `alpha`, the penalty that it stands for, in
            units of the mean squared norm of a centered row.
        """
        grid = np.asarray(self.fractions)

        def solve(training: Training) -> Solution:
            right, squares, plain = _least_squares(training)
            return Solution(right, lambda chosen: _shrink(squares, plain, grid[chosen]))

        fit, chosen, training = fit_linear(
            features, responses, inner, solve=solve, n_candidates=len(grid)
        )
        _, squares, plain = _least_squares(training)
        penalty = find_penalties(squares, plain, grid[chosen])
        scale = squares.sum() / len(training.features)
        alpha = penalty / scale if scale else np.full(len(chosen), np.nan)
        return replace(fit, hyperparameters={"fraction": grid[chosen], "alpha": alpha})


def find_penalties(squares: np.ndarray, plain: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Find the penalty at which the coefficients of each target have the given fraction of length.

    Newton steps on the logarithm of the length over that of the penalty, for all targets at once;
    a step that leaves the bracket of the solution bisects it instead.

    Parameters
    ----------
    squares : float array (rank,)
        Squared singular values of the centered features, all above 0.
    plain : float array (rank, targets)
        Least squares coefficients along the singular vectors.
    fractions : float array (targets,)

    Returns
    -------
    float array (targets,)
        0 where the fraction is 1 or the coefficients are 0.
    """
    penalties = np.zeros(plain.shape[1])
    length = np.linalg.norm(plain, axis=0)
    left = np.flatnonzero((fractions < 1) & (length > 0))
    if not len(left):
        return penalties
    energy = (plain[:, left] / length[left]) ** 2
    wanted = fractions[left]
    # A penalty shrinks no direction more than the weakest, and none less than the strongest.
    bracket = np.log(np.array([[squares.min()], [squares.max()]]) * (1 - wanted) / wanted)
    where = bracket.mean(0)
    for _ in range(MOST_STEPS):
        excess, slope = _excess(squares, energy, wanted, where)
        penalties[left] = np.exp(where)
        open_ = np.abs(excess) > TOLERANCE
        if not open_.any():
            return penalties
        left, energy, wanted = left[open_], energy[:, open_], wanted[open_]
        bracket, where = _narrow(bracket[:, open_], where[open_], excess[open_], slope[open_])
    message = (
        f"The penalties of {len(left)} fractions were not found in {MOST_STEPS} steps; leave out "
        "the smallest fractions."
    )
    raise DataError(message)


def _excess(
    squares: np.ndarray, energy: np.ndarray, wanted: np.ndarray, where: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute log(length / wanted) at log penalties, and its slope."""
    kept = squares[:, None] / (squares[:, None] + np.exp(where))
    shrunk = energy * kept**2
    total = shrunk.sum(0)
    slope = np.einsum("ij,ij->j", shrunk, kept) / total - 1
    return np.log(total) / 2 - np.log(wanted), slope


def _narrow(
    bracket: np.ndarray, where: np.ndarray, excess: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Replace one end of the bracket of log penalties, and step inside it."""
    low = np.where(excess > 0, where, bracket[0])
    high = np.where(excess > 0, bracket[1], where)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = where - excess / slope
    inside = (step > low) & (step < high)
    return np.array([low, high]), np.where(inside, step, (low + high) / 2)


def _least_squares(training: Training) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return right singular vectors, squared singular values and least squares along them."""
    left, singular, right = np.linalg.svd(training.features, full_matrices=False)
    real = singular > training.floor
    plain = (left[:, real].T @ training.responses) / singular[real][:, None]
    return right[real].T, singular[real] ** 2, plain


def _shrink(squares: np.ndarray, plain: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    penalties = find_penalties(squares, plain, fractions)
    return plain * (squares[:, None] / (squares[:, None] + penalties))
