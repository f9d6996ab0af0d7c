"""Deviations of folds and blocks, and the error of a median, against slow and known answers."""

import numpy as np
import pytest
from scipy import stats

from neuroalign.numerics import ridge
from neuroalign.numerics.moments import block_moments
from neuroalign.numerics.resampling import (
    Deviations,
    block_deviations,
    fisher_interval,
    fold_deviations,
    jackknife_deviations,
    jackknife_interval,
    joint_freedom,
    median_errors,
    t_interval,
)


def variance(deviations):
    return (deviations.values**2).sum(0)


@pytest.mark.parametrize(("share", "factor"), [(0.0, 1 / 8), (1.0, 1 / 8 + 1 / 6)])
def test_folds_that_share_nothing_and_all_have_the_variance_of_theory(rng, share, factor):
    per_fold = rng.normal(size=(8, 5))
    found = fold_deviations(per_fold, np.full(5, share), np.full(8, 10.0))
    np.testing.assert_allclose(variance(found), per_fold.var(0, ddof=1) * factor)
    assert found.freedom == 7


def test_errors_of_targets_covary_as_their_folds_do(rng):
    per_fold = rng.normal(size=(6, 4)) @ rng.normal(size=(4, 4))
    values = fold_deviations(per_fold, np.zeros(4), np.full(6, 3.0)).values
    np.testing.assert_allclose(values.T @ values, np.cov(per_fold.T) / 6)


def test_a_fold_in_which_a_target_is_undefined_does_not_count(rng):
    per_fold = rng.normal(size=(7, 2))
    with_gap = np.vstack([per_fold, [[np.nan, 0.3]]])
    found = fold_deviations(with_gap, np.full(2, 0.5), np.full(8, 4.0))
    expected = fold_deviations(per_fold, np.full(2, 0.5), np.full(7, 4.0))
    assert variance(found)[0] == pytest.approx(variance(expected)[0])


def test_fewer_than_three_folds_say_nothing():
    found = fold_deviations(
        np.array([[0.1, 0.2], [0.3, np.nan], [np.nan, 0.4]]), np.ones(2), np.ones(3)
    )
    np.testing.assert_array_equal(found.values, 0)


def test_larger_folds_weigh_more():
    per_fold = np.array([[0.0], [0.0], [1.0]])
    rows = np.array([1.0, 1.0, 2.0])
    found = fold_deviations(per_fold, np.zeros(1), rows)
    mean, spread = 0.5, (1 + 1 + 4) / 16
    assert variance(found)[0] == pytest.approx(((per_fold - mean) ** 2).sum() / 2 * spread)


def test_dividing_anew_brings_no_certainty(rng):
    per_fold = rng.normal(size=(5, 3))
    once = fold_deviations(per_fold, np.ones(3), np.ones(5))
    thrice = fold_deviations(np.tile(per_fold, (3, 1)), np.ones(3), np.ones(15), 3)
    np.testing.assert_allclose(variance(once), variance(thrice))
    assert once.freedom == thrice.freedom == 4


def test_blocks_are_left_out_one_at_a_time(rng):
    y, p = rng.normal(size=(2, 40, 3))
    blocks = np.arange(40) % 8
    found = block_deviations(block_moments(y, p, blocks, 8), np.ones(3))
    for target in range(3):
        left = [np.corrcoef(y[blocks != b, target], p[blocks != b, target])[0, 1] for b in range(8)]
        expected = 7 / 8 * np.sum((np.array(left) - np.mean(left)) ** 2) * 7 / 5
        assert variance(found)[target] == pytest.approx(expected)


def test_the_jackknife_of_a_mean_is_its_squared_standard_error(rng):
    values = rng.normal(size=(20, 4))
    without = (values.sum(0) - values) / 19
    found = (jackknife_deviations(without) ** 2).sum(0)
    np.testing.assert_allclose(found, values.var(0, ddof=1) / 20)


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_the_error_of_a_median_is_that_over_new_draws(spread, shared):
    # Of 30 neuroids, whose true scores spread by `spread` and err by 1, together or apart.
    rng = np.random.default_rng(3)
    truth = spread * rng.normal(size=30)

    def noise(n):
        return rng.normal(size=(n, 30)) + shared * rng.normal(size=(n, 1))

    medians = np.median(truth + noise(4000), axis=1)
    errors = [median_errors(truth + noise(1)[0], noise(300)).std() for _ in range(150)]
    assert np.sqrt(np.mean(np.square(errors))) / medians.std() == pytest.approx(1, abs=0.1)


def test_errors_added_to_estimates_as_they_are_would_be_too_wide():
    rng = np.random.default_rng(0)
    medians = np.median(rng.normal(size=(4000, 30)), axis=1)
    naive = [np.median(rng.normal(size=30) + rng.normal(size=(300, 30)), axis=1).std()
             for _ in range(150)]  # fmt: skip
    assert np.mean(naive) > 1.1 * medians.std()


