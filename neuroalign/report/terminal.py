"""The terminal, or a file of some width, that tables are printed to."""

from __future__ import annotations

from rich.console import Console

WIDTH = 120  # of tables that go to a file


def terminal() -> Console:
    """Open it; brackets, as in names of layers and in texts, are no markup."""
    return Console(width=None if Console().is_terminal else WIDTH, markup=False)
