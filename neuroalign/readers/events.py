"""Tables of events: what was shown when, in the seconds of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike

import numpy as np
import pandas as pd

from neuroalign.data.schema import as_labels
from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import reading
from neuroalign.readers.rows import listed, run_names

# Columns that say what was shown, the first that a table has unless another is named.
STIMULUS_COLUMNS = ("stimulus", "stim_file", "trial_type", "condition")


def read_events(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    run: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    r"""Read tables of events as BIDS has them, one a run, as one table.

    Parameters
    ----------
    paths : path or sequence of path
        ``*_events.tsv``: tab-separated, with the columns `onset` and `duration` in s, and others
        such as `trial_type` and `stim_file`; "n/a" is a missing value.
    run : str or sequence of str, optional
        Of each file. By default as BIDS names say it, else "run-1", "run-2", ...

    Returns
    -------
    DataFrame
        Rows as in the files, one file after the other, with the column `run` in front.

    Raises
    ------
    DataError
        If a file is no such table, or an onset or duration is no number.

    References
    ----------
    https://bids-specification.readthedocs.io/en/stable/modality-specific-files/task-events.html

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from neuroalign.readers import read_events
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "sub-1_task-faces_run-2_events.tsv")
    ...     _ = path.write_text("onset\tduration\ttrial_type\n1.5\t2\tface\n")
    ...     table = read_events(path)
    >>> table.to_dict("records")
    [{'run': 'run-2', 'onset': 1.5, 'duration': 2.0, 'trial_type': 'face'}]
    """
    files = listed(paths)
    tables = []
    for path, name in zip(files, run_names(files, run), strict=True):
        with reading(path, "a table of events"):
            table = pd.read_csv(path, sep="\t", dtype=str, na_values=["n/a"], keep_default_na=False)
        where = f"File {str(path)!r}"
        for column in ("onset", "duration"):
            table[column] = _seconds(table, column, where)
        tables.append(table.drop(columns="run", errors="ignore").assign(run=name))
    joined = pd.concat(tables, ignore_index=True)
    return joined[["run", *joined.columns.drop("run")]]


def stimulus_column(events: pd.DataFrame) -> str | None:
    """Return the column that says what was shown, where a table has one of the usual names."""
    return next((name for name in STIMULUS_COLUMNS if name in events), None)


def ordered_events(
    events: pd.DataFrame, *, stimulus: str | None = None, runs: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return events by run and onset, whatever the order of the rows, with checked columns.

    Parameters
    ----------
    events : DataFrame
        With `onset` (s in the run), perhaps `duration` (s), and `run` where there are several.
    stimulus : str, optional
        Column that says what was shown. By default the first there is of `stimulus`,
        `stim_file`, `trial_type` and `condition`.
    runs : sequence of str, optional
        The runs that there are, in order. By default those of the table, "run-2" before "run-10".

    Returns
    -------
    DataFrame
        With the columns stimulus, run, onset and duration.
    """
    if not isinstance(events, pd.DataFrame):
        message = f"events is a {type(events).__name__}; a DataFrame is needed (see read_events)."
        raise DataError(message)
    shown = stimulus or stimulus_column(events)
    if shown is None or shown not in events:
        message = (
            f"The events have no column {shown or 'stimulus'!r} that says what was shown; name "
            f"one of theirs {name_some(events.columns)} as stimulus."
        )
        raise DataError(message)
    table = pd.DataFrame(
        {
            "stimulus": _named(events, shown),
            "run": _runs(events, runs),
            "onset": _seconds(events, "onset", "The table of events"),
            "duration": _seconds(events, "duration", "The table of events")
            if "duration" in events
            else 0.0,
        }
    )
    order = {name: n for n, name in enumerate(runs or sorted(set(table["run"]), key=_natural))}
    if lost := sorted(set(table["run"]) - set(order)):
        message = (
            f"The events name {len(lost)} runs that were not recorded {name_some(lost)}; runs of "
            f"the recording {name_some(order)}."
        )
        raise DataError(message)
    if not len(table):
        message = "The table of events is empty; a row for each event is needed."
        raise DataError(message)
    table["order"] = table["run"].map(order)
    table = table.sort_values(["order", "onset", "stimulus"], kind="stable", ignore_index=True)
    return table.drop(columns="order")


def _named(events: pd.DataFrame, column: str) -> np.ndarray:
    if (empty := events[column].isna()).any():
        message = (
            f"{empty.sum()} of {len(events)} events have no {column}; leave them out, or say what "
            "was shown."
        )
        raise DataError(message)
    return as_labels(events[column], "stimulus")


def _runs(events: pd.DataFrame, runs: Sequence[str] | None) -> np.ndarray:
    if "run" in events:
        return as_labels(events["run"], "run")
    if runs is not None and len(runs) > 1:
        message = (
            f"The events have no column 'run', but {len(runs)} runs were recorded "
            f"{name_some(runs)}; say in which run each event is."
        )
        raise DataError(message)
    return np.repeat(runs[0] if runs else "run-1", len(events))


def _seconds(table: pd.DataFrame, column: str, where: str) -> np.ndarray:
    if column not in table:
        message = f"{where} has no column {column!r}; onset and duration, in s, are needed."
        raise DataError(message)
    seconds = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    if column == "duration":
        # A moment: BIDS allows an impulse to have a missing duration.
        seconds = np.where(table[column].isna(), 0.0, seconds)
    wrong = ~np.isfinite(seconds) | ((seconds < 0) if column == "duration" else False)
    if wrong.any():
        message = (
            f"{where} has {wrong.sum()} events whose {column} is no number of seconds "
            f"{name_some(table[column][wrong])}."
        )
        raise DataError(message)
    return seconds


def _natural(name: str) -> tuple:
    """Return a key that sorts "run-2" before "run-10"."""
    return tuple(
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.split(r"([0-9]+)", name)
    )
