"""Does the agreement of systems on a stimulus go with how well other systems align there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.dispersion.confounding import BUILT_IN, confound_table, form_values
from neuroalign.dispersion.systems import Systems, View, match_systems
from neuroalign.errors import DataError, name_some
from neuroalign.numerics.procrustes.rank_correlation import (
    partial_rank_correlation,
    permutation_p,
    permuted_correlations,
)
from neuroalign.numerics.similarity.neighbors import neighbor_overlap, outlier_bound

FEWEST_IN_GROUP = 5


class Measure(Protocol):
    """A measure such as `CKA`: arrays (stimuli, units) of the same stimuli; larger is alike."""

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two systems."""


class NeighborOverlap(NamedTuple):
    """Share of nearest stimuli in common, less chance: (m - c) / (1 - c), c = k / (n - 1).

    Parameters
    ----------
    k : int
    """

    k: int

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two systems, with neighbors among these stimuli only."""
        chance = self.k / (len(first) - 1)
        overlap = neighbor_overlap(first, second, self.k, clamp="none")
        if not np.isfinite(overlap).any():
            return np.nan
        return float((np.nanmean(overlap) - chance) / (1 - chance))


def modulation(
    dispersion: xr.Dataset,
    alignment: Mapping[str, View] | xr.DataArray | pd.Series,
    *,
    systems: Sequence[str] | None = None,
    measure: Measure | None = None,
    form: str = "relative",
    share: float = 0.5,
    k: int = 10,
    controls: Sequence[str] = BUILT_IN,
    n_permutations: int = 999,
    seed: int = 0,
) -> xr.Dataset:
    """Test whether other systems align better on stimuli that these systems agree on.

    Groups of equal size, of the lowest and the highest dispersion, are compared; and alignment,
    stimulus by stimulus, is correlated with dispersion, with confounds held equal. Systems that
    the alignment is between must not be among those that the dispersion is of: what one system
    does on a stimulus is in both then.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.
    alignment : mapping of str to view, or DataArray or Series (stimulus,)
        Two systems, or a value for each stimulus, such as an encoding score.
    systems : sequence of str, optional
        Names of the systems that values for each stimulus come from, needed for those.
    measure : measure, optional
        What groups are compared by, for two systems, such as ``CKA()``. By default the share of
        the `k` nearest stimuli of the same group that the two have in common, less chance.
    form : {"relative", "directional", "consensus_r2", "dispersion"}
    share : float
        Of the stimuli, in each group; up to 0.5.
    k : int
        Neighbors, for two systems.
    controls : sequence of str
        Confounds to hold equal, as `confounds` names them.
    n_permutations, seed : int
        Stimuli exchange their dispersions. Groups of two systems are compared anew each time.

    Returns
    -------
    Dataset
        (stimulus): `dispersion` (in the form asked for; consensus R2 with its sign changed),
        `alignment`, `part` ("low", "middle", "high", or "undefined"). `low` and `high`, the
        alignment of groups; `difference`, low - high, with `p`; `spearman` of dispersion and
        alignment; `spearman_partial` with controls held equal, with `p_partial`. All p are
        two-sided, and NaN where stimuli have groups, since those of one group cannot change places
        with others.

    Raises
    ------
    DataError
        Where a system is on both sides, or a stimulus has no alignment.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((60, 4))) for name in "abcde"}
    >>> pair = {name: views.pop(name) for name in "de"}
    >>> found = na.dispersion.modulation(
    ...     na.dispersion.procrustes_dispersion(views), pair, n_permutations=99)
    >>> bool(found.p > 0.05), sorted(set(found.part.values.tolist()))
    (True, ['high', 'low'])
    """
    values = form_values(dispersion, form)
    table = confound_table(dispersion, list(controls))
    labels = dispersion["stimulus"].values
    _check(share, n_permutations)
    pair = match_systems(alignment, list(labels)) if isinstance(alignment, Mapping) else None
    _check_apart(dispersion, pair.names if pair else systems)
    if pair is None:
        aligned = _per_stimulus(alignment, labels, measure)
    else:
        pair = _two(pair)
        aligned = neighbor_overlap(pair.rows[0], pair.rows[1], k, clamp="none")
    kept = np.isfinite(values) & np.isfinite(aligned) & np.isfinite(table).all(0)
    n_group = int(share * kept.sum())
    if n_group < FEWEST_IN_GROUP:
        message = (
            f"{kept.sum()} stimuli have a dispersion and an alignment, {n_group} in each group; "
            f"groups need at least {FEWEST_IN_GROUP}."
        )
        raise DataError(message)
    rows = np.flatnonzero(kept)
    groups = _Groups(rows, aligned, pair, measure or NeighborOverlap(k), n_group)
    order = np.argsort(values[rows], kind="stable")
    low, high = groups.compare(order)
    both = values[rows], aligned[rows]
    partial = partial_rank_correlation(*both, table[:, rows])
    p, p_partial = np.nan, np.nan
    if "group" not in dispersion.coords:
        null = groups.permuted(n_permutations, seed)
        exchanged = permuted_correlations(
            *both, table[:, rows], n_permutations=n_permutations, seed=seed
        )
        p, p_partial = permutation_p(low - high, null), permutation_p(partial, exchanged)
    part = np.full(len(labels), "middle", dtype="<U9")
    part[~kept] = "undefined"
    part[rows[order[:n_group]]], part[rows[order[-n_group:]]] = "low", "high"
    return xr.Dataset(
        {
            "dispersion": ("stimulus", values),
            "alignment": ("stimulus", aligned),
            "part": ("stimulus", part),
            "low": low,
            "high": high,
            "difference": low - high,
            "p": p,
            "spearman": partial_rank_correlation(*both),
            "spearman_partial": partial,
            "p_partial": p_partial,
        },
        coords={"stimulus": labels},
        attrs={
            "form": form,
            "measure": "mean of values" if pair is None else repr(measure or NeighborOverlap(k)),
            "n_group": n_group,
            "controls": ", ".join(controls),
            "n_permutations": n_permutations,
            "seed": seed,
        },
    )


class _Groups:
    """The alignment of the first and the last stimuli of an order."""

    def __init__(
        self,
        rows: np.ndarray,
        aligned: np.ndarray,
        pair: Systems | None,
        measure: Measure,
        n_group: int,
    ) -> None:
        self.values = aligned[rows]
        self.pair = [part[rows] for part in pair.rows] if pair else None
        self.measure, self.n_group = measure, n_group

    def compare(self, order: np.ndarray) -> tuple[float, float]:
        """Return the alignment of the groups at both ends."""
        low, high = (self._value(part) for part in (order[: self.n_group], order[-self.n_group :]))
        return low, high

    def permuted(self, n_permutations: int, seed: int) -> np.ndarray:
        """Return the differences of groups that are drawn by lot."""
        random = np.random.default_rng(seed)
        drawn = (random.permutation(len(self.values)) for _ in range(n_permutations))
        return np.array([low - high for low, high in map(self.compare, drawn)])

    def _value(self, rows: np.ndarray) -> float:
        if self.pair is None:
            return float(self.values[rows].mean())
        first, second = (part[np.sort(rows)] for part in self.pair)
        return self.measure.compare_arrays(first, second)


def _two(pair: Systems) -> Systems:
    """Refuse more than two systems; bound outliers, and drop dimensions that hold nothing."""
    if len(pair.names) != 2:
        message = f"{len(pair.names)} systems were given to align; give two."
        raise DataError(message)
    rows = []
    for part in pair.rows:
        bound = outlier_bound(part)
        values = np.clip(np.asarray(part, dtype=float), -bound, bound)
        if values.shape[1] > len(values):  # as many directions as rows keep all products
            _, triangle = np.linalg.qr(values.T)
            values = triangle.T
        rows.append(values)
    return Systems(pair.names, rows, pair.stimuli)


def _per_stimulus(alignment: object, labels: np.ndarray, measure: Measure | None) -> np.ndarray:
    """Return a value for each stimulus."""
    if measure is not None:
        message = (
            f"measure={measure!r} was given with a value for each stimulus; leave it out, or give "
            "two systems."
        )
        raise DataError(message)
    if isinstance(alignment, xr.DataArray) and alignment.dims == ("stimulus",):
        alignment = alignment.to_series()
    if not isinstance(alignment, pd.Series):
        message = (
            f"The alignment given is a {type(alignment).__name__}; give two systems, or a "
            "DataArray (stimulus,) or Series indexed by stimulus."
        )
        raise DataError(message)
    values = alignment.set_axis(alignment.index.astype(str))
    if missing := sorted(set(labels) - set(values.index)):
        message = f"{len(missing)} of {len(labels)} stimuli have no alignment {name_some(missing)}."
        raise DataError(message)
    return values[labels].to_numpy(float)


def _check_apart(dispersion: xr.Dataset, systems: Sequence[str] | None) -> None:
    """Refuse systems that are on both sides."""
    if systems is None:
        message = (
            "A value for each stimulus was given without the systems that it comes from; name them "
            "by systems=[...], so that none is among those of the dispersion."
        )
        raise DataError(message)
    both = sorted({str(name) for name in systems} & set(dispersion["system"].values))
    if both:
        message = (
            f"{len(both)} systems are both aligned and part of the dispersion {name_some(both)}; "
            "compute the dispersion without them."
        )
        raise DataError(message)


def _check(share: float, n_permutations: int) -> None:
    if not 0 < share <= 0.5 or n_permutations < 1:
        message = (
            f"share={share} and n_permutations={n_permutations} were given; give a share above 0 "
            "and up to 0.5, and at least 1 permutation."
        )
        raise DataError(message)
