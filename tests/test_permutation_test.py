"""Permutation tests of labelled scores: equal to the loop, and told in the right words."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from oracles_permutation import counted_p, loop_null
from permutation_cases import dataset_of, labels, planted

import neuroalign as na
from neuroalign.ceilings import mean_over_folds
from neuroalign.inference.exchange import plan_exchange
from neuroalign.inference.null_table import p_values
from neuroalign.inference.refits import folds_within, refit_fixed
from neuroalign.numerics.fair_alpha import choose_levels
from neuroalign.numerics.permuted_ridge import open_folds
from neuroalign.numerics.ridge import make_design
from neuroalign.preparation import Selection, prepare

EXACT = na.RidgeEncoding(alphas=[0.1, 1, 10])
ONE_ALPHA = na.RidgeEncoding(alphas=[1])
TEST = na.inference.permutation_test


def loop(layers, dataset, result, layer, **options):
    """Return r of the observed pairing and of all others, by a loop of fits."""
    _, prepared = prepare(layers, dataset, Selection(seed=0, **options))
    plan = plan_exchange(prepared, "auto", 30, 0)
    (own,) = prepared.joined
    responses, rows = own.values, own["stimulus"].values
    features = layers[layer].sel(stimulus=rows).values
    null = np.empty((31, responses.shape[1]))
    for neuroid in range(responses.shape[1]):
        shown = np.flatnonzero(np.isfinite(responses[:, neuroid]))
        here = rows[shown]
        folds = [
            (np.flatnonzero(np.isin(here, f.train)), np.flatnonzero(np.isin(here, f.test)))
            for f in prepared.splits.folds
        ]
        orders = [np.arange(len(shown)), *plan.orders(here)]
        alpha = result.alpha.sel(layer=layer).values[neuroid]
        null[:, [neuroid]] = loop_null(
            features[shown], responses[shown][:, [neuroid]], folds, [alpha], orders
        )
    return null


def check_against_the_loop(layers, dataset, **options):
    result = TEST(layers, dataset, EXACT, n_permutations=30, **options)
    for layer in layers:
        null = loop(layers, dataset, result, layer, **options)
        at = result.sel(layer=layer)
        np.testing.assert_allclose(at.r, null[0], rtol=0, atol=1e-10)
        p = [counted_p(column[0], column[1:] + 1e-11) for column in null.T]
        np.testing.assert_allclose(at.p, p)
        np.testing.assert_allclose(at.null_mean, null[1:].mean(0), atol=1e-10)
        quantiles = np.quantile(null[1:], [0.05, 0.5, 0.95], axis=0).T
        np.testing.assert_allclose(at.null_quantile, quantiles, atol=1e-10)
    return result


def test_scores_and_their_null_are_those_of_a_loop_of_fits():
    layers, responses, stimuli = planted()
    check_against_the_loop(layers, dataset_of(responses, stimuli), folds=na.KFold(4))


def test_neuroids_without_some_responses_are_those_of_the_loop():
    layers, responses, stimuli = planted()
    responses[np.random.default_rng(0).uniform(size=responses.shape) < 0.2] = np.nan
    responses[:, 4] = responses[:, 3] + 1.0
    check_against_the_loop(layers, dataset_of(responses, stimuli), folds=na.KFold(4))


def test_whole_groups_are_those_of_the_loop():
    groups = [f"g{number // 5}" for number in range(40)]
    layers, responses, stimuli = planted(group=groups)
    responses[5:10, 0] = np.nan  # a whole group
    result = check_against_the_loop(layers, dataset_of(responses, stimuli), folds=na.KFold(4))
    assert result.attrs["exchanged"] == (
        "whole groups of stimuli, 8 in all, with others of equal size"
    )
    assert result.attrs["permutations"] == (
        "30 drawn from 40319 that differ from the observed pairing"
    )


def test_a_predefined_split_is_that_of_the_loop():
    layers, responses, stimuli = planted()
    folds = na.TrainTest(test=labels(40)[:10])
    result = check_against_the_loop(layers, dataset_of(responses, stimuli), folds=folds)
    assert result.attrs["exchanged"] == "single stimuli on each side of the split"


def null_of(layers, dataset, n_permutations=30):
    """Return r (pairings, neuroids) of each layer."""
    _, prepared = prepare(layers, dataset, Selection())
    plan = plan_exchange(prepared, "auto", n_permutations, 0)
    (own,) = prepared.joined
    return {
        layer: refit_fixed(EXACT, activations, own, prepared.splits, plan).r
        for layer, activations in layers.items()
    }


def test_the_family_is_judged_by_the_largest_score_over_layers_and_neuroids():
    layers, responses, stimuli = planted(strength=0.4)
    dataset = dataset_of(responses, stimuli)
    result = TEST(layers, dataset, EXACT, n_permutations=30)
    null = null_of(layers, dataset)
    largest = np.max([r[1:].max(1) for r in null.values()], axis=0)
    for layer, r in null.items():
        expected = [counted_p(one, largest) for one in r[0]]
        np.testing.assert_allclose(result.p_family.sel(layer=layer), expected)
    assert (result.p_family >= result.p).all()


def test_medians_are_tested_by_the_same_permutations():
    layers, responses, stimuli = planted(strength=0.3)
    dataset = dataset_of(responses, stimuli, roi=["V4", "V4", "V4", "IT", "IT"])
    result = TEST(layers, dataset, EXACT, n_permutations=30)
    views = {"all": slice(0, 5), "subject-1, V4": slice(0, 3), "subject-1, IT": slice(3, 5)}
    assert list(result["view"].values) == list(views)
    medians = {
        (layer, view): np.median(r[:, part], axis=1)
        for layer, r in null_of(layers, dataset).items()
        for view, part in views.items()
    }
    largest = np.max([median[1:] for median in medians.values()], axis=0)
    for (layer, view), median in medians.items():
        at = result.sel(layer=layer, view=view)
        np.testing.assert_allclose(at.median_r, median[0])
        np.testing.assert_allclose(at.median_p, counted_p(median[0], median[1:]))
        np.testing.assert_allclose(at.median_p_family, counted_p(median[0], largest))
        np.testing.assert_allclose(
            at.median_null_quantile, np.quantile(median[1:], [0.05, 0.5, 0.95])
        )


def test_p_is_small_for_what_is_planted_and_never_0():
    layers, responses, stimuli = planted(strength=20)
    result = TEST(layers, dataset_of(responses, stimuli), n_permutations=99)
    assert (result.p.sel(layer="true") == 0.01).all()
    assert (result.median_p_family.sel(layer="true") == 0.01).all()
    assert result.attrs["smallest_p"] == 0.01
    assert (result["smallest_p"] == 0.01).all()
    assert (result.p.sel(layer="other") > 0.01).all()


def test_the_order_of_stimuli_means_nothing():
    layers, responses, stimuli = planted(group=[f"g{number // 5}" for number in range(40)])
    dataset = dataset_of(responses, stimuli)
    order = np.random.default_rng(0).permutation(40)
    shuffled = {name: layer[order[::-1]] for name, layer in layers.items()}
    other = dataset_of(responses[order], stimuli.iloc[order])
    one = TEST(layers, dataset, n_permutations=50, folds=na.KFold(4))
    two = TEST(shuffled, other, n_permutations=50, folds=na.KFold(4))
    xr.testing.assert_identical(one.p, two.p)
    xr.testing.assert_identical(one.median_p_family, two.median_p_family)


def test_permutations_depend_on_the_seed():
    layers, responses, stimuli = planted(strength=0.2)
    dataset = dataset_of(responses, stimuli)
    folds = na.TrainTest(test=labels(40)[:10])
    one, two = (TEST(layers, dataset, ONE_ALPHA, folds=folds, seed=seed).p for seed in (0, 1))
    assert (one != two).any()
    assert abs(one - two).max() < 0.1


def test_other_neuroids_do_not_change_the_p_of_one():
    layers, responses, stimuli = planted()
    dataset = dataset_of(responses, stimuli)
    some = TEST(layers, dataset, EXACT, n_permutations=50, neuroids=["subject-1/3", "subject-1/1"])
    every = TEST(layers, dataset, EXACT, n_permutations=50)
    xr.testing.assert_identical(some.p, every.p.sel(neuroid=some["neuroid"]))


def test_subjects_with_other_stimuli_keep_their_order_and_their_own_p():
    layers, responses, stimuli = planted(n_neuroids=6)
    index = stimuli.index
    recordings = {
        "b": pd.DataFrame(responses[:, :3], index),
        "a": pd.DataFrame(responses[5:, 3:], index[5:]),
        "c": pd.DataFrame(responses[:, 3:] + responses[:, :3], index),
    }
    made = {
        name: na.make_recording(table, ("stimulus", "neuroid"), subject=name, units="z",
                                stimulus=table.index, neuroid=range(3))
        for name, table in recordings.items()
    }  # fmt: skip
    result = TEST(layers, na.BrainDataset(made, stimuli), EXACT, n_permutations=30)
    assert [label[0] for label in result["neuroid"].values] == ["b"] * 3 + ["a"] * 3 + ["c"] * 3
    assert list(result["view"].values) == ["all", "b", "a", "c"]
    alone = TEST(layers, na.BrainDataset({"b": made["b"]}, stimuli), EXACT, n_permutations=30)
    np.testing.assert_array_equal(result.p[:, :3], alone.p)
    scores = mean_over_folds(na.score(layers, na.BrainDataset(made, stimuli), ONE_ALPHA))
    at_one = TEST(layers, na.BrainDataset(made, stimuli), ONE_ALPHA, n_permutations=30)
    np.testing.assert_allclose(at_one.r, scores)
    median = scores.isel(neuroid=slice(3, 6)).median("neuroid")
    np.testing.assert_allclose(at_one.median_r.sel(view="a"), median)


def test_neuroids_without_a_score_stay_undefined_and_are_counted():
    layers, responses, stimuli = planted()
    responses[:, 2] = 4.0
    responses[3:, 0] = np.nan
    result = TEST(layers, dataset_of(responses, stimuli), n_permutations=30)
    for name in ("r", "p", "p_family", "null_mean", "alpha"):
        expected = [True, False, True, False, False]
        np.testing.assert_array_equal(result[name].isnull()[0], expected)
    assert result.attrs["undefined"] == (
        "2 neuroids have no r in any layer (first: 'subject-1/0', 'subject-1/2')"
    )
    assert result.median_p.notnull().all()


def test_a_neuroid_whose_responses_cannot_change_places_has_a_p_of_1():
    layers, responses, stimuli = planted(strength=9, group=np.repeat(list("abcdefgh"), 5))
    responses[::5, 1] = np.nan  # no group is whole
    for metric in (None, EXACT):
        result = TEST(layers, dataset_of(responses, stimuli), metric, folds=na.KFold(4))
        assert (result.p.sel(layer="true") < 0.05).sum() == 4
        assert (result.p[:, 1] == 1).all()
        assert result["smallest_p"][1] == 1


def test_rounding_does_not_make_a_permutation_worse_than_the_observed_pairing():
    null = np.array([[0.5 - 1e-14], [0.5 + 1e-14], [0.4], [np.nan]])
    assert p_values(np.array([0.5]), null) == 0.8
    single = np.array([[0.5 - 1e-7], [0.4], [0.4], [0.4]], np.float32)
    assert p_values(np.array([0.5], np.float32), single) == 0.4


def test_medians_are_over_neuroids_that_have_a_score():
    layers, responses, stimuli = planted(strength=0.4)
    for number, fold in enumerate(na.KFold(4).split(stimuli, seed=0).folds):
        responses[np.isin(labels(40), fold.test), 0] = number  # constant until rows change places
    dataset = dataset_of(responses, stimuli)
    result = TEST(layers, dataset, ONE_ALPHA, folds=na.KFold(4))
    assert result.r[:, 0].isnull().all()
    without = [f"subject-1/{number}" for number in range(1, 5)]
    other = TEST(layers, dataset, ONE_ALPHA, folds=na.KFold(4), neuroids=without)
    xr.testing.assert_allclose(result.median_null_quantile, other.median_null_quantile)


def test_alphas_are_chosen_by_the_observed_pairing_and_99_others():
    layers, responses, stimuli = planted(strength=0.3, n_neuroids=30)
    metric = na.RidgeEncoding()
    result = TEST(layers, dataset_of(responses, stimuli), metric, n_permutations=150)
    _, prepared = prepare(layers, dataset_of(responses, stimuli), Selection())
    everything = np.arange(40)
    orders = plan_exchange(prepared, "auto", 150, 0).orders(np.array(labels(40)))
    folds = folds_within(prepared.splits, np.array(labels(40)))
    opened = open_folds(make_design(layers["true"].values), everything, folds, metric.alphas)
    levels = [
        choose_levels(opened, responses, np.vstack([everything, orders[: number - 1]]))
        for number in (1, 100, 151)
    ]
    np.testing.assert_array_equal(
        result.alpha.sel(layer="true"), np.array(metric.alphas)[levels[1]]
    )
    assert (levels[0] != levels[1]).any()
    assert (levels[1] != levels[2]).any()


def test_times_are_tested_each_and_together():
    layers, responses, stimuli = planted(n_neuroids=6)
    recording = na.make_recording(
        responses.reshape(40, 2, 3), ("stimulus", "neuroid", "time"), subject="s", units="z",
        stimulus=stimuli.index, neuroid=["a", "b"], time=[0.1, 0.2, 0.3],
        attrs={"time_convention": "bin centers"},
    )  # fmt: skip
    result = TEST(layers, na.BrainDataset({"s": recording}, stimuli), EXACT, n_permutations=30)
    assert result.p.dims == ("layer", "neuroid", "time")
    assert result.median_p.dims == ("layer", "view", "time")
    flat = TEST(layers, dataset_of(responses, stimuli), EXACT, n_permutations=30)
    np.testing.assert_array_equal(result.p_family.values.reshape(2, 6), flat.p_family)
    medians = np.median(result.r.values, axis=1)
    np.testing.assert_allclose(result.median_r.sel(view="all"), medians)


def test_inputs_stay_as_they_are():
    layers, responses, stimuli = planted()
    dataset = dataset_of(responses, stimuli)
    before = {name: layer.copy(deep=True) for name, layer in layers.items()}
    recorded = dataset.recordings["subject-1"].copy(deep=True)
    TEST(layers, dataset, n_permutations=30)
    TEST(layers, dataset, n_permutations=19, alphas="anew", folds=na.KFold(2))
    for name, layer in layers.items():
        xr.testing.assert_identical(layer, before[name])
    xr.testing.assert_identical(dataset.recordings["subject-1"], recorded)


@pytest.mark.gpu
@pytest.mark.parametrize("alphas", ["fixed", "anew"])
def test_a_gpu_gives_the_same_numbers(alphas):
    layers, responses, stimuli = planted(n=80, n_neuroids=30)
    missing = np.random.default_rng(0).uniform(size=80) < 0.2
    responses[np.ix_(missing, np.arange(9))] = np.nan
    dataset = dataset_of(responses, stimuli)
    options = {"n_permutations": 30, "alphas": alphas}
    here = TEST(layers, dataset, na.RidgeEncoding(alphas=[0.1, 1, 10]), **options)
    there = na.RidgeEncoding(alphas=[0.1, 1, 10], device="cuda", dtype="float32")
    result = TEST(layers, dataset, there, **options)
    for name in ("r", "null_mean", "null_quantile", "median_r"):
        np.testing.assert_allclose(result[name], here[name], rtol=0, atol=1e-4)
    np.testing.assert_allclose(result.p, here.p, rtol=0, atol=1 / 31 + 1e-9)
