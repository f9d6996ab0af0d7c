"""Any torch module as a model: hooks, modes, labels, axes, and what is refused."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch_networks import (
    Nested,
    ResidualNet,
    Returns,
    TokenNet,
    count_hooks,
    make_stimuli,
    seeded,
    values_of,
)

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError


@pytest.mark.parametrize(
    ("make", "layers"),
    [
        (ResidualNet, ["layer1.0", "layer1.1", "layer2.0"]),
        (TokenNet, ["blocks.0", "blocks.1", "blocks.2"]),
        (lambda: nn.Sequential(Nested(), Nested()), ["0", "1"]),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()), ["0", "1", "2"]),
        (lambda: nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())), ["0.0", "0.1"]),
    ],
    ids=["residual stages", "module list", "blocks in blocks", "leaves", "leaves of a container"],
)
def test_default_layers_are_outputs_of_blocks_else_leaves(make, layers):
    assert na.TorchModel(make()).layers == layers


def test_all_layers_come_from_one_pass():
    network = ResidualNet()
    rows = []
    network.register_forward_pre_hook(lambda _module, inputs: rows.append(len(inputs[0])))
    model = na.TorchModel(network, batch_size=4)
    assert list(values_of(model, make_stimuli())) == model.layers
    assert rows == [1, 4, 4, 1]


def test_activations_are_those_that_torch_computes():
    network, stimuli = seeded(ResidualNet), make_stimuli()
    pixels = np.stack(list(stimuli["image"])).transpose(0, 3, 1, 2) / np.float32(255)
    with torch.no_grad():
        expected = network.layer1[0](network.stem(torch.from_numpy(pixels)))
    found = values_of(na.TorchModel(network, batch_size=3), stimuli)["layer1.0"]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_a_later_change_in_place_does_not_reach_the_layer_before():
    network = seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)))
    found = values_of(na.TorchModel(network), make_stimuli())
    assert found["0"].min() < 0
    np.testing.assert_array_equal(found["1"], np.maximum(found["0"], 0))


def test_hooks_are_removed_after_success():
    network = ResidualNet()
    values_of(na.TorchModel(network), make_stimuli())
    assert count_hooks(network) == 0


def test_hooks_are_removed_when_the_consumer_stops_early():
    network = ResidualNet()
    activations = na.TorchModel(network).activations(make_stimuli())
    next(activations)
    activations.close()
    assert count_hooks(network) == 0


def test_hooks_are_removed_after_an_exception_in_the_module():
    network = ResidualNet()
    network.head = nn.Linear(5, 10)
    with pytest.raises(DataError) as error:
        values_of(na.TorchModel(network), make_stimuli())
    assert str(error.value) == (
        "Network 'ResidualNet' failed on its input, a tensor (1, 3, 8, 8) (RuntimeError mat1 and "
        "mat2 shapes cannot be multiplied (1x4 and 5x10)); give the preprocess that it was trained "
        "with."
    )
    assert isinstance(error.value.__cause__, RuntimeError)
    assert count_hooks(network) == 0


def test_a_preprocess_that_fails_is_told_with_its_stimulus():
    def fails(image):
        return torch.zeros(3) if image.size == (8, 8) else 1 / 0

    stimuli = make_stimuli()
    shown = list(stimuli["image"])
    shown[3] = np.zeros((9, 9, 3), np.uint8)
    stimuli["image"] = shown
    network = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(DataError) as error:
        values_of(na.TorchModel(network, preprocess=fails), stimuli)
    assert str(error.value) == (
        f"The preprocess of model 'Sequential' failed on stimulus {stimuli.index[3]!r} "
        "(ZeroDivisionError division by zero)."
    )


def test_hooks_of_others_stay():
    network, seen = ResidualNet(), []
    network.stem.register_forward_hook(lambda *_: seen.append(1))
    values_of(na.TorchModel(network), make_stimuli(n=3))
    assert count_hooks(network) == 1
    assert seen == [1, 1]


@pytest.mark.parametrize("fails", [False, True])
def test_each_submodule_gets_its_mode_back(fails):
    network = TokenNet().train()
    network.blocks[1].eval()
    if fails:
        network.norm = nn.LayerNorm(7)
    before = {name: child.training for name, child in network.named_modules()}
    try:
        values_of(na.TorchModel(network), make_stimuli())
    except DataError:
        assert fails
    assert {name: child.training for name, child in network.named_modules()} == before
    assert len(set(before.values())) == 2


def test_dropout_is_off_during_the_pass():
    network, stimuli = seeded(TokenNet).train(), make_stimuli()
    once = values_of(na.TorchModel(network), stimuli)["blocks.2"]
    np.testing.assert_array_equal(values_of(na.TorchModel(network), stimuli)["blocks.2"], once)


@pytest.mark.parametrize("make", [ResidualNet, TokenNet])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batch_size_does_not_change_activations(make, batch_size):
    network, stimuli = seeded(make), make_stimuli()
    expected = values_of(na.TorchModel(network), stimuli)
    found = values_of(na.TorchModel(network, batch_size=batch_size), stimuli)
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer], values, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_stimulus_order_does_not_change_activations(seed):
    model, stimuli = na.TorchModel(seeded(ResidualNet), batch_size=4), make_stimuli()
    shuffled = stimuli.sample(frac=1, random_state=seed)
    expected = dict(model.activations(stimuli))
    for layer, part in model.activations(shuffled):
        assert list(part["stimulus"].values) == list(shuffled.index)
        in_order = part.sel(stimulus=stimuli.index)
        np.testing.assert_allclose(in_order.values, expected[layer].values, atol=1e-5)


def test_activations_carry_stimulus_layer_and_model():
    ((layer, part),) = na.TorchModel(ResidualNet()).activations(
        make_stimuli(n=3), layers=["layer2.0"]
    )
    assert (layer, part["layer"].item()) == ("layer2.0", "layer2.0")
    assert part["model"].item() == "ResidualNet"
    assert list(part["stimulus"].values) == ["s00", "s01", "s02"]


def test_integer_labels_become_strings():
    stimuli = make_stimuli(n=3).set_index(pd.Index([7, 8, 12]))
    ((_, part), *_) = na.TorchModel(ResidualNet()).activations(stimuli)
    assert list(part["stimulus"].values) == ["7", "8", "12"]


@pytest.mark.parametrize(
    ("make", "layer", "dims", "shape"),
    [
        (ResidualNet, "layer1.0", ("stimulus", "channel", "row", "column"), (3, 4, 8, 8)),
        (TokenNet, "blocks.0", ("stimulus", "token", "channel"), (3, 4, 8)),
        (ResidualNet, "head", ("stimulus", "unit"), (3, 10)),
    ],
)
def test_axes_are_named_by_their_number(make, layer, dims, shape):
    ((_, part),) = na.TorchModel(make()).activations(make_stimuli(n=3), layers=[layer])
    assert (part.dims, part.shape) == (dims, shape)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int32, torch.bool])
def test_activations_are_finite_float32(dtype):
    network = Returns(lambda x: (x * 3).to(dtype))
    found = values_of(na.TorchModel(network), make_stimuli())["odd"]
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_the_first_of_several_outputs_is_taken():
    found = values_of(na.TorchModel(Returns(lambda x: ([x + 1], x))), make_stimuli(n=3))["odd"]
    assert found.shape == (3, 3, 8, 8)
    assert found.min() >= 1


def test_layers_come_in_the_order_asked_for_and_once():
    model = na.TorchModel(ResidualNet())
    found = values_of(model, make_stimuli(n=3), layers=["head", "stem", "head"])
    assert list(found) == ["head", "stem"]


def test_a_single_layer_may_be_named_by_a_string():
    assert list(values_of(na.TorchModel(ResidualNet()), make_stimuli(n=3), layers="head")) == [
        "head"
    ]


def refused(sentence, network, stimuli=None, **options):
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        values_of(na.TorchModel(network, **options), make_stimuli() if stimuli is None else stimuli)


def test_a_layer_that_runs_twice_is_refused():
    shared = nn.ReLU()
    sentence = "Layer '0' ran 2 times in one pass; name the call that is meant: '0#1', '0#2'."
    refused(sentence, nn.Sequential(shared, nn.Conv2d(3, 3, 1), shared))


def test_a_layer_that_returns_no_tensor_is_refused():
    sentence = "Layer 'odd' returns a dict without a tensor; name another layer."
    refused(sentence, Returns(lambda _: {"hidden": (None, "words")}))


def test_an_output_with_five_axes_is_refused():
    sentence = "Layer 'odd' returns the shape (1, 3, 8, 8, 1); a tensor with 2 to 4 axes is needed."
    refused(sentence, Returns(lambda x: x[..., None]))


def test_a_wrong_number_of_rows_is_refused():
    sentence = (
        "Layer 'odd' returns 2 rows for 1 stimulus; if another axis is the stimulus, say so, as in "
        "axes=('token', 'stimulus', 'channel')."
    )
    refused(sentence, Returns(lambda x: torch.cat([x, x])))


def test_images_of_different_sizes_are_refused():
    small = make_stimuli(n=1, pixels=4).rename({"s00": "last"})
    stimuli = pd.concat([make_stimuli(n=2), small])
    sentence = (
        "Stimuli of different sizes [(3, 4, 4), (3, 8, 8)] do not fit into one batch; give "
        "TorchModel a preprocess that brings them to one size."
    )
    refused(sentence, ResidualNet(), stimuli)


@pytest.mark.parametrize(
    ("n_rows", "rows"), [(4, "4 rows for 1 stimulus"), (1, "1 rows for 4 stimuli")]
)
def test_a_first_axis_that_is_not_the_stimulus_shows_where_the_batch_is_as_long(n_rows, rows):
    model = na.TorchModel(Returns(lambda _: torch.ones(n_rows, 5)), batch_size=4)
    sentence = (
        f"Layer 'odd' returns {rows}; if another axis is the stimulus, say so, as in axes=('token',"
        " 'stimulus', 'channel')."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        list(model.activations(make_stimuli(n=9)))


def test_complex_activations_are_refused():
    class Fourier(torch.nn.Module):
        def forward(self, images):
            return torch.fft.fft(images.flatten(1))

    sentence = "Layer '0' returns complex numbers, which have no order to be predicted."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        list(na.TorchModel(torch.nn.Sequential(Fourier())).activations(make_stimuli(n=3)))


def test_activations_of_different_shapes_are_refused_rather_than_broadcast():
    stimuli = pd.concat([make_stimuli(n=1), make_stimuli(n=1, pixels=1).rename({"s00": "s01"})])
    sentence = (
        "Layer '0' returns the shape (3, 8, 8) for some stimuli and (3, 1, 1) for others; give "
        "the model a preprocess that brings them to one size."
    )
    refused(sentence, nn.Sequential(nn.ReLU()), stimuli, batch_size=1)


def test_no_stimuli_are_refused():
    refused("Model 'ResidualNet' was given no stimuli.", ResidualNet(), make_stimuli(n=0))


def test_what_is_not_a_module_is_refused():
    refused("TorchModel wraps a torch.nn.Module, but got a function.", lambda x: x)


def test_a_module_without_submodules_is_refused():
    sentence = (
        "Module 'ReLU' has no submodules that could be its layers; wrap it, as in "
        "TorchModel(torch.nn.Sequential(module))."
    )
    refused(sentence, nn.ReLU())


def test_a_batch_of_nothing_is_refused():
    sentence = "batch_size=0 is not a positive number of stimuli."
    refused(sentence, ResidualNet(), batch_size=0)


@pytest.mark.parametrize("size", [2.5, "3"])
def test_a_batch_of_no_whole_number_is_refused(size):
    with pytest.raises(DataError) as error:
        na.TorchModel(ResidualNet(), batch_size=size)
    assert str(error.value) == f"batch_size={size!r} is not a positive number of stimuli."


def test_a_budget_may_be_written_as_a_power():
    found = values_of(na.TorchModel(ResidualNet(), memory_budget=1e9), make_stimuli())
    assert len(found) > 0


@pytest.mark.parametrize("budget", [-1, 2.5, math.inf, "1 GB"])
def test_a_budget_of_no_bytes_is_refused(budget):
    with pytest.raises(DataError) as error:
        na.TorchModel(ResidualNet(), memory_budget=budget)
    assert str(error.value) == (
        f"memory_budget={budget!r} is no number of bytes; give one, as 10**9."
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_torch_jit_compiled_is_refused():
    traced = torch.jit.trace(torch.nn.Sequential(torch.nn.ReLU()), torch.ones(1, 2))
    with pytest.raises(DataError) as error:
        na.TorchModel(traced)
    assert str(error.value) == (
        "The TopLevelTracedModule is a network that torch.jit compiled, whose layers cannot be "
        "caught; give the module that it was made from."
    )


def test_an_unknown_device_is_refused():
    sentence = "Device 'gpu' is not known to torch; use 'cpu', 'cuda' or 'mps'."
    refused(sentence, ResidualNet(), device="gpu")


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(device):
    if getattr(torch, device).is_available():
        pytest.skip("it is there")
    kind = device.upper()
    sentence = f"Device {device!r} was asked for, but torch finds no {kind} device; use 'cpu'."
    refused(sentence, ResidualNet(), device=device)


@pytest.mark.parametrize("at", ["construction", "call"])
def test_an_unknown_layer_suggests_the_nearest(at):
    sentence = re.escape("No layer is called 'layer1.3'. Did you mean 'layer1.1'?")
    given, asked = {"construction": (["layer1.3"], None), "call": (None, ["layer1.3"])}[at]
    with pytest.raises(UnknownNameError, match=f"^{sentence}$"):
        values_of(na.TorchModel(ResidualNet(), layers=given), make_stimuli(n=3), layers=asked)


def test_the_fingerprint_depends_on_the_weights_alone():
    first, second = (na.TorchModel(seeded(ResidualNet), name=name) for name in "ab")
    assert first.fingerprint() == second.fingerprint()
    values_of(first, make_stimuli(n=3))
    assert first.fingerprint() == second.fingerprint()
    with torch.no_grad():
        first.module.layer2[0].conv.bias[1] += 1e-3
    assert first.fingerprint() != second.fingerprint()


def test_the_fingerprint_of_half_precision_weights_is_taken():
    assert len(na.TorchModel(ResidualNet().to(torch.bfloat16)).fingerprint()) == 64


def test_an_own_module_is_scored_in_three_lines():
    stimuli = make_stimuli(n=40, pixels=6)
    responses = np.stack(list(stimuli["image"]))[:, 0, :4, 0] / 50
    module = seeded(ResidualNet)
    dataset = na.make_dataset(responses, stimuli, units="z")
    model = na.TorchModel(module)
    scores = na.score(model, dataset, folds=na.KFold(2))
    assert list(scores["layer"].values) == ["layer1.0", "layer1.1", "layer2.0"]
    assert float(scores["r"].median()) > 0.3
