"""Models of dissimilarities: weights as peers fit them, and scores on held-out stimuli."""

import numpy as np
import oracles_rdm_inference as oracles
import pytest
from oracles_rdm_inference import mean_comparison, pairs_within, simulate
from scipy.optimize import minimize

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.rdm.bounds import noise_ceiling, pool
from neuroalign.numerics.rdm.held_out import cross_validate
from neuroalign.numerics.rdm.models import (
    FixedModel,
    InterpolatedModel,
    SelectedModel,
    WeightedModel,
    predict,
)
from neuroalign.numerics.rdm.spaces import COMPARISONS, INNER_PRODUCTS

EVERY = sorted(COMPARISONS)
MODELS = [SelectedModel(), WeightedModel(), WeightedModel(nonnegative=False), InterpolatedModel()]


def mixed(n_sets=4, n_stimuli=10, n_subjects=3, seed=0, weights=None):
    """Make sets of dissimilarities and subjects who are noisy sums of them."""
    rng = np.random.default_rng(seed)
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    sets = rng.gamma(2, size=(n_sets, n_pairs))
    weights = rng.normal(0.5, 1, n_sets) if weights is None else np.array(weights)
    return sets, weights @ sets + rng.normal(size=(n_subjects, n_pairs)) + 3


@pytest.mark.parametrize("comparison", INNER_PRODUCTS)
@pytest.mark.parametrize("seed", range(3))
def test_free_weights_have_the_direction_of_rsatoolbox(comparison, seed):
    sets, subjects = mixed(seed=seed)
    if comparison.startswith("whitened"):  # its pool is of whitened rows only if it is told so
        subjects = subjects[:1]
    found = WeightedModel(nonnegative=False).fit_arrays(sets, subjects, comparison)
    expected = oracles.peer_theta(sets, subjects, comparison, "fit_regress", "ModelWeighted")
    assert (found**2).sum() == pytest.approx(1)
    np.testing.assert_allclose(found, expected, atol=1e-10 if len(subjects) > 1 else 1e-4)


@pytest.mark.parametrize("comparison", ["cosine", "correlation"])
@pytest.mark.parametrize("seed", range(3))
def test_nonnegative_weights_have_the_direction_of_rsatoolbox(comparison, seed):
    sets, subjects = mixed(seed=seed)
    found = WeightedModel().fit_arrays(sets, subjects, comparison)
    expected = oracles.peer_theta(sets, subjects, comparison, "fit_regress_nn", "ModelWeighted")
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert (found >= 0).all()


@pytest.mark.parametrize("comparison", INNER_PRODUCTS)
@pytest.mark.parametrize("nonnegative", [True, False])
def test_no_weights_found_by_search_reach_more(comparison, nonnegative):
    sets, subjects = mixed(weights=[1, -0.5, 0.3, 0.2])
    theta = WeightedModel(nonnegative).fit_arrays(sets, subjects, comparison)
    compare = COMPARISONS[comparison]
    reached = mean_comparison(compare, predict(sets, theta), subjects)[0]
    bounds = [(0 if nonnegative else None, None)] * 4
    best = minimize(
        lambda weights: -mean_comparison(compare, weights @ sets, subjects)[0],
        np.ones(4),
        bounds=bounds,
        method="L-BFGS-B",
    )
    assert -best.fun <= reached + 1e-12
    assert -best.fun == pytest.approx(reached, abs=1e-5)


@pytest.mark.parametrize("comparison", INNER_PRODUCTS)
def test_planted_weights_are_recovered_without_noise(comparison):
    sets, _ = mixed()
    weights = np.array([1, 0.5, 0, 2])
    theta = WeightedModel().fit_arrays(sets, (weights @ sets)[None] * [[1], [7]], comparison)
    np.testing.assert_allclose(theta, weights / np.linalg.norm(weights), atol=1e-10)


