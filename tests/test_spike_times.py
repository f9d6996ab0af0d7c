"""Spike times: every spike in its bin, averages over showings, and one sentence where it fails."""

import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers.spike_times import bin_spikes, counts_to_rate, psth, trials_by_condition
from neuroalign.readers.windows import LATEST, make_windows, to_ticks


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def counted_one_by_one(times, units, onsets, begins, width, labels):
    """Count with fractions of whole milliseconds: slow, exact, and of another make."""
    counts = np.zeros((len(onsets), len(labels), len(begins)), dtype=int)
    for row, onset in enumerate(onsets):
        for column, label in enumerate(labels):
            for number, begin in enumerate(begins):
                low = Fraction(onset + begin, 1000)
                high = low + Fraction(width, 1000)
                counts[row, column, number] = sum(
                    low <= Fraction(time, 1000) < high
                    for time, unit in zip(times, units, strict=True)
                    if unit == label
                )
    return counts


@pytest.fixture
def spikes():
    """Draw whole milliseconds, so that many spikes lie on an edge."""
    rng = np.random.default_rng(3)
    times = rng.integers(0, 2000, 400)
    return times, rng.choice(["a", "b", "c"], 400), np.array([0, 300, 333, 700, 1500])


@pytest.mark.parametrize(
    ("start", "stop", "width", "step"),
    [(0, 300, 100, None), (-200, 100, 50, None), (-100, 200, 100, 30), (0, 70, 7, None)],
)
def test_counts_equal_those_of_one_comparison_at_a_time(spikes, start, stop, width, step):
    times, units, onsets = spikes
    found = bin_spikes(
        times / 1000, units, onsets / 1000,
        start=start / 1000, stop=stop / 1000, width=width / 1000,
        step=None if step is None else step / 1000,
    )  # fmt: skip
    begins = range(start, stop - width + 1, step or width)
    expected = counted_one_by_one(times, units, onsets, begins, width, ["a", "b", "c"])
    np.testing.assert_array_equal(found.values, expected)
    middles = [(begin + width / 2) / 1000 for begin in begins]
    assert found.time.values.tolist() == pytest.approx(middles, abs=1e-12)


def test_rates_of_counts_that_were_added_up_need_their_width():
    counts = bin_spikes([0.01, 0.02, 0.06], ["a"] * 3, [0.0], start=0.0, stop=0.1, width=0.05)
    added = counts.sum("time", keep_attrs=True)
    message = (
        "The counts have no time any more, so that their bins of 0.05 s were added up or averaged; "
        "say what they are of, as in bin_width=0.3."
    )
    with refused(message):
        counts_to_rate(added)
    assert counts_to_rate(added, bin_width=0.1).values.tolist() == [[30.0]]
    assert counts_to_rate(counts.isel(time=0)).values.tolist() == [[40.0]]


def test_bins_that_touch_count_every_spike_of_the_window_once(rng):
    times = rng.uniform(0, 10, 1000)
    counts = bin_spikes(times, np.zeros(1000, int), [0.0], start=0, stop=10, width=0.1)
    assert counts.sum() == 1000


@pytest.mark.parametrize("onset", [0.0, 0.1, 0.3, 0.7, 1e5 + 0.1])
def test_a_spike_on_an_edge_belongs_to_the_bin_that_begins_there(onset):
    edges = [onset + number / 10 for number in range(4)]
    counts = bin_spikes(edges, ["a"] * 4, [onset], start=0, stop=0.3, width=0.1)
    assert counts.values.ravel().tolist() == [1, 1, 1]


def test_the_order_of_spikes_changes_nothing(spikes, rng):
    times, units, onsets = spikes
    order = rng.permutation(len(times))
    options = {"start": 0, "stop": 0.3, "width": 0.1}
    one = bin_spikes(times / 1000, units, onsets / 1000, **options)
    two = bin_spikes(times[order] / 1000, units[order], onsets / 1000, **options)
    assert one.identical(two)


def test_units_are_in_the_order_asked_for_silent_ones_too():
    counts = bin_spikes(
        [0.1, 0.2, 0.2], [7, 12, 12], [0.0], start=0, stop=1, width=1, neuroid=[12, 3, 7]
    )
    assert counts.neuroid.values.tolist() == ["12", "3", "7"]
    assert counts.values.ravel().tolist() == [2, 0, 1]


def test_columns_of_the_events_become_coordinates():
    events = pd.DataFrame({"onset": [0.0, 1.0], "stimulus": ["x", "y"], "time": [3, 4]})
    counts = bin_spikes([0.5], ["a"], events, start=0, stop=1, width=0.5)
    assert counts.stimulus.values.tolist() == ["x", "y"]
    assert counts.showing_time.values.tolist() == [3, 4]
    recording = na.make_recording(counts, subject="m")
    assert recording.attrs["units"] == "spikes per 500 ms"
    assert recording.attrs["time_convention"] == "bin centers"


