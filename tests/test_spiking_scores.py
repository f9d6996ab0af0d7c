"""Spiking measures of cross-validated scores, and co-smoothing."""

import json

import numpy as np
import oracles_spiking as oracles
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.folds import Repeated

LABELS = [f"s{number:02}" for number in range(60)]
POISSON = na.metrics.MappingEncoding(na.mappings.Poisson([0.1, 1.0]), keep_predictions=True)


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(1)
    return {
        name: xr.DataArray(rng.normal(size=(60, 5)), {"stimulus": LABELS}, ("stimulus", "unit"))
        for name in ("other", "true")
    }


@pytest.fixture(scope="module")
def recording(layers):
    """Count spikes of 8 neurons that read out the layer "true"; one stimulus was not met."""
    made = na.simulate.spikes(layers["true"], n_neuroids=8, n_repetitions=(2, 4), subject="m1")
    made = made.copy()
    made[7, :, 3] = np.nan
    return made


def dataset_of(*recordings):
    stimuli = pd.DataFrame(index=pd.Index(LABELS, name="stimulus"))
    return na.BrainDataset({str(r["subject"].item()): r for r in recordings}, stimuli)


@pytest.fixture(scope="module")
def scores(layers, recording):
    return na.score(layers, dataset_of(recording), POISSON, folds=na.KFold(4))


def test_scores_carry_the_training_mean_of_each_fold(scores, recording):
    average = na.average_repetitions(recording)
    assert scores.train_mean.dims == ("fold", "neuroid")
    for number, test in enumerate(json.loads(scores.attrs["provenance"])["test_stimuli"]):
        expected = average.drop_sel(stimulus=test).mean("stimulus")
        np.testing.assert_allclose(scores.train_mean[number].values, expected.values, rtol=1e-12)


@pytest.mark.parametrize("metric", [na.RidgeEncoding(), na.RidgeEncoding(dtype="float32")])
def test_ridge_scores_carry_the_training_mean_too(layers, recording, scores, metric):
    ridge = na.score(layers, dataset_of(recording), metric, folds=na.KFold(4))
    np.testing.assert_allclose(ridge.train_mean.values, scores.train_mean.values, rtol=1e-6)


def test_measures_are_those_of_held_out_predictions_with_each_folds_null(scores, recording):
    found = na.metrics.spiking_scores(scores, recording)
    fold_of = {
        label: number
        for number, test in enumerate(json.loads(scores.attrs["provenance"])["test_stimuli"])
        for label in test
    }
    for layer in ("other", "true"):
        for place, neuroid in enumerate(recording["neuroid"].values):
            lists = [row[~np.isnan(row)] for row in recording.sel(neuroid=neuroid).values]
            kept = scores.prediction.sel(layer=layer, neuroid=neuroid).values
            null = [float(scores.train_mean[fold_of[label], place]) for label in LABELS]
            met = [number for number, row in enumerate(lists) if len(row)]
            at = found.sel(layer=layer, neuroid=neuroid)
            bits = oracles.bits(
                [lists[i] for i in met], [kept[i] for i in met], [null[i] for i in met]
            )
            assert float(at.bits_per_spike) == pytest.approx(bits, rel=1e-12)
            assert float(at.psth_r2) == pytest.approx(oracles.psth_r2(lists, kept), rel=1e-12)
            assert float(at.feve) == pytest.approx(oracles.feve(lists, kept)[0], rel=1e-12)
            assert float(at.cc_norm) == pytest.approx(oracles.cc_norm(lists, kept), rel=1e-12)
            assert int(at.n_spikes) == sum(row.sum() for row in lists)
            assert int(at.n_stimuli) == len(met)
    assert not found.undefined.any()
    assert found.attrs["undefined"] == "no value is undefined"


def test_planted_layer_explains_the_spikes_and_another_does_not(scores, recording):
    found = na.metrics.spiking_scores(scores, recording)
    for name in ("bits_per_spike", "psth_r2", "feve", "cc_norm"):
        true, other = found[name].sel(layer="true"), found[name].sel(layer="other")
        assert (true > 0).all()
        assert (true > other).all()
        assert other.median() < 0.1


