"""HDF5 arrays: axes as named, several files below each other, unread until asked for."""

import re
import tracemalloc

import h5py
import numpy as np
import pytest

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError
from neuroalign.readers import hdf5
from neuroalign.readers.hdf5 import read_hdf5


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


@pytest.fixture
def save(tmp_path):
    def saved(values, name="a.hf5", at="data", **options):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset(at, data=values, **options)
        return tmp_path / name

    return saved


def coded(*shape, add=0):
    """Return values that say where they are, as in 203 for row 2 and neuroid 3."""
    places = np.indices(shape)
    return add + sum(
        100.0**power * places[axis]
        for power, axis in zip(range(len(shape)), (1, 0, 2), strict=False)
    )


def test_rows_come_first_whatever_the_order_in_the_file(save):
    path = save(coded(4, 3).T)
    found = read_hdf5(path, "data", ("neuroid", "showing"), units="z")
    assert found.dims == ("showing", "neuroid")
    assert found.units == "z"
    assert found.values.tolist() == coded(4, 3).tolist()
    assert found.neuroid.values.tolist() == ["0", "1", "2"]
    assert found.file.values.tolist() == ["a"] * 4


def test_repetitions_and_time_keep_their_axes(save):
    values = np.arange(120.0).reshape(2, 3, 4, 5)
    found = read_hdf5(save(values), "data", ("time", "repetition", "neuroid", "stimulus"))
    assert found.dims == ("repetition", "stimulus", "neuroid", "time")
    np.testing.assert_array_equal(found.values, values.transpose(1, 3, 2, 0))


@pytest.mark.parametrize("chunks", [None, (2, 2)])
def test_rows_of_several_files_are_joined_and_selected(save, chunks):
    paths = [save(coded(n, 3, add=1e4 * n), f"{n}.hf5", chunks=chunks) for n in (4, 2, 5)]
    whole = np.concatenate([coded(n, 3, add=1e4 * n) for n in (4, 2, 5)])
    found = read_hdf5(paths, "data", ("showing", "neuroid"))
    np.testing.assert_array_equal(found.values, whole)
    assert found.file.values.tolist() == ["4"] * 4 + ["2"] * 2 + ["5"] * 5
    rows = [10, 3, 3, 5, 0]
    np.testing.assert_array_equal(found.isel(showing=rows).values, whole[rows])
    np.testing.assert_array_equal(
        found.isel(showing=rows, neuroid=[2, 0]).values, whole[rows][:, [2, 0]]
    )
    np.testing.assert_array_equal(found.isel(showing=4, neuroid=slice(1, 3)).values, whole[4, 1:3])


@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_rows_that_were_lost_are_nan_at_the_beginning_of_every_file(save, dtype):
    paths = [save(coded(n, 2).astype(dtype), f"{n}.hf5") for n in (3, 2)]
    found = read_hdf5(
        paths, "data", ("sample", "neuroid"), lost=2, run=["b", "a"], sampling_period=2.0
    )
    lost = np.full((2, 2), np.nan)
    whole = np.concatenate([lost, coded(3, 2), lost, coded(2, 2)])
    np.testing.assert_array_equal(found.values, whole)
    np.testing.assert_array_equal(found.isel(sample=[8, 1, 2, 6]).values, whole[[8, 1, 2, 6]])
    np.testing.assert_array_equal(found.isel(sample=slice(5, 7)).values, whole[5:7])
    recording = na.make_recording(found, subject="x", units="z")
    assert recording.onset.values.tolist() == [0, 2, 4, 6, 8, 0, 2, 4, 6]
    assert recording.run.values.tolist() == ["b"] * 5 + ["a"] * 4


def test_nothing_is_read_until_values_are_asked_for(save, monkeypatch):
    path = save(coded(20, 3))
    found = read_hdf5(path, "data", ("showing", "neuroid"))
    recording = na.make_recording(
        found, subject="x", units="z", stimulus=[f"s{n}" for n in range(20)]
    )
    assert not in_memory(recording)
    read = []
    whole = hdf5._read
    monkeypatch.setattr(hdf5, "_read", lambda *parts: read.append(parts) or whole(*parts))
    kept = recording.isel(neuroid=[1])
    assert not read
    np.testing.assert_array_equal(kept.values, coded(20, 3)[:, [1]])
    assert [len(numbers) for numbers in read[0][2]] == [20, 1]


