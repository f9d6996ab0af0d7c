"""Slow and obvious forms of dissimilarities and their comparisons: loops over pairs and runs."""

import importlib
import itertools
import warnings

import numpy as np


def peer(module):
    """Import a module of rsatoolbox, whose dependencies warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"rsatoolbox.{module}")


def peer_dissimilarities(patterns, method, **options):
    """Compute dissimilarities of (stimuli, units), or of (runs, stimuli, units), by rsatoolbox."""
    descriptors = {}
    if patterns.ndim == 3:
        runs, n, _ = patterns.shape
        descriptors = {"stimulus": np.tile(np.arange(n), runs), "run": np.repeat(range(runs), n)}
        options = {"descriptor": "stimulus", "cv_descriptor": "run", **options}
    dataset = peer("data").Dataset(
        patterns.reshape(-1, patterns.shape[-1]).copy(), obs_descriptors=descriptors
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer("rdm").calc_rdm(dataset, method, **options).dissimilarities[0]


def peer_comparison(first, second, method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer("rdm").compare(first, second, method)


def over_pairs(patterns, dissimilarity):
    """List the dissimilarities of patterns[..., i, :] and patterns[..., j, :], i before j."""
    pairs = itertools.combinations(range(patterns.shape[-2]), 2)
    return np.array(
        [dissimilarity(patterns[..., i, :], patterns[..., j, :]) for i, j in pairs], dtype=float
    )


def squared_euclidean(patterns):
    return over_pairs(patterns, lambda x, y: sum((a - b) ** 2 for a, b in zip(x, y)) / len(x))  # noqa: B905


def correlation(patterns):
    return over_pairs(patterns, lambda x, y: 1 - np.corrcoef(x, y)[0, 1])


def mahalanobis(patterns, precision):
    return over_pairs(patterns, lambda x, y: (x - y) @ precision @ (x - y) / len(x))


def crossnobis(patterns, precision):
    """Average over runs the product of its difference with that of the mean of the others."""
    runs = range(len(patterns))

    def one(x, y):
        return np.mean(
            [
                (x[a] - y[a]) @ precision @ np.mean([x[b] - y[b] for b in runs if b != a], axis=0)
                for a in runs
            ]
        )

    return over_pairs(patterns, one) / patterns.shape[-1]


def poisson_kl(patterns, prior_rate=1.0, prior_weight=0.1):
    rates = (patterns + prior_rate * prior_weight) / (1 + prior_weight)
    return over_pairs(rates, lambda x, y: np.mean([(a - b) * np.log(a / b) for a, b in zip(x, y)]))  # noqa: B905


def crossvalidated_poisson_kl(patterns, prior_rate=1.0, prior_weight=0.1):
    """Return what each run finds, (runs, n_pairs)."""
    found = []
    for run in range(len(patterns)):
        others = np.delete(patterns, run, axis=0).mean(axis=0)
        l, m = (  # noqa: E741
            (part + prior_rate * prior_weight) / (1 + prior_weight)
            for part in (others, patterns[run])
        )
        both = np.stack([l, np.log(m)])
        found.append(over_pairs(both, lambda x, y: np.mean((x[0] - y[0]) * (x[1] - y[1]))))
    return np.array(found)


def _signs(values):
    """List the order of each two values: 1, -1, or 0 if they are equal."""
    return [np.sign(b - a) for a, b in itertools.combinations(values, 2)]


def tau_a(first, second):
    return np.mean([a * b for a, b in zip(_signs(first), _signs(second), strict=True)])


def tau_b(first, second):
    a, b = np.array(_signs(first)), np.array(_signs(second))
    return (a * b).sum() / np.sqrt((a != 0).sum() * (b != 0).sum())


def rho_a(first, second):
    """Average the correlation of ranks over all ways to break ties."""

    def rankings(values):
        for order in itertools.permutations(range(len(values))):
            if all(values[a] <= values[b] for a, b in itertools.pairwise(order)):
                yield np.argsort(order)

    pairs = itertools.product(rankings(first), rankings(second))
    return np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])


def contrasts(n):
    """Return the contrasts of each two stimuli, (n_pairs, n)."""
    rows = [np.eye(n)[i] - np.eye(n)[j] for i, j in itertools.combinations(range(n), 2)]
    return np.array(rows)


def covariance_of_dissimilarities(n):
    """Return V, (n_pairs, n_pairs), for independent noise of variance 1."""
    return (contrasts(n) @ contrasts(n).T) ** 2


def whitened_cosine(first, second):
    n = round((1 + np.sqrt(1 + 8 * len(first))) / 2)
    inverse = np.linalg.inv(covariance_of_dissimilarities(n))
    return (first @ inverse @ second) / np.sqrt(
        (first @ inverse @ first) * (second @ inverse @ second)
    )


def whitened_correlation(first, second):
    """Take from each the constant that leaves least by V^-1, then the whitened cosine."""
    n = round((1 + np.sqrt(1 + 8 * len(first))) / 2)
    weights = np.linalg.inv(covariance_of_dissimilarities(n)).sum(axis=0)
    return whitened_cosine(*(part - weights @ part / weights.sum() for part in (first, second)))


def linear_cka(first, second):
    """CKA of centered patterns, with the diagonals of their products."""
    first, second = (part - part.mean(axis=0) for part in (first, second))
    one, two = first @ first.T, second @ second.T
    return (one * two).sum() / np.sqrt((one**2).sum() * (two**2).sum())


def shrunk_to_diagonal(rows, dof):
    """Shrink a covariance by loops over two units."""
    n, n_units = rows.shape
    sample = np.array(
        [[sum(x[i] * x[j] for x in rows) / dof for j in range(n_units)] for i in range(n_units)]
    )
    z = rows / np.sqrt(np.diag(sample))
    variance, squared = 0.0, 0.0
    for i, j in itertools.permutations(range(n_units), 2):
        w = z[:, i] * z[:, j]
        variance += n / dof**2 * ((w**2).sum() / (n - 1) - (w.sum() / (n - 1)) ** 2)
        squared += (w.sum() / (n - 1)) ** 2
    weight = min(max(variance / squared, 0), 1)
    return np.where(np.eye(n_units) > 0, sample, (1 - weight) * sample)


def crossnobis_of_other_stimuli(repetitions, blocks_left_out, block_of, precision_of):
    """Average, over the sets of blocks that hold both stimuli, with a precision of the others."""
    n, n_repetitions, n_units = repetitions.shape
    found = []
    for i, j in itertools.combinations(range(n), 2):
        differences = repetitions[i] - repetitions[j]
        values = []
        for blocks in blocks_left_out:
            if block_of[i] in blocks and block_of[j] in blocks:
                others = [k for k in range(n) if block_of[k] not in blocks]
                noise = precision_of(repetitions[others])
                values += [
                    differences[a] @ noise @ differences[b] / n_units
                    for a, b in itertools.permutations(range(n_repetitions), 2)
                ]
        found.append(np.mean(values))
    return np.array(found)
