"""Shares of signal from the scatter of repetitions: slow oracles, planted truth, edges."""

import itertools

import numpy as np
import oracles_ceilings as oracles
import pytest
from ceiling_cases import blocks_of, reasons, simulate
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroalign.numerics.blockwise import jackknife_error
from neuroalign.numerics.grouping import equal_columns
from neuroalign.numerics.reliability import anova_share, half_of_showings, ncsnr_share

FOLDS = [0] * 7 + [1] * 6 + [2] * 8


@pytest.mark.parametrize("counts", [[3] * 21, [2, 5, 3, 4, 2, 1, 2] * 3, [1, 3, 1] * 7])
@pytest.mark.parametrize("folds", [None, FOLDS])
def test_the_anova_share_equals_the_slow_oracle(counts, folds):
    values, codes, trials = simulate(counts)
    expected = [oracles.anova_share(target, folds) for target in trials]
    found = anova_share(values, codes, blocks_of(21, folds)).value
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_anova_share_skips_missing_responses_of_single_neuroids():
    values, codes, trials = simulate([4] * 21)
    values[2, 1] = values[9, 1] = np.nan
    values[80:84, 2] = np.nan
    trials[1][0].pop(2)
    trials[1][2].pop(1)
    trials[2][20].clear()
    expected = [oracles.anova_share(target, FOLDS) for target in trials]
    found = anova_share(values, codes, blocks_of(21, FOLDS)).value
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_folds_that_say_nothing_are_skipped():
    values, codes, trials = simulate([3] * 17 + [1] * 4 + [3] * 4)
    folds = [0] * 9 + [1] * 8 + [2] * 4 + [3] * 4  # the last two: without repetitions, too few
    found = anova_share(values, codes, blocks_of(25, folds)).value
    expected = [oracles.anova_share(target[:17], folds[:17]) for target in trials]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("folds", [None, FOLDS])
def test_without_a_block_the_anova_share_is_that_of_the_other_stimuli(seed, folds):
    counts = np.random.default_rng(seed).integers(1, 5, 21)
    values, codes, trials = simulate(counts, seed=seed)
    trials[0][5].clear()
    values[codes == 5, 0] = np.nan
    blocks = blocks_of(21, folds, n_blocks=6)
    found = anova_share(values, codes, blocks)
    for block in range(len(blocks.part)):
        kept = np.flatnonzero(blocks.of_row != block)
        for target in range(3):
            rest = [trials[target][stimulus] for stimulus in kept]
            own = None if folds is None else [folds[stimulus] for stimulus in kept]
            expected = oracles.anova_share(rest, own)
            assert found.without[block, target] == pytest.approx(expected, abs=1e-10)
            met = sum(bool(trials[target][s]) for s in np.flatnonzero(blocks.of_row == block))
            assert found.size[block, target] == met


@pytest.mark.parametrize("share", [0.0385, 0.2647, 0.8])
def test_the_anova_share_recovers_a_planted_share_even_where_it_is_small(share):
    values, codes, _ = simulate([4] * 200, n_targets=3000, noise=2 * np.sqrt(1 / share - 1))
    found = anova_share(values, codes, blocks_of(200)).value
    error = found.std() / np.sqrt(3000)
    expected = share - share * (1 - share) / 199
    assert abs(found.mean() - expected) < 4 * error
    assert error < 0.003


@pytest.mark.parametrize(
    ("counts", "reason"),
    [([1] * 8, "no_repetitions"), ([4] * 4, "too_few_stimuli"), ([4] * 8, "constant_response")],
)
def test_an_anova_share_is_undefined_for_a_reason(counts, reason):
    values, codes, _ = simulate(counts)
    if reason == "constant_response":
        values[:] = [0.0, 0.1, 7e9]
    found = anova_share(values, codes, blocks_of(len(counts)))
    assert reasons(found) == [reason] * 3
    assert np.isnan(found.value).all()


def test_only_the_neuroid_that_lacks_something_is_undefined():
    values, codes, _ = simulate([3] * 8, n_targets=4)
    values[:, 1] = 0.1
    values[:, 2] = np.nan
    values[np.arange(24) % 3 > 0, 3] = np.nan
    found = anova_share(values, codes, blocks_of(8))
    expected = ["defined", "constant_response", "too_few_stimuli", "no_repetitions"]
    assert reasons(found) == expected
    assert np.isnan(found.value).tolist() == [False, True, True, True]


