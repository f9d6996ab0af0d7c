"""Slow and obvious Procrustes alignments and dispersions, to test the fast ones against."""

from itertools import combinations

import numpy as np
from scipy.linalg import orthogonal_procrustes


def padded(views):
    """Widen all views by zeros to the greatest width."""
    width = max(view.shape[1] for view in views)
    return [np.pad(view, ((0, 0), (0, width - view.shape[1]))) for view in views]


def plain_passes(views, n_passes, start=0):
    """Turn all views to their mean, again and again: the textbook iteration."""
    views = padded(views)
    mean = views[start]
    for _ in range(n_passes):
        turned = [view @ orthogonal_procrustes(view, mean)[0] for view in views]
        mean = np.mean(turned, axis=0)
    return sum(((view - mean) ** 2).sum() for view in turned)


def streaming_passes(views, n_passes, tolerance=0.0, seed=0):
    """Align views to the mean at the beginning of a pass, and move it by ever smaller steps.

    The recipe of netrep's streaming barycenter, whose rule to stop is absolute: the root mean
    squared change of an entry of the mean. Returns the cost, and the passes that were made.
    """
    random = np.random.default_rng(seed)
    mean, seen = views[random.integers(len(views))], 1
    for done in range(1, n_passes + 1):  # noqa: B007
        begun = mean
        for k in random.permutation(len(views)):
            turned = views[k] @ orthogonal_procrustes(views[k], begun)[0]
            mean = seen / (seen + 1) * mean + turned / (seen + 1)
            seen += 1
        if np.linalg.norm(mean - begun) / np.sqrt(mean.size) <= tolerance:
            break
    turned = [view @ orthogonal_procrustes(view, mean)[0] for view in views]
    center = np.mean(turned, axis=0)
    return sum(((view - center) ** 2).sum() for view in turned), done


def dispersion_by_pairs(turned):
    """Sum squared distances of all pairs of views, stimulus by stimulus."""
    n_views = len(turned)
    total = np.zeros(len(turned[0]))
    for one, other in combinations(turned, 2):
        total += ((one - other) ** 2).sum(1)
    return total / (n_views * (n_views - 1))


def directional_by_pairs(turned):
    """Average 1 - cosine over all pairs of views, stimulus by stimulus."""
    unlike = []
    for one, other in combinations(turned, 2):
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        unlike.append(1 - (one * other).sum(1) / lengths)
    return np.mean(unlike, axis=0)


def rotation(width, random):
    """Draw a rotation (or reflection) of so many dimensions."""
    return np.linalg.qr(random.standard_normal((width, width)))[0]


def planted_systems(n, d, n_systems, shared, rank=None, *, seed, weights=None):
    """Make systems of norm 1 whose population dispersion is 1 - shared, each rotated its own way.

    `shared` may differ between stimuli (n,) or, by weights (systems,), between systems.
    """
    random = np.random.default_rng(seed)
    rank = rank or d
    common = random.standard_normal((n, rank)) @ rotation(d, random)[:rank] * np.sqrt(d / rank)
    signal = np.broadcast_to(np.asarray(shared, dtype=float), (n,))[:, None]
    systems = []
    for k in range(n_systems):
        part = signal if weights is None else signal * weights[k]
        noise = random.standard_normal((n, d))
        rows = (np.sqrt(part) * common + np.sqrt(1 - part) * noise) / np.sqrt(d)
        systems.append(rows @ rotation(d, random))
    return systems


def dealt_folds(n, n_folds=5, seed=0):
    """Deal rows into folds of training and test rows."""
    order = np.random.default_rng(seed).permutation(n)
    return [(np.setdiff1d(order, part), np.sort(part)) for part in np.array_split(order, n_folds)]
