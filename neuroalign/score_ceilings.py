"""Noise ceilings on the terms of the scores: the same held-out rows, within the same folds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from neuroalign.ceilings import anova_ceiling, inter_subject_ceiling, split_half_ceiling
from neuroalign.data.schema import is_showings, row_dim
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
    seed : int

    Returns
    -------
    Dataset
        `ceiling_split_half` and `ceiling_anova` where stimuli were repeated;
        `ceiling_inter_subject` where subjects share neuroids.
    """
    fold_of = splits.fold_of()
    found: dict[str, list[xr.DataArray]] = {}
    for recording in recordings.values():
        if not is_showings(recording) and "repetition" not in recording.dims:
            continue
        labels = "sample" if "sample" in recording.dims else "stimulus"
        rows = "showing" if is_showings(recording) else row_dim(recording)
        tested = recording.isel({rows: np.isin(recording[labels].values, fold_of.index)})
        if not tested.notnull().any():
            continue
        for ceiling in (
            split_half_ceiling(tested, seed=seed, parts=fold_of),
            anova_ceiling(tested, parts=fold_of),
        ):
            found.setdefault(str(ceiling.name), []).append(ceiling)
    shared = all(recording.attrs.get("neuroids") == SHARED for recording in recordings.values())
    if shared and len(recordings) > 1:
        ceiling = inter_subject_ceiling(recordings, parts=fold_of)
        found[str(ceiling.name)] = [ceiling]
    return xr.Dataset(
        {
            name: xr.concat(parts, "neuroid", join="exact", combine_attrs="override")
            for name, parts in found.items()
            if any(part.notnull().any() for part in parts)
        }
    )
