"""Files from the Hugging Face hub, and one sentence for each way of not getting them."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from neuroalign.errors import DataError, DownloadError, NeuroalignError, UnknownNameError, reason

SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]
WEIGHTS = ["model.safetensors", "model-*-of-*.safetensors"]
OLD_WEIGHTS = ["pytorch_model.bin", "pytorch_model-*-of-*.bin"]


def hub_folder(repository: str, *, name: str, revision: str | None, weights: bool) -> Path:
    """Fetch a repository of the hub, or find it among earlier downloads.

    Parameters
    ----------
    repository : str
        As in "openai-community/gpt2".
    name : str
        Of the model, for messages.
    revision : str, optional
        Branch, tag or commit.
    weights : bool
        Whether the weights are wanted too.

    Returns
    -------
    Path
        Folder whose name is the commit.
    """
    from huggingface_hub import snapshot_download

    def fetch(patterns: list[str]) -> Path:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"]
        )
        return Path(folder)

    instead = "a folder that holds them, as in 'hf:/path/to/folder'"
    with in_words(name, repository, revision, instead):
        folder = fetch(SMALL_FILES + WEIGHTS if weights else SMALL_FILES)
        if weights and not any(folder.glob("*.safetensors")):
            folder = fetch(SMALL_FILES + OLD_WEIGHTS)
    return folder


def hub_file(
    repository: str, files: Sequence[str], *, name: str, revision: str | None, instead: str
) -> Path:
    """Fetch the first of some files that a repository has.

    Returns
    -------
    Path
        In a folder whose name is the commit.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    with in_words(name, repository, revision, instead):
        for file in files[:-1]:
            try:
                return Path(hf_hub_download(repository, file, revision=revision))
            except LocalEntryNotFoundError:
                raise
            except EntryNotFoundError:
                continue
        return Path(hf_hub_download(repository, files[-1], revision=revision))


def commit_of(path: Path | str) -> str | None:
    """Return the commit of a file or folder of the hub's cache; None of any other."""
    parts = Path(path).parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts[:-1] else None


@contextmanager
def in_words(name: str, source: str, revision: str | None, instead: str) -> Iterator[None]:
    """Say in one sentence what is missing where files cannot be fetched.

    Parameters
    ----------
    name : str
        Of the model.
    source : str
        Repository or address.
    revision : str, optional
    instead : str
        What else could be given.
    """
    try:
        yield
    except NeuroalignError:
        raise
    except Exception as error:
        theirs = type(error).__module__.startswith(("huggingface_hub", "safetensors"))
        usual = (OSError, ValueError, RuntimeError, EOFError, UnpicklingError)
        if not (theirs or isinstance(error, usual)):
            raise
        raise _sentence(error, name, source, revision, instead) from error


def _sentence(
    error: Exception, name: str, source: str, revision: str | None, instead: str
) -> NeuroalignError:
    # By name: of torchvision alone, the client of the hub is no requirement.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    unreached = isinstance(error, (ConnectionError, TimeoutError, urllib.error.URLError))
    if unreached or "LocalEntryNotFoundError" in kinds:
        at = f" at revision {revision!r}" if revision else ""
        message = (
            f"Model {name!r} needs files of {source!r}{at}, which cannot be reached, nor are they "
            f"left from an earlier download; connect to the internet, or give {instead}."
        )
        return DownloadError(message)
    if "GatedRepoError" in kinds:
        message = (
            f"Model {name!r} needs files of {source!r}, which are given to those only who accept "
            f"its terms; accept them at https://huggingface.co/{source} and run hf auth login, or "
            f"give {instead}."
        )
        return DownloadError(message)
    if kinds & {"RepositoryNotFoundError", "HFValidationError"}:
        message = (
            f"The hub has no repository {source!r} that can be read, which model {name!r} needs; "
            f"mind its spelling, run hf auth login if it is private, or give {instead}."
        )
        return UnknownNameError(message)
    if "RevisionNotFoundError" in kinds:
        message = (
            f"{source!r}, which model {name!r} needs, has no revision {revision!r}; give a branch, "
            "tag or commit that it has, or none for its newest."
        )
        return UnknownNameError(message)
    if "EntryNotFoundError" in kinds:
        message = (
            f"{source!r} has no weights in a file that is known, which model {name!r} needs; give "
            f"{instead}."
        )
        return DataError(message)
    message = f"The files of {source!r} for model {name!r} cannot be used: {reason(error)}."
    return DataError(message)
