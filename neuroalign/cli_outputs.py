"""Where a command writes: refused before any work is done, if nothing can be written there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from neuroalign.errors import NeuroalignError


def run_folder(out: Path | None, name: str) -> Path | None:
    """Choose the folder of this run, and refuse one that is taken or cannot be made."""
    if out is None:
        return None
    folder = out / name
    if folder.exists():
        message = f"Folder {str(folder)!r} exists already; remove it or choose another --out."
        raise NeuroalignError(message)
    _check_writable(out, out)
    return folder


def run_name(model: str, beside: str | None, dataset: str, metric: str) -> str:
    """Name the folder of a run."""
    from neuroalign.data.catalog import dataset_module

    joined = "+".join(short_name(name) for name in (model, beside) if name is not None)
    return f"{joined}_{dataset_module(dataset)[0]}_{metric}"


def short_name(model: str) -> str:
    """Name a model in the names of folders: of a path its last part, and no slash or colon."""
    from neuroalign.models.catalog import UNTRAINED, is_file_name

    family, _, own = model.partition(":") if ":" in model else ("", "", model)
    bare = own.removesuffix(UNTRAINED)
    twin, path = own[len(bare) :], Path(bare).expanduser()
    if is_file_name(bare) or path.is_file():
        bare = path.stem
    elif family and path.is_dir():
        bare = path.resolve().name
    named = f"{family}-{bare}{twin}" if family else f"{bare}{twin}"
    return re.sub(r"[^\w.+-]+", "-", named)


def folder_names(models: Sequence[str]) -> dict[str, str]:
    """Name a folder for each of several models; those alike get numbers."""
    found: dict[str, str] = {}
    for model in models:
        name, number = short_name(model), 1
        while (named := name if number == 1 else f"{name}-{number}") in found.values():
            number += 1
        found[model] = named
    return found


def new_folder(out: Path | None) -> Path | None:
    """Return a folder that is to be made, and refuse one that is there or cannot be made."""
    if out is not None:
        if out.is_file():
            message = f"--out {str(out)!r} is a file; choose a folder that does not exist yet."
            raise NeuroalignError(message)
        if out.exists():
            message = f"Folder {str(out)!r} exists already; remove it or choose another --out."
            raise NeuroalignError(message)
        _check_writable(out.parent, out)
    return out


def output_file(out: Path | None) -> Path | None:
    """Return a file that is to be written, and refuse a folder, or one in no folder."""
    if out is not None:
        if out.is_dir():
            message = f"--out {str(out)!r} is a folder; name a file in it."
            raise NeuroalignError(message)
        if not out.parent.exists():
            message = f"Folder {str(out.parent)!r} of --out does not exist; make it first."
            raise NeuroalignError(message)
        _check_writable(out.parent, out)
    return out


def _check_writable(folder: Path, out: Path) -> None:
    """Refuse what lies below a file, or in a folder that nothing can be written to."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        message = f"Nothing can be written to --out {str(out)!r}: {str(there)!r} is a file."
        raise NeuroalignError(message)
    try:
        with tempfile.TemporaryDirectory(dir=there):
            return
    except OSError as error:
        message = f"Nothing can be written to --out {str(out)!r}: {(error.strerror or '').lower()}."
        raise NeuroalignError(message) from error
