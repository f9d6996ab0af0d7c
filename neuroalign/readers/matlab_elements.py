"""Check the elements of MAT files of version 5 to 7 before a library takes them at their word."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from neuroalign.errors import DataError
from neuroalign.readers.sizes import UNFOLDS, check_promised

NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}  # types of data elements
WORDS = {*NUMBERS, 16, 17, 18}
MATRIX, COMPRESSED = 14, 15
CELL, STRUCTURE, TEXT = 1, 2, 4  # classes of arrays
NUMERIC = range(6, 16)
COMPLEX = 1 << 11
DEEPEST = 30


def check_variable(file: Path, name: str) -> list[str]:
    """Check one variable of a file throughout, and say which there are.

    Parameters
    ----------
    file : Path
        Of version 5, 6 or 7.
    name : str

    Returns
    -------
    list of str
        Names of all variables.

    Raises
    ------
    DataError
        If the file is cut short, or promises more than it can hold.
    ValueError
        If an element of the variable lies or is of a kind that holds neither numbers nor words.

    References
    ----------
    MAT-File Format, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
    """
    names = []
    for body, order in _bodies(file):
        found = _Body(body, order)
        label = found.header()
        names.append(label)
        if label == name:
            size = math.prod(found.shape)
            check_promised(file, size, f"variable {name!r}")
            found.contents(0)
    return names


def _bodies(file: Path) -> Iterator[tuple[memoryview, str]]:
    """Yield the bytes of each matrix of the file, unfolded."""
    held = memoryview(file.read_bytes())
    order = "<" if bytes(held[126:128]) == b"IM" else ">"
    place = 128
    while place < len(held):
        whole = place + 8 <= len(held)
        kind, length = struct.unpack_from(f"{order}2I", held, place) if whole else (0, len(held))
        begin, place = place + 8, place + 8 + length
        if place > len(held):
            message = (
                f"File {str(file)!r} of {len(held):,} bytes should have {place:,} at least; it is "
                "cut short."
            )
            raise DataError(message)
        body = held[begin:place]
        if kind == COMPRESSED:
            limit = 1024 + UNFOLDS * length
            unfolded = memoryview(zlib.decompressobj().decompress(body, limit))
            kind, length = struct.unpack_from(f"{order}2I", unfolded, 0)
            body = unfolded[8 : 8 + length]
            if len(body) < length:
                message = f"File {str(file)!r} has a variable that is cut short."
                raise DataError(message)
        if kind == MATRIX:
            yield body, order


class _Body:
    """The elements of one array, read one after the other."""

    def __init__(self, held: memoryview, order: str) -> None:
        self.held, self.order, self.place = held, order, 0
        self.kind, self.flags, self.shape = 0, 0, (0,)

    def element(self, kinds: set[int]) -> memoryview:
        """Return the bytes of the next element, which must be of one of some types."""
        first, length = struct.unpack_from(f"{self.order}2I", self.held, self.place)
        begin = self.place + 8
        if first >> 16:  # a small element keeps its bytes within the tag
            first, length, begin = first & 0xFFFF, first >> 16, self.place + 4
            self.place += 8
        else:
            self.place = begin + length + (-length % 8 if first != COMPRESSED else 0)
        if first not in kinds or begin + length > len(self.held) or (begin % 8 and length > 4):
            message = f"an element of type {first} and {length} bytes does not belong there"
            raise ValueError(message)
        return self.held[begin : begin + length]

    def header(self) -> str:
        """Read class and shape, and return the name."""
        (self.flags,) = struct.unpack_from(f"{self.order}I", self.element({6}))
        self.kind = self.flags & 0xFF
        if self.kind not in (CELL, STRUCTURE, TEXT, *NUMERIC):
            return bytes(self.element(WORDS)).decode("latin-1") if self._shaped() else ""
        self._shaped()
        return bytes(self.element({1, 2, 16})).decode("latin-1")

    def _shaped(self) -> bool:
        """Read the shape, which functions and the like do not have."""
        if self.kind in (16, 17):
            return False
        shape = self.element({5})
        self.shape = struct.unpack(f"{self.order}{len(shape) // 4}i", shape[: len(shape) // 4 * 4])
        if len(self.shape) < 2 or min(self.shape) < 0:
            message = f"{self.shape} is no shape"
            raise ValueError(message)
        return True

    def contents(self, depth: int) -> None:
        """Walk through what the array holds, down to its last element."""
        count = math.prod(self.shape)
        if self.kind == TEXT:
            self.element(WORDS)
        elif self.kind in NUMERIC:
            for _ in range(2 if self.flags & COMPLEX else 1):
                self.element(NUMBERS)
        elif self.kind in (CELL, STRUCTURE):
            if self.kind == STRUCTURE:
                width = struct.unpack_from(f"{self.order}i", self.element({5}))[0]
                names = self.element({1, 2})
                if not 0 < width <= 64 or len(names) % width:
                    message = f"names of fields are not {width} letters long"
                    raise ValueError(message)
                count *= len(names) // width
            if count > len(self.held) // 8 or depth > DEEPEST:
                message = f"{count} elements cannot lie in {len(self.held)} bytes"
                raise ValueError(message)
            for _ in range(count):
                self._inner(depth + 1)
        else:
            message = "it is sparse, a function or an object; save it as a full matrix"
            raise ValueError(message)

    def _inner(self, depth: int) -> None:
        inner = self.element({MATRIX})
        if len(inner):  # nothing at all stands for an empty matrix
            body = _Body(inner, self.order)
            body.header()
            body.contents(depth)
