"""`neuroalign fetch`: files are there, whole and verified, or one sentence says what to do."""

import hashlib
import http.server
import os
import threading

import pytest

from neuroalign.data import transfer

CONTENT = b"1,2,3\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
CLOSED = "http://127.0.0.1:9"  # the port of the discard service, which nobody offers
ADAPTER = """
import neuroalign as na

CARD = na.DatasetCard(
    citation="none", modality="simulated", species="none", stimulus="text", license="CC0-1.0",
    files={files}, how_to_get="the owners",
)


def load(files, *, subjects=None):
    raise ValueError(files["table.csv"].read_text())
"""


class Server(http.server.BaseHTTPRequestHandler):
    """Answer in the way that the address says."""

    def log_message(self, *arguments):
        """Say nothing."""

    def do_GET(self):
        """Serve the table, another page, a part of it, an error or an endless way round."""
        way = self.path.removeprefix("/")
        self.send_response({"lost": 404, "broken": 500, "round": 302}.get(way, 200))
        body = b"<html>Log in</html>" if way == "page" else CONTENT
        length = {"cut": 600, "odd": "many", "endless": 10**15}.get(way, len(body))
        self.send_header("Content-Length", str(length))
        if way == "round":
            self.send_header("Location", self.path)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def address():
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("NEUROALIGN_DATA", raising=False)
    monkeypatch.setattr("neuroalign.data.download.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "own"


def write(folder, address=""):
    """Write a dataset of one file; returns its folder."""
    folder.mkdir()
    address = address if address == "unknown" else f"{address}#sha256={DIGEST}"
    files = {"table.csv": address.removeprefix("unknown")}
    (folder / "dataset.py").write_text(ADAPTER.replace("{files}", repr(files)))
    return folder


def dataset_with_file(folder, *, content=CONTENT):
    write(folder)
    if content is not None:
        (folder / "table.csv").write_bytes(content)
    return str(folder), DIGEST


def test_a_file_is_downloaded_once(address, run, cache, tmp_path):
    said = f"{cache / 'table.csv'}\n1 file is there and verified.\n"
    dataset = write(tmp_path / "own", f"{address}/whole")
    assert run("fetch", dataset) == (0, said, "")
    adapter = dataset / "dataset.py"
    adapter.write_text(adapter.read_text().replace(address, CLOSED))
    assert run("fetch", dataset) == (0, said, "")


def test_a_length_that_is_no_number_is_not_needed(address, run, tmp_path):
    assert run("fetch", write(tmp_path / "own", f"{address}/odd"))[0] == 0


FAILURES = {
    "lost": "status 404", "broken": "status 500", "round": "status 302",
    "cut": "ChunkedEncodingError", "endless": "ChunkedEncodingError",
}  # fmt: skip


@pytest.mark.parametrize("command", ["fetch", "check", "score"])
@pytest.mark.parametrize("way", [*FAILURES, "page", "closed", "disk", "denied"])
def test_a_failed_download_is_one_sentence_and_nothing_of_it_is_used(
    way, command, address, run, cache, tmp_path, monkeypatch
):
    url = f"{CLOSED if way == 'closed' else address}/{way}"
    put = "put the file into a folder that NEUROALIGN_DATA names"
    if way in ("disk", "denied"):
        monkeypatch.setattr(transfer, "_receive", failing(28 if way == "disk" else 20))
    said = {
        "page": (
            f"What {url} serves is not the 'table.csv' of this dataset (its hash is "
            f"{hashlib.sha256(b'<html>Log in</html>').hexdigest()[:12]}...); look there for a "
            "login, or another version."
        ),
        "disk": f"No space is left in {cache} for 'table.csv'; free some and try again.",
        "denied": (
            f"The cache folder {cache} cannot be written to (not a directory); mend that, or "
            f"{put.replace('the file', repr('table.csv'))}."
        ),
    }.get(
        way,
        f"File 'table.csv' could not be downloaded from {url} "
        f"({FAILURES.get(way, 'ConnectionError')}); check the connection, or {put}.",
    )
    words = ("pixels",) if command == "score" else ()
    dataset = write(tmp_path / "own", url)
    assert run(command, *words, dataset) == (1, "", f"Error: {said}\n")
    assert not (cache / "table.csv").exists()


def failing(number):
    def receive(*_):
        raise OSError(number, os.strerror(number))

    return receive


def test_ctrl_c_stops_a_download(address, run, cache, tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("neuroalign.data.download.wait", interrupt)
    dataset = write(tmp_path / "own", f"{address}/cut")
    sentence = "Error: Interrupted; what was written before is whole.\n"
    assert run("fetch", dataset) == (130, "", sentence)
    assert not (cache / "table.csv").exists()


@pytest.mark.parametrize("dataset", ["simulated-v4", "folder"])
def test_a_dataset_without_files_needs_no_fetching(dataset, run, tmp_path):
    if dataset == "folder":
        dataset = tmp_path / "own"
        dataset.mkdir()
        (dataset / "dataset.toml").write_text("units = 'z'\nmodality = 'fmri'\n")
        (dataset / "stimuli.csv").write_text("stimulus,text\na,b\n")
    said = f"Dataset {str(dataset)!r} has nothing to fetch; load it as it is.\n"
    assert run("fetch", dataset) == (0, said, "")


def test_a_file_without_a_published_hash_is_not_called_verified(run, tmp_path):
    dataset = write(tmp_path / "own", "unknown")
    (dataset / "table.csv").write_bytes(b"anything")
    _, out, _ = run("fetch", dataset)
    assert out.splitlines()[-1] == ("1 file is there, but 1 without a published hash to compare.")


def test_some_files_are_fetched_by_a_pattern(run, tmp_path):
    dataset, _ = dataset_with_file(tmp_path / "own")
    code, out, _ = run("fetch", dataset, "*.csv")
    assert (code, out.splitlines()[-1]) == (0, "1 file is there and verified.")
    code, _, err = run("fetch", dataset, "*.npy")
    assert (code, err) == (
        1,
        "Error: No file of dataset 'own' is called '*.npy'. Known: 'table.csv'.\n",
    )


def test_fetch_verifies_files_that_lie_in_the_folder(run, tmp_path):
    dataset, _ = dataset_with_file(tmp_path / "own")
    code, out, err = run("fetch", dataset)
    assert (code, err) == (0, "")
    assert out == f"{tmp_path / 'own' / 'table.csv'}\n1 file is there and verified.\n"


def test_fetch_refuses_a_damaged_file(run, tmp_path):
    dataset, digest = dataset_with_file(tmp_path / "own", content=b"1,2,4\n")
    code, out, err = run("fetch", dataset)
    found = hashlib.sha256(b"1,2,4\n").hexdigest()
    assert (code, out) == (1, "")
    assert err == (
        f"Error: File {tmp_path / 'own' / 'table.csv'} (6 bytes) is damaged or another version: "
        f"its sha256 is {found[:12]}..., but {digest[:12]}... is needed; "
        "fetch it anew, or where it is your own, put its hash on the card.\n"
    )


def test_fetch_says_where_a_missing_file_has_to_be_put(run, tmp_path):
    dataset, _ = dataset_with_file(tmp_path / "own", content=None)
    code, _, err = run("fetch", dataset)
    assert code == 1
    assert err == (
        "Error: File 'table.csv' has to be got from the owners and put at "
        f"{tmp_path / 'own' / 'table.csv'}.\n"
    )
