"""Canonical correlations: slow oracles, invariances, chance, and what is refused."""

import numpy as np
import oracles_similarity as oracles
import pytest
from sklearn.cross_decomposition import CCA as Sklearn

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.canonical import (
    CCA,
    PWCCA,
    SVCCA,
    canonical_correlations,
    chance_of_cca,
)
from neuroalign.numerics.similarity.held_out_cca import HeldOutCCA

MEASURES = [CCA(), SVCCA(0.9), PWCCA(), HeldOutCCA()]


def pair(n=80, p=8, q=12, seed=0, shared=3):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, shared))
    return tuple(
        common @ rng.normal(size=(shared, width)) + rng.normal(size=(n, width)) for width in (p, q)
    )


@pytest.mark.parametrize(("p", "q"), [(8, 12), (12, 8), (1, 1), (5, 1)])
def test_canonical_correlations_equal_the_roots_of_eigenvalues(p, q):
    first, second = pair(p=p, q=q)
    expected = oracles.canonical_correlations(first, second)
    found = canonical_correlations(first + 1e4, second * 1e-20)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert CCA().compare_arrays(first, second) == pytest.approx(expected.mean(), abs=1e-12)


def test_canonical_correlations_equal_those_of_scikit_learn():
    first, second = pair(n=200, p=4, q=5)
    one, two = Sklearn(4, max_iter=20_000, tol=1e-14).fit_transform(first, second)
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, two.T, strict=True)]
    np.testing.assert_allclose(canonical_correlations(first, second), expected, atol=1e-5)


@pytest.mark.parametrize(("p", "q"), [(8, 12), (12, 8), (8, 8)])
def test_weights_are_the_inner_products_of_variates_and_units(p, q):
    # google/svcca PR 9: an IndexError where the second system has fewer units.
    first, second = pair(p=p, q=q)
    expected = oracles.pwcca(first * np.arange(1, p + 1), second)
    found = PWCCA().compare_arrays(first * np.arange(1, p + 1), second)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("variance", [0.5, 0.9, 1])
def test_svcca_keeps_the_fewest_components_that_hold_the_variance(variance):
    first, second = (x * np.linspace(1, 5, x.shape[1]) for x in pair())
    kept = []
    for values in (first, second):
        centered = values - values.mean(0)
        eigenvalues, vectors = np.linalg.eigh(centered.T @ centered)
        shares = np.cumsum(eigenvalues[::-1]) / eigenvalues.sum()
        number = next(k for k, share in enumerate(shares, 1) if share >= variance - 1e-12)
        kept.append(centered @ vectors[:, ::-1][:, :number])
    expected = oracles.canonical_correlations(*kept).mean()
    found = SVCCA(variance).compare_arrays(first, second)
    assert found == pytest.approx(expected, abs=1e-10)


def test_held_out_cca_equals_its_slow_form():
    first, second = pair(n=61)
    order = np.random.default_rng(3).permutation(61)
    found = []
    for fitted, held in ((order[:30], order[30:]), (order[30:], order[:30])):
        roots, covariances = [], []
        for values in (first, second):
            covariance = np.cov(values[fitted].T)
            mean_eigenvalue = np.trace(covariance) / len(covariance)
            shrunk = 0.7 * covariance + 0.3 * mean_eigenvalue * np.eye(len(covariance))
            eigenvalues, vectors = np.linalg.eigh(shrunk)
            roots.append(vectors @ np.diag(eigenvalues**-0.5) @ vectors.T)
            covariances.append(values[fitted] - values[fitted].mean(0))
        left, _, right = np.linalg.svd(
            roots[0] @ (covariances[0].T @ covariances[1]) @ roots[1], full_matrices=False
        )
        one, two = first[held] @ roots[0] @ left, second[held] @ roots[1] @ right.T
        found.append(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, two.T, strict=True)]))
    value = HeldOutCCA(penalty=0.3, seed=3).compare_arrays(first, second)
    assert value == pytest.approx(np.mean(found), abs=1e-10)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("measure", MEASURES)
