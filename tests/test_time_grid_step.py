"""TimeGrid on labelled streams: constructed answers, a slow loop, poison, messages."""

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from stream_cases import PERIOD, make_events, make_stream

from neuroalign.features.time_grid import TimeGrid
from neuroalign.numerics.time_grid import KINDS

OPTIONS = [TimeGrid(kind, None if kind == "hrf" else (-2, 0, 4)) for kind in KINDS]


def slow_sums(stimuli, activations, recording, delays):
    """Add up, for each sample and delay, what began in the interval that much earlier."""
    events = [
        (event.run, event.onset, activations.sel(stimulus=event.Index).values)
        for event in stimuli.itertuples()
    ]
    rows = []
    for run, onset in zip(recording["run"].values, recording["onset"].values, strict=True):
        row = []
        for delay in delays:
            total = np.zeros(activations.sizes["unit"])
            for its_run, begun, values in events:
                if its_run == run and onset - delay <= begun < onset - delay + PERIOD:
                    total += values
            row.append(total)
        rows.append(np.concatenate(row))
    return np.array(rows)


def test_delayed_sums_equal_the_slow_loop():
    stimuli, activations = make_events(n_events=20)
    recording = make_stream()
    design = TimeGrid("sum", delays=(4, 0, -2)).apply(activations, stimuli, recording)
    expected = slow_sums(stimuli, activations, recording, (4, 0, -2))
    np.testing.assert_allclose(design, expected, atol=1e-12)
    assert design["sample"].values.tolist() == recording["sample"].values.tolist()
    assert design["delay"].values.tolist() == [4.0] * 3 + [0.0] * 3 + [-2.0] * 3


@pytest.mark.parametrize("seed", range(3))
def test_least_squares_on_delays_find_the_lag_that_was_planted(seed):
    stimuli, activations = make_events(seed=seed)
    recording = make_stream(seed=seed)
    rng = np.random.default_rng(seed)
    lagged = slow_sums(stimuli, activations, recording, (6,))
    weights, noise = rng.normal(size=(3, 2)), 0.5
    response = lagged @ weights + rng.normal(size=(60, 2)) * noise
    design = TimeGrid("sum", delays=(2, 4, 6, 8)).apply(activations, stimuli, recording)
    found = np.linalg.lstsq(design.values, response)[0]
    planted = np.zeros((12, 2))
    planted[design["delay"].values == 6] = weights
    error = noise * np.sqrt(np.diag(np.linalg.inv(design.values.T @ design.values)))
    assert (np.abs(found - planted) < 4.5 * error[:, None]).all()
    assert np.abs(found[design["delay"].values == 6] / error[6:9, None]).max() > 4.5


def test_hrf_design_equals_a_convolution_on_a_fine_grid():
    stimuli, activations = make_events(runs=("a",), n_units=1)
    recording = make_stream(runs=("a",))
    step = 0.001
    fine = np.arange(0, 60, step)
    active = np.zeros(len(fine))
    for label, event in stimuli.iterrows():
        during = (fine >= event["onset"]) & (fine < event["onset"] + event["duration"])
        active[during] += activations.sel(stimulus=label).item()
    kernel = stats.gamma.pdf(fine[fine < 32], 6) - stats.gamma.pdf(fine[fine < 32], 16) / 6
    response = np.convolve(active, kernel / kernel.sum())[: len(fine)]
    design = TimeGrid("hrf").apply(activations, stimuli, recording)
    # An event on the fine grid is off by up to a step at each end.
    np.testing.assert_allclose(design.values[:, 0], response[1000::2000], atol=2e-3)
    assert np.abs(design.values).max() > 0.1
    assert design["delay"].values.tolist() == [0.0]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(OPTIONS), st.booleans(), st.integers(0, 2**32 - 1), st.floats(-1e6, 1e6))
