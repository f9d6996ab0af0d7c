"""The similarity of shapes under a rotation that was fitted to other stimuli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from neuroalign.numerics.similarity.halves import FEWEST, split_halves
from neuroalign.numerics.similarity.inputs import center_units, check_pair
from neuroalign.numerics.similarity.shapes import INVARIANCES, check_whitening, directions, gain


@dataclass(frozen=True)
class HeldOutProcrustes:
    """Cosine between two shapes, of stimuli that the rotation was not fitted to.

    Whitening and rotation are fitted on half of the stimuli, and the cosine is that of the others,
    centered by themselves; either half serves in turn, and several splits are averaged.

    Parameters
    ----------
    whitening : float
        As for `ProcrustesSimilarity`; full whitening needs no minimum of stimuli here.
    n_splits : int
    seed : int
        Of the splits.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), arXiv:2110.14739, for the similarity.
    """

    whitening: float = 0.0
    n_splits: int = 5
    seed: int = 0

    invariances: ClassVar[frozenset[str]] = INVARIANCES
    chance: ClassVar[str] = "0"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    cost: ClassVar[str] = "that of ProcrustesSimilarity, for each split twice"
    fails: ClassVar[str] = (
        "A rotation is estimated with error, so that of two systems that share a part of their "
        "variance the similarity comes out too small with few stimuli for the units that there are."
    )

    def __post_init__(self) -> None:
        check_whitening(self.whitening)

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two sets of activations, as `ProcrustesSimilarity` does.

        NaN where no unit of either varies in some half.
        """
        first, second = (center_units(values) for values in check_pair(first, second, FEWEST))
        pairs = split_halves(len(first), self.n_splits, self.seed)
        found = [_held_out(first, second, fit, held, self.whitening) for fit, held in pairs]
        return float(np.mean(found))


class _Frame(NamedTuple):
    """Coordinates that were fitted to some stimuli, for others."""

    basis: np.ndarray | None  # (units, directions); None for the units themselves
    gain: np.ndarray | float  # (directions,)
    outside: float  # gain of what is not in the basis

    def place(self, centered: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the coordinates of centered rows (rows, directions), and the size of all."""
        inside = centered if self.basis is None else centered @ self.basis
        beyond = max(float((centered**2).sum() - (inside**2).sum()), 0.0)
        placed = inside * self.gain
        return placed, float(np.sqrt((placed**2).sum() + self.outside**2 * beyond))


def _fit_frame(centered: np.ndarray, whitening: float) -> _Frame:
    if whitening:
        _, spread, basis = directions(centered)
        return _Frame(basis, gain(spread, whitening), 1 - whitening)
    wide = centered.shape[1] > len(centered)
    return _Frame(np.linalg.qr(centered.T)[0] if wide else None, 1.0, 1.0)


def _held_out(
    first: np.ndarray, second: np.ndarray, fit: np.ndarray, held: np.ndarray, whitening: float
) -> float:
    """Fit a rotation to some rows, and return the cosine of others."""
    parts = [[center_units(values[rows]) for values in (first, second)] for rows in (fit, held)]
    frames = [_fit_frame(rows, whitening) for rows in parts[0]]
    (x, _), (y, _) = (frame.place(rows) for frame, rows in zip(frames, parts[0], strict=True))
    # What may be rounding of the activations.
    rounding = max(x.shape[1], y.shape[1]) * np.finfo(float).eps
    least = [rounding * float(np.linalg.norm(values)) for values in (first, second)]
    left, products, right = np.linalg.svd(x.T @ y, full_matrices=False)
    # Where nothing varies together, every rotation is as good: such directions count as 0.
    real = products > least[0] * float(np.linalg.norm(second))
    rotation = left[:, real] @ right[real]
    (x, x_size), (y, y_size) = (
        frame.place(rows) for frame, rows in zip(frames, parts[1], strict=True)
    )
    if not real.any() or x_size <= least[0] or y_size <= least[1]:
        return np.nan
    return float(((x @ rotation) * y).sum() / (x_size * y_size))
