"""Small data for permutation tests: neuroids that listen to one of two layers."""

import numpy as np
import pandas as pd
import xarray as xr

import neuroalign as na


def labels(n):
    return [f"s{number:02}" for number in range(n)]


def planted(n=40, n_neuroids=5, strength=0.7, seed=0, **columns):
    """Return two layers, of which the neuroids listen to "true", and a dataset."""
    rng = np.random.default_rng(seed)
    units = {layer: rng.normal(size=(n, 8)) for layer in ("other", "true")}
    layers = {
        layer: xr.DataArray(values, {"stimulus": labels(n)}, ("stimulus", "unit"))
        for layer, values in units.items()
    }
    signal = units["true"] @ rng.normal(size=(8, n_neuroids)) / np.sqrt(8)
    responses = strength * signal + rng.normal(size=(n, n_neuroids))
    stimuli = pd.DataFrame(columns, index=pd.Index(labels(n), name="stimulus"))
    return layers, responses, stimuli


def dataset_of(responses, stimuli, **options):
    return na.make_dataset(responses, stimuli, **options)
