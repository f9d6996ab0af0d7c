"""Contiguous folds: stretches of time, with training rows kept at a distance."""

import re

import numpy as np
import pandas as pd
import pytest
from fold_tables import samples, table
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import zscore

import neuroalign as na
from neuroalign.folds import ContiguousKFold, resolve_gap
from neuroalign.numerics.folds import contiguous_folds


def passages(*lengths):
    """Make a table of words in passages, shuffled."""
    rows = [(f"p{k}", number) for k, length in enumerate(lengths) for number in range(length)]
    frame = pd.DataFrame(rows, columns=["group", "position"])
    frame.index = [f"w{number:03}" for number in np.random.default_rng(0).permutation(len(frame))]
    return frame.sample(frac=1, random_state=0)


def order_of(frame, labels):
    """Return rows as a list of (run, place), in order."""
    place = "onset" if "onset" in frame else "position"
    run = "run" if "run" in frame else "group"
    return sorted(zip(frame[run][labels], frame[place][labels], strict=True))


def test_a_stretch_of_time_is_held_out_and_its_neighbors_are_not_trained_on():
    stream = samples(10, 10, period=2.0)
    splits = ContiguousKFold(4, gap=4.0).split(stream, seed=0)
    fold = splits.folds[1]
    assert order_of(stream, fold.test) == [("run-0", 2.0 * k) for k in (5, 6, 7, 8, 9)]
    assert order_of(stream, fold.train) == [
        *(("run-0", 2.0 * k) for k in (0, 1, 2)),
        *(("run-1", 2.0 * k) for k in range(10)),
    ]
    assert splits.parted
    assert splits.gap == 4.0


def test_rows_are_left_out_on_both_sides():
    fold = ContiguousKFold(3, gap=2.0).split(samples(12, period=1.0), seed=0).folds[1]
    assert [label[-2:] for label in fold.test] == ["04", "05", "06", "07"]
    assert [label[-2:] for label in fold.train] == ["00", "01", "10", "11"]


def test_words_are_ordered_by_passage_and_position():
    words = passages(6, 8)
    fold = ContiguousKFold(2, gap=2).split(words, seed=0).folds[0]
    assert order_of(words, fold.test) == [*(("p0", k) for k in range(6)), ("p1", 0)]
    assert order_of(words, fold.train) == [("p1", k) for k in range(3, 8)]


def test_without_a_gap_all_other_rows_are_trained_on():
    stream = samples(20, 25)
    for fold in ContiguousKFold(5).split(stream, seed=0).folds:
        assert len(fold.train) + len(fold.test) == 45


def slow_folds(runs, places, n_folds, gap):
    """Yield (train, test) rows by comparing every pair of them."""
    order = sorted(range(len(runs)), key=lambda row: (runs[row], places[row], row))
    for number in range(n_folds):
        test = {row for k, row in enumerate(order) if k * n_folds // len(order) == number}
        near = {
            row
            for row in order
            for held_out in test
            if runs[row] == runs[held_out] and abs(places[row] - places[held_out]) <= gap
        }
        yield sorted(set(order) - test - near), sorted(test)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=6, max_size=40),
    st.integers(2, 5),
    st.integers(0, 12),
)
def test_the_gap_is_kept_in_every_run(rows, n_folds, gap):
    runs, places = (np.array(column) for column in zip(*rows, strict=True))
    train, test = contiguous_folds(runs, places * 0.5, n_folds, gap * 0.5)
    slow = list(slow_folds(runs, places * 0.5, n_folds, gap * 0.5))
    for number, (trained_on, held_out) in enumerate(slow):
        assert np.flatnonzero(train[number]).tolist() == trained_on
        assert np.flatnonzero(test[number]).tolist() == held_out
    assert len(train) == len(test) == len(slow)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(3, 20), min_size=1, max_size=4), st.integers(2, 4), st.integers(0, 99))
def test_every_row_is_held_out_once_whatever_the_order_of_rows(lengths, n_folds, seed):
    stream = samples(10, *lengths)
    shuffled = stream.sample(frac=1, random_state=seed)
    rule = ContiguousKFold(n_folds, gap=2.0)
    folds = rule.split(shuffled, seed).folds
    assert sorted(np.concatenate([fold.test for fold in folds])) == sorted(stream.index)
    for one, two in zip(folds, rule.split(stream, 0).folds, strict=True):
        assert one.test.tolist() == two.test.tolist()
        assert one.train.tolist() == two.train.tolist()
        assert not set(one.train) & set(one.test)


@pytest.mark.parametrize("period", [0.1, 0.3, 0.7, 1.1])
def test_rounded_onsets_do_not_shorten_the_gap(period):
    """Sums of sampling periods are rounded: 1.2 - 0.9 is less than 0.3."""
    stream = samples(60, period=period)
    for n_left_out in range(1, 9):
        rule = ContiguousKFold(3, gap=n_left_out * period)
        numbers = [int(label[-2:]) for label in rule.split(stream, seed=0).folds[1].train]
        assert numbers == [*range(20 - n_left_out), *range(40 + n_left_out, 60)]


