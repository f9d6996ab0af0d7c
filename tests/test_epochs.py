"""Windows of a stream around events: means of samples, clocks, runs, and what does not fit."""

import numpy as np
import pandas as pd
import pytest
from voltage_streams import in_file, stream_of

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers import epoch


def brute_force(stream, events, edges):
    """Average the samples whose middle lies in a window, one after the other."""
    period = stream.attrs["sampling_period"]
    middles = stream["onset"].values + period / 2
    found = np.full((len(events), stream.sizes["neuroid"], len(edges)), np.nan)
    for row, event in enumerate(events.itertuples()):
        for column, (begin, end) in enumerate(edges):
            inside = (middles >= event.onset + begin) & (middles < event.onset + end)
            inside &= stream["run"].values == event.run
            for site in range(found.shape[1]):
                values = stream.values[inside, site]
                values = values[~np.isnan(values)]
                if len(values):
                    found[row, site, column] = values.mean()
    return found


@pytest.fixture
def stream(rng):
    runs = {"a": rng.normal(5, 3, (700, 3)), "b": rng.normal(-20, 3, (900, 3))}
    return stream_of(runs, rate=100.0, onset=2.0, roi=["STG", "IFG", "STG"])


@pytest.fixture
def words(rng):
    """Make events at any moments, in no order."""
    return pd.DataFrame(
        {
            "run": rng.choice(["a", "b"], 12),
            "onset": rng.uniform(3.0, 7.5, 12),
            "pitch": rng.normal(size=12),
            "speaker": ["ann", "bob"] * 6,
        },
        index=[f"word-{number % 5}" for number in range(12)],
    )


@pytest.mark.parametrize(("width", "step"), [(0.2, 0.025), (0.1, None), (0.05, 0.13)])
def test_windows_are_means_of_their_samples(width, step, stream, words):
    found = epoch(stream, words, start=-0.4, stop=1.0, width=width, step=step)
    begins = np.arange(-0.4, 1.0 - width + 1e-9, step or width)
    expected = brute_force(stream, words, [(begin, begin + width) for begin in begins])
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    np.testing.assert_allclose(found["time"].values, begins + width / 2, atol=1e-12)
    assert found.dims == ("showing", "neuroid", "time")
    assert found.attrs["time_convention"] == "window centers"


def test_showings_are_the_events_in_the_order_of_the_table(stream, words):
    found = epoch(stream, words, start=0, stop=0.3, width=0.1)
    assert found["stimulus"].values.tolist() == words.index.tolist()
    for name in ("run", "onset", "pitch", "speaker"):
        assert found[name].values.tolist() == words[name].tolist()
    assert found["roi"].values.tolist() == ["STG", "IFG", "STG"]
    assert found.attrs["units"] == "uV"
    recording = na.make_recording(found, subject="01")
    assert na.average_repetitions(recording).sizes["stimulus"] == 5


def test_a_column_does_not_take_the_place_of_what_neuroids_are_called(stream, words):
    found = epoch(stream, words.assign(roi="left", time=1.5), start=0, stop=0.3, width=0.1)
    assert found["roi"].values.tolist() == ["STG", "IFG", "STG"]
    assert found["showing_roi"].values.tolist() == ["left"] * 12
    assert found["showing_time"].values.tolist() == [1.5] * 12


def test_a_column_may_name_the_stimuli(stream, words):
    table = words.assign(stimulus=words["speaker"])
    found = epoch(stream, table, start=0, stop=0.3, width=0.1)
    assert found["stimulus"].values.tolist() == words["speaker"].tolist()


@pytest.mark.parametrize("column", ["stim_file", "trial_type", "condition"])
@pytest.mark.parametrize("rows", [range(12), np.arange(12)[::-1]])
def test_where_rows_are_only_numbered_a_column_names_the_stimuli(column, rows, stream, words):
    table = words.set_axis(pd.Index(rows)).assign(**{column: words["speaker"].values})
    found = epoch(stream, table, start=0, stop=0.3, width=0.1)
    assert found["stimulus"].values.tolist() == words["speaker"].tolist()
    assert found[column].values.tolist() == words["speaker"].tolist()


def test_the_names_of_rows_come_before_conditions(stream, words):
    found = epoch(stream, words.assign(condition="word"), start=0, stop=0.3, width=0.1)
    assert found["stimulus"].values.tolist() == words.index.tolist()
    numbers = words.set_axis(pd.Index(range(12), name="image")).assign(condition="image")
    found = epoch(stream, numbers, start=0, stop=0.3, width=0.1)
    assert found["stimulus"].values.tolist() == [str(number) for number in range(12)]


