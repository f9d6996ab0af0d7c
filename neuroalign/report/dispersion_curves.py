"""Modulation and learning curves of dispersion, as figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neuroalign.report.dispersion_print import WORDS
from neuroalign.report.dispersion_style import (
    AGREED,
    NOT_AGREED,
    draw_level,
    new_figure,
    open_frame,
)
from neuroalign.report.saving import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OF_VALUES = "mean of values"
GROUPS = (("low", AGREED), ("high", NOT_AGREED))


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
    figure = new_figure(9.2, 4.2)
    single, groups = figure.subplots(1, 2, width_ratios=(2.4, 1))
    _draw_stimuli(single, modulation)
    _draw_groups(groups, modulation)
    return save_figure(figure, path)


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
    figure = new_figure(5.6, 3.9)
    axes = figure.subplots()
    x, low, high = (curve[name].values for name in ("n_train_per_d", "in_sample", "held_out"))
    axes.fill_between(x, low, high, color="0.9", lw=0, label="the truth lies between")
    axes.plot(x, high, "o-", color=AGREED, label="held-out stimuli")
    axes.plot(x, low, "o-", color=NOT_AGREED, label="stimuli that were fitted to")
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
    open_frame(axes, "right")
    axes.legend(frameon=False, fontsize=8)
    return save_figure(figure, path)


def _draw_stimuli(axes: Axes, modulation: xr.Dataset) -> None:
    """Draw alignment against dispersion, stimulus by stimulus, with means of the groups."""
    part = modulation["part"].values
    x, y = modulation["dispersion"].values, modulation["alignment"].values
    axes.plot(x[part == "middle"], y[part == "middle"], ".", color="0.75", markersize=5)
    for name, color in GROUPS:
        rows = part == name
        axes.plot(x[rows], y[rows], ".", color=color, alpha=0.45, markersize=6, markeredgewidth=0)
        axes.plot(np.quantile(x[rows], [0, 1]), [y[rows].mean()] * 2, color=color, linewidth=2)
    if np.isfinite(chance := modulation.attrs["chance"]):
        draw_level(axes, chance, "chance")
    axes.set_xlabel(f"{WORDS[str(modulation.attrs['form'])]} of the systems")
    axes.set_ylabel("alignment of the others, stimulus by stimulus")
    axes.set_title(
        f"Spearman {float(modulation.spearman):.2f}; {_partial(modulation)}", fontsize=9, loc="left"
    )
    open_frame(axes)


def _draw_groups(axes: Axes, modulation: xr.Dataset) -> None:
    """Draw the alignment of the groups, less chance, with the intervals that are known."""
    measure = str(modulation.attrs["measure"])
    short = measure.partition("(")[0]
    for x, (name, color) in enumerate(GROUPS):
        middle, _, lower, upper = modulation["intervals"].sel(of=name).values
        reach = [[middle - lower], [upper - middle]]
        axes.errorbar(x, middle, reach, fmt="o", color=color, capsize=4)
    if measure != OF_VALUES:
        draw_level(axes, 0, "chance" if short == "NeighborOverlap" else "")
    n = modulation.attrs["n_group"]
    axes.set_xticks([0, 1], [f"low\n({n} stimuli)", f"high\n({n} stimuli)"])
    axes.set_xlim(-0.6, 1.6)
    axes.margins(y=0.2)
    axes.set_xlabel("dispersion")
    by_neighbors = "overlap of neighbors in the group, less chance"
    axes.set_ylabel(by_neighbors if short == "NeighborOverlap" else short, fontsize=9)
    middle, _, lower, upper = modulation["intervals"].sel(of="difference").values
    interval = "" if np.isnan(lower) else f" [{lower:.2f}, {upper:.2f}]"
    p = "" if np.isnan(modulation.p) else f", p = {float(modulation.p):.3g}"
    axes.set_title(f"low - high {middle:.2f}{interval}{p}", fontsize=9, loc="left")
    open_frame(axes)


def _partial(modulation: xr.Dataset) -> str:
    """Say what is left of the correlation with confounds held equal."""
    p = float(modulation.p_partial)
    said = "" if np.isnan(p) else f" (p = {p:.3g})"
    return (
        f"{modulation.attrs['controls']} held equal {float(modulation.spearman_partial):.2f}{said}"
    )
