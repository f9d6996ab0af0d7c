"""Small streams, the events in them, and the activations of a layer to these."""

import numpy as np
import pandas as pd
import xarray as xr

PERIOD = 2.0


def make_stream(runs=("a", "b"), n_samples=30, period=PERIOD, n_neuroids=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = [f"{run}/{number:04}" for run in runs for number in range(n_samples)]
    coords = {
        "sample": labels,
        "run": ("sample", np.repeat(runs, n_samples)),
        "onset": ("sample", np.tile(np.arange(n_samples) * period, len(runs))),
        "neuroid": [f"s1/{number}" for number in range(n_neuroids)],
        "subject": "s1",
    }
    values = rng.normal(size=(len(labels), n_neuroids)) + 10
    attrs = {"sampling_period": period, "units": "percent signal change"}
    return xr.DataArray(values, coords, ("sample", "neuroid"), attrs=attrs)


def make_events(runs=("a", "b"), n_events=50, end=60.0, n_units=3, seed=0):
    """Make words that last 0.1 to 0.5 s, and the activations of a layer to them."""
    rng = np.random.default_rng(seed)
    n = len(runs) * n_events
    stimuli = pd.DataFrame(
        {
            "run": np.repeat(runs, n_events),
            "onset": rng.uniform(0, end, n),
            "duration": rng.uniform(0.1, 0.5, n),
            "text": "word",
        },
        index=[f"w{number:03}" for number in rng.permutation(n)],
    )
    activations = xr.DataArray(
        rng.normal(size=(n, n_units)),
        {"stimulus": sorted(stimuli.index), "layer": "h.3", "model": "toy"},
        ("stimulus", "unit"),
    )
    return stimuli, activations
