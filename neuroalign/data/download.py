"""Find the files of a dataset: local folder first, then the cache, then the owners' address."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from neuroalign.errors import DownloadError, unknown_name
from neuroalign.progress import Advance, progress_bar

LOCAL_FOLDER = "NEUROALIGN_DATA"
HASHES = {"sha256": 64, "sha1": 40}  # algorithm: hexadecimal digits


class DataFiles(Mapping[str, Path]):
    """The files of one dataset, fetched and verified when indexed.

    Parameters
    ----------
    dataset : str
        Name of the dataset, and of its folder.
    addresses : mapping
        File name -> ``"https://...#sha256=..."``, or ``#sha1=...`` where the owners state no other.
    how_to_get : str, optional
        Said where a file has no address.
    folder : Path, optional
        Looked into before anything else. By default ``$NEUROALIGN_DATA/<dataset>``.
    verify : bool, optional
        Compare every file with its hash.
    """

    def __init__(
        self,
        dataset: str,
        addresses: Mapping[str, str],
        *,
        how_to_get: str | None = None,
        folder: Path | None = None,
        verify: bool = True,
    ) -> None:
        root = os.environ.get(LOCAL_FOLDER)
        if folder is None and root:
            folder = Path(root).expanduser() / dataset
        self._dataset, self._addresses, self._how_to_get = dataset, dict(addresses), how_to_get
        self._folder, self._verify = folder, verify

    def __getitem__(self, name: str) -> Path:
        """Return the path of a file that is there, whole and verified."""
        if name not in self._addresses:
            raise unknown_name(name, self._addresses, kind=f"file of dataset {self._dataset!r}")
        address, algorithm, digest = split_address(self._addresses[name])
        if self._folder is not None and (path := self._folder / name).exists():
            if self._verify and digest:
                _check_hash(path, algorithm, digest)
            return path
        if not address:
            wanted = (self._folder or Path(f"${LOCAL_FOLDER}") / self._dataset) / name
            how = self._how_to_get or "its owners"
            message = f"File {name!r} has to be got from {how} and put at {wanted}."
            raise DownloadError(message)
        return _fetch(self._dataset, name, address, algorithm, digest)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the file names; fetches nothing."""
        return iter(self._addresses)

    def __len__(self) -> int:
        """Count the files."""
        return len(self._addresses)

    def __contains__(self, name: object) -> bool:
        """Tell whether the dataset has a file of that name; fetches nothing."""
        return name in self._addresses


def split_address(address: str) -> tuple[str, str, str]:
    """Return the address of a file, the algorithm of its hash, and the digits of the hash.

    Parameters
    ----------
    address : str
        As in ``"https://...#sha256=..."``; a file that has to be got by hand has only the hash.

    Returns
    -------
    tuple of str
        ("https://...", "sha256", "..."). Without a hash, the algorithm is sha256 and the digits
        are empty.
    """
    for algorithm in HASHES:
        url, found, digest = address.partition(f"#{algorithm}=")
        if found:
            return url, algorithm, digest
    return address, "sha256", ""


def cache_folder() -> Path:
    """Return the folder that downloads are kept in."""
    import pooch

    return Path(pooch.os_cache("neuroalign"))


def _check_hash(path: Path, algorithm: str, digest: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != digest:
        size = path.stat().st_size
        message = (
            f"File {path} ({size} bytes) is damaged or another version: its {algorithm} is "
            f"{found[:12]}..., but {digest[:12]}... is needed; fetch it anew, or where it is "
            "your own, put its hash on the card."
        )
        raise DownloadError(message)


def _fetch(dataset: str, name: str, address: str, algorithm: str, digest: str) -> Path:
    """Download to a temporary file, verify, and only then move into the cache."""
    import pooch

    target = cache_folder() / dataset / name
    if target.exists():
        _check_hash(target, algorithm, digest)
        return target
    bar = _DownloadBar(name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        downloader = pooch.HTTPDownloader(progressbar=bar)
        pooch.retrieve(
            address,
            known_hash=f"{algorithm}:{digest}",
            fname=target.name,
            path=target.parent,
            downloader=downloader,
        )
    except OSError as error:
        raise _explained(error, name, address, target.parent) from error
    except ValueError as error:
        message = f"What {address} serves is not the {name!r} of this dataset (wrong {algorithm})."
        raise DownloadError(message) from error
    finally:
        bar.close()
    return target


def _explained(error: OSError, name: str, address: str, folder: Path) -> DownloadError:
    if error.errno == errno.ENOSPC:
        return DownloadError(f"No space is left in {folder} for {name!r}; free some and try again.")
    if isinstance(error, PermissionError):
        return DownloadError(f"The cache folder {folder} cannot be written to.")
    return DownloadError(
        f"File {name!r} could not be downloaded from {address} ({type(error).__name__}); check the "
        f"connection, or put the file into a folder that {LOCAL_FOLDER} names."
    )


class _DownloadBar:
    """What pooch asks of a progress bar, drawn by rich."""

    def __init__(self, name: str) -> None:
        self._name, self.total = name, 0
        self._stack = ExitStack()
        self._advance: Advance | None = None

    def update(self, steps: int) -> None:
        """Advance, opening the bar once the size is known."""
        if self._advance is None:
            self._advance = self._stack.enter_context(progress_bar(self._name, self.total))
        self._advance(steps)

    def reset(self) -> None:
        """Go back to 0, as pooch does before it fills the bar up."""
        if self._advance is not None:
            self._advance(-self.total)

    def close(self) -> None:
        """Remove the bar."""
        self._stack.close()
