"""Poisson regression: scikit-learn and a plain Newton as oracles, silence, separability, choice."""

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance

from neuroalign.errors import DataError
from neuroalign.numerics import poisson_newton
from neuroalign.numerics.poisson import Poisson

SHAPES = [(60, 12), (40, 100)]


def problem(n_rows, n_units, n_targets=4, seed=0):
    rng = np.random.default_rng(seed)
    features, new = rng.normal(size=(n_rows, n_units)), rng.normal(size=(9, n_units))
    weights = rng.normal(size=(n_units, n_targets)) / np.sqrt(n_units)
    counts = rng.poisson(np.exp(features @ weights + rng.normal(size=n_targets)))
    return features + 3, counts, new + 3


def folds(n_rows, n_folds=3):
    fold = np.random.default_rng(1).permutation(n_rows) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def fit(features, counts, alphas=(0.1,), inner=()):
    return Poisson(alphas).fit_arrays(features, counts, inner, seed=0)


def sklearn_poisson(alpha, features, counts):
    scale = ((features - features.mean(0)) ** 2).sum() / len(features)
    model = PoissonRegressor(
        alpha=alpha * scale, solver="newton-cholesky", tol=1e-12, max_iter=1000
    )
    return model.fit(features, counts)


def plain_newton(alpha, features, counts):
    """Optimize one target with the whole Hessian until the step vanishes."""
    center = features.mean(0)
    rows = np.column_stack([np.ones(len(features)), features - center])
    scale = (rows[:, 1:] ** 2).sum() / len(rows)
    penalty = np.full(rows.shape[1], alpha * scale)
    penalty[0] = 0
    weights = np.zeros(rows.shape[1])
    weights[0] = np.log(counts.mean())

    def loss(w):
        if (rows @ w).max() > 500:
            return np.inf
        return np.mean(np.exp(rows @ w) - counts * (rows @ w)) + penalty @ w**2 / 2

    for _ in range(100):
        rate = np.exp(rows @ weights)
        gradient = rows.T @ (rate - counts) / len(rows) + penalty * weights
        hessian = (rows.T * rate) @ rows / len(rows) + np.diag(penalty)
        step = -np.linalg.solve(hessian, gradient)
        while loss(weights + step) > loss(weights) + 1e-14:
            step /= 2
        weights = weights + step
        if np.abs(step).max() < 1e-13:
            break
    return weights[1:], weights[0] - center @ weights[1:]


def test_two_groups_without_penalty_have_the_logarithm_of_their_ratio():
    features = np.repeat([[0.0], [1.0]], 10, axis=0)
    counts = np.repeat([[2], [6]], 10, axis=0)
    fitted = fit(features, counts, [1e-12])
    assert fitted.intercept[0] == pytest.approx(np.log(2), abs=1e-8)
    assert fitted.coefficients[0, 0] == pytest.approx(np.log(3), abs=1e-8)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10])
def test_fit_equals_that_of_scikit_learn(n_rows, n_units, alpha):
    features, counts, new = problem(n_rows, n_units)
    fitted = fit(features, counts, [alpha])
    for target in range(4):
        theirs = sklearn_poisson(alpha, features, counts[:, target])
        np.testing.assert_allclose(fitted.coefficients[:, target], theirs.coef_, rtol=0, atol=1e-6)
        np.testing.assert_allclose(fitted.intercept[target], theirs.intercept_, rtol=0, atol=1e-6)
        ours = fitted.predict(new)[:, target]
        np.testing.assert_allclose(ours, theirs.predict(new), rtol=1e-6)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("alpha", [1e-6, 1e-4, 1.0])
