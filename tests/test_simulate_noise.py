"""Noise of simulators: its covariance over rows, space and time is the one that was asked for."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from neuroalign.simulate.noise import SmoothField, autoregressive, padded_length, power_law


def white_of(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.4, 0.9])
def test_rows_correlate_by_powers_of_the_first_correlation(correlation):
    # Of unit impulses the rows are the linear map, and map map' the covariance.
    linear = autoregressive(np.eye(30), correlation)
    distance = np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    np.testing.assert_allclose(linear @ linear.T, correlation**distance, atol=1e-12)


def test_correlating_rows_leaves_white_noise_as_it_was():
    white = white_of(5, 3)
    autoregressive(white, 0.5)
    np.testing.assert_array_equal(white, white_of(5, 3))


@pytest.mark.parametrize("fwhm", [0.0, 1.5, 4.0])
def test_voxels_correlate_by_a_gaussian_of_their_distance_up_to_the_border(fwhm):
    shape = (4, 3, 2)
    linear = SmoothField(shape, fwhm)(np.eye(24))
    places = np.indices(shape).reshape(3, -1).T
    for a, b in np.ndindex(24, 24):
        squared = ((places[a] - places[b]) ** 2).sum()
        s = fwhm / np.sqrt(8 * np.log(2))
        expected = float(a == b) if s == 0 else np.exp(-squared / (4 * s**2))
        assert linear[:, a] @ linear[:, b] == pytest.approx(expected, abs=1e-7)


def test_a_field_is_as_smooth_as_white_noise_after_a_gaussian_filter_of_that_fwhm():
    impulse = np.zeros(101)
    impulse[50] = 1
    kernel = gaussian_filter1d(impulse, 5 / 2.3548, truncate=8)
    expected = np.correlate(kernel, kernel, "full")[100:110] / (kernel**2).sum()
    linear = SmoothField((20, 1, 1), 5)(np.eye(20))
    found = [linear[:, 4] @ linear[:, 4 + distance] for distance in range(10)]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_power_falls_with_frequency_to_the_exponent(exponent):
    noise = power_law(white_of(2000, 256), 256, exponent)
    power = (np.abs(np.fft.rfft(noise)) ** 2).mean(0)[1:-1]
    slope = np.polyfit(np.log(np.arange(1, 128)), np.log(power), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.02)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_over_time_has_variance_1_at_every_time(exponent):
    linear = power_law(np.eye(64), 16, exponent)
    np.testing.assert_allclose((linear**2).sum(0), 1, atol=1e-12)


@pytest.mark.parametrize(("n_times", "length"), [(2, 8), (16, 64), (20, 128)])
def test_noise_is_cut_from_a_series_at_least_four_times_as_long(n_times, length):
    assert padded_length(n_times) == length
