"""R2 from moments: that of scikit-learn about the test mean, by hand about the training mean."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from neuroalign.numerics.moments import block_moments, correlation, explained_variance, is_constant


def make(seed=0, n=30, targets=4):
    """Return responses and predictions about a training mean that is not that of the rows."""
    rng = np.random.default_rng(seed)
    responses = rng.normal([0, 1, -3, 50], size=(n, targets))
    return responses, 0.6 * responses + rng.normal(size=(n, targets))


def sums(responses, predictions):
    return block_moments(responses, predictions, np.zeros(len(responses), int), 1)[0]


@pytest.mark.parametrize("seed", range(3))
def test_about_the_test_mean_it_is_that_of_scikit_learn(seed):
    y, p = make(seed)
    found = explained_variance(sums(y, p), np.ones(4), about="test")
    np.testing.assert_allclose(found, r2_score(y, p, multioutput="raw_values"), atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_about_the_training_mean_it_compares_with_predicting_that(seed):
    y, p = make(seed)
    found = explained_variance(sums(y, p), np.ones(4), about="train")
    np.testing.assert_allclose(found, 1 - ((y - p) ** 2).sum(0) / (y**2).sum(0), atol=1e-12)


def test_a_perfect_prediction_explains_all_and_the_training_mean_nothing():
    y, _ = make()
    for about in ("test", "train"):
        np.testing.assert_allclose(explained_variance(sums(y, y), np.ones(4), about=about), 1)
    nothing = sums(y, np.zeros_like(y))
    np.testing.assert_array_equal(explained_variance(nothing, np.ones(4), about="train"), 0)
    assert (explained_variance(nothing, np.ones(4), about="test") < 0).all()


def test_about_the_training_mean_it_is_never_less_than_about_the_test_mean():
    y, p = make()
    one, two = (explained_variance(sums(y, p), np.ones(4), about=a) for a in ("test", "train"))
    assert (two >= one).all()


def test_the_squared_correlation_bounds_it_and_is_reached_by_the_best_line():
    y, p = make()
    lines = [np.polyfit(x, t, 1) for x, t in zip(p.T, y.T, strict=True)]
    best = np.column_stack([np.polyval(line, x) for line, x in zip(lines, p.T, strict=True)])
    r = correlation(sums(y, p), np.ones(4))[0]
    found = explained_variance(sums(y, best), np.ones(4), about="test")
    np.testing.assert_allclose(found, r**2, atol=1e-10)
    assert (explained_variance(sums(y, p), np.ones(4), about="test") <= r**2).all()


def test_it_is_undefined_for_constants_and_too_few_rows_only():
    y, p = make(n=6)
    y[:, 1], p[:, 2] = 0.3, 0.0
    spread = np.array([1.0, 1.0, 1.0, 0.0])  # the last is constant in training
    for about in ("test", "train"):
        found = explained_variance(sums(y, p), spread, about=about)
        assert np.isnan(found).tolist() == [False, True, False, True]
        few = explained_variance(sums(y[:2], p[:2]), np.ones(4), about=about)
        assert np.isnan(few).all()
        none = explained_variance(np.zeros((4, 6)), np.full(4, np.nan), about=about)
        assert np.isnan(none).all()


def test_a_response_that_varies_by_less_than_a_millionth_of_training_is_constant():
    y, p = make()
    for size, defined in ((1e-7, False), (1e-5, True)):
        found = explained_variance(sums(size * (y - y.mean(0)), p), np.ones(4), about="test")
        assert np.isfinite(found).all() == defined


@pytest.mark.parametrize("size", [1e-100, 1e-9, 1e9, 1e100])
def test_the_size_of_responses_does_not_matter(size):
    y, p = make()
    for about in ("test", "train"):
        found = explained_variance(sums(size * y, size * p), np.full(4, size), about=about)
        expected = explained_variance(sums(y, p), np.ones(4), about=about)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_values_that_differ_by_rounding_are_constant_and_others_are_not():
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, size=50)
    columns = [np.full(50, 0.1), 0.1 + 1e-17 * noise, 1e6 * (1 + 1e-14 * noise), np.zeros(50)]
    columns += [0.1 + 1e-9 * noise, 1e-200 * noise, np.eye(50)[0]]
    found = is_constant(np.column_stack(columns))
    assert found.tolist() == [True, True, True, True, False, False, False]
