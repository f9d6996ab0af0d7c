"""Held-out dispersion reads 1 for independent systems, and brackets the truth for others."""

import numpy as np
import pytest
from oracles_procrustes import dealt_folds, planted_systems, rotation
from sklearn.metrics import roc_auc_score

from neuroalign.errors import DataError
from neuroalign.numerics.procrustes.alignment import AlignmentOptions
from neuroalign.numerics.procrustes.cross_fitted import cross_fitted_dispersion
from neuroalign.numerics.procrustes.dispersion import dispersion
from neuroalign.numerics.procrustes.learning import dispersion_learning_curve

SIZES = [(400, 50), (400, 200), (200, 200), (200, 400)]


def fitted(systems, n_null=0, **options):
    chosen = AlignmentOptions(**options) if options else None
    folds = dealt_folds(len(systems[0]))
    return cross_fitted_dispersion(systems, folds, n_null=n_null, options=chosen)


def rotated_dispersion(systems, seed):
    """Turn systems by rotations that know nothing of them."""
    random = np.random.default_rng(seed)
    turned = [rows @ rotation(rows.shape[1], random) for rows in systems]
    norms = np.stack([(rows**2).sum(1) for rows in turned])
    return dispersion(turned, norms).raw.mean()


@pytest.mark.parametrize(("n", "d"), [(400, 50), (200, 200), (200, 400)])
@pytest.mark.parametrize("n_systems", [3, 6])
def test_independent_systems_read_one_held_out_and_too_little_in_the_sample(n, d, n_systems):
    found = fitted(planted_systems(n, d, n_systems, 0.0, seed=n_systems))
    assert abs(found.raw.mean() - 1) < 0.02
    assert abs(found.relative.mean() - 1) < 0.02
    assert abs(found.directional.mean() - 1) < 0.02
    assert found.in_sample.mean() < 0.85


@pytest.mark.slow  # 1 minute
@pytest.mark.parametrize(("n", "d"), SIZES)
@pytest.mark.parametrize("n_systems", [3, 6, 12])
def test_independent_systems_read_one_at_every_size(n, d, n_systems):
    found = fitted(planted_systems(n, d, n_systems, 0.0, seed=10 + n_systems))
    assert abs(found.raw.mean() - 1) < 0.02
    assert found.in_sample.mean() < 0.85


@pytest.mark.parametrize("rank", [5, 50])
@pytest.mark.parametrize("shared", [0.25, 0.5])
def test_the_truth_lies_between_in_sample_and_held_out(shared, rank):
    found = fitted(planted_systems(400, 50, 6, shared, rank, seed=1))
    assert found.in_sample.mean() < 1 - shared < found.raw.mean()
    assert found.raw.mean() < 1 - shared / 2


@pytest.mark.slow  # 3 minutes
@pytest.mark.parametrize(("n", "d"), SIZES)
@pytest.mark.parametrize("rank", [5, 50, None])
@pytest.mark.parametrize("shared", [0.25, 0.5, 1.0])
def test_the_bracket_holds_at_every_size_and_rank(n, d, rank, shared):
    found = fitted(planted_systems(n, d, 6, shared, rank, seed=2))
    assert found.in_sample.mean() < 1 - shared + 1e-9
    assert found.raw.mean() > 1 - shared - 1e-9
    assert found.raw.mean() < 1


@pytest.mark.parametrize("rank", [5, 50])
def test_both_ends_approach_the_truth_as_training_stimuli_grow(rank):
    systems = planted_systems(1500, 50, 4, 0.5, rank, seed=3)
    curve = dispersion_learning_curve(systems, dealt_folds(1500)[:2], shares=(0.05, 0.2, 1.0))
    np.testing.assert_allclose(curve.n_train, [60, 240, 1200])
    assert curve.width == 50
    # Noise in directions that are not shared aligns as 1 / sqrt(n_train) in the sample.
    for ends, near in ((0.5 - curve.in_sample, 0.07), (curve.held_out - 0.5, 0.03)):
        assert (ends > -0.005).all()  # the norms of these stimuli are not quite 1
        assert (np.diff(ends) < 0).all()
        assert ends[-1] < near


