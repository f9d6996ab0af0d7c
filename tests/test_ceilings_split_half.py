"""Averages over parts of the repetitions: a slow oracle, planted truth, and the correction."""

import numpy as np
import oracles
import oracles_ceilings
import pytest
from ceiling_cases import blocks_of, reasons, simulate
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroalign.numerics.split_half import Draws, draw_splits, spearman_brown, split_half_share

FOLDS = [0] * 7 + [1] * 6 + [2] * 8


def dealt_by_hand(codes, present, draws, split):
    """Deal out the responses of one neuroid one by one, in the order that was drawn."""
    dealt = {}
    seen = dict.fromkeys(codes.tolist(), 0)
    for row in draws.order[split]:
        if present[row]:
            stimulus = int(codes[row])
            dealt[row] = (draws.first[split][stimulus] + seen[stimulus]) % draws.n_parts
            seen[stimulus] += 1
    return [[dealt[row] for row in np.flatnonzero(codes == s) if row in dealt] for s in seen]


def mean_by_hand(values, codes, draws, folds=None):
    """Correlate and average over splits as the slow oracle does, for each neuroid."""
    found = []
    for column in values.T:
        present = np.isfinite(column)
        trials = [column[(codes == s) & present].tolist() for s in range(codes[-1] + 1)]
        found.append(
            np.mean(
                [
                    oracles_ceilings.one_division(
                        trials, dealt_by_hand(codes, present, draws, split), folds
                    )
                    for split in range(len(draws.order))
                ]
            )
        )
    return found


@pytest.mark.parametrize("n_parts", [2, 3])
@pytest.mark.parametrize("folds", [None, FOLDS])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_mean_correlation_is_that_of_a_slow_implementation(n_parts, folds, missing):
    values, codes, _ = simulate([4, 5, 3, 6, 1, 4, 7] * 3)
    values[np.random.default_rng(0).random(values.shape) < missing] = np.nan
    draws = draw_splits(codes, 4, n_parts, [0])
    _, found = split_half_share(values, codes, blocks_of(21, folds), draws)
    np.testing.assert_allclose(found, mean_by_hand(values, codes, draws, folds), atol=1e-12)


@pytest.mark.parametrize("counts", [[2, 2, 2, 2], [2, 3, 2, 3]])
def test_many_splits_approach_the_average_over_all_halves(counts):
    values, codes, trials = simulate(counts, n_targets=1)
    _, found = split_half_share(values, codes, blocks_of(4), draw_splits(codes, 4000, 2, [0]))
    assert found[0] == pytest.approx(oracles.all_halves_correlation(trials[0]), abs=0.03)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(2, 4), st.integers(0, 1000))
def test_showings_are_dealt_out_evenly(counts, n_parts, seed):
    codes = np.repeat(np.arange(len(counts)), counts)
    draws = draw_splits(codes, 3, n_parts, [seed])
    for split in range(3):
        dealt = dealt_by_hand(codes, np.ones(len(codes), dtype=bool), draws, split)
        for own in dealt:
            sizes = np.bincount(own, minlength=n_parts)
            assert sizes.max() - sizes.min() <= 1


def test_the_odd_showing_goes_to_either_half():
    draws = draw_splits(np.zeros(3, dtype=int), 40, 2, [0])
    assert set(draws.first.ravel()) == {0, 1}
    assert len({tuple(order) for order in draws.order}) == 6


