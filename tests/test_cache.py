"""Kept activations: any changed ingredient misses, and labels are put on anew."""

import copy
import functools

import numpy as np
import pytest
import torch
import xarray as xr
import zarr
from cache_cases import Net, Scaled, TinyModel, make_stimuli, read_layers

from neuroalign.models import cache_entry
from neuroalign.models.cache import cached


def test_what_is_read_is_what_was_computed(tmp_path):
    model = TinyModel()
    plain = dict(model.activations(make_stimuli()))
    for _ in range(2):
        found = read_layers(model, tmp_path)
        assert list(found) == ["first", "second", "raw"]
        assert all(found[layer].identical(plain[layer]) for layer in plain)
    assert len(model.passes) == 2  # without a cache, and once with it


def test_a_cached_model_is_the_model(tmp_path):
    model = TinyModel()
    model.fingerprint = lambda: "sha"
    kept = cached(model, folder=tmp_path)
    assert (kept.name, kept.reads, kept.layers) == ("tiny", "image", model.layers)
    assert kept.fingerprint() == "sha"
    assert kept.ingredients(make_stimuli()) == model.ingredients(make_stimuli())
    assert not hasattr(cached(TinyModel(), folder=tmp_path), "select")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "bool"])
@pytest.mark.parametrize("chunk", [1, 100, 1 << 24])
def test_every_type_and_size_of_chunk_comes_back_bit_by_bit(tmp_path, monkeypatch, dtype, chunk):
    monkeypatch.setattr(cache_entry, "CHUNK_BYTES", chunk)
    values = np.random.default_rng(1).normal(size=(7, 2, 3))
    values[0, 0] = [np.nan, -0.0, np.inf] if dtype.startswith("float") else 0
    array = xr.DataArray(values.astype(dtype), dims=("stimulus", "token", "channel"))
    cache_entry.write_entry(tmp_path, array, {})
    found = cache_entry.read_entry(tmp_path, cache_entry.read_manifest(tmp_path))
    assert found.identical(array)
    assert found.values.tobytes() == array.values.tobytes()
    assert np.array_equal(zarr.open_array(tmp_path / "activations")[:], array, equal_nan=True)


def test_chunks_of_zeros_are_written(tmp_path):
    array = xr.DataArray(np.zeros((4, 2)), dims=("stimulus", "unit"))
    cache_entry.write_entry(tmp_path, array, {})
    assert cache_entry.read_entry(tmp_path, cache_entry.read_manifest(tmp_path)).identical(array)


def test_coordinates_beside_the_stimulus_come_back(tmp_path):
    coords = {
        "time": [0.1, 0.1 + 0.2],
        "space": ("unit", ["left", "right", "é"]),
        "day": ("unit", np.array(["2020-01-01"] * 3, "datetime64[ns]")),
        "depth": ("unit", np.array([1, np.nan, 3], "float32")),
        "layer": "one",
    }
    array = xr.DataArray(np.ones((4, 2, 3)), coords, ("stimulus", "time", "unit"), name="x")
    cache_entry.write_entry(tmp_path, array, {})
    assert cache_entry.read_entry(tmp_path, cache_entry.read_manifest(tmp_path)).identical(array)


def nothing(model, stimuli):
    return model, stimuli


def weights(model, stimuli):
    model.net.first.weight.data[0, 0] += 1e-7
    return model, stimuli


def buffer(model, stimuli):
    model.net.shift[0] = 1e-7
    return model, stimuli


def attribute(model, stimuli):
    model.net.gain = 1.0000001
    return model, stimuli


def code(model, stimuli):
    class Changed(Net):
        def forward(self, values):
            return {**super().forward(values), "new": 1}

    model.net.__class__ = Changed
    return model, stimuli


def size(model, stimuli):
    model.preprocess = Scaled(size=5)  # of images of 4 x 4, which no size above crops
    return model, stimuli


def mean(model, stimuli):
    model.preprocess = Scaled(mean=0.25)
    return model, stimuli


def other_callable(model, stimuli):
    model.preprocess = functools.partial(Scaled.__call__, Scaled())
    return model, stimuli


def pixel(model, stimuli):
    stimuli["image"].iloc[3][2, 1] ^= 1
    return model, stimuli


