"""What guards compute on arrays: features of the order, autocorrelation, exchanges, duplicates."""

import numpy as np
import oracles_guards as oracle
import pytest

from neuroalign.numerics.autocorrelation import (
    Decay,
    decay,
    distance_to,
    group_correlation,
    lag_correlation,
)
from neuroalign.numerics.content_free import (
    position_bumps,
    random_walks,
    smooth_noise,
    smoothed_identity,
)
from neuroalign.numerics.duplicates import effective_directions, near_duplicates
from neuroalign.numerics.exchange import exchange_runs, shift_runs

RUNS = np.repeat([0, 1, 2], [7, 1, 5])


def with_gaps(seed, shape=(13, 4)):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    values[rng.random(shape) < 0.2] = np.nan
    return values


def autoregressive(rho, n_runs, length, n_targets, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_runs, length, n_targets))
    for step in range(1, length):
        values[:, step] = rho * values[:, step - 1] + np.sqrt(1 - rho**2) * values[:, step]
    return values.reshape(-1, n_targets), np.repeat(np.arange(n_runs), length)


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_the_smoothed_identity_is_a_gaussian_of_the_distance_in_a_run(width):
    found = smoothed_identity(RUNS, width=width)
    np.testing.assert_allclose(found, oracle.smoothed_identity(RUNS, width), atol=1e-15)


def test_smooth_noise_is_the_smoothed_identity_in_random_directions():
    noise = np.random.default_rng(3).normal(size=(13, 6))
    found = smooth_noise(RUNS, 6, np.random.default_rng(3))
    np.testing.assert_allclose(found, oracle.smoothed_identity(RUNS, 2.0) @ noise, atol=1e-12)


def test_random_walks_begin_anew_in_each_run():
    steps = np.random.default_rng(3).normal(size=(13, 6))
    found = random_walks(RUNS, 6, np.random.default_rng(3))
    for run in range(3):
        here = run == RUNS
        np.testing.assert_allclose(found[here], np.cumsum(steps[here], axis=0), atol=1e-12)


def test_bumps_are_the_same_in_every_run_and_peak_in_turn():
    found = position_bumps(RUNS, 4)
    np.testing.assert_array_equal(found[RUNS == 0][:5], found[RUNS == 2])
    assert found[RUNS == 0].argmax(0).tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize(("runs", "n_bumps"), [([0, 0, 1, 1, 1], 3), ([0, 1, 2], 0)])
def test_there_are_no_more_bumps_than_places(runs, n_bumps):
    assert position_bumps(np.array(runs)).shape == (len(runs), n_bumps)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lag", [1, 3, 6])
