"""Nearest neighbors: the published recipe, duplicates and ties, and what chance reads."""

import numpy as np
import oracles_shapes as oracles
import pytest

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.similarity import neighbors
from neuroalign.numerics.similarity.local_measures import (
    CorrectedNeighbors,
    CycleNeighbors,
    LocalKernelAlignment,
    MutualNeighbors,
)
from neuroalign.numerics.similarity.neighbors import (
    Neighbors,
    nearest_neighbors,
    neighbor_overlap,
    outlier_bound,
)

KINDS = [MutualNeighbors, CorrectedNeighbors, CycleNeighbors, LocalKernelAlignment]


def pair(n=60, p=8, q=12, seed=0):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 4))
    first, second = (
        common @ rng.normal(size=(4, width)) + rng.normal(size=(n, width)) for width in (p, q)
    )
    return first, second


def rotation(width, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


def sets_of(found):
    stimulus, neighbor = found.pairs
    return [set(neighbor[stimulus == i]) for i in range(found.n_stimuli)]


@pytest.mark.parametrize("k", [1, 5, 10])
def test_neighbors_are_those_of_a_full_sort(k):
    first, _ = pair()
    found = nearest_neighbors(first, k, clamp="none")
    assert sets_of(found) == oracles.neighbor_sets(first, k)
    np.testing.assert_array_equal(found.shares, 1)


@pytest.mark.parametrize("k", [2, 5, 10])
def test_measures_equal_the_slow_recipe(k):
    first, second = pair()
    overlap = oracles.mutual_neighbors(first, second, k)
    found = neighbor_overlap(first, second, k, clamp="none")
    np.testing.assert_allclose(found, overlap, atol=1e-12)
    chance = k / 59
    expected = [
        overlap.mean(),
        (overlap.mean() - chance) / (1 - chance),
        oracles.cycle_neighbors(first, second, k),
        oracles.local_kernel_alignment(first, second, k),
    ]
    found = [kind(k=k, clamp="none").compare_arrays(first, second) for kind in KINDS]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("clamp", ["exact", "rows"])
def test_outliers_are_clamped_as_published(clamp):
    first, second = (values + 0.3 for values in pair())
    clamped = []
    for values in (first, second):
        sizes = np.abs(values)
        exact = np.sort(sizes.ravel())[int(0.95 * values.size)]
        bound = exact if clamp == "exact" else np.mean([np.quantile(row, 0.95) for row in sizes])
        assert outlier_bound(values, per_row=clamp == "rows") == pytest.approx(bound, abs=1e-15)
        clamped.append(np.clip(values, -bound, bound))
    expected = oracles.mutual_neighbors(*clamped, 10)
    np.testing.assert_allclose(neighbor_overlap(first, second, clamp=clamp), expected, atol=1e-12)
    found = MutualNeighbors(clamp=clamp).compare_arrays(first, second)
    assert found == pytest.approx(expected.mean(), abs=1e-12)
    assert abs(found - MutualNeighbors(clamp="none").compare_arrays(first, second)) > 1e-3


def test_one_bound_can_serve_all_layers():
    layers = np.random.default_rng(0).normal(size=(20, 3, 8)) * np.array([1, 2, 9])[:, None]
    expected = np.sort(np.abs(layers).ravel())[456]
    assert outlier_bound(layers) == expected
    expected = np.quantile(np.abs(layers).reshape(20, -1), 0.95, axis=1).mean()
    assert outlier_bound(layers, per_row=True) == pytest.approx(expected, abs=1e-15)


def test_a_stimulus_is_masked_by_its_number_and_not_by_its_distance():
    # Taking all but the first of k + 1 neighbors, as ReSi (github.com/mklabunde/resi) does, keeps
    # a stimulus among its own neighbors where a duplicate comes first.
    first = np.repeat(np.random.default_rng(0).normal(size=(20, 5)), 2, axis=0)
    found = nearest_neighbors(first, 1)
    stimulus, neighbor = found.pairs
    np.testing.assert_array_equal(stimulus, np.arange(40))
    np.testing.assert_array_equal(neighbor, np.arange(40) ^ 1)


def test_rows_are_divided_by_their_length():
    # The code of platonic-rep (github.com/minyoungg/platonic-rep) takes raw inner products, so that
    # it depends on the caller to have done this.
    rng = np.random.default_rng(0)
    first = rng.normal(size=(200, 10))
    lengths = np.exp(rng.normal(size=(200, 1)))
    measure = MutualNeighbors(clamp="none")
    assert measure.compare_arrays(first, lengths * first) == 1
    raw = lengths * first @ (lengths * first).T
    np.fill_diagonal(raw, -np.inf)
    by_product = [set(row) for row in np.argsort(-raw, axis=1)[:, :10]]
    own = oracles.neighbor_sets(first, 10)
    overlap = np.mean([len(a & b) / 10 for a, b in zip(by_product, own, strict=True)])
    assert overlap < 0.7


@pytest.mark.parametrize("size", [1, 7, 59, 1000])
def test_rows_in_blocks_have_the_same_neighbors(monkeypatch, size):
    first, _ = pair()
    whole = nearest_neighbors(first, 5)
    monkeypatch.setattr(neighbors, "BLOCK", 60 * size)
    parts = nearest_neighbors(first, 5)
    np.testing.assert_array_equal(parts.keys, whole.keys)
    np.testing.assert_allclose(parts.cosines, whole.cosines, atol=1e-15)


def test_ties_count_by_their_chance_to_be_drawn():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 3, size=(2, 40, 3)) + np.eye(3)[0]
    found = neighbor_overlap(first, second, 6, clamp="none")
    expected = oracles.drawn_overlap(first, second, 6, 4000, rng)
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_ties_in_cycles_count_by_independent_draws():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 3, size=(2, 40, 3)) + np.eye(3)[0]
    one, two = (oracles.shared_places(values, 6) for values in (first, second))
    expected = np.mean(1 - np.prod(1 - two * one.T, axis=1))
    found = CycleNeighbors(k=6, clamp="none").compare_arrays(first, second)
    assert found == pytest.approx(expected, abs=1e-12)


