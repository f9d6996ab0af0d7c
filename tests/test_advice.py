"""Advice follows from the form of a dataset: each answer, and when it changes."""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.inference import advise


def answers(dataset, **options):
    return advise(dataset, **options).set_index("question")


def dataset_of(n=60, *, repetitions=1, subjects=1, groups=None, units="z", shared=False, **coords):
    rng = np.random.default_rng(0)
    stimuli = pd.DataFrame(index=[f"s{number:03}" for number in range(n)])
    if groups is not None:
        stimuli["group"] = [f"g{number % groups:02}" for number in range(n)]
    recordings = {
        f"m{number}": na.make_recording(
            rng.normal(size=(n, repetitions, 4)), ("stimulus", "repetition", "neuroid"),
            subject=f"m{number}", units=units, stimulus=stimuli.index, neuroid=list("abcd"),
            attrs={"neuroids": "shared"} if shared else None, **coords,
        )
        for number in range(subjects)
    }  # fmt: skip
    return na.BrainDataset(recordings, stimuli)


def test_independent_stimuli_that_repeat():
    found = answers(dataset_of(repetitions=4))
    assert found["answer"].to_dict() == {
        "Folds": "KFold(n_folds=10)",
        "Noise ceiling": 'ceiling_split_half or ceiling_anova; form="r/sqrt(ceiling)"',
        "Leave out noisy neuroids": "normalize_by_ceiling(mask=...)",
        "Interval": "procedure",
        "Test against chance": "permutation_test(exchange='rows')",
        "Two models": "compare(runs)",
        "Many neuroids": "benjamini_hochberg(p) for a list of neuroids, p_family for any at all",
    }
    assert found.loc["Noise ceiling", "because"].startswith("stimuli were shown 4 times")


def test_groups_stay_whole_in_folds_and_in_permutations():
    found = answers(dataset_of(groups=12))
    assert found.loc["Folds", "because"].startswith("12 groups")
    assert found.loc["Test against chance", "answer"] == "permutation_test(exchange='groups')"


def test_too_few_groups_for_a_test_are_said_to_be_too_few():
    found = answers(dataset_of(groups=3), folds=na.KFold(3))
    assert found.loc["Test against chance", "answer"] == "none"


def test_without_repetitions_there_is_no_ceiling():
    found = answers(dataset_of())
    assert found.loc["Noise ceiling", "answer"] == "none: report r as it is"
    assert found.loc["Leave out noisy neuroids", "answer"] == "no"


def test_subjects_who_share_neuroids_have_a_lower_bound():
    found = answers(dataset_of(subjects=2, shared=True))
    assert "lower bound" in found.loc["Noise ceiling", "answer"]


@pytest.mark.parametrize(
    ("repetitions", "answer"), [(2, "no"), (4, "normalize_by_ceiling(mask=...)")]
)
def test_masking_needs_four_repetitions(repetitions, answer):
    found = answers(dataset_of(repetitions=repetitions))
    assert found.loc["Leave out noisy neuroids", "answer"] == answer


def test_three_subjects_may_stand_for_others():
    found = answers(dataset_of(subjects=3))
    assert "population_interval (3 subjects)" in found.loc["Interval", "answer"]
    assert found.loc["Two models", "answer"] == "compare(runs), and compare(runs, over='subjects')"


def test_spike_counts_have_measures_of_their_own():
    assert "Spikes" in answers(dataset_of(units="spikes per bin")).index
    assert "Spikes" not in answers(dataset_of()).index


def test_a_predefined_split_has_a_conditional_interval():
    dataset = dataset_of()
    folds = na.TrainTest(test=list(dataset.stimuli.index[:30]))
    assert answers(dataset, folds=folds).loc["Interval", "answer"] == "conditional"


def test_two_folds_have_no_interval():
    assert answers(dataset_of(), folds=na.KFold(2)).loc["Interval", "answer"] == "none"


def test_too_few_stimuli_for_ten_folds_get_as_many_as_they_allow():
    assert answers(dataset_of(12)).loc["Folds", "answer"] == "KFold(n_folds=4)"


def test_sessions_are_to_be_standardized():
    units = np.random.default_rng(0).normal(size=(60, 3))
    labels = [f"s{k:02}" for k in range(30)] * 2
    recording = na.make_recording(
        units, ("showing", "neuroid"), subject="m1", units="z", stimulus=labels,
        neuroid=list("abc"), session=np.repeat(["one", "two"], 30),
    )  # fmt: skip
    dataset = na.BrainDataset({"m1": recording}, pd.DataFrame(index=sorted(set(labels))))
    assert answers(dataset).loc["Before averaging", "answer"] == "zscore(recording, by='session')"
