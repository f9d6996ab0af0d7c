"""Scores relative to noise ceilings: forms, refusals, masks, blocks, and what is undefined."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from ceiling_cases import noiseless_scores

import neuroalign as na
from neuroalign.ceilings import (
    Ceiling,
    anova,
    cc_max,
    divide_repetitions,
    explainable_variance,
    mean_over_folds,
    median_share,
    normalize_by_ceiling,
    normalized_without,
    oracle_conservative,
    oracle_jackknife,
    split_half,
)
from neuroalign.ceilings.averages import mean_without_blocks
from neuroalign.numerics.blockwise import jackknife_error
from neuroalign.results.undefined import undefined_table

QUICK = {"folds": na.KFold(4), "progress": False}
ROOT = {"form": "r/sqrt(ceiling)"}


@pytest.fixture
def scores(planted):
    return na.score(*planted, **QUICK)


def recording_in(planted):
    return planted[1].recordings["subject-1"]


def refused(sentence):
    return pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$")


def simulated(seed, n_stimuli, n_repetitions, shares, n_folds=5):
    """Make neuroids with these true shares of signal in their averages, and score the signal."""
    rng = np.random.default_rng(seed)
    labels = [f"s{k:03}" for k in range(n_stimuli)]
    signal = rng.normal(size=(n_stimuli, len(shares)))
    spread = np.sqrt((1 / shares - 1) * n_repetitions)
    noise = rng.normal(size=(n_stimuli, n_repetitions, len(shares)))
    dataset = na.make_dataset(
        signal[:, None] + spread * noise, pd.DataFrame(index=labels), units="z"
    )
    (subject,) = dataset.subjects
    coords = {"stimulus": labels, "neuroid": dataset.recordings[subject]["neuroid"].values}
    noiseless = {subject: xr.DataArray(signal, coords, ("stimulus", "neuroid"))}
    return dataset, na.KFold(n_folds).split(dataset.stimuli, seed=0), noiseless


def test_a_ceiling_of_correlation_is_divided_by_as_it_is(scores, planted):
    ceiling = cc_max(recording_in(planted))
    found = normalize_by_ceiling(scores, form="r/ceiling", ceiling=ceiling)
    np.testing.assert_allclose(found, mean_over_folds(scores) / ceiling.values)


@pytest.mark.parametrize("form", ["r/sqrt(ceiling)", "r^2/ceiling", "r/ceiling"])
def test_the_sign_of_r_is_kept_and_nothing_is_clipped(scores, planted, form):
    negative = scores.assign(r=0 * scores.r - 0.3)
    given = cc_max if form == "r/ceiling" else anova
    ceiling = given(recording_in(planted))
    small = replace(ceiling, values=0 * ceiling.values + 0.04)
    found = normalize_by_ceiling(negative, form=form, ceiling=small)
    expected = {"r/sqrt(ceiling)": -1.5, "r^2/ceiling": -2.25, "r/ceiling": -7.5}[form]
    np.testing.assert_allclose(found, expected)


def test_a_ceiling_is_matched_by_the_labels_of_neuroids(scores, planted):
    ceiling = anova(recording_in(planted))
    shuffled = ceiling.select(ceiling.values["neuroid"].values[::-1])
    found = normalize_by_ceiling(scores, **ROOT, ceiling=shuffled)
    assert found.identical(normalize_by_ceiling(scores, **ROOT, ceiling=ceiling))
    sentence = (
        "The noise ceiling 'anova' lacks 7 of 8 neuroids of the scores (first: 'subject-1/1', "
        "'subject-1/2', 'subject-1/3')."
    )
    with refused(sentence):
        normalize_by_ceiling(scores, **ROOT, ceiling=ceiling.select(["subject-1/0"]))


@pytest.mark.parametrize(
    ("estimate", "form", "sentence"),
    [
        (
            oracle_jackknife,
            "r/ceiling",
            "The noise ceiling 'oracle_jackknife' is no more than a bound (lower bound), and "
            "nothing is normalized by one.",
        ),
        (
            oracle_conservative,
            "r/ceiling",
            "The noise ceiling 'oracle_conservative' is no more than a bound (upper bound), and "
            "nothing is normalized by one.",
        ),
        (
            explainable_variance,
            "r^2/ceiling",
            "The noise ceiling 'explainable_variance' is of single responses, but the scores are "
            "of averaged responses.",
        ),
        (
            split_half,
            "r/ceiling",
            "The noise ceiling 'split_half' bounds a variance, but 'r/ceiling' needs one of "
            "correlation; use form='r/sqrt(ceiling)' or 'r^2/ceiling'.",
        ),
        (
            cc_max,
            "r^2/ceiling",
            "The noise ceiling 'cc_max' bounds a correlation, but 'r^2/ceiling' needs one of "
            "variance; use form='r/ceiling'.",
        ),
    ],
)
def test_a_ceiling_of_another_type_is_refused(scores, planted, estimate, form, sentence):
    ceiling = estimate(recording_in(planted))
    with refused(sentence):
        normalize_by_ceiling(scores, form=form, ceiling=ceiling)


def test_a_lower_bound_in_scores_is_refused():
    rng = np.random.default_rng(0)
    labels = [f"s{k:02}" for k in range(40)]
    recordings = {
        name: na.make_recording(
            rng.normal(size=(40, 2)), ("stimulus", "neuroid"), subject=name, units="z",
            stimulus=labels, neuroid=range(2), attrs={"neuroids": "shared"},
        )
        for name in ("ann", "bob")
    }  # fmt: skip
    dataset = na.BrainDataset(recordings, pd.DataFrame(index=labels))
    layer = pd.DataFrame(rng.normal(size=(40, 3)), index=labels)
    scores = na.score({"layer": layer}, dataset, **QUICK)
    sentence = (
        "The noise ceiling 'inter_subject' is no more than a bound (lower bound), and nothing is "
        "normalized by one."
    )
    with refused(sentence):
        normalize_by_ceiling(scores, form="r/ceiling", ceiling="inter_subject")
    assert scores.attrs["noise_ceiling"].startswith("of correlation, lower bound, median: inter-s")


def test_what_is_undefined_has_a_reason(scores):
    ceiling = Ceiling.from_scores(scores, "anova")
    values = ceiling.values.copy()
    values[:2] = [-0.1, np.nan]
    codes = ceiling.undefined.copy()
    codes[1] = 8
    broken = replace(ceiling, values=values, undefined=codes)
    without_r = scores.copy(deep=True)
    without_r["r"][..., 2] = np.nan
    without_r["undefined"][..., 2] = 2
    found = normalize_by_ceiling(without_r, **ROOT, ceiling=broken)
    meanings = found.undefined.attrs["flag_meanings"].split()
    for layer in range(2):
        reasons = [meanings[code] for code in found.undefined.values[layer, :4]]
        assert reasons == ["ceiling_not_positive", "no_repetitions", "constant_response", "defined"]
    assert found.isnull().values.tolist() == [[True] * 3 + [False] * 5] * 2
    assert found.attrs["n_masked"] == 0


def test_ratios_beyond_all_others_count_on_the_side_of_r():
    codes = [[0, 0, 0, 12, 12], [0, 0, 0, 12, 12]]
    values = xr.DataArray(
        [[0.2, 0.4, 0.6, np.nan, np.nan]] * 2,
        {"undefined": (("layer", "neuroid"), codes)},
        ("layer", "neuroid"),
    )
    r = xr.DataArray([[0.1, 0.1, 0.1, 0.3, 0.3], [0.1, 0.1, 0.1, 0.3, -0.3]], dims=values.dims)
    assert median_share(values[:1], r[:1]) == 0.6
    assert median_share(values[1:], r[1:]) == 0.4
    assert np.isnan(median_share(values[:1, 3:], r[:1, 3:]))


def masked_case(planted):
    """Score with the second set of repetitions, and estimate ceilings from the first."""
    layers, dataset = planted
    choosing, scoring = divide_repetitions(dataset, seed=3)
    scores = na.score(layers, scoring, **QUICK)
    return scores, anova(choosing.recordings["subject-1"]), dataset


def test_a_mask_leaves_out_counts_and_names_what_is_not_reliable(planted):
    scores, ceiling, _ = masked_case(planted)
    error = ceiling.error.copy()
    error[[2, 5]] = 10.0
    found = normalize_by_ceiling(scores, **ROOT, mask=replace(ceiling, error=error))
    assert found.attrs["n_masked"] == 2
    assert found.attrs["masked"] == ["subject-1/2", "subject-1/5"]
    assert found.isnull().any("layer").values.tolist() == [k in (2, 5) for k in range(8)]
    whole = normalize_by_ceiling(scores, **ROOT)
    np.testing.assert_array_equal(found[:, [0, 1, 3]], whole[:, [0, 1, 3]])
    table = na.summarize(scores, by=["layer", "roi"], mask=replace(ceiling, error=error))
    assert table["n_masked"].tolist() == [1, 1, 1, 1]
    assert "n_masked" not in na.summarize(scores)
    undefined = undefined_table(scores, mask=replace(ceiling, error=error))
    row = undefined[undefined["value"] == "normalized_r"].iloc[0]
    assert row["reason"] == "masked by other repetitions"
    assert row["neuroids"] == ("subject-1/2", "subject-1/5")


def test_a_mask_that_is_no_ceiling_is_refused(scores):
    sentence = (
        "mask is a ndarray, but neuroids are left out by a noise ceiling of other repetitions; "
        "divide them by neuroalign.ceilings.divide_repetitions, or select neuroids with "
        "score(neuroids=[...])."
    )
    with refused(sentence):
        normalize_by_ceiling(scores, **ROOT, mask=np.ones(8, bool))


def test_a_mask_from_the_same_repetitions_is_refused(planted):
    scores, _, dataset = masked_case(planted)
    sentence = (
        "The mask is from all repetitions, and the noise ceiling of the scores from the second of "
        "two sets of repetitions (seed 3): neuroids are chosen by other repetitions than they are "
        "scored with; divide them by neuroalign.ceilings.divide_repetitions."
    )
    with refused(sentence):
        normalize_by_ceiling(scores, **ROOT, mask=anova(dataset.recordings["subject-1"]))
    again, _ = divide_repetitions(dataset, seed=4)
    with pytest.raises(na.NeuroalignError, match="The mask is from the first of two sets"):
        normalize_by_ceiling(scores, **ROOT, mask=anova(again.recordings["subject-1"]))


def test_two_sets_share_no_repetition_and_leave_none_out():
    rng = np.random.default_rng(0)
    counts = [4, 7, 5, 4, 1, 2]
    stimuli = np.repeat([f"s{k}" for k in range(6)], counts)
    recording = na.make_recording(
        np.arange(23.0)[:, None] + [0, 100], ("showing", "neuroid"), subject="m", units="z",
        stimulus=rng.permutation(stimuli), neuroid=["a", "b"],
    )  # fmt: skip
    table = pd.DataFrame(index=sorted(set(stimuli)))
    sets = divide_repetitions(na.BrainDataset({"m": recording}, table), seed=0)
    first, second = (part.recordings["m"] for part in sets)
    assert not set(first.values[:, 0]) & set(second.values[:, 0])
    assert set(first.values[:, 0]) | set(second.values[:, 0]) == set(range(23))
    shown = first["stimulus"].to_series().value_counts()
    assert [int(shown.get(f"s{k}", 0)) for k in range(6)] == [2, 3, 2, 2, 0, 1]


def test_streams_are_divided_by_whole_repetitions():
    film = na.make_recording(
        np.arange(5.0)[:, None, None] + np.zeros((5, 20, 2)), ("repetition", "sample", "neuroid"),
        subject="m", units="z", sampling_period=1.0, run="film", neuroid=["a", "b"],
    )  # fmt: skip
    words = pd.DataFrame({"text": ["a"], "run": ["film"], "onset": [0.0]}, index=["w"])
    sets = divide_repetitions(na.BrainDataset({"m": film}, words), seed=0)
    first, second = (part.recordings["m"] for part in sets)
    found = sorted(first.values[:, 0, 0].tolist() + second.values[:, 0, 0].tolist())
    assert first.sizes["repetition"] == 2
    assert found == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n_repetitions", [1, 3])
def test_dividing_fewer_than_four_repetitions_is_refused(n_repetitions):
    dataset, _, _ = simulated(0, 20, n_repetitions, np.array([0.5]))
    sentence = (
        "Subject 'subject-1' met 0 stimuli 4 times or more, but choosing neuroids by other "
        "repetitions than they are scored with takes 3 such stimuli at least; score without a mask."
    )
    with refused(sentence):
        divide_repetitions(dataset)


def medians_of_chosen(seed):
    """Take the median normalized score of the noiseless response, over those who are chosen."""
    dataset, splits, noiseless = simulated(seed, 200, 16, np.linspace(0.02, 0.2, 500))
    (subject,) = dataset.subjects
    scores = noiseless_scores(dataset.recordings, splits, noiseless)
    low, _ = Ceiling.from_scores(scores, "split_half").interval()
    share = normalize_by_ceiling(scores, **ROOT)
    choosing, scoring = divide_repetitions(dataset, seed=seed)
    fewer = noiseless_scores(scoring.recordings, splits, noiseless)
    mask = anova(choosing.recordings[subject])
    chosen = normalize_by_ceiling(fewer, **ROOT, mask=mask)
    return {
        "all neuroids": median_share(share, mean_over_folds(scores)),
        "ceilings above 0": float(share.median()),
        "same repetitions": float(share.where(low > 0).median()),
        "other repetitions": median_share(chosen, mean_over_folds(fewer)),
    }


def test_choosing_and_normalizing_by_the_same_repetitions_is_biased_and_by_others_is_not():
    medians = [medians_of_chosen(seed) for seed in range(2)]
    found = {name: np.mean([each[name] for each in medians]) for name in medians[0]}
    assert found["same repetitions"] < 0.88
    assert abs(found["other repetitions"] - 1) < 0.12
    assert abs(found["all neuroids"] - 1) < 0.06


def test_r_without_a_block_is_that_of_the_other_stimuli(planted):
    layers, dataset = planted
    folds = na.KFold(12)  # "10/..." stands before "2/..." among the names of blocks
    metric = na.RidgeEncoding(keep_predictions=True)
    scores = na.score(layers, dataset, metric, folds=folds, progress=False)
    found = mean_without_blocks(scores)
    assert found.dims == ("layer", "block", "neuroid")
    splits = folds.split(dataset.stimuli, seed=0)
    y = na.average_repetitions(dataset.recordings["subject-1"])
    names = splits.blocks.set_index("stimulus")["name"]
    for block in scores["block"].values[::5]:
        for layer in ("other", "true"):
            p = scores["prediction"].sel(layer=layer)
            weights, r = [], []
            for fold in splits.folds:
                kept = [label for label in fold.test if names[label] != block]
                if len(kept) < 3:
                    continue  # too few for r, so the fold is skipped
                one, two = (a.sel(stimulus=kept, neuroid="subject-1/3").values for a in (y, p))
                weights.append(len(kept))
                r.append(np.corrcoef(one, two)[0, 1])
            expected = np.average(r, weights=weights)
            assert float(found.sel(layer=layer, block=block)[3]) == pytest.approx(
                expected, abs=1e-9
            )


def test_normalized_scores_without_a_block_are_of_both_parts_without_it(scores):
    found = normalized_without(scores, **ROOT, ceiling="anova")
    expected = mean_without_blocks(scores) / scores["ceiling_anova_without"] ** 0.5
    np.testing.assert_allclose(found, expected.transpose(*found.dims))


def test_the_jackknife_of_normalized_scores_is_their_spread_over_draws():
    dataset, splits, noiseless = simulated(0, 300, 4, np.full(300, 0.4))
    scores = noiseless_scores(dataset.recordings, splits, noiseless)
    share = normalize_by_ceiling(scores, **ROOT)[0]
    without = normalized_without(scores, **ROOT)[0]
    size = scores["moments"].isel(moment=0, layer=0, drop=True).transpose("block", "neuroid")
    error = jackknife_error(share.values, without.values, size.values)
    spread = 1.4826 * float(abs(share - share.median()).median())
    assert np.median(error) == pytest.approx(spread, rel=0.12)
    r = mean_without_blocks(scores)[0]
    alone = jackknife_error(mean_over_folds(scores)[0].values, r.values, size.values)
    assert np.median(alone) / np.sqrt(0.4) < 0.8 * spread  # the ceiling has an error too


def test_blocks_of_another_division_are_refused(scores, planted):
    sentence = (
        "The noise ceiling 'anova' has other blocks of stimuli than the scores; estimate it with "
        "the blocks of the folds, or use one that the scores carry."
    )
    with refused(sentence):
        normalized_without(scores, **ROOT, ceiling=anova(recording_in(planted)))


def test_blocks_of_repeated_folds_are_refused(planted):
    folds = na.folds.Repeated(na.KFold(4), n_repeats=2)
    scores = na.score(*planted, folds=folds, progress=False)
    sentence = (
        "The same stimuli are held out several times in repeated folds, so that leaving out a "
        "block of one division leaves them in the others; score with folds that are not repeated."
    )
    with refused(sentence):
        normalized_without(scores, **ROOT)
    once = na.score(*planted, **QUICK)
    np.testing.assert_array_equal(scores.ceiling_anova, once.ceiling_anova)


def test_the_table_of_the_undefined_counts_and_names_by_reason(planted):
    layers, dataset = planted
    recording = dataset.recordings["subject-1"].copy(deep=True)
    recording[..., 4] = 2.0
    recording[:, 1:, 6] = np.nan
    broken = na.make_dataset({"subject-1": recording}, dataset.stimuli)
    table = undefined_table(na.score(layers, broken, **QUICK))
    found = {
        (row.value, row.layer, row.reason): (row.n_values, row.neuroids)
        for row in table.itertuples()
    }
    four, six = ("subject-1/4",), ("subject-1/6",)
    assert found == {
        ("r", "other", "constant response"): (4, four),
        ("r", "true", "constant response"): (4, four),
        ("ceiling_split_half", "", "constant response"): (1, four),
        ("ceiling_split_half", "", "no repetitions"): (1, six),
        ("ceiling_anova", "", "constant response"): (1, four),
        ("ceiling_anova", "", "no repetitions"): (1, six),
        ("normalized_r", "other", "constant response"): (1, four),
        ("normalized_r", "other", "no repetitions"): (1, six),
        ("normalized_r", "true", "constant response"): (1, four),
        ("normalized_r", "true", "no repetitions"): (1, six),
    }
    assert (table["n_neuroids"] == 1).all()
