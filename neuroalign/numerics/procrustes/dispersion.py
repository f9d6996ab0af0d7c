"""How far apart several aligned views put each stimulus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Dispersion(NamedTuple):
    """Dispersion of each stimulus; independent views of norm 1 read 1 in all forms.

    Parameters
    ----------
    raw : float array (stimuli,)
        sum_{k<l} |y_ik - y_il|^2 / (K (K - 1)).
    relative : float array (stimuli,)
        The same divided by the mean squared norm of the stimulus; NaN where that is 0.
    directional : float array (stimuli,)
        1 - mean cosine of all pairs of views; NaN where a view has norm 0.
    residual : float array (views, stimuli)
        Half the mean squared distance of one view to the others; its mean over views is `raw`.
    """

    raw: np.ndarray
    relative: np.ndarray
    directional: np.ndarray
    residual: np.ndarray


def dispersion(turned: Sequence[np.ndarray], squared_norms: np.ndarray) -> Dispersion:
    """Compute the dispersion of stimuli from rotated views, without a loop over pairs.

    Since |a - b|^2 = |a|^2 + |b|^2 - 2 ab, the dispersion is the mean squared norm less the mean
    inner product of pairs. What the rotations were not fitted to (directions of a view that did not
    vary in its training rows) counts for the norms and is shared with nobody.

    Parameters
    ----------
    turned : sequence of float arrays (stimuli, d)
        X_k Q_k, at least two.
    squared_norms : float array (views, stimuli)
        |x_ik|^2, of all of a view, turned or not. May be estimates below 0.

    Returns
    -------
    Dispersion
    """
    norms = np.asarray(squared_norms, dtype=float)
    n_views = len(turned)
    with_others = _with_others(turned)
    mean_norm = norms.mean(0)
    raw = mean_norm - with_others.mean(0)
    others = (norms.sum(0) - norms) / (n_views - 1)
    residual = 0.5 * (norms + others) - with_others
    known = np.where(mean_norm > 0, mean_norm, np.nan)
    length = np.sqrt(np.where(norms > 0, norms, np.nan))
    pointed = [view / own[:, None] for view, own in zip(turned, length, strict=True)]
    return Dispersion(raw, raw / known, 1 - _with_others(pointed).mean(0), residual)


def _with_others(turned: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of <y_ik, y_il> over all l other than k, (views, stimuli)."""
    total = np.sum(turned, axis=0)
    products = [np.einsum("ij,ij->i", view, total - view) for view in turned]
    return np.stack(products) / (len(turned) - 1)
