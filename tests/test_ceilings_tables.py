"""The tables of docs/ceilings.md, each with what must hold in it; slow, half a minute in all."""

import numpy as np
import oracles_ceilings as oracles
import pytest
from ceiling_cases import blocks_of
from test_ceilings_normalize import medians_of_chosen
from test_ceilings_truth import peers_case

from neuroalign.numerics.blockwise import jackknife_error
from neuroalign.numerics.inter_subject import (
    Others,
    correlate_with_mean,
    extrapolate,
    standardize,
)
from neuroalign.numerics.moments import block_moments, correlation
from neuroalign.numerics.reliability import anova_share
from neuroalign.numerics.split_half import draw_splits, split_half_share

pytestmark = pytest.mark.slow


def test_wrong_recipes_beside_the_right_ones():
    r, share, ratio = peers_case()
    recipes = {
        "r / sqrt(ceiling)": (r / np.sqrt(share), 1.0),
        "r^2 / ceiling": (r**2 / share, 1.0),
        "r / ceiling": (r / share, 1.30),
        "(r / ceiling)^2": ((r / share) ** 2, 1.69),
        "r / ncsnr": (r / ratio, 1.28),
    }
    for name, (values, expected) in recipes.items():
        print(f"| {name} | {np.median(values):.2f} |")
        assert np.median(values) == pytest.approx(expected, abs=0.04)


# Stimuli in a fold, share of signal in the averages, and how signal differs between folds.
FOLDS = [
    (30, 0.5, "alike"),
    (30, 0.2, "alike"),
    (10, 0.5, "alike"),
    (10, 0.2, "alike"),
    (5, 0.5, "alike"),
    (40, 0.64, "two groups"),
    (30, 0.5, "scaled"),
]


def signal_of(kind, n, n_targets, rng):
    """Draw signals (fold, stimulus, target) of 10 folds."""
    signal = rng.normal(size=(10, n, n_targets))
    if kind == "two groups":
        means = 2 * rng.normal(size=(10, 2, n_targets))
        return signal + means[:, np.arange(n) * 2 // n]
    return signal * np.exp(0.5 * rng.normal(size=(10, 1, n_targets)) * (kind == "scaled"))


@pytest.mark.parametrize(("n", "share", "kind"), FOLDS)
def test_ceilings_on_the_terms_of_the_folds(n, share, kind):
    rng = np.random.default_rng(0)
    signal = signal_of(kind, n, 3000, rng).reshape(10 * n, -1)
    codes, folds = np.repeat(np.arange(10 * n), 4), np.repeat(np.arange(10), n)
    values = signal[codes] + 2 * np.sqrt(1 / share - 1) * rng.normal(size=(40 * n, 3000))
    average = values.reshape(10 * n, 4, -1).mean(1)
    sums = block_moments(average, signal, folds, 10)
    r = correlation(sums, np.broadcast_to(average.std(0), sums.shape[:-1]))[0].mean(0)
    blocks = blocks_of(10 * n, folds)
    found = {
        "pooled": oracles.pooled_share(values.reshape(10, n, 4, -1)),
        "split_half": split_half_share(values, codes, blocks, draw_splits(codes, 20, 2, [0]))[
            0
        ].value,
        "anova": anova_share(values, codes, blocks).value,
    }
    ratios = {name: _median_ratio(r, shares) for name, shares in found.items()}
    print(f"| {n}, {share}, {kind} | {' | '.join(f'{value:.3f}' for value in ratios.values())} |")
    assert abs(ratios["split_half"] - 1) < (0.055 if kind == "scaled" else 0.016)
    assert abs(ratios["anova"] - 1) < (0.035 if n > 5 else 0.065)


def _median_ratio(r, share):
    """Take the median of r / sqrt(share), shares of 0 or less beyond all others."""
    return np.median(np.where(share > 0, r / np.sqrt(np.where(share > 0, share, 1)), np.inf))


@pytest.mark.parametrize(
    ("n", "n_repetitions", "share"),
    [(100, 2, 0.5), (100, 4, 0.2), (100, 4, 0.8), (400, 4, 0.2), (400, 10, 0.5)],
)
def test_standard_errors_are_the_spread_over_draws(n, n_repetitions, share):
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(n), n_repetitions)
    noise = np.sqrt(n_repetitions * (1 / share - 1)) * rng.normal(size=(len(codes), 1000))
    values = rng.normal(size=(n, 1000))[codes] + noise
    blocks = blocks_of(n, np.repeat(np.arange(5), n // 5), n_blocks=50)
    draws = draw_splits(codes, 50, 2, [0])
    ratios = []
    for estimate in (
        split_half_share(values, codes, blocks, draws)[0],
        anova_share(values, codes, blocks),
    ):
        error = jackknife_error(estimate.value, estimate.without, estimate.size)
        ratios.append(np.median(error) / estimate.value.std())
    print(f"| {n}, {n_repetitions}, {share} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    assert all(0.9 < ratio < 1.2 for ratio in ratios)


def test_choosing_neuroids_by_the_same_and_by_other_repetitions():
    medians = [medians_of_chosen(seed) for seed in range(20)]
    for name in medians[0]:
        values = [each[name] for each in medians]
        print(f"| {name} | {np.mean(values):.2f} +- {np.std(values) / np.sqrt(20):.2f} |")
    assert abs(np.mean([each["other repetitions"] for each in medians]) - 1) < 0.04
    assert np.mean([each["same repetitions"] for each in medians]) < 0.85


@pytest.mark.parametrize("n_subjects", [3, 4, 6, 10, 20])
def test_extrapolations_to_infinitely_many_subjects(n_subjects):
    rng = np.random.default_rng(n_subjects)
    values = rng.normal(size=(300, 200)) + rng.normal(size=(n_subjects, 300, 200))
    blocks = blocks_of(300)
    own, *others = (standardize(subject, blocks) for subject in values)
    total = sum(other.values for other in others)
    squares = sum(other.values**2 for other in others)
    count = np.full(total.shape, n_subjects - 1)
    every = Others(total, squares, count, count[0])
    leave_one_out = correlate_with_mean(own, every, blocks)
    ours, _ = extrapolate(own, every, blocks, leave_one_out)
    theirs = [oracles.leveling_off(values[:, :, neuroid], 0) for neuroid in range(200)]
    medians = [np.median(leave_one_out.value), np.median(theirs), np.median(ours.value)]
    print(f"| {n_subjects} | {' | '.join(f'{median:.3f}' for median in medians)} |")
    assert medians[2] == pytest.approx(np.sqrt(0.5), abs=0.015)
