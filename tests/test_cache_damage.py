"""Damaged entries, disks that are full or only read, and models that cannot be kept."""

import errno
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from cache_cases import TinyModel, entry_of, make_stimuli, read_layers

from neuroalign.errors import DataError
from neuroalign.models import cache_folder, cache_request
from neuroalign.models.cache import cached
from neuroalign.models.cache_folder import open_cache


@pytest.fixture
def said(monkeypatch):
    """Collect what is announced."""
    sentences = []
    monkeypatch.setattr(cache_request, "announce", sentences.append)
    return sentences


def flip(entry):
    file = entry / "activations/c/0/0"
    data = bytearray(file.read_bytes())
    data[11] ^= 1
    file.write_bytes(data)
    return "chunk 0 was changed"


def drop_chunk(entry):
    (entry / "activations/c/0/0").unlink()
    return "chunk 0 is missing"


def cut_chunk(entry):
    file = entry / "activations/c/0/0"
    file.write_bytes(file.read_bytes()[:-1])
    return "chunk 0 has 119 bytes instead of 120"


def cut_manifest(entry):
    file = entry / "manifest.json"
    file.write_text(file.read_text()[:-40])
    return "its manifest is damaged"


def edit_manifest(entry):
    file = entry / "manifest.json"
    file.write_text(file.read_text().replace('"unit": "none"', '"unit": "volt"'))
    return "its manifest is damaged"


def drop_manifest(entry):
    (entry / "manifest.json").unlink()
    return "its manifest is missing"


def edit_zarr(entry):
    file = entry / "activations/zarr.json"
    file.write_text(file.read_text().replace("float32", "uint32"))
    return "its zarr.json is damaged"


def swap_in_another(entry):
    other = entry_of(entry.parent, "second") / "activations/c/0/0"
    data = other.read_bytes()
    (entry / "activations/c/0/0").write_bytes(data + data[: 120 - len(data)])
    return "chunk 0 was changed"


@pytest.mark.parametrize(
    "damage",
    [flip, drop_chunk, cut_chunk, cut_manifest, edit_manifest, drop_manifest, edit_zarr,
     swap_in_another],
)  # fmt: skip
def test_a_damaged_entry_is_said_and_computed_anew(tmp_path, said, damage):
    model = TinyModel()
    plain = read_layers(model, tmp_path)
    why = damage(entry_of(tmp_path, "first"))
    found = read_layers(model, tmp_path)
    assert all(found[layer].identical(plain[layer]) for layer in plain)
    assert model.passes[1:] == [["first"]]
    assert said == [
        f"The activations kept of layer 'first' of 'tiny' were damaged ({why}); they are computed "
        "anew."
    ]
    read_layers(model, tmp_path)
    assert len(model.passes) == 2
    assert len(said) == 1


def test_foreign_files_are_left_alone(tmp_path, said):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ("0" * 64)).write_text("a file called as a key")
    (tmp_path / "pictures").mkdir()
    model = TinyModel()
    read_layers(model, tmp_path)
    read_layers(model, tmp_path, limit=0)
    (entry_of(tmp_path, "raw") / "notes.txt").write_text("mine")
    read_layers(model, tmp_path)
    for kept in (cache := open_cache(tmp_path)).entries():
        cache.remove(kept.key)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"notes.txt", "0" * 64, "pictures"}
    assert len(model.passes) == 1
    assert said == []


def test_a_model_that_changes_between_two_layers_is_refused(tmp_path):
    model = TinyModel()
    read_layers(model, tmp_path, layers=["first"])
    asked = cached(model, folder=tmp_path).activations(make_stimuli())
    next(asked)
    model.net.gain = 3.0
    with pytest.raises(DataError) as error:
        next(asked)
    assert str(error.value) == (
        "Model 'tiny' changed while its activations were read; ask for them again."
    )
    assert len(open_cache(tmp_path).entries()) == 1


