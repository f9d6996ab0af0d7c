"""Matched units and relative representations: planted matches, silent units, and what chance is."""

import numpy as np
import oracles_shapes as oracles
import pytest

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.similarity.halves import split_halves
from neuroalign.numerics.similarity.relative import RelativeSimilarity, relative_representation
from neuroalign.numerics.similarity.unit_matching import UnitMatching, matching_gap
from neuroalign.numerics.soft_matching import SoftMatching

MODES = ["bipartite", "semi", "soft"]


def permuted(n=60, p=5, noise=0.5, seed=0):
    """Make units of a rectified code, and the same in another order, each with its own noise."""
    rng = np.random.default_rng(seed)
    first = np.maximum(rng.normal(size=(n, p)), 0)
    order = rng.permutation(p)
    scale, shift = rng.uniform(0.5, 2, p), rng.normal(size=p)
    second = (first + noise * rng.normal(size=(n, p)))[:, order] * scale + shift
    return first, second, order


def rotation(width, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@pytest.mark.parametrize("mode", ["bipartite", "semi"])
@pytest.mark.parametrize("seed", range(3))
def test_units_are_matched_on_one_half_and_correlated_on_the_other(mode, seed):
    first, second = np.random.default_rng(seed).normal(size=(2, 20, 5))
    halves = split_halves(20, 3, seed)
    expected = [oracles.matched_correlation(first, second, *half, mode) for half in halves]
    measure = UnitMatching(mode, n_splits=3, seed=seed)
    assert measure.compare_arrays(first, second) == pytest.approx(np.mean(expected), abs=1e-12)


def test_soft_matching_is_the_held_out_similarity_of_the_mapping():
    first, second = (
        np.random.default_rng(0).normal(size=(30, 11)).reshape(30, 11),
        permuted(30, 4)[0],
    )
    expected = [
        SoftMatching()
        .fit_arrays(first[fit], second[fit], [], seed=0)
        .held_out_similarity(first[held], second[held])
        for fit, held in split_halves(30, 2, 7)
    ]
    found = UnitMatching("soft", n_splits=2, seed=7).compare_arrays(first, second)
    assert found == pytest.approx(np.mean(expected), abs=1e-12)


def test_soft_matching_of_equal_numbers_is_bipartite():
    first, second, _ = permuted()
    found = [UnitMatching(mode).compare_arrays(first, second) for mode in ("soft", "bipartite")]
    assert found[0] == pytest.approx(found[1], abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_planted_matches_are_found_and_a_rotation_hides_them(mode):
    first, second, order = permuted(n=600, p=20)
    r = np.diag(oracles.correlations(first[:, order], second))
    measure = UnitMatching(mode, n_splits=2)
    assert measure.compare_arrays(first, second) == pytest.approx(r.mean(), abs=0.01)
    assert measure.compare_arrays(first, first[:, order]) == pytest.approx(1, abs=1e-12)
    assert measure.compare_arrays(first, first @ rotation(20, 0)) < 0.6


def test_of_the_wider_system_some_units_are_left_over():
    first, second, _ = permuted(n=600, p=6)
    wide = np.column_stack([np.random.default_rng(1).normal(size=(600, 4)), first])
    measure = UnitMatching(n_splits=2)
    before = measure.compare_arrays(first, second)
    assert measure.compare_arrays(wide, second) == pytest.approx(before, abs=1e-12)
    assert measure.compare_arrays(second, wide) == pytest.approx(before, abs=1e-12)
    semi = UnitMatching("semi", n_splits=2)
    assert semi.compare_arrays(second, wide) == pytest.approx(before, abs=1e-12)
    assert semi.compare_arrays(wide, second) < before - 0.2


def test_the_gap_tells_units_that_share_a_partner():
    rng = np.random.default_rng(0)
    first, second, _ = permuted(n=600, p=6)
    assert matching_gap(first, second) == pytest.approx(0, abs=1e-12)
    copies = first[:, [0, 0, 0, 1, 1, 1]] + 0.3 * rng.normal(size=(600, 6))
    assert matching_gap(copies, second) > 0.3
    semi, one = (UnitMatching(mode).compare_arrays(copies, second) for mode in MODES[1::-1])
    assert matching_gap(copies, second) == pytest.approx(semi - one, abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("widths", [(6, 6), (4, 9)])
def test_independent_units_read_0(mode, widths):
    rng = np.random.default_rng(0)
    measure = UnitMatching(mode, n_splits=1)
    found = [
        measure.compare_arrays(*(rng.normal(size=(30, width)) + 1 for width in widths))
        for _ in range(200)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)


@pytest.mark.parametrize("mode", MODES)
def test_units_that_are_silent_in_either_half_are_left_out(mode):
    # Dropping silent units separately where plans are fitted and where they are scored, as code for
    # partial soft matching (arXiv:2602.19331) does, shifts or breaks the plan.
    first, second, order = permuted(n=40, p=5, noise=0.1)
    half = split_halves(40, 1, 0)[0]
    silent = first.copy()
    silent[half[1], 0] = 0.1  # in one half, which matches once and is held out once
    alike = [np.diag(oracles.correlations(first[rows][:, order], second[rows])) for rows in half]
    kept = order != 0
    measure = UnitMatching(mode, n_splits=1)
    found = measure.compare_arrays(silent, second)
    if mode == "bipartite":
        # Held-out rows of the other pairs, either way.
        expected = np.mean([r[kept].mean() for r in alike])
        assert found == pytest.approx(expected, abs=1e-12)
    assert 0.8 < found <= 1


@pytest.mark.parametrize("mode", MODES)
def test_constant_units_change_nothing(mode):
    first, second, _ = permuted(n=40)
    constant = np.full((40, 1), 0.1)
    before = UnitMatching(mode).compare_arrays(first, second)
    padded = np.hstack([constant, first]), np.hstack([second, constant])
    assert UnitMatching(mode).compare_arrays(*padded) == pytest.approx(before, abs=1e-12)
    assert np.isnan(UnitMatching(mode).compare_arrays(first, constant))
    assert np.isnan(matching_gap(constant, second))


def test_a_unit_that_no_half_shows_twice_is_undefined():
    first = np.zeros((20, 1))
    first[3] = 1  # varies in one half only
    second = np.random.default_rng(0).normal(size=(20, 2))
    for mode in MODES:
        assert np.isnan(UnitMatching(mode).compare_arrays(first, second))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(5))
def test_translation_scale_and_order_of_units_change_nothing(mode, seed):
    first, second, _ = permuted(n=30, p=6, seed=seed)
    rng = np.random.default_rng(seed)
    measure = UnitMatching(mode, n_splits=2)
    before = measure.compare_arrays(first, second)
    for turned in (
        first + 100 * rng.normal(size=6),
        0.01 * first,
        first * rng.uniform(0.01, 100, 6),
        first[:, rng.permutation(6)],
    ):
        assert measure.compare_arrays(turned, second) == pytest.approx(before, abs=1e-9)
    assert measure.compare_arrays(first, 7 * second[:, ::-1] - 3) == pytest.approx(before, abs=1e-9)
    change = measure.compare_arrays(first @ rotation(6, seed), second) - before
    assert abs(change) > 0.01


@pytest.mark.parametrize("mode", MODES)
def test_fewer_stimuli_than_units_and_an_offset_in_float32_do_no_harm(mode):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 16, 30))
    shifted = (first + 1e4).astype("float32")
    exact = UnitMatching(mode).compare_arrays(shifted.astype(float) - 1e4, second)
    assert UnitMatching(mode).compare_arrays(shifted, second) == pytest.approx(exact, abs=1e-8)


