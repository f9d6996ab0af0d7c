"""Faults are listed together, each with its mend, also where loading would stop at the first."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

import neuroalign as na
from neuroalign.data.faults import gathering, refuse, with_mend
from neuroalign.data.schema import label_faults
from neuroalign.errors import DataError
from neuroalign.testing import dataset_remarks, load_and_check
from neuroalign.testing.datasets import _unit_faults, dataset_faults

LABELS = ["a", "b", "c", "d"]


def recording(subject="ann", labels=LABELS, **options):
    values = np.random.default_rng(0).normal(size=(len(labels), 3))
    given = {"units": "z", "neuroid": range(3), **options}
    return na.make_recording(
        given.pop("values", values), ("stimulus", "neuroid"), subject=subject, stimulus=labels,
        **given,
    )  # fmt: skip


def stimuli(labels=LABELS, **columns):
    return pd.DataFrame(columns or {"text": labels}, index=labels)


def listed(load):
    with pytest.raises(DataError) as caught:
        load_and_check("mine", load)
    title, *lines = str(caught.value).split("\n")
    return title, [line.removeprefix("  - ") for line in lines]


def test_a_sound_dataset_is_returned():
    dataset = load_and_check("mine", lambda: na.BrainDataset({"ann": recording()}, stimuli()))
    assert dataset.subjects == ["ann"]


def test_faults_of_stimuli_recordings_and_values_are_listed_together():
    def load():
        values = np.random.default_rng(0).normal(size=(4, 3))
        values[:, 1] = 2.0
        people = {
            "ann": recording(values=values),
            "bob": recording("bob", labels=["a", "b", "c", "c"]),
            "eve": recording("eve", labels=["a", "b", "c", "x"]),
        }
        return na.BrainDataset(people, stimuli(text=["one", None, "three", "four"]))

    title, faults = listed(load)
    assert title == "Dataset 'mine' has 4 faults:"
    assert faults == [
        "subject 'bob': 1 stimulus labels occur more than once (first: 'c'): give each stimulus a "
        "label of its own; where it was shown more than once, use rows ('showing', 'neuroid')",
        "stimuli: 1 stimuli have no text (first: 'b'): fill the column, or leave these stimuli out",
        "subject 'eve': 1 of its stimuli are not in the stimulus table (first: 'x'): add these "
        "stimuli to the table, or leave their rows out",
        "subject 'ann': 1 neuroids have a constant response (first: 'ann/1'): leave these "
        "neuroids out, or declare the fault on the card (known_faults)",
    ]


def test_what_keeps_a_dataset_from_loading_comes_after_the_faults_before_it():
    def load():
        people = {"bob": recording("bob", labels=["a", "b", "c", "c"])}
        na.make_recording(np.eye(2), ("rows", "columns"), subject="eve", units="z")
        return na.BrainDataset(people, stimuli())

    title, faults = listed(load)
    assert title == "Dataset 'mine' has 2 faults:"
    assert faults[0].startswith("subject 'bob': 1 stimulus labels occur more than once")
    assert faults[1].startswith("dims ('rows', 'columns') are not those of a recording")


def test_a_dataset_that_cannot_load_says_why_in_its_own_words():
    def load():
        return na.make_dataset([["a"]], {"text": ["a"]})

    with pytest.raises(DataError, match=r"^Responses are numbers, but values of type <U1"):
        load_and_check("mine", load)


def test_files_of_stimuli_that_are_not_there_are_counted(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    paths = [str(tmp_path / f"{label}.png") for label in LABELS]
    table = stimuli(image=paths)
    _, faults = listed(lambda: na.BrainDataset({"ann": recording()}, table))
    assert faults == [
        "stimuli: 3 image files do not exist (first: 'b', 'c', 'd'): put the files there, or mend "
        "the paths in the table"
    ]


def test_faults_that_the_card_declares_are_left_out():
    values = np.random.default_rng(0).normal(size=(4, 3))
    values[:, 1] = 2.0
    card = na.DatasetCard(
        citation="none", modality="fmri", species="human", stimulus="text", license="CC0-1.0",
        known_faults=["subject 'ann': 1 neuroids have a constant response (first: 'ann/1')"],
    )  # fmt: skip
    load_and_check(
        "mine", lambda: na.BrainDataset({"ann": recording(values=values)}, stimuli(), card=card)
    )


def test_missing_responses_are_a_remark():
    values = np.random.default_rng(0).normal(size=(4, 3))
    values[0, :2] = np.nan
    dataset = na.BrainDataset({"ann": recording(values=values)}, stimuli())
    assert list(dataset_remarks(dataset)) == [
        "subject 'ann': 2 of 3 neuroids lack responses, 16.7% of all (NaN)"
    ]


def test_nothing_missing_gives_no_remark():
    assert not list(dataset_remarks(na.BrainDataset({"ann": recording()}, stimuli())))


def test_faults_are_refused_again_after_gathering():
    with gathering() as faults:
        refuse("It cannot be", "here", ["it is wrong"])
    assert faults == ["here: it is wrong"]
    with pytest.raises(DataError, match=r"^It cannot be: it is wrong; and that\.$"):
        refuse("It cannot be", "here", ["it is wrong", "and that"])
    refuse("It cannot be", "here", [])


def test_a_fault_without_a_mend_is_left_as_it_is():
    assert with_mend("something else") == "something else"


def test_every_fault_of_labels_has_a_mend():
    bad = recording().drop_vars(["subject"]).drop_attrs()
    bad = bad.expand_dims(time=[0.2, 0.1], axis=2)
    faults = [*label_faults(bad), *label_faults(bad.drop_vars(["stimulus", "time"]))]
    for fault in faults:
        assert with_mend(fault) != fault, fault


@pytest.mark.parametrize(
    ("furthest", "period", "said"),
    [
        (100.0, 60.0, []),
        (-100.5, None, ["coordinate 'time' reaches 100.5 s from the onset"]),
        (100.5, None, ["coordinate 'time' reaches 100.5 s from the onset"]),
        (0.0, 60.5, ["the sampling period is 60.5 s"]),
    ],
)
def test_times_are_taken_for_milliseconds_beyond_what_seconds_would_be(furthest, period, said):
    times = xr.DataArray(np.zeros(2), {"time": [0.0, furthest]}, ("time",))
    attrs = {} if period is None else {"sampling_period": period}
    assert _unit_faults(times.assign_attrs(attrs)) == said


def test_stimuli_that_nobody_met_are_counted():
    more = stimuli([*LABELS, "e"])
    dataset = na.BrainDataset({"ann": recording()}, more)
    assert list(dataset_faults(dataset)) == ["1 stimuli were shown to nobody (first: 'e')"]
