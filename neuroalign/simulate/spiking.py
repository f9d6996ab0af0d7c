"""Simulated neurons: spike counts with the variability of cortex."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.recordings import make_recording
from neuroalign.errors import DataError
from neuroalign.simulate.planting import (
    ordered_layer,
    repetition_range,
    share_of_signal,
    whole_number,
)

CHANNELS = 16  # channels of the layer that one neuron listens to


def spikes(
    activations: xr.DataArray,
    *,
    n_neuroids: int = 40,
    n_repetitions: int | tuple[int, int] = (6, 10),
    base_rate: float = 2.5,
    gain_variance: float = 0.05,
    seed: int = 0,
    subject: str = "simulated",
) -> xr.DataArray:
    """Plant neurons on one layer of a model, and count their spikes in noisy repetitions.

    A neuron listens to a few channels within a Gaussian receptive field (spatial activations), or
    to a few units; a softplus turns its drive into a rate. A repetition is a Poisson count whose
    rate is multiplied by a gain drawn anew from a gamma density of mean 1, so that counts of mean m
    have the variance m + gain_variance m^2.

    Parameters
    ----------
    activations : DataArray (stimulus, unit) or (stimulus, channel, row, column)
    n_neuroids : int
    n_repetitions : int or pair of int
        Of every stimulus, or the fewest and the most; drawn for each stimulus, NaN pads the others.
    base_rate : float
        Spikes per bin of a neuron at the mean of its drive.
    gain_variance : float
        0 makes counts purely Poisson.
    seed : int
    subject : str

    Returns
    -------
    DataArray (stimulus, repetition, neuroid)
        Spike counts. The coordinate `noiseless` (stimulus, neuroid) is the rate, and `true_ceiling`
        of a neuroid the share of signal in the variance of its averaged response.

    References
    ----------
    Goris, Movshon & Simoncelli (2014), doi:10.1038/nn.3711 (gain fluctuation).

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(30, 50))
    >>> layer = xr.DataArray(units, dims=("stimulus", "unit"),
    ...     coords={"stimulus": [f"s{i:02}" for i in range(30)]})
    >>> na.simulate.spikes(layer, n_neuroids=5, n_repetitions=(2, 4)).shape
    (30, 4, 5)
    """
    fewest, most = repetition_range(n_repetitions)
    n_neuroids = whole_number("n_neuroids", n_neuroids)
    _check_rates(base_rate, gain_variance)
    rng = np.random.default_rng(seed)
    stimuli, values = ordered_layer(activations)
    rate = base_rate * np.logaddexp(0, _drive(values, n_neuroids, rng)) / np.log(2)
    counts = rng.integers(fewest, most + 1, len(rate))
    shape = (len(rate), most, n_neuroids)
    gain = rng.gamma(1 / gain_variance, gain_variance, shape) if gain_variance else np.ones(shape)
    trials = rng.poisson(rate[:, None] * gain).astype(float)
    trials[np.arange(most) >= counts[:, None]] = np.nan
    noise = ((rate + gain_variance * rate**2) / counts[:, None]).mean(0)
    return make_recording(
        trials,
        ("stimulus", "repetition", "neuroid"),
        subject=subject,
        units="spikes per bin",
        stimulus=stimuli,
        neuroid=[f"{number:03}" for number in range(n_neuroids)],
        true_ceiling=("neuroid", share_of_signal(rate, noise)),
    ).assign_coords(noiseless=(("stimulus", "neuroid"), rate))


def _check_rates(base_rate: float, gain_variance: float) -> None:
    if not 0 < base_rate < np.inf:
        message = f"base_rate={base_rate!r} is not a number of spikes per bin above 0."
        raise DataError(message)
    if not 0 <= gain_variance < np.inf:
        message = f"gain_variance={gain_variance!r} is not a variance of 0 or more."
        raise DataError(message)


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
