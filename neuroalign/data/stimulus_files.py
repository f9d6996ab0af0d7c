"""Tell whether the files that stimuli name are there and can be read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from neuroalign.errors import DataError, name_some, reason

LISTED = 10  # unreadable files of one kind that are named

# Ending of the name of sound or film -> place in the file, and what bytes one may find there.
RIFF, MATROSKA = (0, (b"RIFF", b"RIFX", b"RF64")), (0, (b"\x1aE\xdf\xa3",))
BOXES = (4, (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"))
BEGINNINGS: dict[str, tuple[int, tuple[bytes, ...]]] = {
    ".avi": RIFF,
    ".flac": (0, (b"fLaC", b"ID3")),
    ".m4a": BOXES,
    ".mkv": MATROSKA,
    ".mov": BOXES,
    ".mp3": (0, (b"ID3", *(bytes((255, second)) for second in range(0xE2, 0x100)))),
    ".mp4": BOXES,
    ".ogg": (0, (b"OggS",)),
    ".wav": RIFF,
    ".webm": MATROSKA,
}


def file_faults(stimuli: pd.DataFrame) -> Iterator[str]:
    """Yield what is wrong with images, sounds and films: files that are lost, each unreadable one.

    Images are read as models read them. Of sound and film, the first bytes are compared with what
    the name promises, and the declared length with that of the file.
    """
    for kind in ("image", "audio", "video"):
        lost: list[object] = []
        faults: list[str] = []
        seen: set[str] = set()
        for label, value in stimuli[kind].items() if kind in stimuli else ():
            named = isinstance(value, (str, Path))
            if named and str(value) in seen:
                continue
            seen |= {str(value)} if named else set()
            if named and not Path(value).is_file():
                lost.append(label)
            elif kind == "image":
                faults += _image_faults(str(label), value)
            elif named and (fault := _media_fault(Path(value))):
                faults.append(f"the {kind} {str(value)!r} of stimulus {label!r} {fault}")
        if lost:
            yield f"{len(lost)} {kind} files do not exist {name_some(lost)}"
        yield from faults[:LISTED]
        if len(faults) > LISTED:
            yield f"{len(faults) - LISTED} more {kind} files cannot be read"


def _image_faults(label: str, value: object) -> list[str]:
    from neuroalign.models.images import stimulus_image

    if value is None or isinstance(value, float):
        return []  # empty, which is a fault of the table
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of colors and sizes, which models may bear
            stimulus_image(pd.DataFrame({"image": pd.Series([value], [label], object)}), label)
    except DataError as error:
        return [str(error).rstrip(".")]
    except Exception as error:
        return [f"The image of stimulus {label!r} cannot be read ({reason(error)})"]
    return []


def _media_fault(path: Path) -> str | None:
    """Say why sound or film cannot be read, from its first bytes and its length."""
    ending, size = path.suffix.lower(), path.stat().st_size
    place, known = BEGINNINGS.get(ending, (0, (b"",)))
    try:
        with path.open("rb") as file:
            start = file.read(12)
            needed = _boxes_size(file, size) if known == BOXES[1] else _riff_size(start)
    except OSError as error:
        return f"cannot be read ({reason(error)})"
    if not size:
        return "cannot be read (the file is empty)"
    if not start[place:].startswith(known):
        return f"cannot be read (the file does not begin as {ending} files do)"
    if needed > size:
        return f"cannot be read whole ({size} of at least {needed} bytes are there)"
    return None


def _riff_size(start: bytes) -> int:
    """Return the bytes that a RIFF file declares; 0 for others, and where it does not know them."""
    if start[:4] not in (b"RIFF", b"RIFX"):
        return 0
    declared = int.from_bytes(start[4:8], "little" if start[:4] == b"RIFF" else "big")
    return 0 if declared in (0, 2**32 - 1) else declared + 8


def _boxes_size(file: BinaryIO, size: int) -> int:
    """Return where the last box of a film ends, each of which begins with its length."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # a long one
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file
            return size
        end += length
    return end
