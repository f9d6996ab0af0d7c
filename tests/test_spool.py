"""Layers above the memory budget go through a temporary file, which always vanishes."""

import errno
import os
import re
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from torch import nn

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.models import spool
from neuroalign.models.spool import open_store

# One stimulus' activations, in float32: (3, 8, 8), (4, 6, 6) and (4, 6, 6).
BYTES = 4 * (192 + 144 + 144)
N_STIMULI = 70
ALL = BYTES * N_STIMULI
BUDGET = ALL * 4 // 3  # a quarter is left for what a batch makes within the network


@pytest.fixture
def opened(monkeypatch):
    """Temporary files that were opened."""
    files = []
    temporary_file = tempfile.TemporaryFile

    def recording_temporary_file(**options):
        files.append(temporary_file(**options))
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", recording_temporary_file)
    return files


@pytest.fixture
def stimuli():
    images = np.random.default_rng(0).integers(0, 256, (N_STIMULI, 8, 8, 3)).astype(np.uint8)
    return pd.DataFrame({"image": list(images)}, index=[f"s{n:02}" for n in range(N_STIMULI)])


def make_model(**options):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3), nn.ReLU())
    return na.TorchModel(network, **options)


def test_layers_within_the_budget_stay_in_memory(opened, stimuli):
    dict(make_model(memory_budget=BUDGET).activations(stimuli))
    assert opened == []


def test_layers_above_the_budget_are_spooled(opened, stimuli):
    dict(make_model(memory_budget=BUDGET - 4).activations(stimuli))
    assert len(opened) == 1


def test_the_budget_is_a_quarter_of_the_free_memory_by_default(opened, stimuli, monkeypatch):
    for free in (4 * BUDGET, 4 * BUDGET - 16):
        monkeypatch.setattr(
            psutil, "virtual_memory", lambda free=free: SimpleNamespace(available=free)
        )
        dict(make_model().activations(stimuli))
    assert len(opened) == 1


