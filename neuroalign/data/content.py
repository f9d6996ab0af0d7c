"""What a stimulus is, as bytes: to tell whether two are the same, and to hash them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

GRAY_OR_RGB = ("1", "L", "LA", "RGB", "RGBA", "I", "F")


def feed(digest: Any, value: Any) -> None:
    """Give a hash the content of a stimulus, so that equal content has equal hashes.

    Parameters
    ----------
    digest : hash object
        As of hashlib.
    value : object
        Text; an array, an image of PIL or a tensor; a path, of which the bytes of the file count;
        a tuple, list or mapping of these, such as a sound and its rate. Of all else, its repr.
    """
    if _is_tensor(value):
        value = _array_of(value)
    elif isinstance(value, Image.Image):  # pixels of other modes are numbers of colors
        plain = value.mode in GRAY_OR_RGB or value.mode.startswith("I;")
        value = np.asarray(value if plain else value.convert("RGBA"))
    elif not isinstance(value, (str, Path)) and hasattr(value, "__array__"):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:  # else its addresses were hashed
        value = [value.shape, *value.ravel()]
    elif isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, Path) or (isinstance(value, str) and _is_file(value)):
        digest.update(Path(value).read_bytes())
    elif isinstance(value, (tuple, list)):
        for part in value:  # as hashes, all of one length: 1, 23 is not 12, 3
            own = hashlib.sha256()
            feed(own, part)
            digest.update(own.digest())
    elif isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        digest.update(str((array.shape, array.dtype)).encode() + array.tobytes())
    else:
        digest.update(repr(value).encode())


def content_codes(stimuli: pd.DataFrame, kinds: Sequence[str]) -> np.ndarray:
    """Return a hash of the content of each stimulus; equal content has equal hashes.

    Parameters
    ----------
    stimuli : DataFrame
    kinds : sequence of str
        Columns: values (text, arrays, PIL images) or paths, of which the bytes count.

    Returns
    -------
    array of str (stimuli,)
    """
    return np.array(
        ["".join(_hash(value) for value in row) for row in stimuli[list(kinds)].to_numpy()]
    )


def _hash(value: object) -> str:
    digest = hashlib.blake2b(digest_size=16)
    feed(digest, value)
    return digest.hexdigest()


def _is_tensor(value: object) -> bool:
    """Tell whether something is a tensor, which only torch can have made."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _array_of(tensor: Any) -> np.ndarray:
    """Return the numbers of a tensor, wherever and however it holds them."""
    dense = tensor.detach().cpu().to_dense().resolve_conj().resolve_neg()
    try:
        return np.asarray(dense.numpy())
    except TypeError:  # NumPy knows no bfloat16 or float8, whose numbers float32 holds exactly
        return np.asarray(dense.float().numpy())


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null in it
        return False
