"""Deal stimuli to two halves, so that what is alike is never on both sides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neuroalign.data.content import content_codes
from neuroalign.data.schema import CONDITION, stimulus_kinds
from neuroalign.models.protocol import Model


def equal_content(model: Model, stimuli: pd.DataFrame) -> pd.Series:
    """Name the content of each stimulus: in the columns that a model reads, else in all.

    Parameters
    ----------
    model : Model
        One with a method `exact_inputs` tells itself: a word in two contexts is two stimuli.
    stimuli : DataFrame

    Returns
    -------
    Series of str
        Equal for stimuli of equal content; of a stimulus that has none, its label.
    """
    if callable(exact_inputs := getattr(model, "exact_inputs", None)):
        return pd.Series(exact_inputs(stimuli), stimuli.index, dtype=object)
    labels = pd.Series(stimuli.index.astype(str), stimuli.index, dtype=object)
    known = [kind for kind in stimulus_kinds(stimuli) if kind != CONDITION]
    read = getattr(model, "kinds", [model.reads])
    kinds = [kind for kind in known if kind in read] or known
    if not kinds:
        return labels
    codes = pd.Series(content_codes(stimuli, kinds), stimuli.index, dtype=object)
    return codes.where(stimuli[kinds].notna().any(axis=1), labels)


def first_half(
    stimuli: pd.DataFrame, content: pd.Series, is_preferred: pd.Series, seed: int
) -> pd.Series:
    """Tell which stimuli fall into the first half, by their labels, whatever their order.

    What belongs together is dealt in turn, that of one condition after that of the other.

    Parameters
    ----------
    stimuli : DataFrame
        Those of one `group` stay together, if there is such a column.
    content : Series of str
        So do those of equal content, and those that other stimuli link in these ways.
    is_preferred : Series of bool
    seed : int

    Returns
    -------
    Series of bool
    """
    units = pd.Series(stimuli.index, stimuli.index, dtype=object)
    if "group" in stimuli:  # a stimulus without one is its own
        units = stimuli["group"].astype(str).astype(object).where(stimuli["group"].notna(), units)
    units = _together(units, content)
    side = is_preferred.groupby(units).mean().sort_index()
    shuffled = side.iloc[np.random.default_rng(seed).permutation(len(side))]
    dealt = shuffled.sort_values(kind="stable").index
    return units.isin(dealt[::2])


def _together(groups: pd.Series, content: pd.Series) -> pd.Series:
    """Name what groups and content link, directly or by others: the first of their groups."""
    names = groups
    while True:
        wider = names.groupby(content).transform("min").groupby(groups).transform("min")
        if wider.equals(names):
            return names
        names = wider
