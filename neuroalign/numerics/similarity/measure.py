"""What every similarity measure has in common."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from neuroalign.errors import DataError


@runtime_checkable
class Measure(Protocol):
    """The contract of a measure such as `RSA` or `CKA`.

    A measure may also have `prepare_array(values) -> object`, for what takes one array only, and
    ``compare_prepared(first, second, order) -> float``, which compares two such objects when
    stimulus ``order[i]`` of the second meets stimulus i of the first. Then each array is prepared
    once for all permutations.
    """

    @property
    def chance(self) -> str:
        """What independent systems read, in words."""

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare activations (stimuli, units) of the same stimuli; larger is more alike."""


def check_measure(measure: object) -> None:
    """Refuse what is no similarity measure, and the class of one."""
    if isinstance(measure, type) or not isinstance(measure, Measure):
        message = f"{measure!r} is not a similarity measure; use one, as in na.similarity.CKA()."
        raise DataError(message)
