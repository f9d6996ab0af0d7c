"""Networks that are loaded by name, and a dataset that they read, for tests of the shell."""

import importlib
import sys

import pytest

NETWORK = '''
"""Small networks."""

import torch

import neuroalign as na


def load(*, gain: float = 1.0, seed: int = 0, device: str = "cpu", untrained: bool = False):
    torch.manual_seed(seed + 10 * untrained)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3)]
    net = torch.nn.Sequential(*layers)
    with torch.no_grad():
        net[0].weight *= gain
    return na.TorchModel(net, name="own_networks:load", batch_size=64, device=device)


def stubborn(*, untrained: bool = False):
    return load()


def bare(*, scale: int = 1, word: str | None = None, number: int | None = None):
    from neuroalign.models.callables import CallableModel

    def counts(stimuli):
        return {"letters": scale * stimuli["text"].str.len().to_numpy()[:, None]}

    return CallableModel(counts, layers=["letters"], reads="text", name=f"{word!r} {number!r}")
'''
ADAPTER = '''
"""Forty images with a word each, and neurons that answer to single pixels."""

import numpy as np
import pandas as pd

import neuroalign as na

CARD = na.DatasetCard(
    citation="none", modality="simulated", species="none", stimulus="image",
    license="CC0-1.0", files={},
)


def load(files, *, subjects=None):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, 6, 6, 3)).astype(np.uint8)
    responses = images[:, None, 0, :4, 0] / 50 + random.normal(size=(40, 3, 4))
    words = [f"{name} {number}" for name in ("sun", "moon", "star", "s") for number in range(10)]
    stimuli = pd.DataFrame({"image": list(images), "text": words})
    return na.make_dataset(responses, stimuli, roi=["V1"] * 3 + ["V4"], units="z")
'''


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """Write a module of networks that Python finds, and return it."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "own_networks.py").write_text(NETWORK.lstrip())
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop("own_networks", None)
    yield importlib.import_module("own_networks")
    sys.modules.pop("own_networks", None)


@pytest.fixture
def words_data(tmp_path):
    """Write a dataset of images with words."""
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "dataset.py").write_text(ADAPTER.lstrip())
    return str(folder)
