"""Read files of torch that hold tensors, and nothing that could be code."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch

from neuroalign.errors import DataError


def read_tensors(file: Path, labels: str) -> tuple[dict[str, torch.Tensor], Any]:
    """Read all tensors of a file by name, those within mappings as "outer/inner".

    Parameters
    ----------
    file : Path
    labels : str
        Name of the entry that labels the rows of the tensors.

    Returns
    -------
    tensors : dict of str to Tensor
        Left on disk until they are used, but in files of torch before 1.6.
    labels : list, Tensor or None
    """
    try:
        # Only tensors and plain values: whatever else a pickle could make might be code.
        held = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except pickle.UnpicklingError as error:
        if "nsupported global" not in str(error):  # damaged
            raise
        message = (
            f"File {str(file)!r} holds objects beside tensors, NumPy's perhaps, which are not "
            "unpickled, as they could run code; save tensors, and labels as a list of str."
        )
        raise DataError(message) from error
    named = dict(held) if isinstance(held, Mapping) else {file.stem: held}
    rows = named.pop(labels, None)
    return dict(_tensors_in(named, file)), rows


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array; of types that NumPy lacks, such as bfloat16, as float32."""
    small = tensor.is_floating_point() and tensor.element_size() < 4
    return (tensor.detach().float() if small else tensor.detach()).numpy()


def _tensors_in(
    named: Mapping[Any, Any], file: Path, prefix: str = ""
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield tensors by name; single numbers and words are passed over."""
    for name, value in named.items():
        if isinstance(value, torch.Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, Mapping):
            yield from _tensors_in(value, file, f"{prefix}{name}/")
        elif value is not None and not isinstance(value, (str, int, float)):
            kind = type(value).__name__
            message = (
                f"'{prefix}{name}' in {str(file)!r} is a {kind}; a tensor for each layer is needed."
            )
            raise DataError(message)