@pytest.mark.parametrize("batch_size", [1, 8, 100])
@pytest.mark.parametrize("budget", [0, BUDGET // 2])
def test_spooled_layers_equal_those_in_memory(stimuli, batch_size, budget):
    held = dict(make_model(batch_size=batch_size).activations(stimuli))
    spooled = dict(make_model(batch_size=batch_size, memory_budget=budget).activations(stimuli))
    assert list(spooled) == list(held)
    for layer, values in held.items():
        assert values.identical(spooled[layer])


def test_spooled_layers_come_from_one_pass(stimuli):
    model, rows = make_model(memory_budget=0), []
    model.module.register_forward_pre_hook(lambda _module, inputs: rows.append(len(inputs[0])))
    dict(model.activations(stimuli))
    assert sum(rows) == N_STIMULI


def test_what_is_held_is_moved_once_a_layer_exceeds_the_budget(opened):
    with open_store({}, 10, budget=2 * 10 * 3 * 4) as store:
        for row in range(10):
            store.put("first", row, np.full((1, 3), row))
            store.put("second", row, np.full((1, 3), -row))
            assert opened == []
        store.put("third", 0, np.ones((10, 1)))
        assert len(opened) == 1
        for layer, sign in (("second", -1), ("first", 1)):
            expected = np.repeat(sign * np.arange(10.0)[:, None], 3, axis=1)
            np.testing.assert_array_equal(store.take(layer), expected)
        np.testing.assert_array_equal(store.take("third"), np.ones((10, 1)))


def test_a_layer_may_follow_those_that_were_taken_from_disk():
    with open_store({}, 2, budget=100) as store:
        store.put("large", 0, np.ones((2, 99)))
        store.take("large")
        store.put("small", 0, np.ones((2, 1)))
        np.testing.assert_array_equal(store.take("small"), np.ones((2, 1)))


@pytest.mark.parametrize("budget", [0, 10**6])
def test_a_batch_may_be_put_again(budget):
    with open_store({"layer": (2,)}, 3, budget=budget) as store:
        for value in (7, 8):
            store.put("layer", 1, np.full((2, 2), value))
        store.put("layer", 0, np.zeros((1, 2)))
        np.testing.assert_array_equal(store.take("layer"), [[0, 0], [8, 8], [8, 8]])


@pytest.mark.parametrize("budget", [0, 10**6])
def test_what_is_put_may_change_afterwards_and_is_float32(budget):
    with open_store({}, 2, budget=budget) as store:
        part = np.arange(4).reshape(2, 2).T  # not in the order of memory
        store.put("layer", 0, part)
        part += 1
        taken = store.take("layer")
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, [[0, 2], [1, 3]])


def test_memory_stays_within_the_budget_however_many_layers_there_are():
    code = """
import resource, numpy as np
from neuroalign.models.spool import open_store
budget, part = 20_000_000, np.ones((8, 5000), np.float32)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
with open_store({}, 80, budget=budget) as store:
    for start in range(0, 80, 8):
        for number in range(80):  # of 1.6 MB each
            store.put(str(number), start, part)
    for number in range(80):
        assert store.take(str(number)).all()
assert peak() - before < budget + 4_000_000, peak() - before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_temporary_file_is_open_while_layers_are_taken(opened, stimuli):
    for _ in make_model(memory_budget=0).activations(stimuli):
        assert [file.closed for file in opened] == [False]
    assert [file.closed for file in opened] == [True]


def test_the_temporary_file_is_closed_when_the_consumer_stops_early(opened, stimuli):
    activations = make_model(memory_budget=0).activations(stimuli)
    next(activations)
    activations.close()
    assert [file.closed for file in opened] == [True]


@pytest.mark.parametrize("stop", [ValueError("broken image"), KeyboardInterrupt()])
def test_the_temporary_file_is_closed_after_an_exception(opened, stimuli, stop):
    calls = []

    def preprocess(image):
        calls.append(image)
        if len(calls) > 20:
            raise stop
        return torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1)

    with pytest.raises(type(stop)):
        dict(make_model(memory_budget=0, preprocess=preprocess).activations(stimuli))
    assert [file.closed for file in opened] == [True]


def test_a_killed_process_leaves_no_temporary_file(tmp_path):
    code = """
import os, numpy as np
from neuroalign.models.spool import open_store
with open_store({}, 2, budget=0) as store:
    store.put("layer", 0, np.ones((2, 100_000), np.float32))
    os.kill(os.getpid(), 9)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert ended.returncode == -9
    assert list(tmp_path.iterdir()) == []


def refusal(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


def test_a_layer_above_the_free_memory_is_refused(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5 * 10**8))
    sentence = (
        "Layer 'conv' of 0.8 GB does not fit into the 0.5 GB of free memory; use fewer stimuli or "
        "a smaller layer."
    )
    with refusal(sentence), open_store({}, 200, budget=None) as store:
        store.put("conv", 0, np.broadcast_to(np.float32(0), (1, 10**6)))


def test_layers_above_the_free_disk_are_refused(stimuli, monkeypatch, opened):
    monkeypatch.setattr(spool.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    sentence = (
        f"The layers need 0.0 GB, more than the memory budget and more than is free in "
        f"{tempfile.gettempdir()}; choose fewer layers."
    )
    with refusal(sentence):
        dict(make_model(memory_budget=0).activations(stimuli))
    assert [file.closed for file in opened] == [True]


def test_activations_of_different_shapes_are_refused_rather_than_broadcast():
    sentence = (
        "Layer 'conv' returns the shape (3,) for some stimuli and (1,) for others; give the model "
        "a preprocess that brings them to one size."
    )
    with refusal(sentence), open_store({"conv": (3,)}, 2, budget=None) as store:
        store.put("conv", 0, np.zeros((2, 1)))


def fail_at_third_write(monkeypatch, error):
    put, calls = spool._DiskStore.put, []

    def failing_put(self, layer, start, part):
        calls.append(layer)
        if len(calls) > 2:
            raise error
        put(self, layer, start, part)

    monkeypatch.setattr(spool._DiskStore, "put", failing_put)


def test_a_disk_that_fills_up_is_explained(stimuli, monkeypatch, opened):
    fail_at_third_write(monkeypatch, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    model = make_model(memory_budget=0)
    with refusal(
        f"No space is left in {tempfile.gettempdir()} for activations; choose fewer layers."
    ):
        dict(model.activations(stimuli))
    assert [file.closed for file in opened] == [True]
    assert not any(child._forward_hooks for child in model.module.modules())


def test_other_errors_of_the_disk_are_passed_on(stimuli, monkeypatch, opened):
    fail_at_third_write(monkeypatch, OSError(errno.EIO, os.strerror(errno.EIO)))
    with pytest.raises(OSError, match="Input/output error"):
        dict(make_model(memory_budget=0).activations(stimuli))
    assert [file.closed for file in opened] == [True]
