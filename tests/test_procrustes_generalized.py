"""Generalized Procrustes finds planted rotations and the least cost, in any units."""

import numpy as np
import pytest
from oracles_procrustes import padded, plain_passes, planted_systems, rotation, streaming_passes

from neuroalign.errors import DataError
from neuroalign.numerics.procrustes import generalized
from neuroalign.numerics.procrustes.generalized import generalized_procrustes


def cost_of(views, fit):
    turned = [view @ own for view, own in zip(views, fit.maps, strict=True)]
    mean = np.mean(turned, axis=0)
    return sum(((view - mean) ** 2).sum() for view in turned)


def uneven(seed, n=60, widths=(9, 14, 5, 14)):
    random = np.random.default_rng(seed)
    common = random.standard_normal((n, 4))
    return [
        common @ random.standard_normal((4, p)) + random.standard_normal((n, p)) for p in widths
    ]


@pytest.mark.parametrize("seed", range(3))
def test_planted_rotations_are_recovered(seed):
    random = np.random.default_rng(seed)
    rows = random.standard_normal((40, 8))
    planted = [rotation(8, random) for _ in range(4)]
    fit = generalized_procrustes([rows @ own for own in planted])
    assert fit.cost < 1e-20 * (rows**2).sum()
    common = planted[0] @ fit.maps[0]
    for own, found in zip(planted, fit.maps, strict=True):
        np.testing.assert_allclose(own @ found, common, atol=1e-8)
    np.testing.assert_allclose(fit.consensus, rows @ common, atol=1e-8)


def test_planted_rotations_of_narrower_views_are_recovered():
    random = np.random.default_rng(0)
    rows = random.standard_normal((40, 5))
    views = [rows @ rotation(p, random)[:5] for p in (5, 9, 7)]
    fit = generalized_procrustes(views)
    assert fit.cost < 1e-20 * (rows**2).sum()
    assert [own.shape for own in fit.maps] == [(5, 9), (9, 9), (7, 9)]


@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("seed", range(3))
def test_the_cost_is_that_of_the_textbook_iteration(seed, device):
    views = planted_systems(80, 12, 5, 0.6, seed=seed)
    fit = generalized_procrustes(views, tolerance=1e-12, most_iterations=2000, device=device)
    np.testing.assert_allclose(fit.cost, plain_passes(views, 1000), rtol=1e-8)
    np.testing.assert_allclose(cost_of(views, fit), fit.cost, rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_views_of_unequal_width_do_as_if_padded_by_zeros(seed):
    views = uneven(seed)
    fit = generalized_procrustes(views, tolerance=1e-12, most_iterations=2000, n_starts=4)
    whole = generalized_procrustes(padded(views), tolerance=1e-12, most_iterations=2000, n_starts=4)
    np.testing.assert_allclose(fit.cost, whole.cost, rtol=1e-8)
    best = min(plain_passes(views, 1500, start=start) for start in range(4))
    np.testing.assert_allclose(fit.cost, best, rtol=1e-6)


def test_two_views_have_the_cost_of_the_nuclear_norm():
    first, second = uneven(0, widths=(9, 14))
    fit = generalized_procrustes([first, second], tolerance=1e-12)
    nuclear = np.linalg.svd(first.T @ second, compute_uv=False).sum()
    squared = (first**2).sum() + (second**2).sum() - 2 * nuclear
    np.testing.assert_allclose(fit.cost, squared / 2, rtol=1e-10)
    assert fit.iterations <= 2


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.9])
def test_the_cost_never_rises(shared):
    views = planted_systems(60, 40, 6, shared, rank=5, seed=1)
    costs = [
        generalized_procrustes(views, most_iterations=most, tolerance=1e-15).cost
        for most in range(1, 25)
    ]
    assert (np.diff(costs) <= 1e-12 * costs[0]).all()


