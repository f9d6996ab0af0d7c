"""Signal power, and what single responses share with the signal: slow oracles and edges."""

import numpy as np
import oracles_ceilings as oracles
import pytest
from ceiling_cases import blocks_of, reasons, simulate

from neuroalign.numerics.repetition_pairs import signal_power_share
from neuroalign.numerics.single_shares import (
    conservative_oracle,
    explainable_share,
    jackknife_oracle,
)

FOLDS = [0] * 7 + [1] * 6 + [2] * 8
SINGLE = {
    "explainable": (explainable_share, oracles.explainable_share),
    "jackknife": (jackknife_oracle, oracles.jackknife_oracle),
    "conservative": (conservative_oracle, oracles.conservative_oracle),
}


def numbers_of(codes):
    return np.arange(len(codes)) - np.searchsorted(codes, codes)


@pytest.mark.parametrize("folds", [None, FOLDS])
@pytest.mark.parametrize("repetitions", [2, 5])
def test_signal_power_of_complete_repetitions_is_as_published(folds, repetitions):
    values, codes, _ = simulate([repetitions] * 21)
    found = signal_power_share(values, codes, numbers_of(codes), blocks_of(21, folds))
    for target in range(3):
        table = values[:, target].reshape(21, repetitions)
        expected = oracles.signal_power_share(table, folds)
        assert found.value[target] == pytest.approx(expected, abs=1e-12)


def test_what_a_repetition_adds_to_all_stimuli_is_no_noise_to_signal_power():
    values, codes, _ = simulate([4] * 21)
    numbers = numbers_of(codes)
    drift = 5 * np.random.default_rng(0).normal(size=(4, 3))[numbers]
    one, two = (
        signal_power_share(y, codes, numbers, blocks_of(21, FOLDS, n_blocks=4)).without
        for y in (values, values + drift)
    )
    np.testing.assert_allclose(two, one, atol=1e-12)


def test_repetitions_are_told_apart_by_their_number_not_by_the_order_of_rows():
    values, codes, _ = simulate([3] * 12)
    values += 2.0 * numbers_of(codes)[:, None]
    shuffled = np.concatenate([3 * s + np.random.default_rng(s).permutation(3) for s in range(12)])
    one = signal_power_share(values, codes, numbers_of(codes), blocks_of(12))
    two = signal_power_share(values[shuffled], codes, shuffled % 3, blocks_of(12))
    np.testing.assert_allclose(two.value, one.value, atol=1e-12)


@pytest.mark.parametrize("counts", [[1, 10], [2, 3, 4, 5, 6], [3]])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_signal_power_of_unequal_repetitions_recovers_a_planted_share(counts, missing):
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(300), np.resize(counts, 300))
    values = rng.normal(size=(300, 200))[codes] + 2 * rng.normal(size=(len(codes), 200))
    values[rng.random(values.shape) < missing] = np.nan
    k = np.array([np.isfinite(values[codes == s]).sum(0) for s in range(300)]).astype(float)
    truth = 1 / (1 + 4 * np.nanmean(1 / np.where(k > 0, k, np.nan), 0))
    found = signal_power_share(values, codes, numbers_of(codes), blocks_of(300)).value
    assert np.median(found) == pytest.approx(np.median(truth), abs=0.02)


def test_without_a_block_signal_power_is_that_of_the_other_stimuli():
    values, codes, _ = simulate([4, 5, 3, 6, 1, 4, 7] * 3)
    values[3, 1] = np.nan
    numbers = numbers_of(codes)
    blocks = blocks_of(21, FOLDS, n_blocks=7)
    found = signal_power_share(values, codes, numbers, blocks)
    for block in range(len(blocks.part)):
        kept = blocks.of_row != block
        rows = kept[codes]
        left = (np.cumsum(kept) - 1)[codes[rows]]
        folds = np.array(FOLDS)[kept]
        expected = signal_power_share(
            values[rows], left, numbers[rows], blocks_of(kept.sum(), folds)
        )
        np.testing.assert_allclose(found.without[block], expected.value, atol=1e-11)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("folds", [None, FOLDS])
@pytest.mark.parametrize("counts", [[3] * 21, [2, 5, 3, 4, 2, 1, 2] * 3])
def test_single_shares_equal_their_slow_oracles(name, folds, counts):
    ours, oracle = SINGLE[name]
    values, codes, trials = simulate(counts)
    found = ours(values, codes, blocks_of(21, folds)).value
    expected = [oracle(target, folds) for target in trials]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", SINGLE)
def test_single_shares_skip_missing_responses(name):
    ours, oracle = SINGLE[name]
    values, codes, trials = simulate([3] * 21)
    values[4, 0] = np.nan
    values[30:33, 2] = np.nan
    trials[0][1].pop(1)
    trials[2][10].clear()
    found = ours(values, codes, blocks_of(21, FOLDS)).value
    np.testing.assert_allclose(found, [oracle(t, FOLDS) for t in trials], atol=1e-12)


@pytest.mark.parametrize("name", SINGLE)
def test_without_a_block_single_shares_are_those_of_the_other_stimuli(name):
    ours, oracle = SINGLE[name]
    values, codes, trials = simulate([4, 5, 3, 6, 1, 4, 7] * 3)
    blocks = blocks_of(21, FOLDS, n_blocks=7)
    found = ours(values, codes, blocks)
    for block in range(len(blocks.part)):
        kept = np.flatnonzero(blocks.of_row != block)
        rest = [[target[s] for s in kept] for target in trials]
        expected = [oracle(target, [FOLDS[s] for s in kept]) for target in rest]
        np.testing.assert_allclose(found.without[block], expected, atol=1e-11)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(
    ("counts", "reason"),
    [([1] * 8, "no_repetitions"), ([4, 4], "too_few_stimuli"), ([4] * 9, "constant_response")],
)
def test_single_shares_are_undefined_for_a_reason(name, counts, reason):
    values, codes, _ = simulate(counts)
    if reason == "constant_response":
        values[:] = [0.0, 0.1, 7e9]
    found = SINGLE[name][0](values, codes, blocks_of(len(counts)))
    assert reasons(found) == [reason] * 3


@pytest.mark.parametrize("oracle", [jackknife_oracle, conservative_oracle])
@pytest.mark.parametrize("n_repeated", [1, 2, 3])
def test_oracles_need_three_stimuli_that_repeat(oracle, n_repeated):
    counts = [2] * n_repeated + [1] * (6 - n_repeated)
    values, codes, _ = simulate(counts)
    reason = "defined" if n_repeated == 3 else "too_few_stimuli"
    assert reasons(oracle(values, codes, blocks_of(6))) == [reason] * 3


@pytest.mark.parametrize(
    ("counts", "reason"),
    [([1] * 8, "no_repetitions"), ([4] * 4, "too_few_stimuli"), ([4] * 9, "constant_response")],
)
def test_signal_power_is_undefined_for_a_reason(counts, reason):
    values, codes, _ = simulate(counts)
    if reason == "constant_response":
        values[:] = [0.0, 0.1, 7e9]
    found = signal_power_share(values, codes, numbers_of(codes), blocks_of(len(counts)))
    assert reasons(found) == [reason] * 3
