"""The exceptions neuroalign raises, and the words they share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from zipfile import BadZipFile

MOST = 60  # letters of a name that are shown
LISTED = 200  # letters of all names


class NeuroalignError(Exception):
    """Anything neuroalign refuses, said in one sentence for the person who asked."""


class UnknownNameError(NeuroalignError, LookupError):
    """A dataset, model, layer, subject, roi or neuroid of that name does not exist."""


class DataError(NeuroalignError, ValueError):
    """Recordings, stimuli, activations or options that cannot be used as given."""


class DownloadError(NeuroalignError, OSError):
    """A file that could not be fetched, or is not the file its hash promises."""


class MissingPackageError(NeuroalignError, ImportError):
    """An optional package that the request needs is not installed."""


def shortened(name: object, most: int = MOST) -> str:
    """Quote a name, the beginning only where it is long, as damage makes names."""
    text = str(name)
    quoted = repr(text if len(text) <= most else text[: most - 3] + "...")
    return quoted if len(quoted) <= 2 * most else f"{quoted[:most]}..."


def reason(error: BaseException) -> str:
    """Say what was raised on one line, with its kind where the words alone do not tell."""
    text = " ".join(str(error).split()).rstrip(".")
    text = text if len(text) <= LISTED else f"{text[:LISTED]}..."
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if text and isinstance(error, (OSError, ValueError, BadZipFile)):
        return text
    return f"{type(error).__name__} {text}".rstrip()


def name_some(labels: Iterable[object], most: int = 3) -> str:
    """Name the first few labels, as every message that counts labels does."""
    shown = [shortened(label) for _, label in zip(range(most), labels, strict=False)]
    return f"(first: {', '.join(shown)})"


def unknown_name(name: object, known: Iterable[str], *, kind: str) -> UnknownNameError:
    """Build the error for a name that is not among the known ones.

    Parameters
    ----------
    name : object
        What was asked for.
    known : iterable of str
        The names that exist.
    kind : str
        What was looked for, as in "dataset" or "layer".

    Returns
    -------
    UnknownNameError
        Suggests the nearest name, or lists the first ten where none is near.
    """
    names = sorted(str(item) for item in known)
    sentence = f"No {kind} is called {shortened(name)}."
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return UnknownNameError(f"{sentence} Did you mean {shortened(near[0])}?")
    if not names:
        return UnknownNameError(f"{sentence} There are none.")
    shown: list[str] = []
    for item in names[:10]:
        if shown and len(", ".join(shown)) + len(item) > LISTED:
            break
        shown.append(shortened(item))
    listed = ", ".join(shown)
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return UnknownNameError(f"{sentence} Known: {listed}{more}.")
