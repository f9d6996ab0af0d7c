"""Intervals over systems and stimuli, and dispersion without the noise of repetitions."""

import re

import numpy as np
import pytest
from oracles_procrustes import dealt_folds, dispersion_by_pairs, planted_systems, rotation

from neuroalign.errors import DataError
from neuroalign.numerics.procrustes.alignment import AlignmentOptions
from neuroalign.numerics.procrustes.cross_fitted import cross_fitted_dispersion
from neuroalign.numerics.procrustes.dispersion import dispersion
from neuroalign.numerics.procrustes.jackknife import (
    bootstrap_over_stimuli,
    jackknife_over_systems,
)
from neuroalign.numerics.procrustes.noise_corrected import (
    noise_corrected_dispersion,
    repeated_squared_norms,
)


def turned_views(seed, n_views, n=20, d=6):
    """Draw views from a population of systems that follow the others more or less."""
    random = np.random.default_rng(seed)
    common = random.standard_normal((n, d))
    share = random.uniform(0.2, 0.9, n_views)
    return [
        np.sqrt(own) * common + np.sqrt(1 - own) * random.standard_normal((n, d)) for own in share
    ]


def residual_of(turned):
    norms = np.stack([(view**2).sum(1) for view in turned])
    return dispersion(turned, norms).residual


@pytest.mark.parametrize("n_views", [5, 8])
def test_the_jackknife_is_that_of_leaving_out_each_system(n_views):
    turned = turned_views(0, n_views)
    found = jackknife_over_systems(residual_of(turned))
    without = np.stack([dispersion_by_pairs(turned[:k] + turned[k + 1 :]) for k in range(n_views)])
    variance = (n_views - 1) / n_views * ((without - without.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(found.error, np.sqrt(variance), rtol=1e-10)
    np.testing.assert_allclose(found.estimate, dispersion_by_pairs(turned), rtol=1e-10)
    assert (found.low < found.estimate).all()


def test_the_interval_over_systems_covers_the_dispersion_of_their_population():
    truth = 6 * (1 - np.mean(np.sqrt(np.random.default_rng(0).uniform(0.2, 0.9, 100000))) ** 2)
    hits = 0
    for seed in range(400):
        turned = turned_views(seed, 8, n=200)
        found = jackknife_over_systems(residual_of(turned).mean(1))
        hits += found.low < truth < found.high
    assert 0.92 <= hits / 400 <= 0.985


def test_drawing_systems_twice_would_lower_the_dispersion():
    turned = turned_views(1, 6, n=200)
    random = np.random.default_rng(0)
    draws = [[turned[k] for k in random.integers(6, size=6)] for _ in range(50)]
    resampled = np.mean([dispersion_by_pairs(drawn).mean() for drawn in draws])
    low = jackknife_over_systems(residual_of(turned).mean(1)).low
    assert resampled < 0.9 * dispersion_by_pairs(turned).mean()
    assert low > 0


def test_an_interval_over_four_systems_is_refused():
    with pytest.raises(DataError) as error:
        jackknife_over_systems(np.ones((4, 10)))
    assert str(error.value) == (
        "4 systems were given; an interval over systems needs 5 or more. Report the dispersion of "
        "these systems without one."
    )


def test_the_error_over_stimuli_is_that_of_a_mean():
    values = np.random.default_rng(0).standard_normal(400)
    values[3] = np.nan
    found = bootstrap_over_stimuli(values, seed=1)
    np.testing.assert_allclose(found.estimate, np.nanmean(values))
    np.testing.assert_allclose(found.error, np.nanstd(values) / np.sqrt(399), rtol=0.06)
    assert found.low < found.estimate < found.high


def test_blocks_of_alike_stimuli_widen_the_interval():
    values = np.repeat(np.random.default_rng(0).standard_normal(40), 10)
    alone = bootstrap_over_stimuli(values, seed=1)
    together = bootstrap_over_stimuli(values, blocks=np.repeat(np.arange(40), 10), seed=1)
    assert together.error > 2.5 * alone.error


def test_fewer_than_ten_blocks_have_no_interval():
    found = bootstrap_over_stimuli(np.arange(9.0))
    assert found.estimate == 4
    assert np.isnan(found.low)


def repeated_systems(n, d, n_systems, shared, noise, n_repetitions, seed):
    random = np.random.default_rng(seed)
    signals = planted_systems(n, d, n_systems, shared, 5, seed=seed)
    return signals, [
        rows + noise * random.standard_normal((n_repetitions, n, d)) / np.sqrt(d)
        for rows in signals
    ]


def test_squared_norms_of_repetitions_are_means_over_their_pairs():
    rows = np.random.default_rng(0).standard_normal((4, 3, 5))
    present = np.ones((4, 3), dtype=bool)
    present[3, 1] = present[1:, 2] = False
    found = repeated_squared_norms(rows, present)
    for stimulus in (0, 1):
        kept = rows[present[:, stimulus], stimulus]
        products = kept @ kept.T
        pairs = products[~np.eye(len(kept), dtype=bool)]
        np.testing.assert_allclose(found[stimulus], pairs.mean(), rtol=1e-12)
    assert np.isnan(found[2])


def test_noise_corrected_dispersion_is_that_of_the_signal():
    n, d = 400, 12
    signals, repeated = repeated_systems(n, d, 5, 0.6, 2.0, 4, seed=0)
    folds = dealt_folds(n)
    truth = cross_fitted_dispersion(signals, folds, n_null=0).raw.mean()
    found = noise_corrected_dispersion(repeated, folds).raw
    noisy = cross_fitted_dispersion([rows.mean(0) for rows in repeated], folds, n_null=0).raw
    assert abs(truth - 0.4) < 0.02
    assert abs(found.mean() - truth) < 0.06
    assert noisy.mean() > truth + 0.2


def test_systems_that_share_all_signal_have_noise_corrected_dispersions_about_zero():
    _, repeated = repeated_systems(500, 6, 4, 1.0, 1.0, 6, seed=1)
    found = noise_corrected_dispersion(repeated, dealt_folds(500)).raw
    assert (found < 0).mean() > 0.25
    assert abs(found.mean()) < 0.03


def test_repetitions_that_were_not_shown_are_left_out():
    _, repeated = repeated_systems(60, 6, 3, 0.6, 1.0, 3, seed=2)
    folds = dealt_folds(60)
    one = noise_corrected_dispersion([rows[:2] for rows in repeated], folds)
    unseen = [rows.copy() for rows in repeated]
    for rows in unseen:
        rows[2] = np.nan
    other = noise_corrected_dispersion(unseen, folds)
    np.testing.assert_allclose(one.raw, other.raw, rtol=1e-10)
    unseen[0][1, 7] = np.nan
    lone = noise_corrected_dispersion(unseen, folds)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(lone.raw)), [7])


