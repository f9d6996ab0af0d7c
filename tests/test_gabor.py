"""Gabor energy of gratings is known: their amplitude, in their channel, whatever their phase."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.errors import DataError
from neuroalign.models.gabor import FREQUENCIES, ORIENTATIONS, SIZE, GaborModel, gabor_filters
from neuroalign.testing import check_model


def grating(frequency, orientation, *, amplitude=0.4, phase=0.0, size=SIZE):
    """Bars of an orientation in degrees counterclockwise from horizontal."""
    row, column = np.meshgrid(*2 * [(np.arange(size) + 0.5) / size], indexing="ij")
    angle = np.deg2rad(orientation)
    across = -column * np.sin(angle) - row * np.cos(angle)
    wave = 0.5 + amplitude * np.cos(2 * np.pi * frequency * across + phase)
    return np.repeat(np.round(255 * wave).astype(np.uint8)[..., None], 3, axis=2)


def energy(*images):
    stimuli = pd.DataFrame({"image": list(images)}, [f"i{n}" for n in range(len(images))])
    ((_, values),) = GaborModel().activations(stimuli)
    return values


@pytest.mark.parametrize("frequency", FREQUENCIES[1:])
@pytest.mark.parametrize("orientation", ORIENTATIONS[::3])
def test_a_grating_has_its_amplitude_as_energy_in_its_channel(frequency, orientation):
    middle = energy(grating(frequency, orientation))[0].isel(row=slice(3, 5), column=slice(3, 5))
    strengths = middle.mean(("row", "column"))
    best = strengths.isel(channel=strengths.values.argmax())
    assert (float(best["frequency"]), float(best["orientation"])) == (frequency, orientation)
    assert float(best) == pytest.approx(0.4, rel=0.05)


def test_horizontal_bars_are_of_orientation_zero():
    stripes = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    stripes[(np.arange(SIZE) // 8) % 2 == 0] = 255  # 8 cycles, varying from row to row
    strengths = energy(stripes)[0].mean(("row", "column"))
    best = strengths.isel(channel=strengths.values.argmax())
    assert (float(best["frequency"]), float(best["orientation"])) == (8.0, 0.0)


def test_bars_that_rise_to_the_right_are_of_45_degrees():
    row, column = np.meshgrid(*2 * [np.arange(SIZE)], indexing="ij")
    rising = np.where((row + column) % 16 < 8, 255, 0).astype(np.uint8)
    strengths = energy(rising)[0].mean(("row", "column"))
    assert float(strengths.isel(channel=strengths.values.argmax())["orientation"]) == 45.0


def test_the_phase_of_a_grating_does_not_count():
    one, two = energy(grating(8, 45), grating(8, 45, phase=1.1))
    middle = {"row": slice(2, 6), "column": slice(2, 6)}
    np.testing.assert_allclose(one.isel(middle), two.isel(middle), atol=0.01)


def test_energy_grows_with_contrast():
    weak, strong = energy(grating(8, 45, amplitude=0.1), grating(8, 45, amplitude=0.4))
    assert float(strong.max() / weak.max()) == pytest.approx(4, rel=0.03)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_uniform_image_has_no_energy(level):
    assert float(energy(np.full((50, 40), level, np.uint8)).max()) < 1e-6


def test_energy_stays_where_the_bars_are():
    image = np.full((SIZE, SIZE, 3), 128, np.uint8)
    image[:32, :32] = grating(16, 0)[:32, :32]  # the upper left corner
    strengths = energy(image)[0].sel(channel=24)  # 16 cycles, 0 degrees
    assert float(strengths[:2, :2].mean()) > 20 * float(strengths[4:, 4:].mean())
    assert float(strengths[:, 6:].max()) < 0.02  # the right edge does not meet the left one


def test_gray_is_the_luminance_of_colors():
    colored = np.zeros((SIZE, SIZE, 3), np.uint8)
    colored[..., 1] = grating(8, 0)[..., 1]
    green, gray = energy(colored, grating(8, 0))
    np.testing.assert_allclose(green, 0.587 * gray, atol=2e-3)


def test_the_model_keeps_its_contract():
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (60, 80, 3), dtype=np.uint8) for _ in range(4)]
    stimuli = pd.DataFrame({"image": [*images[:3], Image.fromarray(images[3])]}, list("abcd"))
    check_model(GaborModel(), stimuli)


def test_a_filter_halves_what_is_half_an_octave_away():
    filters = gabor_filters()
    rows = filters[ORIENTATIONS.index(0) :: len(ORIENTATIONS)]  # rows of bars: vary downwards
    steps = np.fft.fftfreq(filters.shape[1], 1 / SIZE)
    for frequency, transfer in zip(FREQUENCIES, rows, strict=True):
        near = np.abs(steps - frequency) < 0.7 * frequency
        curve = np.polyfit(steps[near], np.log(transfer[near, 0]), 2)  # exact for a Gaussian
        peak = -curve[1] / (2 * curve[0])
        assert peak == pytest.approx(frequency, rel=1e-4)
        assert np.exp(np.polyval(curve, peak)) == pytest.approx(2, rel=1e-4)
        low, high = np.sort(np.roots(curve))  # where it is 1, half of its height
        assert high / low == pytest.approx(2, rel=1e-4)


def test_no_stimuli_are_refused():
    with pytest.raises(DataError) as error:
        energy()
    assert str(error.value) == "Model 'gabor' was given no stimuli."
