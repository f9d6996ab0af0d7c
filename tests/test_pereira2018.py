"""Pereira et al. (2018): every response is that of its sentence and voxel."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from miniatures import pereira2018 as miniature
from scipy.io import savemat
from study_files import LAZY, load_in, refused

from neuroalign.errors import DownloadError, UnknownNameError
from neuroalign.testing import check_dataset


@pytest.fixture
def folder(tmp_path):
    miniature.write(tmp_path)
    return tmp_path


@pytest.fixture
def load(folder):
    return partial(load_in, folder, "pereira2018")


@pytest.mark.parametrize("experiment", miniature.SUBJECTS)
def test_every_response_is_that_of_its_sentence_and_voxel(load, experiment):
    dataset = load(experiment=experiment)
    assert dataset.subjects == miniature.SUBJECTS[experiment]
    for subject in dataset.subjects:
        recording = dataset.recordings[subject]
        voxels = np.array([int(n[4:7]) - 10 for n in recording.neuroid.values])
        for label, values in zip(recording.stimulus.values, recording.values, strict=True):
            number = int(label.rpartition("-")[2])
            assert dataset.stimuli.loc[label, "text"] == miniature.text(experiment, number)
            assert values.tolist() == miniature.code(subject, number, voxels).tolist()


def test_voxels_are_those_of_the_language_regions(load):
    recording = load().recordings["P01"]
    found = dict(zip(recording.neuroid.values, recording.roi.values, strict=True))
    assert list(found) == sorted(found)
    assert found == {
        "P01/011-007-101": "LPTG",
        "P01/012-007-101": "RMTG",
        "P01/014-007-101": "LMTG",
        "P01/015-007-101": "RPTG",
        "P01/016-007-101": "LPTG",
        "P01/017-007-101": "RMTG",
    }


@pytest.mark.parametrize(
    ("atlas", "regions"), [("aal_1ofN", ["Precentral_L", "Precentral_R"]), (["MD"], ["one"])]
)
def test_other_atlases_have_other_regions(load, atlas, regions):
    recording = load(atlas=atlas).recordings["M02"]
    assert sorted(set(recording.roi.values)) == regions


def test_passages_of_a_topic_are_kept_together(load):
    stimuli = load().stimuli
    assert stimuli["passage"].tolist() == [f"passage {n}" for n in (1, 2, 3, 4) for _ in range(3)]
    assert stimuli["group"].tolist() == [
        miniature.TOPICS[n] for n in (0, 1, 0, 1) for _ in range(3)
    ]


def test_both_experiments_name_voxels_alike(load):
    one, two = (load(experiment=part).recordings["M15"] for part in miniature.SUBJECTS)
    assert one.neuroid.values.tolist() == two.neuroid.values.tolist()
    assert not set(one.stimulus.values) & set(two.stimulus.values)


def test_shuffled_rows_of_a_subject_change_nothing(load, folder):
    before = load().recordings["M09"]
    order = np.random.default_rng(1).permutation(12) + 1
    savemat(
        folder / "M09" / "data_384sentences.mat", miniature.content("M09", "384sentences", order)
    )
    after = load().recordings["M09"]
    assert after.stimulus.values.tolist() != before.stimulus.values.tolist()
    assert after.sel(stimulus=before.stimulus.values).identical(
        before.sel(stimulus=before.stimulus.values)
    )


def test_one_subject_needs_its_own_file_only(load, folder):
    for path in folder.glob("P01/*.mat"):
        path.unlink()
    dataset = load(subjects=["M07"])
    check_dataset(dataset)
    assert dataset.subjects == ["M07"]


def test_a_file_that_is_not_there_is_named(load, folder):
    path = folder / "M14" / "data_384sentences.mat"
    path.unlink()
    with pytest.raises(DownloadError, match=re.escape(f" and put at {path}.")):
        load().recordings["M14"]


def test_an_unknown_experiment_is_refused(load):
    with refused("Experiment '180concepts' is not one of 384sentences, 243sentences."):
        load(experiment="180concepts")


def test_an_unknown_atlas_is_refused(load, folder):
    path = folder / "P01" / "data_384sentences.mat"
    known = ", ".join(miniature.REGIONS)
    with refused(f"File '{path}' has no atlas 'gordon'; it has {known}."):
        load(atlas="gordon").recordings["P01"]


def test_a_file_of_the_first_experiment_is_refused(load, folder):
    path = folder / "M02" / "data_384sentences.mat"
    content = miniature.content("M02", "384sentences")
    del content["examples_passagesentences"]
    savemat(path, content)
    message = (
        f"No variable of '{path}' is called 'examples_passagesentences'. Did you mean "
        "'examples_passages'?"
    )
    with refused(message, UnknownNameError):
        load().recordings["M02"]


@pytest.mark.parametrize("sentence", ["Another sentence.", miniature.text("384sentences", 2)])
def test_other_sentences_are_refused(load, folder, sentence):
    path = folder / "M02" / "data_384sentences.mat"
    content = miniature.content("M02", "384sentences")
    content["keySentences"][0, 0] = sentence
    savemat(path, content)
    with pytest.raises(
        ValueError, match=LAZY + r"File '.*' has other sentences than those of the first"
    ):
        load().recordings["M02"]


def test_sentences_that_occur_twice_are_refused(load, folder):
    for subject in ("P01", "M02"):
        content = miniature.content(subject, "384sentences")
        content["keySentences"][0, 0] = miniature.text("384sentences", 2)
        savemat(folder / subject / "data_384sentences.mat", content)
    with pytest.raises(
        ValueError, match=LAZY + r"File '.*' has other sentences than .*, or some twice\.$"
    ):
        load().recordings["M02"]


def test_a_file_that_is_cut_short_is_refused(load, folder):
    path = folder / "M02" / "data_384sentences.mat"
    path.write_bytes(path.read_bytes()[:700])
    with refused(f"File '{path}' of 700 bytes should have 704 at least; it is cut short."):
        load().recordings["M02"]


def test_sentences_are_those_of_the_table(load):
    stimuli = load(experiment="243sentences").stimuli
    assert isinstance(stimuli, pd.DataFrame)
    assert stimuli.index[0] == "243sentences-001"
    assert stimuli["text"].iloc[8] == "Sentence 9 of 243sentences is read."
