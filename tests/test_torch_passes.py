"""A pass fits the memory there is, is reproducible, and leaves network and process as they were."""

# ruff: noqa: D102

import re
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch_networks import ResidualNet, Returns, TokenNet, make_stimuli, seeded, values_of

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models import batches
from neuroalign.models.evaluation import evaluating, is_out_of_memory

OUT_OF_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
)


class Limited(nn.Module):
    """Run out of memory where more than so many stimuli come at a time."""

    def __init__(self, most, error=OUT_OF_MEMORY[0]):
        super().__init__()
        self.conv = seeded(lambda: nn.Conv2d(3, 4, 3))
        self.act = nn.ReLU()
        self.most, self.error, self.sizes = most, error, []

    def forward(self, x):
        self.sizes.append(len(x))
        x = self.conv(x)
        if len(x) > self.most:
            raise self.error
        return self.act(x)


def refusal(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved_and_run_again(error):
    network, stimuli = Limited(3, error), make_stimuli(n=11)
    found = values_of(na.TorchModel(network, batch_size=8), stimuli)
    assert network.sizes == [1, 8, 4, 2, 2, 2, 2, 2]
    expected = values_of(na.TorchModel(Limited(99), batch_size=8), stimuli)
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer], values, atol=1e-6)


def test_a_single_stimulus_that_does_not_fit_is_refused():
    sentence = (
        "Device 'cpu' has not enough memory for one stimulus in 'Limited'; use another device, a "
        "lower precision or smaller stimuli."
    )
    network = Limited(0)
    with refusal(sentence):
        values_of(na.TorchModel(network), make_stimuli())
    assert not any(child._forward_hooks for child in network.modules())


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    network = Limited(3, RuntimeError("shapes"))
    with pytest.raises(DataError, match="RuntimeError shapes"):
        values_of(na.TorchModel(network, batch_size=8), make_stimuli())
    assert network.sizes == [1, 8]


@pytest.mark.parametrize(
    ("per_stimulus", "size"), [(1, 8), (2, 8), (3, 4), (4, 4), (5, 2), (9, 1), (1000, 1)]
)
def test_batches_are_the_power_of_two_that_fits_a_quarter_of_the_budget(per_stimulus, size):
    budget = 4 * batches.WORKING * 16
    found = batches.BatchSize(None, torch.device("cpu"), budget)
    assert found.now == 1
    found.learn(per_stimulus)
    assert found.now == size


def test_the_largest_step_is_what_a_submodule_takes_and_returns():
    network = nn.Sequential(nn.Conv2d(3, 5, 1), nn.ReLU(), nn.Flatten())
    with batches.largest_step(network) as step, torch.no_grad():
        network(torch.ones(1, 3, 4, 4))
    assert step.n_bytes == 4 * 2 * 5 * 16
    assert not any(child._forward_hooks for child in network.modules())


def test_a_small_budget_makes_small_batches():
    network = Limited(99)
    values_of(na.TorchModel(network, memory_budget=90_000), make_stimuli())
    assert network.sizes == [1, 4, 4, 1]  # a step takes 4 * (3 * 64 + 4 * 36) bytes


@pytest.mark.parametrize("make", [ResidualNet, TokenNet])
def test_the_module_gets_back_the_very_tensors_it_had(make):
    network = make()
    before = [(one, one.data_ptr()) for one in (*network.parameters(), *network.buffers())]
    with evaluating(network, torch.device("meta")):
        assert all(one.is_meta for one in network.parameters())
    after = [(one, one.data_ptr()) for one in (*network.parameters(), *network.buffers())]
    assert all(one is two and p == q for (one, p), (two, q) in zip(before, after, strict=True))


def test_parameters_that_were_changed_in_their_place_come_back():
    network = ResidualNet()
    before = [(one.dtype, one.data_ptr()) for one in network.parameters()]
    with evaluating(network, torch.device("cpu")):
        network.double()
    assert [(one.dtype, one.data_ptr()) for one in network.parameters()] == before


def test_buffers_come_back_after_an_exception():
    network = nn.Sequential(nn.BatchNorm2d(3)).train()
    mean = network[0].running_mean
    with pytest.raises(KeyboardInterrupt), evaluating(network, torch.device("meta")):
        raise KeyboardInterrupt
    assert network[0].running_mean is mean
    assert network[0].training


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), ValueError("broken")])
def test_all_is_as_it_was_after_an_interruption(stop):
    network = ResidualNet().train()
    calls = []

    def preprocess(image):
        calls.append(image)
        if len(calls) > 5:
            raise stop
        return torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1)

    state = torch.random.get_rng_state()
    with pytest.raises(type(stop)):
        values_of(na.TorchModel(network, preprocess=preprocess), make_stimuli())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert network.training
    assert network.layer1[0].training
    assert not any(child._forward_hooks for child in network.modules())
    assert torch.is_grad_enabled()


