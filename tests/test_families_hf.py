"""Networks of transformers by name: whole weights, untrained twins, parts, and what is refused."""

import json
import random
import re

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_language import PIECES, byte_pairs, seeded, word_pieces

import neuroalign as na
from neuroalign.errors import DataError, DownloadError, UnknownNameError

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32, "initializer_range": 0.3}  # fmt: skip
EYES = {"image_size": 32, "patch_size": 8}
DROPS = {"hidden_dropout_prob": 0.4, "attention_probs_dropout_prob": 0.4}
WORDS = {"vocab_size": len(PIECES), "max_position_embeddings": 12}
STEM = {"hidden_sizes": [8, 16], "depths": [1, 1]}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": 17}
CLIP = {
    "text_config": {**SMALL, **WORDS, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0},
    "vision_config": {**SMALL, **EYES},
    "projection_dim": 8,
}
GPT2 = {"vocab_size": 300, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 12,
        "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.3}  # fmt: skip
IMAGE = {
    "ViTForImageClassification": ("ViTConfig", {**SMALL, **EYES, **DROPS}),
    "Dinov2Model": ("Dinov2Config", {**SMALL, **EYES, "drop_path_rate": 0.4}),
    "ConvNextModel": ("ConvNextConfig", {**STEM, "num_stages": 2, "drop_path_rate": 0.4}),
    "ResNetForImageClassification": (
        "ResNetConfig",
        {**STEM, "embedding_size": 8, "layer_type": "basic"},
    ),
    "CLIPModel": ("CLIPConfig", CLIP),
}
TEXT = {
    "BertModel": ("BertConfig", {**SMALL, **WORDS, **DROPS}),
    "BertForMaskedLM": ("BertConfig", {**SMALL, **WORDS, **DROPS}),
    "GPT2LMHeadModel": ("GPT2Config", GPT2),
    "T5EncoderModel": ("T5Config", T5),
    "T5ForConditionalGeneration": ("T5Config", T5),
    "CLIPModel": ("CLIPConfig", CLIP),
}
PART = {"CLIPModel": {"image": {"part": "image"}, "text": {"part": "text"}}}


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """Let no test reach the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def make(name, options):
    config = getattr(transformers, options[0])(**options[1])
    return seeded(getattr(transformers, name), config).eval()


def save_tokenizer(folder, pieces):
    transformers.PreTrainedTokenizerFast(tokenizer_object=pieces).save_pretrained(folder)


def saved(folder, name, options):
    """Save a small network with its tokenizer and the preprocessing of its images."""
    network = make(name, options)
    network.save_pretrained(folder)
    save_tokenizer(folder, byte_pairs() if name.startswith("GPT2") else word_pieces())
    made = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(made))
    return network


def images(number=3):
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (40, 50, 3)).astype(np.uint8) for _ in range(number)]
    return pd.DataFrame({"image": pixels}, index=[f"i{n}" for n in range(number)])


def texts():
    words = ["the cat sat", "the dog", "dog"]
    return pd.DataFrame({"text": words}, index=["a", "b", "c"])


def values_of(model, stimuli):
    return {layer: part.values for layer, part in model.activations(stimuli)}


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize("name", IMAGE)
def test_an_image_network_yields_what_transformers_does(tmp_path, name):
    network = saved(tmp_path, name, IMAGE[name])
    model = na.load_model(f"hf:{tmp_path}", **PART.get(name, {}).get("image", {}))
    assert model.reads == "image"
    network = getattr(network, "vision_model", network)
    processor = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    pixels = processor(images=list(images()["image"]), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        states = network(pixels, output_hidden_states=True).hidden_states
    blocks = [layer for layer in model.layers if layer != "visual_projection"]
    found = values_of(model, images())
    assert len(blocks) == 2
    for layer, state in zip(blocks, states[1:], strict=True):
        np.testing.assert_allclose(found[layer], state.numpy(), atol=1e-4)


def test_the_space_shared_with_texts_is_a_layer_of_images(tmp_path):
    network = saved(tmp_path, "CLIPModel", IMAGE["CLIPModel"])
    model = na.load_model(f"hf:{tmp_path}", part="image", batch_size=2)
    processor = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    pixels = processor(images=list(images()["image"]), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        shared = network.visual_projection(network.vision_model(pixels).pooler_output)
    found = values_of(model, images())
    np.testing.assert_allclose(found["visual_projection"], shared.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", TEXT)
def test_a_language_network_yields_what_transformers_does(tmp_path, name):
    network = saved(tmp_path, name, TEXT[name])
    model = na.load_model(f"hf:{tmp_path}", **PART.get(name, {}).get("text", {}))
    assert model.reads == "text"
    reader = getattr(network, "text_model", network)
    if name == "T5ForConditionalGeneration":
        reader = network.get_encoder()
    pieces = byte_pairs() if name.startswith("GPT2") else word_pieces()
    layers = ["embeddings", "block.0", "block.1"]
    found = {layer: part.values for layer, part in model.activations(texts(), layers=layers)}
    for row, text in enumerate(texts()["text"]):
        encoded = pieces.encode(text)
        own = [n for n, (start, stop) in enumerate(encoded.offsets) if text[start:stop].strip()]
        with torch.no_grad():
            states = reader(
                input_ids=torch.tensor([encoded.ids]), output_hidden_states=True
            ).hidden_states
        for layer, state in zip(layers, states, strict=True):
            np.testing.assert_allclose(found[layer][row], state[0, own].mean(0), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "stimuli"),
    [
        ("ViTForImageClassification", IMAGE["ViTForImageClassification"], images()),
        ("GPT2LMHeadModel", TEXT["GPT2LMHeadModel"], texts()),
    ],
)
def test_an_untrained_twin_depends_on_its_seed_alone(tmp_path, name, options, stimuli):
    saved(tmp_path, name, options)
    (tmp_path / "model.safetensors").unlink()  # the configuration suffices
    twins = [na.load_model(f"hf:{tmp_path}", untrained=True, seed=seed) for seed in (0, 0, 1)]
    assert {twin.name for twin in twins} == {f"hf:{tmp_path}-untrained"}
    one, same, other = (values_of(twin, stimuli)[twins[0].layers[-1]] for twin in twins)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_trained_and_untrained_have_layers_alike_and_values_apart(tmp_path):
    saved(tmp_path, "ViTForImageClassification", IMAGE["ViTForImageClassification"])
    trained = na.load_model(f"hf:{tmp_path}")
    twin = na.load_model(f"hf:{tmp_path}", untrained=True, seed=1)
    assert trained.layers == twin.layers
    one, other = (values_of(model, images())[trained.layers[-1]] for model in (trained, twin))
    assert one.shape == other.shape
    assert np.abs(one - other).max() > 1e-2


@pytest.mark.parametrize("untrained", [False, True])
def test_the_global_random_state_is_left_as_it_was(tmp_path, untrained):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    before = torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002
    na.load_model(f"hf:{tmp_path}", untrained=untrained)
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert (before[1] == after[1]).all()
    assert before[2] == after[2]


def test_weights_saved_in_half_precision_are_read_in_full(tmp_path):
    network = make("BertModel", TEXT["BertModel"]).to(torch.bfloat16)
    network.save_pretrained(tmp_path)
    save_tokenizer(tmp_path, word_pieces())
    model = na.load_model(f"hf:{tmp_path}")
    assert {weight.dtype for weight in model.network.parameters()} == {torch.float32}


def change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    change_weights(tmp_path, lambda weights: weights.pop("pooler.dense.bias"))
    with refused(
        f"The checkpoint is not one of the network 'hf:{tmp_path}': it lacks 1 of its weights "
        "(first: 'pooler.dense.bias'); give the checkpoint of this network, or untrained=True for "
        "a random one."
    ):
        na.load_model(f"hf:{tmp_path}")


def test_a_checkpoint_with_weights_that_are_not_known_is_refused(tmp_path):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    change_weights(
        tmp_path, lambda weights: weights.update({"encoder.layer.7.bias": torch.zeros(3)})
    )
    with refused(
        f"The checkpoint is not one of the network 'hf:{tmp_path}': it has 1 that it does not know "
        "(first: 'encoder.layer.7.bias'); give the checkpoint of this network, or untrained=True "
        "for a random one."
    ):
        na.load_model(f"hf:{tmp_path}")


def test_heads_and_poolers_that_the_network_does_without_are_left_out(tmp_path):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    head = {"cls.seq_relationship.weight": torch.zeros(2, 16), "pooler.other.bias": torch.zeros(2)}
    change_weights(tmp_path, lambda weights: weights.update(head))
    assert na.load_model(f"hf:{tmp_path}").layers[0] == "embeddings"


def test_a_weight_of_another_shape_is_refused(tmp_path):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    change_weights(tmp_path, lambda weights: weights.update({"pooler.dense.bias": torch.zeros(3)}))
    with pytest.raises(DataError, match=f"^Transformers cannot build model 'hf:{tmp_path}': .+$"):
        na.load_model(f"hf:{tmp_path}")


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (
            "config.json",
            "Model 'hf:{0}' has no config.json in '{0}'; give a folder that save_pretrained of "
            "transformers has written.",
        ),
        (
            "model.safetensors",
            "Model 'hf:{0}' has no weights in '{0}'; give a folder with model.safetensors, or "
            "untrained=True.",
        ),
        (
            "tokenizer.json",
            "Model 'hf:{0}' has no tokenizer in '{0}'; save it there by "
            "tokenizer.save_pretrained(folder).",
        ),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(tmp_path, file, sentence):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    (tmp_path / file).unlink()
    with refused(sentence.format(tmp_path)):
        na.load_model(f"hf:{tmp_path}")


def test_an_architecture_that_transformers_does_not_have_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "mine", "auto_map": {}}')
    with pytest.raises(
        DataError,
        match=r"^Model .* is not one that transformers can build by itself: .*TextModel.$",
    ):
        na.load_model(f"hf:{tmp_path}")


@pytest.mark.parametrize(
    ("part", "given"), [(None, "names none"), ("audio", "has no part 'audio'")]
)
def test_a_network_of_images_and_texts_needs_a_part(tmp_path, part, given):
    saved(tmp_path, "CLIPModel", IMAGE["CLIPModel"])
    with refused(
        f"Model 'hf:{tmp_path}' reads image and text, and {given}; give part='image' or "
        "part='text'."
    ):
        na.load_model(f"hf:{tmp_path}", part=part)


def test_a_part_that_a_network_does_not_have_is_refused(tmp_path):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    with refused(f"Model 'hf:{tmp_path}' reads text, and has no part 'image'; give part='text'."):
        na.load_model(f"hf:{tmp_path}", part="image")


def test_options_of_texts_reach_the_model(tmp_path):
    saved(tmp_path, "GPT2LMHeadModel", TEXT["GPT2LMHeadModel"])
    model = na.load_model(f"hf:{tmp_path}", context="growing", layers=["block.1"])
    alone = na.load_model(f"hf:{tmp_path}", layers=["block.1"])
    stimuli = texts().assign(onset=range(3))
    found, other = (values_of(one, stimuli)["block.1"] for one in (model, alone))
    np.testing.assert_allclose(found[0], other[0], atol=1e-5)
    assert np.abs(found[1] - other[1]).max() > 1e-3


def test_an_unknown_option_names_the_nearest(tmp_path):
    saved(tmp_path, "BertModel", TEXT["BertModel"])
    sentence = f"No option of model 'hf:{tmp_path}' is called 'contxt'. Did you mean 'context'?"
    with refused(sentence, UnknownNameError):
        na.load_model(f"hf:{tmp_path}", contxt="growing")


def test_options_of_texts_are_refused_for_images(tmp_path):
    saved(tmp_path, "ConvNextModel", IMAGE["ConvNextModel"])
    with refused(f"Model 'hf:{tmp_path}' reads images; leave out context, window."):
        na.load_model(f"hf:{tmp_path}", context="window", window=3)


def test_a_hub_that_cannot_be_reached_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with refused(
        "Model 'hf:openai-community/gpt2' needs files of 'openai-community/gpt2' at revision 'v1', "
        "which cannot be reached, nor are they left from an earlier download; connect to the "
        "internet, or give a folder that holds them, as in 'hf:/path/to/folder'.",
        DownloadError,
    ):
        na.load_model("hf:openai-community/gpt2", revision="v1")


@pytest.mark.parametrize(
    ("kind", "error", "sentence"),
    [
        (
            "GatedRepoError",
            DownloadError,
            "Model 'hf:a/b' needs files of 'a/b', which are given to those only who accept its "
            "terms; accept them at https://huggingface.co/a/b and run hf auth login, or give a "
            "folder that holds them, as in 'hf:/path/to/folder'.",
        ),
        (
            "RepositoryNotFoundError",
            UnknownNameError,
            "The hub has no repository 'a/b' that can be read, which model 'hf:a/b' needs; mind "
            "its spelling, run hf auth login if it is private, or give a folder that holds them, "
            "as in 'hf:/path/to/folder'.",
        ),
        (
            "RevisionNotFoundError",
            UnknownNameError,
            "'a/b', which model 'hf:a/b' needs, has no revision 'v9'; give a branch, tag or commit "
            "that it has, or none for its newest.",
        ),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(monkeypatch, kind, error, sentence):
    kind = getattr(huggingface_hub.errors, kind)
    raised = kind.__new__(kind, "said by the hub")  # its own start asks for the answer of the hub

    def fail(*_, **__):
        raise raised

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with refused(sentence, error):
        na.load_model("hf:a/b", revision="v9")


def in_cache(folder, repository, commit):
    """Make the folder of a repository as an earlier download leaves it."""
    home = folder / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    snapshot = home / "snapshots" / commit
    snapshot.mkdir(parents=True)
    return snapshot


@pytest.mark.parametrize("revision", [None, "c" * 40])
def test_an_earlier_download_is_found_and_its_commit_recorded(tmp_path, monkeypatch, revision):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    saved(in_cache(tmp_path, "some/bert", "c" * 40), "BertModel", TEXT["BertModel"])
    model = na.load_model("hf:some/bert", revision=revision)
    assert model.name == "hf:some/bert"
    origin = {"name": "hf:some/bert", "checkpoint": "some/bert", "revision": "c" * 40}
    assert model.origin == origin


def test_a_folder_has_no_revisions(tmp_path):
    with refused(f"A folder has no revisions; leave revision='v1' out of model 'hf:{tmp_path}'."):
        na.load_model(f"hf:{tmp_path}", revision="v1")


def test_a_folder_that_does_not_exist_is_refused():
    with refused("Folder '/no/such', named by model 'hf:/no/such', does not exist."):
        na.load_model("hf:/no/such")


def test_networks_of_sounds_have_no_parts(tmp_path):
    config = {"model_type": "wav2vec2", "architectures": ["Wav2Vec2Model"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with refused(
        f"Model 'hf:{tmp_path}' reads audio; of this family those that read images, texts or "
        "sounds can be loaded, and parts of those that read images and texts, so wrap it in "
        "TorchModel."
    ):
        na.load_model(f"hf:{tmp_path}", part="text", untrained=True)