@pytest.mark.parametrize("nonnegative", [True, False])
def test_sets_that_depend_on_each_other_predict_as_one_of_them(nonnegative):
    sets, subjects = mixed(weights=[1, 1, 1, 1])
    copied = np.vstack([sets, sets[0]])
    one, two = (
        predict(part, WeightedModel(nonnegative).fit_arrays(part, subjects, "cosine"))
        for part in (sets, copied)
    )
    np.testing.assert_allclose(COMPARISONS["cosine"](one[None], two[None]), 1, atol=1e-12)


@pytest.mark.parametrize("comparison", EVERY)
def test_the_selected_set_is_the_one_that_rsatoolbox_selects(comparison):
    sets, subjects = mixed()
    found = SelectedModel().fit_arrays(sets, subjects, comparison)
    means = COMPARISONS[comparison](sets, subjects).mean(1)
    assert found.tolist() == [float(k == np.argmax(means)) for k in range(4)]
    if comparison in oracles.PEER_NAMES:
        expected = oracles.peer_theta(sets, subjects, comparison, "fit_select", "ModelSelect")
        assert found.argmax() == expected


@pytest.mark.parametrize("comparison", EVERY)
@pytest.mark.parametrize("seed", range(2))
def test_the_best_mixture_of_neighbors_is_that_of_a_fine_grid(comparison, seed):
    sets, subjects = mixed(weights=[0, 1, 0.6, 0], seed=seed)
    theta = InterpolatedModel().fit_arrays(sets, subjects, comparison)
    assert theta.sum() == pytest.approx(1)
    assert (theta > 0).sum() <= 2
    compare = COMPARISONS[comparison]
    reached = mean_comparison(compare, predict(sets, theta), subjects)[0]
    shares = np.linspace(0, 1, 2001 if comparison in INNER_PRODUCTS else 101)[:, None]
    grid = np.vstack([(1 - shares) * sets[k] + shares * sets[k + 1] for k in range(3)])
    best = mean_comparison(compare, grid, subjects).max()
    if comparison in INNER_PRODUCTS:
        assert best - 1e-12 <= reached <= best + 1e-6
    else:  # steps, of which a bounded search may miss the best
        assert reached >= best - 0.01


@pytest.mark.parametrize("comparison", ["cosine", "correlation"])
def test_mixtures_equal_those_of_rsatoolbox(comparison):
    sets, subjects = mixed(weights=[0, 1, 0.6, 0])
    found = InterpolatedModel().fit_arrays(sets, subjects, comparison)
    expected = oracles.peer_theta(sets, subjects, comparison, "fit_interpolate", "ModelInterpolate")
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_mixture_can_be_one_set_alone():
    sets, _ = mixed()
    for own in range(4):
        theta = InterpolatedModel().fit_arrays(sets, sets[[own]], "cosine")
        np.testing.assert_allclose(theta, np.eye(4)[own], atol=1e-6)


