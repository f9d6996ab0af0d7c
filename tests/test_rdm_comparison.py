"""Comparisons of dissimilarities: right, with ties and missing pairs, and NaN where undefined."""

import numpy as np
import oracles_rdm as oracles
import pytest
from scipy import stats
from scipy.spatial import distance

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.comparison import (
    COMPARISONS,
    correlation,
    cosine,
    rho_a,
    spearman,
    tau_a,
    tau_b,
)
from neuroalign.numerics.rdm.dissimilarity import DISSIMILARITIES
from neuroalign.numerics.rdm.ranks import rank_rows

PEER = {
    "cosine": "cosine",
    "correlation": "corr",
    "spearman": "spearman",
    "rho_a": "rho-a",
    "tau_a": "tau-a",
    "tau_b": "tau-b",
}
EVERY = pytest.mark.parametrize("name", COMPARISONS)
OF_RANKS = ("spearman", "rho_a", "tau_a", "tau_b")


def some(n_rows, n_pairs=45, seed=0, *, tied=False):
    vectors = np.random.default_rng(seed).gamma(3, size=(n_rows, n_pairs))
    return np.round(vectors) if tied else vectors


@EVERY
@pytest.mark.parametrize("tied", [False, True])
def test_comparisons_equal_rsatoolbox(name, tied):
    first, second = some(3, tied=tied), some(4, seed=1, tied=tied)
    found = COMPARISONS[name](first, second)
    assert found.shape == (3, 4)
    expected = oracles.peer_comparison(first, second, PEER[name])
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_comparisons_equal_scipy(tied):
    first, second = some(1, 500, tied=tied), some(1, 500, seed=1, tied=tied) + some(1, 500)
    pairs = [(correlation, stats.pearsonr), (spearman, stats.spearmanr), (tau_b, stats.kendalltau)]
    for ours, theirs in pairs:
        found = ours(first, second)[0, 0]
        np.testing.assert_allclose(found, theirs(first[0], second[0]).statistic, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tied", [False, True])
def test_taus_count_every_two_pairs(seed, tied):
    first, second = some(1, 21, seed, tied=tied), some(1, 21, seed + 9, tied=tied)
    for ours, oracle in ((tau_a, oracles.tau_a), (tau_b, oracles.tau_b)):
        np.testing.assert_allclose(ours(first, second)[0, 0], oracle(first[0], second[0]))


@pytest.mark.parametrize("seed", range(4))
def test_rho_a_is_the_mean_correlation_of_ranks_over_all_ways_to_break_ties(seed):
    first, second = np.random.default_rng(seed).integers(0, 3, size=(2, 1, 6)).astype(float)
    np.testing.assert_allclose(
        rho_a(first, second)[0, 0], oracles.rho_a(first[0], second[0]), atol=1e-12
    )


def test_tau_a_of_many_pairs_counts_whole_twos():
    first, second = some(1, 3000), some(1, 3000, seed=1)
    found = tau_a(first, second)[0, 0]
    total = 3000 * 2999 / 2
    signs = np.sign(first - first.T) * np.sign(second - second.T)
    assert found == np.triu(signs).sum() / total


def test_tau_a_with_ties_counts_whole_twos():
    for seed in range(20):
        first, second = some(1, 60, seed, tied=True), some(1, 60, seed + 50, tied=True)
        whole = np.triu(np.sign(first - first.T) * np.sign(second - second.T)).sum()
        assert tau_a(first, second)[0, 0] == whole / (60 * 59 / 2)


@EVERY
def test_equal_orders_read_1_and_opposite_ones_minus_1(name):
    values = np.arange(1.0, 11)[None]
    np.testing.assert_allclose(COMPARISONS[name](values, 3 * values), 1)
    about_0 = values - values.mean()
    np.testing.assert_allclose(COMPARISONS[name](about_0, -2 * about_0), -1)


@EVERY
def test_a_comparison_of_random_dissimilarities_reads_chance(name):
    rng = np.random.default_rng(0)
    draws = [COMPARISONS[name](*rng.random((2, 1, 60)))[0, 0] for _ in range(600)]
    chance = 0.75 if name == "cosine" else 0  # of uniform values, which are not centered
    slack = 0.003 if name == "cosine" else 0  # the mean of a ratio is not the ratio of means
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - chance) < 3 * error + slack


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_size_and_joint_order_of_pairs_do_not_matter(name, seed):
    first, second = some(2, seed=seed), some(2, seed=seed + 50)
    order = np.random.default_rng(seed).permutation(45)
    found = COMPARISONS[name](first, second)
    np.testing.assert_allclose(COMPARISONS[name](7 * first, 0.01 * second), found, atol=1e-12)
    np.testing.assert_allclose(
        COMPARISONS[name](first[:, order], second[:, order]), found, atol=1e-12
    )
    np.testing.assert_allclose(COMPARISONS[name](second, first), found.T, atol=1e-14)
    assert np.abs(COMPARISONS[name](first[:, order], second) - found).max() > 0.01


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_a_constant_matters_to_the_cosine_only(name, seed):
    first, second = some(2, seed=seed), some(2, seed=seed + 50)
    moved = COMPARISONS[name](first + 100, second)
    same = np.allclose(moved, COMPARISONS[name](first, second), atol=1e-10)
    assert same == (name != "cosine")


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_only_ranks_ignore_what_bends_the_scale(name, seed):
    first, second = some(2, seed=seed), some(2, seed=seed + 50)
    bent = COMPARISONS[name](np.exp(first), second)
    same = np.allclose(bent, COMPARISONS[name](first, second), atol=1e-12)
    assert same == (name in OF_RANKS)


