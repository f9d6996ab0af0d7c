"""The spectrogram of tones, clicks and silence is known: its band, its moment and its level."""

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from neuroalign.errors import DataError
from neuroalign.models.frames import n_frames
from neuroalign.models.sounds import Sound
from neuroalign.models.spectral import SpectrogramModel
from neuroalign.testing import check_model

RATE = 16_000


def tone(frequency, *, seconds=0.5, amplitude=0.5, rate=RATE):
    return Sound(amplitude * np.sin(2 * np.pi * frequency * np.arange(seconds * rate) / rate), rate)


def levels(*sounds, **options):
    stimuli = pd.DataFrame({"audio": list(sounds)}, [f"s{n}" for n in range(len(sounds))])
    ((_, values),) = SpectrogramModel(**options).activations(stimuli)
    return values


def power(values):
    """Return the mean square from decibels above silence."""
    return 1e-10 * (10 ** (values.astype(float) / 10))


@pytest.mark.parametrize("frequency", [100, 250, 440, 1000, 3000, 7000])
@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_a_tone_lands_in_its_band(frequency, rate):
    values = levels(tone(frequency, rate=rate))[0]
    best = values.frequency.values[values[5:-5].values.argmax(axis=1)]
    nearest = values.frequency.values[np.abs(values.frequency.values - frequency).argmin()]
    assert set(best) == {nearest}


def test_bands_are_spaced_evenly_on_the_scale_of_mel():
    centers = levels(tone(100), n_bands=20).frequency.values
    mel = 1127.01048 * np.log(1 + np.array([0, *centers, 8000]) / 700)  # 2595 / ln(10)
    np.testing.assert_allclose(np.diff(mel), mel[-1] / 21, rtol=1e-6)


@pytest.mark.parametrize("frequency", [300, 1234.5, 5000])
def test_the_bands_of_a_tone_add_up_to_its_mean_square(frequency):
    total = power(levels(tone(frequency, amplitude=0.3))[0]).sum("unit")
    np.testing.assert_allclose(total[5:-5], 0.3**2 / 2, rtol=2e-3)


def test_the_power_of_noise_is_that_of_a_slow_sum():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=1600) * 0.1
    values = power(levels(Sound(samples, RATE))[0])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    piece = samples[160 * 3 + 80 - 200 : 160 * 3 + 80 + 200] * hann  # frame 3, around 35 ms
    bins = np.arange(513) * RATE / 1024
    spectrum = [np.sum(piece * np.exp(-2j * np.pi * f * np.arange(400) / RATE)) for f in bins]
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 66)
    edges = 700 * (10 ** (mel / 2595) - 1)
    for band in (0, 7, 63):
        weights = np.interp(bins, edges[band : band + 3], [0, 1, 0])
        slow = 2 * np.sum(weights * np.abs(spectrum) ** 2) / (1024 * np.sum(hann**2))
        assert float(values[3, band]) == pytest.approx(slow, rel=1e-5)


def test_twice_the_amplitude_is_six_decibels_more():
    soft, loud = levels(tone(1000, amplitude=0.25), tone(1000, amplitude=0.5))
    best = int(soft[20].values.argmax())
    assert float(loud[20, best] - soft[20, best]) == pytest.approx(20 * np.log10(2), abs=1e-4)


@pytest.mark.parametrize("second", [0.3, 1.0, 1.204])
def test_a_click_is_at_its_moment(second):
    samples = np.zeros(2 * RATE)
    samples[round(second * RATE)] = 1
    values = levels(Sound(samples, RATE))[0]
    loudest = float(values.time[int(values.sum("unit").values.argmax())])
    assert abs(loudest - second) <= 0.005 + 1e-9


def test_a_click_counts_as_much_before_the_middle_of_a_frame_as_after_it():
    samples = np.zeros(RATE)
    samples[8000] = 1
    values = levels(Sound(samples, RATE))[0]
    before, after = values.sel(time=[0.495, 0.505], method="nearest").values
    np.testing.assert_allclose(before, after, rtol=1e-5)


def test_silence_is_zero_and_one_thousandth_of_full_scale_is_far_above():
    silent, soft = levels(Sound(np.zeros(8000), RATE), tone(1000, amplitude=1e-3))
    assert (silent == 0).all()
    assert 30 < float(soft.max()) < 40  # 10 log10(1e-6 / 2 / 1e-10) = 37, over two bands


@pytest.mark.parametrize(
    ("n_samples", "number"), [(1, 1), (160, 1), (240, 1), (241, 2), (16_000, 100), (16_081, 101)]
)
def test_frames_are_those_whose_middle_is_in_the_sound(n_samples, number):
    values = levels(Sound(np.full(n_samples, 0.1), RATE))
    np.testing.assert_allclose(values.time, (np.arange(number) + 0.5) * 0.01)


def test_a_frame_whose_middle_is_the_end_is_out_whatever_the_rounding():
    assert [n_frames((k + 0.5) * 0.01, 0.01) for k in range(1, 2000)] == list(range(1, 2000))


def test_a_shorter_sound_ends_in_nan_and_is_what_it_is_alone():
    both = levels(tone(500, seconds=0.2), tone(700, seconds=0.5))
    alone = levels(tone(500, seconds=0.2))
    assert both.shape == (2, 50, 64)
    np.testing.assert_array_equal(both[0, :20], alone[0])
    assert np.isnan(both[0, 20:]).all()
    assert np.isfinite(both[1]).all()


def test_a_long_sound_is_what_its_parts_are():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=45 * RATE) * 0.1  # more than one block of frames
    whole = levels(Sound(samples, RATE))[0]
    late = levels(Sound(samples[40 * RATE : 42 * RATE], RATE))[0]
    np.testing.assert_allclose(whole[4002:4198], late[2:198], atol=1e-3)


def test_the_model_keeps_its_contract(tmp_path):
    wavfile.write(tmp_path / "c.wav", 8000, np.zeros(4000, np.int16))
    sounds = [tone(440, rate=44_100), tone(880), tmp_path / "c.wav", tone(500)]
    stimuli = pd.DataFrame({"audio": sounds}, list("abcd"))
    check_model(SpectrogramModel(), stimuli)


def test_ingredients_tell_sounds_and_options_and_no_labels():
    def told(sound, label="a", **options):
        stimuli = pd.DataFrame({"audio": [sound]}, [label])
        return SpectrogramModel(**options).ingredients(stimuli)

    one = told(tone(440))
    assert told(tone(440), "b") == one
    assert told(tone(441)) != one
    assert told(tone(440, rate=8000)) != one
    assert told(tone(440), n_bands=32) != one


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError) as error:
        levels()
    assert str(error.value) == "Model 'spectrogram' was given no stimuli."
    with pytest.raises(DataError) as error:
        SpectrogramModel(n_bands=0)
    assert str(error.value) == (
        "n_bands=0 is not a number of bands from 1 to 128, as many as 16 kHz and windows of 25 ms "
        "tell apart."
    )