def test_what_cannot_be_matched_is_refused():
    first, second, _ = permuted(n=6)
    with pytest.raises(DataError) as caught:
        UnitMatching().compare_arrays(first[:5], second[:5])
    assert str(caught.value) == "There are 5 stimuli, and this needs 6; give more stimuli."
    with pytest.raises(UnknownNameError) as unknown:
        UnitMatching("bijective")
    assert str(unknown.value) == (
        "No way to match units is called 'bijective'. Known: 'bipartite', 'semi', 'soft'."
    )
    first[2, 2] = np.nan
    with pytest.raises(DataError) as caught:
        UnitMatching().compare_arrays(first, second)
    assert str(caught.value) == (
        "The first array has 1 values that are NaN or infinite; leave out those stimuli, or those "
        "units."
    )


ANCHORS = [3, 0, 7, 11]


def test_relative_representations_are_cosines_to_anchors():
    values = np.random.default_rng(0).normal(size=(20, 6)) + 2
    for center, given in ((values[ANCHORS].mean(0), "anchors"), (0, "none"), (np.ones(6),) * 2):
        rows = values - center
        expected = [
            [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in rows[ANCHORS]] for a in rows
        ]
        found = relative_representation(values, ANCHORS, center=given)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_relative_representations_survive_rotation_scale_and_translation(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(30, 8))
    before = relative_representation(values, ANCHORS)
    turned = 3 * values @ rotation(8, seed) + rng.normal(size=8)
    np.testing.assert_allclose(relative_representation(turned, ANCHORS), before, atol=1e-12)
    np.testing.assert_allclose(
        relative_representation(values[:, rng.permutation(8)], ANCHORS), before, atol=1e-12
    )


