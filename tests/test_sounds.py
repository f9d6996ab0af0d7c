"""Sounds are read as one channel of -1..1 at one rate, and refused in a sentence otherwise."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from neuroalign.errors import DataError, MissingPackageError
from neuroalign.models.sounds import Sound, resampled, stimulus_sound


def read(value, **options):
    return stimulus_sound(pd.DataFrame({"audio": [value]}, index=["s"]), "s", **options)


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize(
    ("dtype", "written", "meant"),
    [
        (np.uint8, [128, 0, 192], [0, -1, 0.5]),
        (np.int16, [0, -(2**15), 2**14], [0, -1, 0.5]),
        (np.int32, [0, -(2**31), 2**30], [0, -1, 0.5]),
        (np.float32, [0, -1, 0.5], [0, -1, 0.5]),
    ],
)
def test_samples_of_any_type_are_scaled_to_one(tmp_path, dtype, written, meant):
    samples = np.array(written, dtype=dtype)
    wavfile.write(tmp_path / "s.wav", 8000, samples)
    for value in (Sound(samples, 8000), tmp_path / "s.wav", str(tmp_path / "s.wav")):
        sound = read(value)
        assert sound.rate == 8000
        np.testing.assert_array_equal(sound.samples, meant)


def test_channels_are_averaged():
    stereo = np.array([[1.0, 0.0], [-0.5, -0.5], [0.25, 0.75]])
    np.testing.assert_array_equal(read((stereo, 8000)).samples, [0.5, -0.5, 0.5])


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("n_samples", [400, 44_101])
def test_a_resampled_sound_keeps_its_duration_and_its_moments(rate, n_samples):
    time = np.arange(n_samples) / rate
    sound = read(Sound(np.sin(2 * np.pi * 440 * time), rate), rate=16_000)
    assert sound.rate == 16_000
    assert len(sound.samples) == -(-n_samples * 16_000 // rate)
    inner = slice(64, -64)  # the filter reads up to 10 samples of the lower rate around
    expected = np.sin(2 * np.pi * 440 * np.arange(len(sound.samples)) / 16_000)
    np.testing.assert_allclose(sound.samples[inner], expected[inner], atol=2e-3)


def test_what_a_lower_rate_cannot_hold_is_suppressed():
    tone = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000)
    assert np.abs(resampled(tone, 48_000, 16_000)[100:-100]).max() < 1e-3


def test_sounds_are_equal_by_content():
    one, same = Sound(np.arange(3.0), 8), Sound(np.arange(3.0), 8)
    assert one == same
    assert (one != same) is False
    assert one != Sound(np.arange(3.0), 9)
    assert one != Sound(np.arange(4.0), 8)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            7,
            "The sound of stimulus 's' is no sound; give a path, or Sound(samples, rate) with "
            "samples (sample,) or (sample, channel).",
        ),
        (
            Sound(np.zeros((2, 2, 2)), 8),
            "The sound of stimulus 's' is no sound; give a path, or Sound(samples, rate) with "
            "samples (sample,) or (sample, channel).",
        ),
        (
            Sound(np.zeros((2, 8000)), 8000),
            "The sound of stimulus 's' has 8000 channels of 2 samples; give samples as (sample, "
            "channel), as samples.T is.",
        ),
        (
            Sound(np.zeros(0), 8),
            "The sound of stimulus 's' has no samples; leave the stimulus out.",
        ),
        (
            Sound(np.array([0, np.nan, np.inf]), 8),
            "2 of 3 samples of the sound of stimulus 's' are not finite numbers; mend them, or "
            "leave the stimulus out.",
        ),
        (
            Sound(np.array([0.0, -20000.0]), 8),
            "The sound of stimulus 's' reaches 20000, but floats of -1..1 are needed; divide it by "
            "what stands for full scale.",
        ),
        (
            Sound(np.zeros(3, np.uint16), 8),
            "The sound of stimulus 's' is of type uint16; give floats of -1..1, int16, int32 or "
            "uint8.",
        ),
        (
            Sound(np.zeros(3), 8.5),
            "The sound of stimulus 's' has the rate 8.5; a whole number of samples a second is "
            "needed.",
        ),
        (
            Sound(np.zeros(3), None),
            "The sound of stimulus 's' has the rate None; a whole number of samples a second is "
            "needed.",
        ),
    ],
)
def test_what_is_no_sound_is_refused(value, sentence):
    with refused(sentence):
        read(value)


def test_a_file_that_is_broken_off_is_refused(tmp_path):
    path = tmp_path / "s.wav"
    wavfile.write(path, 8000, np.zeros(1000, np.int16))
    path.write_bytes(path.read_bytes()[:-500])
    with refused(
        f"The sound of stimulus 's', {str(path)!r}, cannot be read: the file is shorter than its "
        "header says."
    ):
        read(path)


def test_a_chunk_of_another_kind_is_passed_over(tmp_path):
    path = tmp_path / "s.wav"
    wavfile.write(path, 8000, np.full(10, 2**14, np.int16))
    riff = path.read_bytes() + b"bext\x04\x00\x00\x00abcd"
    path.write_bytes(riff[:4] + (len(riff) - 8).to_bytes(4, "little") + riff[8:])
    np.testing.assert_array_equal(read(path).samples, np.full(10, 0.5))


@pytest.mark.parametrize("name", ["none.wav", "none.flac"])
def test_a_file_that_is_not_there_is_named(name):
    with refused(
        f"The sound of stimulus 's', '{name}', cannot be read: [Errno 2] No such file or "
        f"directory: '{name}'."
    ):
        read(Path(name))


def test_other_formats_need_soundfile(tmp_path, monkeypatch):
    path = tmp_path / "s.flac"
    path.write_bytes(b"fLaC")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with refused(
        f"The sound of stimulus 's', {str(path)!r}, is no WAV file, which needs the package "
        "soundfile; run pip install soundfile, or save the sound as WAV.",
        MissingPackageError,
    ):
        read(path)


def test_other_formats_are_read_by_soundfile(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
    samples = np.array([[0.5, 0.25], [-0.5, 0.0]])
    soundfile.write(tmp_path / "s.flac", samples, 8000)
    np.testing.assert_array_equal(read(tmp_path / "s.flac").samples, [0.375, -0.25])
    (tmp_path / "t.flac").write_bytes(b"no sound")
    with pytest.raises(DataError, match=r"^The sound of stimulus 's', '.*t\.flac', cannot be read"):
        read(tmp_path / "t.flac")
