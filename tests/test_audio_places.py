"""Places and preparations of networks that read sounds, and what is said of those that are none."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

from neuroalign.errors import DataError
from neuroalign.models.audio import AudioModel, Place
from neuroalign.models.frame_clock import FrameClock
from neuroalign.models.sounds import Sound

RATE = 1000
NETWORK = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())
CLOCK = FrameClock(RATE, 1)


def refused(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


def run(model):
    samples = np.random.default_rng(0).normal(size=100)
    return list(model.activations(pd.DataFrame({"audio": [Sound(samples, RATE)]}, index=["s0"])))


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        (
            {"low": NETWORK[0]},
            "The place of layer 'low' of model 'toy' is a Identity; give Place(module), or "
            "Place(module, given=True) for what the module is given.",
        ),
        (
            {"low": Place(NETWORK[1]), "high": Place("1")},
            "The place of layer 'high' of model 'toy' is a Place; give Place(module), or "
            "Place(module, given=True) for what the module is given.",
        ),
        (
            [Place(NETWORK[0])],
            "The places of model 'toy' are a list; give a mapping, as in {'layer': Place(module)}.",
        ),
    ],
)
def test_what_is_no_place_is_refused_when_the_model_is_made(places, sentence):
    with refused(sentence):
        AudioModel(NETWORK, places, torch.from_numpy, CLOCK, name="toy")


def test_what_is_no_network_or_no_function_is_refused_when_the_model_is_made():
    with refused("Model 'toy' wraps a torch.nn.Module, but got a str."):
        AudioModel("hubert", {}, torch.from_numpy, CLOCK, name="toy")
    with refused("prepare=None cannot be called; give a function of samples (sample,)."):
        AudioModel(NETWORK, {"low": Place(NETWORK[0])}, None, CLOCK, name="toy")


class Aside(torch.nn.Module):
    """Returns a tensor, gives its submodule a tensor by name, and never runs the other."""

    def __init__(self):
        super().__init__()
        self.named, self.unused = torch.nn.Identity(), torch.nn.Identity()

    def forward(self, frames):
        """Return the frames in a mapping."""
        return {"frames": self.named(input=frames)}


def test_places_where_no_tensor_is_are_refused_in_the_pass():
    network = Aside()
    for place, sentence in (
        (
            Place(network),
            "At the place of layer 'out' the network has a dict, not a tensor; choose another "
            "place.",
        ),
        (
            Place(network.named, given=True),
            "At the place of layer 'out' the network has a NoneType, not a tensor; choose another "
            "place.",
        ),
        (
            Place(network.unused),
            "1 layers have places that the network does not reach in a pass (first: 'out'); choose "
            "others.",
        ),
    ):
        model = AudioModel(network, {"out": place}, torch.from_numpy, CLOCK, name="toy")
        with refused(sentence):
            run(model)


def failing(_):
    message = "odd"
    raise KeyError(message)


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (
            lambda samples: {"input_values": [samples]},
            "The prepare of model 'toy' returns a dict, but a tensor is needed; wrap a feature "
            "extractor of transformers in neuroalign.models.families.hf_audio.Extractor.",
        ),
        (
            failing,
            "The prepare of model 'toy' failed on the sound of stimulus 's0' (KeyError 'odd').",
        ),
    ],
)
def test_a_prepare_that_makes_no_tensor_is_refused(prepare, sentence):
    model = AudioModel(NETWORK, {"low": Place(NETWORK[0])}, prepare, CLOCK, name="toy")
    with refused(sentence):
        run(model)


def test_a_network_that_fails_on_its_input_is_told_with_the_shape():
    network = torch.nn.Sequential(torch.nn.Linear(3, 2))
    model = AudioModel(network, {"out": Place(network[0])}, torch.from_numpy, CLOCK, name="toy")
    with refused(
        "Network 'toy' failed on its input, a tensor (1, 100) (RuntimeError mat1 and mat2 shapes "
        "cannot be multiplied (1x100 and 3x2)); let prepare return what it reads of one sound."
    ):
        run(model)
