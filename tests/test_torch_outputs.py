"""What modules return: members of outputs, several calls, shared modules, groups, and axes."""

# ruff: noqa: D102

import dataclasses
import re
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch_networks import ResidualNet, Returns, TokenNet, make_stimuli, seeded, values_of

import neuroalign as na
from neuroalign.errors import DataError

Pair = namedtuple("Pair", ["hidden", "pooled"])


@dataclasses.dataclass
class Output:
    """What a network returns, as a dataclass."""

    note: str
    hidden: torch.Tensor
    pooled: torch.Tensor


class Twice(nn.Module):
    """Use one nonlinearity, under two names, three times in a pass."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.act = nn.ReLU()
        self.also = self.act
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.also(self.act(self.act(x) - 0.5) - 0.1)


def found(module, layers, n=3, **options):
    return values_of(na.TorchModel(module, **options), make_stimuli(n=n), layers=layers)


def pixels(n=3):
    return np.stack(list(make_stimuli(n=n)["image"])).transpose(0, 3, 1, 2) / np.float32(255)


OUTPUTS = {
    "tuple": lambda x: (x + 1, x + 2),
    "list in a tuple": lambda x: (None, [x + 1, x + 2]),
    "dict": lambda x: {"note": "words", "hidden": x + 1, "pooled": x + 2},
    "ordered dict": lambda x: OrderedDict(hidden=x + 1, pooled=x + 2),
    "named tuple": lambda x: Pair(x + 1, x + 2),
    "dataclass": lambda x: Output("words", x + 1, x + 2),
}


@pytest.mark.parametrize("make", OUTPUTS.values(), ids=OUTPUTS)
def test_the_first_tensor_of_an_output_is_its_activations(make):
    np.testing.assert_allclose(found(Returns(make), "odd")["odd"], pixels() + 1)


@pytest.mark.parametrize(
    ("kind", "layer"),
    [
        ("tuple", "odd[1]"),
        ("list in a tuple", "odd[1][1]"),
        ("dict", "odd[pooled]"),
        ("ordered dict", "odd[pooled]"),
        ("named tuple", "odd[1]"),
        ("named tuple", "odd[pooled]"),
        ("dataclass", "odd[pooled]"),
    ],
)
def test_another_member_of_an_output_is_named_in_brackets(kind, layer):
    values = found(Returns(OUTPUTS[kind]), [layer, "odd"])
    assert list(values) == [layer, "odd"]
    np.testing.assert_allclose(values[layer], pixels() + 2)
    np.testing.assert_allclose(values["odd"], pixels() + 1)


def test_an_output_of_transformers_is_read_by_its_names():
    from transformers import ViTConfig, ViTModel

    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    config = ViTConfig(image_size=8, patch_size=4, num_hidden_layers=2, **sizes)
    network = nn.Sequential(seeded(lambda: ViTModel(config)))
    values = found(network, ["0", "0[pooler_output]", "0.layers.*", "0.layernorm"])
    assert list(values) == ["0", "0[pooler_output]", "0.layers.0", "0.layers.1", "0.layernorm"]
    np.testing.assert_array_equal(values["0"], values["0.layernorm"])
    assert values["0"].shape == (3, 5, 8)
    assert values["0[pooler_output]"].shape == (3, 8)


def test_each_call_of_a_module_has_a_number():
    values = found(Twice(), ["act#2", "act#1", "also#3"])
    assert list(values) == ["act#2", "act#1", "also#3"]
    first = np.maximum(pixels(), 0)
    second = np.maximum(first - 0.5, 0)
    np.testing.assert_allclose(values["act#1"], first, atol=1e-6)
    np.testing.assert_allclose(values["act#2"], second, atol=1e-6)
    np.testing.assert_allclose(values["also#3"], np.maximum(second - 0.1, 0), atol=1e-6)


def test_the_only_call_of_a_module_may_be_named_by_its_number():
    values = found(Returns(lambda x: x + 1), ["odd#1", "odd"])
    np.testing.assert_array_equal(values["odd#1"], values["odd"])


def test_a_group_has_each_call_and_leaves_out_what_has_no_activations():
    assert list(found(Twice(), "all")) == ["act#1", "act#2", "act#3"]
    assert list(found(Twice(), [nn.ReLU, "conv#1", "*"][::2])) == ["act#1", "act#2", "act#3"]


@pytest.mark.parametrize(
    "make",
    [
        lambda x: torch.cat([x, x]),
        lambda _: torch.ones(1, 5),
        lambda x: x[..., None],
        lambda x: torch.fft.fft(x),
        lambda _: "words",
    ],
    ids=["twice the rows", "one row", "five axes", "complex", "no tensor"],
)
def test_a_group_leaves_out_outputs_that_are_no_activations(make):
    network = nn.Sequential(nn.Identity(), Returns(make), nn.Flatten())
    assert list(found(network, "all", n=9)) == ["0", "1", "2"]
    assert list(na.TorchModel(network, layers="all").select(None)) == ["0", "1", "1.odd", "2"]


def test_a_call_that_is_named_and_found_comes_once():
    assert list(found(Twice(), ["act#2", "all"])) == ["act#2", "act#1", "act#3"]


def test_a_group_without_any_activations_is_refused():
    sentence = (
        "None of the layers 'unused*' of model 'Twice' returns activations in a pass; choose "
        "others."
    )
    refused(sentence, Twice(), "unused*")


class Fickle(nn.Module):
    """Run a layer for batches of one stimulus only, or once more for them."""

    def __init__(self, calls):
        super().__init__()
        self.sometimes = nn.ReLU()
        self.calls = calls

    def forward(self, x):
        for _ in range(self.calls(len(x))):
            x = self.sometimes(x)
        return x


@pytest.mark.parametrize(
    "calls", [lambda n: n == 1, lambda n: n > 1, lambda n: 1 + (n == 1), lambda n: 1 + (n > 1)]
)
def test_a_group_leaves_out_what_does_not_run_alike_for_all_stimuli(calls):
    assert list(found(nn.Sequential(Fickle(calls)), "all", n=9)) == ["0"]


def refused(sentence, module, layers, n=3, **options):
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        found(module, layers, n=n, **options)


def test_a_layer_that_does_not_run_for_all_stimuli_is_refused():
    sentence = (
        "Layer '0.sometimes' did not run in a pass of the network; name a submodule that its "
        "forward calls."
    )
    refused(sentence, nn.Sequential(Fickle(lambda n: n == 1)), "0.sometimes", n=9)


def test_a_layer_that_never_runs_is_refused():
    sentence = (
        "Layer 'unused' did not run in a pass of the network; name a submodule that its forward "
        "calls."
    )
    refused(sentence, Twice(), "unused")


def test_a_layer_that_runs_often_is_refused_with_the_names_of_its_calls():
    network = nn.Sequential(Fickle(lambda _: 5))
    sentence = (
        "Layer '0.sometimes' ran 5 times in one pass; name the call that is meant: "
        "'0.sometimes#1', '0.sometimes#2', '0.sometimes#3' to '0.sometimes#5'."
    )
    refused(sentence, network, "0.sometimes")


@pytest.mark.parametrize(("calls", "times"), [(1, "once"), (2, "2 times")])
def test_a_call_that_there_is_not_is_refused(calls, times):
    sentence = (
        f"Layer '0.sometimes#3' is call 3 of '0.sometimes', which ran {times} in a pass of the "
        "network; name a call that there is."
    )
    refused(sentence, nn.Sequential(Fickle(lambda _: calls)), "0.sometimes#3")


def test_a_member_that_there_is_not_is_refused():
    sentence = (
        "Layer 'odd[last]' was asked for the member [last] of a dict that has [note], [hidden], "
        "[pooled]; name one of these."
    )
    refused(sentence, Returns(OUTPUTS["dict"]), "odd[last]")


def test_a_member_of_a_tensor_is_refused():
    sentence = (
        "Layer 'odd[1]' was asked for the member [1] of a Tensor that has no members; name one of "
        "these."
    )
    refused(sentence, Returns(lambda x: x), "odd[1]")


def arrays(module, layers, **options):
    return dict(na.TorchModel(module, **options).activations(make_stimuli(n=3), layers))


def test_a_network_with_the_channel_last_keeps_channel_row_and_column():
    last = Returns(lambda x: x.permute(0, 2, 3, 1)[:, :5])
    values = arrays(last, "odd", axes=("row", "column", "channel"))["odd"]
    assert values.dims == ("stimulus", "channel", "row", "column")
    np.testing.assert_array_equal(values.values, pixels()[:, :, :5])


def test_axes_may_be_given_to_layers_by_pattern():
    network = nn.Sequential(nn.Identity(), Returns(lambda x: x.permute(0, 3, 2, 1)))
    axes = {"1.*": ("column", "row", "channel")}
    values = arrays(network, ["0", "1.odd"], axes=axes)
    np.testing.assert_array_equal(values["1.odd"].values, values["0"].values)
    assert values["1.odd"].dims == values["0"].dims


def test_the_stimulus_may_be_another_axis_than_the_first():
    first = Returns(lambda x: x.flatten(2).permute(2, 0, 1))  # (token, stimulus, channel)
    values = arrays(first, "odd", axes=("token", "stimulus", "channel"))["odd"]
    assert values.dims == ("stimulus", "token", "channel")
    np.testing.assert_array_equal(values.values, pixels().reshape(3, 3, 64).transpose(0, 2, 1))


def test_an_axis_of_time_has_the_centers_of_frames():
    frames = Returns(lambda x: x.flatten(2)[:, :, :4])  # (stimulus, unit, time)
    values = arrays(frames, "odd", axes=("unit", "time"), duration=2.0)["odd"]
    assert values.dims == ("stimulus", "time", "unit")
    np.testing.assert_allclose(values["time"].values, [0.25, 0.75, 1.25, 1.75])
    np.testing.assert_array_equal(values.values, pixels()[:, :, 0, :4].transpose(0, 2, 1))


def test_a_sequence_of_axes_holds_for_layers_with_so_many():
    values = arrays(ResidualNet(), ["layer1.0", "head"], axes=("row", "column", "channel"))
    assert values["layer1.0"].shape == (3, 8, 4, 8)  # what was said, though it is wrong
    assert values["head"].dims == ("stimulus", "unit")


def test_axes_that_no_layer_has_are_refused():
    sentence = (
        "axes=('row', 'channel') are not those of a layer; give one of (unit), (token, channel), "
        "(channel, row, column), (time, unit), in the order of the network, with 'stimulus' where "
        "that is not the first."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        na.TorchModel(TokenNet(), axes=("row", "channel"))


def test_too_few_axes_are_refused():
    sentence = (
        "Layer 'stem' returns the shape (1, 4, 8, 8), but its axes are said to be ('stimulus', "
        "'token', 'channel'); name as many as there are."
    )
    refused(sentence, ResidualNet(), "stem", axes={"stem": ("token", "channel")})


def test_an_axis_of_time_without_a_duration_is_refused():
    sentence = (
        "Layers with an axis of time need the duration of what the network is given, in seconds, "
        "as in TorchModel(..., duration=2.0)."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        na.TorchModel(TokenNet(), axes=("time", "unit"))
