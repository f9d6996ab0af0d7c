"""Folds: whole groups, balanced, and a function of labels and seed alone."""

import re

import numpy as np
import pandas as pd
import pytest
from fold_tables import samples, table
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroalign as na
from neuroalign.folds import default_folds
from neuroalign.numerics.folds import assign_folds


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


def test_folds_of_a_seed_stay_what_they_were():
    held_out = [fold.test for fold in na.KFold(3).split(table(9), seed=0).folds]
    assert [[label[-1] for label in test] for test in held_out] == [
        ["4", "6", "7"],
        ["0", "3", "5"],
        ["1", "2", "8"],
    ]


def test_samples_are_held_out_in_whole_runs():
    splits = na.KFold(3).split(samples(20, 30, 20, 10, 20, 20), seed=0)
    assert splits.rows == "sample"
    assert splits.grouped
    assert not splits.parted
    for fold in splits.folds:
        runs = [{label.partition("/")[0] for label in part} for part in (fold.train, fold.test)]
        assert not runs[0] & runs[1]


def test_samples_of_a_film_shown_in_two_runs_stay_together():
    stream = samples(20, 20, 20, 20).assign(group=lambda f: f.run.replace("run-3", "run-0"))
    splits = na.KFold(3).split(stream, seed=0)
    assert len(set(splits.fold_of()[["run-0/0000000", "run-3/0000000"]])) == 1


