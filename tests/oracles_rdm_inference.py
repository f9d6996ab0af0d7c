"""Slow, obvious forms of bootstrap, bounds and models of dissimilarities."""

import itertools
import warnings

import numpy as np
from scipy.spatial.distance import squareform

PEER_NAMES = {
    "cosine": "cosine",
    "correlation": "corr",
    "spearman": "spearman",
    "rho_a": "rho-a",
    "tau_a": "tau-a",
    "whitened_cosine": "cosine_cov",
    "whitened_correlation": "corr_cov",
}


def simulate(n_stimuli=12, n_subjects=5, n_models=3, seed=0):
    """Make dissimilarities of models and subjects that share something, all positive."""
    rng = np.random.default_rng(seed)
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    shared = rng.gamma(3, size=n_pairs)
    subjects = shared + rng.gamma(3, size=(n_subjects, n_pairs))
    models = shared + rng.gamma(5, size=(n_models, n_pairs))
    return models, subjects * rng.uniform(0.5, 3, size=(n_subjects, 1))


def draws(n, n_samples, seed):
    """Draw indices (n_samples, n), and count them."""
    indices = np.random.default_rng(seed).integers(0, n, (n_samples, n))
    return indices, np.array([np.bincount(row, minlength=n) for row in indices])


def rsatoolbox():
    """Import it without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import rsatoolbox
        import rsatoolbox.inference.noise_ceiling
    return rsatoolbox


def peer_bounds(subjects, comparison):
    """Compute both bounds by rsatoolbox."""
    peer = rsatoolbox()
    rdms = subjects if isinstance(subjects, peer.rdm.RDMs) else peer.rdm.RDMs(subjects)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer.inference.noise_ceiling.boot_noise_ceiling(rdms, PEER_NAMES[comparison])


def peer_bootstrap(models, subjects, comparison, stimuli=None, people=None):
    """Score and bound samples of stimuli and people (indices) by rsatoolbox: (samples, k + 2)."""
    peer = rsatoolbox()
    name = PEER_NAMES[comparison]
    whole = peer.rdm.RDMs(subjects)
    own = [peer.rdm.RDMs(model[None]) for model in models]
    found = []
    for k in range(len(people if stimuli is None else stimuli)):
        sample, predicted = whole, own
        if people is not None:
            sample = sample.subsample("index", people[k])
        if stimuli is not None:
            sample = sample.subsample_pattern("index", stimuli[k])
            predicted = [model.subsample_pattern("index", stimuli[k]) for model in own]
        scores = [np.mean(peer.rdm.compare(model, sample, name)) for model in predicted]
        found.append([*scores, *peer_bounds(sample, comparison)])
    return np.array(found)


def drawn_pairs(vectors, stimuli):
    """Copy the dissimilarities of a sample of stimuli, without pairs of copies of one stimulus."""
    upper = np.triu_indices(len(stimuli), 1)
    keep = np.array([stimuli[i] != stimuli[j] for i, j in zip(*upper, strict=True)])
    rows = [squareform(v)[np.ix_(stimuli, stimuli)][upper][keep] for v in vectors]
    return np.array(rows), np.transpose(upper)[keep]


def precision_of_pairs(pairs, n_stimuli):
    """Invert the covariance of dissimilarities, 4 if equal and 1 if one stimulus is shared."""
    contrasts = np.zeros((len(pairs), n_stimuli))
    for row, (i, j) in enumerate(pairs):
        contrasts[row, i], contrasts[row, j] = 1, -1
    return np.linalg.inv((contrasts @ contrasts.T) ** 2)


def whitened_similarities(models, subjects, stimuli, center):
    """Compare a sample of stimuli by cosines in the metric of the inverse covariance."""
    rows, pairs = drawn_pairs(np.concatenate([models, subjects]), stimuli)
    precision = precision_of_pairs(pairs, len(stimuli))
    if center:
        one = np.ones(len(pairs))
        rows = rows - (rows @ precision @ one / (one @ precision @ one))[:, None]
    inner = rows @ precision @ rows.T
    cosines = inner / np.sqrt(np.outer(np.diag(inner), np.diag(inner)))
    return cosines[: len(models), len(models) :]


def mean_comparison(compare, candidates, subjects):
    """Average the comparison of candidates with subjects."""
    return compare(np.atleast_2d(candidates), subjects).mean(axis=1)


def raw_mean_bound(compare, subjects):
    """Bound as the public RSACeiling of Brain-Score does: compare with the mean of raw rows."""
    return mean_comparison(compare, subjects.mean(axis=0), subjects)[0]


def tie_neighbors(compare, pooled, subjects):
    """Give two values next to each other their mean, wherever the comparison gains by it."""
    best = pooled.copy()
    order = np.argsort(pooled)
    for one, two in itertools.pairwise(order):
        tied = best.copy()
        tied[[one, two]] = tied[[one, two]].mean()
        before, after = mean_comparison(compare, np.stack([best, tied]), subjects)
        best = tied if after > before + 1e-9 else best
    return best


def peer_theta(vectors, subjects, comparison, fitter, family):
    """Fit a model by a fitter of rsatoolbox, as fit_regress on a ModelWeighted."""
    peer = rsatoolbox()
    model = getattr(peer.model, family)("model", peer.rdm.RDMs(vectors))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(peer.model.fitter, fitter)(
            model, peer.rdm.RDMs(subjects), method=PEER_NAMES[comparison]
        )


def pairs_within(vectors, members):
    """Keep dissimilarities among some stimuli, by way of the square form."""
    return np.array([squareform(squareform(v)[np.ix_(members, members)]) for v in vectors])
