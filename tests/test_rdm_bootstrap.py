"""The bootstrap of scores and bounds: equal to drawing samples, to its variances and coverage."""

import time
import warnings

import numpy as np
import oracles_rdm_inference as oracles
import pytest
from oracles_rdm_inference import draws, peer_bootstrap, simulate

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.rdm import gram
from neuroalign.numerics.rdm.bootstrap import bootstrap_scores, draw_counts, dual_bootstrap
from neuroalign.numerics.rdm.bounds import noise_ceiling
from neuroalign.numerics.rdm.spaces import COMPARISONS

WHITENED = ["whitened_cosine", "whitened_correlation"]
RANKS = ["spearman", "rho_a", "tau_a"]


def as_table(samples):
    return np.column_stack([samples.scores, samples.lower, samples.upper])


@pytest.mark.parametrize("comparison", ["cosine", "correlation", *RANKS])
@pytest.mark.parametrize("over", ["stimuli", "subjects", "both"])
def test_scores_and_bounds_equal_rsatoolbox_sample_by_sample(comparison, over):
    models, subjects = simulate()
    n_samples = 40 if comparison in ("cosine", "correlation") else 8
    stimuli, stimulus_counts = draws(12, n_samples, seed=1)
    people, subject_counts = draws(5, n_samples, seed=2)
    expected = peer_bootstrap(
        models,
        subjects,
        comparison,
        None if over == "subjects" else stimuli,
        None if over == "stimuli" else people,
    )
    found = bootstrap_scores(
        models,
        subjects,
        comparison,
        stimulus_counts=None if over == "subjects" else stimulus_counts,
        subject_counts=None if over == "stimuli" else subject_counts,
        count_copies=False,
    )
    np.testing.assert_allclose(as_table(found), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("comparison", ["cosine", "correlation"])
def test_a_whole_run_equals_rsatoolbox_with_its_own_draws(comparison, monkeypatch):
    peer = oracles.rsatoolbox()
    models, subjects = simulate(n_stimuli=9, n_subjects=4)
    stimuli, stimulus_counts = draws(9, 30, seed=3)
    people, subject_counts = draws(4, 30, seed=4)
    queue = [index for pair in zip(people, stimuli, strict=True) for index in pair]
    monkeypatch.setattr(np.random, "randint", lambda *_, **__: queue.pop(0))
    fixed = [peer.model.ModelFixed(str(k), model) for k, model in enumerate(models)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer.inference.eval_bootstrap(
            fixed, peer.rdm.RDMs(subjects), method=oracles.PEER_NAMES[comparison], N=30
        )
    ours = bootstrap_scores(
        models,
        subjects,
        comparison,
        stimulus_counts=stimulus_counts,
        subject_counts=subject_counts,
        count_copies=False,
    )
    np.testing.assert_allclose(ours.scores, theirs.evaluations, atol=1e-12, rtol=0)
    distinct = (subject_counts > 0).sum(1) > 1  # of one subject, rsatoolbox says that both are 1
    np.testing.assert_allclose(ours.lower[distinct], theirs.noise_ceiling[0][distinct], atol=1e-12)
    np.testing.assert_allclose(ours.upper[distinct], theirs.noise_ceiling[1][distinct], atol=1e-12)
    assert ours.n_one_subject == (~distinct).sum()


@pytest.mark.parametrize("center", [False, True])
def test_whitened_scores_equal_those_with_the_covariance_inverted(center):
    models, subjects = simulate(n_stimuli=8)
    stimuli, counts = draws(8, 20, seed=1)
    counts = np.vstack([counts, [6, 1, 1, 0, 0, 0, 0, 0]])  # where the covariance is far from even
    stimuli = [*stimuli, np.repeat(np.arange(8), counts[-1])]
    found = bootstrap_scores(models, subjects, WHITENED[center], stimulus_counts=counts)
    expected = [
        oracles.whitened_similarities(models, subjects, sample, center).mean(1)
        for sample in stimuli
    ]
    np.testing.assert_allclose(found.scores, expected, atol=1e-10)


def test_whitened_cosines_equal_rsatoolbox():
    models, subjects = simulate()
    stimuli, counts = draws(12, 10, seed=1)
    expected = peer_bootstrap(models, subjects, "whitened_cosine", stimuli)
    found = bootstrap_scores(models, subjects, "whitened_cosine", stimulus_counts=counts)
    np.testing.assert_allclose(found.scores, expected[:, :3], atol=1e-12)


@pytest.mark.parametrize("comparison", sorted(COMPARISONS))
def test_a_sample_of_everything_once_reads_as_no_sample(comparison):
    models, subjects = simulate()
    found = bootstrap_scores(
        models,
        subjects,
        comparison,
        stimulus_counts=np.ones((1, 12), int),
        subject_counts=np.ones((1, 5), int),
    )
    expected = COMPARISONS[comparison](models, subjects).mean(1)
    np.testing.assert_allclose(found.scores[0], expected, atol=1e-12)
    ceiling = noise_ceiling(subjects, comparison)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], ceiling[:2], atol=1e-12)


