"""Hashes of objects: by content, whatever they are called and in whichever process they are."""

import collections
import contextvars
import copy
import dataclasses
import functools
import random
import threading
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from neuroalign.errors import DataError
from neuroalign.models.identity import content_hash, network_hash


@dataclass(frozen=True)
class Steps:
    """Preprocessing as a dataclass."""

    size: int
    mean: tuple[float, ...] = (0.5, 0.5)
    more: list = field(default_factory=list)

    def __call__(self, image):  # noqa: D102
        return image


def closing_over(value):
    return lambda one: one + value


def with_default(value):
    def function(one, two=value, *, three=value):
        return one + two + three

    return function


class Slotted:
    """Attributes that are in no __dict__."""

    __slots__ = ("_a", "b")

    def __init__(self, a, b):
        self._a, self.b = a, b


class WithState:
    """Keeps something from pickle."""

    def __init__(self, kept):
        self.kept = kept

    def __getstate__(self):
        return {}


class Unpicklable:
    """Refuses what pickle asks, but all that it is lies in attributes."""

    def __init__(self, kept):
        self.kept = kept

    def __reduce__(self):
        raise TypeError


class Words(collections.deque):
    """A type written in C, and attributes."""


def with_default_alone(value):
    return lambda one=value: one


def with_base(value):
    return type("Child", (type("Parent", (), {"value": value}),), {})


def tensor_with(value):
    tensor = torch.zeros(2)
    tensor.scale = value
    return tensor


def context_variable(value=None):
    variable = contextvars.ContextVar("mode")
    if value is not None:
        variable.set(value)
    return variable


class Unevaluated(torch.nn.Module):
    """A preprocessing that draws numbers in training mode."""


