"""Alpha by leave-one-out and by generalized cross-validation, beside scikit-learn."""

import numpy as np
from encoding import DTYPE, problem
from measure import alternated, peak_megabytes, print_table, spread
from sklearn.linear_model import RidgeCV

from neuroalign.numerics import ridge
from neuroalign.numerics.nested_ridge import GCV, LEAVE_ONE_OUT, Search, choose_open, open_split

SHAPES = [(1000, 2000, 1000, 20), (1000, 2000, 5000, 20), (5000, 500, 1000, 20)]


def ours(kind, features, responses, alphas):
    rows = np.arange(len(features))
    design = ridge.make_design(features, dtype=DTYPE)
    split = open_split(design, rows, rows[:0], inner=kind, search=Search(alphas))
    choice = choose_open(split, responses)
    ridge.weights(split.spectrum, responses - responses.mean(0), choice.penalties)
    return choice.alphas


def theirs(features, responses, alphas):
    centered = features - features.mean(0)
    penalties = alphas * float((centered**2).sum()) / len(features)
    model = RidgeCV(penalties, alpha_per_target=True).fit(features, responses)
    return alphas[np.searchsorted(penalties, model.alpha_ * (1 - 1e-5))]


def prepared(kind, shape, n_alphas):
    features, responses, _ = problem(*shape)
    alphas = np.logspace(-4, 4, n_alphas)
    if kind is None:
        return lambda: theirs(features, responses, alphas)
    return lambda: ours(kind, features, responses, alphas)


def compare(threads, runs):
    rows = []
    for *shape, n_alphas in SHAPES:
        kinds = [None, LEAVE_ONE_OUT, GCV]
        seconds, results = alternated([prepared(kind, shape, n_alphas) for kind in kinds], runs)
        memory = [peak_megabytes(prepared, kind, shape, n_alphas) for kind in kinds]
        for kind, mine, result, peak in zip(
            kinds[1:], seconds[1:], results[1:], memory[1:], strict=True
        ):
            rows.append(
                (
                    " x ".join(map(str, shape)) + f", {n_alphas}",
                    f"{kind} {spread(mine)}",
                    f"{peak:.0f}",
                    spread(seconds[0]),
                    f"{memory[0]:.0f}",
                    f"{np.median(seconds[0]) / np.median(mine):.1f}",
                    f"{np.mean(result == results[0]):.2%}",
                )
            )
    print_table(
        f"{DTYPE}, {threads} threads; seconds: median of {runs} (range)",
        (
            "rows x units x targets, alphas",
            "neuroalign s",
            "MB",
            "scikit-learn RidgeCV (leave-one-out) s",
            "MB",
            "peer / ours",
            "same alpha",
        ),
        rows,
    )
