"""What every reader does at the border: find a file, and say why it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from neuroalign.errors import DataError, NeuroalignError

LONGEST = 200  # letters of what a library says


def existing(path: str | PathLike[str]) -> Path:
    """Return the path of a file that is there and holds something.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If there is no such file, it is a folder, or it is empty.
    """
    found = Path(path).expanduser()
    if not found.exists():
        message = f"File {str(found)!r} does not exist; check its name and folder."
    elif not found.is_file():
        message = f"{str(found)!r} is a folder; a file is needed."
    elif not found.stat().st_size:
        message = f"File {str(found)!r} is empty; fetch it anew."
    else:
        return found
    raise DataError(message)


@contextmanager
def reading(path: str | PathLike[str], kind: str) -> Iterator[None]:
    """Turn whatever a library raises about a file into one sentence.

    Parameters
    ----------
    path : str or path
    kind : str
        What the file should be, as in "a NIfTI image".

    Raises
    ------
    DataError
        With the first line of what the library said. Errors of neuroalign pass unchanged, and so
        does a package that is missing.
    """
    try:
        yield
    except (NeuroalignError, ModuleNotFoundError):
        raise
    except MemoryError as error:
        message = f"File {str(path)!r} does not fit into memory as {kind}; read fewer neuroids."
        raise DataError(message) from error
    except Exception as error:
        said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        first = next(iter(said.strip().splitlines()), "").strip().rstrip(".")
        first = first if len(first) <= LONGEST else f"{first[:LONGEST]}..."
        first = "".join(letter if letter.isprintable() else "?" for letter in first)
        reason = f"{type(error).__name__}: {first}" if first else type(error).__name__
        message = f"File {str(path)!r} cannot be read as {kind} ({reason})."
        raise DataError(message) from error
