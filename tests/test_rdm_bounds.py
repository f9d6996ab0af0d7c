"""Bounds of the noise ceiling: nothing beats them, peers' are beaten, noise is seen as such."""

import numpy as np
import oracles_rdm_inference as oracles
import pytest
from oracles_rdm_inference import mean_comparison, peer_bounds, simulate
from scipy.optimize import minimize

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.bounds import bounds_of_sample, noise_ceiling, pool
from neuroalign.numerics.rdm.spaces import COMPARISONS, INNER_PRODUCTS, unit_rows

EVERY = sorted(COMPARISONS)
WHITENED = ["whitened_cosine", "whitened_correlation"]
HEURISTIC = ["spearman", "tau_a", "tau_b"]


def noisy(n_stimuli=8, n_subjects=4, seed=0):
    """Make subjects who share little, on scales of their own."""
    rng = np.random.default_rng(seed)
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    subjects = rng.gamma(2, size=n_pairs) + 1.5 * rng.gamma(2, size=(n_subjects, n_pairs))
    return subjects * rng.uniform(0.2, 5, size=(n_subjects, 1))


def search(compare, start, subjects, rng, steps=400):
    """Climb from some dissimilarities by random steps, of any size; return the best mean."""
    best, value = start, mean_comparison(compare, start, subjects)[0]
    for _ in range(steps):
        size = start.std() * 10 ** rng.uniform(-4, 0)
        moved = best + size * rng.normal(size=start.shape) * (rng.random(start.shape) < 0.3)
        reached = mean_comparison(compare, moved, subjects)[0]
        if reached > value:
            best, value = moved, reached
    return value


@pytest.mark.parametrize("comparison", ["cosine", "correlation", "spearman", "rho_a"])
@pytest.mark.parametrize("seed", range(3))
def test_bounds_equal_rsatoolbox_where_it_is_right(comparison, seed):
    subjects = noisy(n_stimuli=10, seed=seed)
    found = noise_ceiling(subjects, comparison)
    np.testing.assert_allclose(found[:2], peer_bounds(subjects, comparison), atol=1e-12)


@pytest.mark.parametrize("comparison", ["rho_a", "tau_a"])
def test_bounds_with_ties_equal_rsatoolbox(comparison):
    subjects = np.round(noisy(n_stimuli=10))
    found = noise_ceiling(subjects, comparison)
    np.testing.assert_allclose(found[:2], peer_bounds(subjects, comparison), atol=1e-12)


@pytest.mark.parametrize("comparison", EVERY)
@pytest.mark.parametrize("seed", range(3))
def test_random_search_beats_neither_the_upper_bound_nor_the_limit(comparison, seed):
    subjects = noisy(seed=seed)
    ceiling = noise_ceiling(subjects, comparison)
    rng = np.random.default_rng(seed)
    steps = 60 if comparison in ("tau_a", "tau_b") else 400
    compare = COMPARISONS[comparison]
    starts = [pool(subjects, comparison, np.ones((1, 4)))[0], subjects[0], subjects.mean(0)]
    reached = max(search(compare, start, subjects, rng, steps) for start in starts)
    assert reached <= ceiling.limit + 1e-12
    if ceiling.upper_is_maximum:
        assert reached <= ceiling.upper + 1e-12


@pytest.mark.parametrize("comparison", INNER_PRODUCTS)
def test_climbing_a_gradient_ends_at_the_upper_bound(comparison):
    subjects = noisy(n_stimuli=6, n_subjects=3)
    compare = COMPARISONS[comparison]
    ceiling = noise_ceiling(subjects, comparison)
    starts = np.random.default_rng(0).normal(size=(5, 15))
    reached = [
        -minimize(lambda x: -mean_comparison(compare, x, subjects)[0], start, method="L-BFGS-B").fun
        for start in starts
    ]
    assert max(reached) <= ceiling.upper + 1e-12
    np.testing.assert_allclose(reached, ceiling.upper, atol=1e-6)