@pytest.mark.parametrize(("n_parts", "folds"), [(2, None), (2, FOLDS), (3, FOLDS)])
def test_without_a_block_the_share_is_that_of_the_other_stimuli(n_parts, folds):
    counts = [4, 5, 3, 6, 1, 4, 7] * 3
    values, codes, _ = simulate(counts)
    values[codes == 3, 1] = np.nan
    values[4, 2] = np.nan
    draws = draw_splits(codes, 5, n_parts, [0])
    blocks = blocks_of(21, folds, n_blocks=7)
    found, _ = split_half_share(values, codes, blocks, draws)
    for block in range(len(blocks.part)):
        kept = blocks.of_row != block
        rows = kept[codes]
        number = np.cumsum(rows) - 1
        order = np.array([number[own[rows[own]]] for own in draws.order])
        rest = Draws(order, draws.first[:, kept], n_parts)
        codes_left = (np.cumsum(kept) - 1)[codes[rows]]
        own = None if folds is None else np.array(folds)[kept]
        expected, _ = split_half_share(values[rows], codes_left, blocks_of(kept.sum(), own), rest)
        np.testing.assert_allclose(found.without[block], expected.value, atol=1e-10)
        met = [21 // 7 if folds is None else (~kept).sum()] * 3
        met[1] -= int(not kept[3])
        assert found.size[block].tolist() == met


@pytest.mark.parametrize("n_parts", [2, 3, 4])
def test_parts_of_any_number_recover_a_planted_share_of_signal(n_parts):
    values, codes, _ = simulate([4] * 300, n_targets=400, noise=2.0)
    # Signal variance 1, noise variance 4 / 4 repetitions.
    found, _ = split_half_share(values, codes, blocks_of(300), draw_splits(codes, 10, n_parts, [0]))
    assert np.median(found.value) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("counts", [[1, 10], [1, 1, 1, 10], [1, 2], [3], [5], [2, 3, 4, 5, 6]])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_unequal_repetitions_estimate_the_averages_that_are_scored(counts, missing):
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(300), np.resize(counts, 300))
    rate = np.exp(0.6 * rng.normal(size=(300, 100)))
    values = rng.poisson(rate[codes]).astype(float)
    values[rng.random(values.shape) < missing] = np.nan
    k = np.array([np.isfinite(values[codes == stimulus]).sum(0) for stimulus in range(300)])
    noise = np.where(k, rate / np.maximum(k, 1), np.nan)
    shown = np.where(k, rate, np.nan)
    truth = np.nanvar(shown, 0) / (np.nanvar(shown, 0) + np.nanmean(noise, 0))
    found, _ = split_half_share(values, codes, blocks_of(300), draw_splits(codes, 10, 2, [0]))
    assert np.median(found.value) == pytest.approx(np.median(truth), abs=0.025)


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_what_differs_between_folds_does_not_count(spread):
    rng = np.random.default_rng(0)
    folds = np.repeat(np.arange(10), 30)
    signal = rng.normal(size=(300, 200)) + spread * rng.normal(size=(10, 200))[folds]
    codes = np.repeat(np.arange(300), 4)
    values = signal[codes] + 2 * rng.normal(size=(1200, 200))
    found, _ = split_half_share(
        values, codes, blocks_of(300, folds), draw_splits(codes, 10, 2, [0])
    )
    assert np.median(found.value) == pytest.approx(0.5, abs=0.02)


def test_stimuli_shown_once_count_in_the_repetitions_but_not_in_the_correlation():
    values, codes, _ = simulate([4] * 20)
    draws = draw_splits(codes, 5, 2, [0])
    alone, r = split_half_share(values, codes, blocks_of(20), draws)
    single = np.vstack([values, 1e6 * np.ones((1, 3))])
    order = np.hstack([draws.order, np.full((5, 1), 80)])
    more = Draws(order, np.hstack([draws.first, np.zeros((5, 1), dtype=int)]), 2)
    found, same = split_half_share(single, np.append(codes, 20), blocks_of(21), more)
    np.testing.assert_allclose(same, r, atol=1e-9)
    gain = (1 / 2) / ((20 / 4 + 1) / 21)
    np.testing.assert_allclose(found.value, spearman_brown(r, gain), atol=1e-9)
    np.testing.assert_allclose(alone.value, spearman_brown(r, 2.0), atol=1e-12)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([1] * 8, "no_repetitions"),
        ([4, 4, 1, 1], "too_few_stimuli"),
        ([4] * 9, "constant_response"),
    ],
)
def test_a_split_half_share_is_undefined_for_a_reason(counts, reason):
    values, codes, _ = simulate(counts)
    if reason == "constant_response":
        values[:] = [0.0, 0.1, 7e9]
    draws = draw_splits(codes, 3, 2, [0])
    found, r = split_half_share(values, codes, blocks_of(len(counts)), draws)
    assert reasons(found) == [reason] * 3
    assert np.isnan(r).all()
    assert np.isnan(found.value).all()


def test_a_half_that_does_not_vary_in_one_split_leaves_the_other_splits():
    values = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 1.0]]).reshape(8, 1)
    codes = np.repeat(np.arange(4), 2)
    order = np.array([[0, 1, 2, 3, 4, 5, 6, 7], [1, 0, 2, 3, 4, 5, 6, 7]])
    draws = Draws(order, np.zeros((2, 4), dtype=int), 2)
    _, both = split_half_share(values, codes, blocks_of(4), draws)
    _, second = split_half_share(values, codes, blocks_of(4), Draws(order[1:], draws.first[1:], 2))
    assert np.isfinite(both).all()
    np.testing.assert_array_equal(both, second)


def test_a_neuroid_does_not_depend_on_which_others_there_are():
    values, codes, _ = simulate([3] * 12, n_targets=4)
    values[5, 1] = values[7, 3] = np.nan
    draws = draw_splits(codes, 5, 2, [0])
    every, _ = split_half_share(values, codes, blocks_of(12, n_blocks=4), draws)
    alone, _ = split_half_share(values[:, [3]], codes, blocks_of(12, n_blocks=4), draws)
    np.testing.assert_allclose(every.without[:, [3]], alone.without, atol=1e-13)
    np.testing.assert_allclose(every.value[[3]], alone.value, atol=1e-13)


def test_spearman_brown_of_half_is_two_thirds():
    assert spearman_brown(np.array([0.5]))[0] == pytest.approx(2 / 3)
    assert spearman_brown(np.array([0.5]), 4.0)[0] == pytest.approx(0.8)


def test_spearman_brown_leaves_what_is_not_positive():
    values = np.array([0.0, -0.5, -0.9, np.nan])
    np.testing.assert_array_equal(spearman_brown(values), values)
