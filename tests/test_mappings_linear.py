"""Partial least squares, principal components, fractional ridge: oracles, choices, invariances."""

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from neuroalign.errors import DataError
from neuroalign.numerics.fractional_ridge import FractionalRidge, find_penalties
from neuroalign.numerics.partial_least_squares import PartialLeastSquares
from neuroalign.numerics.principal_components import PrincipalComponents

SHAPES = [(60, 12), (40, 100), (30, 30)]  # tall, wide, square
MAPPINGS = {
    "PLS": PartialLeastSquares([1, 3, 8]),
    "PCR": PrincipalComponents([1, 3, 8]),
    "share": PrincipalComponents([0.3, 0.6, 0.9]),
    "fraction": FractionalRidge([0.2, 0.5, 0.8, 1.0]),
}
every_mapping = pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)


def problem(n_rows, n_units, n_targets=4, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, n_units)) + 3
    weights = rng.normal(size=(n_units, n_targets)) / np.sqrt(n_units)
    responses = features @ weights + rng.normal(size=(n_rows, n_targets)) + 10
    return features, responses, rng.normal(size=(9, n_units)) + 3


def folds(n_rows, n_folds=3):
    fold = np.random.default_rng(1).permutation(n_rows) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def fit(mapping, features, responses, inner=()):
    return mapping.fit_arrays(features, responses, inner, seed=0)


def sklearn_pls(n_components, features, responses, new):
    model = PLSRegression(n_components, scale=False, tol=1e-28, max_iter=100_000)
    return model.fit(features, responses).predict(new).reshape(len(new), -1)


def sklearn_pcr(n_components, features, responses, new):
    model = make_pipeline(PCA(n_components, svd_solver="full"), LinearRegression())
    return model.fit(features, responses).predict(new)


def bisected(fraction, features, responses, new):
    """Fractional ridge of one target after the other, by plain bisection of the penalty."""
    centered, mean = features - features.mean(0), responses.mean(0)
    left, singular, right = np.linalg.svd(centered, full_matrices=False)
    real = singular > np.finfo(float).eps * max(features.shape) * singular[0]
    left, singular, right = left[:, real], singular[real], right[real]
    columns = []
    for target in range(responses.shape[1]):
        along = left.T @ (responses[:, target] - mean[target])
        low, high = -60.0, 60.0
        for _ in range(200):
            middle = (low + high) / 2
            shrunk = along * singular / (singular**2 + np.exp(middle))
            if np.linalg.norm(shrunk) > fraction * np.linalg.norm(along / singular):
                low = middle
            else:
                high = middle
        columns.append(right.T @ shrunk)
    return (new - features.mean(0)) @ np.column_stack(columns) + mean


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("n_targets", [1, 4, 90])
@pytest.mark.parametrize("n_components", [1, 3, 10])
def test_pls_predictions_equal_those_of_scikit_learn(n_rows, n_units, n_targets, n_components):
    features, responses, new = problem(n_rows, n_units, n_targets)
    ours = fit(PartialLeastSquares(n_components), features, responses).predict(new)
    theirs = sklearn_pls(n_components, features, responses, new)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)


def test_pls_with_all_components_is_least_squares():
    features, responses, new = problem(60, 12)
    ours = fit(PartialLeastSquares(12), features, responses).predict(new)
    theirs = LinearRegression().fit(features, responses).predict(new)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("mapping", [PartialLeastSquares(15), PrincipalComponents(15)])
