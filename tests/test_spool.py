"""Layers above the memory budget go through a temporary store, which is always removed."""

import errno
import os
import re
import tempfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
import zarr
from torch import nn

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.models import spool

# One stimulus' activations, in float32: (3, 8, 8), (4, 6, 6) and (4, 6, 6).
BYTES = 4 * (192 + 144 + 144)
N_STIMULI = 70


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Folder that temporary stores go to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def opened(monkeypatch):
    """Folders of the Zarr stores that were opened."""
    folders = []
    open_group = zarr.open_group

    def recording_open_group(folder, **options):
        folders.append(folder)
        return open_group(folder, **options)

    monkeypatch.setattr(zarr, "open_group", recording_open_group)
    return folders


@pytest.fixture
def stimuli():
    images = np.random.default_rng(0).integers(0, 256, (N_STIMULI, 8, 8, 3)).astype(np.uint8)
    return pd.DataFrame({"image": list(images)}, index=[f"s{n:02}" for n in range(N_STIMULI)])


def make_model(**options):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3), nn.ReLU())
    return na.TorchModel(network, **options)


def test_layers_within_the_budget_stay_in_memory(scratch, opened, stimuli):
    dict(make_model(memory_budget=BYTES * N_STIMULI).activations(stimuli))
    assert opened == []
    assert list(scratch.iterdir()) == []


def test_layers_above_the_budget_are_spooled(scratch, opened, stimuli):
    dict(make_model(memory_budget=BYTES * N_STIMULI - 1).activations(stimuli))
    assert [folder.parent for folder in opened] == [scratch]


def test_the_budget_is_a_quarter_of_the_free_memory_by_default(
    scratch, opened, stimuli, monkeypatch
):
    for free in (4 * BYTES * N_STIMULI, 4 * BYTES * N_STIMULI - 4):
        monkeypatch.setattr(
            psutil, "virtual_memory", lambda free=free: SimpleNamespace(available=free)
        )
        dict(make_model().activations(stimuli))
    assert len(opened) == 1
    assert list(scratch.iterdir()) == []


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("batch_size", [1, 8, 100])
def test_spooled_layers_equal_those_in_memory(stimuli, batch_size):
    held = dict(make_model(batch_size=batch_size).activations(stimuli))
    spooled = dict(make_model(batch_size=batch_size, memory_budget=0).activations(stimuli))
    assert list(spooled) == list(held)
    for layer, values in held.items():
        assert values.identical(spooled[layer])


@pytest.mark.usefixtures("scratch")
def test_spooled_layers_come_from_one_pass(stimuli):
    model, rows = make_model(memory_budget=0), []
    model.module.register_forward_pre_hook(lambda _module, inputs: rows.append(len(inputs[0])))
    dict(model.activations(stimuli))
    assert sum(rows) == N_STIMULI


def test_the_temporary_folder_lives_while_layers_are_taken(scratch, stimuli):
    for _ in make_model(memory_budget=0).activations(stimuli):
        assert len(list(scratch.iterdir())) == 1
    assert list(scratch.iterdir()) == []


def test_the_temporary_folder_is_removed_when_the_consumer_stops_early(scratch, stimuli):
    activations = make_model(memory_budget=0).activations(stimuli)
    next(activations)
    assert len(list(scratch.iterdir())) == 1
    activations.close()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("stop", [ValueError("broken image"), KeyboardInterrupt()])
def test_the_temporary_folder_is_removed_after_an_exception(scratch, opened, stimuli, stop):
    calls = []

    def preprocess(image):
        calls.append(image)
        if len(calls) > 20:
            raise stop
        return torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1)

    with pytest.raises(type(stop)):
        dict(make_model(memory_budget=0, preprocess=preprocess).activations(stimuli))
    assert len(opened) == 1
    assert list(scratch.iterdir()) == []


def test_a_layer_above_the_free_memory_is_refused(stimuli, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=50_000))
    monkeypatch.setattr(spool, "ITEM_BYTES", 40_000)
    sentence = (
        "One layer of 0.5 GB does not fit into the 0.0 GB of free memory; use fewer stimuli or a "
        "smaller layer."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        dict(make_model().activations(stimuli))


def test_layers_above_the_free_disk_are_refused(scratch, stimuli, monkeypatch):
    monkeypatch.setattr(spool.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    sentence = (
        f"The layers need 0.0 GB, more than the memory budget and more than is free in {scratch}; "
        "choose fewer layers."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        dict(make_model(memory_budget=0).activations(stimuli))
    assert list(scratch.iterdir()) == []


def fail_at_third_write(monkeypatch, error):
    put, calls = spool._DiskStore.put, []

    def failing_put(self, layer, start, part):
        calls.append(layer)
        if len(calls) > 2:
            raise error
        put(self, layer, start, part)

    monkeypatch.setattr(spool._DiskStore, "put", failing_put)


def test_a_disk_that_fills_up_is_explained(scratch, stimuli, monkeypatch):
    fail_at_third_write(monkeypatch, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    sentence = f"No space is left in {scratch} for activations; choose fewer layers."
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        dict(make_model(memory_budget=0).activations(stimuli))
    assert list(scratch.iterdir()) == []


def test_other_errors_of_the_disk_are_passed_on(scratch, stimuli, monkeypatch):
    fail_at_third_write(monkeypatch, OSError(errno.EIO, os.strerror(errno.EIO)))
    with pytest.raises(OSError, match="Input/output error"):
        dict(make_model(memory_budget=0).activations(stimuli))
    assert list(scratch.iterdir()) == []


def test_hooks_are_removed_when_the_disk_fills_up(stimuli, monkeypatch, scratch):
    fail_at_third_write(monkeypatch, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    model = make_model(memory_budget=0)
    with pytest.raises(DataError):
        dict(model.activations(stimuli))
    assert not any(child._forward_hooks for child in model.module.modules())
    assert list(scratch.iterdir()) == []
