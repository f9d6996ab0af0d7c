"""Whitened comparisons: the inverse over pairs that is never made."""

import numpy as np
import oracles_rdm as oracles
import pytest

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.comparison import correlation
from neuroalign.numerics.rdm.dissimilarity import squared_euclidean
from neuroalign.numerics.rdm.whitened import (
    unwhiten,
    whiten,
    whitened_correlation,
    whitened_cosine,
)

STIMULI = pytest.mark.parametrize("n", [2, 3, 4, 7, 12])
BOTH = pytest.mark.parametrize("compare", [whitened_cosine, whitened_correlation])


def some(n_rows, n=8, seed=0):
    return np.random.default_rng(seed).gamma(3, size=(n_rows, n * (n - 1) // 2))


@STIMULI
def test_inner_products_of_whitened_rows_are_those_by_the_inverse_covariance(n):
    first, second = some(3, n), some(2, n, seed=1)
    v = oracles.covariance_of_dissimilarities(n)
    np.testing.assert_allclose(
        whiten(first) @ whiten(second).T, first @ np.linalg.solve(v, second.T), rtol=1e-12
    )


@STIMULI
def test_whitening_is_the_symmetric_root_and_is_undone(n):
    identity = np.eye(n * (n - 1) // 2)
    root = whiten(identity)
    np.testing.assert_allclose(root, root.T, atol=1e-15)
    v = oracles.covariance_of_dissimilarities(n)
    np.testing.assert_allclose(root @ root @ v, identity, atol=1e-13)
    np.testing.assert_allclose(unwhiten(identity) @ unwhiten(identity), v, atol=1e-13)
    vectors = some(3, n)
    np.testing.assert_allclose(unwhiten(whiten(vectors)), vectors, rtol=1e-13)


def test_whitened_dissimilarities_of_noise_are_independent():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(6000, 5, 40))
    draws = whiten(np.array([squared_euclidean(part) for part in noise]))
    covariance = np.cov(draws.T)
    covariance /= np.diag(covariance).mean()
    np.testing.assert_allclose(covariance, np.eye(10), atol=0.08)
    plain = np.corrcoef(unwhiten(draws).T)
    assert (np.abs(plain - np.eye(10)).max(axis=0) > 0.15).all()


@pytest.mark.parametrize("n", [3, 4, 7, 12])
@pytest.mark.parametrize(
    ("compare", "oracle", "name"),
    [
        (whitened_cosine, oracles.whitened_cosine, "cosine_cov"),
        (whitened_correlation, oracles.whitened_correlation, "corr_cov"),
    ],
)
def test_whitened_comparisons_equal_explicit_inverses_and_rsatoolbox(n, compare, oracle, name):
    first, second = some(3, n), some(4, n, seed=1)
    found = compare(first, second)
    expected = [[oracle(one, two) for two in second] for one in first]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(found, oracles.peer_comparison(first, second, name), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_whitened_cosine_of_squared_distances_is_linear_cka(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(10, 6)), rng.normal(size=(10, 40))
    vectors = [squared_euclidean(part)[None] for part in (first, second)]
    np.testing.assert_allclose(
        whitened_cosine(*vectors)[0, 0], oracles.linear_cka(first, second), atol=1e-12
    )


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_size_and_order_of_stimuli_do_not_matter(compare, seed):
    first, second = some(2, seed=seed), some(2, seed=seed + 50)
    found = compare(first, second)
    np.testing.assert_allclose(compare(7 * first, 0.01 * second), found, atol=1e-13)
    rows, columns = np.triu_indices(8, 1)
    squares = np.zeros((4, 8, 8))
    squares[:, rows, columns] = squares[:, columns, rows] = np.concatenate([first, second])
    order = np.random.default_rng(seed).permutation(8)
    moved = squares[:, order[rows], order[columns]]
    np.testing.assert_allclose(compare(moved[:2], moved[2:]), found, atol=1e-12)
    # Pairs in another order are dissimilarities of other stimuli.
    pairs = np.random.default_rng(seed).permutation(28)
    assert np.abs(compare(first[:, pairs], second[:, pairs]) - found).max() > 1e-3
    assert np.abs(compare(np.exp(first), second) - found).max() > 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_a_constant_matters_to_the_whitened_cosine_only(seed):
    first, second = some(2, seed=seed), some(2, seed=seed + 50)
    np.testing.assert_allclose(
        whitened_correlation(first + 100, second), whitened_correlation(first, second), atol=1e-11
    )
    assert np.abs(whitened_cosine(first + 100, second) - whitened_cosine(first, second)).max() > 0.1


def test_whitening_weighs_what_one_stimulus_shares_less():
    # Stimulus 0 is far from all others in both: one error, or one fact, seen in 7 pairs.
    rng = np.random.default_rng(0)
    first, second = rng.random((1, 28)), rng.random((1, 28))
    first[0, :7] += 2
    second[0, :7] += 2
    assert correlation(first, second) > whitened_correlation(first, second) + 0.1


def test_random_dissimilarities_have_no_whitened_correlation():
    rng = np.random.default_rng(0)
    draws = np.array([whitened_correlation(*rng.random((2, 1, 28)))[0, 0] for _ in range(600)])
    assert abs(draws.mean()) < 3 * draws.std() / np.sqrt(len(draws))


@BOTH
def test_constant_rows_are_undefined_where_they_have_no_direction(compare):
    first, second = some(3), some(2, seed=1)
    first[0], first[1] = 0, 0.1
    undefined = [True, compare is whitened_correlation, False]
    assert np.isnan(compare(first, second)).tolist() == [[u, u] for u in undefined]
    assert np.isnan(compare(second, first)).tolist() == [undefined, undefined]


@BOTH
def test_float32_with_an_offset_is_compared_in_float64(compare):
    first, second = ((some(2, seed=s) + 1e4).astype(np.float32) for s in (0, 1))
    expected = compare(first.astype(float), second.astype(float))
    np.testing.assert_array_equal(compare(first, second), expected)
    oracle = {whitened_cosine: "cosine_cov", whitened_correlation: "corr_cov"}[compare]
    theirs = oracles.peer_comparison(first.astype(float), second.astype(float), oracle)
    np.testing.assert_allclose(expected, theirs, atol=1e-9)


def test_inputs_are_not_changed():
    first, second = some(3), some(2, seed=1)
    before = first.tobytes(), second.tobytes()
    for one in (whitened_cosine, whitened_correlation):
        one(first, second)
    unwhiten(whiten(first))
    assert (first.tobytes(), second.tobytes()) == before


@pytest.mark.parametrize(
    "one", [whiten, unwhiten, lambda x: whitened_cosine(x, x), lambda x: whitened_correlation(x, x)]
)
def test_missing_pairs_and_parts_of_squares_are_refused(one):
    def refusal(vectors):
        with pytest.raises(DataError) as caught:
            one(vectors)
        return str(caught.value)

    missing = some(2)
    missing[1, 3] = np.nan
    assert refusal(missing) == (
        "1 of 56 dissimilarities are NaN, and whitening needs all pairs; leave out the stimuli "
        "that they belong to, or compare without whitening."
    )
    for n_pairs in (27, 0):
        assert refusal(some(2)[:, :n_pairs]) == (
            f"{n_pairs} dissimilarities are not those of all pairs of some stimuli; give "
            "n (n - 1) / 2 of them, for n of 2 or more."
        )
    assert refusal(some(2)[0]) == (
        "The dissimilarities have shape (28,); give one set a row, (sets, pairs)."
    )
