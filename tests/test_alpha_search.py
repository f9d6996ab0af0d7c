"""The choice of alpha on inner folds: scikit-learn and himalaya as oracles, the bound of errors."""

import numpy as np
import oracles
import pytest
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV
from himalaya.scoring import l2_neg_loss
from ridge_cases import (
    DECAYS,
    GRID,
    MACHINES,
    SHAPES,
    chosen,
    correlations,
    dealt,
    fitted,
    problem,
    stretches,
)
from sklearn.model_selection import PredefinedSplit

from neuroalign.numerics import alpha_search, ridge
from neuroalign.numerics.device import put
from neuroalign.numerics.nested_ridge import choose_alpha

FINE = np.logspace(-4, 4, 60)
COARSE = np.logspace(-4, 4, 20)


def whole_groups(rows):
    """Group rows in fours, the last of which stands alone, and deal the groups."""
    group = (np.arange(len(rows)) + 3) // 4
    return [(rows[group % 4 != k], rows[group % 4 == k]) for k in range(4)]


WAYS = {
    "single rows": dealt,
    "whole groups": whole_groups,
    "stretches with a gap": stretches,
    "one row at a time": lambda rows: dealt(rows, len(rows)),
    "a single row held out": lambda rows: [(rows[1:], rows[:1]), (rows[:-4], rows[-4:])],
}


def opened(features, responses, alphas, dtype="float64", n_folds=4):
    """Return the inner folds of all rows as the search takes them, and the penalties."""
    design, rows = ridge.make_design(features, dtype=dtype), np.arange(len(features))
    penalties, moved = alphas * ridge.scale(design, rows), put(responses, "cpu", dtype)
    spectra = [(ridge.decompose(design, a, b), a, b) for a, b in dealt(rows, n_folds)]
    return [alpha_search.inner_fold(s, penalties, moved, a, b) for s, a, b in spectra]


def lost(errors, exact):
    """Compare choices: the share that is the same, and the relative loss of each."""
    columns = np.arange(errors.shape[1])
    ours, best = choose_alpha(errors), choose_alpha(exact)
    return np.mean(ours == best), exact[ours, columns] / exact[best, columns] - 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("n_rows", "n_units"), [(30, 8), (30, 60), (24, 24), (24, 23), (25, 24)])
def test_alphas_are_those_of_a_loop_over_scikit_learn(n_rows, n_units, way):
    features, responses, _, _ = problem(n_rows, n_units, n_targets=8)
    pairs = WAYS[way](np.arange(n_rows))
    errors = oracles.fold_errors(features, responses, pairs, GRID)
    choice = chosen(features, responses, pairs)
    np.testing.assert_array_equal(choice.alphas, oracles.least(errors, GRID))
    expected = [oracles.penalty(features, alpha) for alpha in choice.alphas]
    np.testing.assert_allclose(choice.penalties, expected, rtol=1e-12)


@pytest.mark.parametrize("n_components", [1, 5])
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_components_are_those_of_the_inner_training_rows(n_rows, n_units, n_components):
    features, responses, _, _ = problem(n_rows, n_units)
    pairs = dealt(np.arange(n_rows))
    errors = oracles.fold_errors(features, responses, pairs, GRID, n_components)
    choice = chosen(features, responses, pairs, n_components=n_components)
    np.testing.assert_array_equal(choice.alphas, oracles.least(errors, GRID))


@pytest.mark.parametrize("seed", range(3))
def test_a_shared_alpha_is_the_one_that_misses_the_least_share_of_variance(seed):
    features, responses, _, _ = problem(30, 40, seed, n_targets=8)
    responses *= 10.0 ** np.arange(8)
    responses[:, 3] = 0.1
    pairs = dealt(np.arange(30))
    varying = np.arange(8) != 3
    errors = oracles.fold_errors(features, responses, pairs, GRID)[:, varying]
    baseline = sum(((responses[b] - responses[a].mean(0)) ** 2).sum(0) for a, b in pairs)
    shares = (errors / baseline[varying]).mean(1, keepdims=True)
    found = chosen(features, responses, pairs, per_target=False).alphas
    np.testing.assert_array_equal(found, np.full(8, oracles.least(shares, GRID)[0]))


