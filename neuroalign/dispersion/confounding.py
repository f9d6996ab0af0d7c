"""What else dispersion goes with: norms, crowded neighborhoods, and properties of stimuli."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.procrustes.rank_correlation import partial_rank_correlation

FORMS = ("dispersion", "relative", "directional", "consensus_r2")
BUILT_IN = ("norm", "density", "hubness")


def confounds(dispersion: xr.Dataset) -> xr.Dataset:
    """Correlate dispersion with what may be confused with it.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.

    Returns
    -------
    Dataset
        (form, confound): `spearman`, and `partial`, the rank correlation with all other confounds
        held equal; NaN where a confound is constant or follows from the others. Confounds: `norm`,
        the root mean squared norm over systems; `density`, mean cosine to the nearest stimuli;
        `hubness`, how many stimuli count it among their nearest; and the numeric columns of the
        stimuli that were given.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((60, 4))) for name in "abc"}
    >>> found = na.dispersion.confounds(na.dispersion.procrustes_dispersion(views))
    >>> bool(found.spearman.sel(form="dispersion", confound="norm") > 0.5)
    True
    """
    check_dispersion(dispersion)
    forms = [form for form in FORMS if np.isfinite(dispersion[form]).any()]
    table = confound_table(dispersion, confound_names(dispersion))
    kept = np.isfinite(table).all(0) & np.isfinite(dispersion[forms].to_array().values).all(0)
    names = confound_names(dispersion)
    spearman, partial = np.empty((2, len(forms), len(names)))
    for row, form in enumerate(forms):
        values = dispersion[form].values[kept]
        for column in range(len(names)):
            others = np.delete(table, column, axis=0)[:, kept]
            own = table[column, kept]
            spearman[row, column] = partial_rank_correlation(values, own)
            partial[row, column] = partial_rank_correlation(values, own, others)
    return xr.Dataset(
        {
            "spearman": (("form", "confound"), spearman),
            "partial": (("form", "confound"), partial),
        },
        coords={"form": forms, "confound": names},
        attrs={"n_stimuli": int(kept.sum())},
    )


def confound_names(dispersion: xr.Dataset) -> list[str]:
    """Return the confounds that a dispersion knows of."""
    return [*BUILT_IN, *json.loads(dispersion.attrs["confounds"])]


def confound_table(dispersion: xr.Dataset, names: list[str]) -> np.ndarray:
    """Return the values of confounds, (confounds, stimuli)."""
    known = confound_names(dispersion)
    for name in names:
        if name not in known:
            raise unknown_name(name, known, kind="confound")
    rows = [
        np.sqrt((dispersion[name].values ** 2).mean(0)) if name == "norm" else dispersion[name]
        for name in names
    ]
    return np.array(rows, dtype=float).reshape(len(names), dispersion.sizes["stimulus"])


def check_dispersion(dispersion: object) -> None:
    """Refuse what `procrustes_dispersion` did not return."""
    if not isinstance(dispersion, xr.Dataset) or "dispersion_in_sample" not in dispersion:
        message = (
            f"The dispersion given is a {type(dispersion).__name__} of something else; give what "
            "procrustes_dispersion returned."
        )
        raise DataError(message)


def form_values(dispersion: xr.Dataset, form: str) -> np.ndarray:
    """Return one form of dispersion, (stimuli,), with its own sign."""
    check_dispersion(dispersion)
    if form not in FORMS:
        raise unknown_name(form, FORMS, kind="form of dispersion")
    values = dispersion[form].values
    if not np.isfinite(values).any():
        message = f"{form!r} is undefined for all stimuli; consensus_r2 needs n_null above 0."
        raise DataError(message)
    return values


def from_most_agreed(values: np.ndarray, form: str) -> np.ndarray:
    """Return the order of stimuli from the most to the least agreed, which is undefined for NaN.

    Consensus R2 is the one form that is high where systems agree. It keeps its sign wherever it is
    shown, compared or correlated; only orders take account of it, here.
    """
    return np.argsort(-values if form == "consensus_r2" else values, kind="stable")
