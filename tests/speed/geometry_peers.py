"""What geometry is timed beside: rsatoolbox, and recipes of netrep and of textbooks, re-derived.

netrep cannot be installed from a registry, so what its code does was written anew: rotations by
`scipy.linalg.orthogonal_procrustes`, all arrays in the type they are given in.
"""

import itertools
import os
import warnings

import numpy as np
from scipy.linalg import orthogonal_procrustes

os.environ["TQDM_DISABLE"] = "1"  # rsatoolbox shows its progress
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import rsatoolbox

PEER_NAMES = {"squared_euclidean": "euclidean", "correlation": "correlation"}
N_DRAWS = 100  # bootstrap samples of rsatoolbox


def rsatoolbox_dissimilarities(patterns, method):
    """Prepare dissimilarities of (stimuli, units), or crossnobis of (runs, stimuli, units)."""
    descriptors, options = {}, {}
    if patterns.ndim == 3:
        runs, n, _ = patterns.shape
        descriptors = {"stimulus": np.tile(np.arange(n), runs), "run": np.repeat(range(runs), n)}
        options = {"descriptor": "stimulus", "cv_descriptor": "run"}
    rows = patterns.reshape(-1, patterns.shape[-1])
    dataset = rsatoolbox.data.Dataset(rows, obs_descriptors=descriptors)
    name = PEER_NAMES.get(method, method)
    return lambda: rsatoolbox.rdm.calc_rdm(dataset, name, **options).dissimilarities[0]


def rsatoolbox_draws(n_stimuli):
    """Count the draws of `rsatoolbox_bootstrap`, (samples, stimuli)."""
    random = np.random.RandomState(0)
    draws = (random.randint(0, n_stimuli, n_stimuli) for _ in range(N_DRAWS))
    return np.array([np.bincount(draw, minlength=n_stimuli) for draw in draws])


def rsatoolbox_bootstrap(models, subjects, comparison):
    """Prepare scores and bounds (samples, models + 2) in bootstrap samples of stimuli."""
    data = rsatoolbox.rdm.RDMs(subjects)
    fixed = [rsatoolbox.model.ModelFixed(str(k), model) for k, model in enumerate(models)]
    name = {"correlation": "corr"}.get(comparison, comparison)

    def run():
        np.random.seed(0)  # noqa: NPY002 (it draws from there)
        found = rsatoolbox.inference.eval_bootstrap_pattern(fixed, data, method=name, N=N_DRAWS)
        return np.column_stack([found.evaluations, *found.noise_ceiling])

    return run


def netrep_angles(views):
    """Measure the angle of each two shapes; each is centered once."""
    centered = [view - view.mean(axis=0) for view in views]
    angles = np.zeros((len(views), len(views)))
    for i, j in itertools.combinations(range(len(views)), 2):
        left, _, right = np.linalg.svd(centered[i].T @ centered[j])
        one, two = (centered[i] @ left).ravel(), (centered[j] @ right.T).ravel()
        cosine = one @ two / (np.linalg.norm(one) * np.linalg.norm(two))
        angles[i, j] = angles[j, i] = np.arccos(np.clip(cosine, -1, 1))
    return angles


def netrep_epochs(views, n_epochs):
    """Align views to the mean at the beginning of an epoch, moving it by ever smaller steps."""
    random = np.random.default_rng(0)
    mean, seen = views[0], 1
    for _ in range(n_epochs):
        begun = mean
        for k in random.permutation(len(views)):
            turned = views[k] @ orthogonal_procrustes(views[k], begun)[0]
            mean = (seen / (seen + 1)) * mean + (1 / (seen + 1)) * turned
            seen += 1
        if np.linalg.norm(mean - begun) == 0:
            break
    return mean


def plain_alignment(views, tolerance, most=300):
    """Turn all views to their mean until the cost falls by less than a share: cost, iterations."""
    size = sum(squares(view) for view in views)
    mean, costs = views[0], [np.inf]
    while len(costs) <= most:
        mean = sum(view @ orthogonal_procrustes(view, mean)[0] for view in views) / len(views)
        costs.append(size - len(views) * squares(mean))
        if costs[-2] - costs[-1] < tolerance * costs[-1]:
            break
    return costs[-1], len(costs) - 1


def squares(array):
    return float((array * array).sum(1).sum(dtype=float))


def planted_views(n_views, n, width, dtype, *, shared=0.5, rank=None, decay=0.0):
    """Make views of norm 1 that share so much variance, k^-2 decay of it in direction k."""
    random = np.random.default_rng(0)
    lengths = np.arange(1, (rank or width) + 1) ** -decay
    lengths *= np.sqrt(width * shared / (lengths**2).sum())
    common = random.normal(size=(n, len(lengths))) * lengths
    views = []
    for _ in range(n_views):
        view = np.sqrt(1 - shared) * random.normal(size=(n, width))
        view[:, : len(lengths)] += common
        view = view @ np.linalg.qr(random.normal(size=(width, width)))[0]
        views.append((view / np.linalg.norm(view)).astype(dtype))
    return views
