"""Find the files of a dataset: local folder first, then the cache, then the owners' address."""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

from neuroalign.data.transfer import WrongHashError, transfer
from neuroalign.errors import DownloadError, unknown_name
from neuroalign.progress import byte_bars

LOCAL_FOLDER = "NEUROALIGN_DATA"
AT_ONCE = 4  # files that are fetched at a time
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
        return self.fetch([name])[name]

    def fetch(self, names: Iterable[str] | None = None) -> dict[str, Path]:
        """Fetch and verify several files, some at a time.

        Parameters
        ----------
        names : iterable of str, optional
            All by default.

        Returns
        -------
        dict of str to Path

        Raises
        ------
        UnknownNameError
            If there is no such file.
        DownloadError
            If files cannot be fetched; the others are there then. What came of them is kept, and
            gone on from next time.
        """
        wanted = list(self._addresses if names is None else names)
        for name in wanted:
            if name not in self._addresses:
                raise unknown_name(name, self._addresses, kind=f"file of dataset {self._dataset!r}")
        paths: dict[str, Path] = {}
        failures: list[DownloadError] = []
        lacking = []
        for name in wanted:
            try:
                path = self._there(name)
            except DownloadError as error:
                failures.append(error)
            else:
                lacking += [name] if path is None else []
                paths |= {} if path is None else {name: path}
        if lacking:
            for name, result in self._download(lacking).items():
                if isinstance(result, DownloadError):
                    failures.append(result)
                else:
                    paths[name] = result
        if len(failures) > 1:
            message = f"{len(failures)} of {len(wanted)} files are not there; the first: "
            raise DownloadError(message + str(failures[0]))
        if failures:
            raise failures[0]
        return {name: paths[name] for name in wanted}

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Return the names that fit patterns such as ``"*.csv"``; each must fit some name."""
        found = []
        for pattern in patterns:
            fitting = fnmatch.filter(self._addresses, pattern)
            if not fitting:
                raise unknown_name(
                    pattern, self._addresses, kind=f"file of dataset {self._dataset!r}"
                )
            found += fitting
        return list(dict.fromkeys(found))

    def _there(self, name: str) -> Path | None:
        """Return the path of a file that lies here already, and None if it is to be downloaded."""
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
        path = self._cached(name)
        if path.exists():
            _check_hash(path, algorithm, digest)
            return path
        return None

    def _cached(self, name: str) -> Path:
        return cache_folder() / self._dataset / name

    def _download(self, names: Sequence[str]) -> dict[str, Path | DownloadError]:
        """Download files side by side; what stops one leaves the others alone."""
        stop = Event()
        with byte_bars() as add_bar, ThreadPoolExecutor(AT_ONCE) as pool:

            def download(name: str) -> Path | DownloadError:
                address, algorithm, digest = split_address(self._addresses[name])
                path = self._cached(name)
                try:
                    transfer(
                        address,
                        path,
                        algorithm=algorithm,
                        digest=digest,
                        add_bar=add_bar,
                        stop=stop,
                    )
                except OSError as error:
                    failure = _explained(error, name, address, path.parent)
                    failure.__cause__ = error
                    return failure
                return path

            tasks = {name: pool.submit(download, name) for name in names}
            try:
                wait(tasks.values())
            except BaseException:  # Ctrl-C: what came so far stays, to be gone on from
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        return {name: task.result() for name, task in tasks.items()}

    def has_hash(self, name: str) -> bool:
        """Tell whether a file can be verified: whether its owners state a hash."""
        return bool(split_address(self._addresses[name])[2])

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


def _explained(error: OSError, name: str, address: str, folder: Path) -> DownloadError:
    if error.errno == errno.ENOSPC:
        return DownloadError(f"No space is left in {folder} for {name!r}; free some and try again.")
    if error.errno is not None:  # of the disk: what the network raises has none
        why = (error.strerror or type(error).__name__).lower()
        return DownloadError(
            f"The cache folder {folder} cannot be written to ({why}); mend that, or put {name!r} "
            f"into a folder that {LOCAL_FOLDER} names."
        )
    if isinstance(error, WrongHashError):
        return DownloadError(
            f"What {address} serves is not the {name!r} of this dataset (its hash is "
            f"{str(error)[:12]}...); look there for a login, or another version."
        )
    answer = getattr(error, "response", None)
    why = type(error).__name__ if answer is None else f"status {answer.status_code}"
    return DownloadError(
        f"File {name!r} could not be downloaded from {address} ({why}); check the "
        f"connection, or put the file into a folder that {LOCAL_FOLDER} names."
    )
