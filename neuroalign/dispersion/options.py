"""Check what was asked for before any fit is made."""

from __future__ import annotations

import numpy as np

from neuroalign.dispersion.systems import Systems
from neuroalign.errors import DataError
from neuroalign.numerics.device import DTYPES, check_device
from neuroalign.numerics.procrustes.alignment import AlignmentOptions


def fit_options(systems: Systems, **asked: object) -> AlignmentOptions:
    """Return how systems are fitted, or say by name what cannot be done.

    Parameters
    ----------
    systems : Systems
    **asked
        Of `AlignmentOptions`.

    Returns
    -------
    AlignmentOptions
    """
    options = AlignmentOptions(**asked)  # type: ignore[arg-type]
    check_device(options.device)
    if options.dtype not in DTYPES:
        message = f"dtype={options.dtype!r} is not one of {', '.join(DTYPES)}."
        raise DataError(message)
    whole_number("n_starts", options.n_starts, 1)
    for name, rows in zip(systems.names, systems.rows, strict=True):
        if (rows == rows[:1]).all():
            message = f"System {name!r} is the same for all stimuli; leave it out."
            raise DataError(message)
    if options.dimensions is not None:
        narrowest, name = min(
            (rows.shape[1], name) for name, rows in zip(systems.names, systems.rows, strict=True)
        )
        if whole_number("dimensions", options.dimensions, 1) > narrowest:
            message = (
                f"dimensions={options.dimensions} were asked for, but system {name!r} has "
                f"{narrowest} units; ask for at most so many."
            )
            raise DataError(message)
    return options


def whole_number(name: str, value: object, least: int) -> int:
    """Return a whole number that is large enough."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        message = f"{name}={value!r} is not a whole number of {least} or more."
        raise DataError(message)
    return int(value)
