"""Models of dissimilarities fitted on some stimuli and scored on others, with bounds to match."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError
from neuroalign.numerics.rdm.bootstrap import FEWEST_STIMULI
from neuroalign.numerics.rdm.bounds import noise_ceiling, pool
from neuroalign.numerics.rdm.comparison import check_vectors
from neuroalign.numerics.rdm.models import DissimilarityModel, predict
from neuroalign.numerics.rdm.spaces import WHITENED, comparison_named, count_stimuli


class HeldOut(NamedTuple):
    """Scores of folds, in the order of stimulus folds, and of subject folds within each."""

    scores: np.ndarray  # (folds,): mean over the subjects scored; NaN where undefined
    lower: np.ndarray  # (folds,): bounds of the noise ceiling of the same stimuli and subjects
    upper: np.ndarray  # (folds,)
    theta: np.ndarray  # (folds, n_sets): as fitted on the training stimuli
    n_stimuli: np.ndarray  # (folds,): held out


def cross_validate(
    model: DissimilarityModel,
    vectors: np.ndarray,
    dissimilarities: np.ndarray,
    comparison: str,
    *,
    stimulus_folds: np.ndarray,
    subject_folds: np.ndarray | None = None,
    fitted_by: str | None = None,
) -> HeldOut:
    """Fit on pairs of training stimuli, and score on pairs of held-out stimuli.

    Pairs of a training and a held-out stimulus are in neither. Without `subject_folds`, the model
    is fitted to all subjects and scored on all, each bounded by the others; with them it is scored
    on subjects that it was not fitted to, and the lower bound is what the pool of the subjects
    that it was fitted to reaches on the held-out stimuli. Pools are made of the held-out pairs
    alone, so that no model can exceed the upper bound where `noise_ceiling` says so.

    Parameters
    ----------
    model : DissimilarityModel
    vectors : float array (n_sets, n_pairs)
        Condensed dissimilarities of the model. NaN where missing, the same pairs in all.
    dissimilarities : float array (n_subjects, n_pairs)
    comparison : str
        A name that `comparison_named` knows.
    stimulus_folds : int array (n_stimuli,)
        Which fold holds each stimulus out; two or more folds, of three or more stimuli each.
    subject_folds : int array (n_subjects,), optional
    fitted_by : str, optional
        The comparison that the model is fitted by, where it is another one.

    Returns
    -------
    HeldOut

    Raises
    ------
    DataError
        For folds that do not fit or are too small.

    References
    ----------
    Schuett, Kipnis, Diedrichsen & Kriegeskorte (2023), doi:10.7554/eLife.82566, who pool over all
    stimuli before the held-out ones are chosen.
    """
    compare = comparison_named(comparison)
    vectors, subjects = check_vectors(vectors, "model"), check_vectors(dissimilarities)
    n_stimuli = count_stimuli(vectors, subjects, whitened=comparison in WHITENED)
    outer = _folds(stimulus_folds, n_stimuli, "stimulus", FEWEST_STIMULI)
    everyone = np.ones(len(subjects), dtype=bool)
    inner = [everyone]
    if subject_folds is not None:
        inner = _folds(subject_folds, len(subjects), "subject", 1)
    i, j = np.triu_indices(n_stimuli, 1)
    found = []
    for held_out in outer:
        training = ~(held_out[i] | held_out[j])
        testing = held_out[i] & held_out[j]
        own = subjects[:, testing]
        for scored in inner:
            others = everyone if subject_folds is None else ~scored
            fitting = vectors[:, training], subjects[np.ix_(others, training)]
            theta = model.fit_arrays(*fitting, fitted_by or comparison)
            predicted = predict(vectors[:, testing], theta)[None]
            score = compare(predicted, own[scored]).mean()
            bounds = _bounds(own, comparison, None if subject_folds is None else scored)
            found.append((score, *bounds, theta, held_out.sum()))
    scores, lower, upper, thetas, sizes = zip(*found, strict=True)
    return HeldOut(*map(np.array, (scores, lower, upper, thetas, sizes)))


def _bounds(own: np.ndarray, comparison: str, scored: np.ndarray | None) -> tuple[float, float]:
    """Bound the scores of some subjects by the pools of the others and of all."""
    if scored is None:
        ceiling = noise_ceiling(own, comparison)
        return ceiling.lower, ceiling.upper
    own = own[:, ~np.isnan(own).any(axis=0)]
    pools = pool(own, comparison, np.stack([~scored, np.ones_like(scored)]).astype(float))
    lower, upper = comparison_named(comparison)(pools, own[scored]).mean(axis=1)
    return float(lower), float(upper)


def _folds(folds: np.ndarray, n: int, what: str, fewest: int) -> list[np.ndarray]:
    """Return which are held out by each fold, or say why the folds cannot be used."""
    folds = np.asarray(folds)
    if folds.shape != (n,):
        message = (
            f"The {what} folds have shape {folds.shape}; give one fold for each of {n}: ({n},)."
        )
        raise DataError(message)
    names, sizes = np.unique(folds, return_counts=True)
    if len(names) < 2:
        message = f"All {what} folds are {names[0]}, so that nothing is left to fit; give two."
        raise DataError(message)
    small = int(np.argmin(sizes))
    left = n - int(sizes.max())
    if sizes[small] < fewest or left < fewest:
        message = (
            f"Fold {names[small]} holds out {sizes[small]} of {n} and another leaves {left}; give "
            f"folds that hold out and leave {fewest} or more."
        )
        raise DataError(message)
    return [folds == name for name in names]
