"""Odd-one-out choices: slow oracles, ties, a planted embedding, ceilings, errors and refusals."""

import time

import numpy as np
import oracles_similarity as oracles
import pytest
from scipy.stats import spearmanr

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.similarity import choices
from neuroalign.numerics.similarity.choice_ceilings import choice_ceiling, choice_error
from neuroalign.numerics.similarity.choices import (
    SIMILARITIES,
    choice_credit,
    choice_probabilities,
    judged_spearman,
    odd_one_out,
    triplet_similarities,
)


def draw_triplets(n_items, n_triplets, seed=0):
    rng = np.random.default_rng(seed)
    return np.argsort(rng.random((n_triplets, n_items)), axis=1)[:, :3]


def draw_choices(probabilities, seed=0):
    uniform = np.random.default_rng(seed).random((len(probabilities), 1))
    return (uniform > np.cumsum(probabilities, axis=1)[:, :2]).sum(1)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("largest_table", [0, 10**6])
def test_the_odd_one_is_outside_of_the_most_alike_pair(monkeypatch, similarity, largest_table):
    monkeypatch.setattr(choices, "LARGEST_TABLE", largest_table)
    monkeypatch.setattr(choices, "CHUNK", 40)
    items = np.random.default_rng(0).integers(-1, 2, (12, 3)) + 0.5  # with many ties
    triplets = draw_triplets(12, 300)
    found = odd_one_out(items, triplets, similarity=similarity)
    several = 0
    for row, triplet in zip(found, triplets, strict=True):
        odd = oracles.odd_one_out(items, triplet, similarity)
        several += len(odd) > 1
        expected = [(position in odd) / len(odd) for position in range(3)]
        np.testing.assert_allclose(row, expected)
    assert several > 5


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("same", [np.zeros((5, 4)), np.full((5, 4), 0.1), np.full((5, 4), -7e9)])
def test_a_system_for_which_all_items_are_alike_reads_a_third(similarity, same):
    # Public code counts triplets of which all distances are equal as wrong, or takes the first.
    triplets = draw_triplets(5, 40)
    shares = odd_one_out(same, triplets, similarity=similarity)
    chosen = np.zeros(40, dtype=int)
    if similarity == "cosine" and not same.any():
        assert np.isnan(shares).all()
    else:
        assert choice_credit(shares, chosen).mean() == pytest.approx(1 / 3)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_duplicate_items_are_tied_whatever_the_rounding(similarity):
    rng = np.random.default_rng(0)
    items = rng.normal(size=(200, 301)) + 5
    items[100:] = items[:100]
    others = rng.integers(0, 100, 400)
    one = (others + rng.integers(1, 99, 400)) % 100
    triplets = np.column_stack([one, others, one + 100])
    shares = odd_one_out(items, triplets, similarity=similarity)
    if similarity == "dot":
        assert (shares[:, 0] == shares[:, 2]).all()
    else:
        np.testing.assert_array_equal(shares, np.tile([0.0, 1, 0], (400, 1)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_choices_do_not_depend_on_what_the_similarity_does_not(similarity, seed):
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(30, 8))
    triplets = draw_triplets(30, 400, seed)
    expected = odd_one_out(items, triplets, similarity=similarity)
    turned = items @ np.linalg.qr(rng.normal(size=(8, 8)))[0] * 1e-6
    np.testing.assert_array_equal(odd_one_out(turned, triplets, similarity=similarity), expected)
    moved = odd_one_out(items + 3e6, triplets, similarity=similarity)
    assert (moved == expected).all() == (similarity == "euclidean")
    longer = odd_one_out(items * rng.uniform(1, 9, (30, 1)), triplets, similarity=similarity)
    assert (longer == expected).all() == (similarity == "cosine")
    if similarity == "cosine":
        tiny = odd_one_out(items * 1e-200, triplets, similarity=similarity)
        np.testing.assert_array_equal(tiny, expected)
    order = rng.permutation(3)
    found = odd_one_out(items, triplets[:, order], similarity=similarity)
    np.testing.assert_array_equal(found, expected[:, order])


def test_small_differences_are_no_ties():
    items = np.array([[1.0], [1 + 1e-6], [1 + 3e-6]])
    np.testing.assert_array_equal(odd_one_out(items, np.array([[0, 1, 2]])), [[1, 0, 0]])


def test_similarities_are_those_of_the_two_other_items():
    items = np.random.default_rng(0).normal(size=(9, 4)) + 1
    triplets = draw_triplets(9, 20)
    a, b, c = (items[triplets[:, position]] for position in range(3))
    lengths = [np.linalg.norm(x, axis=1) for x in (a, b, c)]
    dots = np.column_stack([(b * c).sum(1), (a * c).sum(1), (a * b).sum(1)])
    found = triplet_similarities(items, triplets)
    np.testing.assert_allclose(found, dots, atol=1e-12)
    sizes = [lengths[1] * lengths[2], lengths[0] * lengths[2], lengths[0] * lengths[1]]
    found = triplet_similarities(items, triplets, similarity="cosine")
    np.testing.assert_allclose(found, dots / np.column_stack(sizes), atol=1e-12)
    distances = [np.linalg.norm(x - y, axis=1) for x, y in ((b, c), (a, c), (a, b))]
    found = triplet_similarities(items + 100, triplets, similarity="euclidean")
    np.testing.assert_allclose(found, -np.column_stack(distances), atol=1e-10)
    twice = np.vstack([items, items])
    rows = np.column_stack([np.arange(9), np.arange(9) + 9, (np.arange(9) + 1) % 9])
    found = triplet_similarities(twice, rows, similarity="euclidean")
    np.testing.assert_allclose(found[:, 2], 0, atol=1e-7)


def test_probabilities_are_the_softmax_of_similarities():
    similarities = np.array([[0.0, 1, 2], [5000, 0, 5000], [5, 5, 5]])
    found = choice_probabilities(similarities, temperature=2)
    weights = np.exp([0, 0.5, 1])
    expected = [weights / weights.sum(), [0.5, 0, 0.5], [1 / 3] * 3]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_planted_embedding_reaches_the_accuracy_of_bayes_and_others_a_third():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(60, 5))
    triplets = draw_triplets(60, 20_000)
    probabilities = choice_probabilities(triplet_similarities(items, triplets), temperature=3)
    chosen = draw_choices(probabilities)
    best = probabilities.max(1)
    near = 3 * np.sqrt((best * (1 - best)).mean() / 20_000)
    accuracy = choice_credit(odd_one_out(items, triplets), chosen).mean()
    assert accuracy == pytest.approx(best.mean(), abs=near)
    assert 0.5 < accuracy < 0.8
    other = odd_one_out(rng.normal(size=(60, 5)), triplets)
    credit = choice_credit(other, chosen)
    assert credit.mean() == pytest.approx(1 / 3, abs=3 * choice_error(credit, triplets))
    likelihoods = [
        np.log(choice_credit(choice_probabilities(similarities, temperature=t), chosen)).mean()
        for similarities in [triplet_similarities(items, triplets)]
        for t in (1.5, 3, 6)
    ]
    assert likelihoods[1] == max(likelihoods) > -np.log(3)


