"""Tables, the honest choice of a layer, normalization and intervals on small constructed scores."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.linear_model import LinearRegression

import neuroalign as na
from neuroalign.ceilings import mean_over_folds
from neuroalign.inference.intervals import difference_interval, median_interval

QUICK = {"folds": na.KFold(4), "progress": False}


@pytest.fixture
def scores(planted):
    return na.score(*planted, **QUICK)


def test_the_mean_over_folds_is_weighted_by_held_out_stimuli_and_skips_undefined_folds():
    scores = xr.Dataset(
        {"r": (("layer", "fold", "neuroid"), [[[0.2, 0.5, np.nan], [0.8, np.nan, np.nan]]])},
        {"n_test": (("fold", "neuroid"), [[10, 10, 10], [30, 30, 30]])},
    )
    found = mean_over_folds(scores).values
    np.testing.assert_allclose(found, [[(0.2 * 10 + 0.8 * 30) / 40, 0.5, np.nan]])


def test_a_row_of_the_table_is_the_median_over_its_neuroids(scores):
    table = na.summarize(scores, by=["layer", "roi"]).set_index(["layer", "roi"])
    v4 = mean_over_folds(scores).sel(layer="true")[scores.roi.values == "V4"]
    assert table.loc[("true", "V4"), "r"] == pytest.approx(float(v4.median()))
    assert table["n_neuroids"].tolist() == [5, 3, 5, 3]


def test_the_interval_names_its_estimand(planted, scores):
    assert set(na.summarize(scores)["interval"]) == {"procedure"}
    test = [f"s{k:02}" for k in range(20)]
    predefined = na.score(*planted, folds=na.TrainTest(test=test), progress=False)
    assert set(na.summarize(predefined)["interval"]) == {"conditional"}


@pytest.mark.parametrize("folds", [na.KFold(4), na.TrainTest(test=[f"s{k:02}" for k in range(20)])])
def test_the_interval_holds_the_median(planted, folds):
    table = na.summarize(na.score(*planted, folds=folds, progress=False))
    assert (table["r_low"] < table["r"]).all()
    assert (table["r"] < table["r_high"]).all()


def test_scores_of_several_layers_are_not_averaged(scores):
    sentence = (
        "Scores of several layers are not averaged; put 'layer' into by=, or choose one with "
        "best_layer(scores)."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.summarize(scores, by=["roi"])


def test_an_unknown_coordinate_suggests_the_nearest(scores):
    sentence = "No coordinate of neuroids is called 'rois'. Did you mean 'roi'?"
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.summarize(scores, by=["layer", "rois"])


def test_the_best_layer_is_chosen_by_inner_folds_not_by_held_out_scores(scores):
    misleading = scores.copy(deep=True)
    misleading["r"].loc[{"layer": "other"}] = 0.99
    chosen = na.best_layer(misleading)
    assert (chosen.chosen_layer == "true").all()
    np.testing.assert_array_equal(chosen.r.squeeze("layer"), scores.r.sel(layer="true", drop=True))


def test_the_best_layer_may_differ_by_fold_and_takes_its_moments_along(scores):
    mixed = scores.copy(deep=True)
    mixed["inner_r2"].loc[{"layer": "other", "fold": 1}] = 1.0
    chosen = na.best_layer(mixed)
    assert chosen.chosen_layer.values[:, 0].tolist() == ["true", "other", "true", "true"]
    np.testing.assert_array_equal(
        chosen.r.sel(fold=1).squeeze("layer"), scores.r.sel(layer="other", fold=1)
    )
    of_fold = scores.fold_of_block.values == 1
    np.testing.assert_array_equal(
        chosen.moments.squeeze("layer")[of_fold], scores.moments.sel(layer="other")[of_fold]
    )


def test_a_choice_without_inner_folds_is_refused_not_guessed(planted):
    layers, dataset = planted
    metric = na.metrics.MappingEncoding(LinearRegression(), inner_folds=0)
    scores = na.score(layers, dataset, metric, **QUICK)
    sentence = (
        "inner_r2, by which training stimuli choose a layer, is undefined for all layers; score "
        "with inner folds, as in MappingEncoding(..., inner_folds=3)."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.best_layer(scores)
    alone = na.best_layer(scores.isel(layer=[1]))  # where there is nothing to choose
    assert set(alone.chosen_layer.values.ravel()) == {"true"}


def test_the_best_layer_can_be_chosen_for_each_roi(scores):
    mixed = scores.copy(deep=True)
    mixed["inner_r2"].loc[{"layer": "other", "neuroid": scores.roi.values == "IT"}] = 1.0
    chosen = na.best_layer(mixed, by="roi")
    assert chosen.neuroid.values.tolist() == scores.neuroid.values.tolist()
    assert chosen.chosen_layer.values[0].tolist() == ["true"] * 5 + ["other"] * 3


def test_normalization_is_of_the_form_that_is_named(scores):
    r, ceiling = mean_over_folds(scores), scores.ceiling_anova
    share = na.normalize_by_ceiling(scores, form="r/sqrt(ceiling)", ceiling="anova")
    np.testing.assert_allclose(share, r / np.sqrt(ceiling))
    variance = na.normalize_by_ceiling(scores, form="r^2/ceiling", ceiling="anova")
    np.testing.assert_allclose(variance, np.sign(r) * r**2 / ceiling)


def test_normalization_keeps_the_sign(scores):
    negative = scores.assign(r=0 * scores.r - 0.3)
    for form in ("r/sqrt(ceiling)", "r^2/ceiling"):
        assert (na.normalize_by_ceiling(negative, form=form) < 0).all()


def test_normalization_by_a_ceiling_that_is_not_positive_is_undefined(scores):
    low = scores.copy(deep=True)
    low["ceiling_split_half"][2] = -0.1
    normalized = na.normalize_by_ceiling(low, form="r/sqrt(ceiling)")
    assert np.isnan(normalized).any("layer").values.tolist() == [k == 2 for k in range(8)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"form": "r/ceilings"},
            "No form of normalization is called 'r/ceilings'. Did you mean 'r/ceiling'?",
        ),
        (
            {"form": "r^2/ceiling", "ceiling": "anovas"},
            "No noise ceiling in these scores is called 'anovas'. Did you mean 'anova'?",
        ),
    ],
)
def test_normalization_must_be_told_a_form_and_ceiling_that_exist(scores, options, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.normalize_by_ceiling(scores, **options)


def test_normalization_refuses_a_ceiling_that_bounds_something_else(scores):
    scores["ceiling_anova"].attrs["bounds"] = "correlation"
    sentence = (
        "The noise ceiling 'anova' bounds a correlation, but 'r^2/ceiling' needs one of variance; "
        "use form='r/ceiling'."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.normalize_by_ceiling(scores, form="r^2/ceiling", ceiling="anova")


def test_a_paired_difference_is_that_of_the_medians(scores):
    true, other = (scores.sel(layer=name) for name in ("true", "other"))
    gap = difference_interval(true, other)
    expected = median_interval(true).median - median_interval(other).median
    assert gap.median == pytest.approx(expected)
    assert gap.low < expected < gap.high


def test_a_paired_difference_refuses_other_folds(planted, scores):
    other = na.score(*planted, seed=1, **QUICK).sel(layer="true")
    sentence = "Two scores are compared on the same data only, but their folds differ."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        difference_interval(scores.sel(layer="true"), other)


def test_a_paired_difference_refuses_other_responses(planted, scores):
    layers, dataset = planted
    recording = 2 * dataset.recordings["subject-1"].assign_attrs(units="spikes")
    doubled = na.make_dataset({"subject-1": recording.assign_attrs(units="z")}, dataset.stimuli)
    other = na.score(layers, doubled, **QUICK).sel(layer="true")
    sentence = "Two scores are compared on the same data only, but their responses differ."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        difference_interval(scores.sel(layer="true"), other)


def test_a_paired_difference_is_over_the_neuroids_that_both_predict(scores):
    fewer = scores.sel(layer="true").copy(deep=True)
    fewer["r"][:, :3] = np.nan
    assert difference_interval(scores.sel(layer="true"), fewer).median == 0


def test_a_few_test_groups_give_no_conditional_interval(planted):
    layers, dataset = planted
    grouped = na.BrainDataset(
        dataset.recordings, dataset.stimuli.assign(group=[f"g{k // 10}" for k in range(60)])
    )
    test = list(dataset.stimuli.index[:30])
    scores = na.score(layers, grouped, folds=na.TrainTest(test=test), progress=False)
    table = na.summarize(scores)
    assert table["r"].notna().all()
    assert table[["r_low", "r_high"]].isna().all(axis=None)


def test_ceilings_that_are_not_positive_are_counted_and_kept_in_their_median(scores):
    low = scores.copy(deep=True)
    low["ceiling_split_half"][:5] = -0.2
    table = na.summarize(low)
    assert table["n_below_noise"].tolist() == [5, 5]
    assert table["ceiling_r"].tolist() == [0, 0]


def test_a_table_without_any_defined_score_is_empty_of_numbers(planted):
    layers, dataset = planted
    constant = {"layer": xr.zeros_like(layers["true"])}
    table = na.summarize(na.score(constant, dataset, **QUICK))
    assert pd.isna(table.loc[0, "r"])
    assert table.loc[0, "n_undefined"] == 8


def test_the_best_layer_by_an_unknown_coordinate_suggests_the_nearest(scores):
    sentence = "No coordinate of neuroids is called 'rois'. Did you mean 'roi'?"
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.best_layer(scores, by="rois")


def test_a_figure_of_scores_on_other_responses_is_refused(planted, scores):
    other = na.score(*planted, seed=1, **QUICK)
    sentence = "Two scores are compared on the same data only, but their folds differ."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.plot_profile(scores, against={"other": other})
