"""Deal stimuli to two halves, so that what is alike is never on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from neuroalign.data.content import content_codes
from neuroalign.data.schema import CONDITION, stimulus_kinds
from neuroalign.features.matching import design_rows
from neuroalign.models.protocol import Model

TOLERANCE = 1e-3  # of the largest activation to a stimulus: batches of other sizes round otherwise


def equal_stimuli(
    model: Model, stimuli: pd.DataFrame, layers: Sequence[str] | str | None
) -> pd.Series:
    """Give stimuli of equal content and activations one number.

    A word may have other activations in another context. So where content occurs more than once,
    a pass of its own tells whether the activations agree.

    Parameters
    ----------
    model : Model
    stimuli : DataFrame
    layers : str or sequence of str, optional

    Returns
    -------
    Series of int
    """
    content = equal_content(model, stimuli)
    numbers = content.factorize()[0]
    if not content.is_unique:
        for _, activations in model.activations(stimuli, layers):
            numbers = _parted(numbers, design_rows(activations, list(stimuli.index)))
    return pd.Series(numbers, stimuli.index)


def _parted(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Give rows other numbers, where they differ from the first row of their number."""
    while True:
        _, first, of_row = np.unique(numbers, return_index=True, return_inverse=True)
        away = np.abs(rows - rows[first[of_row]]).max(axis=1)
        differs = away > TOLERANCE * np.abs(rows).max(axis=1)
        if not differs.any():
            return numbers
        numbers = np.where(differs, numbers + numbers.max() + 1, numbers)


def equal_content(model: Model, stimuli: pd.DataFrame) -> pd.Series:
    """Name the content of each stimulus: in the columns that a model reads, else in all.

    Parameters
    ----------
    model : Model
    stimuli : DataFrame

    Returns
    -------
    Series of str
        Equal for stimuli of equal content; of a stimulus that has none, its label.
    """
    labels = pd.Series(stimuli.index.astype(str), stimuli.index, dtype=object)
    known = [kind for kind in stimulus_kinds(stimuli) if kind != CONDITION]
    read = getattr(model, "kinds", [model.reads])
    kinds = [kind for kind in known if kind in read] or known
    if not kinds:
        return labels
    codes = pd.Series(content_codes(stimuli, kinds), stimuli.index, dtype=object)
    return codes.where(stimuli[kinds].notna().any(axis=1), labels)


def first_half(
    stimuli: pd.DataFrame, equal: pd.Series, is_preferred: pd.Series, seed: int
) -> pd.Series:
    """Tell which stimuli fall into the first half, by their labels, whatever their order.

    What belongs together is dealt in turn, that of one condition after that of the other.

    Parameters
    ----------
    stimuli : DataFrame
        Those of one `group` stay together, if there is such a column.
    equal : Series
        So do those that are equal here, and those that other stimuli link in these ways.
    is_preferred : Series of bool
    seed : int

    Returns
    -------
    Series of bool
    """
    units = pd.Series(stimuli.index, stimuli.index, dtype=object)
    if "group" in stimuli:  # a stimulus without one is its own
        units = stimuli["group"].astype(str).astype(object).where(stimuli["group"].notna(), units)
    units = _together(units, equal)
    side = is_preferred.groupby(units).mean()
    shuffled = side.iloc[np.random.default_rng(seed).permutation(len(side))]
    dealt = shuffled.sort_values(kind="stable").index
    return units.isin(dealt[::2])


def _together(groups: pd.Series, equal: pd.Series) -> pd.Series:
    """Name what groups and equal stimuli link, directly or by others: their first group."""
    names = groups
    while True:
        wider = names.groupby(equal).transform("min").groupby(groups).transform("min")
        if wider.equals(names):
            return names
        names = wider