def test_a_fixed_model_has_nothing_to_fit():
    sets, subjects = mixed(n_sets=1)
    theta = FixedModel().fit_arrays(sets, subjects, "rho_a")
    np.testing.assert_array_equal(predict(sets, theta), sets[0])


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("comparison", ["correlation", "cosine"])
def test_pairs_missing_in_all_are_left_out_of_the_fit(model, comparison):
    sets, subjects = mixed()
    expected = model.fit_arrays(
        *(np.delete(part, [3, 8], axis=1) for part in (sets, subjects)), comparison
    )
    sets[:, [3, 8]] = subjects[:, [3, 8]] = np.nan
    np.testing.assert_array_equal(model.fit_arrays(sets, subjects, comparison), expected)


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_fits_by_correlation_ignore_scale_and_offset_of_subjects(model, seed):
    sets, subjects = mixed(seed=seed)
    moved = subjects * [[0.1], [5], [2]] + [[7], [0], [-3]]
    one, two = (model.fit_arrays(sets, part, "correlation") for part in (subjects, moved))
    np.testing.assert_allclose(two, one, atol=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_constant_sets_are_never_chosen_and_alone_are_undefined(model):
    sets, subjects = mixed()
    sets[2] = 0.1
    theta = model.fit_arrays(sets, subjects, "correlation")
    assert np.isfinite(theta).all()
    assert abs(theta[2]) < 1e-6 or isinstance(model, InterpolatedModel)
    assert np.isnan(model.fit_arrays(np.zeros((2, 45)), subjects, "correlation")).all()


@pytest.mark.parametrize("comparison", EVERY)
@pytest.mark.parametrize("model", [SelectedModel(), WeightedModel(), InterpolatedModel()], ids=repr)
def test_scores_are_of_pairs_among_held_out_stimuli(model, comparison):
    sets, subjects = mixed(n_stimuli=12)
    folds = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], 4))
    by = comparison if comparison in INNER_PRODUCTS else "correlation"
    found = cross_validate(model, sets, subjects, comparison, stimulus_folds=folds, fitted_by=by)
    for fold in range(3):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        theta = model.fit_arrays(pairs_within(sets, train), pairs_within(subjects, train), by)
        own = pairs_within(subjects, test)
        predicted = predict(pairs_within(sets, test), theta)
        expected = mean_comparison(COMPARISONS[comparison], predicted, own)[0]
        ceiling = noise_ceiling(own, comparison)
        np.testing.assert_allclose(found.theta[fold], theta, atol=1e-12)
        assert found.scores[fold] == pytest.approx(expected, abs=1e-12)
        assert [found.lower[fold], found.upper[fold]] == pytest.approx(ceiling[:2], abs=1e-12)
    assert found.n_stimuli.tolist() == [4, 4, 4]


def test_with_folds_of_subjects_those_scored_are_not_fitted():
    sets, subjects = mixed(n_stimuli=9, n_subjects=4)
    stimulus_folds, subject_folds = np.repeat([0, 1, 2], 3), np.array([0, 1, 0, 1])
    found = cross_validate(
        WeightedModel(),
        sets,
        subjects,
        "correlation",
        stimulus_folds=stimulus_folds,
        subject_folds=subject_folds,
    )
    compare = COMPARISONS["correlation"]
    for row, (fold, people) in enumerate((f, s) for f in range(3) for s in range(2)):
        train, test = (np.flatnonzero((stimulus_folds == fold) == own) for own in (False, True))
        scored = subject_folds == people
        theta = WeightedModel().fit_arrays(
            pairs_within(sets, train), pairs_within(subjects[~scored], train), "correlation"
        )
        own = pairs_within(subjects, test)
        candidates = [
            predict(pairs_within(sets, test), theta),
            pool(own[~scored], "correlation", np.ones((1, 2)))[0],
            pool(own, "correlation", np.ones((1, 4)))[0],
        ]
        expected = mean_comparison(compare, candidates, own[scored])
        got = [found.scores[row], found.lower[row], found.upper[row]]
        np.testing.assert_allclose(got, expected, atol=1e-12)


def test_leaving_out_one_subject_at_a_time_gives_the_bounds_of_all_together():
    sets, subjects = mixed(n_stimuli=9, n_subjects=4)
    folds = {"stimulus_folds": np.repeat([0, 1, 2], 3)}
    whole = cross_validate(SelectedModel(), sets, subjects, "cosine", **folds)
    single = cross_validate(
        SelectedModel(), sets, subjects, "cosine", subject_folds=np.arange(4), **folds
    )
    np.testing.assert_allclose(single.lower.reshape(3, 4).mean(1), whole.lower, atol=1e-12)
    np.testing.assert_allclose(single.upper.reshape(3, 4).mean(1), whole.upper, atol=1e-12)


@pytest.mark.parametrize("comparison", [*INNER_PRODUCTS, "rho_a"])
@pytest.mark.parametrize("seed", range(5))
def test_no_fitted_model_exceeds_the_upper_bound_of_its_fold(comparison, seed):
    sets, subjects = mixed(n_stimuli=15, n_subjects=3, weights=[1, 2, 1, 0], seed=seed)
    by = comparison if comparison in INNER_PRODUCTS else "correlation"
    found = cross_validate(
        WeightedModel(),
        np.vstack([sets, subjects]),
        subjects,
        comparison,
        stimulus_folds=np.arange(15) % 3,
        fitted_by=by,
    )
    assert (found.scores <= found.upper + 1e-12).all()


