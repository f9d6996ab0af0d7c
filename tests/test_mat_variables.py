"""Structures of MAT files: what is in them as deep as they go, checked before scipy follows it."""

import re

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_array

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers import read_mat_variables


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def cells(*items):
    """Make a cell array of one row."""
    made = np.empty((1, len(items)), dtype=object)
    made[0] = items
    return made


def structures():
    """Make two structures beside each other."""
    made = np.empty((1, 2), dtype=[("name", object), ("rdm", object)])
    made[0, 0] = "V1", np.arange(6.0).reshape(2, 3)
    made[0, 1] = "area 17", np.arange(4, dtype=np.uint8).reshape(2, 2)
    return made


HELD = {
    "numbers": np.arange(6, dtype=np.int16).reshape(3, 2),
    "word": "IT",
    "lines": np.array(["one", "two"]),
    "meta": {"size": 3.0, "deep": {"regions": cells("V1", "", cells(np.ones((2, 1))))}},
    "models": structures(),
    "truth": np.array([[True, False]]),
}


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def path(request, tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, HELD, do_compression=request.param)
    return path


def test_variables_are_what_matlab_shows_as_deep_as_they_go(path):
    found = read_mat_variables(path, list(HELD))
    assert list(found) == list(HELD)
    assert found["numbers"].dtype == np.int16
    np.testing.assert_array_equal(found["numbers"], HELD["numbers"])
    assert found["word"] == "IT"
    assert found["lines"].tolist() == ["one", "two"]
    assert found["truth"].tolist() == [[True, False]]
    assert set(found["meta"]) == {"size", "deep"}
    assert found["meta"]["size"].tolist() == [[3.0]]
    regions = found["meta"]["deep"]["regions"]
    assert regions.shape == (1, 3)
    assert regions[0, 0] == "V1"
    assert regions[0, 1] == ""
    assert regions[0, 2][0, 0].tolist() == [[1.0], [1.0]]
    assert found["models"].shape == (1, 2)
    assert [model["name"] for model in found["models"][0]] == ["V1", "area 17"]
    np.testing.assert_array_equal(found["models"][0, 1]["rdm"], [[0, 1], [2, 3]])
    assert found["models"][0, 1]["rdm"].dtype == np.uint8


def test_cells_and_structures_have_the_axes_that_matlab_shows(tmp_path):
    words = np.array([["a", "b", "c"], ["d", "e", "f"]], dtype=object)
    shown = np.empty((2, 3), dtype=[("word", object)])
    shown["word"] = words
    savemat(tmp_path / "a.mat", {"cells": words, "shown": shown})
    found = read_mat_variables(tmp_path / "a.mat", ["cells", "shown"])
    assert found["cells"].tolist() == words.tolist()
    assert [[one["word"] for one in row] for row in found["shown"]] == words.tolist()


def test_only_what_is_wanted_is_read(path):
    assert list(read_mat_variables(path, ["word", "numbers", "word"])) == ["word", "numbers"]
    assert read_mat_variables(path, "word") == {"word": "IT"}


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_not_wanted_may_be_anything(tmp_path, compressed):
    path = tmp_path / "a.mat"
    held = {"before": csc_array(np.eye(3)), "x": 1.0, "after": {"of": csc_array(np.eye(3))}}
    savemat(path, held, do_compression=compressed)
    assert read_mat_variables(path, ["x"])["x"].tolist() == [[1.0]]
    for name in ("before", "after"):
        message = (
            f"Variable {name!r} of {str(path)!r} is or holds a sparse matrix, a function or an "
            "object; save a full matrix."
        )
        with refused(message):
            read_mat_variables(path, [name])


# Classes of arrays that MATLAB has and scipy cannot write: an object, a function.
@pytest.mark.parametrize("kind", [3, 16])
def test_objects_and_functions_are_refused_where_they_are_wanted(tmp_path, kind):
    path = tmp_path / "a.mat"
    savemat(path, {"f": {"x": 1.0}, "y": 2.0})
    whole = bytearray(path.read_bytes())
    assert whole[144] == 2  # the class of a structure, the first byte of the flags
    whole[144] = kind
    path.write_bytes(bytes(whole))
    assert read_mat_variables(path, ["y"])["y"].tolist() == [[2.0]]
    with pytest.raises(DataError, match=r"^Variable 'f' of '.*' is or holds a sparse matrix, a fu"):
        read_mat_variables(path, ["f"])