def test_fit_equals_plain_newton_to_the_last_digits(n_rows, n_units, alpha):
    features, counts, _ = problem(n_rows, n_units)
    fitted = fit(features, counts, [alpha])
    for target in range(4):
        weights, intercept = plain_newton(alpha, features, counts[:, target])
        np.testing.assert_allclose(fitted.coefficients[:, target], weights, rtol=0, atol=1e-9)
        np.testing.assert_allclose(fitted.intercept[target], intercept, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_alpha_is_chosen_by_deviance_pooled_over_inner_rows(n_rows, n_units):
    features, counts, new = problem(n_rows, n_units)
    inner, grid = folds(n_rows), [1e-3, 0.03, 0.3, 10.0]
    fitted = fit(features, counts, grid, inner)
    deviance, errors, baseline = np.zeros((4, 4)), np.zeros((4, 4)), np.zeros(4)
    for train, test in inner:
        baseline += ((counts[test] - counts[train].mean(0)) ** 2).sum(0)
        for number, alpha in enumerate(grid):
            for target in range(4):
                model = sklearn_poisson(alpha, features[train], counts[train, target])
                rate, held_out = model.predict(features[test]), counts[test, target]
                deviance[number, target] += mean_poisson_deviance(held_out, rate) * len(test)
                errors[number, target] += ((held_out - rate) ** 2).sum()
    best = deviance.argmin(0)
    np.testing.assert_array_equal(fitted.hyperparameters["alpha"], np.array(grid)[best])
    expected = 1 - errors[best, np.arange(4)] / baseline
    np.testing.assert_allclose(fitted.inner_r2, expected, rtol=1e-5)
    for target, number in enumerate(best):
        theirs = sklearn_poisson(grid[number], features, counts[:, target]).predict(new)
        np.testing.assert_allclose(fitted.predict(new)[:, target], theirs, rtol=1e-6)


def test_deviance_and_squared_error_may_choose_differently():
    rng = np.random.default_rng(6)
    features = rng.normal(size=(90, 20))
    weights = rng.normal(size=(20, 60)) / np.sqrt(20)
    counts = rng.poisson(np.exp(1.5 * features @ weights))
    grid, inner = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0], folds(90)
    fitted = fit(features, counts, grid, inner)
    best = np.max([fit(features, counts, [alpha], inner).inner_r2 for alpha in grid], axis=0)
    assert (fitted.inner_r2 < best - 1e-9).sum() > 5


def test_rate_of_simulated_counts_is_recovered():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5000, 3))
    weights = np.array([[0.5], [-0.3], [0.0]])
    counts = rng.poisson(np.exp(features @ weights + 0.7))
    fitted = fit(features, counts, [1e-9])
    # Fisher information of a weight is at least n exp(0.7) = 10,000: 4 standard errors are .04.
    np.testing.assert_allclose(fitted.coefficients, weights, rtol=0, atol=0.04)
    np.testing.assert_allclose(fitted.intercept, 0.7, rtol=0, atol=0.04)


def test_separable_counts_converge():
    features = np.linspace(-1, 1, 40)[:, None]
    counts = np.where(features > 0, 3, 0)  # without a penalty the slope would run away
    fitted = fit(features, counts, [1e-6])
    assert fitted.failures.tolist() == [0]
    weights, intercept = plain_newton(1e-6, features, counts[:, 0])
    assert fitted.coefficients[0, 0] == pytest.approx(weights[0], rel=1e-9)
    assert fitted.intercept[0] == pytest.approx(intercept, rel=1e-9)


def test_silent_neuroid_has_rate_zero_and_no_inner_r2():
    features, counts, new = problem(60, 12)
    counts[:, 1] = 0
    fitted = fit(features, counts, [0.1, 1.0], folds(60))
    assert not fitted.predict(new)[:, 1].any()
    assert (np.delete(fitted.predict(new), 1, axis=1) > 0).all()
    assert np.isnan(fitted.inner_r2).tolist() == [False, True, False, False]
    assert np.isneginf(fitted.intercept).tolist() == [False, True, False, False]


def test_neuroid_silent_in_one_inner_training_set_is_judged_by_the_others():
    features, counts, _ = problem(60, 12)
    inner = folds(60)
    counts[inner[0][0], 1] = 0  # its spikes are all in the test rows of the first pair
    counts[inner[0][1], 1] = 2
    fitted = fit(features, counts, [0.1, 1.0], inner)
    assert np.isfinite(fitted.inner_r2).all()
    others = fit(features, counts, [0.1, 1.0], inner[1:])
    assert fitted.hyperparameters["alpha"][1] == others.hyperparameters["alpha"][1]


def test_constant_counts_are_predicted_by_their_constant_at_the_largest_alpha():
    features, counts, new = problem(60, 12)
    counts[:, 1] = 3
    fitted = fit(features, counts, [0.1, 1.0], folds(60))
    np.testing.assert_allclose(fitted.predict(new)[:, 1], 3, rtol=1e-14)
    assert np.isnan(fitted.inner_r2).tolist() == [False, True, False, False]
    assert fitted.hyperparameters["alpha"][1] == 1.0