def order(model, stimuli):
    return model, stimuli.iloc[::-1]


def one_more(model, stimuli):
    del stimuli
    return model, make_stimuli(7)


def one_less(model, stimuli):
    return model, stimuli.iloc[:-1]


def option(name, value):
    def change(model, stimuli):
        model.options[name] = value
        return model, stimuli

    change.__name__ = name
    return change


def library(model, stimuli):
    model.versions["torch"] = "2.1"
    return model, stimuli


def device(model, stimuli):
    model.device = "cuda"
    return model, stimuli


def own_code(model, stimuli):
    class Wrapped(TinyModel):
        def activations(self, stimuli, layers=None):
            for layer, values in super().activations(stimuli, layers):
                yield layer, values + 1

    model.__class__ = Wrapped
    return model, stimuli


CHANGES = [
    weights, buffer, attribute, code, size, mean, other_callable, pixel, order, one_more, one_less,
    option("precision", "float16"), option("pooling", "last"), option("context", "growing"),
    library, device, own_code,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_ingredient_misses(tmp_path, change):
    read_layers(TinyModel(), tmp_path)
    model, stimuli = change(TinyModel(), make_stimuli())
    read_layers(model, tmp_path, stimuli)
    assert model.passes == [["first", "second", "raw"]]


def test_another_format_of_entries_misses(tmp_path, monkeypatch):
    model = TinyModel()
    read_layers(model, tmp_path)
    monkeypatch.setattr(cache_entry, "FORMAT", cache_entry.FORMAT + 1)
    read_layers(model, tmp_path)
    assert len(model.passes) == 2


def test_the_default_type_of_new_tensors_counts(tmp_path):
    read_layers(model := TinyModel(), tmp_path)
    model.preprocess = lambda image: torch.from_numpy(image.astype(np.float32))
    read_layers(model, tmp_path)
    torch.set_default_dtype(torch.float64)
    try:
        read_layers(model, tmp_path)
    finally:
        torch.set_default_dtype(torch.float32)
    assert len(model.passes) == 3


def labels(model, stimuli):
    return model, stimuli.set_axis([f"other {number}" for number in (4, 0, 5, 1, 3, 2)])


def batch_size(model, stimuli):
    model.batch_size = 3
    return model, stimuli


def model_name(model, stimuli):
    model.name = "renamed"
    return model, stimuli


def other_column(model, stimuli):
    return model, stimuli.assign(onset=1.0)


def made_again(model, stimuli):
    model.net = copy.deepcopy(model.net).train()
    return model, stimuli


@pytest.mark.parametrize(
    "change", [nothing, labels, batch_size, model_name, other_column, made_again],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_what_decides_nothing_hits(tmp_path, change):
    read_layers(TinyModel(), tmp_path)
    model, stimuli = change(TinyModel(), make_stimuli())
    found = read_layers(model, tmp_path, stimuli)
    assert model.passes == []
    assert all(found[layer].identical(one) for layer, one in model.activations(stimuli))


def test_another_layer_misses_and_one_pass_computes_all_that_are_not_there(tmp_path):
    model = TinyModel()
    read_layers(model, tmp_path, layers=["second"])
    found = read_layers(model, tmp_path, layers=["raw", "second", "first"])
    assert list(found) == ["raw", "second", "first"]
    assert model.passes == [["second"], ["raw", "first"]]
    read_layers(model, tmp_path, layers="first")
    assert len(model.passes) == 2


class Selecting(TinyModel):
    """A model whose layers have patterns; one of them turns out to be none."""

    def select(self, wanted):  # noqa: D102
        known = [*self.layers, "unused"]
        return [name for item in wanted for name in known if item in (name, "all")]

    def activations(self, stimuli, layers=None):  # noqa: D102
        names = None if layers is None else self.select([layers] if layers == "all" else layers)
        names = [name for name in names or self.layers if name != "unused"]
        yield from super().activations(stimuli, names)


def test_a_pattern_is_served_once_a_pass_told_what_it_means(tmp_path):
    model = Selecting()
    for _ in range(2):
        assert list(read_layers(model, tmp_path, layers="all")) == ["first", "second", "raw"]
    assert list(read_layers(model, tmp_path, layers=["second"])) == ["second"]
    assert len(model.passes) == 1
