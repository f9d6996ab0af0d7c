"""Shapes: how alike two sets of activations are once one is rotated onto the other (Procrustes).

All of them center units first. Where the numbers of units differ, the narrower one counts as
having further units that are always 0; none of these is ever stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.inputs import center_units, check_matrix, check_pair

# A direction with less than this share of the largest variance is rounding, and never whitened.
ROUNDING = 1e-12

INVARIANCES = frozenset({"translation", "scale", "rotation", "permutation"})


@dataclass(frozen=True)
class ProcrustesSimilarity:
    """Cosine of the angle that is left between two shapes after the best rotation.

    |X'Y|_* / (|X| |Y|), with the sum of the singular values above. The angle itself is
    `angular_distance`; for covariances it is the normalized Bures similarity.

    Parameters
    ----------
    whitening : float
        Share w of whitening between 0 (none) and 1 (full): units are first mapped by
        (1 - w) I + w C^(-1/2), with C the covariance in units of its mean variance over directions
        that vary, so that the share means the same on every scale. With 1 the similarity is also
        invariant to invertible linear maps, and is the mean canonical correlation where both have
        equally many directions; too few stimuli for that are refused.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), arXiv:2110.14739.
    """

    whitening: float = 0.0

    invariances: ClassVar[frozenset[str]] = INVARIANCES
    chance: ClassVar[str] = (
        "far above 0: about .85 sqrt(p / n) for p units each and n >> p stimuli, .57 at n = 2p, "
        ".97 at n = p / 10; HeldOutProcrustes reads 0"
    )
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    cost: ClassVar[str] = "n p q + p q min(p, q), with n in the place of p or q where it is smaller"
    fails: ClassVar[str] = (
        "A rotation is fitted to the stimuli that it is judged by, so that independent activations "
        "look alike, the more so the fewer stimuli there are."
    )

    def __post_init__(self) -> None:
        check_whitening(self.whitening)

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two sets of activations.

        Parameters
        ----------
        first : array (stimuli, units)
        second : array (stimuli, other units)

        Returns
        -------
        float
            NaN where no unit of either varies.
        """
        first, second = check_pair(first, second, 2)
        return self.compare_prepared(self.prepare_array(first), self.prepare_array(second))

    def prepare_array(self, values: np.ndarray) -> np.ndarray:
        """Do what takes one set of activations only.

        Parameters
        ----------
        values : array (stimuli, units)

        Returns
        -------
        float array (stimuli, at most as many columns)
            The shape: centered, whitened, of size 1, in coordinates in which it is narrow.
        """
        centered = center_units(check_matrix(values, "given"))
        if self.whitening:
            left, spread, _ = directions(centered)
            centered = left * (spread * gain(spread, self.whitening))
        shape = _narrow(centered)
        size = np.linalg.norm(shape)
        return shape / size if size > 0 else np.full_like(shape, np.nan)

    def compare_prepared(
        self, first: np.ndarray, second: np.ndarray, order: np.ndarray | None = None
    ) -> float:
        """Compare what `prepare_array` returned.

        Parameters
        ----------
        first, second : float arrays (stimuli, columns)
        order : int array (stimuli,), optional
            Row of the second that meets each row of the first, if not the same.

        Returns
        -------
        float
        """
        n_stimuli, n_directions = len(first), first.shape[1] + second.shape[1]
        if self.whitening == 1 and n_directions >= n_stimuli:
            message = (
                f"Full whitening of {first.shape[1]} and {second.shape[1]} directions needs more "
                f"than {n_directions} stimuli, and there are {n_stimuli}: any two would look alike;"
                " use whitening below 1, or fewer units."
            )
            raise DataError(message)
        if not (_varies(first) and _varies(second)):
            return np.nan
        rows = second if order is None else second[order]
        values = np.linalg.svd(first.T @ rows, compute_uv=False)
        return min(float(values.sum()), 1.0)


