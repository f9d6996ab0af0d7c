"""Progress bars with an estimate of the remaining time, shown to people only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bar(description: str, total: int, *, show: bool = True) -> Iterator[Advance]:
    """Show a bar on the standard error while the block runs.

    Parameters
    ----------
    description : str
    total : int
        Number of steps.
    show : bool
        Nothing is ever shown where the standard error is not a terminal (or a notebook).

    Yields
    ------
    callable
        Takes the number of steps done since it was last called.
    """
    console = Console(stderr=True)
    seen = show and (console.is_terminal or console.is_jupyter)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not seen) as bar:
        task = bar.add_task(description, total=total)
        yield Advance(bar, task)


class Advance:
    """Move one bar forward."""

    def __init__(self, bar: Progress, task: object) -> None:
        self._bar, self._task = bar, task

    def __call__(self, steps: int = 1) -> None:
        """Say that so many more steps are done."""
        self._bar.advance(self._task, steps)  # type: ignore[arg-type]