def test_constants_have_no_say_in_a_shared_alpha():
    """Rounding is noise, which would ask for the largest alpha."""
    features, responses, _, _ = problem(40, 30, n_targets=5)
    noise = 0.1 + np.random.default_rng(0).choice([0, 1.4e-17], size=(40, 200))
    pairs = dealt(np.arange(40))
    alone = chosen(features, responses, pairs, per_target=False).alphas
    beside = chosen(features, np.hstack([responses, noise]), pairs, per_target=False).alphas
    assert set(alone) == set(beside)


@pytest.mark.parametrize(("n_rows", "n_units"), [(40, 12), (40, 100)])
def test_alphas_and_predictions_are_those_of_himalaya(n_rows, n_units):
    features, responses, test, train = problem(n_rows + 8, n_units, n_targets=30)
    features, responses = features + 2, responses - 5  # intercepts matter
    seen, y = features[train], responses[train]
    pairs = dealt(np.arange(len(train)))
    folds = PredefinedSplit(np.arange(len(train)) % 3)
    assert len({len(held) for _, held in pairs}) == 1  # himalaya averages over folds, not rows
    penalties = GRID * oracles.penalty(seen, 1.0)
    ours = fitted(features, responses, train, test, inner=dealt(train))
    for peer, options in ((KernelRidgeCV, {"kernel": "linear", "warn": False}), (RidgeCV, {})):
        settings = {"score_func": l2_neg_loss, "local_alpha": True}
        settings |= {"warn": False} if peer is RidgeCV else {}
        model = peer(
            alphas=penalties, fit_intercept=True, cv=folds, solver_params=settings, **options
        ).fit(seen, y)
        np.testing.assert_allclose(
            model.best_alphas_, ours.hyperparameters["alpha"] * oracles.penalty(seen, 1.0)
        )
        predicted = ours.predictions + ours.train_mean
        np.testing.assert_allclose(model.predict(features[test]), predicted, atol=1e-8)


@pytest.mark.parametrize("alphas", [COARSE, FINE], ids=["20 alphas", "60 alphas"])
@pytest.mark.parametrize("decay", DECAYS)
def test_the_choice_is_that_of_the_full_search(decay, alphas):
    features, responses, _, _ = problem(48, 80, 1, n_targets=600, decay=DECAYS[decay])
    folds = opened(features, responses, alphas, n_folds=3)
    errors = alpha_search.validation_errors(folds)
    exact = alpha_search.validation_errors(folds, tolerance=0)
    same, loss = lost(errors, exact)
    assert same >= 0.9999
    assert loss.max() < 1e-5
    assert len(np.unique(choose_alpha(exact))) > len(alphas) / 2  # else nothing was to choose


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(200, 400), (300, 60)])
@pytest.mark.parametrize("alphas", [COARSE, FINE], ids=["20 alphas", "60 alphas"])
@pytest.mark.parametrize("decay", DECAYS)
def test_the_choice_is_that_of_the_full_search_in_larger_problems(decay, alphas, shape, seed):
    features, responses, _, _ = problem(*shape, seed, n_targets=2000, decay=DECAYS[decay])
    folds = opened(features, responses, alphas, n_folds=5)
    exact = alpha_search.validation_errors(folds, tolerance=0)
    same, loss = lost(alpha_search.validation_errors(folds), exact)
    assert same >= 0.9999
    assert loss.max() < 1e-5
    if decay != "steep":  # of which float32 loses the directions of least variance
        single = opened(features, responses, alphas, "float32", n_folds=5)
        assert lost(alpha_search.validation_errors(single), exact)[1].max() < 1e-4


