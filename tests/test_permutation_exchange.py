"""What is exchanged for which data, and what is refused, in the words that people read."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign import NeuroalignError
from neuroalign.inference.exchange import plan_exchange
from neuroalign.preparation import Selection, prepare

TEST = na.inference.permutation_test


def refusal(sentence):
    return pytest.raises(NeuroalignError, match=f"^{re.escape(sentence)}$")


def events(n=30, groups=None, positions=None, seed=0):
    rng = np.random.default_rng(seed)
    names = [f"s{number:02}" for number in range(n)]
    stimuli = pd.DataFrame(index=pd.Index(names, name="stimulus"))
    if groups is not None:
        stimuli["group"] = groups
    if positions is not None:
        stimuli["position"] = positions
    layer = xr.DataArray(rng.normal(size=(n, 5)), {"stimulus": names}, ("stimulus", "unit"))
    return {"layer": layer}, na.make_dataset(rng.normal(size=(n, 3)), stimuli)


def stream(lengths=(100, 100, 100), seed=0, smooth=1):
    """Return a word rate of sorts and a recording of several runs."""
    rng = np.random.default_rng(seed)
    runs = np.repeat([f"run-{k}" for k in range(len(lengths))], lengths)
    white = rng.normal(size=(len(runs) + smooth, 20))
    values = sum(white[k : k + len(runs)] for k in range(smooth))
    recording = na.make_recording(
        values, ("sample", "neuroid"), subject="s", units="z", run=runs, sampling_period=2.0,
        neuroid=range(20),
    )  # fmt: skip
    onsets = np.concatenate([np.arange(0, 2.0 * n, 3) for n in lengths])
    of_run = np.concatenate(
        [np.repeat(f"run-{k}", len(np.arange(0, 2.0 * n, 3))) for k, n in enumerate(lengths)]
    )
    words = [f"w{number:03}" for number in range(len(onsets))]
    stimuli = pd.DataFrame({"run": of_run, "onset": onsets}, index=words)
    layer = xr.DataArray(
        rng.normal(size=(len(words), 3)), {"stimulus": words}, ("stimulus", "unit")
    )
    return {"layer": layer}, na.BrainDataset({"s": recording}, stimuli)


def plan(case, exchange="auto", n_permutations=99, **options):
    _, prepared = prepare(*case, Selection(**options))
    return plan_exchange(prepared, exchange, n_permutations, 0), prepared


def test_stimuli_without_groups_change_places_one_by_one():
    words = TEST(*events(), n_permutations=99, folds=na.KFold(3)).attrs
    assert words["exchanged"] == "single stimuli"
    assert words["why"] == "stimuli have no groups, and count as independent"
    assert (
        words["permutations"] == "99 drawn from about 10^32 that differ from the observed pairing"
    )
    assert words["smallest_p"] == 0.01
    assert words["alphas"] == (
        "one per neuroid for all folds and permutations, chosen by the observed pairing and 99 "
        "others together"
    )


def test_groups_change_places_as_wholes_and_those_of_another_size_stay():
    groups = [*np.repeat(list("abcd"), 6), *"eeeee", "f"]
    words = TEST(*events(groups=groups), folds=na.KFold(3)).attrs
    assert words["exchanged"] == (
        "whole groups of stimuli, 6 in all, with others of equal size; 2 of another size than all "
        "others stay where they are"
    )
    assert words["why"] == "stimuli of one group may be alike"
    assert words["permutations"] == "all 23 that differ from the observed pairing"
    assert words["smallest_p"] == pytest.approx(1 / 24)


def test_rows_of_a_group_meet_by_position():
    positions = np.tile([3, 1, 2], 10)
    found, prepared = plan(events(groups=np.repeat(list("abcdefghij"), 3), positions=positions),
                           folds=na.KFold(3))  # fmt: skip
    order = found.orders(prepared.joined[0]["stimulus"].values)
    np.testing.assert_array_equal(positions[order], np.tile(positions, (99, 1)))
    assert (order // 3 != np.arange(30) // 3).any()


def test_rows_of_groups_change_places_only_when_asked_to():
    groups = np.repeat(list("abcde"), 6)
    within, prepared = plan(events(groups=groups), "within_groups", folds=na.KFold(3))
    orders = within.orders(prepared.joined[0]["stimulus"].values)
    np.testing.assert_array_equal(groups[orders], np.tile(groups, (99, 1)))
    assert within.what == "single stimuli within their group"
    assert within.why == "as asked for: stimuli of one group count as independent"
    free, _ = plan(events(groups=groups), "rows", folds=na.KFold(3))
    orders = free.orders(prepared.joined[0]["stimulus"].values)
    assert (groups[orders] != groups).any()
    assert free.why == "as asked for: stimuli count as independent, though they have groups"


@pytest.mark.parametrize("exchange", ["rows", "groups"])
def test_nothing_passes_between_the_sides_of_a_predefined_split(exchange):
    case = events(groups=np.repeat(list("abcdefghij"), 3))
    found, prepared = plan(case, exchange, folds=na.TrainTest(groups=["b", "c", "f"]))
    tested = np.isin(prepared.joined[0]["stimulus"].values, prepared.splits.folds[0].test)
    orders = found.orders(prepared.joined[0]["stimulus"].values)
    np.testing.assert_array_equal(tested[orders], np.tile(tested, (99, 1)))
    assert found.what.endswith("on each side of the split")


def test_streams_are_shifted_in_a_circle_farther_than_they_are_alike():
    words = TEST(*stream(smooth=5), n_permutations=99).attrs
    assert words["exchanged"] == (
        "the responses of each run, shifted in a circle by 5 samples (10 s) or more"
    )
    assert words["why"] == (
        "neighboring samples are alike: their autocorrelation is 0.1 or more up to 4 samples apart"
    )
    found, prepared = plan(stream(smooth=5))
    own = prepared.joined[0]
    orders = found.orders(own["sample"].values)
    assert (own["run"].values[orders] == own["run"].values).all()
    steps = (orders - np.arange(300)) % 100
    assert steps.min() == 5
    assert steps.max() == 95


def test_streams_of_white_noise_are_shifted_by_any_step():
    found, _ = plan(stream())
    assert found.what.startswith("the responses of each run, shifted in a circle by 1 sample (2 s)")
    assert found.why == "samples follow each other in time"


def test_whole_runs_change_places_when_asked_to():
    found, _ = plan(stream(lengths=(20,) * 6), "groups")
    assert found.what == "whole runs, 6 in all, with others of equal size"


def test_passages_are_shifted_when_asked_to():
    case = events(groups=np.repeat(list("ab"), 15), positions=np.tile(range(15), 2))
    found, _ = plan(case, "shifts", folds=na.folds.ContiguousKFold(3))
    assert found.what == "the responses of each group, shifted in a circle by 1 stimulus or more"


def test_too_few_groups_are_refused_with_what_to_do():
    case = events(groups=np.repeat(list("abc"), 10))
    with refusal(
        "Too little can change places (whole groups of stimuli, 3 in all, with others of equal "
        "size): with 6 pairings no p can be below 0.17, and one of 0.05 is needed; use more groups "
        "of stimuli of equal size, or, only if the stimuli of one group are independent, "
        "exchange='within_groups'."
    ):
        TEST(*case, folds=na.KFold(3))


def test_runs_that_are_too_short_are_refused_with_what_to_do():
    with refusal(
        "Too little can change places (the responses of each run, shifted in a circle by 2 samples "
        "(4 s) or more): with 9 pairings no p can be below 0.11, and one of 0.05 is needed; use "
        "longer runs, or exchange='groups' for whole runs."
    ):
        TEST(*stream(lengths=(5, 5, 5), smooth=40), folds=na.KFold(3))


def test_too_few_permutations_are_refused():
    with refusal(
        "n_permutations=18 cannot lead to a p of 0.05 or less; use 19 or more, and 1000 to tell "
        "small p values apart."
    ):
        TEST(*events(), n_permutations=18)


@pytest.mark.parametrize("exchange", ["groups", "within_groups"])
def test_groups_that_are_not_there_are_refused(exchange):
    with refusal(
        f"exchange='{exchange}' needs stimuli with a column 'group'; use exchange='rows' where "
        "stimuli are independent."
    ):
        TEST(*events(), exchange=exchange)


def test_shifts_without_an_order_are_refused():
    with refusal(
        "exchange='shifts' needs the order of the stimuli: the columns 'group' (the passage) and "
        "'position' (a number in it)."
    ):
        TEST(*events(groups=np.repeat(list("abcde"), 6)), exchange="shifts", folds=na.KFold(3))


def test_unknown_names_are_refused():
    with refusal("No way to exchange rows is called 'row'. Did you mean 'rows'?"):
        TEST(*events(), exchange="row")
    with refusal("No way to choose alphas is called 'new'. Did you mean 'anew'?"):
        TEST(*events(), alphas="new")
