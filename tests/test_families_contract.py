"""Every family of models keeps the contract: order, batches of one, twins, modes, what is refused.

Networks of timm, torchvision and open_clip are checked in test_families_vision.py, where they are
installed; networks of sound in test_families_hf_audio.py.
"""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import neuroalign as na
from neuroalign.models import CallableModel
from neuroalign.models.preprocessing import ImagePreprocessing
from neuroalign.testing import check_model

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")
from tiny_language import byte_pairs, gpt2, seeded, word_pieces  # noqa: E402

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32, "initializer_range": 0.3}  # fmt: skip
EYES = {"image_size": 32, "patch_size": 8}
WORDS = {"vocab_size": 17, "max_position_embeddings": 40}
CLIP = {
    "text_config": {**SMALL, **WORDS, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0},
    "vision_config": {**SMALL, **EYES},
    "projection_dim": 8,
}
TEXTS = ["the cat sat", "it", "the dog sat the cat", "dog"]


def images(number=4):
    rng = np.random.default_rng(0)
    sizes = [(40, 50), (64, 64), (50, 40), (33, 70)][:number]
    shown = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]
    return pd.DataFrame({"image": [*shown[:-1], Image.fromarray(shown[-1])]}, list("abcd"))


def texts():
    return pd.DataFrame({"text": TEXTS}, list("abcd"))


def saved(folder, network, tokenizer):
    """Save a small network as hubs hold them."""
    network.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    made = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(made))
    return f"hf:{folder}"


def of_config(name, config, **options):
    made = getattr(transformers, config)(**options)
    return seeded(getattr(transformers, name), made)


@pytest.mark.parametrize(
    ("name", "config", "options"),
    [
        ("ViTModel", "ViTConfig", {**SMALL, **EYES, "hidden_dropout_prob": 0.4}),
        ("Dinov2Model", "Dinov2Config", {**SMALL, **EYES, "drop_path_rate": 0.4}),
        ("ConvNextModel", "ConvNextConfig",
         {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}),
        ("ResNetModel", "ResNetConfig",
         {"hidden_sizes": [8, 16], "depths": [1, 1], "embedding_size": 8, "layer_type": "basic"}),
        ("CLIPModel", "CLIPConfig", CLIP),
    ],
)  # fmt: skip
def test_image_networks_of_transformers(tmp_path, name, config, options):
    named = saved(tmp_path, of_config(name, config, **options), word_pieces())
    part = {"part": "image"} if name == "CLIPModel" else {}
    for twin in (False, True):
        check_model(na.load_model(named, untrained=twin, **part), images())


@pytest.mark.parametrize(
    ("name", "config", "options"),
    [
        ("BertModel", "BertConfig", {**SMALL, **WORDS, "hidden_dropout_prob": 0.4}),
        ("T5EncoderModel", "T5Config",
         {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": 17}),
        ("CLIPModel", "CLIPConfig", CLIP),
    ],
)  # fmt: skip
def test_text_networks_of_transformers(tmp_path, name, config, options):
    named = saved(tmp_path, of_config(name, config, **options), word_pieces())
    part = {"part": "text"} if name == "CLIPModel" else {}
    for twin in (False, True):
        check_model(na.load_model(named, untrained=twin, **part), texts())


def test_causal_networks_of_transformers(tmp_path):
    named = saved(tmp_path, gpt2(40, transformers.GPT2LMHeadModel), byte_pairs())
    check_model(na.load_model(named), texts())


def test_word_vectors(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("the 1 0 0\ncat 0 4 0\ndog 0 0 8\nsat 1 1 1\nit 2 0 1\n")
    for name in (f"static:{path}", f"static:{path}-untrained"):
        check_model(na.load_model(name), texts())


def test_functions():
    def mean_color(stimuli):
        return {"color": np.stack([np.asarray(i).mean((0, 1)) for i in stimuli["image"]])}

    check_model(CallableModel(mean_color, layers=["color"], reads="image"), images())


@pytest.mark.parametrize("options", [{}, {"batch_size": 1}, {"memory_budget": 1}])
def test_torch_modules(options):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(inplace=True),
        torch.nn.Dropout(0.5),
        torch.nn.AdaptiveAvgPool2d(2),
    )
    preprocess = ImagePreprocessing(resize=32, crop=32)
    check_model(na.TorchModel(network, preprocess=preprocess, **options), images())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("efficientnet-lite0", {}),
        ("efficientnet-lite0-untrained", {}),
        ("mobile-sam-untrained", {"pixels": 64}),
        ("pixels", {}),
        ("gabor", {}),
    ],
)
def test_models_of_images(name, options):
    check_model(na.load_model(name, **options), images())


@pytest.mark.parametrize("name", ["minilm", "minilm-untrained", "word-rate", "word-length"])
def test_models_of_texts(name):
    check_model(na.load_model(name), texts())
