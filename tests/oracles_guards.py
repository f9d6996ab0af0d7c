"""Slow and obvious forms of what guards compute, one pair of rows at a time."""

import itertools

import numpy as np


def lag_correlation(values, runs, lag):
    """Average products of deviations over pairs of rows of one run that lie `lag` apart."""
    found = []
    for column in values.T:
        kept = column[np.isfinite(column)]
        products = [
            (column[i] - kept.mean()) * (column[i + lag] - kept.mean())
            for i in range(len(column) - lag)
            if runs[i] == runs[i + lag] and np.isfinite(column[i] + column[i + lag])
        ]
        found.append(np.mean(products) / kept.var() if products else np.nan)
    return np.array(found)


def group_correlation(values, groups):
    """Average products of deviations over all pairs of rows of one group."""
    found = []
    for column in values.T:
        kept = column[np.isfinite(column)]
        products = [
            (column[i] - kept.mean()) * (column[j] - kept.mean())
            for i, j in itertools.permutations(range(len(column)), 2)
            if groups[i] == groups[j] and np.isfinite(column[i] + column[j])
        ]
        found.append(np.mean(products) / kept.var() if products else np.nan)
    return np.array(found)


def smoothed_identity(runs, width):
    """Write down the Gaussian of the distance of each pair of rows of one run."""
    smoothed = np.zeros((len(runs), len(runs)))
    for i, j in itertools.product(range(len(runs)), repeat=2):
        if runs[i] == runs[j] and abs(i - j) <= int(4 * width):
            smoothed[i, j] = np.exp(-((i - j) ** 2) / (2 * width**2))
    return smoothed


def distance_to(runs, ranks, of):
    """Look at all of the rows `of` that are in the run of a row."""
    found = []
    for run, rank in zip(runs, ranks, strict=True):
        others = [abs(rank - ranks[k]) for k in range(len(runs)) if of[k] and runs[k] == run]
        found.append(min(others, default=np.inf))
    return np.array(found, dtype=float)


def near_duplicates(values, pairs, least):
    """Correlate every test row with every training row, each unit centered."""
    centered = values - values.mean(0)
    found = {}
    for train, test in pairs:
        for row, other in itertools.product(test, train):
            one, two = centered[row], centered[other]
            cosine = one @ two / np.sqrt((one @ one) * (two @ two))
            if cosine >= least:
                found.setdefault(int(row), set()).add(int(other))
    return found
