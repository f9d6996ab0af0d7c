"""Simulated passages, photographs and streams for the tests of guards."""

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

import neuroalign as na

WHOLE, PARTED = na.KFold(6), na.KFold(6, part_groups=True)


def passages(seed, *, n_passages=12, length=10, n_neuroids=20, smooth=1.5, columns=("position",)):
    """Make passages whose sentences share smooth noise with their neighbors, and nothing else."""
    rng = np.random.default_rng([seed, 1])
    noise = rng.normal(size=(n_passages, length, n_neuroids))
    if smooth:
        noise = gaussian_filter1d(noise, smooth, axis=1, mode="nearest")
    responses = noise / noise.std() + 0.5 * rng.normal(size=noise.shape)
    names = [f"p{number:02}" for number in range(n_passages)]
    stimuli = pd.DataFrame(
        {
            "group": np.repeat(names, length),
            "position": np.tile(np.arange(length), n_passages),
        },
        index=[f"{name}/{place:02}" for name in names for place in range(length)],
    )
    kept = stimuli[["group", *columns]]
    return na.make_dataset(responses.reshape(len(stimuli), n_neuroids), kept)


def noise_layers(dataset, *, n_layers=1, n_units=15, seed=0):
    """Make layers that have nothing to do with any response."""
    rng = np.random.default_rng([seed, 2])
    labels = dataset.stimuli.index
    return {
        f"layer {number}": pd.DataFrame(rng.normal(size=(len(labels), n_units)), index=labels)
        for number in range(n_layers)
    }


def lines(scores):
    """Return what each guard says."""
    return dict(line.split(": ", 1) for line in scores.attrs["guards"].splitlines())


def guarded(model, dataset, *names, **options):
    """Score with some guards."""
    return na.score(model, dataset, guards=names, progress=False, **options)


def median(scores, guard):
    """Return the median over neuroids of the mean over folds of what a guard scored."""
    return float(scores.guard_r.sel(guard=guard).mean("fold").median())
