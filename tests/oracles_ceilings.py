"""Slow and obvious forms of noise ceilings: loops over stimuli, folds and pairs of responses.

`trials` is a list over stimuli of lists of responses of one neuroid; `folds` the fold of each.
"""

import itertools

import numpy as np
from oracles import pearson


def _by_fold(trials, folds):
    folds = [0] * len(trials) if folds is None else folds
    for fold in sorted(set(folds)):
        yield [values for values, own in zip(trials, folds, strict=True) if own == fold and values]


def _weighted(found):
    """Average (value, weight) pairs."""
    values, weights = zip(*found, strict=True)
    return float(np.average(values, weights=weights))


def anova_share(trials, folds=None):
    """Per fold 1 - noise / variance, corrected for few stimuli; averaged over folds."""
    shares, small = [], []
    for fold in _by_fold(trials, folds):
        n = len(fold)
        spare = sum(len(values) - 1 for values in fold)
        if n < 5 or spare == 0:
            continue
        pooled = sum(((np.array(v) - np.mean(v)) ** 2).sum() for v in fold) / spare
        noise = [(np.var(v, ddof=1) if len(v) > 1 else pooled) / len(v) for v in fold]
        variance = np.var([np.mean(v) for v in fold], ddof=1)
        shares.append((1 - np.mean(noise) / variance * (n - 3) / (n - 1), n))
        small.append((1 / (n - 1), n))
    return _small(_weighted(shares), _weighted(small))


def _small(share, inverse):
    """Turn a share into the squared mean correlation in folds of few stimuli."""
    return share - share * (1 - share) * inverse


def signal_power_share(table, folds=None):
    """Sahani & Linden's signal power of complete repetitions, an array (stimuli, repetitions)."""
    folds = np.zeros(len(table)) if folds is None else np.asarray(folds)
    shares, small = [], []
    for fold in np.unique(folds):
        y = table[folds == fold]
        n, r = y.shape
        power = (np.var(y.sum(1), ddof=1) - y.var(0, ddof=1).sum()) / (r * (r - 1))
        share = power / np.var(y.mean(1), ddof=1)
        shares.append((1 - (1 - share) * (n - 3) / (n - 1), n))
        small.append((1 / (n - 1), n))
    return _small(_weighted(shares), _weighted(small))


def ncsnr_share(table):
    """NSD's recipe for standardized complete repetitions (stimuli, repetitions)."""
    noise = np.sqrt(np.mean(np.var(table, axis=1, ddof=1)))
    signal = np.sqrt(np.clip(1 - noise**2, 0, None))
    ratio = signal / noise
    return ratio**2 / (ratio**2 + 1 / table.shape[1])


def explainable_share(trials, folds=None):
    """Total variance of single responses less that between repetitions, as a share."""
    found = []
    for fold in _by_fold(trials, folds):
        total = np.var(np.concatenate(fold), ddof=1)
        repeated = [values for values in fold if len(values) > 1]
        weights = [len(values) for values in repeated]
        noise = np.average([np.var(values, ddof=1) for values in repeated], weights=weights)
        found.append(((total - noise) / total, len(fold)))
    return _weighted(found)


def jackknife_oracle(trials, folds=None):
    """Correlate each response with the mean of the others to its stimulus."""
    found = []
    for fold in _by_fold(trials, folds):
        pairs = [
            (value, np.mean(values[:number] + values[number + 1 :]))
            for values in fold
            if len(values) > 1
            for number, value in enumerate(values)
        ]
        repeated = sum(len(values) > 1 for values in fold)
        found.append((pearson(*np.array(pairs).T), repeated))
    return _weighted(found)


def conservative_oracle(trials, folds=None):
    found = []
    for fold in _by_fold(trials, folds):
        repeated = [values for values in fold if len(values) > 1]
        variance = np.var([np.mean(values) for values in repeated])
        within = np.mean([np.var(values) for values in repeated])
        found.append((np.sqrt(variance / (variance + within)), len(repeated)))
    return _weighted(found)


def one_division(trials, dealt, folds=None):
    """Correlate averages over parts, pair by pair; `dealt` names the part of each response."""
    n_parts = 1 + max(itertools.chain(*dealt))
    found = []
    pairs = list(zip(trials, dealt, strict=True))
    folds = [0] * len(trials) if folds is None else folds
    for fold in sorted(set(folds)):
        own = [pair for pair, number in zip(pairs, folds, strict=True) if number == fold]
        averages = np.array(
            [
                [np.mean([v for v, p in zip(values, parts, strict=True) if p == part])
                 for part in range(n_parts)]
                for values, parts in own if len(values) >= n_parts
            ]
        )  # fmt: skip
        r = [pearson(*averages[:, pair].T) for pair in itertools.combinations(range(n_parts), 2)]
        found.append((np.mean(r), sum(bool(values) for values, _ in own)))
    return _weighted(found)


def pseudovalue_error(whole, left_out, sizes):
    """Jackknife over blocks of unequal size, by the pseudo-values of Busing et al. (1999)."""
    n, g = sum(sizes), len(sizes)
    center = g * whole - sum((1 - m / n) * t for m, t in zip(sizes, left_out, strict=True))
    squares = []
    for m, t in zip(sizes, left_out, strict=True):
        h = n / m
        squares.append((h * whole - (h - 1) * t - center) ** 2 / (h - 1))
    return float(np.sqrt(np.mean(squares)))


def extrapolated(subjects, target):
    """Extrapolate one neuroid (rows, centered) of a subject to infinitely many others."""
    scaled = [(y - y.mean()) / y.std() for y in subjects]
    others = [y for number, y in enumerate(scaled) if number != target]
    shared = np.mean([(a * b).mean() for a, b in itertools.combinations(others, 2)])
    noise = np.mean([(y**2).mean() for y in others]) - shared
    r = pearson(scaled[target], np.mean(others, axis=0))
    return r * np.sqrt(1 + noise / shared / len(others))


def leveling_off(subjects, target):
    """Fit v (1 - exp(-s / tau)) to mean correlations with s others, as Schrimpf et al. (2021)."""
    rng = np.random.default_rng(0)
    others = [number for number in range(len(subjects)) if number != target]
    sizes = np.arange(1, len(others) + 1)
    curve = np.array(
        [
            np.mean(
                [
                    pearson(subjects[target], subjects[rng.permutation(others)[:size]].mean(0))
                    for _ in range(10)
                ]
            )
            for size in sizes
        ]
    )
    fits = []
    for tau in np.geomspace(0.05, 200, 300):
        shape = 1 - np.exp(-sizes / tau)
        v = shape @ curve / (shape @ shape)
        fits.append((((curve - v * shape) ** 2).sum(), v))
    return min(fits)[1]


def pooled_share(values):
    """Pool noise and variance over folds; `values` is (fold, stimulus, repetition, neuroid)."""
    noise = values.var(2, ddof=1).mean((0, 1)) / values.shape[2]
    return 1 - noise / values.mean(2).var(1, ddof=1).mean(0)
