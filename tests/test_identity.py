"""Hashes of networks and objects: any change of content shows, and nothing else does."""

import copy
import importlib
import logging
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from neuroalign.errors import DataError
from neuroalign.models.identity import content_hash, network_hash

SCALE = 2.0
LOG = logging.getLogger("of a notebook")


def double(values):
    return values * SCALE


class Net(torch.nn.Module):
    """A network with all that can differ between two of the same name."""

    def __init__(self, *, temperature=1.0, act=torch.relu):
        super().__init__()
        self.head = torch.nn.Linear(3, 2)
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)])
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("mask", torch.ones(3), persistent=False)
        self.temperature, self.act = temperature, act
        with torch.no_grad():
            for number, weight in enumerate(self.parameters()):
                weight.copy_(torch.arange(weight.numel()).reshape(weight.shape) + number)

    def forward(self, values):  # noqa: D102
        values = double(self.act(self.head((values - self.mean) * self.mask)))
        for block in self.blocks:
            values = block(values)
        return values / self.temperature


def hook(module, inputs, output):
    del module, inputs
    return output + 1


def other_hook(module, inputs, output):
    del module, inputs
    return output + 2


def set_weight(net):
    net.head.weight.data[0, 0] += 1e-6


def set_persistent_buffer(net):
    net.mean[1] = 1.0


def set_other_buffer(net):
    net.mask[1] = 0.0


def set_attribute(net):
    net.temperature = 1.0 + 1e-12


def set_function(net):
    net.act = torch.sigmoid


def set_sign_of_zero(net):
    net.mean[0] = -0.0


def add_hook(net):
    net.head.register_forward_hook(hook)


def add_early_hook(net):
    net.head.register_forward_pre_hook(lambda _module, inputs: (inputs[0] + 1,))


def swap_blocks(net):
    net.blocks[0], net.blocks[1] = net.blocks[1], net.blocks[0]


def replace_forward(net):
    net.forward = types.MethodType(lambda self, values: self.head(values), net)


def replace_type(net):
    net.half()


def parametrize(net):
    torch.nn.utils.parametrizations.weight_norm(net.head)


def tie(net):
    net.blocks[1].weight = net.blocks[0].weight


@pytest.mark.parametrize(
    "change",
    [set_weight, set_persistent_buffer, set_other_buffer, set_attribute, set_function,
     set_sign_of_zero, add_hook, add_early_hook, swap_blocks, replace_forward, replace_type,
     parametrize, tie],
)  # fmt: skip
def test_a_changed_network_has_another_hash(change):
    net = Net()
    before = network_hash(net)
    change(net)
    assert network_hash(net) != before


def test_two_hooks_in_another_order_give_another_hash():
    one, other = torch.nn.ReLU(), torch.nn.ReLU()
    for net, hooks in ((one, (hook, other_hook)), (other, (other_hook, hook))):
        for function in hooks:
            net.register_forward_hook(function)
    assert network_hash(one) != network_hash(other)


def test_a_hook_of_all_modules_gives_another_hash():
    net = Net()
    before = network_hash(net)
    handle = torch.nn.modules.module.register_module_forward_hook(hook)
    during = network_hash(net)
    handle.remove()
    assert network_hash(net) == before != during


@pytest.mark.parametrize(
    "same",
    [copy.deepcopy, torch.nn.Module.train, torch.nn.Module.eval, lambda _net: Net(),
     lambda net: net.requires_grad_(False)],
    ids=["deep copy", "training", "evaluation", "made again", "frozen"],
)  # fmt: skip
def test_the_same_network_has_the_same_hash(same):
    net = Net()
    before = network_hash(net)
    assert network_hash(same(net)) == before


def test_gradients_and_passes_leave_the_hash():
    net = Net()
    before = network_hash(net)
    net(torch.ones(4, 3)).sum().backward()
    assert network_hash(net) == before


