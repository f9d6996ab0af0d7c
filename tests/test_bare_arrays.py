"""Bare arrays of MATLAB and NumPy: axes as their program shows them, and no code from a file."""

import io
import re
import zipfile

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_array

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers.arrays import read_npy
from neuroalign.readers.matlab import read_mat


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.fixture
def values(rng):
    return rng.normal(size=(3, 4, 2))


def save_hdf5(path, **variables):
    """Write a file as MATLAB 7.3 does: a block of text before HDF5, and axes the other way."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, item in variables.items():
            if isinstance(item, list):
                cells = np.empty((len(item), 1), dtype=h5py.ref_dtype)
                for number, word in enumerate(item):
                    kind = "char" if isinstance(word, str) else "double"
                    codes = [[ord(letter)] for letter in word] if kind == "char" else word
                    data = np.array(codes or [[0], [0]], np.uint16)
                    cell = file.create_dataset(f"#refs#/{name}{number}", data=data)
                    cell.attrs["MATLAB_class"] = np.bytes_(kind)
                    if not word:
                        cell.attrs["MATLAB_empty"] = 1
                    cells[number, 0] = cell.ref
                made = file.create_dataset(name, data=cells)
                made.attrs["MATLAB_class"] = np.bytes_("cell")
            elif isinstance(item, str):
                made = file.create_dataset(name, data=np.array([[ord(x)] for x in item], np.uint16))
                made.attrs["MATLAB_class"] = np.bytes_("char")
            elif isinstance(item, dict):
                group = file.create_group(name)
                for field, part in item.items():
                    made = group.create_dataset(field, data=np.asarray(part).T)
                    made.attrs["MATLAB_class"] = np.bytes_("double")
            else:
                made = file.create_dataset(name, data=np.asarray(item).T, chunks=True)
                made.attrs["MATLAB_class"] = np.bytes_("double")
    raw = bytearray(path.read_bytes())
    raw[:20] = b"MATLAB 7.3 MAT-file "
    path.write_bytes(bytes(raw))


@pytest.fixture(params=["5", "7", "7.3"])
def saved(request, tmp_path):
    """Save variables as a version of MATLAB does."""

    def save(**variables):
        path = tmp_path / "a.mat"
        if request.param == "7.3":
            save_hdf5(path, **variables)
        else:
            cells = {
                name: np.array([[word] for word in item], dtype=object)
                if isinstance(item, list)
                else item
                for name, item in variables.items()
            }
            savemat(path, cells, do_compression=request.param == "7")
        return path

    return save


def test_a_variable_has_the_axes_that_matlab_shows(saved, values):
    found = read_mat(saved(rates=values), "rates")
    assert found.shape == values.shape
    np.testing.assert_array_equal(found.values, values)
    labels = ["a", "b", "c", "d"]
    recording = na.make_recording(
        found, ("neuroid", "stimulus", "repetition"), subject="m", units="z",
        stimulus=labels, neuroid=range(3),
    )  # fmt: skip
    np.testing.assert_array_equal(recording.values, values.transpose(1, 2, 0))


def test_a_field_of_a_structure_follows_a_dot(saved, values):
    path = saved(session={"rates": values})
    np.testing.assert_array_equal(read_mat(path, "session.rates").values, values)
    with pytest.raises(UnknownNameError, match="Did you mean 'rates'"):
        read_mat(path, "session.rate")
    with pytest.raises(DataError, match="neither an array of numbers nor of words"):
        read_mat(path, "session")


def test_cells_of_words_and_characters_are_words(saved):
    path = saved(names=["V1", "area 17", ""], one="IT")
    assert read_mat(path, "names").values.ravel().tolist() == ["V1", "area 17", ""]
    assert read_mat(path, "one").values.ravel().tolist() == ["IT"]


def test_a_word_in_each_of_several_structures_is_a_field_of_them(tmp_path):
    path = tmp_path / "a.mat"
    save_hdf5(path, names=["one", "two"])
    with h5py.File(path, "a") as file:
        file["shown/name"] = file["names"][:]  # as MATLAB writes it, which gives it no class
    assert read_mat(path, "shown.name").values.tolist() == [["one", "two"]]


def test_cells_of_words_have_the_axes_that_matlab_shows(tmp_path):
    path = tmp_path / "a.mat"
    save_hdf5(path, names=list("abcdef"))
    with h5py.File(path, "a") as file:
        cells = file["names"][:].reshape(2, 3)
        del file["names"]
        made = file.create_dataset("names", data=cells, dtype=h5py.ref_dtype)
        made.attrs["MATLAB_class"] = np.bytes_("cell")
    assert read_mat(path, "names").values.tolist() == [["a", "d"], ["b", "e"], ["c", "f"]]


def test_an_unknown_variable_names_the_nearest(saved, values):
    path = saved(rates=values)
    message = f"No variable of {str(path)!r} is called 'rate'. Did you mean 'rates'?"
    with refused(message, UnknownNameError):
        read_mat(path, "rate")


def test_structures_of_an_original_file_are_walked_through(real_data):
    path = real_data / "kriegeskorte2008" / "92_modelRDMs.mat"
    with pytest.raises(DataError, match=r"^Variable 'Models' of .* is neither an array"):
        read_mat(path, "Models")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_mat_file_that_is_cut_short_is_refused(saved, values, share):
    path = saved(rates=np.repeat(values, 30, axis=1))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=re.escape(repr(str(path)))):
        read_mat(path, "rates").load()


def test_cells_of_numbers_and_sparse_matrices_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    cells = np.array([[np.ones(2), np.ones(3)]], dtype=object)
    savemat(path, {"cells": cells, "sparse": csc_array(np.eye(3))})
    with pytest.raises(DataError, match=r"^Variable 'cells' of .* is neither an array"):
        read_mat(path, "cells")
    message = (
        f"Variable 'sparse' of {str(path)!r} is or holds a sparse matrix, a function or an object; "
        "save a full matrix."
    )
    with refused(message):
        read_mat(path, "sparse")


@pytest.mark.parametrize("compressed", [True, False])
def test_elements_that_lie_are_refused_before_they_are_followed(tmp_path, compressed):
    path = tmp_path / "a.mat"
    held = {"x": np.ones((3, 4)), "n": np.array(["ab", "c"], object), "s": {"y": np.ones(3)}}
    savemat(path, held, do_compression=compressed)
    whole = path.read_bytes()
    for place in range(128, len(whole), 4):  # each word of the file in turn
        path.write_bytes(whole[:place] + b"\xff\x01\xf0\x07" + whole[place + 4 :])
        for name in ("x", "n", "s.y"):
            try:
                read_mat(path, name)
            except (DataError, UnknownNameError) as error:
                assert "\n" not in str(error)  # noqa: PT017 - it may also be read


def test_cells_of_numbers_in_version_7_3_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    save_hdf5(path, cells=[[[1.0], [2.0]]])
    message = (
        f"Variable 'cells' of {str(path)!r} is neither an array of numbers nor of words (cell); "
        "name a field of it, or save it as a matrix."
    )
    with refused(message):
        read_mat(path, "cells")


def test_version_7_3_stays_in_its_file_until_asked_for(tmp_path, values):
    path = tmp_path / "a.mat"
    save_hdf5(path, rates=values)
    part = read_mat(path, "rates").isel(dim_0=[2, 0], dim_1=slice(1, None, 2))
    assert not in_memory(part)
    np.testing.assert_array_equal(part.values, values[[2, 0], 1::2])


def test_another_file_is_no_mat_file(tmp_path):
    path = tmp_path / "a.mat"
    path.write_text("stimulus,response\n" * 30)
    with pytest.raises(DataError, match=f"^File {str(path)!r} cannot be read as a MAT file"):
        read_mat(path, "rates")


def test_a_numpy_file_stays_on_the_disk_until_asked_for(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    found = read_npy(tmp_path / "a.npy")
    assert not in_memory(found)
    part = found.isel(dim_0=[2, 0], dim_2=[1])
    np.testing.assert_array_equal(part.values, values[[2, 0]][:, :, [1]])


def test_an_archive_of_arrays_is_read_by_name(tmp_path, values):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, one=values, two=values + 1)
    np.testing.assert_array_equal(read_npy(path, "two").values, values + 1)
    with refused(f"File {str(path)!r} has 2 arrays (one, two); name one of them."):
        read_npy(path)
    with pytest.raises(UnknownNameError, match="Did you mean 'one'"):
        read_npy(path, "onee")


class Trap:
    """Would run code if it were unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code of the file ran')",))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_are_never_opened(tmp_path, name):
    path = tmp_path / name
    save = np.save if name.endswith("npy") else np.savez
    save(path, np.array([Trap()], dtype=object), allow_pickle=True)
    message = (
        f"File {str(path)!r} holds Python objects, whose unpickling could run code; save arrays of "
        "numbers."
    )
    with refused(message):
        read_npy(path)


