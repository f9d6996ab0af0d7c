"""Dispersion by its formula, and the spaces that it is measured in."""

import numpy as np
import pytest
from oracles_procrustes import directional_by_pairs, dispersion_by_pairs, planted_systems

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.procrustes.common_space import fit_common_space
from neuroalign.numerics.procrustes.dispersion import dispersion


def views(seed, n_views=4, n=12, d=5):
    random = np.random.default_rng(seed)
    turned = list(random.standard_normal((n_views, n, d)))
    return turned, np.stack([(view**2).sum(1) for view in turned])


@pytest.mark.parametrize("n_views", [2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_dispersion_is_the_mean_of_squared_distances_of_pairs(seed, n_views):
    turned, norms = views(seed, n_views)
    found = dispersion(turned, norms)
    np.testing.assert_allclose(found.raw, dispersion_by_pairs(turned), rtol=1e-12)
    np.testing.assert_allclose(found.relative, found.raw / norms.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.directional, directional_by_pairs(turned), rtol=1e-12)


def test_residuals_are_half_the_mean_squared_distance_to_the_others():
    turned, norms = views(0)
    found = dispersion(turned, norms)
    for k, view in enumerate(turned):
        others = [other for number, other in enumerate(turned) if number != k]
        expected = np.mean([((view - other) ** 2).sum(1) / 2 for other in others], axis=0)
        np.testing.assert_allclose(found.residual[k], expected, rtol=1e-12)
    np.testing.assert_allclose(found.residual.mean(0), found.raw, rtol=1e-12)


@pytest.mark.parametrize("n_views", [2, 3, 6, 12])
def test_independent_views_of_norm_one_read_one_however_many_there_are(n_views):
    turned, _ = views(1, n_views, n=4000, d=30)
    turned = [view / np.linalg.norm(view, axis=1)[:, None] for view in turned]
    found = dispersion(turned, np.ones((n_views, 4000)))
    for form in found[:3]:
        assert abs(form.mean() - 1) < 0.01


def test_what_is_not_turned_counts_for_the_norm_only():
    turned, norms = views(2)
    np.testing.assert_allclose(
        dispersion(turned, norms + 1).raw, dispersion(turned, norms).raw + 1, rtol=1e-12
    )


def test_forms_that_divide_by_nothing_are_undefined():
    turned, norms = views(3)
    for view in turned:
        view[4] = 0
    turned[0][2] = 0
    norms = np.stack([(view**2).sum(1) for view in turned])
    found = dispersion(turned, norms)
    assert found.raw[4] == 0
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found.relative)), [4])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found.directional)), [2, 4])


def test_relative_and_directional_forms_ignore_the_size_of_a_stimulus():
    turned, norms = views(4)
    sizes = np.linspace(0.1, 9, 12)
    one = dispersion(turned, norms)
    other = dispersion([view * sizes[:, None] for view in turned], norms * sizes**2)
    np.testing.assert_allclose(one.relative, other.relative, rtol=1e-10)
    np.testing.assert_allclose(one.directional, other.directional, rtol=1e-10)
    np.testing.assert_allclose(one.raw * sizes**2, other.raw, rtol=1e-10)


@pytest.mark.parametrize(("n", "p"), [(50, 6), (20, 60)])
def test_new_stimuli_of_a_scaled_system_have_a_mean_squared_norm_of_one(n, p):
    random = np.random.default_rng(0)
    means = []
    for _ in range(300):
        rows = 7 * random.standard_normal((n + 20, p)) + 3
        space = fit_common_space(rows[:n])
        means.append(space.squared_norms(rows[n:]).mean())
    assert abs(np.mean(means) - 1) < 3 * np.std(means) / np.sqrt(300) + 0.002


def test_coordinates_keep_distances_of_training_stimuli():
    rows = planted_systems(15, 40, 1, 0.0, seed=0)[0]
    space = fit_common_space(rows, scaling="none")
    assert space.axes.shape == (40, 14)
    found = space.coordinates(rows)
    np.testing.assert_allclose(
        found @ found.T, space.center(rows) @ space.center(rows).T, atol=1e-12
    )
    np.testing.assert_allclose((found**2).sum(1), space.squared_norms(rows), atol=1e-12)


def test_an_offset_of_float32_units_is_removed():
    rows = np.random.default_rng(0).standard_normal((50, 6)).astype("float32")
    one, other = fit_common_space(rows), fit_common_space(rows + np.float32(1e4))
    np.testing.assert_allclose(one.scale, other.scale, rtol=1e-3)
    assert other.axes.shape == (6, 6)


def test_constant_and_repeated_units_take_no_axes():
    rows = np.random.default_rng(0).standard_normal((50, 4))
    more = np.c_[rows, rows[:, :2], np.full(50, 1e3)]
    assert fit_common_space(more).axes.shape == (7, 4)


def test_principal_components_say_what_they_keep():
    rows = np.random.default_rng(0).standard_normal((500, 4)) * [3, 2, 1, 1]
    space = fit_common_space(rows, dimensions=2)
    values = np.linalg.svd(rows - rows.mean(0), compute_uv=False) ** 2
    np.testing.assert_allclose(space.kept, values[:2].sum() / values.sum(), rtol=1e-10)
    np.testing.assert_allclose(space.squared_norms(rows).mean(), 499 / 501, rtol=1e-10)
    assert fit_common_space(rows).kept == 1


def test_a_system_that_does_not_vary_is_refused():
    with pytest.raises(DataError) as error:
        fit_common_space(np.full((20, 3), 0.1))
    assert str(error.value) == ("A system does not vary over the training stimuli; leave it out.")


def test_more_dimensions_than_vary_are_refused():
    with pytest.raises(DataError) as error:
        fit_common_space(np.random.default_rng(0).standard_normal((5, 9)), dimensions=5)
    assert str(error.value) == (
        "dimensions=5 were asked for, but a system has 4 that vary over 5 training stimuli; ask "
        "for at most so many."
    )


def test_unknown_scalings_are_refused():
    with pytest.raises(UnknownNameError) as error:
        fit_common_space(np.eye(3), scaling="norms")
    assert str(error.value) == "No scaling is called 'norms'. Did you mean 'norm'?"
