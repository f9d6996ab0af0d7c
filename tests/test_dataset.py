"""Datasets: what they refuse, select, promise and show."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError

CARD = na.DatasetCard(
    citation="doi:10/x", modality="spikes", species="macaque", stimulus="text", license="CC0-1.0"
)
TEXTS = {"text": ["a cat", "a dog", "a cow"]}


def recording_of(subject, values=None, *, stimulus=("0", "1", "2"), **options):
    values = np.eye(3) if values is None else values
    return na.make_recording(
        values,
        ("stimulus", "neuroid"),
        subject=subject,
        units="z",
        stimulus=list(stimulus),
        neuroid=range(values.shape[1]),
        **options,
    )


def table(labels=("0", "1", "2"), **columns):
    return pd.DataFrame({"text": list(labels), **columns}, index=list(labels))


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def unreadable():
    pytest.fail("the recording was made before it was needed")


@pytest.fixture
def two_monkeys():
    """Make a dataset of two subjects with neuroids in two regions."""
    roi = ["V4", "V4", "IT"]
    recordings = {name: recording_of(name, roi=roi) for name in ("anne", "bert")}
    return na.BrainDataset(recordings, table())


def test_a_dataset_without_recordings_is_refused():
    with refused("Dataset 'own data' has no recordings."):
        na.BrainDataset({}, table())


def test_something_else_than_a_recording_is_refused():
    with refused("Recording of subject 'm' is a ndarray; make it with make_recording."):
        na.BrainDataset({"m": np.eye(3)}, table())


def test_stimuli_that_occur_twice_are_refused():
    message = (
        "Stimuli of dataset 'own data' cannot be used: "
        "1 stimulus labels occur more than once (first: '1')."
    )
    with refused(message):
        na.BrainDataset({"m": recording_of("m")}, table(["0", "1", "1"]))


def test_stimuli_without_content_are_refused():
    stimuli = table().assign(text=["a", None, None])
    message = (
        "Stimuli of dataset 'own data' cannot be used: 2 stimuli have no text (first: '1', '2')."
    )
    with refused(message):
        na.BrainDataset({"m": recording_of("m")}, stimuli)


def test_stimuli_without_a_group_are_refused():
    message = "Stimuli of dataset 'own data' cannot be used: 1 stimuli have no group (first: '1')."
    with refused(message):
        na.BrainDataset({"m": recording_of("m")}, table(group=["x", None, "x"]))


def test_groups_that_become_the_same_label_are_refused():
    message = "Several group ids become the same label '1'; give each a distinct string."
    with refused(message):
        na.BrainDataset({"m": recording_of("m")}, table(group=[1, "1", 2]))


def test_stimuli_of_a_recording_must_be_in_the_table():
    message = (
        "Recording of subject 'm' cannot be used: "
        "2 of its stimuli are not in the stimulus table (first: '1', '2')."
    )
    with refused(message):
        na.BrainDataset({"m": recording_of("m")}, table(["0"]))


def test_a_recording_under_another_name_is_refused():
    message = "Recording of subject 'm' cannot be used: it says that it belongs to subject 'n'."
    with refused(message):
        na.BrainDataset({"m": recording_of("n")}, table())


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda r: r.drop_vars("stimulus"), "coordinate 'stimulus' is missing"),
        (lambda r: r.drop_vars("subject"), "the scalar coordinate 'subject' is missing"),
        (lambda r: r.drop_attrs(), "the attribute 'units' is missing"),
        (
            lambda r: r.assign_coords(neuroid=["m/0", "n/1", "2"]),
            "2 neuroid labels lack the prefix 'm/' (first: 'n/1', '2')",
        ),
        (
            lambda r: r.T,
            "dimensions are ('neuroid', 'stimulus'), but "
            "('stimulus', 'repetition', 'neuroid', 'time') in this order are needed",
        ),
    ],
)
def test_a_recording_that_was_spoiled_is_refused(spoil, fault):
    with refused(f"Recording of subject 'm' cannot be used: {fault}."):
        na.BrainDataset({"m": spoil(recording_of("m"))}, table())


def test_a_dataset_leaves_the_stimulus_table_as_it_was():
    stimuli = pd.DataFrame({"text": ["a", "b", "c"], "group": [1, 1, 2]})
    before = stimuli.copy(deep=True)
    na.BrainDataset({"m": recording_of("m")}, stimuli)
    pd.testing.assert_frame_equal(stimuli, before)


def test_selecting_subjects_keeps_only_these(two_monkeys):
    assert two_monkeys.select(subjects="bert").subjects == ["bert"]


def test_selecting_a_region_keeps_its_neuroids(two_monkeys):
    recording = two_monkeys.select(roi="IT").recordings["anne"]
    assert recording["neuroid"].values.tolist() == ["anne/2"]


def test_subjects_without_the_selected_neuroids_are_left_out(two_monkeys):
    assert two_monkeys.select(neuroids=["bert/0", "bert/2"]).subjects == ["bert"]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"subjects": "bart"}, "No subject is called 'bart'. Did you mean 'bert'?"),
        ({"roi": "V5"}, "No roi is called 'V5'. Known: 'IT', 'V4'."),
        ({"neuroids": ["bert/3"]}, "No neuroid is called 'bert/3'. Did you mean 'bert/2'?"),
        ({"subjects": ["9"]}, "No subject is called '9'. Known: 'anne', 'bert'."),
    ],
)
def test_selecting_an_unknown_name_names_the_nearest(two_monkeys, selection, message):
    with refused(message, UnknownNameError):
        two_monkeys.select(**selection)


def test_an_empty_selection_is_refused(two_monkeys):
    with refused("An empty selection of subjects was given; leave it out to keep all."):
        two_monkeys.select(subjects=[])


def test_neuroids_outside_the_selected_region_are_refused(two_monkeys):
    with refused("None of the neuroids asked for lies in roi V4."):
        two_monkeys.select(roi="V4", neuroids=["anne/2"])


def test_a_lazy_recording_is_made_only_when_asked_for():
    lazy = {"m": lambda: recording_of("m"), "n": unreadable}
    dataset = na.BrainDataset(lazy, table()).named("mine", CARD).select(subjects=["m", "n"])
    assert "    n: not read yet\n" in repr(dataset)
    assert dataset.recordings["m"].attrs["dataset"] == "mine"


def test_a_lazy_recording_is_made_once():
    calls = []
    dataset = na.BrainDataset({"m": lambda: calls.append(1) or recording_of("m")}, table())
    assert dataset.recordings["m"] is dataset.recordings["m"]
    assert calls == [1]


def test_a_lazy_recording_is_checked_when_it_is_made():
    dataset = na.BrainDataset({"m": lambda: recording_of("n")}, table())
    message = "Recording of subject 'm' cannot be used: it says that it belongs to subject 'n'."
    with refused(message):
        dataset.recordings["m"]


def test_asking_for_the_recording_of_an_unknown_subject_names_the_nearest(two_monkeys):
    with refused("No subject is called 'ann'. Did you mean 'anne'?", UnknownNameError):
        two_monkeys.recordings["ann"]


def test_subjects_are_labels_too():
    assert na.BrainDataset({3: recording_of(3)}, table()).subjects == ["3"]


def test_naming_a_dataset_stamps_its_recordings():
    dataset = na.BrainDataset({"m": recording_of("m")}, table())
    named = dataset.named("mine", CARD)
    assert named.recordings["m"].attrs == {"units": "z", "dataset": "mine", "modality": "spikes"}
    assert dataset.recordings["m"].attrs == {"units": "z"}


def test_the_repr_says_what_there_is():
    stimuli = table(group=["x", "x", "y"])
    recordings = {"m": recording_of("m", roi=["V4", "V4", "IT"]), "n": unreadable}
    assert repr(na.BrainDataset(recordings, stimuli, name="mine", card=CARD)) == (
        "BrainDataset 'mine'\n"
        "  stimuli   3 (text) in 2 groups\n"
        "  subjects  2\n"
        "    m: 3 neuroids (V4, IT), 3 stimuli, no repetitions, in z\n"
        "    n: not read yet\n"
        "  source    doi:10/x (CC0-1.0)"
    )


def test_the_repr_states_the_noise_ceiling_of_repetitions():
    signal = np.array([[0.0], [1.0], [2.0]])
    responses = np.repeat(signal[:, None], 4, axis=1)
    responses[0, 3] = np.nan
    text = repr(na.make_dataset(responses, TEXTS, roi="V4", units="spikes/s"))
    assert text.splitlines()[-1] == (
        "    subject-1: 1 neuroids (V4), 3 stimuli, 3-4 repetitions (median 4), in spikes/s; "
        "noise ceiling of variance: median 1.00 split-half"
    )


def test_the_repr_of_a_recording_without_responses_says_so():
    dataset = na.make_dataset(np.full((3, 2, 1), np.nan), TEXTS, units="z")
    line = repr(dataset).splitlines()[-1]
    assert line == "    subject-1: 1 neuroids (no roi), 3 stimuli, no responses, in z"


def test_the_repr_names_eight_subjects_at_most():
    dataset = na.make_dataset({f"m{number}": np.eye(3) for number in range(11)}, TEXTS)
    assert repr(dataset).splitlines()[-1] == "    and 3 more"


def test_the_repr_does_not_read_a_lazy_array(tmp_path):
    array = xr.DataArray(np.ones((3, 2, 1)), dims=("stimulus", "repetition", "neuroid"))
    array.to_netcdf(tmp_path / "responses.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "responses.nc", engine="h5netcdf") as lazy:
        recording = na.make_recording(
            lazy, lazy.dims, subject="m", units="z", stimulus=[0, 1, 2], neuroid=[0]
        )
        line = repr(na.BrainDataset({"m": recording}, table())).splitlines()[-1]
    assert line == "    m: 1 neuroids (no roi), 3 stimuli, repetitions not read yet, in z"


def test_own_arrays_take_six_lines_at_most(rng):
    lines = """
