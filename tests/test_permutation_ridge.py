"""Ridge under many pairings: equal to a loop that refits every fold, on every machine."""

import numpy as np
import pytest
from oracles_permutation import likely_alpha, loop_null
from ridge_cases import MACHINES

from neuroalign.numerics import ridge
from neuroalign.numerics.device import exact_products
from neuroalign.numerics.fair_alpha import choose_levels
from neuroalign.numerics.permuted_ridge import open_folds, pairing_correlations

ALPHAS = np.array([0.01, 0.3, 10.0])


def problem(n_rows=40, n_units=12, n_targets=6, seed=0, n_folds=4):
    """Return features, responses that they explain in part, folds, and pairings."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, n_units)) + 5
    signal = features @ rng.normal(size=(n_units, n_targets)) / np.sqrt(n_units)
    responses = 0.5 * signal + rng.normal(size=(n_rows, n_targets)) + 3
    dealt = rng.permutation(n_rows) % n_folds
    folds = [(np.flatnonzero(dealt != k), np.flatnonzero(dealt == k)) for k in range(n_folds)]
    shuffled = [rng.permutation(n_rows) for _ in range(5)]
    return features, responses, folds, np.array([np.arange(n_rows), *shuffled])


def opened(features, folds, device="cpu", dtype="float64", rows=None, alphas=ALPHAS):
    design = ridge.make_design(features, device=device, dtype=dtype)
    return open_folds(design, np.arange(len(features)) if rows is None else rows, folds, alphas)


@pytest.mark.parametrize("n_units", [3, 12, 90])
@pytest.mark.parametrize("seed", range(3))
def test_every_pairing_is_that_of_a_loop_of_fits(n_units, seed):
    features, responses, folds, orders = problem(n_units=n_units, seed=seed)
    levels = np.arange(responses.shape[1]) % 3
    found = pairing_correlations(opened(features, folds), levels, responses, orders)
    expected = loop_null(features, responses, folds, ALPHAS[levels], orders)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_a_single_test_set_is_that_of_the_loop():
    features, responses, folds, orders = problem()
    levels = np.ones(responses.shape[1], dtype=int)
    found = pairing_correlations(opened(features, folds[:1]), levels, responses, orders)
    expected = loop_null(features, responses, folds[:1], ALPHAS[levels], orders)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_repeated_folds_and_gaps_are_those_of_the_loop():
    features, responses, folds, orders = problem()
    _, _, again, _ = problem(seed=1, n_folds=3)
    gaps = [(train[2:], test) for train, test in again]
    levels = np.zeros(responses.shape[1], dtype=int)
    found = pairing_correlations(opened(features, folds + gaps), levels, responses, orders)
    expected = loop_null(features, responses, folds + gaps, ALPHAS[levels], orders)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_some_rows_of_a_design_are_as_good_as_a_design_of_some_rows():
    features, responses, folds, orders = problem(n_rows=30)
    rows = np.sort(np.random.default_rng(0).permutation(45)[:30])
    more = np.random.default_rng(1).normal(size=(45, 12))
    more[rows] = features
    levels = np.full(responses.shape[1], 2)
    one = pairing_correlations(opened(more, folds, rows=rows), levels, responses, orders)
    two = pairing_correlations(opened(features, folds), levels, responses, orders)
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-10)


def test_many_targets_and_pairings_are_cut_into_portions_without_a_trace(monkeypatch):
    features, responses, folds, orders = problem(n_targets=11)
    levels = np.arange(11) % 2
    whole = pairing_correlations(opened(features, folds), levels, responses, orders)
    chosen = choose_levels(opened(features, folds), responses, orders)
    monkeypatch.setattr("neuroalign.numerics.paired.COLUMNS", {"cpu": 4})
    monkeypatch.setattr("neuroalign.numerics.paired.ROWS", 3)
    monkeypatch.setattr("neuroalign.numerics.fair_alpha.TARGETS", 3)
    parts = pairing_correlations(opened(features, folds), levels, responses, orders)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(choose_levels(opened(features, folds), responses, orders), chosen)


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
@pytest.mark.parametrize("n_units", [3, 12, 90])
def test_every_machine_gives_the_same_numbers(device, dtype, n_units):
    features, responses, folds, orders = problem(n_units=n_units, n_targets=20)
    exact = opened(features, folds)
    levels = choose_levels(exact, responses, orders)
    assert len(np.unique(levels)) > 1
    expected = pairing_correlations(exact, levels, responses, orders)
    with exact_products():
        here = opened(features, folds, device, dtype)
        np.testing.assert_array_equal(choose_levels(here, responses, orders), levels)
        found = pairing_correlations(here, levels, responses, orders)
    assert found.dtype == dtype
    accuracy = 1e-10 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(found, expected, rtol=0, atol=accuracy)


def test_responses_far_from_zero_keep_their_accuracy_in_float32():
    features, responses, folds, orders = problem()
    levels = np.ones(responses.shape[1], dtype=int)
    exact = pairing_correlations(opened(features, folds), levels, responses, orders)
    here = opened(features, folds, dtype="float32")
    found = pairing_correlations(here, levels, responses + 1e6, orders)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5)


def test_constants_are_undefined_in_every_pairing():
    features, responses, folds, orders = problem()
    responses[:, 0] = 0.1 + 0.2
    levels = np.zeros(responses.shape[1], dtype=int)
    r = pairing_correlations(opened(features, folds), levels, responses, orders)
    assert np.isnan(r[:, 0]).all()
    assert np.isfinite(r[:, 1:]).all()


def test_folds_in_which_r_is_undefined_are_skipped():
    features, responses, folds, orders = problem()
    (_, silent), levels = folds[0], np.zeros(responses.shape[1], dtype=int)
    responses[silent, 1] = 2.0
    r = pairing_correlations(opened(features, folds), levels, responses, orders)
    expected = loop_null(features, responses, folds, ALPHAS[levels], orders)
    np.testing.assert_allclose(r, expected, rtol=0, atol=1e-10)


def test_features_that_do_not_vary_within_test_folds_predict_nothing():
    _, responses, folds, orders = problem()
    features = np.zeros((40, 2))
    for number, (_, test) in enumerate(folds):
        features[test] = number
    levels = np.zeros(responses.shape[1], dtype=int)
    for dtype in ("float64", "float32"):
        here = opened(features, folds, dtype=dtype)
        assert np.isnan(pairing_correlations(here, levels, responses, orders)).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_units", [3, 90])
@pytest.mark.parametrize("part", [0, 1])
def test_responses_that_are_constant_in_training_or_in_test_are_undefined(dtype, n_units, part):
    features, responses, folds, orders = problem(n_units=n_units)
    responses[folds[0][part]] = 3.3
    here = opened(1e3 + features, folds[:1], dtype=dtype)
    r = pairing_correlations(here, np.zeros(6, dtype=int), responses, orders[:1])
    assert np.isnan(r).all()


def test_folds_of_too_few_rows_are_skipped():
    features, responses, folds, orders = problem()
    (train, test), *others = folds
    few = (np.sort(np.concatenate([train, test[2:]])), test[:2])
    levels = np.zeros(responses.shape[1], dtype=int)
    found = pairing_correlations(opened(features, [few, *others]), levels, responses, orders)
    expected = pairing_correlations(opened(features, others), levels, responses, orders)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_units", [3, 12, 90])
@pytest.mark.parametrize("seed", range(2))
def test_alphas_are_those_of_the_mean_likelihood_over_pairings(n_units, seed, monkeypatch):
    monkeypatch.setattr("neuroalign.numerics.fair_alpha.TOLERANCE", 1e-9)
    features, responses, folds, orders = problem(n_units=n_units, n_targets=5, seed=seed)
    alphas = np.logspace(-3, 3, 7)
    levels = choose_levels(opened(features, folds, alphas=alphas), responses, orders)
    expected = [likely_alpha(features, y, folds, alphas, orders) for y in responses.T]
    np.testing.assert_array_equal(alphas[levels], expected)


@pytest.mark.parametrize("n_units", [3, 12, 90])
def test_few_directions_choose_nearly_the_same_alphas(n_units, monkeypatch):
    features, responses, folds, orders = problem(n_units=n_units, n_targets=60)
    here = opened(features, folds, alphas=np.logspace(-3, 3, 13))
    quick = choose_levels(here, responses, orders)
    monkeypatch.setattr("neuroalign.numerics.fair_alpha.TOLERANCE", 1e-9)
    exact = choose_levels(here, responses, orders)
    assert np.mean(quick == exact) >= 0.95
    assert len(np.unique(exact)) > 3


def test_five_folds_at_most_judge_alphas():
    features, responses, folds, orders = problem(n_folds=8)
    alphas = np.logspace(-3, 3, 7)
    levels = choose_levels(opened(features, folds, alphas=alphas), responses, orders)
    expected = [likely_alpha(features, y, folds[::2], alphas, orders) for y in responses.T]
    np.testing.assert_array_equal(alphas[levels], expected)


def test_no_pairing_has_more_say_in_alphas_than_another():
    features, responses, folds, orders = problem()
    here = opened(features, folds, alphas=np.logspace(-3, 3, 13))
    levels = choose_levels(here, responses, orders)
    np.testing.assert_array_equal(choose_levels(here, responses, orders[::-1]), levels)
    # The same pairings, seen from another one.
    other = responses[orders[2]]
    seen = np.array([np.argsort(orders[2])[order] for order in orders])
    np.testing.assert_array_equal(choose_levels(here, other, seen), levels)


def test_where_nothing_varies_the_largest_alpha_is_taken():
    features, responses, folds, orders = problem()
    responses[:, 0] = 1.0
    assert choose_levels(opened(features, folds), responses, orders)[0] == len(ALPHAS) - 1


def test_inputs_stay_as_they_are():
    features, responses, folds, orders = problem()
    before = [array.copy() for array in (features, responses, orders)]
    here = opened(features, folds)
    pairing_correlations(here, choose_levels(here, responses, orders), responses, orders)
    for array, earlier in zip((features, responses, orders), before, strict=True):
        np.testing.assert_array_equal(array, earlier)
