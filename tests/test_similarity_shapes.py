"""Procrustes: shapes that are one after a rotation, distances near 0, and what chance reads."""

import numpy as np
import oracles_shapes as oracles
import pytest
from scipy.linalg import subspace_angles

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.halves import split_halves
from neuroalign.numerics.similarity.held_out_shapes import HeldOutProcrustes
from neuroalign.numerics.similarity.shapes import (
    ProcrustesSimilarity,
    angular_distance,
    procrustes_matrix,
    size_and_shape_distance,
)

SHAPES = [(40, 6, 6), (40, 6, 9), (40, 9, 6), (12, 30, 5), (12, 5, 30), (12, 20, 31)]
MEASURES = [
    ProcrustesSimilarity(),
    ProcrustesSimilarity(whitening=0.5),
    HeldOutProcrustes(n_splits=2),
    HeldOutProcrustes(n_splits=2, whitening=0.5),
]


def pair(n=40, p=6, q=6, seed=0, shared=4):
    """Make two systems that share some directions, with means and scales of their own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, shared))
    first, second = (
        common @ rng.normal(size=(shared, width)) + rng.normal(size=(n, width)) + 3
        for width in (p, q)
    )
    return first, 2 * second


def rotation(width, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_similarity_is_the_cosine_after_the_best_rotation_of_padded_arrays(shape):
    first, second = pair(*shape)
    found = ProcrustesSimilarity().compare_arrays(first, second)
    assert found == pytest.approx(oracles.procrustes_cosine(first, second), abs=1e-10)


def test_similarity_is_the_normalized_bures_similarity():
    first, second = pair(20, 30, 25)
    found = ProcrustesSimilarity().compare_arrays(first, second)
    assert found == pytest.approx(oracles.bures_cosine(first, second), abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_distances_are_those_of_padded_arrays(shape):
    first, second = pair(*shape)
    distance = oracles.size_and_shape(first, second)
    assert size_and_shape_distance(first, second) == pytest.approx(distance, rel=1e-10)
    angle = np.arccos(oracles.procrustes_cosine(first, second))
    assert angular_distance(first, second) == pytest.approx(angle, abs=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(50, 8), (10, 30)])
def test_distances_of_the_same_shape_are_0(dtype, shape):
    first = np.random.default_rng(0).normal(size=shape).astype(dtype)
    second = -first[:, ::-1]  # exact in any type, unlike most rotations
    size = np.linalg.norm(first)
    assert size_and_shape_distance(first, second) < 1e-10 * size
    assert angular_distance(first, 4 * second) < 1e-10


def test_small_distances_keep_their_digits():
    first = pair()[0]
    first = first - first.mean(0)
    size = np.linalg.norm(first)
    second = (1 + 1e-10) * first @ rotation(6, 1)
    assert size_and_shape_distance(first, second) == pytest.approx(1e-10 * size, rel=1e-3)
    # Half of the variance of each is turned by a small angle out of where a rotation could follow.
    unit = np.linalg.qr(first)[0][:, :3]
    angle = 1e-9
    turned = np.cos(angle) * unit[:, :1] + np.sin(angle) * unit[:, 1:2]
    assert angular_distance(unit[:, :1], turned) == pytest.approx(angle, rel=1e-5)


def test_differences_of_size_count_in_one_distance_only():
    first, _ = pair()
    assert angular_distance(first, 3 * first) < 1e-10
    size = np.linalg.norm(first - first.mean(0))
    assert size_and_shape_distance(first, 3 * first) == pytest.approx(2 * size)
    assert size_and_shape_distance(first, np.ones((40, 2))) == pytest.approx(size)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_partial_whitening_is_that_of_covariances_of_mean_1(share):
    first, second = (x - x.mean(0) for x in pair(40, 6, 5))
    first, second = (x / np.linalg.norm(x) * np.sqrt(x.shape[1]) for x in (first, second))
    expected = oracles.procrustes_cosine(
        *(oracles.partly_whitened(x, share, 0) for x in (first, second))
    )
    found = ProcrustesSimilarity(whitening=share).compare_arrays(first, second)
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_partial_whitening_does_not_depend_on_the_scale(scale):
    # netrep (github.com/ahwillia/netrep) clips eigenvalues of X'X at 1e-7 whatever their scale.
    first, second = pair()
    measure = ProcrustesSimilarity(whitening=0.5)
    before = measure.compare_arrays(first, second)
    assert measure.compare_arrays(scale * first, second) == pytest.approx(before, abs=1e-12)
    clipped = [
        oracles.procrustes_cosine(*(oracles.partly_whitened(x, 0.5, 1e-7) for x in (one, second)))
        for one in (first, scale * first)
    ]
    assert abs(clipped[0] - clipped[1]) > 1e-3


def test_full_whitening_is_the_mean_canonical_correlation():
    first, second = pair(60, 6, 6)
    cosines = np.cos(subspace_angles(first - first.mean(0), second - second.mean(0)))
    measure = ProcrustesSimilarity(whitening=1)
    assert measure.compare_arrays(first, second) == pytest.approx(cosines.mean(), abs=1e-10)
    mixed = first @ np.random.default_rng(1).normal(size=(6, 6))
    assert measure.compare_arrays(mixed, second) == pytest.approx(cosines.mean(), abs=1e-10)
    partly = ProcrustesSimilarity(whitening=0.5)
    change = partly.compare_arrays(mixed, second) - partly.compare_arrays(first, second)
    assert abs(change) > 1e-3


def test_whitening_leaves_out_directions_that_are_rounding():
    first, second = pair(60, 6, 5)
    doubled = np.column_stack([first, first[:, 0] + 1e-9 * first[:, 1], np.full(60, 0.1)])
    measure = ProcrustesSimilarity(whitening=1)
    single = np.column_stack([first, first[:, 0]])
    found = measure.compare_arrays(doubled, second)
    assert found == pytest.approx(measure.compare_arrays(single, second), abs=1e-7)


def test_full_whitening_of_too_many_directions_is_refused():
    first, second = pair(12, 6, 6)
    with pytest.raises(DataError) as caught:
        ProcrustesSimilarity(whitening=1).compare_arrays(first, second)
    assert str(caught.value) == (
        "Full whitening of 6 and 6 directions needs more than 12 stimuli, and there are 12: any "
        "two would look alike; use whitening below 1, or fewer units."
    )


@pytest.mark.parametrize("kind", [ProcrustesSimilarity, HeldOutProcrustes])
def test_whitening_is_a_share(kind):
    with pytest.raises(DataError) as caught:
        kind(whitening=1.5)
    assert str(caught.value) == "whitening is 1.5; use a share between 0 (none) and 1 (full)."


@pytest.mark.parametrize("shape", [(40, 6, 6), (40, 5, 9), (14, 30, 5), (14, 20, 31)])
def test_held_out_similarity_is_that_of_a_rotation_fitted_to_the_other_half(shape):
    first, second = pair(*shape)
    measure = HeldOutProcrustes(n_splits=3, seed=4)
    halves = split_halves(shape[0], 3, 4)
    assert len({tuple(fit) for fit, _ in halves}) == 6
    for fit, held in halves:
        assert sorted([*fit, *held]) == list(range(shape[0]))
    expected = [oracles.held_out_cosine(first, second, fit, held) for fit, held in halves]
    found = measure.compare_arrays(first, second)
    assert found == pytest.approx(np.mean(expected), abs=1e-10)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("shape", [(40, 6, 9), (12, 30, 8)])
@pytest.mark.parametrize("seed", range(5))
def test_translation_scale_rotation_and_order_of_units_change_nothing(measure, shape, seed):
    first, second = pair(*shape, seed=seed)
    before = measure.compare_arrays(first, second)
    rng = np.random.default_rng(seed)
    for turned in (
        first + 100 * rng.normal(size=shape[1]),
        0.01 * first,
        first @ rotation(shape[1], seed),
        first[:, rng.permutation(shape[1])],
    ):
        assert measure.compare_arrays(turned, second) == pytest.approx(before, abs=1e-9)
        assert measure.compare_arrays(second, turned) == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seed", range(3))
def test_scales_of_single_units_change_it(measure, seed):
    first, second = pair(seed=seed)
    scaled = first * [10, 1, 1, 1, 1, 0.1]
    change = measure.compare_arrays(scaled, second) - measure.compare_arrays(first, second)
    assert abs(change) > 1e-3


@pytest.mark.parametrize("measure", MEASURES)
def test_a_system_is_wholly_like_itself(measure):
    first, _ = pair()
    turned = 3 * first @ rotation(6, 0) - 1
    assert measure.compare_arrays(first, turned) == pytest.approx(1, abs=1e-12)
    assert measure.compare_arrays(first, np.pad(turned, ((0, 0), (2, 3)))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("n", "p", "chance"), [(1000, 100, 0.268), (200, 100, 0.57), (60, 600, 0.97)]
)
def test_independent_systems_read_what_is_said(n, p, chance):
    rng = np.random.default_rng(0)
    found = [ProcrustesSimilarity().compare_arrays(*rng.normal(size=(2, n, p))) for _ in range(5)]
    assert np.mean(found) == pytest.approx(chance, abs=0.01)


@pytest.mark.parametrize("shape", [(40, 6, 9), (20, 30, 50)])
@pytest.mark.parametrize("whitening", [0, 0.5])
def test_independent_systems_read_0_on_held_out_stimuli(shape, whitening):
    n, p, q = shape
    rng = np.random.default_rng(0)
    measure = HeldOutProcrustes(n_splits=1, whitening=whitening)
    found = [
        measure.compare_arrays(rng.normal(size=(n, p)) + 2, rng.normal(size=(n, q)))
        for _ in range(200)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)


def test_independent_systems_read_0_with_a_few_stimuli_far_from_the_others():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        pair_of_systems = rng.normal(size=(2, 30, 5)) * np.exp(1.5 * rng.normal(size=(2, 30, 1)))
        found.append(HeldOutProcrustes(n_splits=1).compare_arrays(*pair_of_systems))
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(400)


@pytest.mark.parametrize("measure", MEASURES)
def test_what_does_not_vary_is_undefined(measure):
    first, _ = pair()
    constant = np.full((40, 3), 0.1)
    assert np.isnan(measure.compare_arrays(first, constant))
    assert np.isnan(measure.compare_arrays(constant, first))
    padded = np.column_stack([first, constant])
    before = measure.compare_arrays(first, first[:, :4])
    assert measure.compare_arrays(padded, first[:, :4]) == pytest.approx(before, abs=1e-12)


def test_a_system_that_varies_in_one_half_only_is_undefined():
    first, second = pair()
    second[1:] = 0.1
    assert np.isnan(HeldOutProcrustes().compare_arrays(first, second))
    assert np.isnan(angular_distance(first, np.ones((40, 2))))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_missing_value_is_refused(measure):
    first, second = pair()
    second[3, 2] = np.nan
    with pytest.raises(DataError) as caught:
        measure.compare_arrays(first, second)
    assert str(caught.value) == (
        "The second array has 1 values that are NaN or infinite; leave out those stimuli, or those "
        "units."
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_an_offset_in_float32_costs_no_more_than_its_rounding(measure):
    first, second = pair()
    shifted = (first + 1e4).astype("float32")
    exact = measure.compare_arrays(shifted.astype(float) - 1e4, second)
    assert measure.compare_arrays(shifted, second.astype("float32")) == pytest.approx(
        exact, abs=1e-6
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_inputs_are_not_changed(measure):
    first, second = pair(12, 30, 8)
    copies = first.copy(), second.copy()
    measure.compare_arrays(first, second)
    size_and_shape_distance(first, second)
    procrustes_matrix([first, second])
    np.testing.assert_array_equal(first, copies[0])
    np.testing.assert_array_equal(second, copies[1])


@pytest.mark.parametrize("whitening", [0, 0.5])
def test_the_matrix_holds_the_similarity_of_each_two(whitening):
    views = [*pair(15, 6, 30), *pair(15, 9, 4, seed=1), np.ones((15, 3))]
    found = procrustes_matrix(views, whitening=whitening)
    measure = ProcrustesSimilarity(whitening)
    for one in range(4):
        for two in range(4):
            expected = measure.compare_arrays(views[one], views[two])
            assert found[one, two] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found[4]).all()
    assert np.isnan(found[:, 4]).all()


def test_the_matrix_needs_the_same_stimuli():
    with pytest.raises(DataError) as caught:
        procrustes_matrix([np.ones((5, 2)), np.ones((6, 2))])
    assert str(caught.value) == (
        "The first array has 5 rows and the second 6; give the same stimuli in the same order."
    )


def test_no_splits_are_refused():
    with pytest.raises(DataError) as caught:
        HeldOutProcrustes(n_splits=0).compare_arrays(*pair())
    assert str(caught.value) == "n_splits=0 is not a whole number of 1 or more."
