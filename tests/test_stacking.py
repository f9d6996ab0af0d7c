"""Stacking: weights on the simplex, nested choice against slow loops, recovery, invariances."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from banded_problems import ALPHAS, SHAPES, Problem
from scipy.optimize import minimize, nnls
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.metrics.stacked import StackedEncoding
from neuroalign.models.joined import JoinedModel
from neuroalign.numerics import ridge
from neuroalign.numerics.device import put
from neuroalign.numerics.simplex import simplex_weights
from neuroalign.numerics.stacking import choose_stack, fit_stacked, stacked_coefficients


def grams(n_weights, shared, seed, n_targets=50):
    """Make products of residuals that are correlated by `shared`, and differ in size."""
    rng = np.random.default_rng([n_weights, seed])
    common = np.sqrt(shared) * rng.normal(size=(200, 1, n_targets))
    own = np.sqrt(1 - shared) * rng.normal(size=(200, n_weights, n_targets))
    residuals = common + own * rng.uniform(0.3, 1.5, size=(1, n_weights, 1))
    return np.einsum("rit,rjt->tij", residuals, residuals)


def gap(gram, weights):
    """Compute how far the conditions of optimality are missed, relative to the mean diagonal."""
    gradient = np.einsum("tij,tj->ti", gram, weights)
    level = (weights * gradient).sum(1, keepdims=True)
    missed = np.where(weights > 0, np.abs(gradient - level), np.maximum(level - gradient, 0))
    return (missed.max(1) / np.einsum("tii->t", gram) * gram.shape[1]).max()


@pytest.mark.parametrize("shared", [0.0, 0.9, 0.999])
@pytest.mark.parametrize("n_weights", [2, 3, 8, 25])
def test_weights_meet_the_conditions_of_optimality(n_weights, shared):
    gram = grams(n_weights, shared, 0)
    weights = simplex_weights(gram)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-14)
    assert gap(gram, weights) < 1e-10


@pytest.mark.parametrize("shared", [0.0, 0.9])
@pytest.mark.parametrize("n_weights", [2, 3, 6])
def test_weights_equal_those_of_scipy(n_weights, shared):
    gram = grams(n_weights, shared, 1, n_targets=5)
    for own, weights in zip(gram, simplex_weights(gram), strict=True):
        own = own / np.trace(own)
        found = minimize(
            lambda w, own=own: w @ own @ w,
            np.full(n_weights, 1 / n_weights),
            jac=lambda w, own=own: 2 * own @ w,
            bounds=[(0, 1)] * n_weights,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-15, "maxiter": 500},
        )
        np.testing.assert_allclose(weights, found.x, atol=1e-5)
        assert weights @ own @ weights <= found.fun + 1e-14


def test_two_weights_equal_the_textbook_formula():
    gram = grams(2, 0.7, 2)
    one, both, two = gram[:, 0, 0], gram[:, 0, 1], gram[:, 1, 1]
    expected = np.clip((two - both) / (one + two - 2 * both), 0, 1)
    np.testing.assert_allclose(simplex_weights(gram)[:, 0], expected, atol=1e-9)


def test_duplicates_and_residuals_of_zero_share_their_weight_equally():
    pair = np.array([[2.0, 2, 0], [2, 2, 0], [0, 0, 2]])
    found = simplex_weights(np.array([pair, np.ones((3, 3)), np.zeros((3, 3))]))
    np.testing.assert_allclose(found[0], [0.25, 0.25, 0.5], atol=1e-9)
    np.testing.assert_allclose(found[1:], 1 / 3, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_weights_follow_the_order_and_not_the_scale_of_what_is_weighed(seed):
    gram = grams(6, 0.9, seed)
    order = np.random.default_rng(seed).permutation(6)
    moved = 1e-20 * gram[:, order][:, :, order]
    np.testing.assert_allclose(simplex_weights(moved), simplex_weights(gram)[:, order], atol=1e-7)


def designs(problem, **options):
    return [ridge.make_design(problem.features[:, units], **options) for units in problem.members]


def fitted(problem, **options):
    responses = put(problem.responses, options.get("device", "cpu"), "float64")
    return fit_stacked(
        designs(problem, **options), responses, problem.train, problem.test,
        inner=problem.inner, alphas=ALPHAS,
    )  # fmt: skip


def slow_stack(problem, target):
    """Choose alphas by scikit-learn and weights by least squares, for one target."""
    y, alphas, missed = problem.responses[:, target], [], []
    for space in problem.spaces:
        scale = ((space[problem.train] - space[problem.train].mean(0)) ** 2).sum() / 36
        best = (np.inf,)
        for alpha in ALPHAS:
            models = [
                Ridge(alpha * scale, solver="svd").fit(space[a], y[a]) for a, _ in problem.inner
            ]
            residuals = [
                y[b] - model.predict(space[b])
                for model, (_, b) in zip(models, problem.inner, strict=True)
            ]
            best = min(best, ((np.concatenate(residuals) ** 2).sum(), alpha, residuals))
        alphas.append(best[1])
        missed.append(np.concatenate(best[2]))
    heavy = 1e4 * np.abs(missed).max()  # a row that holds the weights to a sum of 1
    weights, _ = nnls(np.vstack([np.array(missed).T, np.full(len(missed), heavy)]),
                      np.append(np.zeros(len(y[problem.train])), heavy))  # fmt: skip
    return alphas, weights / weights.sum()


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_alphas_weights_and_predictions_equal_the_explicit_loop(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    result = fitted(problem)
    for target in range(6):
        y = problem.responses[:, target]
        alphas, weights = slow_stack(problem, target)
        np.testing.assert_array_equal(result.extra["alpha"][1][:, target], alphas)
        np.testing.assert_allclose(result.extra["space_weight"][1][:, target], weights, atol=1e-6)
        expected = -y[problem.train].mean()
        for space, alpha, weight in zip(
            problem.spaces, alphas, result.extra["space_weight"][1][:, target], strict=True
        ):
            scale = ((space[problem.train] - space[problem.train].mean(0)) ** 2).sum() / 36
            model = Ridge(alpha * scale, solver="svd").fit(space[problem.train], y[problem.train])
            expected = expected + weight * model.predict(space[problem.test])
        np.testing.assert_allclose(result.predictions[:, target], expected, atol=1e-8)


def test_inner_r2_is_that_of_the_weighted_predictions_and_never_below_the_best_space():
    problem = Problem(60, (50, 30))
    stack = choose_stack(
        designs(problem), problem.responses, problem.train, inner=problem.inner, alphas=ALPHAS
    )
    for number, design in enumerate(designs(problem)):
        alone = choose_stack(
            [design], problem.responses, problem.train, inner=problem.inner, alphas=ALPHAS
        )
        np.testing.assert_array_equal(alone.alphas[0], stack.alphas[number])
        np.testing.assert_array_equal(alone.weights, 1)
        assert (stack.inner_r2 >= alone.inner_r2 - 1e-12).all()


def test_coefficients_give_the_weighted_predictions():
    problem = Problem(60, (50, 30))
    problem.test = problem.train
    result = fitted(problem)
    stack = choose_stack(
        designs(problem), problem.responses, problem.train, inner=problem.inner, alphas=ALPHAS
    )
    features, y = problem.features[problem.train], problem.responses[problem.train]
    found = stacked_coefficients(features, problem.members, y - y.mean(0), stack)
    predicted = (features - features.mean(0)) @ found
    np.testing.assert_allclose(predicted, result.predictions, atol=1e-8)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_held_out_rows_never_move_the_stack(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    clean = fitted(problem)
    problem.features[problem.test[1:]] = 1e3
    problem.responses[problem.test] = 1e6
    dirty = fitted(problem)
    for name in ("alpha", "space_weight"):
        np.testing.assert_allclose(clean.extra[name][1], dirty.extra[name][1], atol=1e-6)
    np.testing.assert_allclose(clean.predictions[0], dirty.predictions[0], atol=1e-6)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_scale_and_rotation_of_a_space_and_the_order_of_spaces_change_nothing(
    n_rows, n_units, seed
):
    problem = Problem(n_rows, n_units, seed)
    before = fitted(problem)
    first = problem.members[0]
    rotation = ortho_group.rvs(len(first), random_state=seed)
    problem.features[:, first] = 1e3 * problem.features[:, first] @ rotation + 5
    problem.members = problem.members[::-1]
    after = fitted(problem)
    np.testing.assert_allclose(after.predictions, before.predictions, atol=1e-6)
    weights = after.extra["space_weight"][1][::-1]
    np.testing.assert_allclose(weights, before.extra["space_weight"][1], atol=1e-6)


def test_torch_gives_what_numpy_gives_and_a_target_is_stacked_by_itself():
    problem = Problem(48, (3, 60, 5))
    together, moved = fitted(problem), fitted(problem, device="torch")
    np.testing.assert_allclose(moved.predictions, together.predictions, atol=1e-9)
    problem.responses = problem.responses[:, [3]]
    np.testing.assert_allclose(
        fitted(problem).predictions[:, 0], together.predictions[:, 3], atol=1e-9
    )


def test_a_constant_target_is_undefined_inside():
    problem = Problem(60, (4, 9))
    problem.responses[:, 0] = 0.1
    result = fitted(problem)
    assert np.isnan(result.inner_r2[0])
    assert np.isnan(result.extra["r2_split"][1][:, 0]).all()
    np.testing.assert_allclose(result.extra["space_weight"][1][:, 0], 0.5)


def make_layers(seed=0, n=120):
    rng = np.random.default_rng(seed)
    labels = [f"{k:03}" for k in range(n)]
    return labels, {
        name: xr.DataArray(rng.normal(size=(n, 30)), {"stimulus": labels}, ("stimulus", "unit"))
        for name in ("first", "second", "third")
    }


def make_scores(labels, layers, responses, **options):
    stimuli = pd.DataFrame(index=pd.Index(labels, name="stimulus"))
    dataset = na.make_dataset(responses, stimuli)
    model = JoinedModel.of_layers(layers)
    metric = StackedEncoding(**options)
    return na.score(model, dataset, metric, folds=na.KFold(4), progress=False), dataset


@pytest.mark.parametrize("seed", range(3))
def test_the_layer_that_neurons_read_out_gets_the_weight(seed):
    labels, layers = make_layers(seed)
    rng = np.random.default_rng(seed)
    signal = layers["second"].values[:, :3] @ rng.normal(size=(3, 20))
    scores, _ = make_scores(labels, layers, signal + rng.normal(size=signal.shape))
    weights = scores.space_weight.mean(("layer", "fold", "neuroid"))
    # Spaces of noise get some weight by chance. Over 20 seeds the mean was .93, with a spread of
    # .026 between seeds; four of them below it is .82.
    assert float(weights.sel(space="second")) > 0.82
    np.testing.assert_allclose(scores.space_weight.sum("space"), 1)


def test_stacked_scores_are_labelled_and_split():
    labels, layers = make_layers()
    signal = layers["first"].values[:, :2].sum(1) + layers["third"].values[:, :2].sum(1)
    noise = np.random.default_rng(0).normal(size=(120, 5))
    scores, _ = make_scores(labels, layers, signal[:, None] + noise, keep_predictions=True)
    assert scores.alpha.dims == ("layer", "fold", "space", "neuroid")
    assert scores.alpha_at_edge.dims == scores.alpha.dims
    assert scores.space.values.tolist() == ["first", "second", "third"]
    np.testing.assert_allclose(scores.r2_split.sum("space"), scores.r2, atol=1e-10)
    shares = scores.r2_split_train_mean
    np.testing.assert_allclose(shares.sum("space"), scores.r2_train_mean, atol=1e-10)
    assert na.summarize(scores)["r"].item() > 0.5


def test_a_fitted_stack_predicts_and_says_what_it_chose():
    labels, layers = make_layers()
    signal = layers["first"].values[:, :3] @ np.random.default_rng(0).normal(size=(3, 4))
    _, dataset = make_scores(labels, layers, signal)
    joined = next(iter(JoinedModel.of_layers(layers).activations(dataset.stimuli)))[1]
    recording = na.average_repetitions(dataset.recordings["subject-1"])
    fit = StackedEncoding().fit(joined, recording)
    assert fit.hyperparameters.alpha.dims == ("space", "neuroid")
    weights = fit.hyperparameters.space_weight
    np.testing.assert_allclose(weights.sel(space="first"), 1, atol=1e-3)
    np.testing.assert_allclose(fit.predict(joined), signal, atol=0.01)
    assert fit.coefficients.dims == ("unit", "neuroid")


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (
            {"inner": "gcv"},
            UnknownNameError,
            "No kind of inner folds is called 'gcv'. Known: 'auto', 'contiguous', 'grouped', "
            "'k-fold'.",
        ),
        (
            {"inner_folds": 1},
            DataError,
            "inner_folds=1 cannot choose an alpha; use 2 or more.",
        ),
        (
            {"dtype": "float16"},
            UnknownNameError,
            "No dtype is called 'float16'. Did you mean 'float64'?",
        ),
        ({"alphas": []}, DataError, "alphas=[] must be positive, finite numbers, one at least."),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        StackedEncoding(**options)