def test_noise_corrected_dispersion_ignores_rotation_and_scale():
    _, repeated = repeated_systems(60, 6, 3, 0.6, 1.0, 3, seed=3)
    random = np.random.default_rng(0)
    turned = [random.uniform(2, 9) * rows @ rotation(6, random) + 3 for rows in repeated]
    options = AlignmentOptions(tolerance=1e-12, most_iterations=2000)
    one, other = (
        noise_corrected_dispersion(systems, dealt_folds(60), options=options)
        for systems in (repeated, turned)
    )
    np.testing.assert_allclose(one.raw, other.raw, atol=1e-5)


def test_a_system_of_noise_is_refused():
    random = np.random.default_rng(5)
    noise = random.standard_normal((2, 60, 40))
    noise -= noise.mean(0) * 1.2  # repetitions oppose each other
    with pytest.raises(DataError) as error:
        noise_corrected_dispersion([noise, noise], dealt_folds(60))
    assert re.sub(r"-[\d.]+\)", "-x)", str(error.value)) == (
        "A system has no response that repeats over its training stimuli (mean inner product of "
        "repetitions -x); leave it out, or use scaling='none'."
    )


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        (
            (1, 30, 4),
            None,
            "System 0 of shape (1, 30, 4) has no stimulus with two repetitions; give repetitions "
            "by stimuli by units.",
        ),
        (
            (3, 30, 4),
            AlignmentOptions(dimensions=2),
            "dimensions=2 was given; noise-corrected dispersion is of all dimensions, so leave it "
            "out.",
        ),
    ],
)
def test_repetitions_that_cannot_be_used_are_refused(shape, options, words):
    with pytest.raises(DataError) as error:
        noise_corrected_dispersion([np.ones(shape)] * 2, dealt_folds(30), options=options)
    assert str(error.value) == words
