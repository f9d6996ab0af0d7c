"""Ridge numerics: constructed answers, scikit-learn as oracle, invariances, held-out poison."""

import numpy as np
import oracles
import pytest
from ridge_cases import CLOSED, DECAYS, GRID, SHAPES, chosen, correlations, dealt, fitted, problem

from neuroalign.numerics import alpha_search, nested_ridge, ridge

WAYS = [None, *CLOSED]


def predicted(features, responses, train, test, alphas, **options):
    """Predict at given alphas, relative to the scale of the features."""
    design = ridge.make_design(features)
    spectrum = ridge.decompose(design, train, test, **options)
    mean = responses[train].mean(0)
    penalties = alphas * ridge.scale(design, train)
    return ridge.predict(spectrum, responses[train] - mean, penalties) + mean


def test_known_singular_values_are_shrunk_by_the_textbook_factor():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(np.column_stack([np.ones(20), rng.normal(size=(20, 3))]))[0][:, 1:]
    singular = np.array([3.0, 2.0, 1.0])
    features = basis * singular  # centered, orthogonal columns, so that the fit is by column
    responses = basis @ np.array([[5.0], [5.0], [5.0]])
    scale = (singular**2).sum() / 20
    rows = np.arange(20)
    guess = predicted(features, responses, rows, rows, np.array([0.7]))
    expected = basis @ (5 * singular**2 / (singular**2 + 0.7 * scale))[:, None]
    np.testing.assert_allclose(guess, expected, atol=1e-12)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_the_scale_is_the_mean_squared_norm_of_a_centered_training_row(n_rows, n_units):
    features, _, _, train = problem(n_rows, n_units)
    found = ridge.scale(ridge.make_design(features), train)
    assert found == pytest.approx(oracles.penalty(features[train], 1.0), rel=1e-12)


@pytest.mark.parametrize("n_units", [5, 100])
def test_the_scale_of_features_that_vary_only_outside_training_is_zero_not_rounding(n_units):
    rng = np.random.default_rng(0)
    features = 1e3 * rng.normal(size=(40, n_units))
    features[:11] = features[0]
    design = ridge.make_design(features)
    assert ridge.scale(design, np.arange(11)) == 0
    assert ridge.scale(design, np.arange(12)) > 0


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
    penalties = np.array([oracles.penalty(features, alpha) for alpha in alphas])
    weights = ridge.coefficients(features, responses - responses.mean(0), penalties)
    theirs = oracles.Ridge(alpha=penalties, solver="svd").fit(features, responses)
    np.testing.assert_allclose(weights.T, theirs.coef_, atol=1e-10)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_coefficients_far_from_zero_keep_their_accuracy(n_rows, n_units):
    features, responses, _, _ = problem(n_rows, n_units)
    whole = np.round(2**20 * features) / 2**20  # so that the sum below is exact
    before, after = (
        ridge.coefficients(x, responses - responses.mean(0), np.ones(4))
        for x in (whole, whole + 2.0**30)
    )
    np.testing.assert_allclose(after, before, atol=1e-9)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_coefficients_on_components_predict_as_the_components_do(n_rows, n_units):
    features, responses, _, _ = problem(n_rows, n_units)
    rows, mean = np.arange(n_rows), responses.mean(0)
    penalties = np.full(4, 0.3) * oracles.penalty(features, 1.0)
    weights = ridge.coefficients(features, responses - mean, penalties, n_components=4)
    expected = oracles.plain_ridge(features, responses, penalties, features, 4)
    np.testing.assert_allclose((features - features.mean(0)) @ weights + mean, expected, atol=1e-9)
    spectrum = ridge.decompose(ridge.make_design(features), rows, rows, n_components=4)
    again = ridge.predict(spectrum, responses - mean, penalties) + mean
    np.testing.assert_allclose(again, expected, atol=1e-9)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("n_components", [None, 5])
def test_nested_choice_and_fit_equal_the_explicit_loop(n_rows, n_units, n_components):
    features, responses, test, train = problem(n_rows, n_units)
    result = fitted(features, responses, train, test, n_components=n_components)
    inside, y = features[train], responses[train]
    errors = oracles.fold_errors(inside, y, dealt(np.arange(len(train))), GRID, n_components)
    alphas = oracles.least(errors, GRID)
    np.testing.assert_array_equal(result.hyperparameters["alpha"], alphas)
    weights = np.array([oracles.penalty(inside, alpha) for alpha in alphas])
    expected = oracles.plain_ridge(inside, y, weights, features[test], n_components)
    np.testing.assert_allclose(result.predictions + result.train_mean, expected, atol=1e-9)