def test_rounding_breaks_no_tie():
    rows = np.random.default_rng(0).normal(size=(50, 301))
    copies = np.repeat(rows, 3, axis=0) * np.tile([1, 3.3, 0.7], 50)[:, None]
    np.testing.assert_array_equal(nearest_neighbors(copies, 1, clamp="none").shares, 0.5)


def test_independent_categories_meet_by_chance_though_most_distances_tie():
    # Filling places by number would give each stimulus the first members of its category: .08.
    rng = np.random.default_rng(0)
    first, second = (np.eye(10)[rng.permutation(400) % 10] for _ in range(2))
    found = MutualNeighbors(k=4).compare_arrays(first, second)
    assert found == pytest.approx(4 / 399, abs=0.002)
    assert MutualNeighbors(k=4).compare_arrays(first, first) == pytest.approx(4 / 39)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_stimuli_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 3, size=(2, 40, 4)) + np.eye(4)[0]
    order = rng.permutation(40)
    before = neighbor_overlap(first, second, 6)
    np.testing.assert_allclose(neighbor_overlap(first[order], second[order], 6), before[order])
    for kind in KINDS:
        value = kind(k=6).compare_arrays(first, second)
        assert kind(k=6).compare_arrays(first[order], second[order]) == pytest.approx(value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_scale_and_order_of_units_change_nothing(kind, seed):
    first, second = pair(seed=seed)
    before = kind().compare_arrays(first, second)
    for turned in (0.01 * first, first[:, np.random.default_rng(seed).permutation(8)]):
        assert kind().compare_arrays(turned, second) == pytest.approx(before, abs=1e-12)
    assert kind().compare_arrays(first, 100 * second) == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_rotation_changes_nothing_only_without_clamping(kind, seed):
    first, second = pair(300, seed=seed)
    turned = first @ rotation(8, seed)
    plain, clamped = kind(k=4, clamp="none"), kind(k=4)
    before = plain.compare_arrays(first, second)
    assert plain.compare_arrays(turned, second) == pytest.approx(before, abs=1e-12)
    change = clamped.compare_arrays(turned, second) - clamped.compare_arrays(first, second)
    assert abs(change) > 1e-4


def test_a_pattern_that_all_stimuli_share_changes_neighbors():
    first = np.random.default_rng(0).normal(size=(300, 64))
    turned = first @ rotation(64, 1)
    measure = MutualNeighbors(clamp="none")
    assert measure.compare_arrays(first, turned) == 1
    assert measure.compare_arrays(first, turned + 5) < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_scales_of_single_units_change_neighbors(kind):
    first, second = pair()
    scaled = first * [10, 1, 1, 1, 1, 1, 1, 0.1]
    assert abs(kind().compare_arrays(scaled, second) - kind().compare_arrays(first, second)) > 1e-3


@pytest.mark.parametrize(
    ("kind", "chance"),
    [
        (MutualNeighbors, 10 / 199),
        (CorrectedNeighbors, 0),
        (CycleNeighbors, 1 - (1 - 10 / 199) ** 10),
    ],
)
def test_independent_systems_read_chance(kind, chance):
    rng = np.random.default_rng(0)
    found = [
        kind().compare_arrays(rng.normal(size=(200, 30)), rng.normal(size=(200, 20)))
        for _ in range(60)
    ]
    assert abs(np.mean(found) - chance) < 3 * np.std(found) / np.sqrt(60)


def test_independent_systems_have_a_small_local_kernel_alignment():
    rng = np.random.default_rng(0)
    found = [
        LocalKernelAlignment().compare_arrays(*rng.normal(size=(2, 200, 30))) for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(0.8 * 10 / 199, abs=0.005)


def test_local_kernel_alignment_has_no_bound_and_no_dust_in_its_denominator():
    # platonic-rep adds 1e-6 to the denominator: small activations then read less.
    first, _ = pair()
    measure = LocalKernelAlignment()
    assert measure.compare_arrays(1e-6 * first, first) == pytest.approx(1, abs=1e-12)
    rng = np.random.default_rng(23)
    values = [
        LocalKernelAlignment(k=2, clamp="none").compare_arrays(a, a + rng.normal(size=(5, 3)))
        for a in rng.normal(size=(300, 5, 3)) + 2
    ]
    assert np.nanmax(values) > 1


def test_local_kernel_alignment_of_a_negative_denominator_is_undefined():
    stimulus = np.repeat(np.arange(7), 2)
    keys = np.sort(7 * stimulus + (stimulus + np.tile([1, 2], 7)) % 7)  # none is mutual
    circle = Neighbors(7, 2, keys, np.ones(14), np.ones(14), np.ones(7, dtype=bool))
    assert np.isnan(LocalKernelAlignment(k=2).compare_prepared(circle, circle))


@pytest.mark.parametrize("kind", KINDS)
def test_more_noise_leaves_fewer_neighbors(kind):
    rng = np.random.default_rng(0)
    first, noise = rng.normal(size=(2, 300, 20))
    found = [kind().compare_arrays(first, first + share * noise) for share in (0, 0.5, 1, 2, 100)]
    assert (np.diff(found) < 0).all()


def test_cycles_saturate_where_half_of_the_neighbors_are_others():
    rng = np.random.default_rng(0)
    common, *noise = rng.normal(size=(3, 300, 20))
    first, second = (common + 0.3 * own for own in noise)
    assert CycleNeighbors().compare_arrays(first, second) > 0.98
    assert MutualNeighbors().compare_arrays(first, second) < 0.5
    lonely = np.column_stack([np.append(np.linspace(0, 0.1, 99), 1), np.ones(100)])
    assert CycleNeighbors(clamp="none").compare_arrays(lonely, lonely) == 0.99


def test_cycles_start_in_the_second_system():
    first, second = pair(seed=1)
    measure = CycleNeighbors(k=3, clamp="none")
    forth, back = measure.compare_arrays(first, second), measure.compare_arrays(second, first)
    assert forth == pytest.approx(oracles.cycle_neighbors(first, second, 3))
    assert back == pytest.approx(oracles.cycle_neighbors(second, first, 3))
    assert forth != back


@pytest.mark.parametrize("kind", KINDS)
def test_stimuli_without_a_direction_are_undefined(kind):
    first, second = pair()
    first[7] = 0
    overlap = neighbor_overlap(first, second)
    assert np.flatnonzero(np.isnan(overlap)).tolist() == [7]
    assert not np.isin(nearest_neighbors(first, 50).pairs[1], 7).any()
    assert np.isnan(kind().compare_arrays(first, second))
    assert np.isnan(kind().compare_arrays(second, first))
    assert np.isnan(kind().compare_arrays(second, np.zeros((60, 2))))


def test_stimuli_that_are_all_equally_near_have_no_neighbors():
    _, second = pair()
    assert np.isnan(neighbor_overlap(np.ones((60, 3)), second)).all()
    assert np.isnan(neighbor_overlap(second, np.zeros((60, 3)))).all()
    assert np.isnan(neighbor_overlap(np.eye(60), second)).all()
    few = second[:14].copy()
    few[:4] = 0  # ten are left, of which none has ten others
    assert np.isnan(neighbor_overlap(few, second[:14])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_offset_in_float32_costs_no_more_than_its_rounding(kind):
    first, second = pair()
    shifted = (first + 1e4).astype("float32")
    exact = kind(clamp="none").compare_arrays(shifted.astype(float), second)
    assert kind(clamp="none").compare_arrays(shifted, second) == exact
    rows = shifted.astype(np.longdouble)
    rows /= np.sqrt((rows**2).sum(1, keepdims=True))
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    expected = [set(row) for row in np.argsort(-cosines, axis=1)[:, :10]]
    assert sets_of(nearest_neighbors(shifted, 10, clamp="none")) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_unit_and_fewer_stimuli_than_units_do_no_harm(kind):
    first, second = pair(14, 30, 40)
    padded = np.column_stack([first, np.zeros(14)])
    value = kind(k=3).compare_arrays(first, second)
    assert np.isfinite(value)
    assert kind(k=3, clamp="none").compare_arrays(padded, second) == pytest.approx(
        kind(k=3, clamp="none").compare_arrays(first, second), abs=1e-12
    )


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_not_changed(kind):
    first, second = pair()
    copies = first.copy(), second.copy()
    kind().compare_arrays(first, second)
    np.testing.assert_array_equal(first, copies[0])
    np.testing.assert_array_equal(second, copies[1])


def test_what_cannot_be_is_refused():
    first, second = pair()
    with pytest.raises(DataError) as caught:
        neighbor_overlap(first[:11], second[:11])
    assert str(caught.value) == "There are 11 stimuli, and this needs 12; give more stimuli."
    with pytest.raises(DataError) as caught:
        nearest_neighbors(first, 0)
    assert str(caught.value) == "k=0 is not a whole number of 1 or more."
    with pytest.raises(DataError) as caught:
        LocalKernelAlignment(k=1)
    assert str(caught.value) == "k=1 is not a whole number of 2 or more."
    with pytest.raises(DataError) as caught:
        outlier_bound(first, quantile=1)
    assert str(caught.value) == "quantile is 1; use one between 0 and 1, such as 0.95."
    with pytest.raises(UnknownNameError) as unknown:
        nearest_neighbors(first, 5, clamp="exactly")
    assert str(unknown.value) == ("No way to clamp is called 'exactly'. Did you mean 'exact'?")
    second[0, 0] = np.inf
    with pytest.raises(DataError) as caught:
        MutualNeighbors().compare_arrays(first, second)
    assert str(caught.value) == (
        "The second array has 1 values that are NaN or infinite; leave out those stimuli, or those "
        "units."
    )
