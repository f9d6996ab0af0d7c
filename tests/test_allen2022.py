"""The Natural Scenes Dataset: every response is that of its trial and voxel, read when needed."""

import re

import h5py
import numpy as np
import pandas as pd
import pytest
from miniatures import allen2022 as miniature
from study_files import load_in, refused

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, DownloadError
from neuroalign.testing import check_dataset

ONE = {"subjects": ["subj01"], "sessions": range(1, 13)}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nsd")
    miniature.write(folder)
    return folder


def load(folder, **options):
    return load_in(folder, "allen2022", **options)


@pytest.fixture
def own(tmp_path):
    """Write some sessions of one subject, for tests that change a file."""
    miniature.write(tmp_path, sessions={"subj01": 12})
    return tmp_path


def expected(recording, subject):
    """Return the values that the labels promise: of the trial counted in its session."""
    places = [tuple(map(int, n.partition("/")[2].split("-"))) for n in recording.neuroid.values]
    voxels = np.array([np.ravel_multi_index(place, miniature.SHAPE) for place in places])
    sessions = recording.session.values.astype(int)
    return np.stack(
        [
            miniature.code(subject, session, trial, voxels)
            for session, trial in zip(sessions, recording.trial.values, strict=True)
        ]
    )


@pytest.mark.parametrize("subject", ["subj01", "subj04"])
@pytest.mark.parametrize("shared", [False, True])
def test_every_response_is_that_of_its_trial_and_voxel(written, subject, shared):
    recording = load(written, shared=shared, subjects=[subject]).recordings[subject]
    np.testing.assert_allclose(recording.values, expected(recording, subject), rtol=1e-6)
    assert recording.units == "percent signal change"
    table = miniature.trials(subject)
    at = (recording.session.values.astype(int), recording.trial.values)
    shown = [table["73KID"][(s - 1) * miniature.N_TRIALS + t] - 1 for s, t in zip(*at, strict=True)]
    assert recording.stimulus.values.tolist() == [f"{nsd:05}" for nsd in shown]
    inside = set(shown) <= set(miniature.SHARED)
    assert inside == shared
    runs = [table["RUN"][(s - 1) * miniature.N_TRIALS + t] for s, t in zip(*at, strict=True)]
    assert recording.run.values.tolist() == runs
    assert len(recording) == table["73KID"].isin(np.array(miniature.SHARED) + 1).sum() or not shared


def test_voxels_are_those_of_the_regions(written):
    recording = load(written, **ONE).recordings["subj01"]
    codes = miniature.atlas("subj01", "prf-visualrois")
    names = miniature.REGIONS["prf-visualrois"]
    for name, roi in zip(recording.neuroid.values, recording.roi.values, strict=True):
        assert names[codes[tuple(map(int, name.partition("/")[2].split("-")))]] == roi
    assert recording.sizes["neuroid"] == (codes > 0).sum()


def test_another_atlas_has_other_regions(written):
    recording = load(written, atlas="streams", **ONE).recordings["subj01"]
    assert set(recording.roi.values) == {"early", "ventral"}


def test_repetitions_are_unequal_and_say_their_run(written):
    recording = load(written, **ONE).recordings["subj01"]
    counts = pd.Series(recording.stimulus.values).value_counts()
    assert set(counts) == {1, 2}
    assert recording.run.values[:6].tolist() == [1, 1, 2, 1, 1, 2]


def test_sessions_are_those_asked_for_and_that_there_are(written):
    dataset = load(written, subjects=["subj01", "subj04"], sessions=[2, 31])
    assert set(dataset.recordings["subj01"].session.values) == {"2", "31"}
    assert set(dataset.recordings["subj04"].session.values) == {"2"}
    check_dataset(dataset)


def test_sessions_may_be_named_in_any_order(written):
    one = load(written, subjects=["subj01"], sessions=[2, 5, 3]).recordings["subj01"]
    two = load(written, subjects=["subj01"], sessions=[5, 3, 2]).recordings["subj01"]
    assert two.load().identical(one.load())


def test_stimuli_are_those_that_were_met_and_know_coco(written):
    dataset = load(written, **ONE)
    assert set(dataset.stimuli.index) == set(dataset.recordings["subj01"].stimulus.values)
    stimulus = dataset.stimuli.loc["00105"]
    assert (stimulus["cocoId"], stimulus["shared"]) == (500_105, True)
    assert not dataset.stimuli.loc["00010", "shared"]
    check_dataset(load(written, shared=True, **ONE))  # without those that nobody met


