"""NWB files: counts of the units that are wanted, after the event that is named."""

import re
import sys

import h5py
import numpy as np
import pytest
from nwb_cases import IMAGES, imaging, save, spiking

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, MissingPackageError, UnknownNameError
from neuroalign.readers.nwb import read_nwb
from neuroalign.readers.nwb_traces import read_nwb_traces
from neuroalign.readers.spike_times import bin_spikes

BINS = {"start": 0.0, "stop": 0.4, "bin_width": 0.1}


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.fixture
def spikes(rng):
    """Draw whole hundredths of a second, so that many lie on an edge; one unit is silent."""
    return [np.sort(rng.integers(0, 420, 80)) / 100, np.array([]), rng.integers(0, 420, 60) / 100]


@pytest.fixture
def path(spikes, tmp_path):
    return save(spiking(spikes), tmp_path / "a.nwb")


def test_counts_are_those_of_the_spike_times(path, spikes):
    found = read_nwb(path, **BINS)
    times = np.concatenate(spikes)
    units = np.repeat([7, 3, 12], [len(part) for part in spikes])
    expected = bin_spikes(
        times, units, [0, 1, 2, 3], start=0, stop=0.4, width=0.1, neuroid=[7, 3, 12]
    )
    assert found.dims == ("showing", "neuroid", "time")
    assert found.neuroid.values.tolist() == ["7", "3", "12"]
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found.time, expected.time)


def test_trials_and_units_bring_their_columns(path):
    found = read_nwb(path, **BINS, stimulus="image")
    assert found.stimulus.values.tolist() == IMAGES
    assert found.onset.values.tolist() == [0, 1, 2, 3]
    assert found.stop_time.values.tolist() == [0.9, 1.9, 2.9, 3.9]
    assert found.quality.values.tolist() == ["good", "mua", "good"]
    assert found.roi.values.tolist() == ["V4", "IT", "unknown"]
    assert found.unit_roi.values.tolist() == ["here"] * 3
    assert "lists" not in found.coords
    recording = na.make_recording(found, subject="m")
    assert recording.attrs["units"] == "spikes per 100 ms"
    assert recording.neuroid.values.tolist() == ["m/7", "m/3", "m/12"]


def test_trials_without_the_event_are_left_out(path):
    found = read_nwb(path, **BINS, align="image_on", stimulus="image")
    assert found.onset.values.tolist() == [0.1, 1.1, 3.1]
    assert found.stimulus.values.tolist() == ["b", "a", "c"]
    assert found.attrs["showings_left_out"] == 1
    every = read_nwb(path, start=0.1, stop=0.5, bin_width=0.1).isel(showing=[0, 1, 3])
    np.testing.assert_array_equal(found.values, every.values)


@pytest.mark.parametrize(
    ("keep", "wanted"),
    [
        ({"quality": "good"}, [0, 2]),
        ({"quality": ["good", "mua"], "roi": "IT"}, [1]),
        (lambda units: units.index > 5, [0, 2]),
    ],
)
def test_units_are_kept_by_their_columns(path, keep, wanted):
    every = read_nwb(path, **BINS)
    found = read_nwb(path, **BINS, keep=keep)
    np.testing.assert_array_equal(found.values, every.values[:, wanted])
    assert found.neuroid.values.tolist() == every.neuroid.values[wanted].tolist()


def test_spikes_are_read_when_counts_are_asked_for(path, monkeypatch):
    found = na.make_recording(read_nwb(path, **BINS, stimulus="image"), subject="m")
    part = found.isel(neuroid=[2, 0], showing=[3, 1], time=[2, 0])
    assert not in_memory(part)
    expected = found.values[[3, 1]][:, [2, 0]][..., [2, 0]]
    asked = []
    read = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda self, key: asked.append(key) or read(self, key)
    )
    np.testing.assert_array_equal(part.values, expected)
    assert [(key.start, key.stop) for key in asked] == [(0, 80), (80, 140)]


def test_what_a_unit_did_not_live_through_is_nan(spikes, tmp_path):
    observed = [[[0.0, 5.0]], [[0.0, 1.2], [1.2, 2.0]], [[3.0, 3.39]]]
    path = save(spiking(spikes, observed=observed), tmp_path / "a.nwb")
    found = read_nwb(path, **BINS)
    missing = np.isnan(found.values).all(axis=2)
    assert missing.T.tolist() == [
        [False] * 4, [False, False, True, True], [True] * 4,
    ]  # fmt: skip
    some = read_nwb(path, **BINS).isel(neuroid=[2, 1], showing=[2, 0])
    np.testing.assert_array_equal(some.values, found.values[[2, 0]][:, [2, 1]])
    whole = save(spiking(spikes), tmp_path / "b.nwb")
    np.testing.assert_array_equal(found.values[:, 0], read_nwb(whole, **BINS).values[:, 0])