@pytest.mark.parametrize("comparison", EVERY)
@pytest.mark.parametrize("seed", range(3))
def test_lower_is_below_upper_and_upper_below_the_limit(comparison, seed):
    ceiling = noise_ceiling(noisy(seed=seed), comparison)
    assert ceiling.lower < ceiling.upper <= ceiling.limit
    assert ceiling.upper_is_maximum == (comparison not in HEURISTIC)
    if comparison in INNER_PRODUCTS:
        assert ceiling.limit == pytest.approx(ceiling.upper, abs=1e-12)


@pytest.mark.parametrize("comparison", EVERY)
def test_the_pool_attains_the_upper_bound(comparison):
    subjects = noisy()
    pooled = pool(subjects, comparison, np.ones((1, 4)))
    reached = mean_comparison(COMPARISONS[comparison], pooled, subjects)[0]
    assert reached == pytest.approx(noise_ceiling(subjects, comparison).upper, abs=1e-12)


@pytest.mark.parametrize("comparison", EVERY)
def test_the_lower_bound_compares_each_subject_with_the_pool_of_the_others(comparison):
    subjects = noisy(n_subjects=3)
    compare = COMPARISONS[comparison]
    expected = [
        compare(pool(subjects, comparison, 1.0 - np.eye(3)[[own]]), subjects[[own]])[0, 0]
        for own in range(3)
    ]
    found = noise_ceiling(subjects, comparison).lower
    assert found == pytest.approx(np.mean(expected), abs=1e-12)


def test_subjects_with_many_ties_weigh_as_much_as_others_by_spearman():
    subjects = noisy()
    subjects[0] = subjects[0] > np.median(subjects[0])
    pooled = pool(subjects, "spearman", np.ones((1, 4)))
    directions = unit_rows(subjects, "spearman").mean(axis=0, keepdims=True)
    np.testing.assert_allclose(COMPARISONS["correlation"](pooled, directions), 1, atol=1e-12)
    expected = mean_comparison(COMPARISONS["spearman"], directions, subjects)[0]
    assert noise_ceiling(subjects, "spearman").upper == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("comparison", INNER_PRODUCTS)
def test_pools_equal_those_that_rsatoolbox_pools_for_fitting(comparison):
    """Its noise ceiling takes another function, that does not whiten."""
    peer = oracles.rsatoolbox()
    subjects = noisy()
    pooled = peer.util.pooling.pool_rdm(
        peer.rdm.RDMs(subjects), oracles.PEER_NAMES[comparison]
    ).get_vectors()
    reached = mean_comparison(COMPARISONS[comparison], pooled, subjects)[0]
    assert reached == pytest.approx(noise_ceiling(subjects, comparison).upper, abs=1e-9)


@pytest.mark.parametrize("comparison", WHITENED)
def test_the_whitened_upper_bound_of_rsatoolbox_is_beaten(comparison):
    subjects = noisy()
    theirs = peer_bounds(subjects, comparison)[1]
    pooled = pool(subjects, comparison, np.ones((1, 4)))
    reached = mean_comparison(COMPARISONS[comparison], pooled, subjects)[0]
    assert reached > theirs + 5e-5


def test_the_upper_bound_of_tau_a_is_beaten_in_rsatoolbox_and_says_so_here():
    subjects = noisy()
    ceiling = noise_ceiling(subjects, "tau_a")
    assert ceiling.upper == pytest.approx(peer_bounds(subjects, "tau_a")[1], abs=1e-12)
    start = pool(subjects, "tau_a", np.ones((1, 4)))[0]
    reached = search(COMPARISONS["tau_a"], start, subjects, np.random.default_rng(0), 300)
    assert not ceiling.upper_is_maximum
    assert ceiling.upper + 1e-3 < reached < ceiling.limit


def test_ties_can_beat_the_mean_rank_by_spearman_and_this_is_said():
    """Reward for ties: tying neighbors shortens the ranks more than it turns them away."""
    subjects = noisy(n_stimuli=8)
    ceiling = noise_ceiling(subjects, "spearman")
    pooled = pool(subjects, "spearman", np.ones((1, 4)))[0]
    tied = oracles.tie_neighbors(COMPARISONS["spearman"], pooled, subjects)
    reached = mean_comparison(COMPARISONS["spearman"], tied, subjects)[0]
    assert ceiling.upper < reached < ceiling.limit
    assert reached > peer_bounds(subjects, "spearman")[1]
    assert not ceiling.upper_is_maximum


