"""Download one file over HTTP, going on where an earlier try was cut off."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Protocol

CHUNK = 1 << 16  # bytes; less than one is lost where a connection breaks
PATIENCE = 30  # seconds without a byte
OK, PARTIAL, NOTHING_LEFT = 200, 206, 416


class Bar(Protocol):
    """A bar that bytes are reported to."""

    def __call__(self, steps: int = 1) -> None:
        """Say that so many more bytes are there."""


class Stopped(OSError):
    """Somebody asked all transfers to stop."""


class WrongHashError(OSError):
    """What came is not what was promised."""


def transfer(
    address: str,
    path: Path,
    *,
    algorithm: str,
    digest: str,
    add_bar: Callable[[str, int], Bar],
    stop: Event,
) -> None:
    """Download a file; it is at its path only once it is whole and has the right hash.

    What came before a connection broke lies beside it, under a name made of its own and of its
    hash, and is gone on from next time, where the server can do that.

    Parameters
    ----------
    address : str
    path : Path
        Where the file will be.
    algorithm, digest : str
        Of its hash.
    add_bar : callable
        Takes a name and a number of bytes (0 if unknown); returns what is told of new bytes.
    stop : Event
        Once set, the transfer stops as if the connection were lost.

    Raises
    ------
    OSError
        Of the network or the disk; `WrongHashError` if the file is another one, `Stopped`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{digest[:12]}.part")
    _receive(address, part, add_bar, stop)
    with part.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != digest:
        part.unlink()
        raise WrongHashError(found)
    os.replace(part, path)


def _receive(address: str, part: Path, add_bar: Callable[[str, int], Bar], stop: Event) -> None:
    """Append to what is there what the server still has; begin anew where it cannot go on."""
    import requests

    there = part.stat().st_size if part.exists() else 0
    # The bytes of the file, not of a compressed form, in which positions mean nothing.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    with requests.get(address, headers=headers, stream=True, timeout=PATIENCE) as answer:
        if there and answer.status_code == NOTHING_LEFT:
            return  # all of it came before; the hash will tell
        answer.raise_for_status()
        goes_on = answer.status_code == PARTIAL and _begins_at(answer.headers, there)
        if there and answer.status_code == PARTIAL and not goes_on:
            message = f"the server began at another byte than {there}"
            part.unlink()
            raise OSError(message)
        declared = answer.headers.get("Content-Length", "")
        before = there if goes_on else 0
        expected = before + int(declared) if declared.isdecimal() else 0  # 0: not known
        advance = add_bar(part.name[1:].rpartition(".")[0].rpartition(".")[0], expected)
        advance(before)
        with part.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                if stop.is_set():
                    raise Stopped
                file.write(chunk)
                advance(len(chunk))
    if expected and part.stat().st_size != expected:
        message = f"{part.stat().st_size} of {expected} bytes came"
        raise ConnectionError(message)


def _begins_at(headers: object, position: int) -> bool:
    """Tell whether a partial answer begins where the part ends."""
    given = str(headers.get("Content-Range", ""))  # type: ignore[attr-defined]
    with suppress(ValueError):
        return int(given.removeprefix("bytes ").partition("-")[0]) == position
    return False
