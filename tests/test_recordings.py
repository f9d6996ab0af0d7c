"""Making recordings: labels, coordinates, axes and values."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError

EVENTS = ("stimulus", "neuroid")
SHOWINGS = ("showing", "neuroid")
SEEDS = st.integers(0, 2**32 - 1)
few_examples = settings(max_examples=25, deadline=None)


def make(values, dims=EVENTS, *, subject="m1", **options):
    """Make a recording, with plain labels where none are given."""
    values = np.asarray(values) if isinstance(values, list) else values
    sizes = dict(zip(dims, values.shape, strict=True))
    plain = {
        "stimulus": [f"s{number:02}" for number in range(sizes.get("stimulus", 0))],
        "neuroid": [f"{number:02}" for number in range(sizes["neuroid"])],
    }
    return na.make_recording(
        values, dims, **{"subject": subject, "units": "spikes/s", **plain, **options}
    )


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def test_stimulus_ids_keep_their_padding():
    recording = make(np.eye(3), stimulus=["007", " 7", "7 "])
    assert recording["stimulus"].values.tolist() == ["007", " 7", "7 "]


@few_examples
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_any_distinct_strings_are_labels_to_the_letter(labels):
    recording = make(np.ones((len(labels), 1)), stimulus=labels)
    assert recording["stimulus"].values.tolist() == labels


@pytest.mark.parametrize("ids", [[7, 12], np.array([7, 12]), [7.0, 12.0], pd.Index([7, 12])])
def test_whole_numbers_become_their_digits(ids):
    recording = make(np.eye(2), stimulus=ids, neuroid=ids)
    assert recording["stimulus"].values.tolist() == ["7", "12"]
    assert recording["neuroid"].values.tolist() == ["m1/7", "m1/12"]


@pytest.mark.parametrize("dims", [EVENTS, SHOWINGS])
def test_ids_that_become_the_same_label_are_refused(dims):
    message = "Several stimulus ids become the same label '1'; give each a distinct string."
    with refused(message):
        make(np.eye(2), dims, stimulus=[1, "1"])


@pytest.mark.parametrize("bad", [np.nan, None, True, 1.5, b"a"])
def test_ids_that_are_neither_strings_nor_whole_numbers_are_refused(bad):
    with refused(f"A stimulus id is {bad!r}; ids are strings or whole numbers."):
        make(np.eye(2), stimulus=["a", bad])


def test_a_subject_must_have_a_name():
    with refused("A subject id is nan; ids are strings or whole numbers."):
        make(np.eye(2), subject=np.nan)
    with refused("Argument 'subject' is empty; say who was recorded, as in subject='m1'."):
        make(np.eye(2), subject=" ")


@pytest.mark.parametrize("what", ["stimulus", "neuroid"])
def test_labels_that_occur_twice_are_refused(what):
    labels = {"stimulus": "'a'", "neuroid": "'m1/a'"}
    message = (
        "Recording of subject 'm1' cannot be made: "
        f"1 {what} labels occur more than once (first: {labels[what]})."
    )
    with refused(message):
        make(np.ones((3, 3)), **{what: ["a", "b", "a"]})


def test_neuroids_carry_the_subject_as_prefix():
    assert make(np.eye(2), subject=4)["neuroid"].values.tolist() == ["4/00", "4/01"]


def test_a_prefix_that_is_there_already_is_not_added_again():
    recording = make(np.eye(2), neuroid=["m1/a", "m1/b"])
    assert recording["neuroid"].values.tolist() == ["m1/a", "m1/b"]


@pytest.mark.parametrize("what", ["stimulus", "neuroid"])
def test_one_label_for_a_whole_axis_is_refused(what):
    with refused(f"make_recording needs the labels of every {what}; pass {what}=[...]."):
        make(np.eye(2), **{what: "cat"})


def test_stimulus_labels_on_another_axis_are_refused():
    with refused("make_recording needs the labels of every stimulus; pass stimulus=[...]."):
        make(np.eye(2), stimulus=("neuroid", ["a", "b"]))


def test_labels_that_are_left_out_are_asked_for():
    with refused("make_recording needs the labels of every neuroid; pass neuroid=[...]."):
        na.make_recording(np.eye(2), EVENTS, subject="m1", units="z", stimulus=["a", "b"])


def test_one_region_is_spread_over_the_neuroids():
    assert make(np.eye(2), roi="V4")["roi"].to_series().tolist() == ["V4", "V4"]


def test_one_session_stays_a_single_value():
    assert make(np.eye(2), session="210325")["session"].shape == ()


def test_a_coordinate_that_fits_two_axes_is_asked_for_by_axis():
    message = (
        "Coordinate 'depth_class' has 2 labels, which fits stimulus or neuroid of "
        "{'stimulus': 2, 'neuroid': 2}; give it as depth_class=(dim, labels)."
    )
    with refused(message):
        make(np.eye(2), depth_class=["deep", "flat"])


def test_a_coordinate_given_with_its_axis_lies_there():
    recording = make(np.eye(2), depth_class=("neuroid", ["deep", "flat"]))
    assert recording["depth_class"].dims == ("neuroid",)


@pytest.mark.parametrize(("name", "axis"), [("stimulus", "stimulus"), ("roi", "neuroid")])
def test_coordinates_of_another_length_than_their_axis_are_refused(name, axis):
    with refused(f"Coordinate {name!r} of subject 'm1' has 3 labels, but {axis} has 2."):
        make(np.eye(2), **{name: ["a", "b", "c"]})


@pytest.mark.parametrize(
    "labels", [[["a"], ["b"]], np.array([["a"], ["b"]]), [["a"], ["b", "c"]], [("a", 1), ("b", 2)]]
)
@pytest.mark.parametrize("name", ["stimulus", "neuroid", "roi", "session"])
def test_labels_that_are_no_plain_list_are_refused(name, labels):
    with refused(
        f"Coordinate {name!r} is no plain list; give one label for each place on its axis."
    ):
        make(np.eye(2), SHOWINGS, **{"stimulus": ["a", "a"], name: labels})


@pytest.mark.parametrize("labels", [{"a", "b"}, {"a": 1, "b": 2}, zip("ab", "cd", strict=True)])
def test_labels_without_an_order_are_refused(labels):
    kind = type(labels).__name__
    with refused(f"Coordinate 'roi' is a {kind}; give its labels as a list."):
        make(np.eye(2), roi=labels)


@pytest.mark.parametrize("kind", [list, np.array, pd.Index, pd.Series, lambda x: np.array(x, "O")])
@pytest.mark.parametrize("ids", [["b", "a "], [12, 7], ["m1/b", "m1/a"], ["m1/b", "a"]])
def test_every_kind_of_list_gives_the_same_labels(kind, ids):
    recording = make(np.eye(2), stimulus=kind(ids), neuroid=kind(ids), roi=kind(ids))
    bare = [str(label) for label in ids]
    assert recording["stimulus"].values.tolist() == bare
    assert recording["roi"].values.tolist() == ids
    whole = all(label.startswith("m1/") for label in bare)
    expected = bare if whole else [f"m1/{label}" for label in bare]
    assert recording["neuroid"].values.tolist() == expected


def test_labels_that_were_given_are_not_shared():
    given = np.array(["m1/a", "m1/b"])
    recording = make(np.eye(2), stimulus=given, neuroid=given)
    given[:] = "m1/c"
    assert recording["neuroid"].values.tolist() == ["m1/a", "m1/b"]
    assert recording["stimulus"].values.tolist() == ["m1/a", "m1/b"]


def test_sessions_of_showings_lie_on_the_showings():
    recording = make(np.eye(2), SHOWINGS, stimulus=["a", "a"], session=["x", "y"])
    assert recording["session"].dims == ("showing",)


def test_a_time_axis_needs_its_convention():
    message = (
        "Recording of subject 'm1' cannot be made: "
        "the attribute 'time_convention' (say 'bin centers') is missing."
    )
    with refused(message):
        make(np.ones((2, 2, 2)), (*EVENTS, "time"), time=[0.0, 0.1])


def test_times_that_do_not_increase_are_refused():
    message = "Recording of subject 'm1' cannot be made: coordinate 'time' does not increase."
    convention = {"time_convention": "bin centers"}
    with refused(message):
        make(np.ones((2, 2, 2)), (*EVENTS, "time"), time=[0.1, 0.0], attrs=convention)


@pytest.mark.parametrize(
    ("times", "kind"),
    [(["0", "0.1"], "<U3"), (pd.to_timedelta([0, 100], unit="ms").to_numpy(), "timedelta64")],
)
def test_times_are_seconds(times, kind):
    message = rf"coordinate 'time' holds values of type {kind}.*, not seconds\.$"
    with pytest.raises(DataError, match=message):
        make(
            np.ones((2, 2, 2)), (*EVENTS, "time"), time=times, attrs={"time_convention": "samples"}
        )


def test_a_data_frame_brings_values_and_no_index_names():
    index = pd.Index([3, 1], name="sentence")
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=index).rename_axis(columns="region")
    recording = na.make_recording(
        frame, EVENTS, subject="m1", units="z", stimulus=frame.index, neuroid=frame.columns
    )
    assert recording.sel(stimulus="1", neuroid="m1/b") == 4
    assert set(recording.coords) == {"stimulus", "neuroid", "subject"}


@pytest.mark.parametrize(
    "dims", list(itertools.permutations(("stimulus", "repetition", "neuroid", "time")))
)
def test_axes_in_any_order_give_the_same_recording(dims, rng):
    usual = xr.DataArray(rng.normal(size=(2, 3, 4, 5)), dims=("stimulus", "repetition", *"nt"))
    usual = usual.rename(n="neuroid", t="time")
    options = {"time": np.arange(5), "attrs": {"time_convention": "bin centers"}}
    expected = make(usual.values, usual.dims, **options)
    assert make(usual.transpose(*dims).values, dims, **options).identical(expected)
    assert expected.dims == usual.dims


def test_whole_number_responses_stay_whole_numbers():
    assert make(np.array([[1, 2], [3, 4]], dtype=np.uint8)).dtype == np.uint8


def test_a_lazy_array_is_not_read(tmp_path, rng):
    values = xr.DataArray(rng.normal(size=(3, 4)), dims=("neuroid", "stimulus"))
    values.to_netcdf(tmp_path / "values.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "values.nc", engine="h5netcdf") as lazy:
        recording = make(lazy, ("neuroid", "stimulus"))
        assert not in_memory(recording)
        np.testing.assert_array_equal(recording.values, values.values.T)


def test_infinite_responses_are_refused():
    with refused("2 responses are infinite; use NaN for what is missing."):
        make(np.array([[1.0, np.inf], [-np.inf, np.nan]]))


def test_an_empty_recording_is_refused():
    with refused("Values of shape (0, 2) are empty."):
        make(np.empty((0, 2)))


def test_responses_that_are_words_are_refused():
    with refused("Responses are numbers, but values of type <U3 were given."):
        make(np.array([["low"], ["top"]]))


def test_rows_of_different_lengths_are_refused():
    with refused("Responses are not a rectangular array; their rows differ in length."):
        na.make_recording([[1, 2], [3]], EVENTS, subject="m1", units="z")


def test_every_axis_must_be_named():
    with refused("Values of shape (2, 3, 4) have 3 axes, but dims names ('stimulus', 'neuroid')."):
        na.make_recording(np.ones((2, 3, 4)), EVENTS, subject="m1", units="z")


@pytest.mark.parametrize(
    "dims",
    [
        ("neuroid", "neuroid"),
        ("stimulus", "cell"),
        ("showing", "repetition"),
        ("neuroid", "time"),
        ("sample", "repetition"),
        ("sample", "stimulus"),
    ],
)
def test_other_axes_than_those_of_a_recording_are_refused(dims):
    message = (
        f"dims {dims} are not those of a recording; use 'stimulus', 'showing' or 'sample', "
        "'neuroid', and where they exist 'repetition' (not with showings) and 'time' (not with "
        "samples)."
    )
    with refused(message):
        na.make_recording(np.eye(2), dims, subject="m1", units="z")


@pytest.mark.parametrize("units", ["", "  "])
def test_units_must_be_said(units):
    message = "Argument 'units' is empty; say what the values are, as in units='spikes/s'."
    with refused(message):
        make(np.eye(2), units=units)


def labeled(rng):
    """Return responses that bring labels, as a reader makes them."""
    return xr.DataArray(
        rng.normal(size=(3, 2)),
        {
            "stimulus": ["a", "b", "c"],
            "neuroid": ["left", "right"],
            "roi": ("neuroid", ["V1", "V4"]),
            "session": "1",
        },
        ("stimulus", "neuroid"),
        attrs={"units": "z", "space": "MNI"},
    )


def test_a_labeled_array_keeps_its_labels_and_attributes(rng):
    recording = na.make_recording(labeled(rng), subject="m1")
    assert recording["stimulus"].values.tolist() == ["a", "b", "c"]
    assert recording["neuroid"].values.tolist() == ["m1/left", "m1/right"]
    assert recording["roi"].values.tolist() == ["V1", "V4"]
    assert recording["session"].item() == "1"
    assert recording.attrs == {"units": "z", "space": "MNI"}


def test_what_is_given_takes_the_place_of_what_a_labeled_array_brings(rng):
    recording = na.make_recording(
        labeled(rng), subject="m1", units="spikes/s", roi="IT", stimulus=[1, 2, 3]
    )
    assert recording["stimulus"].values.tolist() == ["1", "2", "3"]
    assert recording["roi"].values.tolist() == ["IT", "IT"]
    assert recording.attrs["units"] == "spikes/s"


def test_labels_follow_axes_that_are_named_anew(rng):
    given = labeled(rng).rename(stimulus="sentence", neuroid="voxel")
    recording = na.make_recording(given, ("stimulus", "neuroid"), subject="m1")
    assert recording["stimulus"].values.tolist() == ["a", "b", "c"]
    assert recording["neuroid"].values.tolist() == ["m1/left", "m1/right"]


def test_the_clock_of_a_labeled_stream_is_kept(rng):
    given = xr.DataArray(
        rng.normal(size=(4, 2)),
        {"neuroid": ["a", "b"], "run": ("sample", ["1", "1", "2", "2"])},
        ("sample", "neuroid"),
        attrs={"units": "uV", "sampling_period": 0.5},
    )
    recording = na.make_recording(given, subject="m1")
    assert recording["onset"].values.tolist() == [0.0, 0.5, 0.0, 0.5]
    assert recording.attrs["sampling_period"] == 0.5


def test_a_labeled_array_is_not_changed(rng):
    given = labeled(rng)
    before = given.copy(deep=True)
    na.make_recording(given, subject="m1", attrs={"space": "own"})
    assert given.identical(before)


def test_an_array_without_names_of_axes_is_refused():
    message = (
        "make_recording needs the names of the axes, as in dims=('stimulus', 'neuroid'); only a "
        "DataArray brings its own."
    )
    with refused(message):
        na.make_recording(np.eye(2), subject="m1", units="z")


def test_a_labeled_array_without_units_is_refused(rng):
    message = "Argument 'units' is empty; say what the values are, as in units='spikes/s'."
    with refused(message):
        na.make_recording(labeled(rng).drop_attrs(), subject="m1")