import neuroalign as na
dataset = na.make_dataset(responses, {"image": images}, units="spikes/s")
scores = na.score(na.load_model("pixels"), dataset)
table = na.summarize(scores, by=["layer", "subject"])
"""
    assert len(lines.split("\n")) <= 6 + 2
    own = {"images": rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)}
    own["responses"] = own["images"].mean((1, 2))
    exec(lines, own)
    assert own["table"]["subject"].tolist() == ["subject-1"]


def test_own_arrays_are_labelled_by_their_position():
    recording = na.make_dataset(np.eye(3), TEXTS).recordings["subject-1"]
    assert recording["stimulus"].values.tolist() == ["0", "1", "2"]
    assert recording["neuroid"].values.tolist() == ["subject-1/0", "subject-1/1", "subject-1/2"]


def test_own_arrays_of_several_subjects_become_several_recordings():
    dataset = na.make_dataset({"anne": np.eye(3), 2: np.ones((3, 5))}, TEXTS)
    assert {name: r.sizes["neuroid"] for name, r in dataset.recordings.items()} == {
        "anne": 3,
        "2": 5,
    }


def test_own_subjects_that_become_the_same_label_are_refused():
    message = "Several subject ids become the same label '1'; give each a distinct string."
    with refused(message):
        na.make_dataset({1: np.eye(3), "1": np.eye(3)}, TEXTS)


def test_a_data_frame_is_matched_by_its_labels():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=["2", "0"])
    dataset = na.make_dataset(frame, table())
    assert dataset.recordings["subject-1"].sel(stimulus="0", neuroid="subject-1/b") == 4.0


def test_a_data_frame_of_unknown_stimuli_is_refused():
    frame = pd.DataFrame(np.eye(3), index=["0", "1", "x"])
    message = (
        "Recording of subject 'subject-1' cannot be used: "
        "1 of its stimuli are not in the stimulus table (first: 'x')."
    )
    with refused(message):
        na.make_dataset(frame, table())


def test_a_recording_of_ones_own_keeps_its_subject():
    dataset = na.make_dataset(recording_of("anne"), table())
    assert dataset.subjects == ["anne"]


def test_responses_must_have_a_row_for_each_stimulus():
    message = "Responses of subject 'subject-1' have 2 rows, but there are 3 stimuli."
    with refused(message):
        na.make_dataset(np.ones((2, 3)), TEXTS)


def test_responses_must_have_two_or_three_axes():
    message = (
        "Responses of subject 'subject-1' have the shape (3,); "
        "(stimulus, neuroid) or (stimulus, repetition, neuroid) is needed."
    )
    with refused(message):
        na.make_dataset(np.ones(3), TEXTS)


def test_columns_of_different_lengths_are_refused():
    with refused("Columns of the stimuli differ in length (text 3, group 2)."):
        na.make_dataset(np.eye(3), {**TEXTS, "group": ["x", "y"]})


def test_shared_stimuli_are_those_of_all_subjects():
    recordings = {
        "m": recording_of("m", stimulus="cba"),
        "n": recording_of("n", stimulus="bcd"),
        "o": unreadable,
    }
    dataset = na.BrainDataset(recordings, table("abcd"))
    assert na.shared_stimuli(dataset, ["m", "n"]) == ["b", "c"]


def test_shared_stimuli_of_an_unknown_subject_names_the_nearest(two_monkeys):
    with refused("No subject is called 'ann'. Did you mean 'anne'?", UnknownNameError):
        na.shared_stimuli(two_monkeys, "ann")


def named_only(**columns):
    """Make a dataset whose stimuli are named, and not distributed."""
    labels = ["0", "1", "2"]
    stimuli = pd.DataFrame({"condition": ["face", "house", "cat"], **columns}, index=labels)
    return na.BrainDataset({"m": recording_of("m")}, stimuli)


def test_stimuli_may_be_conditions_that_are_named_only():
    dataset = named_only()
    assert dataset.stimulus_kinds == ["condition"]
    assert repr(dataset).splitlines()[1] == "  stimuli   3 (condition)"


def test_conditions_beside_what_a_model_reads_are_a_column_like_any_other():
    dataset = named_only(text=["a face", "a house", "a cat"])
    assert dataset.stimulus_kinds == ["text"]
    dataset = named_only(text=["a", "b", "c"], condition=["face", None, "cat"])
    assert dataset.stimuli["condition"].isna().sum() == 1


def test_a_condition_without_a_name_is_refused():
    message = (
        "Stimuli of dataset 'own data' cannot be used: 1 stimuli have no condition (first: '1')."
    )
    with refused(message):
        named_only(condition=["face", None, "cat"])


def test_a_model_that_reads_images_is_refused_conditions():
    message = "Model 'pixels' reads image stimuli, but dataset 'own data' has condition stimuli."
    with refused(message):
        na.score(na.load_model("pixels"), named_only())
