"""The search for weights of spaces, and the split of explained variance; himalaya as oracle."""

import warnings

import numpy as np
import pytest
from banded_problems import ALPHAS, SHAPES, Problem, scaled
from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search
from himalaya.scoring import l2_neg_loss, r2_score_split
from sklearn.model_selection import PredefinedSplit

from neuroalign.numerics import banded_search, ridge
from neuroalign.numerics.alpha_search import inner_fold, validation_errors
from neuroalign.numerics.banded_search import all_subsets, choose_weights, draw_weights, restrict
from neuroalign.numerics.explained_shares import joint_r2, split_r2

# Errors of five candidates at three alphas: least, as small at a larger alpha, as small at the
# smallest, as small at the same, and smaller.
SCRIPT = [[1, 2, 3], [5, 5, 1 + 1e-13], [1 - 1e-13, 2, 3], [9, 9, 1], [9, 1 - 1e-3, 9]]


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_random_search_equals_that_of_himalaya(n_rows, n_units, seed):
    problem = Problem(n_rows, n_units, seed, n_targets=20)
    search, train = problem.search(12), problem.train
    choice = choose_weights(
        problem.made(), problem.responses, train, inner=problem.inner, search=search
    )
    spaces = scaled(problem.spaces, np.ones(len(n_units)), train)
    kernels = np.stack([space[train] @ space[train].T for space in spaces])
    fold = np.arange(len(train)) % 3
    with np.errstate(divide="ignore"):  # theirs takes the logarithm of weights that are 0
        deltas, dual, _, alphas, intercept = solve_multiple_kernel_ridge_random_search(
            kernels, problem.responses[train], n_iter=search.weights, alphas=ALPHAS,
            score_func=l2_neg_loss, cv=PredefinedSplit(fold), fit_intercept=True,
            return_weights="dual", progress_bar=False, return_alphas=True,
        )  # fmt: skip
    np.testing.assert_allclose(choice.alphas[0], alphas)
    chosen = search.weights[choice.candidates[0]].T
    np.testing.assert_allclose(chosen, np.exp(deltas) * alphas, atol=1e-9)
    ours = problem.fitted(n_candidates=12)
    across = np.stack([space[problem.test] @ space[train].T for space in spaces])
    theirs = np.einsum("st,srn,nt->rt", np.exp(deltas), across, dual) + intercept
    np.testing.assert_allclose(ours.predictions + ours.train_mean, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rival_share", [0.0, 0.5, 1.0])
def test_with_a_rival_errors_are_exact_wherever_they_may_win(rival_share):
    problem = Problem(60, (50, 30), n_targets=40)
    design = ridge.make_design(problem.features)
    grid = np.logspace(0, 5, 41)
    folds = [
        inner_fold(ridge.decompose(design, a, b), grid, problem.responses, a, b)
        for a, b in problem.inner
    ]
    exact = validation_errors(folds, tolerance=0)
    rival = np.where(np.arange(40) < 40 * rival_share, exact.min(0) * 1.01, exact.min(0) * 0.9)
    quick = validation_errors(folds, tolerance=0.01, rival=rival)
    wins = exact.min(0) <= rival
    np.testing.assert_allclose(quick.min(0)[wins], exact.min(0)[wins], rtol=1e-12)
    np.testing.assert_array_equal(quick.argmin(0)[wins], exact.argmin(0)[wins])
    assert (quick.min(0)[~wins] > rival[~wins]).all()
    # Nothing is computed exactly for a target that cannot win.
    screened = validation_errors(folds, tolerance=0.01, rival=np.full(40, -1.0))
    np.testing.assert_array_equal(quick[:, ~wins], screened[:, ~wins])
    assert (np.abs(screened.min(0) / exact.min(0) - 1) > 1e-9).all()


def test_a_coarse_tolerance_chooses_as_the_full_search_does():
    problem = Problem(60, (50, 30), n_targets=200)
    made = problem.made()
    coarse, full = (
        choose_weights(
            made, problem.responses, problem.train,
            inner=problem.inner, search=problem.search(20, tolerance=tolerance),
        )
        for tolerance in (0.05, 0.0)
    )  # fmt: skip
    for one, other in zip(coarse[:3], full[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(coarse.inner_r2, full.inner_r2, atol=1e-10)


@pytest.mark.parametrize("n_parts", [2, 3])
@pytest.mark.parametrize("about", ["train", "test"])
def test_split_variance_equals_that_of_himalaya_and_sums_to_the_joint(n_parts, about):
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(n_parts, 20, 5))
    responses = parts.sum(0) + rng.normal(size=(20, 5)) + 0.3
    ours = split_r2(responses, parts, np.ones(5), about=about)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # theirs warns about responses off zero
        theirs = r2_score_split(responses, parts)
    total, drift = (responses**2).sum(0), 20 * responses.mean(0) ** 2
    if about == "test":
        theirs = (theirs * total - drift / len(parts)) / (total - drift)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    joint = joint_r2(responses, parts.sum(0), np.ones(5), about=about)
    np.testing.assert_allclose(ours.sum(0), joint, atol=1e-12)


def test_split_variance_is_undefined_where_the_joint_is():
    parts = np.ones((2, 4, 3))
    responses = np.column_stack([np.ones(4), np.arange(4.0), np.arange(4.0)])
    shares = split_r2(responses, parts, np.array([1.0, 0.0, 1.0]), about="test")
    assert np.isnan(shares).tolist() == [[True, True, False]] * 2


def test_the_variance_of_orthogonal_predictions_is_split_as_planted():
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 3)))[0]
    parts = np.array([2 * basis[:, [0]], basis[:, [1]]])
    responses = parts.sum(0) + 3 * basis[:, [2]]
    shares = split_r2(responses, parts, np.ones(1), about="train")[:, 0]
    np.testing.assert_allclose(shares, np.array([4, 1]) / 14, atol=1e-12)


