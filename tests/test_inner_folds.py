"""Inner folds: of the training rows alone, in the way of the outer ones unless told otherwise."""

import re

import numpy as np
import pytest
from fold_tables import samples, table
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroalign as na
from neuroalign.folds import ContiguousKFold, Repeated

GROUPED = table(60, groups=np.arange(60) // 4)
STREAM = samples(40, 40, 40, 40)


def labels(folds):
    return [(fold.train.tolist(), fold.test.tolist()) for fold in folds]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["k-fold", "grouped", "contiguous"]),
    st.integers(2, 6),
    st.integers(0, 3),
    st.integers(0, 99),
)
def test_inner_folds_test_every_training_row_once_and_know_no_other(kind, n_folds, number, seed):
    splits = na.KFold(4).split(STREAM, seed)
    inner = splits.inner_folds(number, kind, n_folds=n_folds, gap=3.0)
    train = splits.folds[number].train
    assert sorted(np.concatenate([fold.test for fold in inner])) == train.tolist()
    for fold in inner:
        assert set(fold.train) <= set(train)
        assert not set(fold.train) & set(fold.test)
        assert fold.train.tolist() == sorted(fold.train)


@pytest.mark.parametrize("kind", ["k-fold", "grouped"])
def test_inner_folds_keep_groups_whole_where_they_are_asked_to(kind):
    splits = na.KFold(5).split(GROUPED, seed=0)
    whole = [
        not set(splits.groups[fold.train]) & set(splits.groups[fold.test])
        for number in range(5)
        for fold in splits.inner_folds(number, kind)
    ]
    assert all(whole) if kind == "grouped" else not any(whole)


def test_contiguous_inner_folds_are_stretches_with_the_gap_of_the_folds():
    splits = ContiguousKFold(4, gap=6.0).split(STREAM, seed=0)
    fold = splits.inner_folds(0, n_folds=2)[0]
    in_order = STREAM.index.tolist()  # fold 0 tests the 40 samples of run-0
    assert fold.test.tolist() == in_order[40:100]
    assert fold.train.tolist() == in_order[103:]


def test_contiguous_inner_folds_keep_their_distance_around_the_hole_that_is_tested():
    stream = samples(25, 35)
    splits = ContiguousKFold(3, gap=4.0).split(stream, seed=0)
    for number in range(3):
        for fold in splits.inner_folds(number):
            train, test = stream.loc[fold.train], stream.loc[fold.test]
            same_run = train.run.to_numpy()[:, None] == test.run.to_numpy()
            apart = abs(train.onset.to_numpy()[:, None] - test.onset.to_numpy())
            assert apart[same_run].min(initial=np.inf) > 4.0


@pytest.mark.parametrize(
    ("rule", "rows", "kind"),
    [
        (na.KFold(5), GROUPED, "grouped"),
        (na.KFold(4), STREAM, "grouped"),
        (na.KFold(5), table(60), "k-fold"),
        (na.KFold(5, part_groups=True), GROUPED, "k-fold"),
        (na.KFold(5, part_groups=True), STREAM, "k-fold"),
        (ContiguousKFold(5), STREAM, "contiguous"),
        (ContiguousKFold(5, gap=4.0), STREAM, "contiguous"),
    ],
)
def test_inner_folds_are_by_default_like_the_folds(rule, rows, kind):
    splits = rule.split(rows, seed=0)
    assert labels(splits.inner_folds(1)) == labels(splits.inner_folds(1, kind))


@pytest.mark.parametrize("kind", ["k-fold", "grouped", "contiguous"])
def test_inner_folds_do_not_depend_on_what_is_tested(kind):
    """The same training rows, and other test rows."""
    test = STREAM.index[STREAM.run == "run-3"]
    fewer = STREAM.drop(test[20:])
    one = na.TrainTest(test=list(test)).split(STREAM, seed=3)
    two = na.TrainTest(test=list(test[:20])).split(fewer, seed=3)
    assert labels(one.inner_folds(0, kind)) == labels(two.inner_folds(0, kind))


def test_inner_folds_do_not_depend_on_the_order_of_rows():
    shuffled = STREAM.sample(frac=1, random_state=0)
    for kind in ("k-fold", "grouped", "contiguous"):
        one, two = (na.KFold(4).split(rows, 5).inner_folds(2, kind) for rows in (STREAM, shuffled))
        assert labels(one) == labels(two)


def test_inner_folds_differ_between_seeds_folds_and_repetitions():
    splits = Repeated(na.KFold(2), n_repeats=2).split(table(), seed=0)
    assert len({tuple(splits.inner(number, 5)) for number in range(4)}) == 4
    other = na.TrainTest(test=list(table().index[:9]))
    first, second = (labels(other.split(table(), seed).inner_folds(0)) for seed in (0, 1))
    assert first != second


def test_there_are_no_more_inner_folds_than_groups():
    splits = na.KFold(4).split(STREAM, seed=0)
    assert len(splits.inner_folds(0, n_folds=5)) == 3
    assert len(splits.inner_folds(0, "k-fold", n_folds=5)) == 5


def test_numbers_of_inner_folds_agree_with_inner_folds():
    for rule, rows in ((na.KFold(5), GROUPED), (ContiguousKFold(5), STREAM)):
        splits = rule.split(rows, seed=0)
        numbers = splits.inner(1, 4)
        for number, fold in enumerate(splits.inner_folds(1, n_folds=4)):
            assert splits.folds[1].train[numbers == number].tolist() == fold.test.tolist()


@pytest.mark.parametrize(
    ("rule", "rows", "options", "sentence"),
    [
        (
            na.KFold(5),
            GROUPED,
            {"kind": "group"},
            "No kind of inner folds is called 'group'. Did you mean 'grouped'?",
        ),
        (
            na.KFold(5),
            GROUPED,
            {"n_folds": 1},
            "1 inner folds hold nothing out; use 2 or more.",
        ),
        (
            na.KFold(5),
            table(),
            {"kind": "grouped"},
            "Grouped inner folds need groups, but the stimuli have no column 'group'; use 'k-fold' "
            "inner folds.",
        ),
        (
            na.KFold(5),
            table(),
            {"kind": "contiguous"},
            "Contiguous folds need stimuli with the columns 'group' (the passage) and 'position' "
            "(a number in it); add them, or use KFold.",
        ),
        (
            na.KFold(2),
            table(20, groups=np.arange(20) // 10),
            {},
            "Fold 0 trains on a single group of stimuli, so alpha cannot be chosen within it; use "
            "stimuli of more groups, or fewer folds.",
        ),
        (
            na.KFold(2),
            samples(20, 20),
            {},
            "Fold 0 trains on a single run, so alpha cannot be chosen within it; use samples of "
            "more groups, fewer folds, or contiguous inner folds.",
        ),
        (
            ContiguousKFold(2, gap=30.0),
            samples(50),
            {},
            "An inner fold of fold 0 trains on 0 samples only, once those within 30 of its test "
            "samples are left out; at least 3 are needed, so use a smaller gap or other inner "
            "folds.",
        ),
    ],
)
def test_inner_folds_that_cannot_be_made_say_why(rule, rows, options, sentence):
    splits = rule.split(rows, seed=0)
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        splits.inner_folds(0, **options)
