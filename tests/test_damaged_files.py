"""Every kind of damage to the files of every reader and every adapter gives one sentence."""

import sys
import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import damages
import numpy as np
import pytest
import specimens

from neuroalign.data.catalog import dataset_module
from neuroalign.errors import NeuroalignError, name_some, reason, unknown_name

LONGEST = 400  # letters of a sentence
# Files that have no form which damage could offend.
FORMLESS = {"raw brainvision": (".eeg",)}
WRAPPER = """
import damaged_reading
import neuroalign as na

CARD = na.DatasetCard(
    citation="none", modality="simulated", species="none", stimulus="text", license="CC0-1.0"
)


def load(files, *, subjects=None):
    damaged_reading.read()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Write each specimen once; returns its folder and the files to damage."""
    known = {}

    def written(name):
        if name not in known:
            folder = tmp_path_factory.mktemp("whole")
            specimens.SPECIMENS[name].write(folder)
            known[name] = folder, specimens.SPECIMENS[name].paths(folder)
        return known[name]

    return written


@contextmanager
def damaged(path, damage):
    """Damage a file for a while; returns whether that always leaves a trace."""
    before = path.read_bytes()
    path.write_bytes(damages.DAMAGES[damage](before, np.random.default_rng(0)))
    try:
        yield damage in damages.CERTAIN or (damage in damages.CUTS and not damages.is_text(before))
    finally:
        path.write_bytes(before)


def refusal(read):
    """Read, and return what was said where that was refused; anything but one sentence fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            read()
        except NeuroalignError as error:
            sentence = str(error)
        else:
            return None
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) <= LONGEST, sentence
    return sentence


def test_names_that_damage_makes_long_are_cut():
    long, names = "a" * 500, ["b" * 500, *(f"{number}" * 50 for number in range(9))]
    said = str(unknown_name(long, names, kind="variable"))
    assert len(said) < LONGEST
    assert said.startswith(f"No variable is called '{'a' * 57}...'. Known: '00")
    assert said.endswith(" and 7 more.")
    assert len(name_some([long] * 3)) < LONGEST
    assert reason(ValueError(f"one\ntwo\0 {long}")).startswith("one two? aaa")
    assert len(reason(ValueError(long))) < LONGEST


@pytest.mark.parametrize("name", specimens.SPECIMENS)
def test_a_whole_specimen_is_read(name, whole):
    assert refusal(lambda: specimens.SPECIMENS[name].read(whole(name)[0])) is None


# Of studies, whose files are verified by their hashes, the coarse damages are enough by default.
COARSE = ("emptied", "cut in half", "a web page", "random bytes")
DAMAGED = [
    pytest.param(
        name,
        damage,
        marks=[pytest.mark.slow] * (name in specimens.ADAPTERS and damage not in COARSE),
    )
    for name in specimens.SPECIMENS
    for damage in damages.DAMAGES
]


@pytest.mark.parametrize(("name", "damage"), DAMAGED)
def test_a_damaged_file_gives_one_sentence(name, damage, whole):
    folder, files = whole(name)
    for file in files:
        with damaged(folder / file, damage) as certain:
            said = refusal(lambda: specimens.SPECIMENS[name].read(folder))
        wide = damage == "another encoding" and file.endswith(".TextGrid")  # which is allowed
        if certain and not wide and not file.endswith(FORMLESS.get(name, ("/",))):
            assert said is not None, file


@pytest.mark.parametrize("name", specimens.SPECIMENS)
def test_a_missing_file_gives_one_sentence(name, whole):
    folder, files = whole(name)
    path = folder / files[0]
    content = path.read_bytes()
    path.unlink()
    try:
        assert refusal(lambda: specimens.SPECIMENS[name].read(folder))
    finally:
        path.write_bytes(content)


def assert_an_error(code, said):
    assert code == 1
    assert said.startswith("Error: ")
    assert "Traceback" not in said


def check_reading(read, check, folder, monkeypatch):
    """Check a dataset that reads something when it is loaded."""
    monkeypatch.setitem(sys.modules, "damaged_reading", SimpleNamespace(read=read))
    (folder / "dataset.py").write_text(WRAPPER)
    return check(folder)


@pytest.mark.parametrize("damage", ["emptied", "a web page", "random bytes"])
@pytest.mark.parametrize("name", specimens.READERS)
def test_the_command_line_says_what_a_reader_says(
    name, damage, whole, check, tmp_path, monkeypatch
):
    folder, files = whole(name)

    def read():
        return specimens.SPECIMENS[name].read(folder)

    with damaged(folder / files[0], damage):
        said = refusal(read)
        code, error = check_reading(read, check, tmp_path, monkeypatch)
    assert_an_error(code, error)
    if error.startswith("Error: Dataset "):  # of facts that are gone, which are listed
        assert said.removesuffix(".") in error
    else:
        assert error == f"Error: {said}\n"


@pytest.mark.parametrize("damage", ["a web page"])
@pytest.mark.parametrize("name", specimens.ADAPTERS)
def test_the_command_line_says_what_an_adapter_says(name, damage, whole, check):
    folder, files = whole(name)
    study = specimens.ADAPTERS[name].study
    with damaged(folder / files[0], damage), specimens.unverified(study, folder):
        assert_an_error(*check(study))


HASHED = [
    name
    for name, specimen in specimens.ADAPTERS.items()
    if all(dataset_module(specimen.study)[1].CARD.files.values())
]


@pytest.mark.parametrize("name", HASHED)
def test_a_file_of_another_hash_is_never_read(name, whole, check, monkeypatch, tmp_path):
    folder, _ = whole(name)
    study = specimens.ADAPTERS[name].study
    (tmp_path / study).symlink_to(folder)
    monkeypatch.setenv("NEUROALIGN_DATA", str(tmp_path))
    code, said = check(study)
    assert_an_error(code, said)
