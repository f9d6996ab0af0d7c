"""Texts of stimuli, and which of them form the input of which: passages, their order, windows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.models.inputs import check_stimuli

CONTEXTS = ("alone", "growing", "window")


def stimulus_texts(stimuli: pd.DataFrame, model: str) -> list[str]:
    """Return the texts of all stimuli, row by row.

    Parameters
    ----------
    stimuli : DataFrame
        With a column "text": words or sentences; every label once.
    model : str
        Name of the model that reads them, for messages.

    Returns
    -------
    list of str
    """
    labels = check_stimuli(stimuli, "text", model)
    texts = stimuli["text"].tolist()
    for label, text in zip(labels, texts, strict=True):
        if not isinstance(text, str) or not text.strip():
            message = (
                f"The text of stimulus {label!r} is {text!r}; give it one that can be read, "
                "or leave the stimulus out."
            )
            raise DataError(message)
    return texts


def most_texts(context: str, window: int | None) -> int | None:
    """Return how many texts an input may hold, the last of them being its own.

    Parameters
    ----------
    context : str
        "alone", "growing" (all that came before) or "window".
    window : int or None
        Number of texts of a window, given with that context only.

    Returns
    -------
    int or None
        None where there is no limit.
    """
    if context not in CONTEXTS:
        raise unknown_name(context, CONTEXTS, kind="context")
    if context != "window":
        if window is not None:
            message = f"window={window!r} needs context='window', but context={context!r} is given."
            raise DataError(message)
        return 1 if context == "alone" else None
    if isinstance(window, bool) or not isinstance(window, (int, np.integer)) or window < 1:
        message = (
            f"window={window!r} is not a positive number of words; give context='window' one, as "
            "in window=32."
        )
        raise DataError(message)
    return int(window)


def checked_stride(stride: int, window: int | None) -> int:
    """Return by how many texts a window moves at a time: 1 to `window`, or 1 without windows."""
    if isinstance(stride, bool) or not isinstance(stride, (int, np.integer)) or stride < 1:
        message = f"stride={stride!r} is not a positive number of words."
        raise DataError(message)
    if stride > (window or 1):
        need = f"is more than window={window}" if window else "needs context='window'"
        message = f"stride={stride} {need}; a window moves by its own length at most."
        raise DataError(message)
    return int(stride)


def window_start(number: int, most: int | None, stride: int) -> int:
    """Return which text of a passage the input of one of its texts begins with.

    Windows begin with every `stride`-th text of the passage, and a text is served by the first
    window that holds it: it sees ``most - stride`` earlier texts at least, and ``most - 1`` at
    most, as far as there are any.

    Parameters
    ----------
    number : int
        Which text of the passage, from 0.
    most : int or None
        Texts of a window; None for all that came before.
    stride : int

    Returns
    -------
    int
    """
    if most is None:
        return 0
    return max(0, -(-(number + 1 - most) // stride)) * stride


def passages(stimuli: pd.DataFrame) -> list[list[int]]:
    """Split the rows of a table into passages, and put each in the order of reading.

    Parameters
    ----------
    stimuli : DataFrame
        A passage is a `run` if there is such a column, else a `group`, else the whole table.
        Its order is that of `onset`, of `position`, or, with both, of position at equal onsets.

    Returns
    -------
    list of list of int
        Numbers of rows.
    """
    places = [column for column in ("onset", "position") if column in stimuli]
    unit = next((column for column in ("run", "group") if column in stimuli), None)
    if not places:
        message = (
            "The order of the stimuli is not known; give them a column 'onset' or 'position', or "
            "use context='alone'."
        )
        raise DataError(message)
    for column in [*places, unit] if unit else places:
        _check_complete(stimuli, column, number=column != unit)
    table = pd.DataFrame({column: stimuli[column].to_numpy() for column in places})
    table["passage"] = stimuli[unit].to_numpy() if unit else 0
    if (tied := table.duplicated(keep=False).to_numpy()).any():
        message = (
            f"{tied.sum()} stimuli share their {' and '.join(places)} within one {unit or 'table'} "
            f"{name_some(stimuli.index[tied])}; give each its own."
        )
        raise DataError(message)
    ordered = table.sort_values(places)
    return [rows.index.tolist() for _, rows in ordered.groupby("passage", sort=False)]


def _check_complete(stimuli: pd.DataFrame, column: str, *, number: bool) -> None:
    gaps = stimuli[column].isna()
    if gaps.any():
        message = (
            f"{gaps.sum()} stimuli have no {column} {name_some(stimuli.index[gaps])}; without it "
            "their context is not known."
        )
        raise DataError(message)
    if number and not pd.api.types.is_numeric_dtype(stimuli[column]):
        message = f"The column {column!r} holds {stimuli[column].iloc[0]!r}; numbers are needed."
        raise DataError(message)
