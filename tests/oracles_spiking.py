"""Slow and obvious forms of the spiking measures: one neuroid, a list of arrays, one a stimulus."""

import itertools

import numpy as np
from scipy.stats import poisson


def by_stimulus(values, codes, target):
    """List the responses of one neuroid to each stimulus, without the missing ones."""
    column = values[:, target]
    lists = [column[codes == code] for code in range(codes.max() + 1)]
    return [responses[~np.isnan(responses)] for responses in lists]


def bits(responses, rates, null):
    model = sum(poisson.logpmf(y, r).sum() for y, r in zip(responses, rates, strict=True))
    constant = sum(poisson.logpmf(y, r).sum() for y, r in zip(responses, null, strict=True))
    return (model - constant) / np.log(2) / sum(y.sum() for y in responses)


def noise_variances(responses):
    """Variance of each stimulus; of stimuli shown once, that of the others' deviations."""
    deviations = [y - y.mean() for y in responses if len(y) > 1]
    pooled = sum((d**2).sum() for d in deviations) / sum(len(d) - 1 for d in deviations)
    return [y.var(ddof=1) if len(y) > 1 else pooled for y in responses]


def feve(responses, predictions):
    """Fraction of explainable variance explained, and the fraction that is explainable."""
    pairs = [(y, p) for y, p in zip(responses, predictions, strict=True) if len(y)]
    noise = np.concatenate(
        [
            np.full(len(y), variance)
            for (y, _), variance in zip(pairs, noise_variances([y for y, _ in pairs]), strict=True)
        ]
    ).mean()
    every = np.concatenate([y for y, _ in pairs])
    error = np.concatenate([(y - p) ** 2 for y, p in pairs]).mean()
    total = every.var(ddof=1)
    return 1 - (error - noise) / (total - noise), (total - noise) / total


def psth_r2(responses, predictions):
    pairs = [(y.mean(), p) for y, p in zip(responses, predictions, strict=True) if len(y)]
    means, guesses = np.array(pairs).T
    return 1 - ((means - guesses) ** 2).sum() / ((means - means.mean()) ** 2).sum()


def signal_power(responses):
    shown = [y for y in responses if len(y)]
    left = [v / len(y) for v, y in zip(noise_variances(shown), shown, strict=True)]
    return np.var([y.mean() for y in shown], ddof=1) - np.mean(left)


def cc_norm(responses, predictions):
    pairs = [(y.mean(), p) for y, p in zip(responses, predictions, strict=True) if len(y)]
    covariance = np.cov(np.array(pairs).T)
    return covariance[0, 1] / np.sqrt(covariance[1, 1] * signal_power(responses))


def sahani_linden(table):
    """Signal power of a table (repetition, stimulus), as published."""
    n = len(table)
    return (table.sum(0).var(ddof=1) - table.var(1, ddof=1).sum()) / (n * (n - 1))


def every_numbering(table):
    """Yield the table (repetition, stimulus) with the repetitions numbered in all ways."""
    columns = [list(itertools.permutations(column)) for column in table.T]
    for chosen in itertools.product(*columns):
        yield np.array(chosen).T
