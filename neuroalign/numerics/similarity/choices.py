"""Human choices: does a system find the same items alike as people do."""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.spatial.distance import squareform

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.rdm.comparison import spearman
from neuroalign.numerics.rdm.products import squared_distances
from neuroalign.numerics.similarity.inputs import as_array, as_numbers, check_matrix

SIMILARITIES = ("dot", "cosine", "euclidean")

# Similarities that differ by less than this share of the size of the items are tied.
TIED = 1e-12

LARGEST_TABLE = 30_000_000  # similarities of all pairs that are kept in memory
CHUNK = 4_000_000  # numbers of activations in memory at a time


def triplet_similarities(
    values: np.ndarray, triplets: np.ndarray, *, similarity: str = "dot"
) -> np.ndarray:
    """Compute how alike the two other items of each triplet are, for each of its items.

    Parameters
    ----------
    values : array (items, units)
    triplets : int array (triplets, 3)
        Numbers of three different items.
    similarity : {"dot", "cosine", "euclidean"}
        Inner product; inner product of items of length 1; minus the distance.

    Returns
    -------
    float array (triplets, 3)
        NaN for the cosine with an item of length 0.

    Examples
    --------
    >>> import numpy as np
    >>> triplet_similarities(np.array([[2.0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]]))
    array([[0., 0., 2.]])
    """
    return _scores(values, triplets, similarity)[0]


def odd_one_out(values: np.ndarray, triplets: np.ndarray, *, similarity: str = "dot") -> np.ndarray:
    """Predict which item of each triplet is the odd one: the one outside of the most alike pair.

    Parameters
    ----------
    values : array (items, units)
    triplets : int array (triplets, 3)
        Numbers of three different items.
    similarity : {"dot", "cosine", "euclidean"}
        As for `triplet_similarities`.

    Returns
    -------
    float array (triplets, 3)
        1 at the predicted item. Where several pairs are equally alike, the items outside of them
        share it, so that a system for which all are alike reads 1/3, and not 0 (or 1) as where
        the first of ties is taken. NaN where a similarity is.

    References
    ----------
    Hebart, Zheng, Pereira & Baker (2020), doi:10.1038/s41562-020-00951-3.

    Examples
    --------
    >>> import numpy as np
    >>> items = np.array([[2.0, 0], [1, 0], [0, 1]])
    >>> odd_one_out(items, np.array([[0, 1, 2], [2, 1, 0]]))
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    scores, size = _scores(values, triplets, similarity)
    undefined = np.isnan(scores).any(1, keepdims=True)
    best = scores.max(1, keepdims=True)
    tied = best - scores <= TIED * size
    return np.where(undefined, np.nan, tied / np.maximum(tied.sum(1, keepdims=True), 1))


def choice_probabilities(similarities: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Turn similarities of pairs into probabilities that the item outside of each is chosen.

    Parameters
    ----------
    similarities : float array (triplets, 3)
        Of `triplet_similarities`.
    temperature : float
        Above 0: similarities are divided by it before the softmax.

    Returns
    -------
    float array (triplets, 3)
        Rows sum to 1. NaN where a similarity is.
    """
    if not (isinstance(temperature, Real) and 0 < temperature < np.inf):
        message = f"temperature={temperature} must be a number above 0."
        raise DataError(message)
    given = as_numbers(similarities, "given").astype(float)
    if given.ndim != 2 or given.shape[1] != 3:
        message = f"The similarities have shape {given.shape}; give three for each triplet."
        raise DataError(message)
    with np.errstate(over="ignore", invalid="ignore"):
        odds = np.exp((given - given.max(1, keepdims=True)) / temperature)
    return odds / odds.sum(1, keepdims=True)


