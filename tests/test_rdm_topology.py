"""Topological transforms of dissimilarities: order alone matters, RDM by RDM."""

import re
import warnings

import numpy as np
import oracles_topology as oracles
import pytest
from scipy.special import expit

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.topology import geo_topological, geodesic, sigmoid_topological

# Distances of points at 0, 1, 4, 9 and 11, no two of which are equal.
LINE = np.array([[1.0, 4, 9, 11, 3, 8, 10, 5, 7, 2]])
RANKS = np.array([[0, 3, 7, 9, 2, 6, 8, 4, 5, 1]]) / 9
SEEDS = range(5)
TRANSFORMS = {
    "geo-topological": geo_topological,
    "adjacency": lambda given: geo_topological(given, 0.3, 0.3),
    "sigmoid": sigmoid_topological,
    "geodesic": lambda given: geodesic(given, 0.3).dissimilarities,
}
EACH = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)


def drawn(seed, n_stimuli=10, n_rdms=3):
    """Draw distances of points, the last two of which are the same point."""
    points = np.random.default_rng(seed).normal(size=(n_rdms, n_stimuli, 4))
    points[:, -1] = points[:, -2]
    first, second = np.triu_indices(n_stimuli, 1)
    return np.linalg.norm(points[:, first] - points[:, second], axis=-1)


def test_thresholds_of_five_points_are_as_computed_by_hand():
    expected = np.array([[0, 6, 26, 27, 1, 21, 27, 11, 16, 0]]) / 27
    np.testing.assert_allclose(geo_topological(LINE), expected, atol=1e-12)


def test_between_0_and_1_nothing_is_flattened():
    np.testing.assert_allclose(geo_topological(LINE, 0, 1), RANKS, rtol=1e-15)


def test_equal_thresholds_give_the_adjacency_of_the_nearest_pairs():
    found = geo_topological(LINE, 0.3, 0.3)
    assert found.tolist() == [[0, 1, 1, 1, 0, 1, 1, 1, 1, 0]]


def test_a_narrow_band_is_nearly_an_adjacency():
    np.testing.assert_array_equal(
        geo_topological(LINE, 0.35, 0.36), geo_topological(LINE, 0.35, 0.35)
    )


def test_the_sigmoid_is_that_of_the_scaled_ranks():
    np.testing.assert_allclose(sigmoid_topological(LINE), expit(10 * (RANKS - 0.5)), rtol=1e-12)
    np.testing.assert_allclose(
        sigmoid_topological(LINE, slope=3, center=0.2), expit(3 * (RANKS - 0.2)), rtol=1e-12
    )


def test_paths_between_five_points_are_as_computed_by_hand():
    # Neighbors are 0-1, 0-2, 1-2, 2-3 and 3-4, of lengths 0, 3, 2, 4 and 1; to 2 leads 0-1-2.
    found = geodesic(LINE, 0.5)
    expected = np.array([[0, 2.5, 6.5, 8.5, 2.5, 6.5, 8.5, 4, 5, 1]]) / 8.5
    np.testing.assert_allclose(found.dissimilarities, expected, rtol=1e-15)
    assert found.disconnected.tolist() == [0]


def test_pairs_that_no_path_joins_are_the_farthest_tied_and_counted():
    # Neighbors are 0-1, 1-2 and 3-4: no path leads from the first three points to the others.
    found = geodesic(LINE, 0.3)
    expected = np.array([[0, 2.5, 6.5, 6.5, 2.5, 6.5, 6.5, 6.5, 6.5, 1]]) / 6.5
    np.testing.assert_allclose(found.dissimilarities, expected, rtol=1e-15)
    assert found.disconnected.tolist() == [6]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limits", [(0.2, 0.8), (0, 1), (0, 0.3), (0.4, 0.4), (0, 0), (1, 1)])
def test_thresholds_equal_those_of_a_loop_over_pairs(seed, limits):
    given = drawn(seed)
    given[1, 4] = np.nan
    expected = [oracles.geo_topological(row.tolist(), *limits) for row in given]
    np.testing.assert_allclose(geo_topological(given, *limits), expected, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1])
