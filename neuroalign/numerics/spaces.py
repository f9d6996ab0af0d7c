"""Feature spaces side by side: one kernel each, combined with any weights.

A space i of weight w_i enters as sqrt(w_i / s_i) X_i, with s_i the mean squared norm of its
centered training rows: weights then compare spaces of any width and scale. Ridge on the combined
features is ridge on the kernel sum_i w_i / s_i X_i X_i', and its prediction is a sum over spaces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.numerics import ridge
from neuroalign.numerics.device import Array, as_index, namespace


class Spaces(NamedTuple):
    """The Gram matrix of each space, or its features where there are few units in all."""

    parts: list[Array]  # of each space, (rows, rows) or (rows, its units)
    is_gram: bool
    rounding: float


def make_spaces(
    features: np.ndarray, members: list[np.ndarray], *, device: str = "cpu", dtype: str = "float64"
) -> Spaces:
    """Choose the smaller problem: Gram matrices of the rows, or the features of all spaces.

    Parameters
    ----------
    features : array (rows, units)
        Any numeric type.
    members : list of int arrays
        Numbers of the units of each space.
    device, dtype : str
        As `neuroalign.numerics.ridge.make_design` takes them.

    Returns
    -------
    Spaces
    """
    is_gram = ridge.is_wide(len(features), sum(map(len, members)))
    parts = []
    for units in members:
        design = ridge.make_design(features[:, units], device=device, dtype=dtype)
        narrow = is_gram and not design.is_gram
        parts.append(design.matrix @ design.matrix.T if narrow else design.matrix)
    return Spaces(parts, is_gram, ridge.ROUNDING[dtype])


def relative_weights(spaces: Spaces, weights: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Divide weights by the mean squared norm of the centered training rows of each space.

    Parameters
    ----------
    spaces : Spaces
    weights : float array (..., spaces)
    train : int array
        Row numbers.

    Returns
    -------
    float array (..., spaces)
        0 for a space that is constant in training.
    """
    designs = [ridge.Design(part, spaces.is_gram, spaces.rounding) for part in spaces.parts]
    scales = np.array([ridge.scale(design, train) for design in designs])
    return np.divide(weights, scales, out=np.zeros(weights.shape), where=scales > 0)


def combine(spaces: Spaces, weights: np.ndarray) -> ridge.Design:
    """Weigh the spaces: a design for ridge regression.

    Parameters
    ----------
    spaces : Spaces
    weights : float array (spaces,)
        From `relative_weights`.

    Returns
    -------
    Design
    """
    first, *others = zip(weights.tolist(), spaces.parts, strict=True)
    if spaces.is_gram:
        matrix = first[0] * first[1]
        for weight, part in others:
            if weight > 0:
                matrix += weight * part
    else:
        weighted = [weight**0.5 * part for weight, part in (first, *others)]
        matrix = namespace(first[1]).concatenate(weighted, axis=1)
    return ridge.Design(matrix, spaces.is_gram, spaces.rounding)


def project_rows(
    spaces: Spaces,
    weights: np.ndarray,
    spectrum: ridge.Spectrum,
    train: np.ndarray,
    test: np.ndarray,
) -> list[Array]:
    """Project the test rows of each space onto the directions of the combined features.

    Parameters
    ----------
    spaces : Spaces
    weights : float array (spaces,)
        From `relative_weights`.
    spectrum : Spectrum
        Of these training rows of the combined features.
    train, test : int arrays
        Row numbers.

    Returns
    -------
    list of arrays (test rows, rank)
        Of each space; they sum to `spectrum.test`.
    """
    in_train, in_test = (as_index(rows, spaces.parts[0]) for rows in (train, test))
    projected, start = [], 0
    for weight, part in zip(weights.tolist(), spaces.parts, strict=True):
        seen, new = part[in_train], part[in_test]
        if spaces.is_gram:
            mean = seen[:, in_train].mean(0)
            cross = new[:, in_train]
            cross = weight * (cross - cross.mean(1)[:, None] - (mean - mean.mean()))
            projected.append(cross @ spectrum.vectors)
        else:
            own = spectrum.vectors[start : start + part.shape[1]]
            start += part.shape[1]
            projected.append(weight**0.5 * (new - seen.mean(0)) @ own)
    return projected
