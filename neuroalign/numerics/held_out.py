"""What one training set predicts for its test set: the common currency of all mappings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from neuroalign.numerics.alpha_search import chunks
from neuroalign.numerics.device import Array, as_index, fetch
from neuroalign.numerics.moments import is_constant
from neuroalign.numerics.ridge import squared_norms

NOTHING: Mapping[str, tuple[str, np.ndarray]] = MappingProxyType({})


class SplitResult(NamedTuple):
    """Predictions of held-out rows, relative to the training mean."""

    predictions: np.ndarray  # (test rows, targets)
    held_out: np.ndarray  # (test rows, targets), the responses
    train_mean: np.ndarray  # (targets,)
    train_sd: np.ndarray  # (targets,), 0 for a constant whatever its rounding
    hyperparameters: dict[str, np.ndarray]  # name -> (targets,)
    inner_r2: np.ndarray  # (targets,), NaN where unknown
    extra: Mapping[str, tuple[str, np.ndarray]] = NOTHING  # name -> (axis, (axis, targets))


def training_statistics(responses: Array, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation over training rows, a few targets at a time.

    Parameters
    ----------
    responses : array (rows, targets)
    train : int array
        Row numbers.

    Returns
    -------
    mean, sd : float arrays (targets,)
        The latter 0 for a constant, whatever its rounding.
    """
    index = as_index(train, responses)
    mean, sd = np.empty((2, responses.shape[1]))
    for part in chunks(len(mean), responses):
        values = fetch(responses[:, part][index])
        mean[part] = values.mean(0)
        sd[part] = np.where(is_constant(values), 0.0, values.std(0))
    return mean, sd


def errors_of_the_mean(responses: Array, inner: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Sum what inner training means miss of the validation rows, squared.

    Parameters
    ----------
    responses : array (rows, targets)
    inner : list of (int array, int array)
        Row numbers to train on and to validate on.

    Returns
    -------
    float array (targets,)
    """
    total = np.zeros(responses.shape[1])
    for train, held in inner:
        in_train, in_held = as_index(train, responses), as_index(held, responses)
        for part in chunks(len(total), responses):
            values = responses[:, part]
            missed = values[in_held] - values[in_train].mean(0)
            total[part] += fetch(squared_norms(missed))
    return total
