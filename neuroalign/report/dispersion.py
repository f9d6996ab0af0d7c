"""Dispersion as figures: which stimuli systems agree on, and what that goes with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, name_some
from neuroalign.models.images import stimulus_image
from neuroalign.report.dispersion_curves import plot_learning_curve as plot_learning_curve
from neuroalign.report.dispersion_curves import plot_modulation as plot_modulation
from neuroalign.report.dispersion_print import WORDS, bracket, dispersion_table, shown
from neuroalign.report.dispersion_style import (
    AGREED,
    NOT_AGREED,
    QUIET,
    new_figure,
    open_frame,
)
from neuroalign.report.saving import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLUMNS = 6  # pictures in a row
MOST_WORDS = 84  # characters in a line
RIGHT = 4.1  # inches of the distributions
PICTURES, PICTURE, HEADING = 8.4, 1.65, 0.45  # inches: all in a row, one with its title, a heading


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
    table = dispersion_table(dispersion, stimuli, form=form)
    n = min(n, len(table) // 2)
    if n < 1:
        message = f"{len(table)} stimuli have a dispersion, of which none can be shown; hold out 2."
        raise DataError(message)
    known = stimuli.set_axis(stimuli.index.astype(str))
    if missing := sorted(set(table["stimulus"]) - set(known.index)):
        message = (
            f"{len(missing)} of {len(table)} stimuli of the dispersion are not in the table of "
            f"stimuli {name_some(missing)}; give the table that they come from."
        )
        raise DataError(message)
    pictures = "image" in known
    n_rows = -(-n // COLUMNS) if pictures else 1
    ends = (table.iloc[:n], table.iloc[len(table) - n :][::-1])
    wide, high = PICTURES, 2 * (HEADING + PICTURE * n_rows)
    if not pictures:
        longest = max(len(_words(known, name)) for rows in ends for name in rows["stimulus"])
        wide, high = max(3.6, 0.9 + 0.085 * longest), 2 * (HEADING + 0.24 * n)
    figure = new_figure(wide + RIGHT, max(4.2, high))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(wide, RIGHT), wspace=0.02)[0]
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
            _show_words(part, rows, known, form, wide)
    above, below = right.subplots(2, 1)
    _draw_distribution(above, dispersion)
    _draw_norms(below, table, ends, form)
    return save_figure(figure, path)


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
        axes.set_title(
            f"{_short(row['stimulus'], 17)}\n{row[form]:.2f}", fontsize=8, pad=3, parse_math=False
        )


def _show_words(
    part: SubFigure, rows: pd.DataFrame, stimuli: pd.DataFrame, form: str, wide: float
) -> None:
    """Show texts, or labels where there is no text, one in a line."""
    axes = part.subplots()
    axes.set_axis_off()
    for number, row in enumerate(rows.to_dict("records")):
        y = 1 - (number + 0.5) / len(rows)
        axes.text(0.0, y, f"{row[form]:.2f}", va="center", fontsize=10, color=QUIET)
        words = _words(stimuli, row["stimulus"])
        axes.text(0.7 / wide, y, words, va="center", fontsize=10, parse_math=False)


def _words(stimuli: pd.DataFrame, label: str) -> str:
    return shown(stimuli, label, MOST_WORDS) or label


def _draw_distribution(axes: Axes, dispersion: xr.Dataset) -> None:
    """Draw how held-out, fitted and null dispersions are distributed, with their means."""
    found = bracket(dispersion)
    drawn = {
        "held out": (found.held_out, AGREED, "-"),
        "fitted to": (found.in_sample, NOT_AGREED, "-"),
        "null": (found.null, QUIET, "--"),
    }
    finite = [values[np.isfinite(values)] for values, *_ in drawn.values()]
    every = np.concatenate(finite)
    bins = np.linspace(min(0.0, every.min()), np.quantile(every, 0.995), 48).tolist()
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
    more = " (last bar: and more)" if every.max() > bins[-1] else ""
    axes.set_xlabel(f"dispersion{found.unit}{more}", fontsize=9)
    axes.set_ylabel("stimuli")
    axes.set_title(_of_what(dispersion), fontsize=9, loc="left")
    open_frame(axes)
    axes.legend(fontsize=8, framealpha=0.9, edgecolor="none", borderpad=0.2)


def _draw_norms(
    axes: Axes, table: pd.DataFrame, ends: tuple[pd.DataFrame, pd.DataFrame], form: str
) -> None:
    """Draw one form of dispersion against the norm, with what systems that share nothing read."""
    axes.plot(table["norm"], table[form], ".", color="0.7", markersize=4)
    for rows, color in zip(ends, (AGREED, NOT_AGREED), strict=True):
        axes.plot(rows["norm"], rows[form], "o", color=color, markersize=5)
    x = np.linspace(0, float(table["norm"].max()), 50)
    nothing = {"dispersion": x**2, "consensus_r2": 0 * x}.get(form, 0 * x + 1)
    axes.plot(x, nothing, color=QUIET, linestyle="--", linewidth=1)
    left = form != "dispersion" and _is_free(table["norm"], table[form], nothing[0])
    end, side = (0, "left") if left else (-1, "right")
    axes.annotate(
        " systems share nothing ", (x[end], nothing[end]), (0, 2), textcoords="offset points",
        fontsize=7, color=QUIET, ha=side, va="bottom",
    )  # fmt: skip
    axes.set_xlim(left=0)
    axes.margins(y=0.12)
    axes.set_xlabel("norm, over systems")
    axes.set_ylabel(WORDS[form])
    open_frame(axes)


def _is_free(norms: pd.Series, values: pd.Series, level: float) -> bool:
    """Say whether there is room above the left end of a line."""
    reach = 0.1 * float(np.ptp([*values, level]))
    above = (values > level) & (values < level + reach)
    return not (above & (norms < 0.4 * norms.max())).any()


def _of_what(dispersion: xr.Dataset) -> str:
    attrs = dispersion.attrs
    share = attrs["n_train"] / attrs["d"]
    return f"{attrs['K']} systems, d = {attrs['d']}, {share:.1f} training stimuli per d"


def _short(words: str, width: int) -> str:
    return words if len(words) <= width else f"{words[: width - 3]}..."
