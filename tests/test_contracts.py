"""The executable contracts find every fault, and find none where there is none."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from torch import nn

import neuroalign as na
from neuroalign.data.faults import with_mend
from neuroalign.errors import DataError
from neuroalign.models.catalog import load_model
from neuroalign.testing import check_dataset, check_model

# ruff: noqa: D102


@pytest.fixture
def stimuli():
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    return pd.DataFrame({"image": list(images)}, index=[f"s{number}" for number in range(6)])


class Steady:
    """A small model of two layers, to be broken."""

    name = "steady"
    reads = "image"

    def __init__(self):
        self.layers = ["low", "high"]

    def activations(self, stimuli, layers=None):
        for layer in self.layers if layers is None else layers:
            if layer not in self.layers:
                raise KeyError(layer)
            yield layer, self.layer(layer, stimuli)

    def layer(self, layer, stimuli):
        rows = np.stack([image.ravel() for image in stimuli["image"]]) / 255
        values = rows[:, :5] if layer == "low" else rows[:, 5:9] ** 2
        return xr.DataArray(values, {"stimulus": list(stimuli.index)}, ("stimulus", "unit"))


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


class Random(Steady):
    """Noise that differs from call to call."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values + self.rng.normal(size=values.shape)


class ByPosition(Steady):
    """Rows that depend on where in the table a stimulus stands."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values + np.arange(len(values))[:, None]


class ByBatch(Steady):
    """Rows from which the mean over the others is subtracted."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        return values - values.mean("stimulus")