def test_candidates_are_equal_weights_then_single_spaces_then_draws():
    weights = draw_weights(3, 12, 0)
    np.testing.assert_allclose(weights[0], 1 / 3)
    np.testing.assert_array_equal(weights[1:4], np.eye(3))
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_array_equal(weights[:7], draw_weights(3, 7, 0))
    np.testing.assert_array_equal(draw_weights(3, 2, 0), weights[:2])
    assert not np.array_equal(weights, draw_weights(3, 12, 1))
    many = draw_weights(2, 2003, 0)[3:]
    # The larger of two weights is .75 in the mean for concentration 1, and near 1 for .1.
    assert np.mean(many[1::2].max(1)) == pytest.approx(0.75, abs=0.02)
    assert np.mean(many[::2].max(1)) > 0.9


def test_restricted_candidates_keep_their_proportions():
    subsets = all_subsets(2)
    assert subsets.tolist() == [[True, False], [False, True], [True, True]]
    weights, allowed = restrict(np.array([[0.5, 0.5], [1.0, 0.0], [0.2, 0.8]]), subsets)
    assert weights.tolist() == [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.2, 0.8]]
    # The first space, the second, and both: a space alone is a candidate of both, if it was drawn.
    assert allowed.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 1]]
    three, _ = restrict(np.array([[0.2, 0.2, 0.6]]), np.array([[True, False, True]]))
    np.testing.assert_allclose(three, [[0.25, 0, 0.75]])


def test_ties_between_candidates_go_to_the_larger_alpha_then_to_the_earlier(monkeypatch):
    scripted = {"errors": None, "rivals": []}

    def validation_errors(folds, *, tolerance, rival):
        assert len(folds) == 3
        assert tolerance > 0
        scripted["rivals"].append(rival[0])
        return np.repeat(np.array(next(scripted["errors"]), dtype=float)[:, None], 2, axis=1)

    monkeypatch.setattr(banded_search, "validation_errors", validation_errors)
    problem = Problem(60, (4, 9), n_targets=2)
    chosen = []
    for n_candidates in (1, 2, 3, 4, 5):
        scripted["errors"] = iter(SCRIPT)
        search = problem.search(n_candidates)._replace(alphas=np.array([0.1, 1.0, 10.0]))
        choice = choose_weights(
            problem.made(), problem.responses, problem.train, inner=problem.inner, search=search
        )
        chosen.append((choice.candidates[0, 0], choice.alphas[0, 0]))
    assert chosen == [(0, 0.1), (1, 10.0), (1, 10.0), (1, 10.0), (4, 1.0)]
    np.testing.assert_allclose(scripted["rivals"][-5:], [np.inf, 1, 1, 1, 1], rtol=1e-10)


def test_a_constant_target_keeps_the_largest_alpha_and_equal_weights():
    problem = Problem(60, (4, 9))
    problem.responses[:, 0] = 0.1
    result = problem.fitted()
    assert result.hyperparameters["alpha"][0] == ALPHAS[-1]
    np.testing.assert_array_equal(result.extra["space_weight"][1][:, 0], 0.5)
    assert np.isnan(result.inner_r2[0])


@pytest.mark.parametrize("n_units", [5, 80])
def test_identical_spaces_keep_the_equal_weights_that_are_tried_first(n_units):
    problem = Problem(60, (n_units, n_units))
    problem.features[:, problem.members[1]] = 3 * problem.features[:, problem.members[0]]
    result = problem.fitted(n_candidates=20)
    np.testing.assert_array_equal(result.extra["space_weight"][1], 0.5)
    one, other = result.extra["r2_split"][1]
    np.testing.assert_allclose(one, other, atol=1e-9)
