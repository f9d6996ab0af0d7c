"""A pass within another, or of a network that something wraps, is that of the network alone."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_networks import ResidualNet, make_stimuli, seeded, values_of

import neuroalign as na


def test_a_pass_within_inference_mode_leaves_what_can_be_trained():
    class Keeping(nn.Sequential):
        def forward(self, x):
            if not hasattr(self, "places"):
                self.register_buffer("places", torch.arange(8) / 8.0)
            return super().forward(x * self.places)

    network = Keeping(nn.LazyConv2d(4, 3))
    with torch.inference_mode():
        values_of(na.TorchModel(network, layers="0"), make_stimuli())
    kept = [*network.parameters(), *network.buffers()]
    assert len(kept) == 3
    assert not any(one.is_inference() for one in kept)
    network(torch.ones(1, 3, 8, 8)).sum().backward()
    assert network[0].weight.grad.abs().sum() > 0


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="needs torch 2.6")
def test_a_compiled_network_is_run_as_it_was_written():
    compiled = []

    def count(graph, _inputs):
        compiled.append(graph)
        return graph

    network = seeded(ResidualNet)
    expected = values_of(na.TorchModel(network), make_stimuli())
    wrapped = torch.compile(network, backend=count)
    found = values_of(na.TorchModel(wrapped), make_stimuli())
    assert [name.removeprefix("_orig_mod.") for name in found] == list(expected)
    for one, two in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not compiled
    wrapped(torch.ones(1, 3, 8, 8))
    assert compiled


def test_a_network_in_parallel_has_the_layers_of_the_network():
    network = seeded(ResidualNet)
    expected = values_of(na.TorchModel(network), make_stimuli())
    found = values_of(na.TorchModel(nn.DataParallel(network)), make_stimuli())
    assert list(found) == [f"module.{name}" for name in expected]
    for one, two in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_model_may_be_run_within_the_pass_of_another():
    inner, outer = (na.TorchModel(seeded(ResidualNet)) for _ in range(2))
    stimuli = make_stimuli(n=3)
    expected = values_of(outer, stimuli)

    def preprocess(image):
        values_of(inner, stimuli)
        return outer.preprocess(image)

    found = values_of(na.TorchModel(outer.module, preprocess=preprocess), stimuli)
    for layer, values in expected.items():
        np.testing.assert_array_equal(found[layer], values)