def test_weights_fitted_to_noise_score_nothing_on_held_out_stimuli():
    scores = []
    for seed in range(40):
        sets, _ = mixed(n_sets=10, n_stimuli=20, seed=seed)
        noise = np.random.default_rng([seed, 1]).normal(size=(3, 190))
        found = cross_validate(
            WeightedModel(nonnegative=False),
            sets,
            noise,
            "correlation",
            stimulus_folds=np.arange(20) % 2,
        )
        scores.append(found.scores.mean())
        theta = WeightedModel(nonnegative=False).fit_arrays(sets, noise, "correlation")
        assert mean_comparison(COMPARISONS["correlation"], predict(sets, theta), noise)[0] > 0
    assert abs(np.mean(scores)) < 3 * np.std(scores) / np.sqrt(40)


def test_one_subject_is_scored_without_bounds():
    sets, subjects = mixed(n_subjects=1)
    found = cross_validate(
        SelectedModel(), sets, subjects, "spearman", stimulus_folds=np.arange(10) % 2
    )
    assert np.isfinite(found.scores).all()
    assert np.isnan([found.lower, found.upper]).all()


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_inputs_are_left_as_they_were(model):
    sets, subjects = mixed()
    before = sets.tobytes(), subjects.tobytes()
    cross_validate(model, sets, subjects, "correlation", stimulus_folds=np.arange(10) % 2)
    assert (sets.tobytes(), subjects.tobytes()) == before


@pytest.mark.parametrize(
    ("model", "comparison", "n_sets", "sentence"),
    [
        (
            FixedModel(),
            "cosine",
            4,
            "A fixed model is one set of dissimilarities, and 4 are given; use SelectedModel or "
            "WeightedModel.",
        ),
        (
            WeightedModel(),
            "rho_a",
            4,
            "Weighted models cannot be fitted by rho_a, as ranks do not add up; fit by "
            "'correlation' or 'whitened_correlation', and score by what you like.",
        ),
        (
            InterpolatedModel(),
            "cosine",
            1,
            "One set of dissimilarities has no neighbor; give two or more, in order.",
        ),
    ],
)
def test_models_that_cannot_be_fitted_say_so(model, comparison, n_sets, sentence):
    sets, subjects = mixed(n_sets=n_sets)
    with pytest.raises(DataError) as caught:
        model.fit_arrays(sets, subjects, comparison)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("folds", "sentence"),
    [
        (
            {"stimulus_folds": np.arange(9)},
            "The stimulus folds have shape (9,); give one fold for each of 10: (10,).",
        ),
        (
            {"stimulus_folds": np.zeros(10, int)},
            "All stimulus folds are 0, so that nothing is left to fit; give two.",
        ),
        (
            {"stimulus_folds": np.arange(10) % 5},
            "Fold 0 holds out 2 of 10 and another leaves 8; give folds that hold out and leave 3 "
            "or more.",
        ),
    ],
)
def test_folds_that_cannot_be_used_are_refused(folds, sentence):
    sets, subjects = mixed()
    with pytest.raises(DataError) as caught:
        cross_validate(SelectedModel(), sets, subjects, "cosine", **folds)
    assert str(caught.value) == sentence


def test_unknown_comparisons_are_refused():
    sets, subjects = simulate()
    with pytest.raises(UnknownNameError, match="Did you mean 'spearman'"):
        SelectedModel().fit_arrays(sets, subjects, "spearmen")


@pytest.mark.parametrize("comparison", INNER_PRODUCTS)
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_common_scale_of_sets_is_too_large_or_too_small(comparison, scale):
    sets, subjects = mixed()
    found = WeightedModel().fit_arrays(sets * scale, subjects, comparison)
    expected = WeightedModel().fit_arrays(sets, subjects, comparison)
    np.testing.assert_allclose(found, expected, atol=1e-9)
