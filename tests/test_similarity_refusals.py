"""What similarity measures and RSA refuse, each in one sentence; and what too few stimuli do."""

import re
import types

import numpy as np
import pandas as pd
import pytest
import torch

import neuroalign as na

LABELS = [f"s{number:02}" for number in range(20)]
UNITS = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 5)), LABELS)
VALUES = UNITS.to_numpy()
NUMBERED = pd.DataFrame(index=pd.Index(LABELS, name="stimulus"))
DATASET = na.make_dataset({"ann": VALUES}, NUMBERED)
S, R = na.similarity, na.rsa


def judged(seed, **labels):
    pairs = np.random.default_rng(seed).random(190)
    return R.make_dissimilarities(pairs, stimulus=LABELS, dissimilarity="judged", **labels)


PEOPLE = {name: judged(seed, subject=name) for seed, name in enumerate(("ann", "bob"))}
MODEL = {"one": judged(9)}
NO_MEASURE = "is not a similarity measure; use one, as in na.similarity.CKA()."
NO_RSA = "compares no dissimilarities; use na.rsa.RSA()."

REFUSED = {
    "bandwidth": (lambda: S.CKA(bandwidth="wide"), "bandwidth=wide must be a number above 0."),
    "variance": (lambda: S.SVCCA("all"), "variance=all must be a share above 0 and up to 1."),
    "penalty": (lambda: S.HeldOutCCA("none"), "penalty=none must be a share from 0 to 1."),
    "whitening": (
        lambda: S.HeldOutProcrustes("full"),
        "whitening is full; use a share between 0 (none) and 1 (full).",
    ),
    "k": (lambda: S.MutualNeighbors(2.5), "k=2.5 is not a whole number of 1 or more."),
    "k of an overlap": (
        lambda: S.neighbor_overlap(VALUES, VALUES, "ten"),
        "k='ten' is not a whole number of 1 or more.",
    ),
    "anchors": (
        lambda: S.RelativeSimilarity("all"),
        "n_anchors='all' is not a whole number of 3 or more.",
    ),
    "splits": (
        lambda: S.matching_gap(VALUES, VALUES, n_splits=1.5),
        "n_splits=1.5 is not a whole number of 1 or more.",
    ),
    "seed": (
        lambda: S.UnitMatching(seed=-1).compare_arrays(VALUES, VALUES),
        "seed=-1 is not a whole number of 0 or more.",
    ),
    "ragged": (
        lambda: S.CKA().compare_arrays(VALUES, [[1, 2], [3]]),
        "The second array is not rectangular; its rows differ in length.",
    ),
    "views": (
        lambda: S.procrustes_matrix(None),
        "Views are a list of arrays of (stimuli, units); give one or more.",
    ),
    "few stimuli": (
        lambda: S.chance_of_cca(1, 1, 1),
        "n_stimuli=1 is not a whole number of 2 or more.",
    ),
    "rank": (lambda: S.chance_of_cca(9, 0, 1), "rank_first=0 is not a whole number of 1 or more."),
    "sizes of balls": (
        lambda: S.ball_capacity([1, 2], [1, 2, 3]),
        "Radii have shape (2,) and dimensions (3,); give as many of both.",
    ),
    "arrays as tensors": (
        lambda: S.cka_loss(torch.ones(5, 2), np.ones((5, 2))),
        "The losses are of tensors of real numbers, not of ndarray; use torch.tensor.",
    ),
    "a class": (
        lambda: S.compare_systems(UNITS, UNITS, S.CKA),
        f"<class 'neuroalign.numerics.similarity.kernels.CKA'> {NO_MEASURE}",
    ),
    "a name": (
        lambda: S.compare_layers({"a": UNITS}, {"b": UNITS}, "cka"),
        f"'cka' {NO_MEASURE}",
    ),
    "no measures": (
        lambda: S.describe_measures(S.CKA()),
        "Measures are given as a CKA; give a list of them.",
    ),
    "groups": (
        lambda: S.compare_layers({"a": UNITS}, {"b": UNITS}, S.CKA(), groups=VALUES),
        "Groups are given as a ndarray; give stimulus -> group.",
    ),
    "no stimuli": (
        lambda: R.dissimilarities(UNITS[:0]),
        "There are 0 stimuli, and this needs 2; give more stimuli.",
    ),
    "by": (
        lambda: R.dissimilarities(DATASET.recordings["ann"], by=3),
        "by=3 is no coordinate; name one, as in by='roi', or several.",
    ),
    "no labels": (
        lambda: R.make_dissimilarities([1, 2, 3], stimulus=3, dissimilarity="judged"),
        "stimulus=3 is no list of labels; give one for each stimulus.",
    ),
    "no subjects": (
        lambda: R.noise_ceiling({}),
        "Subjects are given as a dict; give a dataset, or subject -> recording or "
        "dissimilarities, one or more.",
    ),
    "tables": (
        lambda: R.noise_ceiling({"ann": UNITS}),
        "Subjects are given as a dict of DataFrame; give a dataset, or subject -> recording or "
        "dissimilarities, one or more.",
    ),
    "measure of a ceiling": (lambda: R.noise_ceiling(PEOPLE, "rsa"), f"'rsa' {NO_RSA}"),
    "measure of a bootstrap": (
        lambda: R.bootstrap(MODEL, PEOPLE, S.PWCCA()),
        f"PWCCA() {NO_RSA}",
    ),
    "samples": (
        lambda: R.bootstrap(MODEL, PEOPLE, n_samples=0),
        "n_samples=0 is not a whole number of 2 or more.",
    ),
    "folds": (
        lambda: R.fit_held_out(MODEL, PEOPLE, folds=3),
        "folds=3 does not split stimuli; use KFold(n).",
    ),
    "quantile": (
        lambda: R.geo_topological(MODEL["one"], low="few"),
        "low=few and high=0.8 are not quantiles; give 0 <= low <= high <= 1.",
    ),
    "share": (
        lambda: R.geodesic(MODEL["one"], share=None),
        "share=None is no share of the pairs; give a number above 0, up to 1.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(case):
    call, sentence = REFUSED[case]
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        call()


@pytest.mark.parametrize("returned", [None, [1], {"a": UNITS}])
def test_an_adapter_whose_models_are_no_dissimilarities_is_refused(returned):
    study = types.ModuleType("study")
    study.load, study.model_dissimilarities = None, lambda _: returned
    study.CARD = na.DatasetCard(
        citation="doi:10.1/x", modality="fmri", species="human", stimulus="image", license="CC0-1.0"
    )
    with pytest.raises(na.NeuroalignError) as error:
        R.load_model_dissimilarities(study)
    assert str(error.value) == (
        "model_dissimilarities of dataset 'study' does not return name -> dissimilarities; make "
        "them by na.rsa.make_dissimilarities."
    )


@pytest.mark.parametrize("transform", [R.geo_topological, R.geodesic])
def test_the_order_of_dimensions_does_not_matter_to_topology(transform):
    given = PEOPLE["ann"].transpose("stimulus", "rdm", "stimulus_other")
    np.testing.assert_array_equal(transform(given).transpose(*transform(PEOPLE["ann"]).dims),
                                  transform(PEOPLE["ann"]))  # fmt: skip


@pytest.mark.parametrize("measure", [R.RSA(), S.CKA(), S.CorrectedNeighbors(3)])
def test_stimuli_too_few_for_halves_of_repetitions_leave_the_score_as_it_is(measure):
    rng = np.random.default_rng(0)
    once = na.make_recording(
        rng.normal(size=(22, 7)),
        ("showing", "neuroid"),
        subject="ann",
        units="z",
        stimulus=[*LABELS, "s00", "s01"],
        neuroid=range(7),
    )
    scores = na.score(
        {"units": UNITS}, na.BrainDataset({"ann": once}, NUMBERED), measure, progress=False
    )
    assert np.isfinite(scores.similarity).all()
    assert "ceiling_halves" not in scores


def test_halves_in_which_no_neuroid_is_whole_leave_the_score_as_it_is():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 2, 3))
    values[range(3), 0, range(3)] = np.nan
    values[range(3), 1, [1, 2, 0]] = np.nan
    gaps = na.make_dataset(values, NUMBERED)
    assert np.isfinite(na.score({"units": UNITS}, gaps, S.CKA(), progress=False).similarity).all()


def test_too_few_stimuli_without_a_group_leave_the_score_without_interval():
    values = np.random.default_rng(0).normal(size=(6, 4))
    stimuli = NUMBERED[:6].assign(group=list("aaabbc"))
    scores = na.score(
        {"units": UNITS[:6]}, na.make_dataset(values, stimuli), R.RSA(), progress=False
    )
    assert np.isfinite(scores.similarity).all()
    assert np.isnan(scores.low).all()


def test_a_pattern_that_one_subject_has_no_dissimilarities_of_is_left_out_of_bounds():
    rng = np.random.default_rng(0)
    people = {name: VALUES @ rng.normal(size=(5, 9)) for name in ("ann", "bob", "cid")}
    whole = na.make_dataset({name: v[1:] for name, v in people.items()}, NUMBERED[1:])
    people["bob"][0] = 3
    scores, expected = (
        na.score({"units": units}, dataset, R.RSA(), progress=False)
        for units, dataset in ((UNITS, na.make_dataset(people, NUMBERED)), (UNITS[1:], whole))
    )
    for name in ("ceiling_lower", "ceiling_upper"):
        np.testing.assert_allclose(scores[name], expected[name])
