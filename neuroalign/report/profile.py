"""The layer profile: score, interval and noise ceiling of every layer, as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neuroalign.inference.intervals import check_same_data
from neuroalign.report.saving import save_figure
from neuroalign.report.similarity import COLORS, plot_similarity
from neuroalign.results.tables import summarize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAINT = 0.18


def plot_profile(
    scores: xr.Dataset,
    *,
    against: Mapping[str, xr.Dataset] | None = None,
    path: str | Path | None = None,
) -> Figure:
    """Draw median r (or similarity) with its 95% interval for every layer, under noise ceilings.

    Parameters
    ----------
    scores : Dataset
        From `score`.
    against : mapping of str to Dataset, optional
        Scores of other models on the same responses and folds; those with the same layers are
        drawn as a profile, others as a horizontal line.
    path : str or Path, optional
        Where to save the figure (PNG, PDF, SVG by suffix).

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> figure = na.plot_profile(na.score(na.load_model("pixels"), dataset))
    """
    from matplotlib.figure import Figure

    if "similarity" in scores:
        return plot_similarity(scores, against=against, path=path)
    layers = [str(layer) for layer in scores["layer"].values]
    figure = Figure(figsize=(max(5.0, 2.6 + 0.42 * len(layers)), 3.8), layout="constrained")
    axes = figure.subplots()
    x = np.arange(len(layers))
    for other in (against or {}).values():
        check_same_data(scores, other)
    own = str(scores.attrs.get("model", "model"))
    for color, (name, other) in zip(COLORS, {own: scores, **(against or {})}.items(), strict=False):
        table = summarize(other)
        if len(table) == len(x) > 1:
            axes.plot(x, table["r"], "o-", color=color, markersize=4, label=name)
            axes.fill_between(x, table["r_low"], table["r_high"], color=color, alpha=FAINT, lw=0)
        elif len(table) == len(x):
            reach = np.abs(table[["r_low", "r_high"]].to_numpy().T - table["r"].to_numpy())
            axes.errorbar(x, table["r"], reach, fmt="o", color=color, label=name)
        else:
            best = table.iloc[int(table["r"].argmax())]
            axes.axhline(best["r"], color=color, label=name)
            axes.axhspan(best["r_low"], best["r_high"], color=color, alpha=FAINT, lw=0)
    table = summarize(scores)
    if table["ceiling_r"].notna().any():
        ceiling = table["ceiling_r"].iloc[0]
        axes.axhline(ceiling, color="0.35", linestyle="--", label="noise ceiling (split-half)")
    axes.set_xticks(
        x,
        layers,
        rotation=60 if len(layers) > 4 else 0,
        ha="right" if len(layers) > 4 else "center",
    )
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1)
    axes.set_xlabel("layer")
    axes.set_ylabel("median r over neuroids")
    axes.set_title(f"{own} on {scores.attrs.get('dataset', 'dataset')}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1),
        title=f"95% interval: {table['interval'].iloc[0]}", title_fontsize=8,
    )  # fmt: skip
    return save_figure(figure, path)
