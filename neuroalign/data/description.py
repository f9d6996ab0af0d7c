"""Say in words what a recording holds."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.dissimilarities import column_dim, count_missing, is_dissimilarities
from neuroalign.data.repetitions import to_showings
from neuroalign.data.schema import UNKNOWN, in_memory, is_showings, is_stream
from neuroalign.numerics.blockwise import Blocks
from neuroalign.numerics.reliability import anova_share
from neuroalign.numerics.split_half import draw_splits, split_half_share

# Values beyond which noise ceilings are not computed for a description.
LARGE = 5_000_000


def rois_of(recording: xr.DataArray) -> np.ndarray:
    """Return the region of every neuroid, or of every RDM."""
    rois = recording.coords.get("roi")
    n = recording.sizes[column_dim(recording)]
    return np.full(n, UNKNOWN) if rois is None else np.broadcast_to(rois.values, n).astype(str)


def _extent(recording: xr.DataArray) -> str:
    """Say how many stimuli a recording holds, or how long a stream is."""
    if not is_stream(recording):
        return f"{len(set(recording['stimulus'].values))} stimuli"
    n_samples, n_runs = recording.sizes["sample"], len(set(recording["run"].values))
    seconds = n_samples * recording.attrs["sampling_period"]
    return f"{n_samples} samples in {n_runs} {'run' if n_runs == 1 else 'runs'} ({seconds:g} s)"


def _describe_dissimilarities(dissimilarities: xr.DataArray, rois: str) -> str:
    """Say whose RDMs there are, how measured, and how many pairs are missing."""
    n_rdms, coords = dissimilarities.sizes["rdm"], dissimilarities.coords
    count = "1 RDM" if n_rdms == 1 else f"{n_rdms} RDMs"
    n_sessions = len(np.unique(coords["session"].values)) if "session" in coords else 1
    sessions = f" in {n_sessions} sessions" if n_sessions > 1 else ""
    text = (
        f"{count} ({rois}) of {dissimilarities.sizes['stimulus']} stimuli{sessions}, "
        f"dissimilarity: {dissimilarities.attrs['dissimilarity']}"
    )
    missing, n_pairs = count_missing(dissimilarities) if in_memory(dissimilarities) else (0, 0)
    return f"{text}; {missing} of {n_pairs} pairs are missing" if missing else text


def describe(recording: xr.DataArray) -> str:
    """Say in one line what a recording holds; its noise ceiling too, where it is in memory."""
    rois = ", ".join(dict.fromkeys(rois_of(recording))) if "roi" in recording.coords else "no roi"
    if is_dissimilarities(recording):
        return _describe_dissimilarities(recording, rois)
    text = f"{recording.sizes['neuroid']} neuroids ({rois}), {_extent(recording)}, "
    times = f", {recording.sizes['time']} time bins" if "time" in recording.dims else ""
    units = f"in {recording.attrs['units']}{times}"
    repeats = is_showings(recording) or "repetition" in recording.dims
    if not repeats or not in_memory(recording):
        return f"{text}{'repetitions not read yet' if repeats else 'no repetitions'}, {units}"
    if recording.size > LARGE:
        return f"{text}with repetitions, {units}"
    rows = to_showings(recording)
    if not rows.size:
        return f"{text}no responses, {units}"
    _, codes, counts = np.unique(rows["stimulus"].values, return_inverse=True, return_counts=True)
    spread = f"{counts.min()}-{counts.max()}" if counts.min() < counts.max() else f"{counts.min()}"
    values = np.asarray(rows.values, dtype=float).reshape(len(codes), -1)
    one = Blocks(np.zeros(len(counts), dtype=int), np.zeros(1, dtype=int))
    halves = split_half_share(values, codes, one, draw_splits(codes, 10, 2, [0]))[0].value
    anova = anova_share(values, codes, one).value
    medians = ", ".join(
        f"{np.nanmedian(shares):.2f} {name}"
        for name, shares in (("split-half", halves), ("ANOVA", anova))
        if np.isfinite(shares).any()
    )
    ceiling = (
        f"noise ceiling of variance: median {medians}"
        if medians
        else "no noise ceiling (no stimulus repeats)"
    )
    return f"{text}{spread} repetitions (median {np.median(counts):g}), {units}; {ceiling}"
