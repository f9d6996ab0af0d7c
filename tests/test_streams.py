"""Streams: recordings sampled in time, and stimuli with onsets in their runs."""

import re

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.data.faults import with_mend
from neuroalign.data.schema import is_stream, label_faults
from neuroalign.errors import DataError
from neuroalign.testing import check_dataset

DIMS = ("sample", "neuroid")
REPEATED = ("repetition", *DIMS)


def stream(values=None, dims=DIMS, *, subject="ann", **options):
    """Make a stream of two neuroids; by default two runs of three samples."""
    if values is None:
        values = np.random.default_rng(0).normal(size=(6, 2))
    number = values.shape[dims.index("sample")]
    plain = {
        "run": np.resize(["x", "x", "x", "y", "y", "y"], number),
        "neuroid": range(values.shape[dims.index("neuroid")]),
        "sampling_period": 2.0,
    }
    return na.make_recording(values, dims, **{"subject": subject, "units": "z", **plain, **options})


def table(**columns):
    """Make four words, two in each run."""
    plain = {"text": list("abcd"), "run": list("xxyy"), "onset": [0.0, 5.9, 1.0, 2.0]}
    return pd.DataFrame({**plain, **columns}, index=[f"w{number}" for number in range(4)])


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def test_samples_are_labelled_by_run_and_number():
    recording = stream()
    assert recording["sample"].values.tolist() == [
        "x/0000000", "x/0000001", "x/0000002", "y/0000000", "y/0000001", "y/0000002",
    ]  # fmt: skip
    assert recording["onset"].values.tolist() == [0.0, 2.0, 4.0, 0.0, 2.0, 4.0]
    assert recording["run"].values.tolist() == list("xxxyyy")
    assert recording.attrs == {"units": "z", "sampling_period": 2.0}


def test_only_recordings_of_samples_are_streams():
    events = na.make_dataset(np.eye(3), {"text": list("abc")}).recordings["subject-1"]
    assert is_stream(stream())
    assert not is_stream(events)


def test_labels_of_a_long_run_sort_by_time():
    labels = stream(np.ones((1200, 1)), run="x")["sample"].values.tolist()
    assert labels == sorted(labels)


@pytest.mark.parametrize("run", [7, [7] * 6, np.full(6, 7.0)])
def test_numbers_of_runs_become_labels(run):
    assert set(stream(run=run)["run"].values) == {"7"}


def test_runs_of_any_lengths_may_alternate():
    recording = stream(run=["x", "y", "x", "z", "y", "x"])
    labels = ["x/0000000", "y/0000000", "x/0000001", "z/0000000", "y/0000001", "x/0000002"]
    assert recording["sample"].values.tolist() == labels


def test_people_whose_recordings_differ_in_length_have_equal_labels_for_equal_moments():
    short, late = (
        stream(run="x"),
        stream(np.ones((1500, 2)), run="x", onset=4 + 2.0 * np.arange(1500)),
    )
    moments = set(short["sample"].values) & set(late["sample"].values)
    onsets = [dict(zip(r["sample"].values, r["onset"].values, strict=True)) for r in (short, late)]
    assert len(moments) == 4
    assert all(onsets[0][moment] == onsets[1][moment] for moment in moments)


def test_samples_that_were_left_out_keep_their_places():
    recording = stream(run="x", onset=[0.5, 2.5, 6.5, 8.5, 10.5, 20.5])
    numbers = [int(label.partition("/")[2]) for label in recording["sample"].values]
    assert numbers == [0, 1, 3, 4, 5, 10]


@pytest.mark.parametrize("shift", [-0.19, 0.19])
def test_onsets_may_be_rounded_to_a_tenth_of_the_period(shift):
    onsets = np.array([0, 2, 4, 6, 8 + shift, 10])
    assert stream(run="x", onset=onsets)["onset"].values.tolist() == onsets.tolist()


