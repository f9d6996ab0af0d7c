"""Sizes that a file promises, against what so small a file can hold."""

from __future__ import annotations

from pathlib import Path

from neuroalign.errors import DataError

# No byte of a compressed file unfolds to more than this (the limit of deflate is 1032).
UNFOLDS = 1100
ALWAYS = 2**20  # bytes that are taken without a question


def check_promised(file: Path, size: int, what: str) -> None:
    """Refuse to take memory for more than a file can hold.

    Parameters
    ----------
    file : Path
    size : int
        Bytes in memory.
    what : str
        What they are of, as in "variable 'x'".

    Raises
    ------
    DataError
        If the file would have to unfold to more than compression allows.
    """
    held = file.stat().st_size
    if size > ALWAYS + UNFOLDS * held:
        message = (
            f"File {str(file)!r} of {held:,} bytes promises {size:,} bytes for its {what}; it is "
            "damaged or cut short."
        )
        raise DataError(message)
