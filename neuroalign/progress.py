"""Progress bars with an estimate of the remaining time, shown to people only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_WANTED: ContextVar[bool] = ContextVar("progress bars are wanted", default=True)
_SAID: ContextVar[set[str] | None] = ContextVar("what was announced already", default=None)


@contextmanager
def progress_wanted(wanted: bool) -> Iterator[None]:
    """Say whether bars are shown while the block runs, whoever draws them."""
    token, said = _WANTED.set(wanted), _SAID.set(set())
    try:
        yield
    finally:
        _WANTED.reset(token)
        _SAID.reset(said)


def announce(sentence: str) -> None:
    """Print a sentence on the standard error, once in a run, where bars are shown."""
    console, said = Console(stderr=True), _SAID.get()
    if said is not None and sentence not in said and _WANTED.get() and console.is_terminal:
        said.add(sentence)
        console.print(sentence)


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Advance]:
    """Show a bar on the standard error while the block runs.

    Nothing is ever shown where that is not a terminal (or a notebook).

    Parameters
    ----------
    description : str
    total : int
        Number of steps.

    Yields
    ------
    callable
        Takes the number of steps done since it was last called.
    """
    with _bars(MofNCompleteColumn(), _Rate()) as bars:
        yield Advance(bars, bars.add_task(description, total=total))


@contextmanager
def byte_bars() -> Iterator[Callable[[str, int], Advance]]:
    """Show a bar for each of several files that come at the same time.

    Yields
    ------
    callable
        Takes a name and a number of bytes (0 if unknown), adds a bar, and returns what is told of
        new bytes. May be called by several threads.
    """
    with _bars(DownloadColumn()) as bars:
        yield lambda name, total: Advance(bars, bars.add_task(name, total=total or None))


class _Rate(ProgressColumn):
    """Steps in a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g}/s")


def _bars(*amounts: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    notebook = console.is_jupyter and find_spec("ipywidgets") is not None  # rich warns without
    seen = _WANTED.get() and (console.is_terminal or notebook)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *amounts,
        TextColumn("remaining"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not seen,
    )


class Advance:
    """Move one bar forward."""

    def __init__(self, bar: Progress, task: object) -> None:
        self._bar, self._task = bar, task

    def __call__(self, steps: int = 1) -> None:
        """Say that so many more steps are done."""
        self._bar.advance(self._task, steps)  # type: ignore[arg-type]
