"""Labels in another order than those they stand beside are never taken by position."""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError

EVENTS = ("stimulus", "neuroid")
ROWS, SITES = ["s1", "s2", "s3"], ["a", "b"]
FRAME = pd.DataFrame([[1, 2], [3, 4], [5, 6]], index=ROWS, columns=SITES)
ROI = pd.Series(["IT", "V4"], index=["b", "a"])


def make(values=FRAME, dims=EVENTS, **labels):
    named = {"stimulus": ROWS, "neuroid": SITES, **labels}
    return na.make_recording(values, dims, subject="m", units="z", **named)


def test_regions_of_a_series_in_another_order_are_refused():
    message = (
        "Coordinate 'roi' of subject 'm' is a Series with the labels of neuroid in another order "
        "('b' where neuroid has 'a'); pass roi.reindex(labels), or roi.to_numpy() if its order is "
        "right."
    )
    for neuroid in (SITES, ["m/a", "m/b"]):
        with pytest.raises(DataError) as caught:
            make(FRAME.to_numpy(), neuroid=neuroid, roi=ROI)
        assert str(caught.value) == message


@pytest.mark.parametrize(
    "roi",
    [ROI.reindex(SITES), ROI.to_numpy()[::-1], pd.Series(["V4", "IT"]), ["V4", "IT"]],
    ids=["in order", "array", "numbered", "list"],
)
def test_regions_in_the_order_of_the_neuroids_are_taken(roi):
    assert make(roi=roi).roi.to_series().to_dict() == {"m/a": "V4", "m/b": "IT"}


def test_facts_of_stimuli_in_another_order_are_refused():
    with pytest.raises(DataError, match="'length' of subject 'm' is a Series with the labels of s"):
        make(length=pd.Series([1, 2, 3], index=ROWS[::-1]))


@pytest.mark.parametrize(
    ("values", "dims"),
    [(FRAME, EVENTS), (FRAME.T, EVENTS[::-1]), (make(), None)],
    ids=["frame", "frame on its side", "labelled array"],
)
def test_labels_of_a_table_in_another_order_are_refused(values, dims):
    message = (
        "Labels neuroid=[...] of subject 'm' are those of the values in another order ('b' where "
        "the values have 'a'); leave them in the order of the values, or pass the values alone, "
        "without labels."
    )
    with pytest.raises(DataError) as caught:
        make(values, dims, neuroid=SITES[::-1])
    assert str(caught.value) == message
    with pytest.raises(DataError, match=r"Labels stimulus=.*\('s3' where the values have 's1'"):
        make(values, dims, stimulus=ROWS[::-1])


def test_other_names_take_the_place_of_those_of_a_table():
    recording = make(neuroid=["b", "c"], stimulus=["s3", "s2", "s4"])
    assert recording.sel(stimulus="s3", neuroid="m/b") == 1
    assert recording.sel(stimulus="s4", neuroid="m/c") == 6


def test_facts_of_showings_follow_their_rows():
    events = pd.DataFrame({"stimulus": ["s1", "s2", "s1"], "session": [1, 2, 3]}, index=[2, 0, 1])
    recording = make(
        np.eye(3, 2), ("showing", "neuroid"), stimulus=events.stimulus, session=events.session
    )
    assert recording.session.values.tolist() == [1, 2, 3]


def test_a_numbered_series_is_a_list():
    numbered = pd.Series(["IT", "V4"])  # its index counts rows, and names no neuroid
    recording = make(FRAME.to_numpy(), neuroid=[1, 0], roi=numbered)
    assert recording.roi.to_series().to_dict() == {"m/1": "IT", "m/0": "V4"}


def test_a_series_whose_index_is_in_no_order_of_numbers_names_neuroids():
    numbers = pd.Series(["IT", "V4"], index=[1, 0])
    with pytest.raises(DataError, match=r"'roi' of subject 'm' .*\('1' where neuroid has '0'\)"):
        make(FRAME.to_numpy(), neuroid=[0, 1], roi=numbers)


def test_labels_of_an_axis_may_be_a_series_with_an_index_of_its_own():
    neuroid = pd.Series(SITES, index=SITES[::-1])
    assert make(FRAME.to_numpy(), neuroid=neuroid).neuroid.values.tolist() == ["m/a", "m/b"]


def test_a_table_without_labels_beside_it_is_refused():
    message = "make_recording needs the labels of every neuroid; pass neuroid=[...]."
    with pytest.raises(DataError) as caught:
        na.make_recording(FRAME, EVENTS, subject="m", units="z", stimulus=ROWS)
    assert str(caught.value) == message


def test_showings_are_named_in_the_order_of_rows_whatever_they_were_called_before():
    dims, shown = ("showing", "neuroid"), ["s2", "s3", "s1"]
    for values in (FRAME, make(FRAME.to_numpy(), dims)):
        assert make(values, dims, stimulus=shown).stimulus.values.tolist() == shown
