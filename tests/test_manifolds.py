"""Manifolds: capacity of balls, their radius and dimension, and nuclear norms of centers."""

import numpy as np
import oracles_shapes as oracles
import pytest

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.manifolds import (
    ball_capacity,
    centroid_nuclear_norm,
    describe_manifolds,
)


def balls(radius, dimension, n_classes=20, n_exemplars=50, seed=0):
    """Draw points on spheres in random subspaces, around centers of length 1 that sum to 0."""
    rng = np.random.default_rng(seed)
    centers = np.linalg.qr(rng.normal(size=(400, n_classes)))[0].T
    centers -= centers.mean(0)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    views = []
    for center in centers:
        basis = np.linalg.qr(rng.normal(size=(400, dimension)))[0].T
        points = rng.normal(size=(n_exemplars, dimension))
        points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
        views.append(center + points @ basis)
    return np.array(views)


@pytest.mark.parametrize(
    ("radius", "dimension", "capacity"), [(0, 3, 2.0), (1, 5, 0.333), (0.5, 10, 0.359)]
)
def test_capacity_of_balls_is_as_published(radius, dimension, capacity):
    assert ball_capacity(radius, dimension) == pytest.approx(capacity, abs=6e-4)


def test_capacity_is_the_integral():
    radius, dimension = np.meshgrid([0, 0.01, 0.5, 1, 3], [0.5, 1, 5, 40])
    expected = np.vectorize(oracles.ball_capacity)(radius, dimension)
    np.testing.assert_allclose(ball_capacity(radius, dimension), expected, rtol=1e-8)


def test_capacity_of_what_is_undefined_is_undefined_but_for_points():
    found = ball_capacity(np.array([np.nan, 1, 0]), np.array([3, np.nan, np.nan]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 2])


def test_balls_have_no_negative_size():
    with pytest.raises(DataError) as caught:
        ball_capacity(np.array([1, -1]), 2)
    message = "A radius or a dimension is negative or infinite; give values of 0 or more."
    assert str(caught.value) == message


@pytest.mark.parametrize(("radius", "dimension"), [(0.5, 10), (1, 5), (2, 40)])
def test_radius_and_dimension_of_balls_are_recovered_from_few_exemplars(radius, dimension):
    views = balls(radius, dimension, n_exemplars=12)
    found = describe_manifolds(views)
    # Their means, of which the capacity is that of a ball; single ones err by more.
    assert np.sqrt((found.radius**2).mean()) == pytest.approx(radius, rel=0.05)
    assert 1 / (1 / found.dimension).mean() == pytest.approx(dimension, rel=0.15)
    plain = []
    for exemplars in views:
        spread = np.linalg.svd(exemplars - exemplars.mean(0), compute_uv=False) ** 2
        plain.append(spread.sum() ** 2 / (spread**2).sum())
    assert np.mean(plain) < 0.8 * dimension or dimension == 5


def test_few_exemplars_do_not_bring_centers_apart():
    rng = np.random.default_rng(0)
    centers = np.array([[3, 0, 0, 0, 0], [-3, 0, 0, 0, 0]])[:, None]
    spread = np.sqrt([4, 2, 1, 1, 1])
    views = [centers + spread * rng.normal(size=(2, 6, 5)) for _ in range(2000)]
    found = [describe_manifolds(one).radius ** 2 for one in views]
    plain = []
    for one in views:
        middle = one.mean(1)
        distance = ((middle - middle.mean(0)) ** 2).sum(1)
        plain.append(one.var(1, ddof=1).sum(1) / distance)
    assert np.median(found) == pytest.approx(1, abs=0.05)
    assert np.median(plain) < 0.94


def test_the_traces_of_one_class_are_those_of_all_quadruples():
    rng = np.random.default_rng(0)
    views = rng.normal(size=(2, 6, 4)) + np.array([[[3]], [[-3]]])
    total, crossed = [], []
    x = views[0]
    for i in range(6):
        for j in set(range(6)) - {i}:
            for k in set(range(6)) - {i, j}:
                for m in set(range(6)) - {i, j, k}:
                    one, two = x[i] - x[j], x[k] - x[m]
                    total.append((one @ one) * (two @ two) / 4)
                    crossed.append((one @ two) ** 2 / 4)
    found = describe_manifolds(views).dimension[0]
    assert found == pytest.approx(np.mean(total) / np.mean(crossed), rel=1e-10)


