"""Banded ridge: constructed answers, scikit-learn as oracle, invariances, degenerate spaces."""

import numpy as np
import pytest
from banded_problems import ALPHAS, SHAPES, Problem, scaled, slow_search
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge

from neuroalign.numerics import ridge
from neuroalign.numerics.banded_ridge import banded_coefficients, fit_banded
from neuroalign.numerics.banded_search import BandedSearch, all_subsets, draw_weights, restrict
from neuroalign.numerics.device import fetch, put
from neuroalign.numerics.explained_shares import joint_r2
from neuroalign.numerics.spaces import combine, make_spaces, project_rows, relative_weights


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_choice_and_predictions_equal_the_explicit_loop(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    search = problem.search()
    result = fit_banded(
        problem.made(), problem.responses, problem.train, problem.test,
        inner=problem.inner, search=search,
    )  # fmt: skip
    for target, (error, number, alpha) in slow_search(problem, search.weights).items():
        y = problem.responses[:, target]
        np.testing.assert_allclose(
            result.extra["space_weight"][1][:, target], search.weights[number], atol=1e-9
        )
        assert result.hyperparameters["alpha"][target] == alpha
        parts = scaled(problem.spaces, search.weights[number], problem.train)
        model = Ridge(alpha, solver="svd").fit(np.hstack(parts)[problem.train], y[problem.train])
        expected = model.predict(np.hstack(parts)[problem.test]) - y[problem.train].mean()
        np.testing.assert_allclose(result.predictions[:, target], expected, atol=1e-8)
        baseline = sum(((y[held] - y[train].mean()) ** 2).sum() for train, held in problem.inner)
        assert result.inner_r2[target] == pytest.approx(1 - error / baseline, abs=1e-8)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_predictions_of_each_space_equal_those_of_its_own_coefficients(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    weights = draw_weights(len(n_units), 8, 0)[-1]
    made, train, test = problem.made(), problem.train, problem.test
    relative = relative_weights(made, weights, train)
    spectrum = ridge.decompose(combine(made, relative), train, test)
    y = problem.responses[train] - problem.responses[train].mean(0)
    loadings = spectrum.train.T @ y * ridge.filters(spectrum, np.array([0.3]))
    parts = scaled(problem.spaces, weights, train)
    coefficients = Ridge(0.3, solver="svd").fit(np.hstack(parts)[train], y).coef_.T
    start = 0
    for part, rows in zip(parts, project_rows(made, relative, spectrum, train, test), strict=True):
        own = coefficients[start : start + part.shape[1]]
        start += part.shape[1]
        expected = (part[test] - part[train].mean(0)) @ own
        np.testing.assert_allclose(rows @ loadings, expected, atol=1e-8)


def test_orthogonal_spaces_are_shrunk_by_the_textbook_factor():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(np.column_stack([np.ones(20), rng.normal(size=(20, 2))]))[0][:, 1:]
    features, rows = basis * [5.0, 0.1], np.arange(20)
    made = make_spaces(features, [np.array([0]), np.array([1])])
    weights = relative_weights(made, np.array([0.8, 0.2]), rows)
    spectrum = ridge.decompose(combine(made, weights), rows, rows)
    fitted = ridge.predict(spectrum, basis @ np.array([[7.0], [7.0]]), np.array([2.0]))
    # Both spaces have one direction, whose square is 20 w_i once it is scaled.
    expected = basis @ (7 * np.array([[16 / (16 + 2)], [4 / (4 + 2)]]))
    np.testing.assert_allclose(fitted, expected, atol=1e-12)


def test_one_space_alone_is_plain_ridge():
    problem = Problem(60, (50, 30))
    alone = fit_banded(
        problem.made(), problem.responses, problem.train, problem.test, inner=problem.inner,
        search=BandedSearch(np.array([0.3]), np.array([[0.0, 1.0]]), np.ones((1, 1), dtype=bool)),
    )  # fmt: skip
    design = ridge.make_design(problem.spaces[1])
    spectrum = ridge.decompose(design, problem.train, problem.test)
    y = problem.responses[problem.train]
    penalty = 0.3 * ridge.scale(design, problem.train)
    plain = ridge.predict(spectrum, y - y.mean(0), np.full(6, penalty))
    np.testing.assert_allclose(alone.predictions, plain, atol=1e-9)
    np.testing.assert_array_equal(alone.extra["r2_split_train_mean"][1][0], 0)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_coefficients_give_the_predictions_of_the_explicit_loop(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    search = problem.search()
    problem.train = np.arange(n_rows)
    found, choice = banded_coefficients(
        problem.made(), problem.features, problem.members, problem.responses,
        inner=problem.inner, search=search,
    )  # fmt: skip
    for target in range(6):
        weights = search.weights[choice.candidates[0, target]]
        parts = np.hstack(scaled(problem.spaces, weights, problem.train))
        model = Ridge(choice.alphas[0, target], solver="svd").fit(
            parts, problem.responses[:, target]
        )
        centered = problem.features - problem.features.mean(0)
        expected = model.predict(parts) - problem.responses[:, target].mean()
        np.testing.assert_allclose(centered @ found[:, target], expected, atol=1e-8)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_every_subset_equals_a_fit_with_those_spaces_only(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    subsets = all_subsets(len(n_units))
    together = problem.fitted(subsets=subsets)
    drawn = draw_weights(len(n_units), 8, 0)
    for number, subset in enumerate(subsets):
        weights, allowed = restrict(drawn, subset[None])
        search = BandedSearch(ALPHAS, weights[:, subset], allowed)
        alone = fit_banded(
            make_spaces(problem.features, [problem.members[k] for k in np.flatnonzero(subset)]),
            problem.responses, problem.train, problem.test, inner=problem.inner, search=search,
        )  # fmt: skip
        r2 = joint_r2(alone.held_out, alone.predictions, alone.train_sd, about="test")
        np.testing.assert_allclose(together.extra["r2_subset"][1][number], r2, atol=1e-9)
    full = problem.fitted()
    np.testing.assert_allclose(together.predictions, full.predictions, atol=1e-12)
    np.testing.assert_allclose(together.inner_r2, full.inner_r2, atol=1e-12)
    weights, expected = (one.extra["space_weight"][1] for one in (together, full))
    np.testing.assert_allclose(weights, expected, atol=1e-12)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_held_out_rows_never_move_the_fit(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    clean = problem.fitted()
    # The first keeps its features, so that its prediction can be compared.
    problem.features[problem.test[1:]] = 1e3
    problem.responses[problem.test] = 1e6
    dirty = problem.fitted()
    np.testing.assert_array_equal(clean.extra["space_weight"][1], dirty.extra["space_weight"][1])
    np.testing.assert_array_equal(clean.hyperparameters["alpha"], dirty.hyperparameters["alpha"])
    np.testing.assert_allclose(clean.predictions[0], dirty.predictions[0], atol=1e-6)
    np.testing.assert_allclose(clean.inner_r2, dirty.inner_r2, atol=1e-8)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_scale_and_rotation_of_a_space_and_the_order_of_spaces_change_nothing(
    n_rows, n_units, seed
):
    problem = Problem(n_rows, n_units, seed)
    before = problem.fitted()
    first = problem.members[0]
    rotation = ortho_group.rvs(len(first), random_state=seed)
    problem.features[:, first] = 1e3 * problem.features[:, first] @ rotation + 5
    search = problem.search()
    turned = BandedSearch(ALPHAS, search.weights[:, ::-1], search.allowed)
    after = fit_banded(
        make_spaces(problem.features, problem.members[::-1]), problem.responses, problem.train,
        problem.test, inner=problem.inner, search=turned,
    )  # fmt: skip
    np.testing.assert_allclose(after.predictions, before.predictions, atol=1e-7)
    for name in ("space_weight", "r2_split"):
        np.testing.assert_allclose(
            after.extra[name][1][::-1], before.extra[name][1], atol=1e-7, err_msg=name
        )


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_targets_and_the_order_of_rows_do_not_matter_to_each_other(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    before = problem.fitted()
    order = np.random.default_rng(1).permutation(n_rows)
    place = np.argsort(order)
    problem.features, problem.responses = problem.features[order], problem.responses[order][:, [3]]
    problem.train, problem.test = place[problem.train], place[problem.test]
    problem.inner = [(place[a], place[b]) for a, b in problem.inner]
    alone = problem.fitted()
    np.testing.assert_allclose(alone.predictions[:, 0], before.predictions[:, 3], atol=1e-9)
    np.testing.assert_array_equal(
        alone.hyperparameters["alpha"], before.hyperparameters["alpha"][3]
    )


@pytest.mark.parametrize("n_units", [5, 80])
def test_a_space_that_is_constant_in_training_is_as_if_it_were_not_there(n_units):
    problem = Problem(60, (9, n_units))
    rng = np.random.default_rng(0)
    problem.features[:, problem.members[1]] = 0.1
    units = np.ix_(problem.test, problem.members[1])
    problem.features[units] = rng.normal(size=(len(problem.test), n_units))
    made = problem.made()
    np.testing.assert_array_equal(relative_weights(made, np.array([0.5, 0.5]), problem.train)[1], 0)
    result = problem.fitted()
    alone = fit_banded(
        make_spaces(problem.features, problem.members[:1]), problem.responses, problem.train,
        problem.test, inner=problem.inner,
        search=BandedSearch(ALPHAS, np.ones((1, 1)), np.ones((1, 1), dtype=bool)),
    )  # fmt: skip
    np.testing.assert_allclose(result.predictions, alone.predictions, atol=1e-9)
    nothing = problem.fitted(subsets=all_subsets(2)).extra["r2_subset"][1][1]
    of_the_mean = joint_r2(result.held_out, 0 * result.held_out, result.train_sd, about="test")
    np.testing.assert_allclose(nothing, of_the_mean, atol=1e-12)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_torch_gives_what_numpy_gives(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    moved = put(problem.responses, "torch", "float64")
    search = problem.search(subsets=all_subsets(len(n_units)))
    ours, theirs = (
        fit_banded(
            problem.made(device=device), responses, problem.train, problem.test,
            inner=problem.inner, search=search,
        )
        for device, responses in (("cpu", problem.responses), ("torch", moved))
    )  # fmt: skip
    np.testing.assert_allclose(theirs.predictions, ours.predictions, atol=1e-9)
    for name, (axis, values) in ours.extra.items():
        assert theirs.extra[name][0] == axis
        np.testing.assert_allclose(theirs.extra[name][1], values, atol=1e-9, err_msg=name)


def test_float32_predicts_within_a_thousandth_of_the_spread():
    problem = Problem(60, (50, 30), n_targets=50)
    single = fit_banded(
        problem.made(dtype="float32"), problem.responses.astype(np.float32), problem.train,
        problem.test, inner=problem.inner, search=problem.search(20),
    )  # fmt: skip
    double = problem.fitted(n_candidates=20)
    # Near ties may be decided otherwise; both choices are then equally good inside.
    np.testing.assert_allclose(single.inner_r2, double.inner_r2, atol=1e-4)
    same = (single.extra["space_weight"][1] == double.extra["space_weight"][1]).all(0)
    same &= single.hyperparameters["alpha"] == double.hyperparameters["alpha"]
    assert same.mean() > 0.9
    difference = (single.predictions - double.predictions)[:, same]
    assert np.abs(difference / double.train_sd[same]).max() < 1e-3


def test_integer_features_are_upcast():
    problem = Problem(60, (4, 9))
    problem.features = np.random.default_rng(0).integers(0, 255, (60, 13), dtype=np.uint8)
    counts = problem.fitted()
    problem.features = problem.features.astype(float)
    np.testing.assert_array_equal(counts.predictions, problem.fitted().predictions)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_inputs_are_not_changed(n_rows, n_units):
    problem = Problem(n_rows, n_units)
    made = problem.made()
    copies = [part.copy() for part in made.parts], problem.features.copy(), problem.responses.copy()
    for responses in (problem.responses, put(problem.responses, "torch", "float64")):
        parts = problem.made(device="torch") if responses is not problem.responses else made
        fit_banded(
            parts, responses, problem.train, problem.test,
            inner=problem.inner, search=problem.search(),
        )  # fmt: skip
        for part, copy in zip(parts.parts, copies[0], strict=True):
            np.testing.assert_allclose(fetch(part), copy, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(problem.features, copies[1])
    np.testing.assert_array_equal(problem.responses, copies[2])
