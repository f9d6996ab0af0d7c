"""Simulated voxels: one response for each showing of a stimulus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.recordings import make_recording
from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError, name_some
from neuroalign.simulate.noise import SmoothField, autoregressive, checked_correlation
from neuroalign.simulate.planting import (
    drawn_snr,
    ordered_layer,
    repetition_range,
    share_of_signal,
    standardized,
    subject_signals,
    whole_number,
)

VOXEL_SIZE = 2.0  # mm


def fmri(
    activations: xr.DataArray,
    *,
    n_subjects: int = 1,
    shape: tuple[int, int, int] = (6, 6, 4),
    n_repetitions: int | tuple[int, int] = 3,
    n_sessions: int = 1,
    snr: float | tuple[float, float] = (0.05, 1.0),
    smoothness: float = 1.5,
    shared: float = 0.5,
    autocorrelation: float = 0.0,
    drift: float = 0.0,
    stimuli: pd.DataFrame | None = None,
    seed: int = 0,
) -> dict[str, xr.DataArray]:
    """Plant voxels on one layer of a model, and record a response for each showing of a stimulus.

    A voxel weighs all units of the layer, with weights that are smooth over voxels; to that come
    noise that is smooth over voxels, and what sessions do to a scanner. A run holds one repetition
    of every stimulus in random order, or of every stimulus of a group in their order.

    Parameters
    ----------
    activations : DataArray (stimulus, unit) or (stimulus, channel, row, column)
    n_subjects : int
    shape : three ints
        Voxels in x, y and z.
    n_repetitions : int or pair of int
        Of every stimulus, or the fewest and the most; drawn for each stimulus.
    n_sessions : int
        Repetitions are dealt out to them in turn; not more than there are repetitions.
    snr : float or pair of float
        Variance of the signal over stimuli, over that of the noise of one showing: of all voxels,
        or the lowest and highest, drawn evenly on a logarithmic scale. 0 plants no signal.
    smoothness : float
        FWHM in voxels of the Gaussian filter that makes weights and noise smooth.
    shared : float
        Share of the variance of the signal that all subjects have in common.
    autocorrelation : float
        Of the noise of successive showings in a run; showings d apart correlate by its d-th power.
    drift : float
        Each session multiplies a voxel by exp(drift a) and adds drift b, with a and b drawn from
        a standard normal density; b counts standard deviations of the noise.
    stimuli : DataFrame, optional
        Index: stimulus. Columns "group" and perhaps "position": every group is shown in a run of
        its own, in order of the position (else of the label).
    seed : int

    Returns
    -------
    dict of str to DataArray (showing, neuroid)
        Subject -> responses in the order of showing, in standard deviations of the noise, with
        `repetition`, `session` and `run` of each. The coordinate `noiseless` (showing, neuroid) is
        the signal; `true_ceiling` of a neuroid the share of signal in the variance of its averaged
        response, and `true_shared` the share of that signal that subjects share. All three are
        of responses without drift.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(30, 50))
    >>> layer = xr.DataArray(units, dims=("stimulus", "unit"),
    ...     coords={"stimulus": [f"s{i:02}" for i in range(30)]})
    >>> na.simulate.fmri(layer, n_subjects=2, n_repetitions=3)["subject-1"].shape
    (90, 144)
    """
    fewest, most = repetition_range(n_repetitions)
    n_subjects = whole_number("n_subjects", n_subjects)
    _check_sessions(n_sessions, most)
    checked_correlation("autocorrelation", autocorrelation)
    if not 0 <= drift < np.inf:
        message = f"drift={drift!r} is not a standard deviation of 0 or more."
        raise DataError(message)
    field = SmoothField(_grid(shape), smoothness)
    labels, values = ordered_layer(activations)
    groups = _groups(labels, stimuli)
    units = standardized(values)
    n_voxels = int(np.prod(shape))
    rngs = [np.random.default_rng([seed, number]) for number in range(n_subjects + 1)]
    draws = [lambda rng=rng: field(rng.normal(size=(units.shape[1], n_voxels))) for rng in rngs]
    scale = np.sqrt(drawn_snr(snr, n_voxels, rngs[0]))
    recordings = {}
    for number, signal in enumerate(subject_signals(units, draws, shared), start=1):
        rng, subject = rngs[number], f"subject-{number}"
        counts = rng.integers(fewest, most + 1, len(labels))
        order = _order_of_showings(counts, groups, n_sessions, rng)
        noise = rng.normal(size=(len(order), n_voxels))
        for rows in order.groupby("run", sort=False).indices.values():
            noise[rows] = autoregressive(noise[rows], autocorrelation)
        noiseless = (signal * scale)[order["stimulus"]]
        responses = _drifted(noiseless + field(noise), order["session"].to_numpy(), drift, rng)
        ceiling = share_of_signal(signal * scale, np.full(n_voxels, (1 / counts).mean()))
        recordings[subject] = _labelled(responses, order, labels, shape, subject).assign_coords(
            noiseless=(("showing", "neuroid"), noiseless),
            true_ceiling=("neuroid", ceiling),
            true_shared=("neuroid", np.full(n_voxels, float(shared))),
        )
    return recordings


def _grid(shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) != 3:
        message = f"shape={shape!r} does not name voxels in x, y and z, as in shape=(6, 6, 4)."
        raise DataError(message)
    return tuple(whole_number("shape", size) for size in shape)


def _check_sessions(n_sessions: int, most: int) -> None:
    if whole_number("n_sessions", n_sessions) > most:
        message = (
            f"n_sessions={n_sessions} are more than the {most} repetitions that are dealt out to "
            "them."
        )
        raise DataError(message)


def _groups(labels: np.ndarray, stimuli: pd.DataFrame | None) -> dict[str, np.ndarray]:
    """Return the numbers of the stimuli of each group in order; none where there is no table."""
    if stimuli is None:
        return {}
    if "group" not in stimuli:
        message = "stimuli have no column 'group', which says what is shown in one run."
        raise DataError(message)
    table = stimuli.set_axis(as_labels(stimuli.index, "stimulus"))
    if missing := sorted(set(labels) - set(table.index)):
        message = (
            f"{len(missing)} of {len(labels)} stimuli that have activations are not in the "
            f"table of stimuli {name_some(missing)}."
        )
        raise DataError(message)
    table = table.loc[labels].assign(number=np.arange(len(labels)))
    if "position" in table:
        if (nowhere := table["position"].isna().to_numpy()).any():
            message = f"{nowhere.sum()} stimuli have no position {name_some(labels[nowhere])}."
            raise DataError(message)
        table = table.sort_values("position", kind="stable")
    groups = as_labels(table["group"], "group")
    return {name: table["number"].to_numpy()[groups == name] for name in np.unique(groups)}


def _order_of_showings(
    counts: np.ndarray, groups: dict[str, np.ndarray], n_sessions: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the stimulus (its number), repetition, session and run of each showing, in order."""
    most = counts.max()
    parts = []
    for repetition in range(most):
        shown = groups or {"": rng.permutation(len(counts))}
        for name, members in shown.items():
            run = f"{repetition + 1:02}" + (f"/{name}" if name else "")
            part = pd.DataFrame({"stimulus": members[counts[members] > repetition]})
            session = repetition * n_sessions // most
            parts.append(part.assign(repetition=repetition, session=session, run=run))
    return pd.concat(parts, ignore_index=True)


def _drifted(
    responses: np.ndarray, session: np.ndarray, drift: float, rng: np.random.Generator
) -> np.ndarray:
    """Scale and shift the responses of each session, neuroid by neuroid."""
    scale, offset = rng.normal(0, 1, (2, session.max() + 1, responses.shape[1])) * drift
    return responses * np.exp(scale)[session] + offset[session]


def _labelled(
    responses: np.ndarray,
    order: pd.DataFrame,
    labels: np.ndarray,
    shape: Sequence[int],
    subject: str,
) -> xr.DataArray:
    x, y, z = places = np.indices(tuple(shape)).reshape(3, -1)
    return make_recording(
        responses,
        ("showing", "neuroid"),
        subject=subject,
        units="standard deviations of the noise",
        attrs={"neuroids": "shared", "space": "simulated"},
        stimulus=labels[order["stimulus"]],
        repetition=order["repetition"].to_numpy(),
        session=[f"{number + 1:02}" for number in order["session"]],
        run=order["run"].to_numpy(str),
        neuroid=["-".join(f"{place:02}" for place in voxel) for voxel in places.T],
        x=VOXEL_SIZE * x,
        y=VOXEL_SIZE * y,
        z=VOXEL_SIZE * z,
    )
