"""Repeated folds: the same rule, other divisions, every row once in each."""

import re

import numpy as np
import pytest
from fold_tables import samples, table
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroalign as na
from neuroalign.folds import ContiguousKFold, Repeated, StratifiedKFold

GROUPED = table(groups=np.arange(40) // 4)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 99), st.booleans())
def test_every_row_is_held_out_once_in_every_repetition(n_folds, n_repeats, seed, grouped):
    rows = GROUPED if grouped else table()
    splits = Repeated(na.KFold(n_folds), n_repeats=n_repeats).split(rows, seed)
    assert splits.repeat == tuple(np.repeat(range(n_repeats), n_folds))
    for repeat in range(n_repeats):
        folds = [f for f, r in zip(splits.folds, splits.repeat, strict=True) if r == repeat]
        assert sorted(np.concatenate([fold.test for fold in folds])) == list(rows.index)


def divisions(splits):
    return [
        {tuple(f.test) for f, r in zip(splits.folds, splits.repeat, strict=True) if r == repeat}
        for repeat in sorted(set(splits.repeat))
    ]


def test_the_first_repetition_is_the_rule_alone():
    alone = na.KFold(4).split(GROUPED, seed=7)
    repeated = Repeated(na.KFold(4), n_repeats=3).split(GROUPED, seed=7)
    for one, two in zip(alone.folds, repeated.folds[:4], strict=True):
        assert one.test.tolist() == two.test.tolist()
    assert alone.repeat == (0,) * 4
    blocks = repeated.blocks.query("fold < 4").reset_index(drop=True)
    assert blocks[["fold", "stimulus", "name"]].equals(alone.blocks[["fold", "stimulus", "name"]])
    assert repeated.fold_of().to_dict() == alone.fold_of().to_dict()


@pytest.mark.parametrize("seed", range(5))
def test_no_division_occurs_twice(seed):
    """Four groups go into two pairs in three ways, all of which are found."""
    four = table(16, groups=np.arange(16) // 4)
    found = divisions(Repeated(na.KFold(2), n_repeats=3).split(four, seed))
    assert len(set(map(frozenset, found))) == 3


def test_repeated_folds_do_not_depend_on_the_order_of_rows():
    rule = Repeated(StratifiedKFold(4, by="kind"), n_repeats=2)
    stimuli = table().assign(kind=np.arange(40) % 3)
    shuffled = stimuli.sample(frac=1, random_state=1)
    assert divisions(rule.split(stimuli, 2)) == divisions(rule.split(shuffled, 2))


def test_blocks_lie_within_folds_of_one_repetition():
    for rows in (table(200), samples(*[50] * 8)):
        splits = Repeated(na.KFold(4), n_repeats=3).split(rows, seed=0)
        folds_of_blocks = splits.blocks.groupby("block")["fold"].agg(set)
        assert folds_of_blocks.map(len).eq(1).all()
        per_repeat = splits.blocks.groupby(splits.blocks.fold // 4)["block"].agg(set).map(len)
        assert per_repeat.between(45, 52).all()


def test_repeating_shows_its_rule():
    rule = Repeated(na.KFold(4), n_repeats=3)
    assert repr(rule) == "Repeated(rule=KFold(n_folds=4), n_repeats=3)"
    assert repr(Repeated(ContiguousKFold()).resolve(3)) == (
        "Repeated(rule=ContiguousKFold(n_folds=5, gap=3.0))"
    )


@pytest.mark.parametrize(
    ("rule", "rows", "sentence"),
    [
        (
            Repeated(na.KFold(4), n_repeats=0),
            table(),
            "n_repeats=0 is not a whole number of 1 or more.",
        ),
        (
            Repeated(na.KFold(4), n_repeats=2.0),
            table(),
            "n_repeats=2.0 is not a whole number of 1 or more.",
        ),
        (
            Repeated(5),
            table(),
            "Repeated(5) needs a rule such as KFold(10) that is repeated.",
        ),
        (
            Repeated(Repeated(na.KFold(4), n_repeats=2)),
            table(),
            "Repeated(Repeated(rule=KFold(n_folds=4), n_repeats=2)) needs a rule such as KFold(10) "
            "that is repeated.",
        ),
        (
            Repeated(ContiguousKFold(3), n_repeats=2),
            samples(30),
            "Repeated(rule=ContiguousKFold(n_folds=3), n_repeats=2) would repeat itself, since the "
            "seed gives 1 different divisions of these samples only; use n_repeats=1.",
        ),
        (
            Repeated(na.KFold(10)),
            GROUPED,
            "Repeated(rule=KFold(n_folds=10)) would repeat itself, since the seed gives 1 "
            "different divisions of these stimuli only; use n_repeats=1.",
        ),
    ],
)
def test_repetitions_that_cannot_be_made_say_why(rule, rows, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        rule.split(rows, seed=0)