@pytest.mark.parametrize("n_units", [20, 100])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("tolerance", [1e-5, 1e-2])
def test_the_true_error_lies_within_the_bound_of_the_screened_one(decay, n_units, tolerance):
    features, responses, _, _ = problem(60, n_units, 2, n_targets=300, decay=DECAYS[decay])
    responses[:, :20] *= 1e6 ** np.random.default_rng(0).uniform(-1, 1, 20)
    missed = []
    for fold in opened(features, responses, COARSE):
        basis = alpha_search._basis(fold, tolerance)
        screened, bound = alpha_search._screen(fold, basis, slice(None))
        exact = alpha_search.validation_errors([fold], tolerance=0)
        assert (np.abs(screened - exact) <= bound + 1e-12 * exact).all()
        missed.append(np.abs(screened - exact) / exact)
        assert len(basis.rows) < len(fold.rows) * len(COARSE)  # fewer directions than alphas
    assert np.max(missed) > 1e-12  # else the bound was not put to the test


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_units", [40, 150])
def test_targets_unlike_all_others_get_their_own_choice(n_units, dtype):
    """Signal in one direction of little variance, sizes a millionfold apart, and constants."""
    features, responses, _, _ = problem(60, n_units, n_targets=520, decay=0.7)
    responses[:, 100:110] *= 10.0 ** np.arange(-6, 4)
    directions = np.linalg.svd(features - features.mean(0), full_matrices=False)[0]
    rng = np.random.default_rng(0)
    for target, direction in enumerate((30, 35, -25), 511):
        responses[:, target] = directions[:, direction] + 1e-3 * rng.normal(size=60)
    responses[:, 514], responses[:, 515] = 0.1, 0
    responses[:, 516], responses[:, 517] = features[:, 3], features[:, -1]
    folds = opened(features, responses, COARSE, dtype)
    exact = alpha_search.validation_errors(opened(features, responses, COARSE), tolerance=0)
    columns = np.delete(np.arange(520), [514, 515])
    for tolerance in (alpha_search.TOLERANCE, 1e-2):
        errors = alpha_search.validation_errors(folds, tolerance=tolerance)
        same, loss = lost(errors[:, columns], exact[:, columns])
        assert same == 1 or dtype == "float32"
        assert loss.max() < 1e-4


@pytest.mark.parametrize("tolerance", [1e-5, 1e-2])
def test_errors_are_exact_where_they_may_beat_a_rival_and_above_it_elsewhere(tolerance):
    features, responses, _, _ = problem(60, 100, n_targets=300, decay=0.7)
    folds = opened(features, responses, COARSE)
    exact = alpha_search.validation_errors(folds, tolerance=0)
    rival = exact.min(0) * np.random.default_rng(0).uniform(0.9, 1.1, 300)
    rival[:50] = np.inf
    rival[50:60] = exact.min(0)[50:60]
    found = alpha_search.validation_errors(folds, tolerance=tolerance, rival=rival)
    wins = exact.min(0) <= rival * (1 + 1e-12)
    np.testing.assert_allclose(found.min(0)[wins], exact.min(0)[wins], rtol=1e-12)
    np.testing.assert_array_equal(choose_alpha(found)[wins], choose_alpha(exact)[wins])
    assert (found.min(0)[~wins] > rival[~wins]).all()
    assert 100 < wins.sum() < 250


@pytest.mark.parametrize("n_units", [40, 100])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_bound_holds_for_the_response_that_the_basis_misses_most(n_units, sign):
    features, responses, _, _ = problem(60, n_units, n_targets=20)
    (fold, *_) = opened(features, responses, COARSE)
    basis = alpha_search._basis(fold, 1e-2)
    through_basis = basis.rows if basis.lifted else basis.rows @ fold.basis.T
    directions = through_basis.reshape(-1, len(fold.rows), len(fold.basis))
    worst = responses.copy()
    for number, weights in enumerate(basis.weights[:, :-1]):
        whole = fold.rows * fold.shape[:, number] @ fold.basis.T
        left, size, right = np.linalg.svd(whole - np.tensordot(weights, directions, 1))
        # A response that is predicted but for what the basis misses, and that and a little more.
        worst[fold.train, number] = right[0]
        residual = sign * left[:, 0] * size[0] * np.linspace(0.5, 3, 20)[number]
        worst[fold.held_out, number] = whole @ right[0] + residual
    moved = fold._replace(responses=worst, mean=worst[fold.train].mean(0))
    screened, bound = alpha_search._screen(moved, basis, slice(None))
    exact = alpha_search.validation_errors([moved], tolerance=0)
    assert (np.abs(screened - exact) <= bound * (1 + 1e-9)).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_responses_without_noise_are_told_apart_down_to_rounding(dtype):
    features, _, _, _ = problem(60, 20)
    responses = features @ np.random.default_rng(1).normal(size=(20, 50))
    alphas = np.logspace(-9, -4, 11) if dtype == "float64" else np.logspace(-4, 0, 11)
    exact = alpha_search.validation_errors(opened(features, responses, alphas), tolerance=0)
    errors = alpha_search.validation_errors(opened(features, responses, alphas, dtype))
    same, _ = lost(errors, exact)
    assert same == 1
    # The least are exact; in float32 none is far off.
    least = slice(1) if dtype == "float64" else slice(None)
    np.testing.assert_allclose(errors[least], exact[least], rtol=0.05)


