"""Choose penalties without refitting: leave-one-out residuals, and generalized cross-validation.

With hat matrix H (the intercept included), the residual of a row that is left out is
(y_i - yhat_i) / (1 - H_ii); generalized cross-validation puts the average of the H_ii in their
place.
"""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.alpha_search import TOLERANCE, Validation, chunks, validation_errors
from neuroalign.numerics.device import Array, as_index, fetch, small
from neuroalign.numerics.ridge import Spectrum, filters, squared_norms


def leave_one_out_errors(
    spectrum: Spectrum, responses: Array, penalties: np.ndarray, *, tolerance: float = TOLERANCE
) -> np.ndarray:
    """Sum the squared residuals of each row, predicted by all others.

    Parameters
    ----------
    spectrum : Spectrum
        Of the training rows.
    responses : array (training rows, targets)
    penalties : float array (penalties,), ascending
    tolerance : float
        As in `validation_errors`.

    Returns
    -------
    float array (penalties, targets)

    References
    ----------
    Allen (1974), doi:10.1080/00401706.1974.10489157.
    """
    basis, shape, n_unspanned = _residual_form(spectrum, penalties)
    n_rows = len(basis)
    # 1 - H_ii from what is left of each direction, so that it is exact where H_ii is nearly 1.
    squares = fetch(basis) ** 2
    unspanned = np.maximum(1 - 1 / n_rows - squares.sum(1), 0) * (n_unspanned > 0)
    left_over = (squares @ fetch(shape)).T + unspanned
    inflation = small(1 / np.maximum(left_over, np.finfo(float).eps), basis)
    every = as_index(np.arange(n_rows), responses)
    mean = responses.mean(0)
    fold = Validation(
        basis, basis, shape, responses, mean, every, None, inflation, n_unspanned == 0
    )
    return validation_errors([fold], tolerance=tolerance)


def generalized_errors(spectrum: Spectrum, responses: Array, penalties: np.ndarray) -> np.ndarray:
    """Compute the criterion of generalized cross-validation, times the number of rows.

    The degrees of freedom of the fit are tr(H) with the intercept.

    Parameters
    ----------
    spectrum : Spectrum
        Of the training rows.
    responses : array (training rows, targets)
    penalties : float array (penalties,)

    Returns
    -------
    float array (penalties, targets)

    References
    ----------
    Golub, Heath & Wahba (1979), doi:10.1080/00401706.1979.10489751.
    """
    basis, shape, n_unspanned = _residual_form(spectrum, penalties)
    errors = np.empty((len(penalties), responses.shape[1]))
    for part in chunks(responses.shape[1], responses):
        centered = responses[:, part] - responses[:, part].mean(0)
        loadings = basis.T @ centered
        errors[:, part] = fetch((shape.T**2) @ loadings**2)
        if n_unspanned:
            errors[:, part] += fetch(squared_norms(centered - basis @ loadings))
    # n - tr(H) from what is left of each direction: exact where tr(H) is nearly n.
    left_over = n_unspanned + fetch(shape).sum(0)
    return errors / (left_over / len(basis))[:, None] ** 2


def _residual_form(spectrum: Spectrum, penalties: np.ndarray) -> tuple[Array, Array, int]:
    """Return an orthonormal basis of the fitted responses, and what residuals keep of each.

    Also return how many directions of the centered responses the basis does not span.
    """
    used = spectrum.eigenvalues > 0
    size = squared_norms(spectrum.train)
    basis = spectrum.train * (used / (size + ~used) ** 0.5)
    values = small(penalties, basis)
    kept = filters(spectrum, penalties) * values[None, :]
    n_unspanned = max(len(basis) - 1 - int(used.sum()), 0)
    return basis, kept, n_unspanned