def test_the_order_of_events_and_sites_does_not_matter(stream, words):
    found = epoch(stream, words, start=0, stop=0.3, width=0.1)
    turned = epoch(stream.isel(neuroid=[2, 0, 1]), words[::-1], start=0, stop=0.3, width=0.1)
    np.testing.assert_array_equal(turned.values[::-1], found.values[:, [2, 0, 1]])


def test_the_mean_of_a_baseline_is_subtracted_event_by_event(stream, words):
    plain = epoch(stream, words, start=0, stop=0.3, width=0.1)
    found = epoch(stream, words, start=0, stop=0.3, width=0.1, baseline=(-0.25, 0))
    before = brute_force(stream, words, [(-0.25, 0.0)])
    np.testing.assert_allclose(found.values, plain.values - before, atol=1e-12)


def test_missing_samples_are_left_out_and_windows_of_nothing_else_are_missing(stream, words):
    values = stream.values.copy()
    values[300:360, 1] = np.nan
    values[::7, 2] = np.nan
    holed = stream.copy(data=values)
    found = epoch(holed, words, start=-0.5, stop=1, width=0.1)
    edges = [(begin, begin + 0.1) for begin in np.arange(-5, 10) / 10]
    np.testing.assert_allclose(found.values, brute_force(holed, words, edges), atol=1e-12)


@pytest.mark.parametrize("rate", [2048.0, 1019.0])
def test_windows_do_not_drift_over_an_hour(rate):
    """The mean of the onsets in a window stays half a sample before its middle."""
    stream = stream_of({"a": np.zeros((int(3600 * rate), 1))}, rate=rate)
    stream = stream.copy(data=stream["onset"].values[:, None])
    events = pd.DataFrame({"onset": np.arange(1, 3599, 1.025), "stimulus": "word"})
    found = epoch(stream, events, start=0, stop=0.5, width=0.2, step=0.025)
    middles = events["onset"].to_numpy()[:, None] + found["time"].values
    assert np.abs(found.values[:, 0] - middles + 0.5 / rate).max() <= 0.5 / rate + 1e-9


def test_every_window_of_a_steady_clock_holds_as_many_samples():
    """0.3 s and 3 x 0.1 s fall on the same side of a border between samples."""
    stream = stream_of({"a": np.arange(4000.0)[:, None]}, rate=100.0)
    events = pd.DataFrame({"onset": 0.1 * np.arange(1, 300), "stimulus": "word"})
    found = epoch(stream, events, start=0, stop=0.3, width=0.1)
    expected = 10 * np.arange(1, 300)[:, None] + 10 * np.arange(3) + 4.5
    np.testing.assert_allclose(found.values[:, 0], expected, atol=1e-9)


def test_a_window_that_begins_at_the_middle_of_a_sample_holds_it():
    """The middle of sample 29 and 0.295 s are one moment, whatever rounding makes of them."""
    stream = stream_of({"a": np.arange(400.0)[:, None]}, rate=100.0)
    events = pd.DataFrame({"onset": 0.01 * np.arange(1, 300) + 0.005, "stimulus": "word"})
    found = epoch(stream, events, start=0, stop=0.3, width=0.1)
    expected = np.arange(1, 300)[:, None] + 10 * np.arange(3) + 4.5
    np.testing.assert_allclose(found.values[:, 0], expected, atol=1e-9)


def test_a_window_is_not_read_beyond_its_run():
    stream = stream_of({"a": np.zeros((100, 1)), "b": np.full((100, 1), 1e6)}, rate=100.0)
    events = pd.DataFrame({"run": ["a", "b"], "onset": [0.7, 0.0]}, index=["first", "last"])
    found = epoch(stream, events, start=0, stop=0.3, width=0.1)
    assert found.values[:, 0].tolist() == [[0.0] * 3, [1e6] * 3]


def test_small_responses_on_a_large_offset_are_exact(rng):
    stream = stream_of({"a": 1e9 + rng.normal(0, 100, (200_000, 1))}, rate=1000.0)
    events = pd.DataFrame({"run": "a", "onset": rng.uniform(0, 199, 50), "stimulus": "word"})
    found = epoch(stream, events, start=0, stop=0.5, width=0.1)
    edges = [(begin, begin + 0.1) for begin in np.arange(5) / 10]
    np.testing.assert_allclose(found.values, brute_force(stream, events, edges), rtol=0, atol=1e-6)


