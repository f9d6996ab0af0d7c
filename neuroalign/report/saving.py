"""Save figures, all alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neuroalign.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 160


def save_figure(figure: Figure, path: str | Path | None) -> Figure:
    """Save a figure where a path is given, and return it.

    Parameters
    ----------
    figure : Figure
    path : str or Path, optional
        Its suffix says the format.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If there is no such folder or format.
    """
    if path is None:
        return figure
    try:
        figure.savefig(path, dpi=DPI)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        message = (
            f"The figure cannot be saved as {str(path)!r} ({reason}); name a file in a folder that "
            "exists, as in 'figure.png'."
        )
        raise DataError(message) from error
    return figure