def test_declared_invariances_hold_for_either_side_and_no_others(measure, seed):
    rng = np.random.default_rng(seed)
    first, second = pair(seed=seed)
    expected = measure.compare_arrays(first, second)

    def turn(x):
        return x @ np.linalg.qr(rng.normal(size=(x.shape[1], x.shape[1])))[0]

    changes = {
        "translation": lambda x: x + 10 * rng.normal(size=x.shape[1]),
        "scale": lambda x: x * 3.7e-6,
        "permutation": lambda x: x[:, rng.permutation(x.shape[1])],
        "rotation": turn,
        "linear": lambda x: turn(turn(x) * np.geomspace(1, 30, x.shape[1])),
    }
    for name, change in changes.items():
        found = [
            measure.compare_arrays(change(first), second),
            measure.compare_arrays(first, change(second)),
        ]
        if name in measure.invariances:
            assert found == pytest.approx([expected] * 2, abs=1e-10), name
        else:
            assert max(abs(value - expected) for value in found) > 1e-4, name


@pytest.mark.parametrize("measure", MEASURES)
def test_a_system_is_like_itself_and_not_like_its_stimuli_in_another_order(measure):
    first, _ = pair()
    assert measure.compare_arrays(first, first) == pytest.approx(1, abs=1e-10)
    assert measure.compare_arrays(first, first[::-1]) < 0.6


def test_the_share_of_a_system_within_another_is_seen_from_one_side_only():
    first, _ = pair(n=200, p=4)
    larger = np.hstack([first, 10 * np.random.default_rng(1).normal(size=(200, 10))])
    assert PWCCA().compare_arrays(first, larger) == pytest.approx(1, abs=1e-10)
    other = np.hstack([first, 10 * np.random.default_rng(2).normal(size=(200, 10))])
    assert PWCCA().compare_arrays(other, larger) < 0.6


@pytest.mark.parametrize(("n", "p", "q"), [(500, 120, 120), (100, 2, 5), (60, 10, 30)])
def test_cca_of_independent_systems_is_as_high_as_wachters_law_says(n, p, q):
    rng = np.random.default_rng(0)
    found = [
        canonical_correlations(rng.normal(size=(n, p)), rng.normal(size=(n, q))) for _ in range(20)
    ]
    values = np.mean(found, axis=1)
    near = 3 * values.std() / np.sqrt(20) + 0.003
    assert values.mean() == pytest.approx(chance_of_cca(n, p, q), abs=near)
    squares = np.square(found).mean(1)
    assert squares.mean() == pytest.approx(q / (n - 1), abs=3 * squares.std() / np.sqrt(20))


def test_chance_is_1_where_directions_fill_the_stimuli_and_symmetric():
    assert chance_of_cca(100, 120, 120) == 1
    assert chance_of_cca(100, 120, 3) == pytest.approx(1)
    assert chance_of_cca(500, 120, 120) == pytest.approx(0.427, abs=1e-3)
    assert chance_of_cca(100, 60, 80) == pytest.approx(chance_of_cca(100, 80, 60))
    found = [np.linalg.svd(_basis(100, 60, s).T @ _basis(100, 80, s + 99))[1] for s in range(20)]
    assert np.mean(found) == pytest.approx(chance_of_cca(100, 60, 80), abs=0.003)


def _basis(n, rank, seed):
    values = np.random.default_rng(seed).normal(size=(n, rank))
    return np.linalg.qr(values - values.mean(0))[0]


@pytest.mark.parametrize(("n", "p", "q"), [(60, 20, 30), (60, 200, 150)])
@pytest.mark.parametrize("penalty", [0.01, 0.1, 1])
def test_held_out_cca_of_independent_systems_is_0_on_average(n, p, q, penalty):
    rng = np.random.default_rng(0)
    measure = HeldOutCCA(penalty)
    values = [
        measure.compare_arrays(rng.normal(size=(n, p)), rng.exponential(size=(n, q)))
        for _ in range(60)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(60)


def test_held_out_cca_finds_the_directions_that_are_shared():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(400, 10))
    first, second = (
        common @ rng.normal(size=(10, 100)) + rng.normal(size=(400, 100)) for _ in range(2)
    )
    assert HeldOutCCA().compare_arrays(first, second) == pytest.approx(0.1, abs=0.02)
    assert CCA().compare_arrays(first, second) > 0.45


def test_few_stimuli_hide_what_is_shared():
    rng = np.random.default_rng(0)
    values = [
        HeldOutCCA().compare_arrays(x, x + rng.normal(size=x.shape))
        for x in (rng.normal(size=(1000, 50)), rng.normal(size=(60, 50)))
    ]
    assert values[0] > values[1] + 0.2