def test_rows_of_one_run_never_depend_on_events_of_another(step, zscore_runs, seed, scale):
    step = TimeGrid(step.resample, step.delays, zscore_runs=zscore_runs)
    recording = make_stream(n_samples=12)
    stimuli, activations = make_events(n_events=8, end=24)
    other_times, other_values = make_events(n_events=8, end=24, seed=seed)
    in_b = (stimuli["run"] == "b").to_numpy()
    moved = stimuli.copy()
    moved.loc[in_b, ["onset", "duration"]] = other_times[["onset", "duration"]].to_numpy()[in_b]
    changed = activations.copy(deep=True)
    changed.loc[stimuli.index[in_b]] = other_values.values[:8] * scale
    before, after = (
        step.apply(values, table, recording)
        for values, table in ((activations, stimuli), (changed, moved))
    )
    in_a = recording["run"].values == "a"
    np.testing.assert_array_equal(before[in_a], after[in_a])


@pytest.mark.parametrize("step", OPTIONS, ids=repr)
def test_an_event_beyond_reach_never_moves_a_row_and_one_within_does(step):
    recording = make_stream(runs=("a",), n_samples=60)
    stimuli, activations = make_events(runs=("a",), n_events=15, end=120)
    plain = step.apply(activations, stimuli, recording).values
    reach = step.reach(recording)
    middles = recording["onset"].values + PERIOD / 2
    farthest = 0.0
    for label, event in stimuli.iterrows():
        poisoned = activations.copy(deep=True)
        poisoned.loc[label] = 1e9
        moved = (step.apply(poisoned, stimuli, recording).values != plain).any(1)
        away = np.maximum(event["onset"] - middles, middles - event["onset"] - event["duration"])
        assert not moved[away > reach].any()
        assert (away > reach).any()
        farthest = max(farthest, away[moved].max(initial=0))
    assert farthest > reach - PERIOD  # reach is not larger than it need be


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (TimeGrid(), 8 + 6),
        (TimeGrid(lobes=5, delays=(0,)), 10),
        (TimeGrid(delays=(-8, 2)), 8 + 6),
        (TimeGrid("sum", delays=(4,)), 4 + 1),
        (TimeGrid("average", delays=(0,)), 1),
        (TimeGrid("nearest", delays=(0, 2)), 2 + 2),
        (TimeGrid("hrf"), 32),
        (TimeGrid(zscore_runs=True), math.inf),
    ],
    ids=repr,
)
def test_reach_is_that_of_the_kernel_and_the_delays(step, seconds):
    assert step.reach(make_stream()) == pytest.approx(seconds, abs=1e-5)


@pytest.mark.parametrize("zscore_runs", [False, True])
@pytest.mark.parametrize("step", OPTIONS, ids=repr)
def test_the_order_of_events_activations_and_samples_does_not_matter(step, zscore_runs):
    step = TimeGrid(step.resample, step.delays, zscore_runs=zscore_runs)
    stimuli, activations = make_events()
    recording = make_stream()
    rng = np.random.default_rng(0)
    plain = step.apply(activations, stimuli, recording)
    samples = rng.permutation(60)
    mixed = step.apply(
        activations[rng.permutation(100)],
        stimuli.iloc[rng.permutation(100)],
        recording.isel(sample=samples),
    )
    assert mixed["sample"].values.tolist() == recording["sample"].values[samples].tolist()
    np.testing.assert_allclose(mixed, plain[samples], atol=1e-10)


@pytest.mark.parametrize("step", OPTIONS, ids=repr)
def test_shifting_all_clocks_changes_nothing(step):
    stimuli, activations = make_events()
    recording = make_stream()
    later = recording.assign_coords(onset=recording["onset"] + 317.3)
    shifted = step.apply(activations, stimuli.assign(onset=stimuli["onset"] + 317.3), later)
    np.testing.assert_allclose(shifted, step.apply(activations, stimuli, recording), atol=1e-9)


