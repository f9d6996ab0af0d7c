"""Simulated intracranial sites: responses in time to what they see, hear, or bring together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from neuroalign.data.recordings import make_recording
from neuroalign.errors import DataError, name_some
from neuroalign.simulate.noise import (
    autoregressive,
    checked_correlation,
    padded_length,
    power_law,
)
from neuroalign.simulate.planting import (
    drawn_snr,
    ordered_layer,
    repetition_range,
    share_of_signal,
    standardized,
    uncorrelated_part,
    unit_variance,
    whole_number,
)

# Names that spaces may not have.
KINDS = {"noise", "additive", "integration", "products"}
WIDTH = 0.3  # s that a response lasts
TIMES = tuple(np.round(np.arange(20) * 0.025, 3).tolist())


def seeg(
    spaces: Mapping[str, xr.DataArray],
    *,
    n_sites: int = 10,
    n_repetitions: int | tuple[int, int] = 4,
    times: Sequence[float] = TIMES,
    lag: tuple[float, float] = (0.05, 0.15),
    snr: float | tuple[float, float] = 0.5,
    integration: float = 0.5,
    exponent: float = 1.0,
    trial_correlation: float = 0.0,
    seed: int = 0,
    subject: str = "simulated",
) -> xr.DataArray:
    """Plant intracranial sites of known kinds on two spaces of features.

    There are `n_sites` of each kind: "noise" has no signal; two kinds are named after the spaces,
    and weigh the units of one; "additive" weighs those of both, half of its variance each;
    "integration" adds to that a weighted sum of products of a unit of one and a unit of the other
    (see `multimodal_layer`), which no weighted sum of the two explains. The response of a site
    begins after its lag and follows a Hann window of 0.3 s; noise is drawn anew for every
    repetition, with a spectrum of power ~ 1 / frequency^exponent over time.

    Parameters
    ----------
    spaces : mapping of str to DataArray (stimulus, unit)
        Two, of the same stimuli, as in ``{"vision": ..., "language": ...}``; one alone gives sites
        of noise and its own.
    n_sites : int
        Of each kind.
    n_repetitions : int or pair of int
        Of every stimulus, or the fewest and the most; drawn for each stimulus, NaN pads the others.
    times : sequence of float, s
        Evenly spaced, from onset.
    lag : pair of float, s
        Shortest and longest, drawn evenly.
    snr : float or pair of float
        Variance of the signal over stimuli, over that of the noise of one repetition, at the peak
        of the response: of all sites with signal, or the lowest and highest.
    integration : float
        Share of the variance of the signal of "integration" sites that the products have.
    exponent : float
        0 makes noise white, 1 pink, 2 brown.
    trial_correlation : float
        Of the noise in successive trials. Every repetition of the stimuli is a block of its own,
        in random order; trials d apart in a block correlate by the d-th power.
    seed : int
    subject : str

    Returns
    -------
    DataArray (stimulus, [repetition], neuroid, time)
        In standard deviations of the noise; without a repetition axis where each stimulus is met
        once. Coordinates: `kind` and `lag` (s) of a neuroid; `noiseless` (stimulus, neuroid, time),
        and `true_ceiling` (neuroid, time), the share of signal in the variance of the averaged
        response; `trial`, the place of each in its block.

    References
    ----------
    Subramaniam et al. (2024), arXiv:2406.14481 (sites of vision-language integration).

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> labels = [f"s{i:02}" for i in range(60)]
    >>> spaces = {name: xr.DataArray(np.random.default_rng(seed).normal(size=(60, 5)),
    ...     {"stimulus": labels}, ("stimulus", "unit"))
    ...     for seed, name in enumerate(["vision", "language"])}
    >>> na.simulate.seeg(spaces, n_sites=3).sizes["neuroid"]
    15
    """
    fewest, most = repetition_range(n_repetitions)
    n_sites = whole_number("n_sites", n_sites)
    checked_correlation("trial_correlation", trial_correlation)
    clock = _checked_times(times)
    labels, units = _standardized_spaces(spaces)
    rng = np.random.default_rng(seed)
    signals = _signals(units, n_sites, integration, rng)
    kinds = np.repeat(list(signals), n_sites)
    lags = _drawn_lags(lag, len(kinds), clock, rng)
    window = _window(clock - lags[:, None])
    scale = np.sqrt(drawn_snr(snr, len(kinds), rng))
    noiseless = (np.concatenate(list(signals.values()), axis=1) * scale)[..., None] * window
    counts = rng.integers(fewest, most + 1, len(labels))
    shape = (len(labels), most, len(kinds), len(clock))
    noise, trial = _noise(counts, shape, exponent, trial_correlation, rng)
    responses = noiseless[:, None] + noise
    ceiling = share_of_signal(noiseless, np.full(window.shape, (1 / counts).mean()))
    rows: tuple[str, ...] = ("stimulus", "repetition")
    if most == 1:
        rows, responses, trial = rows[:1], responses[:, 0], trial[:, 0]
    return make_recording(
        responses,
        (*rows, "neuroid", "time"),
        subject=subject,
        units="standard deviations of the noise",
        attrs={"time_convention": "bin centers"},
        stimulus=labels,
        neuroid=[f"{kind}-{n % n_sites:03}" for n, kind in enumerate(kinds)],
        time=clock,
        kind=("neuroid", kinds),
        lag=("neuroid", lags),
    ).assign_coords(
        noiseless=(("stimulus", "neuroid", "time"), noiseless),
        true_ceiling=(("neuroid", "time"), ceiling),
        trial=(rows, trial),
    )


def multimodal_layer(spaces: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """Join two spaces and their products: the layer that explains every site of `seeg`.

    Parameters
    ----------
    spaces : mapping of str to DataArray (stimulus, unit)
        Two, of the same stimuli.

    Returns
    -------
    DataArray (stimulus, unit)
        Standardized units of the one, those of the other, and the products of the first with the
        first, the second with the second, and so on, as far as both go. The coordinate `part` of a
        unit is the name of its space, or "products".

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> space = xr.DataArray(np.eye(4)[:, :2], {"stimulus": list("abcd")}, ("stimulus", "unit"))
    >>> multimodal_layer({"vision": space, "language": space}).sizes["unit"]
    6
    """
    labels, units = _standardized_spaces(spaces)
    if len(units) != 2:
        message = f"{len(units)} space was given; products need two."
        raise DataError(message)
    parts = {**units, "products": _products(units)}
    names = np.repeat(list(parts), [part.shape[1] for part in parts.values()])
    return xr.DataArray(
        np.concatenate(list(parts.values()), axis=1),
        {"stimulus": labels, "part": ("unit", names)},
        ("stimulus", "unit"),
    )


def _standardized_spaces(
    spaces: Mapping[str, xr.DataArray],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the labels of the stimuli, and the standardized units of each space."""
    if not 1 <= len(spaces) <= 2 or KINDS & set(spaces):
        message = (
            f"spaces has the names {sorted(spaces)}; one or two are needed, and none of "
            f"{sorted(KINDS)}."
        )
        raise DataError(message)
    layers = {name: ordered_layer(space) for name, space in spaces.items()}
    labels = [own for own, _ in layers.values()]
    if strangers := sorted(set(labels[0]) ^ set(labels[-1])):
        message = f"{len(strangers)} stimuli are in one space only {name_some(strangers)}."
        raise DataError(message)
    return labels[0], {name: standardized(values) for name, (_, values) in layers.items()}


