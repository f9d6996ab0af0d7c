"""Which installed package a module is of, and in which version."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import platform
import sys
import sysconfig
from pathlib import Path

_SITES = ("site-packages", "dist-packages")


def package_of(name: str | None) -> str | None:
    """Return the installed package that a module is of, with its version; None for other code.

    Parameters
    ----------
    name : str or None
        Full name of a module that is loaded.

    Returns
    -------
    str or None
        As in "torch 2.4.0" or "Python 3.11.7".
    """
    module = sys.modules.get(name or "")
    if module is None or name == "__main__":
        return None
    spec = getattr(module, "__spec__", None)
    return package_at(str(name), getattr(module, "__file__", None) or getattr(spec, "origin", None))


@functools.lru_cache(maxsize=10_000)
def package_at(name: str, file: str | None) -> str | None:
    """Return the installed package that a module of this name is of, whose code is in `file`."""
    top = name.partition(".")[0]
    if top == "neuroalign":
        return f"neuroalign {importlib.metadata.version(top)} {_own_code()}"
    if top in sys.builtin_module_names or file in ("built-in", "frozen"):
        return f"Python {platform.python_version()}"
    if file is None:
        return None
    folders = Path(file).parts
    if any(site in folders for site in _SITES):
        return distribution_of(top)
    library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    if any(Path(file).is_relative_to(folder) for folder in library if folder):
        return f"Python {platform.python_version()}"
    return None


def versions(*packages: str) -> str:
    """Return the versions of those packages that are installed, as an ingredient of a cache key."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # one that only some files need
            continue
    return json.dumps(found)


@functools.lru_cache(maxsize=1)
def _own_code() -> str:
    """Return a hash of the code that runs models, which changes more often than its version."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=1_000)
def distribution_of(top: str) -> str | None:
    """Return the distribution that a package was installed by, with its version; None without."""
    try:
        return f"{top} {importlib.metadata.version(top)}"
    except importlib.metadata.PackageNotFoundError:
        names = sorted(set(importlib.metadata.packages_distributions().get(top, ())))
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names) or None
