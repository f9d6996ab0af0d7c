"""Layers to simulate on, and what is asked of every simulated recording."""

import numpy as np
import xarray as xr


def layer_of(n_stimuli, *shape, seed=0):
    """Draw activations of one layer: units, or channels of maps."""
    values = np.random.default_rng(seed).normal(size=(n_stimuli, *shape))
    dims = ("stimulus", "unit") if len(shape) == 1 else ("stimulus", "channel", "row", "column")
    return xr.DataArray(values, {"stimulus": [f"s{n:03}" for n in range(n_stimuli)]}, dims)


def shuffled(layer, seed=0):
    """Bring the stimuli of a layer into another order."""
    order = np.random.default_rng(seed).permutation(layer.sizes["stimulus"])
    return layer.isel(stimulus=order)


def correlations(one, other):
    """Correlate (row, neuroid) arrays neuroid by neuroid."""
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, other.T, strict=True)])


def rows_of(recording):
    """Return responses, noiseless responses (row, ...), and the number of the stimulus of each.

    Rows without a response are left out. By another way than the library goes.
    """
    values, noiseless = recording.values, recording["noiseless"].values
    if "showing" in recording.dims:
        codes = np.unique(recording["stimulus"].values, return_inverse=True)[1]
    else:
        axis = recording.dims.index("repetition")
        values = np.moveaxis(values, axis, 0)
        codes = np.tile(np.arange(len(noiseless)), len(values))
        noiseless = np.concatenate([noiseless] * len(values))
        values = np.concatenate(list(values))
    seen = np.isfinite(values.reshape(len(values), -1)).all(1)
    return values[seen], noiseless[seen], codes[seen]


def noise_over_truth(recording):
    """Return the squared noise left in averages, over what `true_ceiling` says there is.

    One number per neuroid (and time) that has a signal; its expectation is 1.
    """
    values, noiseless, codes = rows_of(recording)
    stimuli = range(codes.max() + 1)
    averages = np.stack([values[codes == stimulus].mean(0) for stimulus in stimuli])
    signal = np.stack([noiseless[codes == stimulus][0] for stimulus in stimuli])
    true = recording["true_ceiling"].values
    known = true > 0.01
    implied = (signal.var(0, ddof=1) * (1 - true) / np.where(known, true, 1))[known]
    return ((averages - signal) ** 2).mean(0)[known] / implied


def agrees(ratios, width):
    """Tell whether ratios of independent draws average to 1, within four standard errors.

    `ratios` holds one mean for each draw; more must be drawn where four errors exceed `width`.
    """
    ratios = np.asarray(ratios)
    error = ratios.std(ddof=1) / np.sqrt(len(ratios))
    assert 4 * error < width, f"these draws tell no more than {4 * error:.3f}"
    return abs(ratios.mean() - 1) < 4 * error


def estimated_share(recording):
    """Estimate the share of signal from the variance within and between stimuli, per neuroid."""
    values, _, codes = rows_of(recording)
    own = [values[codes == stimulus] for stimulus in range(codes.max() + 1)]
    averages = np.stack([rows.mean(0) for rows in own])
    repeated = [rows for rows in own if len(rows) > 1]
    within = sum(((rows - rows.mean(0)) ** 2).sum(0) for rows in repeated)
    within = within / sum(len(rows) - 1 for rows in repeated)
    noise = within * np.mean([1 / len(rows) for rows in own])
    return 1 - noise / averages.var(0, ddof=1)


def mean_r(scores):
    """Average r over folds, weighted by held-out rows."""
    return (scores["r"] * scores["n_test"]).sum("fold") / scores["n_test"].sum("fold")
