"""Participation ratios: averages over tuples, known covariances, noise, and edges."""

import numpy as np
import oracles_similarity as oracles
import pytest

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.dimensionality import (
    covariance_moments,
    participation_ratio,
    signal_participation_ratio,
)


def centered(n, p, seed):
    values = np.random.default_rng(seed).exponential(size=(n, p)) @ np.diag(np.arange(1, p + 1))
    return values - values.mean(0)


@pytest.mark.parametrize("p", [2, 7, 20])
def test_moments_equal_averages_over_all_tuples_of_four(p):
    first, second = centered(8, p, 0), centered(8, p, 1) + 0.5 * centered(8, p, 0)
    for pair in ((first, first), (first, second)):
        found = covariance_moments(*pair)
        assert found == pytest.approx(oracles.covariance_moments(*pair), rel=1e-10)


@pytest.mark.parametrize(("n", "biased"), [(50, 39.5), (200, 99.6), (1000, 166)])
def test_two_hundred_directions_are_found_whatever_the_number_of_stimuli(n, biased):
    rng = np.random.default_rng(0)
    draws = [rng.normal(size=(n, 200)) for _ in range(20 if n < 1000 else 5)]
    found = [participation_ratio(values) for values in draws]
    assert np.mean(found) == pytest.approx(200, rel=0.04)
    found = [participation_ratio(values, unbiased=False) for values in draws]
    assert np.mean(found) == pytest.approx(biased, rel=0.02)


@pytest.mark.parametrize("draw", ["normal", "exponential", "uniform"])
@pytest.mark.parametrize("n", [5, 12])
def test_moments_are_unbiased_whatever_the_distribution(draw, n):
    rng = np.random.default_rng(0)
    scales = np.array([3.0, 1, 1, 0.5])
    unit = {"normal": 1, "exponential": 1, "uniform": 1 / 12}[draw]
    true = (unit * (scales**2).sum()) ** 2, unit**2 * (scales**4).sum()
    found = []
    for _ in range(4000):
        values = getattr(rng, draw)(size=(n, 4)) * scales
        values -= values.mean(0)
        found.append(covariance_moments(values, values))
    error = np.std(found, axis=0) / np.sqrt(4000)
    assert (np.abs(np.mean(found, axis=0) - true) < 3 * error).all()


@pytest.mark.parametrize("noise", [0.5, 2])
def test_noise_that_differs_between_repetitions_counts_for_nothing(noise):
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(40, 5)))[0].T
    found, noisy = [], []
    for _ in range(30):
        signal = rng.normal(size=(400, 5)) @ directions
        shown = signal + noise / 3 * rng.normal(size=(3, 400, 40))
        found.append(signal_participation_ratio(shown))
        noisy.append(participation_ratio(shown.mean(0)))
    assert np.mean(found) == pytest.approx(5, rel=0.03)
    assert np.mean(noisy) > 5.5


def test_pairs_of_repetitions_are_averaged_above_and_below():
    rng = np.random.default_rng(0)
    shown = rng.normal(size=(9, 4)) + rng.normal(size=(3, 9, 4))
    parts = [part - part.mean(0) for part in shown]
    pairs = [(parts[0], parts[1]), (parts[0], parts[2]), (parts[1], parts[2])]
    above, below = np.mean([oracles.covariance_moments(*pair) for pair in pairs], axis=0)
    assert signal_participation_ratio(shown) == pytest.approx(above / below, rel=1e-10)


def test_noise_alone_has_no_signal_or_a_denominator_around_0():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        parts = [part - part.mean(0) for part in rng.normal(size=(2, 20, 10))]
        found.append(covariance_moments(*parts))
    assert (np.abs(np.mean(found, axis=0)) < 3 * np.std(found, axis=0) / 20).all()
    values = [signal_participation_ratio(rng.normal(size=(2, 20, 10))) for _ in range(40)]
    assert 10 < np.isnan(values).sum() < 30


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize(("n", "p"), [(30, 8), (30, 60)])
def test_a_ratio_does_not_depend_on_offset_scale_rotation_or_order(n, p, unbiased, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, p)) * np.geomspace(1, 10, p)
    expected = participation_ratio(values, unbiased=unbiased)
    for changed in (
        values + 10 * rng.normal(size=p),
        values * 1e-120,
        values * 1e120,
        values @ np.linalg.qr(rng.normal(size=(p, p)))[0],
        values[rng.permutation(n)],
    ):
        found = participation_ratio(changed, unbiased=unbiased)
        assert found == pytest.approx(expected, rel=1e-9)
    stretched = participation_ratio(values * np.geomspace(1, 10, p), unbiased=unbiased)
    assert stretched < 0.9 * expected


@pytest.mark.parametrize("n", [5, 30])
def test_one_direction_is_one_dimension(n):
    rng = np.random.default_rng(0)
    line = rng.normal(size=(n, 1)) * rng.normal(size=12) + 7
    assert participation_ratio(line, unbiased=False) == pytest.approx(1, abs=1e-12)
    draws = [covariance_moments(x, x) for x in (centered(n, 1, seed) for seed in range(500))]
    above, below = np.mean(draws, axis=0)
    assert above == pytest.approx(below, rel=1e-9)
    assert participation_ratio(line) == pytest.approx(1, rel=1e-9)


def test_constant_and_repeated_units_change_nothing_and_float32_little():
    values = np.random.default_rng(0).normal(size=(40, 9))
    expected = participation_ratio(values)
    wide = np.hstack([values, values, np.full((40, 3), 1e6)])
    assert participation_ratio(wide) == pytest.approx(expected, rel=1e-12)
    far = (values + 1e4).astype(np.float32)
    assert participation_ratio(far) == participation_ratio(far.astype(float))
    assert participation_ratio(far) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("constant", [0, 0.1, 7e9])
def test_what_does_not_vary_has_no_dimensionality(constant):
    flat = np.full((3, 20, 9), constant)
    assert np.isnan(participation_ratio(flat[0]))
    assert np.isnan(participation_ratio(flat[0], unbiased=False))
    assert np.isnan(signal_participation_ratio(flat))


def test_stimuli_all_equally_far_apart_have_no_unbiased_ratio():
    turned = np.eye(30) @ np.linalg.qr(np.random.default_rng(0).normal(size=(30, 30)))[0]
    assert np.isnan(participation_ratio(turned))
    assert participation_ratio(turned, unbiased=False) == pytest.approx(29)


def test_inputs_are_not_changed_and_what_is_too_little_is_refused():
    shown = np.random.default_rng(0).normal(size=(3, 20, 9))
    before = shown.tobytes()
    participation_ratio(shown[0])
    signal_participation_ratio(shown)
    assert shown.tobytes() == before
    with pytest.raises(DataError) as caught:
        signal_participation_ratio(shown[:1])
    said = "The responses have shape (1, 20, 9); give 2 repetitions or more of (stimuli, neuroids)."
    assert str(caught.value) == said
    for call in (participation_ratio, lambda x: signal_participation_ratio(np.array([x, x]))):
        with pytest.raises(DataError) as caught:
            call(shown[0][:3])
        assert str(caught.value) == "There are 3 stimuli, and this needs 4; give more stimuli."
    shown[0, 2, 3] = np.nan
    for call in (participation_ratio, lambda x: signal_participation_ratio(np.array([x, x]))):
        with pytest.raises(DataError, match="values that are NaN or infinite"):
            call(shown[0])
