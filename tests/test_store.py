"""Scores on disk: whole or not at all, the same when read again, and with their provenance."""

import errno
import json
import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError


@pytest.fixture(scope="module")
def case():
    """Make layers, a dataset and their scores, once."""
    rng = np.random.default_rng(2)
    units = {layer: rng.normal(size=(40, 6)) for layer in ("other", "true")}
    layers = {layer: pd.DataFrame(values) for layer, values in units.items()}
    responses = units["true"][:, None, :3] + rng.normal(size=(40, 2, 3))
    dataset = na.make_dataset(responses, pd.DataFrame(index=range(40)), roi="V4", units="z")
    return layers, dataset, na.score(layers, dataset, folds=na.KFold(3), seed=4, progress=False)


@pytest.fixture
def scores(case):
    return case[2].copy(deep=True)


def refusal(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_scores_are_the_same_when_read_again(planted, tmp_path):
    layers, dataset = planted
    scores = na.score(layers, dataset, progress=False)
    folder = na.save_scores(scores, tmp_path / "runs" / "one")
    loaded = na.load_scores(folder)
    assert loaded.identical(scores)
    assert all(loaded[name].dtype == scores[name].dtype for name in scores.data_vars)


def test_read_scores_are_summarized_alike(scores, tmp_path):
    loaded = na.load_scores(na.save_scores(scores, tmp_path / "one"))
    assert na.summarize(loaded).equals(na.summarize(scores))


def test_saving_changes_nothing_in_the_scores(scores, tmp_path):
    before = scores.copy(deep=True)
    na.save_scores(scores, tmp_path / "one")
    assert scores.identical(before)


def test_a_folder_of_a_run_holds_arrays_and_provenance(scores, tmp_path):
    folder = na.save_scores(scores, tmp_path / "one")
    assert names_in(folder) == ["provenance.json", "scores.nc"]
    assert names_in(tmp_path) == ["one"]


def test_paths_may_be_strings_with_a_tilde(scores, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert na.save_scores(scores, "~/one") == tmp_path / "one"
    assert na.load_scores("~/one").identical(scores)


def test_a_folder_that_is_there_is_filled_and_keeps_what_it_holds(scores, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    na.save_scores(scores, tmp_path)
    assert names_in(tmp_path) == ["notes.txt", "provenance.json", "scores.nc"]


def test_scores_are_not_overwritten_by_default(scores, tmp_path):
    na.save_scores(scores, tmp_path / "one")
    with refusal(
        f"Folder {str(tmp_path / 'one')!r} holds scores already; pass overwrite=True to replace."
    ):
        na.save_scores(scores.isel(layer=[0]), tmp_path / "one")
    assert na.load_scores(tmp_path / "one").identical(scores)


def test_scores_are_overwritten_when_asked(scores, tmp_path):
    na.save_scores(scores, tmp_path / "one")
    fewer = scores.isel(layer=[0]).assign_attrs(provenance='{"seed": 99}')
    na.save_scores(fewer, tmp_path / "one", overwrite=True)
    assert na.load_scores(tmp_path / "one").identical(fewer)
    assert json.loads((tmp_path / "one" / "provenance.json").read_text())["seed"] == 99


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_named(scores, tmp_path, share):
    path = na.save_scores(scores, tmp_path / "one") / "scores.nc"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with refusal(f"File {str(path)!r} is damaged: its sha256 is not that of provenance.json."):
        na.load_scores(tmp_path / "one")


def test_a_file_with_bytes_changed_is_not_even_opened(scores, tmp_path):
    path = na.save_scores(scores, tmp_path / "one") / "scores.nc"
    content = bytearray(path.read_bytes())
    content[2000:2040] = bytes(40)
    path.write_bytes(content)
    with refusal(f"File {str(path)!r} is damaged: its sha256 is not that of provenance.json."):
        na.load_scores(tmp_path / "one")


@pytest.mark.parametrize("text", ["", "{}", "{broken", "[]", "7"])
def test_a_provenance_that_cannot_be_read_is_named(scores, tmp_path, text):
    folder = na.save_scores(scores, tmp_path / "one")
    path = folder / "provenance.json"
    path.write_text(text)
    with refusal(
        f"File {str(path)!r} is damaged: it is no provenance with the scores_sha256 of scores.nc; "
        "copy the folder anew, or score again."
    ):
        na.load_scores(folder)


def test_scores_without_their_provenance_are_refused(scores, tmp_path):
    folder = na.save_scores(scores, tmp_path / "one")
    (folder / "provenance.json").unlink()
    with refusal(f"Folder {str(folder)!r} holds no provenance.json."):
        na.load_scores(folder)


def test_a_folder_without_scores_is_named(tmp_path):
    with refusal(f"Folder {str(tmp_path / 'nothing')!r} holds no scores.nc."):
        na.load_scores(tmp_path / "nothing")


def failing(error):
    """Make a `to_netcdf` that writes a little and then fails."""

    def to_netcdf(_scores, path, **_options):
        path.write_bytes(b"half a file")
        raise error

    return to_netcdf


def test_a_disk_that_is_full_is_explained_and_nothing_is_left(scores, tmp_path, monkeypatch):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(xr.Dataset, "to_netcdf", failing(error))
    folder = tmp_path / "one"
    with refusal(f"Scores cannot be written to {str(folder)!r}: no space is left."):
        na.save_scores(scores, folder)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), RuntimeError("broken")])
