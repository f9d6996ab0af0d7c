"""Simulated datasets: what they say was planted is what is found, and a seed says it all."""

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.data.catalog import dataset_files, dataset_module
from neuroalign.testing import check_adapter

SMALL = {
    "simulated-fmri": {"n_crops": 2, "n_subjects": 2},
    "simulated-seeg": {"n_crops": 2, "n_sites": 2},
    "simulated-story": {"n_sentences": 40, "n_subjects": 2},
}


def load(name, **options):
    return dataset_module(name)[1].load(dataset_files(name), **{**SMALL[name], **options})


@pytest.mark.parametrize("name", SMALL)
def test_a_simulated_dataset_keeps_its_contract(name):
    check_adapter(dataset_module(name)[1], lambda: load(name))


def test_another_seed_gives_other_data():
    name = "simulated-story"
    one, other = load(name), load(name, seed=1)
    subject = one.subjects[0]
    values = one.recordings[subject].values, other.recordings[subject].values
    assert values[0].shape != values[1].shape or not np.array_equal(*values, equal_nan=True)


def test_voxels_are_planted_on_the_layer_that_is_named():
    dataset = load("simulated-fmri", n_crops=5, n_subjects=1, n_units=8, snr=20.0)
    facts = dataset.recordings["subject-1"].attrs
    ((_, layer),) = na.load_model(facts["planted_model"]).activations(
        dataset.stimuli, layers=[facts["planted_layer"]]
    )
    flat = layer.values.reshape(len(layer), -1)
    units = xr.DataArray(flat, {"stimulus": layer["stimulus"].values}, ("stimulus", "unit"))
    order = np.random.default_rng(0).permutation(len(flat))
    moved = units.assign_coords(stimulus=units["stimulus"].values[order])
    scores = na.score({"planted": units, "moved": moved}, dataset, progress=False)
    found = scores["r"].mean("fold").median("neuroid")
    assert float(found.sel(layer="planted")) > 0.5
    assert abs(float(found.sel(layer="moved"))) < 0.2


def test_voxels_were_scaled_by_session_and_are_no_more():
    recording = load("simulated-fmri").recordings["subject-1"]
    for session in np.unique(recording["session"].values):
        part = recording[recording["session"].values == session]
        np.testing.assert_allclose(part.mean("showing"), 0, atol=1e-9)


def test_sentences_are_distinct_and_told_in_runs():
    dataset = load("simulated-story")
    assert dataset.stimuli["text"].is_unique
    assert dataset.stimuli["run"].nunique() == 4
    assert dataset.recordings["subject-1"].dims == ("repetition", "sample", "neuroid")


@pytest.fixture(scope="module")
def sites():
    return load("simulated-seeg")


def test_sites_of_every_kind_have_a_region_of_their_own(sites):
    recording = sites.recordings["simulated"]
    pairs = set(zip(recording["kind"].values, recording["roi"].values, strict=True))
    assert len(pairs) == 5
    assert recording.sizes["neuroid"] == 10


def test_captions_name_the_photograph(sites):
    for label, row in sites.stimuli.iterrows():
        assert label.partition("/")[0].replace("_", " ") in row["text"]


def test_crops_of_a_photograph_are_squares_of_the_size_wanted():
    crops = na.simulate.photograph_crops(2, pixels=32, seed=3)
    assert {image.shape for image in crops["image"]} == {(32, 32, 3)}
    assert crops["group"].value_counts().eq(2).all()
    again = na.simulate.photograph_crops(2, pixels=32, seed=3)
    assert all(map(np.array_equal, crops["image"], again["image"]))


def test_main_components_are_those_of_the_layer(rng):
    values = rng.normal(size=(12, 3)) @ rng.normal(size=(3, 40)) + 5
    labels = [f"s{number:02}" for number in range(12)]
    layer = xr.DataArray(values, {"stimulus": labels}, ("stimulus", "unit"))
    found = na.simulate.main_components(layer, 3)
    centered = values - values.mean(axis=0)
    np.testing.assert_allclose(found.values @ found.values.T, centered @ centered.T, atol=1e-9)
    order = rng.permutation(12)
    xr.testing.assert_allclose(na.simulate.main_components(layer[order], 3), found)


def test_more_components_than_there_are_stimuli_are_refused(rng):
    layer = xr.DataArray(rng.normal(size=(5, 9)), {"stimulus": range(5)}, ("stimulus", "unit"))
    message = "n_units=5 components are more than the 4 that 5 stimuli and 9 units have."
    with pytest.raises(na.NeuroalignError, match=f"^{message}$"):
        na.simulate.main_components(layer, 5)


def test_no_crops_are_refused():
    with pytest.raises(na.NeuroalignError, match=r"^n_crops=0 is not a whole number of 1 or more"):
        na.simulate.photograph_crops(0)