def choice_credit(predicted: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Look up what was predicted of the items that people chose.

    The mean is the accuracy if `odd_one_out` predicted (chance 1/3), and that of the logarithm the
    log likelihood if `choice_probabilities` did (chance -log 3).

    Parameters
    ----------
    predicted : float array (triplets, 3)
    chosen : int array (triplets,)
        Which of the three was chosen as the odd one: 0, 1 or 2.

    Returns
    -------
    float array (triplets,)
    """
    positions = check_chosen(chosen, len(predicted))
    return np.asarray(predicted)[np.arange(len(positions)), positions]


def judged_spearman(values: np.ndarray, judged: np.ndarray, *, similarity: str = "cosine") -> float:
    """Correlate the ranks of similarities of pairs with those of similarities that people judged.

    Parameters
    ----------
    values : array (items, units)
    judged : float array (pairs,)
        In the order of ``np.triu_indices(items, 1)``; NaN where a pair was not judged.
    similarity : {"dot", "cosine", "euclidean"}
        As for `triplet_similarities`.

    Returns
    -------
    float
        Spearman's r. NaN with fewer than three judged pairs or where one side does not vary.

    References
    ----------
    Marjieh et al. (2023), arXiv:2206.04105.
    """
    matrix = check_matrix(values, "first")
    pairs = np.triu_indices(len(matrix), 1)
    given = as_numbers(judged, "judged").astype(float)
    if given.shape != pairs[0].shape:
        message = (
            f"Judged similarities have shape {given.shape}, but {len(matrix)} items have "
            f"{len(pairs[0])} pairs; give one number a pair, NaN where there is none."
        )
        raise DataError(message)
    shown = np.isfinite(given)
    items = _prepared(matrix, similarity)
    if shown.sum() < 3:
        return float("nan")
    found = _pair_scores(items, pairs[0][shown], pairs[1][shown], similarity)
    if np.isnan(found).any():
        return float("nan")
    if similarity != "euclidean":
        found[np.abs(found) <= TIED * np.einsum("ij,ij->i", items, items).max()] = 0
    return float(spearman(found[None], given[None, shown])[0, 0])


def check_triplets(triplets: np.ndarray, n_items: int | None = None) -> np.ndarray:
    """Refuse what is not rows of three different items.

    Parameters
    ----------
    triplets : int array (triplets, 3)
    n_items : int, optional
        Numbers must be below it.

    Returns
    -------
    int array (triplets, 3)
    """
    rows = as_array(triplets, "triplets")
    if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind not in "iu" or not len(rows):
        message = (
            f"The triplets are {rows.dtype} of shape {rows.shape}; give whole numbers of items, "
            "three a row."
        )
        raise DataError(message)
    if rows.min() < 0 or (n_items is not None and rows.max() >= n_items):
        known = "" if n_items is None else f", but there are {n_items}"
        message = (
            f"Triplets number items from {rows.min()} to {rows.max()}{known}; count items from 0."
        )
        raise DataError(message)
    same = (rows == np.roll(rows, 1, axis=1)).any(1)
    if same.any():
        message = f"{same.sum()} triplets hold an item twice; give three different items in each."
        raise DataError(message)
    return rows


def check_chosen(chosen: np.ndarray, n_triplets: int) -> np.ndarray:
    """Refuse what is not one of three positions for each triplet."""
    positions = as_array(chosen, "chosen")
    if (
        positions.shape != (n_triplets,)
        or positions.dtype.kind not in "iu"
        or not np.isin(positions, (0, 1, 2)).all()
    ):
        message = (
            f"Choices are {positions.dtype} of shape {positions.shape}; give 0, 1 or 2 for each of "
            f"{n_triplets} triplets."
        )
        raise DataError(message)
    return positions


def _prepared(values: np.ndarray, similarity: str) -> np.ndarray:
    """Make items of which inner products, or distances, are what is asked for."""
    if similarity not in SIMILARITIES:
        raise unknown_name(similarity, SIMILARITIES, kind="similarity")
    if similarity == "dot":
        return values
    if similarity == "euclidean":
        return values - values.mean(0)
    size = np.abs(values).max(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        scaled = values / size
        return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)


def _pair_scores(
    items: np.ndarray, first: np.ndarray, second: np.ndarray, similarity: str
) -> np.ndarray:
    """Compute inner products, or minus squared distances, of pairs of items."""
    apart = similarity == "euclidean"
    if len(items) ** 2 <= LARGEST_TABLE:
        table = -squareform(squared_distances(items)) if apart else items @ items.T
        return np.asarray(table[first, second])
    step = max(1, CHUNK // items.shape[1])
    parts = []
    for k in range(0, len(first), step):
        one, two = items[first[k : k + step]], items[second[k : k + step]]
        gap = one - two
        parts.append(np.einsum("ij,ij->i", -gap, gap) if apart else np.einsum("ij,ij->i", one, two))
    return np.concatenate(parts)


def _scores(
    values: np.ndarray, triplets: np.ndarray, similarity: str
) -> tuple[np.ndarray, np.ndarray]:
    """Score the pair without each item of triplets; and the size that rounding is relative to."""
    matrix = check_matrix(values, "first")
    rows = check_triplets(triplets, len(matrix))
    items = _prepared(matrix, similarity)
    pairs = ((1, 2), (0, 2), (0, 1))
    first, second = (np.concatenate([rows[:, pair[side]] for pair in pairs]) for side in (0, 1))
    scores = _pair_scores(items, first, second, similarity).reshape(3, -1).T
    size = np.einsum("ij,ij->i", items, items)[rows].max(1, keepdims=True)
    return (-np.sqrt(-scores), np.sqrt(size)) if similarity == "euclidean" else (scores, size)