def test_lag_correlation_equals_the_loop_over_pairs(seed, lag):
    values = with_gaps(seed)
    found = lag_correlation(values, RUNS, lag)
    np.testing.assert_allclose(found, oracle.lag_correlation(values, RUNS, lag), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_group_correlation_equals_the_loop_over_pairs(seed):
    values = with_gaps(seed)
    found = group_correlation(values, RUNS)
    np.testing.assert_allclose(found, oracle.group_correlation(values, RUNS), atol=1e-12)


def test_what_does_not_vary_or_has_no_pair_is_undefined():
    values = np.array([[0.1, 1.0], [0.1, np.nan], [0.1, 3.0]])
    assert np.isnan(lag_correlation(values, np.zeros(3, dtype=int), 1)).all()
    assert np.isnan(group_correlation(values, np.arange(3))).all()


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_responses_forget_as_they_were_made_to(rho):
    found = decay(*autoregressive(rho, 10, 200, 60), 0.1)
    assert found.neighbors == pytest.approx(rho, abs=0.03)
    np.testing.assert_allclose(found.correlation, rho**found.lags, atol=0.06)
    expected = np.log(0.1) / np.log(rho)
    assert abs(found.reach - expected) <= 0.15 * expected + 1


def test_independent_responses_have_no_reach():
    found = decay(*autoregressive(0.0, 10, 50, 40), 0.1)
    assert (found.reach, len(found.lags)) == (0, 0)
    assert found.at(np.array([0.0, 1.0, np.inf])).tolist() == [0, 0, 0]


def test_chance_in_few_pairs_is_no_likeness():
    values, runs = autoregressive(0.25, 1, 20, 1, seed=5)
    assert decay(values, runs, 0.0).reach == 0


def test_what_runs_have_in_common_reaches_half_of_the_longest_at_most():
    values = np.repeat([-1.0, 1.0], [100, 60])[:, None] + np.zeros(3)
    assert 45 <= decay(values, np.repeat([0, 1], [100, 60]), 0.1).reach <= 50


def test_likeness_between_lags_is_interpolated_and_none_beyond():
    known = Decay(0.8, np.array([1, 3]), np.array([0.8, 0.4]))
    np.testing.assert_allclose(known.at(np.array([1, 2, 3, 4, np.inf])), [0.8, 0.6, 0.4, 0, 0])


@pytest.mark.parametrize("seed", range(5))
def test_distances_equal_the_loop_over_rows(seed):
    rng = np.random.default_rng(seed)
    ranks = np.concatenate([np.arange(7), [0], np.arange(5)])
    of = rng.random(13) < 0.3
    np.testing.assert_array_equal(distance_to(RUNS, ranks, of), oracle.distance_to(RUNS, ranks, of))


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_equal_length_change_places_whole(seed):
    runs = np.repeat(np.arange(4), 6)
    rows = exchange_runs(runs, np.random.default_rng(seed))
    taken = rows.reshape(4, 6)
    assert (np.diff(taken, axis=1) == 1).all()
    assert sorted(taken[:, 0]) == [0, 6, 12, 18]
    assert (runs[rows] != runs).all()


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_unequal_length_mostly_leave_their_place(seed):
    runs = np.repeat(np.arange(6), [9, 11, 10, 12, 8, 10])
    rows = exchange_runs(runs, np.random.default_rng(seed))
    assert sorted(rows) == list(range(60))
    assert (runs[rows] == runs).mean() <= 0.1


def test_a_run_of_most_rows_cannot_leave():
    assert exchange_runs(np.repeat([0, 1, 2], [50, 3, 3]), np.random.default_rng(0)) is None


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_shifted_within_their_run_by_a_quarter_at_least(seed):
    runs = np.repeat([0, 1], [40, 20])
    rows = shift_runs(runs, np.random.default_rng(seed))
    for start, length in ((0, 40), (40, 20)):
        part = rows[start : start + length] - start
        by = (np.arange(length) - part) % length
        assert len(set(by)) == 1
        assert length / 4 <= by[0] <= 3 * length / 4


def repeated_rows(n_units, seed=0):
    """Make 40 rows of which 30 is nearly 3, and 31 is 4 to the bit; both are tested."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(40, n_units)) + rng.normal(size=n_units) * 5
    values[30] = values[3] + 0.03 * rng.normal(size=n_units)
    values[31] = values[4]
    return values, [(np.arange(30), np.arange(30, 40))]


@pytest.mark.parametrize("n_units", [20, 3000])
def test_rows_that_were_trained_on_are_found(n_units):
    values, pairs = repeated_rows(n_units)
    found = near_duplicates(values, pairs, 0.999)
    assert found == {30: 3, 31: 4}
    expected = oracle.near_duplicates(values, pairs, 0.999)
    assert {row: {other} for row, other in found.items()} == expected


def test_rows_that_were_tested_only_are_not_looked_for():
    values, _ = repeated_rows(20)
    assert near_duplicates(values, [(np.arange(5, 30), np.arange(30, 40))], 0.999) == {}


def test_rows_that_are_alike_but_for_a_little_are_checked_on_all_units():
    values, pairs = repeated_rows(3000)
    values[30] = values[3] + 0.05 * np.random.default_rng(1).normal(size=3000)
    assert near_duplicates(values, pairs, 0.999) == {31: 4}


def test_few_directions_tell_nothing():
    rng = np.random.default_rng(0)
    narrow = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 300))
    assert near_duplicates(narrow, [(np.arange(30), np.arange(30, 40))], 0.999) is None


@pytest.mark.parametrize(("n_rows", "n_units"), [(400, 6), (6, 400)])
def test_directions_are_counted_by_their_variance(n_rows, n_units):
    rows = np.zeros((n_rows, n_units))
    np.fill_diagonal(rows, 2.0)
    assert effective_directions(rows) == pytest.approx(6)
    assert effective_directions(rows[:, :1]) == pytest.approx(1)
    assert effective_directions(np.zeros((5, 3))) == 0
