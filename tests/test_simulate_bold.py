"""Simulated BOLD: events become the stream that they should, and encoding finds them in it."""

import numpy as np
import pandas as pd
import pytest
from simulate_cases import agrees, correlations, estimated_share, layer_of, mean_r, shuffled

import neuroalign as na
from neuroalign.features import TimeGrid
from neuroalign.simulate.streams import hemodynamic_response


def events_of(layer, n_runs=2, gap=4.0, duration=1.0):
    """Lay out the stimuli of a layer in runs, one every few seconds."""
    labels = layer["stimulus"].values
    count = len(labels) // n_runs
    rows = {
        "run": np.repeat([f"run{n}" for n in range(n_runs)], count),
        "onset": np.tile(1.3 + gap * np.arange(count), n_runs),
        "duration": duration,
    }
    return pd.DataFrame(rows, index=labels)


def one(layer, **options):
    return na.simulate.bold(layer, **options).recordings["subject-1"]


def test_the_response_peaks_after_five_seconds_and_undershoots():
    seconds = np.arange(0, 40, 0.01)
    response = hemodynamic_response(seconds)
    assert seconds[response.argmax()] == pytest.approx(5.0, abs=0.05)
    assert 12 < seconds[response.argmin()] < 18
    assert response.min() / response.max() == pytest.approx(-0.09, abs=0.02)


def test_the_response_has_an_area_of_1_and_ends():
    seconds = np.arange(-5, 60, 0.001)
    response = hemodynamic_response(seconds)
    assert response.sum() * 0.001 == pytest.approx(1, abs=1e-6)
    assert (response[(seconds <= 0) | (seconds >= 32)] == 0).all()


def test_a_lone_event_is_followed_by_the_response_to_it():
    layer = layer_of(4, 2)
    layer[1:] = 0  # only the first event drives anything
    stimuli = events_of(layer, n_runs=1, gap=40, duration=0.0)
    recording = one(layer, stimuli=stimuli, sampling_period=0.5, shared=1.0, n_neuroids=1)
    course = recording["noiseless"].values[:, 0]
    middles = recording["onset"].values + 0.25
    expected = hemodynamic_response(middles - 1.3)
    assert abs(np.corrcoef(course, expected)[0, 1]) == pytest.approx(1, abs=1e-10)


def test_a_lasting_event_is_a_row_of_moments():
    layer = layer_of(4, 2)
    layer[1:] = 0
    stimuli = events_of(layer, n_runs=1, gap=40, duration=6.0)
    recording = one(layer, stimuli=stimuli, sampling_period=0.5, shared=1.0, n_neuroids=1)
    middles = recording["onset"].values + 0.25
    moments = 1.3 + np.arange(0.0005, 6, 0.001)
    expected = np.array([hemodynamic_response(middle - moments).sum() for middle in middles])
    found = abs(np.corrcoef(recording["noiseless"].values[:, 0], expected)[0, 1])
    assert found == pytest.approx(1, abs=1e-7)


def test_events_of_one_run_leave_the_others_alone():
    layer = layer_of(20, 2)
    layer[10:] = 0
    recording = one(layer, stimuli=events_of(layer))
    second = recording["run"].values == "run1"
    assert np.ptp(recording["noiseless"].values[second], axis=0).max() < 1e-12


@pytest.mark.parametrize("duration", [0.0, 1.5])
def test_signal_is_a_weighted_sum_of_what_the_encoding_model_makes_of_the_events(duration):
    layer = layer_of(60, 5)
    layer[:] = layer + 3  # how often there are events counts too
    dataset = na.simulate.bold(layer, stimuli=events_of(layer, duration=duration))
    recording = dataset.recordings["subject-1"]
    design = TimeGrid("hrf").apply(layer, dataset.stimuli, recording).values
    design = np.column_stack([np.ones(len(design)), design])
    signal = recording["noiseless"].values
    rest = signal - design @ np.linalg.lstsq(design, signal, rcond=None)[0]
    assert np.abs(rest).max() < 2e-3


def test_the_planted_layer_is_found_and_another_is_not():
    layer = layer_of(300, 5)
    dataset = na.simulate.bold(layer, n_subjects=2, n_neuroids=20, snr=2.0)
    layers = {"planted": layer, "other": layer_of(300, 5, seed=1)}
    scores = na.score(layers, dataset, features=TimeGrid("hrf"), progress=False)
    reached = (mean_r(scores) / np.sqrt(scores["true_ceiling"])).median("neuroid")
    assert float(reached.sel(layer="planted")) == pytest.approx(1, abs=0.03)
    assert abs(float(reached.sel(layer="other"))) < 0.2


