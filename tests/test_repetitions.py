"""Averaging, splitting and standardizing recordings, and laying them side by side."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroalign as na
from neuroalign.data.repetitions import join_neuroids, to_showings
from neuroalign.errors import DataError

EVENTS = ("stimulus", "neuroid")
SHOWINGS = ("showing", "neuroid")
PADDED = ("stimulus", "repetition", "neuroid")
SEEDS = st.integers(0, 2**32 - 1)
few_examples = settings(max_examples=25, deadline=None)


def make(values, dims, *, stimulus, subject="m1", **options):
    """Make a recording whose neuroids are numbered."""
    neuroid = range(values.shape[dims.index("neuroid")])
    labels = {"stimulus": stimulus, "neuroid": neuroid, "units": "spikes/s"}
    return na.make_recording(values, dims, subject=subject, **labels, **options)


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def averages_by_hand(stimuli, rows):
    """Collect the responses of each stimulus and neuroid in lists, and average the lists."""
    found = {}
    for stimulus, row in zip(stimuli, rows, strict=True):
        for neuroid, value in enumerate(row):
            responses = found.setdefault((stimulus, neuroid), [])
            if not np.isnan(value):
                responses.append(float(value))
    return found


def random_showings(seed, n_stimuli, n_rows, n_neuroids=3):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, n_neuroids))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0] = 1.0  # never all missing
    stimuli = [f"s{number}" for number in rng.integers(0, n_stimuli, n_rows)]
    return make(values, SHOWINGS, stimulus=stimuli)


def assert_averages(average, expected):
    """Compare with lists of responses; a stimulus without any response is left out."""
    names = sorted({stimulus for (stimulus, _), responses in expected.items() if responses})
    assert average["stimulus"].values.tolist() == names
    counts = average["n_repetitions"].broadcast_like(average).transpose(*EVENTS).values
    for row, stimulus in enumerate(names):
        for neuroid in range(average.sizes["neuroid"]):
            responses = expected[stimulus, neuroid]
            mean = sum(responses) / len(responses) if responses else np.nan
            np.testing.assert_allclose(average.values[row, neuroid], mean, atol=1e-12)
            assert counts[row, neuroid] == len(responses)


@few_examples
@given(seed=SEEDS, n_stimuli=st.integers(1, 6), n_rows=st.integers(1, 20))
def test_averages_of_showings_are_the_means_of_their_responses(seed, n_stimuli, n_rows):
    showings = random_showings(seed, n_stimuli, n_rows)
    expected = averages_by_hand(showings["stimulus"].values, showings.values)
    assert_averages(na.average_repetitions(showings), expected)


@few_examples
@given(seed=SEEDS)
def test_averages_of_padded_events_are_the_means_of_their_responses(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, 5, 2))
    values[np.arange(5) >= rng.integers(1, 6, 4)[:, None]] = np.nan
    events = make(values, PADDED, stimulus=["d", "b", "a", "c"])
    stimuli = np.repeat(events["stimulus"].values, 5)
    assert_averages(
        na.average_repetitions(events), averages_by_hand(stimuli, values.reshape(-1, 2))
    )


def test_averages_do_not_depend_on_the_order_of_the_showings(rng):
    showings = make(rng.integers(0, 9, (6, 2)), SHOWINGS, stimulus=list("abcabc"))
    shuffled = showings.isel(showing=rng.permutation(6))
    assert na.average_repetitions(shuffled).identical(na.average_repetitions(showings))


def test_counts_lie_on_the_stimuli_where_neuroids_agree():
    showings = make(np.ones((3, 2)), SHOWINGS, stimulus=["a", "b", "b"])
    assert na.average_repetitions(showings)["n_repetitions"].to_series().to_dict() == {
        "a": 1,
        "b": 2,
    }


def test_averages_keep_time_regions_and_units():
    options = {"time": [0.0, 0.1], "attrs": {"time_convention": "bin centers"}, "roi": "V4"}
    values = np.arange(12.0).reshape(3, 2, 2)
    showings = make(values, (*SHOWINGS, "time"), stimulus=["b", "a", "b"], **options)
    average = na.average_repetitions(showings)
    assert average.dims == ("stimulus", "neuroid", "time")
    assert average.sel(stimulus="b").values.tolist() == [[4.0, 5.0], [6.0, 7.0]]
    assert average["roi"].values.tolist() == ["V4", "V4"]
    assert average.attrs == showings.attrs


def test_an_averaged_recording_is_only_sorted():
    recording = make(np.array([[1, 2], [3, 4]]), EVENTS, stimulus=["b", "a"])
    average = na.average_repetitions(recording)
    assert average.values.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert "n_repetitions" not in average.coords


def test_averaging_leaves_its_input_as_it_was(rng):
    showings = make(rng.normal(size=(4, 2)), SHOWINGS, stimulus=list("baba"))
    before = showings.copy(deep=True)
    na.average_repetitions(showings)
    assert showings.identical(before)


def test_rows_without_any_response_are_no_showings():
    values = np.array([[[1.0, np.nan], [np.nan, np.nan]]])
    events = make(values, PADDED, stimulus=["a"])
    assert to_showings(events).sizes == {"showing": 1, "neuroid": 2}


def test_joined_subjects_carry_their_counts_and_names():
    showings = make(np.ones((4, 2)), SHOWINGS, stimulus=list("aabb"))
    joined = join_neuroids(
        [
            na.average_repetitions(showings),
            make(np.eye(2), EVENTS, subject="m2", stimulus=["a", "b"]),
        ]
    )
    assert joined["subject"].values.tolist() == ["m1", "m1", "m2", "m2"]
    assert joined["n_repetitions"].sel(stimulus="a").values.tolist() == [2, 2, 1, 1]


def halves_of(stimuli, *, seed):
    """Split showings that each make their own neuroid respond, and read off who is where."""
    recording = make(np.eye(len(stimuli)), SHOWINGS, stimulus=stimuli)
    return [
        {
            str(stimulus): set(np.flatnonzero(half.sel(stimulus=stimulus).values))
            for stimulus in half["stimulus"].values
        }
        for half in na.split_repetitions(recording, seed=seed)
    ]


@few_examples
@given(seed=st.integers(0, 1000), counts=st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_halves_share_no_showing_and_leave_none_out(seed, counts):
    stimuli = np.repeat([f"s{number}" for number in range(len(counts))], counts)
    if max(counts) < 2:
        return
    first, second = halves_of(stimuli, seed=seed)
    for number, count in enumerate(counts):
        whole = set(np.flatnonzero(stimuli == f"s{number}"))
        one, other = first.get(f"s{number}", set()), second.get(f"s{number}", set())
        assert one.isdisjoint(other)
        assert one | other == (whole if count > 1 else set())
        assert abs(len(one) - len(other)) == (count % 2 if count > 1 else 0)


def test_the_odd_showing_goes_to_either_half():
    sizes = {len(halves_of(["a", "a", "a"], seed=seed)[0]["a"]) for seed in range(20)}
    assert sizes == {1, 2}


def test_a_seed_chooses_the_halves():
    stimuli = ["a"] * 6
    assert halves_of(stimuli, seed=3) == halves_of(stimuli, seed=3)
    assert len({str(halves_of(stimuli, seed=seed)) for seed in range(10)}) > 1


def test_halves_do_not_depend_on_the_order_of_the_stimuli(rng):
    events = make(rng.normal(size=(4, 5, 2)), PADDED, stimulus=list("abcd"))
    expected = na.split_repetitions(events, seed=0)
    found = na.split_repetitions(events.isel(stimulus=[2, 0, 3, 1]), seed=0)
    assert all(one.identical(other) for one, other in zip(found, expected, strict=True))


def test_halves_say_how_many_showings_they_average():
    events = make(np.ones((2, 5, 1)), PADDED, stimulus=["a", "b"])
    first, second = na.split_repetitions(events, seed=0)
    assert (first["n_repetitions"] + second["n_repetitions"]).values.tolist() == [5, 5]


def test_a_recording_without_repetitions_has_no_halves():
    message = "No stimulus was shown twice, so the recording cannot be split into halves."
    with refused(message):
        na.split_repetitions(make(np.eye(2), EVENTS, stimulus=["a", "b"]), seed=0)


@few_examples
@given(seed=SEEDS, n_rows=st.integers(4, 12))
def test_standardized_sessions_have_mean_0_and_spread_1(seed, n_rows):
    rng = np.random.default_rng(seed)
    sessions = rng.permutation(np.resize(["x", "y"], n_rows))
    values = rng.normal(3, 5, (n_rows, 2))
    recording = make(values, SHOWINGS, stimulus=["a"] * n_rows, session=sessions)
    standardized = na.zscore(recording, by="session")
    for session in ("x", "y"):
        rows = values[sessions == session]
        expected = (rows - rows.mean(0)) / rows.std(0)
        np.testing.assert_allclose(standardized.values[sessions == session], expected)


def test_standardizing_keeps_rows_labels_and_facts(rng):
    labels = {"stimulus": list("abba"), "session": list("xyxy"), "roi": "V4"}
    recording = make(rng.normal(size=(4, 2)), SHOWINGS, **labels, attrs={"dataset": "d"})
    standardized = na.zscore(recording, by="session")
    assert standardized.attrs == {"units": "z", "dataset": "d"}
    assert standardized.copy(data=recording.values).identical(recording.assign_attrs(units="z"))


def test_repetitions_are_standardized_together(rng):
    values = rng.normal(size=(4, 3, 2))
    values[0, 2] = np.nan
    standardized = na.zscore(make(values, PADDED, stimulus=list("abcd")))
    expected = (values - np.nanmean(values, (0, 1))) / np.nanstd(values, (0, 1))
    np.testing.assert_allclose(standardized.values, expected)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 + 0.1])
def test_neuroids_that_do_not_vary_become_nan(constant):
    values = np.column_stack([np.full(3, constant), [1.0, 2.0, 3.0]])
    standardized = na.zscore(make(values, EVENTS, stimulus=list("abc")))
    assert np.isnan(standardized.values).all(0).tolist() == [True, False]


def test_neuroids_without_responses_stay_nan_when_standardized():
    values = np.column_stack([np.full(3, np.nan), [1.0, 2.0, 3.0]])
    standardized = na.zscore(make(values, EVENTS, stimulus=list("abc")))
    assert np.isnan(standardized.values).all(0).tolist() == [True, False]


def test_standardizing_by_a_coordinate_that_is_missing_is_refused():
    message = "zscore(by='session') needs a coordinate 'session' on 'showing', which is missing."
    with refused(message):
        na.zscore(make(np.eye(2), SHOWINGS, stimulus=["a", "a"]), by="session")


def test_standardizing_rows_that_belong_nowhere_is_refused():
    labels = {"stimulus": ["a", "b", "c"], "session": ["x", None, "x"]}
    with refused("zscore(by='session'): 1 of 3 rows have no 'session'."):
        na.zscore(make(np.eye(3), SHOWINGS, **labels), by="session")