def test_a_stream_in_its_file_is_read_for_what_is_asked(stream, words, monkeypatch):
    reads = []
    lazy = epoch(in_file(stream, reads), words, start=0, stop=1, width=0.2, baseline=(-0.5, 0))
    whole = epoch(stream, words, start=0, stop=1, width=0.2, baseline=(-0.5, 0))
    assert not in_memory(lazy)
    assert not reads
    part = lazy.isel(showing=[5, 0], neuroid=[2], time=[3, 1])
    np.testing.assert_array_equal(part, whole.values[[5, 0]][:, [2]][..., [3, 1]])
    assert {shape[1] for shape in reads} == {1}
    monkeypatch.setattr("neuroalign.readers.stream_parts.BLOCK", 1000)
    np.testing.assert_allclose(lazy.values, whole.values, atol=1e-12)


def test_events_outside_their_run_are_left_out_and_named_on_demand(stream, words):
    table = pd.concat([words, pd.DataFrame({"run": "a", "onset": [8.8]}, index=["late"])])
    found = epoch(stream, table, start=0, stop=0.3, width=0.1, outside="drop")
    assert found.sizes["showing"] == 12
    assert found.attrs["events_left_out"] == "late"


def changed(words, **columns):
    return words.assign(**columns)


def windows(stream, events, **options):
    return epoch(stream, events, **{"start": 0, "stop": 0.3, "width": 0.1, **options})


REFUSED = {
    "events outside": (
        lambda s, w: windows(s, changed(w, onset=[1.9, 8.9, *w["onset"][2:]], run="a")),
        "2 of 12 events have windows that leave their run (first: 'word-0', 'word-1'); leave them "
        "out with outside='drop'.",
    ),
    "a baseline outside": (
        lambda s, w: windows(s, changed(w, onset=3.0), baseline=(-1.5, 0)),
        "12 of 12 events have windows that leave their run (first: 'word-0', 'word-1', 'word-2'); "
        "none is left; onsets and windows are in seconds.",
    ),
    "all outside": (
        lambda s, w: windows(s, changed(w, onset=100.0), outside="drop"),
        "12 of 12 events have windows that leave their run (first: 'word-0', 'word-1', 'word-2'); "
        "none is left; onsets and windows are in seconds.",
    ),
    "another run": (
        lambda s, w: windows(s, changed(w, run="c")),
        "Events are in 1 runs that the stream lacks (first: 'c'); its runs (first: 'a', 'b').",
    ),
    "no stimulus": (
        lambda s, w: windows(s, w[["run", "onset"]].reset_index(drop=True)),
        "Events have no column 'stimulus' that says what was met; call one of theirs so (first: "
        "'run', 'onset'), or name the rows.",
    ),
    "no run": (
        lambda s, w: windows(s, w.drop(columns="run")),
        "The stream has 2 runs; give events a column 'run'.",
    ),
    "no onset": (
        lambda s, w: windows(s, w.drop(columns="onset")),
        "Events are a table with a column 'onset' (s in the run) and a row at least.",
    ),
    "no event": (
        lambda s, w: windows(s, w[:0]),
        "Events are a table with a column 'onset' (s in the run) and a row at least.",
    ),
    "a missing onset": (
        lambda s, w: windows(s, changed(w, onset=[np.nan, *w["onset"][1:]])),
        "1 events have no onset (first: 'word-0').",
    ),
    "onsets in words": (
        lambda s, w: windows(s, changed(w, onset="soon")),
        "12 events have no onset (first: 'word-0', 'word-1', 'word-2').",
    ),
    "windows without samples": (
        lambda s, w: windows(s, changed(w, onset=3.0), width=0.004, stop=0.004),
        "12 windows hold no sample, which come every 0.01 s; widen them.",
    ),
    "a window too wide": (
        lambda s, w: windows(s, w, width=0.5),
        "No window of 0.5 s fits between start=0 s and stop=0.3 s; times are in seconds.",
    ),
    "a baseline of one number": (
        lambda s, w: windows(s, w, baseline=-0.2),
        "baseline=-0.2 is not a pair of seconds, as in (-0.2, 0).",
    ),
    "an unknown way": (
        lambda s, w: windows(s, w, outside="warn"),
        "No way with events outside their run is called 'warn'. Known: 'drop', 'refuse'.",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_windows_that_cannot_be_made_are_refused(case, stream, words):
    process, sentence = case
    with pytest.raises((DataError, UnknownNameError)) as caught:
        process(stream, words)
    assert str(caught.value) == sentence


def test_more_than_the_memory_holds_is_refused(stream, words, monkeypatch):
    class Memory:
        available = 1000

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    with pytest.raises(DataError) as caught:
        windows(stream, words, width=0.01)
    assert str(caught.value) == (
        "12 events x 3 neuroids x 30 windows take 0.0 GB, and 0.0 GB are free; select neuroids "
        "first, or take longer steps."
    )
