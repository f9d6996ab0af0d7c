"""Modulation and learning curves of dispersion are drawn as they were computed."""

import numpy as np
import pandas as pd
import pytest
from dispersion_cases import modulated, views_of
from matplotlib.colors import to_rgba
from oracles_procrustes import planted_systems

import neuroalign as na
from neuroalign.report.dispersion import AGREED, NOT_AGREED, plot_learning_curve, plot_modulation
from neuroalign.similarity import CKA


@pytest.fixture(scope="module")
def modulation():
    views, pair = modulated(0, planted=True)
    found = na.dispersion.procrustes_dispersion(views, n_null=0, progress=False)
    return found, pair, na.dispersion.modulation(found, pair, n_permutations=49)


def marks(axes, marker):
    """Return the values of single marks, by color."""
    drawn = [*axes.lines, *(container.lines[0] for container in axes.containers)]
    return {
        to_rgba(line.get_color()): float(line.get_ydata()[0])
        for line in drawn
        if line.get_marker() == marker and len(line.get_ydata()) == 1
    }


def test_groups_are_drawn_as_they_were_tested(modulation, tmp_path):
    _, _, found = modulation
    figure = plot_modulation(found, path=tmp_path / "figure.png")
    single, groups = figure.axes
    for name, color in (("low", AGREED), ("high", NOT_AGREED)):
        assert marks(groups, "o")[to_rgba(color)] == float(found[name])
    middle, _, lower, upper = found.intervals.sel(of="difference").values
    title = f"low - high {middle:.2f} [{lower:.2f}, {upper:.2f}], p = 0.02"
    assert groups.get_title(loc="left") == title
    assert f"Spearman {float(found.spearman):.2f}" in single.get_title(loc="left")
    assert [text.get_text() for text in groups.texts] == ["chance"]
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_each_stimulus_is_drawn_in_the_color_of_its_group(modulation):
    found = na.dispersion.modulation(*modulation[:2], share=0.25, n_permutations=9)
    single, _ = plot_modulation(found).axes
    counts = [len(line.get_xdata()) for line in single.lines if line.get_marker() == "."]
    assert counts == [120, 60, 60]


def test_values_of_single_stimuli_have_intervals_and_no_chance(modulation):
    dispersion, _, found = modulation
    values = na.dispersion.modulation(
        dispersion, found.alignment, systems=["other"], n_permutations=9
    )
    _, groups = plot_modulation(values).axes
    assert marks(groups, "o")[to_rgba(AGREED)] == pytest.approx(float(values.low))
    assert groups.get_ylabel() == "mean of values"
    for container in groups.containers:
        ends = container.lines[2][0].get_segments()[0][:, 1]
        assert ends[0] < container.lines[0].get_ydata()[0] < ends[1]


def test_another_measure_is_drawn_by_its_name(modulation):
    found = na.dispersion.modulation(*modulation[:2], measure=CKA(), n_permutations=9)
    single, groups = plot_modulation(found).axes
    assert marks(groups, "o")[to_rgba(NOT_AGREED)] == float(found.high)
    assert groups.get_ylabel() == "CKA"
    # Stimulus by stimulus it is neighbors, whatever compares the groups.
    assert [text for text in single.texts if text.get_text() == "chance"]


def limits(axes):
    """Return the ends of the intervals that are drawn."""
    return [bar.lines[2][0].get_segments()[0][:, 1] for bar in axes.containers]


def test_intervals_are_those_that_were_stored(modulation):
    _, _, found = modulation
    other = found.assign(intervals=found.intervals + np.array([[0.1], [0.2], [0.3]]))
    _, groups = plot_modulation(other).axes
    expected = found.intervals.sel(of=["low", "high"], value=["lower", "upper"]).values
    np.testing.assert_allclose(limits(groups), expected + np.array([[0.1], [0.2]]))
    assert marks(groups, "o")[to_rgba(NOT_AGREED)] == pytest.approx(
        float(found.intervals.sel(of="high", value="estimate")) + 0.2
    )


def test_stimuli_in_groups_have_no_p_and_intervals_over_whole_groups():
    views, pair = modulated(0, planted=True)
    labels = sorted(views["net0"].index)
    table = pd.DataFrame({"group": np.arange(len(labels)) // 4}, index=labels)
    dispersion = na.dispersion.procrustes_dispersion(views, stimuli=table, n_null=0, progress=False)
    found = na.dispersion.modulation(dispersion, pair, n_permutations=9)
    _, groups = plot_modulation(found).axes
    assert "p =" not in groups.get_title(loc="left")
    assert np.isfinite(limits(groups)).all()


def test_too_few_groups_are_drawn_without_intervals():
    views, pair = modulated(0, planted=True)
    labels = sorted(views["net0"].index)
    table = pd.DataFrame({"group": np.arange(len(labels)) // 30}, index=labels)
    dispersion = na.dispersion.procrustes_dispersion(views, stimuli=table, n_null=0, progress=False)
    _, groups = plot_modulation(na.dispersion.modulation(dispersion, pair, n_permutations=9)).axes
    assert set(marks(groups, "o")) == {to_rgba(AGREED), to_rgba(NOT_AGREED)}
    for container in groups.containers:
        assert not container.lines[2][0].get_segments()[0].size


def test_the_learning_curve_is_drawn_as_it_was_computed(tmp_path):
    systems = views_of(planted_systems(60, 4, 3, 0.6, 4, seed=0))
    curve = na.dispersion.learning_curve(systems, shares=(0.5, 1.0), progress=False)
    (axes,) = plot_learning_curve(curve, path=tmp_path / "figure.png").axes
    held_out, in_sample = axes.lines
    np.testing.assert_array_equal(held_out.get_ydata(), curve.held_out)
    np.testing.assert_array_equal(in_sample.get_ydata(), curve.in_sample)
    np.testing.assert_array_equal(held_out.get_xdata(), [6, 12])
    assert axes.get_xlabel() == "training stimuli for each of the 4 dimensions"
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
