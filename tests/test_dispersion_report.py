"""Dispersion in print and as figures: the right stimuli, the right numbers, in plain words."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dispersion_cases import views_of
from oracles_procrustes import planted_systems
from PIL import Image

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.report.dispersion import AGREED, NOT_AGREED, plot_dispersion
from neuroalign.report.dispersion_print import (
    bracket,
    dispersion_table,
    print_dispersion,
    save_dispersion,
    shown,
    summary_sentences,
)

N = 60


@pytest.fixture(scope="module")
def found():
    """Return the dispersion of three systems, some of whose stimuli are planted to disagree."""
    random = np.random.default_rng(3)
    agree = np.where(np.arange(N) < 6, 0.0, 0.9)
    systems = planted_systems(N, 8, 3, agree, 8, seed=0)
    size = np.exp(0.5 * random.normal(size=(N, 1)))  # norms of heavy tails
    return na.dispersion.procrustes_dispersion(
        views_of([size * rows for rows in systems]), n_null=2, progress=False
    )


@pytest.fixture
def texts(found):
    return pd.DataFrame({"text": [f"word {k}" for k in range(N)]}, index=found.stimulus.values)


@pytest.fixture
def images(found):
    pixels = [np.full((4, 6, 3), k, dtype=np.uint8) for k in range(N)]
    return pd.DataFrame({"image": pixels}, index=found.stimulus.values)


def shares(found):
    """Return means in units of the mean squared norm: in sample, held out, null; and that norm."""
    n = found.attrs["n_train"]
    norm = float((found.norm**2).mean())
    means = (float(found[name].mean()) for name in ("dispersion_in_sample", "dispersion", "null"))
    in_sample, held_out, null = means
    return in_sample * (n + 1) / (n - 1), held_out / norm, null / norm, norm


@pytest.mark.parametrize("form", ["relative", "dispersion", "directional", "consensus_r2"])
def test_stimuli_are_listed_from_the_most_to_the_least_agreed(form, found, texts):
    table = dispersion_table(found, texts, form=form)
    sign = -1 if form == "consensus_r2" else 1
    assert (np.diff(sign * table[form]) >= 0).all()
    assert len(table) == N
    row = table.set_index("stimulus").loc["s012"]
    own = found.sel(stimulus="s012")
    assert row["shown"] == "word 12"
    assert row["norm"] == pytest.approx(float(np.sqrt((own.norm**2).mean())))
    assert row["in_sample"] == float(own.dispersion_in_sample)
    assert row["null"] == float(own.null)
    assert row[form] == float(own[form])


def test_planted_disagreement_is_at_the_end_whatever_the_norms(found, texts):
    table = dispersion_table(found, texts)
    places = table.index[table.stimulus.isin([f"s{k:03}" for k in range(6)])]
    assert places.min() >= N - 9  # the area under the curve is .99


def test_stimuli_that_were_not_held_out_are_left_out(texts):
    systems = views_of(planted_systems(N, 4, 3, 0.8, 4, seed=0))
    rule = na.TrainTest(test=[f"s{k:03}" for k in range(10)])
    part = na.dispersion.procrustes_dispersion(systems, folds=rule, n_null=1, progress=False)
    assert len(dispersion_table(part, texts)) == 10
    assert "3 systems, 10 stimuli held out" in summary_sentences(part)[0]


def test_confounds_that_were_given_are_listed(texts):
    systems = views_of(planted_systems(N, 4, 3, 0.8, 4, seed=0))
    texts["length"] = np.random.default_rng(0).permutation(N)
    part = na.dispersion.procrustes_dispersion(systems, stimuli=texts, n_null=0, progress=False)
    table = dispersion_table(part, texts).set_index("stimulus")
    assert (table.length.sort_index() == texts.length).all()
    assert "length" in summary_sentences(part)[-1]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("text", "two \n words", "two words"),
        ("text", "long " * 20, "long long long long long long long long long ..."),
        ("image", np.zeros((3, 5), np.uint8), "5 x 3 image"),
        ("image", Image.new("RGB", (7, 2)), "7 x 2 image"),
        ("image", "/data/pictures/cat.png", "cat.png"),
        ("condition", "a/b", "a/b"),
        ("kind", 3, ""),
    ],
)
def test_a_stimulus_is_told_in_a_few_words(column, value, words):
    assert shown(pd.DataFrame({column: [value]}, index=["s"]), "s") == words


def test_a_stimulus_that_the_table_lacks_is_told_by_its_label_alone():
    assert shown(pd.DataFrame({"text": ["word"]}, index=["s"]), "t") == ""


def test_the_report_prints_both_ends_and_every_system(found, texts, capsys):
    print_dispersion(found, texts, n=4)
    printed = capsys.readouterr().out
    words = " ".join(printed.split())
    assert "The 4 most and the 4 least agreed stimuli of 60, by relative dispersion" in words
    table = dispersion_table(found, texts)
    for row in [*table[:4].to_dict("records"), *table[-4:].to_dict("records")]:
        (line,) = [line for line in printed.splitlines() if row["stimulus"] in line]
        assert row["shown"] in line
        for name in ("dispersion", "relative", "consensus_r2", "norm"):
            assert f"{row[name]:.3f}" in line
    assert table.stimulus[20] not in printed
    for name, value in (found.residual.mean("stimulus") / shares(found)[3]).to_series().items():
        (line,) = [line for line in printed.splitlines() if name in line]
        assert f"{value:.3f}" in line


def test_brackets_in_labels_are_no_markup(found, texts, capsys):
    first = dispersion_table(found, texts).stimulus[0]
    texts.loc[first, "text"] = "[bold]loud[/bold]"
    print_dispersion(found, texts, n=1)
    assert "[bold]loud[/bold]" in capsys.readouterr().out


def test_the_summary_is_in_plain_words(found):
    sentences = summary_sentences(found)
    in_sample, held_out, null, _ = shares(found)
    partial = na.dispersion.confounds(found).partial.sel(form="relative")
    assert sentences[0] == (
        "3 systems, 60 stimuli held out, d = 8 dimensions (100% of the variance of a system or "
        "more), 48 training stimuli: 6.0 for each dimension."
    )
    low, high = (float(bracket(found).interval[name]) for name in ("low", "high"))
    assert low < held_out < high
    assert sentences[1] == (
        f"Mean dispersion / mean squared norm: between {in_sample:.3f} (stimuli that rotations "
        f"were fitted to) and {held_out:.3f} (held out; {low:.3f} to {high:.3f} over new stimuli, "
        "rotations as fitted). The further apart the two, the more they say of the number of "
        "stimuli."
    )
    assert sentences[2] == f"Systems that share nothing would read {null:.3f} (null)."
    norm = float(partial.sel(confound="norm"))
    assert sentences[3].startswith(
        f"Relative dispersion is lower where norm is larger ({norm:+.2f}); "
    )
    assert len(sentences) == 4


def test_the_direction_of_a_confound_is_told_and_weak_ones_are_not_dressed_up(found):
    constant = found.assign(hubness=found.hubness * 0)
    told = summary_sentences(constant.assign(density=-found.relative), form="relative")[-1]
    assert "undefined with hubness" in told
    assert "lower where density is larger (-1.00)" in told
    # Of 60 stimuli, chance alone makes more than 0.2 one time in eight.
    random = np.random.default_rng(0).normal(size=N) + 0.2 * found.relative / found.relative.std()
    told = summary_sentences(constant.assign(density=("stimulus", random.values)))[-1]
    weak = re.search(r"not clearly related to density \(\+(0\.\d\d)\)", told)
    assert 0.1 < float(weak[1]) < 0.25


def test_without_a_null_none_is_told_and_fits_that_did_not_converge_are(found, texts):
    bare = found.assign(null=found.null * np.nan, consensus_r2=found.consensus_r2 * np.nan)
    sentences = summary_sentences(bare.assign_attrs(converged=0))
    assert not any("share nothing" in sentence for sentence in sentences)
    assert "Some fits stopped before they had converged." in sentences
    plot_dispersion(bare, texts)


@pytest.mark.parametrize("seed", range(3))
def test_the_bracket_holds_where_few_dimensions_are_kept_of_many(seed):
    systems = planted_systems(60, 200, 3, 0.5, 200, seed=seed)
    part = na.dispersion.procrustes_dispersion(
        views_of(systems), dimensions=5, n_null=2, progress=False
    )
    assert part.dispersion.mean() < part.dispersion_in_sample.mean()  # of less norm, held out
    found = bracket(part)
    assert np.mean(found.in_sample) < found.interval.mean_dispersion < 1.1 * np.mean(found.null)
    assert np.mean(found.null) == pytest.approx(1, abs=0.15)
    assert found.interval.mean_dispersion == pytest.approx(np.mean(found.held_out), rel=1e-12)


def test_systems_that_were_not_scaled_keep_their_units():
    systems = [3 * rows for rows in planted_systems(N, 4, 3, 0.6, 4, seed=0)]
    part = na.dispersion.procrustes_dispersion(
        views_of(systems), scaling="none", n_null=1, progress=False
    )
    found = bracket(part)
    np.testing.assert_array_equal(found.held_out, part.dispersion)
    np.testing.assert_array_equal(found.in_sample, part.dispersion_in_sample)
    assert found.interval.mean_dispersion == pytest.approx(float(part.dispersion.mean()))
    assert summary_sentences(part)[1].startswith("Mean dispersion: between ")


def test_the_interval_of_a_ratio_is_that_of_drawn_stimuli(found):
    random = np.random.default_rng(0)
    squares = (found.norm**2).mean("system").values
    draws = random.integers(0, N, (4000, N))
    ratios = found.dispersion.values[draws].mean(1) / squares[draws].mean(1)
    interval = bracket(found).interval
    assert float(interval.error) == pytest.approx(ratios.std(), rel=0.15)


def test_few_groups_have_no_interval():
    systems = views_of(planted_systems(N, 4, 3, 0.8, 4, seed=0))
    table = pd.DataFrame(
        {"group": np.arange(N) % 6}, index=[f"s{number:03}" for number in range(N)]
    )
    part = na.dispersion.procrustes_dispersion(systems, stimuli=table, n_null=0, progress=False)
    assert "(held out). The further" in summary_sentences(part)[1]


def test_values_are_saved_whole_or_not_at_all(found, texts, tmp_path, monkeypatch):
    save_dispersion(found, texts, tmp_path / "run")
    again = xr.load_dataset(tmp_path / "run" / "dispersion.nc", engine="h5netcdf")
    xr.testing.assert_equal(again, found)
    table = pd.read_csv(tmp_path / "run" / "table.csv")
    pd.testing.assert_frame_equal(table, dispersion_table(found, texts), check_dtype=False)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match="No space left"):
        save_dispersion(found, texts, tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def pictures(figure):
    """Return the gray levels of the pictures of a figure, in the order of its axes."""
    return [int(image.get_array()[0, 0, 0]) for axes in figure.axes for image in axes.images]


def test_pictures_are_those_of_the_most_and_the_least_agreed(found, images, tmp_path):
    figure = plot_dispersion(found, images, n=8, path=tmp_path / "figure.png")
    order = [int(label[1:]) for label in dispersion_table(found, images).stimulus]
    assert pictures(figure) == [*order[:8], *order[::-1][:8]]
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    values = dispersion_table(found, images).relative
    assert titles[0] == f"s{order[0]:03}\n{values[0]:.2f}"
    assert titles[8] == f"s{order[-1]:03}\n{values[N - 1]:.2f}"
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_texts_are_written_out_and_dollars_are_no_formula(found, texts):
    first = dispersion_table(found, texts).stimulus[0]
    texts.loc[first, "text"] = "costs $5 or $6_$ [b]"
    figure = plot_dispersion(found, texts, n=3)
    figure.draw_without_rendering()
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    table = dispersion_table(found, texts)
    assert "costs $5 or $6_$ [b]" in words
    assert set(table.shown[-3:]) <= set(words)


def test_stimuli_without_a_picture_or_text_are_drawn_by_their_labels(found):
    bare = pd.DataFrame(index=found.stimulus.values)
    figure = plot_dispersion(found, bare, n=2)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert dispersion_table(found, bare).stimulus[0] in words


def test_the_distribution_has_the_means_of_the_bracket_and_of_the_null(found, texts):
    figure = plot_dispersion(found, texts)
    (labels,) = [
        [text.get_text() for text in axes.get_legend().get_texts()]
        for axes in figure.axes
        if axes.get_ylabel() == "stimuli"
    ]
    assert sorted(labels) == [
        f"{word}: mean {value:.2f}"
        for word, value in zip(("fitted to", "held out", "null"), shares(found)[:3], strict=True)
    ]


def only(figure, label):
    """Return the axes of which one label begins so."""
    (found,) = [
        axes
        for axes in figure.axes
        if label in (axes.get_xlabel()[: len(label)], axes.get_ylabel()[: len(label)])
    ]
    return found


def test_the_words_beside_the_line_keep_clear_of_stimuli(found, texts):
    drawn = only(plot_dispersion(found, texts), "norm, over systems")
    (words,) = drawn.texts
    free = found.assign(relative=found.relative.clip(max=0.9))
    assert only(plot_dispersion(free, texts), "norm, over systems").texts[0].get_ha() == "left"
    quiet = found.norm.mean("system").values.argmin()
    crowded = free.relative.values.copy()
    crowded[quiet] = 1.01
    full = found.assign(relative=("stimulus", crowded))
    assert only(plot_dispersion(full, texts), "norm, over systems").texts[0].get_ha() == "right"
    assert words.get_text().strip() == "systems share nothing"


def test_a_last_bar_that_holds_larger_values_says_so(found, texts):
    label = only(plot_dispersion(found, texts), "dispersion / mean").get_xlabel()
    assert label == "dispersion / mean squared norm (last bar: and more)"
    same = found.assign(
        {name: 0 * found[name] + 1 for name in ("dispersion", "dispersion_in_sample", "null")}
    )
    label = only(plot_dispersion(same, texts), "dispersion / mean").get_xlabel()
    assert "last bar" not in label


def test_figures_are_as_wide_as_their_texts(found, texts):
    short = plot_dispersion(found, texts).get_figwidth()
    long = plot_dispersion(found, texts.assign(text=texts["text"] + " and so on" * 6))
    longest = plot_dispersion(found, texts.assign(text="a word " * 40))
    assert short < 8 < long.get_figwidth() < longest.get_figwidth() < 13


def test_the_chosen_stimuli_are_marked_among_all(found, texts):
    figure = plot_dispersion(found, texts, n=5)
    (axes,) = [axes for axes in figure.axes if axes.get_xlabel() == "norm, over systems"]
    table = dispersion_table(found, texts)
    marked = {line.get_color(): line.get_ydata() for line in axes.lines if line.get_marker() == "o"}
    np.testing.assert_array_equal(marked[AGREED], table.relative[:5])
    np.testing.assert_array_equal(marked[NOT_AGREED], table.relative[::-1][:5])


def test_a_table_that_lacks_stimuli_is_refused(found, texts):
    message = (
        r"^2 of 60 stimuli of the dispersion are not in the table of stimuli \(first: 's000', "
        r"'s001'\); give the table that they come from\.$"
    )
    with pytest.raises(DataError, match=message):
        plot_dispersion(found, texts.drop(index=["s000", "s001"]))


def test_a_single_stimulus_is_not_drawn(found, texts):
    message = r"^1 stimuli have a dispersion, of which none can be shown; hold out 2\.$"
    with pytest.raises(DataError, match=message):
        plot_dispersion(found.isel(stimulus=[0]), texts)


def test_labels_may_be_numbers(found, texts):
    numbered = found.assign_coords(stimulus=[str(k) for k in range(N)])
    plot_dispersion(numbered, texts.set_axis(range(N)))
