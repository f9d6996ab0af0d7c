"""Refuse faulty data, or gather all their faults for whoever wants to mend them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from neuroalign.errors import DataError, MissingPackageError, NeuroalignError, reason

_GATHERED: ContextVar[list[str] | None] = ContextVar("gathered", default=None)

# What a fault says -> what to do about it.
MENDS = {
    r"stimulus labels occur more than once": "give each stimulus a label of its own; where it was "
    "shown more than once, use rows ('showing', 'neuroid')",
    r"labels occur more than once": "give each a label of its own",
    r"belong to more than one subject": "leave the prefix of neuroids to make_recording",
    r"lack the prefix": "leave the prefix to make_recording",
    r"attribute 'units'": "say what the values are, as in units='spikes/s'",
    r"'time' does not increase": "sort the bins of time, labels and values alike",
    r"'time' holds values": "give seconds from the onset, as numbers",
    r"'time' reaches|sampling period is": "give seconds, not milliseconds, or declare the fault on "
    "the card (known_faults)",
    r"time_convention": "pass attrs={'time_convention': 'bin centers'}",
    r"coordinate '\w+'.* is missing": "pass its labels to make_recording",
    r"infinite values": "write NaN where nothing was measured",
    r"have no response at all|has no response|with no response": "leave these neuroids out",
    r"a constant response": "leave these neuroids out, or declare the fault on the card "
    "(known_faults)",
    r"not in the stimulus table": "add these stimuli to the table, or leave their rows out",
    r"values that are not numbers": "write numbers, and nothing where none was measured",
    r"were shown to nobody": "leave them out of the table",
    r"files? .*do(es)? not exist": "put the files there, or mend the paths in the table",
    r"(image|audio|video) .*cannot be read": "fetch it anew, or save it again from what it was "
    "made of",
    r"stimuli have no (text|image|audio|video|condition)": "fill the column, or leave these "
    "stimuli out",
    r"stimuli have no (group|run|onset|duration)": "fill the column",
    r"no column text, image": "add the column that says what was presented",
    r"begin outside their run": "count onsets from the first sample of the run, in seconds",
    r"reading the recording twice": "let load depend on its files and options alone",
    r"the card says": "name on the card the column that the stimuli have",
}


def refuse(sentence: str, where: str, faults: Sequence[str]) -> None:
    """Refuse what has faults; while faults are gathered, note them and go on.

    Parameters
    ----------
    sentence : str
        Begins the message, as in "Recording of subject 'a' cannot be made".
    where : str
        What is at fault, as in "subject 'a'".
    faults : sequence of str

    Raises
    ------
    DataError
        If there are faults and nobody gathers them.
    """
    gathered = _GATHERED.get()
    if gathered is not None:
        gathered += [f"{where}: {fault}" for fault in faults]
    elif faults:
        message = f"{sentence}: {'; '.join(faults)}."
        raise DataError(message)


def raise_or_note(error: NeuroalignError, where: str) -> None:
    """Raise an error; while faults are gathered, note it and go on.

    Parameters
    ----------
    error : NeuroalignError
    where : str
        What is at fault.
    """
    gathered = _GATHERED.get()
    if gathered is None:
        raise error
    gathered.append(f"{where}: {str(error).rstrip('.')}")


def made_or_refused(subject: str, make: Callable[[], object]) -> object:
    """Make a recording that was promised, and say in one sentence why that fails.

    Parameters
    ----------
    subject : str
    make : callable
        Without arguments; returns the recording.

    Returns
    -------
    object
        What `make` returns.
    """
    try:
        return make()
    except NeuroalignError:
        raise
    except ModuleNotFoundError as error:
        message = (
            f"Recording of subject {subject!r} needs the package {error.name!r}, which is not "
            "installed."
        )
        raise MissingPackageError(message) from error
    except Exception as error:
        message = f"Recording of subject {subject!r} could not be loaded: {reason(error)}."
        raise DataError(message) from error


@contextmanager
def gathering() -> Iterator[list[str]]:
    """Gather the faults of data that are made meanwhile, in place of refusing them.

    Yields
    ------
    list of str
        Grows; the same fault may come twice.
    """
    found: list[str] = []
    token = _GATHERED.set(found)
    try:
        yield found
    finally:
        _GATHERED.reset(token)


def with_mend(fault: str) -> str:
    """Add to a fault what to do about it, where that can be said."""
    for pattern, mend in MENDS.items():
        if re.search(pattern, fault):
            return f"{fault}: {mend}"
    return fault