@pytest.mark.parametrize("repetitions", [2, 3, 25])
def test_repeated_choices_bracket_the_accuracy_of_bayes(repetitions):
    rng = np.random.default_rng(0)
    triplets = draw_triplets(40, 1500)
    probabilities = rng.dirichlet([1, 1, 1], 1500)
    rows = np.repeat(triplets, repetitions, axis=0)
    chosen = draw_choices(np.repeat(probabilities, repetitions, axis=0))
    bayes = probabilities.max(1).mean()
    found = choice_ceiling(rows, chosen)
    assert found.lower < bayes < found.upper
    assert (found.upper - found.lower < 0.06) == (repetitions == 25)
    assert found.n_choices == 1500 * repetitions


@pytest.mark.parametrize("seed", range(3))
def test_bounds_equal_the_slow_oracle_whatever_the_order_within_triplets(seed):
    rng = np.random.default_rng(seed)
    sets = [(0, 1, 2), (0, 1, 3), (90, 7, 4), (5, 6, 8), (2, 1, 4)]
    rows, chosen, answers = [], [], [[] for _ in sets]
    for number, times in enumerate([5, 2, 4, 1, 3]):
        for _ in range(times):
            answer = int(rng.integers(3))
            order = rng.permutation(3)
            rows.append([sets[number][k] for k in order])
            chosen.append(list(order).index(answer))
            answers[number].append(answer)
    found = choice_ceiling(np.array(rows), np.array(chosen))
    assert found[:2] == pytest.approx(oracles.choice_bounds(answers), abs=1e-12)
    assert found[2:] == (4, 14)


