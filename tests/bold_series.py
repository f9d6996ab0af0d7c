"""Series of BOLD made up: values in runs, and the response to an event written out."""

import numpy as np
import xarray as xr

from neuroalign.numerics import hemodynamics

PERIOD = 2.0
RUNS = ["run-2", "run-1"]


def series_of(values, runs=RUNS):
    """Label (sample, neuroid) values of runs of equal length."""
    each = len(values) // len(runs)
    onset = np.tile(np.arange(each) * PERIOD, len(runs))
    return xr.DataArray(
        values,
        dims=("sample", "neuroid"),
        coords={
            "run": ("sample", np.repeat(runs, each)),
            "onset": ("sample", onset),
            "neuroid": [f"v{number}" for number in range(values.shape[1])],
            "roi": ("neuroid", ["V1"] * values.shape[1]),
        },
        attrs={"sampling_period": PERIOD, "units": "percent signal change", "space": "T1w"},
    )


def regressor(onset, duration, middles, step=0.001):
    """Add the canonical response up over the milliseconds of an event."""
    if not duration:
        return hemodynamics.response(middles - onset)
    moments = onset + (np.arange(round(duration / step)) + 0.5) * step
    return sum(hemodynamics.response(middles - moment) for moment in moments) * step
