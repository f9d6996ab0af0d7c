"""Modulation and learning curves of dispersion, as figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neuroalign.numerics.procrustes.jackknife import bootstrap_over_stimuli
from neuroalign.report.dispersion_print import WORDS
from neuroalign.report.similarity import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOW, HIGH = COLORS[:2]
DPI = 160
OF_VALUES = "mean of values"


def plot_modulation(modulation: xr.Dataset, *, path: str | Path | None = None) -> Figure:
    """Draw alignment against dispersion, and the alignment of the groups.

    Parameters
    ----------
    modulation : Dataset
        As `na.dispersion.modulation` returns it.
    path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> from neuroalign.report.dispersion import plot_modulation
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((60, 4))) for name in "abcde"}
    >>> pair = {name: views.pop(name) for name in "de"}
    >>> found = na.dispersion.procrustes_dispersion(views)
    >>> figure = plot_modulation(na.dispersion.modulation(found, pair, n_permutations=99))
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.2), layout="constrained")
    single, groups = figure.subplots(1, 2, width_ratios=(2.4, 1))
    _draw_stimuli(single, modulation)
    _draw_groups(groups, modulation)
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return figure


def plot_learning_curve(curve: xr.Dataset, *, path: str | Path | None = None) -> Figure:
    """Draw dispersion against the number of training stimuli for each dimension.

    Parameters
    ----------
    curve : Dataset
        As `na.dispersion.learning_curve` returns it.
    path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> from neuroalign.report.dispersion import plot_learning_curve
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((80, 4))) for name in "abc"}
    >>> figure = plot_learning_curve(na.dispersion.learning_curve(views, shares=(0.5, 1)))
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.9), layout="constrained")
    axes = figure.subplots()
    x, low, high = (curve[name].values for name in ("n_train_per_d", "in_sample", "held_out"))
    axes.fill_between(x, low, high, color="0.9", lw=0, label="the truth lies between")
    axes.plot(x, high, "o-", color=LOW, label="held-out stimuli")
    axes.plot(x, low, "o-", color=HIGH, label="stimuli that were fitted to")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"training stimuli for each of the {curve.attrs['d']} dimensions")
    axes.set_ylabel("mean dispersion")
    axes.set_title(f"{curve.attrs['K']} systems", fontsize=10, loc="left")
    upper = axes.secondary_xaxis(
        "top", functions=(lambda share: share * curve.attrs["d"], lambda n: n / curve.attrs["d"])
    )
    upper.set_xticks(curve["n_train"].values, [f"{n:.0f}" for n in curve["n_train"].values])
    upper.set_xlabel("training stimuli")
    axes.spines["right"].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return figure


def _draw_stimuli(axes: Axes, modulation: xr.Dataset) -> None:
    """Draw alignment against dispersion, stimulus by stimulus, with means of the groups."""
    part = modulation["part"].values
    x, y = modulation["dispersion"].values, modulation["alignment"].values
    axes.plot(x[part == "middle"], y[part == "middle"], ".", color="0.75", markersize=5)
    for name, color in (("low", LOW), ("high", HIGH)):
        rows = part == name
        axes.plot(x[rows], y[rows], ".", color=color, alpha=0.45, markersize=6, markeredgewidth=0)
        axes.plot(np.quantile(x[rows], [0, 1]), [y[rows].mean()] * 2, color=color, linewidth=2)
    if (chance := _chance(modulation)) is not None:
        axes.axhline(chance, color="0.35", linestyle="--", linewidth=1)
        axes.annotate(
            "chance", (1, chance), xycoords=("axes fraction", "data"), fontsize=7, ha="right",
            va="bottom", color="0.35",
        )  # fmt: skip
    form = str(modulation.attrs["form"])
    sign = ", its sign changed" if form == "consensus_r2" else ""
    axes.set_xlabel(f"{WORDS[form]} of the systems{sign}")
    axes.set_ylabel("alignment of the others, stimulus by stimulus")
    axes.set_title(
        f"Spearman {float(modulation.spearman):.2f}; {_partial(modulation)}", fontsize=9, loc="left"
    )
    axes.spines[["top", "right"]].set_visible(False)


def _draw_groups(axes: Axes, modulation: xr.Dataset) -> None:
    """Draw the alignment of the groups, less chance, with intervals where there are any."""
    measure, chance = str(modulation.attrs["measure"]), _chance(modulation)
    for x, (name, color) in enumerate((("low", LOW), ("high", HIGH))):
        values = modulation["alignment"].values[modulation["part"].values == name]
        if chance is not None or measure == OF_VALUES:
            values = values if chance is None else (values - chance) / (1 - chance)
            found = bootstrap_over_stimuli(values)
            reach = np.array([[found.estimate - found.low], [found.high - found.estimate]])
            # Stimuli that have groups (and no p) are not drawn one by one.
            reach = reach if np.isfinite(modulation.p) else np.full((2, 1), np.nan)
            axes.errorbar(x - 0.08, float(found.estimate), reach, fmt="o", color=color, capsize=3)
        if measure != OF_VALUES:
            axes.plot(x + 0.08, modulation[name], "s", color=color, markerfacecolor="none")
    if chance is not None:
        axes.plot([], [], "o", color="0.35", label="neighbors among all stimuli")
        axes.plot([], [], "s", color="0.35", markerfacecolor="none", label="within the group (p)")
        axes.legend(frameon=False, fontsize=7)
    if measure != OF_VALUES:
        axes.axhline(0, color="0.35", linestyle="--", linewidth=1)
    n = modulation.attrs["n_group"]
    axes.set_xticks([0, 1], [f"low\n({n} stimuli)", f"high\n({n} stimuli)"])
    axes.set_xlim(-0.6, 1.6)
    axes.margins(y=0.2)
    axes.set_xlabel("dispersion")
    name = measure.partition("(")[0]
    axes.set_ylabel(name if chance is None else "overlap of neighbors, less chance", fontsize=9)
    p = "" if np.isnan(modulation.p) else f", p = {float(modulation.p):.3g}"
    axes.set_title(f"low - high {float(modulation.difference):.3f}{p}", fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _chance(modulation: xr.Dataset) -> float | None:
    """Return the share of neighbors that two systems have in common by chance."""
    found = re.fullmatch(r"NeighborOverlap\(k=(\d+)\)", str(modulation.attrs["measure"]))
    return int(found[1]) / (modulation.sizes["stimulus"] - 1) if found else None


def _partial(modulation: xr.Dataset) -> str:
    """Say what is left of the correlation with confounds held equal."""
    p = float(modulation.p_partial)
    said = "" if np.isnan(p) else f" (p = {p:.3g})"
    return (
        f"{modulation.attrs['controls']} held equal {float(modulation.spearman_partial):.2f}{said}"
    )
