"""What TimeGrid refuses, by the whole message."""

import numpy as np
import pytest
import xarray as xr
from stream_cases import make_events, make_stream

from neuroalign.errors import DataError, NeuroalignError
from neuroalign.features.time_grid import TimeGrid


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"resample": "lanzcos"},
            "No way to resample is called 'lanzcos'. Did you mean 'lanczos'?",
        ),
        ({"lobes": 0}, "lobes=0 is not a whole number of 1 or more."),
        ({"trim": (3,)}, "trim=(3,) is not a pair of seconds (start, end) of 0 or more."),
        ({"trim": (3, -1)}, "trim=(3, -1) is not a pair of seconds (start, end) of 0 or more."),
        (
            {"delays": ()},
            "delays=() is not a list of different numbers of seconds; delays=(0,) means none.",
        ),
        (
            {"delays": (2, 2)},
            "delays=(2, 2) is not a list of different numbers of seconds; delays=(0,) means none.",
        ),
        (
            {"delays": 4},
            "delays=4 is not a list of different numbers of seconds; delays=(0,) means none.",
        ),
        (
            {"resample": "hrf", "delays": (0, 2)},
            "resample='hrf' has the hemodynamic delay in it, but delays=(0.0, 2.0) were given as "
            "well; leave them out.",
        ),
    ],
)
def test_options_that_mean_nothing_are_refused(options, sentence):
    with pytest.raises(NeuroalignError) as error:
        TimeGrid(**options)
    assert str(error.value) == sentence


def drop(*columns):
    return lambda stimuli, activations, recording: (
        stimuli.drop(columns=list(columns)), activations, recording
    )  # fmt: skip


def put(column, value, rows=slice(0, 4)):
    def change(stimuli, activations, recording):
        stimuli = stimuli.copy()
        stimuli.loc[stimuli.index[rows], column] = value
        return stimuli, activations, recording

    return change


def on_recording(function):
    return lambda stimuli, activations, recording: (stimuli, activations, function(recording))


@pytest.mark.parametrize(
    ("change", "step", "sentence"),
    [
        (drop("run"), {}, "TimeGrid needs the column 'run' of the stimuli, which is missing."),
        (drop("onset"), {}, "TimeGrid needs the column 'onset' of the stimuli, which is missing."),
        (
            put("onset", 60.5),
            {},
            "4 of 100 stimuli begin outside their run, which goes from the onset of its first "
            "sample to the end of its last (first: {0}, {1}, {2}).",
        ),
        (
            put("onset", -0.5, slice(0, 1)),
            {},
            "1 of 100 stimuli begin outside their run, which goes from the onset of its first "
            "sample to the end of its last (first: {0}).",
        ),
        (
            put("onset", np.nan),
            {},
            "4 of 100 stimuli have no onset in seconds (first: {0}, {1}, {2}).",
        ),
        (
            put("duration", -1.0),
            {},
            "4 of 100 stimuli have no duration of 0 s or more (first: {0}, {1}, {2}).",
        ),
        (
            put("duration", 0.0),
            {"resample": "hrf"},
            "4 of 100 stimuli last 0 s, which resample='hrf' takes for impulses, and the others "
            "do not (first: {0}, {1}, {2}); give all of them a duration, or none.",
        ),
        (
            put("run", "c", slice(50, None)),
            {},
            "1 runs of the recording have no stimuli (first: 'b').",
        ),
        (
            lambda stimuli, activations, recording: (
                stimuli, activations.drop_sel(stimulus=stimuli.index[[1, 5]]), recording
            ),
            {},
            "2 of 100 stimuli have no activations in layer 'h.3' (first: {1}, {5}).",
        ),
        (
            lambda stimuli, activations, recording: (
                stimuli, activations.rename(stimulus="sample"), recording
            ),
            {},
            "TimeGrid reads activations of stimuli, not of samples.",
        ),
        (
            on_recording(lambda recording: recording),
            {"delays": (2, 5)},
            "delays=(2.0, 5.0) are not different multiples of the sampling period of 2 s; the "
            "nearest are (2.0, 6.0).",
        ),
        (
            on_recording(lambda recording: recording.assign_attrs(sampling_period=None)),
            {},
            "The attribute 'sampling_period' of the recording is None; TimeGrid needs the seconds "
            "between samples.",
        ),
        (
            on_recording(lambda recording: recording.drop_vars("onset")),
            {},
            "TimeGrid needs the coordinate 'onset' of every sample of the recording.",
        ),
        (
            on_recording(lambda recording: recording.rename(sample="stimulus")),
            {},
            "TimeGrid is for recordings of streams, with dimension 'sample', but this one has "
            "('stimulus', 'neuroid').",
        ),
        (
            on_recording(lambda recording: recording.assign_attrs(sampling_period=1.9)),
            {},
            "25 of 30 samples of run 'a' do not each begin a whole number of sampling periods of "
            "1.9 s after the first (first: 'a/0002', 'a/0003', 'a/0004').",
        ),
        (
            on_recording(lambda recording: xr.concat([recording, recording[:1]], "sample")),
            {},
            "2 of 31 samples of run 'a' do not each begin a whole number of sampling periods of "
            "2 s after the first (first: 'a/0000', 'a/0000').",
        ),
    ],
)  # fmt: skip
def test_streams_that_do_not_fit_are_refused(change, step, sentence):
    stimuli, activations, recording = change(*make_events(), make_stream())
    names = [repr(label) for label in stimuli.index]
    with pytest.raises(DataError) as error:
        TimeGrid(**step).apply(activations, stimuli, recording)
    assert str(error.value) == sentence.format(*names)


def test_fast_recordings_need_delays_of_their_own():
    stimuli, activations = make_events(end=0.2)
    recording = make_stream(period=0.01)
    with pytest.raises(DataError) as error:
        TimeGrid().apply(activations, stimuli, recording)
    assert str(error.value) == (
        "The recording is sampled every 0.01 s, too often for the delays of BOLD that TimeGrid "
        "assumes; give delays=(...) in seconds, or delays=(0,) for none."
    )
    assert TimeGrid(delays=(0, 0.05)).apply(activations, stimuli, recording).shape == (60, 6)


def test_trimming_away_a_run_is_refused():
    with pytest.raises(DataError) as error:
        TimeGrid(trim=(40, 20)).prepare(make_stream())
    assert str(error.value) == "trim=(40.0, 20.0) leaves no sample of 2 runs (first: 'a', 'b')."
