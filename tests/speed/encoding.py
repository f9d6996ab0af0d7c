"""Ridge with alpha chosen per target on inner folds: ours beside himalaya, on the same folds.

Each fit ends with the weights of the final refit: dual coefficients where there are more units than
rows, as himalaya's kernel ridge has them, coefficients over units elsewhere.
"""

import numpy as np
import torch
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV
from himalaya.scoring import l2_neg_loss
from measure import alternated, peak_megabytes, print_table, spread
from sklearn.model_selection import PredefinedSplit

from neuroalign.numerics import ridge
from neuroalign.numerics.nested_ridge import Search, choose_open, open_split

# Rows, units, targets, alphas; peers to compare with.
KERNEL, PRIMAL = KernelRidgeCV, RidgeCV
CASES = [
    (1000, 2000, 5000, 20, (KERNEL, PRIMAL)),
    (1000, 2000, 5000, 60, (KERNEL, PRIMAL)),
    (1000, 2000, 20000, 20, (KERNEL, PRIMAL)),
    (1000, 50000, 5000, 20, (KERNEL,)),
    (20000, 1000, 1000, 20, (PRIMAL,)),
]
N_INNER = 5
DTYPE = "float32"


def problem(n, n_units, n_targets):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, n_units)).astype(DTYPE)
    weights = (rng.normal(size=(n_units, n_targets)) / np.sqrt(n_units)).astype(DTYPE)
    responses = features @ weights
    responses += rng.normal(size=responses.shape).astype(DTYPE)
    return features, responses, rng.permutation(n) % N_INNER


def pairs(inner):
    return [(np.flatnonzero(inner != k), np.flatnonzero(inner == k)) for k in range(N_INNER)]


def ours(features, responses, inner, alphas):
    rows = np.arange(len(features))
    design = ridge.make_design(features, dtype=DTYPE)
    search = Search(alphas)
    split = open_split(design, rows, rows[:0], inner=pairs(inner), search=search)
    choice = choose_open(split, responses)
    centered = responses - responses.mean(0)
    return choice.alphas, ridge.weights(split.spectrum, centered, choice.penalties)


def theirs(kind, features, responses, inner, alphas):
    # The intercept makes it center in each inner fold, as we do, and the loss is ours.
    parameters = {"score_func": l2_neg_loss} | ({"warn": False} if kind is RidgeCV else {})
    centered = features - features.mean(0)
    penalties = alphas * float((centered**2).sum()) / len(features)
    model = kind(
        alphas=penalties.astype(DTYPE),
        fit_intercept=True,
        cv=list(PredefinedSplit(inner).split()),
        solver_params=parameters,
    )
    model.fit(features, responses)
    weights = model.dual_coef_ if kind is KernelRidgeCV else model.coef_
    return alphas[np.searchsorted(penalties, model.best_alphas_ * (1 - 1e-5))], weights


def prepared(kind, shape, n_alphas):
    data = problem(*shape)
    alphas = np.logspace(-4, 4, n_alphas)
    if kind is None:
        return lambda: ours(*data, alphas)
    return lambda: theirs(kind, *data, alphas)


def agreement(weights, others, features):
    """Correlate two sets of weights, over rows or over units."""
    if weights.shape != others.shape:
        weights = (features - features.mean(0)).T @ weights
    return np.corrcoef(weights.ravel(), others.ravel())[0, 1]


def compare(threads, runs):
    torch.set_num_threads(threads)
    rows = []
    for *shape, n_alphas, peers in CASES:
        kinds = [None, *peers]
        calls = [prepared(kind, shape, n_alphas) for kind in kinds]
        seconds, results = alternated(calls, runs)
        memory = [peak_megabytes(prepared, kind, shape, n_alphas) for kind in kinds]
        for kind, mine, result, peak in zip(
            kinds[1:], seconds[1:], results[1:], memory[1:], strict=True
        ):
            rows.append(
                (
                    " x ".join(map(str, shape)) + f", {n_alphas}",
                    spread(seconds[0]),
                    f"{memory[0]:.0f}",
                    f"{kind.__name__} {spread(mine)}",
                    f"{peak:.0f}",
                    f"{np.median(mine) / np.median(seconds[0]):.1f}",
                    f"{np.mean(result[0] == results[0][0]):.2%}",
                    f"{agreement(results[0][1], result[1], problem(*shape)[0]):.7f}",
                )
            )
    print_table(
        f"{DTYPE}, {threads} threads, {N_INNER} inner folds, final refit included; seconds: median "
        f"of {runs} (range)",
        (
            "rows x units x targets, alphas",
            "neuroalign s",
            "MB",
            "himalaya s",
            "MB",
            "peer / ours",
            "same alpha",
            "r of weights",
        ),
        rows,
    )
