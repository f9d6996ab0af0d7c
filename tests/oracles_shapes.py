"""Slow and obvious shapes, neighbors and matches; they share no code with the package."""

import itertools

import numpy as np
from scipy.integrate import quad
from scipy.linalg import orthogonal_procrustes, sqrtm
from scipy.stats import norm


def pad(first, second):
    """Give both as many columns, filled with 0."""
    width = max(first.shape[1], second.shape[1])
    return [np.pad(x, ((0, 0), (0, width - x.shape[1]))) for x in (first, second)]


def procrustes_cosine(first, second):
    one, two = pad(first - first.mean(0), second - second.mean(0))
    rotation, _ = orthogonal_procrustes(one, two)
    return np.sum((one @ rotation) * two) / (np.linalg.norm(one) * np.linalg.norm(two))


def size_and_shape(first, second):
    one, two = pad(first - first.mean(0), second - second.mean(0))
    rotation, _ = orthogonal_procrustes(one, two)
    return np.linalg.norm(one @ rotation - two)


def bures_cosine(first, second):
    """Return the normalized Bures similarity of the stimulus by stimulus covariances."""
    one, two = ((x - x.mean(0)) @ (x - x.mean(0)).T for x in (first, second))
    root = np.real(sqrtm(one))
    return np.trace(np.real(sqrtm(root @ two @ root))) / np.sqrt(np.trace(one) * np.trace(two))


def partly_whitened(values, share, clip):
    """Whiten by (1 - share) I + share C^-1/2, eigenvalues of X'X clipped at an absolute value."""
    centered = values - values.mean(0)
    spread, basis = np.linalg.eigh(centered.T @ centered)
    gain = (1 - share) + share / np.sqrt(np.maximum(spread, clip))
    return centered @ (basis * gain) @ basis.T


def held_out_cosine(first, second, fit, held):
    """Rotate along what varies together in the rows that are fitted to, and nothing else."""
    mean, other = first[fit].mean(0), second[fit].mean(0)
    left, products, right = np.linalg.svd((first[fit] - mean).T @ (second[fit] - other))
    rank = np.sum(products > 1e-9 * products[0])
    x, y = (values[held] - values[held].mean(0) for values in (first, second))
    turned = x @ left[:, :rank] @ right[:rank]
    return np.sum(turned * y) / (np.linalg.norm(x) * np.linalg.norm(y))


def unit_rows(values, bound=np.inf):
    values = np.clip(values, -bound, bound)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def neighbor_sets(values, k):
    """Sort all other stimuli by their cosine."""
    rows = unit_rows(values)
    found = []
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        found.append(set(sorted(others, key=lambda j, i=i: -(rows[i] @ rows[j]))[:k]))
    return found


def mutual_neighbors(first, second, k):
    pairs = zip(neighbor_sets(first, k), neighbor_sets(second, k), strict=True)
    return np.array([len(one & two) / k for one, two in pairs])


def cycle_neighbors(first, second, k):
    one, two = neighbor_sets(first, k), neighbor_sets(second, k)
    return np.mean([any(i in one[j] for j in two[i]) for i in range(len(one))])


def drawn_overlap(first, second, k, n_draws, rng):
    """Break ties by lot, for each system on its own, and average."""
    total = np.zeros(len(first))
    for _ in range(n_draws):
        sets = []
        for rows in (unit_rows(first), unit_rows(second)):
            cosines = np.round(rows @ rows.T, 10) + 1e-12 * rng.random((len(rows), len(rows)))
            np.fill_diagonal(cosines, -np.inf)
            sets.append(np.argsort(-cosines, axis=1)[:, :k])
        total += [len(set(a) & set(b)) / k for a, b in zip(*sets, strict=True)]
    return total / n_draws


def shared_places(values, k):
    """Give (stimuli, stimuli) shares of k places, of which those that tie last have equal parts."""
    rows = unit_rows(values)
    cosines, shares = np.round(rows @ rows.T, 10), np.zeros((len(rows), len(rows)))
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        last = sorted(cosines[i, others])[-k]
        near = [j for j in others if cosines[i, j] > last]
        tied = [j for j in others if cosines[i, j] == last]
        shares[i, near], shares[i, tied] = 1, (k - len(near)) / len(tied)
    return shares


def local_kernel_alignment(first, second, k):
    n = len(first)

    def hsic(one, two):
        cross = (one * two.T).sum() + one.sum() * two.sum() / ((n - 1) * (n - 2))
        return (cross - 2 * (one @ two).sum() / (n - 2)) / (n * (n - 3))

    def mask(values):
        table = np.zeros((n, n))
        for i, others in enumerate(neighbor_sets(values, k)):
            table[i, list(others)] = 1
        return table

    kernels = [unit_rows(x) @ unit_rows(x).T for x in (first, second)]
    one, two = mask(first), mask(second)
    both = hsic(one * two * kernels[0], one * two * kernels[1])
    own = [hsic(m * kernel, m * kernel) for m, kernel in zip((one, two), kernels, strict=True)]
    return both / np.sqrt(own[0] * own[1])


def correlations(first, second):
    one, two = ((x - x.mean(0)) / np.linalg.norm(x - x.mean(0), axis=0) for x in (first, second))
    return one.T @ two


def matched_correlation(first, second, fit, held, mode):
    """Try every way to match units, and return the mean held-out correlation of the best."""
    seen, new = correlations(first[fit], second[fit]), correlations(first[held], second[held])
    rows = range(first.shape[1])
    if mode == "semi":
        return np.mean([new[row, seen[row].argmax()] for row in rows])
    ways = itertools.permutations(range(second.shape[1]), first.shape[1])
    best = max(ways, key=lambda way: sum(seen[row, to] for row, to in zip(rows, way, strict=True)))
    return np.mean([new[row, to] for row, to in zip(rows, best, strict=True)])


def ball_capacity(radius, dimension):
    reach = radius * np.sqrt(dimension)
    needed, _ = quad(lambda t: norm.pdf(t) * (reach - t) ** 2, -np.inf, reach, epsabs=1e-12)
    return (1 + radius**2) / needed
