"""Checkpoints of timm, torchvision and open_clip that are cut short, and what is said of them."""

import re

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file

import neuroalign as na
from neuroalign.errors import DataError

pytestmark = pytest.mark.usefixtures("vision_packages")


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """Let no test reach the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def cut(path, kept=0.5):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])


def damaged(path, name):
    """Expect that this file of the model is called damaged, for whatever reason."""
    said = f"File {str(path)!r} of model {name!r} is damaged ("
    return pytest.raises(DataError, match=rf"^{re.escape(said)}.+\); fetch it anew\.$")


def build(name):
    """Build the network of a name by its own package."""
    import open_clip
    import timm
    from torchvision import models

    family, _, own = name.partition(":")
    made = {"timm": timm.create_model, "open_clip": open_clip.create_model}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return made.get(family, models.get_model)(own)


VISION = ("timm:resnet10t", "torchvision:mobilenet_v3_small", "open_clip:ViT-S-32-alt")


@pytest.mark.parametrize("name", VISION)
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_checkpoint_that_is_cut_short_is_named(tmp_path, name, kind, kept):
    weights = build(name).state_dict()
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    if kind == "safetensors":
        save_file({key: value.contiguous() for key, value in weights.items()}, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "zip")
    cut(path, kept)
    with damaged(path, name):
        na.load_model(name, checkpoint=str(path))


def test_a_checkpoint_of_torchvision_that_holds_no_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(torch.ones(3), path)
    name = "torchvision:mobilenet_v3_small"
    sentence = (
        f"The checkpoint {str(path)!r} of model {name!r} holds a Tensor; give a state_dict, as "
        "torch.save(network.state_dict(), path) writes it."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        na.load_model(name, checkpoint=str(path))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_file_of_a_folder_of_timm_that_is_cut_short_is_named(tmp_path, file):
    from timm.models import save_for_hf

    save_for_hf(build("timm:resnet10t"), tmp_path, safe_serialization=True)
    cut(tmp_path / file)
    with damaged(tmp_path / file, f"timm:{tmp_path}"):
        na.load_model(f"timm:{tmp_path}")
