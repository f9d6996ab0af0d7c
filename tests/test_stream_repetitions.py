"""Averaging, splitting, standardizing and joining streams."""

import re

import numpy as np
import pytest

import neuroalign as na
from neuroalign.ceilings import anova, split_half
from neuroalign.data.repetitions import join_neuroids
from neuroalign.data.schema import label_faults
from neuroalign.errors import DataError

DIMS = ("sample", "neuroid")
REPEATED = ("repetition", *DIMS)


def stream(values=None, dims=DIMS, *, subject="ann", **options):
    """Make a stream, by default of two runs of three samples."""
    values = np.arange(12.0).reshape(6, 2) if values is None else values
    plain = {"run": list("xxxyyy"), "neuroid": range(values.shape[-1]), "sampling_period": 2.0}
    return na.make_recording(values, dims, **{"subject": subject, "units": "z", **plain, **options})


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def test_averages_of_repeated_streams_keep_every_sample_and_its_clock(rng):
    values = rng.normal(size=(3, 6, 2))
    values[1, :, 0] = values[:, 2] = np.nan
    recording = stream(values, REPEATED, roi=["V4", "IT"])
    average = na.average_repetitions(recording)
    expected = np.full((6, 2), np.nan)
    for sample in (0, 1, 3, 4, 5):
        expected[sample] = values[[0, 2], sample, 0].mean(), values[:, sample, 1].mean()
    np.testing.assert_allclose(average.values, expected, rtol=1e-14)
    counts = [[2, 3]] * 6
    counts[2] = [0, 0]
    assert average["n_repetitions"].values.tolist() == counts
    template = recording.isel(repetition=0, drop=True)
    assert average.drop_vars("n_repetitions").identical(template.copy(data=average.values))


def test_counts_of_equal_repetitions_lie_on_the_samples():
    average = na.average_repetitions(stream(np.ones((3, 6, 2)), REPEATED))
    assert average["n_repetitions"].dims == ("sample",)
    assert set(average["n_repetitions"].values) == {3}


def test_a_stream_without_repetitions_is_its_own_average():
    recording = stream(np.arange(12).reshape(6, 2))
    assert na.average_repetitions(recording).identical(recording.astype(float))


def test_infinite_responses_of_a_stream_are_not_averaged():
    recording = stream(np.ones((3, 6, 2)), REPEATED)
    recording[0, 0, 0] = np.inf
    with refused("1 responses are infinite; use NaN for what is missing."):
        na.average_repetitions(recording)


@pytest.mark.parametrize("count", [2, 3, 6, 7])
def test_halves_of_a_stream_share_no_repetition_and_leave_none_out(count):
    recording = stream(
        np.broadcast_to(2.0 ** np.arange(count)[:, None, None], (count, 6, 1)), REPEATED
    )
    sizes = set()
    for seed in range(20):
        halves = na.split_repetitions(recording, seed=seed)
        sums = [half * half["n_repetitions"] for half in halves]
        assert all((half == half[0]).all() for half in halves)  # whole repetitions
        assert float((sums[0] + sums[1])[0, 0]) == 2.0**count - 1
        sizes.add(int(halves[0]["n_repetitions"][0]))
    assert sizes == {count // 2, count - count // 2}


def test_a_seed_chooses_the_halves_of_a_stream(rng):
    recording = stream(rng.normal(size=(6, 6, 2)), REPEATED)
    firsts = [na.split_repetitions(recording, seed=seed)[0] for seed in (0, 0, 1, 2, 3)]
    assert firsts[0].identical(firsts[1])
    assert len({first.values.tobytes() for first in firsts}) > 1


@pytest.mark.parametrize("values", [np.ones((6, 2)), np.ones((1, 6, 2))])
def test_a_stream_without_repetitions_has_no_halves(values):
    with refused("The stream has no repetitions, so it cannot be split into halves."):
        na.split_repetitions(stream(values, REPEATED[-values.ndim :]), seed=0)


def test_streams_are_standardized_within_runs(rng):
    values = rng.normal(5, 3, size=(2, 6, 2))
    recording = stream(values, REPEATED, run=list("xyxyxy"))
    standardized = na.zscore(recording, by="run")
    for run in ("x", "y"):
        rows = values[:, recording["run"].values == run]
        expected = (rows - rows.mean((0, 1))) / rows.std((0, 1))
        found = standardized.values[:, recording["run"].values == run]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert standardized.attrs == {"units": "z", "sampling_period": 2.0}
    assert standardized.copy(data=recording.values).identical(recording)


def test_joined_streams_keep_their_clock():
    other = stream(subject="bob")
    joined = join_neuroids([na.average_repetitions(stream(np.ones((3, 6, 2)), REPEATED)), other])
    assert joined["subject"].values.tolist() == ["ann", "ann", "bob", "bob"]
    assert joined["n_repetitions"][0].values.tolist() == [3, 3, 1, 1]
    assert label_faults(joined.assign_coords(subject="").isel(neuroid=[])) == []


def test_streams_with_equal_labels_of_other_moments_are_not_joined():
    other = stream(subject="bob", sampling_period=1.5)
    message = (
        "Streams of subjects 'ann' and 'bob' have the same sample labels at other onsets; label "
        "equal moments alike, or score them apart (subjects=...)."
    )
    with refused(message):
        join_neuroids([stream(), other])


def test_ceilings_of_repeated_streams_are_those_of_repeated_stimuli(rng):
    values = rng.normal(size=(40, 1, 3)) + rng.normal(size=(40, 4, 3))
    names = [f"x/{number:07}" for number in range(40)]
    film = stream(values.swapaxes(0, 1), REPEATED, run="x")
    events = na.make_recording(
        values, ("stimulus", "repetition", "neuroid"), subject="ann", units="z",
        stimulus=names, neuroid=range(3),
    )  # fmt: skip
    for ceiling in (anova, split_half):
        np.testing.assert_array_equal(ceiling(film).values, ceiling(events).values)