def test_removed_hooks_leave_the_hash_whatever_their_number():
    net = Net()
    before = network_hash(net)
    net.head.register_forward_hook(hook).remove()
    assert network_hash(net) == before
    first, second = copy.deepcopy(net), copy.deepcopy(net)
    first.handle = first.register_forward_hook(hook)
    second.handle = second.register_forward_hook(hook)
    assert network_hash(first) == network_hash(second)


def notebook(code):
    """Run cells of a notebook, whose code lies in no file, and return what they define."""
    namespace = {"__name__": "__main__", "torch": torch, "np": np}
    exec(compile(code, "<cell>", "exec"), namespace)
    return namespace


CELL = """
GAIN = {gain}
CONFIG = dict(power=2)

def helper(values):
    return values ** CONFIG["power"] * GAIN {extra}

class Net(torch.nn.Module):
    factor = {factor}
    def forward(self, values):  # {comment}
        return (lambda one: helper(one) * self.factor)(values)
"""


def cell_hash(*, gain=1, factor=3, extra="", comment="", head=""):
    code = head + CELL.format(gain=gain, factor=factor, extra=extra, comment=comment)
    return network_hash(notebook(code)["Net"]())


@pytest.mark.parametrize(
    "changed", [{"gain": 2}, {"factor": 4}, {"extra": "+ 0.5"}], ids=["global", "class", "helper"]
)
def test_code_of_a_notebook_counts_with_all_it_refers_to(changed):
    assert cell_hash(**changed) != cell_hash()


def test_comments_and_lines_do_not_count():
    assert cell_hash(comment="a note", head="UNUSED = 4\n\n\n") == cell_hash()


def test_a_global_that_changes_after_the_definition_counts():
    found = notebook(CELL.format(gain=1, factor=3, extra="", comment=""))
    before = network_hash(found["Net"]())
    found["CONFIG"]["power"] = 3
    assert network_hash(found["Net"]()) != before


