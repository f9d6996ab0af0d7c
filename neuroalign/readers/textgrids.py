"""TextGrids of Praat: the words of a sound, each with its time."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NoReturn

import pandas as pd

from neuroalign.errors import DataError, unknown_name
from neuroalign.readers.files import existing, reading

# Texts, comments, and whatever else stands free; of that only numbers and flags count.
PARTS = re.compile(r'"(?:[^"]|"")*"|![^\n]*|[^\s"]+')
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?%?")
INTERVALS, POINTS = "IntervalTier", "TextTier"


def read_textgrid(path: str | PathLike[str], *, tier: str | int | None = None) -> pd.DataFrame:
    r"""Read the labelled intervals of a TextGrid, as forced aligners and people make them.

    Parameters
    ----------
    path : str or path
        A text file of Praat, long or short, in UTF-8 or UTF-16.
    tier : str or int, optional
        Name of the tier to read, or its place, from 0. By default all are.

    Returns
    -------
    DataFrame
        A row for each interval whose text is not blank, in the order of the file: `tier`, `text`
        without the space around it, `onset` and `duration` in s on the clock of the file. Moments
        (of a tier of points) have the duration 0. Marks of pauses, such as "sp", are texts like any
        other.

    Raises
    ------
    DataError
        If the file is no TextGrid, or is damaged or cut short, or an interval ends before it
        begins, or there is no such tier.

    References
    ----------
    https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from neuroalign.readers import read_textgrid
    >>> lines = ['"ooTextFile"', '"TextGrid"', '0 1.5 <exists> 1']
    >>> lines += ['"IntervalTier" "word" 0 1.5 2', '0 0.5 ""', '0.5 1.5 "hello"']
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "story.TextGrid")
    ...     _ = path.write_text("\n".join(lines))
    ...     words = read_textgrid(path)
    >>> words.to_dict("records")
    [{'tier': 'word', 'text': 'hello', 'onset': 0.5, 'duration': 1.0}]
    """
    file = existing(path)
    with reading(file, "a TextGrid"):
        tiers = _tiers(_Values(file))
    if isinstance(tier, int):
        if not 0 <= tier < len(tiers):
            listed = ", ".join(name for name, _ in tiers) or "none"
            message = f"TextGrid {str(file)!r} has no tier {tier}, from 0; its tiers: {listed}."
            raise DataError(message)
        tiers = [tiers[tier]]
    elif tier is not None:
        if tier not in (names := [name for name, _ in tiers]):
            raise unknown_name(tier, names, kind=f"tier of {str(file)!r}")
        tiers = [found for found in tiers if found[0] == tier]
    rows = [(name, *row) for name, found in tiers for row in found if row[0]]
    table = pd.DataFrame(rows, columns=["tier", "text", "onset", "duration"])
    return table.astype({"tier": str, "text": str, "onset": float, "duration": float})


class _Values:
    """The texts, flags and numbers of a file, one after the other; all else is there for people."""

    def __init__(self, file: Path) -> None:
        content = file.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        self.file, self.taken = file, 0
        self.parts = _standing_free(content.decode("utf-16" if wide else "utf-8-sig"))
        kind, name = next(self.parts, ""), next(self.parts, "")
        if not kind.startswith('"ooTextFile') or name != '"TextGrid"':
            message = f"File {str(file)!r} is no TextGrid as text, which begins by saying so."
            raise DataError(message)

    def text(self) -> str:
        part = self._next("a text")
        if not part.startswith('"'):
            self.refuse("a text", part)
        return part[1:-1].replace('""', '"').strip()

    def number(self) -> float:
        part = self._next("a number")
        value = float(part.rstrip("%")) if NUMBER.fullmatch(part) else math.nan
        if not math.isfinite(value):
            self.refuse("a number", part)
        return value

    def count(self) -> int:
        value = self.number()
        if value != int(value) or value < 0:
            self.refuse("a count", str(value))
        return int(value)

    def flag(self) -> None:
        if (part := self._next("<exists>")) != "<exists>":
            self.refuse("<exists>", part)

    def _next(self, wanted: str) -> str:
        part = next(self.parts, None)
        if part is None:
            message = (
                f"TextGrid {str(self.file)!r} ends after {self.taken} values, where {wanted} "
                "should follow; it is cut short."
            )
            raise DataError(message)
        self.taken += 1
        return part

    def refuse(self, wanted: str, part: str) -> NoReturn:
        message = (
            f"TextGrid {str(self.file)!r} has {part[:40]!r} where {wanted} should be (value "
            f"{self.taken}); it is damaged."
        )
        raise DataError(message)


def _standing_free(text: str) -> Iterator[str]:
    for found in PARTS.finditer(text):
        part = found.group()
        if part.startswith(('"', "<")) or NUMBER.fullmatch(part):
            yield part


def _tiers(values: _Values) -> list[tuple[str, list[tuple[str, float, float]]]]:
    """Return the name of each tier, with text, onset and duration of what is in it."""
    values.number(), values.number()
    values.flag()
    return [_tier(values) for _ in range(values.count())]


def _tier(values: _Values) -> tuple[str, list[tuple[str, float, float]]]:
    kind, name = values.text(), values.text()
    if kind not in (INTERVALS, POINTS):
        values.refuse(f"{INTERVALS} or {POINTS}", kind)
    values.number(), values.number()
    rows = []
    for _ in range(values.count()):
        begin = values.number()
        end = values.number() if kind == INTERVALS else begin
        text = values.text()
        if end < begin:
            message = (
                f"TextGrid {str(values.file)!r} has an interval {text[:40]!r} of tier {name!r} "
                f"that ends at {end:g} s, before it begins, at {begin:g} s."
            )
            raise DataError(message)
        rows.append((text, begin, end - begin))
    return name, rows
