"""Slow and obvious implementations to test against; they share no code with the package."""

import itertools

import numpy as np
from sklearn.linear_model import Ridge


def penalty(features, alpha):
    """Turn an alpha relative to the mean squared norm of a row into one for scikit-learn."""
    centered = features - features.mean(0)
    return alpha * (centered**2).sum() / len(features)


def ridge_prediction(features, responses, alpha, new):
    model = Ridge(alpha=penalty(features, alpha), solver="svd").fit(features, responses)
    return model.predict(new)


def best_alpha(features, responses, inner, alphas):
    """Choose alpha for one target by squared error pooled over inner folds; ties to the larger."""
    errors = {}
    for alpha in alphas:
        squares = 0.0
        for part in np.unique(inner):
            held = inner == part
            predicted = ridge_prediction(features[~held], responses[~held], alpha, features[held])
            squares += float(((responses[held] - predicted) ** 2).sum())
        errors[alpha] = squares
    least = min(errors.values())
    return max(alpha for alpha, error in errors.items() if error == least)


def pearson(one, two):
    return float(np.corrcoef(one, two)[0, 1])


def anova_reliability(trials):
    """`trials` is a list over stimuli of lists of responses."""
    averages = np.array([np.mean(values) for values in trials])
    spare = sum(len(values) - 1 for values in trials)
    pooled = sum(((np.array(v) - np.mean(v)) ** 2).sum() for v in trials) / spare
    noise = [
        (np.var(values, ddof=1) if len(values) > 1 else pooled) / len(values) for values in trials
    ]
    return 1 - np.mean(noise) / np.var(averages, ddof=1)


def all_halves_correlation(trials):
    """Average the correlation over every way to halve the repetitions of each stimulus."""
    halvings = []
    for values in trials:
        numbers = range(len(values))
        ways = []
        for size in {len(values) // 2, -(-len(values) // 2)}:
            for first in itertools.combinations(numbers, size):
                rest = [values[i] for i in numbers if i not in first]
                ways.append((np.mean([values[i] for i in first]), np.mean(rest)))
        halvings.append(ways)
    return float(np.mean([pearson(*np.array(pairs).T) for pairs in itertools.product(*halvings)]))
