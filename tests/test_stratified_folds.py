"""Stratified folds: every level spread evenly, and groups kept whole."""

import re

import numpy as np
import pytest
from fold_tables import table
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

import neuroalign as na
from neuroalign.folds import StratifiedKFold
from neuroalign.numerics.folds import assign_folds, assign_stratified


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=8, max_size=80), st.integers(2, 8), st.integers(0, 99))
def test_levels_of_single_rows_differ_by_one_at_most_between_folds(levels, n_folds, seed):
    codes = np.unique(levels, return_inverse=True)[1]
    folds = assign_stratified(np.arange(len(codes)), codes, n_folds, seed)
    for chosen in [codes >= 0, *(codes == level for level in np.unique(codes))]:
        sizes = np.bincount(folds[chosen], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=20, max_size=60),
    st.integers(0, 99),
)
def test_stratified_folds_keep_groups_whole_and_none_is_empty(rows, seed):
    groups, levels = (
        np.unique(column, return_inverse=True)[1] for column in zip(*rows, strict=True)
    )
    n_folds = min(4, groups.max() + 1)
    folds = assign_stratified(groups, levels, n_folds, seed)
    assert set(folds) == set(range(n_folds))
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1


def imbalance(folds, levels):
    """Sum the squared deviations of the share of each level in each fold from an even one."""
    counts = np.array([np.bincount(levels[folds == k], minlength=4) for k in np.unique(folds)])
    return ((counts / counts.sum(0) - 1 / len(counts)) ** 2).sum()


def test_levels_of_groups_are_spread_no_worse_than_by_scikit_learn():
    ours, theirs, plain = [], [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(25), rng.integers(1, 12, 25))
        levels = rng.integers(0, 4, len(groups))
        ours.append(imbalance(assign_stratified(groups, levels, 5, seed), levels))
        plain.append(imbalance(assign_folds(groups, 5, seed), levels))
        folds = np.empty(len(groups), dtype=int)
        peer = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        for number, (_, test) in enumerate(peer.split(groups, levels, groups)):
            folds[test] = number
        theirs.append(imbalance(folds, levels))
    assert np.mean(ours) <= np.mean(theirs)
    assert np.mean(ours) < np.mean(plain) / 2


def test_stratified_folds_hold_every_category_alike():
    stimuli = table(40).assign(kind=np.repeat(["face", "house"], [10, 30]))
    splits = StratifiedKFold(5, by="kind").split(stimuli.sample(frac=1, random_state=0), seed=1)
    for fold in splits.folds:
        assert stimuli.kind[fold.test].value_counts().to_dict() == {"house": 6, "face": 2}


def test_a_rare_level_is_in_some_folds_only():
    stimuli = table(40).assign(kind=["rare"] * 2 + ["common"] * 38)
    splits = StratifiedKFold(4, by="kind").split(stimuli, seed=0)
    counts = [(stimuli.kind[fold.test] == "rare").sum() for fold in splits.folds]
    assert sorted(counts) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("rule", "stimuli", "sentence"),
    [
        (
            StratifiedKFold(5, by="kin"),
            table().assign(kind="face"),
            "No column of the stimuli is called 'kin'. Did you mean 'kind'?",
        ),
        (
            StratifiedKFold(5, by="kind"),
            table().assign(kind=["face"] * 39 + [None]),
            "1 stimuli have no 'kind' to stratify by (first: 's039').",
        ),
        (
            StratifiedKFold(5, by="kind"),
            table().assign(kind=np.arange(40) // 2),
            "StratifiedKFold(n_folds=5, by='kind') has nothing to spread, since no level of 'kind' "
            "has more than 2 stimuli; use fewer folds, or KFold.",
        ),
        (
            StratifiedKFold(5, by="group"),
            table(groups=np.arange(40) // 8),
            "StratifiedKFold(n_folds=5, by='group') has nothing to spread, since no level of "
            "'group' has more than 1 groups of stimuli; use fewer folds, or KFold.",
        ),
    ],
)
def test_stratified_splits_that_cannot_be_made_say_why(rule, stimuli, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        rule.split(stimuli, seed=0)
