"""The folder of kept activations: its limit, what makes room, leftovers, and its commands."""

import errno
import json
import os
import platform
import re
import sys
import time

import pytest
from cache_cases import TinyModel, entry_of, make_stimuli, read_layers
from typer.testing import CliRunner

from neuroalign.cli_cache import cache as commands
from neuroalign.errors import DataError
from neuroalign.models import cache_folder, cache_request
from neuroalign.models.cache import cached
from neuroalign.models.cache_folder import DAY, open_cache, read_bytes, show_bytes


def run(folder, *words):
    """Run `neuroalign cache`."""
    result = CliRunner().invoke(commands, [*words, "--in", str(folder)])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def kept_layers(folder):
    """Return the layers that are kept, the one that was used longest ago first."""
    return [kept.manifest["layer"] for kept in open_cache(folder).entries()]


def use_long_ago(folder, *layers):
    """Pretend that layers were used long ago, in this order."""
    for place, layer in enumerate(layers):
        os.utime(entry_of(folder, layer) / "manifest.json", (place + 1, place + 1))


def size_of(folder):
    return sum(kept.size for kept in open_cache(folder).entries())


@pytest.mark.parametrize(
    ("amount", "size"),
    [(5, 5), ("7", 7), ("1.5 kB", 1500), ("2mb", 2 * 10**6), ("50 GB", 5 * 10**10), ("1T", None),
     ("1TB", 10**12)],
)  # fmt: skip
def test_amounts_of_bytes_are_read(amount, size):
    if size is None:
        with pytest.raises(DataError):
            read_bytes(amount)
    else:
        assert read_bytes(amount) == size


@pytest.mark.parametrize("amount", ["many", "-5", "5 MiB", "", True])
def test_what_is_no_amount_of_bytes_is_refused(amount):
    with pytest.raises(DataError) as error:
        read_bytes(amount)
    assert str(error.value) == (
        f"A limit of {amount!r} is no amount of bytes; give one, as in '50 GB'."
    )


def test_amounts_of_bytes_are_written():
    shown = [show_bytes(amount) for amount in (12, 1200, 2_500_000, 3 * 10**9, 10**12)]
    assert shown == ["12 bytes", "1.2 KB", "2.5 MB", "3.0 GB", "1.0 TB"]


def test_the_limit_is_the_argument_else_that_of_the_environment_else_50_gb(tmp_path, monkeypatch):
    monkeypatch.delenv("NEUROALIGN_CACHE_LIMIT", raising=False)
    assert open_cache(tmp_path).limit == 50 * 10**9
    monkeypatch.setenv("NEUROALIGN_CACHE_LIMIT", "2 MB")
    assert open_cache(tmp_path).limit == 2 * 10**6
    assert open_cache(tmp_path, 0).limit == 0


def test_what_was_used_longest_ago_makes_room(tmp_path):
    read_layers(TinyModel(), tmp_path)
    use_long_ago(tmp_path, "second", "raw", "first")
    read_layers(TinyModel(), tmp_path, layers=["second"])  # used now
    assert kept_layers(tmp_path) == ["raw", "first", "second"]
    limit = size_of(tmp_path) + 10
    read_layers(TinyModel(pooling="last"), tmp_path, layers=["second"], limit=limit)
    assert kept_layers(tmp_path) == ["first", "second", "second"]
    assert size_of(tmp_path) <= limit


def test_what_is_asked_for_makes_no_room_for_the_rest(tmp_path):
    model = TinyModel()
    read_layers(model, tmp_path, layers=["second", "first"])
    limit = size_of(tmp_path) + 10
    list(read_layers(model, tmp_path, layers=["raw", "second", "first"], limit=limit))
    assert model.passes == [["second", "first"], ["raw"]]
    assert sorted(kept_layers(tmp_path)) == ["first", "second"]


def test_what_is_read_makes_no_room(tmp_path):
    read_layers(TinyModel(), tmp_path, layers=["first", "raw"])
    use_long_ago(tmp_path, "first", "raw")
    kept_in = open_cache(tmp_path, size_of(tmp_path))
    oldest = kept_in.entries()[0]
    with kept_in.reading(oldest.key):
        os.utime(entry_of(tmp_path, "first") / "manifest.json", (1, 1))
        assert kept_in.make_room(10) > 10
        assert not kept_in.remove(oldest.key)
        assert kept_layers(tmp_path) == ["first"]
    assert kept_in.remove(oldest.key)


