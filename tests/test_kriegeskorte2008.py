"""Kriegeskorte et al. (2008): dissimilarities of people and models, from files of structures."""

import re
import types

import numpy as np
import pytest
from miniatures import kriegeskorte2008 as miniature
from scipy.io import loadmat
from scipy.stats import pearsonr, spearmanr
from study_files import files_in

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.errors import DataError
from neuroalign.rsa import load_model_dissimilarities, make_dissimilarities

ADAPTER = dataset_module("kriegeskorte2008")[1]
LABELS = [f"{number:02}" for number in range(1, len(miniature.CATEGORIES) + 1)]


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "kriegeskorte2008")


def pairs(values):
    """Return the pairs above the diagonal, whatever the axes before."""
    values = np.asarray(values)
    return values[..., *np.triu_indices(values.shape[-1], 1)]


def refused(message, call):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        call()


def structures(files, name, variable):
    return loadmat(files[name])[variable][0]


def test_each_subject_has_the_rdms_of_its_sessions(files):
    dataset = ADAPTER.load(files)
    assert dataset.subjects == list(miniature.SUBJECTS)
    given = structures(files, "92_brainRDMs.mat", "RDMs")
    for number, subject in enumerate(miniature.SUBJECTS):
        found = dataset.recordings[subject]
        assert found.dims == ("rdm", "stimulus", "stimulus_other")
        assert found["session"].values.tolist() == ["1", "2"]
        assert found["roi"].values.tolist() == ["IT", "IT"]
        assert found["subject"].values.tolist() == [subject] * 2
        assert found.attrs["dissimilarity"] == "correlation"
        for session in range(2):
            np.testing.assert_array_equal(found[session], given[number, session]["RDM"])


def test_stimuli_are_images_with_what_is_on_them(files):
    stimuli = ADAPTER.load(files).stimuli
    assert stimuli.index.tolist() == LABELS
    assert [int(image[0, 0, 0]) for image in stimuli["image"]] == [5, 45, 85, 125, 165]
    assert stimuli["category"].tolist() == [entry[0] for entry in miniature.CATEGORIES]
    flags = stimuli[["human", "face", "animate", "natural"]].to_numpy()
    assert flags.dtype == bool
    np.testing.assert_array_equal(flags, [entry[1:] for entry in miniature.CATEGORIES])


def test_models_are_a_mapping_of_labelled_dissimilarities(files):
    models = ADAPTER.model_dissimilarities(files)
    assert list(models) == list(miniature.MODELS)
    given = structures(files, "92_modelRDMs.mat", "Models")
    for number, values in enumerate(models.values()):
        assert values.dims == ("stimulus", "stimulus_other")
        assert values["stimulus"].values.tolist() == LABELS
        assert values["stimulus_other"].values.tolist() == LABELS
        np.testing.assert_array_equal(values, given[number]["RDM"])


def test_people_and_models_are_of_the_same_stimuli(files):
    human = np.mean([values.mean("rdm") for values in ADAPTER.load(files).recordings.values()], 0)
    models = ADAPTER.model_dissimilarities(files)
    r = {name: pearsonr(pairs(human), pairs(values))[0] for name, values in models.items()}
    assert r["monkeyIT"] > 0.9 > 0.5 > abs(r["V1"])


def test_an_encoding_metric_is_refused(files):
    dataset = ADAPTER.load(files).named("kriegeskorte2008", ADAPTER.CARD)
    message = (
        "Dataset 'kriegeskorte2008' holds dissimilarities only, and no responses to predict; score "
        "it by na.rsa.RSA()."
    )
    refused(message, lambda: na.score(na.load_model("pixels"), dataset, na.RidgeEncoding()))


def of_model():
    return make_dissimilarities([0, 1, 1], stimulus=["cat", "dog", "car"], dissimilarity="animacy")


def study(**functions):
    card = na.DatasetCard(
        citation="doi:10.1/x", modality="fmri", species="human", stimulus="text", license="CC0-1.0"
    )
    module = types.ModuleType("study2008")
    vars(module).update(CARD=card, load=None, **functions)
    return module


def test_models_of_a_dataset_are_loaded_by_name():
    module = study(model_dissimilarities=lambda _: {"a": of_model()})
    models = load_model_dissimilarities(module)
    assert list(models) == ["a"]
    assert models["a"].attrs == {"dissimilarity": "animacy", "dataset": "study2008"}


