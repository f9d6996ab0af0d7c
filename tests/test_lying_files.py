"""Files that lie about their sizes, hold code, or point out of their folder give one sentence."""

import tracemalloc

import lying_arrays
import lying_tables
import pytest
from test_damaged_files import assert_an_error, check_reading, refusal

CASES = {
    f"{group}: {name}": read
    for group, cases in {**lying_arrays.CASES, **lying_tables.CASES}.items()
    for name, read in cases.items()
}
ABSURD = [
    "NumPy: a trillion values", "NumPy: axes whose product overflows",
    "NumPy: an archive that declares gigabytes", "HDF5: a trillion values",
    "HDF5: a chunk of gigabytes", "NIfTI: dimensions of 32767", "NIfTI: a bomb",
    "surface: vertices beyond number", "surface: entities without end",
    "voltages: EDF of many records", "voltages: BrainVision of many channels",
    "assembly: a dimension of billions", "archive: a bomb",
    "archive: a declared size of gigabytes", "archive: a picture of billions of pixels",
    "table: R that promises billions",
]  # fmt: skip
MOST = 48 * 2**20  # bytes of memory that a refusal may take


@pytest.mark.parametrize("case", CASES)
def test_a_lie_gives_one_sentence(case, tmp_path):
    assert refusal(lambda: CASES[case](tmp_path))


@pytest.mark.parametrize("case", CASES)
def test_the_command_line_says_it_too(case, tmp_path, check, monkeypatch):
    (tmp_path / "files").mkdir()
    assert_an_error(
        *check_reading(lambda: CASES[case](tmp_path / "files"), check, tmp_path, monkeypatch)
    )


@pytest.mark.parametrize("case", ABSURD)
def test_an_absurd_size_takes_no_memory(case, tmp_path):
    refusal(lambda: CASES[case](tmp_path))  # imports what it needs
    for path in tmp_path.iterdir():
        path.unlink()
    tracemalloc.start()
    try:
        refusal(lambda: CASES[case](tmp_path))
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < MOST


ELSEWHERE = [name for name in CASES if name.endswith((" another file", " several files", ", NWB"))]


@pytest.mark.parametrize("case", ELSEWHERE)
def test_values_of_other_files_are_said_to_lie_elsewhere(case, tmp_path):
    said = " lies in another file; read that one, or copy the values into this."
    assert refusal(lambda: CASES[case](tmp_path)).endswith(said)


def test_nothing_is_written_outside_of_the_folder(tmp_path):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    for name in ("a name that leads out", "an absolute name", "a link"):
        refusal(lambda name=name: CASES[f"archive: {name}"](inside))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert not any(path.is_symlink() for path in inside.iterdir())
