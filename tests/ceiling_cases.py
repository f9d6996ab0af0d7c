"""Repetitions with a planted signal, their blocks of stimuli, and scores without fitting."""

import numpy as np

import neuroalign as na
from neuroalign.data.repetitions import join_neuroids
from neuroalign.metrics.encoding_results import EncodingResults
from neuroalign.numerics.blockwise import Blocks
from neuroalign.numerics.held_out import SplitResult
from neuroalign.numerics.undefined import REASONS
from neuroalign.preparation import side_by_side
from neuroalign.score_ceilings import score_ceilings


def simulate(counts, n_targets=3, noise=1.0, seed=0):
    """Return showings, the stimulus of each, and the same as lists of trials per target."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    signal = rng.normal(size=(len(counts), n_targets))
    values = signal[codes] + noise * rng.normal(size=(len(codes), n_targets))
    trials = [
        [values[codes == stimulus, target].tolist() for stimulus in range(len(counts))]
        for target in range(min(n_targets, 5))
    ]
    return values, codes, trials


def blocks_of(n_rows, folds=None, n_blocks=1):
    """Cut rows into blocks of about equal length, anew in each of some consecutive folds."""
    folds = np.zeros(n_rows, dtype=int) if folds is None else np.asarray(folds)
    pairs = np.stack([folds, np.arange(n_rows) * n_blocks // n_rows], axis=1)
    distinct, of_row = np.unique(pairs, axis=0, return_inverse=True)
    return Blocks(of_row.ravel(), distinct[:, 0])


def reasons(estimate):
    return [REASONS[code] for code in estimate.reason]


def noiseless_scores(recordings, splits, noiseless, *, seed=0):
    """Score predictions that are given, without fitting, with all that scores carry.

    `recordings` and `noiseless` (stimulus, neuroid, [time]) are by subject.
    """
    parts = []
    for subject, recording in recordings.items():
        average = join_neuroids([na.average_repetitions(recording)])
        prediction = noiseless[subject].sel(stimulus=average["stimulus"].values)
        y, p = (a.values.reshape(len(average), -1) for a in (average, prediction))
        results = EncodingResults(splits, y.shape, keep=False)
        columns = np.arange(y.shape[1])
        for number, fold in enumerate(splits.folds):
            rows = np.flatnonzero(np.isin(average["stimulus"].values, fold.test))
            results.count(number, columns, len(y) - len(rows), len(rows))
            center = y.mean(0)
            result = SplitResult(
                predictions=p[rows] - center,
                hyperparameters={},
                inner_r2=np.full(len(columns), np.nan),
                train_mean=center,
                train_sd=y.std(0),
                held_out=y[rows] - center,
            )
            results.add(number, columns, rows, average["stimulus"].values[rows], result)
        parts.append(results.labelled(average))
    scores = side_by_side(parts).expand_dims(layer=["noiseless"])
    return scores.merge(score_ceilings(recordings, splits, seed), join="left")
