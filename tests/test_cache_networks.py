"""Networks of images and of language with a cache: each of their own options misses."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_language import bert, gpt2, story, word_pieces

import neuroalign as na
from neuroalign.models import torch_model
from neuroalign.models.cache import cached
from neuroalign.models.preprocessing import ImagePreprocessing
from neuroalign.models.text import TextModel


def passes_of(model, folder, stimuli, layers=None):
    """Read a model with a cache; returns how often it ran, and its layers."""
    ran, straight = [], model.activations

    def counted(stimuli, layers=None):
        ran.append(layers)
        return straight(stimuli, layers)

    model.activations = counted
    found = dict(cached(model, folder=folder).activations(stimuli, layers))
    del model.activations
    return len(ran), found


def images(n_stimuli=5):
    pixels = np.random.default_rng(0).integers(0, 255, (n_stimuli, 8, 8, 3), dtype=np.uint8)
    return pd.DataFrame({"image": list(pixels)}, index=[f"s{one}" for one in range(n_stimuli)])


def network():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(4, 2, 3))


def of_images(net=None, **options):
    steps = ImagePreprocessing(**options.pop("steps", {}))
    return na.TorchModel(net or network(), **{"preprocess": steps, **options})


def other_weights():
    net = network()
    net[0].bias.data[0] += 1e-6
    return of_images(net)


def other_statistics():
    net = network()
    net[1].running_mean[2] = 0.1
    return of_images(net)


def other_epsilon():
    net = network()
    net[1].eps = 2e-5
    return of_images(net)


def hooked():
    net = network()
    net[2].register_forward_hook(lambda _module, _inputs, output: output * 2)
    return of_images(net)


CHANGED = {
    "weights": other_weights,
    "buffer": other_statistics,
    "attribute": other_epsilon,
    "hook": hooked,
    "size": lambda: of_images(steps={"resize": 7}),
    "crop": lambda: of_images(steps={"crop": 7}),
    "mean": lambda: of_images(steps={"mean": (0.1, 0.0, 0.0)}),
    "std": lambda: of_images(steps={"std": (1.0, 1.0, 0.9)}),
    "channels": lambda: of_images(steps={"channels": "BGR"}),
    "callable": lambda: of_images(preprocess=lambda image: torch.ones(3, *image.size)),
    "precision": lambda: of_images(precision="bfloat16"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_network_of_images_misses(tmp_path, name):
    passes_of(of_images(), tmp_path, images())
    model = CHANGED[name]()
    plain = dict(model.activations(images()))
    ran, found = passes_of(model, tmp_path, images())
    assert ran == 1
    assert all(found[layer].identical(plain[layer]) for layer in plain)
    assert passes_of(model, tmp_path, images())[0] == 0


@pytest.mark.parametrize("package", ["torch", "numpy", "pillow", "neuroalign"])
def test_a_changed_version_of_a_package_misses(tmp_path, monkeypatch, package):
    passes_of(of_images(), tmp_path, images())
    known, start = torch_model.versions, f'"{package}": "'
    monkeypatch.setattr(
        torch_model, "versions", lambda *names: known(*names).replace(start, f"{start}99.")
    )
    assert passes_of(of_images(), tmp_path, images())[0] == 1


def test_another_pixel_or_order_misses(tmp_path):
    passes_of(of_images(), tmp_path, images())
    changed = images()
    changed["image"].iloc[2][3, 4, 1] ^= 1
    assert passes_of(of_images(), tmp_path, changed)[0] == 1
    assert passes_of(of_images(), tmp_path, images().iloc[::-1])[0] == 1
    assert passes_of(of_images(), tmp_path, images().iloc[:3])[0] == 1
    assert passes_of(of_images(), tmp_path, images())[0] == 0


def test_batches_names_labels_and_a_copy_hit(tmp_path):
    model = of_images()
    passes_of(model, tmp_path, images())
    renamed = images().set_axis(list("abcde"))
    same = of_images(copy.deepcopy(model.module).train(), batch_size=2, name="another")
    ran, found = passes_of(same, tmp_path, renamed)
    assert ran == 0
    assert list(found["0"]["stimulus"].values) == list("abcde")
    assert found["0"]["model"] == "another"


def test_types_and_patterns_of_layers_are_served(tmp_path):
    for wanted, n_layers in ((torch.nn.Conv2d, 2), ("all", 4), ("depth:1", 4), ("*", 4)):
        ran, found = passes_of(of_images(), tmp_path, images(), wanted)
        assert (ran, len(found)) == (1, n_layers)
        assert passes_of(of_images(), tmp_path, images(), wanted)[0] == 0
    assert passes_of(of_images(), tmp_path, images(), ["3", "0"])[0] == 0


def test_a_network_that_builds_itself_is_kept(tmp_path):
    def lazy():
        torch.manual_seed(0)
        return of_images(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2)))

    ran, found = passes_of(lazy(), tmp_path, images())
    assert (ran, list(found)) == (1, ["0", "1"])
    assert passes_of(lazy(), tmp_path, images())[0] == 0


def of_text(net=None, **options):
    return TextModel(net or gpt2(), word_pieces(special=False), **options)


TEXTS = story("the cat", "sat", "the dog", "unhappy")
CHANGED_TEXT = {
    "context": lambda: of_text(context="growing"),
    "window": lambda: of_text(context="window", window=2),
    "pooling": lambda: of_text(pooling="last"),
    "prompt": lambda: of_text(prompt="it "),
    "precision": lambda: of_text(precision="bfloat16"),
    "network": lambda: of_text(bert()),
    "tokenizer": lambda: TextModel(gpt2(), word_pieces()),
}


@pytest.mark.parametrize("name", CHANGED_TEXT)
def test_a_changed_network_of_language_misses(tmp_path, name):
    passes_of(of_text(), tmp_path, TEXTS)
    model = CHANGED_TEXT[name]()
    plain = dict(model.activations(TEXTS))
    ran, found = passes_of(model, tmp_path, TEXTS)
    assert ran == 1
    assert all(found[layer].identical(plain[layer]) for layer in plain)
    assert passes_of(model, tmp_path, TEXTS.set_axis(list("abcd")))[0] == 0


def test_a_word_before_misses_where_the_context_has_it(tmp_path):
    changed = TEXTS.assign(text=["the dog", *TEXTS["text"][1:]])
    passes_of(of_text(context="growing"), tmp_path, TEXTS)
    assert passes_of(of_text(context="growing"), tmp_path, changed)[0] == 1
