"""Several processes and one cache: killed in a write, writing the same, reading what goes."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from cache_cases import TinyModel, entry_of, make_stimuli, read_layers
from cache_process import ArrayModel, read_all

from neuroalign.models import cache_request
from neuroalign.models.cache_entry import verify_entry
from neuroalign.models.cache_folder import open_cache
from neuroalign.models.identity import content_hash

SCRIPT = Path(__file__).parent / "cache_process.py"


def start(folder, how):
    """Start a process that reads all layers."""
    return subprocess.Popen(
        [sys.executable, SCRIPT, folder, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )


def test_a_process_killed_in_a_write_leaves_no_entry_and_its_rest_is_swept(tmp_path):
    process = start(tmp_path, "stall")
    assert process.stdout.readline() == "writing\n"
    (scratch,) = tmp_path.iterdir()
    open_cache(tmp_path).sweep()
    assert scratch.exists()  # its process still runs
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert open_cache(tmp_path).entries() == []
    assert (scratch / "activations/zarr.json").exists()
    model = ArrayModel()
    assert read_all(model, tmp_path) == read_all(ArrayModel(), tmp_path / "another")
    assert model.passes == [["first", "second", "third"]]
    assert not scratch.exists()


def test_two_processes_that_write_the_same_agree(tmp_path):
    process, model = start(tmp_path, "wait"), ArrayModel()
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    sums = read_all(model, tmp_path)
    assert json.loads(process.communicate()[0])["sums"] == sums
    entries = open_cache(tmp_path).entries()
    assert len(entries) == len(list(tmp_path.iterdir())) == 3
    for kept in entries:
        verify_entry(tmp_path / kept.key)
    model.passes.clear()
    assert read_all(model, tmp_path) == sums
    assert model.passes == []


def test_the_later_of_two_writers_reads_what_the_earlier_kept(tmp_path, monkeypatch):
    write = cache_request.write_entry

    def late(folder, values, about):
        write(folder, values, about)
        monkeypatch.setattr(cache_request, "write_entry", write)
        read_layers(TinyModel(), tmp_path, layers=["first"])  # the other one is faster

    monkeypatch.setattr(cache_request, "write_entry", late)
    model = TinyModel()
    straight = model.activations
    model.activations = lambda stimuli, layers=None: (
        (layer, values + 1e-6) for layer, values in straight(stimuli, layers)
    )
    found = read_layers(model, tmp_path, layers=["first"])
    (earlier,) = dict(TinyModel().activations(make_stimuli(), ["first"])).values()
    assert found["first"].identical(earlier)
    assert [path.name for path in tmp_path.iterdir()] == [entry_of(tmp_path, "first").name]


def test_what_another_process_removes_is_computed_without_a_word(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(cache_request, "announce", said.append)
    model = TinyModel()
    read_layers(model, tmp_path)
    read = cache_request.read_entry

    def remove_first(folder, manifest):
        monkeypatch.setattr(cache_request, "read_entry", read)
        folder.rename(tmp_path / "away")
        return read(folder, manifest)

    monkeypatch.setattr(cache_request, "read_entry", remove_first)
    found = read_layers(model, tmp_path)
    assert model.passes == [["first", "second", "raw"], ["first"]]
    assert list(found) == ["first", "second", "raw"]
    assert said == []


def sums_of(found):
    return [content_hash(np.asarray(values.values)) for values in found.values()]


def test_threads_that_read_and_clear_at_once_get_right_values(tmp_path):
    stimuli = make_stimuli(50)
    model = TinyModel()  # made once: the seed of torch belongs to all threads
    right = sums_of(dict(model.activations(stimuli)))
    wrong, stop = [], threading.Event()

    def clear():
        while not stop.is_set():
            for kept in open_cache(tmp_path).entries():
                open_cache(tmp_path).remove(kept.key)

    def read():
        for _ in range(10):
            if sums_of(read_layers(model, tmp_path, stimuli)) != right:
                wrong.append(1)

    readers = [threading.Thread(target=read) for _ in range(2)]
    cleaner = threading.Thread(target=clear)
    for thread in (*readers, cleaner):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    cleaner.join()
    assert wrong == []
