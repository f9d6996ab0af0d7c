"""How well choices of an odd one out can be predicted at all, and how sure an accuracy is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.choices import check_chosen, check_triplets
from neuroalign.numerics.similarity.inputs import as_numbers

PAIRS = ((0, 1), (0, 2), (1, 2))


class ChoiceCeiling(NamedTuple):
    """Bounds of the best accuracy that any prediction can have on triplets met repeatedly."""

    lower: float
    upper: float
    n_triplets: int  # met more than once
    n_choices: int  # made on them


def choice_ceiling(triplets: np.ndarray, chosen: np.ndarray) -> ChoiceCeiling:
    """Bound the accuracy of the best possible prediction by repeated choices.

    The best prediction of a triplet is the choice that most people make. The majority of the
    others predicts each choice no better than that (lower bound, on average); the majority that
    the choice itself is part of does no worse (upper bound). They meet as repetitions grow. Ties
    share the credit, as in `odd_one_out`.

    Parameters
    ----------
    triplets : int array (choices, 3)
        The same three items in another order are the same triplet.
    chosen : int array (choices,)
        Which of the three was chosen as the odd one: 0, 1 or 2.

    Returns
    -------
    ChoiceCeiling
        Over all choices on triplets with two of them or more; NaN if there are none.

    Examples
    --------
    >>> import numpy as np
    >>> triplets = np.array([[0, 1, 2], [0, 1, 2], [2, 1, 0], [3, 4, 5]])
    >>> ceiling = choice_ceiling(triplets, np.array([0, 0, 0, 1]))
    >>> round(ceiling.lower, 2), round(ceiling.upper, 2), ceiling.n_choices
    (0.33, 0.67, 3)
    """
    rows = check_triplets(triplets)
    positions = check_chosen(chosen, len(rows))
    ordered = np.sort(rows, axis=1)
    item = rows[np.arange(len(rows)), positions]
    place = (ordered == item[:, None]).argmax(1)
    group, n_groups = _numbered(ordered)
    counts = np.bincount(3 * group + place, minlength=3 * n_groups).reshape(-1, 3)
    counts = counts[counts.sum(1) > 1]
    total = int(counts.sum())
    if not total:
        return ChoiceCeiling(float("nan"), float("nan"), 0, 0)
    credit = 0.0
    for own in range(3):
        others = counts - (np.arange(3) == own)
        best = others == others.max(1, keepdims=True)
        credit += float((counts[:, own] * best[:, own] / best.sum(1)).sum())
    return ChoiceCeiling(credit / total, float(counts.max(1).sum()) / total, len(counts), total)


def choice_error(credit: np.ndarray, triplets: np.ndarray) -> float:
    """Estimate the standard error of a mean over triplets, of which many share items.

    Sums the products of deviations over all pairs of triplets that have an item in common, so that
    it is the error over other items as well as over other choices; errors that take triplets as
    independent are too small where items differ in how well they are predicted.

    Parameters
    ----------
    credit : float array (triplets,)
        Of `choice_credit`, or differences of it between two systems.
    triplets : int array (triplets, 3)

    Returns
    -------
    float
        NaN with fewer than two triplets or where a credit is NaN.

    References
    ----------
    Cameron, Gelbach & Miller (2011), doi:10.1198/jbes.2010.07136; of dyads: Aronow, Samii &
    Assenova (2015), doi:10.1093/pan/mpv018.
    """
    rows = np.sort(check_triplets(triplets), axis=1)
    values = as_numbers(credit, "credit").astype(float)
    n = len(rows)
    if values.shape != (n,):
        message = f"Credits have shape {values.shape}; give one for each of {n} triplets."
        raise DataError(message)
    if n < 2 or not np.isfinite(values).all():
        return float("nan")
    away = values - values.mean()
    single = np.bincount(rows.ravel(), weights=np.repeat(away, 3))
    pairs = np.concatenate([rows[:, pair] for pair in PAIRS])
    # A pair of triplets with m items in common is in m sums of items, m (m - 1) / 2 of pairs.
    shared = (single**2).sum() - _squares(pairs, np.tile(away, 3)) + _squares(rows, away)
    return float(np.sqrt(max(shared, (away**2).sum())) / n)


def _numbered(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Give rows (rows, columns) of whole numbers a number each, the same to equal ones."""
    _, codes = np.unique(rows, return_inverse=True)
    codes = codes.reshape(rows.shape)
    whole = codes[:, 0].astype(np.int64)
    for column in codes.T[1:]:
        _, whole = np.unique(whole * (int(codes.max()) + 1) + column, return_inverse=True)
    return whole, int(whole.max()) + 1


def _squares(rows: np.ndarray, weights: np.ndarray) -> float:
    """Sum the squares of the sums of weights over equal rows."""
    return float((np.bincount(_numbered(rows)[0], weights=weights) ** 2).sum())
