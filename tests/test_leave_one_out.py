"""Choices without refitting: leave-one-out and generalized cross-validation beside their loops."""

import numpy as np
import oracles
import pytest
from ridge_cases import CLOSED, DECAYS, GRID, SHAPES, chosen, correlations, fitted, problem
from sklearn.linear_model import RidgeCV

from neuroalign.numerics import alpha_search, leave_one_out, ridge
from neuroalign.numerics.device import put
from neuroalign.numerics.leave_one_out import generalized_errors, leave_one_out_errors

ALL_SHAPES = [*SHAPES, (25, 24), (25, 26), (20, 1), (3, 2), (3, 5), (4, 3)]
LOOPS = {
    "leave-one-out": oracles.leave_one_out_errors,
    "gcv": oracles.generalized_errors,
}


def closed_errors(kind, features, responses, alphas, dtype="float64", tolerance=0):
    design, rows = ridge.make_design(features, dtype=dtype), np.arange(len(features))
    spectrum = ridge.decompose(design, rows, rows[:0])
    penalties, moved = alphas * ridge.scale(design, rows), put(responses, "cpu", dtype)
    if kind == "gcv":
        return generalized_errors(spectrum, moved, penalties)
    return leave_one_out_errors(spectrum, moved, penalties, tolerance=tolerance)


def saturated(features, responses, alphas):
    """Compute both criteria for features that span every centered response, to any small alpha.

    From the smoother 1 - H alone, of which nothing cancels.
    """
    centered = features - features.mean(0)
    values, vectors = (part[..., 1:] for part in np.linalg.eigh(centered @ centered.T))
    found = {"leave-one-out": [], "gcv": []}
    for alpha in alphas:
        weight = oracles.penalty(features, alpha)
        rest = (vectors * (weight / (values + weight))) @ vectors.T
        residuals = rest @ responses
        found["leave-one-out"].append(((residuals / rest.diagonal()[:, None]) ** 2).sum(0))
        found["gcv"].append((residuals**2).sum(0) / (rest.trace() / len(rest)) ** 2)
    return {kind: np.array(errors) for kind, errors in found.items()}


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize(("n_rows", "n_units"), ALL_SHAPES)
def test_errors_and_alphas_are_those_of_the_loop(kind, n_rows, n_units):
    features, responses, _, _ = problem(n_rows, n_units, n_targets=8)
    expected = LOOPS[kind](features, responses, GRID)
    np.testing.assert_allclose(closed_errors(kind, features, responses, GRID), expected, rtol=1e-8)
    found = chosen(features, responses, kind).alphas
    np.testing.assert_array_equal(found, oracles.least(expected, GRID))


@pytest.mark.parametrize(("n_rows", "n_units"), ALL_SHAPES[:5])
def test_leave_one_out_is_that_of_ridge_cv_in_scikit_learn(n_rows, n_units):
    features, responses, test, train = problem(n_rows + 10, n_units, n_targets=30)
    penalties = GRID * oracles.penalty(features[train], 1.0)
    peer = RidgeCV(penalties, alpha_per_target=True, store_cv_results=True)
    peer.fit(features[train], responses[train])
    errors = closed_errors("leave-one-out", features[train], responses[train], GRID)
    np.testing.assert_allclose(errors, peer.cv_results_.sum(0).T, rtol=1e-8)
    ours = fitted(features, responses, train, test, inner="leave-one-out")
    alphas = ours.hyperparameters["alpha"] * oracles.penalty(features[train], 1.0)
    np.testing.assert_allclose(alphas, peer.alpha_)
    predicted = ours.predictions + ours.train_mean
    np.testing.assert_allclose(predicted, peer.predict(features[test]), atol=1e-8)


@pytest.mark.parametrize("kind", CLOSED)
def test_a_shared_alpha_is_the_one_that_misses_the_least_share_of_variance(kind):
    features, responses, _, _ = problem(30, 40, n_targets=8)
    responses *= 10.0 ** np.arange(8)
    missed = LOOPS[kind](features, responses, GRID) / responses.var(0)
    found = chosen(features, responses, kind, per_target=False).alphas
    expected = oracles.least(missed.sum(1, keepdims=True), GRID)[0]
    np.testing.assert_array_equal(found, np.full(8, expected))


