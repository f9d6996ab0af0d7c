"""Does the agreement of systems on a stimulus go with how well other systems align there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.dispersion.apart import check_apart
from neuroalign.dispersion.confounding import (
    BUILT_IN,
    confound_table,
    form_values,
    from_most_agreed,
)
from neuroalign.dispersion.groups import (
    Groups,
    Measure,
    NeighborOverlap,
    pair_of,
)
from neuroalign.dispersion.systems import Systems, View, match_systems
from neuroalign.errors import DataError, name_some
from neuroalign.numerics.procrustes.rank_correlation import (
    partial_rank_correlation,
    permutation_p,
    permuted_correlations,
)
from neuroalign.numerics.similarity.neighbors import neighbor_overlap

FEWEST_IN_GROUP = 5
OF, VALUES = ("low", "high", "difference"), ("estimate", "error", "lower", "upper")


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
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Test whether other systems align better on stimuli that these systems agree on.

    Groups of equal size, of the lowest and the highest dispersion, are compared; and alignment,
    stimulus by stimulus, is correlated with dispersion, with confounds held equal. Systems that
    the alignment is between must not be among those that the dispersion is of: what one system
    does on a stimulus is in both then. Systems of the same name, or of the same values under
    another, are refused; a copy with a little noise is not recognized.

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
        With its own sign: consensus R2 is high where systems agree, and so low in the group "high".
    share : float
        Of the stimuli, in each group; up to 0.5.
    k : int
        Neighbors, for two systems.
    controls : sequence of str
        Confounds to hold equal, as `confounds` names them.
    n_permutations : int
        Stimuli exchange their dispersions. Groups of two systems are compared anew each time.
    confidence : float
        Of intervals.
    seed : int
        Of permutations.

    Returns
    -------
    Dataset
        (stimulus): `dispersion` (in the form asked for), `alignment`, `part` ("low": the systems
        agree, "middle", "high", or "undefined"). `low` and `high`, the alignment of groups;
        `difference`, low - high, with `p`; `spearman` of dispersion and alignment;
        `spearman_partial` with controls held equal, with `p_partial`. All p are two-sided, and NaN
        where stimuli have groups, since those of one group cannot change places with others.
        (of, value): `intervals` of "low", "high" and "difference": their "estimate", "error",
        "lower" and "upper" over new stimuli (whole groups), at this dispersion and these parts
        (delete-a-group jackknife); NaN where a part has fewer than ten stimuli (groups).

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
    _check(share, n_permutations)
    values = form_values(dispersion, form)
    sorted_rows = dispersion.indexes["stimulus"].argsort()  # as systems are matched
    dispersion, values = dispersion.isel(stimulus=sorted_rows), values[sorted_rows]
    table = confound_table(dispersion, list(controls))
    labels = dispersion["stimulus"].values
    pair, aligned, chance = _aligned(dispersion, alignment, systems, measure, k)
    kept = np.isfinite(values) & np.isfinite(aligned) & np.isfinite(table).all(0)
    n_group = int(share * kept.sum())
    if n_group < FEWEST_IN_GROUP:
        message = (
            f"{kept.sum()} stimuli have a dispersion and an alignment, {n_group} in each group; "
            f"groups need at least {FEWEST_IN_GROUP}."
        )
        raise DataError(message)
    rows = np.flatnonzero(kept)
    groups = Groups(rows, aligned, pair, measure or NeighborOverlap(k), n_group)
    order = from_most_agreed(values[rows], form)
    ends = rows[order[:n_group]], rows[order[-n_group:]]
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
    units = dispersion["group" if "group" in dispersion.coords else "stimulus"].values[rows]
    intervals = groups.intervals(order, units.astype(str), confidence)
    return xr.Dataset(
        {
            "dispersion": ("stimulus", values),
            "alignment": ("stimulus", aligned),
            "part": ("stimulus", _parts(kept, *ends)),
            "low": low,
            "high": high,
            "difference": low - high,
            "p": p,
            "spearman": partial_rank_correlation(*both),
            "spearman_partial": partial,
            "p_partial": p_partial,
            "intervals": (("of", "value"), intervals),
        },
        coords={"stimulus": labels, "of": list(OF), "value": list(VALUES)},
        attrs={
            "form": form,
            "measure": "mean of values" if pair is None else repr(groups.measure),
            "n_group": n_group,
            "chance": chance,  # of the alignment of single stimuli; NaN for values
            "confidence": confidence,
            "controls": ", ".join(controls),
            "n_permutations": n_permutations,
            "seed": seed,
        },
    )


def _aligned(
    dispersion: xr.Dataset,
    alignment: object,
    systems: Sequence[str] | None,
    measure: Measure | None,
    k: int,
) -> tuple[Systems | None, np.ndarray, float]:
    """Return the two systems if there are any, the alignment of stimuli, and its chance level."""
    labels = dispersion["stimulus"].values
    if not isinstance(alignment, Mapping):
        check_apart(dispersion, systems)
        return None, _per_stimulus(alignment, labels, measure), np.nan
    given = match_systems(alignment, list(labels))
    check_apart(dispersion, given.names, given.hashes)
    pair = pair_of(given)
    first, second = pair.rows
    return pair, neighbor_overlap(first, second, k, clamp="none"), k / (len(labels) - 1)


def _parts(kept: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Say for each stimulus which group it is in."""
    part = np.where(kept, "middle", "undefined")
    part[low], part[high] = "low", "high"
    return part


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


def _check(share: float, n_permutations: int) -> None:
    if not 0 < share <= 0.5 or n_permutations < 1:
        message = (
            f"share={share} and n_permutations={n_permutations} were given; give a share above 0 "
            "and up to 0.5, and at least 1 permutation."
        )
        raise DataError(message)