def test_a_model_without_ingredients_is_refused():
    with pytest.raises(DataError) as error:
        cached(
            {"layer": xr.DataArray(np.ones((2, 1)), {"stimulus": ["a", "b"]}, ("stimulus", "u"))}
        )
    assert str(error.value) == (
        "Model 'precomputed activations' has no method ingredients(stimuli), so that what its "
        "activations depend on is not known; use it without a cache."
    )


def test_ingredients_are_words(tmp_path):
    model = TinyModel()
    model.ingredients = lambda stimuli: {"inputs": len(stimuli)}
    with pytest.raises(DataError) as error:
        read_layers(model, tmp_path)
    assert str(error.value) == (
        "The ingredients of model 'tiny' are no mapping of strings to strings; make each a hash or "
        "a word."
    )


def test_rows_in_another_order_than_the_stimuli_are_not_kept(tmp_path, said):
    model = TinyModel()
    straight = model.activations
    model.activations = lambda stimuli, layers=None: straight(stimuli.iloc[::-1], layers)
    found = read_layers(model, tmp_path, layers=["first"])
    assert found["first"]["stimulus"].values[0] == "s5"
    assert open_cache(tmp_path).entries() == []
    assert said == ["Layer 'first' of 'tiny' is not kept: its rows are others."]


def test_what_json_cannot_hold_is_not_kept(tmp_path, said):
    model = TinyModel()
    straight = model.activations
    model.activations = lambda stimuli, layers=None: (
        (layer, values.assign_attrs(net=model)) for layer, values in straight(stimuli, layers)
    )
    assert "net" in read_layers(model, tmp_path, layers=["first"])["first"].attrs
    assert said == [
        "Activations of 'tiny' are not kept, as they have attributes that JSON cannot hold."
    ]


def test_coordinates_that_json_cannot_hold_are_not_kept(tmp_path, said):
    model = TinyModel()
    straight = model.activations
    model.activations = lambda stimuli, layers=None: (
        (layer, values.assign_coords(turn=("unit", 1j * np.ones(values.sizes["unit"]))))
        for layer, values in straight(stimuli, layers)
    )
    assert "turn" in read_layers(model, tmp_path, layers=["first"])["first"].coords
    assert open_cache(tmp_path).entries() == []
    assert said == [
        "Activations of 'tiny' are not kept, as they have a coordinate 'turn' of type complex128."
    ]


def test_a_full_disk_costs_the_cache_and_nothing_else(tmp_path, said, monkeypatch):
    def full(folder, *_):
        (folder / "begun").write_text("")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_request, "write_entry", full)
    model = TinyModel()
    found = read_layers(model, tmp_path)
    assert all(found[layer].identical(one) for layer, one in model.activations(make_stimuli()))
    assert said == [
        f"Activations cannot be kept in {str(tmp_path)!r}: [Errno 28] No space left on device."
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_only_read_serves_and_keeps_nothing(tmp_path, said, monkeypatch):
    model = TinyModel()
    read_layers(model, tmp_path, layers=["first"])

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(cache_folder.os, "utime", refuse)
    assert list(read_layers(model, tmp_path)) == ["first", "second", "raw"]
    assert model.passes == [["first"], ["second", "raw"]]
    assert said == [
        f"Activations cannot be kept in {str(tmp_path)!r}: [Errno 13] Permission denied."
    ]


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "cache"
    file.write_text("")
    with pytest.raises(DataError) as error:
        cached(TinyModel(), folder=file)
    assert str(error.value) == f"The cache {str(file)!r} is a file; name a folder."


def test_the_folder_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_CACHE", str(tmp_path / "named"))
    read_layers(TinyModel(), None)
    assert len(list((tmp_path / "named").iterdir())) == 3
    monkeypatch.delenv("NEUROALIGN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert open_cache().path.parts[-2:] == ("neuroalign", "activations")


def test_stopping_in_between_leaves_whole_entries_only(tmp_path):
    asked = cached(TinyModel(), folder=tmp_path).activations(make_stimuli())
    next(asked)
    asked.close()
    assert [kept.manifest["layer"] for kept in open_cache(tmp_path).entries()] == ["first"]
    assert len(list(tmp_path.iterdir())) == 1