def test_images_are_those_of_their_number(written):
    dataset = load(written, shared=True, images=True, **ONE)
    assert dataset.stimulus_kinds == ["image"]
    for label, image in dataset.stimuli["image"].items():
        assert image.shape == (5, 5, 3)
        assert (image == int(label)).all()


def test_responses_stay_in_their_files_until_they_are_asked_for(written):
    dataset = load(written, **ONE).select(roi="hV4")
    recording = dataset.recordings["subj01"]
    assert not in_memory(recording)
    assert set(recording.roi.values) == {"hV4"}
    np.testing.assert_allclose(recording.values, expected(recording, "subj01"), rtol=1e-6)


def test_shuffled_rows_of_trials_change_nothing(own):
    before = load(own, **ONE).recordings["subj01"].load()
    path = own / miniature.TRIALS.format("subj01")
    table = pd.read_csv(path, sep="\t")
    mixed = table.sample(frac=1, random_state=1)[list(table)[::-1]]
    mixed.to_csv(path, sep="\t", index=False)
    assert load(own, **ONE).recordings["subj01"].identical(before)


def test_shuffled_rows_of_stimuli_change_nothing(own):
    before = load(own, shared=True, **ONE)
    path = own / miniature.STIMULI
    table = pd.read_csv(path, index_col=0).sample(frac=1, random_state=1)
    table.reset_index(drop=True).to_csv(path)
    after = load(own, shared=True, **ONE)
    pd.testing.assert_frame_equal(before.stimuli, after.stimuli)
    assert after.recordings["subj01"].identical(before.recordings["subj01"])


def test_a_layer_is_scored_on_the_shared_images(written):
    dataset = load(written, shared=True, **ONE)
    values = np.random.default_rng(0).normal(size=(len(dataset.stimuli), 2))
    layer = pd.DataFrame(values, index=dataset.stimuli.index)
    scores = na.score({"random": layer}, dataset, folds=na.folds.KFold(3))
    assert set(scores.roi.values) == {"V1v", "V1d", "hV4"}


def test_a_session_that_is_not_there_is_named(own):
    path = own / miniature.RESPONSES.format("subj01", 2)
    path.unlink()
    with pytest.raises(DownloadError, match=re.escape(f" and put at {path}.")):
        load(own, **ONE).recordings["subj01"]


def test_a_session_of_other_trials_is_refused(own):
    path = own / miniature.TRIALS.format("subj01")
    table = pd.read_csv(path, sep="\t")
    table.drop(index=4).to_csv(path, sep="\t", index=False)
    message = (
        "Sessions of subj01 hold 36 trials, but its responses.tsv has 35, or others in some "
        "session."
    )
    with refused(message):
        load(own, **ONE).recordings["subj01"]


def test_a_region_without_a_name_is_refused(own):
    (own / miniature.NAMES.format("subj01", "prf-visualrois")).write_text("0 Unknown\n1 V1v\n")
    message = (
        "The atlas has 2 regions that labels does not name (first: '2', '7'); name them, or leave "
        "labels out."
    )
    with refused(message, DataError):
        load(own, **ONE).recordings["subj01"]


def test_a_session_that_is_cut_short_is_refused(own):
    path = own / miniature.RESPONSES.format("subj01", 1)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"^File '.*betas_session01\.hdf5' cannot be read as"):
        load(own, **ONE).recordings["subj01"].load()


def test_values_that_are_no_whole_numbers_are_refused(own):
    path = own / miniature.RESPONSES.format("subj01", 1)
    with h5py.File(path, "r+") as file:
        values = file["betas"][:] / 300
        del file["betas"]
        file["betas"] = values
    with pytest.raises(DataError, match=r"^File '.*' holds values of type float64; the whole"):
        load(own, **ONE).recordings["subj01"]


def test_an_atlas_of_another_grid_is_refused(own):
    import nibabel

    path = own / miniature.ATLAS.format("subj01", "prf-visualrois")
    nibabel.Nifti1Image(np.ones((3, 2, 5), dtype=np.int16), np.eye(4)).to_filename(path)
    with pytest.raises(DataError, match=r"^The atlas '.*' has another grid than"):
        load(own, **ONE).recordings["subj01"]
