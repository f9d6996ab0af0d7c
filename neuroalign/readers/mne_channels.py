"""Channels as MNE-Python describes them: kind, units, place, and which are bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroalign.errors import DataError, name_some, unknown_name

# Kind of channel -> units, and how many of them are one unit of MNE (V, T or T/m).
UNITS = dict.fromkeys(("eeg", "seeg", "ecog", "dbs", "eog", "ecg", "emg"), ("uV", 1e6))
UNITS |= {"mag": ("fT", 1e15), "grad": ("fT/cm", 1e13)}
BRAIN = ("eeg", "seeg", "ecog", "dbs", "mag", "grad")  # kinds read unless others are named
# Codes of coordinate frames in FIF files, which MNE keeps for every format.
FRAMES = {1: "MEG device", 4: "head", 5: "MRI", 2002: "RAS", 2003: "MNI Talairach"}


def kinds_of(recording: Any) -> dict[str, str]:
    """Return the kind of each channel."""
    return dict(zip(recording.ch_names, recording.get_channel_types(), strict=True))


def chosen_channels(
    names: Sequence[str],
    kinds: dict[str, str],
    channels: str | Sequence[str] | None,
    left_out: Sequence[str],
) -> list[str]:
    """Return the names of the channels wanted, in the order of the file, or as they were given."""
    if channels is None or (isinstance(channels, str) and channels in UNITS):
        allowed = BRAIN if channels is None else (channels,)
        found = [name for name in names if kinds[name] in allowed]
        if not found:
            there = sorted(set(kinds.values()))
            hint = " (EDF and BDF files call every channel eeg)" if "eeg" in there else ""
            message = (
                f"No channel is of kind {', '.join(allowed)}; there are {', '.join(there)}{hint}. "
                "Pass channels=[...] with names."
            )
            raise DataError(message)
    else:
        found = [channels] if isinstance(channels, str) else [str(name) for name in channels]
        for name in found:
            if name not in kinds:
                raise unknown_name(name, [*kinds], kind="channel")
    kept = [name for name in found if name not in left_out]
    if not kept:
        message = (
            f"All {len(found)} channels are marked as bad {name_some(found)}; keep them with "
            "keep_bad=True."
        )
        raise DataError(message)
    return kept


def units_of(kinds: dict[str, str], wanted: Sequence[str]) -> tuple[str, float]:
    """Return the one unit of the channels wanted, and its scale."""
    if strange := [name for name in wanted if kinds[name] not in UNITS]:
        message = (
            f"{len(strange)} channels are of kind {kinds[strange[0]]!r}, which has no known unit "
            f"{name_some(strange)}."
        )
        raise DataError(message)
    found = {UNITS[kinds[name]]: kinds[name] for name in wanted}
    if len(found) > 1:
        listed = " and ".join(f"{kind!r} in {unit}" for (unit, _), kind in found.items())
        message = f"The file has channels of kinds {listed}; choose one, as in channels='mag'."
        raise DataError(message)
    return next(iter(found))


def places_of(recording: Any, wanted: Sequence[str]) -> tuple[dict[str, np.ndarray], str | None]:
    """Return x, y and z (mm) of channels, and the frame they are in, where a file has them."""
    channels = {channel["ch_name"]: channel for channel in recording.info["chs"]}
    place = np.array([channels[name]["loc"][:3] for name in wanted], dtype=float) * 1000
    place[(place == 0).all(axis=1)] = np.nan  # how FIF writes that it is not known
    if np.isnan(place).all():
        return {}, None
    known = [name for name, row in zip(wanted, place, strict=True) if not np.isnan(row).all()]
    frames = {FRAMES.get(int(channels[name]["coord_frame"]), "unknown") for name in known}
    return dict(zip("xyz", place.T, strict=True)), " and ".join(sorted(frames))


def marks_of(wanted: Sequence[str], bad: Sequence[str]) -> dict[str, np.ndarray]:
    """Return which channels are marked as bad, where any of those wanted is."""
    marked = np.isin(wanted, bad)
    return {"bad": marked} if marked.any() else {}


def facts_of(units: str, bad: Sequence[str], space: str | None) -> dict[str, str]:
    """Return the attributes that raw recordings and epochs share."""
    facts = {"units": units}
    facts |= {"bad_channels": ", ".join(bad)} if bad else {}
    return facts | ({"space": space} if space is not None else {})
