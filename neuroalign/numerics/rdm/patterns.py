"""What every dissimilarity asks of the patterns it is given."""

from __future__ import annotations

import numpy as np

from neuroalign.errors import DataError


def check_patterns(patterns: np.ndarray, dims: str = "(stimuli, units)") -> np.ndarray:
    """Refuse what is not finite patterns of 2 stimuli or more.

    Parameters
    ----------
    patterns : array (..., stimuli, units)
    dims : str
        Which dimensions it must have.

    Returns
    -------
    float64 array (..., stimuli, units)
        Possibly the input itself: not to be written to.
    """
    patterns = np.asarray(patterns)
    if patterns.dtype.kind not in "biuf":
        message = f"The patterns hold {patterns.dtype}; give real numbers."
        raise DataError(message)
    if patterns.ndim != dims.count(",") + 1 or not patterns.size:
        message = f"The patterns have shape {patterns.shape}; give an array of {dims}."
        raise DataError(message)
    if patterns.shape[-2] < 2:
        message = "There is 1 stimulus, and a dissimilarity needs 2; give more stimuli."
        raise DataError(message)
    patterns = patterns.astype(float, copy=False)
    if not np.isfinite([patterns.min(), patterns.max()]).all():
        message = (
            f"The patterns have {(~np.isfinite(patterns)).sum()} values that are NaN or infinite; "
            "leave out those stimuli, or those units."
        )
        raise DataError(message)
    return patterns


def check_runs(patterns: np.ndarray) -> np.ndarray:
    """Refuse what is not patterns of several runs.

    Parameters
    ----------
    patterns : array (runs, stimuli, units)

    Returns
    -------
    float64 array (runs, stimuli, units)
        Possibly the input itself: not to be written to.
    """
    patterns = check_patterns(patterns, "(runs, stimuli, units)")
    if len(patterns) < 2:
        message = "There is 1 run, and cross-validation needs 2; give repetitions as runs."
        raise DataError(message)
    return patterns
