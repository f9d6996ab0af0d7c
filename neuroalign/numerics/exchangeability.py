"""Which pairings of features and responses are as likely as the observed one, and draws of them.

A pairing is an order: row i of the features meets row order[i] of the responses. All neuroids,
layers and models get the same draws, so that what they share stays shared. Where a neuroid lacks
rows, its orders are those of the others as far as they go: a response that would come from a row
that it lacks comes from where the response of that row comes from, and so on. Such an order of
the rows that it has is as likely as any other, if that of all rows is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from neuroalign.numerics.moments import ROUNDING


class Pairings(Protocol):
    """A set of orders, of which the observed one is a member."""

    def count(self, present: np.ndarray) -> int:
        """Count the orders of some rows that differ, the observed one included."""

    def draw(self, n_draws: int, entropy: int | list[int]) -> np.ndarray:
        """Draw orders that differ from the observed one and from each other."""

    def orders(self, draws: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Return what was drawn as orders of some rows."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of rows that change places with others of their class, each block in one piece.

    Parameters
    ----------
    block : int array (rows,)
        Number of the block of each row, from 0 without gaps.
    places : array (rows,)
        What the rows of a block are sorted by.
    kinds : int array (rows,)
        Blocks change places where kind and size are equal.
    """

    block: np.ndarray
    places: np.ndarray
    kinds: np.ndarray

    @cached_property
    def rows(self) -> np.ndarray:
        """Rows of each block in order (blocks, longest); -1 fills up."""
        order = np.lexsort((self.places, self.block))
        sizes = np.bincount(self.block)
        rows = np.full((len(sizes), sizes.max()), -1)
        rows[np.arange(sizes.max()) < sizes[:, None]] = order
        return rows

    @cached_property
    def classes(self) -> np.ndarray:
        """Number of the class of each block."""
        kind_and_size = np.stack([self.kinds[self.rows[:, 0]], (self.rows >= 0).sum(1)])
        return np.unique(kind_and_size, axis=1, return_inverse=True)[1].ravel()

    def count(self, present: np.ndarray) -> int:
        """Count the orders of some rows that differ, the observed one included.

        Parameters
        ----------
        present : bool array (rows,)

        Returns
        -------
        int
        """
        sizes = np.bincount(self.classes[self._whole(present)])
        return math.prod(math.factorial(size) for size in sizes)

    def draw(self, n_draws: int, entropy: int | list[int]) -> np.ndarray:
        """Draw orders that differ from the observed one and from each other.

        Parameters
        ----------
        n_draws : int
            All others there are, if those are fewer.
        entropy : int or list of int
            Seeds the draws.

        Returns
        -------
        int array (draws, blocks)
            The block whose responses come to each.
        """
        members = [np.flatnonzero(self.classes == one) for one in np.unique(self.classes)]
        observed = np.arange(len(self.classes))
        if self.count(np.ones(len(self.block), bool)) <= n_draws + 1:
            every = itertools.product(*(itertools.permutations(one) for one in members))
            lines = [[to for part in parts for to in part] for parts in every][1:]
            drawn = np.empty((len(lines), len(observed)), dtype=int)
            drawn[:, np.concatenate(members)] = np.array(lines, dtype=int).reshape(drawn.shape)
            return drawn
        rng = np.random.default_rng(entropy)

        def shuffle() -> np.ndarray:
            drawn = observed.copy()
            for one in members:
                drawn[one] = rng.permutation(one)
            return drawn

        return _distinct(shuffle, observed, n_draws)

    def orders(self, draws: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Return what was drawn as orders of some rows.

        Parameters
        ----------
        draws : int array (draws, blocks)
            From `draw`.
        present : bool array (rows,)
            Blocks that lack a row stay where they are.

        Returns
        -------
        int array (draws, present rows)
            Numbers of present rows.
        """
        moves = self._whole(present)
        source = np.where(moves, draws, np.arange(len(moves)))
        while (astray := moves & ~moves[source]).any():
            source[astray] = np.take_along_axis(draws, source, 1)[astray]
        shown = np.flatnonzero(present)
        rank = np.empty(len(present), dtype=int)
        rank[self.rows[self.rows >= 0]] = np.nonzero(self.rows >= 0)[1]
        return np.searchsorted(shown, self.rows[source[:, self.block[shown]], rank[shown]])

    def _whole(self, present: np.ndarray) -> np.ndarray:
        """Tell which blocks lack no row."""
        return (present[self.rows] | (self.rows < 0)).all(1)


@dataclass(frozen=True, eq=False)
class Shifts:
    """Runs whose responses are shifted in a circle, each by a number of rows of its own.

    Parameters
    ----------
    run : int array (rows,)
        Number of the run of each row, from 0 without gaps.
    places : array (rows,)
        What the rows of a run are sorted by.
    shortest : int
        Rows that responses are shifted by at least, either way round. A run that is too short for
        that stays as it is.
    """

    run: np.ndarray
    places: np.ndarray
    shortest: int

    def count(self, present: np.ndarray) -> int:
        """Count the orders of some rows that differ, the observed one included.

        Parameters
        ----------
        present : bool array (rows,)

        Returns
        -------
        int
        """
        n_shifted = math.prod(int(number) for number in self._choices(present))
        lengths = np.bincount(self.run[present], minlength=self.run.max() + 1)
        return n_shifted + int((lengths >= 2 * self.shortest).any())

    def draw(self, n_draws: int, entropy: int | list[int]) -> np.ndarray:
        """Draw shifts of all runs, no two alike.

        Parameters
        ----------
        n_draws : int
            All there are, if those are fewer.
        entropy : int or list of int
            Seeds the draws.

        Returns
        -------
        float array (draws, runs)
            Shifts as shares of what is possible, from 0 to less than 1.
        """
        choices = self._choices(np.ones(len(self.run), bool))
        if self.count(np.ones(len(self.run), bool)) <= n_draws + 1:
            every = itertools.product(*(range(number) for number in choices))
            return (np.array(list(every)) + 0.5) / choices
        rng = np.random.default_rng(entropy)
        none = np.full(len(choices), -1)
        drawn = _distinct(lambda: rng.integers(choices), none, n_draws)
        return (drawn + 0.5) / choices

    def orders(self, draws: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Return what was drawn as orders of some rows.

        Parameters
        ----------
        draws : float array (draws, runs)
            From `draw`.
        present : bool array (rows,)
            Rows that are missing are skipped, as if the run were shorter.

        Returns
        -------
        int array (draws, present rows)
            Numbers of present rows.
        """
        shown = np.flatnonzero(present)
        orders = np.tile(np.arange(len(shown)), (len(draws), 1))
        choices = self._choices(present)
        for run, number in enumerate(choices):
            here = np.flatnonzero(self.run[shown] == run)
            here = here[np.argsort(self.places[shown[here]], kind="stable")]
            if len(here) >= 2 * self.shortest:
                shift = self.shortest + (draws[:, run] * number).astype(int)
                orders[:, here] = here[(np.arange(len(here)) + shift[:, None]) % len(here)]
        return orders

    def _choices(self, present: np.ndarray) -> np.ndarray:
        """Count the shifts of each run."""
        lengths = np.bincount(self.run[present], minlength=self.run.max() + 1)
        return np.maximum(lengths - 2 * self.shortest + 1, 1)


def alike_up_to(values: np.ndarray, run: np.ndarray, least: float) -> int:
    """Return how many rows apart responses are still alike, about the mean of their run.

    Parameters
    ----------
    values : float array (rows, targets)
        Rows of a run one after the other in their order; NaN where missing.
    run : int array (rows,)
        From 0 without gaps.
    least : float
        Autocorrelation, in the median over targets, that counts as alike.

    Returns
    -------
    int
        The lag before the first at which rows are not alike; half of the longest run at most.
    """
    sizes = np.bincount(run)
    shown = np.isfinite(values)
    member = np.eye(len(sizes))[run]
    counts = np.maximum(member.T @ shown, 1)
    mean = member.T @ np.where(shown, values, 0.0) / counts
    away = np.where(shown, values - mean[run], 0.0)
    power = (away**2).sum(0)
    varies = power > len(away) * (ROUNDING * np.abs(mean).max(0)) ** 2
    away, shown = away[:, varies], shown[:, varies]
    variance = power[varies] / shown.sum(0)
    lag, furthest = 1, int(sizes.max()) // 2
    while lag <= furthest and len(variance):
        pairs = shown[lag:] & shown[:-lag] & (run[lag:] == run[:-lag])[:, None]
        products = (away[lag:] * away[:-lag] * pairs).sum(0)
        if np.median(products / np.maximum(pairs.sum(0), 1) / variance) < least:
            break
        lag += 1
    return lag - 1


def _distinct(draw: Callable[[], np.ndarray], observed: np.ndarray, n_draws: int) -> np.ndarray:
    """Draw until there are as many as asked for, none twice and none the observed one."""
    seen = {observed.tobytes()}
    drawn: list[np.ndarray] = []
    while len(drawn) < n_draws:
        one = draw()
        if (key := one.tobytes()) not in seen:
            seen.add(key)
            drawn.append(one)
    return np.array(drawn)