@EVERY
def test_pairs_that_either_row_misses_are_left_out_where_the_two_are_compared(name):
    first, second = some(4, tied=True), some(3, seed=1, tied=True)
    first[0, :5] = first[1, :5] = first[2, 7] = second[1, 3:20] = second[2, 40] = np.nan
    found = COMPARISONS[name](first, second)
    for i, one in enumerate(first):
        for j, two in enumerate(second):
            keep = ~np.isnan(one) & ~np.isnan(two)
            expected = COMPARISONS[name](one[None, keep], two[None, keep])[0, 0]
            np.testing.assert_allclose(found[i, j], expected, atol=1e-13)


@EVERY
def test_rows_that_share_no_pair_have_no_comparison(name):
    first, second = some(2, 6), some(1, 6, seed=1)
    first[0, :3] = second[0, 3:] = np.nan
    found = COMPARISONS[name](first, second)[:, 0]
    assert np.isnan(found).tolist() == [True, False]
    empty = COMPARISONS[name](first[:, :0], second[:, :0])
    assert empty.shape == (2, 1)
    assert np.isnan(empty).all()


@EVERY
def test_two_pairs_have_an_order_and_one_has_none(name):
    first, second = np.array([[1.0, 2.0]]), np.array([[3.0, 2.0]])
    if name == "cosine":
        np.testing.assert_allclose(cosine(first[:, :1], second[:, :1]), 1)
    else:
        np.testing.assert_allclose(COMPARISONS[name](first, second), -1)
        assert np.isnan(COMPARISONS[name](first[:, :1], second[:, :1]))


@EVERY
@pytest.mark.parametrize("value", [0.1, 0.1 + 1e-16 * np.arange(45)])
def test_a_constant_row_is_undefined_and_leaves_the_others(name, value):
    first, second = some(3), some(2, seed=1)
    first[1] = value
    found = COMPARISONS[name](first, second)
    undefined = name != "cosine"
    assert np.isnan(found).tolist() == [[False, False], [undefined] * 2, [False, False]]
    assert np.isnan(COMPARISONS[name](second, first)).T.tolist() == np.isnan(found).tolist()


def test_a_row_of_zeros_has_no_cosine():
    # rsatoolbox 0.3.2, compare_cosine, reads 0.
    first, second = some(2), some(2, seed=1)
    first[0] = 0
    assert np.isnan(cosine(first, second)).tolist() == [[True, True], [False, False]]
    assert np.isnan(cosine(second, first)).tolist() == [[True, False], [True, False]]


def test_ties_lower_the_forms_a_and_can_raise_the_others():
    data = np.arange(1.0, 11)[None] + some(1, 10)
    order = np.argsort(np.argsort(data))
    coarse = (order >= 5).astype(float)
    guess = (order >= 5) + np.random.default_rng(0).normal(size=(1, 10)) * 1e-6
    for one in (rho_a, tau_a):
        assert one(coarse, coarse) < 0.8
    for one in (spearman, tau_b):
        np.testing.assert_allclose(one(coarse, coarse), 1)
        assert one(data, coarse) > one(data, guess)


