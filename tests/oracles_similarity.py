"""Slow and obvious forms of similarity measures: explicit matrices, loops over tuples."""

import itertools

import numpy as np


def linear_kernel(x):
    return np.array([[float(np.dot(a, b)) for b in x] for a in x])


def rbf_kernel(x, bandwidth):
    distance = np.array([[np.linalg.norm(a - b) for b in x] for a in x])
    sigma = bandwidth * np.median([distance[i, j] for i in range(len(x)) for j in range(i)])
    return np.exp(-(distance**2) / (2 * sigma**2))


def biased_cka(k, l):  # noqa: E741
    n = len(k)
    center = np.eye(n) - np.ones((n, n)) / n
    a, b = center @ k @ center, center @ l @ center
    return np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))


def unbiased_hsic(k, l):  # noqa: E741
    """Average over all ordered tuples of four different stimuli."""
    terms = [
        k[i, j] * l[i, j] + k[i, j] * l[q, r] - 2 * k[i, j] * l[i, q]
        for i, j, q, r in itertools.permutations(range(len(k)), 4)
    ]
    return float(np.mean(terms))


def debiased_cka(k, l):  # noqa: E741
    return unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l))


def canonical_correlations(x, y):
    """Roots of the eigenvalues of Sxx^-1 Sxy Syy^-1 Syx."""
    x, y = x - x.mean(0), y - y.mean(0)
    product = np.linalg.inv(x.T @ x) @ (x.T @ y) @ np.linalg.inv(y.T @ y) @ (y.T @ x)
    squares = np.sort(np.linalg.eigvals(product).real)[::-1]
    return np.sqrt(np.clip(squares[: min(x.shape[1], y.shape[1])], 0, 1))


def pwcca(x, y):
    """Weigh correlations by the inner products of canonical variates and units, one by one."""
    x, y = x - x.mean(0), y - y.mean(0)
    product = np.linalg.inv(x.T @ x) @ (x.T @ y) @ np.linalg.inv(y.T @ y) @ (y.T @ x)
    squares, directions = (part.real for part in np.linalg.eig(product))
    order = np.argsort(squares)[::-1][: min(x.shape[1], y.shape[1])]
    total = weight = 0.0
    for number in order:
        h = x @ directions[:, number]
        h = h / np.sqrt(h @ h)
        alpha = sum(abs(h @ unit) for unit in x.T)
        total += alpha * np.sqrt(squares[number])
        weight += alpha
    return total / weight


def covariance_moments(x, y):
    """Average over all ordered tuples of four different stimuli."""
    squared_trace, trace_of_square = [], []
    for i, j, k, l in itertools.permutations(range(len(x)), 4):  # noqa: E741
        one, two = ((x[i] - x[j]) @ (y[i] - y[j])) / 2, ((x[k] - x[l]) @ (y[k] - y[l])) / 2
        squared_trace.append(one * two)
        crossed = ((x[i] - x[j]) @ (x[k] - x[l])) * ((y[i] - y[j]) @ (y[k] - y[l])) / 4
        trace_of_square.append(crossed)
    return np.mean(squared_trace), np.mean(trace_of_square)


def odd_one_out(items, triplet, similarity):
    """Return the set of items outside of a most alike pair."""

    def alike(a, b):
        if similarity == "dot":
            return float(a @ b)
        if similarity == "cosine":
            return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        return -float(np.linalg.norm(a - b))

    scores = [
        alike(*(items[triplet[other]] for other in range(3) if other != odd)) for odd in range(3)
    ]
    return {odd for odd in range(3) if scores[odd] >= max(scores) - 1e-9}


def clustered_error(credit, triplets):
    """Sum products of deviations over pairs of triplets that share an item."""
    away = credit - np.mean(credit)
    total = sum(
        away[a] * away[b]
        for a in range(len(away))
        for b in range(len(away))
        if set(triplets[a]) & set(triplets[b])
    )
    return np.sqrt(max(total, (away**2).sum())) / len(away)


def choice_bounds(choices):
    """Bound accuracy by majorities with and without each choice; `choices` has a list a triplet."""
    lower, upper = [], []
    for answers in choices:
        if len(answers) < 2:
            continue
        upper += [max(answers.count(option) for option in range(3)) / len(answers)] * len(answers)
        for number, answer in enumerate(answers):
            rest = answers[:number] + answers[number + 1 :]
            most = max(rest.count(option) for option in range(3))
            best = [option for option in range(3) if rest.count(option) == most]
            lower.append((answer in best) / len(best))
    return np.mean(lower), np.mean(upper)
