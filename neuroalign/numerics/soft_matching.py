"""Soft matching: units and neuroids are matched in shares, so that their numbers may differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from neuroalign.errors import DataError
from neuroalign.numerics.mapping import Pairs, center_responses, check_units, choose_candidates
from neuroalign.numerics.one_to_one import standardize

# Smaller number squared x larger number of what is matched: about 100 seconds on one CPU core.
LARGEST = 1e10


@dataclass(frozen=True)
class SoftMatching:
    """Predict each neuroid from its share of all units under the best transport between them.

    The transport plan P has rows that sum to 1 / units and columns that sum to 1 / neuroids, and
    the greatest sum of P x correlation over the training rows. A neuroid is predicted by least
    squares from the sum of the standardized units weighted by its column. Units and neuroids that
    do not vary in the training rows take no part. With as many units as neuroids the plan is a
    bijection. The time grows as the smaller number squared x the larger, 2 seconds for 300 neuroids
    and 5,000 units; what would take several minutes is refused.

    References
    ----------
    Khosla & Williams (2023), arXiv:2311.09466.
    """

    def fit_arrays(
        self,
        features: np.ndarray,
        responses: np.ndarray,
        inner: Pairs,
        *,
        seed: int,  # noqa: ARG002  nothing here is random
    ) -> SoftMatchingFit:
        """Fit all rows.

        Parameters
        ----------
        features : array (rows, units)
        responses : array (rows, targets)
        inner : list of pairs of int arrays
            Training and test rows for `inner_r2`; nothing is chosen on them.
        seed : int
            Not used.

        Returns
        -------
        SoftMatchingFit
        """
        responses = responses.astype(float)

        def path(train: np.ndarray, test: np.ndarray) -> Iterable[np.ndarray]:
            _, _, weights, intercept = _fit(features[train], responses[train])
            yield features[test] @ weights + intercept

        _, inner_r2 = choose_candidates(responses, inner, path, 1)
        plan, similarity, weights, intercept = _fit(features, responses)
        return SoftMatchingFit(plan, similarity, weights, intercept, {}, inner_r2)


@dataclass(frozen=True, eq=False)
class SoftMatchingFit:
    """A fitted soft matching.

    Parameters
    ----------
    plan : float array (units, targets)
        Transport plan; sums to 1. 0 for those that do not vary in the training rows.
    similarity : float
        Sum of plan x correlation on the training rows, which chose the plan: biased upward. Use
        `held_out_similarity` to compare. NaN where nothing varies.
    coefficients : float array (units, targets)
    intercept : float array (targets,)
    hyperparameters : dict
        Empty: nothing is chosen.
    inner_r2 : float array (targets,)
        As in `LinearFit`.
    """

    plan: np.ndarray
    similarity: float
    coefficients: np.ndarray
    intercept: np.ndarray
    hyperparameters: dict[str, np.ndarray]
    inner_r2: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the responses (rows, targets) to features (rows, units)."""
        check_units(features, len(self.plan))
        return features @ self.coefficients + self.intercept

    def held_out_similarity(self, features: np.ndarray, responses: np.ndarray) -> float:
        """Sum plan x correlation over rows that did not choose the plan.

        Parameters
        ----------
        features : array (rows, units)
        responses : array (rows, targets)

        Returns
        -------
        float
            Pairs of which one does not vary in these rows have no correlation; the others are
            weighted up to a sum of 1. NaN if there are none.
        """
        check_units(features, len(self.plan))
        units, unit_varies = standardize(features)
        targets, target_varies = standardize(responses)
        mass = self.plan[np.ix_(unit_varies, target_varies)].sum()
        total = (self.plan * (units.T @ targets)).sum()
        return float(total / mass) if mass else np.nan


def transport(cost: np.ndarray) -> np.ndarray:
    """Solve optimal transport between uniform masses exactly.

    With equal numbers the solution is an assignment. Otherwise rows of the larger side are sent,
    one after the other, along the shortest path to a column with room (successive shortest paths
    with potentials), where a path may pass through columns by moving rows sent before.

    Parameters
    ----------
    cost : float array (rows, columns)

    Returns
    -------
    float array (rows, columns)
        Rows sum to 1 / rows, columns to 1 / columns.
    """
    n_rows, n_columns = cost.shape
    if n_rows < n_columns:
        return transport(cost.T).T
    if n_rows == n_columns:
        plan = np.zeros(cost.shape)
        plan[linear_sum_assignment(cost)] = 1 / n_rows
        return plan
    if n_columns**2 * n_rows > LARGEST:
        most = int(np.sqrt(LARGEST / n_rows))
        message = (
            f"Soft matching of {n_rows} with {n_columns} would take minutes to hours; choose at "
            f"most {most} of the fewer, or as many of the one as of the other."
        )
        raise DataError(message)
    return _Transport(cost).solve()