def test_damaged_numpy_files_are_said_in_one_sentence(tmp_path, values):
    path = tmp_path / "a.npy"
    np.save(path, values)
    whole = path.read_bytes()
    for raw in (
        whole[:-8],
        whole[:60],
        whole.replace(b"(3, 4, 2)", b"(9, 9, 9)"),
    ):
        path.write_bytes(raw)
        with pytest.raises(DataError, match=f"^File {str(path)!r} cannot be read as a NumPy array"):
            read_npy(path)
    path.write_bytes(b"no array at all")
    with refused(f"File {str(path)!r} is not a NumPy file; its first bytes are those of another."):
        read_npy(path)
    np.save(path, np.array(["a"]))
    with refused(f"File {str(path)!r} holds values of type <U1, not plain numbers."):
        read_npy(path)
    np.savez(tmp_path / "a.npz", np.array(["a"]))
    message = f"File {str(tmp_path / 'a.npz')!r} holds values of type <U1, not plain numbers."
    with refused(message):
        read_npy(tmp_path / "a.npz")


def test_an_archive_that_unfolds_beyond_reason_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    file = io.BytesIO()
    np.save(file, np.zeros(10))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", file.getvalue())
    raw = path.read_bytes()
    size = len(file.getvalue()).to_bytes(4, "little")
    path.write_bytes(raw.replace(size, (2**31 - 1).to_bytes(4, "little")))
    with pytest.raises(DataError, match=f"^File {re.escape(repr(str(path)))} "):
        read_npy(path)


def test_a_matrix_that_promises_more_than_the_file_holds_is_refused(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"rates": np.arange(12.0).reshape(3, 4)})
    raw = path.read_bytes()
    shape = np.array([3, 4], np.int32).tobytes()
    path.write_bytes(raw.replace(shape, np.array([2**30, 2**9], np.int32).tobytes()))
    message = (
        f"File {str(path)!r} of {len(raw):,} bytes promises 549,755,813,888 bytes for its variable "
        "'rates'; it is damaged or cut short."
    )
    with refused(message):
        read_mat(path, "rates")


def test_original_counts_are_those_that_numpy_reads(real_data):
    path = real_data / "cowley2023" / "responses_raw_210325.npy"
    found = read_npy(path)
    assert found.shape == (50, 640, 10)
    part = found.isel(dim_0=[49, 3], dim_1=slice(5, 600, 7))
    np.testing.assert_array_equal(part.values, np.load(path)[[49, 3], 5:600:7])
