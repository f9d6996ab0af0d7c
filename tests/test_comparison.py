"""Comparisons of models: paired, refused where the data differ, and gated on being predicted."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.numerics.resampling import t_test

RIDGE = na.RidgeEncoding(inner="gcv")


def layer_of(values, labels, name="layer"):
    return {name: xr.DataArray(values, {"stimulus": labels}, ("stimulus", "unit"))}


def scores_of(values, dataset, **options):
    labels = dataset.stimuli.index
    return na.score(layer_of(values, labels), dataset, RIDGE, progress=False, **options)


@pytest.fixture(scope="module")
def sites():
    return planted_sites(seed=0)


def planted_sites(seed, *, n=1500, n_each=4):
    """Score sites of five known kinds by both modalities, each, and both with their products."""
    rng = np.random.default_rng(seed)
    vision, language = rng.normal(size=(2, n, 20))
    product = vision * language
    together = np.hstack([vision, language])

    def read_out(values):
        drive = values @ rng.normal(size=(values.shape[1], n_each))
        return (drive - drive.mean(0)) / drive.std(0)

    v, l, x = read_out(vision), read_out(language), read_out(product)  # noqa: E741
    kinds = {
        "noise": np.zeros((n, n_each)),
        "vision": v,
        "language": l,
        "additive": (v + l) / np.sqrt(2),
        "integration": (v + l + np.sqrt(2) * x) / 2,
    }
    noise = np.sqrt(1 / 0.44 - 1)
    responses = np.hstack(
        [drive + noise * rng.normal(size=drive.shape) for drive in kinds.values()]
    )
    labels = [f"s{number:04}" for number in range(n)]
    dataset = na.make_dataset(
        responses, pd.DataFrame(index=labels), roi=np.repeat(list(kinds), n_each), units="uV"
    )
    spaces = {
        "multimodal": np.hstack([together, product]),
        "vision": vision,
        "language": language,
        "concatenation": together,
    }
    return dataset, {name: scores_of(values, dataset) for name, values in spaces.items()}


def asked_of(scores):
    return na.inference.nested_comparison(
        scores["multimodal"],
        against={
            "best unimodal": [scores["vision"], scores["language"]],
            "concatenation": scores["concatenation"],
        },
    )


def shares_passed(asked):
    by_kind = asked.set_coords([]).groupby("roi")
    table = by_kind.mean()
    return {
        kind: (
            float(table["predicted"].sel(roi=kind)),
            *(float(v) for v in table["passed"].sel(roi=kind)),
        )
        for kind in table["roi"].values.astype(str)
    }


def test_sites_of_known_kinds_are_told_apart(sites):
    _, scores = sites
    shares = shares_passed(asked_of(scores))
    assert shares["integration"] == (1, 1, 1)
    assert shares["additive"][:2] == (1, 1)
    assert shares["additive"][2] <= 0.25
    for kind in ("vision", "language"):
        assert shares[kind][0] == 1
        assert max(shares[kind][1:]) <= 0.25
    assert shares["noise"][0] <= 0.25  # each has a chance of .025
    assert shares["noise"][1:] == (0, 0)


@pytest.mark.slow
def test_sites_are_told_apart_over_twenty_seeds():
    """Takes half a minute; prints the table of docs/comparison.md."""
    found = [shares_passed(asked_of(planted_sites(seed, n_each=10)[1])) for seed in range(20)]
    means = {kind: np.mean([shares[kind] for shares in found], axis=0) for kind in found[0]}
    for kind, (predicted, first, second) in means.items():
        print(f"| {kind} | {predicted:.3f} | {first:.3f} | {second:.3f} |")
    assert means["integration"].min() >= 0.99
    assert means["additive"][:2].min() >= 0.99
    assert means["additive"][2] <= 0.05
    for kind in ("vision", "language"):
        assert means[kind][0] >= 0.99
        assert means[kind][1:].max() <= 0.05
    assert means["noise"][0] <= 0.05
    assert means["noise"][1:].max() <= 0.01


def test_what_is_not_predicted_is_not_compared(sites):
    asked = asked_of(sites[1])
    left_out = asked.sel(neuroid=~asked["predicted"])
    assert left_out.sizes["neuroid"] >= 3
    assert left_out["p"].isnull().all()
    assert left_out["difference"].isnull().all()
    assert not left_out["passed"].any()
    assert left_out["p_predicted"].notnull().all()
    assert asked["p"].sel(neuroid=asked["predicted"]).notnull().all()


def test_the_sentence_counts_what_passed(sites):
    asked = asked_of(sites[1])
    counts = [
        int(asked["passed"].sel(comparison=name).sum()) for name in asked["comparison"].values
    ]
    assert asked.attrs["sentence"] == (
        f"{int(asked['predicted'].sum())} of 20 neuroids are predicted; of these, {counts[0]} "
        f"better than best unimodal, {counts[1]} better than concatenation"
    )


def test_all_rivals_must_be_beaten(sites):
    _, scores = sites
    one = na.inference.nested_comparison(
        scores["multimodal"],
        against={"both": [scores["vision"], scores["language"]], "vision": scores["vision"]},
    )
    other = na.inference.neuroid_differences(scores["multimodal"], scores["language"])
    either = np.maximum(
        one["p"].sel(comparison="vision"), other["p_greater"].where(one["predicted"])
    )
    np.testing.assert_allclose(one["p"].sel(comparison="both"), either)


def test_a_comparison_is_antisymmetric(sites):
    _, scores = sites
    there = na.compare({"a": scores["vision"], "b": scores["language"]}).iloc[0]
    back = na.compare({"b": scores["language"], "a": scores["vision"]}).iloc[0]
    assert there["difference"] == pytest.approx(-back["difference"])
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]))
    assert there["p"] == pytest.approx(back["p"])


def test_a_comparison_of_several_is_corrected_for_all_pairs(sites):
    _, scores = sites
    table = na.compare(scores)
    assert len(table) == 6
    np.testing.assert_allclose(table["p_holm"], na.inference.holm(table["p"].to_numpy()))
    first = table.iloc[0]
    assert (first["first"], first["second"]) == ("multimodal", "vision")
    assert first["r_first"] - first["r_second"] == pytest.approx(first["difference"])
    assert first["low"] > 0.05


def test_a_model_does_not_differ_from_itself(sites):
    vision = sites[1]["vision"]
    row = na.compare({"a": vision, "b": vision.copy(deep=True)}).iloc[0]
    assert (row["difference"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)


def test_saved_runs_compare_as_those_in_memory(sites, tmp_path):
    _, scores = sites
    pair = {name: scores[name] for name in ("vision", "language")}
    read = {
        name: na.load_scores(na.save_scores(one, tmp_path / name)) for name, one in pair.items()
    }
    pd.testing.assert_frame_equal(na.compare(pair), na.compare(read))


def test_a_predefined_split_is_compared_over_new_test_stimuli(rng):
    units = rng.normal(size=(120, 6))
    responses = units @ rng.normal(size=(6, 5)) + rng.normal(size=(120, 5))
    labels = [f"s{number:03}" for number in range(120)]
    dataset = na.make_dataset(responses, pd.DataFrame(index=labels))
    folds = na.TrainTest(test=labels[60:])
    runs = {"all": scores_of(units, dataset, folds=folds),
            "half": scores_of(units[:, :3], dataset, folds=folds)}  # fmt: skip
    row = na.compare(runs).iloc[0]
    assert row["interval"] == "conditional"
    assert row["low"] > 0


def test_subjects_as_a_random_effect_pair_within_subjects(rng):
    units = rng.normal(size=(80, 8))
    people = {
        f"m{number}": units @ rng.normal(size=(8, 10)) + rng.normal(size=(80, 10))
        for number in range(5)
    }
    dataset = na.make_dataset(people, pd.DataFrame(index=[f"s{k:02}" for k in range(80)]))
    runs = {"all": scores_of(units, dataset), "half": scores_of(units[:, :4], dataset)}
    row = na.compare(runs, over="subjects").iloc[0]
    by_subject = [
        float(a.median() - b.median())
        for name in people
        for a, b in [[na.inference.neuroid_differences(*runs.values())[key].sel(
            neuroid=[f"{name}/{k}" for k in range(10)]) for key in ("r_first", "r_second")]]
    ]  # fmt: skip
    assert row["interval"] == "population"
    assert row["difference"] == pytest.approx(np.mean(by_subject))
    assert row["high"] - row["difference"] > np.std(by_subject, ddof=1) / np.sqrt(5) * 2


def refusal(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def test_one_score_is_no_comparison(sites):
    with refusal("A comparison needs two scores or more, but 1 were given."):
        na.compare({"a": sites[1]["vision"]})


def test_scores_without_names_are_refused(sites):
    message = (
        "Scores are given as a list; compare takes them by name, as in "
        "compare({'trained': scores, 'untrained': others})."
    )
    with refusal(message):
        na.compare([sites[1]["vision"]] * 2)


def test_one_dataset_is_not_taken_for_scores_by_name(sites):
    message = (
        "Scores are given as a Dataset; compare takes them by name, as in "
        "compare({'trained': scores, 'untrained': others})."
    )
    with refusal(message):
        na.compare(sites[1]["vision"])


def test_similarities_and_predictions_are_not_compared(sites):
    runs = sites[1]
    likeness = xr.Dataset({"similarity": ("layer", [0.5])})
    with refusal("The scores of 'b' are similarities, those of 'a' are not."):
        na.compare({"a": runs["vision"], "b": likeness})


def test_what_is_no_scores_is_refused(sites):
    message = (
        "The scores of 'b' are a DataFrame without r; use what score(...), best_layer(...) or "
        "load_scores(...) return."
    )
    with refusal(message):
        na.compare({"a": sites[1]["vision"], "b": pd.DataFrame()})


def test_scores_of_several_layers_must_be_chosen_from(planted):
    layers, dataset = planted
    scores = na.score(layers, dataset, RIDGE, progress=False)
    message = (
        "The scores of 'a' are of 2 layers (first: 'other', 'true'); choose one with "
        "best_layer(scores) or scores.sel(layer=[...])."
    )
    with refusal(message):
        na.compare({"a": scores, "b": scores})


def test_scores_of_other_folds_are_refused(sites):
    dataset, scores = sites
    other = scores_of(np.ones((1500, 1)) * np.arange(1500)[:, None], dataset, seed=1)
    message = (
        "Scores 'a' and 'b' cannot be compared: Two scores are compared on the same data only, "
        "but their folds differ."
    )
    with refusal(message):
        na.compare({"a": scores["vision"], "b": other})


def test_nobody_to_compare_with_is_refused(sites):
    message = "Nobody is named to compare with; pass against={'untrained': scores_of_the_twin}."
    with refusal(message):
        na.inference.nested_comparison(sites[1]["vision"], against={})


def test_two_subjects_are_too_few_for_a_population(rng):
    units = rng.normal(size=(60, 4))
    people = {name: units @ rng.normal(size=(4, 5)) for name in ("ann", "bob")}
    dataset = na.make_dataset(people, pd.DataFrame(index=[f"s{k:02}" for k in range(60)]))
    message = (
        "How subjects differ takes the scores of 3 or more, not of 2; report each of them, as in "
        "summarize(scores, by=['layer', 'subject'])."
    )
    with refusal(message):
        na.inference.population_interval(scores_of(units, dataset))


def test_the_test_of_many_is_that_of_each(rng):
    values, errors = rng.normal(size=4), np.array([0.5, 1.0, 0.0, 2.0])
    values[2] = 0.3
    p, greater = t_test(values, errors, 9.0)
    assert np.isnan(p).tolist() == np.isnan(greater).tolist() == [False, False, True, False]
    np.testing.assert_allclose(np.minimum(greater, 1 - greater)[[0, 1, 3]] * 2, p[[0, 1, 3]])