@pytest.mark.parametrize("n", [300, 1500])
def test_rotations_that_know_nothing_do_not_approach_the_truth(n):
    systems = planted_systems(n, 50, 4, 0.5, 50, seed=3)
    unturned = dispersion(systems, np.stack([(rows**2).sum(1) for rows in systems])).raw.mean()
    for blind in (unturned, rotated_dispersion(systems, seed=0)):
        assert abs(blind - 1) < 0.05  # as for independent systems, however many stimuli


def test_systems_that_share_everything_read_zero_whatever_their_rotations():
    found = fitted(planted_systems(100, 20, 4, 1.0, seed=0))
    np.testing.assert_allclose(found.raw, 0, atol=1e-10)
    np.testing.assert_allclose(found.in_sample, 0, atol=1e-10)


def test_what_training_stimuli_say_nothing_about_is_shared_with_nobody():
    found = fitted(planted_systems(60, 300, 3, 1.0, seed=0))
    assert found.in_sample.mean() < 1e-10
    assert 0.5 < found.raw.mean() < 1


@pytest.mark.parametrize("seed", range(3))
def test_rotation_translation_and_scale_of_systems_change_nothing(seed):
    systems = planted_systems(60, 8, 4, 0.6, seed=seed)
    random = np.random.default_rng(seed)
    moved = [
        random.uniform(0.1, 9) * rows @ rotation(8, random) + random.standard_normal(8)
        for rows in systems
    ]
    one, other = (
        fitted(views, tolerance=1e-12, most_iterations=2000) for views in (systems, moved)
    )
    np.testing.assert_allclose(one.raw, other.raw, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_stretching_units_of_a_system_changes_its_dispersion(seed):
    systems = planted_systems(60, 8, 4, 0.6, seed=seed)
    stretched = [systems[0] * np.linspace(0.2, 2, 8), *systems[1:]]
    assert np.abs(fitted(systems).raw - fitted(stretched).raw).max() > 0.01


def test_a_held_out_stimulus_changes_no_other():
    systems = planted_systems(60, 8, 3, 0.6, seed=0)
    folds = dealt_folds(60)[:1]
    one = cross_fitted_dispersion(systems, folds, n_null=2)
    row = folds[0][1][0]
    changed = [rows.copy() for rows in systems]
    changed[0][row] += 5
    other = cross_fitted_dispersion(changed, folds, n_null=2)
    differs = np.flatnonzero(np.nan_to_num(one.raw) != np.nan_to_num(other.raw))
    np.testing.assert_array_equal(differs, [row])
    np.testing.assert_array_equal(one.in_sample, other.in_sample)
    assert np.isnan(one.raw).sum() == 48  # never held out


@pytest.mark.parametrize("heavy", [False, True])
def test_planted_ambiguous_stimuli_are_found_by_the_norm_free_forms(heavy):
    random = np.random.default_rng(0)
    ambiguous = random.random(300) < 0.2
    systems = planted_systems(300, 40, 6, np.where(ambiguous, 0.1, 0.7), 10, seed=1)
    if heavy:
        sizes = np.exp(random.standard_normal(300))[:, None]
        systems = [rows * sizes for rows in systems]
    found = fitted(systems, n_null=5)
    assert roc_auc_score(ambiguous, found.relative) >= 0.95
    assert roc_auc_score(ambiguous, found.directional) >= 0.95
    assert roc_auc_score(ambiguous, -found.consensus_r2) >= 0.95
    if heavy:
        assert roc_auc_score(ambiguous, found.raw) < 0.9


def test_the_null_keeps_the_norm_of_each_stimulus():
    # Shuffling held-out stimuli would give all of them one null, and consensus R2 their norms.
    random = np.random.default_rng(1)
    sizes = np.exp(0.7 * random.standard_normal(300))
    systems = [rows * sizes[:, None] for rows in planted_systems(300, 30, 5, 0.6, 10, seed=2)]
    found = fitted(systems, n_null=10)
    assert np.corrcoef(found.null, (found.norm**2).mean(0))[0, 1] > 0.98
    assert abs(np.corrcoef(found.consensus_r2, sizes)[0, 1]) < 0.25


def test_consensus_r2_of_independent_systems_is_zero_within_three_standard_errors():
    means = [
        fitted(planted_systems(100, 20, 4, 0.0, seed=seed), n_null=10).consensus_r2.mean()
        for seed in range(8)
    ]
    assert abs(np.mean(means)) < 3 * np.std(means, ddof=1) / np.sqrt(8)


def test_without_a_null_consensus_r2_is_unknown():
    found = fitted(planted_systems(60, 8, 3, 0.5, seed=0))
    assert np.isnan(found.null).all()
    assert np.isnan(found.consensus_r2).all()


def test_principal_components_keep_the_share_that_is_said():
    systems = planted_systems(200, 30, 3, 1.0, 5, seed=0)
    found = fitted(systems, dimensions=5)
    assert found.width == 5
    np.testing.assert_allclose(found.kept, 1, atol=1e-9)
    noisy = fitted(planted_systems(200, 30, 3, 0.5, 5, seed=0), dimensions=5)
    assert ((noisy.kept > 0.45) & (noisy.kept < 0.75)).all()
    assert noisy.raw.mean() < fitted(planted_systems(200, 30, 3, 0.5, 5, seed=0)).raw.mean()


def test_the_same_seed_gives_the_same_null_and_inputs_stay_as_they_are():
    systems = planted_systems(60, 8, 3, 0.5, seed=0)
    before = [rows.tobytes() for rows in systems]
    one, other = (fitted(systems, n_null=2) for _ in range(2))
    np.testing.assert_array_equal(one.null, other.null)
    assert [rows.tobytes() for rows in systems] == before


def test_torch_and_float32_agree_with_numpy():
    systems = planted_systems(100, 12, 4, 0.6, seed=0)
    one = fitted(systems, tolerance=1e-9)
    two = fitted(systems, tolerance=1e-9, device="torch")
    np.testing.assert_allclose(one.raw, two.raw, atol=1e-8)
    three = fitted([rows.astype("float32") + 1e4 for rows in systems], dtype="float32")
    np.testing.assert_allclose(one.raw, three.raw, atol=0.02)


def test_a_constant_unit_and_a_duplicate_change_nothing():
    systems = planted_systems(100, 12, 4, 0.6, seed=0)
    more = [np.c_[systems[0], np.full(100, 3.7)], *systems[1:]]
    options = {"tolerance": 1e-10, "most_iterations": 1000}
    np.testing.assert_allclose(
        fitted(systems, **options).raw, fitted(more, **options).raw, atol=1e-6
    )
    doubled = [np.c_[systems[0], systems[0]], *systems[1:]]
    np.testing.assert_allclose(
        fitted(systems, **options).raw, fitted(doubled, **options).raw, atol=1e-6
    )


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (
            [(30, 3)],
            "Systems of shapes (30, 3) were given; dispersion needs at least two, each of stimuli "
            "by units.",
        ),
        (
            [(30, 3), (29, 3)],
            "Systems of 30, 29 stimuli were given; all need the same stimuli.",
        ),
        (
            [(3, 3), (3, 2)],
            "A fold has 2 training stimuli; rotations need at least 3, and are worth little below "
            "the number of units.",
        ),
    ],
)
def test_systems_that_cannot_be_compared_are_refused(shapes, words):
    systems = [np.random.default_rng(0).standard_normal(shape) for shape in shapes]
    with pytest.raises(DataError) as error:
        cross_fitted_dispersion(systems, dealt_folds(shapes[0][0], 3))
    assert str(error.value) == words