DIFFERENT = [
    (with_default_alone(1), with_default_alone(2)), (with_base(1), with_base(2)),
    (Unpicklable(1), Unpicklable(2)), (random.Random(1), random.Random(2)),
    ("".join, ",".join), ("".join, b"".join), ([].append, {}.get),
    (torch.ones(2).add, torch.zeros(2).add),
    (tensor_with(1), tensor_with(2)), (tensor_with(1).data, tensor_with(1)),
    (context_variable(1), context_variable(2)), (context_variable(), context_variable(1)),
    (Unevaluated(), Unevaluated().eval()),
    (dataclasses.make_dataclass("Made", [("a", int, 1)]),
     dataclasses.make_dataclass("Made", [("a", int, 2)])),
    (1, True), (1, 1.0), (0.0, -0.0), ("1", 1), (b"a", "a"), ((1, 2), [1, 2]), ({1}, {2}),
    (None, 0),
    ([1, [2]], [[1], 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({"a": 1}, {"a": 1.5}),
    (np.float32(1), np.float64(1)), (np.zeros(2), np.zeros((2, 1))), (np.zeros(2), torch.zeros(2)),
    (np.zeros(2), np.array([0.0, -0.0])), (np.array(["a"]), np.array(["b"])),
    (np.arange(4).reshape(2, 2), np.arange(4).reshape(2, 2).T),
    (np.array([[1], "a"], object), np.array([[2], "a"], object)),
    (np.zeros(1, "datetime64[s]"), np.zeros(1, "datetime64[ms]")),
    (torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16)), (torch.float32, torch.float16),
    (torch.tensor(1.0), torch.tensor([1.0])), (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
    (Steps(224), Steps(225)), (Steps(224), Steps(224, mean=(0.5, 0.4))),
    (closing_over(1), closing_over(2)), (with_default(1), with_default(2)),
    (functools.partial(print, 1), functools.partial(print, 2)),
    (functools.partial(print, a=1), functools.partial(print, b=1)),
    (functools.lru_cache(closing_over(1)), functools.lru_cache(closing_over(2))),
    (Steps(1).__call__, Steps(2).__call__), (lambda x: x + 1, lambda x: x + 2),
    (lambda x: x + 1, lambda x: x - 1), (lambda x: x.real, lambda x: x.imag),
    (lambda *x: x, lambda **x: x),
    (Slotted(1, 2), Slotted(2, 2)), (Slotted(1, 2), Slotted(1, 3)),
    (WithState(1), WithState(2)), (Words("a"), Words("b")), (Path("a"), Path("b")),
    (np.random.default_rng(1), np.random.default_rng(2)), (torch.sigmoid, torch.tanh),
    (np.sin, np.cos), (torch.ops.aten.relu, torch.ops.aten.gelu), (str.upper, str.lower),
    ([].append, [1].append), (collections.defaultdict(int), collections.defaultdict(float)),
    (torch.no_grad()(closing_over(1)), torch.no_grad()(closing_over(2))),
    (complex(1, 0.0), complex(1, -0.0)),
    (torch.Size([1]), (1,)), (type("A", (), {"b": 1}), type("A", (), {"b": 2})),
    (torch.nn.ReLU, torch.nn.GELU), (torch.nn.functional.relu, torch.nn.functional.gelu),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_things_have_different_hashes(one, other):
    assert content_hash(one) != content_hash(other)
    assert content_hash(one) == content_hash(one)
    assert content_hash(other) == content_hash(other)


def holding(**attributes):
    thing = type("Holder", (), {})()
    vars(thing).update(attributes)
    return thing


NAN = np.array([np.nan])
SAME = [
    ({"b", "a", "c"}, {"c", "b", "a"}), (NAN, NAN.copy()), (float("nan"), float("nan")),
    (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
    (np.arange(6)[::2], np.array([0, 2, 4])), (torch.arange(6)[::2], torch.tensor([0, 2, 4])),
    (torch.arange(6).reshape(2, 3).T, torch.arange(6).reshape(2, 3).T.contiguous()),
    (torch.arange(4.0), torch.nn.Parameter(torch.arange(4.0))),
    (torch.tensor([1 + 2j]).conj(), torch.tensor([1 - 2j])), (np.zeros(0), np.zeros(0)),
    (lambda x: x + 1, lambda x: x + 1), (closing_over(1), closing_over(1)), (Steps(2), Steps(2)),
    (Words("a"), Words("a")), (threading.Lock(), threading.Lock()), (Path("a"), Path("a")),
    ([[1, 2], [1, 2]], [[1, 2]] * 2), (holding(a=1, b=2), holding(b=2, a=1)),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_things_have_equal_hashes(one, other):
    assert content_hash(one) == content_hash(other)


def test_only_the_network_that_is_evaluated_goes_without_its_training_flag():
    hashes = set()
    for training in (True, False):
        net = torch.nn.Sequential(torch.nn.Dropout(0.5))
        net.beside = [torch.nn.Dropout(0.5)]  # which neither eval() nor a pass reaches
        net.train(training)
        hashes.add(network_hash(net))
        net.beside[0].train(training)
        hashes.add(network_hash(net))
    assert len(hashes) == 2


def test_things_within_themselves_are_hashed():
    def looped(value):
        outer = {"value": value, "inner": [1]}
        outer["inner"].append(outer)
        return outer

    assert content_hash(looped(1)) == content_hash(looped(1)) != content_hash(looped(2))
    assert content_hash([looped(1)]) == content_hash([looped(1)])


def test_a_part_has_one_hash_wherever_a_loop_is_entered():
    shared = [1]
    child = {"shared": shared}
    child["self"] = child
    assert content_hash([child, child]) == content_hash([copy.deepcopy(child), child])


def test_a_loop_has_one_hash_however_deep_it_lies():
    loop = {}
    loop["to"] = loop
    assert content_hash({"deep": [loop], "b": loop}) == content_hash(
        {"deep": [loop], "b": copy.deepcopy(loop)}
    )


def test_what_a_part_of_a_loop_refers_to_counts():
    def family(*, own):
        parent, aunt = {}, {}
        child = {"between": {"up": parent}}
        aunt["child"] = {"between": {"up": aunt}} if own else child
        parent.update(x=child, y=aunt)
        return parent

    assert content_hash(family(own=True)) == content_hash(family(own=True))
    assert content_hash(family(own=True)) != content_hash(family(own=False))


def test_a_reference_to_oneself_is_none_to_the_parent():
    def nested(*, to_parent):
        inner = {}
        outer = {"inner": inner}
        inner["to"] = outer if to_parent else inner
        return [outer]

    assert content_hash(nested(to_parent=True)) != content_hash(nested(to_parent=False))


def test_many_references_to_parents_take_no_longer():
    nodes = [{} for _ in range(40)]
    for node in nodes:
        node.update({str(number): other for number, other in enumerate(nodes)})
    assert content_hash(nodes[:3]) == content_hash(copy.deepcopy(nodes[:3]))


REFUSED = {
    "open file": lambda: Path("/dev/null").open(),  # noqa: SIM115
    "generator": lambda: (one for one in "ab"),
    "sparse": lambda: torch.eye(2).to_sparse(),
    "meta": lambda: torch.zeros(2, device="meta"),
    "module": lambda: types.ModuleType("of_nobody"),
    "masked": lambda: np.ma.array([1, 2], mask=[True, False]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_content_to_hash_is_refused_by_name_and_place(name):
    thing = REFUSED[name]()
    net = torch.nn.Sequential(torch.nn.ReLU())
    net[0].stuff = {"inner": [thing]}
    with pytest.raises(DataError) as error:
        network_hash(net)
    if name == "open file":
        thing.close()
    assert str(error.value) == (
        f"A {type(thing).__name__} (at 0.stuff['inner'][0]) has no content that could be hashed; "
        "take it out, or use the model without a cache."
    )
