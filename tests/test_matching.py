"""One-to-one and soft matching: constructed matches, exact transport, and the bias of selection."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog

from neuroalign.errors import DataError
from neuroalign.numerics import soft_matching
from neuroalign.numerics.one_to_one import OneToOne
from neuroalign.numerics.soft_matching import SoftMatching, transport

SIZES = [(7, 4), (4, 7), (6, 6), (12, 4), (9, 8), (5, 1)]


def problem(n_rows=60, n_units=8, n_targets=5, seed=0):
    """Make responses that follow one unit each, with noise; the units are in another order."""
    rng = np.random.default_rng(seed)
    features = 2 * rng.normal(size=(n_rows, n_units)) + 3
    order = rng.permutation(n_units)[:n_targets]
    responses = 5 - features[:, order] / 3 + 0.05 * rng.normal(size=(n_rows, n_targets))
    return features, responses, order


def folds(n_rows, n_folds=3):
    fold = np.random.default_rng(1).permutation(n_rows) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def fit(mapping, features, responses, inner=()):
    return mapping.fit_arrays(features, responses, inner, seed=0)


def correlations(features, responses):
    n_units = features.shape[1]
    return np.corrcoef(features.T, responses.T)[:n_units, n_units:]


def held_out_r(fitted, features, responses):
    predicted = fitted.predict(features)
    return np.array(
        [np.corrcoef(p, y)[0, 1] for p, y in zip(predicted.T, responses.T, strict=True)]
    )


@pytest.mark.parametrize("bijective", [False, True])
def test_each_target_is_given_the_unit_that_made_it(bijective):
    features, responses, order = problem()
    fitted = fit(OneToOne(bijective=bijective), features, -responses)
    assert fitted.assignment.tolist() == order.tolist()


def test_highest_correlation_is_signed_unless_asked_otherwise():
    features, responses, order = problem()  # falling with the units that made them
    r = correlations(features, responses)
    assert fit(OneToOne(), features, responses).assignment.tolist() == r.argmax(0).tolist()
    fitted = fit(OneToOne(signed=False), features, responses)
    assert fitted.assignment.tolist() == order.tolist()


def test_prediction_is_the_least_squares_line_of_that_unit():
    features, responses, order = problem()
    fitted = fit(OneToOne(signed=False), features, responses)
    for target, unit in enumerate(order):
        line = np.polyfit(features[:, unit], responses[:, target], 1)
        expected = np.polyval(line, features[:, unit])
        np.testing.assert_allclose(
            fitted.predict(features)[:, target], expected, rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("seed", range(5))
def test_bijection_has_the_greatest_sum_of_all_ways_to_assign(seed):
    rng = np.random.default_rng(seed)
    features, responses = rng.normal(size=(20, 5)), rng.normal(size=(20, 3))
    r = correlations(features, responses)
    ways = itertools.permutations(range(5), 3)
    best = max(ways, key=lambda way: sum(r[unit, target] for target, unit in enumerate(way)))
    fitted = fit(OneToOne(bijective=True), features, responses)
    assert fitted.assignment.tolist() == list(best)


@pytest.mark.parametrize("mapping", [OneToOne(), OneToOne(bijective=True), SoftMatching()])
def test_inner_r2_is_that_of_matches_found_on_inner_training_rows(mapping):
    features, responses, _ = problem()
    responses = responses + np.random.default_rng(2).normal(size=responses.shape)
    inner = folds(60)
    error = baseline = 0.0
    for train, test in inner:
        guess = fit(mapping, features[train], responses[train]).predict(features[test])
        error = error + ((responses[test] - guess) ** 2).sum(0)
        baseline = baseline + ((responses[test] - responses[train].mean(0)) ** 2).sum(0)
    fitted = fit(mapping, features, responses, inner)
    np.testing.assert_allclose(fitted.inner_r2, 1 - error / baseline, rtol=0, atol=1e-12)
    assert np.isnan(fit(mapping, features, responses).inner_r2).all()


def test_noise_correlates_on_the_rows_that_chose_the_unit_and_on_no_others():
    rng = np.random.default_rng(0)
    features, responses = rng.normal(size=(400, 500)), rng.normal(size=(400, 200))
    fitted = fit(OneToOne(), features[:200], responses[:200])
    chosen = held_out_r(fitted, features[:200], responses[:200])
    # The largest of 500 correlations over 200 rows is near sqrt(2 ln 500 / 200) = .25, less a bit.
    assert 0.18 < chosen.mean() < 0.25
    others = held_out_r(fitted, features[200:], responses[200:])
    # 200 means of independent r with standard deviation 1 / sqrt(200): 4 standard errors.
    assert abs(others.mean()) < 4 / np.sqrt(200 * 200)


def test_fewer_units_than_neuroids_cannot_be_matched_one_by_one():
    features, responses, _ = problem()
    with pytest.raises(DataError) as caught:
        fit(OneToOne(bijective=True), features[:, :3], responses)
    assert str(caught.value) == (
        "5 neuroids cannot each have one of 3 units to themselves; give as many units as neuroids, "
        "or use bijective=False."
    )


def test_many_units_are_searched_in_parts(monkeypatch):
    features, responses, _ = problem()
    whole = fit(OneToOne(), features, responses)
    for chunk in (1, 3):
        monkeypatch.setattr("neuroalign.numerics.one_to_one.CHUNK", chunk)
        parts = fit(OneToOne(), features, responses)
        np.testing.assert_array_equal(parts.assignment, whole.assignment)


@pytest.mark.parametrize(("n_rows", "n_columns"), SIZES)
@pytest.mark.parametrize("seed", range(5))
def test_transport_is_as_cheap_as_the_linear_program(n_rows, n_columns, seed):
    cost = np.random.default_rng(seed).normal(size=(n_rows, n_columns))
    plan = transport(cost)
    sums = [
        np.kron(np.eye(n_rows), np.ones(n_columns)),
        np.kron(np.ones(n_rows), np.eye(n_columns)),
    ]
    wanted = np.repeat([1 / n_rows, 1 / n_columns], [n_rows, n_columns])
    best = linprog(cost.ravel(), A_eq=np.vstack(sums), b_eq=wanted).fun
    assert (plan * cost).sum() == pytest.approx(best, abs=1e-12)
    np.testing.assert_allclose(plan.sum(1), 1 / n_rows, rtol=0, atol=1e-15)
    np.testing.assert_allclose(plan.sum(0), 1 / n_columns, rtol=0, atol=1e-15)
    assert plan.min() >= 0


@pytest.mark.slow  # the package takes ten seconds to import
@pytest.mark.parametrize(("n_rows", "n_columns"), [(90, 70), (101, 60), (40, 120)])
def test_transport_is_as_cheap_as_that_of_python_optimal_transport(n_rows, n_columns):
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(200, 10))
    features = shared @ rng.normal(size=(10, n_rows)) + rng.normal(size=(200, n_rows))
    responses = shared @ rng.normal(size=(10, n_columns)) + rng.normal(size=(200, n_columns))
    cost = 1 - correlations(features, responses)
    theirs = ot.emd(np.full(n_rows, 1 / n_rows), np.full(n_columns, 1 / n_columns), cost)
    assert (transport(cost) * cost).sum() == pytest.approx((theirs * cost).sum(), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_transport_survives_ties(seed):
    cost = np.random.default_rng(seed).integers(0, 3, (12, 9)).astype(float)
    plan = transport(cost)
    repeated = np.repeat(np.repeat(cost, 3, axis=0), 4, axis=1)
    best = repeated[linear_sum_assignment(repeated)].sum() / 36
    assert (plan * cost).sum() == pytest.approx(best, abs=1e-12)


def test_as_many_units_as_neuroids_are_permuted():
    features, responses, order = problem(n_units=6, n_targets=6)
    fitted = fit(SoftMatching(), features, -responses)
    expected = np.zeros((6, 6))
    expected[order, np.arange(6)] = 1 / 6
    np.testing.assert_array_equal(fitted.plan, expected)
    line = fit(OneToOne(bijective=True), features, -responses)
    np.testing.assert_allclose(fitted.predict(features), line.predict(features), rtol=0, atol=1e-12)


def test_split_units_are_put_together_again():
    rng = np.random.default_rng(0)
    responses = rng.normal(size=(300, 4))
    halves = np.repeat(responses, 2, axis=1) + 0.3 * rng.normal(size=(300, 8))
    fitted = fit(SoftMatching(), halves, responses)
    np.testing.assert_array_equal(fitted.plan, np.kron(np.eye(4), np.ones((2, 1))) / 8)
    together = halves.reshape(300, 4, 2)
    scaled = ((together - together.mean(0)) / together.std(0)).sum(2)
    for target in range(4):
        line = np.polyfit(scaled[:, target], responses[:, target], 1)
        expected = np.polyval(line, scaled[:, target])
        np.testing.assert_allclose(fitted.predict(halves)[:, target], expected, rtol=0, atol=1e-12)


def test_similarity_is_the_transported_correlation():
    features, responses, _ = problem()
    fitted = fit(SoftMatching(), features, responses)
    expected = (fitted.plan * correlations(features, responses)).sum()
    assert fitted.similarity == pytest.approx(expected, abs=1e-12)
    assert fitted.held_out_similarity(features, responses) == pytest.approx(expected, abs=1e-12)


def test_similarity_of_noise_is_high_on_the_rows_that_chose_the_plan_and_zero_on_others():
    chosen, others = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        features, responses = rng.normal(size=(100, 30)), rng.normal(size=(100, 20))
        fitted = fit(SoftMatching(), features[:50], responses[:50])
        chosen.append(fitted.similarity)
        others.append(fitted.held_out_similarity(features[50:], responses[50:]))
    assert min(chosen) > 0.2
    assert abs(np.mean(others)) < 4 * np.std(others) / np.sqrt(20)


def test_soft_similarity_is_at_least_that_of_any_bijection_between_equal_numbers():
    features, responses, _ = problem(n_units=6, n_targets=6, seed=3)
    fitted = fit(SoftMatching(), features, responses)
    r = correlations(features, responses)
    for way in itertools.permutations(range(6)):
        assert fitted.similarity >= r[list(way), np.arange(6)].mean() - 1e-12


def test_units_silent_in_training_take_no_part_there_or_later():
    features, responses, _ = problem()
    alone = fit(SoftMatching(), features, responses)
    silent = np.column_stack([features, np.zeros(60)])
    spoken = np.column_stack([features, np.arange(60.0)])
    fitted = fit(SoftMatching(), silent, responses)
    np.testing.assert_array_equal(fitted.plan[:-1], alone.plan)
    assert not fitted.plan[-1].any()
    np.testing.assert_allclose(fitted.predict(spoken), alone.predict(features), rtol=0, atol=1e-12)
    assert fitted.held_out_similarity(spoken, responses) == pytest.approx(alone.similarity)


def test_units_silent_in_held_out_rows_leave_the_similarity_of_the_others():
    features, responses, _ = problem(n_units=6, n_targets=6)
    fitted = fit(SoftMatching(), features, -responses)
    quiet = features.copy()
    quiet[:, 2] = 1.0
    r = (6 * fitted.plan * correlations(features, -responses)).sum(1)
    expected = np.delete(r, 2).mean()
    assert fitted.held_out_similarity(quiet, -responses) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(fitted.held_out_similarity(np.ones((60, 6)), responses))


def test_soft_matching_that_would_take_hours_is_refused(monkeypatch):
    monkeypatch.setattr(soft_matching, "LARGEST", 100)
    with pytest.raises(DataError) as caught:
        transport(np.zeros((9, 5)))
    assert str(caught.value) == (
        "Soft matching of 9 with 5 would take minutes to hours; choose at most 3 of the fewer, or "
        "as many of the one as of the other."
    )


EVERY = [OneToOne(), OneToOne(signed=False), OneToOne(bijective=True), SoftMatching()]


@pytest.mark.parametrize("mapping", EVERY)
def test_coefficients_and_intercept_are_the_prediction(mapping):
    features, responses, _ = problem()
    fitted = fit(mapping, features, responses)
    by_hand = features @ fitted.coefficients + fitted.intercept
    np.testing.assert_allclose(fitted.predict(features), by_hand, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mapping", EVERY)
def test_constant_target_is_predicted_by_its_constant(mapping):
    features, responses, _ = problem()
    responses[:, 1] = 0.1
    fitted = fit(mapping, features, responses, folds(60))
    np.testing.assert_array_equal(fitted.predict(features)[:, 1], 0.1)
    assert np.isnan(fitted.inner_r2).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("mapping", EVERY)
def test_features_that_are_constant_predict_the_training_mean(mapping):
    features, responses, _ = problem()
    fitted = fit(mapping, np.full((60, 8), 0.1), responses)
    ours, mean = fitted.predict(features), responses.mean(0)
    np.testing.assert_allclose(ours, np.broadcast_to(mean, ours.shape), rtol=0, atol=1e-12)


def test_constant_unit_is_never_chosen_even_where_all_others_fall():
    features, responses, _ = problem(n_units=1, n_targets=1)
    padded = np.column_stack([np.full(60, 0.1), features])
    assert fit(OneToOne(), padded, responses).assignment.tolist() == [1]


@pytest.mark.parametrize("mapping", EVERY)
@pytest.mark.parametrize("seed", range(3))
def test_scale_and_translation_of_each_unit_change_nothing(mapping, seed):
    features, responses, _ = problem(seed=seed)
    rng = np.random.default_rng(seed)
    scale, shift = rng.uniform(1e-3, 1e3, 8), 100 * rng.normal(size=8)
    before = fit(mapping, features, responses).predict(features)
    after = fit(mapping, features * scale + shift, responses).predict(features * scale + shift)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-8)


@pytest.mark.parametrize("mapping", EVERY)
def test_order_of_units_changes_nothing(mapping):
    features, responses, _ = problem()
    before = fit(mapping, features, responses).predict(features)
    after = fit(mapping, features[:, ::-1], responses).predict(features[:, ::-1])
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mapping", EVERY)
def test_integers_are_upcast_and_inputs_are_not_changed(mapping):
    rng = np.random.default_rng(0)
    features = rng.integers(0, 255, (60, 8), dtype=np.uint8)
    responses = rng.integers(0, 9, (60, 5), dtype=np.int16)
    copies = features.copy(), responses.copy()
    ours = fit(mapping, features, responses, folds(60)).predict(features)
    as_float = fit(mapping, features.astype(float), responses.astype(float)).predict(features)
    np.testing.assert_allclose(ours, as_float, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(features, copies[0])
    np.testing.assert_array_equal(responses, copies[1])


@pytest.mark.parametrize("mapping", EVERY)
def test_features_of_another_layer_are_refused(mapping):
    features, responses, _ = problem()
    fitted = fit(mapping, features, responses)
    with pytest.raises(DataError) as caught:
        fitted.predict(features[:, :7])
    assert str(caught.value) == "The mapping was fitted on 8 units, but these features have 7."
