"""Activations kept on disk: `--cache` keeps and reads them, `neuroalign cache` lists them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuroalign.cli_options import named_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neuroalign.models.cache import CachedModel
    from neuroalign.models.cache_folder import CacheFolder, Kept
    from neuroalign.models.protocol import Model

cache = typer.Typer(
    help="List, verify or clear the activations that models keep on disk.", no_args_is_help=True
)
Folder = Annotated[
    Path | None,
    typer.Option("--in", help="Folder; by default $NEUROALIGN_CACHE, else the user's cache."),
]
Named = Annotated[str | None, typer.Option(help="Only of this model; * stands for anything.")]


@dataclass(frozen=True)
class Loader:
    """Load models on a device; with a cache, if wanted, where they can have one."""

    device: str
    cache: bool
    cached: list[CachedModel] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # names of models that cannot be cached

    def __call__(self, name: str, options: Mapping[str, str]) -> Model:
        """Load a model."""
        model = named_model(name, self.device, options)
        if not self.cache:
            return model
        if not callable(getattr(model, "ingredients", None)):
            self.others.append(model.name)
            return model
        from neuroalign.models.cache import cached

        self.cached.append(cached(model))
        return self.cached[-1]

    def report(self) -> str:
        """Say how many layers were read, and how many were computed."""
        read = sum(len(model.read - model.computed) for model in self.cached)
        computed = sum(len(model.computed) for model in self.cached)
        said = f"Cache: {read} layers read, {computed} computed"
        others = ", ".join(dict.fromkeys(self.others))
        return f"{said}; models without a cache: {others}." if others else f"{said}."


@cache.command("list")
def list_entries(model: Named = None, folder: Folder = None) -> None:
    """List what is kept, the last used first: model, layer, shape, bytes and when it was used."""
    from rich import box
    from rich.table import Table

    from neuroalign.models.cache_folder import open_cache, show_bytes
    from neuroalign.report.terminal import terminal

    kept_in = open_cache(folder)
    found = _matching(kept_in, model)
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("model", "layer", "shape", "size", "last used", "key"):
        table.add_column(title)
    for kept in reversed(found):
        table.add_row(*_described(kept), kept.key[:12])
    if found:
        terminal().print(table)
    total = show_bytes(sum(kept.size for kept in found))
    limit = show_bytes(kept_in.limit)
    typer.echo(f"{len(found)} entries of {total} in {kept_in.path}; the limit is {limit}.")


@cache.command()
def verify(model: Named = None, folder: Folder = None) -> None:
    """Read every byte of what is kept, and remove what is damaged; it will be computed anew."""
    from neuroalign.models.cache_entry import DamagedError, verify_entry
    from neuroalign.models.cache_folder import open_cache

    kept_in = open_cache(folder)
    found, damaged = _matching(kept_in, model), 0
    for kept in found:
        try:
            with kept_in.reading(kept.key) as entry:
                verify_entry(entry)
        except FileNotFoundError:  # another process removed it
            continue
        except DamagedError as error:
            damaged += 1
            kept_in.remove(kept.key)
            name, layer, *_ = _described(kept)
            typer.echo(f"Damaged and removed: {name} {layer} ({kept.key[:12]}): {error}.")
    typer.echo(f"{len(found) - damaged} of {len(found)} entries are as they were written.")


@cache.command()
def clear(
    older_than: Annotated[
        float | None, typer.Option(min=0, help="Only what was not used for so many days.")
    ] = None,
    model: Named = None,
    folder: Folder = None,
) -> None:
    """Remove what is kept, but for what another process reads now."""
    from neuroalign.models.cache_folder import DAY, open_cache, show_bytes

    kept_in = open_cache(folder)
    kept_in.sweep()
    before = time.time() - (older_than or 0) * DAY
    chosen = [
        kept for kept in _matching(kept_in, model) if older_than is None or kept.used < before
    ]
    removed = [kept for kept in chosen if kept_in.remove(kept.key)]
    freed = show_bytes(sum(kept.size for kept in removed))
    typer.echo(f"{len(removed)} entries of {freed} are removed from {kept_in.path}.")
    if in_use := len(chosen) - len(removed):
        typer.echo(f"{in_use} are in use or belong to somebody else.")


def _matching(kept_in: CacheFolder, model: str | None) -> Sequence[Kept]:
    """Return the entries of a model; damaged ones, which do not say whose they are, without it."""
    return [
        kept
        for kept in kept_in.entries()
        if model is None or (kept.manifest and fnmatchcase(kept.manifest["model"], model))
    ]


def _described(kept: Kept) -> tuple[str, str, str, str, str]:
    """Write the model, layer, shape, size and last use of an entry."""
    from neuroalign.models.cache_folder import show_bytes

    size, said = show_bytes(kept.size), kept.manifest
    if said is None:
        return "unknown", "(damaged)", "", size, ""
    used = datetime.fromtimestamp(kept.used).isoformat(" ", "minutes")
    if "layers" in said:
        return said["model"], f"(a selection of {len(said['layers'])})", "", size, used
    return said["model"], said["layer"], " x ".join(map(str, said["shape"])), size, used
