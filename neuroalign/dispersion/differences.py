"""Two dispersions of the same stimuli, where they may be compared, and intervals of one."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.schema import as_labels
from neuroalign.dispersion.confounding import form_values
from neuroalign.errors import DataError, name_some
from neuroalign.numerics.procrustes.jackknife import (
    Interval,
    bootstrap_over_stimuli,
    jackknife_over_systems,
)
from neuroalign.numerics.procrustes.rank_correlation import partial_rank_correlation

# What the bias of an estimated dispersion depends on, or its units.
ALIKE = ("n_train", "d", "K", "scaling", "dimensions")


def compare_dispersions(
    first: xr.Dataset,
    second: xr.Dataset,
    *,
    form: str = "dispersion",
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Compare two dispersions of the same stimuli, such as of trained and untrained networks.

    How much an estimate exceeds the truth depends on the number of training stimuli, the width of
    the common space and the number of systems, so those must be equal.

    Parameters
    ----------
    first, second : Dataset
        As `procrustes_dispersion` returns them.
    form : {"dispersion", "relative", "directional", "consensus_r2"}
        Each with its own sign: a positive difference says that the first systems agree less, but
        in consensus R2 that they agree more.
    confidence : float
    seed : int
        Of draws of stimuli.

    Returns
    -------
    Dataset
        `difference` (stimulus), first - second; `mean_difference`, with `error`, `low` and `high`
        over stimuli (whole groups) at the rotations that were fitted; `spearman` between the two.

    Raises
    ------
    DataError
        Where they differ in stimuli, n_train, d, K, scaling or dimensions.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((60, 4))) for name in "abc"}
    >>> one = na.dispersion.procrustes_dispersion(views)
    >>> float(na.dispersion.compare_dispersions(one, one).spearman.round(6))
    1.0
    """
    one, other = form_values(first, form), form_values(second, form)
    unlike = [name for name in ALIKE if first.attrs[name] != second.attrs[name]]
    if unlike:
        said = ", ".join(f"{n} ({first.attrs[n]} and {second.attrs[n]})" for n in unlike)
        message = (
            f"The dispersions differ in {said}, on which their bias depends; use as many stimuli, "
            "units and systems for both."
        )
        raise DataError(message)
    labels = first["stimulus"].values
    if strangers := sorted(set(labels) ^ set(second["stimulus"].values)):
        message = (
            f"{len(strangers)} stimuli are in one dispersion only {name_some(strangers)}; compute "
            "both on the same stimuli."
        )
        raise DataError(message)
    other = other[second.indexes["stimulus"].get_indexer(first.indexes["stimulus"])]
    kept = np.isfinite(one) & np.isfinite(other)
    found = bootstrap_over_stimuli(
        one - other, blocks=group_numbers(first), confidence=confidence, seed=seed
    )
    return xr.Dataset(
        {
            "difference": ("stimulus", one - other),
            "mean_difference": found.estimate,
            "error": found.error,
            "low": found.low,
            "high": found.high,
            "spearman": partial_rank_correlation(one[kept], other[kept]),
        },
        coords={"stimulus": labels},
        attrs={"form": form, "confidence": confidence, **{n: first.attrs[n] for n in ALIKE}},
    )


def mean_interval(
    dispersion: xr.Dataset, *, over: str = "stimulus", confidence: float = 0.95, seed: int = 0
) -> xr.Dataset:
    """Give the mean dispersion an interval over stimuli, or over systems.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.
    over : {"stimulus", "system"}
        "stimulus": draws of stimuli, or whole groups. "system": the jackknife, for systems drawn
        from a population, of which at least 5 are needed. Both at the rotations that were fitted.
    confidence : float
    seed : int

    Returns
    -------
    Dataset
        `mean_dispersion`, with `error`, `low` and `high`.

    Raises
    ------
    DataError
        Below 5 systems, for an interval over systems.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((60, 4))) for name in "abcde"}
    >>> found = na.dispersion.procrustes_dispersion(views, n_null=0)
    >>> bool(na.dispersion.mean_interval(found, over="system").low < 1)
    True
    """
    if over not in ("stimulus", "system"):
        message = f"over={over!r} is neither 'stimulus' nor 'system'; use one of them."
        raise DataError(message)
    if over == "stimulus":
        found: Interval = bootstrap_over_stimuli(
            form_values(dispersion, "dispersion"),
            blocks=group_numbers(dispersion),
            confidence=confidence,
            seed=seed,
        )
    else:
        residual = dispersion["residual"].mean("stimulus").values
        found = jackknife_over_systems(residual, confidence=confidence)
    named = dict(zip(("mean_dispersion", "error", "low", "high"), found, strict=True))
    return xr.Dataset(named, attrs={"over": over, "confidence": confidence})


def group_numbers(dispersion: xr.Dataset) -> np.ndarray | None:
    """Return the numbers of groups of stimuli, if they have any."""
    if "group" not in dispersion.coords:
        return None
    return np.unique(as_labels(dispersion["group"].values, "group"), return_inverse=True)[1]