def angular_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Measure the angle between two shapes after the best rotation.

    arccos(|X'Y|_* / (|X| |Y|)), computed as 2 arcsin(d / 2) with d the `size_and_shape_distance`
    of both at size 1: the cosine would lose angles below 1e-8.

    Parameters
    ----------
    first : array (stimuli, units)
    second : array (stimuli, other units)

    Returns
    -------
    float
        In radians, from 0 to pi / 2; NaN where no unit of either varies.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), arXiv:2110.14739.
    """
    shapes = [ProcrustesSimilarity().prepare_array(x) for x in check_pair(first, second, 2)]
    if not all(_varies(shape) for shape in shapes):
        return np.nan
    return 2 * float(np.arcsin(min(_residual(*shapes) / 2, 1.0)))


def size_and_shape_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Measure what is left between two sets of activations after the best rotation.

    min over rotations Q of |X Q - Y|, whose square is |X|^2 + |Y|^2 - 2 |X'Y|_*. It is computed
    from the differences that are left, since the three terms would cancel for shapes that are
    nearly the same.

    Parameters
    ----------
    first : array (stimuli, units)
    second : array (stimuli, other units)

    Returns
    -------
    float
        In the units of the activations; changes with their scale. A set in which nothing varies
        has size 0.

    References
    ----------
    Kendall, Barden, Carne & Le (1999), Shape and shape theory, doi:10.1002/9780470317006.
    """
    return _residual(*(_narrow(center_units(x)) for x in check_pair(first, second, 2)))


def procrustes_matrix(views: Sequence[np.ndarray], *, whitening: float = 0.0) -> np.ndarray:
    """Compare every two of several sets of activations of the same stimuli.

    Each is centered, narrowed and whitened once.

    Parameters
    ----------
    views : sequence of arrays (stimuli, units)
        Their numbers of units may differ.
    whitening : float
        As for `ProcrustesSimilarity`.

    Returns
    -------
    float array (views, views)
        Cosines, as `ProcrustesSimilarity` has them; the angles are `np.arccos` of them, to 1e-8.
        NaN in the row and column of a set in which nothing varies.
    """
    measure = ProcrustesSimilarity(whitening)
    if not isinstance(views, Sequence) or not views:
        message = "Views are a list of arrays of (stimuli, units); give one or more."
        raise DataError(message)
    for view in views[1:]:
        check_pair(views[0], view, 2)
    shapes = [measure.prepare_array(view) for view in views]
    similarity = np.diag([1.0 if _varies(shape) else np.nan for shape in shapes])
    for one, shape in enumerate(shapes):
        for two in range(one):
            similarity[one, two] = measure.compare_prepared(shape, shapes[two])
            similarity[two, one] = similarity[one, two]
    return similarity


def _residual(first: np.ndarray, second: np.ndarray) -> float:
    """Rotate the narrower of two centered sets onto the other, and return what is left."""
    if first.shape[1] > second.shape[1]:
        first, second = second, first
    left, _, right = np.linalg.svd(first.T @ second, full_matrices=False)
    return float(np.linalg.norm(first @ (left @ right) - second))


def _narrow(centered: np.ndarray) -> np.ndarray:
    """Rotate a set with more units than stimuli so that it needs no more columns than those."""
    if centered.shape[1] <= len(centered):
        return centered
    return np.asarray(np.linalg.qr(centered.T, mode="r")).T


def directions(centered: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the directions in which activations vary by more than rounding.

    Parameters
    ----------
    centered : float array (stimuli, units)

    Returns
    -------
    scores : float array (stimuli, directions)
        Of length 1.
    spread : float array (directions,)
    basis : float array (units, directions)
    """
    left, spread, basis = np.linalg.svd(centered, full_matrices=False)
    kept = (spread > 0) & (spread**2 > ROUNDING * spread[0] ** 2)
    kept[0] = True  # all 0, where nothing varies
    return left[:, kept], spread[kept], basis[kept].T


def gain(spread: np.ndarray, whitening: float) -> np.ndarray:
    """Return how much partial whitening stretches directions of some spread (directions,)."""
    typical = np.sqrt((spread**2).mean())
    return (1 - whitening) + whitening * typical / np.where(spread > 0, spread, 1.0)


def _varies(shape: np.ndarray) -> bool:
    return not np.isnan(shape[0, 0])


def check_whitening(whitening: float) -> None:
    """Refuse what is no share."""
    if not (isinstance(whitening, Real) and 0 <= whitening <= 1):
        message = f"whitening is {whitening}; use a share between 0 (none) and 1 (full)."
        raise DataError(message)
