"""Additive moments: equal to the correlation of the rows, however these are cut into blocks."""

import numpy as np
import oracles
import pytest

from neuroalign.numerics import moments


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
