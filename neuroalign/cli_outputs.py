"""Where a command writes: refused before any work is done, if nothing can be written there."""

from __future__ import annotations

import tempfile
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
