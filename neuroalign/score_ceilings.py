"""Noise ceilings on the terms of the scores: the same held-out rows, within the same folds."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from neuroalign.ceilings import anova, inter_subject, join, split_half
from neuroalign.splits import Splits

# What an adapter sets in `attrs["neuroids"]` where equal labels, after the prefix of the subject,
# name the same place in everybody.
SHARED = "shared"


def score_ceilings(recordings: Mapping[str, xr.DataArray], splits: Splits, seed: int) -> xr.Dataset:
    """Estimate the noise ceilings that the recordings allow.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        With their repetitions.
    splits : Splits
        Of which the first division is meant where folds are repeated.
    seed : int

    Returns
    -------
    Dataset
        The variables of the ceilings `split_half` and `anova` where stimuli were repeated, and of
        `inter_subject` where subjects share neuroids.
    """
    first = splits.blocks[splits.blocks["fold"] < splits.repeat.count(0)].set_index(splits.rows)
    parts, blocks = first["fold"], first["name"]
    given = recordings.values()
    found = [
        join([split_half(own, parts=parts, blocks=blocks, seed=seed) for own in given]),
        join([anova(own, parts=parts, blocks=blocks) for own in given]),
    ]
    shared = all(recording.attrs.get("neuroids") == SHARED for recording in recordings.values())
    if shared and len(recordings) > 1:
        found.append(inter_subject(recordings, parts=parts, blocks=blocks))
    return xr.merge(
        [ceiling.to_dataset() for ceiling in found if ceiling.values.notnull().any()], join="exact"
    )