def test_axes_in_any_order_give_the_same_stream(rng):
    values = rng.normal(size=(2, 6, 3))
    expected = stream(values, REPEATED)
    turned = stream(values.transpose(2, 0, 1), ("neuroid", "repetition", "sample"))
    assert turned.identical(expected)
    assert expected.dims == REPEATED


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            {"onset": [0, 2, 4, 0, 2, -2.0]},
            "1 samples begin before their run (onset below 0) (first: 'y/-000001')",
        ),
        (
            {"onset": [0, 2.21, 4, 0, 2, 4]},
            "1 samples do not begin a whole number of sampling periods of 2 s after the first of "
            "their run (first: 'x/0000001')",
        ),
        (
            {"onset": [0, 4, 2, 0, 2, 4]},
            "1 samples do not begin after the one before them in their run (first: 'x/0000001')",
        ),
        (
            {"onset": [0, 2, 2.1, 0, 2, 4]},
            "1 sample labels occur more than once (first: 'x/0000001'); "
            "1 samples do not begin after the one before them in their run (first: 'x/0000001')",
        ),
        (
            {"sample": list("abcdef")},
            "6 sample labels lack their run as prefix, as in 'run-1/0000012' "
            "(first: 'a', 'b', 'c')",
        ),
        (
            {"run": "x", "sample": [f"x/{number}" for number in range(6, 12)]},
            "1 sample labels do not sort by time within their run (first: 'x/10')",
        ),
    ],
)
def test_samples_out_of_order_or_off_the_grid_are_refused(options, fault):
    with refused(f"Recording of subject 'ann' cannot be made: {fault}."):
        stream(**options)


NO_RUN = "A stream needs the run of its samples; pass run='run-1', or a run for each."
NOT_SECONDS = (
    "Onsets of samples are one number each, in seconds from the start of their run; some of these "
    "are not."
)
NO_STIMULUS = (
    "A stream has no labels of stimuli on its samples; leave stimulus out, and give the stimuli "
    "the columns run and onset."
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"run": None}, "A run id is None; ids are strings or whole numbers."),
        ({"run": [*"xxxxx", None]}, "A run id is None; ids are strings or whole numbers."),
        ({"run": ("neuroid", ["x", "y"])}, NO_RUN),
        ({"sample": "x/1"}, "make_recording needs the labels of every sample; pass sample=[...]."),
        ({"onset": [0, 2, np.nan, 0, 2, 4]}, NOT_SECONDS),
        ({"onset": list("abcdef")}, NOT_SECONDS),
        ({"onset": 2.0}, NOT_SECONDS),
        ({"stimulus": list("abcdef")}, NO_STIMULUS),
    ],
)
def test_coordinates_that_name_no_moment_are_refused(options, message):
    with refused(message):
        stream(**options)


def test_a_stream_without_any_run_is_refused():
    with refused(NO_RUN):
        na.make_recording(
            np.eye(2), DIMS, subject="ann", units="z", sampling_period=2.0, neuroid=range(2)
        )


@pytest.mark.parametrize("period", [None, 0, -2.0, np.nan, np.inf, "2", True])
def test_a_stream_needs_the_seconds_between_samples(period):
    message = (
        f"sampling_period={period!r} cannot be used; a stream needs the seconds from one sample "
        "to the next, as in sampling_period=2.0."
    )
    with refused(message):
        stream(sampling_period=period)


def test_a_sampling_period_of_stimuli_is_refused():
    message = (
        "sampling_period=2.0 is of a stream, but dims ('stimulus', 'neuroid') have no 'sample'."
    )
    with refused(message):
        na.make_recording(
            np.eye(2), ("stimulus", "neuroid"), subject="ann", units="z", sampling_period=2.0
        )


