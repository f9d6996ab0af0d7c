"""What every measure asks of two sets of activations of the same stimuli."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.errors import DataError
from neuroalign.numerics.moments import ROUNDING

# Numbers that a processor works on without waiting for memory.
IN_CACHE = 100_000


def check_pair(
    first: np.ndarray, second: np.ndarray, fewest: int, *, keep_float32: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Refuse what is not two finite matrices whose rows can be the same stimuli.

    Parameters
    ----------
    first : array (stimuli, units)
    second : array (stimuli, other units)
    fewest : int
        Fewest stimuli for which the measure is defined.
    keep_float32 : bool
        Leave float32 as it is, for measures that can multiply in it.

    Returns
    -------
    first, second : float64 arrays
        Possibly the inputs themselves: not to be written to.
    """
    matrices = [
        check_matrix(values, name, keep_float32=keep_float32)
        for name, values in (("first", first), ("second", second))
    ]
    rows = [len(values) for values in matrices]
    if rows[0] != rows[1]:
        message = (
            f"The first array has {rows[0]} rows and the second {rows[1]}; give the same stimuli "
            "in the same order."
        )
        raise DataError(message)
    check_stimuli(rows[0], fewest)
    return matrices[0], matrices[1]


def check_matrix(values: np.ndarray, name: str, *, keep_float32: bool = False) -> np.ndarray:
    """Refuse what is not a finite matrix of real numbers.

    Parameters
    ----------
    values : array (stimuli, units)
    name : str
        Which one it is, as in "first".
    keep_float32 : bool
        Leave float32 as it is.

    Returns
    -------
    float64 array (stimuli, units)
        Possibly the input itself: not to be written to.
    """
    matrix = as_numbers(values, name)
    if matrix.ndim != 2 or not matrix.shape[1]:
        message = f"The {name} array has shape {matrix.shape}; give one of (stimuli, units)."
        raise DataError(message)
    if not (keep_float32 and matrix.dtype == np.float32):
        matrix = matrix.astype(float, copy=False)
    if matrix.size and not np.isfinite([matrix.max(), matrix.min()]).all():
        count = (~np.isfinite(matrix)).sum()
        message = (
            f"The {name} array has {count} values that are NaN or infinite; leave out those "
            "stimuli, or those units."
        )
        raise DataError(message)
    return matrix


def as_array(values: ArrayLike, name: str) -> np.ndarray:
    """Refuse rows that differ in length."""
    try:
        return np.asarray(values)
    except ValueError as error:
        message = f"The {name} array is not rectangular; its rows differ in length."
        raise DataError(message) from error


def as_numbers(values: ArrayLike, name: str) -> np.ndarray:
    """Refuse what is no array of real numbers."""
    found = as_array(values, name)
    if found.dtype.kind not in "biuf":
        message = f"The {name} array holds {found.dtype}; give real numbers."
        raise DataError(message)
    return found


def check_whole(name: str, value: object, fewest: int) -> None:
    """Refuse an option that is no whole number, or below the fewest."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < fewest:
        message = f"{name}={value!r} is not a whole number of {fewest} or more."
        raise DataError(message)


def check_stimuli(n_stimuli: int, fewest: int) -> None:
    """Refuse fewer stimuli than a measure is defined for."""
    if n_stimuli < fewest:
        message = f"There are {n_stimuli} stimuli, and this needs {fewest}; give more stimuli."
        raise DataError(message)


def center_units(values: np.ndarray) -> np.ndarray:
    """Subtract from each unit its mean; a unit that does not vary becomes exactly 0.

    Parameters
    ----------
    values : float array (stimuli, units)

    Returns
    -------
    float array (stimuli, units)
        Of the type of `values`, as precise as if means were subtracted in float64.
    """
    mean = values.mean(0, dtype=float)
    near = mean.astype(values.dtype)
    rest = (mean - near).astype(values.dtype)  # what the type could not hold of the mean
    centered = np.empty_like(values)
    highest, lowest = np.full((2, values.shape[1]), -np.inf)
    step = max(1, IN_CACHE // values.shape[1])
    for start in range(0, len(values), step):
        part = np.subtract(values[start : start + step], near, out=centered[start : start + step])
        part -= rest
        np.maximum(highest, part.max(0), out=highest)
        np.maximum(lowest, -part.min(0), out=lowest)
    constant = highest + lowest <= ROUNDING * (np.abs(mean) + highest + lowest)
    if constant.any():
        centered[:, constant] = 0
    return centered