@pytest.mark.parametrize("n_units", [20, 100])
def test_multiplying_the_basis_out_first_changes_nothing_but_time(n_units):
    features, responses, _, _ = problem(60, n_units, n_targets=3000)
    pays = {}
    for n_targets in (5, 3000):
        (fold, *_) = opened(features, responses[:, :n_targets], COARSE)
        basis = alpha_search._basis(fold, alpha_search.TOLERANCE)
        screened, _ = alpha_search._screen(fold, basis, slice(5))
        pays[n_targets] = basis.lifted, screened
    assert not pays[5][0]
    assert pays[3000][0] == (n_units > 60)  # loadings on few units cost less than rows
    np.testing.assert_allclose(pays[5][1], pays[3000][1], rtol=1e-10)


@pytest.mark.parametrize("n_units", [60, 300])
@pytest.mark.parametrize("decay", ["white", "power"])
def test_float32_changes_no_r_by_1e_4_and_loses_less_than_1e_4(n_units, decay):
    features, responses, test, train = problem(100, n_units, 3, n_targets=200, decay=DECAYS[decay])
    alphas = np.logspace(-4, 4, 17)
    double, single = (
        fitted(features, responses, train, test, alphas=alphas, dtype=dtype)
        for dtype in ("float64", "float32")
    )
    same = double.hyperparameters["alpha"] == single.hyperparameters["alpha"]
    difference = np.abs(correlations(double) - correlations(single))
    assert difference[same].max() < 1e-4
    exact = alpha_search.validation_errors(opened(features, responses, alphas), tolerance=0)
    errors = alpha_search.validation_errors(opened(features, responses, alphas, "float32"))
    assert lost(errors, exact)[1].max() < 1e-4


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
def test_one_alpha_and_extreme_alphas_are_no_exception(device, dtype):
    features, responses, _, _ = problem(40, 100, n_targets=8)
    pairs, options = dealt(np.arange(40)), {"device": device, "dtype": dtype}
    alone = chosen(features, responses, pairs, [2.0], **options)
    np.testing.assert_array_equal(alone.alphas, 2.0)
    far = np.array([1e-12, 1.0, 1e12])
    errors = oracles.fold_errors(features, responses, pairs, far)
    found = chosen(features, responses, pairs, far, **options)
    np.testing.assert_array_equal(found.alphas, oracles.least(errors, far))
    assert set(found.alphas) >= {1.0, 1e12} or set(found.alphas) >= {1e-12, 1.0}


def test_rows_in_neither_part_of_an_inner_fold_are_not_read():
    features, responses, _, _ = problem(40, 60)
    pairs = [(np.arange(0, 15), np.arange(18, 24)), (np.arange(18, 32), np.arange(4, 9))]
    before = chosen(features, responses, pairs)
    unread = np.r_[15:18, 32:40]
    moved = responses.copy()
    moved[unread] = 1e6
    after = chosen(features, moved, pairs)
    np.testing.assert_array_equal(before.alphas, after.alphas)
    np.testing.assert_array_equal(before.inner_r2, after.inner_r2)