@pytest.mark.parametrize("comparison", ["cosine", "correlation", *WHITENED])
def test_no_model_beats_the_upper_bound_of_a_sample_if_copies_count(comparison):
    _, subjects = simulate(n_subjects=3)
    counts, drawn = draw_counts(12, 30, seed=1), np.tile([5, 1, 1], (30, 1))
    rng = np.random.default_rng(0)
    models = rng.dirichlet([1, 1, 1], 200) @ subjects
    weights = {"stimulus_counts": counts, "subject_counts": drawn}
    found = bootstrap_scores(models, subjects, comparison, **weights)
    assert (found.scores <= found.upper[:, None] + 1e-12).all()


def test_models_beat_the_upper_bound_of_rsatoolbox_in_samples_of_subjects():
    _, subjects = simulate(n_subjects=2)
    once = np.array([[5, 1]])
    found = bootstrap_scores(
        subjects, subjects, "correlation", subject_counts=once, count_copies=False
    )
    expected = peer_bootstrap(subjects, subjects, "correlation", None, [[0, 0, 0, 0, 0, 1]])[0]
    assert found.upper[0] == pytest.approx(expected[3], abs=1e-12)
    assert found.scores.max() > found.upper[0] + 0.01


@pytest.mark.parametrize("comparison", ["cosine", "correlation", "spearman"])
def test_the_dual_bootstrap_uses_the_same_draws_in_all_three(comparison):
    models, subjects = simulate()
    weights = {
        "stimulus_counts": draw_counts(12, 7, seed=1),
        "subject_counts": draw_counts(5, 7, seed=2),
    }
    both, stimuli, people = dual_bootstrap(models, subjects, comparison, **weights)
    for found, names in (
        (both, list(weights)),
        (stimuli, ["stimulus_counts"]),
        (people, ["subject_counts"]),
    ):
        own = {name: weights[name] for name in names}
        expected = bootstrap_scores(models, subjects, comparison, **own)
        np.testing.assert_array_equal(as_table(found), as_table(expected))


@pytest.mark.parametrize("comparison", ["cosine", "correlation", "whitened_correlation"])
def test_chunks_and_blocks_change_nothing(comparison, monkeypatch):
    models, subjects = simulate(n_stimuli=30)
    counts = draw_counts(30, 50, seed=1)
    whole = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    monkeypatch.setattr(gram, "CHUNK", 600)
    monkeypatch.setattr(gram, "BLOCK", 100)
    parts = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    np.testing.assert_allclose(as_table(parts), as_table(whole), atol=1e-13)


@pytest.mark.parametrize("comparison", ["cosine", "correlation", "rho_a"])
def test_samples_of_two_stimuli_are_nan_and_counted(comparison):
    models, subjects = simulate(n_stimuli=4)
    counts = np.array([[2, 2, 0, 0], [1, 1, 1, 1], [4, 0, 0, 0], [2, 1, 1, 0]])
    found = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    assert np.isnan(as_table(found)).all(axis=1).tolist() == [True, False, True, False]
    assert np.isfinite(as_table(found)[[1, 3]]).all()
    assert found.n_few_stimuli == 2


@pytest.mark.parametrize("comparison", ["correlation", "spearman"])
def test_one_subject_has_scores_but_no_bounds(comparison):
    models, subjects = simulate(n_subjects=1)
    counts = draw_counts(12, 5, seed=1)
    found = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    assert np.isfinite(found.scores).all()
    assert np.isnan([found.lower, found.upper]).all()
    assert found.n_one_subject == 5


