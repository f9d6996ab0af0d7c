"""Split the explained variance of a sum of predictions between its summands."""

from __future__ import annotations

import numpy as np

from neuroalign.numerics.moments import block_moments, explained_variance


def joint_r2(
    responses: np.ndarray, predictions: np.ndarray, train_sd: np.ndarray, *, about: str
) -> np.ndarray:
    """Compute R2 as `explained_variance` does, from responses and predictions.

    Parameters
    ----------
    responses, predictions : float arrays (rows, targets)
        Relative to the training mean.
    train_sd : float array (targets,)
    about : {"test", "train"}

    Returns
    -------
    float array (targets,)
    """
    one = np.zeros(len(responses), dtype=int)
    moments = block_moments(responses, predictions, one, 1)[0]
    return explained_variance(moments, train_sd, about=about)


def split_r2(
    responses: np.ndarray, parts: np.ndarray, train_sd: np.ndarray, *, about: str
) -> np.ndarray:
    """Split R2 by the product measure: R2_i = sum(2 y p_i - p_i p) / sum y^2, with p = sum_i p_i.

    About the mean of the test rows, R2 of the training mean itself is negative; all parts bear an
    equal share of that, so that they sum to the joint R2.

    Parameters
    ----------
    responses : float array (rows, targets)
        Relative to the training mean.
    parts : float array (parts, rows, targets)
        Predictions relative to the training mean, which add up to the joint prediction.
    train_sd : float array (targets,)
        As for `explained_variance`.
    about : {"test", "train"}
        Whose mean response is the yardstick.

    Returns
    -------
    float array (parts, targets)
        May be negative. NaN where the joint R2 is undefined.

    References
    ----------
    Dupre la Tour et al. (2022), doi:10.1016/j.neuroimage.2022.119728.
    """
    joint = parts.sum(0)
    gain = 2 * np.einsum("rt,prt->pt", responses, parts) - np.einsum("prt,rt->pt", parts, joint)
    squares = (responses**2).sum(0)
    drift = responses.sum(0) ** 2 / max(len(responses), 1) if about == "test" else 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = (gain - drift / len(parts)) / (squares - drift)
    defined = np.isfinite(joint_r2(responses, joint, train_sd, about=about))
    return np.where(defined, shares, np.nan)