def test_paths_equal_those_of_a_loop_over_stops(seed, share):
    given = drawn(seed)
    given[1, 4] = np.nan
    found = geodesic(given, share)
    expected = [oracles.geodesic(row.tolist(), share, 10) for row in given]
    np.testing.assert_allclose(found.dissimilarities, [row for row, _ in expected], atol=1e-12)
    assert found.disconnected.tolist() == [count for _, count in expected]


@pytest.mark.parametrize("seed", SEEDS)
@EACH
def test_growing_functions_of_the_dissimilarities_change_nothing(transform, seed):
    given = drawn(seed)
    for changed in (7 * given - 3, np.exp(given), given**3):
        np.testing.assert_array_equal(transform(changed), transform(given))


@pytest.mark.parametrize("seed", SEEDS)
@EACH
def test_a_function_that_does_not_grow_changes_the_result(transform, seed):
    given = drawn(seed)
    changed = np.abs(given - np.median(given, axis=1, keepdims=True))
    assert (transform(changed) != transform(given)).any(axis=1).all()


@pytest.mark.parametrize("seed", SEEDS)
@EACH
def test_the_order_of_the_stimuli_does_not_matter(transform, seed):
    n = 10
    order = np.random.default_rng(seed).permutation(n)
    place = np.zeros((n, n), dtype=int)
    place[np.triu_indices(n, 1)] = np.arange(n * (n - 1) // 2)
    place = (place + place.T)[np.ix_(order, order)][np.triu_indices(n, 1)]
    given = drawn(seed)
    np.testing.assert_allclose(transform(given[:, place]), transform(given)[:, place], atol=1e-15)


@EACH
def test_each_rdm_is_transformed_by_itself(transform):
    # rsatoolbox 0.3.2, geotopological_transform, takes quantiles over all RDMs of a stack.
    given = drawn(0) * np.array([[1], [10], [100]])
    np.testing.assert_array_equal(
        transform(given), np.concatenate([transform(x[None]) for x in given])
    )


@EACH
def test_what_is_given_is_left_alone(transform):
    # rsatoolbox 0.3.2, geotopological_transform and minmax_transform, change their input.
    given = drawn(0)
    before = given.tobytes()
    transform(given)
    assert given.tobytes() == before


def test_rescaled_values_are_not_held_against_the_thresholds_again():
    # rsatoolbox 0.3.2, geotopological_transform, sets values that it has rescaled to 1 where they
    # exceed the upper threshold: with these thresholds a fifth of the band.
    given = np.random.default_rng(0).permutation(45)[None].astype(float)
    found = geo_topological(given)[0, np.argsort(given[0])]
    band = found[9:36]
    assert (np.diff(band) > 0).all()
    assert 0 < band[0] < 0.05 < 0.95 < band[-1] < 1
    assert found[:9].tolist() == [0] * 9
    assert found[36:].tolist() == [1] * 9


@pytest.mark.parametrize("low", [0.1, 0.2, 0.5])
def test_scaled_ranks_of_one_rdm_with_an_open_top_come_out_as_in_rsatoolbox(low):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rsatoolbox.rdm import RDMs
        from rsatoolbox.rdm.transform import geotopological_transform
    theirs = geotopological_transform(RDMs(RANKS.copy()), low, 1.0).dissimilarities
    np.testing.assert_allclose(geo_topological(LINE, low, 1.0), theirs, atol=1e-12)


def test_the_nearest_pair_remains_a_neighbor():
    # The rank of the nearest pair is scaled to 0, which is no edge in a dense graph, as in
    # rsatoolbox 0.3.2, geodesic_transform.
    chain = np.array([[1.0, 9, 9, 2, 9, 3]])  # 0-1, 1-2 and 2-3 are near
    found = geodesic(chain, 0.5)
    assert found.disconnected.tolist() == [0]
    assert found.dissimilarities[0, 0] == 0


def test_paths_of_equal_length_are_tied_to_the_bit():
    # 0-1-2 and 2-3-4 are sums of other ranks, but equal: .1 + .4 and .2 + .3 in tenths.
    n = 5
    first, second = np.triu_indices(n, 1)
    given = np.full(10, 50.0) + np.arange(10)
    for pair, value in {(0, 1): 1, (1, 2): 4, (2, 3): 2, (3, 4): 3}.items():
        given[(first == pair[0]) & (second == pair[1])] = value
    found = geodesic(given[None], 0.35).dissimilarities[0]
    assert found[(first == 0) & (second == 2)] == found[(first == 2) & (second == 4)]


@EACH
def test_a_missing_pair_stays_missing_and_alone(transform):
    given = drawn(0)
    given[0, 7] = np.nan
    assert np.argwhere(np.isnan(transform(given))).tolist() == [[0, 7]]


@EACH
def test_equal_or_missing_dissimilarities_have_no_order(transform):
    given = np.stack([np.ones(10), np.full(10, np.nan), LINE[0]])
    found = transform(given)
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2]).all()