def test_an_endless_gap_leaves_out_the_rest_of_the_run():
    stream = samples(10, 10, 10)
    for fold in ContiguousKFold(6, gap=np.inf).split(stream, seed=0).folds:
        runs = [{label.partition("/")[0] for label in part} for part in (fold.train, fold.test)]
        assert not runs[0] & runs[1]


def test_blocks_of_contiguous_folds_are_stretches_within_runs_and_folds():
    stream = samples(210, 290)
    blocks = ContiguousKFold(5, gap=4.0).split(stream, seed=0).blocks.join(stream, on="sample")
    assert blocks.block.nunique() == 50
    for _, rows in blocks.groupby("block"):
        assert rows.run.nunique() == rows.fold.nunique() == 1
        assert np.ptp(rows.onset) == (len(rows) - 1) * 2.0


def test_the_gap_is_as_far_as_the_features_reach_unless_it_is_set():
    assert repr(ContiguousKFold()) == "ContiguousKFold(n_folds=5)"
    assert repr(ContiguousKFold().resolve(8)) == "ContiguousKFold(n_folds=5, gap=8.0)"
    assert repr(ContiguousKFold(gap=2).resolve(8)) == "ContiguousKFold(n_folds=5, gap=2)"
    assert repr(resolve_gap(ContiguousKFold(3), 8)) == "ContiguousKFold(n_folds=3, gap=8.0)"
    assert resolve_gap(na.KFold(3), 8) == na.KFold(3)


def smooth(rng, n_columns):
    """Draw 600 rows whose neighbors in time correlate by .95."""
    steps = np.sqrt(1 - 0.95**2) * rng.normal(size=(700, n_columns))
    return lfilter([1], [1, -0.95], steps, axis=0)[100:]


def median_correlation(rule, seed):
    """Predict slow responses from slow features that know nothing of them, by least squares."""
    rng = np.random.default_rng(seed)
    stream = samples(600, period=1.0)
    features, responses = smooth(rng, 50), smooth(rng, 40)
    found = []
    for fold in rule.split(stream, seed).folds:
        train, test = stream.index.isin(fold.train), stream.index.isin(fold.test)
        means = features[train].mean(0), responses[train].mean(0)
        x, y = features[train] - means[0], responses[train] - means[1]
        predicted = (features[test] - means[0]) @ np.linalg.solve(x.T @ x, x.T @ y)
        found.append((zscore(predicted) * zscore(responses[test])).mean(0))
    return np.median(found)


def test_features_that_know_nothing_predict_nothing_across_a_gap_in_time():
    """All that features and responses share is that they change slowly."""
    rules = (ContiguousKFold(5, gap=60), ContiguousKFold(5), na.KFold(5, part_groups=True))
    apart, adjacent, shuffled = (
        np.median([median_correlation(rule, seed) for seed in range(20)]) for rule in rules
    )
    assert abs(apart) < 0.03
    assert adjacent > 0.03
    assert shuffled > 0.3


@pytest.mark.parametrize(
    ("rule", "rows", "sentence"),
    [
        (ContiguousKFold(gap=-1), samples(40), "gap=-1 is not a number of 0 or more."),
        (ContiguousKFold(gap=np.nan), samples(40), "gap=nan is not a number of 0 or more."),
        (ContiguousKFold(gap="4 s"), samples(40), "gap='4 s' is not a number of 0 or more."),
        (
            ContiguousKFold(5),
            samples(14),
            "ContiguousKFold(n_folds=5) needs at least 15 samples (3 a fold), but there are 14; "
            "use fewer folds or more samples.",
        ),
        (
            ContiguousKFold(2, gap=30.0),
            samples(20),
            "Fold 0 of ContiguousKFold(n_folds=2, gap=30.0) trains on 0 samples and tests on 10; "
            "at least 3 of each are needed, so use a smaller gap or more samples.",
        ),
        (
            ContiguousKFold(5),
            table(),
            "Contiguous folds need stimuli with the columns 'group' (the passage) and 'position' "
            "(a number in it); add them, or use KFold.",
        ),
        (
            ContiguousKFold(2),
            passages(5, 5).sort_index().assign(position=[None, "first", *range(8)]),
            "2 stimuli have no position that is a finite number, so their order in time is "
            "unknown (first: 'w000', 'w001').",
        ),
        (
            ContiguousKFold(2),
            samples(9, 9, 9).assign(group=["film"] * 9 + ["story"] * 9 + ["film"] * 9),
            "ContiguousKFold(n_folds=2) cuts runs, but 1 groups of samples hold several runs "
            "(first: 'film'), which would leak into each other; use KFold.",
        ),
        (
            ContiguousKFold(2),
            samples(10).assign(onset=[np.inf, *range(9)]),
            "1 samples have no onset that is a finite number, so their order in time is unknown "
            "(first: 'run-0/0000000').",
        ),
    ],
)
def test_contiguous_splits_that_cannot_be_made_say_why(rule, rows, sentence):
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        rule.split(rows, seed=0)