def test_choices_that_were_made_once_have_no_ceiling():
    found = choice_ceiling(np.array([[0, 1, 2], [0, 1, 3]]), np.array([0, 0]))
    assert np.isnan(found[:2]).all()
    assert found[2:] == (0, 0)


@pytest.mark.parametrize("n_items", [4, 9, 40])
def test_the_error_sums_over_pairs_of_triplets_that_share_an_item(n_items):
    triplets = draw_triplets(n_items, 120) * 7
    effects = np.random.default_rng(0).normal(size=7 * n_items)
    credit = effects[triplets].sum(1) + np.random.default_rng(1).normal(size=120)
    expected = oracles.clustered_error(credit, triplets)
    assert choice_error(credit, triplets) == pytest.approx(expected, rel=1e-10)


def test_the_error_is_that_of_means_over_other_items():
    rng = np.random.default_rng(0)
    means, errors, naive = [], [], []
    for _ in range(300):
        triplets = np.argsort(rng.random((800, 60)), axis=1)[:, :3]
        credit = rng.normal(size=60)[triplets].sum(1) + rng.normal(size=800)
        means.append(credit.mean())
        errors.append(choice_error(credit, triplets) ** 2)
        naive.append(credit.var() / 800)
    assert np.sqrt(np.mean(errors)) == pytest.approx(np.std(means), rel=0.15)
    assert np.sqrt(np.mean(naive)) < 0.4 * np.std(means)


def test_judged_similarities_are_correlated_by_rank_where_they_are():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(20, 6))
    lengths = np.linalg.norm(items, axis=1)
    similarity = items @ items.T / np.outer(lengths, lengths)
    pairs = np.triu_indices(20, 1)
    judged = np.round(np.exp(similarity[pairs]) + rng.normal(size=190), 1)
    judged[rng.integers(0, 190, 30)] = np.nan
    shown = np.isfinite(judged)
    expected = spearmanr(similarity[pairs][shown], judged[shown])[0]
    assert judged_spearman(items, judged) == pytest.approx(expected, abs=1e-12)
    perfect = -np.linalg.norm(items[pairs[0]] - items[pairs[1]], axis=1)
    assert judged_spearman(items, perfect, similarity="euclidean") == pytest.approx(1)
    assert np.isnan(judged_spearman(items, np.ones(190)))
    assert np.isnan(judged_spearman(np.ones((20, 6)), judged, similarity="dot"))


