"""Ridge on features and rows at the edge of what has an answer: scikit-learn's, or the mean."""

import numpy as np
import oracles
import pytest
from ridge_cases import GRID, chosen, dealt, fitted

from neuroalign.errors import DataError
from neuroalign.metrics.moved import MovedResponses
from neuroalign.numerics import ridge
from neuroalign.numerics.spaces import make_spaces

RNG = np.random.default_rng(7)
NORMAL = RNG.normal(size=(28, 40))
UNIQUE = np.where(np.arange(28)[:, None] == [[3]], 50.0, 0)  # differs in one training row
IN_FOUR = np.where(np.arange(28)[:, None] % 4 == 1, NORMAL[:, :1], 0)  # varies in few rows
FEATURES = {
    "one unit": NORMAL[:, :1],
    "two units": NORMAL[:, :2],
    "a unit less than training rows": NORMAL[:, :20],
    "as many units as training rows": NORMAL[:, :21],
    "as many units as rows": NORMAL[:, :28],
    "a unit more than rows": NORMAL[:, :29],
    "units fivefold": np.repeat(NORMAL[:, :4], 5, axis=1),
    "many units twofold": np.tile(NORMAL, 2),
    "rows twofold": NORMAL[np.arange(28) // 2],
    "a constant unit": np.column_stack([NORMAL[:, :6], np.full(28, 0.3)]),
    "constant units among many": np.column_stack([NORMAL, np.full((28, 3), 0.3)]),
    "a unit that varies in one row": np.column_stack([NORMAL[:, :3], UNIQUE]),
    "a unit that varies in one row, among many": np.column_stack([NORMAL, UNIQUE]),
    "only a unit that varies in one row": UNIQUE,
    "only a unit that varies in few rows": IN_FOUR,
    "sizes a millionfold apart": NORMAL[:, :6] * 10.0 ** np.arange(-3, 3),
    "true and false": NORMAL > 0.3,
    "small integers": (40 * NORMAL + 128).clip(0, 255).astype(np.uint8),
    "large integers": (1e6 * NORMAL).astype(np.int64) + 2**40,
    "half precision": NORMAL.astype(np.float16),
    "single precision": NORMAL.astype(np.float32),
}
TRAIN, TEST = np.arange(21), np.arange(21, 28)
RESPONSES = NORMAL[:, :3] @ RNG.normal(size=(3, 6)) + RNG.normal(size=(28, 6))
LOOPS = {
    "folds": lambda x, y: oracles.fold_errors(x, y, dealt(np.arange(len(x))), GRID),
    "leave-one-out": lambda x, y: oracles.leave_one_out_errors(x, y, GRID),
    "gcv": lambda x, y: oracles.generalized_errors(x, y, GRID),
}


def inner_of(way, rows=TRAIN):
    return dealt(rows) if way == "folds" else way


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("case", FEATURES)
def test_choice_and_fit_are_those_of_scikit_learn(case, way):
    features = FEATURES[case]
    as_float = features.astype(float) - features.astype(float).mean(0)
    result = fitted(features, RESPONSES, TRAIN, TEST, inner=inner_of(way))
    errors = LOOPS[way](as_float[TRAIN], RESPONSES[TRAIN])
    alphas = result.hyperparameters["alpha"]
    found = errors[np.searchsorted(GRID, alphas), np.arange(6)]
    np.testing.assert_allclose(found, errors.min(0), rtol=1e-9)
    weights = [oracles.penalty(as_float[TRAIN], alpha) for alpha in alphas]
    expected = oracles.plain_ridge(as_float[TRAIN], RESPONSES[TRAIN], weights, as_float[TEST])
    np.testing.assert_allclose(result.predictions + result.train_mean, expected, atol=1e-7)


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("case", [name for name in FEATURES if "millionfold" not in name])
def test_float32_scores_no_case_otherwise(case, way):
    """Units with less than 1e-7 of the variance are rounding in float32, and not tried here.

    A row whose leverage is 1 but for 1e-4, the least alpha, leaves 1e-7 / 1e-4 of it uncertain.
    """
    inner = inner_of(way)
    accuracy = 2e-2 if "in one row" in case and way == "leave-one-out" else 2e-3
    double = fitted(FEATURES[case], RESPONSES, TRAIN, TEST, inner=inner)
    single = fitted(FEATURES[case], RESPONSES, TRAIN, TEST, inner=inner, dtype="float32")
    assert np.isfinite(single.predictions).all()
    np.testing.assert_allclose(single.inner_r2, double.inner_r2, atol=accuracy)


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("n_units", [1, 2, 3, 10])
def test_three_training_rows_are_enough(n_units, way):
    features, train = NORMAL[:, :n_units], TRAIN[:3]
    inner = dealt(train, 3) if way == "folds" else way
    result = fitted(features, RESPONSES, train, TEST, inner=inner)
    errors = LOOPS[way](features[train], RESPONSES[train])
    alphas = oracles.least(errors, GRID)
    np.testing.assert_array_equal(result.hyperparameters["alpha"], alphas)
    weights = [oracles.penalty(features[train], alpha) for alpha in alphas]
    expected = oracles.plain_ridge(features[train], RESPONSES[train], weights, features[TEST])
    np.testing.assert_allclose(result.predictions + result.train_mean, expected, atol=1e-8)


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_units", [5, 100])
def test_constant_features_predict_the_mean_at_the_largest_alpha(n_units, dtype, device, way):
    result = fitted(
        np.full((28, n_units), 0.1),
        RESPONSES,
        TRAIN,
        TEST,
        inner=inner_of(way),
        device=device,
        dtype=dtype,
    )
    np.testing.assert_array_equal(result.predictions, 0)
    np.testing.assert_array_equal(result.hyperparameters["alpha"], GRID[-1])
    np.testing.assert_allclose(result.inner_r2, 0, atol=1e-6)


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("n_units", [5, 100])
def test_features_that_vary_only_outside_training_predict_the_training_mean(n_units, way):
    features = np.full((28, n_units), 0.1)
    features[TEST] = NORMAL[TEST, :1]
    result = fitted(features, RESPONSES, TRAIN, TEST, inner=inner_of(way))
    np.testing.assert_allclose(result.predictions, 0, atol=1e-9)
    np.testing.assert_array_equal(result.hyperparameters["alpha"], GRID[-1])


@pytest.mark.parametrize("n_units", [1, 60])
def test_features_that_are_constant_in_an_inner_training_set_predict_its_mean(n_units):
    features, rows = np.zeros((28, n_units)), np.arange(28)
    features[:4] = NORMAL[:4, :1]
    pairs = [(rows[4:], rows[:4]), (rows[:20], rows[20:])]
    choice = chosen(features, RESPONSES, pairs)
    errors = oracles.fold_errors(features, RESPONSES, pairs, GRID)
    np.testing.assert_array_equal(choice.alphas, oracles.least(errors, GRID))
    baseline = sum(((RESPONSES[b] - RESPONSES[a].mean(0)) ** 2).sum(0) for a, b in pairs)
    np.testing.assert_allclose(choice.inner_r2, 1 - errors.min(0) / baseline, atol=1e-9)


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_targets_that_are_constant_zero_or_a_unit_itself_are_no_exception(dtype, device, way):
    responses = RESPONSES.copy()
    responses[:, 0], responses[:, 1], responses[:, 2] = 0.1, 0, NORMAL[:, 3]
    responses[:, 3] *= 1e6
    for features in (NORMAL[:, :8], NORMAL):
        result = fitted(
            features, responses, TRAIN, TEST, inner=inner_of(way), device=device, dtype=dtype
        )
        assert np.isfinite(result.predictions).all()
        assert np.isnan(result.inner_r2).tolist() == [True, True, False, False, False, False]
        assert (result.train_sd == 0).tolist() == [True, True, False, False, False, False]
        np.testing.assert_allclose(result.predictions[:, :2], 0, atol=1e-6)
    exact = fitted(NORMAL[:, :8], responses, TRAIN, TEST, inner=inner_of(way), dtype=dtype)
    assert exact.hyperparameters["alpha"][2] == GRID[0]
    assert exact.inner_r2[2] > 0.9999


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("n_units", [5, 100])
def test_a_fit_without_test_rows_or_with_one_target_is_no_exception(n_units, way):
    features = np.tile(NORMAL, 3)[:, :n_units]
    before = fitted(features, RESPONSES, TRAIN, TEST, inner=inner_of(way))
    none = fitted(features, RESPONSES, TRAIN, TEST[:0], inner=inner_of(way))
    assert none.predictions.shape == none.held_out.shape == (0, 6)
    alphas = before.hyperparameters["alpha"]
    np.testing.assert_array_equal(none.hyperparameters["alpha"], alphas)
    one = fitted(features, RESPONSES[:, [4]], TRAIN, TEST, inner=inner_of(way))
    np.testing.assert_allclose(one.predictions, before.predictions[:, [4]], atol=1e-12)


@pytest.mark.parametrize("way", LOOPS)
@pytest.mark.parametrize("n_units", [3, 60])
def test_more_components_than_there_are_change_nothing(n_units, way):
    features = np.tile(NORMAL, 2)[:, :n_units]
    plain = fitted(features, RESPONSES, TRAIN, TEST, inner=inner_of(way))
    all_kept = fitted(features, RESPONSES, TRAIN, TEST, inner=inner_of(way), n_components=100)
    np.testing.assert_array_equal(all_kept.predictions, plain.predictions)


@pytest.mark.parametrize("n_units", [5, 100])
@pytest.mark.parametrize(("dtype", "size"), [("float64", 1e200), ("float32", 1e20)])
def test_numbers_too_large_to_be_squared_are_refused(n_units, dtype, size):
    features = np.tile(NORMAL, 3)[:, :n_units] * size
    wider = " or use dtype='float64'" if dtype == "float32" else ""
    with pytest.raises(DataError, match=f"too large to be squared in {dtype}; rescale.*{wider}"):
        ridge.make_design(features, dtype=dtype)
    with pytest.raises(DataError, match=r"^The responses reach "):
        MovedResponses(RESPONSES * size, "cpu", dtype)
    half = 1e-10 if dtype == "float32" else 1e-130
    small = fitted(features * half, RESPONSES, TRAIN, TEST, dtype=dtype)
    plain = fitted(features / size, RESPONSES, TRAIN, TEST, dtype=dtype)
    np.testing.assert_allclose(small.predictions, plain.predictions, atol=1e-3)


@pytest.mark.parametrize("n_units", [5, 100])
def test_weights_of_constant_features_are_zero(n_units):
    weights = ridge.coefficients(np.full((28, n_units), 0.1), RESPONSES, np.zeros(6))
    np.testing.assert_array_equal(weights, 0)


@pytest.mark.parametrize(("n_units", "wide"), [(15, False), (16, True), (20, True)])
def test_rows_are_multiplied_where_inner_training_sets_have_fewer_than_units(n_units, wide):
    features = NORMAL[:20, :n_units]
    design = ridge.make_design(features)
    assert design.is_gram == wide
    assert design.matrix.shape == (20, 20 if wide else n_units)
    assert make_spaces(features, [np.arange(n_units)]).is_gram == wide
