"""Labelled RSA: bootstrap, held-out stimuli and topology, matched by label."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform

import neuroalign as na
from neuroalign.errors import DataError, NeuroalignError
from neuroalign.numerics.rdm.bounds import noise_ceiling
from neuroalign.numerics.rdm.topology import geo_topological, geodesic

N = 24
LABELS = [f"s{number:02}" for number in range(N)]
STIMULI = pd.DataFrame({"text": LABELS}, index=LABELS)
COSINE = na.rsa.RSA("squared_euclidean", "cosine")


@pytest.fixture
def units(rng):
    return pd.DataFrame(rng.normal(size=(N, 6)), index=LABELS)


@pytest.fixture
def dataset(units, rng):
    people = {
        name: units.to_numpy() @ rng.normal(size=(6, 9)) + rng.normal(size=(N, 9))
        for name in ("ann", "bob", "cid", "dee")
    }
    return na.make_dataset(people, STIMULI)


def test_scores_are_those_of_score_and_bounds_those_of_the_subjects(units, dataset):
    found = na.rsa.bootstrap({"units": units}, dataset, COSINE, n_samples=50)
    scores = na.score({"units": units}, dataset, COSINE, progress=False, guards=())
    assert found.similarity.item() == pytest.approx(scores.similarity.mean().item(), abs=1e-12)
    rows = [pdist(recording.values, "sqeuclidean") for recording in dataset.recordings.values()]
    bounds = noise_ceiling(np.stack(rows), "cosine")
    assert found.lower.item() == pytest.approx(bounds.lower)
    assert found.upper.item() == pytest.approx(bounds.upper)
    assert found.attrs["upper_bound"] == "no dissimilarities do better with these subjects"


def test_a_right_model_is_found_and_differs_from_a_wrong_one(units, dataset, rng):
    wrong = pd.DataFrame(rng.normal(size=(N, 6)), index=LABELS)
    measure = na.rsa.RSA("squared_euclidean", "correlation")
    found = na.rsa.bootstrap({"right": units, "wrong": wrong}, dataset, measure, n_samples=300)
    assert found.p.sel(model="right") < 0.01 < found.p.sel(model="wrong")
    assert found.p_difference.sel(model="right", model_other="wrong") < 0.05
    assert (found.low < found.similarity).all()


def test_the_order_of_stimuli_does_not_matter(units, dataset):
    there = na.rsa.bootstrap({"units": units}, dataset, COSINE, n_samples=50)
    back = na.rsa.bootstrap({"units": units.iloc[::-1]}, dataset, COSINE, n_samples=50)
    xr.testing.assert_allclose(there, back, rtol=1e-10)


def test_one_subject_has_no_interval_over_subjects(units, dataset):
    one = {"ann": dataset.recordings["ann"]}
    found = na.rsa.bootstrap({"units": units}, one, COSINE, over="both", n_samples=30)
    assert np.isfinite(found.similarity.item())
    assert np.isnan(found.error.item())
    assert np.isnan(found.upper.item())
    stimuli = na.rsa.bootstrap({"units": units}, one, COSINE, over="stimuli", n_samples=30)
    assert stimuli.error.item() > 0


def test_heuristic_bounds_say_so(units, dataset):
    found = na.rsa.bootstrap({"units": units}, dataset, n_samples=20)
    assert found.attrs["upper_bound"].startswith("heuristic; none do better than 0.")


def test_weights_of_training_stimuli_score_on_the_others(units, dataset, rng):
    noise = pd.DataFrame(rng.normal(size=(N, 6)), index=LABELS)
    found = na.rsa.fit_held_out(
        {"units": units, "noise": noise}, dataset, COSINE, folds=na.KFold(3)
    )
    assert found.similarity.sizes == {"fold": 3}
    assert found.n_test.values.tolist() == [8, 8, 8]
    assert (found.weight.sel(model="units") > found.weight.sel(model="noise")).all()
    assert (found.similarity <= found.upper + 1e-12).all()


def test_the_best_of_several_is_selected_on_training_stimuli(units, dataset, rng):
    noise = pd.DataFrame(rng.normal(size=(N, 6)), index=LABELS)
    models = {"noise": noise, "units": units}
    found = na.rsa.fit_held_out(models, dataset, COSINE, kind="selected", folds=na.KFold(3))
    assert (found.weight.sel(model="units") == 1).all()


def test_groups_are_held_out_and_drawn_whole(units, dataset, rng):
    groups = np.repeat([f"g{k}" for k in range(8)], 3)
    grouped = na.BrainDataset(dict(dataset.recordings), STIMULI.assign(group=groups))
    found = na.rsa.fit_held_out({"units": units}, grouped, COSINE, kind="fixed", folds=na.KFold(4))
    assert found.n_test.values.tolist() == [6, 6, 6, 6]
    block = units.groupby(groups).transform("mean").to_numpy()
    alike = {
        name: block @ rng.normal(size=(6, 9)) + 0.5 * np.repeat(rng.normal(size=(8, 9)), 3, axis=0)
        for name in "ab"
    }
    same = [na.make_dataset(alike, STIMULI.assign(group=groups)), na.make_dataset(alike, STIMULI)]
    errors = [
        na.rsa.bootstrap(
            {"block": pd.DataFrame(block, LABELS)}, data, COSINE, over="stimuli", n_samples=200
        ).error.item()
        for data in same
    ]
    assert errors[0] > 1.2 * errors[1]


def test_the_fit_may_be_by_another_comparison(units, dataset, rng):
    models = {"units": units, "noise": pd.DataFrame(rng.normal(size=(N, 6)), index=LABELS)}
    ranks = na.rsa.RSA("squared_euclidean", "spearman")
    found = na.rsa.fit_held_out(models, dataset, ranks, fitted_by="correlation", folds=na.KFold(3))
    assert np.isfinite(found.similarity).all()


def test_bounds_come_without_a_model(dataset, units):
    bounds = na.rsa.noise_ceiling(dataset, COSINE)
    found = na.rsa.bootstrap({"units": units}, dataset, COSINE, n_samples=5)
    assert (bounds.lower, bounds.upper) == (found.lower.item(), found.upper.item())


def test_sessions_of_a_subject_are_averaged(units, rng):
    sets = np.stack([squareform(pdist(rng.normal(size=(N, 5)))) for _ in range(2)])
    own = na.rsa.make_dissimilarities(
        sets, stimulus=LABELS, dissimilarity="euclidean", subject="ann", session=["1", "2"]
    )
    mean = na.rsa.make_dissimilarities(
        sets.mean(0), stimulus=LABELS, dissimilarity="euclidean", subject="ann"
    )
    found = [
        na.rsa.bootstrap({"units": units}, {"ann": given}, over="stimuli", n_samples=10)
        for given in (own, mean)
    ]
    assert found[0].similarity.item() == pytest.approx(found[1].similarity.item())


def test_topology_keeps_labels_and_says_what_it_did(dataset):
    given = na.rsa.dissimilarities(dataset.recordings["ann"], "squared_euclidean")
    rows = squareform(given.values[0], checks=False)[None]
    flat = na.rsa.geo_topological(given)
    np.testing.assert_allclose(squareform(flat.values[0]), geo_topological(rows)[0])
    assert flat.dims == given.dims
    assert flat.attrs["dissimilarity"] == "geo-topological of squared_euclidean"
    paths = na.rsa.geodesic(given, share=0.2)
    np.testing.assert_allclose(squareform(paths.values[0]), geodesic(rows, 0.2).dissimilarities[0])
    assert paths.attrs["disconnected"] >= 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda units, dataset: na.rsa.bootstrap({"u": units}, dataset, over="time"),
            "No thing to generalize to is called 'time'. Known: 'both', 'stimuli', 'subjects'.",
        ),
        (
            lambda units, dataset: na.rsa.bootstrap({"u": units.iloc[2:]}, dataset),
            "2 of 24 stimuli have no dissimilarities in 'u' (first: 's00', 's01').",
        ),
        (
            lambda units, dataset: na.rsa.bootstrap(units, [dataset]),
            "Subjects are given as a list; give a dataset, or subject -> recording or "
            "dissimilarities, one or more.",
        ),
        (
            lambda units, dataset: na.rsa.bootstrap(units, dataset),
            "Models are given by name, as in {'animacy': dissimilarities}; one or more.",
        ),
        (
            lambda units, dataset: na.rsa.fit_held_out(
                {"a": units, "b": units}, dataset, kind="fixed"
            ),
            "2 models are not one fixed model; give one of them.",
        ),
        (
            lambda _, dataset: na.rsa.geo_topological(dataset.recordings["ann"]),
            "These are no dissimilarities; make them by na.rsa.dissimilarities(recording).",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(units, dataset, call, sentence):
    with pytest.raises(NeuroalignError) as error:
        call(units, dataset)
    assert str(error.value) == sentence


def test_subjects_who_met_other_stimuli_are_refused(units, rng):
    people = {
        "ann": na.make_dataset(rng.normal(size=(N - 1, 4)), STIMULI.iloc[1:]),
        "bob": na.make_dataset(rng.normal(size=(N, 4)), STIMULI),
    }
    recordings = {name: next(iter(own.recordings.values())) for name, own in people.items()}
    with pytest.raises(DataError, match="met 1 stimuli that the first subject did not"):
        na.rsa.bootstrap({"units": units}, recordings)
