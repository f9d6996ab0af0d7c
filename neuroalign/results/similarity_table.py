"""From scores by similarity measures to tables: averages over views, with their bounds."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, unknown_name
from neuroalign.inference.similarity import average_interval

BOUNDS = ("ceiling_halves", "ceiling_lower", "ceiling_upper")
SELF_INCLUSION = "ceiling_self_inclusion"  # of the upper bound


def similarity_table(scores: xr.Dataset, names: list[str]) -> pd.DataFrame:
    """Tabulate similarity scores; see `summarize`.

    Parameters
    ----------
    scores : Dataset
        From `score` by a similarity measure.
    names : list of str
        "layer", and coordinates of the views, such as "view", "subject" and "roi".

    Returns
    -------
    DataFrame
    """
    known = [str(key) for key, c in scores.coords.items() if c.dims == ("view",)]
    for name in names:
        if name != "layer" and name not in known:
            raise unknown_name(name, ["layer", *known], kind="coordinate of views")
    if "layer" not in names and scores.sizes["layer"] > 1:
        message = (
            "Scores of several layers are not averaged; put 'layer' into by=, or choose one with "
            "scores.sel(layer=[...])."
        )
        raise DataError(message)
    levels = [name for name in names if name != "layer"]
    table = pd.DataFrame({name: scores[name].values.astype(str) for name in levels})
    groups = (
        table.groupby(levels, sort=False).indices if levels else {(): range(scores.sizes["view"])}
    )
    rows = []
    for layer in scores["layer"].values:
        for places in groups.values():
            part = scores.sel(layer=[layer]).isel(view=list(places))
            labels = {name: str(part[name].values[0]) for name in levels} | {"layer": str(layer)}
            rows.append({**{name: labels[name] for name in names}, **_row(part)})
    return pd.DataFrame(rows)


def _row(part: xr.Dataset) -> dict[str, object]:
    value, low, high = average_interval(part)
    beside = [name for name in ("shuffled", *BOUNDS, SELF_INCLUSION) if name in part]
    return {
        "similarity": value,
        "low": low,
        "high": high,
        **{name: float(part[name].mean()) for name in beside},
        "n_views": part.sizes["view"],
        "n_undefined": int(part["similarity"].isnull().sum()),
    }