def test_a_dataset_without_models_is_refused():
    message = (
        "Dataset 'study2008' comes with no dissimilarities of models; make your own with "
        "na.rsa.make_dissimilarities."
    )
    refused(message, lambda: load_model_dissimilarities(study()))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda model: model.expand_dims("rdm"),
            "dimensions are ('rdm', 'stimulus', 'stimulus_other'), but ('stimulus', "
            "'stimulus_other') in this order are needed",
        ),
        (lambda model: 0 * model, "1 of 1 RDMs hold equal dissimilarities only"),
    ],
)
def test_models_that_are_no_dissimilarities_are_refused(change, fault):
    model = change(of_model()).assign_attrs(of_model().attrs)
    module = study(model_dissimilarities=lambda _: {"a": model})
    message = f"Model 'a' of dataset 'study2008' cannot be used: {fault}."
    refused(message, lambda: load_model_dissimilarities(module))


@pytest.fixture
def people(real_data):  # noqa: ARG001 (where the files are)
    """Return the dissimilarities of each person, the plain mean over sessions."""
    recordings = na.load_dataset("kriegeskorte2008").recordings
    return pairs(np.stack([values.astype(float).mean("rdm") for values in recordings.values()]))


@pytest.fixture
def models(real_data):  # noqa: ARG001
    return {
        name: pairs(values)
        for name, values in load_model_dissimilarities("kriegeskorte2008").items()
    }


@pytest.mark.usefixtures("real_data")
def test_four_people_saw_92_images_in_two_sessions():
    dataset = na.load_dataset("kriegeskorte2008")
    assert dataset.subjects == ["BE", "KO", "SN", "TI"]
    assert {values.shape for values in dataset.recordings.values()} == {(2, 92, 92)}
    assert {image.shape for image in dataset.stimuli["image"]} == {(175, 175, 3)}
    assert not any(values.isnull().any() for values in dataset.recordings.values())


def test_categories_are_those_that_the_file_lists_apart(real_data):
    stimuli = na.load_dataset("kriegeskorte2008").stimuli
    given = loadmat(real_data / "kriegeskorte2008" / ADAPTER.STIMULI)
    names = [str(name.item()) for name in given["categoryLabels"][0]]
    vectors = dict(zip(names, given["categoryVectors"].T.astype(bool), strict=True))
    for column, name in {"animate": "animate", "human": "human", "face": "face"}.items():
        np.testing.assert_array_equal(stimuli[column], vectors[name])
    assert stimuli["category"].value_counts().to_dict() == {
        "natural inanimate": 23,
        "artificial inanimate": 21,
        **dict.fromkeys(["human bodypart", "human face", "nonhuman bodypart", "nonhuman face"], 12),
    }


def test_the_animacy_model_is_of_the_stimuli_in_this_order(models):
    animate = na.load_dataset("kriegeskorte2008").stimuli["animate"].to_numpy()
    np.testing.assert_array_equal(models["animacy"], pairs(animate[:, None] != animate))


def test_the_figure_of_the_paper_shows_the_plain_mean_of_people(people, models, real_data):
    given = loadmat(real_data / "kriegeskorte2008" / ADAPTER.STIMULI)["RDMs_mIT_hIT_fig1"][0]
    monkey, human = (cell["RDM"][0] for cell in given)
    np.testing.assert_allclose(people.mean(axis=0), human, rtol=1e-6)
    np.testing.assert_array_equal(models["monkeyIT"], monkey)


def test_bounds_of_the_noise_ceiling_are_reproduced(people):
    # Spearman's r of each person with the plain mean of dissimilarities: of the others
    # (lower), and of all (upper). Means of ranks give .372 and .666.
    everyone = range(len(people))
    lower = [spearmanr(people[i], np.delete(people, i, axis=0).mean(axis=0))[0] for i in everyone]
    upper = [spearmanr(people[i], people.mean(axis=0))[0] for i in everyone]
    assert np.mean(lower) == pytest.approx(0.379, abs=5e-4)
    assert np.mean(upper) == pytest.approx(0.661, abs=5e-4)


def test_human_and_monkey_it_are_as_alike_as_published(people, models):
    r = pearsonr(people.mean(axis=0), models["monkeyIT"])[0]
    assert r == pytest.approx(0.4912, abs=5e-5)


@pytest.mark.parametrize(("model", "r"), [("animacy", 0.588), ("V1", 0.039)])
def test_models_come_as_near_to_mean_human_it_as_known(model, r, people, models):
    found = spearmanr(models[model], people.mean(axis=0))[0]
    assert found == pytest.approx(r, abs=5e-4)
