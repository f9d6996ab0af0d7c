"""Which orders are drawn: all that are allowed, no others, none twice, each as often."""

import numpy as np
import pytest
from oracles_permutation import pairings_of_blocks, pairings_of_shifts

from neuroalign.numerics.exchangeability import Blocks, Shifts, alike_up_to


def blocks(codes, places=None, kinds=None):
    codes = np.asarray(codes)
    places = np.arange(len(codes)) if places is None else np.asarray(places)
    kinds = np.zeros(len(codes), dtype=int) if kinds is None else np.asarray(kinds)
    return Blocks(codes, places, kinds)


def drawn(pairings, n_rows, n_draws=10**4, seed=0, present=None):
    present = np.ones(n_rows, bool) if present is None else present
    orders = pairings.orders(pairings.draw(n_draws, seed), present)
    return [tuple(int(row) for row in order) for order in orders]


GROUPS = [0, 1, 1, 0, 2, 2, 3, 3, 3, 2]  # sizes 2, 2, 3, 3, rows in any order
MEMBERS = [[0, 3], [1, 2], [4, 5, 9], [6, 7, 8]]


def test_blocks_of_equal_size_change_places_in_every_way():
    orders = drawn(blocks(GROUPS), 10)
    expected = set(pairings_of_blocks(MEMBERS))
    assert blocks(GROUPS).count(np.ones(10, bool)) == len(expected) == 4
    assert set(orders) | {tuple(range(10))} == expected
    assert len(orders) == 3


def test_rows_of_a_block_are_matched_by_their_places():
    orders = drawn(blocks([0, 0, 1, 1], places=[2, 1, 1, 2]), 4)
    assert orders == [(3, 2, 1, 0)]


def test_single_rows_change_places_in_every_way():
    orders = drawn(blocks(range(4)), 4)
    assert len(set(orders)) == len(orders) == 23
    assert tuple(range(4)) not in orders


def test_blocks_stay_among_their_kind():
    orders = drawn(blocks(range(5), kinds=[0, 1, 0, 1, 1]), 5)
    assert len(orders) == 2 * 6 - 1
    for order in orders:
        assert {order[0], order[2]} == {0, 2}


def test_a_block_of_its_own_size_stays():
    assert blocks([0, 0, 1]).count(np.ones(3, bool)) == 1
    assert drawn(blocks([0, 0, 1]), 3) == []


def test_few_draws_of_many_differ_from_each_other_and_from_the_observed_order():
    orders = drawn(blocks(range(4)), 4, n_draws=20)
    assert len(set(orders)) == len(orders) == 20
    assert tuple(range(4)) not in orders


def test_every_order_is_drawn_as_often():
    pairings, counts = blocks(range(4)), {}
    for seed in range(600):
        for order in drawn(pairings, 4, n_draws=5, seed=seed):
            counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 23
    expected = 600 * 5 / 23
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    assert statistic < 42.8  # 99.5 % of chi-squared with 22 degrees of freedom


def test_draws_depend_on_the_seed_alone():
    assert drawn(blocks(range(9)), 9, 30, seed=1) == drawn(blocks(range(9)), 9, 30, seed=1)
    assert drawn(blocks(range(9)), 9, 30, seed=1) != drawn(blocks(range(9)), 9, 30, seed=2)


def test_rows_that_are_missing_are_stepped_over():
    pairings, present = blocks(range(5)), np.array([1, 1, 0, 1, 1], bool)
    draws = np.array([[1, 2, 4, 3, 0], [2, 1, 0, 4, 3]])
    found = pairings.orders(draws, present)
    # 0 <- 1, 1 <- 2 <- 4, 4 <- 0; then 0 <- 2 <- 0. Row 3 is number 2 of those present, 4 is 3.
    np.testing.assert_array_equal(found, [[1, 3, 2, 0], [0, 1, 3, 2]])


