"""Files that are missing, empty or of another kind are said in one sentence."""

import re

import pytest

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers.files import existing, reading


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def test_a_file_that_is_there_is_returned(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    assert existing(str(tmp_path / "a.csv")) == tmp_path / "a.csv"


def test_a_missing_file_is_refused(tmp_path):
    with refused(f"File '{tmp_path}/a.csv' does not exist; check its name and folder."):
        existing(tmp_path / "a.csv")


def test_a_folder_is_refused(tmp_path):
    with refused(f"'{tmp_path}' is a folder; a file is needed."):
        existing(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.csv").touch()
    with refused(f"File '{tmp_path}/a.csv' is empty; fetch it anew."):
        existing(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("bad header.\nmore"), "ValueError: bad header"),
        (KeyError("betas"), "KeyError: betas"),
        (EOFError(), "EOFError"),
        (OSError(5, "Input/output error"), "OSError: [Errno 5] Input/output error"),
    ],
)
def test_what_a_library_raises_becomes_one_sentence(error, reason):
    with (
        refused(f"File 'a.nii' cannot be read as a NIfTI image ({reason})."),
        reading("a.nii", "a NIfTI image"),
    ):
        raise error


def test_too_little_memory_says_what_to_do():
    message = "File 'a.nii' does not fit into memory as a NIfTI image; read fewer neuroids."
    with refused(message), reading("a.nii", "a NIfTI image"):
        raise MemoryError


@pytest.mark.parametrize("error", [UnknownNameError("as it was"), ModuleNotFoundError("nilearn")])
def test_errors_that_speak_for_themselves_pass(error):
    with pytest.raises(type(error)) as caught, reading("a.nii", "a NIfTI image"):
        raise error
    assert caught.value is error
