"""Dissimilarities of patterns: right, careful with digits, and invariant to what they say."""

import numpy as np
import oracles_rdm as oracles
import pytest

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.dissimilarity import (
    DISSIMILARITIES,
    correlation,
    crossnobis,
    mahalanobis,
    squared_euclidean,
)
from neuroalign.numerics.rdm.poisson_divergence import crossvalidated_poisson_kl

SHAPES = [(12, 7), (5, 40), (2, 3), (6, 2)]


def some_precision(n_units, seed=0):
    factors = np.random.default_rng(seed).normal(size=(n_units, n_units + 2))
    return factors @ factors.T


def rotation(n_units, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n_units, n_units)))[0]


def every(patterns):
    """Compute each dissimilarity that takes (stimuli, units)."""
    found = {name: one(patterns) for name, one in DISSIMILARITIES.items()}
    return {**found, "mahalanobis": mahalanobis(patterns, some_precision(patterns.shape[1]))}


def test_squared_distances_are_those_of_a_triangle_per_unit_in_the_order_of_pairs():
    found = squared_euclidean(np.array([[0, 0], [3, 4], [0, 4]]))
    np.testing.assert_allclose(found, [25 / 2, 16 / 2, 9 / 2], rtol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_dissimilarities_equal_loops_over_pairs(shape, seed):
    patterns = np.random.default_rng(seed).normal(size=shape)
    precision = some_precision(shape[1])
    np.testing.assert_allclose(
        squared_euclidean(patterns), oracles.squared_euclidean(patterns), atol=1e-12
    )
    np.testing.assert_allclose(correlation(patterns), oracles.correlation(patterns), atol=1e-12)
    np.testing.assert_allclose(
        mahalanobis(patterns, precision), oracles.mahalanobis(patterns, precision), rtol=1e-12
    )


@pytest.mark.parametrize("seed", range(3))
def test_dissimilarities_equal_rsatoolbox(seed):
    patterns = np.random.default_rng(seed).normal(size=(12, 7))
    precision = some_precision(7)
    pairs = [
        (squared_euclidean(patterns), "euclidean", {}),
        (correlation(patterns), "correlation", {}),
        (mahalanobis(patterns, precision), "mahalanobis", {"noise": precision}),
    ]
    for found, method, options in pairs:
        expected = oracles.peer_dissimilarities(patterns, method, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_distances_do_not_depend_on_a_constant_per_unit(seed):
    rng = np.random.default_rng(seed)
    patterns, moved = rng.normal(size=(9, 6)), rng.normal(size=6) * 1e4
    precision = some_precision(6)
    np.testing.assert_allclose(
        squared_euclidean(patterns + moved), squared_euclidean(patterns), rtol=1e-9
    )
    np.testing.assert_allclose(
        mahalanobis(patterns + moved, precision), mahalanobis(patterns, precision), rtol=1e-9
    )
    assert np.abs(correlation(patterns + moved) - correlation(patterns)).max() > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_correlation_does_not_depend_on_offset_and_size_of_a_pattern(seed):
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(9, 6))
    turned = patterns * np.exp(rng.normal(size=(9, 1))) + rng.normal(size=(9, 1)) * 1e4
    np.testing.assert_allclose(correlation(turned), correlation(patterns), atol=1e-9)
    assert not np.allclose(squared_euclidean(turned), squared_euclidean(patterns))


@pytest.mark.parametrize("seed", range(5))
def test_only_the_squared_distance_does_not_depend_on_a_rotation_of_units(seed):
    patterns = np.random.default_rng(seed).normal(size=(9, 6))
    turned = patterns @ rotation(6, seed)
    np.testing.assert_allclose(squared_euclidean(turned), squared_euclidean(patterns), rtol=1e-11)
    assert np.abs(correlation(turned) - correlation(patterns)).max() > 0.1
    precision = some_precision(6)
    assert not np.allclose(mahalanobis(turned, precision), mahalanobis(patterns, precision))


@pytest.mark.parametrize("seed", range(5))
def test_mahalanobis_follows_any_invertible_map_if_its_precision_does(seed):
    rng = np.random.default_rng(seed)
    patterns, mixing, precision = (
        rng.normal(size=(9, 6)),
        rng.normal(size=(6, 6)),
        some_precision(6),
    )
    inverse = np.linalg.inv(mixing)
    found = mahalanobis(patterns @ mixing, inverse @ precision @ inverse.T)
    np.testing.assert_allclose(found, mahalanobis(patterns, precision), rtol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_order_of_units_does_not_matter_and_order_of_stimuli_moves_pairs(seed):
    rng = np.random.default_rng(seed)
    patterns = rng.exponential(size=(9, 6))
    order, units = rng.permutation(9), rng.permutation(6)
    rows, columns = np.triu_indices(9, 1)
    square = np.zeros((9, 9))
    for one in DISSIMILARITIES.values():
        found = one(patterns)
        np.testing.assert_allclose(one(patterns[:, units]), found, atol=1e-12)
        square[rows, columns] = square[columns, rows] = found
        moved = square[order[rows], order[columns]]
        np.testing.assert_allclose(one(patterns[order]), moved, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_size_of_patterns_counts_as_it_should(seed):
    patterns = np.random.default_rng(seed).normal(size=(9, 6))
    np.testing.assert_allclose(squared_euclidean(3 * patterns), 9 * squared_euclidean(patterns))
    np.testing.assert_allclose(correlation(3 * patterns), correlation(patterns), atol=1e-12)


def test_precision_of_independent_noise_leaves_the_squared_distance():
    patterns = np.random.default_rng(0).normal(size=(9, 6))
    np.testing.assert_allclose(
        mahalanobis(patterns, np.eye(6)), squared_euclidean(patterns), rtol=1e-12
    )


def test_singular_precision_counts_what_it_covers():
    patterns = np.random.default_rng(0).normal(size=(9, 3))
    found = mahalanobis(patterns, np.diag([4.0, 4.0, 0.0]))
    np.testing.assert_allclose(found, squared_euclidean(patterns[:, :2]) * 8 / 3, rtol=1e-12)


def test_float32_patterns_with_a_large_offset_keep_their_distances():
    # Issue of rsatoolbox 0.3.2, calc_rdm_euclidean: products of float32 patterns far from 0 cancel.
    rng = np.random.default_rng(0)
    patterns = (100 + 0.001 * rng.normal(size=(8, 5))).astype(np.float32)
    truth = oracles.squared_euclidean(patterns.astype(float))
    np.testing.assert_allclose(squared_euclidean(patterns), truth, rtol=1e-9)
    theirs = oracles.peer_dissimilarities(patterns, "euclidean")
    assert np.abs(theirs / truth - 1).max() > 0.5
    far = (1e4 + rng.normal(size=(8, 5))).astype(np.float32)
    truth = oracles.squared_euclidean(far.astype(float))
    np.testing.assert_allclose(squared_euclidean(far), truth, rtol=1e-9)
    truth = oracles.correlation(far.astype(float))
    np.testing.assert_allclose(correlation(far), truth, atol=1e-9)


def test_an_offset_takes_no_more_digits_than_it_must():
    patterns = 200 + np.random.default_rng(0).normal(size=(8, 30))
    precision = np.diag(np.arange(1.0, 31))
    np.testing.assert_allclose(
        squared_euclidean(patterns), oracles.squared_euclidean(patterns), rtol=2e-13
    )
    np.testing.assert_allclose(
        mahalanobis(patterns, precision), oracles.mahalanobis(patterns, precision), rtol=2e-13
    )


@pytest.mark.parametrize("seed", range(5))
def test_nearly_equal_patterns_far_from_the_others_keep_their_distances(seed):
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(6, 30)) * [[1e6]] * [[1], [1], [1], [1], [1], [-40]]
    patterns[1] = patterns[0] + 1e-3 * rng.normal(size=30)
    found = squared_euclidean(patterns)[0]
    np.testing.assert_allclose(found, np.mean((patterns[0] - patterns[1]) ** 2), rtol=1e-9)
    patterns[1] = patterns[0] * (1 + 1e-7 * rng.normal(size=30))
    u, v = ((x - x.mean()) / np.linalg.norm(x - x.mean()) for x in patterns[:2])
    np.testing.assert_allclose(correlation(patterns)[0], ((u - v) ** 2).sum() / 2, rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_equal_patterns_have_no_distance_and_none_is_negative(seed):
    patterns = np.random.default_rng(seed).exponential(size=(5, 100)) * 1e3
    doubled = np.concatenate([patterns, patterns, patterns[:1]])
    pairs = np.triu_indices(len(doubled), 1)
    equal = (pairs[0] % 5) == (pairs[1] % 5)
    for name, found in every(doubled).items():
        assert found.min() >= 0, name
        assert found[equal].max() < 1e-20 * found.max(), name
        assert found[~equal].min() > 0, name


def test_correlation_is_undefined_for_a_constant_pattern_and_only_there():
    patterns = np.random.default_rng(0).normal(size=(5, 4))
    patterns[2] = 0.1
    rows, columns = np.triu_indices(5, 1)
    touched = (rows == 2) | (columns == 2)
    found = correlation(patterns)
    assert np.isnan(found).tolist() == touched.tolist()
    np.testing.assert_allclose(
        found[~touched], correlation(np.delete(patterns, 2, axis=0)), atol=1e-14
    )
    # A thousandth of the rounding of a mean is not a pattern.
    patterns[2] = 0.1 + 1e-17 * np.arange(4)
    assert np.isnan(correlation(patterns)).sum() == 4


def test_correlation_over_one_unit_is_undefined():
    assert np.isnan(correlation(np.arange(3.0)[:, None])).all()


def test_correlation_reads_from_0_to_2():
    found = correlation(np.array([[1.0, 2, 3], [2, 4, 6], [3, 2, 1]]))
    np.testing.assert_allclose(found, [0, 2, 2], atol=1e-15)
    assert found.max() <= 2


def test_constant_unit_adds_nothing_but_its_share():
    patterns = np.random.default_rng(0).normal(size=(6, 3))
    with_constant = np.column_stack([patterns, np.full(6, 7.3)])
    np.testing.assert_allclose(
        squared_euclidean(with_constant) * 4, squared_euclidean(patterns) * 3, rtol=1e-12
    )


def test_independent_patterns_read_chance():
    patterns = np.random.default_rng(0).normal(size=(400, 20, 50))
    for one, chance in ((squared_euclidean, 2), (correlation, 1)):
        means = [one(part).mean() for part in patterns]
        assert abs(np.mean(means) - chance) < 3 * np.std(means) / np.sqrt(len(means))


def test_whole_numbers_are_as_good_as_others():
    patterns = np.random.default_rng(0).integers(0, 255, size=(6, 5)).astype(np.uint8)
    for name, found in every(patterns).items():
        np.testing.assert_array_equal(found, every(patterns.astype(float))[name])


def test_inputs_are_not_changed():
    rng = np.random.default_rng(0)
    patterns, runs, precision = rng.random((6, 5)), rng.random((3, 6, 5)), some_precision(5)
    before = [x.tobytes() for x in (patterns, runs, precision)]
    every(patterns)
    mahalanobis(patterns, precision)
    crossnobis(runs, precision)
    crossnobis(runs)
    crossvalidated_poisson_kl(runs)
    assert [x.tobytes() for x in (patterns, runs, precision)] == before


def refusal(one, *inputs):
    with pytest.raises(DataError) as caught:
        one(*inputs)
    return str(caught.value)


def test_patterns_that_cannot_be_used_are_refused():
    missing = np.ones((4, 3))
    missing[1, 2], missing[2, 0] = np.nan, np.inf
    for one in DISSIMILARITIES.values():
        assert refusal(one, missing) == (
            "The patterns have 2 values that are NaN or infinite; leave out those stimuli, or "
            "those units."
        )
        assert refusal(one, np.ones((1, 3))) == (
            "There is 1 stimulus, and a dissimilarity needs 2; give more stimuli."
        )
        assert refusal(one, np.ones(3)) == (
            "The patterns have shape (3,); give an array of (stimuli, units)."
        )
        assert refusal(one, np.ones((2, 2), dtype=complex)) == (
            "The patterns hold complex128; give real numbers."
        )


def test_what_is_no_precision_is_refused():
    patterns = np.random.default_rng(0).normal(size=(4, 2))
    assert refusal(mahalanobis, patterns, np.eye(3)) == (
        "The precision has shape (3, 3); for 2 units it must be (2, 2)."
    )
    for wrong in ([[1.0, 0.5], [0, 1]], [[np.nan, 0], [0, 1.0]]):
        assert refusal(mahalanobis, patterns, np.array(wrong)) == (
            "The precision is not symmetric and finite; give the inverse of a covariance."
        )
    assert refusal(mahalanobis, patterns, np.diag([1.0, -0.5])) == (
        "The precision has a negative eigenvalue, -0.5; give the inverse of a covariance."
    )


def test_patterns_that_are_multiples_of_each_other_do_not_differ_by_correlation():
    pattern = np.random.default_rng(0).normal(size=40)
    multiples = np.outer([1, 3, 7, 1e-9, 1e9], pattern)
    assert not correlation(multiples + np.array([[0], [1], [0], [0], [0]])).any()