def test_components_beyond_the_rank_of_duplicated_units_change_nothing(mapping):
    features, responses, new = problem(60, 12)
    doubled, new_doubled = (np.hstack([x, x[:, :5]]) for x in (features, new))
    ours = fit(mapping, doubled, responses).predict(new_doubled)
    theirs = LinearRegression().fit(features, responses).predict(new)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_pls_stops_where_nothing_covaries_any_more():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(np.column_stack([np.ones(30), rng.normal(size=(30, 6))]))[0][:, 1:]
    responses = basis @ np.array([[2.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
    fitted = fit(PartialLeastSquares(5), basis, responses)  # isotropic: one component is enough
    np.testing.assert_allclose(fitted.coefficients[:, 0], [2, 1, 0, 0, 0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize("n_components", [1, 7, 0.5, 0.95])
def test_pcr_predictions_equal_those_of_scikit_learn(n_rows, n_units, n_components):
    features, responses, new = problem(n_rows, n_units)
    fitted = fit(PrincipalComponents(n_components), features, responses)
    theirs = sklearn_pcr(n_components, features, responses, new)
    np.testing.assert_allclose(fitted.predict(new), theirs, rtol=0, atol=1e-8)


def test_share_of_variance_is_reported_as_a_number_of_components():
    features, responses, _ = problem(60, 12)
    fitted = fit(PrincipalComponents(0.5), features, responses)
    expected = PCA(0.5, svd_solver="full").fit(features).n_components_
    assert fitted.hyperparameters["n_components"].tolist() == [expected] * 4
    assert fitted.hyperparameters["share"].tolist() == [0.5] * 4


@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.9, 0.999999])
@pytest.mark.parametrize("case", ["tall", "wide", "collinear", "float32"])
def test_fractional_ridge_equals_plain_bisection(case, fraction):
    n_rows, n_units = {"tall": (60, 12), "wide": (40, 100), "float32": (50, 100)}.get(
        case, (200, 20)
    )
    features, responses, new = problem(n_rows, n_units)
    if case == "collinear":
        features, new = (np.hstack([x, x[:, :3]]) for x in (features, new))
    if case == "float32":
        features = (features - features.mean(0)).astype(np.float32)
    ours = fit(FractionalRidge([fraction]), features, responses).predict(new)
    exact = features.astype(float)
    np.testing.assert_allclose(ours, bisected(fraction, exact, responses, new), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_coefficients_have_the_fraction_of_length_asked_for(n_rows, n_units):
    features, responses, _ = problem(n_rows, n_units)
    least = np.linalg.norm(fit(FractionalRidge([1.0]), features, responses).coefficients, axis=0)
    for fraction in (0.05, 0.5, 0.95):
        fitted = fit(FractionalRidge([fraction]), features, responses)
        length = np.linalg.norm(fitted.coefficients, axis=0)
        np.testing.assert_allclose(length / least, fraction, rtol=1e-9)


@pytest.mark.parametrize("spread", [0, 2, 6])
@pytest.mark.parametrize("fraction", [0.001, 0.05, 0.5, 0.95, 0.999])
def test_penalties_are_found_whatever_the_spread_of_singular_values(spread, fraction):
    rng = np.random.default_rng(0)
    squares = np.logspace(0, -2 * spread, 30)
    plain = rng.normal(size=(30, 50)) * rng.uniform(size=(30, 50)) ** 4 / np.sqrt(squares)[:, None]
    penalties = find_penalties(squares, plain, np.full(50, fraction))
    shrunk = plain * (squares[:, None] / (squares[:, None] + penalties))
    length = np.linalg.norm(shrunk, axis=0) / np.linalg.norm(plain, axis=0)
    np.testing.assert_allclose(length, fraction, rtol=1e-9)


def test_all_of_the_length_is_least_squares_of_least_norm():
    features, responses, _ = problem(40, 100)
    fitted = fit(FractionalRidge([1.0]), features, responses)
    centered = features - features.mean(0)
    expected = np.linalg.lstsq(centered, responses - responses.mean(0), rcond=None)[0]
    np.testing.assert_allclose(fitted.coefficients, expected, rtol=0, atol=1e-10)


@pytest.mark.slow  # the package compiles itself for half a minute
def test_fractional_coefficients_are_within_one_percent_of_the_package_of_its_authors():
    fracridge = pytest.importorskip("fracridge").fracridge
    features, responses, _ = problem(60, 12)
    fractions = np.array([0.3, 0.6, 0.9])
    centered = features - features.mean(0)
    theirs, _ = fracridge(centered, responses - responses.mean(0), fractions)
    for number, fraction in enumerate(fractions):
        ours = fit(FractionalRidge([fraction]), features, responses).coefficients
        gap = np.linalg.norm(ours - theirs[:, number], axis=0) / np.linalg.norm(ours, axis=0)
        assert gap.max() < 0.01


def test_fractional_alpha_is_the_penalty_of_an_ordinary_ridge():
    features, responses, _ = problem(60, 12)
    fitted = fit(FractionalRidge([0.4]), features, responses)
    centered = features - features.mean(0)
    scale = (centered**2).sum() / len(features)
    for target, alpha in enumerate(fitted.hyperparameters["alpha"]):
        gram = centered.T @ centered + alpha * scale * np.eye(12)
        expected = np.linalg.solve(gram, centered.T @ responses[:, target])
        np.testing.assert_allclose(fitted.coefficients[:, target], expected, rtol=0, atol=1e-9)


def test_a_sum_of_units_rounded_to_float32_is_not_a_unit_of_its_own():
    features, responses, new = problem(60, 12)
    features, new = features.astype(np.float32), new.astype(np.float32)
    summed, new_summed = (np.column_stack([x, x[:, 0] + x[:, 1]]) for x in (features, new))
    fitted = fit(FractionalRidge([1.0]), summed, responses)
    theirs = LinearRegression().fit(features.astype(float), responses).predict(new.astype(float))
    np.testing.assert_allclose(fitted.predict(new_summed), theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize(
    ("make", "oracle", "grid", "name"),
    [
        (PartialLeastSquares, sklearn_pls, [1, 3, 8], "n_components"),
        (PrincipalComponents, sklearn_pcr, [1, 3, 8], "n_components"),
        (PrincipalComponents, sklearn_pcr, [0.3, 0.6, 0.9], "share"),
        (FractionalRidge, bisected, [0.2, 0.5, 0.8], "fraction"),
    ],
)
def test_choice_and_inner_r2_equal_the_explicit_loop(make, oracle, grid, name, n_rows, n_units):
    features, responses, new = problem(n_rows, n_units)
    inner = folds(n_rows)
    fitted = fit(make(grid), features, responses, inner)
    errors, baseline = np.zeros((len(grid), 4)), np.zeros(4)
    for train, test in inner:
        baseline += ((responses[test] - responses[train].mean(0)) ** 2).sum(0)
        for number, value in enumerate(grid):
            guess = oracle(value, features[train], responses[train], features[test])
            errors[number] += ((responses[test] - guess) ** 2).sum(0)
    best = errors.argmin(0)
    np.testing.assert_array_equal(fitted.hyperparameters[name], np.array(grid)[best])
    np.testing.assert_allclose(fitted.inner_r2, 1 - errors.min(0) / baseline, rtol=0, atol=1e-8)
    for target, number in enumerate(best):
        expected = oracle(grid[number], features, responses, new)[:, target]
        np.testing.assert_allclose(fitted.predict(new)[:, target], expected, rtol=0, atol=1e-8)


@every_mapping
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_coefficients_and_intercept_are_the_prediction(mapping, n_rows, n_units):
    features, responses, new = problem(n_rows, n_units)
    fitted = fit(mapping, features, responses, folds(n_rows))
    by_hand = new @ fitted.coefficients + fitted.intercept
    np.testing.assert_allclose(fitted.predict(new), by_hand, rtol=0, atol=1e-12)


@every_mapping
def test_constant_target_is_predicted_by_its_constant(mapping):
    features, responses, new = problem(60, 12)
    responses[:, 1] = 0.1
    responses[::2, 1] *= 1 + 5e-13  # as averages of equal values may differ
    fitted = fit(mapping, features, responses, folds(60))
    np.testing.assert_array_equal(fitted.predict(new)[:, 1], responses[0, 1])
    assert np.isnan(fitted.inner_r2).tolist() == [False, True, False, False]
    assert all(values[1] == values.min() for name, values in fitted.hyperparameters.items()
               if name != "alpha")  # fmt: skip


@every_mapping
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_constant_units_contribute_nothing(mapping, n_rows, n_units):
    features, responses, new = problem(n_rows, n_units)
    alone = fit(mapping, features, responses, folds(n_rows))
    padded = np.column_stack([features, np.full(n_rows, 0.1)])
    fitted = fit(mapping, padded, responses, folds(n_rows))
    wild = np.column_stack([new, np.full(len(new), 5.0)])
    np.testing.assert_allclose(fitted.predict(wild), alone.predict(new), rtol=0, atol=1e-9)


@every_mapping
@pytest.mark.parametrize("n_units", [5, 100])
def test_features_that_are_constant_in_training_predict_its_mean(mapping, n_units):
    _, responses, _ = problem(60, 12)
    features = np.full((60, n_units), 0.1)
    features[40:] = np.random.default_rng(0).normal(size=(20, n_units))
    inner = [(np.arange(40), np.arange(40, 60))]
    if isinstance(mapping, PartialLeastSquares) or mapping == MAPPINGS["PCR"]:
        mapping = type(mapping)([1, 3])
    fitted = fit(mapping, features, responses, inner)
    np.testing.assert_allclose(fitted.inner_r2, 0, rtol=0, atol=1e-12)
    constant = fit(mapping, features[:40], responses[:40], [(np.arange(20), np.arange(20, 40))])
    ours, mean = constant.predict(features[40:]), responses[:40].mean(0)
    np.testing.assert_allclose(ours, np.broadcast_to(mean, ours.shape), rtol=0, atol=1e-12)


@every_mapping
def test_ties_go_to_the_stronger_regularization(mapping):
    _, responses, _ = problem(60, 12)
    fitted = fit(mapping, np.ones((60, 12)), responses, folds(60))
    grid = getattr(mapping, "n_components", None) or mapping.fractions
    name = {PartialLeastSquares: "n_components", FractionalRidge: "fraction"}.get(
        type(mapping), "share" if grid[0] < 1 else "n_components"
    )
    assert fitted.hyperparameters[name].tolist() == [grid[0]] * 4


@every_mapping
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
def test_rotation_scale_and_translation_change_nothing(mapping, n_rows, n_units, seed):
    features, responses, new = problem(n_rows, n_units, seed=seed)
    rotation = ortho_group.rvs(n_units, random_state=seed)
    before = fit(mapping, features, responses, folds(n_rows))
    after = fit(mapping, 1e-6 * (features @ rotation) + 4, responses, folds(n_rows))
    moved = after.predict(1e-6 * (new @ rotation) + 4)
    np.testing.assert_allclose(moved, before.predict(new), rtol=0, atol=1e-6)
    np.testing.assert_allclose(after.inner_r2, before.inner_r2, rtol=0, atol=1e-7)


@every_mapping
@pytest.mark.parametrize(("n_rows", "n_units"), SHAPES)
@pytest.mark.parametrize(("kind", "offset"), [(np.float32, 1e4), (float, 1e8)])
def test_features_far_from_zero_keep_their_accuracy(mapping, n_rows, n_units, kind, offset):
    features, responses, new = problem(n_rows, n_units)
    shifted = (features + offset).astype(kind)
    moved = new + offset
    near = fit(mapping, shifted.astype(float) - offset, responses, folds(n_rows))
    far = fit(mapping, shifted, responses, folds(n_rows)).predict(moved)
    np.testing.assert_allclose(far, near.predict(moved - offset), rtol=0, atol=1e-9)


@every_mapping
def test_integers_are_upcast_and_inputs_are_not_changed(mapping):
    rng = np.random.default_rng(0)
    features = rng.integers(0, 255, (60, 12), dtype=np.uint8)
    responses = rng.integers(0, 9, (60, 4), dtype=np.int16)
    copies = features.copy(), responses.copy()
    ours = fit(mapping, features, responses, folds(60))
    as_float = fit(mapping, features.astype(float), responses.astype(float), folds(60))
    np.testing.assert_allclose(
        ours.predict(features), as_float.predict(features), rtol=0, atol=1e-10
    )
    np.testing.assert_array_equal(features, copies[0])
    np.testing.assert_array_equal(responses, copies[1])


@every_mapping
def test_without_inner_folds_nothing_is_chosen(mapping):
    features, responses, _ = problem(60, 12)
    n_candidates = len(getattr(mapping, "n_components", None) or mapping.fractions)
    with pytest.raises(DataError) as caught:
        fit(mapping, features, responses)
    assert str(caught.value) == (
        f"{n_candidates} candidates were given, but no inner folds to choose one of them; give "
        "inner folds, or one candidate."
    )


def test_inner_r2_is_unknown_without_inner_folds():
    features, responses, _ = problem(60, 12)
    assert np.isnan(fit(PartialLeastSquares(2), features, responses).inner_r2).all()


@every_mapping
def test_features_of_another_layer_are_refused(mapping):
    features, responses, _ = problem(60, 12)
    fitted = fit(mapping, features, responses, folds(60))
    with pytest.raises(DataError) as caught:
        fitted.predict(features[:, :7])
    assert str(caught.value) == ("The mapping was fitted on 12 units, but these features have 7.")


@pytest.mark.parametrize("make", [PartialLeastSquares, PrincipalComponents])
@pytest.mark.parametrize(
    ("n_units", "asked", "inner", "sentence"),
    [
        (12, 13, (), "13 components cannot be fitted to a training set of 30 rows and 12 units; "
         "use 12 or fewer."),
        (50, 30, (), "30 components cannot be fitted to a training set of 30 rows and 50 units; "
         "use 29 or fewer."),
        (50, 25, folds(30), "25 components cannot be fitted to a training set of 20 rows and 50 "
         "units; use 19 or fewer."),
    ],
)  # fmt: skip
def test_more_components_than_there_can_be_are_refused(make, n_units, asked, inner, sentence):
    features, responses, _ = problem(30, n_units)
    with pytest.raises(DataError) as caught:
        fit(make(asked), features, responses, inner)
    assert str(caught.value) == sentence


def test_order_and_repeats_in_a_grid_do_not_matter():
    assert FractionalRidge([1.0, 0.2, 0.5, 0.2]) == FractionalRidge([0.2, 0.5, 1.0])
    features, responses, _ = problem(60, 12)
    shuffled, ordered = (
        fit(PartialLeastSquares(counts), features, responses, folds(60))
        for counts in ([8, 1, 3, 1], [1, 3, 8])
    )
    np.testing.assert_array_equal(shuffled.coefficients, ordered.coefficients)


@pytest.mark.parametrize(
    ("make", "given", "sentence"),
    [
        (PartialLeastSquares, 2.5, "n_components=2.5 must be whole numbers of 1 or more."),
        (PrincipalComponents, 0, "n_components=0 must be whole numbers of 1 or more."),
        (PrincipalComponents, 1.0, "n_components=1.0 must be whole numbers of 1 or more, or "
         "shares of variance above 0 and below 1."),
        (FractionalRidge, [0.5, 1.2], "fractions=[0.5, 1.2] must be above 0 and at most 1, one "
         "at least."),
        (FractionalRidge, [], "fractions=[] must be above 0 and at most 1, one at least."),
        (FractionalRidge, 0.5, "fractions=0.5 is not a list of numbers."),
    ],
)  # fmt: skip
def test_options_that_are_none_are_refused(make, given, sentence):
    with pytest.raises(DataError) as caught:
        make(given)
    assert str(caught.value) == sentence