def test_where_rows_are_missing_every_order_of_the_others_is_as_likely():
    pairings, present = blocks(range(6)), np.array([1, 0, 1, 1, 0, 1], bool)
    orders = drawn(pairings, 6, present=present)  # all 719
    counts = np.unique([*orders, tuple(range(4))], axis=0, return_counts=True)[1]
    assert len(counts) == pairings.count(present) == 24
    assert (counts == 30).all()


def test_blocks_that_lack_a_row_stay_and_others_keep_their_partners():
    pairings = blocks([0, 0, 1, 1, 2, 2])
    present = np.array([1, 1, 1, 0, 1, 1], bool)
    assert pairings.count(present) == 2
    orders = set(drawn(pairings, 6, present=present))
    assert orders == {(0, 1, 2, 3, 4), (3, 4, 2, 0, 1)}


RUNS = [[0, 1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11]]


def shifts(shortest):
    run = np.repeat(np.arange(3), [5, 4, 3])
    return Shifts(run, np.arange(12), shortest)


@pytest.mark.parametrize("shortest", [1, 2])
def test_runs_are_shifted_by_all_that_is_far_enough(shortest):
    runs = [run if len(run) >= 2 * shortest else [] for run in RUNS]
    stays = [row for run in RUNS if len(run) < 2 * shortest for row in run]
    expected = set()
    for order in pairings_of_shifts([run for run in runs if run], shortest):
        expected.add((*order, *stays))
    orders = drawn(shifts(shortest), 12)
    assert set(orders) | {tuple(range(12))} == expected
    assert shifts(shortest).count(np.ones(12, bool)) == len(expected) == len(orders) + 1


def test_a_single_shift_that_is_possible_is_made():
    pairings = Shifts(np.zeros(4, dtype=int), np.arange(4), 2)
    assert drawn(pairings, 4) == [(2, 3, 0, 1)]
    assert pairings.count(np.ones(4, bool)) == 2


def test_runs_that_are_too_short_stay():
    assert shifts(3).count(np.ones(12, bool)) == 1


def test_few_of_many_shifts_differ():
    orders = drawn(shifts(1), 12, n_draws=15)
    assert len(set(orders)) == len(orders) == 15


def test_runs_are_shifted_in_the_order_of_their_places():
    pairings = Shifts(np.zeros(4, dtype=int), np.array([3, 1, 2, 0]), 1)
    for order in drawn(pairings, 4):
        by_place = np.array(order)[[3, 1, 2, 0]]
        ranks = np.array([3, 1, 2, 0])[by_place]
        assert len(set((ranks - np.arange(4)) % 4)) == 1


def test_a_run_with_missing_rows_is_shifted_as_a_shorter_one():
    pairings, present = shifts(1), np.ones(12, bool)
    present[[0, 8]] = False
    orders = set(drawn(pairings, 12, present=present))
    expected = set(pairings_of_shifts([[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]], 1))
    assert orders == expected - {tuple(range(10))}


def test_autocorrelation_is_found_as_far_as_it_reaches():
    rng = np.random.default_rng(0)
    run = np.repeat(np.arange(4), 500)
    white = rng.normal(size=(2000, 30))
    assert alike_up_to(white, run, 0.1) == 0
    moving = sum(np.roll(white, shift, axis=0) for shift in range(6))
    assert alike_up_to(moving, run, 0.1) == 5  # 1/6 at lag 5, 0 at 6


def test_what_a_run_has_in_common_and_constants_and_gaps_are_no_autocorrelation():
    rng = np.random.default_rng(0)
    run = np.repeat(np.arange(5), 100)
    values = rng.normal(size=(500, 9)) + 100 * run[:, None]
    values[:, :5] = 0.1 * run[:, None]
    values[rng.uniform(size=values.shape) < 0.1] = np.nan
    assert alike_up_to(values, run, 0.1) == 0


def test_what_never_ends_reaches_over_half_a_run():
    run = np.zeros(40, dtype=int)
    values = np.repeat([0.0, 1.0], 20)[:, None] + np.random.default_rng(0).normal(size=(40, 3)) / 99
    assert alike_up_to(np.vstack([values, values]), np.repeat([0, 1], 40), -2.0) == 20
    assert alike_up_to(values, run, 0.1) < 20
