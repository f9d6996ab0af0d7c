"""What the figures of dispersion have in common: colors, frames and levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuroalign.report.similarity import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AGREED, NOT_AGREED = COLORS[:2]
QUIET = "0.35"  # gray of what is there to compare with


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches, that makes room for its own words."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def open_frame(axes: Axes, *sides: str) -> None:
    """Take away the upper and the right line around axes, or those named."""
    axes.spines[list(sides or ("top", "right"))].set_visible(False)


def draw_level(axes: Axes, level: float, words: str = "") -> None:
    """Draw what chance would read as a dashed line, and say at its end what it is."""
    axes.axhline(level, color=QUIET, linestyle="--", linewidth=1)
    axes.annotate(
        words, (1, level), xycoords=("axes fraction", "data"), fontsize=7, ha="right", va="bottom",
        color=QUIET,
    )  # fmt: skip
