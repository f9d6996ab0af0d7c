"""Simulated neurons with known truth, made by none of the code that will be tested on them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.recordings import make_recording
from neuroalign.errors import DataError

BASE_RATE = 2.5  # spikes per bin at the median drive
GAIN_VARIANCE = 0.05  # of trial-to-trial gain, beyond Poisson noise
CHANNELS = 16  # channels of the layer that one neuron listens to


def simulate_neurons(
    activations: xr.DataArray,
    *,
    n_neuroids: int = 40,
    n_repetitions: tuple[int, int] = (6, 10),
    seed: int = 0,
    subject: str = "simulated",
) -> xr.DataArray:
    """Plant neurons on one layer of a model, and record noisy trials from them.

    A neuron listens to a few channels within a Gaussian receptive field (spatial activations), or
    to a few units; a softplus turns its drive into a rate. A trial is a Poisson count whose rate
    is multiplied by a gain drawn anew (Goris, Movshon & Simoncelli 2014, doi:10.1038/nn.3711).

    Parameters
    ----------
    activations : DataArray (stimulus, channel, row, column) or (stimulus, unit)
    n_neuroids : int
    n_repetitions : pair of int
        Fewest and most trials of a stimulus; drawn for each stimulus, NaN pads the others.
    seed : int
    subject : str

    Returns
    -------
    DataArray (stimulus, repetition, neuroid)
        Spike counts. The coordinate `true_ceiling` of a neuroid is the share of signal in the
        variance of its averaged response, from the rates and noise that were planted; `rate`
        (stimulus, neuroid) is the noiseless response.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(30, 50))
    >>> layer = xr.DataArray(units, dims=("stimulus", "unit"),
    ...     coords={"stimulus": [f"s{i:02}" for i in range(30)]})
    >>> na.simulate_neurons(layer, n_neuroids=5, n_repetitions=(2, 4)).shape
    (30, 4, 5)
    """
    if not 1 <= n_repetitions[0] <= n_repetitions[1]:
        message = f"n_repetitions={n_repetitions} is not a pair (fewest, most) of at least 1."
        raise DataError(message)
    rng = np.random.default_rng(seed)
    ordered = activations.sortby("stimulus")
    drive = _drive(np.asarray(ordered.values, dtype=float), n_neuroids, rng)
    rate = BASE_RATE * np.logaddexp(0, drive) / np.log(2)
    counts = rng.integers(n_repetitions[0], n_repetitions[1] + 1, len(rate))
    shape = (len(rate), n_repetitions[1], n_neuroids)
    gain = rng.gamma(1 / GAIN_VARIANCE, GAIN_VARIANCE, shape)
    trials = rng.poisson(rate[:, None] * gain).astype(float)
    trials[np.arange(n_repetitions[1]) >= counts[:, None]] = np.nan
    noise = ((rate + GAIN_VARIANCE * rate**2) / counts[:, None]).mean(0)
    signal = rate.var(0, ddof=1)
    return make_recording(
        trials,
        ("stimulus", "repetition", "neuroid"),
        subject=subject,
        units="spikes per bin",
        stimulus=ordered["stimulus"].values,
        neuroid=[f"{number:03}" for number in range(n_neuroids)],
        roi="V4",
        true_ceiling=("neuroid", signal / (signal + noise)),
    ).assign_coords(rate=(("stimulus", "neuroid"), rate))


def _drive(activations: np.ndarray, n_neuroids: int, rng: np.random.Generator) -> np.ndarray:
    """Weigh standardized channels within each neuron's receptive field."""
    n_stimuli, n_channels = activations.shape[:2]
    drive = np.empty((n_stimuli, n_neuroids))
    for neuroid in range(n_neuroids):
        seen = activations
        if activations.ndim == 4:
            field = _receptive_field(activations.shape[2:], rng)
            seen = np.einsum("schw,hw->sc", activations, field)
        channels = rng.choice(n_channels, min(CHANNELS, n_channels), replace=False)
        chosen = seen[:, channels] - seen[:, channels].mean(0)
        spread = chosen.std(0)
        chosen = np.divide(chosen, spread, out=np.zeros_like(chosen), where=spread > 0)
        drive[:, neuroid] = chosen @ rng.normal(size=len(channels))
    if silent := int((drive.std(0) == 0).sum()):
        message = (
            f"{silent} of {n_neuroids} neurons would listen to channels that do not vary over "
            "stimuli; plant them on another layer."
        )
        raise DataError(message)
    return (drive - drive.mean(0)) / drive.std(0)


def _receptive_field(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw a Gaussian in the middle half of the image; it sums to 1."""
    center = rng.uniform(0.25, 0.75, 2)
    width = rng.uniform(0.1, 0.2)
    rows, columns = np.meshgrid(*(np.linspace(0, 1, size) for size in shape), indexing="ij")
    distance = (rows - center[0]) ** 2 + (columns - center[1]) ** 2
    field = np.exp(-distance / (2 * width**2))
    return field / field.sum()