PERIOD_FAULT = "the attribute 'sampling_period' (seconds, a float above 0) is missing"


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda r: r.drop_attrs(), PERIOD_FAULT),
        (lambda r: r.assign_attrs(sampling_period="2"), PERIOD_FAULT),
        (lambda r: r.assign_attrs(sampling_period=-2.0), PERIOD_FAULT),
        (lambda r: r.drop_vars("sample"), "coordinate 'sample' is missing"),
        (lambda r: r.drop_vars("run"), "coordinate 'run' of the samples is missing"),
        (
            lambda r: r.assign_coords(onset=3.0),
            "coordinate 'onset' of the samples is missing",
        ),
        (
            lambda r: r.assign_coords(onset=("sample", [0, 2, np.nan, 0, 2, 4])),
            "1 samples have no onset",
        ),
        (
            lambda r: r.assign_coords(run=("sample", [1, 1, 1, 2, 2, 2])),
            "coordinate 'run' of the samples holds values of type int64",
        ),
        (
            lambda r: r.assign_coords(stimulus=("sample", list("abcdef"))),
            "a stream has no coordinate 'stimulus'; its stimuli have onsets instead",
        ),
        (
            lambda r: r.isel(sample=[0, 1, 1]),
            "1 sample labels occur more than once (first: 'x/0000001')",
        ),
        (
            lambda r: r.isel(sample=[1, 0, 2]),
            "1 samples do not begin after the one before them in their run (first: 'x/0000000')",
        ),
        (
            lambda r: r.T,
            "dimensions are ('neuroid', 'sample'), but "
            "('repetition', 'sample', 'neuroid') in this order are needed",
        ),
    ],
)
def test_a_stream_that_was_spoiled_has_faults(spoil, fault):
    assert fault in label_faults(spoil(stream()))


def test_a_stream_that_was_made_has_no_faults():
    assert label_faults(stream()) == []


def test_words_of_a_story_need_not_be_labels_of_the_recording():
    dataset = na.BrainDataset({"ann": stream()}, table())
    check_dataset(dataset)
    assert repr(dataset).splitlines()[-1] == (
        "    ann: 2 neuroids (no roi), 6 samples in 2 runs (12 s), no repetitions, in z"
    )


def test_numbers_of_runs_match_those_of_the_stimuli():
    recording = stream(run=[1, 1, 1, 2, 2, 2])
    dataset = na.BrainDataset({"ann": recording}, table(run=[1, 1, 2, 2]))
    assert dataset.stimuli["run"].tolist() == ["1", "1", "2", "2"]


def test_a_word_may_begin_where_its_run_begins_and_where_it_ends():
    na.BrainDataset({"ann": stream(onset=[1, 3, 5, 0, 2, 4])}, table(onset=[1.0, 7.0, 0.0, 6.0]))


NO_COLUMN = "stimuli of a stream need the columns run and onset; {!r} is missing"


@pytest.mark.parametrize(
    ("stimuli", "fault"),
    [
        (table().drop(columns="run"), NO_COLUMN.format("run")),
        (table().drop(columns="onset"), NO_COLUMN.format("onset")),
        (table(run=["x", None, "y", None]), "2 stimuli have no run (first: 'w1', 'w3')"),
        (table(onset=[0, np.nan, 1, 2]), "1 stimuli have no onset (first: 'w1')"),
        (table(onset=list("0123")), "stimuli have a column 'onset' of type str, not seconds"),
        (table(duration=[1, 1, 1, np.nan]), "1 stimuli have no duration (first: 'w3')"),
        (table(duration=[1, 1, -1, 0]), "1 stimuli have a duration below 0 (first: 'w2')"),
        (
            table(run=["x", "x", "x", "z"]),
            "1 of its runs have no stimulus (first: 'y'); runs of the stimuli (first: 'x', 'z')",
        ),
        (
            table(onset=[-0.1, 6.1, 6.1, 99]),
            "4 stimuli begin outside their run (first: 'w0', 'w1', 'w2')",
        ),
    ],
)
def test_stimuli_without_a_moment_in_a_run_are_refused(stimuli, fault):
    with refused(f"Recording of subject 'ann' cannot be used: {fault}."):
        na.BrainDataset({"ann": stream()}, stimuli)


def test_words_before_the_first_sample_of_their_run_are_refused():
    message = "1 stimuli begin outside their run (first: 'w0')"
    with refused(f"Recording of subject 'ann' cannot be used: {message}."):
        na.BrainDataset({"ann": stream(onset=[1, 3, 5, 0, 2, 4])}, table())