def test_passes_that_go_too_far_are_taken_back(monkeypatch):
    monkeypatch.setattr(generalized, "FIRST_REACH", 9.0)
    monkeypatch.setattr(generalized, "LONGEST_REACH", 9.0)
    views = planted_systems(100, 10, 5, 0.5, seed=0)
    fit = generalized_procrustes(views, tolerance=1e-12, most_iterations=500)
    np.testing.assert_allclose(fit.cost, plain_passes(views, 300), rtol=1e-10)
    costs = [generalized_procrustes(views, most_iterations=most).cost for most in range(1, 12)]
    assert (np.diff(costs) <= 0).all()
    assert (np.diff(costs) == 0).any()


def test_maps_have_orthonormal_rows():
    for own in generalized_procrustes(uneven(2)).maps:
        np.testing.assert_allclose(own @ own.T, np.eye(len(own)), atol=1e-12)


@pytest.mark.parametrize("unit", [1e-6, 1e-2, 1e5])
def test_the_units_of_the_views_change_nothing_but_the_cost(unit):
    # netrep's rule to stop is absolute: data of small numbers stop after one pass.
    views = planted_systems(80, 30, 5, 0.5, rank=4, seed=0)
    fit = generalized_procrustes(views)
    other = generalized_procrustes([view * unit for view in views])
    assert other.iterations == fit.iterations > 2
    np.testing.assert_allclose(other.cost, fit.cost * unit**2, rtol=1e-9)


def test_an_absolute_rule_stops_early_where_ours_does_not():
    views = [view / np.linalg.norm(view) for view in planted_systems(500, 60, 5, 0.5, 4, seed=0)]
    cost, passes = streaming_passes(views, 100, tolerance=1e-3)
    assert passes <= 2
    assert generalized_procrustes(views).cost < 0.999 * cost


