"""Confounds of fMRI: tables of fMRIPrep, slow drifts, and what is left of a series without them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import existing, reading

RANK = 1e-10  # of the largest singular value: what is smaller is rounding


def confound_table(path: Path, columns: Sequence[str], n_volumes: int) -> pd.DataFrame:
    """Return the chosen confounds of a run, one row a volume.

    Parameters
    ----------
    path : Path
        Table of fMRIPrep.
    columns : sequence of str
        Names, or patterns such as "a_comp_cor_0[0-5]" and "cosine*".
    n_volumes : int

    Notes
    -----
    Changes from one volume to the next are missing in the first; there they take the value of the
    second, as in nilearn's ``load_confounds``.
    """
    found = existing(path)
    with reading(found, "a table of confounds"):
        table = pd.read_csv(found, sep="\t", na_values=["n/a"])
    if len(table) != n_volumes:
        message = f"File {str(path)!r} has {len(table)} rows, but its series {n_volumes} volumes."
        raise DataError(message)
    chosen: list[str] = []
    for pattern in columns:
        fitting = [name for name in map(str, table) if fnmatchcase(name, pattern)]
        if not fitting:
            message = (
                f"File {str(path)!r} has no confound {pattern!r}; its columns "
                f"{name_some(table.columns)}."
            )
            raise DataError(message)
        chosen += [name for name in fitting if name not in chosen]
    confounds = table[chosen]
    if words := [name for name in chosen if confounds[name].dtype.kind not in "iufb"]:
        message = f"File {str(path)!r} has a confound {words[0]!r} that is no column of numbers."
        raise DataError(message)
    confounds = confounds.astype(float)
    if len(confounds) > 1:
        confounds.iloc[0] = confounds.iloc[0].fillna(confounds.iloc[1])
    wrong = ~np.isfinite(confounds.to_numpy()).all(axis=0)
    if wrong.any():
        message = (
            f"File {str(path)!r} has {wrong.sum()} confounds with missing values after the first "
            f"volume {name_some(confounds.columns[wrong])}; leave them out."
        )
        raise DataError(message)
    return confounds


def cosine_drifts(n_volumes: int, sampling_period: float, high_pass: float) -> np.ndarray:
    """Return the slow cosines of a run, up to a frequency.

    Column k = 1, 2, ... is cos(pi k (i + 1/2) / n) for volume i of n; its frequency is
    k / (2 n sampling_period), and the last is that which is not above `high_pass`.

    Parameters
    ----------
    n_volumes : int
    sampling_period : float, s
    high_pass : float, Hz

    Returns
    -------
    float array (volume, cosine)

    References
    ----------
    Frackowiak et al. (2003), Human Brain Function, ch. 7 (SPM's discrete cosine set).
    """
    if not (np.isfinite(high_pass) and high_pass >= 0):
        message = f"high_pass={high_pass!r} is no frequency; give it in Hz, as in high_pass=1/128."
        raise DataError(message)
    count = int(np.floor(2 * n_volumes * sampling_period * high_pass + 1e-9))
    if count >= n_volumes:
        message = (
            f"high_pass={high_pass:g} Hz leaves nothing of {n_volumes} volumes {sampling_period:g} "
            "s apart; lower it."
        )
        raise DataError(message)
    volumes = (np.arange(n_volumes) + 0.5)[:, None]
    return np.cos(np.pi * np.arange(1, count + 1) * volumes / n_volumes)


def basis_of(regressors: np.ndarray, where: str) -> np.ndarray:
    """Return orthonormal columns that span regressors without their means.

    Parameters
    ----------
    regressors : float array (volume, regressor)
    where : str
        For the message where they leave nothing of a series.
    """
    centered = regressors - regressors.mean(axis=0)
    norms = np.linalg.norm(centered, axis=0)
    kept = norms > RANK * np.linalg.norm(regressors, axis=0)  # others are constant
    if not kept.any():
        return np.zeros((len(regressors), 0))
    directions, sizes, _ = np.linalg.svd(centered[:, kept] / norms[kept], full_matrices=False)
    basis = directions[:, sizes > RANK * sizes[0]]
    if basis.shape[1] >= len(regressors) - 1:
        message = (
            f"{regressors.shape[1]} regressors leave nothing of the {len(regressors)} volumes of "
            f"{where}; choose fewer."
        )
        raise DataError(message)
    return basis


def without(series: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return a series (volume, neuroid) without what lies along a basis; its means stay."""
    return series - basis @ (basis.T @ series)
