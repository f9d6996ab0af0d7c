"""Kernel ridge: scikit-learn as oracle, the choice of alpha, invariances, degenerate features."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer

from neuroalign.errors import DataError
from neuroalign.numerics.kernel_ridge import KernelRidge

SHAPES = [(60, 12), (40, 100)]


def problem(n_rows, n_units, seed=0):
    rng = np.random.default_rng(seed)
    features, new = rng.normal(size=(n_rows, n_units)), rng.normal(size=(9, n_units))
    weights = rng.normal(size=(n_units, 4)) / np.sqrt(n_units)
    responses = np.sin(2 * features @ weights) + 0.3 * rng.normal(size=(n_rows, 4)) + 10
    return features + 3, responses, new + 3


def folds(n_rows, n_folds=3):
    fold = np.random.default_rng(1).permutation(n_rows) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def oracle(alpha, features, responses, new):
    gamma = 1 / np.median(pdist(features, "sqeuclidean"))
    centerer = KernelCenterer()
    kernel = centerer.fit_transform(rbf_kernel(features, gamma=gamma))
    cross = centerer.transform(rbf_kernel(new, features, gamma=gamma))
    mean = responses.mean(0)
    model = SklearnKernelRidge(alpha=alpha * np.trace(kernel) / len(kernel), kernel="precomputed")
    return model.fit(kernel, responses - mean).predict(cross) + mean


def fit(features, responses, alphas=(1.0,), inner=()):
    return KernelRidge(alphas).fit_arrays(features, responses, inner, seed=0)


def test_two_rows_have_the_kernel_that_can_be_worked_out_by_hand():
    # Rows at distance 2: gamma 1/4, k = exp(-1); centered kernel (1 - k) / 2 [[1, -1], [-1, 1]],
    # mean of its diagonal (1 - k) / 2, its one eigenvalue 1 - k. At alpha 2 half is shrunk away.
    fitted = fit(np.array([[0.0], [2.0]]), np.array([[0.0], [4.0]]), [2.0])
    assert fitted.gamma == 0.25
    np.testing.assert_allclose(
        fitted.predict(np.array([[0.0], [2.0]])), [[1], [3]], rtol=0, atol=1e-14
    )


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("alpha", [1e-4, 1.0, 1e4])
def test_predictions_equal_those_of_scikit_learn(n_rows, n_units, alpha):
    features, responses, new = problem(n_rows, n_units)
    ours = fit(features, responses, [alpha]).predict(new)
    np.testing.assert_allclose(ours, oracle(alpha, features, responses, new), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_choice_and_inner_r2_equal_the_explicit_loop(n_rows, n_units):
    features, responses, new = problem(n_rows, n_units)
    inner, grid = folds(n_rows), [0.001, 0.03, 1.0, 100.0]
    fitted = fit(features, responses, grid, inner)
    errors, baseline = np.zeros((4, 4)), np.zeros(4)
    for train, test in inner:
        baseline += ((responses[test] - responses[train].mean(0)) ** 2).sum(0)
        for number, alpha in enumerate(grid):
            guess = oracle(alpha, features[train], responses[train], features[test])
            errors[number] += ((responses[test] - guess) ** 2).sum(0)
    best = errors.argmin(0)
    np.testing.assert_array_equal(fitted.hyperparameters["alpha"], np.array(grid)[best])
    np.testing.assert_allclose(fitted.inner_r2, 1 - errors.min(0) / baseline, rtol=0, atol=1e-9)
    for target, number in enumerate(best):
        expected = oracle(grid[number], features, responses, new)[:, target]
        np.testing.assert_allclose(fitted.predict(new)[:, target], expected, rtol=0, atol=1e-9)


def test_a_curve_that_no_line_fits_is_learned():
    rng = np.random.default_rng(1)
    features, new = rng.normal(size=(200, 2)), rng.normal(size=(100, 2))
    fitted = fit(features, (features**2).sum(1)[:, None], [1e-4])
    truth = (new**2).sum(1)
    assert np.corrcoef(fitted.predict(new)[:, 0], truth)[0, 1] > 0.99


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_rotation_scale_and_translation_change_nothing(n_rows, n_units, seed):
    features, responses, new = problem(n_rows, n_units, seed)
    rotation = ortho_group.rvs(n_units, random_state=seed)
    before = fit(features, responses).predict(new)
    after = fit(1e-6 * (features @ rotation) + 4, responses).predict(1e-6 * (new @ rotation) + 4)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-6)


def test_float32_features_far_from_zero_keep_their_accuracy():
    features, responses, new = problem(60, 12)
    shifted = (features + 1e4).astype(np.float32)
    near = fit(shifted.astype(float) - 1e4, responses).predict(new)
    np.testing.assert_allclose(fit(shifted, responses).predict(new + 1e4), near, rtol=0, atol=1e-8)


def test_constant_target_is_predicted_by_its_constant():
    features, responses, new = problem(60, 12)
    responses[:, 1] = 0.1
    fitted = fit(features, responses, [0.1, 1.0], folds(60))
    np.testing.assert_array_equal(fitted.predict(new)[:, 1], 0.1)
    assert np.isnan(fitted.inner_r2).tolist() == [False, True, False, False]
    assert fitted.hyperparameters["alpha"][1] == 1.0


def test_constant_units_contribute_nothing():
    features, responses, new = problem(60, 12)
    padded, new_padded = (np.column_stack([x, np.full(len(x), 0.1)]) for x in (features, new))
    ours = fit(padded, responses).predict(new_padded)
    np.testing.assert_allclose(ours, fit(features, responses).predict(new), rtol=0, atol=1e-12)


def test_features_that_are_constant_predict_the_training_mean_at_the_largest_alpha():
    _, responses, new = problem(60, 12)
    fitted = fit(np.full((60, 12), 0.1), responses, [0.1, 1.0], folds(60))
    ours, mean = fitted.predict(new), responses.mean(0)
    np.testing.assert_array_equal(ours, np.broadcast_to(mean, ours.shape))
    assert fitted.hyperparameters["alpha"].tolist() == [1.0] * 4


def test_rows_that_are_mostly_equal_set_the_width_by_those_that_are_not():
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(1, 200)), 10, axis=0)
    features[:2] = rng.normal(size=(2, 200))
    distances = pdist(features, "sqeuclidean")
    fitted = fit(features, np.arange(10.0)[:, None])
    assert fitted.gamma == pytest.approx(1 / np.median(distances[distances > 0]), rel=1e-12)


def test_integers_are_upcast_and_inputs_are_not_changed():
    rng = np.random.default_rng(0)
    features = rng.integers(0, 255, (60, 12), dtype=np.uint8)
    responses = rng.integers(0, 9, (60, 4), dtype=np.int16)
    copies = features.copy(), responses.copy()
    ours = fit(features, responses, [0.1, 1.0], folds(60)).predict(features)
    as_float = fit(features.astype(float), responses.astype(float), [0.1, 1.0], folds(60))
    np.testing.assert_allclose(ours, as_float.predict(features.astype(float)), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(features, copies[0])
    np.testing.assert_array_equal(responses, copies[1])


def test_coefficients_over_units_do_not_exist():
    features, responses, _ = problem(60, 12)
    with pytest.raises(DataError) as caught:
        _ = fit(features, responses).coefficients
    assert str(caught.value) == "A kernel ridge has no coefficients over units; use predict."


@pytest.mark.parametrize(
    ("alphas", "sentence"),
    [
        ([1, 0], "alphas=[1, 0] must be positive, finite numbers, one at least."),
        ([], "alphas=[] must be positive, finite numbers, one at least."),
        (3.0, "alphas=3.0 is not a list of numbers."),
    ],
)
def test_alphas_that_are_none_are_refused(alphas, sentence):
    with pytest.raises(DataError) as caught:
        KernelRidge(alphas)
    assert str(caught.value) == sentence