def test_the_mean_of_raw_dissimilarities_is_no_upper_bound_by_spearman():
    """As in the RSACeiling of Brain-Score (brain-score/vision), said to be a hard limit."""
    beaten = 0
    for seed in range(50):
        subjects = noisy(n_stimuli=10, n_subjects=5, seed=seed)
        raw = oracles.raw_mean_bound(COMPARISONS["spearman"], subjects)
        ceiling = noise_ceiling(subjects, "spearman")
        beaten += ceiling.upper > raw
        assert raw <= ceiling.limit
    assert beaten >= 49


@pytest.mark.parametrize("n_subjects", [3, 10])
@pytest.mark.parametrize("comparison", EVERY)
def test_subjects_of_pure_noise_read_what_self_inclusion_says(comparison, n_subjects):
    rng = np.random.default_rng(1)
    ceilings = [noise_ceiling(rng.gamma(4, size=(n_subjects, 105)), comparison) for _ in range(12)]
    lower, upper, _, limit, predicted = np.array(ceilings).T
    assert upper.mean() == pytest.approx(predicted.mean(), abs=0.025)
    assert (limit >= upper).all()
    if not comparison.startswith(("tau", "cosine", "whitened_cosine")):
        np.testing.assert_allclose(predicted, 1 / np.sqrt(n_subjects), atol=1e-12)
        assert abs(lower.mean()) < 3 * lower.std() / np.sqrt(12) + 0.01


def test_cosines_of_noise_share_the_mean_of_positive_dissimilarities():
    positive = np.random.default_rng(0).gamma(4, size=(5, 105))
    assert noise_ceiling(positive, "cosine").self_inclusion > 0.85
    centered = noise_ceiling(positive - positive.mean(1, keepdims=True), "cosine")
    assert centered.self_inclusion == pytest.approx(1 / np.sqrt(5))


@pytest.mark.parametrize("comparison", ["rho_a", "tau_a"])
def test_ties_lower_what_self_inclusion_reads(comparison):
    tied = np.round(np.random.default_rng(0).normal(size=(5, 105)))
    untied = tied + 1e-6 * np.random.default_rng(1).normal(size=tied.shape)
    one, two = (noise_ceiling(part, comparison) for part in (tied, untied))
    assert one.self_inclusion < 0.98 * two.self_inclusion
    assert one.upper == pytest.approx(one.self_inclusion, abs=0.05)


@pytest.mark.parametrize("comparison", EVERY)
def test_equal_subjects_reach_one(comparison):
    subjects = np.tile(simulate()[1][:1], (4, 1))
    ceiling = noise_ceiling(subjects, comparison)
    np.testing.assert_allclose([ceiling.lower, ceiling.upper, ceiling.limit], 1, atol=1e-12)


@pytest.mark.parametrize("comparison", EVERY)
@pytest.mark.parametrize("seed", range(3))
def test_bounds_ignore_scale_of_subjects_and_order_of_stimuli_and_subjects(comparison, seed):
    subjects = noisy(seed=seed)
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(8, 1)
    square = np.zeros((4, 8, 8))
    square[:, i, j] = square[:, j, i] = subjects
    shuffled = rng.permutation(8)
    moved = square[:, shuffled[i], shuffled[j]][rng.permutation(4)] * rng.uniform(0.1, 9, (4, 1))
    one, two = (noise_ceiling(part, comparison) for part in (subjects, moved))
    np.testing.assert_allclose(two, one, atol=1e-12)


@pytest.mark.parametrize("comparison", EVERY)
def test_only_cosines_change_with_an_offset_of_one_subject(comparison):
    subjects = noisy()
    moved = subjects + np.array([[0], [0], [9], [0]])
    one, two = (noise_ceiling(part, comparison) for part in (subjects, moved))
    changed = abs(one.upper - two.upper) > 1e-3
    assert changed == (comparison in ("cosine", "whitened_cosine"))


