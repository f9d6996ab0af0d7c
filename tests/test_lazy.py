"""Arrays that stay in their file: any selection reads what numpy would give, and no more."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.readers.lazy import lazy_array

SHAPE = (5, 7, 3)
SELECTIONS = {
    "all": (slice(None), slice(None), slice(None)),
    "slices": (slice(1, 4), slice(None, None, 2), slice(-2, None)),
    "backwards": (slice(None, None, -1), slice(5, 1, -2), slice(None)),
    "numbers": (2, -1, slice(None)),
    "unsorted, with repeats": (np.array([3, 0, 3]), np.array([6, 6, 1, 2]), slice(None)),
    "sorted, with repeats": (np.array([0, 3, 3]), slice(None), np.array([1, 1])),
    "negative": (np.array([-1, 1]), slice(None), np.array([-3])),
    "a mask": (slice(None), np.arange(7) % 2 == 0, slice(None)),
    "nothing": (np.array([], dtype=int), slice(None), slice(None)),
    "a number and an array": (1, np.array([4, 2]), 0),
}


@pytest.fixture
def values(rng):
    return rng.normal(size=SHAPE)


@pytest.fixture
def reads():
    """Record what was asked of the file."""
    return []


@pytest.fixture
def lazy(values, reads):
    def read(*parts):
        reads.append(parts)
        for part in parts:
            if isinstance(part, np.ndarray):
                assert (np.diff(part) > 0).all()
            else:
                assert (part.step or 1) > 0
        numbers = [np.arange(size)[part] for part, size in zip(parts, SHAPE, strict=True)]
        return values[np.ix_(*numbers)]

    return xr.DataArray(lazy_array(SHAPE, float, read), dims=("showing", "neuroid", "time"))


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_a_selection_equals_that_of_numpy_axis_by_axis(selection, lazy, values):
    expected = xr.DataArray(values, dims=lazy.dims)
    wanted = dict(zip(lazy.dims, selection, strict=True))
    np.testing.assert_array_equal(lazy.isel(wanted).values, expected.isel(wanted).values)


def test_selections_of_selections_read_once_and_only_what_is_left(lazy, values, reads):
    part = lazy.isel(neuroid=[5, 1, 2]).isel(neuroid=[0, 2], showing=slice(2, None))
    assert not reads
    np.testing.assert_array_equal(part.values, values[2:, [5, 2]])
    ((_, columns, _),) = reads
    assert columns.tolist() == [2, 5]


def test_what_is_read_in_order_is_not_copied():
    kept = np.ones((2, 3))
    lazy = xr.DataArray(lazy_array((5, 3), float, lambda *_: kept), dims=("showing", "neuroid"))
    assert np.shares_memory(lazy.isel(showing=[1, 3]).values, kept)


def test_transposed_axes_are_read_in_their_new_order(lazy, values):
    np.testing.assert_array_equal(
        lazy.transpose("time", "neuroid", "showing").isel(neuroid=[3, 1]).values,
        values.transpose(2, 1, 0)[:, [3, 1]],
    )


def test_a_recording_of_a_lazy_array_stays_in_its_file(lazy, reads):
    recording = na.make_recording(
        lazy,
        subject="a",
        units="z",
        stimulus=[f"s{number}" for number in range(5)],
        neuroid=range(7),
        roi=["V1"] * 3 + ["V4"] * 4,
        time=[0.0, 0.1, 0.2],
        attrs={"time_convention": "bin centers"},
    )
    labels = [f"s{number}" for number in range(5)]
    stimuli = pd.DataFrame({"text": labels}, index=labels)
    chosen = na.BrainDataset({"a": recording}, stimuli).select(roi="V4").recordings["a"]
    assert not in_memory(chosen)
    assert not reads
    assert chosen.values.shape == (5, 4, 3)
    ((_, columns, _),) = reads
    assert np.arange(7)[columns].tolist() == [3, 4, 5, 6]


def test_a_score_reads_the_chosen_neuroids_once(rng):
    values, reads = rng.normal(size=(60, 7)), []

    def read(rows, columns):
        reads.append(np.arange(7)[columns].tolist())
        return values[rows][:, columns]

    labels = [f"s{number:02}" for number in range(30)]
    recording = na.make_recording(
        xr.DataArray(lazy_array(values.shape, float, read), dims=("showing", "neuroid")),
        subject="a",
        units="z",
        stimulus=labels * 2,
        neuroid=range(7),
        roi=["V1"] * 3 + ["V4"] * 4,
    )
    dataset = na.BrainDataset({"a": recording}, pd.DataFrame({"text": labels}, index=labels))
    layer = xr.DataArray(rng.normal(size=(30, 4)), {"stimulus": labels}, ("stimulus", "unit"))
    found = na.score({"layer": layer}, dataset, roi="V4", progress=False)
    assert reads == [[3, 4, 5, 6]]
    in_memory_first = na.BrainDataset({"a": recording.compute()}, dataset.stimuli)
    expected = na.score({"layer": layer}, in_memory_first, roi="V4", progress=False)
    xr.testing.assert_identical(found["r"], expected["r"])
