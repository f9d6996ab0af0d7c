"""Similarity scores in tables and comparisons: averages over views, paired by stimuli."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.inference.similarity import average_views
from neuroalign.report.console import print_summary

N = 40
LABELS = [f"s{number:02}" for number in range(N)]
STIMULI = pd.DataFrame({"text": LABELS}, index=LABELS)


def systems(rng, *, noise=1.0, subjects=4):
    units = pd.DataFrame(rng.normal(size=(N, 10)), index=LABELS)
    people = {
        f"p{k}": units.to_numpy() @ rng.normal(size=(10, 12)) + noise * rng.normal(size=(N, 12))
        for k in range(subjects)
    }
    worse = units + 2 * rng.normal(size=units.shape)
    dataset = na.make_dataset(people, STIMULI)
    return dataset, units, worse


def score(units, dataset, **options):
    measure = na.rsa.RSA("squared_euclidean", "correlation")
    return na.score({"layer": units}, dataset, measure, progress=False, **options)


def test_a_table_has_a_row_for_each_layer_and_averages_views(rng):
    dataset, units, worse = systems(rng)
    scores = na.score({"one": units, "two": worse}, dataset, na.rsa.RSA(), progress=False)
    table = na.summarize(scores)
    assert table["layer"].tolist() == ["one", "two"]
    np.testing.assert_allclose(table["similarity"], scores.similarity.mean("view"))
    assert (table["low"] < table["similarity"]).all()
    assert (table["similarity"] < table["high"]).all()
    assert (table["n_views"] == 4).all()
    np.testing.assert_allclose(table["ceiling_upper"], scores.ceiling_upper.mean())
    rows = na.summarize(scores, by=["layer", "subject"])
    np.testing.assert_allclose(rows["similarity"], scores.similarity.values.ravel())
    np.testing.assert_allclose(rows["low"], scores.low.values.ravel())


def test_views_err_together(rng):
    dataset, units, _ = systems(rng)
    scores = score(units, dataset)
    alike = scores.isel(view=[0, 0, 0, 0])
    assert average_views(alike).error == pytest.approx(average_views(scores.isel(view=[0])).error)
    assert average_views(scores).error < average_views(alike).error


def test_a_difference_is_paired_by_stimuli(rng):
    dataset, units, worse = systems(rng)
    runs = {"good": score(units, dataset), "bad": score(worse, dataset)}
    row = na.compare(runs).iloc[0]
    gap = (runs["good"].similarity - runs["bad"].similarity).mean().item()
    assert row["difference"] == pytest.approx(gap)
    assert row["low"] < gap < row["high"]
    without = (runs["good"].without - runs["bad"].without).values[0].mean(0)
    weights = 1 - runs["good"].n_stimuli.values[0] / N
    away = weights * (without - np.average(without, weights=weights))
    error = np.sqrt(20 / 19 * (away**2).sum())
    assert row["high"] - gap == pytest.approx(stats.t.ppf(0.975, 19) * error)
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(gap) / error, 19))


def test_a_model_does_not_differ_from_itself(rng):
    dataset, units, _ = systems(rng)
    scores = score(units, dataset)
    assert na.compare({"a": scores, "b": scores})["difference"].item() == 0


def test_over_subjects_their_scatter_counts(rng):
    dataset, units, worse = systems(rng)
    runs = {"good": score(units, dataset), "bad": score(worse, dataset)}
    row = na.compare(runs, over="subjects").iloc[0]
    gaps = (runs["good"].similarity - runs["bad"].similarity).values[0]
    assert row["interval"] == "population"
    least = stats.t.ppf(0.975, 3) * gaps.std(ddof=1) / 2
    assert row["high"] - row["difference"] >= least
    two = {name: scores.isel(view=[0, 1]) for name, scores in runs.items()}
    with pytest.raises(DataError, match="How subjects differ takes the scores of 3 or more"):
        na.compare(two, over="subjects")


@pytest.mark.parametrize("what", ["measures", "responses"])
def test_unlike_scores_are_not_compared(rng, what):
    dataset, units, _ = systems(rng)
    one = score(units, dataset)
    if what == "measures":
        two = na.score({"layer": units}, dataset, na.rsa.RSA(), progress=False)
    else:
        two = score(units, systems(rng)[0])
    with pytest.raises(DataError) as error:
        na.compare({"a": one, "b": two})
    assert str(error.value) == (
        "Scores 'a' and 'b' cannot be compared: Two scores are compared on the same data only, "
        f"but their {what} differ."
    )


def test_training_stimuli_choose_no_layer(rng):
    dataset, units, _ = systems(rng)
    with pytest.raises(DataError) as error:
        na.best_layer(score(units, dataset))
    assert str(error.value) == (
        "Similarity measures fit nothing, so that no training stimuli choose a layer; name one, "
        "as in scores.sel(layer=[...]), or test the best by na.similarity.compare_layers."
    )


def test_few_blocks_give_no_interval(rng):
    dataset, units, _ = systems(rng)
    stimuli = STIMULI.assign(group=np.repeat(list("abcd"), 10))
    grouped = na.BrainDataset(dict(dataset.recordings), stimuli)
    table = na.summarize(score(units, grouped))
    assert np.isnan(table["low"].item())


SMOOTH = [
    na.rsa.RSA("squared_euclidean"),
    na.rsa.RSA("squared_euclidean", "whitened_cosine"),
    na.similarity.CKA(),
    na.similarity.ProcrustesSimilarity(),
]
# Neighbors jump as stimuli leave, and halves are drawn anew: blocks move these by more than noise.
ROUGH = [
    na.similarity.HeldOutProcrustes(),
    na.similarity.CorrectedNeighbors(k=5),
    na.similarity.UnitMatching(),
]


@pytest.mark.slow
@pytest.mark.parametrize("measure", [*SMOOTH, *ROUGH], ids=repr)
def test_intervals_cover_the_similarity_of_new_stimuli(measure):
    """Five minutes in all: 95 % intervals hold the mean over 1,000 draws of new stimuli."""
    rng = np.random.default_rng(4)
    mixing = rng.normal(size=(2, 10, 12))
    found = []
    for _ in range(1000):
        shared = rng.normal(size=(N, 10))
        units = pd.DataFrame(shared @ mixing[0] + rng.normal(size=(N, 12)), index=LABELS)
        brain = shared @ mixing[1] + rng.normal(size=(N, 12))
        dataset = na.make_dataset(brain, STIMULI)
        scores = na.score({"layer": units}, dataset, measure, progress=False, guards=())
        found.append([scores[name].item() for name in ("similarity", "low", "high")])
    values, low, high = np.array(found).T
    covered = ((low <= values.mean()) & (values.mean() <= high)).mean()
    print(f"\n| {measure!r} | {covered:.3f} |")
    assert 0.93 <= covered <= (0.97 if measure in SMOOTH else 1)


def test_the_figure_has_a_point_for_each_layer_and_the_bounds(rng, tmp_path):
    dataset, units, worse = systems(rng)
    scores = na.score({"one": units, "two": worse}, dataset, na.rsa.RSA(), progress=False)
    figure = na.plot_profile(scores, against={"worse": scores}, path=tmp_path / "profile.png")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["one", "two"] * 2
    words = {text.get_text() for text in axes.texts}
    assert words == {"lower", "upper"}
    assert (tmp_path / "profile.png").stat().st_size > 10_000


def test_the_terminal_says_what_the_numbers_mean(rng, capsys):
    dataset, units, _ = systems(rng)
    scores = score(units, dataset)
    print_summary(scores, na.summarize(scores), {"other": scores})
    printed = capsys.readouterr().out
    assert "Mean over views: p0, p1, p2, p3." in printed
    assert "a perfect model lies between" in printed
    assert f"{scores.similarity.mean().item():.3f}" in printed


def test_members_of_outputs_are_printed_to_the_letter(rng, capsys):
    dataset, units, _ = systems(rng)
    scores = na.score({"both[late]": units}, dataset, na.rsa.RSA(), progress=False)
    print_summary(scores, na.summarize(scores), {"other[one]": scores})
    printed = capsys.readouterr().out
    assert printed.count("both[late]") == 2
    assert "other[one]" in printed
