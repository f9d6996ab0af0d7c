"""Fewer units by random projection, as a step between activations and a metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.features.matching import design_rows
from neuroalign.numerics.projection import johnson_lindenstrauss, project


@dataclass(frozen=True)
class RandomProjection:
    """Project the units of each layer onto random directions, so that wide layers fit in memory.

    Distances between stimuli are kept nearly: less well where most units are 0 for a stimulus,
    since a direction is a sum over few units. Nothing is learned from data, so that nothing leaks
    from held-out stimuli. Units of different feature spaces (coordinate "space" of the units) are
    projected apart and never mixed. The directions depend on the seed and the number of units of
    the space only.

    Parameters
    ----------
    n_units : int, optional
        Wanted for each space. By default as many as keep the squared distances of all stimuli of
        the dataset within a factor of 1 +- eps (Johnson-Lindenstrauss bound). Spaces that have no
        more units than that are left as they are.
    eps : float
        Between 0 and 1.
    seed : int

    References
    ----------
    Li, Hastie & Church (2006), doi:10.1145/1150402.1150436; Dasgupta & Gupta (2003),
    doi:10.1002/rsa.10073.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> stimuli = pd.DataFrame(index=["cat", "dog"])
    >>> layer = xr.DataArray(np.ones((2, 500)), {"stimulus": stimuli.index}, ("stimulus", "unit"))
    >>> RandomProjection(n_units=20).apply(layer, stimuli).sizes["unit"]
    20
    """

    n_units: int | None = None
    eps: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that say nothing."""
        if self.n_units is not None and not _is_whole(self.n_units, least=1):
            message = f"n_units={self.n_units!r} is not a number of units; give 1 or more, or None."
            raise DataError(message)
        if not (isinstance(self.eps, (int, float)) and 0 < self.eps < 1):
            message = f"eps={self.eps!r} is not between 0 and 1."
            raise DataError(message)
        if not _is_whole(self.seed, least=0):
            message = f"seed={self.seed!r} is not a whole number of 0 or more."
            raise DataError(message)

    def reach(self, recording: xr.DataArray) -> float:  # noqa: ARG002
        """Return how far in time a row reads, in s: no further than its own stimulus."""
        return 0.0

    def prepare(self, recording: xr.DataArray) -> xr.DataArray:
        """Return the recording as it is."""
        return recording

    def apply(
        self,
        activations: xr.DataArray,
        stimuli: pd.DataFrame,
        recording: xr.DataArray | None = None,  # noqa: ARG002
    ) -> xr.DataArray:
        """Project the activations of one layer.

        Parameters
        ----------
        activations : DataArray (stimulus, ...)
            All axes but the first are flattened; of (stimulus, time, unit) the units of each frame
            are projected, all frames alike.
        stimuli : DataFrame
            All of the dataset: their number says how many units are needed.
        recording : DataArray, optional
            Not read.

        Returns
        -------
        DataArray (stimulus, unit), or (stimulus, time, unit)
            The activations themselves, where no space has units to spare.
        """
        if "stimulus" not in activations.dims:
            message = (
                f"RandomProjection reads activations of stimuli, not of {activations.dims[0]}s; "
                "put it before TimeGrid."
            )
            raise DataError(message)
        if "time" in activations.dims:
            return self._of_frames(activations)
        n_units = self.n_units or johnson_lindenstrauss(len(stimuli), self.eps)
        values = design_rows(activations, activations["stimulus"].values)
        spaces = _spaces(activations, values.shape[1])
        members = [spaces == name for name in dict.fromkeys(spaces)]
        if max(int(mask.sum()) for mask in members) <= n_units:
            return activations
        parts = [_fewer(values, mask, n_units, self.seed) for mask in members]
        coords = {name: axis for name, axis in activations.coords.items() if axis.ndim == 0}
        coords["stimulus"] = activations["stimulus"]
        if "space" in activations.coords and "space" not in coords:
            names = list(dict.fromkeys(spaces))
            coords["space"] = ("unit", np.repeat(names, [part.shape[1] for part in parts]))
        projected = np.concatenate(parts, axis=1)
        return xr.DataArray(projected, coords, ("stimulus", "unit"), attrs=activations.attrs)

    def _of_frames(self, activations: xr.DataArray) -> xr.DataArray:
        """Project each frame as if it were a stimulus; frames of NaN stay so."""
        ordered = activations.transpose("stimulus", "time", ...)
        values = np.asarray(ordered.values)
        present = ~np.isnan(values).all(axis=tuple(range(2, values.ndim)))
        names = np.arange(present.sum()).astype(str)
        keep = [
            name for name, axis in ordered.coords.items() if not {"stimulus", "time"} & {*axis.dims}
        ]
        coords = {name: ordered.coords[name] for name in keep}
        flat = xr.DataArray(
            values[present], {**coords, "stimulus": names}, ("stimulus", *ordered.dims[2:])
        )
        made = self.apply(flat, pd.DataFrame(index=names))
        if made is flat:
            return activations
        padded = np.full((*present.shape, made.sizes["unit"]), np.nan, dtype=made.dtype)
        padded[present] = made.values
        coords = {name: axis for name, axis in made.coords.items() if name != "stimulus"}
        coords |= {name: ordered[name] for name in ("stimulus", "time")}
        return xr.DataArray(padded, coords, ("stimulus", "time", "unit"), attrs=activations.attrs)


def _is_whole(value: object, *, least: int) -> bool:
    return (
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least
    )


def _spaces(activations: xr.DataArray, n_units: int) -> np.ndarray:
    """Return the space of each of the flattened units; one for all where there is no such label."""
    if "space" not in activations.coords:
        return np.zeros(n_units, dtype=int)
    one = activations.isel(stimulus=0, drop=True)
    return xr.broadcast(one["space"], one)[0].transpose(*one.dims).values.ravel()


def _fewer(values: np.ndarray, mask: np.ndarray, n_units: int, seed: int) -> np.ndarray:
    """Project the units in the mask, unless they are few enough as they are."""
    part = values if mask.all() else values[:, mask]
    return part if part.shape[1] <= n_units else project(part, n_units, seed)
