"""Dispersion as figures: which stimuli systems agree on, and what that goes with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.models.images import stimulus_image
from neuroalign.numerics.procrustes.jackknife import bootstrap_over_stimuli
from neuroalign.report.dispersion_print import WORDS, dispersion_table
from neuroalign.report.similarity import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

AGREED, NOT_AGREED = COLORS[:2]
COLUMNS = 6  # pictures in a row
DPI = 160
OF_VALUES = "mean of values"


def plot_dispersion(
    dispersion: xr.Dataset,
    stimuli: pd.DataFrame,
    *,
    form: str = "relative",
    n: int = 6,
    path: str | Path | None = None,
) -> Figure:
    """Draw the most and the least agreed stimuli, beside the distribution of all.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.
    stimuli : DataFrame
        Index: labels. Column "image" (uint8 array, PIL image or path) or "text"; others are told
        by their labels.
    form : {"relative", "dispersion", "directional", "consensus_r2"}
        What the stimuli are chosen by. The raw dispersion is greatest for stimuli of large norm.
    n : int
        Stimuli of each kind.
    path : str or Path, optional
        Where to save the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> from neuroalign.report.dispersion import plot_dispersion
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((60, 4))) for name in "abc"}
    >>> stimuli = pd.DataFrame({"text": [f"word {number}" for number in range(60)]})
    >>> found = na.dispersion.procrustes_dispersion(views)
    >>> figure = plot_dispersion(found, stimuli, n=3)
    """
    from matplotlib.figure import Figure

    table = dispersion_table(dispersion, stimuli, form=form)
    n = min(n, len(table) // 2)
    if n < 1:
        message = f"{len(table)} stimuli have a dispersion, of which none can be shown; hold out 2."
        raise DataError(message)
    known = stimuli.set_axis(stimuli.index.astype(str))
    pictures = "image" in known
    n_rows = -(-n // COLUMNS) if pictures else 1
    figure = Figure(figsize=(12.5, max(5.6, 3.4 * n_rows)), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(2.1, 1), wspace=0.02)[0]
    ends = (table.iloc[:n], table.iloc[len(table) - n :][::-1])
    for part, rows, word, color in zip(
        left.subfigures(2, 1, squeeze=False)[:, 0],
        ends,
        ("Most", "Least"),
        (AGREED, NOT_AGREED),
        strict=True,
    ):
        part.suptitle(
            f"{word} agreed (by {WORDS[form]})", color=color, fontsize=11, fontweight="bold",
            x=0.02, ha="left",
        )  # fmt: skip
        if pictures:
            _show_images(part, rows, known, form, n_rows)
        else:
            _show_words(part, rows, form)
    above, below = right.subplots(2, 1)
    _draw_distribution(above, dispersion)
    _draw_norms(below, table, ends)
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return figure


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
    axes.spines["right"].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return figure


def _show_images(
    part: SubFigure, rows: pd.DataFrame, stimuli: pd.DataFrame, form: str, n_rows: int
) -> None:
    """Show pictures with their labels and dispersion."""
    columns = min(COLUMNS, len(rows))
    every = part.subplots(n_rows, columns, squeeze=False)
    for axes in every.flat:
        axes.set_axis_off()
    for axes, row in zip(every.flat, rows.to_dict("records"), strict=False):
        axes.imshow(stimulus_image(stimuli, row["stimulus"]))
        axes.set_title(f"{_short(row['stimulus'], 17)}\n{row[form]:.2f}", fontsize=8, pad=3)


def _show_words(part: SubFigure, rows: pd.DataFrame, form: str) -> None:
    """Show texts, or labels where there is no text, one in a line."""
    axes = part.subplots()
    axes.set_axis_off()
    for number, row in enumerate(rows.to_dict("records")):
        y = 1 - (number + 0.5) / len(rows)
        axes.text(0.0, y, f"{row[form]:.2f}", va="center", fontsize=10, color="0.35")
        words = row["shown"] or row["stimulus"]
        axes.text(0.09, y, _short(words, 64), va="center", fontsize=10)


def _draw_distribution(axes: Axes, dispersion: xr.Dataset) -> None:
    """Draw how held-out, fitted and null dispersions are distributed, with their means."""
    drawn = {
        "held out": (dispersion["dispersion"], AGREED, "-"),
        "fitted to": (dispersion["dispersion_in_sample"], NOT_AGREED, "-"),
        "null": (dispersion["null"], "0.35", "--"),
    }
    finite = [values.values[np.isfinite(values.values)] for values, *_ in drawn.values()]
    every = np.concatenate(finite)
    bins = np.linspace(min(0.0, every.min()), np.quantile(every, 0.995), 36).tolist()
    for values, (name, (_, color, line)) in zip(finite, drawn.items(), strict=True):
        if len(values):
            axes.hist(
                np.clip(values, bins[0], bins[-1]),
                bins,
                label=f"{name}: mean {values.mean():.2f}",
                color=color,
                alpha=0.35 if name != "null" else 1,
                histtype="stepfilled" if name != "null" else "step",
                linestyle=line,
            )
            axes.axvline(values.mean(), color=color, linewidth=1, linestyle=line)
    axes.set_xlabel("dispersion")
    axes.set_ylabel("stimuli")
    axes.set_title(_of_what(dispersion), fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def _draw_norms(axes: Axes, table: pd.DataFrame, ends: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Draw dispersion against the squared norm, on which it depends."""
    axes.plot(table["norm"] ** 2, table["dispersion"], ".", color="0.7", markersize=4)
    for rows, color in zip(ends, (AGREED, NOT_AGREED), strict=True):
        axes.plot(rows["norm"] ** 2, rows["dispersion"], "o", color=color, markersize=5)
    top = float((table["norm"] ** 2).max())
    axes.plot([0, top], [0, top], color="0.35", linestyle="--", linewidth=1)
    axes.annotate("no agreement", (top, top), fontsize=7, ha="right", va="bottom", color="0.35")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("squared norm, mean over systems")
    axes.set_ylabel("dispersion")
    axes.spines[["top", "right"]].set_visible(False)


def _of_what(dispersion: xr.Dataset) -> str:
    attrs = dispersion.attrs
    share = attrs["n_train"] / attrs["d"]
    return f"{attrs['K']} systems, d = {attrs['d']}, {share:.1f} training stimuli for each"


def _draw_stimuli(axes: Axes, modulation: xr.Dataset) -> None:
    """Draw alignment against dispersion, stimulus by stimulus, with means of the groups."""
    part = modulation["part"].values
    x, y = modulation["dispersion"].values, modulation["alignment"].values
    axes.plot(x[part == "middle"], y[part == "middle"], ".", color="0.75", markersize=5)
    for name, color in (("low", AGREED), ("high", NOT_AGREED)):
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
    for x, (name, color) in enumerate((("low", AGREED), ("high", NOT_AGREED))):
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
    axes.set_ylabel("mean" if measure == OF_VALUES else f"{measure}, chance 0", fontsize=9)
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


def _short(words: str, width: int) -> str:
    return words if len(words) <= width else f"{words[: width - 3]}..."
