"""Frames of sounds and films in streams: the same as a table of frames made by hand."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from stream_cases import PERIOD, make_stream

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.features import RandomProjection, TimeGrid
from neuroalign.models.sounds import Sound
from neuroalign.numerics.time_grid import KINDS

STEP = 0.1
LENGTHS = {"x": 80, "y": 120, "z": 50}  # frames
STEPS = [TimeGrid(kind, None if kind == "hrf" else (-2, 0, 4)) for kind in KINDS]


def films(onsets=(3.0, 20.25, 7.0), **columns):
    table = {"run": ["a", "a", "b"], "onset": onsets, **columns}
    return pd.DataFrame(table, index=list(LENGTHS))


def frames(seed=0, n_units=3):
    rng = np.random.default_rng(seed)
    values = np.full((3, 120, n_units), np.nan)
    for row, length in zip(values, LENGTHS.values(), strict=True):
        row[:length] = rng.normal(size=(length, n_units))
    coords = {
        "stimulus": list(LENGTHS), "time": (np.arange(120) + 0.5) * STEP, "layer": "mel",
        "frequency": ("unit", 100.0 * np.arange(1, n_units + 1)),
    }  # fmt: skip
    return xr.DataArray(values, coords, ("stimulus", "time", "unit"))


def by_hand(activations, stimuli):
    """Write a row for each frame: when it begins, and that it lasts a step."""
    rows, values = [], []
    for label, event in stimuli.iterrows():
        for number in range(LENGTHS[label]):
            rows.append((f"{label}{number}", event["run"], event["onset"] + number * STEP, STEP))
            values.append(activations.sel(stimulus=label).values[number])
    table = pd.DataFrame(rows, columns=["label", "run", "onset", "duration"]).set_index("label")
    layer = xr.DataArray(values, {"stimulus": table.index.values}, ("stimulus", "unit"))
    return layer, table


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_frames_are_resampled_as_a_table_of_them_is(step):
    activations, stimuli, recording = frames(), films(), make_stream()
    design = step.apply(activations, stimuli, recording)
    expected = step.apply(*by_hand(activations, stimuli), recording)
    np.testing.assert_allclose(design.values, expected.values, atol=1e-9)
    assert np.abs(design.values).max() > 0.1


def test_units_keep_their_names():
    design = TimeGrid("sum", (0, 2)).apply(frames(), films(), make_stream())
    assert design["frequency"].values.tolist() == [100, 200, 300] * 2
    assert design["layer"].item() == "mel"
    assert design.dims == ("sample", "unit")


def test_the_order_of_stimuli_and_axes_does_not_matter():
    step, recording = TimeGrid("lanczos", (0, 2)), make_stream()
    plain = step.apply(frames(), films(), recording)
    mixed = step.apply(
        frames()[[2, 0, 1]].transpose("unit", "time", "stimulus"), films(), recording
    )
    np.testing.assert_allclose(plain, mixed, atol=1e-12)


def test_a_frame_counts_in_the_sample_in_which_it_begins():
    activations = xr.zeros_like(frames()).where(frames().notnull())
    activations[0, 9:11] = 1.0  # of 0.9 to 1.1 s after an onset of 3 s, across 4 s
    design = TimeGrid("sum", (0,)).apply(activations, films(), make_stream())
    in_a = design[design["sample"].str.startswith("a/").values, 0]
    assert in_a.values.tolist() == [0, 1, 1] + [0] * 27


def test_frames_past_the_end_of_the_run_are_left_out():
    late = films(onsets=(3.0, 55.0, 7.0))  # y lasts 12 s, and the run ends at 60 s
    ones = xr.ones_like(frames()).where(frames().notnull())
    counts = TimeGrid("sum", (0,)).apply(ones, late, make_stream())
    in_a = counts[counts["sample"].str.startswith("a/").values, 0]
    assert float(in_a.sum()) == 80 + 50
    assert float(in_a[-1]) == 20


def test_what_is_heard_past_the_end_of_the_run_moves_no_sample_before_it():
    late, recording = films(onsets=(3.0, 55.0, 7.0)), make_stream()
    cut = frames()
    cut[1, 50:] = np.nan
    for step in (TimeGrid(delays=(-2, 0)), TimeGrid("nearest", (-2, 0))):
        found, expected = (step.apply(values, late, recording) for values in (frames(), cut))
        np.testing.assert_array_equal(found, expected)


def test_frames_past_the_duration_of_their_stimulus_were_not_shown():
    stimuli = films(duration=[2.0, 0.0, 100.0])
    ones = xr.ones_like(frames()).where(frames().notnull())
    counts = TimeGrid("sum", (0,)).apply(ones, stimuli, make_stream())
    in_a = counts["sample"].str.startswith("a/").values
    assert float(counts[in_a, 0].sum()) == 20 + 120
    assert float(counts[~in_a, 0].sum()) == 50


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_a_frame_beyond_reach_never_moves_a_row_and_one_within_does(step):
    activations, stimuli, recording = frames(), films(), make_stream()
    plain = step.apply(activations, stimuli, recording).values
    reach, farthest = step.reach(recording), 0.0
    in_a = recording["run"].values == "a"
    middles = recording["onset"].values + PERIOD / 2
    for number in range(80):
        poisoned = activations.copy(deep=True)
        poisoned[0, number] = 1e9
        moved = (step.apply(poisoned, stimuli, recording).values != plain).any(1)
        begins = 3.0 + number * STEP
        away = np.maximum(begins - middles, middles - begins - STEP)
        assert not moved[~in_a].any()
        assert not moved[in_a & (away > reach + 1e-9)].any()
        farthest = max(farthest, away[moved].max(initial=0))
    assert farthest > reach - PERIOD


def test_one_frame_begins_at_the_onset():
    one = frames()[:, :1]
    recording = make_stream()
    design = TimeGrid("hrf").apply(one, films(), recording)
    events = films().assign(duration=STEP)
    expected = TimeGrid("hrf").apply(one[:, 0].drop_vars("time"), events, recording)
    np.testing.assert_allclose(design, expected, atol=1e-12)


def refused(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize(
    "time", [[0.1, 0.2, 0.4], [0.3, 0.2, 0.1], [0.1, 0.2, np.nan], ["a", "b", "c"]]
)
def test_times_that_are_no_clock_are_refused(time):
    activations = frames()[:, :3].assign_coords(time=time)
    with refused(
        "The coordinate 'time' of the activations is not evenly spaced; the centers of frames in "
        "s from the onset of the stimulus are needed, in their order."
    ):
        TimeGrid().apply(activations, films(), make_stream())


def test_stimuli_without_frames_are_refused():
    activations = frames()
    activations[1] = np.nan
    with refused("1 of 3 stimuli have no frame that is not NaN (first: 'y'); leave them out."):
        TimeGrid().apply(activations, films(), make_stream())
    with refused("1 of 3 stimuli have no activations in layer 'mel' (first: 'x')."):
        TimeGrid().apply(frames()[1:], films(), make_stream())
    activations = frames()
    activations[0, 4, 1] = np.nan
    with refused(
        "1 of 250 stimuli have activations in layer 'mel' that are not finite numbers (first: "
        "'x/4')."
    ):
        TimeGrid().apply(activations, films(), make_stream())


def test_an_onset_outside_the_run_is_refused_as_that_of_a_word_is():
    with refused(
        "1 of 3 stimuli begin outside their run, which goes from the onset of its first sample to "
        "the end of its last (first: 'y')."
    ):
        TimeGrid().apply(frames(), films(onsets=(3.0, 61.0, 7.0)), make_stream())


def test_a_projection_before_the_grid_is_one_of_each_frame():
    wide, stimuli, recording = frames(n_units=40), films(), make_stream()
    steps = RandomProjection(n_units=5, seed=1), TimeGrid("sum", (0, 2))
    projected = steps[0].apply(wide, stimuli)
    assert projected.dims == ("stimulus", "time", "unit")
    assert projected.shape == (3, 120, 5)
    np.testing.assert_array_equal(projected.isnull().all("unit"), wide.isnull().all("unit"))
    layer, table = by_hand(wide, stimuli)
    expected = steps[1].apply(steps[0].apply(layer, table), table, recording)
    found = steps[1].apply(projected, stimuli, recording)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert RandomProjection(n_units=40).apply(wide, stimuli).identical(wide)


def test_the_spectrogram_of_a_heard_sound_is_found_in_a_stream():
    rng = np.random.default_rng(0)
    rows, sounds = [], []
    for run in ("a", "b", "c", "d"):
        for onset in (0.5, 60.25):
            loud = np.repeat(rng.uniform(0, 0.5, 110), 4000)  # changes every 0.5 s
            sounds.append(Sound(loud * rng.normal(size=loud.size), 8000))
            rows.append((f"{run}{onset}", run, onset))
    stimuli = pd.DataFrame(rows, columns=["label", "run", "onset"]).set_index("label")
    stimuli = stimuli.assign(audio=sounds)
    recording = make_stream(tuple("abcd"), n_samples=60)
    model = na.load_model("neuroalign.models.spectral:load", n_bands=4)
    _, levels = next(model.activations(stimuli))
    planted = TimeGrid(delays=(4,)).apply(levels, stimuli, recording).values[:, :3]
    heard = recording.copy(data=planted + 0.3 * planted.std(0) * rng.normal(size=planted.shape))
    scores = na.score(model, na.BrainDataset({"s1": heard}, stimuli), progress=False)
    assert float(scores.r.mean()) > 0.9
