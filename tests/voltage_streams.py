"""Streams of voltages made up: sines, noise and bursts, in runs, in memory or not."""

import numpy as np
import xarray as xr

from neuroalign.readers.lazy import lazy_array


def stream_of(runs, *, rate=1000.0, names=None, onset=0.0, **coords):
    """Make a stream of uV from runs (sample, neuroid) by their names."""
    lengths = [len(values) for values in runs.values()]
    values = np.concatenate([np.asarray(x, dtype=float) for x in runs.values()])
    names = [f"LA{number + 1}" for number in range(values.shape[1])] if names is None else names
    return xr.DataArray(
        values,
        {
            "run": ("sample", np.repeat(list(runs), lengths)),
            "onset": ("sample", np.concatenate([onset + np.arange(n) / rate for n in lengths])),
            "neuroid": list(names),
            **{name: ("neuroid", x) for name, x in coords.items()},
        },
        ("sample", "neuroid"),
        attrs={"units": "uV", "sampling_period": 1 / rate, "space": "MNI"},
    )


def in_file(stream, reads=None):
    """Return the stream as if it lay in a file; `reads` is told the shape of what is read."""

    def read(samples, neuroids):
        found = stream.values[samples][:, neuroids]
        if reads is not None:
            reads.append(found.shape)
        return found

    return stream.copy(data=lazy_array(stream.shape, float, read))


def sine(frequency, seconds, *, amplitude=1.0, phase=0.0, rate=1000.0):
    """Return a sine as (sample, 1)."""
    time = np.arange(round(seconds * rate)) / rate
    return amplitude * np.sin(2 * np.pi * frequency * time + phase)[:, None]