@pytest.mark.parametrize("step", OPTIONS, ids=repr)
def test_the_design_is_linear_in_the_activations(step):
    stimuli, one = make_events()
    two = one.copy(data=np.random.default_rng(9).normal(size=one.shape))
    recording = make_stream()
    both = step.apply(one.copy(data=2 * one.values - two.values), stimuli, recording)
    parts = [step.apply(layer, stimuli, recording).values for layer in (one, two)]
    np.testing.assert_allclose(both, 2 * parts[0] - parts[1], atol=1e-10)


def test_rows_asked_for_in_parts_agree_once_the_recording_is_prepared():
    stimuli, activations = make_events()
    step = TimeGrid(delays=(0, 4), trim=(6, 4))
    recording = step.prepare(make_stream())
    whole = step.apply(activations, stimuli, recording)
    some = np.array([3, 30, 31, 40])
    part = step.apply(activations, stimuli, recording.isel(sample=some))
    np.testing.assert_array_equal(part, whole[some])


def test_trimming_drops_rows_and_delays_still_read_what_was_trimmed():
    stimuli, activations = make_events()
    recording = make_stream()
    whole = TimeGrid(delays=(0, 8)).apply(activations, stimuli, recording)
    step = TimeGrid(delays=(0, 8), trim=(9, 4))
    prepared = step.prepare(recording)
    # Samples that begin before 9 s or end after 56 s of 60 s are gone, in either run.
    assert prepared["onset"].values.tolist() == list(range(10, 56, 2)) * 2
    xr.testing.assert_equal(step.prepare(prepared), prepared)
    trimmed = step.apply(activations, stimuli, prepared)
    xr.testing.assert_equal(trimmed, whole.sel(sample=prepared["sample"].values))
    assert "run_start" not in recording.coords


def test_z_scores_are_taken_within_runs_of_the_design():
    stimuli, activations = make_events()
    activations[:, 1] = 1e-3
    step = TimeGrid("average", delays=(0, 4), zscore_runs=True, trim=(4, 0))
    recording = step.prepare(make_stream())
    design = step.apply(activations, stimuli, recording)
    for run in "ab":
        rows = design.values[recording["run"].values == run]
        np.testing.assert_allclose(rows[:, ::2].mean(0), 0, atol=1e-12)
        np.testing.assert_allclose(rows[:, ::2].std(0), 1)
    full = np.ones(len(design), dtype=bool)  # every interval has an event: the column is constant
    activations[:] = 1e-3
    many = stimuli.assign(onset=np.tile(np.arange(50) * 1.2, 2))
    design = step.apply(activations, many, recording)
    assert (design.values[full] == 0).all()


def test_prepare_z_scores_each_neuroid_within_runs_and_repetitions():
    recording = make_stream()
    recording = xr.concat([recording, recording * 2 + 1], "repetition", combine_attrs="override")
    recording[:, recording["run"].values == "b"] += 100
    recording[1, recording["run"].values == "a", 2] = 5
    recording[0, 3, 0] = np.nan
    before = recording.copy(deep=True)
    scored = TimeGrid(zscore_runs=True).prepare(recording)
    assert scored.dims == ("repetition", "sample", "neuroid")
    assert scored.attrs["units"] == "standard deviations within the run"
    for run in "ab":
        rows = scored.values[:, recording["run"].values == run]
        given_ = recording.values[:, recording["run"].values == run]
        expected = (given_ - np.nanmean(given_, 1, keepdims=True)) / np.nanstd(
            given_, 1, keepdims=True
        ).clip(1e-9)
        if run == "a":
            assert np.isnan(rows[1, :, 2]).all()
            rows[1, :, 2] = expected[1, :, 2]
        np.testing.assert_allclose(rows, expected, atol=1e-12)
    xr.testing.assert_identical(recording, before)


def test_z_scores_of_counts_are_no_whole_numbers():
    counts = make_stream().copy(data=np.random.default_rng(0).poisson(3.0, (60, 3)))
    scored = TimeGrid(zscore_runs=True).prepare(counts)
    as_floats = TimeGrid(zscore_runs=True).prepare(counts.astype(float))
    xr.testing.assert_identical(scored, as_floats)
    assert scored.dtype == float


