"""Calibration by permutation: what chance reads, with groups, and over many layer pairs."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binomtest

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.calibration import calibrate
from neuroalign.numerics.similarity.kernels import CKA
from neuroalign.numerics.similarity.local_measures import (
    CorrectedNeighbors,
    CycleNeighbors,
    LocalKernelAlignment,
    MutualNeighbors,
)
from neuroalign.numerics.similarity.shapes import ProcrustesSimilarity
from neuroalign.numerics.similarity.unit_matching import UnitMatching

PREPARED = [
    MutualNeighbors(k=4),
    CorrectedNeighbors(k=4),
    CycleNeighbors(k=4),
    LocalKernelAlignment(k=4),
    ProcrustesSimilarity(),
    ProcrustesSimilarity(whitening=0.5),
]


@dataclass(frozen=True)
class Arrays:
    """A measure without the methods that prepare arrays."""

    measure: object

    def compare_arrays(self, first, second):
        """Compare arrays."""
        return self.measure.compare_arrays(first, second)


def layers(n_layers, rng, n=64, width=16, kept=0.9):
    """Make layers that change little from one to the next."""
    values, made = rng.normal(size=(n, width)), []
    for _ in range(n_layers):
        values = kept * values + np.sqrt(1 - kept**2) * rng.normal(size=(n, width))
        made.append(values)
    return made


def pair(n=40, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(n, 6))
    return first, first @ rng.normal(size=(6, 9)) + noise * rng.normal(size=(n, 9))


@pytest.mark.parametrize("measure", PREPARED)
def test_what_is_prepared_once_scores_as_arrays_do(measure):
    rng = np.random.default_rng(0)
    first, second = pair()
    first[:20] = np.round(first[:20])  # some ties
    found = calibrate(measure, [first], [second], n_permutations=30)
    slow = calibrate(Arrays(measure), [first], [second], n_permutations=30)
    np.testing.assert_allclose(found.largest_null, slow.largest_null, atol=1e-12)
    assert found.score == pytest.approx(measure.compare_arrays(first, second), abs=1e-12)
    order = rng.permutation(40)
    prepared = [measure.prepare_array(values) for values in (first, second)]
    expected = measure.compare_arrays(first, second[order])
    assert measure.compare_prepared(*prepared, order) == pytest.approx(expected, abs=1e-12)


def test_scores_are_set_between_chance_and_1():
    first, second = pair()
    found = calibrate(ProcrustesSimilarity(), [first], [second], n_permutations=200)
    null = found.largest_null
    assert found.score.shape == (1, 1)
    assert found.null_mean.item() == pytest.approx(null.mean())
    assert found.null_sd.item() == pytest.approx(null.std(ddof=1))
    expected = (found.score - null.mean()) / (1 - null.mean())
    np.testing.assert_allclose(found.calibrated, expected)
    assert found.p.item() == found.p_family.item() == 1 / 201
    same = calibrate(ProcrustesSimilarity(), [first], [2 * first], n_permutations=19)
    assert same.calibrated.item() == pytest.approx(1)


def test_p_counts_permutations_that_are_as_large():
    first, second = pair(noise=30)
    found = calibrate(CKA(), [first], [second], n_permutations=199, seed=3)
    expected = (1 + np.sum(found.largest_null >= found.score - 1e-12)) / 200
    assert found.p.item() == expected
    assert 0.005 < expected < 1


def test_all_layers_meet_the_same_permutations_and_the_largest_is_held_against_the_largest():
    rng = np.random.default_rng(0)
    first, second = layers(3, rng, n=30), layers(2, rng, n=30)
    measure = MutualNeighbors(k=3)
    found = calibrate(measure, first, second, n_permutations=40, seed=5)
    single = [
        [calibrate(measure, [a], [b], n_permutations=40, seed=5) for b in second] for a in first
    ]
    np.testing.assert_array_equal(found.p, [[one.p.item() for one in row] for row in single])
    every = [one.largest_null for row in single for one in row]
    np.testing.assert_array_equal(found.largest_null, np.max(every, axis=0))
    assert found.largest == found.score.max()
    largest = (1 + np.sum(found.largest_null >= found.largest - 1e-12)) / 41
    assert found.p_family.min() == largest
    assert (found.p_family >= found.p).all()


def test_the_largest_of_many_layer_pairs_is_larger_by_chance():
    rng = np.random.default_rng(0)
    first, second = (layers(6, rng, n=100, kept=0.7) for _ in range(2))
    found = calibrate(MutualNeighbors(), first, second, n_permutations=40)
    assert found.null_mean.mean() == pytest.approx(10 / 99, abs=0.003)
    assert found.largest_null.mean() > 10 / 99 + 0.015
    assert found.p.min() < 0.1 < found.p_family.min()


@pytest.mark.slow  # a quarter of a minute
def test_twelve_by_twelve_unrelated_layers_reach_a_third_more_than_chance():
    rng = np.random.default_rng(0)
    first, second = (layers(12, rng, n=256, width=64, kept=0.9) for _ in range(2))
    found = calibrate(MutualNeighbors(clamp="none"), first, second, n_permutations=200)
    assert found.null_mean.mean() == pytest.approx(0.0392, abs=0.0005)
    assert 0.046 < found.largest_null.mean() < 0.056
    assert found.p_family.min() > 0.05


def test_five_percent_of_unrelated_systems_are_found():
    rng = np.random.default_rng(0)
    measure, n_draws = MutualNeighbors(k=3), 300
    by_chance, chosen = 0, 0
    for _ in range(n_draws):
        first, second = layers(2, rng, n=20, width=5), layers(3, rng, n=20, width=5)
        found = calibrate(measure, first, second, n_permutations=19, seed=rng.integers(1000))
        by_chance += found.p_family.min() <= 0.05
        chosen += found.p.min() <= 0.05
    low, high = binomtest(by_chance, n_draws).proportion_ci(0.99)
    assert low <= 0.05 <= high
    assert binomtest(chosen, n_draws).proportion_ci(0.99).low > 0.05


def test_whole_groups_change_places():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 4)
    scenes = rng.normal(size=(2, 10, 5))
    # Unrelated scenes, shown in four crops each.
    first, second = (np.repeat(x, 4, axis=0) + 0.3 * rng.normal(size=(40, 5)) for x in scenes)
    measure = MutualNeighbors(k=3)
    by_row = calibrate(measure, [first], [second], n_permutations=99)
    by_group = calibrate(measure, [first], [second], n_permutations=99, groups=groups)
    assert by_row.p.item() == 0.01
    assert by_group.p.item() > 0.05
    shuffled = rng.permutation(40)
    again = calibrate(
        measure, [first[shuffled]], [second[shuffled]], n_permutations=99, groups=groups[shuffled]
    )
    assert again.null_mean.item() > 0.5


def test_groups_of_unequal_size_stay_among_their_like():
    seen = []

    class Looks:
        def compare_arrays(self, first, second):
            seen.append(second[:, 0].astype(int))
            return float(len(first) * 0)

    rows = np.arange(16.0)[:, None]
    groups = [*"aabbccddeeff", "g", "h", "i", "j"]
    calibrate(Looks(), [rows], [rows], n_permutations=50, groups=groups)
    seen = np.array(seen)
    np.testing.assert_array_equal(seen[0], np.arange(16))
    assert len(np.unique(seen, axis=0)) == 51
    np.testing.assert_array_equal(seen[:, 1:12:2], seen[:, 0:12:2] + 1)
    assert (seen[:, :12] < 12).all()


def test_all_pairings_are_taken_where_there_are_few():
    first, second = pair(n=12)
    groups = np.repeat(np.arange(4), 3)
    found = calibrate(CKA(), [first], [second], n_permutations=1000, groups=groups)
    assert len(found.largest_null) == 23


def test_measures_without_preparation_are_calibrated_too():
    first, second = pair(n=60)
    for measure in (CKA(), UnitMatching(n_splits=1)):
        found = calibrate(measure, [first], [second], n_permutations=99)
        assert abs(found.null_mean) < 0.05
        assert found.score == pytest.approx(measure.compare_arrays(first, second), abs=1e-12)


def test_a_layer_that_does_not_vary_is_undefined_and_leaves_the_others():
    first, second = pair()
    constant = np.full((40, 2), 0.1)
    measure = ProcrustesSimilarity()
    found = calibrate(measure, [first, constant], [second], n_permutations=19)
    alone = calibrate(measure, [first], [second], n_permutations=19)
    for name in ("score", "null_mean", "null_sd", "calibrated", "p", "p_family"):
        value = getattr(found, name)
        assert np.isnan(value).tolist() == [[False], [True]]
        np.testing.assert_allclose(value[:1], getattr(alone, name), atol=1e-12)
    assert found.largest == alone.largest
    nothing = calibrate(measure, [constant], [second], n_permutations=19)
    assert np.isnan(nothing.largest)
    assert np.isnan(nothing.largest_null).all()


def test_the_seed_decides_and_inputs_are_not_changed():
    first, second = pair()
    copies = first.copy(), second.copy()
    found = [
        calibrate(CKA(), [first], [second], n_permutations=30, seed=seed).largest_null
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    np.testing.assert_array_equal(first, copies[0])
    np.testing.assert_array_equal(second, copies[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_permutations": 18},
            "n_permutations is 18, which cannot lead to a p of .05 or less; use 19 or more.",
        ),
        ({"groups": [1, 2]}, "There are 2 groups for 40 stimuli; give one for each."),
        (
            {"groups": np.repeat([0, 1], 20)},
            "Too few groups of equal size can change places: there are 2 pairings, and 20 are "
            "needed for a p of .05; give more.",
        ),
    ],
)
def test_what_cannot_lead_to_a_small_p_is_refused(options, message):
    first, second = pair()
    with pytest.raises(DataError) as caught:
        calibrate(CKA(), [first], [second], **options)
    assert str(caught.value) == message


def test_layers_of_other_stimuli_are_refused():
    first, second = pair()
    with pytest.raises(DataError) as caught:
        calibrate(CKA(), [first], [second, second[1:]])
    assert str(caught.value) == (
        "The first array has 40 rows and the second 39; give the same stimuli in the same order."
    )
