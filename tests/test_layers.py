"""Layers are found by name, pattern, type, depth or all of them, and default to blocks."""

# ruff: noqa: D102

import re

import pytest
import xarray as xr
from torch import nn

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.layers import Address, block_outputs, find_layers, matches, submodules
from neuroalign.models.protocol import PrecomputedModel, chosen_layers, selected_layers


class Net(nn.Module):
    """A stem, two blocks of a convolution and a nonlinearity, and a head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 1)
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(2)]
        )
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return x


NET = submodules(Net())


def names(wanted, modules=NET):
    return [address.name() for address in find_layers(wanted, modules)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("head", ["head"]),
        (["head", "stem", "head"], ["head", "stem"]),
        ("blocks.*", ["blocks.0", "blocks.1"]),
        ("blocks.?", ["blocks.0", "blocks.1"]),
        ("blocks.[0-1]", ["blocks.0", "blocks.1"]),
        ("blocks.[1-3]", ["blocks.1"]),
        ("blocks.[02]", ["blocks.0"]),
        ("blocks.[0-1].[1x]", ["blocks.0.1", "blocks.1.1"]),
        ("blocks.[0-1].*", ["blocks.0.0", "blocks.0.1", "blocks.1.0", "blocks.1.1"]),
        ("*", ["stem", "head"]),
        ("blocks.*.1", ["blocks.0.1", "blocks.1.1"]),
        ("**.1", ["blocks.1", "blocks.0.1", "blocks.1.1"]),
        ("blocks.1.**", ["blocks.1.0", "blocks.1.1"]),
        (nn.Conv2d, ["stem", "blocks.0.0", "blocks.1.0"]),
        ([nn.Linear, "depth:2"], ["head", "blocks.0", "blocks.1"]),
        ("depth:1", ["stem", "head"]),
        (["blocks.1", "*", "blocks.*"], ["blocks.1", "stem", "head", "blocks.0"]),
    ],
)
def test_layers_are_chosen_by_name_pattern_type_and_depth(wanted, expected):
    assert sorted(names(wanted)) == sorted(expected)
    if "**" not in str(wanted):
        assert names(wanted) == expected


def test_all_is_every_submodule_that_can_run_in_the_order_of_the_network():
    expected = ["stem", "blocks.0", "blocks.0.0", "blocks.0.1", "blocks.1", "blocks.1.0"]
    assert names("all") == [*expected, "blocks.1.1", "head"]


def test_a_call_and_members_belong_to_an_address():
    assert find_layers(["head#2", "stem[1][key]", "blocks.*[0]"], NET) == [
        Address("head", 2),
        Address("stem", None, ("1", "key")),
        Address("blocks.0", None, ("0",), grouped=True),
        Address("blocks.1", None, ("0",), grouped=True),
    ]
    assert names(["head#2[a]"]) == ["head#2[a]"]


def test_brackets_choose_letters_with_a_range_and_members_without_one():
    twelve = submodules(nn.Sequential(*(nn.ReLU() for _ in range(12))))
    assert names("1[0-1]", twelve) == ["10", "11"]
    assert names("1[0]", twelve) == ["1[0]"]
    assert names("1[7-9]", twelve) == ["1[7-9]"]
    assert names("all[x]", twelve)[:2] == ["0[x]", "1[x]"]
    assert [name for name in twelve if matches("[0-2x]", name)] == ["0", "1", "2"]
    assert matches("*[late]", "both[late]")


def test_a_pattern_of_letters_without_a_layer_is_refused():
    message = "No layer is called 'blocks.[7-9]'. Did you mean 'blocks.1'?"
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}$"):
        find_layers("blocks.[7-9]", NET)


def test_what_is_named_as_well_as_found_counts_as_named():
    (first, *_) = find_layers(["blocks.*", "blocks.0"], NET)
    assert first == Address("blocks.0", grouped=False)


def test_a_module_that_a_network_holds_itself_ends_the_search():
    net = Net()
    net.blocks[0].owner = net
    assert "blocks.0.owner.stem" not in submodules(net)
    assert "blocks.0.0" in submodules(net)


def test_a_shared_module_has_both_paths_but_comes_once_in_a_group():
    shared = nn.ReLU()
    modules = submodules(nn.Sequential(shared, nn.Conv2d(3, 3, 1), shared))
    assert list(modules) == ["0", "1", "2"]
    assert names("all", modules) == ["0", "1"]
    assert names("2", modules) == ["2"]


def test_the_default_leaves_out_leaves_that_cannot_run():
    assert block_outputs(nn.Sequential(nn.ReLU(), nn.ModuleList())) == ["0"]


def refused(error, sentence, wanted):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        find_layers(wanted, NET)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("hed", "No layer is called 'hed'. Did you mean 'head'?"),
        ("hed#2", "No layer is called 'hed'. Did you mean 'head'?"),
        ("block.*.0", "No layer is called 'block.*.0'. Did you mean 'blocks.1.0'?"),
        (nn.Conv1d, "No type of layer is called 'Conv1d'. Did you mean 'Conv2d'?"),
        (
            "depth:4",
            "No layer has the depth '4'; a depth is the number of parts of a path, here 1 to 3.",
        ),
    ],
)
def test_what_means_nothing_is_refused_with_the_nearest(wanted, sentence):
    refused(UnknownNameError, sentence, wanted)


def test_an_empty_selection_is_refused():
    sentence = "An empty selection of layers was given; leave it out for the default layers."
    refused(DataError, sentence, [])


def test_models_without_modules_choose_by_name_pattern_and_all():
    known = ["embeddings", "block.0", "block.1", "surprisal"]
    for wanted, expected in (
        (None, ["block.1"]),
        ("all", known),
        ("block.*", ["block.0", "block.1"]),
        (["surprisal", "block.?"], ["surprisal", "block.0", "block.1"]),
    ):
        assert chosen_layers(wanted, ["block.1"], known) == expected


def test_any_model_says_which_of_its_layers_are_meant():
    class Own(PrecomputedModel):
        def select(self, wanted):
            return [f"own {wanted}"]

    values = xr.DataArray([[1.0]], {"stimulus": ["s"]}, ("stimulus", "unit"))
    table = dict.fromkeys(["a.0", "a.1", "b"], values)
    assert selected_layers(PrecomputedModel(table), "a.*") == ["a.0", "a.1"]
    assert selected_layers(PrecomputedModel(table), None) == ["a.0", "a.1", "b"]
    assert selected_layers(Own(table), "x") == ["own x"]