def test_a_layer_above_the_limit_is_said_and_removes_nothing(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(cache_request, "announce", said.append)
    read_layers(TinyModel(), tmp_path)
    found = read_layers(TinyModel(pooling="last"), tmp_path, layers=["first"], limit=1000)
    assert list(found) == ["first"]
    assert len(kept_layers(tmp_path)) == 3
    assert said == [
        f"Activations of 4.2 KB are not kept in {str(tmp_path)!r}, whose limit is 1.0 KB; raise "
        "it by NEUROALIGN_CACHE_LIMIT."
    ]


def test_the_layers_of_one_pass_stay_below_the_limit_together(tmp_path):
    read_layers(TinyModel(), tmp_path, layers=["first", "second"])
    limit = size_of(tmp_path) + 10
    read_layers(TinyModel(pooling="last"), tmp_path, layers=["first", "second"], limit=limit)
    assert size_of(tmp_path) <= limit
    assert kept_layers(tmp_path) == ["first", "second"]


def leftover(folder, *, what="writing", host=None):
    """Make what a process leaves that is ended within a write."""
    host = host or re.sub(r"\W", "_", platform.node())
    left = folder / f".{what}-{host}-ab12"
    (left / "inner").mkdir(parents=True)
    return left


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
@pytest.mark.parametrize("what", ["writing", "removed"])
def test_what_nobody_writes_any_more_goes(tmp_path, what):
    left = leftover(tmp_path, what=what)
    read_layers(TinyModel(), tmp_path, layers=["first"])
    assert not left.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_what_is_being_written_stays_whatever_the_clock_says(tmp_path):
    kept_in = open_cache(tmp_path)

    def write(scratch):
        os.utime(scratch, (1, 1))
        kept_in.sweep()
        assert scratch.is_dir()
        (scratch / "whole").touch()

    assert kept_in.store("ab" * 32, write)
    assert (kept_in.entry("ab" * 32) / "whole").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_folder_swept_before_it_is_held_is_made_anew(tmp_path, monkeypatch, when):
    kept_in, flock, opened = open_cache(tmp_path), cache_folder.fcntl.flock, os.open
    others, scratches = ["another process"], []

    def sweep_once():
        others.clear()
        (left,) = tmp_path.iterdir()
        left.rmdir()

    def open_late(path, *more, **options):
        if others and when == "before":
            sweep_once()
        return opened(path, *more, **options)

    own_name = cache_folder._own_name
    monkeypatch.setattr(
        cache_folder, "_own_name", lambda what: scratches.append(own_name(what)) or scratches[-1]
    )

    def lock_late(file, how):
        if others and when == "within":
            others.clear()
            raise BlockingIOError
        if others and when == "after":
            sweep_once()
        flock(file, how)

    monkeypatch.setattr(cache_folder.os, "open", open_late)
    monkeypatch.setattr(cache_folder.fcntl, "flock", lock_late)
    assert kept_in.store("ab" * 32, lambda scratch: (scratch / "whole").touch())
    assert not others
    assert len(set(scratches)) == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["ab" * 32, "whole"]


@pytest.mark.parametrize("lack", ["of the system", "of the drive"])
def test_where_nothing_can_be_locked_leftovers_go_after_a_day(tmp_path, monkeypatch, lack):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    if lack == "of the system":
        monkeypatch.setattr(cache_folder, "fcntl", None)
    else:
        monkeypatch.setattr(cache_folder.fcntl, "flock", refuse)
    left = leftover(tmp_path)
    read_layers(TinyModel(), tmp_path, layers=["first"])
    assert left.exists()
    for path in (left / "inner", left):
        os.utime(path, (time.time() - 1.01 * DAY,) * 2)
    open_cache(tmp_path).sweep()
    assert not left.exists()
    assert kept_layers(tmp_path) == ["first"]


def test_leftovers_of_other_machines_go_after_a_day(tmp_path):
    new, old = (leftover(tmp_path, host=host) for host in ("elsewhere", "far_away"))
    for path in (old / "inner", old):
        os.utime(path, (time.time() - 1.01 * DAY,) * 2)
    open_cache(tmp_path).sweep()
    assert new.exists()
    assert not old.exists()


def test_list_names_what_is_kept(tmp_path):
    read_layers(TinyModel(name="net[bold]"), tmp_path, layers=["first", "raw"])
    said = run(tmp_path, "list")
    assert re.search(r"net\[bold\] +first +6 x 5 +\d+ bytes|net\[bold\] +first +6 x 5 ", said)
    assert "6 x 4 x 1 x 4" in said
    assert f"2 entries of {show_bytes(size_of(tmp_path))} in {tmp_path}; the limit is" in said
    assert "0 entries" in run(tmp_path, "list", "--model", "other")


def test_list_of_no_folder_is_empty(tmp_path):
    assert run(tmp_path / "none", "list").startswith("0 entries of 0 bytes in")


def test_verify_removes_what_is_damaged(tmp_path):
    read_layers(TinyModel(), tmp_path)
    assert run(tmp_path, "verify") == "3 of 3 entries are as they were written.\n"
    first, raw = entry_of(tmp_path, "first"), entry_of(tmp_path, "raw")
    (first / "activations/c/0/0").write_bytes(bytes(120))
    (raw / "manifest.json").write_text("{")
    said = run(tmp_path, "verify")
    assert f"Damaged and removed: tiny first ({first.name[:12]}): chunk 0 was changed." in said
    assert f"unknown (damaged) ({raw.name[:12]}): its manifest is damaged." in said
    assert said.endswith("1 of 3 entries are as they were written.\n")
    assert kept_layers(tmp_path) == ["second"]


def test_clear_removes_everything_that_is_kept_and_nothing_else(tmp_path):
    read_layers(TinyModel(), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert run(tmp_path, "clear").startswith("3 entries of ")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_clear_removes_what_was_not_used_for_days(tmp_path):
    read_layers(TinyModel(), tmp_path)
    used = time.time() - 2 * DAY
    os.utime(entry_of(tmp_path, "raw") / "manifest.json", (used, used))
    run(tmp_path, "clear", "--older-than", "3")
    assert len(kept_layers(tmp_path)) == 3
    run(tmp_path, "clear", "--older-than", "1.5")
    assert sorted(kept_layers(tmp_path)) == ["first", "second"]


def test_clear_removes_what_is_of_one_model(tmp_path):
    for name, pooling in (("vit-s", "mean"), ("vit-b", "last"), ("resnet", "max")):
        read_layers(TinyModel(name=name, pooling=pooling), tmp_path, layers=["first"])
    run(tmp_path, "clear", "--model", "vit-*")
    (left,) = open_cache(tmp_path).entries()
    assert left.manifest["model"] == "resnet"


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_clear_leaves_what_is_in_use(tmp_path):
    read_layers(TinyModel(), tmp_path, layers=["first", "raw"])
    kept_in = open_cache(tmp_path)
    with kept_in.reading(entry_of(tmp_path, "raw").name):
        said = run(tmp_path, "clear")
    assert "1 are in use or belong to somebody else." in said
    assert kept_layers(tmp_path) == ["raw"]


def test_the_manifest_says_what_the_entry_is(tmp_path):
    read_layers(TinyModel(), tmp_path, layers=["raw"])
    said = json.loads((entry_of(tmp_path, "raw") / "manifest.json").read_text())
    assert said["what"] == "activations of one layer, kept by neuroalign"
    assert (said["model"], said["layer"], said["shape"]) == ("tiny", "raw", [6, 4, 1, 4])
    assert said["dims"] == ["stimulus", "row", "channel", "column"]
    assert set(said["ingredients"]) == {
        *TinyModel().ingredients(make_stimuli()), "code of the model", "numbers"
    }  # fmt: skip
    assert "s0" not in json.dumps(said)


def test_many_layers_are_counted_once_and_stay_below_the_limit(tmp_path, monkeypatch):
    counted = []
    count = cache_folder.CacheFolder.make_room
    monkeypatch.setattr(
        cache_folder.CacheFolder, "make_room", lambda *given: counted.append(1) or count(*given)
    )
    list(cached(TinyModel(), folder=tmp_path).activations(make_stimuli()))
    assert len(counted) == 1
