"""The exceptions neuroalign raises, and the words they share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


def name_some(labels: Iterable[object], most: int = 3) -> str:
    """Name the first few labels, as every message that counts labels does."""
    shown = [repr(str(label)) for _, label in zip(range(most), labels, strict=False)]
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
    sentence = f"No {kind} is called {str(name)!r}."
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return UnknownNameError(f"{sentence} Did you mean {near[0]!r}?")
    if not names:
        return UnknownNameError(f"{sentence} There are none.")
    listed = ", ".join(repr(item) for item in names[:10])
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return UnknownNameError(f"{sentence} Known: {listed}{more}.")
