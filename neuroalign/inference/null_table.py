"""Collect scores under all pairings layer by layer, and turn them into labelled p values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import name_some
from neuroalign.inference.refits import Found
from neuroalign.preparation import side_by_side

QUANTILES = (0.05, 0.5, 0.95)
# Columns that are worked on at a time.
CHUNK = 1024
# Two scores that differ by less are equal but for rounding, and count against the observed one.
SAME = {"float64": 1e-12, "float32": 1e-6}


def p_values(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Count how many permutations do as well, the observed pairing among them.

    Parameters
    ----------
    observed : float array (...)
    null : float array (permutations, ...)
        Where it is NaN it counts as no smaller.

    Returns
    -------
    float array (...)
        (1 + those with null >= observed) / (1 + permutations); NaN where observed is.
    """
    smaller = null < observed - SAME[str(null.dtype)]
    p = (1 + (~smaller).sum(0)) / (1 + len(null))
    return np.where(np.isnan(observed), np.nan, p)


class NullTable:
    """Results of all layers, as they come.

    Parameters
    ----------
    recordings : sequence of DataArray (stimulus or sample, neuroid, [time])
        Those that every layer is tested on.
    order : array of str
        Neuroids in the order of the result.
    smallest_p : sequence of float arrays (neuroids, [time])
        What the rows of each neuroid can lead to, for each recording.
    """

    def __init__(
        self,
        recordings: Sequence[xr.DataArray],
        order: np.ndarray,
        smallest_p: Sequence[np.ndarray],
    ) -> None:
        parts = [
            _neuroids_of(recording).assign(smallest_p=(recording.dims[1:], least))
            for recording, least in zip(recordings, smallest_p, strict=True)
        ]
        joined = side_by_side(parts)
        labels = joined["neuroid"].to_index()
        self._frame = joined.sel(neuroid=order)
        self._shape = self._frame["smallest_p"].shape
        self._places = labels.get_indexer(pd.Index(order))
        self.views = _views(self._frame)
        self.layers: list[str] = []
        self._single: dict[str, list[np.ndarray]] = {}
        self._largest: dict[str, np.ndarray] = {}

    def add(self, layer: str, parts: Sequence[Found]) -> None:
        """Take in what all pairings led to in one layer, for each of the recordings."""
        width = int(np.prod(self._shape[1:]))
        r = np.concatenate([part.r.reshape(len(part.r), -1, width) for part in parts], axis=1)
        r = r[:, self._places].reshape(len(r), -1)
        alphas = [part.alpha for part in parts]
        if all(alpha is not None for alpha in alphas):
            joined = np.concatenate([a.reshape(-1, width) for a in alphas if a is not None])
            self._keep("alpha", joined[self._places])
        self._summarize("", r)
        medians = np.stack([self._medians(r, view) for view in self.views.values()], axis=1)
        self._summarize("median_", medians.reshape(len(r), -1))
        self.layers.append(layer)

    def _keep(self, name: str, values: np.ndarray) -> None:
        self._single.setdefault(name, []).append(values)

    def _summarize(self, prefix: str, r: np.ndarray) -> None:
        """Compare the first row with the others, column by column and with their maximum."""
        p, mean = np.empty((2, r.shape[1]))
        quantiles = np.full((r.shape[1], len(QUANTILES)), np.nan)
        for start in range(0, r.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            null = r[1:, part]
            p[part] = p_values(r[0, part], null)
            defined = ~np.isnan(null)
            mean[part] = np.where(defined, null, 0).sum(0, dtype=float) / defined.sum(0).clip(1)
            some = defined.any(0)
            quantiles[part][some] = _quantiles(null[:, some]).T
        self._keep(f"{prefix}r", r[0])
        self._keep(f"{prefix}p", p)
        self._keep(f"{prefix}null_mean", np.where(np.isnan(quantiles[:, 0]), np.nan, mean))
        self._keep(f"{prefix}null_quantile", quantiles)
        largest = np.where(np.isnan(r), -np.inf, r).max(1, initial=-np.inf)
        before = self._largest.get(prefix, largest)
        self._largest[prefix] = np.maximum(before, largest)

    def _medians(self, r: np.ndarray, view: np.ndarray) -> np.ndarray:
        """Compute medians (pairings, times) over the neuroids of a view that have an observed r."""
        values = r.reshape(len(r), self._shape[0], -1)[:, view]
        medians = np.full((len(r), values.shape[2]), np.nan, r.dtype)
        for time in range(values.shape[2]):
            here = values[:, :, time]
            here = here[:, ~np.isnan(here[0])]
            if here.shape[1]:
                medians[:, time] = _quantiles(here.T, [0.5])[0]
        return medians

    def labelled(self) -> xr.Dataset:
        """Put labels back."""
        dims, extra = self._frame["smallest_p"].dims, self._shape[1:]
        data = {}
        for name, values in self._single.items():
            median = name.startswith("median_")
            rows = len(self.views) if median else self._shape[0]
            last = ("quantile",) if name.endswith("quantile") else ()
            stacked = np.stack(values)
            shape = (len(stacked), rows, *extra, *((len(QUANTILES),) if last else ()))
            lead = ("layer", "view" if median else "neuroid", *dims[1:])
            data[name] = ((*lead, *last), stacked.reshape(shape))
        for prefix in ("", "median_"):
            on, observed = data[f"{prefix}r"]
            null = self._largest[prefix][1:].astype(observed.dtype)
            flat = p_values(
                observed.ravel(), np.broadcast_to(null[:, None], (len(null), observed.size))
            )
            data[f"{prefix}p_family"] = (on, flat.reshape(observed.shape))
        table = xr.Dataset(data, self._frame.set_coords("smallest_p").coords)
        table = table.assign_coords(
            layer=self.layers, view=list(self.views), quantile=list(QUANTILES)
        )
        nowhere = table["r"].isnull().all([dim for dim in table["r"].dims if dim != "neuroid"])
        labels = table["neuroid"].values[nowhere.values]
        first = f" {name_some(labels)}" if len(labels) else ""
        return table.assign_attrs(undefined=f"{len(labels)} neuroids have no r in any layer{first}")


def _quantiles(values: np.ndarray, at: Sequence[float] = QUANTILES) -> np.ndarray:
    """Compute quantiles over the first axis; slowly only where something is undefined."""
    if np.isnan(values).any():
        return np.nanquantile(values, at, axis=0)
    return np.quantile(values, at, axis=0)


def _neuroids_of(recording: xr.DataArray) -> xr.Dataset:
    """Return the coordinates of the columns of a recording."""
    kept = {name: c for name, c in recording.coords.items() if set(c.dims) <= {"neuroid", "time"}}
    return xr.Dataset(coords=kept)


def _views(frame: xr.Dataset) -> dict[str, np.ndarray]:
    """Name the sets of neuroids over which medians are taken: all, each subject, each roi in it."""
    views = {"all": np.ones(frame.sizes["neuroid"], bool)}
    subjects = frame["subject"].values.astype(str)
    rois = frame["roi"].values.astype(str) if "roi" in frame.coords else np.full(len(subjects), "")
    several = len(np.unique(subjects)) > 1
    for subject in dict.fromkeys(subjects):
        of_subject = subjects == subject
        if several:
            views[subject] = of_subject
        own = dict.fromkeys(rois[of_subject])
        for roi in own if len(own) > 1 else ():
            views[f"{subject}, {roi}"] = of_subject & (rois == roi)
    return views
