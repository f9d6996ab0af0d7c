"""The executable contract of models finds every fault, and none where there is none."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
import torch
from broken_models import (
    FAULTS,
    AnyLayer,
    ByBatch,
    ByLabel,
    ByPosition,
    Changing,
    Half,
    Hooking,
    Nameless,
    OtherLayers,
    Random,
    Steady,
    Training,
)
from torch import nn

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.models.catalog import load_model
from neuroalign.testing import check_model


@pytest.fixture
def stimuli():
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    return pd.DataFrame({"image": list(images)}, index=[f"s{number}" for number in range(6)])


def make_torch_model(kind=na.TorchModel):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return kind(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), batch_size=4)


def make_mapping(stimuli):
    return {"top": pd.DataFrame(np.eye(len(stimuli)), index=stimuli.index)}


@pytest.mark.parametrize(
    "make",
    [
        lambda _: load_model("pixels"),
        lambda _: make_torch_model(),
        make_mapping,
        lambda _: Steady(),
    ],
    ids=["pixels", "torch module", "mapping", "own class"],
)
def test_a_sound_model_has_no_faults(make, stimuli):
    before = copy.deepcopy(stimuli["image"].tolist())
    check_model(make(stimuli), stimuli)
    np.testing.assert_array_equal(stimuli["image"].tolist(), before)


def faults_of(check, *arguments):
    """Return the title and the faults that a check lists."""
    with pytest.raises(DataError) as caught:
        check(*arguments)
    title, *lines = str(caught.value).split("\n")
    assert all(line.startswith("  - ") for line in lines)
    return title, [line[4:] for line in lines]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda broken: broken.__name__)
def test_the_fault_of_a_broken_model_is_named(broken, stimuli):
    _, faults = faults_of(check_model, broken(), stimuli)
    assert set(FAULTS[broken]) <= set(faults)


# What shows in several ways is named in each of them.
SPREADS = {Random, ByPosition, ByBatch, OtherLayers, ByLabel, Changing}


@pytest.mark.parametrize(
    "broken", [b for b in FAULTS if b not in SPREADS], ids=lambda broken: broken.__name__
)
def test_no_other_fault_is_named(broken, stimuli):
    _, faults = faults_of(check_model, broken(), stimuli)
    assert faults == FAULTS[broken]


def test_hooks_that_are_left_behind_are_named(stimuli):
    title, faults = faults_of(check_model, make_torch_model(Hooking), stimuli)
    assert (title, faults) == ("The model has 1 fault:", ["hooks are left behind"])


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Training, "modules are left in another mode, training or evaluation"),
        (Half, "parameters are left on another device, or of another type"),
    ],
)
def test_a_network_that_is_left_in_another_state_is_named(kind, fault, stimuli):
    _, faults = faults_of(check_model, make_torch_model(kind), stimuli)
    assert fault in faults


def test_two_stimuli_are_too_few(stimuli):
    with pytest.raises(DataError) as caught:
        check_model(Steady(), stimuli[:2])
    assert str(caught.value) == ("2 stimuli are too few to check a model on; give three or more.")


def test_several_faults_of_a_model_are_listed_together(stimuli):
    title, faults = faults_of(check_model, type("Both", (AnyLayer, Nameless), {})(), stimuli)
    assert title == "The model has 3 faults:"
    assert faults[0] == "its name is not a string"
    assert "an unknown layer is not refused" in faults


def test_a_dropout_that_is_never_off_is_named(stimuli):
    class Dropping(nn.Dropout):
        def forward(self, x):
            return nn.functional.dropout(x, 0.5, training=True)

    _, faults = faults_of(check_model, na.TorchModel(nn.Sequential(Dropping())), stimuli)
    assert "layer '0': activations change when given stimuli in another order" in faults


def test_what_is_no_model_is_refused(stimuli):
    sentence = (
        "A type is not a model; wrap a torch module in TorchModel(module), name one with "
        "load_model(name), or give a mapping layer -> labelled array."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        check_model(int, stimuli)