def test_population_is_the_mean_weighted_by_spikes(scores, recording):
    found = na.metrics.spiking_scores(scores, recording).sel(layer="true")
    nats = found.bits_per_spike * found.n_spikes * np.log(2)
    expected = float(nats.sum() / found.n_spikes.sum() / np.log(2))
    pooled = found.bits_per_spike.weighted(found.n_spikes).mean("neuroid")
    assert float(pooled) == pytest.approx(expected, rel=1e-12)


def test_measures_of_saved_scores_are_those_of_scores_in_memory(scores, recording, tmp_path):
    loaded = na.load_scores(na.save_scores(scores, tmp_path / "run"))
    found = na.metrics.spiking_scores(loaded, recording)
    xr.testing.assert_identical(found, na.metrics.spiking_scores(scores, recording))
    xr.testing.assert_identical(na.load_scores(na.save_scores(found, tmp_path / "spiking")), found)


def test_best_layer_keeps_the_training_means(scores):
    best = na.best_layer(scores).train_mean
    xr.testing.assert_identical(best.drop_vars("chosen_layer"), scores.train_mean)


def test_only_held_out_responses_count(layers, recording):
    rule = na.TrainTest(test=LABELS[:20])
    scores = na.score(layers, dataset_of(recording), POISSON, folds=rule)
    found = na.metrics.spiking_scores(scores, recording)
    assert found.n_stimuli.values.tolist() == [20, 20, 20, 19, 20, 20, 20, 20]
    part = recording.isel(stimulus=slice(20))
    direct = na.metrics.bits_per_spike(
        scores.prediction.sel(layer="true"), part, null=scores.train_mean.isel(fold=0, drop=True)
    )
    np.testing.assert_allclose(
        found.bits_per_spike.sel(layer="true").values, direct.values, rtol=1e-12
    )


def test_first_repetition_of_repeated_folds_is_scored(layers, recording, scores):
    rule = Repeated(na.KFold(4), n_repeats=2)
    repeated = na.score(layers, dataset_of(recording), POISSON, folds=rule)
    xr.testing.assert_allclose(
        na.metrics.spiking_scores(repeated, recording).bits_per_spike,
        na.metrics.spiking_scores(scores, recording).bits_per_spike,
        rtol=1e-12,
    )


def test_subjects_who_met_other_stimuli_are_scored_apart(layers, recording, scores):
    other = na.simulate.spikes(layers["true"].isel(stimulus=slice(40)), n_neuroids=3, subject="m2")
    both = na.score(layers, dataset_of(recording, other), POISSON, folds=na.KFold(4))
    found = na.metrics.spiking_scores(both, recording)
    xr.testing.assert_allclose(
        found.bits_per_spike, na.metrics.spiking_scores(scores, recording).bits_per_spike
    )
    second = na.metrics.spiking_scores(both, other)
    assert second["neuroid"].values.tolist() == other["neuroid"].values.tolist()
    assert (second.n_stimuli == 40).all()


def test_neuroids_that_were_not_scored_are_left_alone(layers, recording, scores):
    wanted = ["m1/005", "m1/002"]
    part = na.score(layers, dataset_of(recording), POISSON, folds=na.KFold(4), neuroids=wanted)
    found = na.metrics.spiking_scores(part, recording)
    whole = na.metrics.spiking_scores(scores, recording)
    xr.testing.assert_allclose(
        found.cc_norm, whole.cc_norm.sel(neuroid=found["neuroid"].values), rtol=1e-9
    )


def test_neuroid_silent_in_training_with_test_spikes_is_undefined_and_counted(layers, recording):
    spiking = recording.copy()
    folds = json.loads(
        na.score(layers, dataset_of(recording), POISSON, folds=na.KFold(4)).attrs["provenance"]
    )["test_stimuli"]
    silent = ~np.isin(LABELS, folds[2])
    spiking[silent, :, 1] = spiking[silent, :, 1] * 0  # spikes in the rows of one fold only
    scores = na.score(layers, dataset_of(spiking), POISSON, folds=na.KFold(4))
    found = na.metrics.spiking_scores(scores, spiking)
    assert np.isnan(found.bits_per_spike[:, 1]).all()
    names = found.undefined.attrs["flag_meanings"].split()
    where = found.undefined.sel(measure="bits_per_spike", layer="true")
    assert [names[flag] for flag in where.values[:3]] == [
        "defined",
        "silent_in_training",
        "defined",
    ]
    assert found.n_undefined.sel(measure="bits_per_spike").values.tolist() == [1, 1]
    sentence = "1 of 8 values are undefined: 1 silent in training (first: 'm1/001')"
    assert f"bits_per_spike of layer true: {sentence}" in found.attrs["undefined"]
    # r is undefined in the fold where training rows are silent, and in those with silent test rows.
    reasons = scores.undefined.attrs["flag_meanings"].split()
    assert scores.r[:, :, 1].isnull().all()
    assert reasons[int(scores.undefined.sel(layer="true")[2, 1])] == "constant_response"