def test_prepare_without_options_changes_no_value_and_apply_no_input():
    recording = make_stream()
    stimuli, activations = make_events()
    kept = recording.copy(deep=True), stimuli.copy(), activations.copy(deep=True)
    prepared = TimeGrid().prepare(recording)
    xr.testing.assert_equal(prepared.drop_vars(["run_start", "run_end"]), recording)
    TimeGrid(zscore_runs=True).apply(activations, stimuli, prepared)
    xr.testing.assert_identical(recording, kept[0])
    pd.testing.assert_frame_equal(stimuli, kept[1])
    xr.testing.assert_identical(activations, kept[2])


def test_labels_of_units_are_repeated_for_each_delay_and_scalars_kept():
    stimuli, activations = make_events()
    activations = activations.assign_coords(
        unit=["u0", "u1", "u2"], space=("unit", ["low", "low", "high"])
    )
    design = TimeGrid(delays=(2, 4)).apply(activations, stimuli, make_stream())
    assert design.dims == ("sample", "unit")
    assert design["unit"].values.tolist() == ["u0", "u1", "u2"] * 2
    assert design["space"].values.tolist() == ["low", "low", "high"] * 2
    assert design["delay"].values.tolist() == [2.0] * 3 + [4.0] * 3
    assert (design["layer"].item(), design["model"].item()) == ("h.3", "toy")


def test_further_axes_are_flattened():
    stimuli, activations = make_events(n_units=6)
    cube = xr.DataArray(
        activations.values.reshape(-1, 2, 3), activations.coords, ("stimulus", "token", "channel")
    )
    flat = TimeGrid().apply(activations, stimuli, make_stream())
    xr.testing.assert_equal(TimeGrid().apply(cube, stimuli, make_stream()), flat)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32_and_integers_are_upcast(kind):
    stimuli, activations = make_events()
    exact = TimeGrid(kind).apply(activations, stimuli, make_stream())
    single = TimeGrid(kind).apply(activations.astype(np.float32), stimuli, make_stream())
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=1e-6 * np.abs(exact.values).max())
    whole = activations.copy(data=np.arange(300).reshape(100, 3))
    assert TimeGrid(kind).apply(whole, stimuli, make_stream()).dtype == float


@pytest.mark.parametrize(
    ("period", "delays"),
    [(2.0, [2, 4, 6, 8]), (1.5, [1.5, 4.5, 6, 7.5]), (3.0, [3, 6, 9]), (0.5, [2, 4, 6, 8])],
)
def test_delays_are_by_default_the_multiples_nearest_to_2_4_6_and_8_seconds(period, delays):
    stimuli, activations = make_events(end=15)
    design = TimeGrid().apply(activations, stimuli, make_stream(period=period))
    np.testing.assert_allclose(np.unique(design["delay"]), delays)


def test_delays_of_whole_seconds_fit_a_period_that_is_not_quite_whole():
    stimuli, activations = make_events()
    design = TimeGrid(delays=(2, 8)).apply(activations, stimuli, make_stream(period=2.0045))
    np.testing.assert_allclose(np.unique(design["delay"]), [2.0045, 8.018])


def test_events_of_runs_that_were_not_recorded_are_left_out():
    stimuli, activations = make_events(runs=("a", "b", "c"))
    recording = make_stream()
    known = stimuli[stimuli["run"] != "c"]
    heard = activations.sel(stimulus=known.index.to_numpy())
    xr.testing.assert_identical(
        TimeGrid().apply(heard, stimuli, recording),
        TimeGrid().apply(activations, known, recording),
    )


def test_events_without_duration_are_moments():
    stimuli, activations = make_events()
    bare = TimeGrid("hrf").apply(activations, stimuli.drop(columns="duration"), make_stream())
    moments = TimeGrid("hrf").apply(activations, stimuli.assign(duration=0.0), make_stream())
    xr.testing.assert_identical(bare, moments)