@pytest.mark.parametrize("comparison", ["cosine", "correlation", "spearman"])
def test_pairs_missing_in_all_are_as_if_they_had_no_weight(comparison):
    models, subjects = simulate()
    missing = np.zeros(66, bool)
    missing[[0, 7, 50]] = True
    stimuli, counts = draws(12, 6, seed=1)
    without = [np.where(missing, np.nan, part) for part in (models, subjects)]
    found = bootstrap_scores(*without, comparison, stimulus_counts=counts)
    for row, sample in enumerate(stimuli):
        (parts, _), (gone, _) = (
            oracles.drawn_pairs(np.vstack(rows), sample)
            for rows in ([models, subjects], [missing.astype(float)])
        )
        kept = parts[:, gone[0] == 0]
        expected = COMPARISONS[comparison](kept[:3], kept[3:]).mean(1)
        np.testing.assert_allclose(found.scores[row], expected, atol=1e-12)


@pytest.mark.parametrize("comparison", ["cosine", "correlation", *RANKS])
def test_samples_without_any_pair_are_undefined(comparison):
    models, subjects = (np.full_like(part, np.nan) for part in simulate())
    found = bootstrap_scores(models, subjects, comparison, stimulus_counts=draws(12, 4, seed=1)[1])
    assert np.isnan(as_table(found)).all()


@pytest.mark.parametrize("comparison", ["correlation", "whitened_correlation", "spearman"])
@pytest.mark.parametrize("seed", range(3))
def test_correlations_ignore_offset_and_scale_of_each_row(comparison, seed):
    models, subjects = simulate(seed=seed)
    counts = draw_counts(12, 10, seed)
    rng = np.random.default_rng(seed)
    moved = [
        part * rng.uniform(0.1, 10, (len(part), 1)) + rng.normal(size=(len(part), 1)) * 1e3
        for part in (models, subjects)
    ]
    one = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    two = bootstrap_scores(*moved, comparison, stimulus_counts=counts)
    np.testing.assert_allclose(as_table(two), as_table(one), atol=1e-9)


@pytest.mark.parametrize("comparison", ["cosine", "whitened_cosine"])
def test_cosines_ignore_scale_but_not_offset(comparison):
    models, subjects = simulate()
    counts = draw_counts(12, 10, seed=1)
    one, two, three = (
        bootstrap_scores(models * a + b, subjects, comparison, stimulus_counts=counts)
        for a, b in ((1, 0), (7, 0), (1, 5))
    )
    np.testing.assert_allclose(as_table(two), as_table(one), atol=1e-12)
    assert np.abs(three.scores - one.scores).mean() > 1e-2


@pytest.mark.parametrize("comparison", ["correlation", "whitened_correlation"])
def test_single_precision_with_a_large_offset_loses_what_it_lost_itself(comparison):
    models, subjects = (part.astype(np.float32) + np.float32(1e4) for part in simulate())
    counts = draw_counts(12, 10, seed=1)
    found = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    exact = bootstrap_scores(
        models.astype(float) - 1e4, subjects.astype(float) - 1e4, comparison, stimulus_counts=counts
    )
    np.testing.assert_allclose(as_table(found), as_table(exact), atol=1e-10)


@pytest.mark.parametrize(
    "comparison", ["cosine", "correlation", "spearman", "whitened_correlation"]
)
def test_constant_models_are_undefined_and_alone(comparison):
    _, subjects = simulate()
    values = np.random.default_rng(0).uniform(size=(30, 1)) * (comparison != "cosine")
    models = np.vstack([np.repeat(values, 66, axis=1), subjects[:1]])
    counts = draw_counts(12, 6, seed=1)
    found = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    assert np.isnan(found.scores[:, :30]).all()
    assert np.isfinite(found.scores[:, 30]).all()
    assert np.isfinite(found.upper).all()


@pytest.mark.parametrize("comparison", ["correlation", "whitened_correlation"])
def test_models_constant_up_to_rounding_are_undefined(comparison):
    _, subjects = simulate()
    models = 0.1 * (1 + 1e-16 * np.random.default_rng(0).integers(-2, 3, size=(3, 66)))
    counts = draw_counts(12, 6, seed=1)
    found = bootstrap_scores(models, subjects, comparison, stimulus_counts=counts)
    assert np.ptp(models) > 0
    assert np.isnan(found.scores).all()


