"""The inter-subject ceiling: how well the others predict a subject, within folds."""

import numpy as np
import oracles
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.ceilings import inter_subject

EVENTS = ("stimulus", "neuroid")


def subjects_of(values, *, rows=None):
    """Make one recording of events per subject, from an array (subject, stimulus, neuroid)."""
    rows = [f"s{number:04}" for number in range(values.shape[1])] if rows is None else rows
    return {
        f"m{number}": na.make_recording(
            own, EVENTS, subject=f"m{number}", units="z", stimulus=rows,
            neuroid=[f"n{neuroid}" for neuroid in range(values.shape[2])],
        )
        for number, own in enumerate(values)
    }  # fmt: skip


def parts_of(recordings, n_parts=1):
    rows = next(iter(recordings.values()))["stimulus"].values
    return pd.Series(np.arange(len(rows)) % n_parts, index=rows)


def shared_signal(seed, shape=(5, 60, 3), noise=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(1, *shape[1:])) + noise * rng.normal(size=shape)


@pytest.mark.parametrize(("n_subjects", "noise"), [(2, 1.0), (3, 0.5), (6, 1.5), (20, 1.0)])
def test_the_ceiling_of_a_planted_signal_is_as_theory_says(n_subjects, noise):
    # Neuroids are independent draws: 4 standard errors of their mean, 1 in 16,000 by chance.
    values = shared_signal(n_subjects, (n_subjects, 1000, 60), noise)
    ceiling = inter_subject(subjects_of(values), parts=pd.Series(0, names_of(values))).values
    per_neuroid = ceiling.values.reshape(n_subjects, 60).mean(0)
    e = noise**2
    expected = np.sqrt(1 / (1 + e)) * np.sqrt(1 / (1 + e / (n_subjects - 1)))
    error = per_neuroid.std(ddof=1) / np.sqrt(60)
    assert abs(per_neuroid.mean() - expected) < 4 * error
    assert error < 0.005


def names_of(values):
    return [f"s{number:04}" for number in range(values.shape[1])]


def random_subjects(seed):
    """Make four subjects of unlike units who missed some stimuli and have some neuroids each."""
    rng = np.random.default_rng(seed)
    values = shared_signal(seed, (4, 30, 5)) * rng.uniform(0.1, 9, (4, 1, 5)) + 100
    values[rng.random(values.shape) < 0.2] = np.nan
    values[1, :, 2], values[2, :, 3] = 7.0, np.nan
    recordings = subjects_of(values)
    recordings["m3"] = recordings["m3"].isel(stimulus=rng.permutation(30)[:22], neuroid=[4, 0, 2])
    return recordings


@pytest.mark.parametrize("seed", range(5))
def test_the_ceiling_is_that_of_a_slow_implementation(seed):
    recordings = random_subjects(seed)
    parts = parts_of(recordings, 4).sample(frac=0.8, random_state=seed)
    ceiling = inter_subject(recordings, parts=parts).values
    assert ceiling.sizes == {"neuroid": 18}
    for neuroid in range(5):
        responses = {
            subject: recording.sel(neuroid=f"{subject}/n{neuroid}").to_series().to_dict()
            for subject, recording in recordings.items()
            if f"{subject}/n{neuroid}" in recording["neuroid"]
        }
        expected = oracles.leave_one_subject_out(responses, parts.to_dict())
        for subject, value in expected.items():
            found = float(ceiling.sel(neuroid=f"{subject}/n{neuroid}"))
            np.testing.assert_allclose(found, value, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_ceiling_does_not_depend_on_order_or_units_or_what_differs_between_folds(seed):
    rng = np.random.default_rng(seed)
    values = shared_signal(seed)
    parts = parts_of(subjects_of(values), 3)
    expected = inter_subject(subjects_of(values), parts=parts).values
    turned = values * rng.uniform(0.1, 9, (5, 1, 3)) + rng.normal(size=(5, 1, 3))
    turned = turned + 50 * rng.normal(size=(3, 3))[parts.to_numpy()]
    recordings = {
        subject: recording.isel(stimulus=rng.permutation(60))
        for subject, recording in subjects_of(turned).items()
    }
    found = inter_subject(recordings, parts=parts.sample(frac=1, random_state=seed)).values
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-9)


def test_a_constant_neuroid_of_one_subject_leaves_the_others_as_they_were():
    values = shared_signal(0)
    silent = np.concatenate([values, np.full((1, 60, 3), 0.1)])
    recordings = subjects_of(silent)
    parts = parts_of(recordings, 3)
    ceiling = inter_subject(recordings, parts=parts).values
    alone = inter_subject(subjects_of(values), parts=parts).values
    np.testing.assert_array_equal(ceiling.values[:15], alone.values)
    assert np.isnan(ceiling.values[15:]).all()
    assert ceiling["n_others"].values.tolist() == [4] * 15 + [5] * 3


