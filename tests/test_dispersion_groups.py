"""Intervals of groups of stimuli and of their difference: over stimuli, and over whole groups."""

import numpy as np
import pandas as pd
import pytest
from dispersion_cases import modulated
from scipy import stats

import neuroalign as na
from neuroalign.dispersion.groups import Groups, NeighborOverlap
from neuroalign.numerics.similarity.neighbors import outlier_bound
from neuroalign.similarity import CKA
from neuroalign.splits import equal_parts


def groups_of(values, n_group):
    rows = np.arange(len(values))
    return Groups(rows, np.asarray(values), None, NeighborOverlap(3), n_group)


def names(numbers):
    return np.array([f"b{number:03}" for number in numbers])


def test_the_error_of_means_is_that_of_their_stimuli():
    values = np.random.default_rng(0).standard_normal(4000)
    values[-2000:] *= 3
    found = groups_of(values, 2000).intervals(np.arange(4000), names(range(4000)), 0.95)
    expected = np.array([values[:2000].std(), values[-2000:].std()]) / np.sqrt(2000)
    # Twenty blocks know an error to a sixth of itself.
    np.testing.assert_allclose(found[:2, 1], expected, rtol=0.45)
    np.testing.assert_allclose(found[2, 1], np.hypot(*expected), rtol=0.45)
    np.testing.assert_allclose(
        found[:, 0], [values[:2000].mean(), values[-2000:].mean(), found[0, 0] - found[1, 0]]
    )
    np.testing.assert_allclose(found[:, 3] - found[:, 0], found[:, 0] - found[:, 2])


def test_each_block_of_as_many_as_there_are_is_left_out_once():
    values = np.random.default_rng(0).standard_normal(24)
    blocks = np.arange(24) % 12  # one stimulus of each in either group
    found = groups_of(values, 12).intervals(np.arange(24), names(blocks), 0.9)
    without = np.array(
        [
            [values[:12][blocks[:12] != block].mean(), values[12:][blocks[12:] != block].mean()]
            for block in range(12)
        ]
    )
    without = np.c_[without, without[:, 0] - without[:, 1]]
    errors = np.sqrt(11 / 12 * ((without - without.mean(0)) ** 2).sum(0))
    np.testing.assert_allclose(found[:, 1], errors, rtol=1e-10)
    reach = stats.t.ppf(0.95, 11) * errors
    np.testing.assert_allclose(found[:, 2], found[:, 0] - reach, rtol=1e-10)


def test_stimuli_of_a_block_in_both_groups_make_the_difference_surer():
    pairs = np.tile(np.random.default_rng(0).standard_normal(40), 2)
    found = groups_of(pairs, 40).intervals(np.arange(80), names(np.arange(80) % 40), 0.95)
    assert found[2, 1] < 1e-10 < 0.1 < found[0, 1]


def test_whole_groups_are_less_sure_than_as_many_single_stimuli():
    values = np.repeat(np.random.default_rng(0).standard_normal(60), 4)
    order = np.arange(240)
    whole = groups_of(values, 120).intervals(order, names(order // 4), 0.95)
    alone = groups_of(values, 120).intervals(order, names(order), 0.95)
    assert (whole[:, 1] > 1.3 * alone[:, 1]).all()


def test_groups_of_fewer_than_ten_blocks_have_estimates_only():
    values = np.random.default_rng(0).standard_normal(60)
    blocks = np.r_[np.arange(30), 30 + np.arange(30) // 4]  # 30 of the low group, 8 of the high
    found = groups_of(values, 30).intervals(np.arange(60), names(blocks), 0.95)
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1:]).all()


def test_more_confidence_is_wider(case):
    wide, narrow = (
        na.dispersion.modulation(*case, confidence=share, n_permutations=1).intervals
        for share in (0.99, 0.5)
    )
    assert (wide.sel(value="lower") < narrow.sel(value="lower")).all()
    assert (wide.sel(value="upper") > narrow.sel(value="upper")).all()


@pytest.fixture(scope="module")
def case():
    views, pair = modulated(0, planted=True)
    return na.dispersion.procrustes_dispersion(views, n_null=0, progress=False), pair


def test_intervals_are_of_what_is_tested_for_any_measure(case):
    dispersion, pair = case
    labels = sorted(pair["vision"].index)
    assert na.dispersion.modulation(*case, n_permutations=1).attrs["chance"] == 10 / 239
    for measure in (CKA(), NeighborOverlap(10)):
        found = na.dispersion.modulation(dispersion, pair, measure=measure, n_permutations=1)
        estimates = found.intervals.sel(value="estimate")
        np.testing.assert_array_equal(estimates, [found.low, found.high, found.difference])
        without = []
        part = pd.Series(equal_parts(np.array(labels), 20), labels)
        for block in range(20):
            ends = []
            for name in ("low", "high"):
                rows = [s for s in found.stimulus.values[found.part == name] if part[s] != block]
                bound = {k: outlier_bound(v.loc[labels].to_numpy()) for k, v in pair.items()}
                views = [v.loc[rows].clip(-bound[k], bound[k]).to_numpy() for k, v in pair.items()]
                ends.append(measure.compare_arrays(*views))
            without.append([*ends, ends[0] - ends[1]])
        errors = np.sqrt(19 / 20 * ((without - np.mean(without, 0)) ** 2).sum(0))
        # Blocks have about, and not just, as many stimuli of either group.
        np.testing.assert_allclose(found.intervals.sel(value="error"), errors, rtol=0.15)
        assert found.intervals.sel(of="difference", value="lower") > 0


def test_the_group_of_a_stimulus_is_left_out_as_a_whole():
    views, pair = modulated(0, planted=True)
    table = pd.DataFrame(
        {"group": np.arange(240) // 30}, index=[f"s{number:03}" for number in range(240)]
    )
    dispersion = na.dispersion.procrustes_dispersion(views, stimuli=table, n_null=0, progress=False)
    found = na.dispersion.modulation(dispersion, pair, n_permutations=1)
    assert np.isnan(found.intervals.sel(value="error")).all()  # eight groups are too few


def test_groups_that_a_block_leaves_too_small_for_the_measure_have_no_interval(case):
    found = na.dispersion.modulation(*case, share=13 / 240, k=11, n_permutations=1)
    assert np.isfinite(found.low)
    assert np.isnan(found.intervals.sel(value="lower")).all()


def test_intervals_of_values_are_in_their_units(case):
    dispersion, _ = case
    score = pd.Series(5 - dispersion.relative.values, dispersion.stimulus.values)
    found = na.dispersion.modulation(dispersion, score, systems=["m1"], n_permutations=1)
    estimates = found.intervals.sel(value="estimate")
    np.testing.assert_allclose(estimates, [found.low, found.high, found.difference])
    assert np.isnan(found.attrs["chance"])
    assert found.intervals.sel(of="difference", value="lower") > 0


@pytest.mark.slow  # a minute
def test_the_interval_of_the_difference_covers_that_of_other_stimuli():
    """Draw stimuli anew 200 times; the truth is the mean over the draws."""
    found = []
    for seed in range(200):
        views, pair = modulated(seed, planted=True, n=120, d=12)
        dispersion = na.dispersion.procrustes_dispersion(views, n_null=0, progress=False)
        found.append(na.dispersion.modulation(dispersion, pair, n_permutations=1).intervals.values)
    found = np.array(found)
    truth = found[:, :, 0].mean(0)
    covered = ((found[:, :, 2] <= truth) & (truth <= found[:, :, 3])).mean(0)
    assert (covered > 0.88).all()