def test_what_is_constant_in_a_sample_only_is_undefined_there():
    _, subjects = simulate(n_stimuli=6)
    square = np.ones((30, 6, 6)) * np.random.default_rng(0).uniform(size=(30, 1, 1))
    square[:, 4:] = square[:, :, 4:] = 0.7
    models = square[:, *np.triu_indices(6, 1)]
    counts = np.array([[3, 2, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    found = bootstrap_scores(models, subjects, "correlation", stimulus_counts=counts)
    assert np.isnan(found.scores[0]).all()
    assert np.isfinite(found.scores[1]).all()


@pytest.mark.parametrize("comparison", ["correlation", "spearman"])
def test_a_constant_subject_spoils_only_samples_that_it_is_in(comparison):
    models, subjects = simulate()
    subjects[4] = 0.1
    drawn = np.array([[2, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    found = bootstrap_scores(models, subjects, comparison, subject_counts=drawn)
    assert np.isnan(as_table(found)).all(axis=1).tolist() == [False, True]
    expected = bootstrap_scores(models, subjects[:4], comparison, subject_counts=drawn[:1, :4])
    np.testing.assert_allclose(as_table(found)[:1], as_table(expected), atol=1e-12)


@pytest.mark.parametrize("comparison", ["correlation", "spearman", "whitened_cosine"])
def test_inputs_are_left_as_they_were(comparison):
    given = [*simulate(), draw_counts(12, 5, seed=1), draw_counts(5, 5, seed=2)]
    before = [part.tobytes() for part in given]
    models, subjects, stimuli, people = given
    dual_bootstrap(models, subjects, comparison, stimulus_counts=stimuli, subject_counts=people)
    assert [part.tobytes() for part in given] == before


def test_draws_are_of_n_with_replacement_and_repeat_with_the_seed():
    counts = draw_counts(9, 2000, seed=3)
    assert (counts.sum(1) == 9).all()
    np.testing.assert_array_equal(counts, draw_counts(9, 2000, seed=3))
    assert np.abs(counts.mean(0) - 1).max() < 3 * np.sqrt((1 - 1 / 9) / 2000) + 0.03
    assert counts.var() == pytest.approx(1 - 1 / 9, rel=0.05)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"stimulus_counts": None},
            "There are no samples; give stimulus_counts, subject_counts or both.",
        ),
        (
            {"stimulus_counts": np.ones((2, 11))},
            "The stimulus counts have shape (2, 11); give one number of times, 0 or more, for each "
            "sample and each of 12: (samples, 12).",
        ),
        (
            {"subject_counts": np.ones((3, 5))},
            "There are 2 samples of stimuli and 3 of subjects; draw as many of both.",
        ),
        (
            {"models": np.ones((3, 55))},
            "Some dissimilarities have 55 pairs and others 66; give the same stimuli in the same "
            "order.",
        ),
        (
            {"models": np.full((3, 66), np.nan)},
            "66 pairs are NaN in some sets of dissimilarities and not in others; make the same "
            "pairs NaN in all, or leave out the stimuli that they belong to.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, sentence):
    models, subjects = simulate()
    given = {"models": models, "stimulus_counts": np.ones((2, 12)), **change}
    with pytest.raises(DataError) as caught:
        bootstrap_scores(given.pop("models"), subjects, "cosine", **given)
    assert str(caught.value) == sentence


def test_unknown_comparisons_are_refused():
    models, subjects = simulate()
    with pytest.raises(UnknownNameError) as caught:
        bootstrap_scores(models, subjects, "cosin", subject_counts=np.ones((1, 5)))
    expected = "No comparison of dissimilarities is called 'cosin'. Did you mean 'cosine'?"
    assert str(caught.value) == expected


def test_whitening_refuses_missing_pairs():
    models, subjects = simulate()
    models[:, 3] = subjects[:, 3] = np.nan
    with pytest.raises(DataError) as caught:
        bootstrap_scores(models, subjects, "whitened_cosine", subject_counts=np.ones((1, 5)))
    assert str(caught.value) == (
        "1 pairs are NaN, and whitening needs all; leave out the stimuli that they belong to, or "
        "compare without whitening."
    )


@pytest.mark.slow  # 10 s
@pytest.mark.parametrize(("comparison", "ratio"), [("cosine", 50), ("correlation", 20)])
def test_the_bootstrap_takes_a_small_part_of_the_time_of_rsatoolbox(comparison, ratio):
    models, subjects = simulate(n_stimuli=100, n_subjects=10, n_models=5)
    stimuli, counts = draws(100, 1000, seed=1)

    def cpu_seconds(run):
        start = time.process_time()
        run()
        return time.process_time() - start

    ours = [
        cpu_seconds(lambda: bootstrap_scores(models, subjects, comparison, stimulus_counts=counts))
        for _ in range(3)
    ]
    theirs = [
        cpu_seconds(lambda: peer_bootstrap(models, subjects, comparison, stimuli[:50]))
        for _ in range(3)
    ]
    assert np.median(theirs) / 50 > ratio * np.median(ours) / 1000
