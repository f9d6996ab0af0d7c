"""A folder of tables and arrays is a dataset: labels, axes, facts, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.testing import load_and_check

LABELS = ["007", "NA", "cat", "dog"]


@pytest.fixture
def values(rng):
    return rng.normal(size=(4, 3))


@pytest.fixture
def folder(tmp_path, values):
    """Write a sound folder, to be spoilt."""
    home = tmp_path / "mine"
    home.mkdir()
    (home / "dataset.toml").write_text('units = "z"\nmodality = "fmri"\n')
    table = pd.DataFrame({"stimulus": LABELS, "text": ["a", "NA", "1", "b"], "size": [1, 2, 3, 4]})
    table.to_csv(home / "stimuli.csv", index=False)
    np.save(home / "responses.npy", values)
    return home


def only(dataset):
    (recording,) = dataset.recordings.values()
    return recording


def refused(message, kind=DataError):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def read(folder):
    return only(na.load_dataset(folder))


def test_rows_of_an_array_follow_the_table_of_stimuli(folder, values):
    dataset = na.load_dataset(folder)
    assert dataset.name == "mine"
    assert dataset.stimuli.index.tolist() == LABELS
    assert dataset.stimuli["text"].tolist() == ["a", "NA", "1", "b"]
    assert dataset.stimuli["size"].tolist() == [1, 2, 3, 4]
    recording = only(dataset)
    np.testing.assert_array_equal(recording.sel(stimulus=LABELS).values, values)
    assert recording["neuroid"].values.tolist() == [f"subject-1/{number}" for number in range(3)]
    assert recording.attrs == {"units": "z", "dataset": "mine", "modality": "fmri"}


def test_an_array_stays_in_its_file(folder):
    assert not in_memory(read(folder))


def test_the_folder_has_a_card_of_its_own(folder):
    with (folder / "dataset.toml").open("a") as file:
        file.write('citation = "doi:10.1/x"\nspecies = "human"\n')
    card = na.load_dataset(folder).card
    assert (card.citation, card.species, card.stimulus) == ("doi:10.1/x", "human", "text")


def test_neuroids_have_labels_and_facts(folder):
    (folder / "neuroids.csv").write_text("neuroid,roi,x\n01,V1,1.5\n02,V4,2\n10,V4,3\n")
    recording = read(folder)
    assert recording["neuroid"].values.tolist() == [f"subject-1/{n}" for n in ("01", "02", "10")]
    assert recording["roi"].values.tolist() == ["V1", "V4", "V4"]
    assert recording["x"].values.tolist() == [1.5, 2.0, 3.0]


def test_rows_of_an_array_with_showings_repeat_stimuli(folder, rng):
    shown = ["cat", "007", "cat", "dog", "NA"]
    table = pd.DataFrame({"stimulus": shown, "session": ["01", "01", "02", "02", "02"]})
    table.assign(onset=[0.5, 1, 2, 3, 4]).to_csv(folder / "showings.csv", index=False)
    values = rng.normal(size=(5, 3))
    np.save(folder / "responses.npy", values)
    recording = read(folder)
    assert recording.dims == ("showing", "neuroid")
    assert recording["stimulus"].values.tolist() == shown
    assert recording["session"].values.tolist() == ["01", "01", "02", "02", "02"]
    assert recording["onset"].values.tolist() == [0.5, 1, 2, 3, 4]
    np.testing.assert_array_equal(recording.values, values)


def test_axes_are_named_in_the_facts(folder, rng):
    values = rng.normal(size=(4, 2, 3))
    np.save(folder / "responses.npy", values)
    with (folder / "dataset.toml").open("a") as file:
        file.write('dims = ["stimulus", "repetition", "neuroid"]\n')
    np.testing.assert_array_equal(read(folder).values, values)


def test_time_is_an_axis_where_the_facts_say_so(folder, rng):
    np.save(folder / "responses.npy", rng.normal(size=(4, 3, 2)))
    with (folder / "dataset.toml").open("a") as file:
        file.write('dims = ["stimulus", "neuroid", "time"]\ntime = [0.05, 0.15]\n')
        file.write('time_convention = "bin centers"\n')
    recording = read(folder)
    assert recording["time"].values.tolist() == [0.05, 0.15]
    assert recording.attrs["time_convention"] == "bin centers"


def test_a_stream_has_a_sampling_period(folder, rng):
    np.save(folder / "responses.npy", rng.normal(size=(10, 3)))
    table = pd.DataFrame({"stimulus": ["w1", "w2"], "text": ["a", "b"], "onset": [0.5, 3.0]})
    table.assign(run="story").to_csv(folder / "stimuli.csv", index=False)
    with (folder / "dataset.toml").open("a") as file:
        file.write('sampling_period = 2.0\nrun = "story"\n')
    recording = read(folder)
    assert recording.dims == ("sample", "neuroid")
    assert recording["onset"].values.tolist() == [2.0 * number for number in range(10)]


def write_table(folder, values, labels=LABELS, columns=("a", "b", "c")):
    (folder / "responses.npy").unlink()
    table = pd.DataFrame(values, columns=list(columns))
    table.insert(0, "stimulus", labels)
    table.to_csv(folder / "responses.csv", index=False)
    return table


def test_a_table_of_responses_is_matched_by_label(folder, values, rng):
    table = write_table(folder, values)
    before = read(folder)
    order = rng.permutation(4)
    shuffled = table.iloc[order][["c", "stimulus", "a", "b"]]
    shuffled.to_csv(folder / "responses.csv", index=False)
    after = read(folder).sel(stimulus=LABELS, neuroid=before["neuroid"].values)
    xr.testing.assert_identical(after, before)
    np.testing.assert_allclose(before.values, values)


def test_neuroids_of_a_table_are_matched_by_label(folder, values):
    write_table(folder, values)
    (folder / "neuroids.csv").write_text("neuroid,roi\nc,V4\na,V1\nb,V2\nd,IT\n")
    recording = read(folder)
    assert dict(zip(recording["neuroid"].values, recording["roi"].values, strict=True)) == {
        "subject-1/a": "V1",
        "subject-1/b": "V2",
        "subject-1/c": "V4",
    }


def test_rows_of_a_table_that_share_a_stimulus_are_showings(folder, rng):
    write_table(folder, rng.normal(size=(5, 3)), labels=["cat", "cat", "dog", "007", "NA"])
    recording = read(folder)
    assert recording.dims == ("showing", "neuroid")
    assert recording["stimulus"].values.tolist() == ["cat", "cat", "dog", "007", "NA"]


def test_each_subject_has_a_folder(folder, rng):
    (folder / "responses.npy").unlink()
    for subject in ("ann", "bob"):
        (folder / subject).mkdir()
        np.save(folder / subject / "responses.npy", rng.normal(size=(4, 2)))
    dataset = na.load_dataset(folder)
    assert dataset.subjects == ["ann", "bob"]
    assert na.load_dataset(folder, subjects="bob").subjects == ["bob"]
    with refused("No subject is called 'eve'. Known: 'ann', 'bob'.", UnknownNameError):
        na.load_dataset(folder, subjects="eve")


def test_images_are_looked_for_beside_the_table(folder):
    table = pd.DataFrame({"stimulus": LABELS, "image": [f"pictures/{n}.png" for n in range(4)]})
    table.to_csv(folder / "stimuli.csv", index=False)
    dataset = na.load_dataset(folder)
    assert dataset.stimuli["image"].tolist()[0] == str(folder / "pictures" / "0.png")
    with pytest.raises(DataError, match="4 image files do not exist"):
        load_and_check("mine", lambda: na.load_dataset(folder))


def test_a_folder_scores(folder, rng):
    labels = [f"s{number:02}" for number in range(30)]
    pd.DataFrame({"stimulus": labels, "text": labels}).to_csv(folder / "stimuli.csv", index=False)
    layer = xr.DataArray(rng.normal(size=(30, 3)), {"stimulus": labels}, ("stimulus", "unit"))
    np.save(folder / "responses.npy", layer.values @ rng.normal(size=(3, 4)))
    scores = na.score({"layer": layer}, na.load_dataset(folder), progress=False)
    assert float(scores["r"].min()) > 0.99


def no_facts(folder):
    (folder / "dataset.toml").unlink()
    return (
        f"Folder '{folder}' has no dataset.toml; write one that says units = 'spikes/s' and "
        "modality = 'spikes', or what they are."
    )


def no_modality(folder):
    (folder / "dataset.toml").write_text("units = 'z'\n")
    return (
        f"File '{folder / 'dataset.toml'}' does not say how responses were recorded; add units = "
        "'spikes/s' and modality = 'spikes', or what they are."
    )


def not_toml(folder):
    (folder / "dataset.toml").write_text("units: z\n")
    return (
        f"File '{folder / 'dataset.toml'}' is not TOML (Expected '=' after a key in a key/value "
        "pair (at line 1, column 6)); write lines such as units = 'z'."
    )


def no_labels(folder):
    (folder / "stimuli.csv").write_text("item,text\na,b\n")
    return (
        f"Table '{folder / 'stimuli.csv'}' has no column 'stimulus', but item, text; rename the "
        "one that holds the labels."
    )


def empty_label(folder):
    (folder / "stimuli.csv").write_text("stimulus,text\na,b\n,c\n")
    return f"1 rows of table '{folder / 'stimuli.csv'}' have no stimulus; fill the column."


def no_kind(folder):
    (folder / "stimuli.csv").write_text("stimulus,word\na,b\n")
    return (
        f"Table '{folder / 'stimuli.csv'}' has no column that says what was presented; name one of "
        "text, image, audio, video, condition."
    )


def no_responses(folder):
    (folder / "responses.npy").unlink()
    return (
        f"Folder '{folder}' has no responses.npy or responses.csv, and no folder of a subject has; "
        "put the responses there."
    )


def both_forms(folder):
    (folder / "responses.csv").write_text("stimulus,a\nx,1\n")
    return f"Folder '{folder}' has both responses.npy and responses.csv; keep one of them."


def other_length(folder):
    np.save(folder / "responses.npy", np.ones((5, 3)))
    return (
        f"Array '{folder / 'responses.npy'}' has 5 stimuli, but stimuli.csv has 4 rows; give it "
        "one for each, in the same order."
    )


def axes_of_no_list(folder):
    with (folder / "dataset.toml").open("a") as file:
        file.write('dims = "stimulus"\n')
    return (
        "dataset.toml says dims = 'stimulus'; write a list, as in dims = ['stimulus', 'neuroid']."
    )


def axes_of_no_words(folder):
    with (folder / "dataset.toml").open("a") as file:
        file.write('dims = ["stimulus", 1]\n')
    return (
        "dataset.toml says dims = ['stimulus', 1]; write a list, as in dims = ['stimulus', "
        "'neuroid']."
    )


def no_units(folder):
    (folder / "dataset.toml").write_text('modality = "fmri"\n')
    return f"Folder '{folder}' cannot be used: the attribute 'units' is missing."


def no_image(folder):
    (folder / "stimuli.csv").write_text("stimulus,image\na,\nb,b.png\n")
    return "Stimuli of dataset 'own data' cannot be used: 1 stimuli have no image (first: 'a')."


def no_text(folder):
    (folder / "stimuli.csv").write_text("stimulus,text\na,\nb,b\n")
    return "Stimuli of dataset 'own data' cannot be used: 1 stimuli have no text (first: 'a')."


def other_axes(folder):
    np.save(folder / "responses.npy", np.ones((4, 3, 2)))
    return (
        f"Array '{folder / 'responses.npy'}' has the shape (4, 3, 2); name its axes in "
        "dataset.toml, as in dims = ['stimulus', 'neuroid', 'time']."
    )


def other_count(folder):
    (folder / "neuroids.csv").write_text("neuroid\na\n")
    return (
        f"Array '{folder / 'responses.npy'}' has 3 neuroids, but neuroids.csv has 1 rows; give it "
        "one for each, in the same order."
    )


def strange_columns(folder):
    write_table(folder, np.ones((4, 3)))
    (folder / "neuroids.csv").write_text("neuroid\na\n")
    return (
        f"2 columns of responses.csv are not in '{folder / 'neuroids.csv'}' (first: 'b', 'c'); add "
        "them there."
    )


def words_for_numbers(folder):
    (folder / "responses.npy").unlink()
    (folder / "responses.csv").write_text("stimulus,a\ncat,1\ndog,high\n")
    return (
        f"Column 'a' of '{folder / 'responses.csv'}' has 1 values that are not numbers (first: "
        "'high' in row 2)."
    )


def table_without_labels(folder):
    (folder / "responses.npy").unlink()
    (folder / "responses.csv").write_text("a,b\n1,2\n")
    return (
        f"Table '{folder / 'responses.csv'}' has no column 'stimulus', but a, b; rename the one "
        "that holds the labels."
    )


def table_with_row_numbers(folder):
    (folder / "responses.npy").unlink()
    (folder / "responses.csv").write_text(",stimulus,a\n0,cat,1\n1,dog,2\n")
    return (
        f"Table '{folder / 'responses.csv'}' has 1 columns without a name; name those that are "
        "neuroids, and leave out row numbers (in pandas: to_csv(..., index=False))."
    )


def showings_beside_a_table(folder):
    write_table(folder, np.ones((4, 3)))
    (folder / "showings.csv").write_text("stimulus,session\ncat,1\n")
    return (
        f"Folder '{folder}' has showings.csv beside responses.csv, whose rows name what was shown "
        "themselves; move its columns there, and leave it out."
    )


def showings_without_table(folder):
    (folder / "dataset.toml").write_text(
        "units = 'z'\nmodality = 'fmri'\ndims = ['showing', 'neuroid']\n"
    )
    return (
        f"Folder '{folder}' has no showings.csv, which says what was shown in each row of "
        "responses.npy; write it, with a column 'stimulus'."
    )


def subject_beside_responses(folder):
    (folder / "ann").mkdir()
    np.save(folder / "ann" / "responses.npy", np.ones((4, 3)))
    return (
        f"Folder '{folder}' has responses, and so have folders in it (first: 'ann'); keep those of "
        "the folder, or those of the subjects."
    )


def subject_misspelt(folder):
    (folder / "ann").mkdir()
    (folder / "responses.npy").rename(folder / "ann" / "responses.npy")
    (folder / "bob").mkdir()
    (folder / "bob" / "response.csv").touch()
    return (
        f"Folder '{folder / 'bob'}' has response.csv, but no responses.npy or responses.csv; give "
        "the responses one of these names, or move the folder away."
    )


SPOILERS = [
    no_facts, no_modality, not_toml, no_labels, empty_label, no_kind,
    no_responses, both_forms, other_length, other_axes, other_count, strange_columns,
    words_for_numbers, table_without_labels, table_with_row_numbers, showings_without_table,
    axes_of_no_list, axes_of_no_words, no_units, no_image, no_text,
    showings_beside_a_table, subject_beside_responses, subject_misspelt,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_what_is_wrong_with_a_folder_is_one_sentence(spoil, folder):
    message = spoil(folder)
    with refused(message):
        read(folder)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            "unit = 'z'\nmodality = 'fmri'\n",
            "No fact in dataset.toml is called 'unit'. Did you mean 'units'?",
        ),
        (
            "units = 'z'\nmodality = 'mri'\n",
            "No modality in dataset.toml is called 'mri'. Did you mean 'fmri'?",
        ),
    ],
)
def test_an_unknown_fact_names_the_nearest(folder, facts, sentence):
    (folder / "dataset.toml").write_text(facts)
    with refused(sentence, UnknownNameError):
        read(folder)


def test_pickled_objects_are_not_loaded(folder):
    np.save(folder / "responses.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"responses\.npy.*objects"):
        read(folder)


def test_the_folder_may_be_named_relative_to_here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert na.load_dataset(Path(".")).name == "mine"


def test_rows_of_a_table_keep_their_session_as_a_word_and_their_onset_as_a_number(folder):
    (folder / "responses.npy").unlink()
    (folder / "responses.csv").write_text("onset,u,session,stimulus\n1.5,1,01,cat\n0,2,02,dog\n")
    recording = read(folder)
    assert recording.neuroid.values.tolist() == ["subject-1/u"]
    assert recording.onset.values.tolist() == [1.5, 0]
    assert recording.session.values.tolist() == ["01", "02"]


def test_a_stream_in_a_table_is_of_the_run_that_the_facts_name(folder):
    facts = "units = 'z'\nmodality = 'fmri'\nsampling_period = 2.0\n"
    (folder / "responses.npy").unlink()
    (folder / "responses.csv").write_text("u,w\n1,4\n2,3\n")
    for named, run in (("", "run-1"), ("run = '9'\n", "9")):
        (folder / "dataset.toml").write_text(facts + named)
        (folder / "stimuli.csv").write_text(f"stimulus,text,run,onset\na,z,{run},0\n")
        recording = read(folder)
        assert recording.run.values.tolist() == [run, run]
        assert recording.onset.values.tolist() == [0, 2]
        np.testing.assert_array_equal(recording, [[1, 4], [2, 3]])


def test_a_neuroid_that_is_listed_twice_has_the_facts_of_its_first_row(folder, values):
    write_table(folder, values)
    rows = "c,V4,03\na,V1,01\na,V2,02\nb,V1,01\nd,V9,1\n"
    (folder / "neuroids.csv").write_text(f"neuroid,roi,session\n{rows}")
    recording = read(folder)
    assert recording.roi.values.tolist() == ["V1", "V1", "V4"]
    assert recording["session"].values.tolist() == ["01", "01", "03"]


def test_the_card_says_what_is_not_known(folder):
    card = na.load_dataset(folder).card
    assert (card.citation, card.species, card.license) == ("own data", "unstated", "unstated")
    with (folder / "dataset.toml").open("a") as file:
        file.write('species = "macaque"\nnotes = "a note"\n')
    card = na.load_dataset(folder).card
    assert (card.species, card.notes, card.stimulus) == ("macaque", "a note", "text")
