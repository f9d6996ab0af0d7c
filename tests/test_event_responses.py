"""One response for each event: averages in a window, and least squares with overlap."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from bold_series import PERIOD, RUNS, regressor, series_of
from nilearn.glm.first_level import compute_regressor
from nilearn.glm.first_level.design_matrix import create_cosine_drift

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError
from neuroalign.readers import average_events, deconvolve
from neuroalign.readers.confounds import cosine_drifts
from neuroalign.readers.lazy import lazy_array

N_SAMPLES = 90


@pytest.fixture
def events(rng):
    """Show six stimuli twice, at irregular times, in two runs whose rows are mixed."""
    onset = np.concatenate([np.arange(6) * 22 + rng.uniform(0, 12, 6) for _ in RUNS])
    table = pd.DataFrame(
        {
            "run": np.repeat(RUNS, 6),
            "onset": onset,
            "duration": rng.choice([0.0, 1.0, 4.0], 12),
            "trial_type": list("abcdef") * 2,
        }
    )
    return table.sample(frac=1, random_state=3)


def in_order(events):
    rank = events["run"].map({name: number for number, name in enumerate(RUNS)})
    return events.assign(rank=rank).sort_values(["rank", "onset"])


@pytest.fixture
def simulated(rng, events):
    """Return a noiseless series, and the response to each event that it is made of."""
    truth = rng.normal(2, 1, (12, 3))
    middles = (np.arange(N_SAMPLES) + 0.5) * PERIOD
    values = []
    table = in_order(events)
    for run in RUNS:
        rows = np.flatnonzero(table["run"] == run)
        design = np.column_stack(
            [regressor(*table.iloc[row][["onset", "duration"]], middles) for row in rows]
        )
        drift = np.outer(create_cosine_drift(1 / 128, middles)[:, 0], rng.normal(size=3))
        values.append(design @ truth[rows] + 100 + 5 * drift)
    return series_of(np.concatenate(values)), truth


def test_the_average_is_of_the_samples_whose_middles_are_in_the_window(rng, events):
    values = rng.normal(size=(2 * N_SAMPLES, 3))
    showings = average_events(series_of(values), events, start=4, stop=9)
    for showing, (_, event) in zip(showings, in_order(events).iterrows(), strict=True):
        first = N_SAMPLES * RUNS.index(event["run"])
        inside = [
            first + sample
            for sample in range(N_SAMPLES)
            if event["onset"] + 4 <= (sample + 0.5) * PERIOD < event["onset"] + 9
        ]
        np.testing.assert_allclose(showing, values[inside].mean(axis=0))
        assert showing.stimulus == event["trial_type"]
        assert showing.onset == event["onset"]
        assert showing.run == event["run"]


@pytest.mark.parametrize("onset", [0.0, 4.0, 3.0000000000000013])
def test_a_window_of_whole_periods_holds_as_many_samples_as_periods(onset):
    series = series_of(np.arange(20.0)[:, None], ["run-1"])
    table = pd.DataFrame({"onset": [onset], "stimulus": ["a"]})
    first = np.ceil((onset + 2 - 1) / 2 - 1e-9)
    assert average_events(series, table, start=2, stop=8).item() == pytest.approx(first + 1)


def test_a_window_that_was_not_wholly_recorded_is_undefined():
    values = np.arange(20.0)[:, None]
    table = pd.DataFrame({"onset": [-3.0, 0.0, 34.0, 36.0], "stimulus": list("abcd")})
    showings = average_events(series_of(values, ["run-1"]), table, start=2, stop=6)
    assert np.isnan(showings[:, 0]).values.tolist() == [True, False, False, True]
    gap = series_of(values, ["run-1"]).isel(sample=[0, 1, *range(3, 20)])
    assert np.isnan(average_events(gap, table, start=2, stop=6)[1, 0])


def test_a_missing_value_leaves_only_the_windows_that_hold_it_undefined(rng):
    values = rng.normal(size=(20, 2))
    values[7, 1] = np.nan
    table = pd.DataFrame({"onset": [2.0, 10.0, 20.0], "stimulus": list("abc")})
    showings = average_events(series_of(values, ["run-1"]), table, start=2, stop=6)
    assert np.isnan(showings).values.tolist() == [[False, False], [False, True], [False, False]]


@pytest.mark.parametrize("method", ["separate", "all"])
@pytest.mark.parametrize("high_pass", [0, 1 / 128])
def test_estimates_are_those_of_the_design_written_out(method, high_pass, rng, events):
    series = series_of(rng.normal(size=(2 * N_SAMPLES, 3)))
    middles = (np.arange(N_SAMPLES) + 0.5) * PERIOD
    confounds = {run: rng.normal(size=(N_SAMPLES, 2)) for run in RUNS}
    found = deconvolve(series, events, method=method, high_pass=high_pass, confounds=confounds)
    expected = []
    for run in RUNS:
        table = in_order(events).query("run == @run")
        design = np.column_stack(
            [regressor(*row, middles) for row in table[["onset", "duration"]].values]
        )
        drifts = create_cosine_drift(high_pass, middles) if high_pass else np.ones((N_SAMPLES, 1))
        nuisance = np.column_stack([drifts, confounds[run]])
        data = series.values[series.run.values == run]
        if method == "all":
            whole = np.column_stack([design, nuisance])
            expected += np.linalg.lstsq(whole, data, rcond=None)[0][: len(table)].tolist()
            continue
        for event in range(len(table)):
            rest = np.delete(design, event, axis=1).sum(axis=1)
            whole = np.column_stack([design[:, event], rest, nuisance])
            expected.append(np.linalg.lstsq(whole, data, rcond=None)[0][0].tolist())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_responses_that_a_series_is_made_of_are_recovered(simulated, events):
    series, truth = simulated
    np.testing.assert_allclose(deconvolve(series, events, method="all"), truth, rtol=1e-4)
    apart = deconvolve(series, events, method="separate")
    assert np.corrcoef(apart.values.ravel(), truth.ravel())[0, 1] > 0.95


def test_the_model_of_an_event_is_that_of_nilearn_but_for_its_scale():
    middles = (np.arange(60) + 0.5) * PERIOD
    for onset, duration in ((3.2, 1.0), (10.0, 7.0)):
        ours = regressor(onset, duration, middles)
        theirs, _ = compute_regressor(
            np.array([[onset], [duration], [1.0]]), "spm", middles, oversampling=200, min_onset=0
        )
        assert np.corrcoef(ours, theirs[:, 0])[0, 1] > 0.9995


@pytest.mark.parametrize("n_samples", [40, 90, 201])
def test_drifts_span_what_those_of_nilearn_do(n_samples):
    ours = cosine_drifts(n_samples, PERIOD, 1 / 128)
    theirs = create_cosine_drift(1 / 128, np.arange(n_samples) * PERIOD)[:, :-1]
    np.testing.assert_allclose(
        ours / np.linalg.norm(ours, axis=0), theirs / np.linalg.norm(theirs, axis=0)
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_events_and_of_neuroids_changes_nothing_after_labels(seed, rng, events):
    series = series_of(rng.normal(size=(2 * N_SAMPLES, 3)))
    shuffled = events.sample(frac=1, random_state=seed)
    turned = series.isel(neuroid=[2, 0, 1])
    for reader in (deconvolve, lambda *given: average_events(*given, start=3, stop=8)):
        one, other = reader(series, events), reader(turned, shuffled)
        xr.testing.assert_allclose(one, other.sel(neuroid=one.neuroid))


def test_the_order_of_runs_changes_only_the_order_of_showings(rng, events):
    series = series_of(rng.normal(size=(2 * N_SAMPLES, 3)))
    swapped = series.isel(sample=np.r_[N_SAMPLES : 2 * N_SAMPLES, :N_SAMPLES])
    one, other = deconvolve(series, events), deconvolve(swapped, events)
    xr.testing.assert_allclose(one, other.isel(showing=np.r_[6:12, :6]))


def test_estimates_become_a_recording_with_repetitions(simulated, events):
    recording = na.make_recording(deconvolve(simulated[0], events, method="all"), subject="1")
    assert recording.units == "percent signal change"
    assert recording.space == "T1w"
    assert set(recording.roi.values) == {"V1"}
    assert na.average_repetitions(recording).n_repetitions.values.tolist() == [2] * 6


def test_a_missing_value_leaves_a_neuroid_undefined_in_its_run(simulated, events):
    series = simulated[0].copy(deep=True)
    series[5, 1] = np.nan
    missing = np.isnan(deconvolve(series, events).values)
    assert missing[:6, 1].all()
    assert missing.sum() == 6


def test_a_recording_gives_what_its_series_gives(simulated, events):
    series = simulated[0]
    recording = na.make_recording(series, subject="1")
    np.testing.assert_array_equal(deconvolve(recording, events), deconvolve(series, events))


def test_a_series_in_its_file_stays_there_until_a_neuroid_is_asked_for(simulated, events):
    whole = simulated[0]
    reads = []

    def read(rows, neuroids):
        reads.append((np.arange(2 * N_SAMPLES)[rows], np.arange(3)[neuroids].tolist()))
        return whole.values[rows][:, neuroids]

    lazy = xr.DataArray(
        lazy_array(whole.shape, float, read),
        dims=whole.dims,
        coords=whole.coords,
        attrs=whole.attrs,
    )
    showings = average_events(lazy, events, start=4, stop=8)
    assert not in_memory(showings)
    assert not reads
    part = showings.isel(neuroid=[1], showing=[3, 1]).values
    np.testing.assert_allclose(
        part, average_events(whole, events, start=4, stop=8).values[[3, 1], 1:2]
    )
    ((rows, neuroids),) = reads
    assert neuroids == [1]
    assert len(rows) == 4


REFUSED = {
    "window": (
        {"start": 4, "stop": 4},
        {},
        "The window from 4 to 4 s is empty; stop must come after start.",
    ),
    "short window": (
        {"start": 4, "stop": 4.5},
        {},
        "The window from 4 to 4.5 s holds no sample of * events of run 'run-2', sampled every 2 s; "
        "make it longer.",
    ),
    "method": ({"method": "ridge"}, {}, "method='ridge' is not known; it is 'separate' or 'all'."),
    "high-pass": (
        {"high_pass": -1},
        {},
        "high_pass=-1 is no frequency; give it in Hz, as in high_pass=1/128.",
    ),
    "high-pass of everything": (
        {"high_pass": 1.0},
        {},
        "high_pass=1 Hz leaves nothing of 90 volumes 2 s apart; lower it.",
    ),
    "high-pass of responses": (
        {"high_pass": 0.24},
        {},
        "Drifts and confounds of run 'run-2' (87 regressors of 90 samples) leave less than 5% of "
        "the response to * events; lower high_pass, as in high_pass=1/128, or give fewer "
        "confounds.",
    ),
    "other runs": (
        {},
        {"run": ["run-9"] * 12},
        "The events name 1 runs that were not recorded (first: 'run-9'); runs of the recording "
        "(first: 'run-2', 'run-1').",
    ),
    "no run": (
        {},
        {"run": None},
        "The events have no column 'run', but 2 runs were recorded (first: 'run-2', 'run-1'); say "
        "in which run each event is.",
    ),
    "milliseconds": (
        {},
        {"onset": np.arange(12) * 1000 + 5000},
        "6 events of run 'run-2' have less than 5% of their response in its samples (first: *); "
        "leave them out, or count onsets in s from the start of their run.",
    ),
    "events of one run": (
        {},
        {"run": ["run-2"] * 12},
        "1 of 2 runs have no event (first: 'run-1'); leave them out, as in "
        "series.isel(sample=series.run != 'run-1').",
    ),
    "windows of one run": (
        {"start": 4, "stop": 8},
        {"run": ["run-1"] * 12},
        "1 of 2 runs have no event (first: 'run-2'); leave them out, as in "
        "series.isel(sample=series.run != 'run-2').",
    ),
    "same time": (
        {"method": "all"},
        {"onset": 12.0, "duration": 1.0},
        "Responses to 6 events of run 'run-2' cannot be told apart in 90 samples, beside 3 "
        "regressors of drift and confounds; join events of the same time, or average in windows.",
    ),
    "same time, separate": (
        {},
        {"onset": 12.0, "duration": 1.0},
        "Responses to 6 events of run 'run-2' cannot be told apart in 90 samples, beside 3 "
        "regressors of drift and confounds; join events of the same time, or average in windows.",
    ),
    "confounds of one run": (
        {"confounds": {"run-1": np.ones(90)}},
        {},
        "Runs have no confounds (first: 'run-2'); give an array for every run.",
    ),
    "short confounds": (
        {"confounds": dict.fromkeys(RUNS, np.ones(9))},
        {},
        "Confounds of run 'run-2' have the shape (9, 1); a finite row for each of its 90 samples "
        "is needed.",
    ),
    "too many confounds": (
        {"confounds": dict.fromkeys(RUNS, np.eye(90))},
        {},
        "92 regressors leave nothing of the 90 volumes of run 'run-2'; choose fewer.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_in_one_sentence(case, simulated, events):
    options, columns, sentence = REFUSED[case]
    table = events.drop(columns=[name for name, value in columns.items() if value is None])
    table = table.assign(**{name: value for name, value in columns.items() if value is not None})
    reader = average_events if "start" in options else deconvolve
    with pytest.raises(DataError) as caught:
        reader(simulated[0], table, **options)
    start, _, end = sentence.partition("*")
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(end)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda series: series.drop_vars("run"),
            "The series needs the coordinate 'run' of every sample.",
        ),
        (
            lambda series: series.drop_attrs(),
            "The series needs the attribute 'sampling_period', in s.",
        ),
        (
            lambda series: series.rename(sample="showing"),
            "A series has the dimensions ('sample', 'neuroid'), but this has ('showing', "
            "'neuroid'); average its repetitions first.",
        ),
        (
            lambda series: series.isel(sample=slice(None, None, -1)),
            "Samples of run 'run-1' do not follow each other by whole sampling periods of 2 s.",
        ),
    ],
)
def test_what_is_no_series_is_refused(change, sentence, simulated, events):
    with pytest.raises(DataError) as caught:
        deconvolve(change(simulated[0]), events)
    assert str(caught.value) == sentence