def test_nothing_is_left_of_a_run_that_is_interrupted(scores, tmp_path, monkeypatch, stop):
    monkeypatch.setattr(xr.Dataset, "to_netcdf", failing(stop))
    with pytest.raises(type(stop)):
        na.save_scores(scores, tmp_path / "one")
    assert names_in(tmp_path) == []


def test_scores_that_are_there_survive_a_failed_overwrite(scores, tmp_path, monkeypatch):
    na.save_scores(scores, tmp_path / "one")
    with monkeypatch.context() as patch:
        patch.setattr(xr.Dataset, "to_netcdf", failing(OSError(errno.ENOSPC, "full")))
        with pytest.raises(DataError):
            na.save_scores(scores.isel(layer=[0]), tmp_path / "one", overwrite=True)
    assert names_in(tmp_path) == ["one"]
    assert na.load_scores(tmp_path / "one").identical(scores)


def test_a_file_in_the_place_of_the_folder_is_explained(scores, tmp_path):
    (tmp_path / "one").write_text("a file")
    with refusal(f"Scores cannot be written to {str(tmp_path / 'one')!r}: file exists."):
        na.save_scores(scores, tmp_path / "one")
    assert names_in(tmp_path) == ["one"]


def test_a_file_in_the_place_of_a_parent_is_explained(scores, tmp_path):
    (tmp_path / "runs").write_text("a file")
    folder = tmp_path / "runs" / "deep" / "one"
    with refusal(f"Scores cannot be written to {str(folder)!r}: not a directory."):
        na.save_scores(scores, folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_is_not_writable_is_explained(scores, tmp_path):
    tmp_path.chmod(0o500)
    folder = tmp_path / "one"
    with refusal(f"Scores cannot be written to {str(folder)!r}: permission denied."):
        na.save_scores(scores, folder)
    tmp_path.chmod(0o700)


def provenance_of(layers, dataset, **options):
    scores = na.score(layers, dataset, folds=na.KFold(3), progress=False, **options)
    return json.loads(scores.attrs["provenance"])


def test_the_provenance_can_be_read_without_neuroalign(scores, tmp_path):
    folder = na.save_scores(scores, tmp_path / "one")
    record = json.loads((folder / "provenance.json").read_text())
    assert len(record.pop("scores_sha256")) == 64
    assert record == json.loads(scores.attrs["provenance"])


def test_the_provenance_says_how_to_run_the_score_again(case):
    _, dataset, scores = case
    record = json.loads(scores.attrs["provenance"])
    assert record["metric"] == repr(na.RidgeEncoding())
    assert record["folds"] == "KFold(n_folds=3)"
    assert record["seed"] == 4
    assert record["layers"] == ["other", "true"]
    expected = na.KFold(3).split(dataset.stimuli, seed=4)
    assert record["test_stimuli"] == [list(fold.test) for fold in expected.folds]


def test_the_provenance_names_versions_and_machine(scores):
    record = json.loads(scores.attrs["provenance"])
    assert record["versions"]["numpy"] == np.__version__
    assert record["versions"]["xarray"] == xr.__version__
    assert {"neuroalign", "scipy", "pandas", "torch"} <= set(record["versions"])
    assert {"python", "machine", "commit", "finished", "seconds"} <= set(record)


def test_the_provenance_names_the_weights_that_a_model_was_made_of(planted):
    layers, dataset = planted
    assert provenance_of(layers, dataset)["model_origin"] is None
    model = na.models.protocol.as_model(layers)
    model.origin = {"name": "timm:resnet50", "revision": "1a2b3c"}
    assert provenance_of(model, dataset)["model_origin"] == model.origin


def test_the_hashes_are_the_same_for_the_same_data(planted):
    first, second = (provenance_of(*planted) for _ in range(2))
    for name in ("responses_sha256", "stimuli_sha256", "model_sha256"):
        assert first[name] == second[name]
    assert len(first["responses_sha256"]["subject-1"]) == 64


def test_the_hash_changes_when_one_response_changes(planted):
    layers, dataset = planted
    before = provenance_of(layers, dataset)
    recording = dataset.recordings["subject-1"].copy(deep=True)
    recording[7, 2, 3] += 1e-6
    changed = na.BrainDataset({"subject-1": recording}, dataset.stimuli)
    after = provenance_of(layers, changed)
    assert after["responses_sha256"] != before["responses_sha256"]
    assert after["stimuli_sha256"] == before["stimuli_sha256"]


def test_the_hash_changes_when_one_stimulus_changes(planted):
    layers, dataset = planted
    texts = dataset.stimuli.assign(text=[f"word {n}" for n in range(60)])
    recordings = dict(dataset.recordings)
    before, after = (
        provenance_of(layers, na.BrainDataset(recordings, stimuli))
        for stimuli in (texts, texts.replace("word 7", "word seven"))
    )
    assert after["stimuli_sha256"] != before["stimuli_sha256"]
    assert after["responses_sha256"] == before["responses_sha256"]


def test_the_run_folder_can_be_moved(scores, tmp_path):
    na.save_scores(scores, tmp_path / "one")
    shutil.move(tmp_path / "one", tmp_path / "elsewhere")
    assert na.load_scores(tmp_path / "elsewhere").identical(scores)