def test_neuroid_with_too_few_training_rows_is_undefined_and_counted(layers, recording):
    sparse = recording.copy()
    sparse[2:, :, 0] = np.nan
    scores = na.score(layers, dataset_of(sparse), POISSON, folds=na.KFold(4))
    found = na.metrics.spiking_scores(scores, sparse)
    assert np.isnan(found.feve[:, 0]).all()
    assert (
        "feve of layer true: 1 of 8 values are undefined: 1 too few stimuli (first: 'm1/000')"
        in (found.attrs["undefined"])
    )
    assert (found.n_stimuli.values[0], found.n_spikes.values[0]) == (0, 0)


def test_scores_are_not_changed(scores, recording):
    before, responses = scores.copy(deep=True), recording.copy(deep=True)
    na.metrics.spiking_scores(scores, recording)
    xr.testing.assert_identical(scores, before)
    xr.testing.assert_identical(recording, responses)


def refusal(call):
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def test_scores_without_predictions_are_refused(scores, recording):
    def sentence(missing):
        return (
            f"These scores hold no {missing}, which spiking measures need; score with "
            "MappingEncoding(neuroalign.mappings.Poisson(), keep_predictions=True), and give the "
            "scores before best_layer, which drops predictions."
        )

    best = na.best_layer(scores)
    assert refusal(lambda: na.metrics.spiking_scores(best, recording)) == sentence("predictions")
    old = scores.drop_vars("train_mean")
    assert refusal(lambda: na.metrics.spiking_scores(old, recording)) == sentence("training means")


def test_scores_that_do_not_tell_their_folds_are_refused(scores, recording):
    assert (
        refusal(lambda: na.metrics.spiking_scores(scores.drop_attrs(), recording))
        == "These scores do not say which fold held out what; give them as na.score does."
    )


def test_ridge_is_refused_for_its_negative_rates(layers):
    sparse = na.simulate.spikes(layers["true"], n_neuroids=4, base_rate=0.2, subject="m1")
    metric = na.RidgeEncoding(keep_predictions=True)
    scores = na.score(layers, dataset_of(sparse), metric, folds=na.KFold(4))
    negative = scores.prediction.sel(layer="true") < 0
    names = ", ".join(f"'{name}'" for name in sparse.neuroid.values[negative.any("stimulus")][:3])
    assert refusal(lambda: na.metrics.spiking_scores(scores, sparse)) == (
        f"{int(negative.sum())} of 240 predicted rates are negative or infinite (first: {names}); "
        "bits per spike needs rates of 0 or more, which ridge does not give; use "
        "MappingEncoding(neuroalign.mappings.Poisson()), or psth_r2, feve and cc_norm."
    )


def test_recordings_that_were_not_scored_are_refused(layers, scores, recording):
    other = na.simulate.spikes(layers["true"], n_neuroids=3, subject="m2")
    assert refusal(lambda: na.metrics.spiking_scores(scores, other)) == (
        "The scores are of other subjects (first: 'm1') than 'm2'."
    )
    part = recording.isel(neuroid=slice(1, None))
    assert refusal(lambda: na.metrics.spiking_scores(scores, part)) == (
        "1 of 8 neuroids that were scored are missing from the recording (first: 'm1/000')."
    )
    average = na.average_repetitions(recording)
    assert refusal(lambda: na.metrics.spiking_scores(scores, average)) == (
        "spiking_scores needs single responses, but these are averages over repetitions; give "
        "the recording as it was before average_repetitions."
    )
