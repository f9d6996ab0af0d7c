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