def test_subjects_without_responses_or_the_neuroid_are_not_counted():
    values = shared_signal(0)
    values[0, :, 0] = np.nan
    recordings = subjects_of(values)
    recordings["m4"] = recordings["m4"].isel(neuroid=[2])
    ceiling = inter_subject(recordings, parts=parts_of(recordings)).values
    some = ["m0/n0", "m1/n0", "m1/n1", "m4/n2"]
    assert ceiling["n_others"].sel(neuroid=some).values.tolist() == [3, 2, 3, 4]


def test_a_single_subject_has_no_ceiling():
    recordings = subjects_of(shared_signal(0)[:1])
    ceiling = inter_subject(recordings, parts=parts_of(recordings)).values
    assert ceiling.isnull().all()
    assert (ceiling["n_others"] == 0).all()


def test_folds_of_two_stimuli_say_nothing():
    recordings = subjects_of(shared_signal(0, (3, 10, 2)))
    parts = parts_of(recordings, 5)
    assert inter_subject(recordings, parts=parts).values.isnull().all()


def test_stimuli_without_a_fold_do_not_count():
    recordings = subjects_of(shared_signal(0))
    parts = parts_of(recordings).astype(float)
    parts.iloc[40:] = np.nan
    some = {name: recording[:40] for name, recording in recordings.items()}
    ceiling = inter_subject(recordings, parts=parts).values
    assert ceiling.identical(inter_subject(some, parts=parts.iloc[:40]).values)
    assert ceiling.identical(inter_subject(recordings, parts=parts.iloc[:40]).values)


def test_streams_have_the_ceiling_of_their_samples():
    values = shared_signal(0)
    films = {
        name: na.make_recording(
            recording.values, ("sample", "neuroid"), subject=name, units="z", sampling_period=2.0,
            run="film", neuroid=recording["neuroid"].values,
        )
        for name, recording in subjects_of(values).items()
    }  # fmt: skip
    parts = np.arange(60) // 20
    found = inter_subject(films, parts=pd.Series(parts, films["m0"]["sample"].values)).values
    expected = inter_subject(subjects_of(values), parts=pd.Series(parts, names_of(values))).values
    assert found.identical(expected)


def test_repetitions_are_averaged_before_subjects_are_compared():
    rng = np.random.default_rng(0)
    trials = shared_signal(0)[:, :, None] + rng.normal(size=(5, 60, 3, 3))
    repeated = {
        name: na.make_recording(
            own, ("stimulus", "repetition", "neuroid"), subject=name, units="z",
            stimulus=names_of(trials), neuroid=["n0", "n1", "n2"],
        )
        for name, own in zip(["m0", "m1", "m2", "m3", "m4"], trials, strict=True)
    }  # fmt: skip
    averaged = subjects_of(trials.mean(2))
    parts = parts_of(averaged, 4)
    found = inter_subject(repeated, parts=parts).values
    np.testing.assert_allclose(found, inter_subject(averaged, parts=parts).values, atol=1e-12)


def test_times_are_compared_one_by_one():
    values = shared_signal(0, (4, 40, 6))
    evoked = {
        f"m{number}": na.make_recording(
            own.reshape(40, 2, 3), (*EVENTS, "time"), subject=f"m{number}", units="uV",
            stimulus=names_of(values), neuroid=["Cz", "Pz"], time=[0.0, 0.1, 0.2],
            attrs={"time_convention": "bin centers"},
        )
        for number, own in enumerate(values)
    }  # fmt: skip
    flat = subjects_of(values)
    parts = parts_of(flat, 2)
    found = inter_subject(evoked, parts=parts).values
    assert found.dims == ("neuroid", "time")
    expected = inter_subject(flat, parts=parts).values
    np.testing.assert_array_equal(found.values.ravel(), expected.values)


def test_the_ceiling_says_what_it_bounds():
    recordings = subjects_of(shared_signal(0))
    ceiling = inter_subject(recordings, parts=parts_of(recordings))
    assert (ceiling.method, ceiling.bounds, ceiling.role) == (
        "inter_subject",
        "correlation",
        "lower bound",
    )
    assert ceiling.values["neuroid"].values.tolist()[:4] == ["m0/n0", "m0/n1", "m0/n2", "m1/n0"]


def test_recordings_are_left_as_they_were():
    recordings = random_subjects(0)
    before = {name: recording.copy(deep=True) for name, recording in recordings.items()}
    inter_subject(recordings, parts=parts_of(recordings, 3))
    assert all(recordings[name].identical(before[name]) for name in before)
