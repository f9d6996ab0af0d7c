"""Slow and obvious versions of permutation tests and of corrections for several tests."""

import itertools

import numpy as np
from sklearn.linear_model import Ridge


def loop_correlation(features, responses, folds, alphas):
    """Fit every fold and target by scikit-learn, predict, correlate, average by test rows."""
    found = np.full(responses.shape[1], np.nan)
    for target, alpha in enumerate(alphas):
        scores, weights = [], []
        for train, test in folds:
            centered = features[train] - features[train].mean(0)
            penalty = alpha * (centered**2).sum() / len(train)
            model = Ridge(alpha=penalty, solver="svd").fit(
                features[train], responses[train, target]
            )
            predicted, held_out = model.predict(features[test]), responses[test, target]
            if len(test) < 3 or min(np.ptp(predicted), np.ptp(held_out)) < 1e-9:
                continue
            scores.append(np.corrcoef(predicted, held_out)[0, 1])
            weights.append(len(test))
        if scores:
            found[target] = np.average(scores, weights=weights)
    return found


def loop_null(features, responses, folds, alphas, orders):
    """Do so once for every pairing."""
    return np.array(
        [loop_correlation(features, responses[order], folds, alphas) for order in orders]
    )


def likely_alpha(features, responses, folds, alphas, orders):
    """Choose an alpha for one target by the mean over pairings of exp(n R2 / 2), fit by fit."""
    n = sum(len(test) for _, test in folds)
    best, most = None, -np.inf
    for alpha in alphas:
        logs = []
        for order in orders:
            gained = spread = 0.0
            for train, test in folds:
                centered = features[train] - features[train].mean(0)
                model = Ridge(alpha=alpha * (centered**2).sum() / len(train), solver="svd")
                predicted = model.fit(features[train], responses[order][train]).predict(
                    features[test]
                )
                held_out = responses[order][test]
                error = held_out - held_out.mean() - predicted + predicted.mean()
                spread += ((held_out - held_out.mean()) ** 2).sum()
                gained -= (error**2).sum()
            logs.append(n / 2 * (1 + gained / spread))
        if (value := np.logaddexp.reduce(logs)) >= most:
            best, most = alpha, value
    return best


def counted_p(observed, null):
    """Count one by one the pairings that do as well as the observed one, itself among them."""
    return (1 + sum(bool(value >= observed) for value in null)) / (len(null) + 1)


def pairings_of_blocks(blocks):
    """List every order that moves blocks (lists of rows in order) onto blocks of equal length."""
    orders = []
    for permutation in itertools.permutations(range(len(blocks))):
        if all(len(blocks[to]) == len(blocks[at]) for at, to in enumerate(permutation)):
            order = np.empty(sum(map(len, blocks)), dtype=int)
            for at, to in enumerate(permutation):
                order[blocks[at]] = blocks[to]
            orders.append(tuple(order))
    return orders


def pairings_of_shifts(runs, shortest):
    """List the observed order and every one that shifts all runs (lists of rows) far enough."""
    shifts = [range(shortest, len(run) - shortest + 1) for run in runs]
    orders = [tuple(range(sum(map(len, runs))))]
    for chosen in itertools.product(*shifts):
        order = np.empty(sum(map(len, runs)), dtype=int)
        for run, shift in zip(runs, chosen, strict=True):
            order[run] = np.roll(run, -shift)
        orders.append(tuple(order))
    return orders


def holm_by_definition(p):
    """Reject step by step at every level; return the lowest level at which each is rejected."""
    order = sorted(range(len(p)), key=lambda k: p[k])
    adjusted, highest = [0.0] * len(p), 0.0
    for step, k in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - step) * p[k]))
        adjusted[k] = highest
    return adjusted


def benjamini_hochberg_by_definition(p):
    """For each: the lowest rate at which the largest k with p_(k) <= k q / m includes it."""
    m = len(p)
    ranked = sorted(p)
    return [
        min(1.0, min(m * ranked[k] / (k + 1) for k in range(m) if ranked[k] >= one)) for one in p
    ]