def test_noise_has_variance_1_and_correlates_from_sample_to_sample():
    found = []
    for seed in range(60):
        recording = one(layer_of(300, 5), n_neuroids=20, autocorrelation=0.5, seed=seed)
        noise = (recording - recording["noiseless"]).values
        same = recording["run"].values[1:] == recording["run"].values[:-1]
        products = (noise[1:] * noise[:-1])[same].mean()
        found.append([(noise**2).mean(), products / 0.5])
    assert all(agrees(column, 0.03) for column in np.transpose(found))


def test_noise_does_not_reach_from_run_to_run():
    products = []
    for seed in range(20):
        recording = one(layer_of(40, 5), n_runs=20, n_neuroids=20, autocorrelation=0.9, seed=seed)
        noise = (recording - recording["noiseless"]).values
        border = recording["run"].values[1:] != recording["run"].values[:-1]
        products.append((noise[1:] * noise[:-1])[border].mean())
    assert abs(np.mean(products)) < 0.05


def test_the_true_ceiling_is_of_the_average_over_repetitions():
    recording = one(layer_of(100, 5), n_repetitions=3, snr=0.5)
    assert recording.dims == ("repetition", "sample", "neuroid")
    np.testing.assert_allclose(recording["noiseless"].var("sample", ddof=1), 0.5)
    np.testing.assert_allclose(recording["true_ceiling"], 0.5 / (0.5 + 1 / 3))


def test_the_true_ceiling_agrees_with_the_estimated_one():
    differences = []
    for seed in range(10):
        recording = one(layer_of(200, 5), n_repetitions=3, snr=(0.1, 1.0), seed=seed)
        true = recording["true_ceiling"].values
        differences.append((estimated_share(recording) - true).mean())
    assert abs(np.mean(differences)) < 0.015


@pytest.mark.parametrize("shared", [0.0, 0.4, 1.0])
def test_signals_of_subjects_correlate_by_what_they_share(shared):
    people = na.simulate.bold(layer_of(60, 10), n_subjects=2, shared=shared).recordings
    signals = [people[name]["noiseless"].values for name in people]
    np.testing.assert_allclose(correlations(*signals), shared, atol=1e-10)
    assert (people["subject-2"]["true_shared"] == shared).all()


def test_more_subjects_leave_the_first_as_they_were():
    layer = layer_of(40, 20)
    few, many = (na.simulate.bold(layer, n_subjects=n).recordings for n in (1, 3))
    assert few["subject-1"].identical(many["subject-1"])


def test_stimuli_are_dealt_out_to_runs_at_the_rate_asked_for():
    stimuli = na.simulate.bold(layer_of(402, 5), n_runs=4, event_rate=2.0).stimuli
    assert sorted(stimuli["run"].value_counts()) == [100, 100, 101, 101]
    for _, part in stimuli.groupby("run"):
        gaps = np.diff(np.sort(part["onset"]))
        assert part["onset"].min() == 0
        assert 0.25 <= gaps.min() <= 0.27
        assert 0.73 <= gaps.max() <= 0.75
        assert gaps.mean() == pytest.approx(0.5, abs=0.06)
    assert (stimuli["duration"] == 0.25).all()


def test_a_run_lasts_until_its_last_response_has_peaked():
    layer = layer_of(20, 5)
    recording = one(layer, stimuli=events_of(layer, duration=1.0), sampling_period=2.0)
    for _, part in recording.groupby("run"):
        end = float(part["onset"].max()) + 2.0
        assert 1.3 + 9 * 4 + 1 + 16 <= end < 1.3 + 9 * 4 + 1 + 18


def test_further_columns_of_the_stimuli_are_kept():
    layer = layer_of(20, 5)
    dataset = na.simulate.bold(layer, stimuli=events_of(layer).assign(text="word"))
    assert (dataset.stimuli["text"] == "word").all()


def test_a_seed_gives_the_same_stream_again_and_another_gives_another():
    layer = layer_of(60, 10)
    assert one(layer, seed=3).identical(one(layer, seed=3))
    stimuli = events_of(layer)
    signals = [one(layer, stimuli=stimuli, seed=seed)["noiseless"].values for seed in (3, 4)]
    assert np.abs(correlations(*signals)).mean() < 0.5


def test_streams_do_not_depend_on_the_order_of_the_stimuli():
    layer = layer_of(30, 3, 4, 4)
    stimuli = events_of(layer)
    assert one(shuffled(layer)).identical(one(layer))
    upset = one(shuffled(layer), stimuli=stimuli.sample(frac=1, random_state=0))
    assert upset.identical(one(layer, stimuli=stimuli))


def test_inputs_stay_as_they_are():
    layer = layer_of(30, 4)
    stimuli = events_of(layer)
    before = layer.copy(deep=True), stimuli.copy()
    na.simulate.bold(layer, stimuli=stimuli.assign(run=1), n_subjects=2)
    assert layer.identical(before[0])
    pd.testing.assert_frame_equal(stimuli, before[1])
