"""Principal component regression: least squares on the directions in which features vary most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.linear_mapping import LinearFit, Solution, Training, fit_linear
from neuroalign.numerics.mapping import Pairs
from neuroalign.numerics.partial_least_squares import check_counts, check_fits


@dataclass(frozen=True)
class PrincipalComponents:
    """Predict each target by least squares from the leading principal components of the units.

    The components are those of the training rows alone. Those whose singular values are rounding
    predict nothing.

    Parameters
    ----------
    n_components : int, float, or sequence of one of them
        A number of components, at most one less than the training rows and as many as units; or,
        between 0 and 1, the share of the variance of the training features that the fewest
        components exceed. Of several, each target takes the one of least squared error on the
        inner rows; ties go to fewer components.

    References
    ----------
    Massy (1965), doi:10.1080/01621459.1965.10480787.
    """

    n_components: float | Sequence[float] = 0.95

    def __post_init__(self) -> None:
        """Refuse numbers and shares that are none."""
        self._given()

    def _given(self) -> np.ndarray:
        values = np.unique(np.asarray(self.n_components))
        if values.dtype.kind != "f":
            return check_counts(self.n_components)  # type: ignore[arg-type]
        if np.ndim(self.n_components) > 1 or not len(values) or not np.all(_is_share(values)):
            message = (
                f"n_components={self.n_components!r} must be whole numbers of 1 or more, or shares "
                "of variance above 0 and below 1."
            )
            raise DataError(message)
        return values

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
            Training and test rows on which the number of components is chosen.
        seed : int
            Not used.

        Returns
        -------
        LinearFit
            Its hyper-parameters are `n_components` and, where shares were given, `share`.
        """
        given = self._given()
        shares = given.dtype.kind == "f"

        def solve(training: Training) -> Solution:
            if not shares:
                check_fits(given[-1], len(training.features), features.shape[1])
            return _solve(training, given)

        fit, chosen, training = fit_linear(
            features, responses, inner, solve=solve, n_candidates=len(given)
        )
        singular = np.linalg.svd(training.features, compute_uv=False)
        found = {"n_components": _counts(singular, given)[chosen]}
        return replace(fit, hyperparameters=found | ({"share": given[chosen]} if shares else {}))


def _is_share(values: np.ndarray) -> np.ndarray:
    return (values > 0) & (values < 1)


def _solve(training: Training, given: np.ndarray) -> Solution:
    left, singular, right = np.linalg.svd(training.features, full_matrices=False)
    real = singular > training.floor
    counts = _counts(singular, given)
    weights = (left[:, real].T @ training.responses) / singular[real][:, None]
    used = np.arange(real.sum())[:, None]
    return Solution(right[real].T, lambda chosen: weights * (used < counts[chosen]))


def _counts(singular: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Turn shares of variance into numbers of components; features that do not vary have none."""
    if given.dtype.kind != "f":
        return given
    variance = singular**2
    if not variance.sum():
        return np.zeros(len(given), dtype=int)
    cumulated = np.cumsum(variance) / variance.sum()
    return np.minimum(np.searchsorted(cumulated, given, side="right") + 1, len(singular))