def test_capacity_of_manifolds_is_that_of_their_balls():
    found = describe_manifolds(balls(1, 5))
    expected = [oracles.ball_capacity(*shape) for shape in zip(*found[:2], strict=True)]
    np.testing.assert_allclose(found.capacity, expected, rtol=1e-8)
    assert found.mean_capacity == pytest.approx(20 / np.sum(1 / found.capacity))
    assert found.mean_capacity == pytest.approx(0.333, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_translation_scale_and_rotation_change_no_manifold(seed):
    rng = np.random.default_rng(seed)
    views = rng.normal(size=(4, 8, 6)) + 3 * rng.normal(size=(4, 1, 6))
    before = describe_manifolds(views)
    turned = 0.01 * views @ np.linalg.qr(rng.normal(size=(6, 6)))[0] + rng.normal(size=6)
    for found in (describe_manifolds(turned), describe_manifolds(views[:, ::-1, ::-1])):
        np.testing.assert_allclose(found.radius, before.radius, rtol=1e-9)
        np.testing.assert_allclose(found.dimension, before.dimension, rtol=1e-9)
    scaled = describe_manifolds(views * [9, 1, 1, 1, 1, 1])
    assert np.abs(scaled.dimension / before.dimension - 1).max() > 0.1


def test_points_have_no_extent_and_clouds_without_centers_no_radius():
    centers = np.random.default_rng(0).normal(size=(5, 1, 8))
    found = describe_manifolds(np.repeat(centers, 6, axis=1))
    np.testing.assert_array_equal(found.radius, 0)
    assert np.isnan(found.dimension).all()
    np.testing.assert_array_equal(found.capacity, 2)
    cloud = np.random.default_rng(1).normal(size=(40, 6, 8))
    assert np.isnan(describe_manifolds(cloud).radius).any()
    assert np.isnan(describe_manifolds(cloud).mean_capacity)


def test_an_offset_in_float32_costs_no_more_than_its_rounding():
    views = (balls(1, 5) + 1e4).astype("float32")
    found, exact = describe_manifolds(views), describe_manifolds(views.astype(float) - 1e4)
    np.testing.assert_allclose(found.capacity, exact.capacity, rtol=1e-6)


def test_the_nuclear_norm_is_greatest_for_orthogonal_centers_and_least_for_one():
    centers = np.linalg.qr(np.random.default_rng(0).normal(size=(128, 32)))[0].T
    views = np.repeat(centers[:, None], 3, axis=1) * np.array([1, 2, 9])[:, None]
    assert centroid_nuclear_norm(views) == pytest.approx(32)
    assert centroid_nuclear_norm(views, relative=True) == pytest.approx(1)
    same = np.repeat(centers[:1, None], 32, axis=0)
    assert centroid_nuclear_norm(same) == pytest.approx(np.sqrt(32))
    flat = np.random.default_rng(1).normal(size=(32, 1, 2))
    assert centroid_nuclear_norm(flat, relative=True) <= 1
    expected = centroid_nuclear_norm(flat) / np.sqrt(32 * 2)
    assert centroid_nuclear_norm(flat, relative=True) == pytest.approx(expected)


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.3])
def test_noise_of_views_shrinks_the_nuclear_norm(noise):
    rng = np.random.default_rng(0)
    centers = np.linalg.qr(rng.normal(size=(128, 32)))[0].T
    views = centers[:, None] + noise * rng.normal(size=(32, 1000, 128))
    expected = 32 / np.sqrt(1 + 128 * noise**2)
    assert centroid_nuclear_norm(views) == pytest.approx(expected, rel=0.02)


def test_a_view_without_a_direction_is_undefined():
    views = np.random.default_rng(0).normal(size=(3, 5, 4))
    views[1, 2] = 0
    assert np.isnan(centroid_nuclear_norm(views))


def test_views_that_cannot_be_used_are_refused():
    views = np.random.default_rng(0).normal(size=(3, 5, 4))
    copy = views.copy()
    describe_manifolds(views)
    centroid_nuclear_norm(views)
    np.testing.assert_array_equal(views, copy)
    with pytest.raises(DataError) as caught:
        centroid_nuclear_norm(views[0])
    message = "The views have shape (5, 4); give one of (classes, exemplars, units)."
    assert str(caught.value) == message
    with pytest.raises(DataError) as caught:
        describe_manifolds(views[:, :3])
    message = "There are 3 classes with 3 exemplars each; give at least 2 with 4."
    assert str(caught.value) == message
    views[0, 0, 0] = np.nan
    with pytest.raises(DataError) as caught:
        centroid_nuclear_norm(views)
    assert str(caught.value) == (
        "The given array has 1 values that are NaN or infinite; leave out those stimuli, or those "
        "units."
    )
