"""Files: found in a folder, in the cache or on a server, and never used unverified."""

import errno
import functools
import hashlib
import http.server
import os
import re
import threading

import pytest

import neuroalign as na
from neuroalign.data.download import DataFiles
from neuroalign.errors import DataError, DownloadError, UnknownNameError

CONTENT = b"responses of nobody"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
CLOSED = "http://127.0.0.1:9"  # the port of the discard service, which nobody offers


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files, and break off in the middle of those called so."""

    def log_message(self, *arguments):
        """Say nothing."""

    def send_header(self, keyword, value):
        """Promise more of a file than will come."""
        if keyword == "Content-Length" and "breaks-off" in self.path:
            value = str(int(value) + 1)
        super().send_header(keyword, value)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep downloads under the folder of the test, and forget the folder of real files."""
    monkeypatch.delenv("NEUROALIGN_DATA", raising=False)
    monkeypatch.setattr("neuroalign.data.download.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def served(tmp_path):
    """Serve a folder on this machine; gives the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def local(tmp_path):
    """Make a folder that holds the file already."""
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "a.npy").write_bytes(CONTENT)
    return folder


def files_at(address, **options):
    return DataFiles("mine", {"a.npy": f"{address}#sha256={DIGEST}"}, **options)


def refused(message, error=DownloadError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def everything_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_in_the_folder_is_not_downloaded(local, cache):
    assert files_at(f"{CLOSED}/a.npy", folder=local)["a.npy"] == local / "a.npy"
    assert not cache.exists()


def test_the_environment_names_a_folder_of_folders(local, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_DATA", str(local.parent))
    files = DataFiles("local", {"a.npy": f"{CLOSED}/a.npy#sha256={DIGEST}"})
    assert files["a.npy"] == local / "a.npy"


def test_the_environment_may_name_a_folder_at_home(local, monkeypatch):
    monkeypatch.setenv("HOME", str(local.parent.parent))
    monkeypatch.setenv("NEUROALIGN_DATA", f"~/{local.parent.name}")
    files = DataFiles("local", {"a.npy": f"{CLOSED}/a.npy#sha256={DIGEST}"})
    assert files["a.npy"] == local / "a.npy"


def test_a_folder_that_is_given_comes_before_the_environment(local, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_DATA", str(tmp_path / "elsewhere"))
    assert files_at(f"{CLOSED}/a.npy", folder=local)["a.npy"] == local / "a.npy"


def test_a_truncated_file_in_the_folder_is_refused(local):
    path = local / "a.npy"
    path.write_bytes(CONTENT[:9])
    found = hashlib.sha256(CONTENT[:9]).hexdigest()
    message = (
        f"File {path} (9 bytes) is damaged or another version: its sha256 is {found[:12]}..., "
        f"but {DIGEST[:12]}... is needed; "
        "fetch it anew, or where it is your own, put its hash on the card."
    )
    with refused(message):
        files_at(f"{CLOSED}/a.npy", folder=local)["a.npy"]


def test_a_file_is_taken_as_it_is_where_that_is_asked_for(local):
    (local / "a.npy").write_bytes(b"a miniature")
    files = files_at(f"{CLOSED}/a.npy", folder=local, verify=False)
    assert files["a.npy"].read_bytes() == b"a miniature"


def test_a_file_without_an_address_says_how_to_get_it(tmp_path):
    files = files_at("", how_to_get="https://host/form", folder=tmp_path)
    wanted = tmp_path / "a.npy"
    with refused(f"File 'a.npy' has to be got from https://host/form and put at {wanted}."):
        files["a.npy"]


def test_a_file_without_an_address_names_the_variable_where_no_folder_is_known():
    wanted = os.path.join("$NEUROALIGN_DATA", "mine", "a.npy")
    with refused(f"File 'a.npy' has to be got from its owners and put at {wanted}."):
        files_at("")["a.npy"]


def test_an_unknown_file_names_the_nearest():
    message = "No file of dataset 'mine' is called 'b.npy'. Did you mean 'a.npy'?"
    with refused(message, UnknownNameError):
        files_at(CLOSED)["b.npy"]


def test_patterns_give_each_name_once_and_must_fit_one():
    names = ["a.npy", "b.csv", "c.npy"]
    files = DataFiles("mine", {name: f"{CLOSED}/{name}" for name in names})
    assert files.matching(["c*", "*.npy"]) == ["c.npy", "a.npy"]
    message = "No file of dataset 'mine' is called 'd*'."
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}"):
        files.matching(["a*", "d*"])


def test_files_come_in_the_order_asked_for_from_wherever_they_are(served, local):
    folder, address = served
    for name in ("b.npy", "c.npy"):
        (folder / name).write_bytes(CONTENT)
    names = ["c.npy", "a.npy", "b.npy"]
    addresses = {name: f"{address}/{name}#sha256={DIGEST}" for name in sorted(names)}
    found = DataFiles("mine", addresses, folder=local).fetch(iter(names))
    assert list(found) == names
    assert found["a.npy"] == local / "a.npy"
    assert DataFiles("mine", addresses, folder=local).fetch([]) == {}


def test_one_bad_file_does_not_keep_others_from_coming(served, local, cache):
    folder, address = served
    (folder / "b.npy").write_bytes(CONTENT)
    (local / "a.npy").write_bytes(b"?")
    addresses = {name: f"{address}/{name}#sha256={DIGEST}" for name in ("a.npy", "b.npy", "c.npy")}
    with pytest.raises(DownloadError, match=r"^2 of 3 files are not there; the first: File '?/"):
        DataFiles("mine", addresses, folder=local).fetch()
    assert (cache / "mine" / "b.npy").read_bytes() == CONTENT


def test_a_file_with_no_hash_in_the_folder_is_taken(local):
    assert DataFiles("mine", {"a.npy": ""}, folder=local)["a.npy"] == local / "a.npy"
    assert not DataFiles("mine", {"a.npy": ""}).has_hash("a.npy")
    assert files_at("").has_hash("a.npy")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "full"),
            "No space is left in {} for 'a.npy'; free some and try again.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "The cache folder {} cannot be written to (permission denied); mend that, or put "
            "'a.npy' into a folder that NEUROALIGN_DATA names.",
        ),
        (
            OSError(errno.EIO, None),
            "The cache folder {} cannot be written to (oserror); mend that, or put 'a.npy' into a "
            "folder that NEUROALIGN_DATA names.",
        ),
    ],
)  # fmt: skip
def test_a_disk_that_cannot_be_written_to_is_not_blamed_on_the_network(
    cache, monkeypatch, error, said
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("neuroalign.data.download.transfer", fail)
    with refused(said.format(cache / "mine")):
        files_at(f"{CLOSED}/a.npy")["a.npy"]


HASHES = {"sha256": DIGEST, "sha1": hashlib.sha1(CONTENT).hexdigest()}


def files_of(algorithm, address):
    return DataFiles("mine", {"a.npy": f"{address}#{algorithm}={HASHES[algorithm]}"})


@pytest.mark.parametrize("algorithm", HASHES)
def test_a_damaged_file_in_the_cache_is_refused(algorithm, served, cache):
    folder, address = served
    (folder / "x.npy").write_bytes(CONTENT)
    files = files_of(algorithm, f"{address}/x.npy")
    path = files["a.npy"]
    assert path == cache / "mine" / "a.npy"
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"")
    found = hashlib.new(algorithm, b"").hexdigest()
    message = (
        f"File {path} (0 bytes) is damaged or another version: its {algorithm} is "
        f"{found[:12]}..., but {HASHES[algorithm][:12]}... is needed; "
        "fetch it anew, or where it is your own, put its hash on the card."
    )
    with refused(message):
        files["a.npy"]


@pytest.mark.parametrize("algorithm", HASHES)
def test_another_file_than_promised_is_refused_and_not_kept(algorithm, served, cache):
    folder, address = served
    (folder / "a.npy").write_bytes(b"<html>Please log in</html>")
    found = hashlib.new(algorithm, b"<html>Please log in</html>").hexdigest()
    message = (
        f"What {address}/a.npy serves is not the 'a.npy' of this dataset (its hash is "
        f"{found[:12]}...); look there for a login, or another version."
    )
    with refused(message):
        files_of(algorithm, f"{address}/a.npy")["a.npy"]
    assert everything_in(cache) == []


def test_naming_and_counting_files_fetches_nothing(cache):
    files = files_at(f"{CLOSED}/a.npy")
    assert "a.npy" in files
    assert "b.npy" not in files
    assert (list(files), len(files)) == (["a.npy"], 1)
    assert not cache.exists()


def test_a_file_in_the_cache_is_not_downloaded_again(served):
    folder, address = served
    (folder / "x.npy").write_bytes(CONTENT)
    files_at(f"{address}/x.npy")["a.npy"]
    assert files_at(f"{CLOSED}/x.npy")["a.npy"].read_bytes() == CONTENT


def test_a_download_that_breaks_off_is_kept_aside_and_never_used(served, cache):
    folder, address = served
    (folder / "breaks-off.npy").write_bytes(CONTENT)
    with pytest.raises(DownloadError, match=r"/breaks-off\.npy \(ChunkedEncodingError\); check"):
        files_at(f"{address}/breaks-off.npy")["a.npy"]
    assert everything_in(cache) == [cache / "mine" / f".a.npy.{DIGEST[:12]}.part"]


def test_an_address_that_cannot_be_is_not_blamed_on_the_hash():
    address = "http://127.0.0.1:port/a.npy"
    with pytest.raises(DownloadError, match=r"/a\.npy \(InvalidURL\); check the connection"):
        files_at(address)["a.npy"]


def card(**changes):
    facts = {"citation": "doi:10/x", "modality": "fmri", "species": "human"}
    return na.DatasetCard(**{**facts, "stimulus": "text", "license": "CC0-1.0", **changes})


def test_a_card_speaks_of_known_modalities_only():
    message = (
        "DatasetCard modality='mri' is not one of fmri, seeg, ecog, eeg, meg, spikes, calcium, "
        "behavior, simulated."
    )
    with refused(message, DataError):
        card(modality="mri")


@pytest.mark.parametrize("name", ["../a.npy", "/a.npy", "b/../../a.npy", "", "b\\..\\a.npy"])
def test_a_card_names_files_within_its_folder_only(name):
    message = (
        f"DatasetCard file {name!r} lies outside the folder of the dataset; name a path within "
        "it, as in 'sub-01/responses.npy'."
    )
    with refused(message, DataError):
        card(files={name: f"#sha256={DIGEST}"})


def test_a_card_speaks_of_known_stimuli_only():
    message = "DatasetCard stimulus='words' is not one of text, image, audio, video, condition."
    with refused(message, DataError):
        card(stimulus="words")


@pytest.mark.parametrize(
    "address",
    [
        "https://host/a.npy",
        "https://host/a.npy#sha256=",
        f"https://host/a.npy#sha256={DIGEST[1:]}",
        f"https://host/a.npy#sha256={DIGEST[1:]}G",
        f"https://host/a.npy#md5={DIGEST}",
        f"https://host/a.npy#sha1={DIGEST}",
        f"ftp://host/a.npy#sha256={DIGEST}",
    ],
)
def test_a_card_promises_verified_files_only(address):
    message = (
        f"DatasetCard file 'a.npy' has the address {address!r}; "
        "write 'https://...#sha256=<64 hexadecimal digits>', or only '#sha256=...' for a file that "
        "cannot be fetched."
    )
    with refused(message, DataError):
        card(files={"a.npy": address})


def test_a_card_may_promise_a_sha1():
    files = {"a.npy": f"https://host/a.npy?versionId=null#sha1={DIGEST[:40]}"}
    assert card(files=files).files == files


def test_a_file_that_is_got_by_hand_may_have_no_hash(tmp_path):
    made = card(files={"a.npy": ""}, how_to_get="https://form")
    (tmp_path / "a.npy").write_bytes(b"whatever")
    files = DataFiles("author2024", made.files, how_to_get=made.how_to_get, folder=tmp_path)
    assert files["a.npy"] == tmp_path / "a.npy"


def test_a_file_without_address_or_hash_needs_a_way_to_get_it():
    with pytest.raises(DataError, match=r"^DatasetCard file .a\.npy. has the address .."):
        card(files={"a.npy": ""})


def test_a_file_behind_a_form_needs_a_hash_only():
    files = {"a.npy": f"#sha256={DIGEST}"}
    assert card(files=files, how_to_get="https://host/form").files == files