def test_relative_representations_change_with_scales_of_units_and_uncentered_with_means():
    values = np.random.default_rng(0).normal(size=(200, 64))
    before = relative_representation(values, ANCHORS)
    scaled = values * np.random.default_rng(1).lognormal(size=64)
    assert np.abs(relative_representation(scaled, ANCHORS) - before).max() > 0.2
    plain = relative_representation(values, ANCHORS, center="none")
    shifted = relative_representation(values + 1, ANCHORS, center="none")
    assert np.abs(shifted - plain).max() > 0.5


def test_a_stimulus_at_the_center_has_no_relative_representation():
    values = np.random.default_rng(0).normal(size=(20, 6))
    values[5] = values[ANCHORS].mean(0)
    found = relative_representation(values, ANCHORS)
    assert np.isnan(found).any(1).nonzero()[0].tolist() == [5]
    assert np.isnan(relative_representation(np.full((20, 3), 0.1), ANCHORS)).all()
    assert np.isnan(RelativeSimilarity().compare_arrays(values, np.full((20, 3), 0.1)))


@pytest.mark.parametrize(
    ("anchors", "message"),
    [
        (
            [0, 20, -1],
            "2 anchors are no rows of these 20 stimuli (first: 20); use numbers from 0 to 19.",
        ),
        ([0.5], "anchors are numbers of rows; give at least one whole number."),
        ([], "anchors are numbers of rows; give at least one whole number."),
    ],
)
def test_anchors_are_rows(anchors, message):
    with pytest.raises(DataError) as caught:
        relative_representation(np.ones((20, 3)), anchors)
    assert str(caught.value) == message


def test_a_center_has_a_value_for_each_unit():
    with pytest.raises(DataError) as caught:
        relative_representation(np.ones((20, 3)), ANCHORS, center=np.ones(4))
    assert (
        str(caught.value)
        == "center has shape (4,), and there are 3 units; give one value for each."
    )
    with pytest.raises(UnknownNameError) as unknown:
        relative_representation(np.ones((20, 3)), ANCHORS, center="anchor")
    assert str(unknown.value) == "No center is called 'anchor'. Did you mean 'anchors'?"
    with pytest.raises(DataError) as caught:
        RelativeSimilarity(n_anchors=2)
    assert str(caught.value) == "n_anchors=2 is not a whole number of 3 or more."


@pytest.mark.parametrize("seed", range(5))
def test_relative_similarity_survives_rotation_scale_and_translation(seed):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(60, 8))
    second = first @ rng.normal(size=(8, 12)) + rng.normal(size=(60, 12))
    measure = RelativeSimilarity(n_anchors=20)
    before = measure.compare_arrays(first, second)
    for turned in (
        first @ rotation(8, seed),
        1e-3 * first,
        first + 100 * rng.normal(size=8),
        first[:, rng.permutation(8)],
    ):
        assert measure.compare_arrays(turned, second) == pytest.approx(before, abs=1e-9)
        assert measure.compare_arrays(turned, first) == pytest.approx(1, abs=1e-9)
    change = measure.compare_arrays(first * ([10] + [1] * 7), second) - before
    assert abs(change) > 1e-3


def test_relative_similarity_compares_stimuli_that_are_no_anchors():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 30, 5))
    order = np.random.default_rng(3).permutation(30)
    anchors, others = order[:10], order[10:]
    one, two = (relative_representation(x, anchors)[others] for x in (first, second))
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(one, two, strict=True)]
    found = RelativeSimilarity(n_anchors=10, seed=3).compare_arrays(first, second)
    assert found == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize("spread", [0, 0.7, 1.5])
def test_independent_relative_representations_read_0_however_far_stimuli_are(spread):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        first, second = (
            rng.normal(size=(40, p)) * np.exp(spread * rng.normal(size=(40, 1))) + 2 for p in (9, 7)
        )
        found.append(RelativeSimilarity(10).compare_arrays(first, second))
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300)


def test_a_stimulus_as_like_one_anchor_as_all_others_is_undefined():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 3))
    anchors, others = np.split(np.random.default_rng(0).permutation(6), 2)
    values[anchors, 2] = 0
    values[others[0]] = [*values[anchors, :2].mean(0), 1]
    assert np.isnan(RelativeSimilarity(3).compare_arrays(values @ rotation(3, 0), values))


@pytest.mark.parametrize("measure", [*map(UnitMatching, MODES), RelativeSimilarity(5)])
def test_inputs_are_not_changed(measure):
    first, second = np.random.default_rng(0).normal(size=(2, 20, 5))
    copies = first.copy(), second.copy()
    measure.compare_arrays(first, second)
    np.testing.assert_array_equal(first, copies[0])
    np.testing.assert_array_equal(second, copies[1])
