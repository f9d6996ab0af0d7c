"""Averages over windows of time: hand-worked, blind to padding, and refused where empty."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.features import TimeWindows

NAN = np.nan


def frames():
    """Two units in frames of 0.5 s; the second stimulus is shorter."""
    values = np.array(
        [
            [[1.0, 10], [3, 30], [5, 50], [7, 70]],
            [[2.0, 20], [4, 40], [NAN, NAN], [NAN, NAN]],
        ]
    )
    coords = {
        "stimulus": ["s", "t"], "time": [0.25, 0.75, 1.25, 1.75], "layer": "top",
        "frequency": ("unit", [100, 200]), "group": ("stimulus", ["g", "h"]),
    }  # fmt: skip
    return xr.DataArray(values, coords, ("stimulus", "time", "unit"))


def test_all_frames_of_a_stimulus_are_averaged_by_default():
    averaged = TimeWindows().apply(frames())
    assert averaged.dims == ("stimulus", "unit")
    assert averaged.values.tolist() == [[4, 40], [3, 30]]
    assert averaged["frequency"].values.tolist() == [100, 200]
    assert averaged["group"].values.tolist() == ["g", "h"]
    assert averaged["layer"].item() == "top"


def test_windows_stand_side_by_side():
    averaged = TimeWindows(0, 2, 1).apply(frames()[:1])
    assert averaged.values.tolist() == [[2, 20, 6, 60]]
    assert averaged["window"].values.tolist() == [0, 0, 1, 1]
    assert averaged["frequency"].values.tolist() == [100, 200, 100, 200]


def test_a_window_from_a_moment_on_goes_to_the_end_of_each_stimulus():
    assert TimeWindows(0.5).apply(frames()).values.tolist() == [[5, 50], [4, 40]]
    assert TimeWindows(0.5, 1.5).apply(frames()).values.tolist() == [[4, 40], [4, 40]]


def test_a_center_on_a_border_is_in_the_later_window():
    centers = frames()[:1].assign_coords(time=np.array([0.1, 0.2, 0.1 * 3, 0.4]))
    averaged = TimeWindows(0.1, 0.5, 0.2).apply(centers)
    assert averaged.values.tolist() == [[2, 20, 6, 60]]


def test_axes_in_another_order_and_of_float32_are_averaged_too():
    turned = frames().transpose("time", "unit", "stimulus").astype(np.float32)
    averaged = TimeWindows().apply(turned)
    assert averaged.values.tolist() == [[4, 40], [3, 30]]
    assert averaged.dtype == np.float32


def refused(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


def test_a_stimulus_that_ends_before_a_window_is_refused():
    with refused(
        "1 of 2 stimuli have no frame from 1 to 2 s (first: 't'); end the windows before the "
        "shortest stimulus does."
    ):
        TimeWindows(0, 2, 1).apply(frames())


@pytest.mark.parametrize(
    "given",
    [(-1, None, None), (2, 1, None), (0, None, 0.5), (0, 1, 0.3), (0, 1, 2), (0, 1, 0), ("a", 1, 1),
     (0, np.inf, None), (NAN, 1, None), (None, 1, None)],
)  # fmt: skip
def test_windows_that_cannot_be_are_refused(given):
    with refused(
        f"start, stop, step={given} are no windows; give seconds from the onset, 0 or more, with "
        "start before stop, and a step that divides what is between them, as in TimeWindows(0, 1, "
        "0.25)."
    ):
        TimeWindows(*given)


def test_activations_without_time_are_refused():
    with refused(
        "TimeWindows averages activations (stimulus, time, unit), as models of sounds and films "
        "give them, but these are (stimulus, unit); leave it out."
    ):
        TimeWindows().apply(frames()[:, 0].drop_vars("time"))


def test_one_response_a_sound_is_scored_by_windows_and_not_by_padded_frames():
    rng = np.random.default_rng(0)
    labels = [f"s{number:02}" for number in range(60)]
    values = rng.normal(size=(60, 8, 3))
    values[::2, 6:] = NAN
    coords = {"stimulus": labels, "time": (np.arange(8) + 0.5) / 8}
    layer = xr.DataArray(values, coords, ("stimulus", "time", "unit"))
    means = np.nanmean(values, axis=1)
    stimuli = pd.DataFrame({"text": labels}, index=labels)
    dataset = na.make_dataset(means + 0.05 * rng.normal(size=means.shape), stimuli)
    scores = na.score({"mel": layer}, dataset, features=TimeWindows(), progress=False)
    assert float(scores.r.mean()) > 0.9
    with refused(
        "30 of 60 stimuli have frames of NaN in layer 'mel', past the end of a shorter sound or "
        "film (first: 's00', 's02', 's04'); average over windows of time by "
        "features=na.features.TimeWindows(start, stop, step)."
    ):
        na.score({"mel": layer}, dataset, progress=False)
