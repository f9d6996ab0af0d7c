"""Check the parts of a BrainVision recording against each other before they are read."""

from __future__ import annotations

import re
from pathlib import Path

from neuroalign.errors import DataError

WIDTHS = {"INT_16": 2, "UINT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}  # bytes of a value
MARKERS = "Brain Vision"


def check_brainvision(path: Path) -> None:
    """Refuse a header that promises more channels than it describes, and values cut in a sample.

    Parameters
    ----------
    path : Path
        Of the header (``.vhdr``).

    Raises
    ------
    DataError
        If the header, the values and the markers do not fit each other.

    References
    ----------
    https://www.brainproducts.com/support-resources/brainvision-core-data-format-1-0/
    """
    text = path.read_text(encoding="latin-1")
    told = dict(re.findall(r"^(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", text, flags=re.MULTILINE))
    count = told.get("NumberOfChannels", "")
    if not count.isdecimal() or not 0 < int(count[:9]) <= len(text) or len(count) > 9:
        message = (
            f"File {str(path)!r} has the number of channels {count[:20]!r}, which its {len(text)} "
            "letters cannot describe; it is damaged, fetch it anew."
        )
        raise DataError(message)
    values, width = _beside(path, told.get("DataFile")), WIDTHS.get(told.get("BinaryFormat", ""))
    if values and width and values.stat().st_size % (width * int(count)):
        message = (
            f"File {str(values)!r} ends within a sample of its {count} channels; it is damaged or "
            "cut short, fetch it anew."
        )
        raise DataError(message)
    markers = _beside(path, told.get("MarkerFile"))
    if markers and not markers.read_bytes()[:100].decode("latin-1").lstrip("ï»¿").startswith(
        MARKERS
    ):
        message = f"File {str(markers)!r} is no list of BrainVision markers; fetch it anew."
        raise DataError(message)


def _beside(path: Path, name: str | None) -> Path | None:
    """Return the path of a file that the header names, if there is one."""
    found = path.parent / (name or "").replace("$b", path.stem)
    return found if found.is_file() else None
