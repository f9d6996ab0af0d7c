"""Slow and obvious implementations to test against; they share no code with the package."""

import itertools

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge


def penalty(features, alpha):
    """Turn an alpha relative to the mean squared norm of a row into one for scikit-learn."""
    centered = features - features.mean(0)
    return alpha * (centered**2).sum() / len(features)


def ridge_prediction(features, responses, alpha, new):
    return plain_ridge(features, responses, penalty(features, alpha), new)


def plain_ridge(features, responses, weight, new, n_components=None):
    """Predict with a penalty on ||w||^2, on that many principal components if asked."""
    if n_components is not None:
        components = PCA(n_components, svd_solver="full").fit(features)
        features, new = components.transform(features), components.transform(new)
    return Ridge(alpha=weight, solver="svd").fit(features, responses).predict(new)


def fold_errors(features, responses, pairs, alphas, n_components=None):
    """Sum squared errors (alphas, targets) over pairs of training and validation rows.

    One penalty serves all pairs: that of all the rows that are given.
    """
    shape = (len(alphas), responses.shape[1])
    weights = np.repeat([penalty(features, alpha) for alpha in alphas], shape[1])
    many, errors = np.tile(responses, len(alphas)), np.zeros(shape)
    for train, held in pairs:
        guess = plain_ridge(features[train], many[train], weights, features[held], n_components)
        errors += ((many[held] - guess) ** 2).sum(0).reshape(shape)
    return errors


def leave_one_out_errors(features, responses, alphas):
    """Refit without each row."""
    rows = np.arange(len(features))
    pairs = [(np.delete(rows, row), rows[[row]]) for row in rows]
    return fold_errors(features, responses, pairs, alphas)


def generalized_errors(features, responses, alphas):
    """Divide the mean squared residual by the squared share of freedom that is left, times n."""
    n_rows, centered = len(features), features - features.mean(0)
    errors = []
    for alpha in alphas:
        inner = centered.T @ centered + penalty(features, alpha) * np.eye(features.shape[1])
        hat = centered @ np.linalg.solve(inner, centered.T) + 1 / n_rows
        residuals = responses - hat @ responses
        errors.append((residuals**2).sum(0) / (1 - np.trace(hat) / n_rows) ** 2)
    return np.array(errors)


def least(errors, alphas):
    """Return the alpha of least error for each target, the larger one of two that tie."""
    return np.array([max(alphas[column == column.min()]) for column in errors.T])


def best_alpha(features, responses, pairs, alphas):
    """Choose alpha for one target by squared error pooled over pairs of rows."""
    errors = fold_errors(features, responses[:, None], pairs, alphas)
    return least(errors, np.asarray(alphas))[0]


def pearson(one, two):
    return float(np.corrcoef(one, two)[0, 1])


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


def leave_one_subject_out(responses, parts):
    """`responses` is subject -> row -> value, of one neuroid; `parts` is row -> part."""
    known = {subject: _standardized(values, parts) for subject, values in responses.items()}
    found = {}
    for subject, own in known.items():
        scores, weights = [], []
        for part in sorted(set(parts.values())):
            pairs = []
            for row, value in own.items():
                others = [known[o][row] for o in known if o != subject and row in known[o]]
                if parts[row] == part and others:
                    pairs.append((value, np.mean(others)))
            if len(pairs) >= 3:
                scores.append(pearson(*np.array(pairs).T))
                weights.append(len(pairs))
        found[subject] = np.average(scores, weights=weights) if scores else np.nan
    return found


def _standardized(values, parts):
    rows = [row for row in values if row in parts and not np.isnan(values[row])]
    means = {
        part: np.mean([values[row] for row in rows if parts[row] == part])
        for part in {parts[row] for row in rows}
    }
    centered = {row: values[row] - means[parts[row]] for row in rows}
    spread = np.sqrt(np.mean([value**2 for value in centered.values()])) if rows else 0
    return {row: value / spread for row, value in centered.items()} if spread > 0 else {}
