"""Permutations that refit, at fixed alphas: ours beside a loop of fits, timed on a few of them.

The peers fit one alpha for all neuroids, ours first chooses one for each, by 100 pairings. Seconds
are those of the processor, of all threads together, since other work slows the clock.
"""

import time

import numpy as np
from himalaya.kernel_ridge import KernelRidge
from measure import peak_megabytes, print_table
from sklearn.linear_model import Ridge

from neuroalign.numerics import ridge
from neuroalign.numerics.fair_alpha import choose_levels
from neuroalign.numerics.permuted_ridge import open_folds, pairing_correlations

# Rows, units, targets; the variance of unit k falls as k^-2a.
CASES = [(1000, 2000, 5000, 0.0), (1000, 2000, 5000, 1.0), (2000, 100, 5000, 0.0)]
N_PERMUTATIONS, N_FOLDS, CHOOSING, N_TIMED = 1000, 10, 100, 2
ALPHAS, ALPHA, DTYPE = np.logspace(-4, 4, 17), 1.0, "float32"


def problem(n, n_units, n_targets, decay):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, n_units)) * np.arange(1, n_units + 1) ** -decay
    signal = features @ rng.normal(size=(n_units, n_targets))
    responses = 0.3 * signal / signal.std(0) + rng.normal(size=(n, n_targets))
    dealt = rng.permutation(n) % N_FOLDS
    folds = [(np.flatnonzero(dealt != k), np.flatnonzero(dealt == k)) for k in range(N_FOLDS)]
    orders = [np.arange(n), *(rng.permutation(n) for _ in range(N_PERMUTATIONS))]
    return features.astype(DTYPE), responses.astype(DTYPE), folds, np.array(orders)


def opened(features, folds, alphas):
    design = ridge.make_design(features, dtype=DTYPE)
    return open_folds(design, np.arange(len(features)), folds, alphas)


def ours(features, responses, folds, orders):
    here = opened(features, folds, ALPHAS)
    levels = choose_levels(here, responses, orders[:CHOOSING])
    return pairing_correlations(here, levels, responses, orders)


def at_one_alpha(features, responses, folds, orders):
    levels = np.zeros(responses.shape[1], dtype=int)
    here = opened(features, folds, np.array([ALPHA]))
    return pairing_correlations(here, levels, responses, orders)


def loop(fit, features, responses, folds, orders):
    """Refit every fold in every pairing."""
    found = []
    for order in orders:
        total = 0
        for train, test in folds:
            centered = features[train] - features[train].mean(0)
            penalty = ALPHA * float((centered**2).sum()) / len(train)
            y = responses[order]
            p = fit(penalty, features[train], y[train]).predict(features[test])
            p, y = p - p.mean(0), y[test] - y[test].mean(0)
            r = (p * y).sum(0) / np.sqrt((p**2).sum(0) * (y**2).sum(0))
            total = total + r * len(test) / len(features)
        found.append(total)
    return np.array(found)


def by_sklearn(penalty, features, responses):
    return Ridge(alpha=penalty).fit(features, responses)


def by_himalaya(penalty, features, responses):
    mean, center = features.mean(0), responses.mean(0)
    model = KernelRidge(alpha=penalty, kernel="linear").fit(features - mean, responses - center)
    predict = model.predict
    model.predict = lambda rows: predict(rows - mean) + center
    return model


def timed(call, *arguments):
    clock, start = time.process_time(), time.perf_counter()
    result = call(*arguments)
    return time.process_time() - clock, time.perf_counter() - start, result


def prepared(*case):
    data = problem(*case)
    return lambda: ours(*data)


def compare(threads, _):
    rows = []
    for case in CASES:
        features, responses, folds, orders = data = problem(*case)
        mine = timed(ours, *data)
        shown = f"{mine[0]:.0f} ({mine[1]:.0f})", f"{peak_megabytes(prepared, *case):.0f}"
        few = (features, responses, folds, orders[: N_TIMED + 1])
        exact = at_one_alpha(*few)
        peers = {"scikit-learn Ridge": by_sklearn, "himalaya KernelRidge": by_himalaya}
        for number, (name, fit) in enumerate(peers.items()):
            *seconds, r = timed(loop, fit, *few)
            whole = [value * len(orders) / len(r) for value in seconds]
            rows.append(
                (
                    " x ".join(map(str, case[:3])) + f", k^-{2 * case[3]:g}",
                    *(shown if number == 0 else ("", "")),
                    f"{name} {whole[0]:.0f} ({whole[1]:.0f})",
                    f"{whole[0] / mine[0]:.0f}",
                    f"{np.abs(r - exact).max():.1g}",
                )
            )
    print_table(
        f"{N_PERMUTATIONS} permutations, {N_FOLDS} folds, {DTYPE}, {threads} threads; processor "
        f"seconds (and by the clock), of a loop extrapolated from {N_TIMED + 1} pairings",
        (
            "rows x units x neuroids, variance",
            "neuroalign s",
            "MB",
            "loop s",
            "loop / ours",
            "max difference of r",
        ),
        rows,
    )