class NotFinite(Steady):
    """One NaN."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        values[0, 0] = np.nan
        return values


class OtherLayers(Steady):
    """Yields what it does not name."""

    def activations(self, stimuli, layers=None):
        for layer, values in super().activations(stimuli, layers):
            yield layer.upper(), values


class AllLayers(Steady):
    """Yields all layers, whatever is asked for."""

    def activations(self, stimuli, layers=None):
        list(super().activations(stimuli, layers))
        yield from super().activations(stimuli)


class AnyLayer(Steady):
    """Skips layers that it does not know."""

    def activations(self, stimuli, layers=None):
        known = [layer for layer in self.layers if layers is None or layer in layers]
        yield from super().activations(stimuli, known)


class LayerByCompany(Steady):
    """A layer that differs where it is asked for alone."""

    def activations(self, stimuli, layers=None):
        for layer, values in super().activations(stimuli, layers):
            yield layer, values if layers is None else values + 1


class Mutating(Steady):
    """Whitens the images that it was lent."""

    def layer(self, layer, stimuli):
        values = super().layer(layer, stimuli)
        stimuli["image"].iloc[0][-1] = 255
        return values


class Unlabelled(Steady):
    """Plain arrays."""

    def layer(self, layer, stimuli):
        return super().layer(layer, stimuli).values


class Transposed(Steady):
    """Stimuli on the second axis."""

    def layer(self, layer, stimuli):
        return super().layer(layer, stimuli).T


class Incomplete(Steady):
    """A stimulus is missing."""

    def layer(self, layer, stimuli):
        return super().layer(layer, stimuli)[1:]


class Nameless(Steady):
    """No name."""

    name = None


class NoLayers(Steady):
    """No layers."""

    def __init__(self):
        self.layers = []


class OtherKind(Steady):
    """Reads what is not there."""

    reads = "text"


class Hooking(na.TorchModel):
    """Leaves a hook at every call."""

    def activations(self, stimuli, layers=None):
        self.module.register_forward_hook(lambda *_: None)
        yield from super().activations(stimuli, layers)


FAULTS = {
    Random: [f"layer {layer!r}: activations change when called twice" for layer in ("low", "high")],
    ByPosition: [
        f"layer {layer!r}: activations change when given stimuli in another order"
        for layer in ("low", "high")
    ],
    ByBatch: [
        f"layer {layer!r}: activations change when given fewer stimuli" for layer in ("low", "high")
    ],
    NotFinite: [f"layer {layer!r}: activations are not finite" for layer in ("low", "high")],
    OtherLayers: [
        "it yields the layers ['LOW', 'HIGH'], but names ['low', 'high']",
        "asked for layer 'high', it yields ['HIGH']",
    ],
    AllLayers: ["asked for layer 'high', it yields ['low', 'high']"],
    AnyLayer: ["an unknown layer is not refused"],
    LayerByCompany: ["layer 'high': activations change when asked for one layer"],
    Mutating: ["it changes the stimuli that it is given"],
    Unlabelled: [
        f"layer {layer!r}: it is not a DataArray with the index coordinate 'stimulus'"
        for layer in ("low", "high")
    ],
    Transposed: [
        f"layer {layer!r}: stimuli are not the first axis, or some are missing"
        for layer in ("low", "high")
    ],
    Incomplete: [
        f"layer {layer!r}: stimuli are not the first axis, or some are missing"
        for layer in ("low", "high")
    ],
    Nameless: ["its name is not a string"],
    NoLayers: ["its layers are not distinct names, one at least"],
    OtherKind: ["it reads 'text', which the stimuli lack"],
}


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


@pytest.mark.parametrize("broken", [Random, AnyLayer, LayerByCompany, Mutating, AllLayers])
def test_no_other_fault_is_named(broken, stimuli):
    allowed = {Random: "activations change when"}.get(broken)
    _, faults = faults_of(check_model, broken(), stimuli)
    assert all(allowed in fault if allowed else fault in FAULTS[broken] for fault in faults)


def test_hooks_that_are_left_behind_are_named(stimuli):
    title, faults = faults_of(check_model, make_torch_model(Hooking), stimuli)
    assert (title, faults) == ("The model has 1 fault:", ["hooks are left behind"])


def test_several_faults_of_a_model_are_listed_together(stimuli):
    title, faults = faults_of(check_model, type("Both", (AnyLayer, Nameless), {})(), stimuli)
    assert title == "The model has 2 faults:"
    assert faults == ["its name is not a string", "an unknown layer is not refused"]


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


CARD = na.DatasetCard(
    citation="none", modality="simulated", species="none", stimulus="image", license="CC0-1.0"
)


def make_recording(stimuli, subject="m1", seed=0):
    values = np.random.default_rng(seed).normal(size=(len(stimuli), 4))
    return na.make_recording(
        values,
        ("stimulus", "neuroid"),
        subject=subject,
        units="z",
        stimulus=stimuli.index,
        neuroid=range(4),
    )


def make_dataset(stimuli, recording=None, card=CARD):
    recording = make_recording(stimuli) if recording is None else recording
    return na.BrainDataset({"m1": recording}, stimuli, name="mine", card=card)


def test_a_sound_dataset_has_no_faults(stimuli):
    check_dataset(make_dataset(stimuli))


def test_a_dataset_that_is_read_when_asked_for_has_no_faults(stimuli):
    check_dataset(make_dataset(stimuli, lambda: make_recording(stimuli)))


def test_a_constant_neuroid_is_named(stimuli):
    recording = make_recording(stimuli)
    recording[:, 2] = 7
    title, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    assert title == "Dataset 'mine' has 1 fault:"
    assert faults == [
        with_mend("subject 'm1': 1 neuroids have a constant response (first: 'm1/2')")
    ]


def test_a_neuroid_without_any_response_is_named(stimuli):
    recording = make_recording(stimuli)
    recording[:, 1:3] = np.nan
    _, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    fault = "subject 'm1': 2 neuroids have no response at all (first: 'm1/1', 'm1/2')"
    assert faults == [with_mend(fault)]


def test_an_infinite_value_is_named(stimuli):
    recording = make_recording(stimuli)
    recording[0, 3] = np.inf
    _, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    assert faults == [with_mend("subject 'm1': 1 neuroids have infinite values (first: 'm1/3')")]


def test_a_stimulus_that_was_shown_to_nobody_is_named(stimuli):
    _, faults = faults_of(check_dataset, make_dataset(stimuli, make_recording(stimuli[:-2])))
    assert faults == [with_mend("2 stimuli were shown to nobody (first: 's4')")]


def test_a_card_of_another_kind_of_stimulus_is_named(stimuli):
    texts = stimuli.rename(columns={"image": "text"})
    _, faults = faults_of(check_dataset, make_dataset(texts))
    assert faults == [with_mend("stimuli: the card says 'image', but there is no such column")]


def test_what_is_no_card_is_named(stimuli):
    _, faults = faults_of(check_dataset, make_dataset(stimuli, card={"citation": "none"}))
    assert faults == ["its card is not a DatasetCard"]


def test_stimuli_that_no_model_can_read_are_named(stimuli):
    bare = stimuli.rename(columns={"image": "picture"})
    _, faults = faults_of(check_dataset, make_dataset(bare, card=None))
    assert faults == [
        "stimuli: no column text, image, audio or video that a model could read, and no column "
        "condition: add the column that says what was presented"
    ]


def test_a_recording_that_differs_when_read_again_is_named(stimuli):
    seeds = iter(range(10))
    dataset = make_dataset(stimuli, lambda: make_recording(stimuli, seed=next(seeds)))
    _, faults = faults_of(check_dataset, dataset)
    assert faults == [
        "subject 'm1': reading the recording twice gives different values: let load depend on its "
        "files and options alone"
    ]


def test_a_recording_that_cannot_be_made_is_named(stimuli):
    dataset = make_dataset(stimuli, lambda: make_recording(stimuli, subject="m2"))
    _, faults = faults_of(check_dataset, dataset)
    sentence = "it says that it belongs to subject 'm2'"
    assert f"Recording of subject 'm1' cannot be used: {sentence}" in faults


def test_several_faults_of_a_dataset_are_listed_together(stimuli):
    recording = make_recording(stimuli[:-1])
    recording[:, 0], recording[:, 1] = 0, np.nan
    title, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    assert title == "Dataset 'mine' has 3 faults:"
    assert len(faults) == 3


def test_what_is_no_dataset_is_named():
    title, faults = faults_of(check_dataset, [1, 2])
    assert title == "Dataset 'without a name' has 1 fault:"
    assert faults == ["it is a list, not a BrainDataset"]
