"""The executable contract of datasets finds every fault, and none where there is none."""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.data.faults import with_mend
from neuroalign.errors import DataError
from neuroalign.testing import check_dataset


@pytest.fixture
def stimuli():
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    return pd.DataFrame({"image": list(images)}, index=[f"s{number}" for number in range(6)])


def faults_of(check, *arguments):
    """Return the title and the faults that a check lists."""
    with pytest.raises(DataError) as caught:
        check(*arguments)
    title, *lines = str(caught.value).split("\n")
    assert all(line.startswith("  - ") for line in lines)
    return title, [line[4:] for line in lines]


CARD = na.DatasetCard(
    citation="none", modality="simulated", species="none", stimulus="image", license="CC0-1.0"
)


def make_recording(stimuli, subject="m1", seed=0):
    values = np.random.default_rng(seed).normal(size=(len(stimuli), 4))
    return na.make_recording(
        values,
        ("stimulus", "neuroid"),
        subject=subject,
        units="z",
        stimulus=stimuli.index,
        neuroid=range(4),
    )


def make_dataset(stimuli, recording=None, card=CARD):
    recording = make_recording(stimuli) if recording is None else recording
    return na.BrainDataset({"m1": recording}, stimuli, name="mine", card=card)


def test_a_sound_dataset_has_no_faults(stimuli):
    check_dataset(make_dataset(stimuli))


def test_a_dataset_that_is_read_when_asked_for_has_no_faults(stimuli):
    check_dataset(make_dataset(stimuli, lambda: make_recording(stimuli)))


def test_a_constant_neuroid_is_named(stimuli):
    recording = make_recording(stimuli)
    recording[:, 2] = 7
    title, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    assert title == "Dataset 'mine' has 1 fault:"
    assert faults == [
        with_mend("subject 'm1': 1 neuroids have a constant response (first: 'm1/2')")
    ]


def test_a_neuroid_without_any_response_is_named(stimuli):
    recording = make_recording(stimuli)
    recording[:, 1:3] = np.nan
    _, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    fault = "subject 'm1': 2 neuroids have no response at all (first: 'm1/1', 'm1/2')"
    assert faults == [with_mend(fault)]


def test_an_infinite_value_is_named(stimuli):
    recording = make_recording(stimuli)
    recording[0, 3] = np.inf
    _, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    assert faults == [with_mend("subject 'm1': 1 neuroids have infinite values (first: 'm1/3')")]


def test_a_stimulus_that_was_shown_to_nobody_is_named(stimuli):
    _, faults = faults_of(check_dataset, make_dataset(stimuli, make_recording(stimuli[:-2])))
    assert faults == [with_mend("2 stimuli were shown to nobody (first: 's4')")]


def test_a_card_of_another_kind_of_stimulus_is_named(stimuli):
    texts = stimuli.rename(columns={"image": "text"})
    _, faults = faults_of(check_dataset, make_dataset(texts))
    assert faults == [with_mend("stimuli: the card says 'image', but there is no such column")]


def test_what_is_no_card_is_named(stimuli):
    _, faults = faults_of(check_dataset, make_dataset(stimuli, card={"citation": "none"}))
    assert faults == ["its card is not a DatasetCard"]


def test_stimuli_that_no_model_can_read_are_named(stimuli):
    bare = stimuli.rename(columns={"image": "picture"})
    _, faults = faults_of(check_dataset, make_dataset(bare, card=None))
    assert faults == [
        "stimuli: no column text, image, audio or video that a model could read, and no column "
        "condition: add the column that says what was presented"
    ]


def test_a_recording_that_differs_when_read_again_is_named(stimuli):
    seeds = iter(range(10))
    dataset = make_dataset(stimuli, lambda: make_recording(stimuli, seed=next(seeds)))
    _, faults = faults_of(check_dataset, dataset)
    assert faults == [
        "subject 'm1': reading the recording twice gives different values: let load depend on its "
        "files and options alone"
    ]


def test_a_recording_that_cannot_be_made_is_named(stimuli):
    dataset = make_dataset(stimuli, lambda: make_recording(stimuli, subject="m2"))
    _, faults = faults_of(check_dataset, dataset)
    sentence = "it says that it belongs to subject 'm2'"
    assert f"Recording of subject 'm1' cannot be used: {sentence}" in faults


def test_several_faults_of_a_dataset_are_listed_together(stimuli):
    recording = make_recording(stimuli[:-1])
    recording[:, 0], recording[:, 1] = 0, np.nan
    title, faults = faults_of(check_dataset, make_dataset(stimuli, recording))
    assert title == "Dataset 'mine' has 3 faults:"
    assert len(faults) == 3


def test_what_is_no_dataset_is_named():
    title, faults = faults_of(check_dataset, [1, 2])
    assert title == "Dataset 'without a name' has 1 fault:"
    assert faults == ["it is a list, not a BrainDataset"]
