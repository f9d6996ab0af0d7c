"""Name the file of a network that is damaged, where its package only says that it failed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from zipfile import ZipFile, is_zipfile

from neuroalign.errors import DataError, reason


def refuse_damaged(files: Iterable[Path], full: str) -> None:
    """Refuse the first file that is not what its name says, to be called once reading has failed.

    Parameters
    ----------
    files : iterable of Path
        Those that are not there, or of other kinds, are passed over.
    full : str
        Name of the model, for messages.

    Raises
    ------
    DataError
        If one is damaged.
    """
    for path in files:
        if not path.is_file() or path.suffix not in CHECKS:
            continue
        try:
            CHECKS[path.suffix](path)
        except MemoryError:
            raise
        except ImportError:  # what cannot be looked at may be whole
            continue
        except Exception as error:  # safetensors and pickle raise kinds of their own
            why = reason(error).partition(". ")[0]
            message = f"File {str(path)!r} of model {full!r} is damaged ({why}); fetch it anew."
            raise DataError(message) from error


def _check_json(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    if path.name in OBJECTS and not isinstance(found, dict):
        message = "it holds no JSON object"
        raise ValueError(message)


def _check_safetensors(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt"):
        pass


def _check_torch(path: Path) -> None:
    """Look whether the file is whole; what is in it, torch may read or not."""
    if is_zipfile(path):
        with ZipFile(path) as file:
            if (bad := file.testzip()) is not None:
                message = f"its part {bad!r} is not what was written"
                raise ValueError(message)
        return
    import torch

    try:  # what torch wrote before archives, or an archive that is cut short
        torch.load(path, map_location="meta", weights_only=True)
    except NotImplementedError:  # what cannot be looked at may be whole
        return
    except UnpicklingError as error:
        if "nsupported" not in str(error):  # objects beside tensors, or a newer pickle
            raise


OBJECTS = ("config.json", "tokenizer.json", "tokenizer_config.json")
CHECKS = {
    ".json": _check_json,
    ".safetensors": _check_safetensors,
    ".bin": _check_torch,
    ".pt": _check_torch,
    ".pth": _check_torch,
}
