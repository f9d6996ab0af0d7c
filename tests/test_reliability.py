"""Noise numerics: slow oracles, constructed truth, and what happens without repetitions."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.reliability import (
    anova_reliability,
    half_of_showings,
    spearman_brown,
    split_half_correlation,
)


def simulate(counts, n_targets=3, noise=1.0, seed=0):
    """Return showings, the stimulus of each, and the same as lists of trials per target."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    signal = rng.normal(size=(len(counts), n_targets))
    values = signal[codes] + noise * rng.normal(size=(len(codes), n_targets))
    trials = [
        [values[codes == stimulus, target].tolist() for stimulus in range(len(counts))]
        for target in range(n_targets)
    ]
    return values, codes, trials


@pytest.mark.parametrize("counts", [[3] * 6, [2, 5, 3, 4, 2, 2], [1, 3, 1, 2, 4, 2]])
def test_anova_reliability_equals_the_slow_oracle(counts):
    values, codes, trials = simulate(counts)
    expected = [oracles.anova_reliability(target) for target in trials]
    np.testing.assert_allclose(anova_reliability(values, codes), expected, atol=1e-12)


def test_anova_reliability_skips_missing_responses_of_single_neuroids():
    values, codes, trials = simulate([4, 4, 4, 4, 4])
    values[2, 1] = values[9, 1] = np.nan
    trials[1][0].pop(2)
    trials[1][2].pop(1)
    expected = [oracles.anova_reliability(target) for target in trials]
    np.testing.assert_allclose(anova_reliability(values, codes), expected, atol=1e-12)


def test_anova_reliability_recovers_a_planted_share_of_signal():
    values, codes, _ = simulate([4] * 300, n_targets=400, noise=2.0)
    # Signal variance 1, noise variance 4 / 4 repetitions.
    assert np.median(anova_reliability(values, codes)) == pytest.approx(0.5, abs=0.01)


def test_anova_reliability_without_repetitions_is_undefined():
    values, codes, _ = simulate([1] * 8)
    assert np.isnan(anova_reliability(values, codes)).all()


@pytest.mark.parametrize("constant", [0.0, 0.1, 7.0])
def test_anova_reliability_of_a_constant_is_undefined(constant):
    values, codes, _ = simulate([1, 2, 3, 4, 5] * 8)
    values[:, 1] = constant
    assert np.isnan(anova_reliability(values, codes)).tolist() == [False, True, False]


@pytest.mark.parametrize("counts", [[2, 2, 2, 2], [2, 3, 2, 3]])
def test_split_half_approaches_the_average_over_all_halves(counts):
    values, codes, trials = simulate(counts, n_targets=1)
    ours, _ = split_half_correlation(values, codes, 4000, np.random.default_rng(0))
    assert ours[0] == pytest.approx(oracles.all_halves_correlation(trials[0]), abs=0.03)


def test_split_half_with_correction_recovers_a_planted_share_of_signal():
    values, codes, _ = simulate([4] * 300, n_targets=200, noise=2.0)
    halves = split_half_correlation(values, codes, 20, np.random.default_rng(0))
    assert np.median(spearman_brown(*halves)) == pytest.approx(0.5, abs=0.02)


def test_split_half_leaves_out_stimuli_shown_once():
    values, codes, _ = simulate([4] * 20)
    single = np.vstack([values, 1e6 * np.ones((1, 3))])
    with_single, _ = split_half_correlation(
        single, np.append(codes, 20), 50, np.random.default_rng(0)
    )
    without, _ = split_half_correlation(values, codes, 50, np.random.default_rng(0))
    np.testing.assert_allclose(with_single, without, atol=0.1)


@pytest.mark.parametrize("counts", [[1, 10], [1, 1, 1, 10], [1, 2], [3], [5], [2, 3, 4, 5, 6]])
@pytest.mark.parametrize("estimate", ["split half", "anova"])
def test_ceilings_of_unequal_repetitions_estimate_the_averages_that_are_scored(counts, estimate):
    rng = np.random.default_rng(0)
    counts = np.resize(counts, 300)
    codes = np.repeat(np.arange(300), counts)
    rate = np.exp(0.6 * rng.normal(size=(300, 200)))
    values = rng.poisson(rate[codes]).astype(float)
    truth = rate.var(0) / (rate.var(0) + (rate / counts[:, None]).mean(0))
    if estimate == "anova":
        found = anova_reliability(values, codes)
    else:
        found = spearman_brown(*split_half_correlation(values, codes, 20, rng))
    assert np.median(found) == pytest.approx(np.median(truth), abs=0.025)


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_variance_between_parts_does_not_count(spread):
    rng = np.random.default_rng(0)
    parts = np.repeat(np.arange(10), 30)
    signal = rng.normal(size=(300, 200)) + spread * rng.normal(size=(10, 200))[parts]
    codes = np.repeat(np.arange(300), 4)
    values = signal[codes] + 2 * rng.normal(size=(1200, 200))
    halves = split_half_correlation(values, codes, 10, rng, parts)
    assert np.median(spearman_brown(*halves)) == pytest.approx(0.5, abs=0.02)
    assert np.median(anova_reliability(values, codes, parts)) == pytest.approx(0.5, abs=0.02)


def test_split_half_of_fewer_than_three_repeated_stimuli_is_undefined():
    values, codes, _ = simulate([4, 4, 1, 1])
    found, _ = split_half_correlation(values, codes, 5, np.random.default_rng(0))
    assert np.isnan(found).all()


def test_split_half_of_a_constant_is_undefined():
    values, codes, _ = simulate([4] * 10)
    values[:, 0] = 0.1
    found, _ = split_half_correlation(values, codes, 5, np.random.default_rng(0))
    assert np.isnan(found).tolist() == [True, False, False]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_halves_hold_half_of_each_stimulus(counts, seed):
    codes = np.repeat(np.arange(len(counts)), counts)
    first = half_of_showings(codes, np.random.default_rng(seed))
    for stimulus, count in enumerate(counts):
        assert first[codes == stimulus].sum() in {count // 2, -(-count // 2)}


def test_spearman_brown_of_half_is_two_thirds():
    assert spearman_brown(np.array([0.5]))[0] == pytest.approx(2 / 3)


def test_spearman_brown_leaves_what_is_not_positive():
    values = np.array([0.0, -0.5, -0.9, np.nan])
    np.testing.assert_array_equal(spearman_brown(values), values)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_equal_columns_are_grouped_and_unequal_ones_apart(n_rows, n_columns, seed):
    mask = np.random.default_rng(seed).random((n_rows, n_columns)) < 0.5
    groups = equal_columns(mask)
    assert sorted(np.concatenate(groups).tolist()) == list(range(n_columns))
    patterns = [{mask[:, column].tobytes() for column in group} for group in groups]
    assert all(len(pattern) == 1 for pattern in patterns)
    assert len(set.union(*patterns)) == len(groups)