@pytest.mark.parametrize("transform", [geo_topological, sigmoid_topological])
def test_ties_share_a_value(transform):
    found = transform(np.array([[1.0, 2, 2, 3, 3, 3]]))[0]
    assert found[1] == found[2]
    assert found[3] == found[4] == found[5]


@EACH
def test_small_differences_on_a_large_offset_in_single_precision_count(transform):
    given = (1e4 + np.random.default_rng(0).permutation(45)[None]).astype(np.float32)
    found = transform(given)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, transform(given.astype(float) - 1e4))


def test_two_stimuli_have_one_pair_without_order():
    assert np.isnan(geo_topological(np.array([[3.0]]))).all()


@EACH
@pytest.mark.parametrize("n_pairs", [0, 2, 7])
def test_a_number_of_pairs_that_no_stimuli_have_is_refused(transform, n_pairs):
    message = (
        f"Rows of {n_pairs} dissimilarities are not those of pairs; n stimuli have n (n - 1) / 2 "
        "pairs."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        transform(np.ones((2, n_pairs)))


@EACH
def test_one_row_without_an_axis_of_rdms_is_refused(transform):
    message = "The dissimilarities have shape (10,); give one set a row, (sets, pairs)."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        transform(LINE[0])


@EACH
def test_no_rdms_are_no_rdms_transformed(transform):
    assert transform(np.ones((0, 10))).shape == (0, 10)


@EACH
def test_infinite_dissimilarities_are_refused(transform):
    message = (
        "The dissimilarities have 2 infinite values; use NaN for pairs that are to be left out."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        transform(np.array([[1.0, np.inf, -np.inf]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: geo_topological(LINE, 0.8, 0.2),
            "low=0.8 and high=0.2 are not quantiles; give 0 <= low <= high <= 1.",
        ),
        (
            lambda: geo_topological(LINE, 20, 80),
            "low=20 and high=80 are not quantiles; give 0 <= low <= high <= 1.",
        ),
        (
            lambda: geo_topological(LINE, np.nan, 0.5),
            "low=nan and high=0.5 are not quantiles; give 0 <= low <= high <= 1.",
        ),
        (
            lambda: sigmoid_topological(LINE, slope=0),
            "slope=0 and center=0.5 are no sigmoid; give numbers, slope above 0.",
        ),
        (
            lambda: sigmoid_topological(LINE, center=np.nan),
            "slope=10.0 and center=nan are no sigmoid; give numbers, slope above 0.",
        ),
        (
            lambda: geodesic(LINE, 0),
            "share=0 is no share of the pairs; give a number above 0, up to 1.",
        ),
        (
            lambda: geodesic(LINE, 5),
            "share=5 is no share of the pairs; give a number above 0, up to 1.",
        ),
    ],
)
def test_options_out_of_range_are_refused(call, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        call()