def test_an_object_without_a_shape_is_passed_over_or_refused(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"y": 2.0})
    whole = path.read_bytes()
    flags = b"\6\0\0\0\x08\0\0\0" + b"\x11\0\0\0\0\0\0\0"
    body = flags + b"\1\0\1\0o\0\0\0" + b"\1\0\4\0MCOS" + b"\1\0\3\0Foo\0"
    element = b"\x0e\0\0\0" + len(body).to_bytes(4, "little") + body
    path.write_bytes(whole[:128] + element + whole[128:])
    assert read_mat_variables(path, ["y"])["y"].tolist() == [[2.0]]
    with pytest.raises(DataError, match=r"^Variable 'o' of '.*' is or holds a sparse matrix, a fu"):
        read_mat_variables(path, ["o"])


def test_an_unknown_variable_names_the_nearest(path):
    message = f"No variable of {str(path)!r} is called 'model'. Did you mean 'models'?"
    with refused(message, UnknownNameError):
        read_mat_variables(path, ["word", "model"])


def test_a_variable_that_is_there_twice_is_refused(path):
    whole = path.read_bytes()
    path.write_bytes(whole + whole[128:])
    with refused(f"File {str(path)!r} has two variables called 'word'; fetch it anew."):
        read_mat_variables(path, ["word"])


def test_other_versions_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"x": np.eye(2)}, format="4")
    with refused(f"File {str(path)!r} is no MAT file of version 5, 6 or 7."):
        read_mat_variables(path, ["x"])
    with h5py.File(path, "w") as file:
        file["x"] = np.eye(2)
    message = (
        f"File {str(path)!r} is of version 7.3; read its arrays one by one with "
        "na.readers.read_mat, or save it with -v7."
    )
    with refused(message):
        read_mat_variables(path, ["x"])


def test_letters_that_no_byte_stands_for_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"s": {"word": "abcd"}})
    whole = path.read_bytes()
    shape = np.array([1, 4], np.int32).tobytes()
    assert whole.count(shape) == 1
    path.write_bytes(whole.replace(shape, np.array([1, 2**30], np.int32).tobytes()))
    message = (
        f"File {str(path)!r} cannot be read as a MAT file (ValueError: 1073741824 letters cannot "
        "lie in 4 bytes)."
    )
    with refused(message):
        read_mat_variables(path, ["s"])


def test_structures_without_fields_cannot_be_more_than_the_file(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"s": {"inner": {}}})
    whole = path.read_bytes()
    assert read_mat_variables(path, ["s"]) == {"s": {"inner": {}}}
    one = np.array([1, 1], np.int32).tobytes()
    place = whole.index(one, whole.index(b"inner"))
    shape = np.array([2**20, 2**10], np.int32).tobytes()
    path.write_bytes(whole[:place] + shape + whole[place + 8 :])
    with pytest.raises(DataError, match=r"\(ValueError: 1073741824 elements cannot lie in"):
        read_mat_variables(path, ["s"])


def test_cells_along_an_axis_that_is_only_said_to_be_long_take_no_memory(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"c": np.empty((0, 3), dtype=object)})
    whole = path.read_bytes()
    shape = np.array([0, 3], np.int32).tobytes()
    path.write_bytes(whole.replace(shape, np.array([0, 2**30], np.int32).tobytes()))
    assert read_mat_variables(path, ["c"])["c"].shape == (0, 2**30)


@pytest.mark.parametrize("word", [b"\xff\x01\xf0\x07", b"\0\0\0\0", b"\x0e\0\0\0", b"\1\0\4\0"])
def test_elements_that_lie_are_refused_before_they_are_followed(path, word):
    whole = path.read_bytes()
    for place in range(128, len(whole), 4):
        path.write_bytes(whole[:place] + word + whole[place + 4 :])
        try:
            read_mat_variables(path, list(HELD))
        except (DataError, UnknownNameError) as error:
            assert "\n" not in str(error)  # noqa: PT017 - it may also be read