def test_inner_r2_compares_with_the_mean_of_the_other_rows():
    features, responses, _, _ = problem(30, 12)
    rows = np.arange(30)
    left = np.array([responses[i] - responses[rows != i].mean(0) for i in rows])
    error = oracles.leave_one_out_errors(features, responses, [1.0])[0]
    found = chosen(features, responses, "leave-one-out", [1.0]).inner_r2
    np.testing.assert_allclose(found, 1 - error / (left**2).sum(0), atol=1e-12)
    error = oracles.generalized_errors(features, responses, [1.0])[0]
    found = chosen(features, responses, "gcv", [1.0]).inner_r2
    # The mean alone has one degree of freedom, so that its criterion is the same number.
    np.testing.assert_allclose(found, 1 - error / (left**2).sum(0), atol=1e-12)


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize(("dtype", "accuracy"), [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize(("n_rows", "n_units"), [(25, 80), (25, 24)])
def test_alphas_near_zero_lose_no_digits_where_features_span_the_responses(
    kind, dtype, accuracy, n_rows, n_units
):
    features, responses, _, _ = problem(n_rows, n_units)
    alphas = np.array([1e-12, 1e-8, 1e-4])
    accuracy *= 100 if n_units == 24 else 1  # its eigenvalues span 1:1000 and not 1:10
    expected = saturated(features, responses, alphas)[kind]
    found = closed_errors(kind, features, responses, alphas, dtype)
    np.testing.assert_allclose(found, expected, rtol=accuracy)


@pytest.mark.parametrize("n_units", [20, 100])
@pytest.mark.parametrize("decay", DECAYS)
def test_the_screened_leave_one_out_choice_is_that_of_the_full_one(decay, n_units):
    features, responses, _, _ = problem(60, n_units, n_targets=300, decay=DECAYS[decay])
    alphas = np.logspace(-4, 4, 33)
    exact = closed_errors("leave-one-out", features, responses, alphas)
    for tolerance in (1e-5, 1e-2):
        found = closed_errors("leave-one-out", features, responses, alphas, tolerance=tolerance)
        np.testing.assert_array_equal(oracles.least(found, alphas), oracles.least(exact, alphas))


@pytest.mark.parametrize("tolerance", [1e-5, 1e-2])
@pytest.mark.parametrize("n_units", [20, 100])
@pytest.mark.parametrize("decay", DECAYS)
def test_the_true_error_lies_within_the_bound(decay, n_units, tolerance, monkeypatch):
    """The bound of targets that are unlike those that the basis was made for."""
    features, responses, _, _ = problem(40, n_units, n_targets=100, decay=DECAYS[decay])
    wild = np.linalg.svd(features - features.mean(0))[0][:, :20] * 1e3
    monkeypatch.setattr(leave_one_out, "validation_errors", lambda folds, **_: folds[0])
    fold = closed_errors("leave-one-out", features, responses, GRID)
    basis = alpha_search._basis(fold, tolerance)
    fold = fold._replace(responses=wild, mean=wild.mean(0))
    screened, bound = alpha_search._screen(fold, basis, slice(None))
    exact = alpha_search.validation_errors([fold], tolerance=0)
    assert (np.abs(screened - exact) <= bound * (1 + 1e-6) + 1e-12 * exact).all()
    assert np.max(np.abs(screened - exact) / bound) > 1e-3  # else the bound says nothing


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize("decay", ["white", "power"])
@pytest.mark.parametrize("n_units", [40, 300])
def test_float32_loses_less_than_1e_4(kind, decay, n_units):
    features, responses, test, train = problem(100, n_units, n_targets=200, decay=DECAYS[decay])
    alphas = np.logspace(-4, 4, 17)
    exact = closed_errors(kind, features[train], responses[train], alphas)
    double, single = (
        fitted(features, responses, train, test, inner=kind, alphas=alphas, dtype=dtype)
        for dtype in ("float64", "float32")
    )
    places = [np.searchsorted(alphas, fit.hyperparameters["alpha"]) for fit in (double, single)]
    best, ours = (exact[place, np.arange(200)] for place in places)
    assert (ours / best - 1).max() < 1e-4
    same = places[0] == places[1]
    difference = np.abs(correlations(double) - correlations(single))
    assert difference[same].max() < 1e-4


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize("n_units", [3, 60])
def test_a_row_that_no_other_row_tells_anything_about_is_left_out_like_any(kind, n_units):
    """Its own unit is 0 elsewhere, so that its leverage is nearly 1 at small alphas."""
    rng = np.random.default_rng(0)
    features, responses = np.zeros((20, n_units)), rng.normal(size=(20, 5))
    features[0, 0], features[:, 1] = 50, rng.normal(size=20)
    alphas = np.array([1e-12, 1e-6, 1e-2, 1.0])
    errors = closed_errors(kind, features, responses, alphas)
    assert np.isfinite(errors).all()
    assert (errors > 0).all()
    expected = LOOPS[kind](features, responses, alphas[1:])
    np.testing.assert_allclose(errors[1:], expected, rtol=1e-6)
    single = closed_errors(kind, features, responses, GRID, "float32")
    np.testing.assert_allclose(single, LOOPS[kind](features, responses, GRID), rtol=1e-2)


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize("n_units", [5, 100])
def test_features_that_are_constant_leave_the_mean_of_the_others(kind, n_units):
    _, responses, _, _ = problem(20, 9)
    choice = chosen(np.full((20, n_units), 0.1), responses, kind)
    np.testing.assert_array_equal(choice.alphas, GRID[-1])
    np.testing.assert_allclose(choice.inner_r2, 0, atol=1e-12)


@pytest.mark.parametrize("kind", CLOSED)
def test_duplicated_units_and_rows_are_no_exception(kind):
    features, responses, _, _ = problem(20, 6)
    for x in (np.repeat(features, 5, axis=1), features[np.arange(20) // 2]):
        expected = LOOPS[kind](x, responses, GRID)
        np.testing.assert_allclose(closed_errors(kind, x, responses, GRID), expected, rtol=1e-8)
