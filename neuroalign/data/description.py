"""Say in words what a recording holds."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.repetitions import to_showings
from neuroalign.data.schema import UNKNOWN, in_memory, is_showings
from neuroalign.numerics.reliability import (
    anova_reliability,
    spearman_brown,
    split_half_correlation,
)

# Values beyond which noise ceilings are not computed for a description.
LARGE = 5_000_000


def rois_of(recording: xr.DataArray) -> np.ndarray:
    """Return the region of every neuroid."""
    rois = recording.coords.get("roi")
    n = recording.sizes["neuroid"]
    return np.full(n, UNKNOWN) if rois is None else np.broadcast_to(rois.values, n).astype(str)


def describe(recording: xr.DataArray) -> str:
    """Say in one line what a recording holds; its noise ceiling too, where it is in memory."""
    rois = ", ".join(dict.fromkeys(rois_of(recording))) if "roi" in recording.coords else "no roi"
    n_stimuli = len(set(recording["stimulus"].values))
    text = f"{recording.sizes['neuroid']} neuroids ({rois}), {n_stimuli} stimuli, "
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
    halves = spearman_brown(*split_half_correlation(values, codes, 10, np.random.default_rng(0)))
    anova = anova_reliability(values, codes)
    ceiling = (
        f"noise ceiling of variance: median {np.nanmedian(halves):.2f} split-half, "
        f"{np.nanmedian(anova):.2f} ANOVA"
        if np.isfinite(halves).any()
        else "no noise ceiling (no stimulus repeats)"
    )
    return f"{text}{spread} repetitions (median {np.median(counts):g}), {units}; {ceiling}"
