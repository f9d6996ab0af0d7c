"""Feature spaces by name: models joined into one, units told apart, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.features.projection import RandomProjection
from neuroalign.features.spaces import join_spaces, read_spaces
from neuroalign.models.joined import JoinedModel
from neuroalign.testing import check_model

LABELS = [f"s{number}" for number in range(6)]
STIMULI = pd.DataFrame({"image": [np.zeros((4, 4, 3), np.uint8)] * 6, "text": "a"}, index=LABELS)


def refusal(error, sentence):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def layer(n_units, first=0, labels=LABELS):
    values = first + np.arange(len(labels) * n_units).reshape(len(labels), n_units)
    return xr.DataArray(values, {"stimulus": labels}, ("stimulus", "unit"))


class Counting:
    """A model of three layers that counts how often it is run."""

    name, reads = "counting", "image"

    def __init__(self):
        self.layers, self.runs = ["one", "two", "three"], []

    def activations(self, stimuli, layers=None):
        """Yield layers of 1, 2 and 3 units."""
        wanted = self.layers if layers is None else list(layers)
        self.runs.append(wanted)
        stimuli[self.reads].map(len)  # what is not there cannot be read
        for name in wanted:
            width = 1 + self.layers.index(name)
            yield name, layer(width).sel(stimulus=list(stimuli.index)).assign_coords(layer=name)


class Reading(Counting):
    """The same for text, with one layer."""

    name, reads = "reading", "text"

    def __init__(self):
        super().__init__()
        self.layers = ["one"]

    def fingerprint(self):
        """Name itself."""
        return "abc"


def only(model, stimuli=STIMULI, layers=None):
    ((_, activations),) = model.activations(stimuli, layers)
    return activations


def test_units_are_side_by_side_and_named():
    spatial = xr.DataArray(
        np.arange(24).reshape(6, 2, 2, 1),
        {"stimulus": LABELS[::-1]},
        ("stimulus", "channel", "row", "column"),
    )
    joined = join_spaces({"vision": spatial, "rate": layer(1, 100)}, LABELS[1:4])
    assert joined.dims == ("stimulus", "unit")
    assert joined.stimulus.values.tolist() == LABELS[1:4]
    assert joined.space.values.tolist() == ["vision"] * 4 + ["rate"]
    np.testing.assert_array_equal(joined[0], [16, 17, 18, 19, 101])


def test_the_units_of_a_space_are_found_wherever_they_stand():
    units = layer(4).assign_coords(space=("unit", ["b", "a", "b", "a"]))
    spaces = read_spaces(units)
    assert spaces.names == ["b", "a"]
    assert [members.tolist() for members in spaces.members] == [[0, 2], [1, 3]]


def test_spaces_of_channels_hold_for_all_their_places():
    maps = xr.DataArray(
        np.zeros((3, 2, 2)), {"space": ("channel", ["a", "b"])}, ("stimulus", "channel", "row")
    )
    assert [members.tolist() for members in read_spaces(maps).members] == [[0, 1], [2, 3]]


def test_stimuli_without_activations_are_counted_and_named_with_their_space():
    with refusal(
        DataError,
        "2 of 6 stimuli have no activations in layer 'rate: words' (first: 's4', 's5').",
    ):
        few = layer(1, labels=LABELS[:4]).assign_coords(layer="words")
        join_spaces({"vision": layer(2), "rate": few}, LABELS)


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        (
            layer(2).assign_coords(layer="conv"),
            "Layer 'conv' does not say which space its units belong to; join spaces with "
            "JoinedModel, or give the units a coordinate 'space'.",
        ),
        (
            layer(2).assign_coords(space="vision"),
            "Layer '?' does not say which space its units belong to; join spaces with "
            "JoinedModel, or give the units a coordinate 'space'.",
        ),
        (
            layer(2).assign_coords(space=("stimulus", list("abcdef"))),
            "The coordinate 'space' of layer '?' labels its rows, not its units.",
        ),
        (
            layer(2).assign_coords(space=("unit", ["vision", "vision"])),
            "All units of layer '?' belong to the space 'vision', but two spaces or more are "
            "needed; use RidgeEncoding for one.",
        ),
    ],
)
def test_layers_without_two_spaces_are_refused(units, sentence):
    with refusal(DataError, sentence):
        read_spaces(units)


def test_a_joined_model_has_the_layers_of_its_member_with_several():
    model = JoinedModel({"rate": {"words": layer(1, 50)}, "vision": Counting()})
    assert (model.name, model.layers) == ("rate + vision", ["one", "two", "three"])
    found = dict(model.activations(STIMULI))
    assert list(found) == ["one", "two", "three"]
    assert found["two"].space.values.tolist() == ["rate", "vision", "vision"]
    np.testing.assert_array_equal(found["two"][1], [51, 2, 3])
    assert found["two"].layer.item() == "two"
    turned = only(JoinedModel({"vision": Counting(), "rate": {"words": layer(1)}}), layers=["two"])
    assert turned.space.values.tolist() == ["vision", "vision", "rate"]


def test_members_with_one_layer_each_make_one_layer():
    members = {"vision": (Counting(), "two"), "text": Reading(), "rate": {"words": layer(1)}}
    model = JoinedModel(members, name="all")
    assert (model.name, model.layers) == ("all", ["vision + text + rate"])
    assert only(model).space.values.tolist() == ["vision", "vision", "text", "rate"]


@pytest.mark.parametrize(
    ("members", "reads", "kinds"),
    [
        ({"a": Reading(), "b": {"words": layer(1)}}, "text", ["text"]),
        ({"a": (Counting(), "one"), "b": Reading()}, None, ["image", "text"]),
        ({"a": {"x": layer(1)}, "b": {"y": layer(1)}}, None, []),
    ],
)
def test_a_joined_model_reads_what_all_its_members_read(members, reads, kinds):
    model = JoinedModel(members)
    assert (model.reads, model.kinds) == (reads, kinds)


def test_a_joined_model_honors_the_contract_of_models():
    check_model(JoinedModel({"vision": Counting(), "text": Reading()}), STIMULI)
    check_model(JoinedModel({"rate": {"words": layer(1)}, "text": Reading()}), STIMULI)


def test_layers_of_one_model_are_computed_in_one_pass():
    counting = Counting()
    model = JoinedModel.of_layers(counting, ["three", "one"])
    assert (model.name, model.layers) == ("counting", ["2 layers"])
    assert only(model).space.values.tolist() == ["three"] * 3 + ["one"]
    assert counting.runs == [["three", "one"]]
    assert JoinedModel.of_layers(Counting()).layers == ["3 layers"]


def test_fixed_spaces_are_computed_once_for_all_layers():
    fixed = Reading()
    model = JoinedModel({"vision": Counting(), "text": fixed})
    assert len(list(model.activations(STIMULI))) == 3
    assert len(fixed.runs) == 1


def test_fingerprints_are_those_of_the_members():
    model = JoinedModel({"vision": Counting(), "text": Reading()})
    assert model.fingerprint() == {"vision": None, "text": "abc"}


def test_unknown_layers_of_a_joined_model_are_refused():
    model = JoinedModel({"rate": {"words": layer(1)}, "text": Reading()})
    with refusal(UnknownNameError, "No layer is called 'two'. Known: 'rate + text'."):
        only(model, layers=["two"])


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"a": Reading()}, "A joined model needs two spaces or more, but got 1."),
        (
            {"a": Counting(), "b": Reading(), "c": Counting()},
            "Spaces 'a', 'c' have several layers each; name one layer of all but one of them, as "
            "in {'a': (model, 'layer')}.",
        ),
        (
            {"a": Reading(), "b": (Counting(), 1)},
            "Space 'b' was given a tuple that is not (model, layer).",
        ),
        (
            {"a": Reading(), "b": 3},
            "A int is not a model; wrap a torch module in TorchModel(module), name one with "
            "load_model(name), or give a mapping layer -> labelled array.",
        ),
    ],
)
def test_members_that_cannot_be_joined_are_refused(members, sentence):
    with refusal(DataError, sentence):
        JoinedModel(members)


def test_projection_keeps_the_spaces_apart():
    model = JoinedModel({"wide": {"x": layer(300)}, "narrow": {"y": layer(2)}})
    projected = RandomProjection(n_units=20).apply(only(model), STIMULI)
    assert read_spaces(projected).names == ["wide", "narrow"]
    assert [len(members) for members in read_spaces(projected).members] == [20, 2]


def test_samples_of_a_stream_keep_the_spaces_of_their_units():
    samples = only(JoinedModel({"a": {"x": layer(2)}, "b": {"y": layer(1)}}))
    samples = samples.rename(stimulus="sample")
    assert [members.tolist() for members in read_spaces(samples).members] == [[0, 1], [2]]


def test_a_joined_model_can_be_scored_by_any_metric():
    rng = np.random.default_rng(0)
    labels = [f"{k:02}" for k in range(30)]
    units = {
        name: xr.DataArray(rng.normal(size=(30, 4)), {"stimulus": labels}, ("stimulus", "unit"))
        for name in "ab"
    }
    dataset = na.make_dataset(rng.normal(size=(30, 3)), pd.DataFrame(index=labels))
    model = JoinedModel({name: {"x": values} for name, values in units.items()})
    scores = na.score(model, dataset, folds=na.KFold(3), progress=False)
    assert scores.layer.values.tolist() == ["a + b"]