class _Transport:
    """Flows in whole numbers, so that only costs are ever rounded."""

    def __init__(self, cost: np.ndarray) -> None:
        n_rows, n_columns = cost.shape
        self.cost = np.ascontiguousarray(cost)
        self.unit = int(np.gcd(n_rows, n_columns))
        self.room = np.full(n_columns, n_rows // self.unit)
        self.flow = np.zeros((n_columns, n_rows), dtype=int)
        self.potential = np.zeros(n_columns)
        # Least cost of moving some row from one column to another, and which row that is.
        self.detour = np.full((n_columns, n_columns), np.inf)
        self.via = np.zeros((n_columns, n_columns), dtype=int)

    def solve(self) -> np.ndarray:
        n_columns, n_rows = self.flow.shape
        for row in range(n_rows):
            left = n_columns // self.unit
            while left:
                left -= self._send(row, left, self._shortest(row))
        return self.flow.T * (self.unit / (n_rows * n_columns))

    def _shortest(self, row: int) -> list[int]:
        """Find the cheapest path to a column with room, its last column first; set potentials."""
        distance = self.cost[row] - self.potential
        waiting = distance.copy()
        before = np.full(len(distance), -1)
        while True:
            column = int(waiting.argmin())
            if self.room[column]:
                break
            reached = distance[column]
            waiting[column] = np.inf
            onward = (reached + self.potential[column]) - self.potential + self.detour[column]
            # Columns done with are no farther than this one.
            better = onward < waiting
            better &= np.isfinite(waiting)
            distance[better] = waiting[better] = onward[better]
            before[better] = column
        self.potential += np.minimum(distance, distance[column])
        path = [column]
        while before[path[-1]] >= 0:
            path.append(int(before[path[-1]]))
        return path

    def _send(self, row: int, left: int, path: list[int]) -> int:
        """Send as much of a row as the path carries."""
        moves = [(self.via[start, end], start, end) for end, start in pairwise(path)]
        amount = min(
            left, self.room[path[0]], *(self.flow[start, moved] for moved, start, _ in moves)
        )
        for moved, start, end in moves:
            self.flow[start, moved] -= amount
            self.flow[end, moved] += amount
        self.flow[path[-1], row] += amount
        self.room[path[0]] -= amount
        for column in path:
            self._renew(column)
        return int(amount)

    def _renew(self, column: int) -> None:
        rows = np.flatnonzero(self.flow[column])
        costs = self.cost[rows] - self.cost[rows, column][:, None]
        best = costs.argmin(0)
        self.detour[column] = costs[best, np.arange(len(best))]
        self.via[column] = rows[best]


def _fit(
    features: np.ndarray, responses: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Return the plan, its similarity, and coefficients and intercept over the units."""
    units, unit_varies = standardize(features)
    targets, target_varies = standardize(responses)
    mean, deviations = center_responses(responses)
    plan = np.zeros((units.shape[1], targets.shape[1]))
    if not (unit_varies.any() and target_varies.any()):
        return plan, np.nan, plan, mean
    r = units[:, unit_varies].T @ targets[:, target_varies]
    plan[np.ix_(unit_varies, target_varies)] = transport(1 - r)
    similarity = float((plan[np.ix_(unit_varies, target_varies)] * r).sum())
    shares = plan * targets.shape[1]
    combined = units @ shares
    size = (combined**2).sum(0)
    slope = (combined * deviations).sum(0)
    slope = np.divide(slope, size, out=np.zeros_like(slope), where=target_varies & (size > 0))
    center = features.mean(0, dtype=float)
    spread = np.linalg.norm(features - center, axis=0)
    lengths = np.where(unit_varies, spread, 1.0)
    weights = shares * slope / lengths[:, None]
    return plan, similarity, weights, mean - center @ weights
