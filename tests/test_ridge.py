"""Ridge numerics: constructed answers, scikit-learn as oracle, invariances, degenerate features."""

import numpy as np
import oracles
import pytest
from scipy.stats import ortho_group

from neuroalign.numerics import ridge
from neuroalign.numerics.nested_ridge import choose_alphas, fit_split

SHAPES = [(40, 12), (40, 200), (30, 30)]  # tall, wide, square


def problem(n_rows, n_units, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, n_units)) + 3
    weights = rng.normal(size=(n_units, 4)) / np.sqrt(n_units)
    responses = features @ weights + rng.normal(size=(n_rows, 4)) + 10
    rows = rng.permutation(n_rows)
    return features, responses, rows[: n_rows // 4], rows[n_rows // 4 :]


def predicted(features, responses, train, test, alphas):
    spectrum = ridge.decompose(ridge.make_design(features), train, test)
    mean = responses[train].mean(0)
    return ridge.predict(spectrum, responses[train] - mean, alphas) + mean


def test_known_singular_values_are_shrunk_by_the_textbook_factor():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(np.column_stack([np.ones(20), rng.normal(size=(20, 3))]))[0][:, 1:]
    singular = np.array([3.0, 2.0, 1.0])
    features = basis * singular  # centered, orthogonal columns, so that the fit is by column
    responses = basis @ np.array([[5.0], [5.0], [5.0]])
    scale = (singular**2).sum() / 20
    rows = np.arange(20)
    fitted = predicted(features, responses, rows, rows, np.array([0.7]))
    expected = basis @ (5 * singular**2 / (singular**2 + 0.7 * scale))[:, None]
    np.testing.assert_allclose(fitted, expected, atol=1e-12)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("alpha", [1e-4, 1.0, 1e4])
def test_predictions_equal_those_of_scikit_learn(n_rows, n_units, alpha):
    features, responses, test, train = problem(n_rows, n_units)
    ours = predicted(features, responses, train, test, np.full(4, alpha))
    theirs = oracles.ridge_prediction(features[train], responses[train], alpha, features[test])
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_each_target_has_an_alpha_of_its_own(n_rows, n_units):
    features, responses, test, train = problem(n_rows, n_units)
    alphas = np.array([1e-3, 0.1, 1.0, 100.0])
    together = predicted(features, responses, train, test, alphas)
    for target, alpha in enumerate(alphas):
        one = responses[:, [target]]
        alone = predicted(features, one, train, test, np.array([alpha]))
        np.testing.assert_allclose(together[:, [target]], alone, atol=1e-12)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_coefficients_equal_those_of_scikit_learn(n_rows, n_units):
    features, responses, _, _ = problem(n_rows, n_units)
    alphas = np.array([0.01, 0.1, 1.0, 10.0])
    weights = ridge.coefficients(features, responses - responses.mean(0), alphas)
    penalties = [oracles.penalty(features, alpha) for alpha in alphas]
    theirs = oracles.Ridge(alpha=penalties, solver="svd").fit(features, responses)
    np.testing.assert_allclose(weights.T, theirs.coef_, atol=1e-10)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_nested_choice_and_fit_equal_the_explicit_loop(n_rows, n_units):
    features, responses, test, train = problem(n_rows, n_units)
    alphas = np.logspace(-3, 3, 7)
    inner = np.arange(len(train)) % 3
    result = fit_split(
        ridge.make_design(features), responses, train, test, inner=inner, alphas=alphas
    )
    for target in range(4):
        y = responses[:, target]
        chosen = oracles.best_alpha(features[train], y[train], inner, alphas)
        assert result.alphas[target] == chosen
        expected = oracles.ridge_prediction(features[train], y[train], chosen, features[test])
        ours = result.predictions[:, target] + result.train_mean[target]
        np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_inner_r2_is_the_share_of_the_training_mean_error_that_is_removed():
    features, responses, _, train = problem(40, 12)
    alphas = np.array([1.0])
    inner = np.arange(len(train)) % 3
    _, inner_r2 = choose_alphas(
        ridge.make_design(features), responses, train, inner=inner, alphas=alphas
    )
    error = baseline = 0.0
    for part in range(3):
        held, kept = train[inner == part], train[inner != part]
        guess = oracles.ridge_prediction(features[kept], responses[kept, 0], 1.0, features[held])
        error += ((responses[held, 0] - guess) ** 2).sum()
        baseline += ((responses[held, 0] - responses[kept, 0].mean()) ** 2).sum()
    assert inner_r2[0] == pytest.approx(1 - error / baseline, abs=1e-12)


def test_ties_go_to_the_larger_alpha():
    errors = np.array([[3.0, 1.0, 2.0], [2.0, 1.0, 2.0], [2.0, 5.0, 2.0]])
    assert ridge.choose_alpha(errors).tolist() == [2, 1, 2]


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_held_out_rows_never_move_the_fit(n_rows, n_units):
    features, responses, test, train = problem(n_rows, n_units)
    poisoned_features, poisoned = features.copy(), responses.copy()
    poisoned_features[test[0]] = 1e6
    poisoned[test] = 1e6
    inner = np.arange(len(train)) % 3
    grid = np.logspace(-2, 2, 5)
    clean, dirty = (
        fit_split(ridge.make_design(x), y, train, test, inner=inner, alphas=grid)
        for x, y in ((features, responses), (poisoned_features, poisoned))
    )
    np.testing.assert_array_equal(clean.alphas, dirty.alphas)
    np.testing.assert_allclose(clean.predictions[1:], dirty.predictions[1:], atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_rotation_scale_and_translation_of_features_change_nothing(n_rows, n_units, seed):
    features, responses, test, train = problem(n_rows, n_units, seed)
    rotation = ortho_group.rvs(n_units, random_state=seed)
    moved = 1e-6 * (features @ rotation) + 4
    grid = np.full(4, 0.3)
    before = predicted(features, responses, train, test, grid)
    after = predicted(moved, responses, train, test, grid)
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_float32_features_far_from_zero_keep_their_accuracy():
    features, responses, test, train = problem(40, 200)
    shifted = (features + 1e4).astype(np.float32)
    exact = shifted.astype(float) - 1e4
    ours = predicted(shifted, responses, train, test, np.ones(4))
    np.testing.assert_allclose(
        ours, predicted(exact, responses, train, test, np.ones(4)), atol=1e-8
    )


def test_integer_features_are_upcast():
    features = np.random.default_rng(0).integers(0, 255, (40, 9), dtype=np.uint8)
    _, responses, test, train = problem(40, 9)
    ours = predicted(features, responses, train, test, np.ones(4))
    as_float = predicted(features.astype(float), responses, train, test, np.ones(4))
    np.testing.assert_array_equal(ours, as_float)


@pytest.mark.parametrize("n_units", [5, 100])
def test_features_that_are_constant_predict_the_training_mean(n_units):
    _, responses, test, train = problem(40, 9)
    features = np.full((40, n_units), 0.1)
    mean = responses[train].mean(0)
    ours = predicted(features, responses, train, test, np.full(4, 1e-4))
    np.testing.assert_array_equal(ours, np.broadcast_to(mean, ours.shape))


@pytest.mark.parametrize("n_units", [5, 100])
def test_features_that_vary_only_outside_training_predict_the_training_mean(n_units):
    _, responses, test, train = problem(40, 9)
    features = np.full((40, n_units), 0.1)
    features[test] = np.random.default_rng(0).normal(size=(len(test), n_units))
    mean = responses[train].mean(0)
    ours = predicted(features, responses, train, test, np.full(4, 1e-4))
    np.testing.assert_allclose(ours, np.broadcast_to(mean, ours.shape), atol=1e-9)


def test_inputs_are_not_changed():
    features, responses, test, train = problem(40, 200)
    copies = features.copy(), responses.copy()
    fit_split(
        ridge.make_design(features),
        responses,
        train,
        test,
        inner=np.arange(len(train)) % 3,
        alphas=np.ones(1),
    )
    np.testing.assert_array_equal(features, copies[0])
    np.testing.assert_array_equal(responses, copies[1])