def test_parting_groups_is_possible_recorded_and_shown():
    rule = na.KFold(5, part_groups=True)
    splits = rule.split(table(groups=np.arange(40) // 4), seed=0)
    assert [len(fold.test) for fold in splits.folds] == [8] * 5
    assert splits.parted
    assert repr(rule) == "KFold(n_folds=5, part_groups=True)"
    free = na.KFold(5).split(table(), seed=0)
    for one, two in zip(splits.folds, free.folds, strict=True):
        assert one.test.tolist() == two.test.tolist()


def test_nothing_is_parted_where_there_are_no_groups():
    assert not na.KFold(5, part_groups=True).split(table(), seed=0).parted


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


def test_train_test_holds_out_groups_and_runs_by_name():
    fold = na.TrainTest(groups=["1", "3"]).split(table(groups=np.arange(40) // 10), seed=0).folds[0]
    assert fold.test.tolist() == [*table().index[10:20], *table().index[30:]]
    fold = na.TrainTest(groups=["run-1"]).split(samples(5, 6, 7), seed=0).folds[0]
    assert len(fold.train) == 12
    assert {label.partition("/")[0] for label in fold.test} == {"run-1"}


def test_train_test_may_part_groups_when_told_to():
    test = ["s000", "s001", "s002", "s004"]
    stimuli = table(groups=np.arange(40) // 4)
    splits = na.TrainTest(test=test, part_groups=True).split(stimuli, seed=0)
    assert splits.folds[0].test.tolist() == test
    assert splits.parted


def test_train_test_shows_every_label():
    rule = na.TrainTest(test=np.array([f"s{k}" for k in range(2000)]))
    assert repr(rule).startswith("TrainTest(test=('s0', 's1', ")
    assert repr(rule).count("'s") == 2000
    assert repr(na.TrainTest(groups=["a"])) == "TrainTest(test=(), groups=('a',))"


def test_blocks_of_samples_are_about_fifty_stretches_within_runs_and_folds():
    stream = samples(100, 150, 120, 130)
    splits = na.KFold(4).split(stream, seed=0)
    blocks = splits.blocks.join(stream, on="sample")
    assert blocks.block.nunique() == 50
    assert sorted(blocks["sample"]) == sorted(stream.index)
    for _, rows in blocks.groupby("block"):
        assert rows.run.nunique() == rows.fold.nunique() == 1
        assert len(rows) == 10
        assert np.ptp(rows.onset) == 9 * 2.0


def test_blocks_of_a_short_stream_are_single_samples():
    splits = na.KFold(3).split(samples(4, 4, 4), seed=0)
    assert splits.blocks.block.nunique() == 12


def test_the_fold_of_each_row_is_told():
    splits = na.KFold(4).split(table(), seed=0)
    fold_of = splits.fold_of()
    for number, fold in enumerate(splits.folds):
        assert sorted(fold_of.index[fold_of == number]) == fold.test.tolist()


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (table(), "KFold(n_folds=10)"),
        (table(groups=np.arange(40) // 4), "KFold(n_folds=10)"),
        (table(groups=np.arange(40) // 20), "KFold(n_folds=2)"),
        (samples(*[10] * 12), "KFold(n_folds=10)"),
        (samples(10, 10, 10), "KFold(n_folds=3)"),
        (samples(50, 50), "ContiguousKFold(n_folds=5)"),
    ],
)
def test_folds_by_default_depend_on_rows_and_runs(rows, rule):
    assert repr(default_folds(rows)) == rule


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
        (
            na.TrainTest(test=list(samples(10, 10).index[:5])),
            samples(10, 10),
            "TrainTest parts 1 runs (first: 'run-0'), which would leak; keep each run on one side.",
        ),
        (
            na.TrainTest(test=["s001"], groups=["1"]),
            table(groups=np.arange(40) // 4),
            "TrainTest takes labels (test=...) or names of groups (groups=...), not both.",
        ),
        (
            na.TrainTest(groups="1"),
            table(groups=np.arange(40) // 4),
            "TrainTest(groups=...) takes a list of names of groups, which are strings.",
        ),
        (
            na.TrainTest(groups=["1"]),
            table(),
            "TrainTest(groups=...) needs stimuli with a column 'group'.",
        ),
        (
            na.TrainTest(groups=["run-0", "run-9"]),
            samples(10, 10),
            "1 of 2 test runs are not in the dataset (first: 'run-9').",
        ),
        (
            na.TrainTest(test=5),
            table(),
            "TrainTest(test=...) takes a list of stimulus labels, which are strings.",
        ),
        (na.KFold(2.5), table(), "KFold(n_folds=2.5) needs a whole number of folds, 2 or more."),
        (na.KFold(True), table(), "KFold(n_folds=True) needs a whole number of folds, 2 or more."),
        (
            na.KFold(5, part_groups=True),
            table(12, groups=np.arange(12) // 4),
            "KFold(n_folds=5, part_groups=True) needs at least 15 stimuli (3 a fold), but there "
            "are 12; use fewer folds or more stimuli.",
        ),
        (
            na.KFold(4),
            samples(10, 10, 10),
            "KFold(n_folds=4) needs at least 4 runs (1 a fold), but there are 3; use fewer folds "
            "or more samples.",
        ),
        (
            na.KFold(3),
            table(22, groups=[0] * 10 + [1] * 10 + [2] * 2),
            "Fold 2 of KFold(n_folds=3) trains on 20 stimuli and tests on 2; at least 3 of each "
            "are needed, so use fewer folds or more stimuli.",
        ),
        (
            na.KFold(3),
            samples(20, 20, 20).drop(columns="onset"),
            "Samples need the columns 'run' and 'onset' (seconds in the run) to be split.",
        ),
        (
            na.KFold(3),
            pd.concat([table(20), table(2)]),
            "2 stimulus labels occur more than once (first: 's000', 's001').",
        ),
        (
            na.KFold(3),
            table(20).assign(group=[None, *"aabbccddeeffgghhiij"]),
            "1 stimuli have no group (first: 's000').",
        ),
    ],
)
def test_splits_that_cannot_be_made_say_why(rule, stimuli, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        rule.split(stimuli, seed=0)


@pytest.mark.parametrize(("n_stimuli", "n_folds"), [(200, 10), (30, 10), (29, 9), (20, 6), (6, 2)])
def test_by_default_there_are_as_many_folds_as_leave_three_stimuli_in_each(n_stimuli, n_folds):
    table = pd.DataFrame(index=[f"s{number:03}" for number in range(n_stimuli)])
    assert default_folds(table) == na.KFold(n_folds)


def test_by_default_there_are_no_more_folds_than_groups():
    table = pd.DataFrame({"group": list("aaabbbccc")}, index=list("123456789"))
    assert default_folds(table) == na.KFold(3)


@pytest.mark.parametrize(
    ("group", "needed"),
    [
        ([], "6 stimuli (3 a fold), but there are 5; use more stimuli."),
        (
            list("aaaaa"),
            "2 groups of stimuli (1 a fold), but there are 1; use more groups of stimuli, or "
            "KFold(part_groups=True).",
        ),
    ],
)
def test_too_few_stimuli_for_any_folds_are_refused(group, needed):
    table = pd.DataFrame({"group": group} if group else None, index=list("12345"))
    with pytest.raises(na.NeuroalignError) as error:
        default_folds(table).split(table, seed=0)
    assert str(error.value) == f"KFold(n_folds=2) needs at least {needed}"
