"""Generalized Procrustes: rotate several views of the same rows until they agree best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.device import Array, double, fetch, namespace, put, small
from neuroalign.numerics.procrustes.polar import Steepness, polar_factor

# How far at most each pass goes on in the direction of the last: begun with, multiplied by while
# the cost falls, and never more than. Where few passes are needed they go less far; see `_reach`.
FIRST_REACH, REACH_GROWTH, LONGEST_REACH = 0.4, 1.1, 1.0


@dataclass(frozen=True, eq=False)
class GeneralizedFit:
    """Views in a common space.

    Parameters
    ----------
    maps : list of float arrays (width of the view, d)
        Q_k, with orthonormal rows; d is the greatest width. Known up to one rotation of all.
    consensus : float array (rows, d)
        Mean of the rotated views.
    cost : float
        Sum over views of |X_k Q_k - consensus|^2.
    iterations : int
        Passes over all views, of the best start.
    gap : float
        Share of the cost that the last pass saved.
    converged : bool
        Whether that was less than the tolerance.
    start_costs : float array (starts,)
        Final cost from every start.
    """

    maps: list[np.ndarray]
    consensus: np.ndarray
    cost: float
    iterations: int
    gap: float
    converged: bool
    start_costs: np.ndarray


def generalized_procrustes(
    views: Sequence[np.ndarray],
    *,
    tolerance: float = 1e-5,
    most_iterations: int = 200,
    n_starts: int = 1,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float64",
) -> GeneralizedFit:
    """Minimize sum_k |X_k Q_k - M|^2 over orthogonal maps Q_k and the consensus M.

    Widths may differ: narrower views are rotated into the space of the widest, as if padded by
    zeros, which are never written out. Nothing is centered or scaled here.

    Each pass turns one view after the other to the sum of all the others, which never raises the
    cost and needs half as many passes as turning all to their mean. From the third on, a pass
    begins a little further on in the direction of the last one, the further the slower the cost
    falls; where that raises the cost it is taken back, so that the costs of accepted passes fall.
    The rule to stop is relative to the cost, so it does not depend on the units.

    Parameters
    ----------
    views : sequence of float arrays (rows, width)
        At least two, of the same rows; finite. Not changed.
    tolerance : float
        Stop when a pass saves less than this share of the cost.
    most_iterations : int
    n_starts : int
        The first start adds views in the order given, the widest first; others in random orders.
        The best is kept.
    seed : int
        Of the random orders.
    device, dtype : str

    Returns
    -------
    GeneralizedFit

    References
    ----------
    Gower (1975), doi:10.1007/BF02291478; ten Berge (1977), doi:10.1007/BF02294053, turns views to
    the sum of the others.
    """
    arrays = [np.asarray(view) for view in views]
    _check(arrays, n_starts, most_iterations, tolerance)
    placed = [put(array, device, dtype) for array in arrays]
    random = np.random.default_rng(seed)
    tries = []
    for start in range(n_starts):
        order = random.permutation(len(placed)) if start else np.arange(len(placed))
        order = order[np.argsort([-placed[k].shape[1] for k in order], kind="stable")]
        fit = _Passes(placed, order)
        fit.run(tolerance, most_iterations)
        tries.append(fit)
    best = min(tries, key=lambda fit: fit.cost)
    return GeneralizedFit(
        maps=[fetch(rotation) for rotation in best.maps],
        consensus=fetch(best.total) / len(placed),
        cost=best.cost,
        iterations=best.iterations,
        gap=best.gap,
        converged=best.gap <= tolerance,
        start_costs=np.array([fit.cost for fit in tries]),
    )


class _Passes:
    """One start: the views, their maps and the sum of what they become."""

    def __init__(self, views: list[Array], order: np.ndarray) -> None:
        self.views, self.order = views, order
        self.steepness = [Steepness() for _ in views]
        self.size = sum(_squares(view) for view in views)
        first = views[order[0]]
        self.maps: list[Array] = [small(np.eye(first.shape[1]), first)] * len(views)
        self.turned: list[Array] = [first] * len(views)
        self.total = first + 0
        for k in order[1:]:
            self.maps[k] = polar_factor(views[k].T @ self.total, self.steepness[k])
            self.turned[k] = views[k] @ self.maps[k]
            self.total = self.total + self.turned[k]
        self.cost = self._cost(self.total)
        self.before = self.turned
        self.iterations, self.gap = 0, np.inf

    def run(self, tolerance: float, most_iterations: int) -> None:
        """Pass over the views until a pass saves next to nothing."""
        reach, limit, saved_before = 0.0, FIRST_REACH, 0.0
        # Costs far below the size of the views are rounding.
        rounding = 1e2 * float(namespace(self.total).finfo(self.total.dtype).eps) * self.size
        while self.iterations < most_iterations and self.gap > tolerance:
            maps, turned, total = self._pass(reach)
            self.iterations += 1
            cost = self._cost(total)
            saved = self.cost - cost
            if saved < 0 < reach:
                reach, limit = 0.0, FIRST_REACH
                continue
            self.gap = max(saved, 0.0) / max(self.cost, rounding, np.finfo(float).tiny)
            if saved < 0:
                return
            self.before, self.turned = self.turned, turned
            self.maps, self.total, self.cost = maps, total, cost
            reach = min(_reach(saved, saved_before), limit)
            limit, saved_before = min(limit * REACH_GROWTH, LONGEST_REACH), saved

    def _pass(self, reach: float) -> tuple[list[Array], list[Array], Array]:
        """Turn each view to the sum of the others, which begin beyond where they are."""
        begun = self.turned
        if reach:
            steps = zip(self.turned, self.before, strict=True)
            begun = [(1 + reach) * now - reach * then for now, then in steps]
        total = sum(begun[1:], begun[0] + 0)
        maps, turned = list(self.maps), list(self.turned)
        for k in self.order:
            total -= begun[k]
            maps[k] = polar_factor(self.views[k].T @ total, self.steepness[k])
            turned[k] = self.views[k] @ maps[k]
            total += turned[k]
        return maps, turned, total

    def _cost(self, total: Array) -> float:
        return max(self.size - _squares(total) / len(self.views), 0.0)


def _reach(saved: float, saved_before: float) -> float:
    """Return how far the passes to come would go on, in steps of the last, if all shrank alike.

    What is saved shrinks as the square of the steps; of steps 1, q, q^2 ... those after the first
    sum to q / (1 - q). After the first pass, which has none to compare with, it is 0.
    """
    if saved >= saved_before:
        return LONGEST_REACH if saved_before else 0.0
    shrinks = (saved / saved_before) ** 0.5
    return shrinks / (1 - shrinks)


def _squares(array: Array) -> float:
    """Sum the squares of all numbers; single rows in the type of the array, their sum in double."""
    return float(double((array * array).sum(1)).sum())


def _check(views: list[np.ndarray], n_starts: int, most_iterations: int, tolerance: float) -> None:
    """Refuse views that have no common rows, and options that mean nothing."""
    if len(views) < 2:
        message = f"{len(views)} views were given; Generalized Procrustes needs 2 or more."
        raise DataError(message)
    shapes = [view.shape for view in views]
    if any(len(shape) != 2 or 0 in shape for shape in shapes) or len({s[0] for s in shapes}) > 1:
        message = (
            f"Views of shapes {', '.join(map(str, shapes))} were given; they need the same rows, "
            "and one axis of units each."
        )
        raise DataError(message)
    if bad := [number for number, view in enumerate(views) if not np.isfinite(view).all()]:
        message = (
            f"View {bad[0]} has values that are NaN or infinite; drop those rows from all views."
        )
        raise DataError(message)
    if n_starts < 1 or most_iterations < 1 or not tolerance > 0:
        message = (
            f"n_starts={n_starts}, most_iterations={most_iterations} and tolerance={tolerance} "
            "were given; give at least 1, at least 1, and a number above 0."
        )
        raise DataError(message)