def test_views_are_not_changed_and_the_mean_is_of_all_of_them():
    # netrep 0186b8a, full-batch barycenter: a view of one input is filled with zeros.
    views = planted_systems(50, 10, 4, 0.5, seed=3)
    before = [view.tobytes() for view in views]
    fit = generalized_procrustes(views)
    assert [view.tobytes() for view in views] == before
    turned = [view @ own for view, own in zip(views, fit.maps, strict=True)]
    np.testing.assert_allclose(fit.consensus, np.mean(turned, axis=0), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_rotating_units_and_reordering_views_keep_the_cost(seed):
    views = planted_systems(80, 10, 4, 0.7, seed=seed)
    random = np.random.default_rng(seed)
    turned = [view @ rotation(10, random) for view in views][::-1]
    one = generalized_procrustes(views, tolerance=1e-12, most_iterations=2000)
    other = generalized_procrustes(turned, tolerance=1e-12, most_iterations=2000)
    np.testing.assert_allclose(one.cost, other.cost, rtol=1e-8)


def test_scaling_one_view_or_stretching_units_changes_the_cost():
    views = planted_systems(80, 10, 4, 0.7, seed=0)
    cost = generalized_procrustes(views).cost
    assert generalized_procrustes([2 * views[0], *views[1:]]).cost > 1.1 * cost
    stretched = views[0] * np.linspace(0.5, 1.5, 10)
    assert abs(generalized_procrustes([stretched, *views[1:]]).cost / cost - 1) > 0.01


def test_the_best_of_several_starts_is_kept():
    # Of one dimension there are reflections only, and many local minima.
    views = list(np.random.default_rng(0).standard_normal((12, 5, 1)))
    fit = generalized_procrustes(views, n_starts=8)
    assert fit.start_costs.shape == (8,)
    assert fit.cost == fit.start_costs.min() < fit.start_costs.max() - 0.1
    signs = np.array(np.meshgrid(*[[1, -1]] * 11)).reshape(11, -1)
    sums = views[0] + np.stack([view[:, 0] for view in views[1:]], axis=1) @ signs
    least = sum((view**2).sum() for view in views) - (sums**2).sum(0).max() / 12
    assert fit.cost >= least - 1e-12


def test_float32_reaches_the_cost_of_float64():
    views = planted_systems(200, 40, 5, 0.5, rank=5, seed=0)
    one = generalized_procrustes(views, tolerance=1e-6)
    other = generalized_procrustes(views, tolerance=1e-6, dtype="float32")
    np.testing.assert_allclose(other.cost, one.cost, rtol=1e-5)


def test_too_few_iterations_are_said_to_be_too_few():
    fit = generalized_procrustes(planted_systems(60, 30, 6, 0.2, seed=0), most_iterations=2)
    assert not fit.converged
    assert fit.iterations == 2
    assert fit.gap > 1e-5


def test_fewer_passes_are_needed_than_of_the_textbook_iteration():
    views = planted_systems(300, 80, 8, 0.5, rank=5, seed=0)
    fit = generalized_procrustes(views, tolerance=1e-5)
    assert fit.cost < plain_passes(views, 4 * fit.iterations)


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_that_needs_few_passes_is_not_carried_too_far(monkeypatch, seed):
    views = planted_systems(800, 60, 8, 0.6, seed=seed)
    least = generalized_procrustes(views, tolerance=1e-13).cost
    excess = generalized_procrustes(views, most_iterations=2, tolerance=1e-15).cost - least
    monkeypatch.setattr(generalized, "_reach", lambda *_: generalized.FIRST_REACH)
    carried = generalized_procrustes(views, most_iterations=2, tolerance=1e-15).cost - least
    assert excess < carried / 2


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_that_needs_many_passes_is_carried_on(monkeypatch, seed):
    views = planted_systems(300, 80, 8, 0.5, rank=5, seed=seed)
    fit = generalized_procrustes(views)
    monkeypatch.setattr(generalized, "_reach", lambda *_: 0.0)
    plain = generalized_procrustes(
        views, tolerance=1e-15, most_iterations=int(1.3 * fit.iterations)
    )
    assert fit.cost < plain.cost


def test_no_pass_is_carried_further_than_the_limit_that_grows(monkeypatch):
    reaches, whole = [], generalized._Passes._pass
    monkeypatch.setattr(
        generalized._Passes, "_pass", lambda own, r: (reaches.append(r), whole(own, r))[1]
    )
    views = planted_systems(60, 20, 6, 0.3, rank=3, seed=0)
    generalized_procrustes(views, most_iterations=8, tolerance=1e-15)
    assert reaches[:2] == [0, 0]
    assert 0 < max(np.array(reaches[2:]) / (0.4 * 1.1 ** np.arange(1, 7))) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("before", "saved", "reach"), [(0, 5, 0), (8, 2, 1), (9, 1, 1 / 2), (4, 0, 0), (2, 3, 1)]
)
def test_the_reach_is_the_sum_of_steps_that_shrink_alike(before, saved, reach):
    np.testing.assert_allclose(generalized._reach(saved, before), reach)


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ([np.ones((3, 2))], "1 views were given; Generalized Procrustes needs 2 or more."),
        (
            [np.ones((3, 2)), np.ones((4, 2))],
            "Views of shapes (3, 2), (4, 2) were given; they need the same rows, and one axis of "
            "units each.",
        ),
        (
            [np.ones((3, 2)), np.full((3, 2), np.nan)],
            "View 1 has values that are NaN or infinite; drop those rows from all views.",
        ),
    ],
)
def test_views_that_cannot_be_brought_together_are_refused(views, words):
    with pytest.raises(DataError) as error:
        generalized_procrustes(views)
    assert str(error.value) == words


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(DataError) as error:
        generalized_procrustes([np.ones((3, 2))] * 2, n_starts=0)
    assert str(error.value) == (
        "n_starts=0, most_iterations=200 and tolerance=1e-05 were given; give at least 1, at least "
        "1, and a number above 0."
    )
