"""Dissimilarities across runs, and of spike counts: unbiased, and over all runs."""

import numpy as np
import oracles_rdm as oracles
import pytest

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.dissimilarity import crossnobis, squared_euclidean
from neuroalign.numerics.rdm.poisson_divergence import crossvalidated_poisson_kl, poisson_kl


def within(values, expected, errors=3):
    """Is the mean of each column (draws, ...) within 3 standard errors."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return np.abs(values.mean(axis=0) - expected) < errors * error


@pytest.mark.parametrize("n_runs", [2, 3, 5])
@pytest.mark.parametrize("seed", range(2))
def test_crossnobis_equals_a_loop_over_runs(n_runs, seed):
    rng = np.random.default_rng(seed)
    patterns, factors = rng.normal(size=(n_runs, 6, 4)), rng.normal(size=(4, 4))
    precision = factors @ factors.T
    np.testing.assert_allclose(
        crossnobis(patterns, precision), oracles.crossnobis(patterns, precision), atol=1e-12
    )
    np.testing.assert_allclose(
        crossnobis(patterns), oracles.crossnobis(patterns, np.eye(4)), atol=1e-13
    )


@pytest.mark.parametrize("n_runs", [2, 4])
def test_crossnobis_equals_rsatoolbox(n_runs):
    rng = np.random.default_rng(n_runs)
    patterns, factors = rng.normal(size=(n_runs, 12, 7)), rng.normal(size=(7, 7))
    precision = factors @ factors.T
    expected = oracles.peer_dissimilarities(patterns, "crossnobis", noise=precision)
    np.testing.assert_allclose(crossnobis(patterns, precision), expected, atol=1e-12)
    expected = oracles.peer_dissimilarities(patterns, "crossnobis")
    np.testing.assert_allclose(crossnobis(patterns), expected, atol=1e-12)


def test_crossnobis_is_the_distance_of_averages_less_its_noise():
    patterns = np.random.default_rng(0).normal(size=(4, 6, 5))
    differences = patterns[:, 0] - patterns[:, 1]
    noise = differences.var(axis=0, ddof=1).mean() / 4
    expected = squared_euclidean(patterns.mean(axis=0))[0] - noise
    np.testing.assert_allclose(crossnobis(patterns)[0], expected, rtol=1e-12)


def test_crossnobis_is_unbiased_and_negative_half_of_the_time_for_equal_stimuli():
    rng = np.random.default_rng(0)
    truth = np.array([[0.0, 0, 0], [0, 0, 0], [1, 2, 0]])
    draws = np.array([crossnobis(truth + 3 * rng.normal(size=(3, 3, 3))) for _ in range(4000)])
    assert within(draws, [0, 5 / 3, 5 / 3]).all()
    assert 0.4 < (draws[:, 0] < 0).mean() < 0.65
    biased = np.array([squared_euclidean(truth + rng.normal(size=(3, 3))) for _ in range(400)])
    assert not within(biased, [0, 5 / 3, 5 / 3]).any()


@pytest.mark.parametrize("seed", range(5))
def test_crossnobis_does_not_depend_on_constants_of_runs_rotations_or_the_order_of_runs(seed):
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(3, 7, 5))
    found = crossnobis(patterns)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    moved = patterns + 1e4 * rng.normal(size=(3, 1, 5))
    np.testing.assert_allclose(crossnobis(moved), found, atol=1e-9)
    np.testing.assert_allclose(crossnobis(patterns @ turn), found, atol=1e-12)
    np.testing.assert_allclose(crossnobis(patterns[[2, 0, 1]]), found, atol=1e-12)
    np.testing.assert_allclose(crossnobis(2 * patterns), 4 * found, atol=1e-12)
    assert np.abs(crossnobis(patterns * [1, 2, 3, 4, 5]) - found).max() > 0.1


def test_crossnobis_of_float32_runs_with_an_offset_keeps_its_digits():
    rng = np.random.default_rng(0)
    patterns = (1e4 + rng.normal(size=(3, 6, 5))).astype(np.float32)
    expected = oracles.crossnobis(patterns.astype(float) - 1e4, np.eye(5))
    np.testing.assert_allclose(crossnobis(patterns), expected, atol=1e-9)


def test_crossnobis_without_noise_is_the_squared_distance():
    patterns = np.random.default_rng(0).normal(size=(6, 5))
    found = crossnobis(np.stack([patterns, patterns, patterns]))
    np.testing.assert_allclose(found, squared_euclidean(patterns), rtol=1e-12)


@pytest.mark.parametrize("shape", [(12, 7), (4, 30)])
@pytest.mark.parametrize("prior", [{}, {"prior_rate": 5.0, "prior_weight": 0.5}])
def test_poisson_divergence_equals_a_loop_over_pairs(shape, prior):
    counts = np.random.default_rng(0).poisson(2, size=shape)
    np.testing.assert_allclose(
        poisson_kl(counts, **prior), oracles.poisson_kl(counts, **prior), atol=1e-12
    )


def test_poisson_divergence_equals_rsatoolbox():
    counts = np.random.default_rng(0).poisson(3, size=(12, 7)).astype(float)
    np.testing.assert_allclose(
        poisson_kl(counts), oracles.peer_dissimilarities(counts, "poisson"), atol=1e-12
    )


def test_poisson_divergence_is_that_of_the_distributions():
    from scipy.stats import poisson

    k = np.arange(200)
    one, two = poisson.logpmf(k, 2.0), poisson.logpmf(k, 7.0)
    both = (np.exp(one) * (one - two)).sum() + (np.exp(two) * (two - one)).sum()
    np.testing.assert_allclose(
        poisson_kl(np.array([[2.0], [7.0]]), prior_weight=0.0), [both], rtol=1e-10
    )


@pytest.mark.parametrize("seed", range(3))
def test_poisson_divergence_depends_on_the_zero_and_the_mixture_of_units(seed):
    rng = np.random.default_rng(seed)
    rates = rng.exponential(size=(6, 5)) + 0.1
    found = poisson_kl(rates)
    assert np.abs(poisson_kl(rates + 2) - found).max() > 0.05
    assert np.abs(poisson_kl(rates @ rng.dirichlet(np.ones(5), 5)) - found).max() > 0.05
    # Without a prior, it grows as the rates.
    np.testing.assert_allclose(
        poisson_kl(3 * rates, prior_weight=0.0), 3 * poisson_kl(rates, prior_weight=0.0)
    )


def test_nearly_equal_rates_keep_their_divergence():
    rates = np.array([[100.0, 200.0], [100.0 + 1e-6, 200.0], [1e6, 1.0]])
    found = poisson_kl(rates, prior_weight=0.0)[0]
    np.testing.assert_allclose(found, 1e-12 / 100 / 2, rtol=1e-6)


@pytest.mark.parametrize("n_runs", [2, 3, 4])
def test_crossvalidated_poisson_divergence_is_the_mean_over_all_runs(n_runs):
    # rsatoolbox 0.3.2, calc_rdm_poisson_cv, returns what the last run finds.
    counts = np.random.default_rng(0).poisson(3, size=(n_runs, 8, 6)).astype(float)
    by_run = oracles.crossvalidated_poisson_kl(counts)
    found = crossvalidated_poisson_kl(counts)
    np.testing.assert_allclose(found, by_run.mean(axis=0), atol=1e-12)
    theirs = oracles.peer_dissimilarities(counts, "poisson_cv")
    np.testing.assert_allclose(theirs, by_run[-1], atol=1e-12)
    assert np.abs(theirs - found).max() > 0.05


def test_crossvalidated_poisson_divergence_of_equal_rates_reads_0():
    rng = np.random.default_rng(0)
    rates = np.array([[2.0, 5, 1], [2, 5, 1], [6, 1, 4]])
    draws = rng.poisson(rates, size=(4000, 3, 3, 3))
    found = np.array([crossvalidated_poisson_kl(draw) for draw in draws])
    assert within(found, 0).tolist() == [True, False, False]
    assert found[:, 1].mean() > 1
    plain = np.array([poisson_kl(draw.mean(axis=0)) for draw in draws[:400]])
    assert not within(plain, 0)[0]


def test_crossvalidated_poisson_divergence_takes_prior_and_runs_in_any_order():
    counts = np.random.default_rng(1).poisson(3, size=(3, 5, 6))
    prior = {"prior_rate": 4.0, "prior_weight": 0.3}
    found = crossvalidated_poisson_kl(counts, **prior)
    expected = oracles.crossvalidated_poisson_kl(counts, **prior).mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(crossvalidated_poisson_kl(counts[::-1], **prior), found, atol=1e-12)


def test_crossvalidated_poisson_divergence_of_many_spikes_keeps_its_digits():
    counts = np.random.default_rng(0).poisson(1e6, size=(3, 5, 6)).astype(float)
    expected = oracles.crossvalidated_poisson_kl(counts).mean(axis=0)
    np.testing.assert_allclose(crossvalidated_poisson_kl(counts), expected, atol=1e-11)


def refusal(one, *inputs, **options):
    with pytest.raises(DataError) as caught:
        one(*inputs, **options)
    return str(caught.value)


@pytest.mark.parametrize("one", [crossnobis, crossvalidated_poisson_kl])
def test_a_single_run_is_refused(one):
    assert refusal(one, np.ones((1, 3, 2))) == (
        "There is 1 run, and cross-validation needs 2; give repetitions as runs."
    )
    assert refusal(one, np.ones((3, 2))) == (
        "The patterns have shape (3, 2); give an array of (runs, stimuli, units)."
    )


def test_negative_counts_are_refused():
    counts = np.ones((2, 3, 2))
    counts[1, 0, 0] = -1
    negative = "values are negative; Poisson divergences need spike counts or rates of 0 or more."
    assert refusal(poisson_kl, counts[1]) == f"1 of 6 {negative}"
    assert refusal(crossvalidated_poisson_kl, counts) == f"1 of 6 {negative}"
    assert refusal(crossvalidated_poisson_kl, counts[::-1]) == f"1 of 6 {negative}"


def test_a_prior_that_leaves_no_logarithm_is_refused():
    counts = np.array([[0, 1], [2, 0], [1, 1]])
    assert refusal(poisson_kl, counts, prior_weight=0.0) == (
        "2 rates are 0, and have no logarithm; use a positive prior_rate and prior_weight."
    )
    assert refusal(poisson_kl, counts, prior_rate=-1.0) == (
        "prior_rate=-1.0 and prior_weight=0.1 must be finite numbers of 0 or more."
    )
