"""Where packages that carry trained weights lie, and which they are; none of them is imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from neuroalign.errors import MissingPackageError


def weights_folder(package: str, *, name: str, install: str, needs: Sequence[str] = ()) -> Path:
    """Find the folder of a package, without importing it.

    Parameters
    ----------
    package : str
        As it would be imported.
    name : str
        Of the model.
    install : str
        The command that installs all that the model needs.
    needs : sequence of str
        Other packages that must be there.

    Returns
    -------
    Path

    Raises
    ------
    MissingPackageError
        If one of the packages is not installed.
    """
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders or any(find_spec(other) is None for other in needs):
        message = f"Model {name!r} needs its weights; run {install}."
        raise MissingPackageError(message)
    return Path(folders[0])