def test_what_is_missing_in_a_column_of_the_events_is_nan():
    events = pd.DataFrame(
        {
            "onset": ["0.0", "1.0"],
            "rt": pd.array([1, None], dtype="Int64"),
            "seen": [None, True],
            "hit": pd.array([True, False], dtype="boolean"),
        }
    )
    counts = bin_spikes([0.5], ["a"], events, start=0, stop=1, width=0.5)
    np.testing.assert_array_equal(counts.rt, [1, np.nan])
    np.testing.assert_array_equal(counts.seen, [np.nan, 1])
    assert counts.hit.dtype == bool
    assert counts.onset.values.tolist() == [0, 1]


def test_widths_of_single_precision_are_meant_as_written():
    windows = make_windows(0, 0.3, np.float32(0.1))
    assert windows.ends.tolist() == [100_000_000, 200_000_000, 300_000_000]


def test_windows_that_overlap_say_so():
    counts = bin_spikes([0.5], ["a"], [0.0], start=0, stop=1, width=0.5, step=0.1)
    assert counts.attrs["time_convention"] == "window centers"


@pytest.mark.parametrize("third", [1 / 3, 1 - 2 / 3])
def test_bins_of_a_third_of_a_second_fill_a_second(third):
    windows = make_windows(0, 1, third)
    assert len(windows) == 3
    assert (windows.begins[1:] - windows.ends[:-1] == 0).all()


def test_rates_are_counts_divided_by_the_width():
    counts = bin_spikes([0.01, 0.02], ["a", "a"], [0.0], start=0, stop=0.2, width=0.05)
    rates = counts_to_rate(counts)
    assert rates.values.ravel().tolist() == [40, 0, 0, 0]
    assert rates.attrs["units"] == "spikes/s"
    given = counts_to_rate(counts.drop_attrs(), bin_width=0.1)
    assert given.values.ravel().tolist() == [20, 0, 0, 0]


@pytest.fixture
def showings(rng):
    """Make five showings of two conditions, with a response missing."""
    values = rng.normal(size=(5, 2, 3))
    values[0, 1, 2] = np.nan
    return na.make_recording(
        values,
        ("showing", "neuroid", "time"),
        subject="m",
        units="spikes/s",
        attrs={"time_convention": "bin centers"},
        stimulus=["x", "y", "x", "x", "y"],
        neuroid=["a", "b"],
        time=[0.1, 0.2, 0.3],
        roi=["V1", "V4"],
    )


def test_a_psth_is_the_mean_over_showings_with_its_error_and_number(showings):
    averages = psth(showings)
    for number, label in enumerate(["x", "y"]):
        rows = showings.values[showings.stimulus.values == label]
        n = np.isfinite(rows).sum(axis=0)
        np.testing.assert_allclose(averages["mean"][number], np.nanmean(rows, axis=0))
        np.testing.assert_allclose(
            averages["error"][number], np.nanstd(rows, axis=0, ddof=1) / np.sqrt(n)
        )
        np.testing.assert_array_equal(averages["n"][number], n)
    assert averages.roi.values.tolist() == ["V1", "V4"]


def test_a_psth_of_one_showing_has_no_error(showings):
    averages = psth(showings.isel(showing=[0, 1]))
    assert np.isnan(averages["error"]).all()
    assert np.isnan(averages["mean"].sel(stimulus="x").values[1, 2])


def test_trials_by_condition_keep_the_order_of_showings(showings):
    trials = trials_by_condition(showings)
    assert trials.dims == ("stimulus", "repetition", "neuroid", "time")
    np.testing.assert_array_equal(trials.values[0], showings.values[[0, 2, 3]])
    np.testing.assert_array_equal(trials.values[1, :2], showings.values[[1, 4]])
    assert np.isnan(trials.values[1, 2]).all()
    assert na.make_recording(trials, subject="m").roi.values.tolist() == ["V1", "V4"]