def test_two_threads_with_one_module_do_not_see_each_other():
    model = na.TorchModel(seeded(ResidualNet), batch_size=2)
    sets = [make_stimuli(n=12, seed=seed) for seed in range(2)]
    expected = [values_of(model, stimuli) for stimuli in sets]
    found = [None, None]

    def run(number):
        found[number] = values_of(model, sets[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, two in zip(expected, found, strict=True):
        for layer, values in one.items():
            np.testing.assert_array_equal(two[layer], values)


def test_what_a_network_keeps_of_a_pass_can_be_trained_with():
    class Keeping(nn.Sequential):
        def forward(self, x):
            if not hasattr(self, "places"):
                self.places = torch.arange(len(x[0, 0, 0])) / 8.0
            return super().forward(x * self.places)

    network = Keeping(nn.Conv2d(3, 4, 3))
    values_of(na.TorchModel(network), make_stimuli())
    network(torch.ones(1, 3, 8, 8, requires_grad=True)).sum().backward()
    assert network[0].weight.grad.abs().sum() > 0


class Noisy(nn.Module):
    """Add noise, in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.noise = nn.Identity()

    def forward(self, x):
        return self.noise(x + torch.rand_like(x))


def test_a_network_that_draws_numbers_is_reproducible_by_its_seed():
    stimuli, state = make_stimuli(), torch.random.get_rng_state()
    one, two, other = (
        values_of(na.TorchModel(Noisy(), seed=seed), stimuli)["noise"] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0.1
    assert torch.equal(torch.random.get_rng_state(), state)


def lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)).train()


def test_lazy_layers_are_made_by_the_seed_alone():
    stimuli = make_stimuli()
    one, two, other, backwards = (
        values_of(na.TorchModel(lazy(), seed=seed), table)
        for seed, table in ((0, stimuli), (0, stimuli), (1, stimuli), (0, stimuli[::-1]))
    )
    np.testing.assert_array_equal(one["3"], two["3"])
    assert np.abs(one["3"] - other["3"]).max() > 1e-3
    np.testing.assert_allclose(one["3"], backwards["3"][::-1], atol=1e-6)


def test_lazy_layers_stay_as_they_were_made():
    network = lazy()
    model = na.TorchModel(network)
    once = values_of(model, make_stimuli())
    assert (network[3].in_features, network.training) == (4 * 36, True)
    np.testing.assert_array_equal(values_of(model, make_stimuli())["3"], once["3"])
    network(torch.ones(1, 3, 8, 8)).sum().backward()


class Late(nn.Module):
    """Make its layers in the first pass; with `again`, in every pass."""

    def __init__(self, *, again=False):
        super().__init__()
        self.first = nn.Identity()
        self.again = again

    def forward(self, x):
        x = self.first(x)
        if self.again or not hasattr(self, "norm"):
            self.norm = nn.BatchNorm2d(3)
            self.late = nn.Conv2d(3, 2, 3)
        return self.late(self.norm(x * 9))


def test_layers_made_in_the_first_pass_are_found_and_in_evaluation_mode():
    network, stimuli = Late(), make_stimuli()
    model = na.TorchModel(network)
    found = values_of(model, stimuli, layers=["late", "norm"])
    pixels = np.stack(list(stimuli["image"])).transpose(0, 3, 1, 2) / np.float32(255)
    assert np.abs(found["norm"]).max() > 1  # with the mean of a batch it would be centered
    again = values_of(model, stimuli, layers=["late", "norm"])
    np.testing.assert_allclose(again["late"], found["late"], atol=1e-5)
    assert found["norm"].shape == pixels.shape


def test_a_network_that_grows_is_run_anew_so_that_groups_have_all_of_it():
    assert list(values_of(na.TorchModel(Late()), make_stimuli(), layers="all")) == [
        "first",
        "norm",
        "late",
    ]


def test_a_network_that_makes_layers_in_every_pass_is_refused():
    sentence = "Module 'Late' makes new submodules in every pass; make them when it is built."
    with refusal(sentence):
        values_of(na.TorchModel(Late(again=True)), make_stimuli())


def test_an_unknown_layer_of_a_network_that_does_not_grow_is_refused():
    with refusal("No layer is called 'lat'. Did you mean 'late'?", UnknownNameError):
        values_of(na.TorchModel(Late()), make_stimuli(), layers="lat")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_lower_precision_is_float32_outside_and_coarser_inside(precision):
    network, stimuli = seeded(ResidualNet), make_stimuli()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    exact = values_of(na.TorchModel(network), stimuli)["layer1.0"]
    coarse = values_of(na.TorchModel(network, precision=precision), stimuli)["layer1.0"]
    assert coarse.dtype == np.float32
    assert 1e-5 < np.abs(coarse - exact).max() < 0.05 * np.abs(exact).max()
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
    assert network.stem.weight.dtype == torch.float32


@pytest.mark.parametrize("layers", ["0", "all"])
def test_values_beyond_float16_are_refused(layers):
    network = nn.Sequential(seeded(lambda: nn.Conv2d(3, 4, 3)))
    with torch.no_grad():
        network[0].weight.fill_(1e4)
    sentence = (
        "Layer '0' returns values beyond the largest of float16, 65504; use precision='bfloat16'."
    )
    with refusal(sentence):
        values_of(na.TorchModel(network, precision="float16", layers=layers), make_stimuli())
    values_of(na.TorchModel(network, precision="bfloat16"), make_stimuli())


def test_what_rounds_products_around_a_pass_does_not_count():
    network, stimuli = seeded(ResidualNet), make_stimuli(3)
    before = values_of(na.TorchModel(network), stimuli)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = values_of(na.TorchModel(network), stimuli)
    for layer, values in before.items():
        np.testing.assert_array_equal(values, within[layer])


@pytest.mark.skipif(not hasattr(torch.backends.mkldnn, "matmul"), reason="since torch 2.9")
def test_float32_is_exact_on_a_cpu_too_and_what_others_allow_stays():
    cpu = torch.backends.mkldnn
    places, seen = (cpu.matmul, cpu.conv, cpu.rnn), []
    before = [place.fp32_precision for place in places]

    class Seeing(nn.Module):
        def forward(self, values):
            seen.extend(place.fp32_precision for place in places)
            return values

    try:
        for place in places:
            place.fp32_precision = "bf16"
        values_of(na.TorchModel(nn.Sequential(Seeing())), make_stimuli(1))
        assert [place.fp32_precision for place in places] == 3 * ["bf16"]
    finally:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value
    assert set(seen) == {"ieee"}


def test_an_unknown_precision_is_refused():
    sentence = "No precision is called 'float61'. Did you mean 'float16'?"
    with refusal(sentence, UnknownNameError):
        na.TorchModel(ResidualNet(), precision="float61")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_module_of_another_precision_is_given_inputs_of_its_own(dtype):
    network = seeded(ResidualNet)
    exact = values_of(na.TorchModel(network), make_stimuli())["layer1.0"]
    found = values_of(na.TorchModel(network.to(dtype)), make_stimuli())["layer1.0"]
    np.testing.assert_allclose(found, exact, atol=1e-6 if dtype == torch.float64 else 0.02)


def test_float32_is_exact_on_a_gpu_too_and_what_others_allow_stays():
    convolutions, seen = torch.backends.cudnn.conv, []
    network = Returns(lambda _: seen.append(convolutions.fp32_precision))
    before = convolutions.fp32_precision
    values_of(na.TorchModel(nn.Sequential(network), layers="0"), make_stimuli(n=2))
    assert set(seen) == {"ieee"}
    assert convolutions.fp32_precision == before != "ieee"


class Named(nn.Module):
    """Take two tensors by keyword."""

    def __init__(self):
        super().__init__()
        self.sum = nn.Identity()

    def forward(self, *, ids, weights):
        return self.sum(ids * weights)


def test_a_preprocess_may_return_tensors_by_name():
    def preprocess(text):
        return {"ids": torch.arange(3), "weights": torch.full((3,), float(len(text)))}

    stimuli = pd.DataFrame({"text": ["a", "bcd"]}, index=["s0", "s1"])
    model = na.TorchModel(Named(), reads="text", preprocess=preprocess)
    np.testing.assert_array_equal(values_of(model, stimuli)["sum"], [[0, 1, 2], [0, 3, 6]])


def test_tensors_of_other_names_for_other_stimuli_are_refused():
    def preprocess(text):
        return dict.fromkeys(["words"] if text == "c" else ["ids", "weights"], torch.ones(1))

    stimuli = pd.DataFrame({"text": list("abc")}, index=list("abc"))
    model = na.TorchModel(Named(), reads="text", preprocess=preprocess)
    sentence = (
        "preprocess returns ['ids', 'weights'] for some stimuli and ['words'] for others; return "
        "the same names for all."
    )
    with refusal(sentence):
        values_of(model, stimuli)


def test_a_preprocess_that_returns_an_array_is_refused():
    model = na.TorchModel(ResidualNet(), preprocess=np.asarray)
    with refusal("preprocess returns a ndarray; a torch tensor is needed."):
        values_of(model, make_stimuli())
