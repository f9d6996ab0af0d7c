"""Downloads go on where they were cut off, run side by side, and are whole or not there."""

import contextlib
import hashlib
import http.server
import re
import threading

import pytest
import urllib3

from neuroalign.data import download
from neuroalign.data.download import DataFiles
from neuroalign.data.transfer import Stopped, transfer
from neuroalign.errors import DownloadError

CONTENT = bytes(range(256)) * 1200
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serve one content under any name, in ways that the name says."""

    def log_message(self, *arguments):
        """Say nothing."""

    def do_GET(self):
        """Answer with what is asked for, or as the name says."""
        wanted = self.headers.get("Range", "")
        self.server.asked.append((self.path, wanted))
        self.server.encodings.append(self.headers.get("Accept-Encoding"))
        begin = asked = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        if "no-ranges" in self.path:
            begin, wanted = 0, ""
        if begin >= len(CONTENT) or "refuses" in self.path:
            self.send_error(416)
            return
        shift = 5 if "elsewhere" in self.path and begin else 0
        body = CONTENT[begin + shift :]
        self.send_response(206 if wanted or "partly" in self.path else 200)
        if (
            wanted and "unsaid" not in self.path
        ) or "no-ranges" in self.path:  # in a whole answer it means nothing
            self.send_header("Content-Range", f"bytes {asked + shift}-{len(CONTENT) - 1}/*")
        if "unmeasured" not in self.path:
            length = "all" if "mismeasured" in self.path else str(len(body))
            self.send_header("Content-Length", length)
        self.end_headers()
        cut = "cut" in self.path and not wanted
        self.wfile.write(body[:200_000] if cut else body)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("NEUROALIGN_DATA", raising=False)
    monkeypatch.setattr("neuroalign.data.download.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "mine"


@pytest.fixture
def server():
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    served.asked, served.encodings = [], []
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def files(server, *names, digest=DIGEST):
    root = f"http://127.0.0.1:{server.server_port}"
    return DataFiles("mine", {name: f"{root}/{name}#sha256={digest}" for name in names})


def part(cache, name):
    return cache / f".{name}.{DIGEST[:12]}.part"


def test_a_download_goes_on_where_it_was_cut_off(server, cache):
    with pytest.raises(DownloadError):
        files(server, "cut.npy")["cut.npy"]
    there = part(cache, "cut.npy").stat().st_size
    assert 0 < there < len(CONTENT)
    assert files(server, "cut.npy")["cut.npy"].read_bytes() == CONTENT
    assert server.asked == [("/cut.npy", ""), ("/cut.npy", f"bytes={there}-")]
    assert list(cache.iterdir()) == [cache / "cut.npy"]


def test_a_server_that_cannot_go_on_begins_anew(server, cache):
    cache.mkdir(parents=True)
    part(cache, "no-ranges.npy").write_bytes(CONTENT[:100])
    assert files(server, "no-ranges.npy")["no-ranges.npy"].read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["elsewhere.npy", "unsaid.npy"])
def test_a_server_that_goes_on_elsewhere_is_not_believed(server, cache, name):
    cache.mkdir(parents=True)
    part(cache, name).write_bytes(CONTENT[:100])
    with pytest.raises(DownloadError) as caught:
        files(server, name)[name]
    assert str(caught.value.__cause__) == "the server began at another byte than 100"
    assert files(server, name)[name].read_bytes() == CONTENT


def test_a_part_that_is_whole_already_becomes_the_file(server, cache):
    cache.mkdir(parents=True)
    part(cache, "a.npy").write_bytes(CONTENT)
    assert files(server, "a.npy")["a.npy"].read_bytes() == CONTENT
    assert not part(cache, "a.npy").exists()


def test_a_damaged_part_is_thrown_away(server, cache):
    cache.mkdir(parents=True)
    part(cache, "a.npy").write_bytes(b"x" * 100)
    with pytest.raises(DownloadError, match=r"serves is not the 'a\.npy' of this dataset"):
        files(server, "a.npy")["a.npy"]
    assert not list(cache.iterdir())
    assert files(server, "a.npy")["a.npy"].read_bytes() == CONTENT


def test_a_part_of_another_version_is_not_gone_on_from(server, cache):
    cache.mkdir(parents=True)
    (cache / f".a.npy.{'0' * 12}.part").write_bytes(CONTENT[:100])
    files(server, "a.npy")["a.npy"]
    assert server.asked == [("/a.npy", "")]


def test_several_files_come_side_by_side(server, monkeypatch):
    together = threading.Barrier(download.AT_ONCE, timeout=20)
    usual = Server.do_GET

    def do_get(self):
        together.wait()  # answered only once as many are asked for at the same time
        usual(self)

    monkeypatch.setattr(Server, "do_GET", do_get)
    names = [f"{number}.npy" for number in range(download.AT_ONCE)]
    found = files(server, *names).fetch()
    assert list(found) == names
    assert {path.read_bytes() for path in found.values()} == {CONTENT}


def test_files_that_can_be_had_are_there_when_another_fails(server, cache):
    message = f"File 'cut.npy' could not be downloaded from http://127.0.0.1:{server.server_port}"
    with pytest.raises(DownloadError, match=f"^{re.escape(message)}"):
        files(server, "a.npy", "cut.npy", "b.npy").fetch()
    assert {path.name for path in cache.iterdir() if not path.name.startswith(".")} == {
        "a.npy",
        "b.npy",
    }


def test_failures_of_several_files_are_counted(server):
    with pytest.raises(DownloadError, match=r"^2 of 3 files are not there; the first: File 'cut1"):
        files(server, "cut1.npy", "a.npy", "cut2.npy").fetch()


def test_an_interrupted_download_stops_and_keeps_what_came(server, cache, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files(server, *[f"{number}.npy" for number in range(50)]).fetch()
    whole = [path for path in cache.iterdir() if path.suffix == ".npy"]
    assert len(whole) < 50
    assert {path.read_bytes() for path in whole} <= {CONTENT}
    monkeypatch.undo()


def test_nothing_is_asked_for_twice(server):
    some = files(server, "a.npy", "b.npy")
    some.fetch(["a.npy"])
    some.fetch()
    assert sorted(path for path, _ in server.asked) == ["/a.npy", "/b.npy"]


def test_the_bytes_of_the_file_itself_are_asked_for(server):
    files(server, "a.npy")["a.npy"]
    assert server.encodings == ["identity"]


def test_a_server_that_has_nothing_of_a_file_is_no_whole_part(server):
    address = f"http://127.0.0.1:{server.server_port}/refuses.npy"
    message = (
        f"File 'refuses.npy' could not be downloaded from {address} (status 416); check the "
        "connection, or put the file into a folder that NEUROALIGN_DATA names."
    )
    with pytest.raises(DownloadError, match=f"^{re.escape(message)}$"):
        files(server, "refuses.npy")["refuses.npy"]


def test_an_answer_that_calls_itself_partial_may_be_whole(server):
    assert files(server, "partly.npy")["partly.npy"].read_bytes() == CONTENT


def test_a_server_that_says_nothing_is_given_up(server, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr("neuroalign.data.transfer.PATIENCE", 0.05)
    monkeypatch.setattr(Server, "do_GET", lambda _: over.wait(5))
    with pytest.raises(DownloadError, match=r"\(ReadTimeout\); check the connection"):
        files(server, "a.npy")["a.npy"]
    over.set()


@pytest.mark.parametrize("before", [0, 100])
@pytest.mark.parametrize("name", ["unmeasured.npy", "mismeasured.npy"])
def test_a_file_of_unknown_length_is_fetched(server, cache, name, before):
    cache.mkdir(parents=True)
    part(cache, name).write_bytes(CONTENT[:before])
    assert files(server, name)[name].read_bytes() == CONTENT


def test_a_short_answer_is_seen_where_the_library_lets_it_pass(server, cache, monkeypatch):
    lenient = property(lambda _: False, lambda *_: None)  # as before urllib3 2
    monkeypatch.setattr(urllib3.HTTPResponse, "enforce_content_length", lenient, raising=False)
    with pytest.raises(DownloadError) as caught:
        files(server, "cut.npy")["cut.npy"]
    assert str(caught.value.__cause__) == f"200000 of {len(CONTENT)} bytes came"
    assert part(cache, "cut.npy").read_bytes() == CONTENT[:200_000]


@pytest.mark.parametrize(
    ("name", "before", "total"),
    [
        ("a.npy", 0, len(CONTENT)),
        ("a.npy", 100, len(CONTENT)),
        ("no-ranges.npy", 100, len(CONTENT)),
        ("unmeasured.npy", 0, 0),
    ],
)
def test_a_bar_counts_what_came_before_and_all_that_comes(
    server, cache, monkeypatch, name, before, total
):
    bars, steps = [], []

    @contextlib.contextmanager
    def byte_bars():
        yield lambda *bar: bars.append(bar) or steps.append

    monkeypatch.setattr(download, "byte_bars", byte_bars)
    cache.mkdir(parents=True)
    part(cache, name).write_bytes(CONTENT[:before])
    files(server, name)[name]
    assert bars == [(name, total)]
    assert steps[0] == (0 if "no-ranges" in name else before)
    assert sum(steps) == len(CONTENT)


def test_a_transfer_that_is_stopped_leaves_no_file(server, cache):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        transfer(
            f"http://127.0.0.1:{server.server_port}/a.npy",
            cache / "a.npy",
            algorithm="sha256",
            digest=DIGEST,
            add_bar=lambda *_: lambda _: None,
            stop=stop,
        )  # fmt: skip
    assert [path.name for path in cache.iterdir()] == [part(cache, "a.npy").name]
