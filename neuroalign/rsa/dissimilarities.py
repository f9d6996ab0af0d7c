"""Dissimilarities between the stimuli of a recording, or of a layer, with their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.spatial.distance import squareform

from neuroalign.data.dissimilarities import make_dissimilarities
from neuroalign.data.pair_tables import refuse_pairs
from neuroalign.data.repetitions import average_repetitions, to_showings
from neuroalign.data.schema import is_stream
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.features.matching import design_rows, label_rows
from neuroalign.numerics.rdm.dissimilarity import DISSIMILARITIES, crossnobis
from neuroalign.numerics.rdm.held_out_precision import whitened_crossnobis
from neuroalign.numerics.rdm.measure import CROSSNOBIS
from neuroalign.numerics.similarity.inputs import check_stimuli
from neuroalign.similarity.views import SUBJECT, View, split_views

FEWEST_RUNS = 2


def dissimilarities(
    responses: xr.DataArray,
    method: str = "correlation",
    *,
    by: str | Sequence[str] = (SUBJECT,),
    whiten: bool = True,
) -> xr.DataArray:
    """Compute dissimilarities between all stimuli.

    Parameters
    ----------
    responses : DataArray
        A recording of events or showings without an axis of time, or the activations of a layer
        (stimulus, ...).
    method : str
        "correlation", "squared_euclidean" or "poisson_kl", of responses averaged over repetitions;
        or "crossnobis", across repetitions, which noise does not raise.
    by : str or sequence of str
        Coordinates of the neuroids, such as "roi", whose levels get a set each.
    whiten : bool
        For crossnobis: divide by the noise covariance of the neuroids, estimated from differences
        between repetitions and shrunk to its diagonal; for each pair of stimuli from repetitions
        of others, so that noise does not raise them.

    Returns
    -------
    DataArray (rdm, stimulus, stimulus_other)
        Those of activations without "rdm". Stimuli are sorted by label.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=2).recordings["simulated"]
    >>> na.rsa.dissimilarities(recording, "crossnobis").dims
    ('rdm', 'stimulus', 'stimulus_other')
    """
    known = [*DISSIMILARITIES, CROSSNOBIS]
    if method not in known:
        raise unknown_name(method, known, kind="dissimilarity")
    if "neuroid" not in getattr(responses, "dims", ()):
        return _of_activations(responses, method)
    if is_stream(responses) or "time" in responses.dims:
        message = (
            "Dissimilarities are between stimuli, but this recording has an axis of time; select "
            "or average times first."
        )
        raise DataError(message)
    views = split_views({str(responses["subject"].item()): average_repetitions(responses)}, by)
    if len({tuple(view.labels) for view in views}) > 1:
        message = "Parts of the recording have different stimuli; compute dissimilarities apart."
        raise DataError(message)
    if method == CROSSNOBIS:
        values = [_crossed(responses, view, whiten) for view in views]
    else:
        values = [DISSIMILARITIES[method](view.values[0]) for view in views]
    made = make_dissimilarities(
        np.stack([squareform(row, checks=False) for row in values]),
        stimulus=views[0].labels,
        dissimilarity=method,
        subject=str(responses["subject"].item()),
    )
    levels = {name: ("rdm", [view.levels[name] for view in views]) for name in views[0].levels}
    counts = ("rdm", [view.n_neuroids for view in views])
    return made.assign_coords({**levels, "n_neuroids": counts})


def _crossed(recording: xr.DataArray, view: View, whiten: bool) -> np.ndarray:
    """Compute crossnobis of the neuroids and stimuli of a view, across all repetitions."""
    showings = to_showings(recording.sel(neuroid=view.neuroids))
    showings = showings.isel(showing=np.isfinite(showings.values).all(1))
    labels, of_row, counts = np.unique(
        showings["stimulus"].values, return_inverse=True, return_counts=True
    )
    if (few := view.labels[~np.isin(view.labels, labels[counts >= FEWEST_RUNS])]).size:
        message = (
            f"{len(few)} of {len(view.labels)} stimuli were not shown twice to all neuroids "
            f"{name_some(few)}; crossnobis needs repetitions of each."
        )
        raise DataError(message)
    number = _count_within(of_row)
    repetitions = np.full((len(labels), counts.max(), len(view.neuroids)), np.nan)
    repetitions[of_row, number] = showings.values
    # Some stimuli have more repetitions: those beyond go to the runs in turn, and are averaged.
    n_runs = int(counts.min())
    runs = [np.nanmean(repetitions[:, start::n_runs], axis=1) for start in range(n_runs)]
    patterns = np.stack(runs)
    return whitened_crossnobis(patterns, repetitions) if whiten else crossnobis(patterns)


def _count_within(of_row: np.ndarray) -> np.ndarray:
    """Count the rows of each stimulus from 0, where rows are sorted by stimulus."""
    starts = np.searchsorted(of_row, np.arange(of_row.max() + 1))
    return np.arange(len(of_row)) - starts[of_row]


def _of_activations(activations: xr.DataArray, method: str) -> xr.DataArray:
    if method == CROSSNOBIS:
        message = "Crossnobis needs repetitions, which activations have not; use squared_euclidean."
        raise DataError(message)
    refuse_pairs(activations)
    labelled = label_rows(activations)
    check_stimuli(labelled.sizes["stimulus"], 2)
    labels = np.sort(labelled["stimulus"].values)
    row = DISSIMILARITIES[method](design_rows(labelled, labels))
    return make_dissimilarities(
        squareform(row, checks=False), stimulus=labels, dissimilarity=method
    )
