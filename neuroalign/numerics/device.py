"""Where arrays live: numpy on the CPU, torch on a GPU. Data move there once and come back once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import ThreadpoolController

from neuroalign.errors import DataError

DTYPES = ("float64", "float32")

# Rows from which several threads decompose a matrix faster than one. With fewer they wait for each
# other, a hundred times as long where something else runs too, and go on spinning in the way of the
# next product: numpy and scipy have threads of their own.
SEVERAL_THREADS = 1500

# Of eigenvalues, which are squared in float64 again.
LARGEST = 1e150

# Either kind of array; the functions of numerics use only what numpy and torch name alike.
Array = Any


def check_device(device: str) -> str:
    """Return the device, which must be there.

    Parameters
    ----------
    device : str
        "cpu" (numpy), "torch" (torch on the CPU, to test the path of a GPU), "cuda", "cuda:1" ...

    Returns
    -------
    str
    """
    if device in ("cpu", "torch"):
        return device
    import torch

    try:
        place = torch.device(device)
    except (RuntimeError, TypeError) as error:
        message = f"Device {device!r} is not known to torch; use 'cpu' or 'cuda'."
        raise DataError(message) from error
    if place.type != "cuda":
        message = f"Device {device!r} is not one that scores are computed on; use 'cpu' or 'cuda'."
        raise DataError(message)
    if not torch.cuda.is_available():
        message = f"Device {device!r} was asked for, but torch finds no CUDA device; use 'cpu'."
        raise DataError(message)
    if (place.index or 0) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        message = f"Device {device!r} was asked for, but the last one here is 'cuda:{last}'."
        raise DataError(message)
    return device


def put(values: np.ndarray, device: str, dtype: str) -> Array:
    """Move an array of the host to a device, as float32 or float64.

    On "cpu" it may be the array itself, which is only read; elsewhere it is a copy.
    """
    array = np.ascontiguousarray(values, dtype=dtype)
    if device == "cpu":
        return array
    import torch

    if np.may_share_memory(array, values) or not array.flags.writeable:
        array = array.copy()  # torch shares memory, and inputs are never changed
    return torch.from_numpy(array).to("cpu" if device == "torch" else device)


def check_range(values: np.ndarray, n_summed: int, dtype: str, what: str) -> None:
    """Refuse numbers whose squares, of so many together, overflow the type of the arithmetic."""
    peak = max(float(values.max()), -float(values.min())) if values.size else 0.0
    largest = min(float(np.finfo(dtype).max), LARGEST)
    if peak > np.sqrt(largest / 16 / max(n_summed, 1)):
        wider = " or use dtype='float64'" if dtype == "float32" else ""
        message = (
            f"The {what} reach {peak:.2g}, too large to be squared in {dtype}; rescale them{wider}."
        )
        raise DataError(message)


def fetch(array: Array) -> np.ndarray:
    """Bring an array back to the host, as float64."""
    if isinstance(array, np.ndarray):
        return array.astype(float, copy=False)
    return array.detach().cpu().numpy().astype(float)


def namespace(array: Array) -> ModuleType:
    """Return numpy or torch, whichever the array belongs to."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def as_index(rows: np.ndarray, like: Array) -> Array:
    """Return row numbers as an index into an array that lives elsewhere."""
    if isinstance(like, np.ndarray):
        return rows
    import torch

    return torch.as_tensor(rows, device=like.device)


def small(values: np.ndarray, like: Array) -> Array:
    """Return a small array of numbers where, and of the type that, another array is."""
    if isinstance(like, np.ndarray):
        return np.asarray(values, dtype=like.dtype)
    import torch

    return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device)


def double(array: Array) -> Array:
    """Return an array as float64, where it is."""
    return array.astype(float, copy=False) if isinstance(array, np.ndarray) else array.double()


def eigen(matrix: Array) -> tuple[Array, Array]:
    """Diagonalize a symmetric matrix, which is overwritten: eigenvalues ascending, and vectors."""
    if not isinstance(matrix, np.ndarray):
        return namespace(matrix).linalg.eigh(matrix)
    with few_threads(len(matrix)):
        return eigh(matrix, driver="evd", overwrite_a=True, check_finite=False)


@contextmanager
def few_threads(n_rows: int) -> Iterator[None]:
    """Let one thread of the CPU decompose a matrix of few rows."""
    threads = 1 if n_rows < SEVERAL_THREADS else None
    with _thread_pools().limit(limits=threads, user_api="blas"):
        yield


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def exact_products() -> Iterator[None]:
    """Keep float32 products in float32 on a GPU, whatever the process allows elsewhere (TF32)."""
    import torch

    matmul = torch.backends.cuda.matmul
    # Since torch 2.9 the older name raises an error where somebody has used the newer one.
    new = hasattr(matmul, "fp32_precision")
    name, exact = ("fp32_precision", "ieee") if new else ("allow_tf32", False)
    before = getattr(matmul, name)
    setattr(matmul, name, exact)
    try:
        yield
    finally:
        setattr(matmul, name, before)
