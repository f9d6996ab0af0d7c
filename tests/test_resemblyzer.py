"""The network of voices: its own spectrogram and weights, and that these are trained."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.signal import lfilter

from neuroalign.errors import MissingPackageError
from neuroalign.models.resemblyzer import LEVEL, VoiceNetwork, load, mel_power
from neuroalign.models.sounds import Sound
from neuroalign.models.weights import weights_folder
from neuroalign.testing import check_model

RATE = 16_000
# Resonances of six vowels (Hz): Peterson & Barney (1952), doi:10.1121/1.1906875.
VOWELS = [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480),
          (570, 840, 2410), (660, 1720, 2410)]  # fmt: skip
ORDERS = [(0, 1, 2, 3, 4, 5), (5, 3, 1, 0, 2, 4), (2, 4, 0, 5, 1, 3)]
SPEAKERS = [(110, 1.0), (210, 1.17), (150, 0.95), (260, 1.25)]  # pitch in Hz, scale of resonances


@pytest.fixture
def weights():
    try:
        return weights_folder("resemblyzer", name="", install="") / "pretrained.pt"
    except MissingPackageError:
        pytest.skip("the weights of Resemblyzer are not installed")


def noise(seconds, seed=0):
    rng = np.random.default_rng(seed)
    return Sound((0.1 * rng.normal(size=round(seconds * RATE))).astype(np.float32), RATE)


def voice(pitch, scale, vowels, seed):
    """Pulses of a pitch through the resonances of vowels, 0.25 s each."""
    rng, parts = np.random.default_rng(seed), []
    for vowel in vowels:
        tune = pitch * (1 + 0.1 * np.sin(np.linspace(0, 3, 4000) + rng.uniform(0, 6)))
        part = np.diff(np.floor(np.cumsum(tune / RATE)), prepend=0) + 0.005 * rng.normal(size=4000)
        for resonance, width in zip(VOWELS[vowel], (80, 100, 140), strict=True):
            size, turn = np.exp(-np.pi * width / RATE), 2 * np.pi * resonance * scale / RATE
            part = lfilter([1], [1, -2 * size * np.cos(turn), size**2], part)
        parts.append(0.3 * part / np.abs(part).max() * np.hanning(4000) ** 0.3)
    return Sound(np.concatenate(parts), RATE)


def share_of_nearest_by_the_same_voice(model, layer):
    """Of 12 sounds by 4 voices, by what each ends with; by chance 2 of 11."""
    sounds = [
        voice(*speaker, order, seed) for speaker in SPEAKERS for seed, order in enumerate(ORDERS)
    ]
    stimuli = pd.DataFrame({"audio": sounds}, [f"s{n:02}" for n in range(12)])
    last = dict(model.activations(stimuli, [layer]))[layer].values[:, -1]
    cosines = np.corrcoef(last - last.mean(0))
    np.fill_diagonal(cosines, -1)
    speakers = np.repeat(np.arange(4), 3)
    return float(np.mean(speakers[cosines.argmax(1)] == speakers))


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("layer", ["lstm.2", "embedding"])
def test_what_one_voice_says_is_alike_for_the_trained_network_and_not_for_its_twin(layer):
    assert share_of_nearest_by_the_same_voice(load(), layer) == 1
    twins = [
        share_of_nearest_by_the_same_voice(load(untrained=True, seed=n), layer) for n in (0, 1)
    ]
    assert max(twins) < 0.6  # 0.25 to 0.33 over four seeds


def test_the_spectrogram_is_that_of_an_independent_one():
    spectra = pytest.importorskip("transformers.audio_utils", reason="no extra [text]")
    samples = noise(0.503).samples
    bands = spectra.mel_filter_bank(201, 40, 0, 8000, RATE, norm="slaney", mel_scale="slaney")
    expected = spectra.spectrogram(
        samples, spectra.window_function(400, "hann"), 400, 160, fft_length=400, power=2.0,
        pad_mode="constant", mel_filters=bands,
    )  # fmt: skip
    np.testing.assert_allclose(mel_power(samples), expected.T, rtol=1e-5, atol=1e-9)


def test_soft_sounds_are_raised_loud_ones_and_silence_are_not():
    loud = noise(0.1).samples
    level = float(np.sqrt(np.mean(loud**2)))
    soft = loud / level * LEVEL / 50
    np.testing.assert_allclose(mel_power(soft), mel_power(soft * 7), rtol=1e-4)
    np.testing.assert_allclose(mel_power(soft), mel_power(soft * 50), rtol=1e-4)
    np.testing.assert_allclose(mel_power(2 * loud), 4 * mel_power(loud), rtol=1e-4)
    assert (mel_power(np.zeros(800, np.float32)) == 0).all()


def test_the_network_is_one_of_three_recurrent_layers_with_the_stored_weights(weights):
    stored = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
    whole = torch.nn.LSTM(40, 256, 3, batch_first=True)
    whole.load_state_dict({k[5:]: v for k, v in stored.items() if k.startswith("lstm.")})
    stimuli = pd.DataFrame({"audio": [noise(0.3)]}, ["s"])
    found = dict(load().activations(stimuli))
    with torch.no_grad():
        states, _ = whole(mel_power(noise(0.3).samples)[None])
        raw = torch.relu(states @ stored["linear.weight"].T + stored["linear.bias"])
    np.testing.assert_allclose(found["lstm.2"][0], states[0, :30], atol=1e-5)
    expected = raw / raw.norm(dim=-1, keepdim=True)
    np.testing.assert_allclose(found["embedding"][0], expected[0, :30], atol=1e-5)
    np.testing.assert_allclose(found["lstm.0"].time, np.arange(30) * 0.01)


def test_frames_depend_on_the_sound_up_to_them_only():
    before = noise(0.5).samples
    after = before.copy()
    after[4000:] *= -0.5
    stimuli = pd.DataFrame({"audio": [Sound(before, RATE), Sound(after, RATE)]}, ["a", "b"])
    for _, values in load(untrained=True).activations(stimuli):
        one, two = values.values
        moved = np.abs(one - two).max(1) > 1e-6
        assert not moved[:24].any()  # centered up to 230 ms, of 12.5 ms on either side
        assert moved[25:].all()


@pytest.mark.parametrize("untrained", [False, True])
def test_the_model_keeps_its_contract(untrained, request):
    if not untrained:
        request.getfixturevalue("weights")
    sounds = [noise(0.2, 1), noise(0.3, 2), noise(0.2, 3), noise(0.25, 4)]
    model = load(untrained=untrained)
    assert model.layers == ["lstm.0", "lstm.1", "lstm.2", "embedding"]
    check_model(model, pd.DataFrame({"audio": sounds}, list("abcd")))


def test_the_twin_is_given_by_its_seed_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    prints = [load(untrained=True, seed=seed).fingerprint() for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_silence_has_an_embedding_that_is_a_number():
    with torch.no_grad():
        network = VoiceNetwork()
        network.linear.bias.fill_(-9)
        assert (network(torch.zeros(1, 5, 40)) == 0).all()


def test_missing_weights_are_named_by_how_to_install_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    sentence = (
        "Model 'resemblyzer' needs its weights; run pip install --no-deps Resemblyzer==0.1.4."
    )
    with pytest.raises(MissingPackageError, match=f"^{re.escape(sentence)}$"):
        load()
    assert load(untrained=True).origin["checkpoint"] == "none: random under seed 0"


@pytest.mark.usefixtures("weights")
def test_the_package_of_the_weights_is_never_imported():
    code = (
        "import sys; from neuroalign.models.resemblyzer import load; load(); "
        "assert not {'resemblyzer', 'librosa', 'webrtcvad', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