def module_of(folder, monkeypatch, name, code):
    (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.mark.parametrize("words", ["import own_steps", "from own_steps import step"])
def test_functions_of_own_modules_count(tmp_path, monkeypatch, words):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    call = "own_steps.step" if words.startswith("import") else "step"
    code = f"{words}\ndef use(values):\n    return {call}(values)\n"
    found = []
    for number in (1, 2, 1):
        body = f"OTHER = {len(found)}\ndef step(values):\n    return values + {number}\n"
        module_of(tmp_path, monkeypatch, "own_steps", body)
        found.append(content_hash(notebook(code)["use"]))
    assert found[0] == found[2] != found[1]


def test_own_modules_that_name_each_other_are_hashed(tmp_path, monkeypatch):
    left = module_of(tmp_path, monkeypatch, "own_left", "def step(x): return x\n")
    code = "import own_left\ndef use(x): return own_left.step(x)\n"
    left.own_right = module_of(tmp_path, monkeypatch, "own_right", code)
    use = notebook("import own_right\ndef use(x): return own_right.own_left.step(x)\n")["use"]
    before = content_hash(use)
    left.step = double
    assert content_hash(use) != before


def test_an_import_of_own_code_within_a_function_is_refused_until_it_is_loaded(
    tmp_path, monkeypatch
):
    use = notebook("def use():\n    import own_late\n    return own_late.VALUE\n")["use"]
    (tmp_path / "own_late.py").write_text("VALUE = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError) as error:
        content_hash(use)
    assert str(error.value) == (
        "Function 'use' imports 'own_late' as it runs, so that what it will do is not known; "
        "import it before."
    )
    assert "own_late" not in sys.modules
    late = importlib.import_module("own_late")
    before = content_hash(use)
    late.VALUE = 4
    assert content_hash(use) != before
    del sys.modules["own_late"]


def test_an_import_of_an_installed_package_within_a_function_is_the_same_loaded_or_not():
    code = (
        "import sys\nfrom neuroalign.models.identity import content_hash\n"
        "def use():\n    import wave, scipy.signal\n    return wave, scipy.signal\n"
        "one = content_hash(use)\nloaded = {'wave', 'scipy.signal'} & set(sys.modules)\n"
        "use()\nprint(loaded, one == content_hash(use))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set() True"


def test_a_method_put_into_an_installed_class_counts(monkeypatch):
    net = torch.nn.Sequential(torch.nn.ReLU())
    before = network_hash(net)
    monkeypatch.setattr(torch.nn.ReLU, "forward", lambda _self, values: values)
    assert network_hash(net) != before


def test_a_function_put_into_an_installed_module_counts(monkeypatch):
    def resized(values):
        return torch.nn.functional.interpolate(values, scale_factor=2)

    before = content_hash(resized)
    monkeypatch.setattr(torch.nn.functional, "pad", lambda values: values)
    assert content_hash(resized) == before
    monkeypatch.setattr(torch.nn.functional, "interpolate", lambda values, **_more: values)
    other = content_hash(resized)
    monkeypatch.setattr(torch.nn.functional, "interpolate", lambda values, **_more: -values)
    assert len({before, other, content_hash(resized)}) == 3


def test_a_class_that_a_function_of_a_package_makes_counts_by_all_it_holds(monkeypatch):
    made = types.ModuleType("torch.made")
    made.__file__ = torch.__file__
    monkeypatch.setitem(sys.modules, "torch.made", made)
    code = "def make(value):\n    class Made:\n        kept = value\n    return Made"
    exec(code, vars(made))
    assert content_hash(made.make(1)) == content_hash(made.make(1))
    assert content_hash(made.make(1)) != content_hash(made.make(2))


def test_weights_that_are_not_made_yet_are_refused():
    net = torch.nn.Sequential(torch.nn.LazyLinear(2))
    with pytest.raises(DataError) as error:
        network_hash(net)
    assert str(error.value) == (
        "The weights at 0.weight are made in the first pass of the network; run it once on a "
        "stimulus before its activations are kept."
    )
    net(torch.ones(1, 3))
    assert network_hash(net) == network_hash(net)


def test_what_is_nested_too_deeply_is_refused():
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(
        DataError, match=r"^A list is nested too deeply to be hashed; flatten it\.$"
    ):
        content_hash(deep)


def test_network_hash_takes_networks_only():
    with pytest.raises(
        DataError, match=r"^network_hash takes a torch\.nn\.Module, but got a list\.$"
    ):
        network_hash([])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_networks_count_by_code_weights_and_attributes():
    def scripted(seed, temperature=1.0):
        torch.manual_seed(seed)
        net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(temperature / 4))
        return torch.jit.script(net)

    assert network_hash(scripted(0)) == network_hash(scripted(0).eval())
    assert network_hash(scripted(0)) != network_hash(scripted(1))
    assert network_hash(scripted(0)) != network_hash(scripted(0, 2.0))


def test_traced_graphs_count_by_their_code():
    def traced(function):
        class Own(torch.nn.Module):
            def forward(self, values):
                return function(values)

        return torch.fx.symbolic_trace(Own())

    assert network_hash(traced(torch.relu)) == network_hash(traced(torch.relu))
    assert network_hash(traced(torch.relu)) != network_hash(traced(torch.tanh))


def test_loggers_and_locks_do_not_stand_in_the_way():
    found = notebook("import logging\nLOG = logging.getLogger('x')\ndef use(): LOG.info('a')\n")
    assert content_hash(found["use"]) == content_hash(found["use"])


@dataclass(frozen=True)
class Steps:
    """Preprocessing as a dataclass."""

    size: int


def many():
    """Return what has parts whose order or hash differ between processes."""
    return [{"a", "b", "c"}, Path("a/b"), Net, Steps(1), lambda x: x in {"a", "b", "c"}, LOG]


def test_hashes_are_equal_in_other_processes():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_identity as own\n"
        "print(own.network_hash(own.Net()), own.content_hash(own.many()))"
    )
    seed = {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", code]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=seed).stdout
    assert said.split() == [network_hash(Net()), content_hash(many())]
