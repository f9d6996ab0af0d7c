"""Fixtures that many tests share: small data with a known answer, and the folder of real files."""

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from threadpoolctl import threadpool_limits

import neuroalign as na
from neuroalign import cli

# The problems of the tests are small: several threads would only wait for each other, a hundred
# times as long where something else runs too.
threadpool_limits(1)
torch.set_num_threads(1)
for library in ("OMP", "OPENBLAS", "MKL"):  # of the processes that tests start
    os.environ[f"{library}_NUM_THREADS"] = "1"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep activations in a folder of the tests, and never in a user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROALIGN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def real_data():
    """Folder of the original recordings; tests that need them skip where it is not named."""
    folder = os.environ.get("NEUROALIGN_DATA")
    if not folder:
        pytest.skip("NEUROALIGN_DATA names no folder with the original recordings")
    return Path(folder)


@pytest.fixture(scope="session")
def vision_packages():
    """Import torchvision, timm and open_clip; tests of them skip where they are not installed.

    torchvision beside a CPU build of torch may lack the operators of detection, without which it
    cannot be imported; their schemas suffice, since no test runs them.
    """
    for name in ("torchvision", "timm", "open_clip"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'neuroalign[vision]' beside torch")
    library = torch.library.Library("torchvision", "DEF")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    names = ("torchvision", "timm", "open_clip")
    yield {name: importlib.import_module(name) for name in names}
    del library


@pytest.fixture
def planted():
    """Make 60 stimuli, activations of two layers, and neurons that read out the layer "true"."""
    rng = np.random.default_rng(1)
    labels = [f"s{number:02}" for number in range(60)]
    units = {layer: rng.normal(size=(60, 30)) for layer in ("other", "true")}
    layers = {
        layer: xr.DataArray(values, {"stimulus": labels}, ("stimulus", "unit"))
        for layer, values in units.items()
    }
    signal = units["true"][:, :5] @ rng.normal(size=(5, 8))
    responses = signal[:, None] + rng.normal(size=(60, 4, 8))
    stimuli = pd.DataFrame(index=pd.Index(labels, name="stimulus"))
    dataset = na.make_dataset(responses, stimuli, roi=["V4"] * 5 + ["IT"] * 3, units="spikes/s")
    return layers, dataset


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command as a shell would; returns exit code, output and errors."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["neuroalign", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def check(run):
    """Run `neuroalign check`; returns exit code and what it says of errors."""

    def check(dataset):
        code, _, said = run("check", dataset)
        return code, said

    return check
