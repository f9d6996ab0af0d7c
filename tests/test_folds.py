"""Folds: whole groups, balanced, and a function of labels and seed alone."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroalign as na
from neuroalign.numerics.folds import assign_folds


def table(n=40, groups=None):
    frame = pd.DataFrame(index=pd.Index([f"s{k:03}" for k in range(n)], name="stimulus"))
    return frame if groups is None else frame.assign(group=[str(g) for g in groups])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 11), min_size=12, max_size=80), st.integers(0, 2**32 - 1))
def test_folds_never_part_a_group(groups, seed):
    codes = np.unique(groups, return_inverse=True)[1]
    folds = assign_folds(codes, min(4, codes.max() + 1), seed)
    for group in np.unique(codes):
        assert len(set(folds[codes == group])) == 1


@settings(max_examples=50, deadline=None)
@given(st.integers(10, 100), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_folds_of_single_stimuli_differ_in_size_by_one_at_most(n, n_folds, seed):
    sizes = np.bincount(assign_folds(np.arange(n), n_folds, seed), minlength=n_folds)
    assert sizes.max() - sizes.min() <= 1


def test_every_stimulus_is_held_out_once():
    splits = na.KFold(7).split(table(), seed=3)
    held_out = np.concatenate([fold.test for fold in splits.folds])
    assert sorted(held_out) == list(table().index)
    for fold in splits.folds:
        assert sorted([*fold.train, *fold.test]) == list(table().index)


def test_the_order_of_rows_changes_no_fold():
    stimuli = table(groups=np.arange(40) // 3)
    shuffled = stimuli.sample(frac=1, random_state=0)
    for one, two in zip(
        na.KFold(5).split(stimuli, 0).folds, na.KFold(5).split(shuffled, 0).folds, strict=True
    ):
        assert one.test.tolist() == two.test.tolist()


def test_another_seed_makes_other_folds():
    one, two = (na.KFold(5).split(table(), seed).folds[0].test.tolist() for seed in (0, 1))
    assert one != two


def test_inner_folds_keep_groups_whole_and_know_only_training_stimuli():
    groups = np.arange(40) // 4
    splits = na.KFold(5).split(table(groups=groups), seed=0)
    for number, fold in enumerate(splits.folds):
        inner = splits.inner(number, 3)
        assert len(inner) == len(fold.train)
        assert set(inner) == {0, 1, 2}
        group_of = splits.groups[fold.train].to_numpy()
        assert all(len(set(inner[group_of == group])) == 1 for group in group_of)


def test_resampling_blocks_are_the_groups():
    splits = na.KFold(5).split(table(groups=np.arange(40) // 4), seed=0)
    assert splits.blocks.groupby("block")["stimulus"].count().tolist() == [4] * 10


def test_resampling_blocks_without_groups_are_about_fifty_within_folds():
    splits = na.KFold(10).split(table(600), seed=0)
    assert 45 <= splits.blocks["block"].nunique() <= 50
    assert (
        len(splits.blocks[["block", "fold"]].drop_duplicates()) == splits.blocks["block"].nunique()
    )


def test_train_test_takes_all_others_for_training():
    fold = na.TrainTest(test=["s001", "s002", "s003"]).split(table(8), seed=0).folds[0]
    assert fold.test.tolist() == ["s001", "s002", "s003"]
    assert fold.train.tolist() == ["s000", "s004", "s005", "s006", "s007"]


@pytest.mark.parametrize(
    ("rule", "stimuli", "sentence"),
    [
        (
            na.KFold(10),
            table(1),
            "KFold(n_folds=10) needs at least 30 stimuli (3 a fold), but there are 1; use fewer "
            "folds or more stimuli.",
        ),
        (
            na.KFold(5),
            table(12, groups=np.arange(12) // 4),
            "KFold(n_folds=5) needs at least 5 groups of stimuli (1 a fold), but there are 3; use "
            "fewer folds or more stimuli.",
        ),
        (
            na.TrainTest(test="s001"),
            table(),
            "TrainTest(test=...) takes a list of stimulus labels, which are strings.",
        ),
        (
            na.TrainTest(test=[True, False]),
            table(),
            "TrainTest(test=...) takes a list of stimulus labels, which are strings.",
        ),
        (na.KFold(1), table(), "KFold(n_folds=1) holds nothing out; use 2 or more folds."),
        (
            na.TrainTest(test=["s001", "nobody"]),
            table(),
            "1 of 2 test stimuli are not in the dataset (first: 'nobody').",
        ),
        (
            na.TrainTest(test=["s001"]),
            table(),
            "TrainTest leaves 39 stimuli to train on and 1 to test on; at least 3 of each are "
            "needed.",
        ),
        (
            na.TrainTest(test=["s000", "s001", "s002", "s004"]),
            table(groups=np.arange(40) // 4),
            "TrainTest parts 2 groups of stimuli (first: '0', '1'), which would leak; keep each "
            "group on one side.",
        ),
    ],
)
def test_splits_that_cannot_be_made_say_why(rule, stimuli, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        rule.split(stimuli, seed=0)