def test_forms_a_read_what_random_breaking_of_ties_reads_on_average():
    data = some(1, 10)
    coarse = np.repeat([[1.0, 2.0]], 5, axis=1)
    guesses = coarse + np.random.default_rng(0).normal(size=(2000, 10)) * 1e-6
    for one in (rho_a, tau_a):
        np.testing.assert_allclose(one(data, guesses).mean(), one(data, coarse)[0, 0], atol=0.01)


@EVERY
def test_float32_with_an_offset_is_compared_in_float64(name):
    first = (some(2) + 1e4).astype(np.float32)
    second = (some(2, seed=1) + 1e4).astype(np.float32)
    found = COMPARISONS[name](first, second)
    assert found.dtype == np.float64
    expected = oracles.peer_comparison(first.astype(float), second.astype(float), PEER[name])
    np.testing.assert_allclose(found, expected, atol=1e-9)


@EVERY
def test_nothing_reads_more_than_1(name):
    for seed in range(20):
        values = some(3, 7, seed)
        assert np.abs(COMPARISONS[name](values, values)).max() <= 1


def test_ranks_are_those_of_scipy_and_skip_what_is_missing():
    values = some(3, tied=True)
    values[1] = some(1)
    np.testing.assert_array_equal(rank_rows(values), stats.rankdata(values, axis=1))
    values[2, 4:9] = np.nan
    found = rank_rows(values)[2]
    assert np.isnan(found).tolist() == np.isnan(values[2]).tolist()
    present = ~np.isnan(found)
    np.testing.assert_array_equal(found[present], stats.rankdata(values[2][present]))


@EVERY
def test_inputs_are_not_changed(name):
    first, second = some(3), some(2, seed=1)
    second[1, 4] = np.nan
    before = first.tobytes(), second.tobytes()
    COMPARISONS[name](first, second)
    rank_rows(first)
    assert (first.tobytes(), second.tobytes()) == before


@EVERY
def test_dissimilarities_that_cannot_be_compared_are_refused(name):
    def refusal(first, second):
        with pytest.raises(DataError) as caught:
            COMPARISONS[name](first, second)
        return str(caught.value)

    fine = some(2)
    assert refusal(fine, some(2, 44)) == (
        "The first dissimilarities have 45 pairs and the second 44; give the same stimuli in the "
        "same order."
    )
    assert refusal(fine, fine[0]) == (
        "The second dissimilarities have shape (45,); give one set a row, (sets, pairs)."
    )
    assert refusal(fine.astype(complex), fine) == (
        "The first dissimilarities hold complex128; give real numbers."
    )
    endless = fine.copy()
    endless[0, 1], endless[1, 1] = np.inf, -np.inf
    assert refusal(endless, fine) == (
        "The first dissimilarities have 2 infinite values; use NaN for pairs that are to be left "
        "out."
    )


@pytest.mark.parametrize("name", OF_RANKS)
@pytest.mark.parametrize("kind", ["squared_euclidean", "correlation"])
@pytest.mark.parametrize(("n_categories", "brightness"), [(4, 300), (7, 0), (7, 300)])
def test_pairs_of_categories_are_tied_however_their_dissimilarities_are_rounded(
    name, kind, n_categories, brightness
):
    category = np.arange(6 * n_categories) % n_categories
    bright = (np.arange(len(category)) % 5 > 2) * float(brightness)
    features = np.column_stack([np.eye(n_categories)[category], bright])
    other = some(1, len(category) * (len(category) - 1) // 2)
    metric = {"squared_euclidean": "sqeuclidean"}.get(kind, kind)
    exact = np.round(distance.pdist(features, metric) * 1e9)[None]
    found = COMPARISONS[name](DISSIMILARITIES[kind](features)[None], other)
    np.testing.assert_allclose(found, COMPARISONS[name](exact, other), atol=1e-12)


def test_values_that_agree_to_ten_digits_are_tied_and_others_are_not():
    values = np.array([[1.0, 1 + 1e-11, 1 + 1e-9, 0, 1e-300, -1, -1 - 1e-11, np.inf, np.inf]])
    expected = [[5.5, 5.5, 7, 3, 4, 1.5, 1.5, 8.5, 8.5]]
    np.testing.assert_array_equal(rank_rows(values), expected)


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1e160, 1e200])
def test_no_scale_of_one_side_is_too_large_or_too_small(name, scale):
    first, second = some(2, tied=True), some(2, seed=1)
    expected = COMPARISONS[name](first, second)
    np.testing.assert_allclose(COMPARISONS[name](first * scale, second), expected, atol=1e-12)