def test_not_everybody_needs_to_have_every_run():
    recordings = {"ann": stream(), "bob": stream(np.ones((3, 2)), subject="bob", run="y")}
    assert na.BrainDataset(recordings, table()).subjects == ["ann", "bob"]


def test_words_of_a_run_that_nobody_has_are_a_fault():
    dataset = na.BrainDataset({"ann": stream(run="x")}, table())
    message = "Dataset 'own data' has 1 fault:\n  - 2 stimuli were shown to nobody (first: 'w2')"
    with refused(f"{message}: leave them out of the table"):
        check_dataset(dataset)


def test_constant_neuroids_of_a_stream_are_a_fault():
    recording = stream(np.column_stack([np.arange(6.0), np.zeros(6)]))
    fault = "subject 'ann': 1 neuroids have a constant response (first: 'ann/1')"
    dataset = na.BrainDataset({"ann": recording}, table())
    with refused(f"Dataset 'own data' has 1 fault:\n  - {with_mend(fault)}"):
        check_dataset(dataset)


@pytest.mark.parametrize("stream_first", [True, False])
def test_streams_and_events_in_one_dataset_are_refused(stream_first):
    events = na.make_recording(
        np.eye(4), ("stimulus", "neuroid"), subject="bob", units="z",
        stimulus=table().index, neuroid=range(4),
    )  # fmt: skip
    recordings = {"ann": stream(), "bob": events}
    if not stream_first:
        recordings = dict(reversed(recordings.items()))
    last, text = ("bob", "no stream, but that of 'ann' is one") if stream_first else (
        "ann", "a stream, but that of 'bob' is none",
    )  # fmt: skip
    with refused(f"Recording of subject {last!r} cannot be used: it is {text}; load them apart."):
        na.BrainDataset(recordings, table())


def test_streams_share_no_single_stimuli():
    message = (
        "Dataset 'own data' holds streams, in which nobody meets single stimuli; shared_stimuli "
        "is for recordings of events or showings."
    )
    with refused(message):
        na.shared_stimuli(na.BrainDataset({"ann": stream()}, table()))


def test_neuroids_of_a_stream_can_be_selected():
    dataset = na.BrainDataset({"ann": stream(roi=["V4", "IT"])}, table()).select(roi="IT")
    assert dataset.recordings["ann"].identical(stream(roi=["V4", "IT"]).isel(neuroid=[1]))


def test_own_arrays_of_a_story_take_the_onsets_of_its_words(rng):
    words = {"text": ["a", "cat"], "onset": [0.0, 3.1]}
    responses = {"ann": rng.normal(size=(5, 2)), "bob": rng.normal(size=(3, 5, 4))}
    dataset = na.make_dataset(responses, words, sampling_period=1.5, roi="IFG")
    check_dataset(dataset)
    assert dataset.recordings["bob"].dims == REPEATED
    assert dataset.recordings["ann"].attrs["sampling_period"] == 1.5
    assert set(dataset.stimuli["run"]) == {"run-1"}


def test_own_arrays_of_a_story_keep_the_name_of_their_run():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    dataset = na.make_dataset(frame, {"onset": [0.5], "run": [3]}, sampling_period=2)
    assert dataset.recordings["subject-1"]["run"].values.tolist() == ["3", "3", "3"]
    assert dataset.recordings["subject-1"]["neuroid"].values.tolist() == ["subject-1/a"]


def test_own_arrays_of_several_runs_are_refused():
    message = (
        "The stimuli name 2 runs, but make_dataset takes samples of one; use make_recording with "
        "a run for each sample, and BrainDataset."
    )
    with refused(message):
        na.make_dataset(np.eye(3), table(), sampling_period=2.0)


def test_own_arrays_of_a_story_have_two_or_three_axes():
    message = (
        "Responses of subject 'subject-1' have the shape (3,); (sample, neuroid) or (repetition, "
        "sample, neuroid) is needed."
    )
    with refused(message):
        na.make_dataset(np.ones(3), {"onset": [0.0]}, sampling_period=2.0)