@pytest.mark.parametrize("comparison", EVERY)
def test_one_subject_has_no_bounds(comparison):
    ceiling = noise_ceiling(noisy(n_subjects=1), comparison)
    assert np.isnan([ceiling.lower, ceiling.upper, ceiling.limit, ceiling.self_inclusion]).all()


@pytest.mark.parametrize("comparison", EVERY)
def test_a_constant_subject_leaves_no_bounds(comparison):
    subjects = noisy()
    subjects[2] = 0 if "cosine" in comparison else 0.1
    ceiling = noise_ceiling(subjects, comparison)
    assert np.isnan([ceiling.lower, ceiling.upper, ceiling.limit]).all()


@pytest.mark.parametrize("comparison", sorted(set(EVERY) - set(WHITENED)))
def test_pairs_missing_in_all_subjects_are_left_out(comparison):
    subjects = noisy()
    expected = noise_ceiling(np.delete(subjects, [3, 8], axis=1), comparison)
    subjects[:, [3, 8]] = np.nan
    np.testing.assert_allclose(noise_ceiling(subjects, comparison), expected, atol=1e-12)


@pytest.mark.parametrize("comparison", sorted(set(EVERY) - set(WHITENED)))
def test_pairs_missing_in_one_subject_are_refused(comparison):
    subjects = noisy()
    subjects[1, 3] = np.nan
    with pytest.raises(DataError) as caught:
        noise_ceiling(subjects, comparison)
    assert str(caught.value) == (
        "1 pairs are NaN in some sets of dissimilarities and not in others; make the same pairs "
        "NaN in all, or leave out the stimuli that they belong to."
    )


def test_bounds_of_unequal_weights_equal_those_of_copies_but_leave_out_all_of_them():
    subjects = noisy(n_subjects=3)
    _, upper = bounds_of_sample(subjects, "correlation", np.array([2.0, 1.0, 1.0]))
    copied = noise_ceiling(subjects[[0, 0, 1, 2]], "correlation")
    assert upper == pytest.approx(copied.upper, abs=1e-12)
    lower, _ = bounds_of_sample(subjects, "correlation", np.array([2.0, 1.0, 0.0]))
    expected = COMPARISONS["correlation"](subjects[:1], subjects[1:2])[0, 0]
    assert lower == pytest.approx(expected, abs=1e-12)
    assert noise_ceiling(subjects[[0, 0, 1]], "correlation").lower > expected + 0.1


def test_pools_that_cancel_are_undefined():
    subjects = np.random.default_rng(0).normal(size=(1, 10)) * np.array([[1.0], [-3.0]])
    ceiling = noise_ceiling(subjects, "cosine")
    assert np.isnan([ceiling.lower, ceiling.upper]).all()


@pytest.mark.parametrize("comparison", EVERY)
def test_unit_rows_have_the_comparison_as_inner_product(comparison):
    if comparison not in (*INNER_PRODUCTS, "spearman"):
        return
    subjects = noisy()
    rows = unit_rows(subjects, comparison)
    expected = COMPARISONS[comparison](subjects, subjects)
    np.testing.assert_allclose(rows @ rows.T, expected, atol=1e-12)


@pytest.mark.parametrize("comparison", EVERY)
def test_inputs_are_left_as_they_were(comparison):
    subjects = noisy()
    before = subjects.tobytes()
    noise_ceiling(subjects, comparison)
    assert subjects.tobytes() == before


@pytest.mark.parametrize("comparison", EVERY)
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_scale_is_too_large_or_too_small_for_bounds(comparison, scale):
    found = noise_ceiling(noisy() * scale, comparison)
    np.testing.assert_allclose(found, noise_ceiling(noisy(), comparison), atol=1e-12)


@pytest.mark.parametrize("comparison", sorted(set(EVERY) - set(WHITENED)))
def test_subjects_without_any_pair_have_no_bounds(comparison):
    found = noise_ceiling(np.full((3, 28), np.nan), comparison)
    assert np.isnan([found.lower, found.upper, found.limit]).all()
