"""The units of channels in EDF and BDF files, of which MNE-Python knows a few."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import reading

# As headers write them; MNE-Python takes whatever else they say for volts.
KNOWN = ("uV", "\u00b5V", "\u03bcV", "\x83\xcaV", "mV", "V")


def check_edf_units(path: Path, wanted: Collection[str]) -> None:
    """Refuse channels in a unit that would be taken for volts, as "UV", "nV" or none at all.

    Parameters
    ----------
    path : Path
        Files of other formats are left alone.
    wanted : collection of str
        Names of the channels that are read.

    Raises
    ------
    DataError
        If a channel wanted is in another unit than uV, mV or V.

    References
    ----------
    https://www.edfplus.info/specs/edf.html (the header, "physical dimension")
    """
    if path.suffix.lower() not in (".edf", ".bdf"):
        return
    with reading(path, "a continuous recording"), path.open("rb") as file:
        count = int(file.read(256)[252:256])
        labels, _, units = (
            [file.read(width).decode("latin-1").strip() for _ in range(count)]
            for width in (16, 80, 8)
        )
    strange = {
        label: unit
        for label, unit in zip(labels, units, strict=True)
        # Labels that occur twice are numbered by MNE-Python.
        if unit not in KNOWN and (label in wanted or labels.count(label) > 1)
    }
    if strange:
        unit = next(iter(strange.values()))
        message = (
            f"File {str(path)!r} gives {len(strange)} channels in {unit!r}, not in uV, mV or V "
            f"{name_some(strange)}; write the unit into its header, or leave these out."
        )
        raise DataError(message)
