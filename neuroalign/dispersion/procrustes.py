"""On which single stimuli do systems agree: Generalized Procrustes dispersion, with labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd
import xarray as xr

from neuroalign.dispersion.crowding import crowding
from neuroalign.dispersion.options import fit_options, whole_number
from neuroalign.dispersion.systems import Systems, View, match_systems
from neuroalign.errors import DataError
from neuroalign.folds import FoldRule
from neuroalign.numerics.procrustes.cross_fitted import CrossFitted, cross_fitted_dispersion
from neuroalign.numerics.procrustes.learning import dispersion_learning_curve
from neuroalign.progress import progress_bar, progress_wanted
from neuroalign.splits import Splits


def procrustes_dispersion(
    views: Mapping[str, View],
    *,
    stimuli: pd.DataFrame | Sequence[str] | None = None,
    folds: FoldRule | None = None,
    dimensions: int | None = None,
    scaling: str = "norm",
    n_null: int = 10,
    n_starts: int = 1,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float64",
    progress: bool = True,
) -> xr.Dataset:
    """Measure on which stimuli systems agree and on which they do not.

    Systems are centered, scaled and rotated into a common space by what they do on training
    stimuli. How far apart they then put a held-out stimulus is its dispersion: half the mean
    squared distance of two systems. Systems that share nothing read 1; those that are rotations of
    each other read 0. Rotations are estimates, so the truth lies between `dispersion_in_sample` and
    `dispersion`; see `learning_curve`.

    Parameters
    ----------
    views : mapping of str to DataArray or DataFrame
        System (network, layer, subject) -> activations (stimulus, ...), DataFrame indexed by
        stimulus, or recording, such as ``dataset.recordings`` (of streams, see `passages`). Widths
        may differ.
    stimuli : DataFrame or sequence of str, optional
        Those to use, of which every system must have all. By default all, which must be the same
        in all systems. A DataFrame may have the column "group", which folds keep together, and
        numeric columns, such as the length of a text, which are kept as possible confounds.
    folds : fold rule, optional
        By default ``KFold(n_folds=5)``.
    dimensions : int, optional
        Keep so many principal components of each system. By default all units count, and narrower
        systems are rotated into the space of the widest.
    scaling : {"norm", "none"}
        Whether the size of systems is taken out, or counts.
    n_null : int
        Fits to training stimuli shuffled within each system, in each fold. Where stimuli follow
        each other in time, systems that share nothing but drifts read less than this null.
    n_starts : int
        Of each fit, in other orders of the systems; the best is kept. More starts change the mean
        and the order of stimuli next to nothing unless few systems share little, and cost in
        proportion, but for the null.
    seed : int
        Of folds, starts and shuffles.
    device, dtype : str
    progress : bool

    Returns
    -------
    Dataset
        (stimulus): `dispersion`, of held-out stimuli; `dispersion_in_sample`; `relative`, divided
        by the mean squared norm of the stimulus, and `relative_in_sample`; `directional`, 1 -
        cosine; `null`, of systems that share nothing; `consensus_r2`, (null - dispersion) / null,
        high where systems agree. All are sorted by label. (system, stimulus):
        `residual`, half the mean squared distance of a system to the others; `norm`. (stimulus):
        `density` and `hubness` (see `confounds`). Attributes: `n_train`, `d` (of the common
        space), `K` (systems), `kept_variance` (the least), `iterations` and `gap` (the most),
        `converged` (1 or 0), and what was asked for. Stimuli that no fold holds out are NaN.

    References
    ----------
    Gower (1975), doi:10.1007/BF02291478. Dispersion of single stimuli over networks: Hosseini,
    Cheung, Fedorenko & Williams, Ab3pRobOhv at openreview.net.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> rows = np.random.default_rng(0).standard_normal((40, 3))
    >>> one, two = (pd.DataFrame(rows @ turn).rename_axis("stimulus")
    ...     for turn in (np.eye(3), np.eye(3)[::-1]))
    >>> found = na.dispersion.procrustes_dispersion({"one": one, "two": two})
    >>> float(abs(found.dispersion).max().round(6)), found.attrs["n_train"]
    (0.0, 32.0)
    """
    systems = match_systems(views, stimuli)
    splits, rows = systems.split(folds, seed)
    options = fit_options(
        systems, dimensions=dimensions, scaling=scaling, n_starts=n_starts, seed=seed,
        device=device, dtype=dtype,
    )  # fmt: skip
    whole_number("n_null", n_null, 0)
    with (
        progress_wanted(progress),
        progress_bar("Procrustes fits", len(rows) * (1 + n_null)) as advance,
    ):
        found = cross_fitted_dispersion(
            systems.rows, rows, n_null=n_null, options=options, advance=advance
        )
    asked = {"n_null": n_null, **asdict(options), "systems": systems.hashes}
    return _labelled(found, systems, splits, asked)


def learning_curve(
    views: Mapping[str, View],
    *,
    shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    stimuli: pd.DataFrame | Sequence[str] | None = None,
    folds: FoldRule | None = None,
    dimensions: int | None = None,
    scaling: str = "norm",
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float64",
    progress: bool = True,
) -> xr.Dataset:
    """Show how the dispersion of held-out stimuli falls as more stimuli fit the rotations.

    Where `held_out` and `in_sample` are still far apart, or still approach each other, the
    dispersion says more of the number of stimuli than of the systems.

    Parameters
    ----------
    views, stimuli, folds, dimensions, scaling, seed, device, dtype, progress
        As for `procrustes_dispersion`.
    shares : sequence of float
        Of the training stimuli of each fold.

    Returns
    -------
    Dataset
        (n_train): `in_sample` and `held_out`, each a mean over stimuli divided by its mean squared
        norm (where scaling is "norm"); `relative`, the mean over held-out stimuli of their own
        ratios; and `n_train_per_d`.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((80, 4))) for name in "abc"}
    >>> curve = na.dispersion.learning_curve(views, shares=(0.5, 1))
    >>> curve.n_train.values.tolist(), bool((curve.held_out > curve.in_sample).all())
    ([32.0, 64.0], True)
    """
    systems = match_systems(views, stimuli)
    _, rows = systems.split(folds, seed)
    options = fit_options(
        systems, dimensions=dimensions, scaling=scaling, seed=seed, device=device, dtype=dtype
    )
    if isinstance(shares, str) or not all(isinstance(s, (int, float)) for s in shares):
        message = f"shares={shares!r} are not numbers; give shares such as (0.5, 1.0)."
        raise DataError(message)
    with (
        progress_wanted(progress),
        progress_bar("Procrustes fits", len(rows) * len(shares)) as advance,
    ):
        curve = dispersion_learning_curve(
            systems.rows, rows, shares=shares, options=options, advance=advance
        )
    values = {name: ("n_train", getattr(curve, name)) for name in curve._fields[1:4]}
    return xr.Dataset(
        {**values, "n_train_per_d": ("n_train", curve.n_train / curve.width)},
        coords={"n_train": curve.n_train},
        attrs={"d": curve.width, "K": len(systems.names), "scaling": scaling, "seed": seed},
    )


def _labelled(
    found: CrossFitted, systems: Systems, splits: Splits, asked: dict[str, object]
) -> xr.Dataset:
    """Give arrays their labels."""
    near = crowding(systems.rows)
    by_stimulus = {
        "dispersion": found.raw,
        "dispersion_in_sample": found.in_sample,
        "relative": found.relative,
        "relative_in_sample": found.in_sample_relative,
        "directional": found.directional,
        "null": found.null,
        "consensus_r2": found.consensus_r2,
        "density": near.density,
        "hubness": near.hubness,
    }
    coords = {"group": splits.groups[systems.labels].to_numpy(str)} if splits.grouped else {}
    return xr.Dataset(
        {
            **{name: ("stimulus", values) for name, values in by_stimulus.items()},
            "residual": (("system", "stimulus"), found.residual),
            "norm": (("system", "stimulus"), found.norm),
        },
        coords={
            "stimulus": systems.labels,
            "system": systems.names,
            **{name: ("stimulus", labels) for name, labels in coords.items()},
            **{name: ("stimulus", values) for name, values in systems.columns.items()},
        },
        attrs={
            "n_train": found.n_train,
            "d": found.width,
            "K": len(systems.names),
            "scaling": str(asked["scaling"]),
            "dimensions": str(asked["dimensions"] or "all"),
            "kept_variance": float(found.kept.min()),
            "iterations": int(found.iterations.max()),
            "gap": float(found.gap.max()),
            "converged": int(found.converged),
            "seed": int(str(asked["seed"])),
            "confounds": json.dumps(list(systems.columns)),
            "neighbors": near.k,
            "provenance": json.dumps({**asked, "n_folds": len(splits.folds)}),
        },
    )