OPTIONS = {"start": 0.0, "stop": 0.3, "width": 0.1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": [0.1, np.nan]}, "1 times of spikes are NaN or infinite; leave these out."),
        ({"times": ["a", "b"]}, "Times of spikes are not numbers; give seconds."),
        ({"times": [1e12, 1.0]}, "Times of spikes reach 1e+12; give seconds."),
        ({"times": [1.0]}, "1 spikes have 2 units; name the unit of each spike."),
        ({"units": [0.5, 1]}, "A unit id is 0.5; ids are strings or whole numbers."),
        ({"units": [7, np.nan]}, "1 spikes have no unit; leave these out, or name it."),
        ({"units": [], "times": []}, "There is no spike and no unit is named; pass neuroid=[...]."),
        (
            {"neuroid": ["a", "a"]},
            "1 units are asked for more than once (first: 'a').",
        ),
        ({"events": []}, "There is no event to count spikes after."),
        ({"events": [np.nan]}, "1 times of events are NaN or infinite; leave these out."),
        (
            {"events": pd.DataFrame({"time": [1]})},
            "The table of events has no column 'onset' (s on the clock of the spikes).",
        ),
        (
            {"stop": 0.05},
            "No window of 0.1 s fits between start=0 s and stop=0.05 s; times are in seconds.",
        ),
        (
            {"stop": 0.35},
            "Bins of 0.1 s do not fill 0 to 0.35 s; change stop to 0.3, or give step= for "
            "windows that need not.",
        ),
        (
            {"times": [1060, 2070.0], "events": [1.0, 2.0]},
            "Spikes go to 2070 s and events to 2 s; give both in seconds, not one of them in "
            "milliseconds.",
        ),
        (
            {"times": [1.06, 2.07], "events": [1000, 2000]},
            "Spikes go to 2.07 s and events to 2000 s; give both in seconds, not one of them in "
            "milliseconds.",
        ),
        ({"width": 0}, "width=0 is not a time above 0 s; give seconds."),
        ({"step": -0.1}, "step=-0.1 is not a time above 0 s; give seconds."),
        ({"start": "0"}, "start='0' is not a time; give seconds, as in start=0.1."),
        ({"stop": np.inf}, "stop=inf is not a time; give seconds, as in stop=0.1."),
        (
            {"stop": 1e5, "step": 1e-3},
            "Windows every 0.001 s from 0 to 100000 s are more than 10,000,000; times are in "
            "seconds.",
        ),
    ],
)
def test_what_cannot_be_binned_is_said_in_one_sentence(change, message):
    given = {"times": [0.1, 0.2], "units": ["a", "b"], "events": [0.0], **OPTIONS, **change}
    with refused(message):
        bin_spikes(given.pop("times"), given.pop("units"), given.pop("events"), **given)


def test_few_events_may_lie_at_the_beginning_of_a_long_recording():
    times = np.arange(0, 4000, 0.5)
    counts = bin_spikes(times, np.repeat("a", len(times)), [0.0, 5.0], start=0, stop=2, width=1)
    assert (counts == 2).all()


def test_rates_of_an_unknown_width_or_of_rates_are_refused(showings):
    with refused("bin_width=None is not the seconds that counts are of; give bin_width=0.1."):
        counts_to_rate(showings)
    with refused("The recording is in spikes/s already."):
        counts_to_rate(showings, bin_width=0.1)


def test_conditions_come_from_a_coordinate_of_complete_showings(showings):
    message = "No coordinate of the showings is called 'stimuli'. Did you mean 'stimulus'?"
    with refused(message, UnknownNameError):
        psth(showings, by="stimuli")
    lacking = showings.assign_coords(run=("showing", [1, 1, 2, 2, np.nan]))
    with refused("1 showings have no run; leave these out first."):
        trials_by_condition(lacking, by="run")
    events = pd.DataFrame({"onset": [0.0, 1.0], "stimulus": ["x", None]})
    nameless = bin_spikes([0.1], ["a"], events, **OPTIONS)
    with refused("1 showings have no stimulus; leave these out first."):
        psth(nameless)
    message = (
        "The recording has the dimensions ('neuroid', 'showing', 'time'); (showing, neuroid, "
        "[time]) are needed."
    )
    with refused(message):
        psth(showings.transpose("neuroid", "showing", "time"))


@pytest.mark.parametrize(
    ("start", "stop", "width", "ends"),
    [
        (0, 0.099999999, 0.1, [10**8]),  # a nanosecond is forgiven
        (0, 1, 1 / 3, [333333333, 666666667, 10**9]),  # edges are rounded, not cut
    ],
)
def test_edges_of_windows_are_whole_nanoseconds(start, stop, width, ends):
    windows = make_windows(start, stop, width)
    assert windows.ends.tolist() == ends
    assert windows.begins.tolist() == [0, *ends[:-1]]


def test_a_window_may_be_as_short_as_a_nanosecond():
    assert make_windows(0, 0.15, 1e-9, 0.1).ends.tolist() == [1, 100_000_001]


def test_as_many_windows_are_laid_as_are_allowed(monkeypatch):
    monkeypatch.setattr("neuroalign.readers.windows.MOST", 3)
    assert len(make_windows(0, 0.3, 0.1)) == 3
    message = "Windows every 0.1 s from 0 to 0.4 s are more than 3; times are in seconds."
    with refused(message):
        make_windows(0, 0.4, 0.1)


@pytest.mark.parametrize("start", [True, float("nan"), -LATEST, LATEST, "0"])
def test_what_is_no_time_begins_no_window(start):
    with refused(f"start={start!r} is not a time; give seconds, as in start=0.1."):
        make_windows(start, 1, 0.1)


def test_times_are_seconds_up_to_the_latest_before_and_after_zero():
    assert to_ticks([-LATEST, LATEST], "spikes").tolist() == [-9 * 10**18, 9 * 10**18]
    for time in (-9.1e9, 9.1e9):
        with refused("Times of spikes reach 9.1e+09; give seconds."):
            to_ticks([time], "spikes")
