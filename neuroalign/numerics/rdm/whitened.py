"""Compare dissimilarities with their errors made independent, without a matrix over pairs.

Dissimilarities that share a stimulus share its noise. For independent noise of equal variance at
each stimulus, their estimates have the covariance V = (C C')^2, element by element, with C the
(n_pairs, n) contrasts between stimuli, up to a factor and for small true distances. V is 4 on the
diagonal, 1 for pairs that share a stimulus and 0 elsewhere: V = 2 I + B B', with B the (n_pairs, n)
indicators of the two stimuli of each pair. Its eigenvectors are the constant (eigenvalue 2 n),
the sums of one value per stimulus, centered (n), and what is left (2). Powers of V therefore take
row sums of the square form only, of order n^2. Where each pair has a noise precision of other
stimuli (`held_out_precision`), pairs that share a stimulus vary together by slightly less than V
says: by .23 of a variance instead of .25, with 40 smooth units and 3 repetitions of 26 stimuli.

References
----------
Diedrichsen, Berlot, Mur, Schuett, Shahbazi & Kriegeskorte (2021), doi:10.51628/001c.27664,
arXiv:2007.02789.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import squareform

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.comparison import check_vectors, correlation, cosine


def whitened_cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by the cosine of their whitened forms.

    a' V^-1 b / sqrt(a' V^-1 a  b' V^-1 b). For squared Euclidean distances this is linear CKA
    (with diagonal) of the patterns.

    Parameters
    ----------
    first : float array (a, n_pairs)
        Condensed dissimilarities, one set a row, none missing.
    second : float array (b, n_pairs)

    Returns
    -------
    float array (a, b)
        In [-1, 1]. NaN where a row is 0 throughout.

    Raises
    ------
    DataError
        Where a dissimilarity is NaN: what whitening makes of the others would depend on it.

    References
    ----------
    Diedrichsen et al. (2021), arXiv:2007.02789.
    """
    return cosine(whiten(first), whiten(second))


def whitened_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare dissimilarities by the correlation of their whitened forms.

    As `whitened_cosine`, after the best constant is taken from each row: its mean weighted by
    V^-1 1, and that is the plain mean, for 1 is an eigenvector of V.

    Parameters
    ----------
    first, second : float arrays (a, n_pairs), (b, n_pairs)
        As for `whitened_cosine`.

    Returns
    -------
    float array (a, b)
        In [-1, 1]. NaN where a row is constant.

    References
    ----------
    Diedrichsen et al. (2021), arXiv:2007.02789.
    """
    return correlation(whiten(first), whiten(second))


def whiten(vectors: np.ndarray) -> np.ndarray:
    """Multiply dissimilarities by the symmetric root of V^-1.

    The inner product of two rows of the result is a' V^-1 b. A constant row stays constant.

    Parameters
    ----------
    vectors : float array (rows, n_pairs)
        Condensed dissimilarities, none missing.

    Returns
    -------
    float array (rows, n_pairs)
        In units of the dissimilarities.

    See Also
    --------
    unwhiten
    """
    return _power(vectors, -0.5)


def unwhiten(vectors: np.ndarray) -> np.ndarray:
    """Multiply by the symmetric root of V, which undoes `whiten`.

    Parameters
    ----------
    vectors : float array (rows, n_pairs)
        As `whiten` returns them, or sums of such rows.

    Returns
    -------
    float array (rows, n_pairs)
    """
    return _power(vectors, 0.5)


def _power(vectors: np.ndarray, exponent: float) -> np.ndarray:
    """Multiply rows by a power of V."""
    vectors = check_vectors(vectors)
    n = _count_stimuli(vectors)
    constant = vectors.mean(axis=1, keepdims=True)
    rest = vectors - constant
    whole, shared, own = (2.0 * n) ** exponent, float(n) ** exponent, 2.0**exponent
    for row in rest:
        sums = squareform(row, checks=False).sum(axis=0) * ((shared - own) / max(n - 2, 1))
        row *= own
        row += squareform(sums[:, None] + sums, checks=False)
    return rest + whole * constant


def _count_stimuli(vectors: np.ndarray) -> int:
    n_pairs = vectors.shape[1]
    n = int((1 + np.sqrt(1 + 8 * n_pairs)) / 2)
    if n < 2 or n * (n - 1) // 2 != n_pairs:
        message = (
            f"{n_pairs} dissimilarities are not those of all pairs of some stimuli; give "
            "n (n - 1) / 2 of them, for n of 2 or more."
        )
        raise DataError(message)
    missing = int(np.isnan(vectors).sum())
    if missing:
        message = (
            f"{missing} of {vectors.size} dissimilarities are NaN, and whitening needs all pairs; "
            "leave out the stimuli that they belong to, or compare without whitening."
        )
        raise DataError(message)
    return n
