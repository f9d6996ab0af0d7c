"""Events at the border of their run, values that are infinite, and the column that is read."""

import numpy as np
import pandas as pd
import pytest
from bold_series import PERIOD, regressor, series_of

from neuroalign.errors import DataError
from neuroalign.readers import average_events, deconvolve


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_value_leaves_the_windows_that_hold_it_undefined(value, rng):
    values = rng.normal(size=(20, 1))
    values[7] = value
    table = pd.DataFrame({"onset": [10.0, 20.0], "stimulus": ["a", "b"]})
    showings = average_events(series_of(values, ["run-1"]), table, start=2, stop=6)
    assert np.isfinite(showings[:, 0]).values.tolist() == [False, True]


@pytest.mark.parametrize("column", ["stim_file", "trial_type", "condition"])
def test_the_column_that_names_what_was_shown_is_told(column):
    series = series_of(np.arange(40.0)[:, None], ["run-1"])
    table = pd.DataFrame({"onset": [2.0, 10.0], column: ["a", "b"], "item": ["x", "y"]})
    showings = average_events(series, table, start=2, stop=6)
    assert (showings.stimulus_column, showings.stimulus.values.tolist()) == (column, ["a", "b"])
    named = deconvolve(series, table, stimulus="item", high_pass=0)
    assert (named.stimulus_column, named.stimulus.values.tolist()) == ("item", ["x", "y"])


@pytest.mark.parametrize("method", ["separate", "all"])
@pytest.mark.parametrize("duration", [0.0, 12.0])
def test_an_event_may_begin_before_its_run_while_its_response_reaches_it(method, duration):
    middles = (np.arange(30) + 0.5) * PERIOD
    values = 5 * regressor(-4.0, duration, middles) + 3 * regressor(30.0, duration, middles) + 100
    table = pd.DataFrame({"onset": [-4.0, 30.0], "duration": duration, "stimulus": ["a", "b"]})
    series = series_of(values[:, None], ["run-1"])
    found = deconvolve(series, table, method=method, high_pass=0)
    np.testing.assert_allclose(found[:, 0], [5, 3], rtol=1e-4)


@pytest.mark.parametrize(
    ("onset", "duration", "enough"),
    [
        (58.0, 0.0, False),  # one sample, 1 s after the onset
        (-20.0, 0.0, False),  # the end of the undershoot
        (59.0, 20.0, False),  # the middle of the last sample
        (55.0, 100.0, False),  # three samples of more than fifty
        (56.0, 0.0, True),  # two samples
        (-16.0, 0.0, True),
        (-30.0, 20.0, True),
    ],
)
def test_an_event_with_a_twentieth_of_its_response_in_the_run_is_estimated(onset, duration, enough):
    whole = regressor(onset, duration, (np.arange(-60, 90) + 0.5) * PERIOD, step=0.01)
    assert (np.linalg.norm(whole[60:90]) > 0.05 * np.linalg.norm(whole)) == enough
    series = series_of(np.cos(np.arange(30.0))[:, None], ["run-1"])
    table = pd.DataFrame({"onset": [20.0, onset], "duration": duration, "stimulus": ["a", "b"]})
    if enough:
        assert np.isfinite(deconvolve(series, table, high_pass=0)).all()
        return
    with pytest.raises(DataError, match=rf"^1 events of run 'run-1' .*\(first: '{onset}'\); leave"):
        deconvolve(series, table, high_pass=0)