def test_units_without_electrodes_have_no_region(spikes, tmp_path):
    path = save(spiking(spikes, electrodes=None), tmp_path / "a.nwb")
    assert read_nwb(path, **BINS).roi.values.tolist() == ["unknown"] * 3


def test_one_electrode_each_is_a_coordinate(spikes, tmp_path):
    path = save(spiking(spikes, electrodes=[[3], [0], [1]]), tmp_path / "a.nwb")
    found = read_nwb(path, **BINS)
    assert found.electrode.values.tolist() == ["3", "0", "1"]
    assert found.roi.values.tolist() == ["unknown", "V4", "IT"]


@pytest.mark.parametrize(
    ("options", "message", "error"),
    [
        (
            {"events": "trial"},
            "No table of intervals of {path!r} is called 'trial'. Did you mean 'trials'?",
            UnknownNameError,
        ),
        (
            {"align": "image_of"},
            "No column of times of trials is called 'image_of'. Did you mean 'image_on'?",
            UnknownNameError,
        ),
        (
            {"stimulus": "imag"},
            "No column of trials is called 'imag'. Did you mean 'image'?",
            UnknownNameError,
        ),
        ({"keep": {"quality": "best"}}, "keep= leaves none of the 3 units.", DataError),
        (
            {"keep": {"qualit": "good"}},
            "No column of the units is called 'qualit'. Did you mean 'quality'?",
            UnknownNameError,
        ),
        (
            {"keep": lambda units: units.index},
            "keep= returned no mask of the 3 units; return one bool for each.",
            DataError,
        ),
        (
            {"bin_width": 0.3},
            "Bins of 0.3 s do not fill 0 to 0.4 s; change stop to 0.3, or give step= for windows "
            "that need not.",
            DataError,
        ),
    ],
)
def test_wrong_options_are_said_in_one_sentence(path, options, message, error):
    with refused(message.format(path=str(path)), error):
        read_nwb(path, **{**BINS, **options})


def test_a_file_without_units_is_refused(tmp_path, rng):
    path = save(imaging(rng.normal(size=(5, 2))), tmp_path / "a.nwb")
    with refused(f"File {str(path)!r} has no units with spike times."):
        read_nwb(path, **BINS)


def test_a_file_that_is_none_or_cut_short_is_refused(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=f"^File {str(path)!r} cannot be read as an NWB file"):
        read_nwb(path, **BINS)
    path.write_text("time,unit\n")
    with refused(f"File {str(path)!r} is not an NWB file in HDF5."):
        read_nwb(path, **BINS)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match=f"^File {str(path)!r} cannot be read as an NWB file"):
        read_nwb(path, **BINS)


def test_units_that_name_spikes_beyond_the_last_are_refused(path):
    with h5py.File(path, "a") as file:
        file["units/spike_times_index"][2] = 200
    message = f"File {str(path)!r} is damaged: units name spikes that are not among its 140."
    with refused(message):
        read_nwb(path, **BINS)


