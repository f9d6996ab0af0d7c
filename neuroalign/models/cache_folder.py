"""The folder that activations are kept in: shared by processes, and never above its limit."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from neuroalign.errors import DataError
from neuroalign.models.cache_entry import MANIFEST, DamagedError, read_manifest

try:
    import fcntl
except ImportError:  # on Windows, where what is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

FOLDER, LIMIT = "NEUROALIGN_CACHE", "NEUROALIGN_CACHE_LIMIT"
DEFAULT_LIMIT = "50 GB"
DAY = 86_400  # seconds
_KEY = re.compile("[0-9a-f]{64}")
_LEFTOVER = re.compile(r"\.(?:writing|removed)-(?P<host>\w*)(?:-\w+)+")
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class Kept(NamedTuple):
    """An entry: its key, when it was used last (s since 1970), its bytes and its manifest."""

    key: str
    used: float
    size: int
    manifest: dict[str, Any] | None  # None where it is damaged


@dataclass(frozen=True)
class CacheFolder:
    """A folder of entries, each a folder called as its key; anything else in it is left alone."""

    path: Path
    limit: int

    def entry(self, key: str) -> Path:
        """Return the folder of an entry, whether or not there is one."""
        return self.path / key

    def entries(self) -> list[Kept]:
        """List all entries, the one that was used longest ago first."""
        found = []
        for folder in self.path.iterdir() if self.path.is_dir() else ():
            if _KEY.fullmatch(folder.name) and folder.is_dir():
                with suppress(FileNotFoundError):
                    found.append(_kept(folder))
        return sorted(found, key=lambda kept: kept.used)

    def store(self, key: str, write: Callable[[Path], None]) -> bool:
        """Write an entry: nobody sees it before it is whole.

        Parameters
        ----------
        key : str
        write : callable
            Fills an empty folder.

        Returns
        -------
        bool
            False where another process was faster; its entry stays.
        """
        with self._scratch() as scratch:
            write(scratch)
            try:
                scratch.rename(self.entry(key))
            except OSError:
                if not self.entry(key).is_dir():
                    raise
                return False
            return True

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Make an empty folder and hold it, so that nobody sweeps what is being written."""
        while True:
            folder = self.path / _own_name("writing")
            folder.mkdir(parents=True)
            try:
                with _held(folder) as held:
                    # Another may have swept it, or begun to, before it was held.
                    if held is False or not folder.is_dir():
                        continue
                    yield folder
                    return
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def reading(self, key: str) -> Iterator[Path]:
        """Hold an entry, so that nobody makes room by it, and note that it was used."""
        entry = self.entry(key)
        with suppress(OSError):  # of another user, or in a folder that is only read
            os.utime(entry / MANIFEST)
        try:
            file = (entry / MANIFEST).open("rb")
        except FileNotFoundError:
            yield entry
            return
        with file:
            _lock(file, alone=False)
            yield entry

    def remove(self, key: str) -> bool:
        """Remove an entry, at once for all others; False where somebody reads it."""
        entry, away = self.entry(key), self.path / _own_name("removed")
        try:
            with (entry / MANIFEST).open("rb") as file:
                if not _lock(file, alone=True):
                    return False
                entry.rename(away)
        except FileNotFoundError:
            with suppress(FileNotFoundError):
                entry.rename(away)
        except OSError:
            return False
        shutil.rmtree(away, ignore_errors=True)
        return True

    def make_room(self, needed: int, spared: Collection[str] = ()) -> int:
        """Remove what was used longest ago until so many bytes are free; return how many are.

        Nothing is removed for what would not fit anyway, nor what is read or spared.
        """
        entries = self.entries()
        free = self.limit - sum(kept.size for kept in entries)
        for kept in entries if needed <= self.limit else ():
            if free >= needed:
                break
            if kept.key not in spared and self.remove(kept.key):
                free += kept.size
        return max(free, 0)

    def sweep(self) -> None:
        """Remove what nobody on this machine writes; after a day where that cannot be told."""
        for folder in self.path.iterdir() if self.path.is_dir() else ():
            if (named := _LEFTOVER.fullmatch(folder.name)) is None:
                continue
            with _held(folder) as held:
                local = held is not None and named["host"] == _host()
                if held if local else time.time() - _last_change(folder) > DAY:
                    shutil.rmtree(folder, ignore_errors=True)


def open_cache(folder: str | Path | None = None, limit: int | str | None = None) -> CacheFolder:
    """Find the folder that activations are kept in; it need not be there yet.

    Parameters
    ----------
    folder : str or Path, optional
        By default that of the environment variable ``NEUROALIGN_CACHE``, else "activations" in
        the user's folder of caches.
    limit : int or str, optional
        Bytes, or as in "50 GB". By default ``NEUROALIGN_CACHE_LIMIT``, else 50 GB.

    Returns
    -------
    CacheFolder
    """
    from neuroalign.data.download import cache_folder

    named = folder or os.environ.get(FOLDER)
    path = Path(named).expanduser() if named else cache_folder() / "activations"
    if path.exists() and not path.is_dir():
        message = f"The cache {str(path)!r} is a file; name a folder."
        raise DataError(message)
    wanted = os.environ.get(LIMIT) or DEFAULT_LIMIT if limit is None else limit
    return CacheFolder(path.absolute(), read_bytes(wanted))


def read_bytes(amount: int | str) -> int:
    """Read an amount of bytes, as in "500 MB"."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B?)\s*", str(amount).upper())
    if found is None or isinstance(amount, bool) or found[2] not in _UNITS:
        message = f"A limit of {amount!r} is no amount of bytes; give one, as in '50 GB'."
        raise DataError(message)
    return int(float(found[1]) * _UNITS[found[2]])


def show_bytes(amount: int) -> str:
    """Write an amount of bytes, as in "1.5 GB"."""
    for unit in ("TB", "GB", "MB", "KB"):
        if amount >= _UNITS[unit]:
            return f"{amount / _UNITS[unit]:.1f} {unit}"
    return f"{amount} bytes"


def _kept(folder: Path) -> Kept:
    try:
        manifest = read_manifest(folder)
    except DamagedError:
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        return Kept(folder.name, 0.0, size, None)
    return Kept(folder.name, (folder / MANIFEST).stat().st_mtime, manifest["bytes"], manifest)


def _lock(file: IO[bytes], *, alone: bool) -> bool:
    """Lock a file, together with other readers or alone; False where that cannot be."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        return False
    except OSError:  # a network drive without locks: a reader whose entry goes computes it anew
        return True
    return True


def _own_name(what: str) -> str:
    return f".{what}-{_host()}-{secrets.token_hex(8)}"


@contextmanager
def _held(folder: Path) -> Iterator[bool | None]:
    """Lock a folder alone until the block, or the process, ends.

    False where another holds it, or removed it; None where folders cannot be locked.
    """
    if fcntl is None:
        yield None
        return
    try:
        opened = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held: bool | None = True
        except BlockingIOError:
            held = False
        except OSError:
            held = None
        yield held
    finally:
        os.close(opened)


def _host() -> str:
    return re.sub(r"\W", "_", platform.node())


def _last_change(folder: Path) -> float:
    times = [0.0]
    for file in (folder, *folder.rglob("*")):
        with suppress(OSError):
            times.append(file.stat().st_mtime)
    return max(times)
