"""Networks of transformers that read sounds: their own preprocessing, blocks, frames and parts."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")

from tiny_language import seeded  # noqa: E402

import neuroalign as na  # noqa: E402
from neuroalign.errors import DataError, UnknownNameError  # noqa: E402
from neuroalign.models.families.hf_audio import audio_model  # noqa: E402
from neuroalign.models.families.hf_networks import build_network, read_config  # noqa: E402
from neuroalign.models.sounds import Sound  # noqa: E402
from neuroalign.testing import check_model  # noqa: E402

RATE = 16_000
SMALL = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "initializer_range": 0.3, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
    "conv_dim": (8, 8, 8), "conv_kernel": (10, 3, 2), "conv_stride": (5, 2, 2),
    "num_feat_extract_layers": 3, "hidden_dropout": 0.4, "layerdrop": 0.5, "mask_time_length": 2,
}  # fmt: skip
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}
OF_SAMPLES = {
    "Wav2Vec2Model": ("Wav2Vec2Config", SMALL),
    "Wav2Vec2ForCTC": ("Wav2Vec2Config", {**SMALL, **STABLE, "vocab_size": 9}),
    "HubertModel": ("HubertConfig", SMALL),
    "WavLMModel": ("WavLMConfig", SMALL),
    "Data2VecAudioModel": ("Data2VecAudioConfig", {**SMALL, "conv_pos_kernel_size": 3}),
}
WHISPER = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "num_mel_bins": 20,
    "max_source_positions": 100, "vocab_size": 20, "init_std": 0.3, "dropout": 0.4,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
    "encoder_layerdrop": 0.5,
}  # fmt: skip
MEL = {"feature_size": 20, "chunk_length": 2}


def saved(folder, name, options, *, stated=None):
    config = getattr(transformers, options[0])(**options[1])
    network = seeded(getattr(transformers, name), config).eval()
    network.save_pretrained(folder)
    if name.startswith("Whisper"):
        transformers.WhisperFeatureExtractor(**MEL, **(stated or {})).save_pretrained(folder)
    else:
        transformers.Wav2Vec2FeatureExtractor(**(stated or {})).save_pretrained(folder)
    return network


def load(folder, *, untrained=False, seed=0, batch_size=None, **options):
    full = f"hf:{folder}"
    config, network_class = read_config(folder, full)
    network = build_network(folder, config, network_class, full, untrained=untrained, seed=seed)
    told = {"name": "small", "layers": None, "device": "cpu", "batch_size": batch_size,
            "precision": None, "origin": {"name": full}}  # fmt: skip
    return audio_model(network, folder, full, told=told, options=options)


def noise(seconds, seed=0, rate=RATE):
    rng = np.random.default_rng(seed)
    return Sound((0.1 + 0.3 * rng.normal(size=round(seconds * rate))).astype(np.float32), rate)


def values_of(model, *sounds):
    stimuli = pd.DataFrame({"audio": list(sounds)}, [f"s{n}" for n in range(len(sounds))])
    return dict(model.activations(stimuli))


def states_of(network, inputs, blocks):
    """Return what transformers says of the states before and after blocks, by hooks of its own."""
    with torch.no_grad():
        found = network(inputs, output_hidden_states=True).hidden_states
    return [state[0].numpy() for state in found[: blocks + 1]]


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_states_are_those_of_transformers(tmp_path, name):
    network = saved(tmp_path, name, OF_SAMPLES[name])
    model = load(tmp_path)
    assert model.layers == ["features", "block.0", "block.1"]
    sound = noise(0.2)
    samples = torch.from_numpy((sound.samples - sound.samples.mean()) / sound.samples.std())[None]
    expected = states_of(network, samples, 2)
    found = values_of(model, sound)
    stable = getattr(network.config, "do_stable_layer_norm", False)
    for layer, state in list(zip(model.layers, expected, strict=True))[: 2 if stable else 3]:
        np.testing.assert_allclose(found[layer][0], state, atol=1e-4)
    assert len(found["features"].time) == (3200 - 30) // 20 + 1
    np.testing.assert_allclose(found["features"].time[:2], [14.5 / RATE, 34.5 / RATE])
    assert not np.allclose(found["block.0"], found["block.1"])


@pytest.mark.parametrize("do_normalize", [True, False])
def test_samples_are_normalized_as_the_network_states(tmp_path, do_normalize):
    saved(tmp_path, "HubertModel", OF_SAMPLES["HubertModel"], stated={"do_normalize": do_normalize})
    given = load(tmp_path)._prepare(noise(0.2).samples).numpy()
    samples = noise(0.2).samples
    expected = (samples - samples.mean()) / samples.std() if do_normalize else samples
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_sounds_are_brought_to_the_rate_that_the_network_states(tmp_path):
    saved(tmp_path, "HubertModel", OF_SAMPLES["HubertModel"], stated={"sampling_rate": 8000})
    time = values_of(load(tmp_path), noise(0.2))["features"].time
    np.testing.assert_allclose(time, (14.5 + 20 * np.arange((1600 - 30) // 20 + 1)) / 8000)


@pytest.mark.parametrize("name", ["WhisperModel", "WhisperForConditionalGeneration"])
def test_whisper_is_cut_back_to_the_sound(tmp_path, name):
    network = saved(tmp_path, name, ("WhisperConfig", WHISPER))
    sound = noise(0.73)
    extractor = transformers.WhisperFeatureExtractor(**MEL)
    mel = extractor(sound.samples, sampling_rate=RATE, return_tensors="pt")["input_features"]
    expected = states_of(network.get_encoder(), mel, 1)
    found = values_of(load(tmp_path), sound)
    for layer, state in zip(["features", "block.0"], expected, strict=True):
        np.testing.assert_allclose(found[layer][0], state[:37], atol=1e-4)  # 0 to 0.72 s
    np.testing.assert_allclose(found["block.1"].time, np.arange(37) * 0.02, atol=1e-9)


@pytest.mark.parametrize("second", [0.3, 1.0, 1.5])
def test_the_frames_of_whisper_that_a_click_moves_lie_around_it(tmp_path, second):
    saved(tmp_path, "WhisperModel", ("WhisperConfig", WHISPER))
    plain = noise(2.0)  # so loud everywhere that nothing is cut off below the loudest
    click = plain.samples.copy()
    click[round(second * RATE)] += 1
    before, after = values_of(load(tmp_path), plain, Sound(click, RATE))["features"]
    moved = before.time.values[np.abs(after - before).max("unit").values > 1e-4]
    assert 3 <= len(moved) <= 5
    assert np.mean(moved) == pytest.approx(second)


def test_long_sounds_go_through_whisper_by_windows(tmp_path):
    saved(tmp_path, "WhisperModel", ("WhisperConfig", WHISPER))
    sound = noise(2.5)
    with pytest.raises(DataError) as error:
        values_of(load(tmp_path), sound)
    assert str(error.value) == (
        "The sound of stimulus 's0' lasts 2.5 s, but 'small' reads 2 s at most; give window=2 and "
        "a stride."
    )
    found = values_of(load(tmp_path, window=1.0, stride=0.5), sound)["block.1"][0]
    assert len(found) == 125
    alone = values_of(load(tmp_path), Sound(sound.samples[RATE : 2 * RATE], RATE))["block.1"][0]
    np.testing.assert_allclose(found[75:100], alone[25:50], atol=1e-5)


@pytest.mark.parametrize("name", [*OF_SAMPLES, "WhisperModel"])
def test_neither_neighbors_nor_batches_move_a_value(tmp_path, name):
    saved(tmp_path, name, OF_SAMPLES.get(name, ("WhisperConfig", WHISPER)))
    sounds = [noise(0.2, 1), noise(0.35, 2), noise(0.2, 3)]
    windows = {"window": 0.1, "stride": 0.04} if name in OF_SAMPLES else {}
    together = values_of(load(tmp_path, **windows), *sounds)["block.1"]
    for number, sound in enumerate(sounds):
        alone = values_of(load(tmp_path, **windows, batch_size=1), sound)["block.1"][0]
        np.testing.assert_allclose(together[number, : len(alone)], alone, atol=1e-5)
        assert np.isnan(together[number, len(alone) :]).all()


@pytest.mark.parametrize("name", ["Wav2Vec2ForCTC", "WhisperModel"])
def test_the_models_keep_their_contract(tmp_path, name):
    saved(tmp_path, name, OF_SAMPLES.get(name, ("WhisperConfig", WHISPER)))
    sounds = [noise(0.2, 1), noise(0.3, 2, 44_100), noise(0.2, 3), noise(0.2, 4)]
    check_model(load(tmp_path), pd.DataFrame({"audio": sounds}, list("abcd")))


def test_the_untrained_twin_has_other_weights_by_its_seed(tmp_path):
    saved(tmp_path, "HubertModel", OF_SAMPLES["HubertModel"])
    prints = [load(tmp_path).fingerprint()]
    prints += [load(tmp_path, untrained=True, seed=seed).fingerprint() for seed in (0, 0, 1)]
    assert prints[1] == prints[2]
    assert len(set(prints)) == 3


@pytest.mark.parametrize("name", ["HubertModel", "WhisperForConditionalGeneration"])
def test_a_network_of_sounds_is_loaded_by_name(tmp_path, name):
    saved(tmp_path, name, OF_SAMPLES.get(name, ("WhisperConfig", WHISPER)))
    model = na.load_model(f"hf:{tmp_path}", window=0.5, stride=0.1, layers="block.*")
    assert (model.reads, model.layers) == ("audio", ["block.0", "block.1"])
    assert model.origin["checkpoint"] == str(tmp_path)
    expected = values_of(load(tmp_path, window=0.5, stride=0.1), noise(0.7))
    found = values_of(model, noise(0.7))
    np.testing.assert_array_equal(found["block.1"], expected["block.1"])
    twin = na.load_model(f"hf:{tmp_path}", untrained=True, seed=1)
    assert twin.fingerprint() == load(tmp_path, untrained=True, seed=1).fingerprint()
    sentence = (
        f"Model 'hf:{tmp_path}' reads sounds as its own configuration says; leave out preprocess."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        na.load_model(f"hf:{tmp_path}", preprocess=str)


def test_the_preprocessing_is_in_the_key(tmp_path):
    def key(**stated):
        saved(tmp_path, "HubertModel", OF_SAMPLES["HubertModel"], stated=stated)
        return load(tmp_path).ingredients(pd.DataFrame({"audio": [noise(0.2)]}, ["s"]))

    one = key()
    assert key() == one
    assert key(do_normalize=False)["preprocessing"] != one["preprocessing"]
    assert key(do_normalize=False)["network"] == one["network"]
    assert key(sampling_rate=8000)["preprocessing"] != one["preprocessing"]


def test_what_cannot_be_loaded_is_refused(tmp_path):
    saved(tmp_path, "HubertModel", OF_SAMPLES["HubertModel"])
    (tmp_path / "preprocessor_config.json").rename(tmp_path / "away.json")
    sentence = (
        f"Model 'hf:{tmp_path}' has no preprocessor_config.json in {str(tmp_path)!r}; add that of "
        "the network."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        load(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(
        DataError, match=r"^The file preprocessor_config.json of model 'hf:.*' cann"
    ):
        load(tmp_path)


def test_options_of_other_models_are_refused(tmp_path):
    saved(tmp_path, "HubertModel", OF_SAMPLES["HubertModel"])
    with pytest.raises(UnknownNameError) as error:
        load(tmp_path, windows=1.0)
    assert str(error.value) == (
        f"No option of model 'hf:{tmp_path}' is called 'windows'. Did you mean 'window'?"
    )


def test_other_networks_of_sounds_are_refused(tmp_path):
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 16, "max_length": 32, "num_mel_bins": 16}  # fmt: skip
    config = transformers.ASTConfig(**small)
    seeded(transformers.ASTModel, config).save_pretrained(tmp_path)
    made = {"feature_extractor_type": "Wav2Vec2FeatureExtractor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(made))
    sentence = (
        f"Model 'hf:{tmp_path}' is of the type 'audio-spectrogram-transformer'; of networks that "
        "read sounds, data2vec-audio, hubert, unispeech, unispeech-sat, wav2vec2, wavlm, whisper "
        "can be loaded, so wrap the network in AudioModel, with its places and clock."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        load(tmp_path)