def test_a_million_triplets_take_seconds():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(1800, 300)).astype(np.float32)
    triplets = rng.integers(0, 600, (1_000_000, 3)) + np.array([0, 600, 1200])
    before = items.tobytes(), triplets.tobytes()
    start = time.process_time()
    shares = odd_one_out(items, triplets)
    assert time.process_time() - start < 5
    credit = choice_credit(shares, np.zeros(1_000_000, dtype=int))
    assert credit.mean() == pytest.approx(1 / 3, abs=0.01)
    assert (items.tobytes(), triplets.tobytes()) == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: odd_one_out(np.ones((4, 2)), np.array([[0, 1, 4]])),
            "Triplets number items from 0 to 4, but there are 4; count items from 0.",
        ),
        (
            lambda: odd_one_out(np.ones((4, 2)), np.array([[0, -1, 2]])),
            "Triplets number items from -1 to 2, but there are 4; count items from 0.",
        ),
        (
            lambda: odd_one_out(np.ones((4, 2)), np.array([[0, 1, 0], [1, 2, 3]])),
            "1 triplets hold an item twice; give three different items in each.",
        ),
        (
            lambda: odd_one_out(np.ones((4, 2)), np.array([[0.0, 1, 2]])),
            "The triplets are float64 of shape (1, 3); give whole numbers of items, three a row.",
        ),
        (
            lambda: choice_credit(np.ones((2, 3)), np.array([0, 3])),
            "Choices are int64 of shape (2,); give 0, 1 or 2 for each of 2 triplets.",
        ),
        (
            lambda: choice_probabilities(np.ones((2, 3)), temperature=0),
            "temperature=0 must be a number above 0.",
        ),
        (
            lambda: judged_spearman(np.ones((4, 2)), np.ones(5)),
            "Judged similarities have shape (5,), but 4 items have 6 pairs; give one number a "
            "pair, NaN where there is none.",
        ),
        (
            lambda: choice_error(np.ones(2), np.array([[0, 1, 2]])),
            "Credits have shape (2,); give one for each of 1 triplets.",
        ),
    ],
)
def test_what_is_no_triplet_or_choice_is_refused(call, said):
    with pytest.raises(DataError) as caught:
        call()
    assert str(caught.value) == said


def test_unknown_similarities_and_nan_are_refused():
    with pytest.raises(UnknownNameError) as caught:
        odd_one_out(np.ones((4, 2)), np.array([[0, 1, 2]]), similarity="cosin")
    assert str(caught.value) == "No similarity is called 'cosin'. Did you mean 'cosine'?"
    with pytest.raises(DataError, match="The first array has 1 values that are NaN or infinite"):
        odd_one_out(np.array([[1.0, np.nan]] + [[1, 2]] * 3), np.array([[0, 1, 2]]))


@pytest.mark.parametrize("largest", [30_000_000, 0])
def test_items_that_are_close_together_and_far_from_others_are_told_apart(largest, monkeypatch):
    monkeypatch.setattr(choices, "LARGEST_TABLE", largest)
    items = np.array([[1000, 0], [1000, 1e-4], [1000, 3e-4], [-900, 5], [20, -70.0]])
    triplets = np.array([[0, 1, 2]])
    predicted = odd_one_out(items, triplets, similarity="euclidean")
    np.testing.assert_array_equal(predicted, [[0, 0, 1]])
    found = triplet_similarities(items, triplets, similarity="euclidean")
    np.testing.assert_allclose(found, [[-2e-4, -3e-4, -1e-4]], rtol=1e-9)


@pytest.mark.parametrize("similarity", ["dot", "cosine", "euclidean"])
def test_pairs_of_equal_similarity_are_tied_however_they_are_rounded(similarity):
    rng = np.random.default_rng(0)
    category = np.arange(28) % 7
    turned = np.eye(7)[category] @ np.linalg.qr(rng.normal(size=(7, 7)))[0]
    first, second = np.triu_indices(28, 1)
    judged = (category[first] == category[second]) + rng.normal(size=len(first))
    expected = spearmanr(category[first] == category[second], judged).statistic
    assert judged_spearman(turned, judged, similarity=similarity) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: choice_ceiling(np.array([[-1, 0, 1]]), np.array([0])),
            "Triplets number items from -1 to 1; count items from 0.",
        ),
        (
            lambda: choice_probabilities(np.zeros(3)),
            "The similarities have shape (3,); give three for each triplet.",
        ),
        (
            lambda: choice_probabilities([["a"] * 3]),
            "The given array holds <U1; give real numbers.",
        ),
        (
            lambda: choice_error(["a", "b"], np.array([[0, 1, 2], [3, 4, 5]])),
            "The credit array holds <U1; give real numbers.",
        ),
        (
            lambda: judged_spearman([[1, 2], [3]], np.zeros(1)),
            "The first array is not rectangular; its rows differ in length.",
        ),
        (
            lambda: choice_ceiling([[0, 1, 2], [3]], np.array([0, 1])),
            "The triplets array is not rectangular; its rows differ in length.",
        ),
    ],
)
def test_what_is_no_choice_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(DataError) as error:
        call()
    assert str(error.value) == sentence