def test_the_median_of_one_errs_as_it_does(rng):
    errors = rng.normal(size=(50, 1))
    np.testing.assert_array_equal(median_errors(np.array([0.3]), errors), errors[:, 0])


def test_a_median_is_taken_in_parts_without_a_difference(rng, monkeypatch):
    values, errors = rng.normal(size=9), rng.normal(size=(40, 9))
    whole = median_errors(values, errors)
    monkeypatch.setattr("neuroalign.numerics.resampling.CHUNK", 20)
    np.testing.assert_array_equal(median_errors(values, errors), whole)


def test_freedom_is_that_of_one_for_targets_that_err_alike_and_more_for_many(rng):
    folds = rng.normal(size=(10, 400))
    apart = folds - folds.mean(0)
    alike = np.repeat(apart[:, :1], 400, axis=1)
    assert joint_freedom(Deviations(alike, 9.0)) == pytest.approx(9)
    assert joint_freedom(Deviations(apart, 9.0)) == pytest.approx(9 * 2.2, rel=0.01)
    assert joint_freedom(Deviations(0 * alike, 9.0)) == 9


@pytest.mark.parametrize("n_folds", [5, 10, 30])
def test_directions_are_counted_the_same_by_few_folds_as_by_many(rng, n_folds):
    found = []
    for _ in range(300):
        folds = rng.normal(size=(n_folds, 4))  # four directions
        away = folds - folds.mean(0)
        freedom = n_folds - 1.0
        found.append(joint_freedom(Deviations(away, freedom)) / freedom)
    assert np.mean(found) == pytest.approx(1 + 1.2 * (1 - 1 / 4), abs=0.03)


@pytest.mark.parametrize("estimate", [-0.8, 0.0, 0.5])
def test_fisher_intervals_are_even_on_their_scale_and_as_wide_as_t_near_the_estimate(estimate):
    low, high = fisher_interval(estimate, 0.001, 9, 0.95)
    assert np.arctanh(high) + np.arctanh(low) == pytest.approx(2 * np.arctanh(estimate))
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 9) * 0.001, rel=1e-4)
    assert fisher_interval(estimate, 0.9, 9, 0.95)[0] > -1


def test_an_unknown_error_gives_no_interval():
    assert np.isnan(fisher_interval(0.3, np.nan, 9, 0.95)).all()
    assert np.isnan(t_interval(0.3, np.nan, 9, 0.95)).all()


def test_a_perfect_score_has_an_interval_of_one_point():
    assert fisher_interval(1.0, 0.0, 9, 0.95) == (1.0, 1.0)


def test_the_t_test_is_that_of_scipy(rng):
    values = rng.normal(0.4, 1, size=12)
    low, high, p = t_interval(values.mean(), values.std(ddof=1) / np.sqrt(12), 11, 0.95)
    expected = stats.ttest_1samp(values, 0)
    assert p == pytest.approx(expected.pvalue)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval()))


def test_no_difference_without_error_is_certainly_none():
    assert t_interval(0.0, 0.0, 9, 0.95)[2] == 1
    assert t_interval(0.1, 0.0, 9, 0.95)[2] == 0


@pytest.mark.parametrize("n_units", [5, 60])
@pytest.mark.parametrize("n_components", [None, 3])
def test_the_gain_of_noise_is_that_of_predicting_unit_responses(rng, n_units, n_components):
    features = rng.normal(size=(30, n_units))
    train, test = np.arange(20), np.arange(20, 30)
    design = ridge.make_design(features)
    spectrum = ridge.decompose(design, train, test, n_components=n_components)
    penalties = np.array([0.5, 20.0])
    found = ridge.prediction_gains(spectrum, penalties)
    for gain, penalty in zip(found, penalties, strict=True):
        weights = ridge.predict(spectrum, np.eye(20), np.full(20, penalty))
        assert gain == pytest.approx((weights**2).sum(1).mean())


def test_the_jackknife_of_a_mean_is_its_standard_error(rng):
    values = rng.normal(size=(20, 5)) * 0.1
    without = (values.sum() - values.sum(1)) / 95
    error, low, high = jackknife_interval(values.mean(), without, np.full(20, 5), 0.95)
    assert error == pytest.approx(values.mean(1).std(ddof=1) / np.sqrt(20))
    assert low < values.mean() < high
    sizes = np.append(np.full(20, 5), 0)  # a block without rows says nothing
    again = jackknife_interval(values.mean(), np.append(without, 9.0), sizes, 0.95)
    assert again == (error, low, high)


def test_values_beyond_one_have_an_interval_too(rng):
    without = 1.5 + 0.01 * rng.normal(size=20)
    error, low, high = jackknife_interval(1.5, without, np.ones(20, int), 0.95)
    assert 1.5 - low == pytest.approx(stats.t.ppf(0.975, 19) * error)
    assert high > 1.5


def test_a_statistic_that_a_block_undefines_has_no_error():
    without = np.array([0.1, np.nan, 0.2, 0.3])
    assert np.isnan(jackknife_interval(0.2, without, np.ones(4, int), 0.95)).all()