@pytest.mark.parametrize("seed", range(3))
def test_shares_do_not_depend_on_units_or_on_what_differs_between_folds(seed):
    rng = np.random.default_rng(seed)
    values, codes, _ = simulate([3] * 21, seed=seed)
    blocks = blocks_of(21, FOLDS, n_blocks=5)
    turned = values * [0.01, -3, 1e4] + 1e3 * rng.normal(size=(3, 3))[np.array(FOLDS)[codes]]
    one, two = (anova_share(y, codes, blocks) for y in (values, turned))
    np.testing.assert_allclose(two.value, one.value, atol=1e-6)
    np.testing.assert_allclose(two.without, one.without, atol=1e-6)


def test_ncsnr_equals_the_published_recipe():
    values, codes, _ = simulate([3] * 40)
    standardized = (values - values.mean(0)) / values.std(0)
    found = ncsnr_share(standardized, codes, blocks_of(40))
    expected = [oracles.ncsnr_share(column.reshape(40, 3)) for column in standardized.T]
    np.testing.assert_allclose(found.value, expected, atol=1e-12)


def test_ncsnr_is_clipped_and_biased_upwards_where_there_is_little_signal():
    values, codes, _ = simulate([4] * 200, n_targets=2000, noise=2 * np.sqrt(1 / 0.0385 - 1))
    standardized = (values - values.mean(0)) / values.std(0)
    found = ncsnr_share(standardized, codes, blocks_of(200)).value
    assert found.min() == 0
    assert (found == 0).mean() > 0.2
    assert found.mean() == pytest.approx(0.0615, abs=0.005)


def test_without_a_block_ncsnr_is_that_of_the_other_stimuli():
    values, codes, _ = simulate([2, 3, 1, 4] * 5)
    blocks = blocks_of(20, n_blocks=4)
    found = ncsnr_share(values, codes, blocks)
    for block in range(4):
        kept = blocks.of_row[codes] != block
        numbers = np.unique(codes[kept], return_inverse=True)[1]
        expected = ncsnr_share(values[kept], numbers, blocks_of(15)).value
        np.testing.assert_allclose(found.without[block], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("counts", "constant", "reason"),
    [
        ([1] * 8, False, "no_repetitions"),
        ([2, 2], False, "too_few_stimuli"),
        ([2] * 8, True, "constant_response"),
    ],
)
def test_ncsnr_is_undefined_for_a_reason(counts, constant, reason):
    values, codes, _ = simulate(counts)
    values[:] = 0.3 if constant else values
    assert reasons(ncsnr_share(values, codes, blocks_of(len(counts)))) == [reason] * 3


def test_the_jackknife_error_is_that_of_pseudovalues_for_unequal_blocks():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(23, 2))
    sizes = [1, 4, 7, 3, 8]
    ends = np.cumsum([0, *sizes])
    without = np.array(
        [np.delete(rows, slice(a, b), axis=0).var(0) for a, b in itertools.pairwise(ends)]
    )
    size = np.repeat(np.array(sizes)[:, None], 2, axis=1)
    found = jackknife_error(rows.var(0), without, size)
    for column in range(2):
        expected = oracles.pseudovalue_error(rows.var(0)[column], without[:, column], sizes)
        assert found[column] == pytest.approx(expected, rel=1e-12)


def test_the_jackknife_error_of_a_mean_over_equal_blocks_is_its_standard_error():
    blocks = np.random.default_rng(0).normal(size=(20, 5, 3)).mean(1)
    without = (blocks.sum(0) - blocks) / 19
    found = jackknife_error(blocks.mean(0), without, np.full((20, 3), 5))
    np.testing.assert_allclose(found, blocks.std(0, ddof=1) / np.sqrt(20), rtol=1e-12)


def test_blocks_of_nothing_leave_the_jackknife_error_as_it_was():
    rng = np.random.default_rng(0)
    value, without = rng.normal(size=1), rng.normal(size=(4, 1))
    size = np.array([[3], [2], [4], [3]])
    found = jackknife_error(value, without, size)
    more = jackknife_error(value, np.vstack([without, value]), np.vstack([size, [[0]]]))
    np.testing.assert_allclose(more, found, rtol=1e-12)
    assert np.isnan(jackknife_error(value, without[:1], size[:1]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_halves_hold_half_of_each_stimulus(counts, seed):
    codes = np.repeat(np.arange(len(counts)), counts)
    first = half_of_showings(codes, np.random.default_rng(seed))
    for stimulus, count in enumerate(counts):
        assert first[codes == stimulus].sum() in {count // 2, -(-count // 2)}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_equal_columns_are_grouped_and_unequal_ones_apart(n_rows, n_columns, seed):
    mask = np.random.default_rng(seed).random((n_rows, n_columns)) < 0.5
    groups = equal_columns(mask)
    assert sorted(np.concatenate(groups).tolist()) == list(range(n_columns))
    patterns = [{mask[:, column].tobytes() for column in group} for group in groups]
    assert all(len(pattern) == 1 for pattern in patterns)
    assert len(set.union(*patterns)) == len(groups)