def test_a_fit_returns_held_out_responses_mean_and_spread_of_the_training_rows():
    features, responses, test, train = problem(40, 12)
    responses[:, 2] = 0.1
    result = fitted(features, responses, train, test)
    mean = responses[train].mean(0)
    np.testing.assert_allclose(result.train_mean, mean, rtol=1e-14)
    np.testing.assert_allclose(result.held_out, responses[test] - mean, atol=1e-13)
    spread = np.where(np.arange(4) == 2, 0, responses[train].std(0))
    np.testing.assert_allclose(result.train_sd, spread, rtol=1e-12)


def test_inner_r2_is_the_share_of_the_training_mean_error_that_is_removed():
    features, responses, _, _ = problem(40, 12)
    pairs = dealt(np.arange(40))
    choice = chosen(features, responses, pairs, alphas=[1.0])
    error = oracles.fold_errors(features, responses, pairs, [1.0])[0]
    baseline = sum(((responses[b] - responses[a].mean(0)) ** 2).sum(0) for a, b in pairs)
    np.testing.assert_allclose(choice.inner_r2, 1 - error / baseline, atol=1e-12)


def test_inner_r2_of_a_constant_target_is_undefined():
    features, responses, _, _ = problem(40, 12)
    responses[:, 1] = 0.1 * (1 + 1e-16 * np.arange(40))
    for inner in (dealt(np.arange(40)), *CLOSED):
        found = chosen(features, responses, inner).inner_r2
        assert np.isnan(found).tolist() == [False, True, False, False]


def test_ties_go_to_the_larger_alpha():
    errors = np.array([[3.0, 1.0, 2.0], [2.0, 1.0, 2.0], [2.0, 5.0, 2.0]])
    assert nested_ridge.choose_alpha(errors).tolist() == [2, 1, 2]


@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("wild", [1e6, 1e12])
@pytest.mark.parametrize(("n_rows", "n_units"), [(100, 30), (100, 150)])
def test_held_out_rows_never_move_the_fit(n_rows, n_units, wild, inner):
    """A fifth of the rows is wild: in a stretch, at random, and every fifth."""
    features, responses, _, _ = problem(n_rows, n_units)
    rows = np.arange(n_rows)
    places = np.random.default_rng(0).permutation(n_rows)
    for held in (rows[:20], rows[40:60], np.sort(places[:20]), rows[::5]):
        tame, kept = places[~np.isin(places, held)][:5], np.ones(n_rows, bool)
        test = np.concatenate([tame, held])
        kept[test] = False
        poisoned, poison = features.copy(), responses.copy()
        poisoned[held], poison[test] = wild, wild
        clean, dirty = (
            fitted(x, y, rows[kept], test, inner=inner)
            for x, y in ((features, responses), (poisoned, poison))
        )
        alphas = clean.hyperparameters["alpha"]
        np.testing.assert_array_equal(dirty.hyperparameters["alpha"], alphas)
        np.testing.assert_array_equal(dirty.train_sd, clean.train_sd)
        np.testing.assert_allclose(dirty.predictions[:5], clean.predictions[:5], atol=1e-11)
        np.testing.assert_allclose(dirty.inner_r2, clean.inner_r2, atol=1e-11)


