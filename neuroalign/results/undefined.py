"""What is undefined in scores, their noise ceilings and what follows from both, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.ceilings import Ceiling, normalize_by_ceiling
from neuroalign.ceilings.typed import ceilings_in
from neuroalign.numerics.undefined import DEFINED

COLUMNS = ["value", "layer", "reason", "n_values", "n_neuroids", "neuroids"]
CEILING = "split_half"


def undefined_table(scores: xr.Dataset, *, mask: Ceiling | None = None) -> pd.DataFrame:
    """Count and name what is undefined, by reason.

    Parameters
    ----------
    scores : Dataset
        From `score` or `best_layer`.
    mask : Ceiling, optional
        As for `normalize_by_ceiling`: what it leaves out is counted too.

    Returns
    -------
    DataFrame
        One row for each `value` ("r" per fold, "ceiling_<method>", and "normalized_r" by the
        split-half ceiling), `layer` ("" for ceilings) and `reason`, where there is any:
        `n_values` (entries over folds, neuroids and times), `n_neuroids` (those with at least one),
        and their labels, `neuroids`.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.results.undefined import undefined_table
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> len(undefined_table(na.score(na.load_model("pixels"), dataset)))
    0
    """
    rows = []
    for value, layer, codes in _coded(scores, mask):
        meanings = str(codes.attrs["flag_meanings"]).split()
        for code in np.unique(codes.values):
            if code == DEFINED:
                continue
            here = codes == code
            others = [dim for dim in here.dims if dim != "neuroid"]
            names = tuple(str(name) for name in here["neuroid"].values[here.any(others).values])
            reason = meanings[int(code)].replace("_", " ")
            rows.append((value, layer, reason, int(here.sum()), len(names), names))
    return pd.DataFrame(rows, columns=COLUMNS)


def _coded(scores: xr.Dataset, mask: Ceiling | None) -> Iterator[tuple[str, str, xr.DataArray]]:
    """Yield what there is, with the codes of the reasons."""
    for layer in scores["layer"].values:
        yield "r", str(layer), scores["undefined"].sel(layer=layer)
    for method in ceilings_in(scores):
        yield f"ceiling_{method}", "", scores[f"ceiling_{method}_undefined"]
    if CEILING in ceilings_in(scores):
        normalized = normalize_by_ceiling(
            scores, form="r/sqrt(ceiling)", ceiling=CEILING, mask=mask
        )
        for layer in scores["layer"].values:
            yield "normalized_r", str(layer), normalized["undefined"].sel(layer=layer)