def test_a_missing_package_is_named_with_its_extra(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with refused("NWB files need pynwb; run pip install 'neuroalign[nwb]'.", MissingPackageError):
        read_nwb(path, **BINS)


@pytest.fixture
def traces(rng):
    return rng.normal(size=(7, 3))


@pytest.mark.parametrize(
    ("kind", "name", "unit", "said"),
    [
        ("DfOverF", "RoiResponseSeries", "n.a.", "dF/F"),
        ("Fluorescence", "RoiResponseSeries", "lumens", "fluorescence (lumens)"),
        ("Fluorescence", "Neuropil", "a.u.", "fluorescence"),
        ("Fluorescence", "Deconvolved", "n.a.", "deconvolved fluorescence"),
    ],
)
def test_traces_are_called_what_they_are(traces, tmp_path, kind, name, unit, said):
    path = save(imaging(traces, kind=kind, name=name, unit=unit), tmp_path / "a.nwb")
    found = read_nwb_traces(path)
    assert found.attrs["units"] == said
    assert found.attrs["modality"] == "calcium"
    np.testing.assert_allclose(found.values, traces)
    assert read_nwb_traces(path, units="z").attrs["units"] == "z"


def test_traces_are_a_stream_of_cells(traces, tmp_path):
    path = save(imaging(traces, rois=[3, 0, 1], conversion=2.0, offset=1.0), tmp_path / "a.nwb")
    found = read_nwb_traces(path)
    assert not in_memory(found)
    np.testing.assert_allclose(found.values, 2 * traces + 1)
    recording = na.make_recording(found, subject="m")
    assert recording.neuroid.values.tolist() == ["m/13", "m/10", "m/11"]
    assert recording.roi.values.tolist() == ["VISp"] * 3
    assert recording.onset.values[:2].tolist() == pytest.approx([2, 2 + 1 / 30])
    assert recording.attrs["sampling_period"] == pytest.approx(1 / 30)


def test_cells_are_kept_by_their_columns(traces, tmp_path):
    path = save(imaging(traces, rois=[3, 1, 0]), tmp_path / "a.nwb")
    found = read_nwb_traces(path, keep={"is_cell": True})
    assert found.neuroid.values.tolist() == ["13", "10"]
    part = found.isel(neuroid=[1, 0], sample=[4, 2])
    np.testing.assert_allclose(part.values, traces[[4, 2]][:, [2, 0]])


def test_timestamps_with_a_gap_lie_on_one_grid(traces, tmp_path):
    places = np.array([0, 1, 2, 5, 6, 7, 8])
    stamps = 3 + places / 30.1 + np.array([0, 1, -1, 0, 1, 0, -1]) * 1e-4
    path = save(imaging(traces, timestamps=stamps), tmp_path / "a.nwb")
    found = na.make_recording(read_nwb_traces(path), subject="m")
    assert found.attrs["sampling_period"] == pytest.approx(1 / 30.1, rel=1e-3)
    numbers = [int(str(label).partition("/")[2]) for label in found["sample"].values]
    assert (np.diff(numbers) == np.diff(places)).all()


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (
            [0.0, 1, 2, 3.4, 4, 5, 6],
            "Timestamps of series 'DfOverF/RoiResponseSeries' in {path!r} are not on an even grid "
            "of 1 s; resample them first.",
        ),
        (
            [0.0, 1, 2, 3, 3, 5, 6],
            "Series 'DfOverF/RoiResponseSeries' of {path!r} has 7 timestamps for 7 samples; one "
            "each is needed, in increasing order, and two at least.",
        ),
    ],
)
def test_timestamps_off_a_grid_are_refused(traces, tmp_path, stamps, message):
    path = save(imaging(traces, timestamps=np.array(stamps)), tmp_path / "a.nwb")
    with refused(message.format(path=str(path))):
        read_nwb_traces(path)


def test_series_are_asked_for_by_name(path, traces, tmp_path):
    with refused(f"File {str(path)!r} has no series of the fluorescence of cells."):
        read_nwb_traces(path)
    other = save(imaging(traces), tmp_path / "b.nwb")
    message = f"No series of cells of {str(other)!r} is called 'dff'. Known: "
    message += "'DfOverF/RoiResponseSeries'."
    with refused(message, UnknownNameError):
        read_nwb_traces(other, series="dff")
    named = read_nwb_traces(other, series="RoiResponseSeries")
    assert named.identical(read_nwb_traces(other, series="DfOverF/RoiResponseSeries"))


def test_traces_that_lie_the_other_way_round_are_refused(tmp_path, traces):
    path = save(imaging(traces), tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        group = file["processing/ophys/DfOverF/RoiResponseSeries"]
        attrs = dict(group["data"].attrs)
        del group["data"]
        group["data"] = traces.T
        group["data"].attrs.update(attrs)
    message = (
        f"Series 'DfOverF/RoiResponseSeries' of {str(path)!r} has the shape (3, 7) for 3 cells; "
        "(samples, cells) is needed."
    )
    with refused(message):
        read_nwb_traces(path)


@pytest.mark.parametrize("what", ["spikes", "traces"])
def test_arrays_that_a_link_leads_to_in_another_file_are_refused(spikes, traces, tmp_path, what):
    path, other = tmp_path / "a.nwb", tmp_path / "b.nwb"
    place, array, read, options = "units", "spike_times", read_nwb, BINS
    if what == "traces":
        place, array = "processing/ophys/DfOverF/RoiResponseSeries", "data"
        read, options = read_nwb_traces, {}
    for target in (path, other):
        save(spiking(spikes) if what == "spikes" else imaging(traces), target)
    with h5py.File(path, "a") as file:
        del file[place]
        file[place] = h5py.ExternalLink(str(other), place)
    message = (
        f"Array '/{place}/{array}' of {str(path)!r} lies in another file; read that one, or copy "
        "the values into this."
    )
    with refused(message):
        read(path, **options)