def _products(units: Mapping[str, np.ndarray]) -> np.ndarray:
    one, other = units.values()
    shared = min(one.shape[1], other.shape[1])
    return one[:, :shared] * other[:, :shared]


def _signals(
    units: Mapping[str, np.ndarray], n_sites: int, integration: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return signals (stimulus, site) of each kind, of variance 1 but for those of noise."""
    if not 0 < integration <= 1:
        message = f"integration={integration!r} is not a share of the variance above 0, up to 1."
        raise DataError(message)

    def weighed(features: np.ndarray) -> np.ndarray:
        return unit_variance(features @ rng.normal(size=(features.shape[1], n_sites)))

    def summed() -> np.ndarray:
        one, other = map(weighed, units.values())
        return (one + uncorrelated_part(other, [one])) / np.sqrt(2)

    signals = {"noise": np.zeros((len(next(iter(units.values()))), n_sites))}
    signals |= {name: weighed(features) for name, features in units.items()}
    if len(units) == 2:
        signals["additive"] = summed()
        base = summed()
        products = uncorrelated_part(weighed(standardized(_products(units))), [base])
        signals["integration"] = np.sqrt(1 - integration) * base + np.sqrt(integration) * products
    return signals


def _noise(
    counts: np.ndarray,
    shape: tuple[int, int, int, int],
    exponent: float,
    trial_correlation: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw noise (stimulus, repetition, site, time), and the place of each trial in its block.

    Both are NaN where a stimulus was not met so many times.
    """
    noise, trial = np.full(shape, np.nan), np.full(shape[:2], np.nan)
    _, most, n_sites, n_times = shape
    for repetition in range(most):
        shown = rng.permutation(np.flatnonzero(counts > repetition))
        if not len(shown):
            break
        white = rng.normal(size=(len(shown), n_sites, padded_length(n_times)))
        white = autoregressive(white, trial_correlation)
        noise[shown, repetition] = power_law(white, n_times, exponent)
        trial[shown, repetition] = np.arange(len(shown))
    return noise, trial


def _checked_times(times: Sequence[float]) -> np.ndarray:
    clock = np.asarray(times, dtype=float)
    steps = np.diff(clock)
    if clock.ndim != 1 or len(clock) < 2 or not np.allclose(steps, steps[0]) or steps[0] <= 0:
        message = "times are not two or more seconds from onset, evenly spaced and increasing."
        raise DataError(message)
    return clock


def _drawn_lags(
    lag: tuple[float, float], n_sites: int, clock: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw when the responses begin, such that each peaks within the recording."""
    if not isinstance(lag, tuple) or len(lag) != 2 or not lag[0] <= lag[1]:
        message = f"lag={lag!r} is not a pair (shortest, longest) of seconds."
        raise DataError(message)
    shortest, longest = lag
    if shortest + WIDTH / 2 < clock[0] or longest + WIDTH / 2 > clock[-1]:
        message = (
            f"With lag={lag!r} responses peak from {shortest + WIDTH / 2:g} to "
            f"{longest + WIDTH / 2:g} s, but times go from {clock[0]:g} to {clock[-1]:g} s."
        )
        raise DataError(message)
    return rng.uniform(shortest, longest, n_sites)


def _window(seconds: np.ndarray) -> np.ndarray:
    """Return the course of a response since it began: a Hann window, 1 at its peak."""
    during = (seconds > 0) & (seconds < WIDTH)
    return np.where(during, np.sin(np.pi * seconds / WIDTH) ** 2, 0)
