"""Co-smoothing: predict some neurons from others that were recorded at the same time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.repetitions import to_showings
from neuroalign.data.schema import is_stream
from neuroalign.errors import DataError, name_some

LAYER = "held-in neuroids"


class CoSmoothing(NamedTuple):
    """Neurons to predict from, and neurons to predict, row by row of single responses."""

    held_in: dict[str, xr.DataArray]
    held_out: BrainDataset


def co_smoothing_split(
    recording: xr.DataArray, *, share_held_out: float = 0.25, seed: int = 0
) -> CoSmoothing:
    """Split the neuroids of a recording into some to predict from and some to predict.

    Rows are single responses, one for each showing and time bin, since neurons that were recorded
    together share more than the stimulus. All rows of a stimulus (of a stream: of a run) form a
    group, which folds keep together.

    Parameters
    ----------
    recording : DataArray
        Of one subject: showings, events or a stream, with single responses.
    share_held_out : float
        Of the neuroids, rounded; at least one is held out, and one held in.
    seed : int
        Chooses them by their labels, whatever their order.

    Returns
    -------
    held_in : dict
        ``{"held-in neuroids": DataArray (stimulus, unit)}``, activations for `score`.
    held_out : BrainDataset
        One recording (stimulus, neuroid) of the others; a stimulus is a row such as "cat/0/003",
        showing 0 of "cat" in time bin 3.

    References
    ----------
    Pei et al. (2021), Neural Latents Benchmark '21, arXiv:2109.04463.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> counts = np.random.default_rng(0).poisson(2, (6, 4))
    >>> recording = na.make_recording(counts, ("stimulus", "neuroid"), subject="m1",
    ...     units="spikes", stimulus=list("abcdef"), neuroid=list("wxyz"))
    >>> held_in, held_out = na.metrics.co_smoothing_split(recording, seed=0)
    >>> held_in["held-in neuroids"].shape, held_out.recordings["m1"].shape
    ((6, 3), (6, 1))
    """
    if not 0 < share_held_out < 1:
        message = f"share_held_out={share_held_out!r} is not a share above 0 and below 1."
        raise DataError(message)
    names = np.sort(recording["neuroid"].values)
    _check_recorded_together(recording, len(names))
    n_held_out = int(np.clip(round(share_held_out * len(names)), 1, len(names) - 1))
    chosen = np.random.default_rng([seed, 5]).permutation(len(names))[:n_held_out]
    rows, groups = _single_rows(recording)
    outside = np.isin(rows["neuroid"].values, names[chosen])
    inside = rows.isel(neuroid=~outside)
    if (gaps := inside.isnull().any("neuroid").values).any():
        message = (
            f"{gaps.sum()} of {len(gaps)} single responses lack some held-in neuroids "
            f"{name_some(rows['stimulus'].values[gaps])}; select neuroids recorded together."
        )
        raise DataError(message)
    units = inside.rename(neuroid="unit").astype(float)
    kept = xr.DataArray(units.values, {name: units[name].values for name in units.dims}, units.dims)
    table = pd.DataFrame({"group": groups}, index=pd.Index(rows["stimulus"].values))
    subject = str(recording["subject"].item())
    held_out = rows.isel(neuroid=outside)
    return CoSmoothing({LAYER: kept}, BrainDataset({subject: held_out}, table, name="co-smoothing"))


def _check_recorded_together(recording: xr.DataArray, n_neuroids: int) -> None:
    """Refuse neuroids whose responses with the same number are not of the same moment."""
    if n_neuroids < 2:
        message = f"Co-smoothing needs 2 neuroids or more, but the recording has {n_neuroids}."
        raise DataError(message)
    if (recording.coords.get("n_repetitions", xr.DataArray(1)) > 1).any():
        message = (
            "Co-smoothing needs single responses, but these are averages over repetitions; give "
            "the recording as it was before average_repetitions."
        )
        raise DataError(message)
    if "session" in recording.coords and recording["session"].dims == ("neuroid",):
        sessions = np.unique(recording["session"].values.astype(str))
        if len(sessions) > 1:
            message = (
                f"The neuroids come from {len(sessions)} sessions {name_some(sessions)}, but "
                "co-smoothing needs neurons recorded together; select those of one session."
            )
            raise DataError(message)


def _single_rows(recording: xr.DataArray) -> tuple[xr.DataArray, np.ndarray]:
    """Make each showing and time bin a stimulus of its own; return what they are part of."""
    showings = to_showings(recording)
    parts = showings["stimulus"].values.astype(str)
    first = np.searchsorted(parts, parts)
    labels = np.array(
        [
            f"{part}/{place}"
            for part, place in zip(parts, np.arange(len(parts)) - first, strict=True)
        ]
    )
    if is_stream(recording):
        run_of = dict(zip(recording["sample"].values, recording["run"].values, strict=True))
        parts = np.array([str(run_of[sample]) for sample in parts])
    values = showings.transpose("showing", ..., "neuroid").values
    if "time" in showings.dims:
        n_bins = showings.sizes["time"]
        digits = len(str(n_bins - 1))
        labels = np.array(
            [f"{label}/{place:0{digits}}" for label in labels for place in range(n_bins)]
        )
        parts = np.repeat(parts, n_bins)
    on_neuroids = {
        str(name): coord.variable
        for name, coord in recording.coords.items()
        if set(coord.dims) <= {"neuroid"} and name != "true_ceiling"
    }
    rows = xr.DataArray(
        values.reshape(len(labels), -1),
        {"stimulus": labels, **on_neuroids},
        ("stimulus", "neuroid"),
        attrs={key: fact for key, fact in recording.attrs.items() if key in ("units", "modality")},
    )
    return rows, parts
