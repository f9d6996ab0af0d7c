"""What a stimulus is, as bytes: to tell whether two are the same, and to hash them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def feed(digest: Any, value: Any) -> None:
    """Give a hash the content of a stimulus, so that equal content has equal hashes.

    Parameters
    ----------
    digest : hash object
        As of hashlib.
    value : object
        Text; an array, an image of PIL or a tensor; a path, of which the bytes of the file count;
        a tuple or list of these, such as a sound and its rate.
    """
    if hasattr(value, "detach"):  # a tensor, wherever it is
        value = value.detach().cpu()
        # NumPy knows no bfloat16, whose numbers float32 holds exactly.
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    if isinstance(value, Path) or (isinstance(value, str) and _is_file(value)):
        digest.update(Path(value).read_bytes())
    elif isinstance(value, (tuple, list)):
        for part in value:  # as hashes, all of one length: 1, 23 is not 12, 3
            own = hashlib.sha256()
            feed(own, part)
            digest.update(own.digest())
    elif isinstance(value, np.ndarray) or hasattr(value, "__array_interface__"):
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


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null in it
        return False