@pytest.mark.parametrize("n_units", [5, 100])
def test_features_that_are_constant_predict_the_mean_rate(n_units):
    _, counts, _ = problem(60, 12)
    fitted = fit(np.full((60, n_units), 0.1), counts)
    ours = fitted.predict(np.random.default_rng(0).normal(size=(9, n_units)))
    np.testing.assert_allclose(ours, np.broadcast_to(counts.mean(0), ours.shape), rtol=1e-12)


def test_rates_far_outside_the_training_rows_are_finite_and_positive():
    features, counts, _ = problem(60, 12)
    fitted = fit(features, counts, [1e-3])
    rates = fitted.predict(1e6 * features)
    assert np.isfinite(rates**2).all()
    assert (rates > 0).all()


def test_large_counts_do_not_overflow_on_the_way_to_the_optimum():
    features, _, _ = problem(60, 3)
    counts = np.round(np.exp(3 * (features[:, :1] - 3)) * 1e5)
    fitted = fit(features, counts, [1e-9])
    np.testing.assert_allclose(fitted.coefficients[:, 0], [3, 0, 0], rtol=0, atol=1e-3)
    assert fitted.failures.tolist() == [0]


def test_one_spike_in_many_rows_does_not_overflow_on_the_way_to_the_optimum():
    # From the mean rate a full Newton step multiplies the rate of that row by exp(1500).
    features, counts = np.zeros((2, 1500, 1))
    features[0], counts[0] = 1, 1
    fitted = fit(features, counts, [1e-6])
    weights, intercept = plain_newton(1e-6, features, counts[:, 0])
    assert fitted.coefficients[0, 0] == pytest.approx(weights[0], rel=1e-6)
    assert fitted.intercept[0] == pytest.approx(intercept, rel=1e-6)
    assert fitted.failures.tolist() == [0]


def test_fits_that_do_not_converge_are_counted(monkeypatch):
    features, counts, _ = problem(60, 12)
    monkeypatch.setattr(poisson_newton, "MOST_NEWTON", 1)
    fitted = fit(features, counts, [1e-3, 0.1], folds(60))
    assert fitted.failures.tolist() == [7] * 4  # two alphas on three inner folds, and the last


def test_steps_that_are_not_solved_for_are_not_taken_for_convergence(monkeypatch):
    features, counts, _ = problem(60, 12)
    monkeypatch.setattr(poisson_newton, "MOST_GRADIENTS", 0)  # every step is 0, and short
    assert fit(features, counts).failures.tolist() == [1] * 4


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_rotation_scale_and_translation_change_nothing(n_rows, n_units, seed):
    features, counts, new = problem(n_rows, n_units, seed=seed)
    rotation = ortho_group.rvs(n_units, random_state=seed)
    before = fit(features, counts).predict(new)
    after = fit(1e-6 * (features @ rotation) + 4, counts).predict(1e-6 * (new @ rotation) + 4)
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize("chunk", [1, 3])
def test_targets_do_not_touch_each_other(monkeypatch, chunk):
    features, counts, new = problem(60, 12)
    together = fit(features, counts, [0.01, 0.1], folds(60))
    monkeypatch.setattr(poisson_newton, "CHUNK", chunk)
    parts = fit(features, counts, [0.01, 0.1], folds(60))
    np.testing.assert_allclose(parts.predict(new), together.predict(new), rtol=1e-9)


def test_averaged_counts_and_integers_are_accepted_and_inputs_are_not_changed():
    features, counts, new = problem(60, 12)
    whole, copies = np.round(10 * features).astype(np.int16), (features.copy(), counts.copy())
    fit(features, counts, [0.1, 1.0], folds(60))
    np.testing.assert_array_equal(features, copies[0])
    np.testing.assert_array_equal(counts, copies[1])
    ours, as_float = fit(whole, counts / 2), fit(whole.astype(float), counts / 2)
    np.testing.assert_allclose(ours.predict(new), as_float.predict(new), rtol=1e-12)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_responses_that_are_no_counts_are_refused(wrong):
    features, counts, _ = problem(60, 12)
    counts = counts.astype(float)
    counts[0, :2] = wrong
    with pytest.raises(DataError) as caught:
        fit(features, counts)
    assert str(caught.value) == (
        "2 of 240 responses are negative or not finite; a Poisson mapping needs spike counts or "
        "rates of 0 or more."
    )


def test_alphas_that_are_none_are_refused():
    with pytest.raises(DataError) as caught:
        Poisson([0.1, -1])
    assert str(caught.value) == ("alphas=[0.1, -1] must be positive, finite numbers, one at least.")