def test_voxels_that_lie_far_apart_take_little_memory(save):
    path = save(np.zeros((20_000, 500), dtype="float32"))  # 40 MB
    found = read_hdf5(path, "data", ("neuroid", "showing"))
    tracemalloc.start()
    found.isel(neuroid=[0, 10_000, 19_999]).load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


def test_arrays_in_groups_are_found_by_their_path(save):
    path = save(coded(2, 2), at="ResponseData/block0_values")
    found = read_hdf5(path, "ResponseData/block0_values", ("showing", "neuroid"))
    assert found.values.tolist() == coded(2, 2).tolist()


def test_values_that_are_missing_stay_missing(save):
    found = read_hdf5(save([[1.0, np.nan]]), "data", ("showing", "neuroid"))
    assert np.isnan(found.values[0, 1])


def test_an_array_that_is_not_there_is_named(save):
    path = save(coded(2, 2), at="a/b")
    with refused(f"File '{path}' has no array 'data' (first: 'a/b')."):
        read_hdf5(path, "data", ("showing", "neuroid"))


def test_a_group_is_no_array(save):
    path = save(coded(2, 2), at="a/b")
    with refused(f"'a' in '{path}' is a group; plain numbers are needed."):
        read_hdf5(path, "a", ("showing", "neuroid"))


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "a.hf5"
    with h5py.File(path, "w") as file:
        kind = h5py.vlen_dtype(np.uint8)
        file.create_dataset("data", (2,), dtype=kind)[0] = np.frombuffer(b"cos\nsystem", np.uint8)
    with refused(f"'data' in '{path}' is of type object; plain numbers are needed."):
        read_hdf5(path, "data", ("showing", "neuroid"))


def test_other_axes_than_named_are_refused(save):
    path = save(coded(2, 2))
    dims = ("showing", "neuroid", "time")
    with refused(f"'data' in '{path}' has the shape (2, 2), but dims names {dims}."):
        read_hdf5(path, "data", dims)


@pytest.mark.parametrize(
    "dims", [("neuroid",), ("sample", "showing", "neuroid"), ("row", "neuroid")]
)
def test_axes_of_no_responses_are_refused(save, dims):
    message = (
        f"dims {dims} do not name the axes of responses; 'neuroid', one of 'sample', 'showing' and "
        "'stimulus', and where they exist 'repetition' and 'time' are needed, once each."
    )
    with refused(message):
        read_hdf5(save(coded(2, 2)), "data", dims)


def test_an_array_without_values_is_refused(save):
    path = save(np.empty((0, 2)))
    with refused(f"'data' in '{path}' of shape (0, 2) holds no values."):
        read_hdf5(path, "data", ("showing", "neuroid"))


def test_an_axis_named_twice_is_refused(save):
    dims = ("showing", "neuroid", "neuroid")
    with refused(f"dims {dims} name an axis twice."):
        read_hdf5(save(coded(2, 2)), "data", dims)


def test_files_of_other_neuroids_are_refused(save):
    one, two = save(coded(2, 3), "1.hf5"), save(coded(2, 4), "2.hf5")
    message = f"File '{two}' has 4 neuroids, but '{one}' has 3; read files of one subject together."
    with refused(message):
        read_hdf5([one, two], "data", ("showing", "neuroid"))


def test_a_file_of_another_format_is_refused(tmp_path):
    path = tmp_path / "a.hf5"
    path.write_text("no HDF5")
    with refused(f"File '{path}' is not an HDF5 file."):
        read_hdf5(path, "data", ("showing", "neuroid"))


def test_a_file_cut_short_is_refused(save):
    path = save(coded(200, 30))
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(
        DataError, match=f"^File '{re.escape(str(path))}' cannot be read as an HDF5"
    ):
        read_hdf5(path, "data", ("showing", "neuroid"))


def test_a_file_that_promises_more_than_it_stores_is_refused(tmp_path):
    path = tmp_path / "a.hf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (10**6, 10**6), "float64", chunks=(100, 100))
    message = (
        f"File '{path}' promises 8,000,000,000,000 bytes in 'data', but stores 0; fetch it anew."
    )
    with refused(message):
        read_hdf5(path, "data", ("showing", "neuroid"))


def test_a_negative_number_of_lost_rows_is_refused(save):
    with refused("lost=-1 is below 0; it counts the rows that were cut off each file."):
        read_hdf5(save(coded(2, 2)), "data", ("sample", "neuroid"), lost=-1)
