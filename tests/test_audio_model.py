"""Frames of networks that read sounds: their clocks, windows of the past, and no padding."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.io import wavfile

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.audio import AudioModel, Place
from neuroalign.models.cache import cached
from neuroalign.models.frame_clock import FrameClock, conv_clock
from neuroalign.models.sounds import Sound
from neuroalign.testing import check_model

RATE = 1000
CONVS = {"kernels": (10, 3, 2), "strides": (5, 2, 2)}


class Stack(torch.nn.Module):
    """Random convolutions, and one that looks both ways; frames are on the last axis but one."""

    def __init__(self, kernels, strides, wide=1, n_units=6):
        super().__init__()
        sizes = [1] + [n_units] * len(kernels)
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv1d(*pair, kernel, stride, bias=False)
            for pair, kernel, stride in zip(
                itertools.pairwise(sizes), kernels, strides, strict=True
            )
        )
        self.turned = torch.nn.Identity()
        self.mixed = torch.nn.Conv1d(n_units, n_units, wide, padding=wide // 2)
        self.out = torch.nn.Identity()

    def forward(self, samples):
        """Return frames (sound, frame, unit)."""
        frames = samples[:, None]
        for conv in self.convs:
            frames = conv(frames)
        frames = self.turned(frames.transpose(1, 2))
        return self.out(self.mixed(frames.transpose(1, 2)).transpose(1, 2))


def make(kernels=CONVS["kernels"], strides=CONVS["strides"], *, wide=1, longest=None, **options):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = Stack(kernels, strides, wide)
    places = {"features": Place(network.turned), "out": Place(network.out)}
    clock = conv_clock(RATE, kernels=kernels, strides=strides)
    clock = FrameClock(RATE, clock.hop, clock.field, longest)
    return AudioModel(network, places, torch.from_numpy, clock, name="stack", **options)


def noise(seconds, seed=0, rate=RATE):
    rng = np.random.default_rng(seed)
    return Sound(0.3 * rng.normal(size=round(seconds * rate)), rate)


def table(*sounds):
    return pd.DataFrame({"audio": list(sounds)}, [f"s{n}" for n in range(len(sounds))])


def values_of(model, *sounds, layers=None):
    return dict(model.activations(table(*sounds), layers))


@pytest.mark.parametrize(
    ("kernels", "strides"),
    [((10, 3, 2), (5, 2, 2)), ((4,), (4,)), ((7, 5), (2, 3)), ((10, 3, 3, 2), (5, 2, 2, 2))],
)
def test_an_impulse_moves_the_frames_that_see_it_and_they_stand_around_it(kernels, strides):
    model = make(kernels, strides)
    clock = model.clock
    for place in (0, 57, 140, 299):
        samples = np.zeros(300)
        samples[place] = 1
        values = values_of(model, Sound(samples, RATE))["features"][0]
        moved = np.abs(values).max("unit").values > 0
        center = values.time.values * RATE
        np.testing.assert_array_equal(moved, np.abs(center - place) <= (clock.field - 1) / 2)
    assert len(center) == clock.n_frames(300)


def test_the_clock_of_wav2vec_is_the_one_that_is_known():
    clock = conv_clock(16_000, kernels=(10, 3, 3, 3, 3, 2, 2), strides=(5, 2, 2, 2, 2, 2, 2))
    assert (clock.field, clock.hop) == (400, 320)
    assert clock.n_frames(399) == 0
    assert [clock.n_frames(n) for n in (400, 719, 720, 160_000)] == [1, 1, 2, 499]
    np.testing.assert_allclose(clock.centers(2), [199.5 / 16_000, 519.5 / 16_000])


@pytest.mark.parametrize("window", [0.2, 0.5])
@pytest.mark.parametrize("stride", [0.02, 0.1])
@pytest.mark.parametrize("n_samples", [32, 51, 52, 300, 997, 1000])
def test_pieces_give_every_frame_once_and_see_no_more_than_window_and_stride(
    n_samples, stride, window
):
    clock = FrameClock(RATE, 20, 32)
    found = []
    for piece in clock.pieces(n_samples, window, stride):
        first = piece.start // clock.hop + piece.skipped
        assert piece.start % clock.hop == 0
        assert 0 <= piece.start < piece.stop <= n_samples
        assert piece.stop - piece.start <= window * RATE
        assert clock.n_frames(piece.stop - piece.start) >= piece.skipped + piece.kept
        found += range(first, first + piece.kept)
        ends = first * clock.hop + clock.field  # of the first frame that is kept
        assert piece.stop - ends <= stride * RATE
        if piece.start:  # as much of the past as the window holds
            assert piece.stop - piece.start > window * RATE - stride * RATE - clock.hop
    assert found == list(range(clock.n_frames(n_samples)))


def test_frames_of_windows_equal_those_of_the_window_alone():
    sound = noise(1.0)
    model = make(wide=9, window=0.3, stride=0.04)
    found = values_of(model, sound)["out"][0]
    whole = make(wide=9)
    hop, field = model.clock.hop, model.clock.field
    for first in range(0, model.clock.n_frames(1000), 2):  # a stride of two frames
        stop = (first + 1) * hop + field
        start = max(0, -((300 - stop) // hop) * hop)
        alone = values_of(whole, Sound(sound.samples[start:stop], RATE))["out"][0]
        expected = alone[first - start // hop :][:2]
        np.testing.assert_allclose(found[first : first + 2], expected, atol=1e-6)


def test_the_future_moves_no_frame_before_its_stride():
    sound = noise(1.0)
    changed = sound.samples.copy()
    changed[600:] += 1
    model = make(wide=9, window=0.3, stride=0.02)
    before, after = values_of(model, sound, Sound(changed, RATE))["out"]
    moved = (before != after).any("unit").values
    ends = np.arange(len(moved)) * model.clock.hop + model.clock.field
    np.testing.assert_array_equal(moved, ends > 600)
    before, after = values_of(make(wide=9), sound, Sound(changed, RATE))["out"]
    assert (before != after).any("unit").values.sum() > moved.sum()


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_neither_the_batch_nor_other_sounds_move_a_value(batch_size):
    sounds = [noise(0.7, 1), noise(1.3, 2), noise(0.7, 3)]
    together = values_of(make(wide=9, window=0.3, stride=0.04, batch_size=batch_size), *sounds)
    for number, sound in enumerate(sounds):
        alone = values_of(make(wide=9, window=0.3, stride=0.04), sound)["out"][0]
        np.testing.assert_allclose(together["out"][number, : len(alone)], alone, atol=1e-6)
        assert np.isnan(together["out"][number, len(alone) :]).all()


def test_what_is_changed_in_place_later_is_kept_as_it_was():
    network = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU(inplace=True))
    torch.nn.init.ones_(network[0].weight)
    torch.nn.init.zeros_(network[0].bias)
    places = {"linear": Place(network[0])}
    clock = FrameClock(RATE, 1)
    model = AudioModel(network, places, lambda x: torch.from_numpy(x)[:, None], clock, name="toy")
    sound = Sound(np.linspace(-1, 1, 50), RATE)
    found = values_of(model, sound)["linear"][0]
    np.testing.assert_allclose(found, np.linspace(-1, 1, 50)[:, None] + np.zeros(2), atol=1e-6)


def test_layers_are_chosen_by_name_or_pattern():
    model = make(layers="f*")
    assert model.layers == ["features"]
    assert list(values_of(model, noise(0.2))) == ["features"]
    assert list(values_of(model, noise(0.2), layers=["out"])) == ["out"]
    with pytest.raises(UnknownNameError):
        values_of(model, noise(0.2), layers=["outt"])


def test_the_network_is_left_as_it_was():
    model = make()
    model.network.train()
    sounds = model.activations(table(noise(0.2), noise(0.3)))
    next(sounds)
    sounds.close()
    model.network.convs[0].weight.data *= np.nan
    list(model.activations(table(noise(0.2))))
    assert model.network.training
    assert not any(part._forward_hooks for part in model.network.modules())


def test_the_model_keeps_its_contract(tmp_path):
    wavfile.write(tmp_path / "d.wav", 2000, (noise(1).samples * 9999).astype(np.int16))
    sounds = [noise(0.5, 1), noise(0.8, 2, 4000), noise(0.5, 3), tmp_path / "d.wav"]
    check_model(make(wide=9, window=0.3, stride=0.04), table(*sounds))


def test_a_cache_serves_frames_with_their_times(tmp_path):
    sounds = table(noise(0.5), noise(0.3))
    model = cached(make(), folder=tmp_path)
    first, again = dict(model.activations(sounds)), dict(model.activations(sounds))
    for layer, values in make().activations(sounds):
        np.testing.assert_array_equal(first[layer], values)
        np.testing.assert_array_equal(again[layer], values)
        np.testing.assert_array_equal(again[layer].time, values.time)


def test_a_pass_within_inference_mode_leaves_what_can_be_trained():
    model, kept = make(), []
    model.network.turned.register_forward_hook(lambda *given: kept.append(given[-1]))
    with torch.inference_mode():
        values_of(model, noise(0.5))
    assert len(kept) == 1
    assert not kept[0].is_inference()


def test_each_ingredient_moves_the_key():
    def key(sound=None, **options):
        return make(**options).ingredients(table(sound or noise(0.5)))

    one = key()
    assert key() == one
    assert key(batch_size=3, layers="out") == one
    for other in (
        key(noise(0.5, 1)),
        key(wide=3),
        key(window=0.3, stride=0.1),
        key(precision="bfloat16"),
        key(longest=9999),
    ):
        assert other != one
    assert key(window=0.3, stride=0.1) != key(window=0.3, stride=0.2)


def refused(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_size": 0}, "batch_size=0 is not a positive number of pieces of a sound."),
        ({"memory_budget": -1}, "memory_budget=-1 is no number of bytes; give one, as 10**9."),
        ({"batch_size": 2.5}, "batch_size=2.5 is not a positive number of pieces of a sound."),
        ({"stride": 0.1}, "stride=0.1 moves a window; give window= in seconds as well."),
        (
            {"window": 0.3},
            "window=0.3 needs a stride beside it, by which it moves; give stride= in seconds, a "
            "multiple of the 0.02 s between frames.",
        ),
        (
            {"window": 0.3, "stride": 0.03},
            "stride=0.03 is not a multiple of the 0.02 s between frames; give one.",
        ),
        (
            {"window": 0.1, "stride": 0.1},
            "window=0.1 s does not hold a stride of 0.1 s and the samples of its frames; give "
            "0.13 or more s.",
        ),
        (
            {"window": 2.0, "stride": 0.1, "longest": 1000},
            "window=2.0 s does not hold a stride of 0.1 s and the samples of its frames; give "
            "0.13 to 1 s.",
        ),
    ],
)
def test_options_that_cannot_be_are_refused(options, sentence):
    with refused(sentence):
        make(**options)


def test_sounds_that_do_not_fit_the_network_are_refused_before_the_pass():
    model = make(longest=1000)
    with refused(
        f"The sound of stimulus 's1' has 20 samples at 1000 Hz, but the first frame of 'stack' "
        f"needs {model.clock.field}; leave the stimulus out."
    ):
        values_of(model, noise(0.5), noise(0.02))
    with refused(
        "The sound of stimulus 's0' lasts 1.5 s, but 'stack' reads 1 s at most; give window=1 and "
        "a stride."
    ):
        values_of(model, noise(1.5))
    assert values_of(make(longest=1000, window=0.5, stride=0.1), noise(1.5))


def test_a_clock_that_counts_other_frames_than_the_network_is_refused():
    model = make()
    model.clock = FrameClock(RATE, 10, 32)
    with refused(
        "Layer 'features' of 'stack' returns 24 frames where its clock counts 47; mend the clock, "
        "or the place, where (sound, frame, unit) is needed."
    ):
        values_of(model, noise(0.5))
