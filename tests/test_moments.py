"""Additive moments: equal to the correlation of the rows, however these are cut into blocks."""

import numpy as np
import oracles
import pytest

from neuroalign.numerics import moments
from neuroalign.numerics.resampling import bootstrap_correlations, fold_interval


def make(n=40, targets=3, seed=0):
    rng = np.random.default_rng(seed)
    responses = rng.normal(size=(n, targets))
    predictions = 0.5 * responses + rng.normal(size=(n, targets)) + 2
    return responses, predictions, rng.integers(0, 6, n)


def test_correlation_from_moments_equals_pearson():
    y, p, blocks = make()
    sums = moments.block_moments(y, p, blocks, 6).sum(0)
    r, reason = moments.correlation(sums, np.ones(3))
    assert r == pytest.approx([oracles.pearson(y[:, k], p[:, k]) for k in range(3)], abs=1e-12)
    assert (reason == moments.DEFINED).all()


def test_moments_of_two_sets_add_up_to_those_of_their_union():
    y, p, blocks = make()
    parts = [
        moments.block_moments(y[rows], p[rows], blocks[rows], 6)
        for rows in (np.s_[:15], np.s_[15:])
    ]
    np.testing.assert_allclose(sum(parts), moments.block_moments(y, p, blocks, 6), atol=1e-12)


def test_reasons_tell_too_few_rows_constant_responses_and_constant_predictions():
    y, p, _ = make(n=6, targets=3)
    y[:, 1] = 0.1
    p[:, 2] = 0.1
    sums = moments.block_moments(y, p, np.zeros(6, int), 1)[0]
    r, reason = moments.correlation(sums, np.ones(3))
    expected = [moments.DEFINED, moments.CONSTANT_RESPONSE, moments.CONSTANT_PREDICTION]
    assert reason.tolist() == expected
    assert np.isnan(r).tolist() == [False, True, True]
    few = moments.block_moments(y[:2], p[:2], np.zeros(2, int), 1)[0]
    assert (moments.correlation(few, np.ones(3))[1] == moments.TOO_FEW).all()


@pytest.mark.parametrize(("spread", "defined"), [(1e-7, False), (1e-5, True)])
def test_a_prediction_below_a_millionth_of_the_training_spread_is_constant(spread, defined):
    y, p, _ = make()
    sums = moments.block_moments(y, spread * p, np.zeros(40, int), 1)[0]
    assert np.isfinite(moments.correlation(sums, np.ones(3))[0]).all() == defined


def test_bootstrap_of_blocks_equals_resampling_the_rows():
    y, p, blocks = make()
    sums = moments.block_moments(y, p, blocks, 6)
    samples = bootstrap_correlations(sums, np.ones(3), 20, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    for sample in samples:
        counts = rng.multinomial(6, np.full(6, 1 / 6))
        rows = np.repeat(np.arange(40), counts[blocks])
        expected = [oracles.pearson(y[rows, k], p[rows, k]) for k in range(3)]
        np.testing.assert_allclose(sample, expected, atol=1e-10)


def test_the_interval_over_folds_is_the_corrected_t_interval():
    scores = np.array([0.2, 0.5, 0.4, 0.3, 0.6])
    low, high = fold_interval(0.4, scores, 0.25, 0.95)
    # t(0.975, 4) = 2.776445; variance (1/5 + 1/4) s^2 (Nadeau & Bengio 2003, equation 8).
    reach = 2.7764451 * np.sqrt((1 / 5 + 0.25) * scores.var(ddof=1))
    assert (low, high) == pytest.approx((0.4 - reach, 0.4 + reach), abs=1e-6)


def test_the_interval_over_folds_leaves_out_undefined_folds():
    scores = np.array([0.2, 0.5, np.nan, 0.4])
    assert fold_interval(0.3, scores, 0.25, 0.95) == fold_interval(
        0.3, scores[[0, 1, 3]], 0.25, 0.95
    )
    assert np.isnan(fold_interval(0.3, scores[1:3], 0.25, 0.95)).all()


def test_repeated_divisions_keep_the_degrees_of_freedom_of_one():
    scores = np.random.default_rng(0).normal(size=15)
    low, high = fold_interval(0.0, scores, 0.25, 0.95, n_repeats=3)
    error = np.sqrt((1 / 15 + 0.25) * scores.var(ddof=1))
    assert high == pytest.approx(2.7764451 * error)  # 97.5 % of t with 4 degrees of freedom
    assert low == pytest.approx(-high)
    assert np.isnan(fold_interval(0.0, scores[:3], 0.25, 0.95, n_repeats=3)).all()
