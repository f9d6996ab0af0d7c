"""Similarity scores in the terminal, and as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from rich.table import Table

from neuroalign.report.saving import save_figure
from neuroalign.report.terminal import terminal
from neuroalign.results.similarity_table import BOUNDS, SELF_INCLUSION, similarity_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = {
    "shuffled": "shuffled",
    "ceiling_halves": "halves",
    "ceiling_lower": "lower",
    "ceiling_upper": "upper",
    SELF_INCLUSION: "self-inclusion",
}
MEANINGS = {
    "shuffled": "shuffled: what the measure reads once stimuli are exchanged",
    "ceiling_halves": "halves: between halves of the repetitions, below what a perfect model "
    "reaches with their average",
    "ceiling_lower": "lower, upper: what the dissimilarities of the other subjects, and of all of "
    "them, reach; a perfect model lies between",
    SELF_INCLUSION: "self-inclusion: what upper would read if subjects had nothing in common",
}
# Okabe & Ito: told apart by readers with any color vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def print_similarity(
    scores: xr.Dataset, table: pd.DataFrame, beside: Mapping[str, xr.Dataset]
) -> None:
    """Print a table of the layers of every model, and what the numbers mean.

    Parameters
    ----------
    scores : Dataset
        From `score` by a similarity measure.
    table : DataFrame
        From `summarize`.
    beside : mapping of str to Dataset
        Scores of other models.
    """
    console = terminal()
    attrs = scores.attrs
    beside_columns = [name for name in WORDS if name in table]
    grid = Table(title=f"{attrs['model']} on {attrs['dataset']}: {attrs['metric']}")
    names = ("model", "layer", "similarity", "95% interval", *map(WORDS.get, beside_columns))
    for name in names:
        grid.add_column(str(name), justify="left" if name in ("model", "layer") else "right")
    others = {name: similarity_table(other, ["layer"]) for name, other in beside.items()}
    for model, rows in {attrs["model"]: table, **others}.items():
        for row in rows.to_dict("records"):
            grid.add_row(
                str(model),
                str(row["layer"]),
                _number(row["similarity"]),
                f"{_number(row['low'])} to {_number(row['high'])}",
                *(_number(row.get(name, np.nan)) for name in beside_columns),
            )
    console.print(grid)
    views = ", ".join(map(str, scores["view"].values))
    console.print(f"Mean over views: {views}. Interval: {attrs['interval']}.")
    console.print(f"Chance: {attrs['chance']}.")
    for name, sentence in MEANINGS.items():
        if name in table:
            console.print(f"{sentence[:1].upper()}{sentence[1:]}.")
    why = "; ".join(f"{reason}: {n}" for reason, n in _reasons(scores["undefined"]).items())
    console.print(f"{attrs['undefined']}{f' ({why})' if why else ''}.")
    if attrs["left_out"]:
        console.print(f"{attrs['left_out']}.")


def _reasons(codes: xr.DataArray) -> dict[str, int]:
    """Count what is undefined, by reason."""
    meanings = str(codes.attrs["flag_meanings"]).split()
    counts = np.bincount(codes.values.astype(int).ravel(), minlength=1)
    return {meanings[code].replace("_", " "): int(n) for code, n in enumerate(counts) if code and n}


def plot_similarity(
    scores: xr.Dataset,
    *,
    against: Mapping[str, xr.Dataset] | None = None,
    path: str | Path | None = None,
) -> Figure:
    """Draw the similarity of every layer with its interval, between the bounds there are.

    Parameters
    ----------
    scores : Dataset
        From `score` by a similarity measure, without an axis of time.
    against : mapping of str to Dataset, optional
        Scores of other models, drawn as further layers.
    path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    tables = {str(scores.attrs["model"]): scores, **(against or {})}
    drawn = {name: similarity_table(other, ["layer"]) for name, other in tables.items()}
    n_points = sum(map(len, drawn.values()))
    figure = Figure(figsize=(max(4.5, 2.4 + 0.42 * n_points), 3.8), layout="constrained")
    axes = figure.subplots()
    start, names = 0, []
    for color, (model, table) in zip(COLORS, drawn.items(), strict=False):
        x = np.arange(start, start + len(table))
        reach = np.abs(table[["low", "high"]].to_numpy().T - table["similarity"].to_numpy())
        axes.errorbar(x, table["similarity"], reach, fmt="o", color=color, label=model)
        if "shuffled" in table:
            word = None if start else "stimuli shuffled"
            axes.plot(x, table["shuffled"], "_", color="0.5", markersize=9, label=word)
        start += len(table)
        names += table["layer"].tolist()
    first = next(iter(drawn.values())).iloc[0]
    for name in BOUNDS:
        if name in first and np.isfinite(first[name]):
            style = "--" if name != "ceiling_halves" else ":"
            axes.axhline(first[name], color="0.35", linestyle=style, linewidth=1)
            axes.annotate(
                WORDS[name], (1, first[name]), xycoords=("axes fraction", "data"), fontsize=7,
                ha="right", va="bottom", color="0.35",
            )  # fmt: skip
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xticks(np.arange(start), names, rotation=60, ha="right")
    axes.set_ylabel("similarity")
    title = f"{scores.attrs['dataset']}\n{scores.attrs['metric']}"
    axes.set_title(title, fontsize=8, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return save_figure(figure, path)


def _number(value: object) -> str:
    return "-" if pd.isna(value) else f"{value:.3f}"  # type: ignore[call-overload]