@pytest.mark.parametrize("measure", [CCA(), PWCCA(), SVCCA(1.0)])
@pytest.mark.parametrize(("n", "p"), [(20, 8), (100, 120), (12, 12)])
def test_too_few_stimuli_for_the_directions_are_refused(measure, n, p):
    first, second = pair(n, p, 12)
    with pytest.raises(DataError) as caught:
        measure.compare_arrays(first, second)
    assert str(caught.value) == (
        f"{n} stimuli are too few to fit correlations of systems with {min(p, n - 1)} and "
        f"{min(12, n - 1)} directions, which would be high by chance; give more stimuli, keep "
        "fewer principal components, or use HeldOutCCA, which has a penalty."
    )


def test_one_stimulus_more_than_directions_is_enough():
    first, second = pair(21)
    assert canonical_correlations(first, second).max() < 1 - 1e-6
    with pytest.raises(DataError, match="14 stimuli are too few"):
        HeldOutCCA(penalty=0).compare_arrays(*pair(28))
    assert HeldOutCCA(penalty=0).compare_arrays(*pair(42)) < 1


def test_units_that_are_constant_or_repeated_add_no_directions():
    # jameschapman19/cca_zoo issue 129 and moskomule/anatome issues 27 and 29: NaN, or anything.
    first, second = pair(22)
    wide = np.hstack([first, first[:, :3] * 2, first @ np.ones((8, 40)), np.full((22, 2), 0.1)])
    expected = CCA().compare_arrays(first, second)
    assert CCA().compare_arrays(wide, second) == pytest.approx(expected, abs=1e-8)
    found = canonical_correlations(np.hstack([wide, wide]), second)
    np.testing.assert_allclose(found, canonical_correlations(first, second), atol=1e-8)
    faint = canonical_correlations(first * np.geomspace(1, 1e-30, 8), second)
    np.testing.assert_allclose(faint, canonical_correlations(first, second), atol=1e-10)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_system_that_does_not_vary_has_no_similarity(measure):
    first, second = pair()
    for constant in (0, 0.1, 7e9):
        flat = np.full((80, 3), constant)
        assert np.isnan(measure.compare_arrays(flat, second))
        assert np.isnan(measure.compare_arrays(first, flat))


def test_directions_that_do_not_vary_in_the_other_half_are_left_out():
    first, second = pair(n=61)
    order = np.random.default_rng(0).permutation(61)
    lone = np.zeros((61, 1))
    lone[order[0]] = 1.0
    assert np.isfinite(HeldOutCCA().compare_arrays(np.hstack([first, lone]), second))
    assert np.isnan(HeldOutCCA().compare_arrays(lone, second))


@pytest.mark.parametrize("measure", MEASURES)
def test_float32_far_from_0_is_as_good_as_its_values_in_float64(measure):
    first, second = ((x + 1e4).astype(np.float32) for x in pair())
    expected = measure.compare_arrays(first.astype(float), second.astype(float))
    assert measure.compare_arrays(first, second) == expected
    exact = measure.compare_arrays(*pair())
    assert expected == pytest.approx(exact, abs=1e-3)


def test_a_direction_of_a_millionth_of_the_variance_counts_as_much_as_the_largest():
    first, second = pair(p=2, q=2, shared=1)
    tiny = np.random.default_rng(5).normal(size=(80, 1))
    found = [
        CCA().compare_arrays(np.hstack([first, tiny * scale]), np.hstack([second, tiny * scale]))
        for scale in (1e-3, 1e3)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-10)
    assert found[0] > CCA().compare_arrays(first, second) + 0.1
    one, two = np.hstack([first, tiny * 1e-3]), np.hstack([second, tiny * 1e-3])
    hidden = SVCCA().compare_arrays(one, two)
    assert hidden == pytest.approx(CCA().compare_arrays(first, second), abs=1e-3)


def test_inputs_are_not_changed():
    first, second = pair()
    before = first.tobytes(), second.tobytes()
    for measure in MEASURES:
        measure.compare_arrays(first, second)
    assert (first.tobytes(), second.tobytes()) == before


@pytest.mark.parametrize("measure", MEASURES)
def test_nan_and_too_few_stimuli_are_refused(measure):
    first, second = pair()
    first[3, 2] = np.nan
    with pytest.raises(DataError, match="The first array has 1 values that are NaN or infinite"):
        measure.compare_arrays(first, second)
    with pytest.raises(DataError, match="There are 2 stimuli, and this needs"):
        measure.compare_arrays(*pair(2))


def test_shares_that_are_none_are_refused():
    with pytest.raises(DataError) as caught:
        SVCCA(0)
    assert str(caught.value) == "variance=0 must be a share above 0 and up to 1."
    with pytest.raises(DataError) as caught:
        HeldOutCCA(1.5)
    assert str(caught.value) == "penalty=1.5 must be a share from 0 to 1."
