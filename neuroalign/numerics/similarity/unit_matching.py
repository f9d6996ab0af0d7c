"""Unit matching: are single units of one system tuned like single units of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from neuroalign.errors import unknown_name
from neuroalign.numerics.one_to_one import standardize
from neuroalign.numerics.similarity.halves import FEWEST, split_halves
from neuroalign.numerics.similarity.inputs import check_pair
from neuroalign.numerics.soft_matching import transport

MODES = ("bipartite", "semi", "soft")


@dataclass(frozen=True)
class UnitMatching:
    """Mean correlation of units that were matched on other stimuli.

    Units are matched by their correlation over half of the stimuli, and correlated over the other
    half; either half serves in turn, and several splits are averaged. Units that do not vary in the
    half that matches are not matched, and pairs of which one does not vary in the other half are
    left out of the mean.

    Parameters
    ----------
    mode : {"bipartite", "semi", "soft"}
        "bipartite": one to one, so that the sum of the correlations is greatest; of the wider
        system some units are left over. "semi": to each unit of the first its best one of the
        second, which may serve several, so that the measure is not symmetric. "soft": in shares,
        all units of both with equal weight in sum, by optimal transport.
    n_splits : int
    seed : int
        Of the splits.

    References
    ----------
    Li, Yosinski, Clune, Lipson & Hopcroft (2016), arXiv:1511.07543, for "bipartite" and "semi";
    Khosla & Williams (2023), arXiv:2311.09466, for "soft". Both match and score the same stimuli.
    """

    mode: str = "bipartite"
    n_splits: int = 5
    seed: int = 0

    # Positive scales of single units as well.
    invariances: ClassVar[frozenset[str]] = frozenset({"translation", "scale", "permutation"})
    chance: ClassVar[str] = "0"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    cost: ClassVar[str] = (
        "for each split twice n p q, and the matching: min(p, q)^2 max(p, q) for bipartite and "
        "soft, p q for semi; p q of memory"
    )
    fails: ClassVar[str] = (
        "A rotation of the units, which changes nothing that can be read out linearly, takes the "
        "value from near 1 toward that of unrelated units."
    )

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise unknown_name(self.mode, MODES, kind="way to match units")

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare two sets of activations.

        Parameters
        ----------
        first : array (stimuli, units)
        second : array (stimuli, other units)

        Returns
        -------
        float
            NaN where in some half no pair of units is left that varies.
        """
        first, second = check_pair(first, second, FEWEST)
        scores = []
        for fit, held in split_halves(len(first), self.n_splits, self.seed):
            if self.mode == "soft":
                scores.append(_soft(first, second, fit, held))
            else:
                scores.append(_mean(_matched(first, second, fit, held, self.mode)))
        return float(np.mean(scores))


def matching_gap(
    first: np.ndarray, second: np.ndarray, *, n_splits: int = 5, seed: int = 0
) -> float:
    """Measure how much better units are matched when several may share a partner.

    The mean held-out correlation by "semi" less that by "bipartite", over those units of the first
    that both match. Where it is near 0, partners are rarely wanted twice: units correspond one to
    one. Where it is large, several units of the first are tuned like few of the second.

    Parameters
    ----------
    first : array (stimuli, units)
    second : array (stimuli, other units)
    n_splits : int
    seed : int
        Of the splits.

    Returns
    -------
    float
        NaN where in some half no unit is left that both match.

    References
    ----------
    Li, Yosinski, Clune, Lipson & Hopcroft (2016), arXiv:1511.07543.
    """
    first, second = check_pair(first, second, FEWEST)
    gaps = []
    for fit, held in split_halves(len(first), n_splits, seed):
        semi, one = (_matched(first, second, fit, held, mode) for mode in ("semi", "bipartite"))
        gaps.append(_mean(semi - one))
    return float(np.mean(gaps))


def _matched(
    first: np.ndarray, second: np.ndarray, fit: np.ndarray, held: np.ndarray, mode: str
) -> np.ndarray:
    """Return the held-out correlation of each unit of the first with its partner, or NaN."""
    (one, varies), (two, other_varies) = standardize(first[fit]), standardize(second[fit])
    found = np.full(first.shape[1], np.nan)
    units, others = np.flatnonzero(varies), np.flatnonzero(other_varies)
    if not (len(units) and len(others)):
        return found
    alike = one[:, units].T @ two[:, others]
    if mode == "semi":
        rows, partners = np.arange(len(units)), alike.argmax(1)
    else:
        rows, partners = linear_sum_assignment(alike, maximize=True)
    one, varies = standardize(first[np.ix_(held, units[rows])])
    two, other_varies = standardize(second[np.ix_(held, others[partners])])
    r = np.einsum("ij,ij->j", one, two)
    found[units[rows]] = np.where(varies & other_varies, r, np.nan)
    return found


def _soft(first: np.ndarray, second: np.ndarray, fit: np.ndarray, held: np.ndarray) -> float:
    """Return the held-out correlation, weighed by the transport plan of the other half."""
    (one, varies), (two, other_varies) = standardize(first[fit]), standardize(second[fit])
    if not (varies.any() and other_varies.any()):
        return np.nan
    plan = transport(1 - one[:, varies].T @ two[:, other_varies])
    one, still = standardize(first[held][:, varies])
    two, other_still = standardize(second[held][:, other_varies])
    mass = plan[np.ix_(still, other_still)].sum()
    return float(((one @ plan) * two).sum() / mass) if mass > 0 else np.nan


def _mean(values: np.ndarray) -> float:
    """Average those that are defined; NaN if none is."""
    defined = np.isfinite(values)
    return float(values[defined].mean()) if defined.any() else np.nan
