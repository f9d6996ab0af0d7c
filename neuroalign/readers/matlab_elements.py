"""Check the elements of MAT files of version 5 to 7 before a library takes them at their word."""

from __future__ import annotations

import math
import mmap
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from neuroalign.errors import DataError
from neuroalign.readers.sizes import UNFOLDS, check_promised

NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}  # types of data elements
WORDS = {*NUMBERS, 16, 17, 18}
MATRIX, COMPRESSED = 14, 15
CELL, STRUCTURE, TEXT = 1, 2, 4  # classes of arrays
NUMERIC = range(6, 16)
OPAQUE = 17  # an object, which has no shape
COMPLEX = 1 << 11
DEEPEST = 30
HEAD = 4096  # bytes that are unfolded to learn class, shape and name
BLANK = 1024  # letters that may be said to be there without a byte for each


class OtherKindError(ValueError):
    """What was found holds neither numbers nor words."""


def is_walkable(file: Path) -> bool:
    """Tell whether a file begins as those of versions 5, 6 and 7 do, which consist of elements."""
    with file.open("rb") as stream:
        header = stream.read(128)
    return header[126:128] in (b"IM", b"MI") and 0 not in header[:4]


def check_variables(file: Path, names: Collection[str]) -> list[str]:
    """Check some variables of a file throughout, and say which there are.

    Parameters
    ----------
    file : Path
        Of version 5, 6 or 7 (see `is_walkable`).
    names : collection of str
        Of all others only the name is read.

    Returns
    -------
    list of str
        Names of all variables.

    Raises
    ------
    DataError
        If the file is cut short, or promises more than it can hold; or a variable that is wanted
        holds what is neither a number nor a word, or is there twice.
    ValueError
        If an element of a variable that is wanted lies.

    References
    ----------
    MAT-File Format, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
    """
    known: list[str] = []
    for label, found in _variables(file, names):
        if found is not None:
            if label in known:
                message = f"File {str(file)!r} has two variables called {label!r}; fetch it anew."
                raise DataError(message)
            check_promised(file, math.prod(found.shape), f"variable {label!r}")
            try:
                found.contents(0)
            except OtherKindError as error:
                message = f"Variable {label!r} of {str(file)!r} {error}."
                raise DataError(message) from error
        known.append(label)
    return known


def _variables(file: Path, names: Collection[str]) -> Iterator[tuple[str, _Body | None]]:
    """Yield the name of each variable, and what it holds where that is wanted."""
    with file.open("rb") as stream:
        held = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
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
            folded, body = body, memoryview(zlib.decompressobj().decompress(body, HEAD))
            kind, length = struct.unpack_from(f"{order}2I", body, 0)
            body = body[8 : 8 + length]
        else:
            folded = None
        if kind != MATRIX:
            continue
        label = _Body(body, order).header()
        if label not in names:
            yield label, None
            continue
        if folded is not None:
            unfolded = zlib.decompressobj().decompress(folded, 1024 + UNFOLDS * len(folded))
            body = memoryview(unfolded)[8 : 8 + length]
            if len(body) < length:
                message = f"File {str(file)!r} has a variable that is cut short."
                raise DataError(message)
        found = _Body(body, order)
        found.header()
        yield label, found


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
        if self.kind != OPAQUE:
            shape = self.element({5})
            whole = shape[: len(shape) // 4 * 4]
            self.shape = struct.unpack(f"{self.order}{len(whole) // 4}i", whole)
            if len(self.shape) < 2 or min(self.shape) < 0:
                message = f"{self.shape} is no shape"
                raise ValueError(message)
        return bytes(self.element({1, 2, 16})).decode("latin-1")

    def contents(self, depth: int) -> None:
        """Walk through what the array holds, down to its last element."""
        count = math.prod(self.shape)
        if self.kind == TEXT:
            letters = len(self.element(WORDS))
            if count > max(letters, BLANK):
                message = f"{count} letters cannot lie in {letters} bytes"
                raise ValueError(message)
        elif self.kind in NUMERIC:
            for _ in range(2 if self.flags & COMPLEX else 1):
                self.element(NUMBERS)
        elif self.kind in (CELL, STRUCTURE):
            most = count  # structures without fields count too
            if self.kind == STRUCTURE:
                width = struct.unpack_from(f"{self.order}i", self.element({5}))[0]
                names = self.element({1, 2})
                if not 0 < width <= 64 or len(names) % width:
                    message = f"names of fields are not {width} letters long"
                    raise ValueError(message)
                count *= len(names) // width
            if (most := max(most, count)) > len(self.held) // 8 or depth > DEEPEST:
                message = f"{most} elements cannot lie in {len(self.held)} bytes"
                raise ValueError(message)
            for _ in range(count):
                self._inner(depth + 1)
        else:
            message = "is or holds a sparse matrix, a function or an object; save a full matrix"
            raise OtherKindError(message)

    def _inner(self, depth: int) -> None:
        inner = self.element({MATRIX})
        if len(inner):  # nothing at all stands for an empty matrix
            body = _Body(inner, self.order)
            body.header()
            body.contents(depth)
