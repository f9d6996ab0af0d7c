"""The chain of tags that a FIF file is made of."""

from __future__ import annotations

import struct
from pathlib import Path

from neuroalign.errors import DataError

HEADER = struct.Struct(">iIii")  # kind, type, bytes of data, place of the next tag


def check_chain(path: Path) -> None:
    """Refuse a FIF file whose tags lead back to where they were; MNE would follow them forever.

    Parameters
    ----------
    path : Path
        Files of other formats, or compressed ones, are left alone.

    References
    ----------
    https://github.com/mne-tools/fiff-constants (tags of FIF files)
    """
    if path.suffix != ".fif":
        return
    place, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while 0 <= place <= size - HEADER.size:
            file.seek(place)
            _, _, length, following = HEADER.unpack(file.read(HEADER.size))
            if following < 0:
                return
            after = following if following > 0 else place + HEADER.size + length
            if after <= place:
                message = f"File {str(path)!r} is damaged: its tags lead back; fetch it anew."
                raise DataError(message)
            place = after