@pytest.mark.parametrize("n_units", [12, 200])
def test_zero_is_near_the_training_rows_wherever_wild_rows_lie(n_units):
    """In stretches of less than a third, in any period, or a random fifth of the rows."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, n_units))
    rows = np.arange(200)
    stretches = [rows[start : start + 60] for start in range(0, 141, 10)]
    periods = [rows[start::period] for period in range(4, 30) for start in range(period)]
    random = [rng.permutation(200)[:40] for _ in range(300)]
    for wild in stretches + periods + random:
        poisoned = features.copy()
        poisoned[wild] = 1e12
        kept = np.setdiff1d(rows, wild)
        assert np.abs(ridge._shifted(poisoned)[kept]).max() < 10


@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_rotation_scale_and_translation_of_features_change_nothing(n_rows, n_units, seed, inner):
    features, responses, test, train = problem(n_rows, n_units, seed)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(n_units, n_units)))[0]
    before = fitted(features, responses, train, test, inner=inner)
    for size, offset in ((1e-6, 4e-6), (1e6, -3e6), (1.0, 1e3)):
        moved = size * (features @ rotation) + offset
        after = fitted(moved, responses, train, test, inner=inner)
        alphas = before.hyperparameters["alpha"]
        np.testing.assert_array_equal(after.hyperparameters["alpha"], alphas)
        np.testing.assert_allclose(after.predictions, before.predictions, atol=1e-8)


@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e6, 1e10])
def test_the_scale_of_features_changes_no_float32_score_by_1e_4(decay, size, inner):
    features, responses, test, train = problem(80, 300, decay=DECAYS[decay], n_targets=20)
    exact = fitted(features, responses, train, test, inner=inner)
    single = fitted(size * features, responses, train, test, inner=inner, dtype="float32")
    np.testing.assert_allclose(correlations(single), correlations(exact), atol=1e-4)


@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("size", [1e-100, 1e-9, 1e9, 1e100])
def test_the_scale_of_responses_changes_nothing(size, inner):
    features, responses, test, train = problem(40, 60)
    before = fitted(features, responses, train, test, inner=inner)
    after = fitted(features, size * responses, train, test, inner=inner)
    alphas = before.hyperparameters["alpha"]
    np.testing.assert_array_equal(after.hyperparameters["alpha"], alphas)
    np.testing.assert_allclose(after.predictions / size, before.predictions, atol=1e-12)
    np.testing.assert_allclose(after.inner_r2, before.inner_r2, atol=1e-12)


@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_units", [12, 200])
def test_order_of_rows_units_and_targets_changes_nothing(n_units, seed, inner):
    features, responses, test, train = problem(40, n_units, seed)
    rng = np.random.default_rng(100 + seed)
    rows, units, targets = (rng.permutation(n) for n in (40, n_units, 4))
    place = np.argsort(rows)
    pairs = dealt(train)
    before = fitted(features, responses, train, test, inner=inner or pairs)
    after = fitted(
        features[rows][:, units],
        responses[rows][:, targets],
        place[train],
        place[test],
        inner=inner or [(place[a], place[b]) for a, b in pairs[::-1]],
    )
    for one, two in zip(before[:4], after[:4], strict=True):
        np.testing.assert_allclose(two, one[..., targets], atol=1e-11)
    alphas = before.hyperparameters["alpha"]
    np.testing.assert_array_equal(after.hyperparameters["alpha"], alphas[targets])


@pytest.mark.parametrize("inner", WAYS)
def test_the_alpha_of_a_target_does_not_depend_on_the_targets_beside_it(inner):
    features, responses, test, train = problem(60, 150, n_targets=300)
    together = fitted(features, responses, train, test, inner=inner, alphas=np.logspace(-4, 4, 33))
    for targets in (range(1), range(7, 9), range(250, 300)):
        alone = fitted(
            features,
            responses[:, targets],
            train,
            test,
            inner=inner,
            alphas=np.logspace(-4, 4, 33),
        )
        alphas = together.hyperparameters["alpha"][list(targets)]
        np.testing.assert_array_equal(alone.hyperparameters["alpha"], alphas)
        np.testing.assert_allclose(alone.predictions, together.predictions[:, targets], atol=1e-12)


@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("n_units", [12, 200])
def test_the_size_of_chunks_changes_nothing(n_units, inner, monkeypatch):
    features, responses, test, train = problem(40, n_units, n_targets=20)
    before = fitted(features, responses, train, test, inner=inner)
    monkeypatch.setattr(alpha_search, "CHUNKS", {"cpu": (3, 500)})
    for chunk in (7, 199):  # of which the last holds a single unit
        monkeypatch.setattr(ridge, "CHUNK", chunk)
        after = fitted(features, responses, train, test, inner=inner)
        for one, two in zip(before[:4], after[:4], strict=True):
            np.testing.assert_allclose(two, one, atol=1e-11)
        alphas = before.hyperparameters["alpha"]
        np.testing.assert_array_equal(after.hyperparameters["alpha"], alphas)


def layouts(array):
    """Yield the same values in other orders of memory, and read-only."""
    rows, columns = array.shape
    wide = np.zeros((2 * rows, 3 * columns))
    wide[::2, ::3] = array
    frozen = array.copy()
    frozen.flags.writeable = False
    yield from (np.asfortranarray(array), wide[::2, ::3], array[::-1].copy()[::-1], frozen)


@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("n_units", [12, 200])
def test_the_order_of_memory_changes_nothing(n_units, device):
    features, responses, test, train = problem(40, n_units)
    before = fitted(features, responses, train, test, device=device)
    for x, y in zip(layouts(features), layouts(responses), strict=True):
        after = fitted(x, y, train, test, device=device)
        np.testing.assert_allclose(after.predictions, before.predictions, atol=1e-12)


@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("n_units", [12, 200])
def test_inputs_are_not_changed(n_units, device, inner):
    features, responses, test, train = problem(40, n_units)
    copies = [array.copy() for array in (features, responses, train, test)]
    fitted(features, responses, train, test, inner=inner, device=device)
    ridge.coefficients(features, responses, np.ones(4))
    for array, copy in zip((features, responses, train, test), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


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
